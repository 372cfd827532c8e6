"""A department's list of stations: several technologies in a cell; masts, carriers and powers left unsaid."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.cell_text import find_word
from phusong.geodata.headers import Words
from phusong.geodata.joins import apply_defaults
from phusong.geodata.readers import Table
from phusong.geodata.reports import Note

_PARTS = (re.compile(r"\s*(?:[/;,+&|\n-]|\bvà\b)\s*", re.IGNORECASE), re.compile(r"\s+"))
_PARALLEL = ("band_mhz", "bandwidth_mhz", "eirp_dbm")


def split_technologies(frame: pd.DataFrame, words: Words) -> tuple[pd.DataFrame, npt.NDArray[np.intp], list[Note]]:
    """Give each technology of a cell like `3G/4G/5G` a row of its own; ids get the technology's name at their end.

    Bands, bandwidths and powers are shared out where their cell holds as many values. A cell with an unknown
    technology stays whole, to be refused.

    Returns
    -------
    tuple
        The longer frame, for each of its rows the position in the given one, and notes.
    """
    if "technology" not in frame.columns:
        return frame, np.arange(len(frame)), []
    values = words.values.get("technology", {})
    known = {text: _technologies(text, values) for text in frame["technology"].dropna().unique()}
    counts = [max(1, len(known.get(text, ()))) for text in frame["technology"]]
    if max(counts, default=1) == 1:
        return frame, np.arange(len(frame)), []
    origin = np.repeat(np.arange(len(frame)), counts)
    longer = frame.iloc[origin].reset_index(drop=True)
    part = np.arange(len(origin)) - np.repeat(np.cumsum(counts) - counts, counts)
    for position in np.flatnonzero(np.array(counts)[origin] > 1).tolist():
        _take_part(longer, position, int(part[position]), known[longer.at[position, "technology"]])
    several = [count for count in counts if count > 1]
    note = Note(
        f"{len(several)} rows with several technologies became {sum(several)} stations",
        f"{len(several)} dòng ghi nhiều công nghệ được tách thành {sum(several)} trạm",
    )
    return longer, origin, [note]


def name_masts(frame: pd.DataFrame, table: Table) -> tuple[dict[str, int], list[Note]]:
    """Name the masts of a list without them, in place: stations at one position share one, named after the first.

    Returns
    -------
    tuple
        How many cells were filled, per column, and notes.
    """
    if "mast_id" in frame.columns or "station_id" not in frame.columns:
        return {}, []
    frame["mast_id"] = pd.Series(_masts(frame, table), index=frame.index, dtype=object)
    note = Note(
        "mast_id is not in the file: stations at one position share a mast, named after the first",
        "tệp không có mast_id: các trạm cùng vị trí dùng chung một cột, mang tên trạm đầu tiên",
    )
    return {"mast_id": len(frame)}, [note]


def assume_missing(frame: pd.DataFrame) -> tuple[dict[str, int], list[Note]]:
    """Fill in place the columns that the whole list lacks, by the rules of `data/assumed.toml`.

    Returns
    -------
    tuple
        How many cells were filled, per column, and notes.
    """
    if not {"technology", "operator"} <= set(frame.columns):
        return {}, []
    absent = {name: rule for name, rule in assumed_defaults().items() if name not in frame.columns}
    filled = apply_defaults(frame, absent)
    names = ", ".join(filled)
    note = Note(
        f"ASSUMED, as the file does not say them: {names}; state them in the file or a recipe",
        f"GIẢ ĐỊNH vì tệp không ghi: {names}; hãy ghi trong tệp hoặc công thức nhập",
    )
    return filled, [note] if filled else []


def assumed_defaults() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What is assumed of stations where a list does not say it: rules per column, as a recipe has them."""
    text = resources.files("phusong.geodata").joinpath("data/assumed.toml").read_text(encoding="utf-8")
    stations: Mapping[str, Sequence[Mapping[str, Any]]] = tomllib.loads(text)["stations"]
    return stations


def _technologies(text: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """The technologies that a cell lists, in its order; none unless all are known and there are several."""
    if find_word(text, values) is not None:
        return []
    for mark in _PARTS:
        parts = [find_word(part, values) for part in mark.split(text) if part]
        if len(parts) > 1 and all(parts):
            return [part for part in dict.fromkeys(parts) if part]
    return []


def _take_part(frame: pd.DataFrame, position: int, part: int, technologies: Sequence[str]) -> None:
    row = frame.iloc[position]
    frame.at[position, "technology"] = technologies[part]
    if row.get("station_id") is not None:
        frame.at[position, "station_id"] = f"{row['station_id']}-{technologies[part]}"
    for name in _PARALLEL:
        parts = re.split(r"[;/|\n]", row.get(name) or "")
        if len(parts) == len(technologies):
            frame.at[position, name] = parts[part].strip()


def _masts(frame: pd.DataFrame, table: Table) -> list[str | None]:
    """Name each station's mast after the first with an id at its position; a station without position has its own."""
    if table.geometry is not None:
        places: list[object] = [None if shape is None else shape.wkb for shape in table.geometry]
    else:
        fields = ("x", "y") if {"x", "y"} <= set(frame.columns) else ("lon", "lat")
        if not set(fields) <= set(frame.columns):
            return list(frame["station_id"])
        pairs = zip(frame[fields[0]], frame[fields[1]], strict=True)
        places = [None if None in pair else pair for pair in pairs]
    stations = list(frame["station_id"])
    first: dict[object, str] = {}
    for place, station in zip(places, stations, strict=True):
        if place is not None and station is not None:
            first.setdefault(place, station)
    return [first.get(place, station) for place, station in zip(places, stations, strict=True)]
