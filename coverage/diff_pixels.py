"""People who gained and lost service between two runs, counted pixel by pixel in whole micro-persons.

Only tiles of other content are read, unless the runs judge levels differently. People who live elsewhere, or whose
unit is another one, are counted apart: they changed, not their signal.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.diff_causes import PEOPLE, Judge, Roster, Rows, Seen, blame
from phusong.coverage.diff_units import UnitRows, base_codes
from phusong.coverage.people import Int64s
from phusong.coverage.people_tiles import PeopleTile, read_people
from phusong.coverage.results import Results
from phusong.coverage.service import CLASS_NAMES, GOOD, WEAK, Layer
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import Box, Corner, StoredTile, read_pixels, read_tile, tile_boxes

KEY = ["level", "unit_code", "technology", "service"]
MOVES = [*KEY, "cause", "station_id", "gained_micro", "lost_micro"]
_NOWHERE = -1
_FROM_PEOPLE = -2  # row of no station: other people
_NO_MOVES = np.zeros((0, 7), np.int64)

Pair = tuple[Seen, Seen]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Places:
    """Populated pixels: their micro-persons and their row in the base layers in both runs."""

    micro: tuple[Int64s, Int64s]
    unit: tuple[dict[str, Rows], dict[str, Rows]]

    @classmethod
    def of(cls, both: tuple[PeopleTile, PeopleTile], pixels: npt.NDArray[np.intp]) -> "Places":
        """Some pixels of a tile."""
        units = ({base: rows.ravel()[pixels] for base, rows in tile.unit.items()} for tile in both)
        return cls(
            (both[0].micro_people.ravel()[pixels], both[1].micro_people.ravel()[pixels]), (next(units), next(units))
        )


@dataclass(frozen=True, eq=False)
class PixelDiff:
    """Two runs on one grid, how each judges the stations of both, and the units to tell the difference by."""

    runs: tuple[Results, Results]
    judges: tuple[Judge, Judge]
    roster: Roster
    units: Sequence[UnitRows]

    @cached_property
    def codes(self) -> dict[str, list[str]]:
        """Codes of the units of both runs by base layer."""
        return base_codes(self.runs)

    @cached_property
    def labels(self) -> list[str]:
        """Technology labels that both runs answer."""
        return [label for label in self.judges[0].groups if label in self.judges[1].groups]

    @cached_property
    def alike(self) -> bool:
        """Whether both runs judge and divide alike, so that equal tiles have equal answers."""
        return self.judges[0].agrees(self.judges[1], self.roster) and all(units.alike for units in self.units)

    def count(self) -> pd.DataFrame:
        """Micro-persons gained and lost by unit, technology, service and cause: `MOVES`.

        Raises
        ------
        StoreError
            A tile is missing from the store or damaged.
        """
        boxes = tile_boxes(self.runs[0].grid.shape)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            moves = np.concatenate(list(pool.map(lambda item: self._tile(*item), boxes.items())))
        keys, row = np.unique(moves[:, :-2], axis=0, return_inverse=True)
        named = [
            (units.level, units.codes[unit], self.labels[label], CLASS_NAMES[service])
            + ((PEOPLE, "") if station == _FROM_PEOPLE else self.roster.cause(station))
            for level, unit, label, service, station in keys.tolist()
            for units in [self.units[level]]
        ]
        table = pd.DataFrame(named, columns=MOVES[:-2])
        return table.assign(**{name: _sums(row, moves[:, n]) for n, name in enumerate(MOVES[-2:], start=-2)})

    def _tile(self, corner: Corner, box: Box) -> Int64s:
        """What changed in a tile: level, unit, label, service and station as numbers, gained and lost `[n, 7]`."""
        people = [run.people_tiles.get(corner) for run in self.runs]
        signals = {layer: self._stored(layer, corner) for layer in self._layers}
        other = [layer for layer, (first, second) in signals.items() if first != second]
        if people == [None, None] or (self.alike and people[0] == people[1] and not other):
            return _NO_MOVES
        first = self._people(people[0], box)
        both = (first, first if people[0] == people[1] else self._people(people[1], box))
        pixels = np.flatnonzero((both[0].micro_people > 0) | (both[1].micro_people > 0))
        seen: dict[Layer, Pair] = {}
        if self.alike and people[0] == people[1]:  # then only what the other layers changed can matter
            pixels, seen = self._moved({layer: signals[layer] for layer in other}, pixels, box)
        if pixels.size == 0:
            return _NO_MOVES
        seen |= {layer: self._read(stored, pixels) for layer, stored in signals.items() if layer not in seen}
        return np.concatenate([_NO_MOVES, *self._moves(Places.of(both, pixels), seen)])

    def _moved(
        self,
        others: Mapping[Layer, tuple[StoredTile | None, StoredTile | None]],
        pixels: npt.NDArray[np.intp],
        box: Box,
    ) -> tuple[npt.NDArray[np.intp], dict[Layer, Pair]]:
        """The pixels that some of other layers class anew, and what these have there."""
        tiles = {
            layer: (self._whole(before, box), self._whole(after, box)) for layer, (before, after) in others.items()
        }
        differs = np.zeros((box.bottom - box.top, box.right - box.left), np.bool_)
        for before, after in tiles.values():
            differs |= before.differs(after)
        pixels = pixels[differs.ravel()[pixels]]
        seen = {layer: (_seen(before.at(pixels)), _seen(after.at(pixels))) for layer, (before, after) in tiles.items()}
        moved = np.zeros(len(pixels), np.bool_)
        for layer, pair in seen.items():
            moved |= np.not_equal(*self._classes(layer, pair))
        return pixels[moved], {layer: (pair[0].at(moved), pair[1].at(moved)) for layer, pair in seen.items()}

    @cached_property
    def _layers(self) -> list[Layer]:
        return sorted({layer for run in self.runs for layer in run.tiles})

    def _stored(self, layer: Layer, corner: Corner) -> tuple[StoredTile | None, StoredTile | None]:
        first, second = (run.tiles.get(layer, {}).get(corner) for run in self.runs)
        return first, second

    def _people(self, tile: StoredTile | None, box: Box) -> PeopleTile:
        if tile is None:
            return PeopleTile.empty((box.bottom - box.top, box.right - box.left))
        return read_people(tile, codes=self.codes, store_dir=self.runs[0].store_dir)

    def _whole(self, tile: StoredTile | None, box: Box) -> SignalTile:
        if tile is None:
            return SignalTile.empty((box.bottom - box.top, box.right - box.left))
        return read_tile(tile, store_dir=self.runs[0].store_dir, row_of_station=self.roster.row_of)

    def _read(self, stored: Sequence[StoredTile | None], pixels: npt.NDArray[np.intp]) -> Pair:
        first = self._read_one(stored[0], pixels)
        return first, first if stored[0] == stored[1] else self._read_one(stored[1], pixels)

    def _read_one(self, tile: StoredTile | None, pixels: npt.NDArray[np.intp]) -> Seen:
        if tile is None:
            return _seen(SignalTile.empty(pixels.shape))
        return _seen(read_pixels(tile, pixels, store_dir=self.runs[0].store_dir, row_of_station=self.roster.row_of))

    def _classes(self, layer: Layer, pair: Pair) -> list[npt.NDArray[np.uint8]]:
        return [judge.classes(layer[0], seen) for judge, seen in zip(self.judges, pair, strict=True)]

    def _moves(self, places: Places, seen: Mapping[Layer, Pair]) -> Iterator[Int64s]:
        classes = {layer: self._classes(layer, pair) for layer, pair in seen.items()}
        n = len(places.micro[0])
        for number, label in enumerate(self.labels):
            parts = [judge.groups[label] for judge in self.judges]
            best = [np.zeros(n, np.uint8), np.zeros(n, np.uint8)]
            for layer, found in classes.items():
                for side in range(2):
                    if layer[0] in parts[side]:
                        np.maximum(best[side], found[side], out=best[side])
            for service in (WEAK, GOOD):
                served = (best[0] >= service, best[1] >= service)
                station = np.full(n, -1, np.int32)
                for side, mask in ((1, served[1] & ~served[0]), (0, served[0] & ~served[1])):
                    if mask.any():
                        station[mask] = self._blame(seen, parts[side], mask, service, side)
                for level, units in enumerate(self.units):
                    for unit, row, *micro in _by_unit(units, places, served, station):
                        yield np.stack(np.broadcast_arrays(level, unit, number, service, row, *micro), axis=1)

    def _blame(
        self, seen: Mapping[Layer, Pair], technologies: Sequence[str], mask: Mask, service: int, side: int
    ) -> Rows:
        layers = (
            (pair[side].at(mask), pair[1 - side].at(mask), self.judges[side].required[layer[0]][service - 1])
            for layer, pair in seen.items()
            if layer[0] in technologies
        )
        return blame(layers, self.roster, int(mask.sum()))


def _seen(signal: SignalTile) -> Seen:
    return Seen(signal.rsrp_cdbm, signal.server)


def _by_unit(
    units: UnitRows, places: Places, served: tuple[Mask, Mask], station: Rows
) -> Iterator[tuple[Int64s, Int64s, Int64s, Int64s]]:
    """Unit, station, gained and lost of what changed for the units of a level; a move within a unit is no change."""
    first, second = (units.of(side, places.unit[side]) for side in range(2))
    stay = np.where(first == second, np.minimum(*places.micro), 0)
    gone, come = places.micro[0] - stay, places.micro[1] - stay
    none = np.zeros_like(stay)
    changes = (
        (first, served[0] != served[1], station, stay * served[1], stay * served[0]),
        (first, served[0] & (gone > 0), np.full_like(station, _FROM_PEOPLE), none, gone),
        (second, served[1] & (come > 0), np.full_like(station, _FROM_PEOPLE), come, none),
    )
    for unit, mask, row, gained, lost in changes:
        chosen = mask & ((gained > 0) | (lost > 0)) & (unit != _NOWHERE)
        if chosen.any():
            pair, pairs = pd.factorize(unit[chosen].astype(np.int64) << 32 | row[chosen] - _FROM_PEOPLE)
            sums = (_sums(pair, micro[chosen]) for micro in (gained, lost))
            yield pairs >> 32, (pairs & 0xFFFFFFFF) + _FROM_PEOPLE, *sums


def _sums(row: npt.NDArray[np.intp], micro: Int64s) -> Int64s:
    return np.bincount(row, weights=micro).astype(np.int64)  # whole numbers below 9e15 are exact in doubles
