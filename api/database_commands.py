"""Commands for a workspace in a database, database init and database grant, and export: every table in one file."""

from pathlib import Path
from typing import Annotated

import typer

from phusong.api.console import JsonOption, LanguageOption, log, print_json, print_line, working
from phusong.api.layer_commands import Folder, WaitOption
from phusong.geodata.errors import InputError, PhusongError

database = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keep a workspace's layers and results in PostGIS (PHUSONG_DATABASE_URL).",
)


@database.command("init")
def init(folder: Folder, wait: WaitOption = 0.0, as_json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Move a workspace into the database, or bring the database's tables to this version."""
    from phusong.geodata.databases import required_url
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    required_url()
    from phusong.coverage.database_move import move_to_database

    with working("moving into the database / đang chuyển vào cơ sở dữ liệu"):
        moved = move_to_database(workspace, wait_s=wait)
    if as_json:
        print_json({"layers": moved.layers, "runs": list(moved.runs)})
        return
    rows = ", ".join(f"{name} {count}" for name, count in moved.layers.items())
    runs = len(moved.runs)
    print_line(
        f"The database is ready. Moved: {rows or 'no layers'}; {runs} runs.",
        f"Cơ sở dữ liệu đã sẵn sàng. Đã chuyển: {rows or 'không có lớp nào'}; {runs} lần tính.",
        language=language,
    )


@database.command("grant")
def grant(
    folder: Folder,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A role of the database server.")],
    edit: Annotated[bool, typer.Option("--edit", help="Let it edit the layers too.")] = False,
) -> None:
    """Let a role read the layers and results, and no more."""
    from phusong.geodata.databases import required_url, workspace_database
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    required_url()
    place = workspace_database(workspace.path)
    if place is not None:
        from phusong.geodata.database_setup import grant_role

        grant_role(place, role, edit=edit)
    edits, edits_vi = (" and edit the layers", " và sửa các lớp") if edit else ("", "")
    log(f"{role} may read everything{edits}.", f"{role} được đọc tất cả{edits_vi}.")


def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE.gpkg", help="GeoPackage to write.")],
    run: Annotated[str | None, typer.Option("--run", help="Run or scenario; the published one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the layers and the tables of a run into one GeoPackage for any GIS."""
    from phusong.coverage.exporting import export_tables
    from phusong.coverage.results import Results, current_run_id
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    published = run is not None or current_run_id(workspace) is not None
    results = Results.open(workspace, run) if published else None
    try:
        with working("writing / đang ghi"):
            rows = export_tables(workspace, out, results=results)
    except PhusongError:
        raise
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}; choose another --out.",
            vi=f"Không ghi được {out}: {error.strerror}; hãy chọn --out khác.",
        ) from error
    if as_json:
        print_json({"file": str(out), "rows": rows})
        return
    for name, count in rows.items():
        print_line(f"{name}: {count}", f"{name}: {count}", language="en")
