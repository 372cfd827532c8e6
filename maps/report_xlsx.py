"""The report as a workbook: a sheet per table, figures as numbers, text that no program takes for a formula."""

import math
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.cell.cell import Cell as XlsxCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from phusong.geodata.cells import safe_cell
from phusong.maps.decree30 import FONT
from phusong.maps.documents import Cell, Report, Table
from phusong.maps.office_files import save_workbook
from phusong.maps.text import say, visible_text

_HEAD_ROW = 4
_LINE_HEIGHT_PT = 16.0
_MOST_WIDTH, _LEAST_WIDTH = 42, 9
_LINE = Side(style="thin", color="999999")
_NOT_IN_TITLES = str.maketrans("", "", "[]:*?/\\")
_SHEET_TITLE_LENGTH = 31


def render_report_xlsx(report: Report) -> bytes:
    """The report as an .xlsx file; the same report gives the same bytes.

    Parameters
    ----------
    report
        What to write.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    for table in report.tables:
        _write_table(book.create_sheet(_sheet_title(table.tab or table.title)), report, table)
    notes = say(("Definitions and sources", "Định nghĩa và nguồn"), report.language)
    _write_notes(book.create_sheet(_sheet_title(notes)), report)
    book.properties.title, book.properties.creator = report.title, "phusong"
    return save_workbook(book, report.as_of)


def _sheet_title(title: str) -> str:
    return title.translate(_NOT_IN_TITLES)[:_SHEET_TITLE_LENGTH]


def _write_table(sheet: Worksheet, report: Report, table: Table) -> None:
    _put(sheet, 1, 1, report.title).font = Font(name=FONT, size=13)
    _put(sheet, 2, 1, table.title).font = Font(name=FONT, size=14, bold=True)
    _put(sheet, 3, 1, report.subtitle).font = Font(name=FONT, size=11, italic=True)
    for column, head in enumerate(table.heads, start=1):
        cell = _put(sheet, _HEAD_ROW, column, head)
        cell.font = Font(name=FONT, size=12, bold=True)
        cell.fill = PatternFill("solid", fgColor="E6EEF4")
        cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center")
    for row, values in enumerate(table.rows or [(table.empty,)], start=_HEAD_ROW + 1):
        for column, value in enumerate(values, start=1):
            cell = _put(sheet, row, column, "–" if value is None else value)
            cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal=_side(value))
    widths = [_width(table, column) for column in range(len(table.heads))]
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row, values in enumerate([table.heads, *table.rows], start=_HEAD_ROW):
        sheet.row_dimensions[row].height = _LINE_HEIGHT_PT * _lines(values, widths)
    for cells in sheet.iter_rows(min_row=_HEAD_ROW, max_col=len(table.heads)):
        for cell in cells:
            cell.border = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
    sheet.freeze_panes = f"A{_HEAD_ROW + 1}"
    sheet.print_title_rows = f"{_HEAD_ROW}:{_HEAD_ROW}"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = "landscape" if table.wide else "portrait"
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0
    sheet.oddFooter.center.text = "&P/&N"


def _write_notes(sheet: Worksheet, report: Report) -> None:
    for row, text in enumerate([*report.definitions, "", *report.sources], start=1):
        _put(sheet, row, 1, text).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 110


def _put(sheet: Worksheet, row: int, column: int, value: Cell) -> XlsxCell:
    cell = sheet.cell(row, column)
    cell.value = safe_cell(visible_text(value)) if isinstance(value, str) else value
    cell.font = Font(name=FONT, size=12)
    if isinstance(value, int):
        cell.number_format = "#,##0"
    return cell


def _side(value: Cell) -> str:
    numeric = isinstance(value, int) or (isinstance(value, str) and value.endswith("%"))
    return "right" if numeric else "left"


def _lines(values: Sequence[Cell], widths: Sequence[float]) -> int:
    """Lines of the tallest cell: not every program finds the height of wrapped text by itself."""
    return max(math.ceil(1.15 * len(str(value)) / width) for value, width in zip(values, widths, strict=True)) or 1


def _width(table: Table, column: int) -> float:
    cells = [str(row[column]) for row in table.rows if column < len(row)]
    longest = max((len(text) for text in cells), default=0)
    longest_word = max(len(word) for word in table.heads[column].split())
    return float(min(max(longest + 2, longest_word + 3, _LEAST_WIDTH), _MOST_WIDTH))
