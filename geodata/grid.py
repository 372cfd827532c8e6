"""`Grid`, the only description of a raster's place, and `Raster`, an array on one.

A grid is north-up with square cells in a projected CRS in metres, or in degrees for source files.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.transform import array_bounds


@dataclass(frozen=True)
class Grid:
    """A raster's place: coordinate reference system, affine transform and shape `(ny, nx)`.

    Hashable; two rasters lie on the same cells exactly when their grids are equal.
    """

    crs: str
    transform: Affine
    shape: tuple[int, int]

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, both positive [units of the CRS]."""
        return self.transform.a, -self.transform.e

    @property
    def resolution_m(self) -> float:
        """Side of a square cell [m]; meaningful for projected grids."""
        return float(self.transform.a)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north edge [units of the CRS]."""
        west, south, east, north = array_bounds(*self.shape, self.transform)
        return float(west), float(south), float(east), float(north)

    def pixel_position(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Column and row of points as fractions: whole numbers at cell centres, 0, 0 in the first cell."""
        inverse = ~self.transform
        across, along = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        cols = inverse.a * across + inverse.b * along + inverse.c - 0.5
        rows = inverse.d * across + inverse.e * along + inverse.f - 0.5
        return cols, rows

    def index(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row and column of the cells that hold the points (may lie outside the grid)."""
        cols, rows = self.pixel_position(x, y)
        return np.floor(rows + 0.5).astype(np.int64), np.floor(cols + 0.5).astype(np.int64)

    def contains(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether the points fall on a cell of the grid."""
        rows, cols = self.index(x, y)
        return (rows >= 0) & (rows < self.shape[0]) & (cols >= 0) & (cols < self.shape[1])

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """x of every column `[nx]` and y of every row `[ny]` at cell centres."""
        ny, nx = self.shape
        xs = self.transform.c + (np.arange(nx, dtype=np.float64) + 0.5) * self.transform.a
        ys = self.transform.f + (np.arange(ny, dtype=np.float64) + 0.5) * self.transform.e
        return xs, ys

    def window(self, row: int, col: int, shape: tuple[int, int]) -> "Grid":
        """The part of the grid that begins at `row`, `col`."""
        place = self.transform
        west = place.a * col + place.b * row + place.c
        north = place.d * col + place.e * row + place.f
        return Grid(self.crs, Affine(place.a, place.b, west, place.d, place.e, north), shape)


@dataclass(frozen=True, eq=False)
class Raster:
    """An array `[y, x]` on a grid. NaN is "no data" in floats; `nodata` names it for integers."""

    values: npt.NDArray[Any]
    grid: Grid
    nodata: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"values of shape {self.values.shape} do not fit a grid of {self.grid.shape}")
