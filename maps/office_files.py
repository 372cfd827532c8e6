"""Office files whose bytes follow from their content alone: no clock in the archive or in its properties."""

import io
import re
import zipfile
from datetime import date

from openpyxl import Workbook
from openpyxl.xml.constants import DCTERMS_NS, DCTERMS_PREFIX
from openpyxl.xml.functions import register_namespace

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that a ZIP archive can state
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")
_PROPERTIES = "docProps/core.xml"


def save_workbook(book: Workbook, day: date) -> bytes:
    """A workbook as a file whose bytes follow from its cells.

    Parameters
    ----------
    book
        The workbook; it cannot be written to any more.
    day
        The date that it says it was made on.
    """
    register_namespace(DCTERMS_PREFIX, DCTERMS_NS)  # other libraries give it another prefix in the whole process
    out = io.BytesIO()
    book.save(out)
    return fix_times(out.getvalue(), day)


def fix_times(content: bytes, day: date) -> bytes:
    """Rewrite an Office file with fixed times, its properties dated by a day.

    Parameters
    ----------
    content
        A whole .xlsx or .docx file.
    day
        The date that it says it was made on.
    """
    out = io.BytesIO()
    stamp = f"{day.isoformat()}T00:00:00Z".encode()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for member in given.infolist():
            part = given.read(member)
            if member.filename == _PROPERTIES:
                part = _STAMP.sub(rb"\g<1>" + stamp + rb"\g<3>", part)
            entry = zipfile.ZipInfo(member.filename, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, part)
    return out.getvalue()
