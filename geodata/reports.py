"""What an import did: accepted and refused rows, defaults applied, values derived."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class RowIssue:
    """Why a row was refused: its number in the file, field, value, code and reason in two languages."""

    row: int
    field: str
    value: str | None
    code: str
    reason: str
    reason_vi: str


@dataclass(frozen=True)
class ImportReport:
    """Result of importing one layer or raster.

    `defaults` counts the empty cells filled per column, `derived` the values found from other layers,
    `details` holds what a raster import reports.
    """

    layer: str
    file: str
    accepted: int
    refused: int = 0
    repaired: int = 0
    rows: tuple[RowIssue, ...] = ()
    defaults: Mapping[str, int] = field(default_factory=dict)
    derived: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Turn the report into plain types, as `import --json` prints it."""
        report = asdict(self)
        report["rows"] = [asdict(issue) for issue in self.rows]
        report["notes"] = list(self.notes)
        return report


class IssueLog:
    """Collects the issues of a table's rows during its import.

    Parameters
    ----------
    row_numbers
        Number in the file of every row of the table.
    """

    def __init__(self, row_numbers: npt.NDArray[np.int64]) -> None:
        self.row_numbers = row_numbers
        self.refused = np.zeros(len(row_numbers), dtype=bool)
        self.issues: list[RowIssue] = []

    def refuse(
        self,
        mask: npt.ArrayLike,
        *,
        field: str,
        values: Sequence[object] | None,
        code: str,
        reason: str,
        reason_vi: str,
    ) -> None:
        """Refuse the rows where `mask` is true; `{value}` in a reason becomes the row's own."""
        where = np.flatnonzero(np.asarray(mask, dtype=bool))
        self.refused[where] = True
        for position in where.tolist():
            value = None if values is None or values[position] is None else str(values[position])
            row = int(self.row_numbers[position])
            shown = "empty" if value is None else repr(value)
            self.issues.append(
                RowIssue(
                    row=row,
                    field=field,
                    value=value,
                    code=code,
                    reason=reason.replace("{value}", shown),
                    reason_vi=reason_vi.replace("{value}", "trống" if value is None else shown),
                )
            )

    def sorted(self) -> tuple[RowIssue, ...]:
        """All issues in the order of the rows."""
        return tuple(sorted(self.issues, key=lambda issue: issue.row))
