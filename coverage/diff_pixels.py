"""People who gained and lost service between two runs, counted pixel by pixel in whole micro-persons.

Only tiles of other content are read, unless the runs judge levels differently. People who live elsewhere, or whose
commune is another one, are counted apart: they changed, not their signal.
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
from phusong.coverage.people import Int64s
from phusong.coverage.people_tiles import PeopleTile, read_people
from phusong.coverage.results import Results
from phusong.coverage.service import CLASS_NAMES, GOOD, NO_SIGNAL_CDBM, WEAK, Layer
from phusong.coverage.tiles import Box, Corner, StoredTile, read_tile, tile_boxes

KEY = ["level", "unit_code", "technology", "service"]
MOVES = [*KEY, "cause", "station_id", "gained_micro", "lost_micro"]
_NOWHERE = -1
_FROM_PEOPLE = -2  # row of no station: other people

Pair = tuple[Seen, Seen]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Places:
    """Populated pixels: their micro-persons and the row of their commune in both runs."""

    micro: tuple[Int64s, Int64s]
    commune: tuple[Rows, Rows]


@dataclass(frozen=True, eq=False)
class PixelDiff:
    """Two runs on one grid, and how each judges the stations of both."""

    runs: tuple[Results, Results]
    judges: tuple[Judge, Judge]
    roster: Roster

    @cached_property
    def communes(self) -> list[str]:
        """Codes of the communes of both runs."""
        return sorted({str(code) for run in self.runs for code in run.units("commune")["code"]})

    @cached_property
    def labels(self) -> list[str]:
        """Technology labels that both runs answer."""
        return [label for label in self.judges[0].groups if label in self.judges[1].groups]

    @cached_property
    def alike(self) -> bool:
        """Whether both runs judge alike, so that equal tiles have equal answers."""
        return self.judges[0].agrees(self.judges[1], self.roster)

    def count(self) -> pd.DataFrame:
        """Micro-persons gained and lost by unit, technology, service and cause: `MOVES`.

        Raises
        ------
        StoreError
            A tile is missing from the store or damaged.
        """
        boxes = tile_boxes(self.runs[0].grid.shape)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = list(pool.map(lambda item: self._tile(*item), boxes.items()))
        found = [part for part in parts if not part.empty]
        if not found:
            return pd.DataFrame(columns=MOVES).astype({"gained_micro": np.int64, "lost_micro": np.int64})
        table = pd.concat(found).groupby([*KEY, "station"], as_index=False).sum()
        causes = [(PEOPLE, "") if row == _FROM_PEOPLE else self.roster.cause(row) for row in table["station"]]
        return table.assign(cause=[cause for cause, _ in causes], station_id=[name for _, name in causes])[MOVES]

    def _tile(self, corner: Corner, box: Box) -> pd.DataFrame:
        people = [run.people_tiles.get(corner) for run in self.runs]
        signals = {layer: self._stored(layer, corner) for layer in self._layers}
        other = [layer for layer, (first, second) in signals.items() if first != second]
        if people == [None, None] or (self.alike and people[0] == people[1] and not other):
            return pd.DataFrame()
        first = self._people(people[0], box)
        both = (first, first if people[0] == people[1] else self._people(people[1], box))
        pixels = np.flatnonzero((both[0].micro_people > 0) | (both[1].micro_people > 0))
        seen: dict[Layer, Pair] = {}
        if self.alike and people[0] == people[1]:  # then only what the other layers changed can matter
            seen = {layer: self._read(signals[layer], pixels) for layer in other}
            moved = np.zeros(len(pixels), np.bool_)
            for layer, pair in seen.items():
                moved |= np.not_equal(*self._classes(layer, pair))
            pixels = pixels[moved]
            seen = {layer: (_at(pair[0], moved), _at(pair[1], moved)) for layer, pair in seen.items()}
        if pixels.size == 0:
            return pd.DataFrame()
        seen |= {layer: self._read(stored, pixels) for layer, stored in signals.items() if layer not in seen}
        places = Places(
            (both[0].micro_people.ravel()[pixels], both[1].micro_people.ravel()[pixels]),
            (both[0].commune.ravel()[pixels], both[1].commune.ravel()[pixels]),
        )
        rows = list(self._moves(places, seen))
        return pd.concat(rows).groupby([*KEY, "station"], as_index=False).sum() if rows else pd.DataFrame()

    @cached_property
    def _layers(self) -> list[Layer]:
        return sorted({layer for run in self.runs for layer in run.tiles})

    def _stored(self, layer: Layer, corner: Corner) -> tuple[StoredTile | None, StoredTile | None]:
        first, second = (run.tiles.get(layer, {}).get(corner) for run in self.runs)
        return first, second

    def _people(self, tile: StoredTile | None, box: Box) -> PeopleTile:
        if tile is None:
            shape = (box.bottom - box.top, box.right - box.left)
            return PeopleTile(np.zeros(shape, np.int64), np.full(shape, _NOWHERE, np.int32))
        return read_people(tile, communes=self.communes, store_dir=self.runs[0].store_dir)

    def _read(self, stored: Sequence[StoredTile | None], pixels: npt.NDArray[np.intp]) -> Pair:
        first = self._seen(stored[0], pixels)
        return first, first if stored[0] == stored[1] else self._seen(stored[1], pixels)

    def _seen(self, tile: StoredTile | None, pixels: npt.NDArray[np.intp]) -> Seen:
        if tile is None:
            return Seen(np.full(len(pixels), NO_SIGNAL_CDBM, np.int16), np.full(len(pixels), _NOWHERE, np.int32))
        whole = read_tile(tile, store_dir=self.runs[0].store_dir, row_of_station=self.roster.row_of)
        return Seen(whole.rsrp_cdbm.ravel()[pixels], whole.server.ravel()[pixels])

    def _classes(self, layer: Layer, pair: Pair) -> list[npt.NDArray[np.uint8]]:
        return [judge.classes(layer[0], seen) for judge, seen in zip(self.judges, pair, strict=True)]

    def _moves(self, places: Places, seen: Mapping[Layer, Pair]) -> Iterator[pd.DataFrame]:
        classes = {layer: self._classes(layer, pair) for layer, pair in seen.items()}
        n = len(places.micro[0])
        for label in self.labels:
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
                yield from _by_unit(label, service, places, served, station, self.communes)

    def _blame(
        self, seen: Mapping[Layer, Pair], technologies: Sequence[str], mask: Mask, service: int, side: int
    ) -> Rows:
        layers = (
            (_at(pair[side], mask), _at(pair[1 - side], mask), self.judges[side].required[layer[0]][service - 1])
            for layer, pair in seen.items()
            if layer[0] in technologies
        )
        return blame(layers, self.roster, int(mask.sum()))


def _at(seen: Seen, mask: Mask) -> Seen:
    return Seen(seen.level_cdbm[mask], seen.server[mask])


def _by_unit(
    label: str, service: int, places: Places, served: tuple[Mask, Mask], station: Rows, communes: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """What changed for the communes, and for the province, in which a move between communes is no change."""
    here = np.zeros(len(station), np.int32)
    for level, units, codes in (("commune", places.commune, communes), ("province", (here, here), [""])):
        stay = np.where(units[0] == units[1], np.minimum(*places.micro), 0)
        gone, come = places.micro[0] - stay, places.micro[1] - stay
        none = np.zeros_like(stay)
        changes = (
            (units[0], served[0] != served[1], station, stay * served[1], stay * served[0]),
            (units[0], served[0] & (gone > 0), np.full_like(station, _FROM_PEOPLE), none, gone),
            (units[1], served[1] & (come > 0), np.full_like(station, _FROM_PEOPLE), come, none),
        )
        for unit, mask, row, gained, lost in changes:
            chosen = mask & ((gained > 0) | (lost > 0))
            if chosen.any():
                yield pd.DataFrame(
                    {
                        "level": level, "unit_code": np.array(codes, object)[unit[chosen]], "technology": label,
                        "service": CLASS_NAMES[service], "station": row[chosen],
                        "gained_micro": gained[chosen], "lost_micro": lost[chosen],
                    }
                )  # fmt: skip
