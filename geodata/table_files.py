"""A file's rows as raw text, and how they pass from the process that read them: as an Arrow file and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from phusong.geodata.cells import PlainNumber, Texts
from phusong.geodata.reports import Note, RowIssue

_ROWS, _REST = "rows.arrow", "rest.json"


@dataclass(frozen=True)
class Table:
    """A file's rows as raw text.

    `frame` holds text or None; `row_numbers` the 1-based row in the file or sheet (the first feature of a vector
    file is 1), `sheets` the sheet of each row; `geometry` shapely objects; `crs` what the file says. `issues` are
    rows that could not be read, which `frame` leaves out. `matched` maps our columns to the file's where words of
    the layer were given, `ambiguous` to the several that could mean one, `factors` to what turns the unit of the header
    into ours; `bare_formulas` are cells (position in `frame`, column) with a formula and no value.
    """

    frame: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]
    geometry: npt.NDArray[np.object_] | None = None
    crs: str | None = None
    issues: tuple[RowIssue, ...] = ()
    sheets: Texts | None = None
    matched: Mapping[str, str] = field(default_factory=dict)
    ambiguous: Mapping[str, Sequence[str]] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    bare_formulas: tuple[tuple[int, str], ...] = ()
    notes: tuple[Note, ...] = ()

    def take(self, origin: npt.NDArray[np.intp]) -> "Table":
        """The table with the rows at these positions, some of them several times; without its bare formulas."""
        return replace(
            self,
            frame=self.frame.iloc[origin].reset_index(drop=True),
            row_numbers=self.row_numbers[origin],
            geometry=None if self.geometry is None else self.geometry[origin],
            sheets=None if self.sheets is None else self.sheets[origin],
            bare_formulas=(),
        )


def write_table(table: Table, folder: Path) -> None:
    """Write a table into a folder, for `load_table`; equal texts of a column are written once."""
    columns: dict[str, pa.Array] = {"row": pa.array(table.row_numbers)}
    for position, name in enumerate(table.frame.columns):
        cells = table.frame[name].to_numpy(dtype=object)
        numbers = np.fromiter((type(cell) is PlainNumber for cell in cells), dtype=bool, count=len(cells))
        columns[f"text {position}"] = _encoded(cells)
        if numbers.any():
            columns[f"number {position}"] = pa.array(numbers)
    if table.sheets is not None:
        columns["sheet"] = _encoded(table.sheets)
    if table.geometry is not None:
        columns["geometry"] = pa.array(shapely.to_wkb(table.geometry), type=pa.binary())
    rows = pa.table(columns)
    with pa.OSFile(str(folder / _ROWS), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    rest = {
        "names": [str(name) for name in table.frame.columns], "crs": table.crs,
        "notes": [(note, note.vi) for note in table.notes],
        "issues": [asdict(issue) for issue in table.issues], "matched": dict(table.matched),
        "ambiguous": dict(table.ambiguous), "factors": dict(table.factors), "bare_formulas": table.bare_formulas,
    }  # fmt: skip
    (folder / _REST).write_text(json.dumps(rest), encoding="utf-8")


def load_table(folder: Path) -> Table:
    """Load the table that `write_table` put into a folder; its bytes are checked, not trusted."""
    with pa.OSFile(str(folder / _ROWS), "rb") as source:
        rows = pa.ipc.open_file(source).read_all()
    rows.validate(full=True)
    rest: dict[str, Any] = json.loads((folder / _REST).read_text(encoding="utf-8"))
    columns = {name: _texts(rows, position) for position, name in enumerate(rest["names"])}
    names = rows.column_names
    return Table(
        pd.DataFrame(columns, index=range(rows.num_rows), dtype=object),
        np.array(rows["row"], dtype=np.int64),
        geometry=_shapes(rows["geometry"]) if "geometry" in names else None,
        crs=rest["crs"],
        issues=tuple(RowIssue(**issue) for issue in rest["issues"]),
        sheets=_decoded(rows["sheet"], str) if "sheet" in names else None,
        matched=rest["matched"],
        ambiguous=rest["ambiguous"],
        factors=rest["factors"],
        bare_formulas=tuple((int(row), str(name)) for row, name in rest["bare_formulas"]),
        notes=tuple(Note(*note) for note in rest["notes"]),
    )


def _encoded(cells: Texts) -> pa.Array:
    return pa.array(cells, type=pa.large_string(), from_pandas=True).dictionary_encode()


def _texts(rows: pa.Table, position: int) -> Texts:
    """A column's texts, those that were numbers in the file as such."""
    name = f"number {position}"
    texts = _decoded(rows[f"text {position}"], str)
    if name not in rows.column_names:
        return texts
    numbers = np.array(rows[name], dtype=bool)
    return np.where(numbers, _decoded(rows[f"text {position}"], PlainNumber), texts)


def _decoded(column: pa.ChunkedArray, kind: type[str]) -> Texts:
    encoded = column.combine_chunks()
    known = encoded.dictionary.to_numpy(zero_copy_only=False)
    values = np.array([*(known if kind is str else map(kind, known)), None], dtype=object)
    return np.asarray(values[encoded.indices.fill_null(len(known)).to_numpy()], dtype=object)


def _shapes(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    return np.asarray(shapely.from_wkb(column.to_numpy()), dtype=object)
