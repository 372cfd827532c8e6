"""Coordinates as they are written: degrees, degrees-minutes-seconds in every spelling met, and metres.

An angle may have typographic primes, a decimal comma, a hemisphere letter before or after it (B, Đ, T of Vietnamese
too), Vietnamese words, or a lost degree sign: `17042’23.4’’N`, where a zero stands for the sign, is 17°42'23.4".
A text that can be read in two ways is not read at all.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Axis = Literal["lon", "lat"]
Part = TypeVar("Part")

# Vietnam with its archipelagos [degrees]: tells latitudes from longitudes, and the readings of a lost degree sign.
VIETNAM_LON = (102.0, 118.0)
VIETNAM_LAT = (6.0, 24.0)
LONGEST_TEXT = 80

_WORDS = (
    (re.compile(r"(vĩ|kinh) *(độ|tuyến)|\b[kv]đ\b|\b(lat|lon)(itude|gitude)?\b|[:=](?= *\d+ *°)"), " "),
    (re.compile(r"độ|deg(rees?)?|[º˚∘⁰*?�]|(?<=\d)o(?![a-zà-ỹ])"), "°"),
    (re.compile(r"phút|min(utes?)?|[‘’′`´ʹʼ＇‛]"), "'"),
    (re.compile(r"giây|sec(onds?)?|[“”″〞＂‟]|' ?'"), '"'),
    (re.compile(r"bắc|north"), "n"), (re.compile(r"nam|south"), "s"),
    (re.compile(r"đông|east"), "e"), (re.compile(r"tây|west"), "w"),
    (re.compile(r"b"), "n"), (re.compile(r"đ"), "e"), (re.compile(r"(?<![a-z])t(?![a-z])"), "w"),
    (re.compile(r"(?<=\d),(?=\d)"), "."),
)  # fmt: skip
_NUMBER = r"\d+(?:\.\d*)?"
_HEMISPHERE = re.compile(r"(?P<before>[nsew])?\s*(?P<body>[^nsew]+?)\s*(?P<after>[nsew])?")
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<d>{_NUMBER})\s*°?",
        rf"(?P<d>\d+)\s*°\s*(?P<m>{_NUMBER})\s*'?",
        rf"(?P<d>\d+)\s*°\s*(?P<m>\d+)\s*'?\s*(?P<s>{_NUMBER})\s*\"?",
        rf"(?P<d>\d+)([\s:-])\s*(?P<m>\d+)\2\s*(?P<s>{_NUMBER})\s*\"?",
        rf"(?P<d>\d+)\s+(?P<m>\d+)\s*'\s*(?P<s>{_NUMBER})\s*\"?",
    )
)
_LOST_SIGN = re.compile(rf"(?P<run>\d{{3,6}}(?:\.\d*)?)\s*'\s*(?:(?P<s>{_NUMBER})\s*\"?)?")
_GROUPED = (
    (re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}"), ".", ","),
    (re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}"), ",", "."),
    (re.compile(r"[+-]?\d{1,3}([ ']\d{3})+([.,]\d+)?|[+-]?\d+[.,]\d*"), " '", ","),
)
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_UNIT = re.compile(r"\s*(m|mét)\.?$", re.IGNORECASE)
_SEPARATOR = re.compile(r"[/;|\n\t]|,\s|,|\s+-\s+|\s+|(?<=[nsewNSEWBĐĐT])(?=[\dnsewNSEWBĐT])")


@dataclass(frozen=True)
class Angle:
    """An angle [degrees], the axis its letter names, and whether it was written in degrees, minutes and seconds."""

    deg: float
    axis: Axis | None = None
    is_dms: bool = False


def parse_angle(text: str) -> Angle | None:
    """Read a latitude or longitude; None for anything else, or where two readings are possible.

    Parameters
    ----------
    text
        Like `17.7065`, `17,7065`, `17°42'23.4"N`, `17042’23.4’’N`, `106 30 36.7`, `Đ 106°30,612'`.
    """
    if len(text) > LONGEST_TEXT:
        return None
    plain = _canonical(text)
    sign, plain = (-1, plain[1:].lstrip()) if plain.startswith("-") else (1, plain.removeprefix("+"))
    match = _HEMISPHERE.fullmatch(plain)
    if match is None or (match["before"] and match["after"]):
        return None
    letter = match["before"] or match["after"]
    axis: Axis | None = None if letter is None else "lat" if letter in "ns" else "lon"
    read = _read_body(match["body"], axis)
    if read is None or (letter is not None and sign < 0) or read[0] > (90 if axis == "lat" else 180):
        return None
    return Angle(-read[0] if sign < 0 or (letter and letter in "sw") else read[0], axis, read[1])


def parse_metres(text: str) -> float | None:
    """Read a plane coordinate [m]: decimal point or comma, thousands separated where it is beyond doubt.

    `1.958.485,82`, `1 958 485,82`, `1958485,82` and `1958485.82` are one number; one separator alone is a decimal one.
    """
    if len(text) > LONGEST_TEXT:
        return None
    number = _UNIT.sub("", text.strip().replace("\u00a0", " ").replace("\u202f", " "))
    if _PLAIN.fullmatch(number):
        return float(number)
    for form, group, decimal in _GROUPED:
        if form.fullmatch(number):
            return float(number.translate({ord(mark): None for mark in group}).replace(decimal, "."))
    return None


def without_grouping(columns: Sequence[Sequence[str | None]]) -> list[list[str | None]]:
    """Take the thousands marks out of columns of metres, where the columns show beyond doubt which mark it is.

    One `1.958.486` or `553.920,21` tells that the point of `553.920` groups thousands too.
    """
    cells = [cell for column in columns for cell in column if cell is not None]
    forms = {
        (mark, decimal): re.compile(rf"[+-]?\d{{1,3}}(\{mark}\d{{3}})+(\{decimal}\d+)?", re.ASCII)
        for mark, decimal in ((".", ","), (",", "."))
    }
    found = [
        (mark, decimal) for (mark, decimal), form in forms.items()
        if any((decimal in cell or cell.count(mark) > 1) and form.fullmatch(cell) for cell in cells)
    ]  # fmt: skip
    if len(found) != 1:
        return [list(column) for column in columns]
    (mark, decimal), form = found[0], forms[found[0]]
    return [
        [cell.replace(mark, "").replace(decimal, ".") if cell and form.fullmatch(cell) else cell for cell in column]
        for column in columns
    ]


def parse_pair(text: str, parse: Callable[[str], Part | None]) -> tuple[Part, Part] | None:
    """Read two coordinates from one cell, in the order written; None unless exactly one split is readable.

    Parameters
    ----------
    text
        Like `17042’23.4’’N 106030’36.7’’E` or `105,34808/22,62924`.
    parse
        Reads a half.
    """
    if len(text) > LONGEST_TEXT:
        return None
    found: dict[tuple[Part, Part], None] = {}
    strongest = 0
    for match in _SEPARATOR.finditer(text.strip(" ()[]")):
        halves = [parse(part) for part in (text.strip(" ()[]")[: match.start()], text.strip(" ()[]")[match.end() :])]
        first, second = halves
        if first is None or second is None:
            continue
        strength = _strength(match[0])
        if strength > strongest:
            found, strongest = {}, strength
        if strength == strongest:
            found[first, second] = None
    return next(iter(found)) if len(found) == 1 else None


def axis_of(deg: float) -> Axis | None:
    """The axis on which an angle lies in Vietnam, None for any other."""
    if VIETNAM_LON[0] <= deg <= VIETNAM_LON[1]:
        return "lon"
    return "lat" if VIETNAM_LAT[0] <= deg <= VIETNAM_LAT[1] else None


def _canonical(text: str) -> str:
    """Lower case with one sign each for degree, minute and second, hemisphere as n, s, e, w, decimals with a point."""
    plain = unicodedata.normalize("NFC", text).lower().replace("\u00f0", "đ").replace("\u00a0", " ")
    for pattern, mark in _WORDS:
        plain = pattern.sub(mark, plain)
    return plain.strip()


def _read_body(body: str, axis: Axis | None) -> tuple[float, bool] | None:
    """Degrees, and whether they were written in several parts."""
    for form in _FORMS:
        match = form.fullmatch(body)
        if match is not None:
            parts = [float(part) for part in (match["d"], *(match.groupdict().get(name) or "0" for name in "ms"))]
            return _join(parts[0], parts[1], parts[2], "m" in match.groupdict())
    match = _LOST_SIGN.fullmatch(body)
    return None if match is None else _read_lost_sign(match["run"], float(match["s"] or 0), axis)


def _read_lost_sign(run: str, seconds: float, axis: Axis | None) -> tuple[float, bool] | None:
    """Split a run of degrees and minutes, with a zero or nothing for the sign, where one reading lies in Vietnam."""
    readings = set()
    for length in (1, 2, 3):
        for rest in (run[length:], run[length + 1 :] if run[length : length + 1] == "0" else ""):
            if re.fullmatch(r"\d{1,2}(\.\d*)?", rest):
                joined = _join(float(run[:length]), float(rest), seconds, True)
                if joined is not None and axis_of(joined[0]) in ("lon", "lat") and axis in (None, axis_of(joined[0])):
                    readings.add(joined)
    return readings.pop() if len(readings) == 1 else None


def _join(degrees: float, minutes: float, seconds: float, is_dms: bool) -> tuple[float, bool] | None:
    if minutes >= 60 or seconds >= 60 or degrees > 180:
        return None
    return degrees + minutes / 60 + seconds / 3600, is_dms


def _strength(separator: str) -> int:
    """A slash splits before a comma and blank, these before a blank or a comma."""
    return 3 if separator[:1] in ("/", ";", "|", "\n", "\t") else 2 if separator == "" or separator[:1] == "," else 1
