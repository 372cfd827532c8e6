"""The tiles of a computation: filled from several threads, put into the store when they are whole."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from phusong.coverage.crew import Threads
from phusong.coverage.levels import Levels
from phusong.coverage.masts import Geometry
from phusong.coverage.network import Base, Network
from phusong.coverage.service import NO_SIGNAL_CDBM, Layer
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import GONE, Box, Corner, StoredTile, read_tile

Place = tuple[Layer, Corner]
Jobs = list[tuple[int, Place, Box]]  # station, tile it goes to, pixels
ONE_THREAD = Threads(1)
KEPT_TILES = 128  # tiles in memory, 1.5 MB each, beyond which those that are whole go into the store


class Canvas:
    """The tiles being filled, those of the base that nothing touches, and the pixels to decide anew."""

    def __init__(self, boxes: dict[Corner, Box], layers: Iterable[Layer]) -> None:
        self._boxes = boxes
        self._stored: dict[Layer, dict[Corner, StoredTile]] = {layer: {} for layer in layers}
        self._filled: dict[Place, SignalTile] = {}
        self._open: dict[Place, Box] = {}
        self._changed: set[Place] = set()
        self._locks: dict[Place, threading.Lock] = defaultdict(threading.Lock)
        self._layer_of: list[Layer] = []
        self._left: Counter[Place] = Counter()
        self.store: Callable[[SignalTile, Corner], StoredTile | None] | None = None

    @classmethod
    def of(
        cls, network: Network, base: Base, kept: set[int], boxes: dict[Corner, Box], threads: Threads = ONE_THREAD
    ) -> "Canvas":
        """Take over from the base what no new station reaches, and open what stations that are gone served."""
        canvas = cls(boxes, sorted(set(network.layer)))
        canvas._layer_of = network.layer
        changed = {
            (network.layer[code], corner)
            for geometry in network.geometries
            for code in geometry.stations
            if code not in kept
            for corner, _ in geometry.tiles()
        }
        kept_rows: dict[Layer, dict[str, int]] = defaultdict(dict)
        for code in sorted(kept):
            kept_rows[network.layer[code]][network.station_id[code]] = code
        for layer, rows in kept_rows.items():
            stored = base.tiles.get(layer, {}).items()
            canvas._stored[layer] = {corner: tile for corner, tile in stored if corner in boxes}
            gone = [base.reach[layer, name] for name in base.signal_keys[layer] if name not in rows]
            changed |= {(layer, corner) for box in gone for corner in boxes if not box.cut(boxes[corner]).is_empty}
        read = [(place, kept_rows[place[0]]) for place in sorted(changed) if place[1] in canvas._stored[place[0]]]
        threads.map(canvas._open_tile, base.store_dir, read)
        return canvas

    def _open_tile(self, store_dir: Path, task: tuple[Place, Mapping[str, int]]) -> None:
        """Take a tile of the base into work, and open the pixels whose station is gone."""
        (layer, corner), rows = task
        tile = read_tile(self._stored[layer][corner], store_dir=store_dir, row_of_station=rows)
        gone = tile.server == GONE
        if gone.any():
            self._changed.add((layer, corner))
            tile.rsrp_cdbm[gone], tile.server[gone] = NO_SIGNAL_CDBM, -1
            down, across = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
            top, left = corner
            self._open[layer, corner] = Box(
                top + int(down[0]), left + int(across[0]), top + int(down[-1]) + 1, left + int(across[-1]) + 1
            )
        self._filled[layer, corner] = tile

    def jobs(self, geometry: Geometry, kept: set[int]) -> Jobs:
        """What the stations of a geometry give to the tiles: new ones all, kept ones what is open."""
        found: Jobs = []
        if not self._open and kept.issuperset(geometry.stations):
            return found
        for corner, part in geometry.tiles():
            for code in geometry.stations if corner in self._boxes else ():
                place = (self._layer_of[code], corner)
                box = part.cut(self._boxes[corner])
                if code in kept:
                    box = box.cut(self._open.get(place, Box(0, 0, 0, 0)))
                if not box.is_empty:
                    found.append((code, place, box))
        return found

    def merge(self, levels: Levels, geometry: Geometry, field_key: str, jobs: Jobs, *, threads: int = 1) -> None:
        """Give the tiles what the stations of a geometry have for them."""
        loss = levels.loss_cdb(geometry, field_key, threads=threads)
        for code, place, box in jobs:
            with self._tile(place) as tile:
                if levels.merge(geometry, code, loss, box, tile, place[1]):
                    self._changed.add(place)
                self._left[place] -= 1
                if self.store and not self._left[place] and len(self._filled) > KEPT_TILES:
                    self._put_away(place)

    def expect(self, places: Iterable[Place]) -> None:
        """Say in which tile every job to come is, so that one without any left can be put into the store."""
        self._left = Counter(places)

    def _put_away(self, place: Place) -> None:
        """Put a whole tile into the store, where it is unless it changed."""
        layer, corner = place
        tile = self._filled.pop(place)
        if place not in self._changed:
            return
        stored = self.store and self.store(tile, corner)
        self._stored[layer].pop(corner, None)
        if stored:
            self._stored[layer][corner] = stored

    @contextmanager
    def _tile(self, place: Place) -> Iterator[SignalTile]:
        """A tile to be filled, by one thread at a time."""
        whole = self._boxes[place[1]]
        with self._locks[place]:
            if place not in self._filled:
                self._filled[place] = SignalTile.empty((whole.bottom - whole.top, whole.right - whole.left))
            yield self._filled[place]

    def filled(self) -> list[tuple[Place, SignalTile]]:
        """The tiles in memory that are others than in the base."""
        return sorted((part for part in self._filled.items() if part[0] in self._changed), key=lambda part: part[0])

    def tiles(self) -> dict[Layer, dict[Corner, SignalTile | StoredTile]]:
        """Every tile, filled or as stored."""
        found: dict[Layer, dict[Corner, SignalTile | StoredTile]] = {
            layer: dict(stored) for layer, stored in self._stored.items()
        }
        for (layer, corner), tile in self.filled():
            found[layer][corner] = tile
        return found
