"""The sender's own table with the reasons written into it, to be corrected and sent back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.cell_range import CellRange

from phusong.geodata.cells import safe_cell
from phusong.geodata.errors import InputError
from phusong.geodata.headers import find_words
from phusong.geodata.reader_client import opened_apart
from phusong.geodata.readers import SIDECARS
from phusong.geodata.schemas import find_layer
from phusong.geodata.sheet_files import RawSheet, load_sheets
from phusong.geodata.tables import NOTES_SHEET, REASONS
from phusong.geodata.writing import replacing

REFUSED, REPAIRED = (PatternFill("solid", fgColor=colour) for colour in ("FFC7CE", "FFEB9C"))

_SHEET_ROWS = 1_048_576  # of a sheet of an .xlsx file
_COMMENTS = 2_000  # each is a drawing: a program opens no more of them with ease
_WIDTH = 90
Issue = Mapping[str, Any]


def write_annotated(
    target: Path, file: Path, report: Mapping[str, Any], *,
    layer: str | None = None, encoding: str | None = None, mapped: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write a file's own sheets as a workbook, with a column of reasons; cells at fault are coloured and commented.

    Every row stays where it was, and everything that the sender wrote; what must be said of the whole file stands in a
    last sheet. Corrected, the workbook is imported like the file itself: the column of reasons and that sheet are
    passed over. A vector file becomes a list of its features.

    Parameters
    ----------
    target
        The workbook to write.
    file
        What was imported.
    report
        `ImportReport.to_dict()` of its import.
    layer
        Layer of a vector file.
    encoding
        Encoding of a text file; None finds it.
    mapped
        Headers that the user named.

    Raises
    ------
    InputError
        The file can no longer be read, or has more rows than a sheet holds.
    """
    words = find_words(find_layer(report["layer"]))
    options = {"layer": layer, "encoding": encoding, "words": words, "mapped": tuple(mapped)}
    with opened_apart("sheets", file, sidecars=SIDECARS, options=options) as found:
        sheets = load_sheets(found)
    book = Workbook(write_only=True)
    for sheet in sheets:
        if len(sheet.rows) > _SHEET_ROWS:
            raise InputError(
                f"{file.name} has more rows than a sheet of a workbook holds ({_SHEET_ROWS}); take --json.",
                vi=f"{file.name} có nhiều dòng hơn một trang tính chứa được ({_SHEET_ROWS}); hãy dùng --json.",
            )
        _write_sheet(book, sheet, report)
    if report["notes"]:
        _write_notes(book, report)
    with replacing(target) as aside:
        book.save(aside)


def _write_sheet(book: Workbook, sheet: RawSheet, report: Mapping[str, Any]) -> None:
    page = book.create_sheet(sheet.name or "phusong")
    width = max((len(row) for row in sheet.rows), default=0)
    page.column_dimensions[get_column_letter(width + 1)].width = _WIDTH
    page.freeze_panes = f"A{sheet.header_end + 1}"
    issues = _by_row(sheet, report)
    left = _COMMENTS
    for number, row in enumerate(sheet.rows, start=1):
        cells = [_cell(page, value) for value in row]
        if number == sheet.header_end:
            cells += [_cell(page, None)] * (width - len(cells))
            cells.append(_cell(page, REASONS))
            cells[-1].font = Font(bold=True)
        elif number in issues:
            cells += [_cell(page, None) for _ in range(width - len(cells))]
            left = _mark(page, cells, issues[number], sheet, report, left)
        page.append(cells)
    for (top, first), (bottom, last) in sheet.merged:
        page.merged_cells.ranges.add(
            CellRange(min_col=first + 1, min_row=top + 1, max_col=last + 1, max_row=bottom + 1)
        )


def _write_notes(book: Workbook, report: Mapping[str, Any]) -> None:
    """A sheet of its own with what the sender should know of the whole file; passed over when it comes back."""
    page = book.create_sheet(NOTES_SHEET)
    for letter in "AB":
        page.column_dimensions[letter].width = _WIDTH
    for note in zip(report["notes_vi"], report["notes"], strict=True):
        cells = [_cell(page, text) for text in note]
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        page.append(cells)


def _by_row(sheet: RawSheet, report: Mapping[str, Any]) -> dict[int, list[tuple[Issue, bool]]]:
    """The issues of a sheet's rows, each with whether the row was repaired; a feature stands below the header."""
    found: dict[int, list[tuple[Issue, bool]]] = {}
    for key in ("rows", "repairs"):
        for issue in report[key]:
            if issue["sheet"] in (None, sheet.name):
                row = issue["row"] + (sheet.header_end if sheet.features else 0)
                found.setdefault(row, []).append((issue, key == "repairs"))
    return found


def _mark(
    page: Any, cells: list[Any], issues: Sequence[tuple[Issue, bool]], sheet: RawSheet, report: Mapping[str, Any],
    comments: int,
) -> int:  # fmt: skip
    """Colour and comment the cells of a row, and write its reasons behind; returns how many comments are left."""
    lines = []
    for issue, repaired in issues:
        fill = REPAIRED if repaired else REFUSED
        for column in _columns_of(str(issue["field"]), sheet, report["columns"]):
            cells[column].fill = fill
            if comments > 0 and cells[column].comment is None:
                cells[column].comment = Comment(f"{issue['reason_vi']}\n{issue['reason']}", "phusong", 120, 400)
                comments -= 1
        lines.append(f"[{issue['code']}] {issue['reason_vi']} / {issue['reason']}")
    reasons = _cell(page, "\n".join(dict.fromkeys(lines)))
    reasons.fill = REPAIRED if all(repaired for _, repaired in issues) else REFUSED
    reasons.alignment = Alignment(wrap_text=True, vertical="top")
    cells.append(reasons)
    return comments


def _columns_of(field: str, sheet: RawSheet, columns: Mapping[str, Sequence[str]]) -> list[int]:
    """Positions of the columns that an issue speaks of: those imported as its fields, else those of their header."""
    found = []
    for ours in field.split(", "):
        names = [*columns.get(ours, ()), sheet.matched.get(ours, ""), ours]
        found += [next((sheet.columns.index(name) for name in names if name in sheet.columns), -1)]
    return [position for position in dict.fromkeys(found) if position >= 0]


def _cell(page: Any, value: Any) -> Any:
    """A cell that no program runs as a formula, of what a workbook can hold."""
    text = ILLEGAL_CHARACTERS_RE.sub(" ", value) if isinstance(value, str) else value
    return WriteOnlyCell(page, value=safe_cell(text))
