"""Land cover of the sample in ESA WorldCover codes: water, built-up, crops, grass, trees."""

import numpy as np
import numpy.typing as npt

from phusong.geodata.grid import Grid, Raster
from phusong.geodata.sample.relief import HEIGHT_M, NORTH_M, WEST_M, Floats, Noise, Relief

TREES, GRASS, CROPS, BUILT_UP, WATER = 10, 30, 40, 50, 80
_BUILT_UP_PEOPLE_PER_HA = 6.0
_RIVER_HALF_WIDTH_M = 55.0


def make_cover(relief: Relief, grid: Grid, elevation_m: Floats, population: Raster) -> Raster:
    """Codes on a grid, from height, slope, rivers and where people live.

    Parameters
    ----------
    relief
        The province's land.
    grid
        Where codes are wanted.
    elevation_m
        Elevations there `[y, x]`.
    population
        Persons per cell of one hectare.
    """
    xs, ys = grid.centres()
    x, y = xs[None, :], ys[:, None]
    rng = np.random.default_rng([relief.seed, 50])
    u, v = x - WEST_M, y - (NORTH_M - HEIGHT_M)
    patchy = Noise.draw(rng, 1_400.0)(u, v) + 0.6 * Noise.draw(rng, 450.0)(u, v)
    dy, dx = np.gradient(elevation_m, grid.resolution_m)
    slope_deg = np.degrees(np.arctan(np.hypot(dx, dy)))
    inland_m, river_m = relief.inland_m(x, y), relief.river_m(x, y)
    codes = np.full(grid.shape, TREES, dtype=np.uint8)
    codes[(patchy > 0.38) | ((inland_m < 900.0) & (patchy > -0.2))] = GRASS
    codes[(elevation_m < 70.0) & (slope_deg < 6.0) & (inland_m > 700.0) & (patchy < 0.3)] = CROPS
    codes[_people_at(population, x, y) * (1.0 + 0.9 * patchy) > _BUILT_UP_PEOPLE_PER_HA] = BUILT_UP
    codes[(river_m < _RIVER_HALF_WIDTH_M) | (inland_m <= 0.0)] = WATER
    return Raster(codes, grid, 0)


def _people_at(population: Raster, x: Floats, y: Floats) -> npt.NDArray[np.float32]:
    """Persons in the cell that holds each point, 0 outside."""
    rows, cols = population.grid.index(x, y)
    ny, nx = population.grid.shape
    inside = (rows >= 0) & (rows < ny) & (cols >= 0) & (cols < nx)
    found = population.values[np.clip(rows, 0, ny - 1), np.clip(cols, 0, nx - 1)]
    return np.where(inside, found, np.float32(0.0)).astype(np.float32)
