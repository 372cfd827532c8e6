"""The figures of a run, found by level, unit, operator, profile and technology; a row is made JSON when first sent."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic_core import to_json

from phusong.api.access_views import HIDDEN_INDICATORS
from phusong.api.answers import require_known
from phusong.api.models import CoverageRow
from phusong.geodata.errors import UnknownNameError
from phusong.maps.reason_text import reason_words

_FOUND_BY = ("level", "operator", "profile", "technology", "indicator")


class FigureRows:
    """Rows of a table of figures.

    Parameters
    ----------
    figures
        A table with the columns of `models.CoverageRow`; `low` and `high` may be missing.
    """

    def __init__(self, figures: pd.DataFrame) -> None:
        table = figures.reindex(columns=list(CoverageRow.model_fields))
        plain = table.astype(object)
        self._columns: list[list[object]] = [
            plain[name].where(table[name].notna(), None).tolist() for name in table.columns
        ]
        self._sent: list[bytes | None] = [None] * len(table)
        self._codes: dict[str, npt.NDArray[np.int64]] = {}
        self._code_of: dict[str, dict[str, int]] = {}
        for name in _FOUND_BY:
            self._codes[name], values = pd.factorize(table[name])
            self._code_of[name] = {str(value): code for code, value in enumerate(values)}
        self._units = np.array(table["unit_code"].astype(str), dtype=object)

    @cached_property
    def _of_unit(self) -> dict[str, npt.NDArray[np.int64]]:
        positions: dict[str, list[int]] = {}
        for position, unit in enumerate(self._units):
            positions.setdefault(unit, []).append(position)
        return {unit: np.array(found, dtype=np.int64) for unit, found in positions.items()}

    def has_unit(self, level: str, unit: str) -> bool:
        """Whether a level has a unit."""
        return bool(unit) and len(self._of(level, unit)) > 0

    def require_unit(self, level: str, unit: str) -> None:
        """Refuse a unit that the level does not have.

        Raises
        ------
        UnknownNameError
            The level has no such unit, or no units.
        """
        if self.has_unit(level, unit):
            return
        of_level = self._of(level, None)
        units = sorted(set(self._units[of_level]) - {""})
        if not units and len(of_level):
            reason = self._columns[list(CoverageRow.model_fields).index("reason")][of_level[0]]
            raise UnknownNameError(
                f"The run has no units of the level {level}: it {reason}.",
                vi=f"Lần tính không có đơn vị cấp {level}: {reason_words(reason)[1]}.",
            )
        require_known("unit", "đơn vị", unit, units)

    def chosen(
        self, level: str, *, operator: str, profile: str, unit: str | None, technology: str | None, public: bool
    ) -> list[bytes]:
        """The rows of a level by one operator and profile, with those that have no operator or profile, as JSON.

        Parameters
        ----------
        level
            Level of the units.
        operator, profile
            An operator or "any", and a profile.
        unit, technology
            Code of one unit, and a technology; None is all.
        public
            Leave out what only planners see.
        """
        found = self._of(level, unit)
        found = found[self._is("operator", (operator, ""), found) & self._is("profile", (profile, ""), found)]
        if technology is not None:
            found = found[self._is("technology", (technology,), found)]
        if public:
            found = found[~self._is("indicator", HIDDEN_INDICATORS, found)]
        return [self._json(position) for position in found.tolist()]

    def _of(self, level: str, unit: str | None) -> npt.NDArray[np.int64]:
        """Positions of the rows of a level and unit; None is all."""
        of_level = self._code_of["level"].get(level, -2)
        if unit is None:
            return np.flatnonzero(self._codes["level"] == of_level)
        of_unit = self._of_unit.get(unit, np.array([], dtype=np.int64))
        found: npt.NDArray[np.int64] = of_unit[self._codes["level"][of_unit] == of_level]
        return found

    def _is(self, column: str, values: Iterable[str], found: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        code_of, codes = self._code_of[column], self._codes[column][found]
        wanted = np.zeros(len(codes), dtype=bool)
        for value in values:
            wanted |= codes == code_of.get(value, -2)
        return wanted

    def _json(self, position: int) -> bytes:
        sent = self._sent[position]
        if sent is None:
            row = dict(zip(CoverageRow.model_fields, (column[position] for column in self._columns), strict=True))
            sent = self._sent[position] = to_json(row | {"reason": row["reason"] or None})
        return sent
