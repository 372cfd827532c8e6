"""Files read as tables of raw text, by a process with limits (`reader_client`)."""

from collections.abc import Sequence
from pathlib import Path

from phusong.geodata.errors import InputError
from phusong.geodata.headers import Words
from phusong.geodata.reader_client import opened_apart
from phusong.geodata.table_files import Table, load_table

__all__ = ["SIDECARS", "Table", "read_table"]

VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".dbf", ".tab", ".mif", ".kml", ".kmz", ".fgb")
TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".dat", ".map", ".id", ".ind", ".mid")


def read_table(
    path: Path | str,
    *,
    sheet: str | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    words: Words | None = None,
    mapped: Sequence[str] = (),
) -> Table:
    """Read a file by its content.

    Parameters
    ----------
    path
        The file.
    sheet
        Sheet of a workbook. Without it the only one, or those in which `words` find the same columns.
    layer
        Layer of a vector file; needed when it has several.
    encoding
        Encoding of a text file; None finds it.
    words
        Words of the layer, by which the header is found and matched; without them it is the first row.
    mapped
        Headers that the user names.

    Raises
    ------
    InputError
        The file is missing, empty, of an unknown kind, damaged or in another encoding, holds what files from elsewhere
        may not hold, needs more than its share of memory or time, or has no such sheet or layer.
    """
    file = Path(path)
    require_file(file)
    options = {"sheet": sheet, "layer": layer, "encoding": encoding, "words": words, "mapped": tuple(mapped)}
    with opened_apart("table", file, sidecars=SIDECARS, options=options) as found:
        return load_table(found)


def require_file(file: Path) -> None:
    """Raise InputError for a table's file that is missing, empty or named like nothing that is read."""
    if not file.is_file():
        raise InputError(f"{file} does not exist; check the path.", vi=f"Không có tệp {file}; hãy kiểm tra đường dẫn.")
    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty; give a file with rows.", vi=f"Tệp {file} trống; hãy dùng tệp có dữ liệu.")
    if file.suffix.lower() not in VECTOR_SUFFIXES + TEXT_SUFFIXES + WORKBOOK_SUFFIXES:
        known = " ".join(VECTOR_SUFFIXES + TEXT_SUFFIXES + WORKBOOK_SUFFIXES)
        raise InputError(
            f"{file.name}: unknown kind of file; the known are {known}.",
            vi=f"{file.name}: loại tệp không biết; các loại đọc được: {known}.",
        )
