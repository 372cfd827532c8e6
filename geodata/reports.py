"""What an import did: accepted, refused and repaired rows, defaults applied, values derived."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

_SHOWN = 200  # characters of a value in a report


@dataclass(frozen=True)
class RowIssue:
    """Why a row was refused or how it was repaired: number, sheet, field, value, code, reason in two languages."""

    row: int
    field: str
    value: str | None
    code: str
    reason: str
    reason_vi: str
    sheet: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """Result of importing one layer or raster.

    `rows` are the issues of refused rows, `repairs` those of rows taken otherwise than written. `defaults` counts the
    empty cells filled per column, `derived` the values found from other layers, `details` holds what a raster import
    reports, `columns` the file's columns that each of ours was taken from.
    """

    layer: str
    file: str
    accepted: int
    refused: int = 0
    repaired: int = 0
    rows: tuple[RowIssue, ...] = ()
    repairs: tuple[RowIssue, ...] = ()
    defaults: Mapping[str, int] = field(default_factory=dict)
    derived: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Turn the report into plain types, as `import --json` prints it."""
        report = asdict(self)
        report["rows"] = [asdict(issue) for issue in self.rows]
        report["repairs"] = [asdict(issue) for issue in self.repairs]
        report["notes"] = list(self.notes)
        return report


class IssueLog:
    """Collects the issues of a table's rows during its import.

    Parameters
    ----------
    row_numbers
        Number in the file of every row of the table.
    sheets
        Sheet of every row; None for a file without sheets.
    """

    def __init__(self, row_numbers: npt.NDArray[np.int64], sheets: npt.NDArray[np.object_] | None = None) -> None:
        self.row_numbers = row_numbers
        self.sheets = sheets
        self.refused = np.zeros(len(row_numbers), dtype=bool)
        self.issues: list[RowIssue] = []
        self._repairs: list[tuple[int, RowIssue]] = []

    def refuse(
        self, mask: npt.ArrayLike, *, field: str, values: Sequence[object] | None, code: str,
        reason: str, reason_vi: str, hints: Sequence[object] | None = None,
    ) -> None:  # fmt: skip
        """Refuse the rows where `mask` is true; `{value}` and `{hint}` in a reason become the row's own."""
        issues = self._issues(mask, field, values, code, reason, reason_vi, hints)
        self.refused[[position for position, _ in issues]] = True
        self.issues.extend(issue for _, issue in issues)

    def repair(
        self, mask: npt.ArrayLike, *, field: str, values: Sequence[object] | None, code: str,
        reason: str, reason_vi: str, hints: Sequence[object] | None = None,
    ) -> None:  # fmt: skip
        """Record that the rows where `mask` is true are taken otherwise than written."""
        self._repairs.extend(self._issues(mask, field, values, code, reason, reason_vi, hints))

    @property
    def repairs(self) -> tuple[RowIssue, ...]:
        """What was repaired in rows that are not refused, in the order of the rows."""
        kept = (issue for position, issue in self._repairs if not self.refused[position])
        return tuple(sorted(kept, key=lambda issue: issue.row))

    def take(self, origin: npt.NDArray[np.intp]) -> "IssueLog":
        """The log of a table some of whose rows now stand several times; `origin` has their positions in this one."""
        log = IssueLog(self.row_numbers[origin], None if self.sheets is None else self.sheets[origin])
        log.refused = self.refused[origin]
        log.issues = self.issues
        return log

    def sorted(self) -> tuple[RowIssue, ...]:
        """All issues in the order of the rows."""
        return tuple(sorted(self.issues, key=lambda issue: issue.row))

    def of_distinct(self, codes: npt.NDArray[np.intp]) -> "IssueLog":
        """A log for the distinct values of a column: a value refused there refuses here every row that has it."""
        return _DistinctLog(self, codes)

    def _issues(
        self, mask: npt.ArrayLike, field: str, values: Sequence[object] | None, code: str, reason: str,
        reason_vi: str, hints: Sequence[object] | None,
    ) -> list[tuple[int, RowIssue]]:  # fmt: skip
        issues = []
        for position in np.flatnonzero(np.asarray(mask, dtype=bool)).tolist():
            value = None if values is None or values[position] is None else _shortened(str(values[position]))
            shown, shown_vi = ("empty", "trống") if value is None else (repr(value), repr(value))
            hint = "" if hints is None else str(hints[position])
            en = reason.replace("{hint}", hint).replace("{value}", shown)
            vi = reason_vi.replace("{hint}", hint).replace("{value}", shown_vi)
            sheet = None if self.sheets is None else str(self.sheets[position])
            issues.append((position, RowIssue(int(self.row_numbers[position]), field, value, code, en, vi, sheet)))
        return issues


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class _DistinctLog(IssueLog):
    def __init__(self, log: IssueLog, codes: npt.NDArray[np.intp]) -> None:
        super().__init__(log.row_numbers, log.sheets)
        self._log = log
        self._codes = codes

    def refuse(
        self, mask: npt.ArrayLike, *, field: str, values: Sequence[object] | None, code: str,
        reason: str, reason_vi: str, hints: Sequence[object] | None = None,
    ) -> None:  # fmt: skip
        rows = np.asarray(mask, dtype=bool)[self._codes]
        if not rows.any():
            return
        of_rows = None if values is None else np.array(values, dtype=object)[self._codes].tolist()
        self._log.refuse(rows, field=field, values=of_rows, code=code, reason=reason, reason_vi=reason_vi, hints=hints)
