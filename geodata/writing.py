"""One writer at a time: the lock of a workspace, what a killed writer left behind, and a disk that is full.

The operating system holds the lock and lets it go when the process ends, however it ends. Readers take none.
"""

import errno
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from phusong.geodata.databases import DATABASE_FILE
from phusong.geodata.errors import BusyError, DiskFullError, PhusongError, WorkspaceError

LOCK_FILE = ".phusong.lock"
WRITER_FILE = ".phusong.writer.json"
# What a writer makes before it is whole; nobody else works on these while the lock is held.
LEFTOVERS = (
    ".staging-*",
    ".layers-*",
    "rasters/.*-*",
    "imports/.import-*",
    "store/.*-*",
    "runs/.new-*",
    "runs/.old-*",
    "runs/.current-*",
)
READERS_LEFTOVERS = ("cache/fields/.*-*", "cache/arrays/.*-*", "cache/served/.*-*")  # readers fill the cache too
ABANDONED_S = 3600.0  # no single file takes so long to write
COMMITTED = ".commit-*"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_WORDS = ("disk is full", "no space left", "file too large", "write error", "write failed")

_held: ContextVar[frozenset[Path]] = ContextVar("_held", default=frozenset())


@dataclass
class Claim:
    """A writer's hold on a workspace; `needed_bytes` says how much disk its work takes, if it can tell."""

    needed_bytes: Callable[[], float] | None = None


@contextmanager
def writing(folder: Path, task: str, *, wait_s: float = 0.0) -> Iterator[Claim]:
    """Be the only writer of a workspace; sweep first what a killed writer left.

    A block inside such a block, of the same workspace or of a folder in it, is part of it.

    Parameters
    ----------
    folder
        Folder of the workspace.
    task
        What a refused process is told: `compute`, `import`, …
    wait_s
        How long to wait for another writer [s].

    Raises
    ------
    BusyError
        Another process is writing, and went on for longer than `wait_s`.
    WorkspaceError
        The folder cannot be written.
    DiskFullError
        The disk became full in the block.
    """
    place = folder.resolve()
    if any(place.is_relative_to(held) for held in _held.get()):
        yield Claim()
        return
    try:
        lock = FileLock(place / LOCK_FILE, timeout=wait_s).acquire(poll_interval=0.1)
    except Timeout:
        raise _busy(folder) from None
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be written: {error.strerror}.", vi=f"Không ghi được {folder}: {error.strerror}."
        ) from error
    before = _held.set(_held.get() | {place})
    claim = Claim()
    try:
        with lock, _naming_a_full_disk(folder, claim):
            _sign(place, task)
            sweep(place)
            try:
                yield claim
            finally:
                (place / WRITER_FILE).unlink(missing_ok=True)
    finally:
        _held.reset(before)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write aside; the file replaces `path` at the end, or vanishes when the block fails."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    aside.unlink()
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        for leftover in path.parent.glob(f"{aside.name}*"):
            leftover.unlink()


def sweep(folder: Path) -> None:
    """Finish the moves of an import that was whole, and remove every half piece of work; call it under the lock."""
    for committed in folder.glob(COMMITTED):
        from phusong.geodata.layer_stores import open_layer_store

        if not (folder / DATABASE_FILE).is_file() or open_layer_store(folder).finish(committed):
            move_over(committed, folder)
        else:
            shutil.rmtree(committed)
    for pattern in LEFTOVERS:
        for path in folder.glob(pattern):
            _remove(path)
    for pattern in READERS_LEFTOVERS:
        for path in folder.glob(pattern):
            if path.stat().st_mtime < time.time() - ABANDONED_S:
                _remove(path)


def move_over(source: Path, folder: Path) -> None:
    """Move every file of `source` to its place in `folder`, then remove `source`; may be interrupted and repeated."""
    for path in sorted(source.rglob("*")):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif not (target.exists() and path.samefile(target)):
            os.replace(path, target)
    shutil.rmtree(source)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sign(folder: Path, task: str) -> None:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    writer = {"pid": os.getpid(), "host": platform.node(), "command": f"phusong {task}", "since": since}
    (folder / WRITER_FILE).write_text(json.dumps(writer), encoding="utf-8")


def _busy(folder: Path) -> BusyError:
    try:
        writer = json.loads((folder / WRITER_FILE).read_text(encoding="utf-8"))
        who = "{pid} on {host} ({command}, since {since})".format(**writer)
        vi = "{pid} trên {host} ({command}, từ {since})".format(**writer)
    except (FileNotFoundError, ValueError):  # it is just beginning or ending
        who, vi = "that just began", "vừa bắt đầu"
    return BusyError(
        f"{folder} is being written by process {who}; try again when it has ended, or give --wait SECONDS.",
        vi=f"{folder} đang được tiến trình {vi} ghi; hãy thử lại khi xong, hoặc dùng --wait SỐ_GIÂY.",
    )


@contextmanager
def _naming_a_full_disk(folder: Path, claim: Claim) -> Iterator[None]:
    try:
        yield
    except PhusongError:
        raise
    except Exception as error:
        if not _is_full(error):
            raise
        free_mb = shutil.disk_usage(folder).free / 1e6
        needed_mb = claim.needed_bytes() / 1e6 if claim.needed_bytes else 0.0
        need, can = (f" (about {needed_mb:.0f} MB are needed)", f" (cần khoảng {needed_mb:.0f} MB)")
        raise DiskFullError(
            f"The disk of {folder} is full or its file size limited, {free_mb:.0f} MB are free; "
            f"make room{need if needed_mb else ''} and run again: nothing was published or lost.",
            vi=f"Ổ đĩa của {folder} đã đầy hoặc bị giới hạn kích thước tệp, còn trống {free_mb:.0f} MB; "
            f"hãy giải phóng chỗ{can if needed_mb else ''} và chạy lại: chưa công bố và không mất gì.",
        ) from error


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, says that nothing more can be written."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(word in str(error).lower() for word in FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
