"""The raw sheets of a file and where their headers stand, as they pass from the process that read them: as JSON."""

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phusong.geodata.tables import MERGED, Layout, Sheet

_FILE = "sheets.json"
_KINDS: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}


@dataclass(frozen=True)
class RawSheet:
    """A sheet's cells (text, numbers, dates, None) and its merged ranges.

    `header_end` is how many rows the header and what stands above it take, `columns` their names, `matched` maps our
    columns to them; `features` says that the rows are those of a vector file.
    """

    name: str | None
    rows: Sequence[Sequence[Any]]
    merged: Sequence[MERGED]
    header_end: int
    columns: Sequence[str]
    matched: Mapping[str, str]
    features: bool


def write_sheets(sheets: Sequence[tuple[Sheet, Layout, Mapping[str, str]]], folder: Path, *, features: bool) -> None:
    """Write sheets, each with its header and our columns in it, into a folder, for `load_sheets`."""
    described = [
        {
            "name": sheet.name, "rows": sheet.rows, "merged": sheet.merged, "end": layout.end,
            "columns": layout.names, "matched": matched, "features": features,
        }
        for sheet, layout, matched in sheets
    ]  # fmt: skip
    with (folder / _FILE).open("w", encoding="utf-8") as file:
        json.dump(described, file, default=_plain)


def load_sheets(folder: Path) -> list[RawSheet]:
    """Load the sheets that `write_sheets` put into a folder."""
    described = json.loads((folder / _FILE).read_text(encoding="utf-8"), object_hook=_value)
    return [
        RawSheet(
            entry["name"],
            entry["rows"],
            [((top, left), (bottom, right)) for (top, left), (bottom, right) in entry["merged"]],
            entry["end"],
            entry["columns"],
            entry["matched"],
            entry["features"],
        )
        for entry in described
    ]


def _plain(value: Any) -> Any:
    kind = next((name for name, known in _KINDS.items() if isinstance(value, known)), None)
    return str(value) if kind is None else {"kind": kind, "iso": value.isoformat()}


def _value(entry: dict[str, Any]) -> Any:
    kind = _KINDS.get(entry.get("kind", ""))
    return entry if kind is None else kind.fromisoformat(entry["iso"])
