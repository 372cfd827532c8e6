"""Whole layers of best signal for tests: stored as tiles, and people counted on them."""

from typing import NamedTuple

import numpy as np

from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tally import sum_tallies, tally_pixels
from phusong.coverage.tiles import store_tile, tile_boxes


class Signal(NamedTuple):
    technology: str
    operator: str
    rsrp_cdbm: np.ndarray
    server: np.ndarray

    @property
    def layer(self):
        return self.technology, self.operator


def stored(signals, grid, *, station_ids, store_dir):
    """The tiles of every layer, kept in a store."""
    store_dir.mkdir(parents=True, exist_ok=True)
    layers = {}
    for signal in signals:
        tiles = (
            store_tile(
                SignalTile(signal.rsrp_cdbm[box.slices], signal.server[box.slices]), corner, grid,
                station_ids=station_ids, store_dir=store_dir,
            )
            for corner, box in tile_boxes(grid.shape).items()
        )  # fmt: skip
        layers[signal.layer] = [tile for tile in tiles if tile is not None]
    return layers


def tally(signals, residents, rules):
    """The people of all tiles by some rules."""
    parts = []
    for tile in range(len(residents.tile_start) - 1):
        here = residents.of_tile(tile)
        pixel = residents.pixel[here]
        seen = {s.layer: SignalTile(s.rsrp_cdbm.ravel()[pixel], s.server.ravel()[pixel]) for s in signals}
        parts.append(tally_pixels(seen, residents, np.arange(here.start, here.stop), rules))
    return sum_tallies(parts, residents, rules)


def sum_plots(residents, classes):
    """Micro-persons of every plot by class, counted plainly."""
    return _sum(residents, residents.plot, residents.n_plot, classes)


def class_cells(residents, classes):
    """The best class that at least half of the people of every cell have, counted plainly."""
    people = residents.cell_micro
    _, weak, good = _sum(residents, residents.cell + 1, len(people) + 1, classes)[1:].T
    return np.where(2 * good >= people, 2, np.where(2 * (weak + good) >= people, 1, 0))


def _sum(residents, row, n_row, classes):
    sums = np.bincount(row * 3 + classes, weights=residents.micro_people, minlength=3 * n_row)
    return sums.reshape(n_row, 3).astype(np.int64)
