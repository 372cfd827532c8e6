"""The pixels of a tile in Web Mercator, read from a raster by the nearest pixel, at every zoom.

The pixel that holds the centre of a tile's pixel is looked up in the whole raster: a class is never a mean of others,
nor one of an overview. A warp by GDAL takes five times as long.
"""

import math
from functools import lru_cache
from typing import Any, NoReturn

import attr
import numpy as np
import numpy.typing as npt
from morecantile import Tile
from pyproj import Transformer
from pyproj.enums import TransformDirection
from rasterio.crs import CRS
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import BaseReader
from rio_tiler.models import ImageData

from phusong.geodata.grid import Grid

TILE_PX = 256
_NODES = 33  # along a side the transformation is computed at so many places and interpolated: 0.5 m off at zoom 8
Span = tuple[int, int]  # first pixel of a tile's side, and the one after the last
Bounds = tuple[float, float, float, float]


@attr.s
class RunReader(BaseReader):
    """Reads tiles of a `Raster`, its input, and nothing else."""

    def __attrs_post_init__(self) -> None:
        self.bounds, self.crs = self.input.grid.bounds, _crs(self.input.grid.crs)

    def tile(self, tile_x: int, tile_y: int, tile_z: int) -> ImageData:
        """Read a tile; masked where the raster has no data.

        Raises
        ------
        TileOutsideBounds
            The raster does not reach into the tile.
        """
        grid, nodata = self.input.grid, self.input.nodata
        bounds = self.tms.xy_bounds(Tile(tile_x, tile_y, tile_z))
        values = np.full((TILE_PX, TILE_PX), nodata, dtype=self.input.values.dtype)
        rows, cols = _spans(_mercator_bounds(grid.crs, grid.bounds), bounds)
        if rows[0] >= rows[1] or cols[0] >= cols[1]:
            raise TileOutsideBounds(f"{tile_z}/{tile_x}/{tile_y}")
        row, col = _pixels(grid, bounds, rows, cols)
        inside = (row >= 0) & (row < grid.shape[0]) & (col >= 0) & (col < grid.shape[1])
        found = self.input.values[row * inside, col * inside]
        values[slice(*rows), slice(*cols)] = np.where(inside, found, nodata)
        masked = np.ma.MaskedArray(values, mask=values == nodata)
        return ImageData(masked[np.newaxis], bounds=tuple(bounds), crs=self.tms.rasterio_crs)

    def _not_read(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("only tiles are read")

    info = statistics = part = preview = point = feature = _not_read


def _pixels(grid: Grid, bounds: Bounds, rows: Span, cols: Span) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Row and column of the pixels of a grid that hold the centres of a tile's pixels `[y, x]`."""
    pixel = (bounds[2] - bounds[0]) / TILE_PX
    across, along = bounds[0] + pixel * np.linspace(*cols, _NODES), bounds[3] - pixel * np.linspace(*rows, _NODES)
    col, row = grid.pixel_position(*_to_grid(grid.crs).transform(*np.meshgrid(across, along)))
    by_row, by_col = _weights(rows), _weights(cols)
    return _floor(by_row @ row @ by_col.T), _floor(by_row @ col @ by_col.T)


def _floor(position: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """The pixel that holds a position: pixels have whole numbers at their centres."""
    return np.floor(position + 0.5).astype(np.int32)


def _weights(span: Span) -> npt.NDArray[np.float64]:
    """Weight of every node at the centre of every pixel of a side `[pixel, node]`."""
    count = span[1] - span[0]
    place = (np.arange(count) + 0.5) / count * (_NODES - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, np.newaxis] - np.arange(_NODES)))


def _spans(area: Bounds, tile: Bounds) -> tuple[Span, Span]:
    """Rows and columns of a tile that an area covers, with a pixel to spare."""
    pixel = (tile[2] - tile[0]) / TILE_PX
    west, north, east, south = area[0] - tile[0], tile[3] - area[3], area[2] - tile[0], tile[3] - area[1]
    edges = [(math.floor(low / pixel) - 1, math.ceil(high / pixel) + 1) for low, high in ((north, south), (west, east))]
    rows, cols = ((max(low, 0), min(high, TILE_PX)) for low, high in edges)
    return rows, cols


@lru_cache(maxsize=8)
def _crs(crs: str) -> CRS:
    return CRS.from_user_input(crs)


@lru_cache(maxsize=8)
def _to_grid(crs: str) -> Transformer:
    return Transformer.from_crs(3857, crs, always_xy=True)


@lru_cache(maxsize=64)
def _mercator_bounds(crs: str, bounds: Bounds) -> Bounds:
    west, south, east, north = _to_grid(crs).transform_bounds(*bounds, direction=TransformDirection.INVERSE)
    return west, south, east, north
