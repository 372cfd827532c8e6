"""Raw cells of a file written as trimmed NFC text, whole columns at a time."""

import datetime
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Texts = npt.NDArray[np.object_]
"""A column: text or None."""

LONGEST_CELL = 32_767
"""Characters of a cell (those of Excel's: "Excel specifications and limits"); a longer text is cut and refused."""

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?", re.ASCII)


class PlainNumber(str):
    """Text of a cell that was a number: its point is decimal, and leading zeros may be lost."""

    __slots__ = ()


def clean_text(value: Any) -> str | None:
    """Write a raw value as trimmed NFC text; whole numbers without a decimal point, dates in ISO form.

    Empty cells, NaN and NaT give None. The quote that `safe_cell` puts is taken away.
    """
    if isinstance(value, PlainNumber):
        return value
    if isinstance(value, str):
        if value[:1] == "'" and safe_cell(value[1:]) == value:
            value = value[1:]
        return (value if value.isascii() else unicodedata.normalize("NFC", value)).strip() or None
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        value = "true" if value else "false"
    elif isinstance(value, int | float | np.number):
        value = _number_text(value)
    elif isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date().isoformat()
    elif isinstance(value, datetime.date | datetime.time):
        value = value.isoformat()
    return None if value is None else value if isinstance(value, PlainNumber) else str(value).strip() or None


def clean_column(values: Sequence[Any]) -> Texts:
    """Write a column of raw values as text, each different value once."""
    kinds = set(map(type, values))
    if kinds <= {str} or kinds <= {float, str, type(None)}:
        known = {value: clean_text(value) for value in dict.fromkeys(values)}
        return np.array([known[value] for value in values], dtype=object)
    return np.array([clean_text(value) for value in values], dtype=object)  # True equals 1: one by one


def safe_cell(value: Any) -> Any:
    """Make a value safe for a cell that a spreadsheet program opens: text that it would run as a formula gets a quote.

    A text that begins with `=`, `+`, `-`, `@`, a tab or a line end is one, unless it is a number; other values stay.
    Source: OWASP, "CSV Injection".
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def column_letters(position: int) -> str:
    """The letters of a spreadsheet's column, counted from 0: 0 is A, 26 is AA."""
    letters = ""
    while position >= 0:
        position, rest = divmod(position, 26)
        letters = chr(ord("A") + rest) + letters
        position -= 1
    return letters


def distinct(values: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.intp], list[str | None]]:
    """The distinct texts of a column with None as the last, and for each row the position of its text among them."""
    codes, texts = pd.factorize(values, use_na_sentinel=True)
    return np.asarray(codes, dtype=np.intp), [*texts, None]


def _number_text(value: Any) -> str | None:
    if isinstance(value, int | np.integer):
        return PlainNumber(int(value))
    number = float(value)
    if math.isnan(number):
        return None
    return PlainNumber(int(number) if number.is_integer() and abs(number) < 1e15 else repr(number))
