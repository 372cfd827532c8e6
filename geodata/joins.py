"""From a file's own columns to ours, still text: joined, chosen, translated and filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.cells import clean_text
from phusong.geodata.errors import InputError
from phusong.geodata.readers import Table, read_table
from phusong.geodata.reports import IssueLog, Note
from phusong.geodata.schemas import Layer

COORDINATES = (("lon", "lat"), ("x", "y"), ("position",))  # of a point; both in one cell in the last

Scalar = str | float | int | bool
DefaultRule = Mapping[str, Scalar]
"""Values that other columns must have, and `value`, what then fills the empty cell."""


@dataclass(frozen=True)
class Join:
    """An attribute file to take columns from.

    `on` maps columns of the imported file to columns of this one; `take` names the new columns and theirs.
    `unique` allows a key in several rows as long as they agree on what is taken.
    """

    path: Path
    on: Mapping[str, str]
    take: Mapping[str, str]
    unique: bool = False
    sheet: str | None = None


def apply_join(frame: pd.DataFrame, join: Join, *, file: str, log: IssueLog) -> tuple[pd.DataFrame, Note | None]:
    """Add the columns of an attribute file; returns the wider frame and a note on unmatched rows.

    Raises
    ------
    InputError
        A column is missing or would be overwritten, a row of the attribute file is unreadable, or a key
        appears twice without `unique`.
    """
    table = read_table(join.path, sheet=join.sheet)
    _validate_join(frame, join, table, file)
    keys = list(zip(*(frame[name] for name in join.on), strict=True))
    their_keys = list(zip(*(table.frame[name] for name in join.on.values()), strict=True))
    taken = list(zip(*(table.frame[name] for name in join.take.values()), strict=True))
    found: dict[tuple[object, ...], tuple[object, ...]] = {}
    first_row: dict[tuple[object, ...], int] = {}
    ambiguous: set[tuple[object, ...]] = set()
    for key, values, row in zip(their_keys, taken, table.row_numbers, strict=True):
        if key in found and not join.unique:
            shown = ", ".join(str(part) for part in key)
            raise InputError(
                f"{join.path.name}: key {shown} stands in rows {first_row[key]} and {row}; "
                "remove one, or set unique = true where they agree.",
                vi=f"{join.path.name}: khóa {shown} có ở dòng {first_row[key]} và {row}; hãy bỏ một dòng.",
            )
        if found.setdefault(key, values) != values:
            ambiguous.add(key)
        first_row.setdefault(key, int(row))
    log.refuse(
        [key in ambiguous for key in keys],
        field=", ".join(join.on),
        values=[", ".join(str(part) for part in key) for key in keys],
        code="ambiguous_join",
        reason=f"{join.path.name} gives different values for {{value}}; they must agree",
        reason_vi=f"{join.path.name} cho nhiều giá trị khác nhau với {{value}}; các giá trị phải thống nhất",
    )
    nothing = (None,) * len(join.take)
    columns = np.array([found.get(key, nothing) for key in keys], dtype=object).reshape(len(keys), -1)
    wider = frame.assign(**{name: columns[:, position] for position, name in enumerate(join.take)})
    missing = sum(key not in found for key in keys)
    note = Note(
        f"{missing} of {len(keys)} rows have no match in {join.path.name}",
        f"{missing}/{len(keys)} dòng không có trong {join.path.name}",
    )
    return wider, note if missing else None


def _validate_join(frame: pd.DataFrame, join: Join, table: Table, file: str) -> None:
    for name in join.on:
        require_column(frame, name, file)
    for name in (*join.on.values(), *join.take.values()):
        require_column(table.frame, name, join.path.name)
    if table.issues:
        issue = table.issues[0]
        raise InputError(
            f"{join.path.name}, row {issue.row}: {issue.reason}.",
            vi=f"{join.path.name}, dòng {issue.row}: {issue.reason_vi}.",
        )
    both = sorted(set(join.take) & set(frame.columns))
    if both:
        raise InputError(
            f"{file} has a column {both[0]!r} already; take it from {join.path.name} under another name.",
            vi=f"{file} đã có cột {both[0]!r}; hãy lấy từ {join.path.name} với tên khác.",
        )


def choose_columns(
    frame: pd.DataFrame, layer: Layer, mapping: Mapping[str, str | Sequence[str]], *, file: str
) -> tuple[pd.DataFrame, list[Note]]:
    """Rename theirs to ours; a column without mapping is taken where the file has one of our name.

    Where a coordinate is mapped, columns named like other kinds of coordinates are passed over.

    Parameters
    ----------
    frame
        The file's columns, text.
    layer
        The layer to fill.
    mapping
        Our column to theirs, or to several of theirs: then the first that is not empty counts.
    file
        Name of the file, for messages.

    Returns
    -------
    tuple
        The frame with our columns (and `lon`, `lat`, `x`, `y` where there), and notes.

    Raises
    ------
    InputError
        A mapped column is not in the file, or not one of the layer.
    """
    known = (*layer.column_names, *(name for pair in COORDINATES if layer.geometry == "point" for name in pair))
    columns: dict[str, object] = {}
    notes: list[Note] = []
    used: set[str] = set()
    for ours in mapping:
        if ours not in known:
            raise InputError(
                f"Layer {layer.name} has no column {ours!r}; its columns are {', '.join(known)}.",
                vi=f"Lớp {layer.name} không có cột {ours!r}; các cột là {', '.join(known)}.",
            )
    mapped = [pair for pair in COORDINATES if set(pair) & set(mapping)]
    passed_over = {name for pair in COORDINATES for name in pair if mapped and pair not in mapped}
    for ours in known:
        given = mapping.get(ours, ours)
        theirs = [given] if isinstance(given, str) else list(given)
        if ours not in mapping and (ours not in frame.columns or ours in passed_over):
            continue
        for name in theirs:
            require_column(frame, name, file)
        columns[ours] = _first_given(frame, theirs)
        used.update(theirs)
        if len(theirs) > 1:
            counts = _first_given_counts(frame, theirs).items()
            notes.append(
                Note(
                    f"{ours}: {', '.join(f'{count} from {name}' for name, count in counts)}",
                    f"{ours}: {', '.join(f'{count} từ {name}' for name, count in counts)}",
                )
            )
    unused = [str(name) for name in frame.columns if name not in used]
    if unused:
        notes.append(unused_note(unused))
    return pd.DataFrame(columns, index=frame.index, dtype=object), notes


def unused_note(columns: Sequence[str]) -> Note:
    """Name the columns of a file that were not used."""
    names = ", ".join(columns)
    return Note(f"columns not used: {names}", f"cột không dùng đến: {names}")


def apply_values(frame: pd.DataFrame, values: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Translate words per column, theirs to ours, in place; the key "" stands for an empty cell.

    Returns
    -------
    dict
        How many empty cells were filled, per column.
    """
    filled: dict[str, int] = {}
    for column, words in values.items():
        if column not in frame.columns:
            frame[column] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
        series = frame[column]
        empty = int(series.isna().sum())
        frame[column] = pd.Series(
            [words.get(text if text is not None else "", text) for text in series],
            index=frame.index,
            dtype=object,
        )
        if empty and "" in words:
            filled[column] = empty
    return filled


def apply_defaults(frame: pd.DataFrame, defaults: Mapping[str, Scalar | Sequence[DefaultRule]]) -> dict[str, int]:
    """Fill empty cells in place: with a constant, or with the first rule whose columns agree.

    Returns
    -------
    dict
        How many cells were filled, per column.
    """
    filled: dict[str, int] = {}
    for column, default in defaults.items():
        cells = list(frame[column]) if column in frame.columns else [None] * len(frame)
        rules = [{"value": default}] if isinstance(default, str | float | int) else default
        for rule in rules:
            fits = _fits(frame, rule, column)
            value = clean_text(rule["value"])
            hits = sum(1 for cell, fit in zip(cells, fits, strict=True) if cell is None and fit)
            filled[column] = filled.get(column, 0) + hits
            cells = [value if cell is None and fit else cell for cell, fit in zip(cells, fits, strict=True)]
        frame[column] = pd.Series(cells, index=frame.index, dtype=object)
    return {column: count for column, count in filled.items() if count}


def _fits(frame: pd.DataFrame, rule: DefaultRule, column: str) -> npt.NDArray[np.bool_]:
    """Whether each row has the values that a rule asks of other columns."""
    if "value" not in rule:
        raise InputError(
            f"A default rule of {column} has no value; write value = …",
            vi=f"Quy tắc mặc định của {column} thiếu value",
        )
    fits = np.ones(len(frame), dtype=bool)
    for name, wanted in rule.items():
        if name == "value":
            continue
        require_column(frame, name, f"the default of {column}")
        if isinstance(wanted, int | float) and not isinstance(wanted, bool):
            numbers = pd.to_numeric(frame[name], errors="coerce")
            fits = fits & (numbers == float(wanted)).to_numpy()
        else:
            fits = fits & (frame[name] == clean_text(wanted)).to_numpy()
    return fits


def require_column(frame: pd.DataFrame, name: str, file: str) -> None:
    """Raise InputError naming the file's columns when one is missing."""
    if name not in frame.columns:
        present = ", ".join(str(column) for column in frame.columns)
        raise InputError(
            f"{file} has no column {name!r}; its columns are {present}.",
            vi=f"{file} không có cột {name!r}; các cột là {present}.",
        )


def _first_given(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    result = frame[names[0]]
    for name in names[1:]:
        result = result.where(result.notna(), frame[name])
    return result.astype(object).where(result.notna(), None)


def _first_given_counts(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    open_rows = np.ones(len(frame), dtype=bool)
    for name in names:
        given = frame[name].notna().to_numpy() & open_rows
        counts[name] = int(given.sum())
        open_rows &= ~given
    return counts
