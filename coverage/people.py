"""Where people live: populated pixels, and the plots and residential cells that they lie in.

People are counted in whole micro-persons, so that a sum does not depend on the order of its terms.
"""

import math
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
    """The populated pixels of the province `[n]`, grouped into plots `[n_plot]` and residential cells `[n_cell]`.

    A plot is the part of the province inside one unit of every base layer: sums over plots give those of all units. A
    residential cell is a population cell with at least N people in the province.
    `pixel` flat row-major position, tile by tile of the store and in order inside each; `tile_start` where the pixels
    of every tile begin `[n_tile + 1]`; `micro_people` whole micro-persons (as doubles, exact); `plot` and `cell` row of
    the plot and of the cell, −1 in no residential one. `plot_unit` by base layer the unit of a plot (−1 outside).
    `cell_micro` is a cell's people, `cell_unit` by level the unit that holds most of them (ties to the smaller code, −1
    none).
    """

    pixel: Int64s
    tile_start: Int64s
    micro_people: npt.NDArray[np.float64]
    plot: IntArray
    cell: IntArray
    plot_unit: dict[str, IntArray]
    cell_micro: Int64s
    cell_unit: dict[str, IntArray]

    @property
    def n_plot(self) -> int:
        """How many plots there are."""
        return len(next(iter(self.plot_unit.values())))

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
    n_rows = {base: len(units.levels[base].codes) + 1 for base in units.base_raster}
    key = cell.ravel()[pixel].astype(np.int64)
    for base, raster in units.base_raster.items():
        key = key * n_rows[base] + raster.ravel()[pixel] + 1
    parts, part = np.unique(key, return_inverse=True)  # the parts of cells in one plot each
    part_micro = np.bincount(part, weights=micro, minlength=len(parts)).astype(np.int64)
    cells, plots = np.divmod(parts, math.prod(n_rows.values()))
    (_, part_cell), (rest, part_plot) = (np.unique(found, return_inverse=True) for found in (cells, plots))
    plot_unit: dict[str, IntArray] = {}
    for base in reversed(units.base_raster):
        rest, unit = np.divmod(rest, n_rows[base])
        plot_unit[base] = (unit - 1).astype(np.int32)
    n_cell = int(part_cell.max(initial=-1)) + 1
    cell_micro = np.zeros(n_cell, dtype=np.int64)
    np.add.at(cell_micro, part_cell, part_micro)
    cell_unit = {
        name: _unit_with_most(part_cell, level.rows_of(plot_unit[level.base])[part_plot], part_micro, n_cell)
        for name, level in units.levels.items()
    }
    is_residential = cell_micro >= round(min_people * MICRO)
    row_of_cell = np.where(is_residential, np.cumsum(is_residential) - 1, -1).astype(np.int32)
    return Residents(
        pixel=pixel,
        tile_start=tile_start,
        micro_people=micro,
        plot=part_plot.astype(np.int32)[part],
        cell=row_of_cell[part_cell][part],
        plot_unit=plot_unit,
        cell_micro=cell_micro[is_residential],
        cell_unit={name: unit[is_residential] for name, unit in cell_unit.items()},
    )


def _by_tile(pixel: Int64s, shape: tuple[int, int]) -> tuple[Int64s, Int64s]:
    """Pixels ordered by tile, and where those of every tile begin."""
    row, col = np.divmod(pixel, shape[1])
    across = -(-shape[1] // TILE_PX)
    tile = row // TILE_PX * across + col // TILE_PX
    counts = np.bincount(tile, minlength=across * -(-shape[0] // TILE_PX))
    return pixel[np.argsort(tile, kind="stable")], np.append(0, np.cumsum(counts))


def _unit_with_most(cell: Int64s, unit: IntArray, micro: Int64s, n_cell: int) -> IntArray:
    """Unit that holds most of a cell's people, from its parts; ties to the smaller row, so the smaller code."""
    inside = unit != OUTSIDE
    n_unit = int(unit.max(initial=0)) + 1
    pairs, of = np.unique(cell[inside] * n_unit + unit[inside], return_inverse=True)
    sums = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(sums, of, micro[inside])
    pair_cell, pair_unit = np.divmod(pairs, n_unit)
    order = np.lexsort((-pair_unit, sums, pair_cell))  # of one cell, the largest with the smallest code is last
    chosen = np.full(n_cell, OUTSIDE, dtype=np.int32)
    chosen[pair_cell[order]] = pair_unit[order]
    return chosen
