"""Commands of those who run the service: backup, restore, prune."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from phusong.api.console import JsonOption, log, print_json, print_line, working
from phusong.api.layer_commands import Folder, WaitOption

_IN_DATABASE = (
    "Layers and result tables are in the database, not in this file: back it up with pg_dump --schema=phusong.",
    "Các lớp và bảng kết quả nằm trong cơ sở dữ liệu, không có trong tệp này; sao lưu bằng pg_dump --schema=phusong.",
)


def backup(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write: NAME.tar.")],
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write the workspace into one file, keys and audit log included, the cache not."""
    from phusong.api.backups import write_backup
    from phusong.geodata.workspace import Workspace

    with working("backing up / đang sao lưu"):
        made = write_backup(Workspace.open(folder), file, wait_s=wait)
    if made.in_database:
        log(*_IN_DATABASE, style="yellow")
    if as_json:
        print_json({"file": str(file), "files": made.files, "bytes": made.content_bytes, "made_at": made.made_at})
    else:
        print_line(f"{file}: {made.files} files, {made.content_bytes / 1e6:,.1f} MB.", "", language="en")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
) -> None:
    """Make a workspace from a backup; every file is checked by its hash."""
    from phusong.api.backups import restore_backup

    with working("restoring / đang khôi phục"):
        made = restore_backup(file, folder)
    if made.in_database:
        log(*_IN_DATABASE, style="yellow")
    log(
        f"Keys are as they were on {made.made_at}: revoke those that were revoked since.",
        f"Khóa giống như lúc {made.made_at}: hãy thu hồi lại các khóa đã thu hồi sau đó.",
    )
    print_line(f"{folder}: {made.files} files of {made.made_at}.", "", language="en")


def prune(folder: Folder, as_json: JsonOption = False) -> None:
    """Remove months of the audit log, ended keys and ended jobs that are older than `service.kept_days`."""
    from phusong.api.access_store import AccessStore
    from phusong.api.audit import AuditLog
    from phusong.api.jobs.rows import open_rows
    from phusong.api.jobs.table import JobTable
    from phusong.api.keys import Keys
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    days = workspace.settings.service.kept_days
    months = AuditLog(workspace.path).prune(before=datetime.now(UTC).date() - timedelta(days=days))
    keys = Keys(AccessStore(workspace.path)).prune(days=days)
    jobs = JobTable(open_rows(workspace.path)).prune(days=days)
    if as_json:
        print_json({"kept_days": days, "audit_months": months, "keys": keys, "jobs": jobs})
    else:
        removed = f"Removed: {len(months)} months of the audit log, {keys} keys, {jobs} jobs."
        print_line(removed, "", language="en")
