"""The command that matches a list of settlements without positions to the known ones: `phusong match`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phusong.api.console import JsonOption, LanguageOption, log, print_json, print_line, print_table
from phusong.api.layer_commands import Folder, WaitOption, log_rows, print_notes, read_pairs

if TYPE_CHECKING:
    from phusong.geodata.village_matching import VillageMatch
    from phusong.geodata.workspace import Workspace
    from phusong.maps.text import Language

MapOption = Annotated[
    list[str] | None, typer.Option("--map", metavar="OURS=THEIRS", help="Column of the file; repeatable.")
]
SheetOption = Annotated[str | None, typer.Option(help="Sheet of a workbook.")]
_STATUS = {"matched": "khớp", "review": "cần rà soát", "unmatched": "không khớp"}


def match(
    folder: Folder,
    file: Annotated[Path | None, typer.Argument(help="List of settlements: names, communes.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Review table to write, .xlsx or .csv.")] = None,
    accept: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Corrected review to take the names from.")
    ] = None,
    sheet: SheetOption = None,
    map_: MapOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Match a list of settlements without positions to those of the workspace, for review; take the review back."""
    from phusong.geodata.review_tables import HEADINGS, review_rows, write_table
    from phusong.geodata.village_lists import read_village_list
    from phusong.geodata.village_matching import match_villages, read_known
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    if (file is None) == (accept is None):
        raise typer.BadParameter("give FILE, or --accept with a corrected review")
    if accept is not None:
        _accept(workspace, accept, wait, as_json, language)
        return
    if file is None:
        return
    listed = read_village_list(file, sheet=sheet, mapping=read_pairs(map_ or []))
    found = match_villages(listed.villages, read_known(workspace))
    rows, report = review_rows(found, listed.report.rows), listed.report.to_dict()
    if out is not None:
        write_table(out, rows, HEADINGS, marked=[at for at, row in enumerate(rows) if row["status"] != "matched"])
        log(f"Wrote {out}.", f"Đã ghi {out}.")
    if as_json:
        kept = {name: report[name] for name in ("refused", "notes", "notes_vi")}
        print_json({**_counts(found), **kept, "rows": rows})
    else:
        log_rows([report], language)
        _print_matches(found, language)
        print_notes(listed.report, language)


def _accept(workspace: "Workspace", accept: Path, wait: float, as_json: bool, language: "Language") -> None:
    """Store the names of a corrected review as aliases of the settlements chosen for them."""
    from phusong.geodata.appending import add_rows
    from phusong.geodata.importing import archived
    from phusong.geodata.review_tables import ALIASES, read_review
    from phusong.geodata.writing import writing

    with writing(workspace.path, "match", wait_s=wait):
        rows, report = read_review(accept, workspace.read_layer("settlements")["settlement_id"].to_list())
        if workspace.has_layer(ALIASES.name):
            rows, _ = add_rows(workspace.read_layer(ALIASES.name), rows, ALIASES)
        with archived(workspace, report, [accept]):
            workspace.write_layer(ALIASES.name, rows)
    if as_json:
        print_json(report.to_dict())
    else:
        print_line(
            f"aliases: {accept.name}: accepted {report.accepted}, {len(rows)} in all",
            f"aliases: {accept.name}: nhận {report.accepted}, tổng cộng {len(rows)}",
            language=language,
        )


def _counts(found: Sequence["VillageMatch"]) -> dict[str, int]:
    counts = Counter(match.status for match in found)
    return {name: counts[name] for name in ("matched", "review", "unmatched")}


def _print_matches(found: Sequence["VillageMatch"], language: "Language") -> None:
    open_rows = [match for match in found if match.status != "matched"]
    if open_rows:
        print_table(
            [("row", "dòng"), ("name", "tên"), ("commune", "xã"), ("result", "kết quả"), ("score", "điểm"),
             ("proposed", "đề xuất"), ("reason", "lý do")],
            [_cells(match, language) for match in open_rows],
            language=language, right=(0, 4),
        )  # fmt: skip
    counts = _counts(found)
    print_line(
        ", ".join(f"{count} {name}" for name, count in counts.items()) + f" of {len(found)}",
        ", ".join(f"{count} {_STATUS[name]}" for name, count in counts.items()) + f", tổng {len(found)}",
        language=language,
    )


def _cells(match: "VillageMatch", language: "Language") -> list[str]:
    best = match.candidates[0] if match.candidates else None
    status, reason = (match.status, match.reason) if language == "en" else (_STATUS[match.status], match.reason_vi)
    proposed = f"{best.settlement_id} {best.name}, {best.commune}" if best else "–"
    score = f"{best.score:.2f}" if best else "–"
    return [str(match.village.row), match.village.name, match.village.commune or "–", status, score, proposed, reason]
