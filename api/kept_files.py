"""Files made of runs when they are first asked for, and kept beside the other caches: rasters, tables, workbooks.

A run never changes, so a file follows from the run, what is asked and the code: its name is the hash of these. One
file is made at a time on a machine, however many callers and web processes ask; what was used longest ago goes first.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from phusong.api.caching import code_hash
from phusong.coverage.cache import content_key
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import replacing

FOLDER = "served"
KEPT_BYTES = 2e9
Make = Callable[[Path], None]


class KeptFiles:
    """The files of a workspace.

    Parameters
    ----------
    workspace
        Its cache holds them.
    kept_bytes
        How much they may take; more while a single one is larger.
    """

    def __init__(self, workspace: Workspace, *, kept_bytes: float = KEPT_BYTES) -> None:
        self._folder = workspace.cache_dir / FOLDER
        self._kept_bytes = kept_bytes
        self._making: dict[Path, Future[None]] = {}
        self._lock = threading.Lock()
        self._maker = ThreadPoolExecutor(1, "kept-files")

    async def find(self, asked: Mapping[str, str], suffix: str, make: Make) -> Path:
        """The file that was made of the same question before, or is made now beside the other requests.

        Parameters
        ----------
        asked
            All that the file follows from besides the code.
        suffix
            End of its name.
        make
            Writes it; what it raises is raised here.
        """
        path = self._path(asked, suffix)
        if not _use(path):
            await asyncio.shield(asyncio.wrap_future(self._begin(path, make)))
        return path

    def _path(self, asked: Mapping[str, str], suffix: str) -> Path:
        return self._folder / f"{content_key({**asked, 'code': code_hash().hex()})}{suffix}"

    def _begin(self, path: Path, make: Make) -> Future[None]:
        with self._lock:
            made = self._making.get(path)
            if made is None:
                made = self._making[path] = self._maker.submit(self._make, path, make)
                made.add_done_callback(lambda _: self._making.pop(path, None))
            return made

    def _make(self, path: Path, make: Make) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            if path.is_file():  # another web process was first
                return
            with replacing(path) as aside:
                make(aside)
            self._trim()

    def _trim(self) -> None:
        size = 0.0
        found = [(entry.stat(), entry) for entry in self._folder.glob("[!.]*")]
        for position, (state, entry) in enumerate(sorted(found, key=lambda one: -one[0].st_mtime_ns)):
            size += state.st_size
            if position and size > self._kept_bytes:
                entry.unlink(missing_ok=True)


def _use(path: Path) -> bool:
    """Whether a file is there; it is then the most recently used."""
    with suppress(FileNotFoundError):
        os.utime(path)
        return True
    return False
