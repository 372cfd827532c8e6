"""Crosswalks between communes before and after a merger: what the country's own says, and faults of any."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType

import geopandas as gpd
import pandas as pd

from phusong.geodata.admin_units import CHANGE, AdminUnit, predecessors, read_units
from phusong.geodata.names import name_key

EQUAL_AREA_CRS = "EPSG:6933"
AREA_TOLERANCE = 0.01  # of the new commune's area: drawn boundaries of two eras differ by less


@dataclass(frozen=True)
class CrosswalkFault:
    """A kind of fault, the codes that have it, and what it is in two languages."""

    code: str
    units: tuple[str, ...]
    en: str
    vi: str


def national_crosswalk(communes: pd.DataFrame) -> pd.DataFrame:
    """What the communes of the layer were made of on 1 July 2025, as rows of the layer crosswalk.

    Only communes whose code and name are those of a unit since then are followed; others have no row.

    Parameters
    ----------
    communes
        Columns code and name.
    """
    found = (
        _units_since_change().get((str(code), name_key(str(name))))
        for code, name in zip(communes["code"], communes["name"], strict=True)
    )
    rows = [_row(old, new) for new in found if new is not None for old, _ in predecessors(new)]
    columns = ("old_code", "old_name", "old_district_code", "old_district_name", "new_code", "new_name", "valid_from")
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


@cache
def _units_since_change() -> Mapping[tuple[str, str], AdminUnit]:
    """The country's units since 1 July 2025 by code and name."""
    return MappingProxyType(
        {(unit.code, name_key(unit.name)): unit for unit in read_units() if unit.valid_from == CHANGE}
    )


def former_name(code: str, crosswalk: pd.DataFrame | None) -> str:
    """Name of a former commune by the crosswalk, else by the country's units; its code where neither knows it."""
    if crosswalk is not None:
        names = crosswalk.loc[crosswalk["old_code"] == code, "old_name"]
        if len(names):
            return str(names.iloc[0])
    before = CHANGE - timedelta(days=1)
    return next((unit.name for unit in read_units() if unit.code == code and unit.is_valid(before)), code)


def check_crosswalk(crosswalk: pd.DataFrame, communes: gpd.GeoDataFrame) -> list[CrosswalkFault]:
    """Find former communes that went to several, codes without a partner, and areas that do not add up.

    Parameters
    ----------
    crosswalk
        The layer crosswalk.
    communes
        The layer communes; former ones (`valid_to`) are compared where there are any, areas where both eras have
        polygons.
    """
    ended = communes["valid_to"].notna()
    new, old = communes[~ended], communes[ended]
    return [*_one_to_many(crosswalk), *_orphans(crosswalk, new, old), *_area_mismatches(crosswalk, new, old)]


def _row(old: AdminUnit, new: AdminUnit) -> tuple[str | None, ...]:
    day = CHANGE.isoformat()
    return old.code, old.name, old.district_code, old.district_name, new.code, new.name, day


def _one_to_many(crosswalk: pd.DataFrame) -> Iterator[CrosswalkFault]:
    targets = crosswalk.groupby("old_code")["new_code"].nunique()
    divided = sorted(targets.index[targets > 1])
    if divided:
        yield CrosswalkFault(
            "one_to_many", tuple(divided), "former communes went to several: no figure of one follows from another",
            "xã cũ chia vào nhiều xã mới: không suy được số liệu từ xã này sang xã kia",
        )  # fmt: skip


def _orphans(crosswalk: pd.DataFrame, new: pd.DataFrame, old: pd.DataFrame) -> Iterator[CrosswalkFault]:
    old_codes, new_codes = set(crosswalk["old_code"]), set(crosswalk["new_code"])
    kinds: Sequence[tuple[set[str], str, str]] = (
        (new_codes - set(new["code"]), "new communes of the crosswalk are not in the layer communes",
         "xã mới của bảng chuyển đổi không có trong lớp communes"),
        (set(new["code"]) - new_codes, "communes in force come from nothing in the crosswalk",
         "xã hiện hành không có nguồn trong bảng chuyển đổi"),
        (old_codes - set(old["code"]) if len(old) else set(), "former communes of the crosswalk are not in communes",
         "xã cũ của bảng chuyển đổi không có trong lớp communes"),
        (set(old["code"]) - old_codes, "former communes went nowhere in the crosswalk",
         "xã cũ không có trong bảng chuyển đổi"),
    )  # fmt: skip
    for codes, en, vi in kinds:
        if codes:
            yield CrosswalkFault("orphan", tuple(sorted(codes)), en, vi)


def _area_mismatches(
    crosswalk: pd.DataFrame, new: gpd.GeoDataFrame, old: gpd.GeoDataFrame
) -> Iterator[CrosswalkFault]:  # fmt: skip
    """New communes whose area is not the sum of the former ones that went there whole."""
    areas_old, areas_new = _areas(old), _areas(new)
    divided = set(crosswalk.loc[crosswalk["old_code"].duplicated(keep=False), "old_code"])
    wrong = []
    for code, rows in crosswalk.groupby("new_code"):
        parts = [areas_old.get(part) for part in rows["old_code"] if part not in divided]
        area = areas_new.get(str(code))
        known = [part for part in parts if part is not None]
        if area is not None and len(known) == len(rows) and abs(sum(known) - area) > AREA_TOLERANCE * area:
            wrong.append(str(code))
    if wrong:
        yield CrosswalkFault(
            "area_mismatch", tuple(wrong), "communes differ in area by over 1 % from the former ones they are made of",
            "xã có diện tích lệch quá 1 % so với tổng các xã cũ hợp thành",
        )  # fmt: skip


def _areas(communes: gpd.GeoDataFrame) -> dict[str, float]:
    placed = communes[communes.geometry.notna() & ~communes.geometry.is_empty]
    if placed.empty:
        return {}
    return dict(zip(placed["code"], placed.geometry.to_crs(EQUAL_AREA_CRS).area, strict=True))
