"""Headers of foreign tables matched to our columns by the words of `data/headers.toml`, never by likeness."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from phusong.geodata.names import name_key, search_key

if TYPE_CHECKING:  # the schemas are slow to import, and the reading process does without them
    from phusong.geodata.schemas import Layer

SURVEYORS_PAIR = ("north_first", "east_second")
"""A header X, and a header Y: northing and easting of a surveyor, or the other way round."""

_POINT_COLUMNS = ("lon", "lat", "x", "y")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_KEPT = 1 << 16  # keys of texts: the cells of the rows where a header is looked for
_TWICE = re.compile(r"\b(\w+)(?: \1\b)+")
_FACTORS = {
    ("km", "m"): 1000.0, ("m", "km"): 0.001, ("cm", "m"): 0.01, ("ghz", "mhz"): 1000.0, ("khz", "mhz"): 0.001,
    ("hz", "mhz"): 1e-6,
}  # fmt: skip
_UNITS = {"m", "km", "cm", "ghz", "mhz", "khz", "hz", "dbm", "dbw", "w", "kw", "mw"}


@dataclass(frozen=True)
class Words:
    """The words of one layer: per column of ours its headers, per column and value of ours its cells."""

    headers: Mapping[str, Sequence[str]]
    values: Mapping[str, Mapping[str, Sequence[str]]]
    noise: frozenset[str]
    alike: tuple[tuple[str, str], ...]
    totals: tuple[str, ...]
    own: tuple[str, ...]
    by_key: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    has_parts: bool = False  # titles of parts are data: the communes of a list of settlements


@dataclass(frozen=True)
class Match:
    """A header taken for a column of ours: how surely (0 is best), and the factor from its unit to ours."""

    column: str
    level: int
    factor: float = 1.0


def find_words(layer: "Layer") -> Words:
    """Read the words of a layer from the package's dictionary."""
    return _words(layer.name, layer.column_names, layer.geometry == "point")


def match_header(parts: Sequence[str | None], words: Words) -> Match | None:
    """Find the column of ours that a header means.

    Parameters
    ----------
    parts
        The header's cells from the top row to the bottom row; None where a row has none.
    words
        Words of the layer.

    Returns
    -------
    Match or None
        None where no word fits, or its unit is not that of the column.
    """
    texts = [part for part in parts if part]
    if not any(letter.isalpha() for text in texts for letter in text):
        return None
    if len(texts) == 1 and texts[0] in words.own:
        return Match(texts[0], 0)
    spellings = list(dict.fromkeys((texts[-1], " ".join(texts), " ".join(reversed(texts)))))
    for level, known in enumerate(words.by_key, start=1):
        for text in spellings:
            column = known.get(_header_key(text, level - 1, words.noise, words.alike))
            if column is not None:
                factor = _factor(texts, column)
                return None if factor is None else Match(column, level, factor)
    return None


def choose_headers(
    headers: Sequence[Sequence[str | None]], words: Words
) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Choose a header for each column of ours.

    Returns
    -------
    tuple
        Positions of the chosen headers by column, and of the headers that could all mean a column, none of them surer.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for position, parts in enumerate(headers):
        match = match_header(parts, words)
        if match is not None:
            found.setdefault(match.column, []).append((match.level, position))
    chosen: dict[str, int] = {}
    ambiguous: dict[str, list[int]] = {}
    for column, places in found.items():
        best = min(places)[0]
        equal = [position for level, position in places if level == best]
        if len(equal) == 1:
            chosen[column] = equal[0]
        else:
            ambiguous[column] = equal
    return chosen, ambiguous


def candidates(column: str, headers: Sequence[str], words: Words) -> list[str]:
    """List the headers of a file, those most like the words of a column of ours first."""
    known = [search_key(word) for word in (column.replace("_", " "), *words.headers.get(column, ()))]

    def likeness(header: str) -> float:
        key = search_key(header)
        return max(difflib.SequenceMatcher(None, key, word).ratio() for word in known)

    return sorted(headers, key=likeness, reverse=True)


def header_factor(header: Sequence[str | None], words: Words) -> float:
    """Factor from the unit that a header states to the unit of its column; 1 where it states none."""
    match = match_header(header, words)
    return 1.0 if match is None else match.factor


@cache
def _words(name: str, columns: tuple[str, ...], points: bool) -> Words:
    text = resources.files("phusong.geodata").joinpath("data/headers.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    described = content.get(name, {})
    headers = {**described.get("columns", {}), **(content["points"] if points else {})}
    noise = frozenset(search_key(word) for word in content["noise"])
    alike = tuple((search_key(word), search_key(first)) for first, words in content["alike"].items() for word in words)
    own = columns + (_POINT_COLUMNS if points else ())
    by_key: list[dict[str, str]] = [{}, {}, {}]
    for column, spellings in headers.items():
        plain = [] if column in (*SURVEYORS_PAIR, "x", "y") else [column.replace("_", " ")]
        for spelling in (*plain, *spellings):
            for level, known in enumerate(by_key):
                known.setdefault(_header_key(spelling, level, noise, alike), column)
    totals = tuple(search_key(word) for word in content["totals"])
    return Words(
        headers,
        described.get("values", {}),
        noise,
        alike,
        totals,
        own,
        tuple(by_key),
        described.get("has_parts", False),
    )


def _header_key(text: str, level: int, noise: frozenset[str], alike: tuple[tuple[str, str], ...]) -> str:
    """The header's key: 0 with tones, 1 without diacritics, 2 that with one word for those alike and without noise."""
    if level == 0:
        return _exact_key(text)
    return _bare_key(text) if level == 1 else _loose_key(text, noise, alike)


@lru_cache(maxsize=_KEPT)
def _exact_key(text: str) -> str:
    return name_key(_plain(text), keep_prefix=True) or text


@lru_cache(maxsize=_KEPT)
def _bare_key(text: str) -> str:
    return search_key(_plain(text)) or text


@lru_cache(maxsize=_KEPT)
def _loose_key(text: str, noise: frozenset[str], alike: tuple[tuple[str, str], ...]) -> str:
    bare, firsts = _bare_key(text), dict(alike)
    kept = _any_of(noise).sub(" ", bare)
    kept = _any_of(frozenset(firsts)).sub(lambda match: firsts[match[0]], kept)
    return _TWICE.sub(r"\1", " ".join(kept.split())) or bare


@cache
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    """Finds any of the words, the longer before the shorter."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(rf"\b(?:{listed})\b")


def _plain(text: str) -> str:
    return _BRACKETS.sub(" ", text).replace("_", " ")


def _factor(texts: Sequence[str], column: str) -> float | None:
    """Factor from a unit in brackets to the column's; None where they do not fit."""
    unit = column.rpartition("_")[2]
    for text in reversed(texts):
        for match in _BRACKETS.finditer(text):
            stated = search_key(match[1] or match[2] or "")
            if stated in _UNITS and unit in _UNITS and stated != unit:
                return _FACTORS.get((stated, unit))
    return 1.0
