"""Cells as people write them turned into the forms that validation reads: numbers, lists, dates, words and codes.

A comma and a point are each a decimal mark or a thousands mark by custom. What a cell, else its column, else its file
shows beyond doubt decides; a number that could be read both ways, with nothing to decide it, is refused or, where
only a decimal point would be the documented form, read so.
"""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from phusong.geodata.cells import PlainNumber, distinct
from phusong.geodata.headers import Words
from phusong.geodata.names import name_key, search_key
from phusong.geodata.reports import IssueLog, Note
from phusong.geodata.schemas import Column, Layer

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)+")
_GROUPED = {",": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+"), ".": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")}
_GAP = re.compile("(?<=\\d)[ \u00a0\u202f'](?=\\d{3}(?!\\d))")
_CLOCK = r"(?:(?:T|,? )\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?(?:AM|PM|SA|CH))?)?"
_DAY_FIRST = re.compile(
    rf"(?:ngày )?(\d{{1,2}})(?:[/.-]| tháng )(\d{{1,2}})(?:[/.-]| năm )(\d{{4}}){_CLOCK}", re.IGNORECASE
)
_YEAR_FIRST = re.compile(rf"(\d{{4}})[/.-](\d{{1,2}})[/.-](\d{{1,2}}){_CLOCK}", re.IGNORECASE)
_UNMARKED = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_SERIAL_DAYS = (20_000, 80_000)  # 1954 to 2119
_SERIAL_START = datetime.datetime(1899, 12, 30)  # of Excel's days, which count a 29 February 1900
_LIST_MARKS = re.compile(r"[;/|\n]")
_COORDINATES = ("lon", "lat", "x", "y")


def normalise_cells(frame: pd.DataFrame, layer: Layer, words: Words, log: IssueLog) -> list[Note]:
    """Rewrite the columns of a layer in place; returns notes on words and codes that were translated.

    Parameters
    ----------
    frame
        Our columns as text or None. Coordinates stay as they are, but tell the custom of the file.
    layer
        The layer.
    words
        Its words.
    log
        Takes the rows whose numbers can be read in two ways.
    """
    columns = [column for column in layer.columns if column.name in frame.columns]
    numbers = [column for column in columns if column.kind == "number"]
    names = [*(column.name for column in numbers), *(name for name in _COORDINATES if name in frame.columns)]
    marks = {name: _marks(frame[name]) for name in names}
    in_file = set().union(*marks.values()) if marks else set()
    for column in numbers:
        own = marks[column.name] or (set() if column.whole else in_file)
        _normalise_numbers(frame, column, own, log)
    notes: list[Note] = []
    for column in columns:
        if column.kind == "numbers":
            _rewrite(frame, column.name, _list_text)
        elif column.kind == "date":
            notes += _read_dates(frame, column)
        if column.name in words.values:
            notes += _translate(frame, column, words.values[column.name])
        if column.length is not None:
            notes += _pad_codes(frame, column)
    return notes


def decimal_mark(text: str) -> str | None:
    """Tell the decimal mark that a number shows beyond doubt; None for `1.491`, `27` and whatever is no number."""
    if isinstance(text, PlainNumber) or not _NUMBER.fullmatch(text):
        return None
    marks = [letter for letter in text if letter in ".,"]
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1:
        return "," if marks[0] == "." else "."
    head, _, tail = text.lstrip("+-").partition(marks[0])
    return marks[0] if len(tail) != 3 or len(head) > 3 or head.startswith("0") else None


def plain_number(text: str, mark: str) -> str:
    """Write a number whose decimal mark is known with a point and without thousands marks; other text as it is."""
    whole, _, fraction = text.rpartition(mark) if mark in text else (text, "", "")
    if mark in text and not fraction.isdigit():
        return text
    if not (_GROUPED[mark].fullmatch(whole) or whole.lstrip("+-").isdigit()):
        return text
    digits = whole.replace("." if mark == "," else ",", "")
    return f"{digits}.{fraction}" if fraction else digits


def date_text(text: str) -> str:
    """Write a date as yyyy-mm-dd, its time left out; any other text as it is.

    Read are dd/mm/yyyy, yyyy/mm/dd, yyyymmdd, "ngày 1 tháng 7 năm 2025" and the days of a spreadsheet program.
    """
    time = serial_time(text)
    if time is not None:
        return time.date().isoformat()
    day_first, year_first = _DAY_FIRST.fullmatch(text), _YEAR_FIRST.fullmatch(text) or _UNMARKED.fullmatch(text)
    if day_first:
        day, month, year = map(int, day_first.groups())
    elif year_first:
        year, month, day = map(int, year_first.groups())
    else:
        return text
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return text


def serial_time(text: str) -> datetime.datetime | None:
    """The time that a spreadsheet program means by a number of days, like 45292.5; None for any other text."""
    if not _SERIAL.fullmatch(text) or not _SERIAL_DAYS[0] <= float(text) < _SERIAL_DAYS[1]:
        return None
    return _SERIAL_START + datetime.timedelta(seconds=round(float(text) * 86_400))


def find_word(text: str, values: Mapping[str, Sequence[str]]) -> str | None:
    """Find the value of ours that a word means, by its key with or without diacritics; None for an unknown word."""
    if text in values:
        return text
    for key in (lambda word: name_key(word, keep_prefix=True), search_key):
        wanted = key(text)
        for ours, theirs in values.items():
            if any(key(word) == wanted for word in (ours, *theirs)):
                return ours
    return None


def _marks(series: pd.Series) -> set[str]:
    return {mark for text in series.dropna().unique() for mark in [decimal_mark(_close_gaps(text))] if mark}


def _close_gaps(text: str) -> str:
    return text if isinstance(text, PlainNumber) else _GAP.sub("", text)


def _normalise_numbers(frame: pd.DataFrame, column: Column, marks: set[str], log: IssueLog) -> None:
    """Write numbers with a decimal point; refuse those that could be read in two ways where both customs are met."""
    texts = frame[column.name].to_numpy(dtype=object)
    usual = next(iter(marks)) if len(marks) == 1 else None
    unclear: set[str] = set()

    def rewrite(text: str) -> str:
        number = _close_gaps(text)
        if isinstance(text, PlainNumber) or not _NUMBER.fullmatch(number):
            return number if number.isdigit() else text
        mark = decimal_mark(number) or usual
        if mark is None and column.whole:
            mark = "," if "." in number else "."
        if mark is None and (marks or "," in number):
            unclear.add(text)
            return text
        return plain_number(number, mark or ".")

    _rewrite(frame, column.name, rewrite)
    log.refuse(
        [text in unclear for text in texts] if unclear else np.zeros(len(texts), dtype=bool),
        field=column.name, values=list(texts), code="ambiguous_number",
        reason=f"{column.name} {{value}} may have a decimal or a thousands mark; write it without the latter",
        reason_vi=f"{column.name} {{value}} có thể hiểu theo dấu thập phân hoặc dấu nghìn; hãy viết không có dấu nghìn",
    )  # fmt: skip


def _read_dates(frame: pd.DataFrame, column: Column) -> list[Note]:
    """Write the dates of a column in one form; numbers of days are noted."""
    days = sorted({text for text in frame[column.name].dropna().unique() if serial_time(text) is not None})
    _rewrite(frame, column.name, date_text)
    if not days:
        return []
    first, read = days[0], date_text(days[0])
    return [
        Note(
            f"{column.name}: numbers are days of a spreadsheet program, {first} is {read}",
            f"{column.name}: số được hiểu là ngày của phần mềm bảng tính, {first} là {read}",
        )
    ]


def _list_text(text: str) -> str:
    """Write a list as `0;120;240`; commas part it where nothing else does and they come with a space, or twice."""
    if isinstance(text, PlainNumber):
        return text
    bare = text.replace("°", "").strip()
    if _LIST_MARKS.search(bare):
        parts = _LIST_MARKS.split(bare)
    elif re.search(r",\s", bare) or bare.count(",") > 1:
        parts = bare.split(",")
    elif re.fullmatch(r"\d+(?:\s*-\s*\d+)+", bare):
        parts = bare.split("-")
    else:
        parts = [bare]
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return ";".join(plain_number(part.strip(), decimal_mark(part.strip()) or ".") for part in parts)


def _translate(frame: pd.DataFrame, column: Column, values: Mapping[str, Sequence[str]]) -> list[Note]:
    """Translate a column's words to ours; a word of ours, or an unknown one, stays as it is."""
    taken: dict[str, str] = {}

    def rewrite(text: str) -> str | None:
        if text in column.choices:
            return text
        ours = find_word(text, values)
        if ours is None or ours == text:
            return text
        taken[text] = ours
        return ours or None

    _rewrite(frame, column.name, rewrite)
    shown = ", ".join(f"{theirs} as {ours or 'none'}" for theirs, ours in sorted(taken.items()))
    shown_vi = ", ".join(f"{theirs} hiểu là {ours or 'trống'}" for theirs, ours in sorted(taken.items()))
    return [Note(f"{column.name}: {shown}", f"{column.name}: {shown_vi}")] if shown else []


def _pad_codes(frame: pd.DataFrame, column: Column) -> list[Note]:
    """Give codes that a spreadsheet turned into numbers their leading zeros again.

    Text that looks like a number had them lost too, if all of the several codes of the column are too short.
    """
    length = column.length or 0
    padded: set[str] = set()
    codes = frame[column.name].dropna().unique()
    kept = len(codes) < 2 or any(len(text) >= length for text in codes)

    def rewrite(text: str) -> str:
        number = isinstance(text, PlainNumber) or not kept
        if number and text.isdigit() and text.isascii() and len(text) < length:
            padded.add(text)
            return text.zfill(length)
        return text

    _rewrite(frame, column.name, rewrite)
    if not padded:
        return []
    first, name = min(padded), column.name
    return [
        Note(
            f"{name}: numbers were given leading zeros, {first} as {first.zfill(length)}",
            f"{name}: thêm lại số 0 ở đầu mã, {first} thành {first.zfill(length)}",
        )
    ]


def _rewrite(frame: pd.DataFrame, name: str, rewrite: Callable[[str], str | None]) -> None:
    """Rewrite the texts of a column, each different one once; a number and equal text count as different."""
    cells = frame[name].to_numpy(dtype=object)
    numbers = np.fromiter((type(text) is PlainNumber for text in cells), dtype=bool, count=len(cells))
    changed = np.full(len(cells), None, dtype=object)
    for part in (numbers, ~numbers):
        codes, texts = distinct(cells[part])
        changed[part] = np.array([None if text is None else rewrite(text) for text in texts], dtype=object)[codes]
    frame[name] = pd.Series(changed, index=frame.index, dtype=object)
