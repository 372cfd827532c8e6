"""What a request asks for: every parameter checked before anything else sees it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely

from phusong.api.errors import BadQueryError, UnknownParameterError
from phusong.api.ogc.features import EVER, Collection, Selection
from phusong.api.ogc.reference_systems import CRS84, box_on_globe

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1000
FORMATS = ("json",)
ITEM_PARAMETERS = ("crs", "f")
RUN = "run"
ITEMS_PARAMETERS = ("bbox", "bbox-crs", "crs", "datetime", "limit", "offset", "f", RUN)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_COUNT = re.compile(r"\d{1,9}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_OPEN = ("", "..")

Pairs = Sequence[tuple[str, str]]
Interval = tuple[np.datetime64, np.datetime64]


@dataclass(frozen=True)
class Asked:
    """The page that a request asks for.

    Attributes
    ----------
    uri
        Address of the reference system of the answer.
    limit, offset
        How many features at most, and how many are left out before.
    box
        Shape that features are to have a point in common with [deg, WGS 84].
    interval
        First and last second of a time that features are to have in common.
    values
        Values of properties.
    """

    uri: str = CRS84
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    box: shapely.Geometry | None = None
    interval: Interval | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def select(self, collection: Collection, systems: Mapping[str, str]) -> Selection:
        """The features that meet all conditions.

        Parameters
        ----------
        collection
            The features.
        systems
            Reference systems by address.
        """
        wanted = np.ones(len(collection.ids), dtype=bool)
        if self.interval is not None:
            wanted &= (collection.begins <= self.interval[1]) & (collection.ends >= self.interval[0])
        for name, value in self.values.items():
            wanted &= collection.equal(name, value)
        positions = np.flatnonzero(wanted)
        if self.box is not None:
            positions = np.intersect1d(positions, collection.within(self.box), assume_unique=True)
        return Selection(collection, positions, self.uri, systems[self.uri])


def require_parameters(given: Pairs, known: Sequence[str]) -> dict[str, str]:
    """The parameters by name, the format checked.

    Raises
    ------
    UnknownParameterError
        One is not known, or given twice.
    BadQueryError
        Another format than JSON is asked for.
    """
    names = [name for name, _ in given]
    for name in names:
        if name not in known or names.count(name) > 1:
            raise UnknownParameterError(
                f"Parameter {name!r} is unknown here or given twice; the parameters are: {', '.join(known)}.",
                vi=f"Tham số {name!r} không có ở đây hoặc bị lặp; các tham số: {', '.join(known)}.",
            )
    found = dict(given)
    if found.get("f", FORMATS[0]) not in FORMATS:
        raise _bad("f", found["f"], "json", "json")
    return found


def items_parameters(collection: Collection) -> tuple[str, ...]:
    """The parameters of a collection's features; a run is asked for only where there is one."""
    of_run = collection.run_id is not None
    return (*(name for name in ITEMS_PARAMETERS if of_run or name != RUN), *collection.queryables)


def read_item(given: Pairs, systems: Mapping[str, str]) -> Asked:
    """What a request for one feature asks for; raises as `read_items` does."""
    return Asked(uri=_system("crs", require_parameters(given, ITEM_PARAMETERS), systems))


def read_items(given: Pairs, collection: Collection, systems: Mapping[str, str]) -> Asked:
    """What a request for features asks for.

    Parameters
    ----------
    given
        Names and values of its parameters.
    collection
        The features.
    systems
        Reference systems by address.

    Raises
    ------
    UnknownParameterError
        A parameter is not known, or given twice.
    BadQueryError
        The value of one is not possible.
    """
    found = require_parameters(given, items_parameters(collection))
    limit = _count("limit", found.get("limit", str(DEFAULT_LIMIT)), least=1)
    return Asked(
        uri=_system("crs", found, systems),
        limit=min(limit, LARGEST_LIMIT),
        offset=_count("offset", found.get("offset", "0"), least=0),
        box=_box(found, systems),
        interval=read_interval(found["datetime"]) if "datetime" in found else None,
        values={name: _value(collection, name, found[name]) for name in found if name in collection.queryables},
    )


def read_interval(text: str) -> Interval:
    """First and last second of an instant, a day, or two of them with a slash between (RFC 3339; `..` is open).

    Raises
    ------
    BadQueryError
        The text is no such time, or ends before it begins.
    """
    parts = text.split("/")
    try:
        if len(parts) == 1:
            return _instant(text, of_day=(0, 0, 0)), _instant(text, of_day=(23, 59, 59))
        first, last = parts
        begin = EVER[0] if first in _OPEN else _instant(first, of_day=(0, 0, 0))
        end = EVER[1] if last in _OPEN else _instant(last, of_day=(23, 59, 59))
    except (ValueError, OverflowError):
        begin, end = EVER[1], EVER[0]
    if begin > end:
        example = "2026-01-31, 2026-01-31T00:00:00Z or 2026-01-01/.."
        raise _bad("datetime", text, f"a time like {example}", f"thời điểm như {example.replace('or', 'hoặc')}")
    return begin, end


def _instant(text: str, *, of_day: tuple[int, int, int]) -> np.datetime64:
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return np.datetime64(datetime(day.year, day.month, day.day, *of_day), "s")
    if not _INSTANT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    offset = moment.utcoffset()
    return np.datetime64(moment.replace(tzinfo=None) - offset if offset else moment.replace(tzinfo=None), "s")


def _box(found: Mapping[str, str], systems: Mapping[str, str]) -> shapely.Geometry | None:
    if "bbox" not in found:
        if "bbox-crs" in found:
            raise BadQueryError("Parameter bbox-crs needs a bbox.", vi="Tham số bbox-crs cần có bbox.")
        return None
    uri, text = _system("bbox-crs", found, systems), found["bbox"]
    parts = [_number(part) for part in text.split(",")]
    axes = len(parts) // 2  # a box may have heights, of which features have none
    ordered = len(parts) in (4, 6) and all(parts[axis] <= parts[axis + axes] for axis in range(axes))  # NaN is not
    box = (parts[0], parts[1], parts[axes], parts[axes + 1]) if ordered else None
    shape = box_on_globe(box, uri, systems[uri]) if box else None
    if shape is None:
        wanted = "four finite numbers (six with heights), the smallest first, in the axis order of its CRS"
        raise _bad(
            "bbox", text, wanted, "bốn số hữu hạn (sáu nếu có độ cao), nhỏ trước, theo thứ tự trục của hệ tọa độ"
        )
    return shape


def _system(name: str, found: Mapping[str, str], systems: Mapping[str, str]) -> str:
    uri = found.get(name, CRS84)
    if uri not in systems:
        raise _bad(name, uri, f"one of {', '.join(systems)}", f"một trong {', '.join(systems)}")
    return uri


def _count(name: str, text: str, *, least: int) -> int:
    if not _COUNT.fullmatch(text) or int(text) < least:
        raise _bad(name, text, f"a whole number from {least} up", f"số nguyên từ {least} trở lên")
    return int(text)


def _value(collection: Collection, name: str, text: str) -> str | float | bool:
    kind = collection.fields[name].kind
    if kind == "boolean":
        if text not in ("true", "false"):
            raise _bad(name, text, "true or false", "true hoặc false")
        return text == "true"
    if kind == "number":
        if math.isnan(_number(text)):
            raise _bad(name, text, "a number", "số")
        return _number(text)
    return text


def _number(text: str) -> float:
    """A finite number, else NaN."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else math.nan


def _bad(name: str, value: str, wanted: str, wanted_vi: str) -> BadQueryError:
    return BadQueryError(
        f"Parameter {name} must be {wanted}; got {value!r}.",
        vi=f"Tham số {name} phải là {wanted_vi}; nhận được {value!r}.",
    )
