"""Lists of settlements as offices write them: names and communes, seldom an id, never a position."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.cell_text import find_word
from phusong.geodata.headers import Words, find_words
from phusong.geodata.joins import choose_columns
from phusong.geodata.matching import complete_mapping, refuse_bare_formulas, refuse_errors, require_columns
from phusong.geodata.names import split_prefix
from phusong.geodata.readers import Table, read_table
from phusong.geodata.reports import ImportReport, IssueLog, count_rows
from phusong.geodata.schemas import Column, Layer
from phusong.geodata.tables import is_total
from phusong.geodata.validation import refuse_long

VILLAGE_LIST = Layer(
    "village_list",
    (
        Column("settlement_id"),
        Column("name", required=True),
        Column("commune"),
        Column("value", choices=("none", "weak", "good")),
    ),
    key=(),
    geometry=None,
)
_UNIT_KINDS = ("xã", "phường", "thị trấn", "đặc khu")
_HEADING_CELLS = 2  # of a row that only names a commune: its number in the list, and the name


@dataclass(frozen=True)
class Village:
    """A row of a list: its number in the file (and sheet), what it says, None where it is silent."""

    row: int
    name: str
    commune: str | None = None
    settlement_id: str | None = None
    value: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class VillageList:
    """The rows of a list, and the report that names its refused rows, the columns taken and those not used."""

    villages: Sequence[Village]
    report: ImportReport


def read_village_list(
    path: Path | str, *, sheet: str | None = None, mapping: Mapping[str, str] | None = None
) -> VillageList:
    """Read a list of settlements from a spreadsheet, text file or table of a vector file.

    A row that only names a commune ("Xã Kim Phú") and stands before others without a commune of their own is a
    heading: it gives those their commune and is no settlement. A row without a name, with a formula that has no value,
    an error of a spreadsheet program or an unknown value is refused.

    Parameters
    ----------
    path
        The file.
    sheet
        Sheet of a workbook.
    mapping
        Our column (settlement_id, name, commune, value) to the file's; others are found by `data/headers.toml`.

    Raises
    ------
    InputError
        The file cannot be read, or has no column of names.
    """
    words, file = find_words(VILLAGE_LIST), Path(path).name
    given = dict(mapping or {})
    table = read_table(path, sheet=sheet, words=words, mapped=list(given.values()))
    columns, found = complete_mapping(table, given, VILLAGE_LIST, crs=None)
    frame, unused = choose_columns(table.frame, VILLAGE_LIST, columns, file=file)
    require_columns(frame, VILLAGE_LIST, words, table=table, mapping=columns, file=file)
    log = IssueLog(table.row_numbers, table.sheets)
    refuse_bare_formulas(table, columns, frame, log)
    refuse_errors(table, columns, frame, log)
    for column in VILLAGE_LIST.columns:
        if column.name in frame.columns:
            refuse_long(frame[column.name].to_list(), column.name, log)
    villages = _take_villages(table, frame, words, log)
    issues = tuple(sorted((*table.issues, *log.issues), key=lambda issue: issue.row))
    notes = (*table.notes, *found, *unused)
    report = ImportReport(VILLAGE_LIST.name, file, len(villages), count_rows(issues), rows=issues, notes=notes)
    return VillageList(villages, report)


def _take_villages(table: Table, frame: pd.DataFrame, words: Words, log: IssueLog) -> list[Village]:
    """The rows that are settlements; those without a name or with an unknown value are refused."""
    cells = {
        name: frame[name].to_list() if name in frame else [None] * len(frame) for name in VILLAGE_LIST.column_names
    }
    rows = table.frame.to_numpy(dtype=object).tolist()
    headings = [
        _heading(row, name, commune) for row, name, commune in zip(rows, cells["name"], cells["commune"], strict=True)
    ]
    plain = [one is None and not is_total(row, words) for one, row in zip(headings, rows, strict=True)]
    data = np.array(plain, dtype=bool) & ~log.refused
    values = _read_values(cells["value"], words, data, log)
    nameless = data & np.array([name is None for name in cells["name"]], dtype=bool)
    log.refuse(
        nameless, field="name", values=None, code="missing_value",
        reason="name is empty; it must be given", reason_vi="name trống; bắt buộc phải có",
    )  # fmt: skip
    return [
        Village(
            int(table.row_numbers[row]), str(cells["name"][row]), cells["commune"][row] or heading,
            cells["settlement_id"][row], values[row], None if table.sheets is None else str(table.sheets[row]),
        )
        for row, heading in enumerate(_last_of(headings)) if data[row] and not log.refused[row]
    ]  # fmt: skip


def _heading(row: Sequence[str | None], name: str | None, commune: str | None) -> str | None:
    """The commune that a row is the heading of; None for any other row."""
    if name is not None:
        return name if commune is None and split_prefix(name)[0] in _UNIT_KINDS else None
    if commune is not None:
        return None
    texts = [text for text in row if text is not None]
    units = [text for text in texts if split_prefix(text)[0] in _UNIT_KINDS]
    return units[0] if len(units) == 1 and len(texts) <= _HEADING_CELLS else None


def _last_of(headings: Sequence[str | None]) -> Iterator[str | None]:
    """Per row the last heading at or above it."""
    last = None
    for heading in headings:
        last = heading or last
        yield last


def _read_values(
    texts: Sequence[str | None], words: Words, data: npt.NDArray[np.bool_], log: IssueLog
) -> list[str | None]:
    """The values in our words; a row of data with an unknown one is refused."""
    known = VILLAGE_LIST.column("value").choices
    found = [None if text is None else find_word(text, words.values["value"]) for text in texts]
    unknown = [text is not None and value not in known for text, value in zip(texts, found, strict=True)]
    log.refuse(
        data & np.array(unknown, dtype=bool), field="value", values=texts, code="unknown_value",
        reason=f"the value {{value}} is unknown; the known are {', '.join(known)}",
        reason_vi=f"không biết giá trị {{value}}; các giá trị là {', '.join(known)}",
    )  # fmt: skip
    return found
