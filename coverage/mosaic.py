"""Tiles made final: each stored under its content, and its people counted once for every content and set of rules.

Where a run only adds stations, the people of the run before are taken and those pixels counted anew that have another
signal: sums of whole numbers, so that the result is that of counting all.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.cache import Arrays, Cache, content_key
from phusong.coverage.cases import INDOORS, OUTDOORS, Case, make_cases
from phusong.coverage.crew import Threads
from phusong.coverage.ground import Population
from phusong.coverage.indoor import indoor_level
from phusong.coverage.network import Base, Network, kept_stations
from phusong.coverage.radio import Radio
from phusong.coverage.service import Layer
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tally import Tally, count_anew, sum_tallies, tally_pixels
from phusong.coverage.tiles import Box, Corner, StoredTile, read_pixels, read_tile, store_tile, tile_boxes
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.grid import Grid
from phusong.geodata.settings import Settings

T = TypeVar("T")
Pixels = npt.NDArray[np.intp] | slice
Unfinished = tuple[int, Corner, Box, dict[Layer, SignalTile | StoredTile]]  # number, place and layers of a tile


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The stored tiles of every layer, row by row, and the people by case and profile."""

    tiles: dict[Layer, list[StoredTile]]
    tallies: dict[str, dict[str, Tally]]


@dataclass(frozen=True, eq=False)
class MosaicMaker:
    """What every tile needs to become final.

    `members` lists the codes of the stations that can serve in a tile of a layer; `constants` what the rules know of
    every station: its id, band and lowest level of the uplink. `before` has the tiles of a run that lacks nothing but
    the stations `added`; none if there is no such run.
    """

    grid: Grid
    stations: pd.DataFrame
    population: Population
    cases: Sequence[Case]
    members: Mapping[tuple[Layer, Corner], list[int]]
    constants: list[tuple[str, float, str]]
    before: Mapping[Layer, Mapping[Corner, StoredTile]]
    added: set[int]
    cache: Cache
    store_dir: Path

    @classmethod
    def of(
        cls, grid: Grid, stations: pd.DataFrame, network: Network, population: Population, settings: Settings,
        cache: Cache, store_dir: Path, base: Base,
    ) -> "MosaicMaker":  # fmt: skip
        """Find out which stations can serve where, how people are to be counted, and what the base knows of that."""
        members = defaultdict(list)
        for geometry in network.geometries:
            for corner in geometry.corners():
                for code in geometry.stations:
                    members[network.layer[code], corner].append(code)
        floors = (repr(float(floor)) for floor in level_floor_dbm(stations, settings.uplink))
        ids, bands_mhz = stations["station_id"].astype(str).tolist(), stations["band_mhz"].astype(float).tolist()
        constants = list(zip(ids, bands_mhz, floors, strict=True))
        cases = make_cases(settings, stations, grid)
        kept = kept_stations(network, base)
        before = base.tiles if len(kept) == sum(map(len, base.signal_keys.values())) else {}
        added = set(range(len(constants))) - kept
        return cls(grid, stations, population, cases, members, constants, before, added, cache, store_dir)

    def finish(self, radio: Radio, threads: Threads) -> Mosaic:
        """Store the tiles and count the people of each."""
        done = threads.map(MosaicMaker.finish_tile, self, self.tasks(radio))
        tallies: dict[str, dict[str, Tally]] = {OUTDOORS: {}, INDOORS: {}}
        for n, case in enumerate(self.cases):
            counted = (counts[n] for _, counts in done if counts)
            tallies[case.where][case.profile] = sum_tallies(counted, self.population.residents, case.rules)
        return Mosaic(
            {layer: [tiles[layer] for tiles, _ in done if layer in tiles] for layer in sorted(radio.tiles)}, tallies
        )

    def tasks(self, radio: Radio) -> list[Unfinished]:
        """What is to be made final: every tile."""
        return [
            (number, corner, box, {layer: tiles[corner] for layer, tiles in radio.tiles.items() if corner in tiles})
            for number, (corner, box) in enumerate(tile_boxes(self.grid.shape).items())
        ]

    def finish_tile(self, task: Unfinished) -> tuple[dict[Layer, StoredTile], list[Arrays]]:
        """Store a tile, and count its people by every case."""
        number, corner, box, given = task
        names = self.station_ids
        stored = {}
        for layer, tile in given.items():
            kept = (
                tile
                if isinstance(tile, StoredTile)
                else store_tile(tile, corner, self.grid, station_ids=names, store_dir=self.store_dir)
            )
            if kept is not None:
                stored[layer] = kept
        here = self.population.residents.of_tile(number)
        if here.start == here.stop:
            return stored, []
        counting = _Tile(self, corner, box, here, given, stored)
        return stored, [counting.people(case) for case in self.cases]

    @cached_property
    def station_ids(self) -> list[str]:
        """Station ids by code."""
        return [name for name, _, _ in self.constants]

    @cached_property
    def code_of_station(self) -> dict[str, int]:
        """Codes by station id."""
        return {name: code for code, name in enumerate(self.station_ids)}

    def signal_key(self, corner: Corner, tiles: Mapping[Layer, StoredTile], *, without: Container[int] = ()) -> str:
        """Hash of all that the people of a tile follow from, beside the case; of a run `without` some stations."""
        members = {
            "/".join(layer): [
                tile.sha256,
                [self.constants[code] for code in sorted(self.members[layer, corner]) if code not in without],
            ]
            for layer, tile in tiles.items()
        }
        return content_key({"people": self.population.key, "at": corner, "signal": members})


class _once(Generic[T]):  # noqa: N801
    """A property found once, of an instance of one thread: `cached_property` of Python 3.11 lets one at a time."""

    def __init__(self, find: Callable[[Any], T]) -> None:
        self._find = find

    def __get__(self, instance: Any, _owner: type) -> T:
        found = instance.__dict__[self._find.__name__] = self._find(instance)
        return found


@dataclass(frozen=True, eq=False)
class _Tile:
    """A stored tile whose people are counted; `here` are its pixels among the populated ones."""

    maker: MosaicMaker
    corner: Corner
    box: Box
    here: slice
    given: Mapping[Layer, SignalTile | StoredTile]
    stored: Mapping[Layer, StoredTile]

    def people(self, case: Case) -> Arrays:
        """The people by a case: as counted some time, as in the run before but for what changed, or counted now."""
        return self.maker.cache.fetch_arrays(case.key(self._key), lambda: self._people(case))

    def _people(self, case: Case) -> Arrays:
        known = self.maker.cache.find_arrays(case.key(self._key_before)) if self._before else None
        if known is None:
            return self._count(case, self._whole, np.s_[:])
        pixels, before, now = self._changes
        if pixels.size == 0:
            return known
        return count_anew(known, self._count(case, before, pixels), self._count(case, now, pixels))

    def _count(self, case: Case, signals: Mapping[Layer, SignalTile], pixels: Pixels) -> Arrays:
        """Count the people of some of the populated pixels, which have these signals."""
        if case.indoor is not None:
            bands_mhz = self.maker.stations["band_mhz"].to_numpy(float)
            signals = {layer: indoor_level(signal, bands_mhz, case.indoor) for layer, signal in signals.items()}
        at = np.arange(self.here.start, self.here.stop)[pixels]
        return tally_pixels(signals, self.maker.population.residents, at, case.rules)

    @property
    def _before(self) -> dict[Layer, StoredTile]:
        """The tiles of the run before here."""
        return {layer: tiles[self.corner] for layer, tiles in self.maker.before.items() if self.corner in tiles}

    @_once
    def _key(self) -> str:
        return self.maker.signal_key(self.corner, self.stored)

    @_once
    def _key_before(self) -> str:
        return self.maker.signal_key(self.corner, self._before, without=self.maker.added)

    @_once
    def _whole(self) -> dict[Layer, SignalTile]:
        """What every layer has at the populated pixels."""
        inside = self._inside()
        return {layer: self._tile(tile).at(inside) for layer, tile in self.given.items() if layer in self.stored}

    @_once
    def _changes(self) -> tuple[npt.NDArray[np.intp], dict[Layer, SignalTile], dict[Layer, SignalTile]]:
        """Which populated pixels have another signal, or share their cell with one; what every layer had and has."""
        maker, then, inside = self.maker, self._before, self._inside()
        others = {
            layer: (self._tile(then.get(layer)), self._tile(self.given[layer]))
            for layer, tile in self.stored.items()
            if tile != then.get(layer)
        }
        differs = np.zeros((self.box.bottom - self.box.top, self.box.right - self.box.left), np.bool_)
        for before, now in others.values():
            differs |= before.differs(now)
        cell = maker.population.residents.cell[self.here]
        is_other = differs.ravel()[inside]
        changed = np.flatnonzero(is_other | np.isin(cell, cell[is_other & (cell >= 0)]))
        if changed.size == 0:
            return changed, {}, {}
        pixels = inside[changed]
        alike = {
            layer: read_pixels(tile, pixels, store_dir=maker.store_dir, row_of_station=maker.code_of_station)
            for layer, tile in self.stored.items()
            if layer not in others
        }
        had, has = ({layer: pair[side].at(pixels) for layer, pair in others.items()} for side in range(2))
        return changed, alike | had, alike | has

    def _tile(self, tile: SignalTile | StoredTile | None) -> SignalTile:
        """A tile, read if it is not in memory, without a signal if there is none."""
        if tile is None:
            return SignalTile.empty((self.box.bottom - self.box.top, self.box.right - self.box.left))
        if isinstance(tile, SignalTile):
            return tile
        return read_tile(tile, store_dir=self.maker.store_dir, row_of_station=self.maker.code_of_station)

    def _inside(self) -> npt.NDArray[np.intp]:
        """The populated pixels in the tile, row by row."""
        row, col = np.divmod(self.maker.population.residents.pixel[self.here], self.maker.grid.shape[1])
        return (row - self.box.top) * (self.box.right - self.box.left) + col - self.box.left
