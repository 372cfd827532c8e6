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
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError

from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM, Layer
from phusong.coverage.tiles import SERVERS_TAG, TILE_PX, StoredTile, damaged, tile_path

TILES_KEPT = 4096  # of which it is known where their strips lie
KEPT_BYTES = 64 * 2**20  # of stored tiles; those of a province of 8,000 km² at 30 m have 110 MB
_LAYOUT = {"COMPRESSION": "DEFLATE", "INTERLEAVE": "BAND", "PREDICTOR": "2"}
_PIXEL = np.dtype("<i2")


@dataclass(frozen=True, eq=False)
class _Strips:
    """Where the strips of a stored tile lie, by band and strip (offset, size), and the rows of its servers by code."""

    rows: int
    width: int
    places: tuple[list[tuple[int, int]], ...]
    servers: list[int]

    def read(self, content: memoryview, row: int, col: int) -> tuple[int, int]:
        """Level [0.01 dBm] and row of the server at a pixel of the tile, whose file holds `content`."""
        strip, line = divmod(row, self.rows)
        begin = line * self.width * _PIXEL.itemsize
        end = begin + (col + 1) * _PIXEL.itemsize
        strips = (content[offset : offset + size] for offset, size in (band[strip] for band in self.places))
        level, code = (_last_of(packed, begin, end) for packed in strips)
        return level, self.servers[code]


class PixelReader:
    """What the tiles of a run hold at single pixels; may be shared by threads.

    Parameters
    ----------
    results
        The run.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._strips: OrderedDict[str, _Strips] = OrderedDict()
        self._contents: OrderedDict[str, memoryview] = OrderedDict()
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
            return self._strips_of(tile).read(self._content(tile), row - tile.row, col - tile.col)
        except (OSError, zlib.error, IndexError, RasterioIOError) as error:
            raise damaged(tile, self._results.store_dir) from error

    def _strips_of(self, tile: StoredTile) -> _Strips:
        strips = self._strips.get(tile.sha256)
        if strips is None:
            strips = self._strips[tile.sha256] = self._find_strips(tile)
            while len(self._strips) > TILES_KEPT:
                self._strips.popitem(last=False)
        return strips

    def _content(self, tile: StoredTile) -> memoryview:
        """The file of a tile."""
        with self._lock:
            if (content := self._contents.get(tile.sha256)) is not None:
                self._contents.move_to_end(tile.sha256)
                return content
        content = memoryview(self._path(tile).read_bytes())
        with self._lock:
            self._kept_bytes += 0 if tile.sha256 in self._contents else len(content)
            self._contents[tile.sha256] = content
            while self._kept_bytes > KEPT_BYTES:
                self._kept_bytes -= len(self._contents.popitem(last=False)[1])
        return content

    def _path(self, tile: StoredTile) -> Path:
        return tile_path(tile, self._results.store_dir)

    def _find_strips(self, tile: StoredTile) -> _Strips:
        with rasterio.open(self._path(tile)) as file:
            layout = file.tags(ns="IMAGE_STRUCTURE")
            (rows, width), *_ = file.block_shapes
            if any(layout.get(name) != value for name, value in _LAYOUT.items()) or width != tile.width:
                raise damaged(tile, self._results.store_dir)
            places = tuple([_place(file, band, strip) for strip in range(-(-tile.height // rows))] for band in (1, 2))
            names = json.loads(file.tags()[SERVERS_TAG])
        servers = [-1, *(self._row_of_station[name] for name in names)]
        return _Strips(rows, width, places, servers)

    @cached_property
    def _row_of_station(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._results.stations["station_id"].astype(str))}


def _last_of(packed: memoryview, begin: int, end: int) -> int:
    """Sum of the differences in some bytes of an unpacked strip: the value of the last."""
    unpacked = zlib.decompressobj().decompress(packed, end)
    if len(unpacked) < end:
        raise IndexError
    return int(np.frombuffer(unpacked, _PIXEL, offset=begin).sum(dtype=_PIXEL))


def _place(file: Any, band: int, strip: int) -> tuple[int, int]:
    """Offset and size of a strip in the file of an open dataset."""
    offset, size = (int(file.get_tag_item(f"BLOCK_{what}_0_{strip}", "TIFF", band)) for what in ("OFFSET", "SIZE"))
    return offset, size
