"""Office files follow from their content, whatever else the process has loaded."""

from datetime import date

from openpyxl import Workbook
from openpyxl.xml.constants import DCTERMS_NS
from openpyxl.xml.functions import register_namespace

from phusong.maps.office_files import save_workbook


def test_a_workbook_has_the_same_bytes_whatever_prefixes_other_libraries_register():
    def saved() -> bytes:
        book = Workbook()
        book.active["A1"] = "sóng"
        return save_workbook(book, date(2026, 1, 1))

    first = saved()
    register_namespace("dct", DCTERMS_NS)
    assert saved() == first
