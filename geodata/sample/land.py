"""The province on a working lattice of 100 m: what people and networks of the sample are placed by."""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phusong.geodata.grid import Grid
from phusong.geodata.sample.relief import HEIGHT_M, NORTH_M, WEST_M, Floats, Noise, Relief, sample_grid

STEP_M = 100.0
"""Cell of the working lattice and of the population raster [m]."""
_MARGIN_M = 2_600.0

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Land:
    """Fields of the province on the working lattice, all `[y, x]`."""

    seed: int
    grid: Grid
    x: Floats
    y: Floats
    elevation_m: Floats
    inland_m: Floats
    river_m: Floats
    slope_deg: Floats
    province: Mask
    town: tuple[int, int]
    suitability: Floats

    @property
    def town_xy(self) -> tuple[float, float]:
        """Centre of the town (x, y)."""
        return float(self.x[self.town]), float(self.y[self.town])

    def town_m(self) -> Floats:
        """Distance of every cell to the town [m]."""
        tx, ty = self.town_xy
        return np.asarray(np.hypot(self.x - tx, self.y - ty))

    def cell(self, x: Floats, y: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row and column of the cells that hold the points."""
        return self.grid.index(x, y)


def make_land(seed: int) -> Land:
    """Compute the working lattice of a seed."""
    relief, grid = Relief(seed), sample_grid(STEP_M)
    xs, ys = grid.centres()
    x, y = np.meshgrid(xs, ys)
    elevation_m, inland_m, river_m = (
        relief.elevation_amsl_m(x, y),
        relief.inland_m(x, y),
        relief.river_m(x, y),
    )
    dy, dx = np.gradient(elevation_m, STEP_M)
    slope_deg = np.degrees(np.arctan(np.hypot(dx, dy)))
    province = _province(seed, x, y, inland_m)
    town = _town(y, inland_m, river_m, province)
    town_m = np.hypot(x - x[town], y - y[town])
    suitability = _suitability(elevation_m, inland_m, river_m, slope_deg, town_m) * province
    return Land(
        seed, grid, x, y, elevation_m, inland_m, river_m, slope_deg, province, town, suitability
    )  # fmt: skip


def travel_cost_km(land: Land, sources: list[tuple[int, int]]) -> Floats:
    """Length of the easiest way from the nearest source [km of flat ground], `[y, x]`.

    A climb of 5 % doubles a step, as for a power line or a road; the sea takes no way. Dijkstra's algorithm
    on every fourth cell.
    """
    stride = 4
    height_m, sea = land.elevation_m[::stride, ::stride], land.inland_m[::stride, ::stride] <= 0
    ny, nx = height_m.shape
    cost = np.full((ny, nx), np.inf)
    queue = [(0.0, row // stride, col // stride) for row, col in sources]
    for _, row, col in queue:
        cost[row, col] = 0.0
    heapq.heapify(queue)
    steps = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]
    while queue:
        so_far, row, col = heapq.heappop(queue)
        if so_far > cost[row, col]:
            continue
        for dr, dc in steps:
            r, c = row + dr, col + dc
            if 0 <= r < ny and 0 <= c < nx and not sea[r, c]:
                length_m = stride * STEP_M * float(np.hypot(dr, dc))
                climb = abs(float(height_m[r, c] - height_m[row, col])) / length_m
                total = so_far + length_m / 1000.0 * (1.0 + climb / 0.05)
                if total < cost[r, c]:
                    cost[r, c] = total
                    heapq.heappush(queue, (total, r, c))
    fine = np.repeat(np.repeat(cost, stride, axis=0), stride, axis=1)
    return np.asarray(fine[: land.grid.shape[0], : land.grid.shape[1]])


def _province(seed: int, x: Floats, y: Floats, inland_m: Floats) -> Mask:
    """Land within a wavy border some kilometres inside the area."""
    rng = np.random.default_rng([seed, 10])
    u, v = x - WEST_M, y - (NORTH_M - HEIGHT_M)
    noises = [Noise.draw(rng, 6_000.0) for _ in range(3)]
    west, south, north = (_MARGIN_M + 1_800.0 * noise(u, v) for noise in noises)
    return np.asarray((inland_m > 0) & (u > west) & (v > south) & (v < HEIGHT_M - north))


def _town(y: Floats, inland_m: Floats, river_m: Floats, province: Mask) -> tuple[int, int]:
    """Cell of the town: by a river, some 6 km from the coast, halfway between north and south."""
    middle = NORTH_M - HEIGHT_M / 2.0
    score = -(((inland_m - 6_000.0) / 2_500.0) ** 2) - ((river_m - 600.0) / 800.0) ** 2 - ((y - middle) / 9_000.0) ** 2
    row, col = np.unravel_index(int(np.argmax(np.where(province, score, -np.inf))), score.shape)
    return int(row), int(col)


def _suitability(elevation_m: Floats, inland_m: Floats, river_m: Floats, slope_deg: Floats, town_m: Floats) -> Floats:
    """Relative chance of a settlement: gentle ground low in its surroundings, near water, near the town."""
    hollow = np.exp(-(elevation_m - _lowest_around(elevation_m, 12)) / 80.0)
    gentle = np.exp(-((slope_deg / 8.0) ** 2))
    water = 1.0 + 1.5 * np.exp(-((river_m / 900.0) ** 2))
    plain = 0.55 * np.exp(-elevation_m / 900.0) + np.exp(-elevation_m / 40.0) + 3.0 * np.exp(-((town_m / 4_000.0) ** 2))
    dry = (river_m > 150.0) & (inland_m > 250.0)
    return np.asarray(hollow * gentle * water * plain * dry)


def _lowest_around(elevation_m: Floats, reach: int) -> Floats:
    """Lowest value within `reach` cells along rows, then columns."""
    lowest = elevation_m
    for axis in (0, 1):
        padded = np.pad(lowest, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        lowest = windows.min(axis=-1)
    return lowest
