"""Sheets of a workbook: values by python-calamine, and which cells of an .xlsx file are formulas.

Formulas are never evaluated. The value that the writing program left in the file is used; where it left none, the
cell is known as one without a value. Files other than .xlsx do not tell formulas from values.
"""

import posixpath
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from phusong.geodata.errors import InputError, words_of
from phusong.geodata.tables import NOTES_SHEET, Sheet, without_reasons

_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Formulas:
    """Cells of a sheet, (row, column) from 0, that hold a formula: with the value last computed, and without one.

    `errors` are cells whose value is an error, like `#REF!`.
    """

    valued: frozenset[tuple[int, int]] = frozenset()
    bare: frozenset[tuple[int, int]] = frozenset()
    errors: Mapping[tuple[int, int], str] = field(default_factory=dict)


@dataclass
class _Cells:
    valued: set[tuple[int, int]] = field(default_factory=set)
    bare: set[tuple[int, int]] = field(default_factory=set)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


def read_sheets(file: Path, sheet: str | None = None) -> list[Sheet]:
    """Read the visible sheets of a workbook, or the one of that name.

    Raises
    ------
    InputError
        The file is no workbook, is protected by a password or damaged, or has no sheet of that name.
    """
    try:
        with CalamineWorkbook.from_path(file) as book:
            known = [
                entry for entry in book.sheets_metadata
                if entry.typ == SheetTypeEnum.WorkSheet and entry.name != NOTES_SHEET
            ]  # fmt: skip
            if sheet is not None and sheet not in [entry.name for entry in known]:
                raise no_such(file, "sheet", "trang tính", [entry.name for entry in known], sheet)
            names = [entry.name for entry in known if entry.visible == SheetVisibleEnum.Visible]
            return [_read_sheet(book, name) for name in ([sheet] if sheet is not None else names)]
    except (CalamineError, OSError) as error:
        raise InputError(
            f"{file.name} is no readable workbook ({words_of(error)}); save it again as .xlsx.",
            vi=f"{file.name} không phải bảng tính đọc được; hãy lưu lại dạng .xlsx.",
        ) from error


def read_formulas(file: Path, sheet: str) -> Formulas:
    """Find the formulas of a sheet of an .xlsx file; none in a file of another kind.

    Raises
    ------
    InputError
        The sheet's XML is damaged.
    """
    if file.suffix.lower() not in (".xlsx", ".xlsm"):
        return Formulas()
    try:
        with zipfile.ZipFile(file) as archive:
            part = _sheet_part(archive, sheet)
            if part is None or not _holds_formulas(archive, part):
                return Formulas()
            return _scan_cells(archive, part)
    except (zipfile.BadZipFile, expat.ExpatError, KeyError, OSError) as error:
        raise InputError(
            f"{file.name}: sheet {sheet} is damaged ({words_of(error)}); save the workbook again.",
            vi=f"{file.name}: trang tính {sheet} hỏng; hãy lưu lại tệp.",
        ) from error


def no_such(file: Path, kind: str, kind_vi: str, names: Sequence[str], wanted: str | None) -> InputError:
    """Build the error for a sheet or layer that is not there (or not named), with those that are."""
    known = ", ".join(names)
    what = f"has no {kind} {wanted!r}" if wanted is not None else f"has {len(names)} {kind}s; name one"
    what_vi = f"không có {kind_vi} {wanted!r}" if wanted is not None else f"có {len(names)} {kind_vi}; hãy chọn một"
    return InputError(f"{file.name} {what}: {known}.", vi=f"{file.name} {what_vi}: {known}.")


def _read_sheet(book: CalamineWorkbook, name: str) -> Sheet:
    sheet = book.get_sheet_by_name(name)
    rows = sheet.to_python(skip_empty_area=False)
    return without_reasons(Sheet(rows, name=name, merged=tuple(sheet.merged_cell_ranges or ())))


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Path in the archive of the XML of a sheet."""
    relation = ""
    targets: dict[str, str] = {}

    def workbook(name: str, attributes: dict[str, str]) -> None:
        nonlocal relation
        if name == f"{_SPREADSHEET} sheet" and attributes.get("name") == sheet:
            relation = attributes.get(f"{_RELATIONS} id", "")

    def relations(name: str, attributes: dict[str, str]) -> None:
        if name == f"{_PACKAGE} Relationship":
            targets[attributes["Id"]] = attributes["Target"]

    _parse(archive, "xl/workbook.xml", workbook)
    _parse(archive, "xl/_rels/workbook.xml.rels", relations)
    target = targets.get(relation)
    return None if target is None else posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _holds_formulas(archive: zipfile.ZipFile, part: str) -> bool:
    """Whether the XML holds an element `f` or an error at all: a quick look that spares most files the parsing."""
    tail = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            text = tail + chunk
            if b"<f>" in text or b"<f " in text or b":f>" in text or b":f " in text or b"<f/>" in text:
                return True
            if b't="e"' in text or b"t='e'" in text:
                return True
            tail = text[-4:]
    return False


def _scan_cells(archive: zipfile.ZipFile, part: str) -> Formulas:
    cells = _Cells()
    state = {"place": "", "formula": "", "value": "", "inside": "", "kind": ""}

    def start(name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "c":
            state.update(place=attributes.get("r", ""), formula="", value="", inside="", kind=attributes.get("t", ""))
        elif tag == "f":
            state["formula"] = "yes"
        elif tag in ("v", "t"):
            state["inside"] = tag

    def text(data: str) -> None:
        if state["inside"]:
            state["value"] += data

    def end(name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "c" and state["kind"] == "e" and state["place"]:
            cells.errors[_place(state["place"])] = state["value"]
        elif tag == "c" and state["formula"] and state["place"]:
            valued = bool(state["value"]) or state["kind"] == "str"  # a text, though it is empty
            (cells.valued if valued else cells.bare).add(_place(state["place"]))
        state["inside"] = ""

    _parse(archive, part, start, end, text)
    return Formulas(frozenset(cells.valued), frozenset(cells.bare), cells.errors)


def _parse(
    archive: zipfile.ZipFile, part: str, start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None, text: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """Parse a part of the archive; a document type, and so every entity, is refused."""

    def doctype(*_: object) -> None:
        raise expat.ExpatError("a document type is not allowed")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    with archive.open(part) as stream:
        parser.ParseFile(stream)


def _place(reference: str) -> tuple[int, int]:
    """Row and column from 0 of a reference like `B5`."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter.upper()) - ord("A") + 1
    return int(reference[len(letters) :]) - 1, column - 1
