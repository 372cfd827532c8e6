"""Files read as tables of raw text, with the number of every row.

GeoPackage, GeoJSON, Shapefile, MapInfo TAB and MIF, KML and FlatGeobuf by pyogrio; CSV; workbooks with a
header in their first row by python-calamine. Nothing is interpreted: values become trimmed NFC text or None.
"""

import csv
import datetime
import io
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from python_calamine import CalamineError, CalamineWorkbook

from phusong.geodata.errors import InputError
from phusong.geodata.reports import RowIssue

VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".tab", ".mif", ".kml", ".fgb")
TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class Table:
    """A file's rows as raw text.

    `frame` holds text or None; `row_numbers` the 1-based row in the file (the header of a text file or
    workbook is row 1, the first feature of a vector file is 1); `geometry` shapely objects; `crs` what the
    file says. `issues` are rows that could not be read, which `frame` leaves out.
    """

    frame: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]
    geometry: npt.NDArray[np.object_] | None = None
    crs: str | None = None
    issues: tuple[RowIssue, ...] = ()


def read_table(
    path: Path | str, *, sheet: str | None = None, layer: str | None = None, encoding: str = "utf-8-sig"
) -> Table:
    """Read a file by its suffix.

    Parameters
    ----------
    path
        The file.
    sheet
        Sheet of a workbook; needed when it has several.
    layer
        Layer of a vector file; needed when it has several.
    encoding
        Encoding of a text file.

    Raises
    ------
    InputError
        The file is missing, empty, of an unknown kind, damaged or in another encoding, or has no such
        sheet or layer.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if not file.is_file():
        raise InputError(f"{file} does not exist; check the path.", vi=f"Không có tệp {file}; hãy kiểm tra đường dẫn.")
    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty; give a file with rows.", vi=f"Tệp {file} trống; hãy dùng tệp có dữ liệu.")
    if suffix in TEXT_SUFFIXES:
        table = _read_text(file, encoding)
    elif suffix in WORKBOOK_SUFFIXES:
        table = _read_workbook(file, sheet)
    elif suffix in VECTOR_SUFFIXES:
        table = _read_vector(file, layer)
    else:
        known = " ".join(VECTOR_SUFFIXES + TEXT_SUFFIXES + WORKBOOK_SUFFIXES)
        raise InputError(
            f"{file.name}: unknown kind of file; the known are {known}.",
            vi=f"{file.name}: loại tệp không biết; các loại đọc được: {known}.",
        )
    if len(table.frame) == 0 and not table.issues:
        raise InputError(
            f"{file.name} has no rows; give a file with at least one.",
            vi=f"{file.name} không có dòng dữ liệu nào; hãy dùng tệp có ít nhất một dòng.",
        )
    return table


def clean_text(value: Any) -> str | None:
    """Write a raw value as trimmed NFC text; whole numbers without a decimal point, dates in ISO form.

    Empty cells, NaN and NaT give None.
    """
    if isinstance(value, bool | np.bool_):
        value = "true" if value else "false"
    elif isinstance(value, float | np.floating):
        value = _number_text(float(value))
    elif isinstance(value, datetime.datetime) and value is not pd.NaT and value.time() == datetime.time():
        value = value.date().isoformat()
    elif isinstance(value, datetime.date | datetime.time) and value is not pd.NaT:
        value = value.isoformat()
    if value is None or value is pd.NaT:
        return None
    return unicodedata.normalize("NFC", str(value)).strip() or None


def _number_text(number: float) -> str | None:
    if math.isnan(number):
        return None
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _read_text(file: Path, encoding: str) -> Table:
    try:
        text = file.read_bytes().decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(
            f"{file.name} is not {encoding} text ({error}); save it as UTF-8 or name its encoding.",
            vi=f"{file.name} không phải văn bản {encoding}; hãy lưu lại dạng UTF-8 hoặc nêu bảng mã.",
        ) from error
    first_line = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first_line), ",")
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(
            f"{file.name} is not readable as CSV: {error}.",
            vi=f"{file.name} không đọc được dạng CSV: {error}.",
        ) from error
    return _from_records(file, records)


def _read_workbook(file: Path, sheet: str | None) -> Table:
    try:
        with CalamineWorkbook.from_path(file) as book:
            name = _only(file, "sheet", "trang tính", book.sheet_names, sheet)
            records = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (CalamineError, OSError) as error:
        raise InputError(
            f"{file.name} is no readable workbook ({error}); save it again as .xlsx.",
            vi=f"{file.name} không phải bảng tính đọc được; hãy lưu lại dạng .xlsx.",
        ) from error
    return _from_records(file, records)


def _read_vector(file: Path, layer: str | None) -> Table:
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(file)]
        chosen = _only(file, "layer", "lớp", names, layer)
        info = pyogrio.read_info(file, layer=chosen)
        frame = pyogrio.read_dataframe(file, layer=chosen, read_geometry=info["geometry_type"] is not None)
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
    return Table(_text_frame(file, frame), numbers, geometry, info["crs"])


def _from_records(file: Path, records: Sequence[Sequence[Any]]) -> Table:
    """Take the first record as the header; blank records count as rows but hold nothing."""
    header = [clean_text(cell) for cell in records[0]] if records else []
    while header and header[-1] is None:
        header.pop()
    if not header:
        raise InputError(
            f"{file.name}: row 1 is empty; it must hold the column names.",
            vi=f"{file.name}: dòng 1 trống; dòng này phải là tên các cột.",
        )
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    issues: list[RowIssue] = []
    for number, record in enumerate(records[1:], start=2):
        cells = [clean_text(cell) for cell in record]
        if not any(cells):
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            issues.append(_field_count_issue(number, len(cells), len(header)))
            continue
        rows.append(cells[: len(header)])
        numbers.append(number)
    names = [name or f"(column {position})" for position, name in enumerate(header, start=1)]
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    _validate_names(file, frame.columns)
    return Table(frame, np.array(numbers, dtype=np.int64), issues=tuple(issues))


def _field_count_issue(row: int, found: int, wanted: int) -> RowIssue:
    return RowIssue(
        row=row,
        field="",
        value=None,
        code="wrong_field_count",
        reason=f"the row has {found} fields, the header {wanted}; check its commas and quotes",
        reason_vi=f"dòng có {found} trường, tiêu đề có {wanted}; hãy kiểm tra dấu phẩy và dấu nháy",
    )


def _text_frame(file: Path, frame: pd.DataFrame) -> pd.DataFrame:
    _validate_names(file, frame.columns)
    columns = {str(name): [clean_text(value) for value in frame[name].tolist()] for name in frame.columns}
    return pd.DataFrame(columns, index=range(len(frame)), dtype=object)


def _validate_names(file: Path, names: Iterable[object]) -> None:
    twice = [str(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"{file.name}: column {twice[0]!r} appears more than once; rename one.",
            vi=f"{file.name}: cột {twice[0]!r} xuất hiện nhiều lần; hãy đổi tên một cột.",
        )


def _only(file: Path, kind: str, kind_vi: str, names: Sequence[str], wanted: str | None) -> str:
    """Choose the wanted name, or the only one."""
    if wanted is not None and wanted in names:
        return wanted
    if wanted is None and len(names) == 1:
        return names[0]
    known = ", ".join(names)
    what = f"has no {kind} {wanted!r}" if wanted is not None else f"has {len(names)} {kind}s; name one"
    what_vi = f"không có {kind_vi} {wanted!r}" if wanted is not None else f"có {len(names)} {kind_vi}; hãy chọn một"
    raise InputError(f"{file.name} {what}: {known}.", vi=f"{file.name} {what_vi}: {known}.")
