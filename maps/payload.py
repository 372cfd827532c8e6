"""From `PageData` to the one block of JSON that the page's own script reads; no markup is made here."""

import math
from collections.abc import Iterable
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from phusong.geodata.names import sort_key
from phusong.maps.borders import simplify_borders
from phusong.maps.data import Audience, PageData, RunInfo
from phusong.maps.text import Language, format_count, format_date, format_share
from phusong.maps.uncovered_text import why_payload, why_words

LANGUAGES: tuple[Language, ...] = ("vi", "en")
INDICATORS = ("people", "residential_cells", "settlements")
# Upper edges of the classes of the share covered, worst first; the last class is everything from 99 % up.
SHARE_CLASS_EDGES = (0.5, 0.8, 0.95, 0.99)
# What everybody may see of a settlement, and what only the internal edition holds besides.
_PUBLIC_COLUMNS = (
    "settlement_id",
    "name",
    "kind",
    "commune_name",
    "district_name",
    "old_commune_name",
    "population",
    "households",
    "lon",
    "lat",
    "signal",
    "signal_modelled",
    "uncertain",
    "signal_declared",
    "signal_measured",
    "signal_disagrees",
    "power",
    "broadband",
    "broadband_source",
)
_INTERNAL_COLUMNS = ("fibre_endpoint_id", "fibre_distance_km", "nearest_mast_id", "nearest_mast_km")
_PUBLIC_TECHNOLOGY_COLUMNS = ("class",)
_INTERNAL_TECHNOLOGY_COLUMNS = ("rsrp_dbm", "margin_db", "operator", "station_id", "distance_km")


def page_payload(data: PageData, overlays: dict[str, str]) -> dict[str, Any]:
    """Everything the page's script needs, as plain JSON values; nothing that its audience may not see.

    Parameters
    ----------
    data
        What to show.
    overlays
        Name of the JavaScript variable of each technology's picture.
    """
    technologies = list(data.classes)
    single = [name for name in technologies if f"class_{name}" in data.settlements.columns]
    payload = {
        "name": data.name,
        "unit": data.unit,
        "run": run_payload(data.run, data.audience),
        "technologies": technologies,
        "overlays": overlays,
        "header": _shares(data.figures[data.figures["level"] == "province"]),
        "units": {
            level: _units(units, data.figures[data.figures["level"] == level], data.terrain.grid.crs)
            for level, units in {"commune": data.communes, **data.former_units}.items()
        },
        "shareClassEdges": list(SHARE_CLASS_EDGES),
        "settlementTechnologies": single,
        "settlements": _settlements(data.settlements, single, data.audience),
        "places": None if data.places is None else _places(data.places),
    }
    internal = data.audience == "internal"
    payload["why"] = {name: why_payload(found, internal=internal) for name, found in data.uncovered.items()}
    payload["words"] = why_words()
    if internal:
        payload["masts"] = None if data.stations is None else _masts(data.stations)
        payload["fibre"] = None if data.fibre_endpoints is None else _fibre(data.fibre_endpoints)
    return payload


def run_payload(run: RunInfo, audience: Audience) -> dict[str, Any]:
    """The run and its conditions; warnings name stations, so that only the internal edition tells them."""
    imported_on = {source.name: _day(source.imported_on) for source in run.sources}
    told = run.warnings if audience == "internal" else ()
    return {
        "id": run.run_id,
        "asOf": _day(run.as_of),
        "boundaryDate": _day(run.boundary_date),
        "stationsDate": imported_on.get("stations"),
        "profile": run.profile,
        "profileSource": run.profile_source,
        "locationPct": run.location_pct,
        "countsAsSignal": list(run.counts_as_signal),
        "terrainKind": run.terrain_kind,
        "sources": [[source.name, source.rows, source.sha256, imported_on[source.name]] for source in run.sources],
        "warnings": list(told),
        "warningsLeftOut": len(run.warnings) - len(told),
        "notices": [
            {name: notice[name] for name in ("layer", "title", "attribution", "licence", "share_alike")}
            for notice in run.notices
        ],
    }


def _day(day: date | None) -> dict[str, str] | None:
    """A day as both languages write it, and as scripts read it."""
    if day is None:
        return None
    return {"vi": format_date(day, "vi"), "en": format_date(day, "en"), "iso": day.isoformat()}


def _shares(figures: pd.DataFrame) -> dict[str, Any]:
    """`{technology: {indicator: {service: …}}}` of one unit's figures, numbers as Vietnamese writes them."""
    shares: dict[str, Any] = {}
    for row in figures[figures["indicator"].isin(INDICATORS)].to_dict("records"):
        by_indicator = shares.setdefault(row["technology"], {})
        by_indicator.setdefault(row["indicator"], {})[row["service"]] = _share(row)
    return shares


def _share(row: dict[Any, Any]) -> dict[str, Any]:
    numerator, denominator = float(row["numerator"]), float(row["denominator"])
    if not (math.isfinite(numerator) and math.isfinite(denominator) and denominator > 0):
        return {"class": None, "reason": plain_value(row.get("reason"))}
    return {
        "class": int(np.digitize(numerator / denominator, SHARE_CLASS_EDGES)),
        "share": format_share(numerator, denominator, "vi"),
        "counts": f"{format_count(numerator, 'vi')}/{format_count(denominator, 'vi')}",
    }


def _units(units: gpd.GeoDataFrame, figures: pd.DataFrame, crs: str) -> list[dict[str, Any]]:
    by_code = {str(code): _shares(part) for code, part in figures.groupby("unit_code")}
    return [unit | {"shares": by_code.get(unit["code"], {})} for unit in draw_units(units, crs)]


def draw_units(units: gpd.GeoDataFrame, crs: str) -> list[dict[str, Any]]:
    """Units as a page draws them, in the order of their names: code, name, place of the label, rings.

    Parameters
    ----------
    units
        Columns code, name, geometry.
    crs
        A projected CRS in metres, in which the borders are simplified.
    """
    drawn = simplify_borders(units, crs)
    rows = []
    for code, name, shape in zip(drawn["code"], drawn["name"], drawn.geometry, strict=True):
        label = shape.representative_point()
        place = [round(label.y, 5), round(label.x, 5)]
        rows.append({"code": str(code), "name": plain_value(name), "label": place, "rings": _rings(shape)})
    return sorted(rows, key=lambda row: (*name_key(row["name"]), row["code"]))


def _rings(shape: Any) -> list[list[list[list[float]]]]:
    """Polygons of rings of [lat, lon] pairs, as Leaflet nests them."""
    return [
        [np.round(shapely.get_coordinates(ring)[:, ::-1], 5).tolist() for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]


def _settlements(frame: pd.DataFrame, technologies: list[str], audience: Audience) -> dict[str, Any]:
    """Column names and rows, in the order of Vietnamese names; the last column holds a row per technology."""
    columns, technology_columns = list(_PUBLIC_COLUMNS), list(_PUBLIC_TECHNOLOGY_COLUMNS)
    if audience == "internal":
        columns += _INTERNAL_COLUMNS
        technology_columns += _INTERNAL_TECHNOLOGY_COLUMNS
    rows = []
    for row in frame.to_dict("records"):
        plain = [plain_value(row.get(column)) for column in columns]
        by_technology = [
            [plain_value(row.get(f"{column}_{technology}")) for column in technology_columns]
            for technology in technologies
        ]
        rows.append([*plain, by_technology])
    rows.sort(key=lambda cells: (*name_key(cells[1]), *name_key(cells[3]), str(cells[0])))
    return {
        "columns": [*columns, "technologies"],
        "technologyColumns": technology_columns,
        "rows": rows,
    }


def name_key(name: str | None) -> tuple[bool, Any]:
    """What names are ordered by: the Vietnamese alphabet, things without a name last."""
    return name is None, sort_key(name or "")


def _masts(stations: pd.DataFrame) -> list[list[Any]]:
    """[mast_id, lat, lon, height, [[operator, technology, band_mhz], …]] per mast."""
    rows = []
    for mast_id, part in stations.groupby("mast_id", sort=True):
        first = part.iloc[0]
        cells = sorted(
            {plain_cells(row, "operator", "technology", "band_mhz") for row in part.to_dict("records")}, key=str
        )
        rows.append([str(mast_id), *_lat_lon(first), plain_value(first.get("height_agl_m")), cells])
    return rows


def _fibre(frame: pd.DataFrame) -> list[list[Any]]:
    rows = frame.to_dict("records")
    return [[*plain_cells(row, "endpoint_id", "operator", "reach_km"), *_lat_lon(row)] for row in rows]


def _places(frame: pd.DataFrame) -> list[list[Any]]:
    """[name, kind, lat, lon, [[technology, class], …]] per place."""
    technologies = [column.removeprefix("class_") for column in frame.columns if column.startswith("class_")]
    return [
        [
            *plain_cells(row, "name", "kind"),
            *_lat_lon(row),
            [[technology, plain_value(row[f"class_{technology}"])] for technology in technologies],
        ]
        for row in frame.to_dict("records")
    ]


def plain_cells(row: Any, *columns: str) -> tuple[Any, ...]:
    """Some values of a row, each as `plain_value` gives it."""
    return tuple(plain_value(row.get(column)) for column in columns)


def _lat_lon(row: Any) -> tuple[float, float]:
    return round(float(row["lat"]), 6), round(float(row["lon"]), 6)


def plain_value(value: Any) -> Any:
    """A value that JSON can hold: text, whole or rounded number, list, or None for anything missing."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, Iterable):
        return [plain_value(item) for item in value]
    if value is None or pd.isna(value):
        return None
    number = float(value)
    return int(number) if number.is_integer() else round(number, 6)
