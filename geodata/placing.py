"""Points put on the map: read, reprojected to EPSG:4326, checked against terrain and province."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from phusong.geodata.areas import Area
from phusong.geodata.errors import InputError
from phusong.geodata.readers import Table
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import STORAGE_CRS, Layer
from phusong.geodata.validation import parse_number

# CRSs worth trying when points fall outside: WGS 84, UTM 48N and 49N, VN-2000 geographic, UTM and TM-3 zones.
VIETNAM_CRS = (
    "EPSG:4326", "EPSG:32648", "EPSG:32649", "EPSG:3405", "EPSG:3406", "EPSG:9205", "EPSG:9206", "EPSG:9207",
    "EPSG:9208", "EPSG:5897", "EPSG:9209", "EPSG:9210", "EPSG:9211", "EPSG:9212", "EPSG:9213", "EPSG:9214",
    "EPSG:9215", "EPSG:9216", "EPSG:5899", "EPSG:5898", "EPSG:9217", "EPSG:9218",
)  # fmt: skip

_Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]
_Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Coordinates:
    """Coordinates as given, in their CRS; NaN where there are none."""

    x: _Floats
    y: _Floats
    crs: str
    fields: tuple[str, str]

    def to_lonlat(self, crs: str | None = None, *, swapped: bool = False) -> tuple[_Floats, _Floats]:
        """Longitude and latitude [deg, WGS 84]; NaN where they are not defined."""
        x, y = (self.y, self.x) if swapped else (self.x, self.y)
        transformer = Transformer.from_crs(crs or self.crs, STORAGE_CRS, always_xy=True)
        lon, lat = (np.asarray(part, dtype=float) for part in transformer.transform(x, y))
        good = np.isfinite(lon) & np.isfinite(lat)
        return np.where(good, lon, np.nan), np.where(good, lat, np.nan)


def resolve_crs(table: Table, frame: pd.DataFrame, crs: str | None, file: str) -> tuple[str, str]:
    """Decide the CRS of a file's coordinates: the one asked for, else the file's, else WGS 84 for lon/lat.

    Returns
    -------
    tuple
        The CRS, and a note on where it came from ("" if the file said so).

    Raises
    ------
    InputError
        The CRS is unknown, or absent.
    """
    if crs is not None:
        try:
            asked = CRS.from_user_input(crs)
        except CRSError:
            raise InputError(
                f"{crs!r} is no known CRS; write one like EPSG:9211.",
                vi=f"Không biết hệ tọa độ {crs!r}; ví dụ EPSG:9211.",
            ) from None
        if table.crs is not None and CRS.from_user_input(table.crs) != asked:
            return crs, f"{file} says {table.crs}; read as {crs}, as asked"
        return crs, ""
    if table.geometry is not None and table.crs is not None:
        return table.crs, ""
    if table.geometry is None and {"lon", "lat"} <= set(frame.columns):
        return STORAGE_CRS, "lon and lat are taken as EPSG:4326 (WGS 84)"
    raise InputError(
        f"{file} does not say its CRS; give it with --crs, like --crs EPSG:9211.",
        vi=f"{file} không ghi hệ tọa độ; hãy nêu bằng --crs, ví dụ --crs EPSG:9211.",
    )


def read_coordinates(table: Table, frame: pd.DataFrame, crs: str, *, log: IssueLog, file: str) -> Coordinates:
    """Read the points of a table, from its geometry or its columns lon/lat or x/y.

    Raises
    ------
    InputError
        The table has neither.
    """
    if table.geometry is not None:
        return _point_coordinates(table.geometry, crs, log)
    for fields in (("lon", "lat"), ("x", "y")):
        if set(fields) <= set(frame.columns):
            x, y = (_number_column(frame[name], name, log) for name in fields)
            return Coordinates(x, y, crs, fields)
    raise InputError(
        f"{file} has no coordinates: neither lon and lat nor x and y; name them with --map lon=…, lat=….",
        vi=f"{file} không có tọa độ: thiếu lon và lat hoặc x và y; hãy nêu cột bằng --map lon=…, lat=….",
    )


def place_points(given: Coordinates, layer: Layer, area: Area, *, log: IssueLog, file: str) -> _Objects:
    """Turn coordinates into points in EPSG:4326, refusing rows outside the terrain or the province.

    Settlements and places must lie in a commune; they and stations on the terrain, where these are known.
    Fibre endpoints and measurements may lie anywhere.

    Raises
    ------
    InputError
        More than half of the points lie outside: the CRS is plainly wrong.
    """
    lon, lat = given.to_lonlat()
    known = np.isfinite(given.x) & np.isfinite(given.y)
    good = known & np.isfinite(lon) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    shown = [f"{x:.12g}, {y:.12g}" for x, y in zip(given.x, given.y, strict=True)]
    field = ", ".join(given.fields)
    swapped = known & ~good & _within(given, area, layer, swapped=True)
    outside = good & ~_may_lie(area, layer, lon, lat)
    swapped |= outside & _within(given, area, layer, swapped=True)
    stray = (known & ~good) | (good & ~_near(area, layer, lon, lat))
    if stray.sum() > known.sum() / 2:
        raise _describe_wrong_crs(given, layer, area, stray=stray, log=log, file=file)
    log.refuse(
        swapped, field=field, values=shown, code="xy_swapped",
        reason=f"{given.fields[0]} and {given.fields[1]} look swapped in this row: {{value}}",
        reason_vi=f"{given.fields[0]} và {given.fields[1]} có vẻ bị đảo ở dòng này: {{value}}",
    )  # fmt: skip
    log.refuse(
        known & ~good & ~swapped, field=field, values=shown, code="out_of_range",
        reason=f"{{value}} is no position in {given.crs}",
        reason_vi=f"{{value}} không phải vị trí trong {given.crs}",
    )  # fmt: skip
    off_terrain = outside & ~swapped & ~area.in_terrain(lon, lat)
    log.refuse(
        off_terrain, field=field, values=shown, code="outside_terrain",
        reason="{value} lies outside the terrain; correct it, or import a terrain that reaches there",
        reason_vi="{value} nằm ngoài địa hình; hãy sửa, hoặc nhập địa hình rộng hơn",
    )  # fmt: skip
    log.refuse(
        outside & ~swapped & ~off_terrain, field=field, values=shown, code="outside_province",
        reason="{value} lies outside every commune; correct it, or remove the row",
        reason_vi="{value} nằm ngoài mọi xã; hãy sửa hoặc bỏ dòng này",
    )  # fmt: skip
    points = np.full(len(lon), None, dtype=object)
    points[good] = shapely.points(lon[good], lat[good])
    return points


def _number_column(series: pd.Series, name: str, log: IssueLog) -> _Floats:
    texts: list[str | None] = list(series)
    numbers = [None if text is None else parse_number(text) for text in texts]
    log.refuse(
        [text is None for text in texts], field=name, values=None, code="missing_coordinate",
        reason=f"{name} is empty; give the position or remove the row",
        reason_vi=f"{name} trống; hãy ghi tọa độ hoặc bỏ dòng này",
    )  # fmt: skip
    log.refuse(
        [text is not None and number is None for text, number in zip(texts, numbers, strict=True)],
        field=name, values=texts, code="not_a_number",
        reason=f"{name} {{value}} is no number; write decimal degrees or metres with a decimal point",
        reason_vi=f"{name} {{value}} không phải số; hãy ghi độ thập phân hoặc mét, dấu chấm thập phân",
    )  # fmt: skip
    return np.array([np.nan if number is None else number for number in numbers], dtype=float)


def _point_coordinates(geometry: _Objects, crs: str, log: IssueLog) -> Coordinates:
    single = shapely.get_num_geometries(geometry) == 1
    shapes: _Objects = np.where(single, shapely.get_geometry(geometry, 0), geometry)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    point = shapely.get_type_id(shapes) == 0
    log.refuse(
        empty, field="geometry", values=None, code="missing_coordinate",
        reason="the feature has no position; give one or remove it",
        reason_vi="đối tượng không có vị trí; hãy bổ sung hoặc bỏ đi",
    )  # fmt: skip
    log.refuse(
        ~empty & ~point, field="geometry", values=[getattr(shape, "geom_type", None) for shape in shapes],
        code="bad_geometry", reason="a point is expected, got {value}", reason_vi="cần điểm, gặp {value}",
    )  # fmt: skip
    usable = shapes.copy()
    usable[empty | ~point] = None
    return Coordinates(shapely.get_x(usable), shapely.get_y(usable), crs, ("x", "y"))


def _may_lie(area: Area, layer: Layer, lon: _Floats, lat: _Floats) -> _Mask:
    inside = np.ones(len(lon), dtype=bool)
    if layer.name in ("stations", "settlements", "places"):
        inside &= area.in_terrain(lon, lat)
    if layer.name in ("settlements", "places"):
        inside &= area.in_province(lon, lat)
    return inside


def _near(area: Area, layer: Layer, lon: _Floats, lat: _Floats) -> _Mask:
    """Whether points lie where most of a layer's points must."""
    if layer.name in ("settlements", "places") or area.terrain is None:
        return area.in_province(lon, lat) & area.in_terrain(lon, lat)
    return area.in_terrain(lon, lat)


def _within(given: Coordinates, area: Area, layer: Layer, *, swapped: bool, crs: str | None = None) -> _Mask:
    """Whether points read this way would be positions where the layer's points must lie."""
    lon, lat = given.to_lonlat(crs, swapped=swapped)
    good = np.isfinite(lon) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    good[good] = _near(area, layer, lon[good], lat[good])
    return good


def _describe_wrong_crs(
    given: Coordinates, layer: Layer, area: Area, *, stray: _Mask, log: IssueLog, file: str
) -> InputError:
    total = int(np.isfinite(given.x + given.y).sum())
    first = int(np.flatnonzero(stray)[0])
    row, position = int(log.row_numbers[first]), f"{given.x[first]:.12g}, {given.y[first]:.12g}"
    count = f"{int(stray.sum())} of {total} points (first: row {row}, {position})"
    count_vi = f"{int(stray.sum())}/{total} điểm (đầu tiên: dòng {row}, {position})"
    remedy, remedy_vi = _suggest(given, layer, area, total)
    return wrong_crs(file, given.crs, count=count, count_vi=count_vi, remedy=remedy, remedy_vi=remedy_vi)


def wrong_crs(
    file: str, crs: str, *, count: str, count_vi: str,
    remedy: str = "give the right one with --crs", remedy_vi: str = "hãy nêu hệ tọa độ đúng bằng --crs",
) -> InputError:  # fmt: skip
    """Build the error for a file most of whose rows fall outside; `count` says how many of what."""
    return InputError(
        f"{file}: {count} fall outside the province or the terrain: CRS {crs} is plainly wrong; {remedy}.",
        vi=f"{file}: {count_vi} nằm ngoài tỉnh hoặc địa hình: hệ tọa độ {crs} rõ ràng sai; {remedy_vi}.",
    )


def _suggest(given: Coordinates, layer: Layer, area: Area, total: int) -> tuple[str, str]:
    fits: list[tuple[int, str, bool]] = []
    for swapped in (False, True):
        for crs in dict.fromkeys((given.crs, *VIETNAM_CRS)):
            count = int(_within(given, area, layer, swapped=swapped, crs=crs).sum())
            if count > total / 2:
                fits.append((count, f"--crs {crs}", swapped))
    if not fits or (area.province is None and area.terrain is None):
        return "give the right one with --crs", "hãy nêu hệ tọa độ đúng bằng --crs"
    best = max(count for count, _, _ in fits)
    exchange = all(swapped for count, _, swapped in fits if count == best)
    names = [name for count, name, swapped in fits if count == best and swapped == exchange][:3]
    first, second = given.fields
    order = f" and {first} and {second} exchanged" if exchange else ""
    order_vi = f" và đổi chỗ {first} với {second}" if exchange else ""
    return (
        f"{best} of them would lie inside with {' or '.join(names)}{order}",
        f"{best} điểm sẽ nằm trong nếu dùng {' hoặc '.join(names)}{order_vi}",
    )
