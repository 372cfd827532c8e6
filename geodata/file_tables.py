"""Files read as tables of raw text, with the number of every row: what the reading process does.

GeoPackage, GeoJSON, Shapefile, DBF, MapInfo TAB and MIF, KML, KMZ and FlatGeobuf by pyogrio; CSV; workbooks by
python-calamine. Values become trimmed NFC text or None; what they mean is for others to say.
"""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phusong.geodata.archives import archive_kind, unpack_kml, validate_archive
from phusong.geodata.cells import LONGEST_CELL, clean_column, clean_text
from phusong.geodata.encodings import decode_file
from phusong.geodata.errors import InputError, words_of
from phusong.geodata.file_kinds import (
    DRIVERS,
    VECTOR_KINDS,
    WORKBOOK_KINDS,
    find_kind,
    require_kind,
    validate_database,
    validate_tab,
    validate_xml,
)
from phusong.geodata.headers import Words
from phusong.geodata.reports import BARE_CODE, BARE_FORMULA, Note, RowIssue
from phusong.geodata.sheet_files import write_sheets
from phusong.geodata.table_files import Table, write_table
from phusong.geodata.tables import (
    Layout,
    Sheet,
    find_layout,
    match_columns,
    read_body,
    recover_sheet,
    sheet_place,
    without_reasons,
)
from phusong.geodata.workbooks import Formulas, no_such, read_formulas, read_sheets

_DELIMITERS = ",;\t|"
_FIELD_CHARACTERS = 1 << 26  # of a field while it is read, four bytes each: a quote that is never closed ends there
_HEAD_CHARACTERS = 20_000  # enough of a text file to find its header


def read_file_table(
    file: Path, folder: Path, *, sheet: str | None, layer: str | None, encoding: str | None, words: Words | None,
    mapped: Sequence[str],
) -> None:  # fmt: skip
    """Read a file and write its table into a folder; parameters and errors as of `readers.read_table`."""
    write_table(parse_table(file, sheet=sheet, layer=layer, encoding=encoding, words=words, mapped=mapped), folder)


def parse_table(
    file: Path, *, sheet: str | None = None, layer: str | None = None, encoding: str | None = None,
    words: Words | None = None, mapped: Sequence[str] = (),
) -> Table:  # fmt: skip
    """Read a file by its content, in this process; parameters and errors as of `readers.read_table`."""
    source, kind = checked_source(file)
    if kind == "text":
        table = _read_text(source, encoding, words, mapped)
    elif kind in WORKBOOK_KINDS:
        table = _read_workbook(source, sheet, words, mapped)
    else:
        require_kind(source, kind, ("text", *WORKBOOK_KINDS, *VECTOR_KINDS))
        table = _read_vector(source, kind, layer, words)
    if len(table.frame) == 0 and not table.issues:
        raise _no_rows(source)
    if not _is_named(file, kind):
        note = Note(
            f"{file.name} is a file of kind {kind} by its content, and was read so",
            f"{file.name} có nội dung loại {kind} và được đọc theo loại này",
        )
        table = replace(table, notes=(note, *table.notes))
    return table


def read_file_sheets(
    file: Path, folder: Path, *, layer: str | None, encoding: str | None, words: Words | None, mapped: Sequence[str]
) -> None:
    """Write the sheets of a file as they are, and where their headers stand, into a folder, for `annotating`."""
    source, kind = checked_source(file)
    if kind == "text":
        sheets = [_text_sheet(source, encoding, words, mapped)[0]]
    elif kind in WORKBOOK_KINDS:
        sheets = [recover_sheet(sheet)[0] for sheet in read_sheets(source)]
    else:
        frame = _read_vector(source, kind, layer, None).frame
        sheets = [Sheet([list(frame.columns), *frame.to_numpy(dtype=object).tolist()])]
    features = kind in VECTOR_KINDS
    layouts = [find_layout(sheet, None if features else words, mapped) for sheet in sheets]
    described = [(s, layout, match_columns(layout, words)[0]) for s, layout in zip(sheets, layouts, strict=True)]
    write_sheets(described, folder, features=features)


def checked_source(file: Path) -> tuple[Path, str]:
    """Tell the kind of a file, refuse what is not allowed in it, and give it the suffix of its kind.

    Returns
    -------
    tuple
        The file under its new name, and its kind.

    Raises
    ------
    InputError
        It is of no kind that is read here, or holds what is not allowed.
    """
    kind = find_kind(file)
    if kind == "zip":
        kind = archive_kind(file)
        validate_archive(file)
    if kind == "kmz":
        file, kind = unpack_kml(file), "kml"
    if kind == "gpkg":
        validate_database(file)
    elif kind == "tab":
        validate_tab(file)
    elif kind == "kml":
        validate_xml(file)
    if kind == "text" or _is_named(file, kind):
        return file, kind
    return file.rename(file.with_suffix(f".{kind}")), kind


def _no_rows(file: Path) -> InputError:
    return InputError(
        f"{file.name} has no rows; give a file with at least one.",
        vi=f"{file.name} không có dòng dữ liệu nào; hãy dùng tệp có ít nhất một dòng.",
    )


def _read_text(file: Path, encoding: str | None, words: Words | None, mapped: Sequence[str]) -> Table:
    sheet, notes = _text_sheet(file, encoding, words, mapped)
    return _from_sheet(file, sheet, find_layout(sheet, words, mapped), words, notes)


def _text_sheet(
    file: Path, encoding: str | None, words: Words | None, mapped: Sequence[str]
) -> tuple[Sheet, tuple[Note, ...]]:
    decoded = decode_file(file.read_bytes(), file=file.name, encoding=encoding)
    text = decoded.text
    start = 1 if text.startswith("sep=") else 0  # a line that Excel writes for itself
    delimiter = text[4] if start and len(text) > 4 else _find_delimiter(text, words, mapped)
    records = _read_records(text, delimiter, file=file.name)
    records[:start] = [[]] * start
    sheet = without_reasons(Sheet(records, ragged=True))
    notes: tuple[Note, ...] = (decoded.note,) if decoded.note else ()
    return recover_sheet(sheet) if not text.isascii() and not notes else (sheet, notes)


def _read_records(text: str, delimiter: str, *, file: str) -> list[list[str]]:
    """Read all records, long fields cut; equal ones share one text, which spares most of the memory of a large file."""
    known: dict[str, str] = {}
    csv.field_size_limit(_FIELD_CHARACTERS)
    records: list[list[str]] = []
    try:
        for record in csv.reader(_lines(text), delimiter=delimiter, strict=True):
            records.append([known.setdefault(cell, cell) for cell in record])
    except (csv.Error, TypeError) as error:  # the latter for a delimiter that is none
        row = len(records) + 1
        raise InputError(
            f"{file} is not readable as CSV from row {row} on ({words_of(error)}): a quote there is not closed or "
            "stands inside a cell, or a cell is too long; correct that row.",
            vi=f"{file} không đọc được dạng CSV từ dòng {row}: có dấu nháy không khép hoặc nằm giữa ô, hoặc ô quá dài; "
            "hãy sửa dòng đó.",
        ) from error
    if any(len(cell) > LONGEST_CELL for cell in known):
        return [[cell[: LONGEST_CELL + 1] for cell in record] for record in records]
    return records


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, ended by line feeds or, in an old file, carriage returns; a stray other one is a space."""
    mark, other = ("\n", "\r") if 2 * text.count("\n") >= text.count("\r") else ("\r", "\n")
    start = 0
    while start < len(text):
        end = text.find(mark, start)
        end = len(text) if end < 0 else end
        line = text[start:end]
        yield (line.removesuffix(other).replace(other, " ") if other in line else line) + "\n"
        start = end + 1


def _find_delimiter(text: str, words: Words | None, mapped: Sequence[str]) -> str:
    """The delimiter under which most columns are found; of equals the first that the first line holds."""
    first_line = text.partition("\n")[0]
    usual = next((mark for mark in _DELIMITERS if mark in first_line), ",")
    if words is None:
        return usual
    head = text[:_HEAD_CHARACTERS]
    found = {}
    for mark in dict.fromkeys((usual, *_DELIMITERS)):
        try:
            records = list(csv.reader(io.StringIO(head, newline=""), delimiter=mark))
        except csv.Error:
            continue
        found[mark] = find_layout(Sheet(records, ragged=True), words, mapped).matched
    return max(found, key=lambda mark: found[mark], default=usual)


def _read_workbook(file: Path, wanted: str | None, words: Words | None, mapped: Sequence[str]) -> Table:
    sheets = [recover_sheet(sheet) for sheet in read_sheets(file, wanted)]
    names = [sheet.name or "" for sheet, _ in sheets]
    if words is None and len(sheets) != 1:
        raise no_such(file, "sheet", "trang tính", names, None)
    layouts = [(sheet, find_layout(sheet, words, mapped), notes) for sheet, notes in sheets if len(sheet.rows)]
    chosen = layouts if words is None or len(layouts) < 2 else _alike(layouts, words)
    if not chosen:
        raise _no_rows(file)
    tables = [_from_workbook(file, sheet, layout, words, notes) for sheet, layout, notes in chosen]
    used = [sheet.name for sheet, _, _ in chosen]
    unused = [name for name in names if name not in used]
    table = tables[0] if len(tables) == 1 else _joined(tables)
    read, left = ", ".join(map(str, used)), ", ".join(unused)
    note = Note(
        f"sheets read: {read}; not read: {left or 'none'}",
        f"trang tính được đọc: {read}; không đọc: {left or 'không có'}",
    )
    return replace(table, notes=(*([note] if names[1:] else []), *table.notes))


def _alike(
    layouts: Sequence[tuple[Sheet, Layout, tuple[Note, ...]]], words: Words
) -> list[tuple[Sheet, Layout, tuple[Note, ...]]]:
    """The sheets whose header names the columns of the best one: its id, and three of four of the others."""
    found = [set(match_columns(layout, words)[0]) for _, layout, _ in layouts]
    best = max(found, key=len)
    return [
        entry
        for entry, columns in zip(layouts, found, strict=True)
        if columns and best & {words.own[0]} <= columns and len(columns & best) >= 0.75 * len(best)
    ] or list(layouts[:1])


def _from_workbook(file: Path, sheet: Sheet, layout: Layout, words: Words | None, notes: tuple[Note, ...]) -> Table:
    table = _from_sheet(file, sheet, layout, words, notes)
    formulas = read_formulas(file, sheet.name or "")
    rows = {int(number) - 1: position for position, number in enumerate(table.row_numbers)}
    valued = sum(row in rows for row, _ in formulas.valued)
    names = layout.names
    bare = sorted((rows[row], names[column]) for row, column in formulas.bare if row in rows and column < len(names))
    hidden = _hidden_rows(sheet, layout, table, formulas)
    for (row, column), error in formulas.errors.items():
        if row in rows and column < len(names):
            table.frame.iat[rows[row], column] = error
    place = sheet_place(sheet.name)
    note = Note(
        f"{place}{valued} cells hold formulas: the values that the file keeps of them were taken",
        f"{place.vi}{valued} ô chứa công thức: lấy giá trị lưu sẵn trong tệp",
    )
    notes = (*table.notes, *([note] if valued else []))
    return replace(table, bare_formulas=tuple(bare), notes=notes, issues=(*table.issues, *hidden))


def _hidden_rows(sheet: Sheet, layout: Layout, table: Table, formulas: Formulas) -> list[RowIssue]:
    """Refuse the rows below a header that look blank because all they hold is formulas without values."""
    ours = {name: column for column, name in table.matched.items()}
    found: dict[int, str] = {}
    for row, column in sorted(formulas.bare):
        name = layout.names[column] if column < len(layout.names) else ""
        blank = row >= len(sheet.rows) or not any(map(clean_text, sheet.rows[row]))
        if row >= layout.end and blank and (name in ours if ours else name):
            found.setdefault(row, ours.get(name, name))
    return [
        RowIssue(
            row + 1,
            name,
            None,
            BARE_CODE,
            f"{name} {BARE_FORMULA}",
            f"{name} {BARE_FORMULA.vi}",
            sheet.name,
        )
        for row, name in found.items()
    ]


def _joined(tables: Sequence[Table]) -> Table:
    """Tables of several sheets under each other; a column of ours has the name that it has in the first."""
    first = tables[0]
    frames = [
        table.frame.rename(columns={name: first.matched.get(ours, name) for ours, name in table.matched.items()})
        for table in tables
    ]
    starts = np.cumsum([0, *(len(frame) for frame in frames)])
    bare = [(int(start) + row, name) for start, t in zip(starts, tables, strict=False) for row, name in t.bare_formulas]
    frame = pd.concat(frames, ignore_index=True).astype(object)
    return Table(
        frame.where(frame.notna(), None),
        np.concatenate([table.row_numbers for table in tables]),
        issues=tuple(issue for table in tables for issue in table.issues),
        sheets=np.concatenate([table.sheets for table in tables if table.sheets is not None]),
        matched={ours: name for table in reversed(tables) for ours, name in table.matched.items()},
        ambiguous={ours: names for table in tables for ours, names in table.ambiguous.items()},
        factors=first.factors,
        bare_formulas=tuple(bare),
        notes=tuple(note for table in tables for note in table.notes),
    )


def _from_sheet(file: Path, sheet: Sheet, layout: Layout, words: Words | None, notes: tuple[Note, ...]) -> Table:
    if not any(any(parts) for parts in layout.headers):
        raise InputError(
            f"{file.name}: {sheet_place(sheet.name)}row 1 is empty; it must hold the column names.",
            vi=f"{file.name}: {sheet_place(sheet.name).vi}dòng 1 trống; dòng này phải là tên các cột.",
        )
    matched, ambiguous, factors = match_columns(layout, words)
    meant = {*matched.values(), *(name for names in ambiguous.values() for name in names)}
    layout = _distinct(file, layout, used=meant)
    body = read_body(sheet, layout, words)
    frame = pd.DataFrame(body.columns, index=range(len(body.row_numbers)), dtype=object)
    sheets = None if sheet.name is None else np.full(len(frame), sheet.name, dtype=object)
    return Table(
        frame, body.row_numbers, issues=body.issues, sheets=sheets, matched=matched, ambiguous=ambiguous,
        factors=factors, notes=(*notes, *body.notes),
    )  # fmt: skip


def _is_named(file: Path, kind: str) -> bool:
    """Whether the suffix of a file says its kind."""
    usual = {"geojson": (".json",), "xlsx": (".xlsm",), "kml": (".kmz",), "text": (".csv", ".txt", ".tsv")}
    return file.suffix.lower() in (f".{kind}", *usual.get(kind, ()))


def _read_vector(file: Path, kind: str, layer: str | None, words: Words | None) -> Table:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        names = [str(name) for name, _ in pyogrio.list_layers(file)]
        if layer not in names and (layer is not None or len(names) != 1):
            raise no_such(file, "layer", "lớp", names, layer)
        chosen = names[0] if layer is None else layer
        info, frame = _read_features(file, chosen)
        if info["driver"] not in DRIVERS[kind]:
            raise DataSourceError(f"read by {info['driver']}")
    except (DataSourceError, DataLayerError) as error:
        raise InputError(
            f"{file.name} is damaged or no vector file; export it again.",
            vi=f"{file.name} hỏng hoặc không phải tệp vectơ; hãy xuất lại.",
        ) from error
    geometry = None
    if "geometry" in frame.columns:
        geometry = np.asarray(frame.geometry.values, dtype=object)
        frame = pd.DataFrame(frame.drop(columns="geometry"))
    numbers = np.arange(1, len(frame) + 1, dtype=np.int64)
    texts = {str(name): clean_column(frame[name].tolist()) for name in frame.columns}
    sheet, notes = recover_sheet(Sheet([list(texts), *zip(*texts.values(), strict=True)]))
    columns = zip(*sheet.rows[1:], strict=True) if len(frame) else [()] * len(texts)
    layout = _distinct(file, find_layout(Sheet(sheet.rows[:1]), None), used=set())
    matched, ambiguous, factors = match_columns(layout, words)
    cells = dict(zip(layout.names, (np.array(column, dtype=object) for column in columns), strict=True))
    text_frame = pd.DataFrame(cells, index=range(len(frame)), dtype=object)
    table = Table(text_frame, numbers, geometry, info["crs"], notes=notes)
    return replace(table, matched=matched, ambiguous=ambiguous, factors=factors)


def _read_features(file: Path, layer: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read a layer; text that is not in the encoding that the file states is taken byte by byte, to be recovered."""
    import pyogrio

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot find iconv encoding", RuntimeWarning)
        info = pyogrio.read_info(file, layer=layer)
        shapes = info["geometry_type"] is not None
        try:
            return info, pyogrio.read_dataframe(file, layer=layer, read_geometry=shapes)
        except UnicodeDecodeError:
            return info, pyogrio.read_dataframe(file, layer=layer, read_geometry=shapes, encoding="ISO-8859-1")


def _distinct(file: Path, layout: Layout, *, used: Iterable[str]) -> Layout:
    """Number the columns of one name; raises InputError where a column that matters has its name twice."""
    twice = [name for name, count in Counter(layout.names).items() if count > 1]
    for name in twice:
        if name in used or not used:
            raise InputError(
                f"{file.name}: column {name!r} appears more than once; rename one.",
                vi=f"{file.name}: cột {name!r} xuất hiện nhiều lần; hãy đổi tên một cột.",
            )
    seen: Counter[str] = Counter()
    headers = []
    for name, parts in zip(layout.names, layout.headers, strict=True):
        seen[name] += 1
        headers.append((f"{name} ({seen[name]})",) if seen[name] > 1 else parts)
    return replace(layout, headers=tuple(headers))
