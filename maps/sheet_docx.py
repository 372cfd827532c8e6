"""The reply as a document for a word processor, laid out by Decree 30/2020/NĐ-CP; it is edited, numbered and signed."""

import io

from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import _Cell
from docx.text.paragraph import Paragraph

from phusong.maps import decree30 as layout
from phusong.maps.office_files import fix_times
from phusong.maps.path_png import render_path_png
from phusong.maps.sheet import STATION_HEADS, Sheet
from phusong.maps.sheet_text import (
    ANNEX,
    ANNEX_TITLE,
    AUTHORITY,
    BODY,
    DATE_LINE,
    MARK,
    NUMBER,
    PARENT_BODY,
    RECIPIENTS,
    RECIPIENTS_HEAD,
    SIGNER,
    TO,
)
from phusong.maps.text import visible_text

_TEXT_WIDTH_MM = layout.PAGE_MM[0] - layout.MARGIN_LEFT_MM - layout.MARGIN_RIGHT_MM
_HEAD_WIDTHS_MM = (0.38 * _TEXT_WIDTH_MM, 0.62 * _TEXT_WIDTH_MM)
_STATION_WIDTHS_MM = (13.0, 38.0, 22.0, 17.0, 20.0, 17.0, 20.0, 18.0)


def render_sheet_docx(sheet: Sheet) -> bytes:
    """The reply as a .docx file; the same reply gives the same bytes.

    Parameters
    ----------
    sheet
        What to write.
    """
    document = Document()
    _set_page(document)
    _write_head(document, sheet)
    _line(document.add_paragraph(), TO, layout.TEXT_PT, align=ALIGN.CENTER)
    for text in sheet.paragraphs:
        paragraph = document.add_paragraph()
        _line(paragraph, text, layout.TEXT_PT, align=ALIGN.JUSTIFY)
        paragraph.paragraph_format.first_line_indent = Mm(layout.FIRST_LINE_MM)
        paragraph.paragraph_format.space_after = Pt(layout.PARAGRAPH_GAP_PT)
        paragraph.paragraph_format.line_spacing = layout.LINE_SPACING
    _write_foot(document)
    _write_annex(document, sheet)
    properties = document.core_properties
    properties.title, properties.author, properties.comments = visible_text(sheet.subject), "phusong", ""
    out = io.BytesIO()
    document.save(out)
    return fix_times(out.getvalue(), sheet.as_of)


def _set_page(document: DocxDocument) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = (Mm(side) for side in layout.PAGE_MM)
    section.top_margin, section.bottom_margin = Mm(layout.MARGIN_TOP_MM), Mm(layout.MARGIN_BOTTOM_MM)
    section.left_margin, section.right_margin = Mm(layout.MARGIN_LEFT_MM), Mm(layout.MARGIN_RIGHT_MM)
    section.header_distance = Mm(layout.MARGIN_TOP_MM / 2.0)
    section.different_first_page_header_footer = True
    style = document.styles["Normal"]
    style.font.name, style.font.size = layout.FONT, Pt(layout.TEXT_PT)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), layout.FONT)
    style.paragraph_format.space_after = Pt(0)
    number = section.header.paragraphs[0]
    number.alignment = ALIGN.CENTER
    run = number.add_run()
    run.font.size = Pt(layout.PAGE_NUMBER_PT)
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    run._r.addprevious(field)
    field.append(run._r)


def _write_head(document: DocxDocument, sheet: Sheet) -> None:
    left, right = _two_cells(document)
    _line(left.paragraphs[0], PARENT_BODY, layout.BODY_NAME_PT, align=ALIGN.CENTER)
    _line(left.add_paragraph(), BODY, layout.BODY_NAME_PT, bold=True, align=ALIGN.CENTER)
    _rule(left, inset_mm=20.0)  # a third to a half of the name
    _line(left.add_paragraph(), NUMBER, layout.NUMBER_PT, align=ALIGN.CENTER)
    _line(left.add_paragraph(), sheet.subject, layout.SUBJECT_PT, align=ALIGN.CENTER)
    _line(right.paragraphs[0], layout.EMBLEM, layout.EMBLEM_PT, bold=True, align=ALIGN.CENTER)
    _line(right.add_paragraph(), layout.MOTTO, layout.MOTTO_PT, bold=True, align=ALIGN.CENTER)
    _rule(right, inset_mm=21.0)  # as long as the motto
    _line(right.add_paragraph(), DATE_LINE, layout.PLACE_DATE_PT, italic=True, align=ALIGN.CENTER)
    document.add_paragraph()


def _write_foot(document: DocxDocument) -> None:
    left, right = _two_cells(document)
    _line(left.paragraphs[0], RECIPIENTS_HEAD, layout.RECIPIENTS_HEAD_PT, bold=True, italic=True)
    for text in RECIPIENTS:
        _line(left.add_paragraph(), text, layout.RECIPIENTS_PT)
    _line(right.paragraphs[0], AUTHORITY, layout.SIGNATURE_PT, bold=True, align=ALIGN.CENTER)
    for _ in range(4):
        right.add_paragraph()
    _line(right.add_paragraph(), SIGNER, layout.SIGNATURE_PT, bold=True, align=ALIGN.CENTER)


def _write_annex(document: DocxDocument, sheet: Sheet) -> None:
    mark = _line(document.add_paragraph(), MARK, layout.TEXT_PT, bold=True, align=ALIGN.RIGHT)
    mark.paragraph_format.page_break_before = True
    _line(document.add_paragraph(), ANNEX, layout.TEXT_PT, bold=True, align=ALIGN.CENTER)
    _line(document.add_paragraph(), f"{ANNEX_TITLE} {sheet.settlement}", layout.TEXT_PT, bold=True, align=ALIGN.CENTER)
    if sheet.stations:
        table = document.add_table(rows=1, cols=len(STATION_HEADS))
        table.style, table.autofit = "Table Grid", False
        for cell, head in zip(table.rows[0].cells, STATION_HEADS, strict=True):
            _line(cell.paragraphs[0], head, 11.0, bold=True, align=ALIGN.CENTER)
        table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
        for station in sheet.stations:
            for cell, text in zip(table.add_row().cells, station, strict=True):
                _line(cell.paragraphs[0], text, 11.0)
        for column, width in zip(table.columns, _STATION_WIDTHS_MM, strict=True):
            column.width = Mm(width)
            for cell in column.cells:
                cell.width = Mm(width)
    else:
        _line(document.add_paragraph(), "Không có số liệu đường truyền tới nơi này.", layout.TEXT_PT)
    if sheet.path is not None:
        _line(document.add_paragraph(), sheet.obstacle, 12.0)
        document.add_picture(io.BytesIO(render_path_png(sheet.path, "vi")), width=Mm(_TEXT_WIDTH_MM))
    _line(document.add_paragraph(), sheet.basis, 12.0, italic=True)


def _two_cells(document: DocxDocument) -> tuple[_Cell, _Cell]:
    """A row of two cells without lines, as head and foot of a letter have."""
    table = document.add_table(rows=1, cols=2)
    table.autofit = False
    left, right = table.rows[0].cells
    for column, width in zip(table.columns, _HEAD_WIDTHS_MM, strict=True):
        column.width = column.cells[0].width = Mm(width)
    return left, right


def _line(
    paragraph: Paragraph, text: str, size_pt: float, *, bold: bool = False, italic: bool = False,
    align: ALIGN = ALIGN.LEFT,
) -> Paragraph:  # fmt: skip
    run = paragraph.add_run(visible_text(text))
    run.font.size, run.bold, run.italic = Pt(size_pt), bold, italic
    paragraph.alignment = align
    return paragraph


def _rule(cell: _Cell, *, inset_mm: float) -> None:
    """A horizontal line in a cell, shorter than it by the inset on either side."""
    paragraph = cell.add_paragraph()
    paragraph.paragraph_format.line_spacing = Pt(5)
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Mm(inset_mm)
    border, top = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        top.set(qn(f"w:{name}"), value)
    border.append(top)
    paragraph._p.get_or_add_pPr().append(border)
