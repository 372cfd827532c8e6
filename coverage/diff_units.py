"""The units that a difference is told by: which levels both runs answer, and in which unit a pixel counts in each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phusong.coverage.missing_figures import NEEDS_NEW_RUNS
from phusong.coverage.people_tiles import TAGS
from phusong.coverage.results import Results
from phusong.coverage.units import LEVELS, OUTSIDE, IntArray

Runs = tuple[Results, Results]


@dataclass(frozen=True, eq=False)
class UnitRows:
    """The units of a level in two runs, and how each run makes them of its base layers.

    Attributes
    ----------
    codes
        Their codes in both runs; of the province, whose code may have changed, "".
    base
        The base layer that they are made of, by run.
    row
        By run the row of the unit of every row of the base layer `[n + 1]`, the last one for none.
    """

    level: str
    codes: list[str]
    base: tuple[str, str]
    row: tuple[IntArray, IntArray]

    def of(self, side: int, unit: Mapping[str, IntArray]) -> IntArray:
        """Row of the unit of pixels in a run, −1 none, from their rows in the base layers."""
        return self.row[side][unit[self.base[side]]]  # −1 reads the last entry

    @property
    def alike(self) -> bool:
        """Whether both runs make them in the same way."""
        return self.base[0] == self.base[1] and np.array_equal(*self.row)


def base_codes(runs: Runs) -> dict[str, list[str]]:
    """Codes of the units of both runs by base layer, sorted."""
    return {base: sorted({code for run in runs for code in _codes(run.units(base))}) for base in TAGS}


def find_unit_rows(runs: Runs, level: str) -> UnitRows:
    """The units of a level that both runs answer."""
    every = base_codes(runs)
    if level == "province":
        return UnitRows(level, [""], ("commune", "commune"), (_rows([0] * len(every["commune"])),) * 2)
    if level in every:
        return UnitRows(level, every[level], (level, level), (_rows(range(len(every[level]))),) * 2)
    named = [_district_of_base(run) for run in runs]
    codes = sorted({code for _, district_of in named for code in district_of.values()})
    position = {code: row for row, code in enumerate(codes)}
    first, second = (
        _rows([position.get(district_of.get(code, ""), OUTSIDE) for code in every[base]]) for base, district_of in named
    )
    return UnitRows(level, codes, (named[0][0], named[1][0]), (first, second))


def find_reason(runs: Runs, level: str) -> str:
    """Why a level cannot be told for two runs, "" where it can."""
    return next((reason for run in runs for reason in [_reason(run, level)] if reason), "")


def _reason(run: Results, level: str) -> str:
    units = run.units(level)
    if level not in ("province", "commune") and "district_code" not in units:
        return NEEDS_NEW_RUNS
    missing = units[units.geometry.isna()]
    return str(missing["reason"].iloc[0]) if len(missing) == len(units) else ""


def _district_of_base(run: Results) -> tuple[str, dict[str, str]]:
    """The base layer that districts are made of, and the district of each of its units."""
    tables = {base: run.units(base).dropna(subset=["district_code"]) for base in TAGS}
    base = next((name for name, table in tables.items() if len(table)), LEVELS[2])
    return base, dict(zip(tables[base]["code"], tables[base]["district_code"], strict=True))


def _codes(units: pd.DataFrame) -> list[str]:
    return [code for code in units["code"].astype(str) if code]


def _rows(rows: object) -> IntArray:
    return np.append(np.array(rows, np.int32), np.int32(OUTSIDE))
