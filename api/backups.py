"""A workspace in one file, with the hash of every part of it, and back again.

The path-loss cache is left out, which is made again when it is needed, and so are jobs. Databases (`.gpkg`, `.sqlite`)
are copied by SQLite, so that a service or QGIS may go on; other writers of the workspace wait.
"""

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from phusong.api.access_store import ACCESS_DIR, ACCESS_FILE
from phusong.api.jobs.rows import JOBS_DIR
from phusong.coverage.versions import engine_version
from phusong.geodata.databases import workspace_database
from phusong.geodata.errors import InputError, PhusongError
from phusong.geodata.workspace import Workspace, refuse_used_folder
from phusong.geodata.writing import LOCK_FILE, WRITER_FILE, replacing, writing

CONTENTS = "phusong-backup.json"
NOT_KEPT = ("cache", JOBS_DIR, LOCK_FILE, WRITER_FILE)
SQLITE_SUFFIXES = (".gpkg", ".sqlite")


@dataclass(frozen=True)
class Backup:
    """What a backup holds; `in_database` says that layers and result tables are not in it but in a database."""

    files: int
    content_bytes: int
    made_at: str
    in_database: bool


def write_backup(workspace: Workspace, file: Path, *, wait_s: float = 0.0) -> Backup:
    """Write a workspace into a `.tar` file, whole or not at all.

    Parameters
    ----------
    workspace
        The workspace.
    file
        The file to write.
    wait_s
        How long to wait for a writer [s].

    Raises
    ------
    BusyError
        Another process is writing the workspace.
    InputError
        The file lies in the workspace, or cannot be written.
    """
    if file.resolve().is_relative_to(workspace.path.resolve()):
        raise InputError(
            f"{file} lies in the workspace; choose a place outside.",
            vi=f"{file} nằm trong vùng làm việc; hãy chọn nơi khác.",
        )
    made_at, sizes, hashes = datetime.now(UTC).isoformat(timespec="seconds"), [], {}
    try:
        with writing(workspace.path, "backup", wait_s=wait_s), replacing(file) as aside:
            aside.touch(mode=0o600)  # it holds mast positions, and hashes of keys
            with tarfile.open(aside, "w") as archive:
                for path in _parts(workspace.path):
                    name = path.relative_to(workspace.path).as_posix()
                    hashes[name], size = _add(archive, name, path)
                    sizes.append(size)
                contents = {"phusong": engine_version(), "made_at": made_at, "files": hashes}
                _add_text(archive, CONTENTS, json.dumps(contents))
    except PhusongError:  # some are errors of the system too, and say more
        raise
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}.", vi=f"Không ghi được {file}: {error.strerror}."
        ) from error
    return Backup(len(sizes), sum(sizes), made_at, workspace_database(workspace.path) is not None)


def restore_backup(file: Path, folder: Path) -> Backup:
    """Make a workspace from a backup; every file is compared with its hash, and nobody stays signed in.

    Parameters
    ----------
    file
        The backup.
    folder
        A new or empty folder.

    Raises
    ------
    InputError
        The file is no backup, or damaged.
    WorkspaceError
        The folder holds something.
    """
    refuse_used_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder.parent) as aside:
        made = Path(aside) / "workspace"
        try:
            with tarfile.open(file, "r:") as archive:
                for member in archive:
                    _extract(archive, member, made)
            contents = json.loads((made / CONTENTS).read_text(encoding="utf-8"))
        except (OSError, tarfile.TarError, ValueError) as error:
            raise InputError(
                f"{file} is no whole backup: {error}.", vi=f"{file} không phải bản sao lưu đầy đủ: {error}."
            ) from error
        size = _compare(file, made, contents["files"])
        (made / CONTENTS).unlink()
        for part in ("rasters", "imports", "cache", "store", "runs"):
            (made / part).mkdir(exist_ok=True)
        (made / LOCK_FILE).touch()
        _close_access(made)
        if folder.exists():
            folder.rmdir()
        shutil.move(made, folder)
    in_database = (folder / ".phusong.database").exists()
    return Backup(len(contents["files"]), size, contents["made_at"], in_database)


def _parts(folder: Path) -> Iterator[Path]:
    """Every file that a backup holds, in order."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        kept = name.parts[0] not in NOT_KEPT and not path.name.endswith(("-wal", "-shm", "-journal"))
        if kept and path.is_file() and not path.is_symlink():
            yield path


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a file of a backup below a folder; a backup holds nothing else."""
    path, content = folder / member.name, archive.extractfile(member) if member.isfile() else None
    if content is None or not path.resolve().is_relative_to(folder.resolve()):
        raise tarfile.ExtractError(f"{member.name} is no file of a workspace")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as copy:
        shutil.copyfileobj(content, copy)
    path.chmod((member.mode | 0o600) & 0o755)


def _add(archive: tarfile.TarFile, name: str, path: Path) -> tuple[str, int]:
    """Add a file; its hash and size."""
    if path.suffix in SQLITE_SUFFIXES:
        with tempfile.TemporaryDirectory(prefix="phusong-backup-") as aside:
            copy = Path(aside) / path.name
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            return _add_file(archive, name, copy)
    return _add_file(archive, name, path)


def _add_file(archive: tarfile.TarFile, name: str, path: Path) -> tuple[str, int]:
    with path.open("rb") as content:
        info = archive.gettarinfo(arcname=name, fileobj=content)
        hashing = _Hashing(content)
        archive.addfile(info, hashing)  # as many bytes as the file had: a log that grows is cut, not torn
    return hashing.digest.hexdigest(), info.size


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(text.encode()), 0o600
    archive.addfile(info, io.BytesIO(text.encode()))


class _Hashing(io.RawIOBase):
    """Reads a file and hashes what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._content.read(size)
        self.digest.update(block)
        return block


def _compare(file: Path, made: Path, hashes: dict[str, str]) -> int:
    """Compare every file with its hash; the size of all [bytes]."""
    there = {path.relative_to(made).as_posix(): path for path in _parts(made) if path.name != CONTENTS}
    wrong = sorted(there.keys() ^ hashes.keys())
    for name in there.keys() & hashes.keys():
        with there[name].open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != hashes[name]:
                wrong.append(name)
    if wrong:
        raise InputError(
            f"{file} is damaged: {', '.join(wrong[:5])} is not what was put into it.",
            vi=f"{file} bị hỏng: {', '.join(wrong[:5])} không giống lúc sao lưu.",
        )
    return sum(path.stat().st_size for path in there.values())


def _close_access(made: Path) -> None:
    """Let only the owner read keys and the audit log, and nobody be signed in."""
    for folder in (made / ACCESS_DIR, made / ACCESS_DIR / "audit"):
        if folder.is_dir():
            folder.chmod(0o700)
    store = made / ACCESS_DIR / ACCESS_FILE
    if store.is_file():
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("DELETE FROM session")
            connection.execute("DELETE FROM login")
