"""Commands that write documents: report and sheet."""

from pathlib import Path
from typing import Annotated

import typer

from phusong.api.answer_commands import RunOption
from phusong.api.console import LanguageOption, working
from phusong.api.layer_commands import Folder
from phusong.api.pictures import write_file
from phusong.geodata.errors import InputError


def report(
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Report to write, .xlsx or .pdf.")],
    run: RunOption = None,
    language: LanguageOption = "vi",
) -> None:
    """Write the report of a run: summary, settlements without power, signal or broadband, targets, definitions."""
    from phusong.api.answers import open_run
    from phusong.geodata.workspace import Workspace
    from phusong.maps.documents import read_report

    kind = _kind(out, (".xlsx", ".pdf"))
    workspace = Workspace.open(folder)
    results = open_run(workspace, run)
    with working("writing the report / đang lập báo cáo"):
        content = read_report(results, workspace, language)
        if kind == ".xlsx":
            from phusong.maps.report_xlsx import render_report_xlsx

            written = render_report_xlsx(content)
        else:
            from phusong.maps.report_pdf import render_report_pdf

            written = render_report_pdf(content)
    write_file(out, written, option="--out")


def sheet(
    folder: Folder,
    settlement: Annotated[str, typer.Argument(metavar="SETTLEMENT", help="Id, or name if it is the only one.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Reply to write, .docx or .pdf.")],
    run: RunOption = None,
) -> None:
    """Write the reply to a petition about signal at a settlement, as a Vietnamese official letter with an annex."""
    from phusong.api.answers import open_run
    from phusong.geodata.workspace import Workspace
    from phusong.maps.sheet import find_settlement, read_sheet

    kind = _kind(out, (".docx", ".pdf"))
    workspace = Workspace.open(folder)
    results = open_run(workspace, run)
    with working("writing the reply / đang soạn công văn"):
        content = read_sheet(results, workspace, find_settlement(results, settlement))
        if kind == ".docx":
            from phusong.maps.sheet_docx import render_sheet_docx

            written = render_sheet_docx(content)
        else:
            from phusong.maps.sheet_pdf import render_sheet_pdf

            written = render_sheet_pdf(content)
    write_file(out, written, option="--out")


def _kind(out: Path, kinds: tuple[str, str]) -> str:
    """The suffix of a file to write, one of two."""
    if out.suffix.lower() not in kinds:
        raise InputError(
            f"--out {out} must end in {kinds[0]} or {kinds[1]}.",
            vi=f"--out {out} phải có đuôi {kinds[0]} hoặc {kinds[1]}.",
        )
    return out.suffix.lower()
