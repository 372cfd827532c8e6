"""Where people live: populated pixels, the plots and the population cells that they make up.

People are counted in whole micro-persons, so that a sum does not depend on the order of its terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from phusong.coverage.tiles import TILE_PX
from phusong.coverage.units import OUTSIDE, IntArray, UnitIndex

MICRO = 1_000_000  # micro-persons in a person

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Residents:
    """The populated pixels of the province `[n]`, grouped into plots `[n_plot]` and population cells `[n_cell]`.

    A plot is the part of a population cell inside one unit of every base layer: sums over plots give both cells
    and units. `pixel` flat row-major position, tile by tile of the store and in order inside each; `tile_start` where
    the pixels of every tile begin `[n_tile + 1]`; `micro_people` whole micro-persons (as doubles, exact);
    `plot` row of the plot. `plot_cell` and `plot_unit` (by base layer, −1 outside) say where a plot lies.
    `cell_micro` is a cell's people inside the province, `cell_unit` by level the unit that holds most of them
    (ties to the smaller code, −1 none), `is_residential` whether they are at least N.
    """

    pixel: Int64s
    tile_start: Int64s
    micro_people: npt.NDArray[np.float64]
    plot: Int64s
    plot_cell: Int64s
    plot_unit: dict[str, IntArray]
    cell_micro: Int64s
    cell_unit: dict[str, IntArray]
    is_residential: npt.NDArray[np.bool_]

    def of_tile(self, tile: int) -> slice:
        """Where the pixels of a tile are."""
        return slice(int(self.tile_start[tile]), int(self.tile_start[tile + 1]))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every part by name; the dictionaries as `name/key`."""
        arrays = {}
        for part in fields(self):
            value = getattr(self, part.name)
            named = value.items() if isinstance(value, dict) else [("", value)]
            arrays.update({f"{part.name}/{key}": array for key, array in named})
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Residents":
        """The inverse of `to_arrays`; names without a slash are left out."""
        parts: dict[str, Any] = {}
        for name, array in arrays.items():
            part, slash, key = name.partition("/")
            if key:
                parts.setdefault(part, {})[key] = array
            elif slash:
                parts[part] = array
        return cls(**parts)


def index_residents(
    people: npt.NDArray[np.float64], cell: IntArray, *, units: UnitIndex, min_people: float
) -> Residents:
    """Reduce the allocated population to its populated pixels inside the province.

    Parameters
    ----------
    people
        People per pixel `[y, x]`.
    cell
        Id of the population cell whose people the pixel holds `[y, x]`.
    units
        Units on the same grid.
    min_people
        People in the province that make a population cell residential (N).
    """
    pixel, tile_start = _by_tile(np.flatnonzero((people > 0) & units.in_province()), units.grid.shape)
    micro = np.rint(people.ravel()[pixel] * MICRO)
    key = cell.ravel()[pixel].astype(np.int64)
    for base, raster in units.base_raster.items():
        key = key * (len(units.levels[base].codes) + 1) + raster.ravel()[pixel] + 1
    found, plot = np.unique(key, return_inverse=True)
    plot_unit: dict[str, IntArray] = {}
    for base in reversed(units.base_raster):
        found, unit = np.divmod(found, len(units.levels[base].codes) + 1)
        plot_unit[base] = (unit - 1).astype(np.int32)
    plot_cell = np.unique(found, return_inverse=True)[1]
    plot_micro = np.bincount(plot, weights=micro, minlength=len(plot_cell)).astype(np.int64)
    n_cell = int(plot_cell.max(initial=-1)) + 1
    cell_micro = np.zeros(n_cell, dtype=np.int64)
    np.add.at(cell_micro, plot_cell, plot_micro)
    return Residents(
        pixel=pixel,
        tile_start=tile_start,
        micro_people=micro,
        plot=plot,
        plot_cell=plot_cell,
        plot_unit=plot_unit,
        cell_micro=cell_micro,
        cell_unit={
            name: _unit_with_most(plot_cell, level.rows_of(plot_unit[level.base]), plot_micro, n_cell)
            for name, level in units.levels.items()
        },
        is_residential=cell_micro >= round(min_people * MICRO),
    )


def _by_tile(pixel: Int64s, shape: tuple[int, int]) -> tuple[Int64s, Int64s]:
    """Pixels ordered by tile, and where those of every tile begin."""
    row, col = np.divmod(pixel, shape[1])
    across = -(-shape[1] // TILE_PX)
    tile = row // TILE_PX * across + col // TILE_PX
    counts = np.bincount(tile, minlength=across * -(-shape[0] // TILE_PX))
    return pixel[np.argsort(tile, kind="stable")], np.append(0, np.cumsum(counts))


def _unit_with_most(plot_cell: Int64s, unit: IntArray, micro: Int64s, n_cell: int) -> IntArray:
    """Unit that holds most of a cell's people; ties to the smaller row, so the smaller code."""
    inside = unit != OUTSIDE
    n_unit = int(unit.max(initial=0)) + 1
    pairs, of = np.unique(plot_cell[inside] * n_unit + unit[inside], return_inverse=True)
    sums = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(sums, of, micro[inside])
    pair_cell, pair_unit = np.divmod(pairs, n_unit)
    order = np.lexsort((-pair_unit, sums, pair_cell))  # of one cell, the largest with the smallest code is last
    chosen = np.full(n_cell, OUTSIDE, dtype=np.int32)
    chosen[pair_cell[order]] = pair_unit[order]
    return chosen
