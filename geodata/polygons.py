"""Polygons of communes put on the map, in EPSG:4326."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from phusong.geodata.areas import Area
from phusong.geodata.coordinates import same_crs, storage_transformer
from phusong.geodata.errors import InputError
from phusong.geodata.readers import Table
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import STORAGE_CRS
from phusong.geodata.wrong_crs import wrong_crs

_Objects = npt.NDArray[np.object_]


def place_polygons(table: Table, values: pd.DataFrame, crs: str, *, area: Area, log: IssueLog, file: str) -> _Objects:
    """Turn the polygons of communes into multipolygons in EPSG:4326; only ended units may have none.

    Raises
    ------
    InputError
        The file has no polygons, or most lie outside the terrain: the CRS is plainly wrong.
    """
    if table.geometry is None:
        raise InputError(
            f"{file} has no polygons; import communes from a vector file.",
            vi=f"{file} không có đa giác; hãy nhập xã từ tệp vectơ.",
        )
    shapes = shapely.force_2d(table.geometry)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    polygonal = np.isin(shapely.get_type_id(shapes), (3, 6))
    valid = polygonal & shapely.is_valid(shapes)
    reasons = shapely.is_valid_reason(shapes)
    faults = [str(why) if fits else "no polygon" for why, fits in zip(reasons, polygonal, strict=True)]
    log.refuse(
        ~empty & ~valid, field="geometry", values=faults,
        code="bad_geometry", reason="the polygon is not valid: {value}; repair it in a GIS",
        reason_vi="đa giác không hợp lệ: {value}; hãy sửa bằng phần mềm GIS",
    )  # fmt: skip
    log.refuse(
        empty & values["valid_to"].isna().to_numpy(), field="geometry", values=None, code="missing_geometry",
        reason="the unit has no polygon; only units with valid_to may lack one",
        reason_vi="đơn vị không có đa giác; chỉ đơn vị có valid_to mới được thiếu",
    )  # fmt: skip
    placed = np.full(len(shapes), None, dtype=object)
    wanted = valid & ~empty
    placed[wanted] = [_multipolygon(shape) for shape in _reproject(shapes[wanted], crs)]
    inner = shapely.point_on_surface(placed[wanted])
    outside = ~_on_the_globe(placed[wanted])
    outside |= ~area.in_terrain(shapely.get_x(inner), shapely.get_y(inner))
    if outside.sum() > len(outside) / 2:
        count = f"{int(outside.sum())} of {len(outside)} polygons"
        raise wrong_crs(file, crs, count=count, count_vi=f"{int(outside.sum())}/{len(outside)} đa giác")
    return placed


def _reproject(shapes: _Objects, crs: str) -> _Objects:
    if same_crs(crs, STORAGE_CRS):
        return shapes
    transformer = storage_transformer(crs)

    def to_lonlat(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(shapes, to_lonlat), dtype=object)


def _on_the_globe(shapes: _Objects) -> npt.NDArray[np.bool_]:
    """Whether polygons in EPSG:4326 have longitudes and latitudes that exist."""
    bounds = np.abs(shapely.bounds(shapes))
    return np.asarray(np.all(bounds <= [180.0, 90.0, 180.0, 90.0], axis=1), dtype=bool)


def _multipolygon(shape: shapely.Polygon | shapely.MultiPolygon) -> shapely.MultiPolygon:
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon([shape])
