"""The command that holds a declared list of settlements against a run: `phusong reconcile`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phusong.api.answer_commands import RunOption, word
from phusong.api.console import JsonOption, LanguageOption, log, print_json, print_line, print_table
from phusong.api.layer_commands import Folder, log_rows, print_notes, read_pairs
from phusong.api.match_command import MapOption, SheetOption

if TYPE_CHECKING:
    from phusong.coverage.reconciling import Reconciled
    from phusong.maps.text import Language

_OUTCOMES = {
    "agree": ("agree", "thống nhất"), "model_only": ("model only", "chỉ mô hình"),
    "declared_only": ("declared only", "chỉ khai báo"), "unmatched": ("not matched", "chưa khớp tên"),
}  # fmt: skip
_HEADINGS = {
    "outcome": "Kết quả", "row": "Dòng", "settlement_id": "Mã", "name": "Thôn, bản", "commune": "Xã",
    "declared": "Khai báo", "modelled": "Tính toán", "measured": "Đo kiểm", "population": "Dân số",
    "reason": "Lý do, tiếng Anh", "reason_vi": "Lý do",
}  # fmt: skip


def reconcile(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="Declared list: names and communes, or ids.")],
    signal: Annotated[
        Literal["none", "weak"], typer.Option(help="What belongs on the list: none, or weak and none.")
    ] = "none",
    commune: Annotated[str | None, typer.Option(help="Code or name of the one commune that the list is of.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Table to write, .xlsx or .csv.")] = None,
    sheet: SheetOption = None,
    map_: MapOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Compare a list of settlements without signal with a run: agree, model only, declared only, and why."""
    from phusong.api.answers import find_commune, open_run
    from phusong.coverage.reconciling import count_outcomes
    from phusong.coverage.reconciling import reconcile as compare
    from phusong.geodata.review_tables import write_table
    from phusong.geodata.village_lists import read_village_list
    from phusong.geodata.village_matching import match_villages, read_known
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    results = open_run(workspace, run)
    code = None if commune is None else find_commune(results, commune)
    listed = read_village_list(file, sheet=sheet, mapping=read_pairs(map_ or []))
    matches = match_villages(listed.villages, read_known(workspace))
    signals = ("none",) if signal == "none" else ("none", "weak")
    found = compare(workspace, results, matches, signals=signals, commune_code=code)
    rows = [asdict(one) for one in found]
    for issue in listed.report.rows:
        said = {"outcome": "refused", "row": issue.row, "reason": issue.reason, "reason_vi": issue.reason_vi}
        rows.append(dict.fromkeys(_HEADINGS) | said)
    if out is not None:
        write_table(out, rows, _HEADINGS, marked=[at for at, row in enumerate(rows) if row["outcome"] != "agree"])
        log(f"Wrote {out}.", f"Đã ghi {out}.")
    if as_json:
        described = {"run_id": results.run_id, "as_of": str(results.manifest["as_of"]), "signals": list(signals)}
        report = listed.report.to_dict()
        kept = {name: report[name] for name in ("refused", "notes", "notes_vi")}
        print_json({**described, **count_outcomes(found), **kept, "rows": rows})
    else:
        log_rows([listed.report.to_dict()], language)
        _print(found, language)
        print_notes(listed.report, language)


def _print(found: Sequence["Reconciled"], language: "Language") -> None:
    from phusong.coverage.reconciling import count_outcomes

    counts = count_outcomes(found)
    for outcome, titles in _OUTCOMES.items():
        rows = [one for one in found if one.outcome == outcome]
        if rows:
            print_table(
                [("settlement", "thôn, bản"), ("commune", "xã"), ("declared", "khai báo"), ("modelled", "tính toán"),
                 ("reason", "lý do")],
                [_cells(one, language) for one in rows],
                language=language, title=titles,
            )  # fmt: skip
            print_line("", "", language=language)
    print_line(
        ", ".join(f"{_OUTCOMES[name][0]} {count}" for name, count in counts.items()),
        ", ".join(f"{_OUTCOMES[name][1]} {count}" for name, count in counts.items()),
        language=language,
    )


def _cells(one: "Reconciled", language: "Language") -> list[str]:
    declared = "/".join(word(part, language) for part in one.declared.split("/")) if one.declared else "–"
    name = f"{one.name} ({one.settlement_id})" if one.settlement_id else one.name
    reason = one.reason if language == "en" else one.reason_vi
    return [name, one.commune or "–", declared, word(one.modelled or "–", language), reason]
