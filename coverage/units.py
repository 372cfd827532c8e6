"""Administrative units on the analysis grid: province, former districts, communes, old communes.

A pixel belongs to the unit whose polygon holds its centre. The communes valid on the date define the
province. Old communes are answered from their own polygons only; figures are never apportioned to units
without a polygon.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from phusong.coverage.cache import content_key
from phusong.coverage.missing_figures import NEEDS_DISTRICTS, NEEDS_OLD_POLYGONS, NEEDS_POLYGON
from phusong.geodata.admin_units import CHANGE
from phusong.geodata.crosswalks import former_name, national_crosswalk
from phusong.geodata.errors import InputError, MissingLayerError
from phusong.geodata.grid import Grid

IntArray = npt.NDArray[np.int32]
Burn = Callable[[gpd.GeoDataFrame, Grid], IntArray]
Unite = Callable[[gpd.GeoSeries, IntArray, int], list[BaseGeometry]]

LEVELS = ("province", "district", "commune", "old_commune")
OUTSIDE = -1


@dataclass(frozen=True, eq=False)
class UnitLevel:
    """The units of one level, sorted by code.

    `parent` gives for every row of the base layer ("commune" or "old_commune") the row of its unit here
    (−1 none). `reason` says why the whole level has no answer; `without_polygon` lists (code, name) of
    single units left out. `without_area` says why only settlements are counted: their own codes make the level.
    """

    level: str
    codes: tuple[str, ...]
    names: tuple[str, ...]
    base: str
    parent: IntArray
    reason: str = ""
    without_polygon: tuple[tuple[str, str], ...] = ()
    without_area: str = ""

    def rows_of(self, base_rows: IntArray) -> IntArray:
        """Row of the unit here from the row in the base layer, −1 outside; any shape."""
        rows: IntArray = np.append(self.parent, np.int32(OUTSIDE))[base_rows]  # −1 reads the last entry
        return rows


@dataclass(frozen=True, eq=False)
class UnitIndex:
    """The units of every level on one grid.

    `bases` holds the polygons of every base layer, `geometries` has a row per unit: level, code, name, district_code
    (of those that districts are made of), reason, geometry (EPSG:4326). `burn` is `burn_units`, or gives its answers
    from elsewhere.
    """

    grid: Grid
    levels: dict[str, UnitLevel]
    bases: dict[str, gpd.GeoDataFrame]
    geometries: gpd.GeoDataFrame
    burn: Burn

    @cached_property
    def base_raster(self) -> dict[str, IntArray]:
        """Per base layer the row position of the unit of every pixel `[y, x]`, −1 outside; made at the first call."""
        return {name: self.burn(polygons, self.grid) for name, polygons in self.bases.items()}

    @cached_property
    def base_keys(self) -> dict[str, str]:
        """Hash of all that `base_raster` follows from, per base layer."""
        return {name: polygons_key(polygons, self.grid) for name, polygons in self.bases.items()}

    def raster(self, level: str) -> IntArray:
        """Row position of the unit of every pixel `[y, x]`, −1 outside."""
        of_level = self.levels[level]
        return of_level.rows_of(self.base_raster[of_level.base])

    def in_province(self) -> npt.NDArray[np.bool_]:
        """Whether a pixel's centre lies in a commune valid on the date `[y, x]`."""
        inside: npt.NDArray[np.bool_] = self.base_raster["commune"] != OUTSIDE
        return inside

    def rows_of_points(self, level: str, points: gpd.GeoSeries) -> IntArray:
        """Row position of the unit whose polygon holds each point, −1 outside; ties to the smaller code.

        Parameters
        ----------
        level
            One of `LEVELS`.
        points
            Points in any CRS.
        """
        unit_level = self.levels[level]
        polygons = (
            self.geometries[self.geometries["level"] == level].set_index("code").geometry.reindex(unit_level.codes)
        )
        rows = np.full(len(points), OUTSIDE, dtype=np.int32)
        # the polygon is the one asked about, since it is prepared once for all points
        found_units, found_points = points.to_crs(polygons.crs).sindex.query(polygons, predicate="intersects")
        order = np.lexsort((found_units, found_points))[::-1]  # the smallest row is written last
        rows[found_points[order]] = found_units[order]
        return rows


def build_units(
    communes: gpd.GeoDataFrame,
    grid: Grid,
    *,
    as_of: date,
    crosswalk: pd.DataFrame | None = None,
    settlements: pd.DataFrame | None = None,
    province_name: str = "",
    burn: Burn | None = None,
    unite: Unite | None = None,
) -> UnitIndex:
    """Put the units of every level on a grid.

    The commune level has the units valid on `as_of` (`valid_from` <= as_of < `valid_to`, empty =
    unbounded). The old_commune level has the units whose validity ended with the last change up to
    `as_of`; without any polygon of these, the former communes that every settlement names, for settlements
    alone. A former district is made of the communes that name it, else of those the crosswalk puts in it, else
    of those the country's own crosswalk does, else of the old communes that name it.

    Parameters
    ----------
    communes
        The `communes` layer of both eras, polygons in any CRS.
    grid
        The analysis grid.
    as_of
        The date the answer is for.
    crosswalk
        The `crosswalk` layer, or None.
    settlements
        The `settlements` layer, or None.
    province_name
        Name of the province in the answers.
    burn, unite
        `burn_units` and `unite_polygons`, or functions that give their answers from a cache.

    Raises
    ------
    MissingLayerError
        No commune with a polygon is valid on the date.
    InputError
        Two units valid at once share a code.
    """
    current, old = _split_eras(communes, as_of)
    placed = _with_polygon(current)
    if placed.empty:
        raise MissingLayerError(
            f"no commune with a polygon is valid on {as_of}; import the communes of that date",
            vi=f"không có xã nào có ranh giới hiệu lực vào ngày {as_of:%d/%m/%Y}; hãy nhập ranh giới xã của ngày đó",
        )
    old_placed = _with_polygon(old)
    levels = {
        "province": _province_level(placed, province_name),
        "district": _district_level(placed, old_placed, crosswalk),
        "commune": _base_level("commune", placed, current),
        "old_commune": _base_level("old_commune", old_placed, old),
    }
    if old_placed.empty and settlements is not None and as_of >= CHANGE:
        levels["old_commune"] = _level_of_settlements(settlements, crosswalk) or levels["old_commune"]
    bases = {"commune": placed, "old_commune": old_placed}
    return UnitIndex(
        grid=grid,
        levels=levels,
        bases=bases,
        geometries=_unit_geometries(levels, bases, unite or unite_polygons),
        burn=burn or burn_units,
    )


def units_since(communes: gpd.GeoDataFrame, as_of: date) -> pd.Timestamp:
    """The last day up to a date on which units changed: from then to the date `build_units` gives the same."""
    days = pd.concat([_dates(communes, "valid_from"), _dates(communes, "valid_to"), pd.Series([pd.Timestamp(CHANGE)])])
    return days[days <= pd.Timestamp(as_of)].max()


def _text(frame: pd.DataFrame, column: str) -> "pd.Series[str]":
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=str)
    return frame[column].astype(object).where(frame[column].notna(), "").astype(str)


def _split_eras(communes: gpd.GeoDataFrame, as_of: date) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    day = pd.Timestamp(as_of)
    begins = _dates(communes, "valid_from").fillna(pd.Timestamp.min.ceil("D"))
    ends = _dates(communes, "valid_to").fillna(pd.Timestamp.max.floor("D"))
    current = communes[(begins <= day) & (ends > day)]
    change = ends[ends <= day].max()
    old = communes[(ends <= day) & (ends >= change) & (begins < change)]
    return _sorted_by_code(current, as_of), _sorted_by_code(old, as_of)


def _dates(frame: pd.DataFrame, column: str) -> "pd.Series[pd.Timestamp]":
    values = frame[column] if column in frame else pd.Series(None, index=frame.index, dtype=object)
    return pd.to_datetime(values, format="ISO8601").astype("datetime64[ns]")


def _sorted_by_code(units: gpd.GeoDataFrame, as_of: date) -> gpd.GeoDataFrame:
    units = units.assign(code=_text(units, "code"), name=_text(units, "name")).sort_values("code", kind="stable")
    repeated = sorted(set(units.loc[units["code"].duplicated(), "code"]))
    if repeated:
        raise InputError(
            f"layer communes: code {', '.join(repeated)} names two units valid at once (as of {as_of}); "
            "set valid_from and valid_to",
            vi=f"lớp communes: mã {', '.join(repeated)} ứng với hai đơn vị cùng hiệu lực "
            f"(ngày {as_of:%d/%m/%Y}); hãy điền valid_from và valid_to",
        )
    return units.reset_index(drop=True)


def _with_polygon(units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return units[units.geometry.notna() & ~units.geometry.is_empty].reset_index(drop=True)


def _base_level(level: str, placed: gpd.GeoDataFrame, every: gpd.GeoDataFrame) -> UnitLevel:
    missing = every[~every["code"].isin(placed["code"])]
    return UnitLevel(
        level=level,
        codes=tuple(placed["code"]),
        names=tuple(placed["name"]),
        base=level,
        parent=np.arange(len(placed), dtype=np.int32),
        reason="" if len(placed) else NEEDS_OLD_POLYGONS,
        without_polygon=tuple(zip(missing["code"], missing["name"], strict=True)) if len(placed) else (),
    )


def _level_of_settlements(settlements: pd.DataFrame, crosswalk: pd.DataFrame | None) -> UnitLevel | None:
    """The former communes that the settlements name; None unless every settlement names one."""
    named = _text(settlements, "old_commune_code")
    if named.empty or (named == "").any():
        return None
    codes = tuple(sorted(set(named)))
    names = tuple(former_name(code, crosswalk) for code in codes)
    rows = np.arange(len(codes), dtype=np.int32)
    return UnitLevel("old_commune", codes, names, "old_commune", rows, without_area=NEEDS_OLD_POLYGONS)


def _province_level(placed: gpd.GeoDataFrame, name: str) -> UnitLevel:
    codes = sorted(set(_text(placed, "province_code")) - {""})
    code = codes[0] if len(codes) == 1 else ""
    return UnitLevel("province", (code,), (name,), "commune", np.zeros(len(placed), dtype=np.int32))


def _district_level(
    placed: gpd.GeoDataFrame, old_placed: gpd.GeoDataFrame, crosswalk: pd.DataFrame | None
) -> UnitLevel:
    for base, codes, names in _district_names(placed, old_placed, crosswalk):
        if (codes != "").all():
            name_of = dict(zip(codes, names, strict=True))
            ordered = tuple(sorted(name_of))
            parent = np.searchsorted(np.array(ordered), codes.to_numpy(dtype=str)).astype(np.int32)
            return UnitLevel("district", ordered, tuple(name_of[code] for code in ordered), base, parent)
    return UnitLevel("district", (), (), "commune", np.full(len(placed), OUTSIDE, dtype=np.int32), NEEDS_DISTRICTS)


def _district_names(
    placed: gpd.GeoDataFrame, old_placed: gpd.GeoDataFrame, crosswalk: pd.DataFrame | None
) -> Iterator[tuple[str, "pd.Series[str]", "pd.Series[str]"]]:
    """Who may say the district of every unit of a base, the best first: base, codes and names."""
    yield "commune", _text(placed, "district_code"), _text(placed, "district_name")
    if crosswalk is not None:
        yield "commune", *_crosswalk_districts(placed["code"], crosswalk)
    yield "commune", *_crosswalk_districts(placed["code"], national_crosswalk(placed))
    if len(old_placed):
        yield "old_commune", _text(old_placed, "district_code"), _text(old_placed, "district_name")


def _crosswalk_districts(codes: "pd.Series[str]", crosswalk: pd.DataFrame) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """Former district of each new commune; "" where the crosswalk names none or several."""
    known = pd.DataFrame(
        {
            "new": _text(crosswalk, "new_code"),
            "code": _text(crosswalk, "old_district_code"),
            "name": _text(crosswalk, "old_district_name"),
        }
    ).drop_duplicates(["new", "code"])
    single = known[~known["new"].duplicated(keep=False)]
    code_of = dict(zip(single["new"], single["code"], strict=True))
    name_of = dict(zip(single["new"], single["name"], strict=True))
    found_codes = [code_of.get(code, "") for code in codes]
    found_names = [name_of.get(code, "") for code in codes]
    return pd.Series(found_codes, dtype=str), pd.Series(found_names, dtype=str)


def burn_units(units: gpd.GeoDataFrame, grid: Grid) -> IntArray:
    """Row position of the unit whose polygon holds each pixel's centre `[y, x]`, −1 outside.

    Parameters
    ----------
    units
        Polygons in any CRS; the earlier row keeps a pixel that two polygons claim.
    grid
        The grid of the answer.
    """
    raster = np.full(grid.shape, OUTSIDE, dtype=np.int32)
    if len(units) == 0:
        return raster
    shapes = [(geometry, row) for row, geometry in enumerate(units.geometry.to_crs(grid.crs))]
    # the earlier row is burnt last, so that it keeps a pixel two polygons claim
    rasterize(shapes[::-1], out=raster, transform=grid.transform, all_touched=False)
    return raster


def outside_units(units: gpd.GeoDataFrame, grid: Grid) -> npt.NDArray[np.bool_]:
    """Whether no polygon holds a pixel's centre `[y, x]`, in a quarter of the memory of `burn_units`.

    Parameters
    ----------
    units, grid
        As in `burn_units`.
    """
    inside = np.zeros(grid.shape, dtype=np.uint8)
    if len(units):
        rasterize(units.geometry.to_crs(grid.crs), out=inside, transform=grid.transform, all_touched=False)
    outside: npt.NDArray[np.bool_] = inside == 0
    return outside


def polygons_key(units: gpd.GeoDataFrame, grid: Grid) -> str:
    """Hash of all that `burn_units` follows from."""
    shapes = hashlib.sha256(b"".join(units.geometry.to_wkb())).hexdigest() if len(units) else ""
    return content_key({"stage": "units", "shapes": shapes, "crs": str(units.crs), **describe_grid(grid)})


def describe_grid(grid: Grid) -> dict[str, Any]:
    """A grid as plain values."""
    return {"crs": grid.crs, "transform": list(grid.transform)[:6], "shape": list(grid.shape)}


def unite_polygons(polygons: gpd.GeoSeries, parent: IntArray, n_unit: int) -> list[BaseGeometry]:
    """The shape of every unit: the union of its polygons.

    Parameters
    ----------
    polygons
        The polygons of a base layer.
    parent
        Row of the unit of each.
    n_unit
        Number of units.
    """
    return [polygons[parent == row].union_all() for row in range(n_unit)]


def _unit_geometries(
    levels: dict[str, UnitLevel], bases: dict[str, gpd.GeoDataFrame], unite: Unite
) -> gpd.GeoDataFrame:
    rows = []
    districts = levels["district"]
    for level in levels.values():
        polygons = bases[level.base].geometry.to_crs("EPSG:4326")
        makes_districts = level.level == districts.base and not districts.reason
        n_unit = len(level.codes)
        shapes = [None] * n_unit if level.without_area else unite(polygons, level.parent, n_unit)
        for row, (code, name, shape) in enumerate(zip(level.codes, level.names, shapes, strict=True)):
            district = districts.codes[districts.parent[row]] if makes_districts else None
            rows.append((level.level, code, name, district, level.without_area, shape))
        rows.extend((level.level, code, name, None, NEEDS_POLYGON, None) for code, name in level.without_polygon)
        if level.reason:
            rows.append((level.level, "", "", None, level.reason, None))
    columns = ["level", "code", "name", "district_code", "reason", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs="EPSG:4326")
