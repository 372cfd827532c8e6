"""The tables of a run as files: CSV, a workbook, a GeoPackage, and the dictionary of their columns.

The same run gives the same bytes. The public gets the rows and columns of its answers, planners whole tables.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from openpyxl import Workbook

from phusong.api.access_views import HIDDEN_INDICATORS
from phusong.api.answers import plain_rows
from phusong.api.formats import flat_row, render_csv
from phusong.api.served import ServedRun
from phusong.api.settlements_answer import settlement_rows
from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.exporting import with_points, write_geopackage
from phusong.coverage.results import Results
from phusong.geodata.cells import safe_cell
from phusong.geodata.service_settings import OpenData
from phusong.geodata.sources import attributions
from phusong.maps.office_files import save_workbook

PUBLIC_TABLES = ("figures", "settlements")
UNIT_COLUMNS = ["level", "code", "name", "geometry"]
_PLANNER_TABLES = ("places", "stations")


def read_table(run: ServedRun, name: str, *, public: bool) -> pd.DataFrame:
    """A table of a run as its reader may see it: `figures` or `settlements`.

    Parameters
    ----------
    public
        Leave out what only planners see.
    """
    if name == "figures":
        figures = run.results.figures
        return figures[~figures["indicator"].isin(HIDDEN_INDICATORS)] if public else figures
    rows = settlement_rows(run)
    sent = rows.public_rows if public else rows.rows
    return pd.DataFrame([flat_row(json.loads(row)) for row in sent])


def about(results: Results, terms: OpenData | None) -> dict[str, str]:
    """What every file says of itself: the run, its date and thresholds, whose data, and the terms."""
    manifest, profile = results.manifest, next(iter(results.profiles.values()))
    said = {
        "run_id": results.run_id,
        "as_of": manifest["as_of"],
        "computed_at": manifest["created_at"],
        "profile": profile.name,
        "profile_source": profile.source,
        "units": "dBm, dB, km, 0 to 1, degrees (WGS 84)",
        "notes": " ".join(note["en"] for note in manifest["notes"]),
        "sources": "; ".join(attributions(manifest.get("sources", ()))),
    }
    if terms is not None:
        said |= {"publisher": terms.publisher, "licence": terms.licence, "licence_url": terms.licence_url}
    return {name: value for name, value in said.items() if value}


def write_csv(name: str, run: ServedRun, terms: OpenData | None, path: Path, *, public: bool) -> None:
    """Write a table as CSV, run and date in every row, sources and licence in the first."""
    table = read_table(run, name, public=public)
    said = about(run.results, terms)
    rows = [row | {key: said[key] for key in ("run_id", "as_of")} for row in plain_rows(table)]
    terms_said = [said[key] for key in ("sources", "licence", "licence_url") if key in said]
    path.write_bytes(render_csv(rows, [*table.columns, "run_id", "as_of"], sources=terms_said))


def write_workbook(run: ServedRun, terms: OpenData | None, path: Path, *, public: bool) -> None:
    """Write figures, settlements, what their columns mean, and what the file says of itself as sheets."""
    book = Workbook(write_only=True)
    tables = {name: read_table(run, name, public=public) for name in PUBLIC_TABLES}
    for name, table in tables.items():
        _write_sheet(book, name, table)
    _write_sheet(book, "dictionary", pd.DataFrame(_meanings(tables), columns=["table", "column", "en", "vi"]))
    _write_sheet(book, "about", pd.DataFrame(about(run.results, terms).items(), columns=["name", "value"]))
    book.properties.creator = "phusong"
    path.write_bytes(save_workbook(book, date.fromisoformat(run.results.manifest["as_of"])))


def write_tables_geopackage(run: ServedRun, terms: OpenData | None, path: Path, *, public: bool) -> None:
    """Write figures, settlements and units, for planners stations and places too, as layers for any GIS."""
    results = run.results
    frames = {name: with_points(read_table(run, name, public=public)) for name in PUBLIC_TABLES}
    units = results.table("units")[UNIT_COLUMNS]
    frames["units"] = gpd.GeoDataFrame(units, geometry="geometry", crs=4326)
    if not public:
        frames |= {name: with_points(results.table(name)) for name in _PLANNER_TABLES}
    said = about(results, terms)
    write_geopackage(frames, path, dict.fromkeys(frames, said), day=date.fromisoformat(said["as_of"]))


def write_dictionary(run: ServedRun, terms: OpenData | None, path: Path, *, public: bool) -> None:
    """Write what the columns of the tables mean, in English and Vietnamese, as JSON."""
    tables = {name: read_table(run, name, public=public) for name in PUBLIC_TABLES}
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in tables}
    for table, column, english, vietnamese in _meanings(tables):
        found[table][column] = {"en": english, "vi": vietnamese}
    text = json.dumps({**about(run.results, terms), "tables": found}, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")


def _meanings(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str, str, str]]:
    for name, table in tables.items():
        for column in table.columns:
            meant = _meaning(name, str(column))
            yield name, str(column), meant["en"], meant["vi"]


def _meaning(table: str, column: str) -> dict[str, str]:
    """Entry of the data dictionary; columns by technology and profile have a common one."""
    general = re.sub(r"__.+$", "__<profile>", re.sub(r"_[2-5]G$", "_<technology>", column))
    known = DATA_DICTIONARY[table]
    return known.get(column) or known.get(general.replace("service_<", "class_<")) or {"en": "", "vi": ""}


def _write_sheet(book: Workbook, title: str, table: pd.DataFrame) -> None:
    sheet = book.create_sheet(title)
    sheet.append([str(column) for column in table.columns])
    for row in plain_rows(table):
        sheet.append([_cell(value) for value in row.values()])


def _cell(value: Any) -> Any:
    """A value that a workbook holds, none of which is run as a formula."""
    return safe_cell(value) if value is None or isinstance(value, str | int | float) else str(value)
