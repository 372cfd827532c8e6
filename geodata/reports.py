"""What an import did: accepted, refused and repaired rows, defaults applied, values derived."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

_SHOWN = 200  # characters of a value in a report


class Note(str):
    """A remark for people: text in English, which says the same in Vietnamese as `vi`."""

    __slots__ = ("vi",)
    vi: str

    def __new__(cls, english: str, vietnamese: str) -> "Note":
        """Make a remark of its two texts."""
        note = super().__new__(cls, english)
        note.vi = vietnamese
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        """How a note travels between processes."""
        return Note, (str(self), self.vi)


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

    `accepted` counts what is stored, `refused` and `repaired` rows of the file, each once however many faults it has.
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
    notes: tuple[Note, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Turn the report into plain types, as `import --json` prints it."""
        report = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name in ("rows", "repairs"):
            report[name] = [dict(vars(issue)) for issue in report[name]]
        for name in ("defaults", "derived", "details", "columns"):
            report[name] = dict(report[name])
        report["faults"] = dict(Counter(issue.code for issue in self.rows))
        report["notes"] = [str(note) for note in self.notes]
        report["notes_vi"] = [note.vi for note in self.notes]
        return report


def count_rows(issues: Iterable[RowIssue]) -> int:
    """How many rows of a file have issues."""
    return len({(issue.sheet, issue.row) for issue in issues})


BARE_CODE = "formula_without_value"
BARE_FORMULA = Note(
    "is a formula whose value the file does not keep; open and save it, or write the value",
    "là công thức không kèm giá trị; hãy mở và lưu lại tệp, hoặc ghi giá trị",
)


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
        """Refuse the rows where `mask` is true; `{value}` and `{hint}` in a reason become the row's own.

        A hint may be a `Note`, to differ by language.
        """
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
        written: dict[tuple[str | None, str], tuple[str | None, str, str]] = {}  # equal texts are kept once
        for position in np.flatnonzero(np.asarray(mask, dtype=bool)).tolist():
            given = None if values is None or values[position] is None else str(values[position])
            hint = Note("", "") if hints is None else _as_note(hints[position])
            if (given, hint) not in written:
                written[given, hint] = _written(given, hint, reason, reason_vi)
            value, en, vi = written[given, hint]
            sheet = None if self.sheets is None else str(self.sheets[position])
            issues.append((position, RowIssue(int(self.row_numbers[position]), field, value, code, en, vi, sheet)))
        return issues


def _as_note(hint: object) -> Note:
    return hint if isinstance(hint, Note) else Note(str(hint), str(hint))


def _written(given: str | None, hint: Note, reason: str, reason_vi: str) -> tuple[str | None, str, str]:
    """A value as a report shows it, and the two reasons with it and the hint in them."""
    value = given if given is None or len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    shown, shown_vi = ("empty", "trống") if value is None else (repr(value), repr(value))
    en, vi = reason.replace("{hint}", hint), reason_vi.replace("{hint}", hint.vi)
    return value, en.replace("{value}", shown), vi.replace("{value}", shown_vi)


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
