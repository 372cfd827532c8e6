"""Reports and replies: hostile text stays text, numbers stay numbers, the same content gives the same bytes."""

import io
import zipfile
from datetime import date

import pytest
from docx import Document
from docx.shared import Mm
from openpyxl import load_workbook
from pypdf import PdfReader

from phusong.maps.documents import Report, Table, lacking_table
from phusong.maps.report_pdf import render_report_pdf
from phusong.maps.report_xlsx import render_report_xlsx
from phusong.maps.sheet import Sheet
from phusong.maps.sheet_docx import render_sheet_docx
from phusong.maps.sheet_pdf import render_sheet_pdf
from tests.maps.conftest import HOSTILE
from tests.maps.test_path_figure import explanation

FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture(scope="module")
def report(hostile_data):
    table = lacking_table(hostile_data.settlements, {}, "vi")
    own = Table("Bảng", ("a", "b", "c"), [(FORMULA, 1491, None), ("\x07\u202eabc", 0, "<0,1%")])
    return Report("Báo cáo", "phụ đề", date(2026, 8, 1), "vi", [own, table], [HOSTILE[0]], [FORMULA])


@pytest.fixture(scope="module")
def sheet():
    path = explanation()
    return Sheet(
        settlement=HOSTILE[1], subject=HOSTILE[0], paragraphs=[HOSTILE[2], HOSTILE[3]],
        stations=[("1", HOSTILE[0], "Alpha", "4G", "6,0", "−108", "10,4", "bị che khuất")], obstacle=HOSTILE[2],
        path=path, basis="Phiên tính", as_of=date(2026, 8, 1),
    )  # fmt: skip


def pdf_text(content):
    return "".join("".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


def test_hostile_names_and_formulas_are_text_in_the_workbook(report):
    book = load_workbook(io.BytesIO(render_report_xlsx(report)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    values = {cell.value for cell in cells}
    hostile = {*HOSTILE[:4], "⟨U+0007⟩⟨U+202E⟩abc", "line⟨U+2028⟩separator ⟨U+202E⟩right to left"}
    assert {f"'{FORMULA}", 1491, "–", *hostile} <= values
    assert len(book.sheetnames) == 3


def test_hostile_names_are_text_in_the_pdf_and_its_font_is_carried(report):
    content = render_report_pdf(report)
    text = pdf_text(content)
    for wanted in (FORMULA, "1.491", "⟨U+0007⟩⟨U+202E⟩abc", *HOSTILE[:3]):
        assert "".join(wanted.split()) in text
    fonts = {font for page in PdfReader(io.BytesIO(content)).pages for font in _fonts(page)}
    assert {"Tinos", "Tinos-Bold"} <= fonts


def _fonts(page):
    return [str(font.get_object()["/BaseFont"]).partition("+")[2] for font in page["/Resources"]["/Font"].values()]


def test_the_same_content_gives_the_same_bytes(report, sheet):
    for render, content in (
        (render_report_xlsx, report), (render_report_pdf, report), (render_sheet_docx, sheet), (render_sheet_pdf, sheet)
    ):  # fmt: skip
        assert render(content) == render(content)


def test_office_files_hold_no_clock(report, sheet):
    for content in (render_report_xlsx(report), render_sheet_docx(sheet)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.read("docProps/core.xml").count(b"2026-08-01T00:00:00Z") == 2


def test_the_reply_has_the_layout_of_decree_30(sheet):
    document = Document(io.BytesIO(render_sheet_docx(sheet)))
    section = document.sections[0]
    sides = (section.page_width, section.page_height, section.left_margin, section.right_margin, section.top_margin)
    assert [round(side / Mm(1)) for side in sides] == [210, 297, 30, 15, 20]
    assert section.different_first_page_header_footer
    assert "PAGE" in section.header._element.xml
    assert document.styles["Normal"].font.name == "Times New Roman"
    head = [paragraph.text for cell in document.tables[0].rows[0].cells for paragraph in cell.paragraphs]
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in head
    assert "Độc lập - Tự do - Hạnh phúc" in head


def test_the_reply_shows_hostile_text_as_text_and_the_annex_holds_stations_and_picture(sheet):
    document = Document(io.BytesIO(render_sheet_docx(sheet)))
    paragraphs = [paragraph.text for paragraph in document.paragraphs]
    assert HOSTILE[2] in paragraphs
    assert paragraphs.index("LƯU HÀNH NỘI BỘ") > paragraphs.index(HOSTILE[3])
    assert document.tables[2].rows[1].cells[1].text == HOSTILE[0]
    assert len(document.inline_shapes) == 1
    text = pdf_text(render_sheet_pdf(sheet))
    assert "".join(HOSTILE[3].split()) in text
    assert text.index("LƯUHÀNHNỘIBỘ") > text.index("".join(HOSTILE[3].split()))


def test_a_table_without_rows_says_so_in_every_file():
    empty = Report("R", "s", date(2026, 8, 1), "vi", [Table("T", ("a",), [], empty="Không có gì.")], [], [])
    assert "Khôngcógì." in pdf_text(render_report_pdf(empty))
    assert load_workbook(io.BytesIO(render_report_xlsx(empty)))["T"]["A5"].value == "Không có gì."
