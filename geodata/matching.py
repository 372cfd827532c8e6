"""Which column of a foreign table is which of ours: what the user says, then the words of headers, then the values."""

import re
import statistics
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from phusong.geodata.cell_text import decimal_mark, plain_number
from phusong.geodata.cells import column_letters, distinct
from phusong.geodata.errors import InputError
from phusong.geodata.headers import SURVEYORS_PAIR, Words, candidates
from phusong.geodata.joins import COORDINATES
from phusong.geodata.names import search_key
from phusong.geodata.readers import Table
from phusong.geodata.reports import BARE_CODE, BARE_FORMULA, IssueLog, Note
from phusong.geodata.schemas import Layer
from phusong.geodata.validation import parse_number

_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|FIELD!|BLOCKED!|GETTING_DATA)")
_SAMPLED_ROWS = 1000
_SHOWN = 6

Mapped = Mapping[str, str | Sequence[str]]


def complete_mapping(
    table: Table, mapping: Mapped, layer: Layer, *, crs: str | None
) -> tuple[dict[str, str | Sequence[str]], list[Note]]:
    """Add to a user's mapping the columns that the headers of the table tell.

    Parameters
    ----------
    table
        The table, read with the words of the layer.
    mapping
        Our column to the table's, or to several: of these, parts of two-row headers and other spellings are found too.
    layer
        The layer.
    crs
        CRS as given: where a table has both degrees and metres, it tells which of them count.

    Returns
    -------
    tuple
        The mapping, and notes on what was found.
    """
    headers = [str(name) for name in table.frame.columns]
    complete: dict[str, str | Sequence[str]] = {
        ours: _resolve(theirs, headers) if isinstance(theirs, str) else [_resolve(name, headers) for name in theirs]
        for ours, theirs in mapping.items()
    }
    found = dict(table.matched)
    if "position" in found and _spans_columns(found["position"], headers):
        del found["position"]
    notes = _orient(found, table)
    known = {
        *layer.column_names,
        *(_position_columns(mapping, {*found, *headers}, crs) if layer.geometry == "point" else ()),
    }
    known -= {*complete, *headers}
    found = {ours: name for ours, name in found.items() if ours in known}
    if found:
        notes.append(matched_note(found))
    return complete | found, notes


def matched_note(found: Mapping[str, str]) -> Note:
    """Name the columns of a file that were taken for ours by their headers."""
    names = ", ".join(f"{ours} = {name}" for ours, name in found.items())
    return Note(f"columns: {names}", f"các cột: {names}")


def require_columns(
    frame: pd.DataFrame, layer: Layer, words: Words, *, table: Table, mapping: Mapped, file: str,
    assumed: Collection[str] = (),
) -> None:  # fmt: skip
    """Raise InputError where a required column is missing, with the headers of the file that it could be.

    Columns that are `assumed` once the others are there are not asked for.
    """
    asked = [column.name for column in layer.columns if column.required and column.name not in assumed]
    missing = [name for name in asked if name not in frame.columns]
    if not missing:
        return
    first = missing[0]
    used = {name for names in mapping.values() for name in ([names] if isinstance(names, str) else names)}
    free = [str(name) for name in table.frame.columns if name not in used and not str(name).startswith("(column ")]
    names = table.ambiguous.get(first) or candidates(first, free, words)
    shown = ", ".join(repr(name) for name in names[:_SHOWN]) or "none left"
    both = " (several could be meant)" if first in table.ambiguous else ""
    raise InputError(
        f"{file} has no column for {', '.join(missing)} of layer {layer.name}; candidates for {first}{both}: {shown}; "
        f"give --map {first}=THEIRS.",
        vi=f"{file} thiếu cột cho {', '.join(missing)} của lớp {layer.name}; các cột có thể là {first}: {shown}; "
        f"hãy nêu bằng --map {first}=TÊN_CỘT.",
    )


def refuse_bare_formulas(table: Table, mapping: Mapped, frame: pd.DataFrame, log: IssueLog) -> None:
    """Refuse the rows where a column that is used holds a formula without a value."""
    for ours in frame.columns:
        theirs = mapping.get(ours, ours)
        names = {theirs} if isinstance(theirs, str) else set(theirs)
        rows = {row for row, name in table.bare_formulas if name in names}
        if rows:
            log.refuse(
                [row in rows for row in range(len(frame))], field=ours, values=None, code=BARE_CODE,
                reason=f"{ours} {BARE_FORMULA}", reason_vi=f"{ours} {BARE_FORMULA.vi}",
            )  # fmt: skip


def refuse_errors(table: Table, mapping: Mapped, frame: pd.DataFrame, log: IssueLog) -> None:
    """Refuse the rows where a column that is used holds an error of a spreadsheet program, like `#REF!`, in place."""
    headers = [str(name) for name in table.frame.columns]
    for ours in frame.columns:
        cells = frame[ours].to_numpy(dtype=object)
        codes, texts = distinct(cells)
        wrong = np.array([text is not None and bool(_ERROR.fullmatch(text)) for text in texts])[codes]
        if not wrong.any():
            continue
        given = mapping.get(ours, ours)
        names = [name for name in ([given] if isinstance(given, str) else given) if name in headers]
        letters = " / ".join(column_letters(headers.index(name)) for name in names)
        log.refuse(
            wrong, field=ours, values=cells.tolist(), code="spreadsheet_error",
            reason=f"{ours} holds the error {{value}} (cell {letters}{{hint}}); correct its formula or write the value",
            reason_vi=f"{ours} chứa lỗi {{value}} (ô {letters}{{hint}}); hãy sửa công thức, hoặc ghi giá trị",
            hints=log.row_numbers.tolist(),
        )  # fmt: skip
        left = cells.copy()
        left[wrong] = None
        frame[ours] = pd.Series(left, index=frame.index, dtype=object)


def apply_factors(frame: pd.DataFrame, factors: Mapping[str, float], mapped: Mapped) -> list[Note]:
    """Turn the units that headers state into ours, in place; returns notes."""
    notes = []
    for ours, factor in factors.items():
        if ours in frame.columns and ours not in mapped:
            numbers = [None if text is None else parse_number(text) for text in frame[ours]]
            texts = [
                text if number is None else f"{number * factor:.12g}"
                for text, number in zip(frame[ours], numbers, strict=True)
            ]
            frame[ours] = pd.Series(texts, index=frame.index, dtype=object)
            notes.append(
                Note(
                    f"{ours}: multiplied by {factor:g}, by the unit in its header",
                    f"{ours}: nhân với {factor:g} theo đơn vị ghi ở tiêu đề",
                )
            )
    return notes


def _spans_columns(name: str, headers: Sequence[str]) -> bool:
    """Whether a header stands over a second column, which has none of its own: then it is no column by itself."""
    after = headers.index(name) + 1
    return after < len(headers) and headers[after].startswith("(column ")


def _resolve(name: str, headers: Sequence[str]) -> str:
    """The header that a user's name means: the same, else the one of that key, else the one with such a part."""
    if name in headers:
        return name
    key = search_key(name)
    for spellings in (lambda header: [header], lambda header: header.split(" / ")):
        equal = [header for header in headers if key in [search_key(part) for part in spellings(header)]]
        if len(equal) == 1:
            return equal[0]
    return name


def _orient(found: dict[str, str], table: Table) -> list[Note]:
    """Tell by their values which of columns X and Y is the northing (or latitude), in place; returns a note."""
    first, second = (found.pop(name, None) for name in SURVEYORS_PAIR)
    if first is None or second is None:
        one, known = first or second, {"x", "y"} & set(found)
        if one is not None and len(known) == 1:
            found["x" if "y" in known else "y"] = one
        return []
    sizes = [size for name in (first, second) for size in [_median(table.frame[name])] if size is not None]
    degrees = max(sizes, default=1e6) <= 180
    rising = len(sizes) == 2 and sizes[0] < sizes[1]
    falling = len(sizes) == 2 and sizes[0] > sizes[1]
    across, along = (first, second) if (falling if degrees else rising) else (second, first)
    names = ("lon", "lat") if degrees else ("x", "y")
    found.update(zip(names, (across, along), strict=True))
    what = ("longitude", "latitude") if degrees else ("easting", "northing")
    what_vi = ("kinh độ", "vĩ độ") if degrees else ("tọa độ đông", "tọa độ bắc")
    return [
        Note(
            f"{across} is the {what[0]} and {along} the {what[1]}, by their values",
            f"theo giá trị, {across} là {what_vi[0]} và {along} là {what_vi[1]}",
        )
    ]


def _median(series: pd.Series) -> float | None:
    sample = series.dropna().iloc[:_SAMPLED_ROWS]
    numbers = [parse_number(plain_number(text, decimal_mark(text) or ".")) for text in sample]
    known = [number for number in numbers if number is not None]
    return statistics.median(known) if known else None


def _position_columns(mapping: Mapped, present: set[str], crs: str | None) -> tuple[str, ...]:
    """The columns of the position: those that the user maps, else of degrees and metres what the CRS speaks of."""
    try:
        projected = crs is not None and CRS.from_user_input(crs).is_projected
    except CRSError:
        projected = False
    order = sorted(COORDINATES, key=lambda names: (names == ("lon", "lat")) == projected)
    mapped = [names for names in order if set(names) & set(mapping)]
    return next((names for names in mapped or order if set(names) <= present or mapped), ())
