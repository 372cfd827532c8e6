"""People and residential cells by unit and service class.

People are counted in whole micro-persons, so that a sum does not depend on the order of its terms, and the
units of a level add up exactly to the province wherever they cover it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phusong.coverage.service import GOOD, WEAK, Classes
from phusong.coverage.units import LEVELS, OUTSIDE, IntArray, UnitIndex, UnitLevel

MICRO = 1_000_000  # micro-persons in a person

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Residents:
    """The populated pixels of the province `[n]` and the population cells they belong to `[n_cell]`.

    `pixel` flat row-major position; `micro_people` whole micro-persons; `cell` row of the population cell;
    `unit` row in each base layer of units (−1 outside). `cell_micro` is the cell's people inside the
    province, `cell_unit` by level the unit that holds most of them (ties to the smaller code, −1 none),
    `is_residential` whether they are at least N.
    """

    pixel: Int64s
    micro_people: Int64s
    cell: IntArray
    unit: dict[str, IntArray]
    cell_micro: Int64s
    cell_unit: dict[str, IntArray]
    is_residential: npt.NDArray[np.bool_]


def index_residents(
    people: npt.NDArray[np.float64], cell: IntArray, *, units: UnitIndex, min_people: float
) -> Residents:
    """Reduce the allocated population to its populated pixels inside the province.

    Parameters
    ----------
    people
        People per pixel `[y, x]`.
    cell
        Id of the population cell whose people the pixel holds `[y, x]`, at least 0 where there are people.
    units
        Units on the same grid.
    min_people
        People in the province that make a population cell residential (N).
    """
    pixel = np.flatnonzero((people > 0) & units.in_province())
    micro = np.rint(people.ravel()[pixel] * MICRO).astype(np.int64)
    ids = cell.ravel()[pixel]
    present = np.zeros(int(ids.max(initial=-1)) + 1, dtype=bool)
    present[ids] = True
    rows = (np.cumsum(present, dtype=np.int32) - np.int32(1))[ids].astype(np.int32)
    n_cell = int(present.sum())
    cell_micro = _sum_by(rows, micro, n_cell)
    unit = {base: raster.ravel()[pixel] for base, raster in units.base_raster.items()}
    return Residents(
        pixel=pixel,
        micro_people=micro,
        cell=rows,
        unit=unit,
        cell_micro=cell_micro,
        cell_unit=_units_of_cells(rows, unit, micro, n_cell, units),
        is_residential=cell_micro >= round(min_people * MICRO),
    )


def compute_people(residents: Residents, classes: Classes, units: UnitIndex) -> dict[str, Int64s]:
    """Micro-persons of every unit by service class, `[n_unit, 3]` per level.

    Parameters
    ----------
    residents
        The populated pixels.
    classes
        Class of every populated pixel `[n]`.
    units
        The units they were indexed with.
    """
    by_base = {}
    for base, unit in residents.unit.items():
        n_unit = len(units.levels[base].codes)
        key = (unit + 1) * np.int32(3) + classes  # units outside are the first three bins, dropped
        sums = _sum_by(key, residents.micro_people, 3 * (n_unit + 1))
        by_base[base] = sums.reshape(n_unit + 1, 3)[1:]
    return {level: _fold(by_base[of.base], of) for level, of in units.levels.items()}


def classify_cells(residents: Residents, classes: Classes) -> Classes:
    """Class of every population cell: the best class that at least half of its people have, `[n_cell]`.

    Parameters
    ----------
    residents
        The populated pixels and their cells.
    classes
        Class of every populated pixel `[n]`.
    """
    covered = np.zeros(len(residents.cell_micro), dtype=np.uint8)
    for service in (WEAK, GOOD):
        served = _sum_by(residents.cell, residents.micro_people * (classes >= service), len(covered))
        covered += 2 * served >= residents.cell_micro
    return covered


def compute_residential_cells(residents: Residents, cells: Classes, units: UnitIndex) -> dict[str, Int64s]:
    """Residential cells of every unit by service class, `[n_unit, 3]` per level.

    A residential cell has at least N people in the province; at every level it counts in the one unit that
    holds most of them.

    Parameters
    ----------
    residents
        The populated pixels and their cells.
    cells
        Class of every cell, from `classify_cells`.
    units
        The units they were indexed with.
    """
    return {
        level: count_classes(
            np.where(residents.is_residential, residents.cell_unit[level], OUTSIDE),
            cells,
            len(units.levels[level].codes),
        )
        for level in LEVELS
    }


def count_classes(unit: IntArray, classes: Classes, n_unit: int) -> Int64s:
    """Items of every unit by service class, `[n_unit, 3]`; items of unit −1 are left out.

    Parameters
    ----------
    unit
        Row of the unit of every item.
    classes
        Class of every item.
    n_unit
        How many units there are.
    """
    key = (unit.astype(np.int64) + 1) * 3 + classes
    return np.bincount(key, minlength=3 * (n_unit + 1)).reshape(n_unit + 1, 3)[1:].astype(np.int64)


def _sum_by(rows: npt.NDArray[np.integer], micro: Int64s, n_row: int) -> Int64s:
    """Sum of micro-persons by row; exact, as doubles hold whole numbers up to 9e15."""
    return np.bincount(rows, weights=micro, minlength=n_row).astype(np.int64)


def _fold(by_base: Int64s, level: UnitLevel) -> Int64s:
    folded = np.zeros((len(level.codes), 3), dtype=np.int64)
    inside = level.parent != OUTSIDE
    np.add.at(folded, level.parent[inside], by_base[inside])
    return folded


def _units_of_cells(
    cell: IntArray, unit: dict[str, IntArray], micro: Int64s, n_cell: int, units: UnitIndex
) -> dict[str, IntArray]:
    """Unit that holds most of a cell's people, by level; ties to the smaller row, so the smaller code."""
    shares = {}
    for base, rows in unit.items():
        n_unit = len(units.levels[base].codes)
        pairs, of = np.unique(cell.astype(np.int64) * (n_unit + 1) + rows + 1, return_inverse=True)
        shares[base] = (pairs // (n_unit + 1), pairs % (n_unit + 1) - 1, _sum_by(of, micro, len(pairs)))
    chosen = {}
    for name, level in units.levels.items():
        pair_cell, pair_row, pair_micro = shares[level.base]
        parent = np.append(level.parent, np.int32(OUTSIDE))[pair_row]
        chosen[name] = _largest(pair_cell, parent, pair_micro, n_cell)
    return chosen


def _largest(cell: Int64s, unit: IntArray, micro: Int64s, n_cell: int) -> IntArray:
    n_unit = int(unit.max(initial=OUTSIDE)) + 1
    inside = unit != OUTSIDE
    pairs, of = np.unique(cell[inside] * max(n_unit, 1) + unit[inside], return_inverse=True)
    sums = _sum_by(of, micro[inside], len(pairs))
    pair_cell, pair_unit = np.divmod(pairs, max(n_unit, 1))
    order = np.lexsort((-pair_unit, sums, pair_cell))  # of one cell, the largest and smallest-coded is last
    chosen = np.full(n_cell, OUTSIDE, dtype=np.int32)
    chosen[pair_cell[order]] = pair_unit[order]
    return chosen
