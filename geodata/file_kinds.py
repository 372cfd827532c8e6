"""What kind of file something is, told by its content; kinds that may run code or reach elsewhere are refused.

Refused: GDAL's virtual files, tables of MapInfo that are views or links, databases with views, unusual triggers or
virtual tables, XML with a document type (and so every entity), and whatever is not in the list.
"""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from xml.parsers import expat

from phusong.geodata.errors import InputError, words_of

WORKBOOK_KINDS = ("xlsx", "xlsb", "ods", "xls")
VECTOR_KINDS = ("gpkg", "geojson", "shp", "dbf", "tab", "mif", "kml", "kmz", "fgb")
RASTER_KINDS = ("tif", "img", "asc", "hgt")
DRIVERS = {
    "gpkg": ("GPKG",), "geojson": ("GeoJSON",), "shp": ("ESRI Shapefile",), "dbf": ("ESRI Shapefile",),
    "tab": ("MapInfo File",), "mif": ("MapInfo File",), "kml": ("LIBKML", "KML"), "fgb": ("FlatGeobuf",),
    "tif": ("GTiff",), "img": ("HFA",), "asc": ("AAIGrid",), "hgt": ("SRTMHGT",),
}  # fmt: skip

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".xls")  # programs write text under the last, too

_HEAD_BYTES = 65_536
_MAGIC = (
    (b"SQLite format 3\x00", "gpkg"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"), (b"fgb\x03", "fgb"),
    (b"\x00\x00\x27\x0a", "shp"), (b"II*\x00", "tif"), (b"MM\x00*", "tif"), (b"II+\x00", "tif"), (b"MM\x00+", "tif"),
    (b"EHFA_HEADER_TAG", "img"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"),
)  # fmt: skip
_FOREIGN = (
    (b"%PDF", "PDF"), (b"Rar!", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"\x1f\x8b", "gzip"),
    (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"{\\rtf", "RTF"),
)  # fmt: skip
_RUNNING_VI = {
    "virtual table": "bảng ảo", "computed column": "cột tính toán", "view": "khung nhìn (view)",
    "trigger": "trigger",
}  # fmt: skip
_ROOT = re.compile(r"<(?:\w+:)?(\w+)[\s/>]")
_HGT_NAME = re.compile(r"[NS]\d\d[EW]\d{3}\..*hgt", re.IGNORECASE)
_HGT_BYTES = (2 * 1201**2, 2 * 3601**2)
_USUAL_TRIGGERS = re.compile(
    r"rtree_.+_(insert|update\d?|delete)|(trigger_(insert|delete)_feature_count|fg[tiu]*|gpkg)_.+", re.IGNORECASE
)


def find_kind(file: Path) -> str:
    """Tell the kind of a file by its content: a name of the lists above, `zip` for an archive, or `text`.

    Raises
    ------
    InputError
        It is of a kind that is not read here.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    size = file.stat().st_size
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            raise _not_read(file, name)
    if _HGT_NAME.fullmatch(file.name) and size in _HGT_BYTES:
        return "hgt"
    if _is_dbf(head, size):
        return "dbf"
    kind = _text_kind(file, head)
    if kind == "text" and file.suffix.lower() not in TEXT_SUFFIXES:
        raise InputError(
            f"{file.name} is damaged or no workbook, vector file or raster that is read here; export it again.",
            vi=f"{file.name} hỏng hoặc không phải bảng tính, tệp vectơ hay raster đọc được; hãy xuất lại.",
        )
    return kind


def validate_database(file: Path) -> None:
    """Refuse a GeoPackage that runs: views, triggers but the usual ones, virtual tables but R-trees, computed columns.

    Raises
    ------
    InputError
        It holds such a thing, or is damaged.
    """
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as database:
            database.execute("PRAGMA trusted_schema=OFF")
            entries = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{file.name} is damaged or no vector file ({words_of(error)}); export it again.",
            vi=f"{file.name} hỏng hoặc không phải tệp vectơ; hãy xuất lại.",
        ) from error
    for kind, name, sql in entries:
        text = " ".join(str(sql or "").lower().split())
        virtual = text.startswith("create virtual table") and " using rtree" not in text
        generated = kind == "table" and ("generated always" in text or re.search(r"\) (stored|virtual)\b", text))
        unusual = kind == "trigger" and not _USUAL_TRIGGERS.fullmatch(str(name))
        if kind == "view" or unusual or virtual or generated:
            what = "virtual table" if virtual else "computed column" if generated else str(kind)
            raise _runs(file, f"the {what} {name!r}", f"{_RUNNING_VI[what]} {name!r}")


def validate_tab(file: Path) -> None:
    """Refuse a MapInfo table that stands for other files: a view, a link, a seamless table or a raster.

    Raises
    ------
    InputError
        It does.
    """
    text = file.read_bytes()[:_HEAD_BYTES].decode("latin-1").lower()
    words = " ".join(text.split())
    if re.search(r'create view|type linked|type "?raster|\bfile "|is_?seamless', words):
        raise _runs(file, "a reference to other files", "tham chiếu tới tệp khác")


def validate_xml(file: Path) -> None:
    """Refuse XML that has a document type, by which entities are declared.

    Raises
    ------
    InputError
        It has one, or is no XML.
    """

    def doctype(*_: object) -> None:
        raise _runs(file, "a document type (DTD)", "khai báo kiểu tài liệu (DTD)")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    try:
        with file.open("rb") as stream:
            parser.ParseFile(stream)
    except InputError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter two for encodings
        raise InputError(
            f"{file.name} is damaged XML ({words_of(error)}); export it again.",
            vi=f"{file.name} là XML hỏng ({words_of(error)}); hãy xuất lại.",
        ) from error


def require_kind(file: Path, kind: str, known: Iterable[str]) -> None:
    """Raise InputError for a kind that a task does not read, with those that it does."""
    if kind not in known:
        names = " ".join(known)
        raise InputError(
            f"{file.name} is a file of kind {kind} by its content; what can be read here is {names}.",
            vi=f"{file.name} có nội dung loại {kind}; ở đây đọc được: {names}.",
        )


def _is_dbf(head: bytes, size: int) -> bool:
    if len(head) < 33 or head[0] not in (0x02, 0x03, 0x30, 0x31, 0x32, 0x83, 0x8B, 0xF5):
        return False
    header_bytes = int.from_bytes(head[8:10], "little")
    return head[2] <= 12 and head[3] <= 31 and 33 <= header_bytes <= size and b"\r" in head[32 : header_bytes + 264]


def _text_kind(file: Path, head: bytes) -> str:
    text = _loose_text(head).lstrip("\ufeff \t\r\n")
    lower = text[:200].lower()
    if lower.startswith("<"):
        return _xml_kind(file, text)
    if lower.startswith("{") and '"type"' in text:
        return "geojson"
    if lower.startswith("!table"):
        return "tab"
    if re.match(r"version\s+\d+\s", lower) and file.suffix.lower() == ".mif":
        return "mif"
    if re.match(r"ncols\s+\d+\s+nrows\s", lower):
        return "asc"
    return "text"


def _xml_kind(file: Path, text: str) -> str:
    root = next((match[1].lower() for match in _ROOT.finditer(text)), "")
    if root == "kml":
        return "kml"
    if "vrt" in root:
        raise _runs(file, "references to other files (VRT)", "tham chiếu tới tệp khác (VRT)")
    if root in ("html", "table", "head", "body", "meta", "workbook", "style"):
        raise _not_read(
            file, "a web page or XML saved as a table; save it as .xlsx in a spreadsheet program: HTML",
            "trang web hoặc XML lưu dưới dạng bảng; hãy mở bằng phần mềm bảng tính và lưu lại dạng .xlsx: HTML",
        )  # fmt: skip
    raise _not_read(file, f"XML <{root}>" if root else "XML")


def _loose_text(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", errors="replace")
    return head.decode("utf-8", errors="replace")


def _not_read(file: Path, what: str, what_vi: str = "") -> InputError:
    return InputError(
        f"{file.name} is no table, vector file or raster that is read here ({what}); export it as one.",
        vi=f"{file.name} không phải bảng, tệp vectơ hay raster đọc được ({what_vi or what}); hãy xuất lại.",
    )


def _runs(file: Path, what: str, what_vi: str) -> InputError:
    return InputError(
        f"{file.name} holds {what}, which is not allowed in files from elsewhere; export plain data.",
        vi=f"{file.name} chứa {what_vi}, không được phép trong tệp nhận từ bên ngoài; hãy xuất dữ liệu thuần.",
    )
