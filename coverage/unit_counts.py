"""People and residential cells by unit and service class.

The units of a level add up exactly to the province wherever they cover it.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from phusong.coverage.people import Int64s, Residents
from phusong.coverage.service import Classes
from phusong.coverage.tally import add_rows
from phusong.coverage.units import LEVELS, IntArray, UnitIndex


def compute_people(plots: Int64s, residents: Residents, units: UnitIndex) -> dict[str, Int64s]:
    """Micro-persons of every unit by service class, `[..., n_unit, n_column]` per level.

    Parameters
    ----------
    plots
        Micro-persons of every plot by class, or in other columns `[..., n_plot, n_column]`.
    residents
        The plots.
    units
        The units they were indexed with.
    """
    of_base = {
        base: _sum_rows(unit, plots, len(units.levels[base].parent)) for base, unit in residents.plot_unit.items()
    }
    return {
        name: _sum_rows(level.parent, of_base[level.base], len(level.codes)) for name, level in units.levels.items()
    }


def compute_residential_cells(cells: Classes, residents: Residents, units: UnitIndex) -> dict[str, Int64s]:
    """Residential cells of every unit by service class, `[..., n_unit, 3]` per level.

    At every level a cell counts in the one unit that holds most of its people.

    Parameters
    ----------
    cells
        Class of every cell `[..., n_cell]`.
    residents
        The cells.
    units
        The units they were indexed with.
    """
    return {level: count_classes(residents.cell_unit[level], cells, len(units.levels[level].codes)) for level in LEVELS}


def count_classes(unit: IntArray, classes: Classes, n_unit: int) -> Int64s:
    """Items of every unit by service class, `[..., n_unit, 3]`; items of unit −1 are left out.

    Parameters
    ----------
    unit
        Row of the unit of every item `[n]`.
    classes
        Class of every item `[..., n]`.
    n_unit
        How many units there are.
    """
    shape = (*classes.shape[:-1], n_unit + 1, 3)
    sets = np.arange(math.prod(shape[:-2])).reshape(*shape[:-2], 1)
    key = (sets * (n_unit + 1) + unit + 1) * 3 + classes
    counts: Int64s = np.bincount(key.ravel(), minlength=math.prod(shape)).reshape(shape).astype(np.int64)
    return counts[..., 1:, :]


def _sum_rows(row: npt.NDArray[np.integer[Any]], values: Int64s, n_row: int) -> Int64s:
    """Sum of the values of every row: `[..., n, k]` to `[..., n_row, k]`; those of row −1 are left out."""
    *sets, _, k = values.shape
    sums = np.zeros((*sets, n_row, k), np.int64)
    add_rows(sums, row.astype(np.int64), np.ascontiguousarray(values))
    return sums
