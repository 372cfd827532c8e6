"""The table inside a sheet: title rows above it, a header of one to three rows, merged cells, totals below it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.cells import Texts, clean_column, clean_text
from phusong.geodata.encodings import ENCODING_NAMES, lost_capitals_note, recover_column
from phusong.geodata.headers import Words, choose_headers, header_factor
from phusong.geodata.names import search_key
from phusong.geodata.reports import Note, RowIssue

MERGED = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of a merged range, (row, column) from 0, both inside."""

REASONS = "phusong: lỗi / faults"
"""Header of the column that an annotated workbook has behind those of the sender."""

NOTES_SHEET = "phusong - lưu ý, notes"
"""Name of the sheet that an annotated workbook has behind those of the sender."""

_SEARCHED_ROWS = 30
_HEADER_ROWS = 3
_SHOWN = 60  # characters of a skipped row in a note
_HEADER_CHARACTERS = 200  # of a header's cell; what is longer is none, and would only fill messages
_SECTION = re.compile(r"[IVXLC]+\.?|[A-Z]\.?")  # numbers of the parts of a list


@dataclass(frozen=True)
class Sheet:
    """Raw rows of a sheet or text file; `ragged` where rows may have another number of fields by mistake."""

    rows: Sequence[Sequence[Any]]
    name: str | None = None
    merged: Sequence[MERGED] = ()
    ragged: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the header stands (rows from 0, the last outside), its cells per column, and how many columns it names."""

    first: int
    end: int
    headers: tuple[tuple[str | None, ...], ...]
    matched: int

    @property
    def names(self) -> list[str]:
        """One name per column: its cells joined by " / "; a numbered stand-in where there is none."""
        joined = (" / ".join(part for part in parts if part) for parts in self.headers)
        return [name or f"(column {position})" for position, name in enumerate(joined, start=1)]


@dataclass(frozen=True)
class Body:
    """The data rows: columns of text, their 1-based rows in the sheet, what was refused and what was left out."""

    columns: dict[str, Texts]
    row_numbers: npt.NDArray[np.int64]
    issues: tuple[RowIssue, ...]
    notes: tuple[Note, ...]


def find_layout(sheet: Sheet, words: Words | None = None, mapped: Sequence[str] = ()) -> Layout:
    """Find the header of a table.

    Parameters
    ----------
    sheet
        The sheet.
    words
        Words of the layer; without them, or where none is found, the first row is the header.
    mapped
        Headers that the user named: they count like words.

    Returns
    -------
    Layout
        Of all places the one that names most columns; of equals the one with fewest rows, then the first.
    """
    best = _layout_at(sheet, 0, 1, words, mapped)
    if words is None:
        return best
    for first in range(min(_SEARCHED_ROWS, len(sheet.rows))):
        for end in range(first + 1, min(first + _HEADER_ROWS, len(sheet.rows)) + 1):
            layout = _layout_at(sheet, first, end, words, mapped)
            if (layout.matched, layout.first - layout.end) > (best.matched, best.first - best.end):
                best = layout
    return best


def read_body(sheet: Sheet, layout: Layout, words: Words | None = None) -> Body:
    """Read the rows below a header; totals, page numbers of columns and repeated headers are left out and noted.

    Parameters
    ----------
    sheet
        The sheet.
    layout
        Its header.
    words
        Words of the layer: rows are left out only where these are given.
    """
    width = len(layout.headers)
    kept, numbers, odd = _fit_rows(sheet, layout.end, width)
    issues = [_field_count_issue(sheet, number, len(row), width) for number, row in odd if not is_total(row, words)]
    skipped = {number: row for number, row in odd if is_total(row, words)}
    columns = [clean_column(column) for column in zip(*kept, strict=True)] if kept else []
    row_numbers = np.array(numbers, dtype=np.int64)
    if columns:
        filled = np.sum([pd.notna(column) for column in columns], axis=0)
        data = filled > 0
        if words is not None:
            wide = {top - layout.end for (top, left), (_, right) in sheet.merged if right - left >= width / 2}
            for position in _left_out(columns, filled, layout, words, titles=wide):
                data[position] = False
                skipped[int(row_numbers[position])] = [column[position] for column in columns]
        notes, columns = _fill_merged(sheet, columns, row_numbers, layout.end)
        columns, row_numbers = [column[data] for column in columns], row_numbers[data]
    else:
        notes, columns = [], [np.empty(0, dtype=object)] * width
    notes += [_skipped_note(sheet, number, row) for number, row in sorted(skipped.items())]
    return Body(dict(zip(layout.names, columns, strict=True)), row_numbers, tuple(issues), tuple(notes))


def recover_sheet(sheet: Sheet) -> tuple[Sheet, tuple[Note, ...]]:
    """Read the columns of a sheet that were typed in a legacy font, or mis-read before, as what they mean."""
    width = max((len(row) for row in sheet.rows), default=0)
    readings = {}
    for column in range(width):
        texts = {row[column] for row in sheet.rows if column < len(row) and isinstance(row[column], str)}
        found = recover_column(texts)
        if found is not None:
            readings[column] = (found[0], {text: text if text.isascii() else found[1](text) for text in texts})
    if not readings:
        return sheet, ()
    rows = [list(row) for row in sheet.rows]
    for column, (_, known) in readings.items():
        for row in rows:
            if column < len(row) and isinstance(row[column], str):
                row[column] = known[row[column]]
    lost = lost_capitals_note(text for _, known in readings.values() for text in known.values())
    names = ", ".join(sorted({ENCODING_NAMES[name] for name, _ in readings.values()}))
    place = sheet_place(sheet.name)
    note = Note(
        f"{place}{len(readings)} columns were in {names}, found by their words{lost}",
        f"{place.vi}{len(readings)} cột theo bảng mã {names}, nhận biết qua từ ngữ{lost.vi}",
    )
    return replace(sheet, rows=rows), (note,)


def without_reasons(sheet: Sheet) -> Sheet:
    """Leave out the column of reasons that an annotated workbook came back with, which is its last."""
    for row in sheet.rows[: _SEARCHED_ROWS + _HEADER_ROWS]:
        if REASONS in row:
            place = list(row).index(REASONS)
            return replace(sheet, rows=[row[:place] for row in sheet.rows])
    return sheet


def sheet_place(sheet: str | None) -> Note:
    """Write where a row is, before its number: `sheet Trạm, `; "" for a file without sheets."""
    return Note(f"sheet {sheet}, ", f"trang tính {sheet}, ") if sheet else Note("", "")


def _layout_at(sheet: Sheet, first: int, end: int, words: Words | None, mapped: Sequence[str]) -> Layout:
    rows = [_header_row(sheet, row, last=row == end - 1) for row in range(first, min(end, len(sheet.rows)))]
    width = max((len(row) for row in rows), default=0)
    parts = [tuple(row[column] if column < len(row) else None for row in rows) for column in range(width)]
    while parts and not any(parts[-1]):
        parts.pop()
    layout = Layout(first, end, tuple(parts), 0)
    if words is None:
        return layout
    chosen, ambiguous = choose_headers(parts, words)
    named = _named(layout, mapped) if mapped else 0
    return Layout(first, end, layout.headers, len(chosen) + len(ambiguous) + named)


def _named(layout: Layout, mapped: Sequence[str]) -> int:
    """How many headers that the user named a layout has."""
    parts = (
        text for name, header in zip(layout.names, layout.headers, strict=True) for text in (name, *header) if text
    )
    return len({search_key(name) for name in mapped} & {search_key(text) for text in parts})


def _header_row(sheet: Sheet, row: int, *, last: bool) -> list[str | None]:
    """A row's cells; a cell merged over several columns, or followed by empty ones above others, names them all."""
    cells = [text and text[:_HEADER_CHARACTERS] for text in map(clean_text, sheet.rows[row])]
    if last:
        return cells
    if sheet.merged:
        for (top, left), (bottom, right) in sheet.merged:
            if top <= row <= bottom and top == row:
                cells[left : right + 1] = [cells[left]] * (min(right, len(cells) - 1) - left + 1)
        return cells
    below = [clean_text(cell) for cell in sheet.rows[row + 1]]
    for column in range(1, min(len(cells), len(below))):
        if cells[column] is None and below[column] is not None:
            cells[column] = cells[column - 1]
    return cells


def _fit_rows(
    sheet: Sheet, start: int, width: int
) -> tuple[list[Sequence[Any]], list[int], list[tuple[int, Sequence[Any]]]]:
    """Rows of the header's width with their numbers, and the rows of another width that are not blank."""
    kept: list[Sequence[Any]] = []
    numbers: list[int] = []
    odd: list[tuple[int, Sequence[Any]]] = []
    for number, row in enumerate(sheet.rows[start:], start=start + 1):
        if len(row) == width:
            kept.append(row)
        elif not sheet.ragged:
            kept.append([*row[:width], *[None] * (width - len(row))])
        elif len(row) > width and not any(map(clean_text, row[width:])):
            kept.append(row[:width])
        else:
            if any(map(clean_text, row)):
                odd.append((number, row))
            continue
        numbers.append(number)
    return kept, numbers, odd


def is_total(row: Sequence[Any], words: Words | None) -> bool:
    """Whether the first words of a row are those of a total."""
    if words is None:
        return False
    first = next((text for text in map(clean_text, row) if text), "")
    key = search_key(first)
    return any(key == total or key.startswith(total + " ") for total in words.totals)


def _left_out(
    columns: Sequence[Texts], filled: npt.NDArray[Any], layout: Layout, words: Words, *, titles: set[int]
) -> list[int]:
    """Positions of rows that are no data: totals, titles of parts, a second header, the columns' numbers, the foot."""
    usual = float(filled.max())
    header = [parts[-1] or parts[0] for parts in layout.headers]
    sparse = np.flatnonzero((filled > 0) & (filled <= usual / 2)).tolist()
    out = [position for position in sparse if is_total([column[position] for column in columns], words)]
    out += [p for p in _repeats(columns[0], header[0]) if [column[p] for column in columns] == header]
    if _numbers_columns([column[0] for column in columns]):
        out.append(0)
    if not words.has_parts:
        out += [p for p in sparse if filled[p] <= 2 and _SECTION.fullmatch(columns[0][p] or "")]
        out += [p for p in sparse if filled[p] == 1 and p in titles]
    out += _after_the_table(filled, min(2, usual / 2), set(out))
    return sorted({position for position in out if filled[position] > 0})


def _after_the_table(filled: npt.NDArray[Any], few: float, totals: set[int]) -> list[int]:
    """Positions of nearly empty rows at the very end, below a blank row or a total: signatures and remarks."""
    full = np.flatnonzero((filled > few) & ~np.isin(np.arange(len(filled)), list(totals)))
    start = int(full[-1]) + 1 if len(full) else len(filled)
    gap = next((p for p in range(start, len(filled)) if filled[p] == 0 or p in totals), len(filled))
    return list(range(gap, len(filled)))


def _repeats(column: Texts, text: str | None) -> list[int]:
    return np.flatnonzero(column == text).tolist() if text is not None else []


def _numbers_columns(row: Sequence[str | None]) -> bool:
    """Whether a row only numbers the columns: (1) (2) (3), or 1 2 3."""
    texts = [text.strip("()[]. ") for text in row if text is not None]
    return len(texts) >= 3 and len(texts) == len(row) and texts == [str(number) for number in range(1, len(row) + 1)]


def _fill_merged(
    sheet: Sheet, columns: list[Texts], row_numbers: npt.NDArray[np.int64], end: int
) -> tuple[list[Note], list[Texts]]:
    """Give every row of a merged range the text of its first; ranges over several columns only in the first of them."""
    filled: dict[int, int] = {}
    for (top, left), (bottom, _) in sheet.merged:
        if top < end or bottom == top or left >= len(columns):
            continue
        first, last = np.searchsorted(row_numbers, (top + 1, bottom + 1))
        columns[left][first : last + 1] = columns[left][first]
        filled[left] = filled.get(left, 0) + bottom - top
    count = sum(filled.values())
    place = sheet_place(sheet.name)
    note = Note(
        f"{place}merged cells: {count} rows take the text of the first",
        f"{place.vi}ô gộp: {count} dòng lấy nội dung của ô đầu",
    )
    return [note] if count else [], columns


def _skipped_note(sheet: Sheet, number: int, row: Sequence[Any]) -> Note:
    text = " ".join(str(cell) for cell in row if cell is not None and str(cell).strip())[:_SHOWN]
    place = sheet_place(sheet.name)
    return Note(
        f"{place}row {number} is no data and was left out: {text}",
        f"{place.vi}dòng {number} không phải dữ liệu nên được bỏ qua: {text}",
    )


def _field_count_issue(sheet: Sheet, row: int, found: int, wanted: int) -> RowIssue:
    return RowIssue(
        row=row,
        field="",
        value=None,
        code="wrong_field_count",
        reason=f"the row has {found} fields, the header {wanted}; check its commas and quotes",
        reason_vi=f"dòng có {found} trường, tiêu đề có {wanted}; hãy kiểm tra dấu phẩy và dấu nháy",
        sheet=sheet.name,
    )


def match_columns(layout: Layout, words: Words | None) -> tuple[dict[str, str], dict[str, list[str]], dict[str, float]]:
    """Match a header to our columns.

    Returns
    -------
    tuple
        Our columns to the names of the layout, to the several names that could all mean them, and to the factors from
        the units that the header states to ours.
    """
    if words is None:
        return {}, {}, {}
    chosen, ambiguous = choose_headers(layout.headers, words)
    names = layout.names
    factors = {column: header_factor(layout.headers[position], words) for column, position in chosen.items()}
    return (
        {column: names[position] for column, position in chosen.items()},
        {column: [names[position] for position in places] for column, places in ambiguous.items()},
        {column: factor for column, factor in factors.items() if factor != 1.0},
    )
