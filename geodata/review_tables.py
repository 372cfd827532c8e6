"""Tables for people to read and send back: spreadsheets with a heading in two languages, and the review of a match."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from phusong.geodata.cells import safe_cell
from phusong.geodata.errors import InputError, RefusedRowsError
from phusong.geodata.readers import read_table
from phusong.geodata.reports import ImportReport, IssueLog, RowIssue
from phusong.geodata.schemas import LAYERS
from phusong.geodata.village_matching import VillageMatch
from phusong.geodata.writing import replacing

ALIASES = LAYERS["aliases"]
HEADINGS = {
    "row": "Dòng", "name": "Tên trong tệp", "commune": "Xã trong tệp", "status": "Kết quả", "score": "Điểm",
    "proposed_id": "Mã đề xuất", "proposed_name": "Tên đề xuất", "proposed_commune": "Xã đề xuất", "reason": "Lý do",
    "candidates": "Các khả năng khác", "settlement_id": "Mã được chọn", "kind": "Loại tên",
}  # fmt: skip
WIDEST = 60
REFUSED = "refused"
_REQUIRED = ("name", "settlement_id")


def review_rows(matches: Sequence[VillageMatch], refused: Sequence[RowIssue] = ()) -> list[dict[str, Any]]:
    """Rows of the review of a match: what the file says, what is proposed and why, and the choice to confirm.

    Parameters
    ----------
    matches
        The rows matched.
    refused
        Why other rows of the list were refused: they come last, and hold the reason alone.
    """
    rows: list[dict[str, Any]] = []
    for match in matches:
        best = match.candidates[0] if match.candidates else None
        others = "; ".join(
            f"{one.settlement_id} {one.name}, {one.commune} ({one.score:g})" for one in match.candidates[1:]
        )
        rows.append(
            {
                "row": match.village.row, "name": match.village.name, "commune": match.village.commune,
                "status": match.status, "score": best and best.score, "proposed_id": best and best.settlement_id,
                "proposed_name": best and best.name, "proposed_commune": best and best.commune,
                "reason": f"{match.reason} / {match.reason_vi}", "candidates": others or None,
                "settlement_id": match.settlement_id, "kind": "spelling",
            }
        )  # fmt: skip
    rows += [
        dict.fromkeys(HEADINGS) | {"row": one.row, "status": REFUSED, "reason": f"{one.reason} / {one.reason_vi}"}
        for one in refused
    ]
    return rows


def write_table(
    path: Path, rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str], *, marked: Sequence[int] = ()
) -> None:
    """Write rows as .xlsx or .csv (UTF-8 with BOM); a heading is Vietnamese, our name in brackets behind it.

    Parameters
    ----------
    path
        The file, replaced in one step.
    rows
        Plain values by column.
    headings
        Vietnamese heading of each column, in order.
    marked
        Positions of rows to colour in a workbook.

    Raises
    ------
    InputError
        The file is of another kind or cannot be written.
    """
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise InputError(f"{path} must end in .xlsx or .csv.", vi=f"{path} phải có đuôi .xlsx hoặc .csv.")
    titles = [f"{vietnamese} ({name})" for name, vietnamese in headings.items()]
    cells = [[safe_cell(row.get(name)) for name in headings] for row in rows]
    try:
        with replacing(path) as aside:
            if path.suffix.lower() == ".csv":
                with aside.open("w", encoding="utf-8-sig", newline="") as file:
                    csv.writer(file, lineterminator="\r\n").writerows([titles, *cells])
            else:
                _workbook(titles, cells, marked).save(aside)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", vi=f"Không ghi được {path}: {error.strerror}."
        ) from error


def read_review(path: Path, known_ids: Sequence[str]) -> tuple[pd.DataFrame, ImportReport]:
    """Read a corrected review as rows of the layer `aliases`.

    Rows without a chosen `settlement_id` are passed over.

    Parameters
    ----------
    path
        The file, written by `write_table` and corrected.
    known_ids
        Ids of the settlements.

    Raises
    ------
    InputError
        The file is no review.
    RefusedRowsError
        A row names an unknown settlement or kind, or two rows give one name of one commune to different settlements.
    """
    table = read_table(path)
    columns = {str(name).rpartition("(")[2].rstrip(")"): name for name in table.frame.columns}
    if not set(_REQUIRED) <= set(columns):
        raise InputError(
            f"{path.name} is no review of a match: it has no columns {' and '.join(_REQUIRED)}.",
            vi=f"{path.name} không phải bảng rà soát: thiếu cột {' và '.join(_REQUIRED)}.",
        )
    frame = pd.DataFrame(
        {name: table.frame[columns[name]] if name in columns else None for name in ALIASES.column_names}
    )
    log = IssueLog(table.row_numbers)
    chosen = frame["settlement_id"].notna() & frame["name"].notna()
    frame["kind"] = frame["kind"].fillna("spelling")
    _refuse(frame, chosen, set(known_ids), log)
    report = ImportReport(
        "aliases", path.name, int((chosen & ~log.refused).sum()), int(log.refused.sum()), rows=log.sorted()
    )
    if log.refused.any():
        first = report.rows[0]
        raise RefusedRowsError(
            f"{path.name}, row {first.row}: {first.reason}.", vi=f"{path.name}, dòng {first.row}: {first.reason_vi}.",
            reports=[report.to_dict()],
        )  # fmt: skip
    rows = frame[chosen].assign(source=path.name, source_row=table.row_numbers[chosen.to_numpy()])
    return rows.drop_duplicates(list(ALIASES.key)).reset_index(drop=True), report


def _refuse(frame: pd.DataFrame, chosen: "pd.Series[bool]", known_ids: set[str], log: IssueLog) -> None:
    kinds = ALIASES.column("kind").choices
    ids, names = frame["settlement_id"].to_list(), frame["name"].to_list()
    log.refuse(
        chosen & ~frame["settlement_id"].isin(known_ids), field="settlement_id", values=ids, code="unknown_settlement",
        reason="there is no settlement {value}", reason_vi="không có điểm dân cư {value}",
    )  # fmt: skip
    log.refuse(
        chosen & ~frame["kind"].isin(kinds), field="kind", values=frame["kind"].to_list(), code="unknown_value",
        reason=f"kind {{value}} is unknown; the known are {', '.join(kinds)}",
        reason_vi=f"kind {{value}} không biết; các giá trị là {', '.join(kinds)}",
    )  # fmt: skip
    named = frame[chosen].fillna({"commune": ""}).groupby(["name", "commune"])["settlement_id"].transform("nunique")
    log.refuse(
        named.reindex(frame.index, fill_value=0) > 1, field="name", values=names, code="ambiguous_name",
        reason="{value} is given to different settlements of one commune",
        reason_vi="{value} được gán cho nhiều điểm dân cư",
    )  # fmt: skip


def _workbook(titles: Sequence[str], cells: Sequence[Sequence[Any]], marked: Sequence[int]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (titles, *cells):
        sheet.append(list(row))
    for cell in sheet[1]:
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    colour = PatternFill("solid", fgColor="FFF2CC")
    for position in marked:
        for cell in sheet[position + 2]:
            cell.fill = colour
    for number, values in enumerate(zip(titles, *cells, strict=True), start=1):
        widest = max(len(str(value)) for value in values if value is not None)
        sheet.column_dimensions[get_column_letter(number)].width = min(widest, WIDEST) + 2
    sheet.freeze_panes = "A2"
    return book
