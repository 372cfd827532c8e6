"""Terrain, land cover and population files brought into a workspace, and what is read off them.

Terrain defines the analysis grid of the workspace; land cover is put on that grid; population is stored as
given and allocated later (`phusong.geodata.population`). Vertical datums are not converted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import first_position, grid_of, open_source, read_floats, write_raster
from phusong.geodata.reports import Note
from phusong.geodata.terrain import (
    MAX_ELEVATION_M,
    MIN_ELEVATION_M,
    analysis_grid,
    fill_holes,
    interpolate_bilinear,
    read_elevations,
)
from phusong.geodata.workspace import Workspace

WATER_CODE = 80
"""Permanent water bodies in ESA WorldCover (Product User Manual, table of classes)."""
SEA_ZONE, COASTAL_ZONE, INLAND_ZONE = 1, 3, 4
"""Radio-climatic codes as the digital products of Rec. ITU-R P.1812 use them."""
COASTAL_LIMIT_M = 50_000.0
"""Coastal land reaches at most 50 km from the sea (Rec. ITU-R P.1812-7, Annex 1, radio-climatic zones)."""
COASTAL_MAX_ELEVATION_M = 100.0
"""Coastal land reaches up to 100 m of altitude (same table)."""

_Mask = npt.NDArray[np.bool_]


def import_terrain(
    workspace: Workspace,
    path: Path,
    *,
    terrain_kind: str,
    fill_sea_m: float | None = None,
    fill_interpolate_px: int | None = None,
    replace: bool = False,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Put an elevation file on the analysis grid of the workspace, which it thereby defines.

    Bilinear interpolation. Cells without data are refused unless one of the fills is asked for.

    Parameters
    ----------
    workspace
        Gives CRS and resolution; receives `rasters/terrain.tif`.
    path
        GeoTIFF, ERDAS Imagine, ESRI ASCII grid or SRTM `.hgt`; elevations [m amsl] in one band.
    terrain_kind
        "dtm" (bare earth) or "dsm" (top of trees and houses).
    fill_sea_m
        Elevation given to every cell without data [m amsl].
    fill_interpolate_px
        Holes up to this many source cells across are interpolated; larger ones are still refused.
    replace
        Replace a terrain imported before.
    tags
        Metadata of the stored file: attribution and licence.

    Returns
    -------
    dict
        The report: grid, kind, source, number of holes, fill, range of elevations.

    Raises
    ------
    InputError
        Unknown kind, holes, elevations out of range, no CRS, or terrain exists and `replace` is False.
    """
    _validate_terrain_options(path.name, terrain_kind, fill_sea_m, fill_interpolate_px)
    _refuse_existing(workspace, "terrain", replace)
    with open_source(path) as source:
        given = read_elevations(source, path)
    holes = int(np.isnan(given.values).sum())
    whole, fill = fill_holes(given, name=path.name, sea_m=fill_sea_m, interpolate_px=fill_interpolate_px)
    grid = analysis_grid(given.grid, crs=workspace.settings.crs, resolution_m=workspace.settings.resolution_m)
    terrain = interpolate_bilinear(whole, grid, name=path.name)
    filled = Note(
        f"{holes} cells without elevation were filled: {fill}", f"{holes} ô không có độ cao đã được điền: {fill}"
    )
    notes = [*([filled] if holes else []), *_stale_clutter(workspace, grid)]
    metadata = {"TERRAIN_KIND": terrain_kind, "SOURCE": path.name, "FILL": fill, **(tags or {})}
    write_raster(workspace.raster_path("terrain"), terrain, tags=metadata)
    return _report("terrain", path, given.grid, grid) | {
        "terrain_kind": terrain_kind, "holes": holes, "fill": fill, "notes": notes,
        "min_m": float(terrain.values.min()), "max_m": float(terrain.values.max()),
    }  # fmt: skip


def import_clutter(
    workspace: Workspace, path: Path, *, replace: bool = False, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Put a land-cover file on the analysis grid: the most frequent code of the source cells in each cell.

    Cells without land cover are taken as water where the terrain is sea by the settings' elevation rule
    (products end offshore), counted in the report, and refused elsewhere.

    Parameters
    ----------
    workspace
        Has terrain; receives `rasters/clutter.tif`.
    path
        Codes of 1 to 255 in one band; 0 and the file's own "no data" value mean no land cover.
    replace
        Replace a land cover imported before.
    tags
        Metadata of the stored file: attribution and licence.

    Raises
    ------
    MissingLayerError
        No terrain yet.
    InputError
        Codes without a height in the settings, gaps on land, no CRS, or land cover exists already.
    """
    _refuse_existing(workspace, "clutter", replace)
    terrain = workspace.read_raster("terrain")
    with open_source(path) as source:
        given, codes = grid_of(source), _modal_codes(source, terrain.grid, path)
    at_sea = (codes == 0) & _at_sea_level(terrain, workspace)
    codes[at_sea] = WATER_CODE
    _refuse_gaps(codes == 0, terrain.grid, path)
    clutter = Raster(codes, terrain.grid, 0)
    clutter_height(clutter, workspace.settings.clutter_height_m, name=path.name)
    count = int(at_sea.sum())
    sea = Note(
        f"{count} cells without land cover are sea by the settings' rule and taken as water",
        f"{count} ô không có lớp phủ là biển theo quy tắc thiết lập, được coi là mặt nước",
    )
    write_raster(workspace.raster_path("clutter"), clutter, tags={"SOURCE": path.name, **(tags or {})})
    found, counts = np.unique(codes, return_counts=True)
    return _report("clutter", path, given, terrain.grid) | {
        "codes": {str(code): int(count) for code, count in zip(found, counts, strict=True)},
        "water_by_sea_rule": count, "notes": [sea] if count else [],
    }  # fmt: skip


def import_population(
    workspace: Workspace, path: Path, *, replace: bool = False, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Store a raster of people per cell on its own grid, for the later allocation.

    Parameters
    ----------
    workspace
        Receives `rasters/population.tif`.
    path
        Persons per cell in one band, in any CRS, north up; "no data" counts as nobody.
    replace
        Replace a population imported before.
    tags
        Metadata of the stored file: attribution and licence.

    Raises
    ------
    InputError
        No CRS, rotated, negative or infinite values, nobody at all, no overlap with the terrain, or a
        population exists already.
    """
    _refuse_existing(workspace, "population", replace)
    with open_source(path) as source:
        given = Raster(read_floats(source, path), grid_of(source), None, "persons per cell")
    people = Raster(np.where(np.isnan(given.values), 0, given.values), given.grid, None, given.unit)
    _validate_people(people, path)
    if workspace.has_raster("terrain"):
        _refuse_apart(people.grid, workspace.read_raster("terrain").grid, path)
    write_raster(workspace.raster_path("population"), people, tags={"SOURCE": path.name, **(tags or {})})
    total = float(people.values.sum(dtype=np.float64))
    return _report("population", path, people.grid, people.grid) | {
        "people": total, "cells_without_data": int(np.isnan(given.values).sum()), "notes": [],
    }  # fmt: skip


def zone_codes(terrain: Raster, in_province: _Mask, *, sea_max_elevation_m: float | None) -> Raster:
    """Radio-climatic zones: 1 sea, 3 coastal land, 4 inland.

    Sea is what lies outside every commune at or below the given elevation. Coastal land lies at or below
    100 m and within 50 km of sea (Rec. ITU-R P.1812-7, Annex 1, radio-climatic zones).

    Parameters
    ----------
    terrain
        Elevations [m amsl].
    in_province
        Cells inside a commune, `[y, x]`.
    sea_max_elevation_m
        Highest elevation of the sea [m amsl]; None where there is no sea.
    """
    zone = np.full(terrain.grid.shape, INLAND_ZONE, dtype=np.uint8)
    if sea_max_elevation_m is None:
        return Raster(zone, terrain.grid)
    sea = (terrain.values <= sea_max_elevation_m) & ~in_province
    near = _within(sea, COASTAL_LIMIT_M / terrain.grid.resolution_m)
    zone[near & (terrain.values <= COASTAL_MAX_ELEVATION_M)] = COASTAL_ZONE
    zone[sea] = SEA_ZONE
    return Raster(zone, terrain.grid)


def clutter_height(clutter: Raster, table: Mapping[str, float], *, name: str = "rasters/clutter.tif") -> Raster:
    """Representative heights of the land cover [m] above ground.

    Parameters
    ----------
    clutter
        Land-cover codes, uint8.
    table
        Height [m] by code written as text.
    name
        Name of the file, for the error.

    Raises
    ------
    InputError
        A code of the raster has no height in the table.
    """
    heights = np.full(256, np.nan, dtype=np.float32)
    for code, height_m in table.items():
        heights[int(code)] = height_m
    found = heights[clutter.values]
    missing = np.isnan(found)
    if missing.any():
        codes = ", ".join(str(code) for code in np.unique(clutter.values[missing]))
        cells = int(missing.sum())
        raise InputError(
            f"{name}: land-cover code {codes} ({cells} cells) has no height; correct the file, "
            "or add the code to clutter_height_m and clutter_height_on_dsm_m in phusong.toml",
            vi=f"{name}: mã lớp phủ {codes} ({cells} ô) chưa có chiều cao; hãy sửa tệp, "
            "hoặc thêm mã vào clutter_height_m và clutter_height_on_dsm_m trong phusong.toml",
        )
    return Raster(found, clutter.grid, None, "m")


def _validate_terrain_options(name: str, kind: str, fill_sea_m: float | None, fill_interpolate_px: int | None) -> None:
    if kind not in ("dtm", "dsm"):
        raise InputError(
            f"{name}: terrain_kind must be dtm (bare earth) or dsm (surface), got {kind or 'nothing'}; "
            "say which with --terrain-kind",
            vi=f"{name}: terrain_kind phải là dtm (mặt đất) hoặc dsm (bề mặt), nhận được {kind or 'trống'}; "
            "hãy nêu bằng --terrain-kind",
        )
    if fill_sea_m is not None and fill_interpolate_px is not None:
        raise InputError(
            "fill holes either with sea or by interpolation, not both",
            vi="Chỉ được lấp ô trống bằng mực nước biển hoặc bằng nội suy, không dùng cả hai",
        )
    if fill_sea_m is not None and not MIN_ELEVATION_M <= fill_sea_m <= MAX_ELEVATION_M:
        limits = f"[{MIN_ELEVATION_M:g}, {MAX_ELEVATION_M:g}]"
        raise InputError(
            f"{name}: the elevation of the sea must be within {limits} m, got {fill_sea_m:g}",
            vi=f"{name}: độ cao mực nước biển phải nằm trong {limits} m, nhận được {fill_sea_m:g}",
        )
    if fill_interpolate_px is not None and fill_interpolate_px < 1:
        raise InputError(
            f"fill_interpolate_px must be at least 1, got {fill_interpolate_px}",
            vi=f"fill_interpolate_px phải từ 1 trở lên, nhận được {fill_interpolate_px}",
        )


def _refuse_existing(workspace: Workspace, name: str, replace: bool) -> None:
    if workspace.has_raster(name) and not replace:
        raise InputError(f"raster {name} exists; use --replace", vi=f"Đã có raster {name}; hãy dùng --replace để thay")


def _stale_clutter(workspace: Workspace, grid: Grid) -> list[Note]:
    if workspace.has_raster("clutter") and workspace.read_raster("clutter").grid != grid:
        return [
            Note(
                "the analysis grid has changed: import the land cover again",
                "lưới phân tích đã thay đổi: hãy nhập lại lớp phủ mặt đất",
            )
        ]
    return []


def _report(name: str, path: Path, given: Grid, stored: Grid) -> dict[str, Any]:
    return {
        "layer": name,
        "file": path.name,
        "source_crs": given.crs,
        "source_shape": list(given.shape),
        "crs": stored.crs,
        "shape": list(stored.shape),
        "cell_size": list(stored.cell_size),
        "bounds": list(stored.bounds),
    }


def _modal_codes(source: Any, grid: Grid, path: Path) -> npt.NDArray[np.uint8]:
    """Most frequent code per cell, 0 where the source has none; GDAL reads the source piece by piece."""
    if source.dtypes[0] not in ("uint8", "int16", "uint16", "int32", "uint32"):
        raise InputError(
            f"{path.name}: land cover must be whole-number codes, the file holds {source.dtypes[0]}",
            vi=f"{path.name}: lớp phủ phải là mã số nguyên, tệp chứa {source.dtypes[0]}",
        )
    codes = np.zeros(grid.shape, dtype=np.int32)
    nodata = 0 if source.nodata is None else source.nodata
    reproject(
        rasterio.band(source, 1), codes, src_nodata=nodata, dst_transform=grid.transform, dst_crs=grid.crs,
        dst_nodata=0, resampling=Resampling.mode, num_threads=2,
    )  # fmt: skip
    wrong = (codes < 0) | (codes > 255)
    if wrong.any():
        raise InputError(
            f"{path.name}: land-cover codes must be within [1, 255], got {codes[wrong][0]}",
            vi=f"{path.name}: mã lớp phủ phải nằm trong [1, 255], gặp {codes[wrong][0]}",
        )
    return codes.astype(np.uint8)


def _at_sea_level(terrain: Raster, workspace: Workspace) -> _Mask:
    limit_m = workspace.settings.sea.max_elevation_m
    return terrain.values <= (-np.inf if limit_m is None else limit_m)


def _refuse_gaps(gap: _Mask, grid: Grid, path: Path) -> None:
    if gap.any():
        count, position = int(gap.sum()), first_position(gap, grid)
        raise InputError(
            f"{path.name}: {count} cells of the terrain have no land cover, the first at {position}; "
            "give a file that covers the terrain",
            vi=f"{path.name}: {count} ô địa hình không có lớp phủ, ô đầu tiên tại {position}; "
            "hãy dùng tệp phủ kín vùng địa hình",
        )


def _validate_people(people: Raster, path: Path) -> None:
    wrong = (people.values < 0) | np.isinf(people.values)
    if wrong.any():
        value, position = float(people.values[wrong][0]), first_position(wrong, people.grid)
        raise InputError(
            f"{path.name}: people per cell must be finite and not negative, got {value:g} at {position}; "
            'if that stands for "no data", declare it in the file (gdal_edit -a_nodata)',
            vi=f"{path.name}: số người mỗi ô phải hữu hạn và không âm, gặp {value:g} tại {position}; "
            "nếu đó là giá trị trống, hãy khai báo trong tệp (gdal_edit -a_nodata)",
        )
    if not people.values.any():
        raise InputError(f"{path.name}: nobody lives in this raster", vi=f"{path.name}: raster không có người nào")


def _refuse_apart(source: Grid, grid: Grid, path: Path) -> None:
    """Refuse a raster that shares no ground with the analysis grid."""
    to_source = Transformer.from_crs(grid.crs, source.crs, always_xy=True)
    west, south, east, north = to_source.transform_bounds(*grid.bounds)
    s_west, s_south, s_east, s_north = source.bounds
    if west >= s_east or east <= s_west or south >= s_north or north <= s_south:
        raise InputError(
            f"{path.name}: the raster ({source.crs}) does not overlap the terrain; check its CRS",
            vi=f"{path.name}: raster ({source.crs}) không giao với địa hình; hãy kiểm tra hệ tọa độ",
        )


def _within(sea: _Mask, radius_px: float) -> _Mask:
    """Cells whose centre lies within a distance of a sea cell's centre, exactly, in two passes.

    With g the distance along the column to the nearest sea cell, a cell reaches sideways by sqrt(R² − g²).
    """
    ny, nx = sea.shape
    rows = np.arange(ny, dtype=np.int32)[:, None]
    far = np.int32(2 * ny + int(radius_px) + 2)
    above = np.maximum.accumulate(np.where(sea, rows, -far), axis=0)
    below = np.minimum.accumulate(np.where(sea, rows, far + ny)[::-1], axis=0)[::-1]
    gap = np.minimum(rows - above, below - rows)
    near = np.zeros_like(sea)
    columns = np.arange(nx)
    for row in range(ny):
        reached = np.flatnonzero(gap[row] <= radius_px)
        side = np.floor(np.sqrt(radius_px**2 - gap[row, reached].astype(float) ** 2)).astype(int)
        starts = np.bincount(np.maximum(columns[reached] - side, 0), minlength=nx + 1)
        ends = np.bincount(np.minimum(columns[reached] + side + 1, nx), minlength=nx + 1)
        near[row] = np.cumsum(starts - ends)[:nx] > 0
    return near
