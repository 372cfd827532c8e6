"""Observations that name their settlement instead of giving its id: found by name and commune, or refused."""

from dataclasses import replace

import numpy as np
import pandas as pd

from phusong.geodata.errors import InputError
from phusong.geodata.reports import IssueLog, Note
from phusong.geodata.schemas import Column, Layer
from phusong.geodata.village_lists import Village
from phusong.geodata.village_matching import VillageMatch, match_village, read_known
from phusong.geodata.workspace import Workspace

NAMED = (Column("settlement"), Column("commune"))
"""Columns of a file of observations beside those of the layer: the settlement's name and its commune's."""

_FIELDS = "settlement_id, settlement, commune"


def with_names(layer: Layer) -> Layer:
    """The layer as a file may have it: observations may name their settlement."""
    return replace(layer, columns=(*layer.columns, *NAMED)) if layer.name == "observations" else layer


def find_settlements(workspace: Workspace, frame: pd.DataFrame, log: IssueLog) -> list[Note]:
    """Give the rows without a `settlement_id` that of the settlement they name, in place; returns notes.

    A name that fits no settlement, or several, refuses its rows; the reason lists the candidates.

    Parameters
    ----------
    workspace
        Its settlements and aliases are known.
    frame
        Columns `settlement` and perhaps `commune`, as text.
    log
        Takes the rows that are refused.

    Raises
    ------
    InputError
        The workspace has no settlements yet.
    """
    if "settlement" not in frame.columns:
        return []
    if not workspace.has_layer("settlements"):
        raise InputError(
            "Observations by the settlement's name need the layer settlements; import it first.",
            vi="Quan sát ghi theo tên thôn, bản cần lớp settlements; hãy nhập lớp này trước.",
        )
    silent = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    ids = frame.get("settlement_id", silent).to_list()
    named = list(zip(frame["settlement"], frame.get("commune", silent), strict=True))
    known = read_known(workspace)
    found = {
        pair: match_village(Village(0, pair[0], pair[1]), known)
        for pair in dict.fromkeys(pair for key, pair in zip(ids, named, strict=True) if key is None)
        if pair[0] is not None
    }
    of_row = [found.get(pair) if key is None else None for key, pair in zip(ids, named, strict=True)]
    filled = [match.settlement_id if match is not None else key for key, match in zip(ids, of_row, strict=True)]
    frame["settlement_id"] = pd.Series(filled, index=frame.index, dtype=object)
    _refuse_unclear(of_row, [", ".join(filter(None, pair)) for pair in named], log)
    count = sum(match is not None and match.status == "matched" for match in of_row)
    note = Note(f"{count} rows: settlement found by its name", f"{count} dòng: điểm dân cư được tìm theo tên")
    return [note] if count else []


def _refuse_unclear(of_row: list[VillageMatch | None], names: list[str], log: IssueLog) -> None:
    for code, status in (("ambiguous_settlement", "review"), ("unknown_settlement", "unmatched")):
        rows = np.array([match is not None and match.status == status for match in of_row], dtype=bool)
        hints = [None if match is None else _candidates(match) for match in of_row]
        log.refuse(
            rows, field=_FIELDS, values=names, code=code,
            reason="{value} is no settlement beyond doubt: {hint}; write its settlement_id or its full name",
            reason_vi="{value} không xác định được điểm dân cư: {hint}; hãy ghi settlement_id hoặc tên đầy đủ",
            hints=hints,
        )  # fmt: skip


def _candidates(match: VillageMatch) -> Note:
    """Why a name is not clear, in two languages, and the settlements that it may be."""
    listed = "; ".join(f"{one.settlement_id} {one.name}, {one.commune}" for one in match.candidates)
    shown = f" ({listed})" if listed else ""
    return Note(f"{match.reason}{shown}", f"{match.reason_vi}{shown}")
