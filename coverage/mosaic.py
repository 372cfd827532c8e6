"""Tiles made final: each stored under its content, and its people counted once for every content and set of rules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phusong.coverage.cache import Arrays, Cache, content_key
from phusong.coverage.crew import Threads
from phusong.coverage.ground import Population
from phusong.coverage.indoor import indoor_level, indoor_settings
from phusong.coverage.masts import Geometry
from phusong.coverage.radio import Radio
from phusong.coverage.service import Layer, station_sigma_db
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tally import Rules, Tally, make_rules, sum_tallies, tally_pixels
from phusong.coverage.tiles import Box, Corner, StoredTile, read_tile, store_tile, tile_boxes
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.grid import Grid
from phusong.geodata.settings import Indoor, Settings

OUTDOORS, INDOORS = "outdoors", "indoors"
Unfinished = tuple[int, Corner, Box, dict[Layer, SignalTile | StoredTile]]  # number, place and layers of a tile


@dataclass(frozen=True, eq=False)
class Case:
    """One way of counting people: by a profile, outdoors or indoors. `described` is all that `rules` follow from."""

    where: str
    profile: str
    rules: Rules
    indoor: Indoor | None
    described: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The stored tiles of every layer, row by row, and the people by case and profile."""

    tiles: dict[Layer, list[StoredTile]]
    tallies: dict[str, dict[str, Tally]]


@dataclass(frozen=True, eq=False)
class MosaicMaker:
    """What every tile needs to become final.

    `members` lists the codes of the stations that can serve in a tile of a layer; `constants` what the rules know of
    every station: its id, band and lowest level of the uplink.
    """

    grid: Grid
    stations: pd.DataFrame
    population: Population
    cases: Sequence[Case]
    members: Mapping[tuple[Layer, Corner], list[int]]
    constants: list[tuple[str, float, str]]
    cache: Cache
    store_dir: Path

    @classmethod
    def of(
        cls, grid: Grid, stations: pd.DataFrame, geometries: Sequence[Geometry], population: Population,
        settings: Settings, cache: Cache, store_dir: Path,
    ) -> "MosaicMaker":  # fmt: skip
        """Find out which stations can serve where, and how people are to be counted."""
        layer = list(zip(stations["technology"].astype(str), stations["operator"].astype(str), strict=True))
        members = defaultdict(list)
        for geometry in geometries:
            for corner in geometry.corners():
                for code in geometry.stations:
                    members[layer[code], corner].append(code)
        floors = (repr(float(floor)) for floor in level_floor_dbm(stations, settings.uplink))
        ids, bands_mhz = stations["station_id"].astype(str).tolist(), stations["band_mhz"].astype(float).tolist()
        constants = list(zip(ids, bands_mhz, floors, strict=True))
        cases = make_cases(settings, stations, grid)
        return cls(grid, stations, population, cases, members, constants, cache, store_dir)

    def finish(self, radio: Radio, threads: Threads) -> Mosaic:
        """Store the tiles and count the people of each."""
        done = threads.map(MosaicMaker.finish_tile, self, self.tasks(radio))
        n_plot = len(self.population.residents.plot_cell)
        tallies: dict[str, dict[str, Tally]] = {OUTDOORS: {}, INDOORS: {}}
        for n, case in enumerate(self.cases):
            counted = (counts[n] for _, counts in done if counts)
            tallies[case.where][case.profile] = sum_tallies(counted, case.rules, n_plot)
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
        row, col = np.divmod(self.population.residents.pixel[here], self.grid.shape[1])
        inside = (row - box.top) * (box.right - box.left) + col - box.left
        signals: dict[Layer, SignalTile] = {}

        def count(case: Case) -> Arrays:
            if not signals:
                rows = {name: code for code, name in enumerate(names)}
                for layer, kept in stored.items():
                    tile = given[layer]
                    if isinstance(tile, StoredTile):
                        tile = read_tile(kept, store_dir=self.store_dir, row_of_station=rows)
                    signals[layer] = SignalTile(tile.rsrp_cdbm.ravel()[inside], tile.server.ravel()[inside])
            return self._count(case, signals, here)

        signal_key = self._signal_key(stored, corner)
        return stored, [
            self.cache.fetch_arrays(content_key({"case": case.described, "signal": signal_key}), partial(count, case))
            for case in self.cases
        ]

    @cached_property
    def station_ids(self) -> list[str]:
        """Station ids by code."""
        return [name for name, _, _ in self.constants]

    def _count(self, case: Case, signals: Mapping[Layer, SignalTile], here: slice) -> Arrays:
        if case.indoor is not None:
            bands_mhz = self.stations["band_mhz"].to_numpy(float)
            signals = {layer: indoor_level(signal, bands_mhz, case.indoor) for layer, signal in signals.items()}
        residents = self.population.residents
        return tally_pixels(signals, residents.plot[here], residents.micro_people[here], case.rules)

    def _signal_key(self, stored: Mapping[Layer, StoredTile], corner: Corner) -> str:
        """Hash of all that the people of a tile follow from, beside the case."""
        members = {
            "/".join(layer): [tile.sha256, [self.constants[code] for code in self.members[layer, corner]]]
            for layer, tile in stored.items()
        }
        return content_key({"people": self.population.key, "at": corner, "signal": members})


def make_cases(settings: Settings, stations: pd.DataFrame, grid: Grid) -> list[Case]:
    """The ways of counting that the settings ask for."""
    floor_dbm = level_floor_dbm(stations, settings.uplink)
    sigma_l_db = station_sigma_db(stations, grid.resolution_m)
    operators = sorted(set(stations["operator"].astype(str)))
    asked: list[tuple[str, Indoor | None, Settings]] = [(OUTDOORS, None, settings)]
    if settings.indoor is not None:
        asked.append((INDOORS, settings.indoor, indoor_settings(settings, settings.indoor)))
    cases = []
    for where, indoor, limited in asked:
        for profile in limited.profiles:
            rules = make_rules(
                profile, sigma_l_db=sigma_l_db, floor_dbm=floor_dbm, model_sigma_db=settings.model_error.sigma_db,
                operators=operators,
            )  # fmt: skip
            described = {
                "profile": profile.model_dump(mode="json"), "sigma_db": settings.model_error.sigma_db,
                "operators": operators, "pixel_m": grid.resolution_m,
                "indoor": indoor and indoor.model_dump(mode="json"),
            }  # fmt: skip
            cases.append(Case(where, profile.name, rules, indoor, described))
    return cases
