"""Masts to measure at: rough terrain from a seed, a real tile of SRTM, the mountains of the Quảng Bình test data.

A site whose files are not there is left out, with a sentence that says so.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from phusong.coverage.benchmark import CELL_M, RELIEF_M_PER_KM
from phusong.coverage.propagation._terms import effective_radius_km
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import grid_of
from phusong.geodata.rasters import clutter_height
from phusong.geodata.sample.rough import patchy_clutter, rough_terrain
from phusong.geodata.settings import parse_settings, render_settings
from tests.coverage.terrain import LINK, middle

SRTM_TILE, SRTM_MIDDLE_LON_LAT, SRTM_CRS = "N27E086", (86.5, 27.5), "EPSG:32645"
MOUNTAIN_MAST_LON_LAT = (105.739332, 17.736117)  # QBM0166: of all masts the one with the highest land within 15 km
SEEN_SAMPLE = 2000  # pixels asked for their line of sight
END_CLEARANCE_M = 50.0


@dataclass(frozen=True)
class Site:
    """A mast on terrain, with the clutter around it."""

    name: str
    terrain: Raster
    clutter: Raster
    x_m: float
    y_m: float

    def link(self) -> dict[str, Any]:
        """The mast's place and the terms of its paths, as `loss_field` takes them."""
        return {"x_m": self.x_m, "y_m": self.y_m, **LINK}


def sites(radius_km: float, data: Path) -> Iterator[Site]:
    """Every site whose data are there, with terrain for a radius."""
    half = int(radius_km * 1e3 / CELL_M) + 3
    terrain = rough_terrain(2 * half + 1, relief_m=RELIEF_M_PER_KM * radius_km)
    yield Site("rough", terrain, patchy_clutter(terrain), **middle(terrain))
    for make, file in ((_srtm, data / "terrain" / f"{SRTM_TILE}.hgt"), (_mountains, data / "quang_binh")):
        if file.exists():
            yield make(file, half)
        else:
            print(f"{file} is not there: left out", file=sys.stderr)


def _srtm(file: Path, half: int) -> Site:
    """Real rugged terrain at 3 arc seconds, interpolated to 30 m; clutter in patches from a seed."""
    posts = np.fromfile(file, ">i2").reshape(1201, 1201).astype(np.float32)
    west, north = np.floor(SRTM_MIDDLE_LON_LAT[0]), np.ceil(SRTM_MIDDLE_LON_LAT[1])
    x_m, y_m = _projected(SRTM_CRS, SRTM_MIDDLE_LON_LAT)
    left, top = x_m - (half + 0.5) * CELL_M, y_m + (half + 0.5) * CELL_M
    grid = Grid(SRTM_CRS, Affine(CELL_M, 0.0, left, 0.0, -CELL_M, top), (2 * half + 1, 2 * half + 1))
    heights = np.empty(grid.shape, np.float32)
    reproject(
        posts, heights, src_transform=from_origin(west - 0.5 / 1200, north + 0.5 / 1200, 1 / 1200, 1 / 1200),
        src_crs="EPSG:4326", dst_transform=grid.transform, dst_crs=SRTM_CRS, resampling=Resampling.bilinear,
    )  # fmt: skip
    terrain = Raster(heights, grid)
    return Site("srtm", terrain, patchy_clutter(terrain), x_m, y_m)


def _mountains(folder: Path, half: int) -> Site:
    """A mast in the mountains of Quảng Bình: macro relief real, detail and land cover synthetic."""
    with rasterio.open(folder / "dem_30m.tif") as source, rasterio.open(folder / "clutter_30m.tif") as cover:
        whole = grid_of(source)
        x_m, y_m = _projected(whole.crs, MOUNTAIN_MAST_LON_LAT)
        row, col = (int(part) for part in whole.index(x_m, y_m))
        top, left = max(row - half, 0), max(col - half, 0)
        shape = (min(row + half + 1, whole.shape[0]) - top, min(col + half + 1, whole.shape[1]) - left)
        window = Window(left, top, shape[1], shape[0])
        heights, codes = source.read(1, window=window), cover.read(1, window=window)
    grid = whole.window(top, left, shape)
    settings = parse_settings(render_settings(name="bench", crs=whole.crs, resolution_m=CELL_M), where="bench")
    clutter = clutter_height(Raster(codes, grid), settings.clutter_height_m)
    return Site("quang_binh_mountains", Raster(heights.astype(np.float32), grid), clutter, x_m, y_m)


def _projected(crs: str, lon_lat: tuple[float, float]) -> tuple[float, float]:
    x_m, y_m = Transformer.from_crs(4326, crs, always_xy=True).transform(*lon_lat)
    return float(x_m), float(y_m)


def line_of_sight_share(site: Site, radius_km: float, *, with_clutter: bool) -> float:
    """Share of the pixels within a radius that see the mast over a median Earth, from a seeded sample of them."""
    grid = site.terrain.grid
    mast_col, mast_row = (float(part) for part in grid.pixel_position(site.x_m, site.y_m))
    rng = np.random.default_rng(7)
    reach = radius_km * 1e3 / grid.resolution_m * np.sqrt(rng.random(SEEN_SAMPLE))
    turn = 2.0 * np.pi * rng.random(SEEN_SAMPLE)
    cols, rows = np.rint(mast_col + reach * np.cos(turn)), np.rint(mast_row + reach * np.sin(turn))
    inside = (cols >= 0) & (rows >= 0) & (cols < grid.shape[1]) & (rows < grid.shape[0])
    seen = [
        _is_seen(site, mast_col, mast_row, col, row, with_clutter)
        for col, row in zip(cols[inside], rows[inside], strict=True)
    ]
    return round(float(np.mean(seen)), 3)


def _is_seen(site: Site, mast_col: float, mast_row: float, col: float, row: float, with_clutter: bool) -> bool:
    steps = max(int(np.hypot(col - mast_col, row - mast_row) + 0.5), 1)
    share = np.arange(steps + 1) / steps
    heights = _along(site.terrain, mast_col, mast_row, col, row, share)
    length_m = np.hypot(col - mast_col, row - mast_row) * site.terrain.grid.resolution_m
    along_m = share * length_m
    start, end = heights[0] + LINK["tx_height_agl_m"], heights[-1] + LINK["rx_height_agl_m"]
    if with_clutter:
        between = (along_m > END_CLEARANCE_M) & (length_m - along_m > END_CLEARANCE_M)
        heights = heights + between * _along(site.clutter, mast_col, mast_row, col, row, share)
    radius_m = 1e3 * effective_radius_km(LINK["delta_n"])
    clearance = start + (end - start) * share - heights - along_m * (length_m - along_m) / (2.0 * radius_m)
    return bool((clearance[1:-1] > 0.0).all())


def _along(
    raster: Raster, mast_col: float, mast_row: float, col: float, row: float, share: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Values of the cells along a line."""
    rows = np.rint(mast_row + (row - mast_row) * share).astype(int)
    cols = np.rint(mast_col + (col - mast_col) * share).astype(int)
    return raster.values[rows, cols].astype(float)
