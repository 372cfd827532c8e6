"""Elevation files: the analysis grid they allow, their holes, and bilinear interpolation onto the grid."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import rasterio.features
import rasterio.fill
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, reproject

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import first_position, grid_of, read_floats

MIN_ELEVATION_M = -500.0
"""Below the Dead Sea's shore (about -430 m): a lower value is an undeclared "no data"."""
MAX_ELEVATION_M = 9000.0
"""Above Mount Everest (8849 m)."""

_Mask = npt.NDArray[np.bool_]


def analysis_grid(source: Grid, *, crs: str, resolution_m: float) -> Grid:
    """The largest grid wholly inside a source raster with edges at multiples of the resolution.

    Parameters
    ----------
    source
        Place of the source raster.
    crs
        Projected CRS of the result.
    resolution_m
        Side of its cells [m].

    Raises
    ------
    InputError
        The source is too small to hold five cells a side, or lies where the CRS is not defined.
    """
    edges = np.array(inner_bounds(source, crs)) / resolution_m
    if not np.isfinite(edges).all():
        raise InputError(
            f"the terrain lies where {crs} is not defined; check the CRS of the file and of the workspace",
            vi=f"Địa hình nằm ngoài vùng xác định của {crs}; hãy kiểm tra hệ tọa độ",
        )
    # A source already on multiples must not lose a row to rounding.
    col0, row0 = np.ceil(edges[:2] - 1e-6).astype(int)
    col1, row1 = np.floor(edges[2:] + 1e-6).astype(int)
    if col1 - col0 < 5 or row1 - row0 < 5:
        raise InputError(
            f"the terrain holds fewer than 5 × 5 cells of {resolution_m:g} m in {crs}; check CRS and extent",
            vi=f"Địa hình chứa ít hơn 5 × 5 ô {resolution_m:g} m trong {crs}; hãy kiểm tra phạm vi",
        )
    transform = Affine(resolution_m, 0.0, col0 * resolution_m, 0.0, -resolution_m, row1 * resolution_m)
    return Grid(crs, transform, (int(row1 - row0), int(col1 - col0)))


def read_elevations(source: Any, path: Path) -> Raster:
    """Elevations of an open raster as float32 [m amsl], NaN where it has none.

    Raises
    ------
    InputError
        A value lies outside [-500, 9000] m: an undeclared "no data" value or another unit.
    """
    values = read_floats(source, path).astype(np.float32, copy=False)
    grid = grid_of(source)
    wrong = (values < MIN_ELEVATION_M) | (values > MAX_ELEVATION_M)
    if wrong.any():
        worst, position = float(values[wrong][0]), first_position(wrong, grid)
        limits = f"[{MIN_ELEVATION_M:g}, {MAX_ELEVATION_M:g}]"
        raise InputError(
            f"{path.name}: elevations must be within {limits} m, got {worst:g} at "
            f'{position}; if that stands for "no data", declare it in the file (gdal_edit -a_nodata)',
            vi=f"{path.name}: độ cao phải nằm trong {limits} m, gặp {worst:g} tại "
            f"{position}; nếu đó là giá trị trống, hãy khai báo trong tệp (gdal_edit -a_nodata)",
        )
    return Raster(values, grid, None, "m")


def fill_holes(
    terrain: Raster, *, name: str, sea_m: float | None = None, interpolate_px: int | None = None
) -> tuple[Raster, str]:
    """Fill the cells without data as asked, or refuse them.

    Parameters
    ----------
    terrain
        Elevations [m amsl], NaN where there are none.
    name
        Name of the file, for the error.
    sea_m
        Elevation that all holes get [m amsl].
    interpolate_px
        Holes of up to this many cells across (the longer side of the box around them, diagonal neighbours
        belonging together) are interpolated by inverse distance.

    Returns
    -------
    tuple
        The elevations without holes, and what was done: "none", "sea=0" or "interpolate=5".

    Raises
    ------
    InputError
        Holes remain.
    """
    hole = np.isnan(terrain.values)
    values, done = terrain.values, "none"
    if hole.any() and sea_m is not None:
        values, done = np.where(hole, np.float32(sea_m), values), f"sea={sea_m:g}"
        hole = np.isnan(values)
    elif hole.any() and interpolate_px is not None:
        small = _small_holes(hole, interpolate_px)
        values, done = _interpolated(values, small, interpolate_px), f"interpolate={interpolate_px}"
        hole = np.isnan(values)
    if hole.any():
        count, position = int(hole.sum()), first_position(hole, terrain.grid)
        limit = "" if interpolate_px is None else f" wider than {interpolate_px} cells"
        raise InputError(
            f"{name}: {count} cells without elevation{limit}, the first at {position}; "
            "give a complete file or ask for a fill (sea=0 or interpolate=N_px)",
            vi=f"{name}: {count} ô không có độ cao, ô đầu tiên tại {position}; "
            "hãy dùng tệp đầy đủ hoặc yêu cầu lấp (sea=0 hoặc interpolate=N_px)",
        )
    return Raster(values, terrain.grid, None, "m"), done


def interpolate_bilinear(terrain: Raster, grid: Grid, *, name: str) -> Raster:
    """Elevations on another grid by bilinear interpolation (cells of a coarser grid average what they cover).

    Raises
    ------
    InputError
        A cell of the grid lies outside the source.
    """
    if _on_same_lattice(terrain.grid, grid):
        xs, ys = grid.centres()
        row, col = (int(i) for i in terrain.grid.index(xs[0], ys[0]))
        ny, nx = grid.shape
        return Raster(terrain.values[row : row + ny, col : col + nx], grid, None, "m")
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    reproject(
        terrain.values, values, src_transform=terrain.grid.transform, src_crs=terrain.grid.crs,
        src_nodata=np.nan, dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=np.nan,
        resampling=Resampling.bilinear, tolerance=0.01, num_threads=2,
    )  # fmt: skip
    missing = np.isnan(values)
    if missing.any():
        raise InputError(
            f"{name}: the terrain does not reach {first_position(missing, grid)} of the analysis grid",
            vi=f"{name}: địa hình không phủ tới {first_position(missing, grid)} của lưới phân tích",
        )
    return Raster(values, grid, None, "m")


def inner_bounds(source: Grid, crs: str) -> tuple[float, float, float, float]:
    """Bounds in `crs` of a rectangle inside the source: on each side the innermost point of the edge.

    Parameters
    ----------
    source
        Place of the source.
    crs
        CRS of the bounds.
    """
    west, south, east, north = source.bounds
    if CRS(source.crs) == CRS(crs):
        return west, south, east, north
    to_grid = Transformer.from_crs(source.crs, crs, always_xy=True)
    xs, ys = np.linspace(west, east, 401), np.linspace(south, north, 401)
    inner_west = to_grid.transform(np.full(401, west), ys)[0].max()
    inner_east = to_grid.transform(np.full(401, east), ys)[0].min()
    inner_south = to_grid.transform(xs, np.full(401, south))[1].max()
    inner_north = to_grid.transform(xs, np.full(401, north))[1].min()
    return float(inner_west), float(inner_south), float(inner_east), float(inner_north)


def _on_same_lattice(source: Grid, grid: Grid) -> bool:
    if CRS(source.crs) != CRS(grid.crs) or source.cell_size != grid.cell_size:
        return False
    col = (grid.transform.c - source.transform.c) / source.transform.a
    row = (grid.transform.f - source.transform.f) / source.transform.e
    return bool(abs(col - round(col)) < 1e-6 and abs(row - round(row)) < 1e-6)


def _small_holes(hole: _Mask, limit_px: int) -> _Mask:
    """Those connected holes (diagonals count) whose bounding box is at most `limit_px` cells a side."""
    shapes = rasterio.features.shapes(hole.astype(np.uint8), mask=hole, connectivity=8)
    small = []
    for shape, _ in shapes:
        ring = np.array(shape["coordinates"][0])
        if np.ptp(ring, axis=0).max() <= limit_px:
            small.append(shape)
    if not small:
        return np.zeros_like(hole)
    burnt = rasterio.features.rasterize(small, out_shape=hole.shape, fill=0, default_value=1, dtype="uint8")
    return cast(_Mask, (burnt == 1) & hole)


def _interpolated(values: npt.NDArray[Any], small: _Mask, limit_px: int) -> npt.NDArray[Any]:
    """The values with small holes filled by GDAL's inverse-distance search; larger holes stay NaN."""
    known = ~np.isnan(values)
    filled = rasterio.fill.fillnodata(np.where(known, values, 0.0), mask=known, max_search_distance=2.0 * limit_px)
    return np.where(small, filled, values).astype(np.float32)
