"""Administrative units of Vietnam in time: communes until 30 June 2025, those since, and what became of each.

Codes are reused and names move: a unit is known by its code and the day it begins, and is looked up with a date. The
tables come from the data files of vietnamadminunits (MIT; `data/units.toml` has version and hashes) by
`scripts/extract_units.py`. No polygons: these come from the user's file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files

import pandas as pd

from phusong.geodata.errors import AmbiguousNameError, UnknownNameError
from phusong.geodata.names import name_key, search_key, split_prefix
from phusong.geodata.reports import Note

LISTED = 10
CHANGE = date(2025, 7, 1)


@dataclass(frozen=True)
class AdminUnit:
    """A commune, ward or township (or an island district without any), of one era.

    `valid_to` is the first day that it no longer is; None where it begins or ends beyond the tables. `lon` and `lat`
    are a point of it [deg, WGS 84], `area_km2` its official area; None where not known.
    """

    code: str
    name: str
    kind: str
    district_code: str | None
    district_name: str | None
    province_code: str
    province_name: str
    valid_from: date | None
    valid_to: date | None
    lon: float | None
    lat: float | None
    area_km2: float | None

    @property
    def key(self) -> tuple[str, date | None]:
        """What tells a unit from every other: the code and the day it begins."""
        return self.code, self.valid_from

    def is_valid(self, on: date) -> bool:
        """Whether the unit is in force on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)

    def describe(self) -> str:
        """Name, parents, code and era, as messages list it."""
        era = f"since {self.valid_from}" if self.valid_from else f"until {self.valid_to}"
        return f"{self._full_name} ({self.code}, {era})"

    def describe_vi(self) -> str:
        """The same in Vietnamese."""
        era = f"từ {self.valid_from:%d/%m/%Y}" if self.valid_from else f"đến {self.valid_to:%d/%m/%Y}"
        return f"{self._full_name} ({self.code}, {era})"

    @property
    def _full_name(self) -> str:
        return ", ".join(name for name in (self.name, self.district_name, self.province_name) if name)


@lru_cache(maxsize=1)
def read_units() -> tuple[AdminUnit, ...]:
    """All units of both eras, the former first, each by code."""
    table = _read_csv("units.csv.gz")
    return tuple(_unit(*row) for row in table.itertuples(index=False, name=None))


@lru_cache(maxsize=1)
def read_crosswalk() -> pd.DataFrame:
    """Which unit of before 1 July 2025 went where: old_code, new_code, part.

    `part` is `whole`; of a divided unit `main` for the one that the source takes for all of it, else `part`.
    """
    return _read_csv("units_crosswalk.csv.gz")


def find_by_code(code: str, *, on: date) -> AdminUnit:
    """Find the unit that has a code on a day.

    Raises
    ------
    UnknownNameError
        There is none; the message says when there was.
    """
    of_code = _by_code().get(code, [])
    for unit in of_code:
        if unit.is_valid(on):
            return unit
    other, other_vi = "", ""
    if of_code:
        listed = _listed(of_code)
        other, other_vi = f"; at another time it is {listed}", f"; vào thời điểm khác là {listed.vi}"
    raise UnknownNameError(
        f"No unit has the code {code!r} on {on}{other}; check code and date.",
        vi=f"Không có đơn vị mã {code!r} ngày {on:%d/%m/%Y}{other_vi}; hãy kiểm tra mã và ngày.",
    )


def find_by_name(name: str, *, on: date | None = None, parent: str | None = None) -> AdminUnit:
    """Find the one unit of a name.

    Parameters
    ----------
    name
        With or without xã, phường, …; spellings of one name are one (Hóa and Hoá), different names never.
    on
        The day; None for any.
    parent
        Name or code of its district or province; None for any.

    Raises
    ------
    AmbiguousNameError
        Several units have the name; the message lists them.
    UnknownNameError
        None has; the message lists units of a like spelling.
    """
    found = search_units(name, on=on, parent=parent)
    if len(found) == 1:
        return found[0]
    where = f" of {parent}" if parent else ""
    where_vi = f" thuộc {parent}" if parent else ""
    when, when_vi = (f" on {on}", f" ngày {on:%d/%m/%Y}") if on else ("", "")
    if found:
        count, listed = len(found), _listed(found)
        raise AmbiguousNameError(
            f"{name!r}{where}{when} names {count} units: {listed}; add a date or the district or province.",
            vi=f"{name!r}{where_vi}{when_vi} là tên của {count} đơn vị: {listed.vi}; hãy thêm ngày hoặc huyện, tỉnh.",
        )
    alike = [unit for unit in read_units() if search_key(_bare(unit)) == search_key(split_prefix(name)[1])]
    hint, hint_vi = (f"; alike: {_listed(alike)}", f"; gần giống: {_listed(alike).vi}") if alike else ("", "")
    raise UnknownNameError(
        f"No unit is called {name!r}{where}{when}{hint}.",
        vi=f"Không có đơn vị tên {name!r}{where_vi}{when_vi}{hint_vi}.",
    )


def search_units(name: str, *, on: date | None = None, parent: str | None = None) -> list[AdminUnit]:
    """All units of a name, on a day and within a parent where these are given; see `find_by_name`."""
    kind, bare = split_prefix(name)
    named = [unit for part in {name, bare} for unit in _by_name().get(name_key(part, keep_prefix=True), ())]
    found = [unit for unit in named if on is None or unit.is_valid(on)]  # "Bản Lang" is a name, "Xã Kim Phú" has a kind
    if kind is not None:
        found = [unit for unit in found if kind in (unit.kind.lower(), split_prefix(unit.name)[0])] or found
    return [unit for unit in found if parent is None or _lies_in(unit, parent)]


def successors(unit: AdminUnit) -> list[tuple[AdminUnit, str]]:
    """What a unit of before the change became, each with its part (`whole`, `main`, `part`); [] for a current one."""
    crosswalk = read_crosswalk()
    rows = crosswalk[crosswalk["old_code"] == unit.code] if unit.valid_to == CHANGE else crosswalk[:0]
    return [(find_by_code(code, on=CHANGE), part) for code, part in zip(rows["new_code"], rows["part"], strict=True)]


def predecessors(unit: AdminUnit) -> list[tuple[AdminUnit, str]]:
    """What a unit since the change was made of, each with its part (`whole`, `main`, `part`); [] for a former one."""
    crosswalk = read_crosswalk()
    rows = crosswalk[crosswalk["new_code"] == unit.code] if unit.valid_from == CHANGE else crosswalk[:0]
    before = CHANGE - timedelta(days=1)
    return [(find_by_code(code, on=before), part) for code, part in zip(rows["old_code"], rows["part"], strict=True)]


def _read_csv(name: str) -> pd.DataFrame:
    with (files("phusong.geodata") / "data" / name).open("rb") as file:
        return pd.read_csv(file, compression="gzip", dtype=str, keep_default_na=False, encoding="utf-8")


def _unit(*cells: str) -> AdminUnit:
    code, name, kind, district_code, district_name, province_code, province_name, begins, ends, lon, lat, area = cells
    return AdminUnit(
        code, name, kind, district_code or None, district_name or None, province_code, province_name,
        _day(begins), _day(ends), _number(lon), _number(lat), _number(area),
    )  # fmt: skip


def _day(cell: str) -> date | None:
    return date.fromisoformat(cell) if cell else None


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


@lru_cache(maxsize=1)
def _by_code() -> dict[str, list[AdminUnit]]:
    found: dict[str, list[AdminUnit]] = {}
    for unit in read_units():
        found.setdefault(unit.code, []).append(unit)
    return found


@lru_cache(maxsize=1)
def _by_name() -> dict[str, list[AdminUnit]]:
    found: dict[str, list[AdminUnit]] = {}
    for unit in read_units():
        found.setdefault(name_key(_bare(unit), keep_prefix=True), []).append(unit)
    return found


def _bare(unit: AdminUnit) -> str:
    return unit.name.removeprefix(unit.kind).strip() or unit.name


def _lies_in(unit: AdminUnit, parent: str) -> bool:
    if parent.strip().isdigit():
        return parent.strip() in (unit.district_code, unit.province_code)
    kind, _ = split_prefix(parent)
    names = [name for name in (unit.district_name, unit.province_name) if name is not None]
    return any(name_key(name) == name_key(parent) and (kind is None or split_prefix(name)[0] == kind) for name in names)


def _listed(units: Iterable[AdminUnit]) -> Note:
    listed = list(units)
    more = len(listed) - LISTED
    texts = [(f"and {more} more", f"và {more} đơn vị nữa")] if more > 0 else []
    texts = [*((unit.describe(), unit.describe_vi()) for unit in listed[:LISTED]), *texts]
    return Note(*("; ".join(parts) for parts in zip(*texts, strict=True)))
