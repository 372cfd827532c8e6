"""Rows that come in several files: repeats left out, later files added to what an earlier one brought."""

import datetime

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from phusong.geodata.cell_text import date_text, serial_time
from phusong.geodata.cells import distinct
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import STORAGE_CRS, Layer

SAME_PLACE_DEG = 1e-6  # a decimetre, finer than any phone knows its position
_EPOCH_DIGITS = {10: 1, 13: 1000}  # digits of a time in seconds or milliseconds since 1970, and how many a second


def normalise_times(values: pd.DataFrame, column: str, log: IssueLog) -> None:
    """Write times of a column as `YYYY-MM-DDThh:mm:ss` in place; refuse what is no time.

    Taken are ISO 8601 with or without a zone, `dd/mm/yyyy hh:mm[:ss]`, a date alone, the days of a spreadsheet
    program, and seconds or milliseconds since 1970 (UTC).
    """
    codes, texts = distinct(values[column].to_numpy(dtype=object))
    times = [None if text is None else _time_text(text) for text in texts]
    log.of_distinct(codes).refuse(
        [text is not None and time is None for text, time in zip(texts, times, strict=True)],
        field=column, values=texts, code="not_a_time",
        reason=f"{column} {{value}} is no time; write it like 01/07/2025 08:30 or 2025-07-01 08:30:00",
        reason_vi=f"{column} {{value}} không phải thời điểm; hãy viết như 01/07/2025 08:30 hoặc 2025-07-01 08:30:00",
    )  # fmt: skip
    values[column] = np.array(times, dtype=object)[codes]


def drop_repeats(rows: pd.DataFrame, layer: Layer) -> tuple[pd.DataFrame, int]:
    """Leave out rows that repeat an earlier one in a layer without ids; returns the others and how many it left out.

    A row repeats another of the same values at the same place, whatever file they came from.
    """
    if layer.key:
        return rows, 0
    kept = rows[~_identities(rows, layer).duplicated().to_numpy()].reset_index(drop=True)
    return kept, len(rows) - len(kept)


def add_rows(stored: pd.DataFrame, rows: pd.DataFrame, layer: Layer) -> tuple[pd.DataFrame, int]:
    """Add rows to those of a layer; returns all, and how many stored ones had the same key and gave way.

    In a layer without ids a row that is stored already is not added again.
    """
    given = [name for name in dict.fromkeys((*stored.columns, *rows.columns)) if name != "geometry"]
    both = pd.concat([stored.reindex(columns=given), rows.reindex(columns=given)], ignore_index=True)
    if layer.geometry is not None:
        places = [*stored.geometry, *rows.geometry]
        both = gpd.GeoDataFrame(both, geometry=places, crs=STORAGE_CRS)
    if not layer.key:
        kept, repeated = drop_repeats(both, layer)
        return kept, repeated
    keys = both[list(layer.key)].astype(object).where(both[list(layer.key)].notna(), None)
    gone = keys.duplicated(keep="last").to_numpy()
    return both[~gone].reset_index(drop=True), int(gone.sum())


def _identities(rows: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    names = [name for name in layer.column_names if name in rows.columns and name != "source"]
    values = rows[names].astype(object)
    known = values.where(values.notna(), None)
    if layer.geometry is None:
        return known
    place: npt.NDArray[np.float64] = shapely.get_coordinates(np.asarray(rows["geometry"]))
    rounded = np.rint(place / SAME_PLACE_DEG)
    return known.assign(lon=rounded[:, 0], lat=rounded[:, 1])


def _time_text(text: str) -> str | None:
    serial = serial_time(text)
    if serial is not None:
        return serial.isoformat(timespec="seconds")
    day, _, clock = text.strip().replace("T", " ").partition(" ")
    clock = f"0{clock}" if clock[1:2] == ":" else clock
    try:
        if text.isdigit() and len(text) in _EPOCH_DIGITS:
            since = int(text) / _EPOCH_DIGITS[len(text)]
            return datetime.datetime.fromtimestamp(since, datetime.UTC).isoformat(timespec="seconds")
        time = datetime.datetime.fromisoformat(f"{date_text(day)} {clock}".strip())
    except ValueError:
        return None
    return time.isoformat(timespec="seconds")
