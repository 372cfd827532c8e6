"""The difference page of two runs: who gained and who lost, as one HTML file that opens with the network cable out.

The public edition tells no station: causes and stations that changed are in the internal one alone.
"""

from typing import Any

import geopandas as gpd
import pandas as pd

from phusong.coverage.diff import Difference, compare_runs
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results
from phusong.coverage.service import ANY
from phusong.geodata.settings import Settings
from phusong.geodata.workspace import Workspace
from phusong.maps.base_map import draw_base_map, leaflet_parts
from phusong.maps.data import Audience, RunInfo, offered_technologies, run_info
from phusong.maps.payload import LANGUAGES, draw_units, name_key, plain_cells, plain_value, run_payload
from phusong.maps.reason_text import reason_words
from phusong.maps.shell import PageMark, assemble_page, read_scripts, read_template
from phusong.maps.text import format_count, format_share, round_count
from phusong.maps.uncovered_text import both

_SCRIPTS = ("words.js", "symbols.js", "frame.js", "print.js", "diff.js")
_CHANGE_COLUMNS = ("settlement_id", "name", "commune_name", "lat", "lon", "technology", "class_a", "class_b", "change")
_CAUSE_COLUMNS = ("cause", "station_id")
_STATION_COLUMNS = ("station_id", "state", "operator", "technology", "lat", "lon")
_MOVES = ("gained", "lost", "arrived", "left")
CAUSES_NAMED = 12


def render_diff_page(
    before: Results, after: Results, workspace: Workspace, *, audience: Audience = "public"
) -> str:  # fmt: skip
    """The page of what changed from one run to the other, by commune and settlement.

    Parameters
    ----------
    before, after
        The runs.
    workspace
        Where they were published.
    audience
        "public", or "internal" with causes and stations.

    Raises
    ------
    InputError
        The runs cannot be compared.
    """
    found = compare_runs(before, after)
    settings = Settings.model_validate(after.manifest["settings"])
    communes = found.units[(found.units["level"] == "commune") & found.units.geometry.notna()]
    base = draw_base_map(
        workspace.read_raster("terrain"), communes, {}, sea_max_elevation_m=settings.sea.max_elevation_m
    )
    leaflet, leaflet_style, licence = leaflet_parts()
    runs = [run_info(run, workspace, next(iter(run.profiles.values()))) for run in (before, after)]
    payload = diff_payload(found, runs, audience) | {"map": base.payload}
    return assemble_page(
        "page.html",
        payload,
        PageMark("diff", audience, (before.run_id, after.run_id)),
        title=settings.name,
        scripts={"leaflet": leaflet, "folium": base.script, "page": read_scripts(*_SCRIPTS)},
        styles={"leaflet": leaflet_style, "page": read_template("page.css")},
        parts={"LICENCE": licence, "MAP": base.markup, "PANEL": read_template("panel_diff.html"), "EXTRA": ""},
    )


def diff_payload(found: Difference, runs: list[RunInfo], audience: Audience) -> dict[str, Any]:
    """Everything the page's script needs, as plain JSON values; stations and causes only where internal.

    Parameters
    ----------
    found
        The difference, by communes.
    runs
        What is said of either run.
    """
    internal = audience == "internal"
    communes = found.units[found.units["level"] == "commune"]
    columns = _CHANGE_COLUMNS + (_CAUSE_COLUMNS if internal else ())
    changes = [list(plain_cells(row, *columns)) for row in found.settlements.to_dict("records")]
    changes.sort(key=lambda cells: (*name_key(cells[1]), *name_key(cells[2]), str(cells[0])))
    profile = next(iter(found.b.profiles.values()))
    payload: dict[str, Any] = {
        "name": str(found.b.manifest["settings"]["name"]),
        "runs": [
            run_payload(info, audience) | {"scenario": run.manifest["scenario"]}
            for info, run in zip(runs, (found.a, found.b), strict=True)
        ],
        "technologies": offered_technologies(profile),
        "cards": _cards(found),
        "columns": list(columns),
        "changes": changes,
        "people": _moves(found.people, "_micro"),
        "counts": _moves(found.counts, ""),
        "units": draw_units(gpd.GeoDataFrame(communes, crs=found.units.crs), found.b.grid.crs),
        "notAvailable": both(reason_words(found.reason)),
    }
    if internal:
        payload["causes"] = _causes(found.causes)
        payload["stations"] = _stations(found.stations)
    return payload


def _cards(found: Difference) -> dict[str, Any]:
    """`{technology: {indicator: [[share, counts] of a, of b]}}` of the province, formatted in each language."""
    cards: dict[str, Any] = {}
    for run in (found.a, found.b):
        figures = run.figures
        of_province = (figures["level"] == "province") & (figures["operator"] == ANY) & (figures["service"] == "weak")
        of_profile = figures["profile"] == next(iter(run.profiles))
        chosen = figures[of_province & of_profile & figures["indicator"].isin(["people", "settlements"])]
        for row in chosen.to_dict("records"):
            of_indicator = cards.setdefault(row["technology"], {}).setdefault(row["indicator"], [None, None])
            of_indicator[run is found.b] = _figure(row["numerator"], row["denominator"])
    return cards


def _figure(numerator: float, denominator: float) -> list[list[str]] | None:
    if pd.isna(numerator) or pd.isna(denominator) or not denominator > 0:
        return None
    return [
        [format_share(numerator, denominator, language) for language in LANGUAGES],
        [f"{format_count(numerator, language)}/{format_count(denominator, language)}" for language in LANGUAGES],
    ]


def _moves(table: pd.DataFrame, suffix: str) -> dict[str, Any]:
    """`{unit: {technology: {service: [gained, lost, arrived, left]}}}`, the province under ""."""
    moves: dict[str, Any] = {}
    scale = MICRO if suffix else 1
    for row in table.to_dict("records"):
        unit = "" if row["level"] == "province" else str(row["unit_code"])
        counts = [round_count(row[f"{name}{suffix}"] / scale) for name in _MOVES]
        if any(counts):
            moves.setdefault(unit, {}).setdefault(row["technology"], {})[row["service"]] = counts
    return moves


def _causes(causes: pd.DataFrame) -> dict[str, Any]:
    """`{unit: {technology: [[cause, station, gained, lost], …]}}` of at least weak service, what moved most first."""
    named: dict[str, Any] = {}
    for (level, code, technology), part in causes[causes["service"] == "weak"].groupby(
        ["level", "unit_code", "technology"]
    ):
        rows = [
            [row["cause"], row["station_id"], *(round_count(row[f"{name}_micro"] / MICRO) for name in _MOVES[:2])]
            for row in part.to_dict("records")
        ]
        rows.sort(key=lambda row: (-row[2] - row[3], row[1]))
        unit = named.setdefault("" if level == "province" else str(code), {})
        unit[str(technology)] = rows[:CAUSES_NAMED]
    return named


def _stations(stations: gpd.GeoDataFrame) -> list[list[Any]]:
    place = stations.geometry.to_crs("EPSG:4326")
    table = pd.DataFrame(stations.drop(columns="geometry")).assign(lat=place.y, lon=place.x)
    return [[plain_value(row[name]) for name in _STATION_COLUMNS] for row in table.to_dict("records")]
