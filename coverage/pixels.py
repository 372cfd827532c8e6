"""Levels and servers of single pixels of a run, in microseconds: one strip of a stored tile is unpacked, not the tile.

A stored tile keeps each band in strips of a few rows, deflated, every value as its difference from the one to the left
(TIFF 6.0, sections 3 and 14). GDAL is asked once a tile where the strips lie; the tiles asked for last stay in memory
as they are stored.
"""

import json
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError

from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM, Layer
from phusong.coverage.tiles import SERVERS_TAG, TILE_PX, StoredTile, damaged

KEPT_BYTES = 128 * 2**20  # of stored tiles; those of a province of 8,000 km² at 30 m have 110 MB
_LAYOUT = {"COMPRESSION": "DEFLATE", "INTERLEAVE": "BAND", "PREDICTOR": "2"}
_PIXEL = np.dtype("<i2")


@dataclass(frozen=True, eq=False)
class _Strips:
    """A stored tile, where its strips lie by band and strip (offset, size), and the rows of its servers by code."""

    content: memoryview
    rows: int
    width: int
    places: tuple[list[tuple[int, int]], ...]
    servers: list[int]

    def read(self, row: int, col: int) -> tuple[int, int]:
        """Level [0.01 dBm] and row of the server at a pixel of the tile."""
        strip, line = divmod(row, self.rows)
        begin = line * self.width * _PIXEL.itemsize
        end = begin + (col + 1) * _PIXEL.itemsize
        level, code = (self._sum(*band[strip], begin, end) for band in self.places)
        return level, self.servers[code]

    def _sum(self, offset: int, size: int, begin: int, end: int) -> int:
        """Sum of the differences in some bytes of an unpacked strip: the value of the last."""
        unpacked = zlib.decompressobj().decompress(self.content[offset : offset + size], end)
        if len(unpacked) < end:
            raise IndexError
        return int(np.frombuffer(unpacked, _PIXEL, offset=begin).sum(dtype=_PIXEL))


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
        self._kept_bytes = 0
        self._lock = threading.Lock()

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
        with self._lock:
            if (strips := self._kept.get(tile.sha256)) is not None:
                self._kept.move_to_end(tile.sha256)
                return strips
        strips = self._find_strips(tile)
        with self._lock:
            self._kept_bytes += 0 if tile.sha256 in self._kept else len(strips.content)
            self._kept[tile.sha256] = strips
            while self._kept_bytes > KEPT_BYTES:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1].content)
        return strips

    def _find_strips(self, tile: StoredTile) -> _Strips:
        path = self._results.store_dir / f"{tile.sha256}.tif"
        with rasterio.open(path) as file:
            layout = file.tags(ns="IMAGE_STRUCTURE")
            (rows, width), *_ = file.block_shapes
            if any(layout.get(name) != value for name, value in _LAYOUT.items()) or width != tile.width:
                raise damaged(tile, self._results.store_dir)
            places = tuple([_place(file, band, strip) for strip in range(-(-tile.height // rows))] for band in (1, 2))
            names = json.loads(file.tags()[SERVERS_TAG])
        servers = [-1, *(self._row_of_station[name] for name in names)]
        return _Strips(memoryview(path.read_bytes()), rows, width, places, servers)

    @cached_property
    def _row_of_station(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._results.stations["station_id"].astype(str))}


def _place(file: Any, band: int, strip: int) -> tuple[int, int]:
    """Offset and size of a strip in the file of an open dataset."""
    offset, size = (int(file.get_tag_item(f"BLOCK_{what}_0_{strip}", "TIFF", band)) for what in ("OFFSET", "SIZE"))
    return offset, size
