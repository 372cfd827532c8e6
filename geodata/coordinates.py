"""The coordinates of a table: their CRS, read from geometry or text, turned into longitude and latitude."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from phusong.geodata.coordinate_text import (
    Angle,
    axis_of,
    parse_angle,
    parse_metres,
    parse_pair,
    without_grouping,
)
from phusong.geodata.errors import InputError
from phusong.geodata.joins import COORDINATES
from phusong.geodata.readers import Table
from phusong.geodata.reports import IssueLog, Note
from phusong.geodata.schemas import STORAGE_CRS

# EPSG:6960, seven parameters, 1 m.
VN2000_OPERATION = "VN-2000 to WGS 84 (2)"
LEAST_NORTHING_M = 900_000.0  # Vietnam lies between northings of 0.9 and 2.6 Mm, eastings below 0.9 Mm

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Coordinates as given, in their CRS; NaN where there are none.

    `text_lon` and `text_lat` [deg, WGS 84] are positions written in degrees, minutes and seconds where the CRS is
    metric; `texts` what the cells held, None for a geometry.
    """

    x: Floats
    y: Floats
    crs: str
    fields: tuple[str, ...]
    text_lon: Floats | None = None
    text_lat: Floats | None = None
    texts: tuple[Sequence[str | None], ...] | None = None

    @property
    def known(self) -> Mask:
        """Whether a row has coordinates in the CRS."""
        return np.asarray(np.isfinite(self.x) & np.isfinite(self.y), dtype=bool)

    @property
    def in_dms(self) -> Mask:
        """Whether a row has degrees, minutes and seconds in metric columns."""
        if self.text_lon is None or self.text_lat is None:
            return np.zeros(len(self.x), dtype=bool)
        return np.asarray(np.isfinite(self.text_lon) & np.isfinite(self.text_lat), dtype=bool)

    def at(self, rows: npt.NDArray[np.intp]) -> "Coordinates":
        """The coordinates of some rows, without their texts."""
        return replace(self, x=self.x[rows], y=self.y[rows], text_lon=None, text_lat=None, texts=None)

    def to_lonlat(self) -> tuple[Floats, Floats]:
        """Longitude and latitude [deg, WGS 84]; NaN where they are not defined."""
        return to_lonlat(self.x, self.y, self.crs)

    def shown(self, rows: Mask) -> list[str | None]:
        """The coordinates of some rows as a message writes them, None for the others."""
        written: list[str | None] = [None] * len(self.x)
        for row in np.flatnonzero(rows).tolist():
            if self.texts is not None and not np.isfinite(self.x[row] + self.y[row]):
                written[row] = ", ".join(str(cells[row]) for cells in self.texts)
            else:
                written[row] = f"{self.x[row]:.12g}, {self.y[row]:.12g}"
        return written


def to_lonlat(x: Floats, y: Floats, crs: str) -> tuple[Floats, Floats]:
    """Transform coordinates to longitude and latitude [deg, WGS 84]; NaN where they are not defined.

    VN-2000 goes by EPSG:6960 everywhere.

    Parameters
    ----------
    x, y
        Easting and northing, or longitude and latitude, in `crs`.
    crs
        The CRS.
    """
    lon, lat = (np.asarray(part, dtype=float) for part in storage_transformer(crs).transform(x, y))
    good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    return np.where(good, lon, np.nan), np.where(good, lat, np.nan)


def from_lonlat(lon: Floats, lat: Floats, crs: str) -> tuple[Floats, Floats]:
    """Transform longitude and latitude [deg, WGS 84] to a CRS, as the exact reverse of `to_lonlat`.

    A transformation in the plane loses the height that the datum shift brings, about a millimetre there and back: one
    step of iteration takes it out.
    """
    transformer = storage_transformer(crs)
    x, y = (np.asarray(part, dtype=float) for part in transformer.transform(lon, lat, direction="INVERSE"))
    again_x, again_y = transformer.transform(*transformer.transform(x, y), direction="INVERSE")
    return x + (x - again_x), y + (y - again_y)


@lru_cache(maxsize=64)
def storage_transformer(crs: str) -> Transformer:
    """The transformation from a CRS to EPSG:4326, (x, y) to (lon, lat); VN-2000 always by the same operation."""
    for candidate in TransformerGroup(crs, STORAGE_CRS, always_xy=True).transformers:
        if VN2000_OPERATION in candidate.description:
            return candidate
    return Transformer.from_crs(crs, STORAGE_CRS, always_xy=True)


@lru_cache(maxsize=64)
def is_geographic(crs: str) -> bool:
    """Whether a CRS has longitude and latitude."""
    return bool(CRS.from_user_input(crs).is_geographic)


@lru_cache(maxsize=256)
def same_crs(one: str, other: str) -> bool:
    """Whether two names mean one CRS."""
    return bool(CRS.from_user_input(one) == CRS.from_user_input(other))


def resolve_crs(table: Table, crs: str | None, *, own_lonlat: bool, file: str) -> tuple[str, Note | None]:
    """Decide the CRS of a file's coordinates: the one asked for, else the file's.

    Parameters
    ----------
    table
        The file.
    crs
        The CRS asked for.
    own_lonlat
        Whether the file has the columns `lon` and `lat` of our own format, which are WGS 84 by definition.
    file
        Name of the file, for messages.

    Returns
    -------
    tuple
        The CRS, and a note on where it came from (None if it was stated).

    Raises
    ------
    InputError
        The CRS is unknown, or absent.
    """
    if crs is not None:
        try:
            CRS.from_user_input(crs)
        except CRSError:
            raise InputError(
                f"{crs!r} is no known CRS; write one like EPSG:9211.",
                vi=f"Không biết hệ tọa độ {crs!r}; ví dụ EPSG:9211.",
            ) from None
        if table.crs is not None and not same_crs(table.crs, crs):
            en, vi = f"{file} says {table.crs}; read as {crs}, as asked", f"{file} ghi {table.crs}; đọc theo {crs}"
            return crs, Note(en, vi)
        return crs, None
    if table.geometry is not None and table.crs is not None:
        return table.crs, None
    if table.geometry is None and own_lonlat:
        note = Note("lon and lat are taken as EPSG:4326 (WGS 84)", "lon và lat được hiểu theo EPSG:4326 (WGS 84)")
        return STORAGE_CRS, note
    raise InputError(
        f"{file} does not say its CRS; give it with --crs, like --crs EPSG:9211.",
        vi=f"{file} không ghi hệ tọa độ; hãy nêu bằng --crs, ví dụ --crs EPSG:9211.",
    )


def has_coordinates(table: Table, frame: pd.DataFrame) -> bool:
    """Whether a table has a geometry, the columns lon and lat or x and y, or `position`."""
    return table.geometry is not None or _column_names(frame) is not None


def read_coordinates(table: Table, frame: pd.DataFrame, crs: str, *, log: IssueLog, file: str) -> Coordinates:
    """Read the points of a table, from its geometry or its columns lon and lat, x and y, or `position` (both in one).

    Degrees may be written in any form of `parse_angle` where the CRS is geographic; longitude and latitude are told
    apart by their letter. In a metric CRS such a text is kept aside, for it means WGS 84.

    Raises
    ------
    InputError
        The table has no coordinates.
    """
    if table.geometry is not None:
        return _point_coordinates(table.geometry, crs, log)
    names = _column_names(frame)
    if names is None:
        raise InputError(
            f"{file} has no coordinates: neither lon and lat nor x and y; name them with --map lon=…, lat=….",
            vi=f"{file} không có tọa độ: thiếu lon và lat hoặc x và y; hãy nêu cột bằng --map lon=…, lat=….",
        )
    texts = tuple(list(frame[name]) for name in names)
    for name, cells in zip(names, texts, strict=True):
        log.refuse(
            [text is None for text in cells], field=name, values=None, code="missing_coordinate",
            reason=f"{name} is empty; give the position or remove the row",
            reason_vi=f"{name} trống; hãy ghi tọa độ hoặc bỏ dòng này",
        )  # fmt: skip
    return _parse_texts(texts, names, crs, log)


def _column_names(frame: pd.DataFrame) -> tuple[str, ...] | None:
    return next((names for names in COORDINATES if set(names) <= set(frame.columns)), None)


def _parse_texts(
    texts: tuple[Sequence[str | None], ...], names: tuple[str, ...], crs: str, log: IssueLog
) -> Coordinates:
    count = len(texts[0])
    x, y, text_lon, text_lat = (np.full(count, np.nan) for _ in range(4))
    geographic = is_geographic(crs)
    if len(texts) == 2:
        texts_plain = texts if geographic else without_grouping(texts)
        x, y = (_plain_numbers(cells) for cells in texts_plain)
    given = np.all([[text is not None for text in cells] for cells in texts], axis=0)
    unread = np.zeros((len(names), count), dtype=bool)
    for row in np.flatnonzero(given & ~(np.isfinite(x) & np.isfinite(y))).tolist():
        cells = tuple(str(column[row]) for column in texts)
        metres, angles = _two_metres(cells), _lon_lat(cells)
        if angles is not None and (geographic or (metres is None and angles[2])):
            target = (x, y) if geographic else (text_lon, text_lat)
            target[0][row], target[1][row] = angles[:2]
        elif metres is not None:
            x[row], y[row] = metres
        else:
            parse: Any = parse_angle if geographic else parse_metres
            faults = [parse(cell) is None for cell in cells]
            unread[:, row] = faults if any(faults) else True
    what, what_vi = ("degrees", "độ") if geographic else ("metres", "mét")
    like = "17.7065, 17,7065, 17°42'23.4\"N" if geographic else "553920.21, 553920,21"
    for position, name in enumerate(names):
        log.refuse(
            unread[position], field=name, values=texts[position], code="not_a_number",
            reason=f"{name} {{value}} cannot be read as {what} beyond doubt; write it like {like}",
            reason_vi=f"{name} {{value}} không đọc chắc chắn được là {what_vi}; hãy ghi như {like}",
        )  # fmt: skip
    return Coordinates(x, y, crs, names, text_lon, text_lat, texts)


def _plain_numbers(cells: Sequence[str | None]) -> Floats:
    """The plain numbers among texts, with a decimal point or comma; NaN for the others."""
    pointed = [
        cell.replace(",", ".") if cell is not None and cell.count(",") == 1 and "." not in cell else cell
        for cell in cells
    ]
    numbers = pd.to_numeric(np.array(pointed, dtype=object), errors="coerce").astype(float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _two_metres(cells: tuple[str, ...]) -> tuple[float, float] | None:
    """Easting and northing; in one cell the larger is the northing, for Vietnam's lie far apart."""
    if len(cells) == 1:
        pair = parse_pair(cells[0], parse_metres)
        if pair is None or (min(pair) < LEAST_NORTHING_M) == (max(pair) < LEAST_NORTHING_M):
            return None
        return min(pair), max(pair)
    first, second = (parse_metres(cell) for cell in cells)
    return None if first is None or second is None else (first, second)


def _lon_lat(cells: tuple[str, ...]) -> tuple[float, float, bool] | None:
    """Longitude, latitude and whether they are plainly angles; None where that is not beyond doubt.

    Letters tell the axes apart, then values within Vietnam; plain numbers of two columns stay in the order given.
    """
    pair = parse_pair(cells[0], parse_angle) if len(cells) == 1 else tuple(parse_angle(cell) for cell in cells)
    first, second = pair or (None, None)
    if first is None or second is None:
        return None
    plainly = any(angle.is_dms or angle.axis is not None for angle in (first, second))
    axes = (_axis(first, second), _axis(second, first))
    if axes == ("lat", "lon") and (plainly or len(cells) == 1):
        return second.deg, first.deg, plainly
    if axes == ("lon", "lat") or (len(cells) == 2 and first.axis is None and second.axis is None):
        return first.deg, second.deg, plainly
    return None


def _axis(angle: Angle, other: Angle) -> str | None:
    """The axis of an angle: by its letter, the other's letter, or its value in Vietnam."""
    if angle.axis is not None:
        return angle.axis
    if other.axis is not None:
        return "lon" if other.axis == "lat" else "lat"
    return axis_of(angle.deg)


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
