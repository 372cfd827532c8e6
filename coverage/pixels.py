"""Levels and servers of single pixels of a run, in microseconds: one strip of a stored tile is unpacked, not the tile.

A stored tile keeps each band in strips of a few rows, deflated, every value as its difference from the one to the left
(TIFF 6.0, sections 3 and 14). GDAL is asked once a tile where the strips lie; a pixel then costs a short read a band.
"""

import json
import os
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioIOError

from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM, Layer
from phusong.coverage.tiles import SERVERS_TAG, TILE_PX, StoredTile, damaged

TILES_KEPT = 4096
_LAYOUT = {"COMPRESSION": "DEFLATE", "INTERLEAVE": "BAND", "PREDICTOR": "2"}
_PIXEL = np.dtype("<i2")


@dataclass(frozen=True, eq=False)
class _Strips:
    """Where the strips of a tile lie, `[band, strip]` as offset and size, and the rows of its servers by code."""

    path: Path
    rows: int
    width: int
    places: npt.NDArray[np.int64]
    servers: npt.NDArray[np.int32]

    def read(self, row: int, col: int) -> tuple[int, int]:
        """Level [0.01 dBm] and row of the server at a pixel of the tile."""
        strip, line = divmod(row, self.rows)
        begin = line * self.width * _PIXEL.itemsize
        end = begin + (col + 1) * _PIXEL.itemsize
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            parts = [os.pread(descriptor, int(size), int(offset)) for offset, size in self.places[:, strip]]
        finally:
            os.close(descriptor)
        level, code = (
            int(np.cumsum(np.frombuffer(zlib.decompressobj().decompress(part, end)[begin:], _PIXEL), dtype=_PIXEL)[-1])
            for part in parts
        )
        return level, int(self.servers[code])


class PixelReader:
    """What the tiles of a run hold at single pixels; may be shared by threads.

    Parameters
    ----------
    results
        The run.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._kept: OrderedDict[str, _Strips] = OrderedDict()

    @cached_property
    def layers(self) -> list[Layer]:
        """Technology and operator of every layer, in the order of the run."""
        return list(self._results.tiles)

    def read(self, row: int, col: int) -> list[tuple[int, int]]:
        """Read level [0.01 dBm, −32768 none] and row of the serving station (−1 none) of every layer.

        Parameters
        ----------
        row, col
            A pixel of the run's grid.

        Raises
        ------
        StoreError
            A tile is missing from the store or damaged.
        """
        tiles, corner = self._results.tiles, (row - row % TILE_PX, col - col % TILE_PX)
        return [self._read(tiles[layer].get(corner), row, col) for layer in self.layers]

    def _read(self, tile: StoredTile | None, row: int, col: int) -> tuple[int, int]:
        if tile is None:
            return NO_SIGNAL_CDBM, -1
        try:
            return self._strips(tile).read(row - tile.row, col - tile.col)
        except (OSError, zlib.error, IndexError, RasterioIOError) as error:
            raise damaged(tile, self._results.store_dir) from error

    def _strips(self, tile: StoredTile) -> _Strips:
        strips = self._kept.get(tile.sha256)
        if strips is None:
            strips = self._kept[tile.sha256] = self._find_strips(tile)
            while len(self._kept) > TILES_KEPT:
                self._kept.popitem(last=False)
        return strips

    def _find_strips(self, tile: StoredTile) -> _Strips:
        path = self._results.store_dir / f"{tile.sha256}.tif"
        with rasterio.open(path) as file:
            layout = file.tags(ns="IMAGE_STRUCTURE")
            (rows, width), *_ = file.block_shapes
            if any(layout.get(name) != value for name, value in _LAYOUT.items()) or width != tile.width:
                raise damaged(tile, self._results.store_dir)
            places = [
                [
                    [int(file.get_tag_item(f"BLOCK_{what}_0_{strip}", "TIFF", band)) for what in ("OFFSET", "SIZE")]
                    for strip in range(-(-tile.height // rows))
                ]
                for band in (1, 2)
            ]
            names = json.loads(file.tags()[SERVERS_TAG])
        servers = np.array([-1, *(self._row_of_station[name] for name in names)], dtype=np.int32)
        return _Strips(path, rows, width, np.array(places, dtype=np.int64), servers)

    @cached_property
    def _row_of_station(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._results.stations["station_id"].astype(str))}
