"""Files from elsewhere are opened in a process of their own, with limits of memory, processor time and size.

The file is copied into a private folder first, so that nothing beside it can be reached by name and nobody can change
it meanwhile. A process serves one file after the other; it is replaced when it failed on one, or grew. What it gives
back is data only: numbers, text and bytes, never an object that is run.
"""

import atexit
import json
import os
import pickle
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from phusong.geodata import errors
from phusong.geodata.errors import InputError, PhusongError
from phusong.geodata.writing import FULL

MEMORY_LIMIT_MB = 2048
CPU_LIMIT_S = 300
WALL_LIMIT_S = 600
FILE_LIMIT_MB = 4096

# Drivers of GDAL that follow names to other files or into the network.
_FOLLOWING = "VRT DERIVED OGR_VRT GDALG HTTP WFS WCS WMS WMTS OAPIF OGCAPI CSW EEDA PLSCENES NGW Elasticsearch Carto"
_CONFIGURING = ("GDAL_", "OGR_", "CPL_", "VSI", "AWS_", "GS_", "AZURE_", "SQLITE", "PROJ_NETWORK")
_UNSAFE_IN_NAMES = re.compile(r"[^\w.() -]")


@contextmanager
def opened_apart(
    task: str, file: Path, *, sidecars: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Iterator[Path]:
    """Have a file read by the reading process, and yield the private folder that holds what it found.

    Parameters
    ----------
    task
        A function of `reader_process.TASKS`.
    file
        The file.
    sidecars
        Suffixes of files that belong to it, like `.shx`; `+.aux.xml` is put after the whole name.
    options
        What the task needs to know.

    Raises
    ------
    InputError
        The file is too large, cannot be read, or needs more memory or time than it may have.
    """
    _validate_size(file)
    with tempfile.TemporaryDirectory(prefix="phusong-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "given").mkdir()
        (folder / "found").mkdir()
        source = _copy(file, folder / "given", sidecars)
        request = pickle.dumps((task, str(source), str(folder / "found"), dict(options or {})))
        with _LOCK:
            reply = _reader().ask(request, file.name)
        if "error" in reply:
            raise _error(reply["error"])
        yield folder / "found"


def start_reader() -> None:
    """Start the reading process, so that it gets ready while the program does."""
    with _LOCK:
        _reader()


def close_reader() -> None:
    """End the reading process; the next file gets a new one."""
    with _LOCK:
        _replace_reader(None)


class _Reader:
    """A reading process and the pipes to it."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "phusong.geodata.reader_process"]
        limits = [str(MEMORY_LIMIT_MB), str(CPU_LIMIT_S), str(FILE_LIMIT_MB)]
        self.process = subprocess.Popen(
            [*command, *limits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        self.owner = os.getpid()

    @property
    def is_usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, request: bytes, name: str) -> dict[str, Any]:
        """Send a request and wait for its answer; a process that fails is taken away."""
        pipe_in, pipe_out = self.process.stdin, self.process.stdout
        if pipe_in is None or pipe_out is None:
            raise RuntimeError("the reading process has no pipes")
        ready: list[Any] = [pipe_out]
        try:
            pipe_in.write(len(request).to_bytes(8, "big") + request)
            pipe_in.flush()
            ready, _, _ = select.select([pipe_out], [], [], WALL_LIMIT_S)
            line = pipe_out.readline() if ready else b""
        except BrokenPipeError:
            line = b""
        except BaseException:
            _replace_reader(None)  # interrupted: what it would answer belongs to no one
            raise
        if line.endswith(b"\n"):
            reply: dict[str, Any] = json.loads(line)
            if not reply.get("stays"):
                _replace_reader(None)
            return reply
        status = self.process.poll()
        if status is None and not ready:
            status = -signal.SIGXCPU
        _replace_reader(None)
        raise _failure(name, self.process.returncode if status is None else status)

    def close(self) -> None:
        """Let it end by itself, or kill it; only the program that started it may."""
        if self.owner != os.getpid():
            return
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.kill()
        self.process.wait()


_LOCK = Lock()
_current: list[_Reader] = []


def _reader() -> _Reader:
    if not _current or not _current[0].is_usable:
        _replace_reader(_Reader())
    return _current[0]


def _replace_reader(new: _Reader | None) -> None:
    for old in _current:
        old.close()
    _current[:] = [] if new is None else [new]


atexit.register(close_reader)


def _environment() -> dict[str, str]:
    """The environment without what steers GDAL, and with one thread: the limits are those of a single worker."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURING)}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GDAL_NUM_THREADS"), "1")
    paths = {name: os.environ[name] for name in ("GDAL_DATA", "PROJ_DATA", "PROJ_LIB") if name in os.environ}
    fixed = {"GDAL_SKIP": _FOLLOWING, "PROJ_NETWORK": "OFF", "GDAL_CACHEMAX": "64"}
    return kept | paths | single | fixed


def _copy(file: Path, folder: Path, sidecars: Sequence[str]) -> Path:
    """Copy a file and what belongs to it; a name keeps its letters, digits, spaces, points and dashes."""
    stem = _UNSAFE_IN_NAMES.sub("_", file.stem)[:100] or "_"
    suffix = _UNSAFE_IN_NAMES.sub("_", file.suffix.lower())
    target = folder / f"{stem}{suffix}"
    try:
        shutil.copyfile(file, target)
        for sidecar in sidecars:
            whole = sidecar.startswith("+")
            names = [f"{file.name}{sidecar[1:]}"] if whole else [file.stem + sidecar, file.stem + sidecar.upper()]
            found = next((part for part in map(file.with_name, names) if part.is_file()), None)
            if found is not None and found != file:
                shutil.copyfile(found, folder / (f"{target.name}{sidecar[1:]}" if whole else f"{stem}{sidecar}"))
    except OSError as error:
        if error.errno in FULL:
            raise  # whoever writes the workspace names the full disk
        raise InputError(
            f"{file.name} cannot be read ({error.strerror}); check the file and its permissions.",
            vi=f"Không đọc được {file.name} ({error.strerror}); hãy kiểm tra tệp và quyền đọc.",
        ) from error
    return target


def _validate_size(file: Path) -> None:
    if file.stat().st_size > FILE_LIMIT_MB * 2**20:
        raise InputError(
            f"{file.name} is larger than {FILE_LIMIT_MB} MB; split it.",
            vi=f"{file.name} lớn hơn {FILE_LIMIT_MB} MB; hãy chia nhỏ tệp.",
        )


def _failure(name: str, status: int) -> InputError:
    """The sentence for a process that ended by a signal, or by itself."""
    if -status in (signal.SIGXCPU, signal.SIGKILL):
        return InputError(
            f"{name} takes longer than {CPU_LIMIT_S} s to be read; save it again, or split it.",
            vi=f"{name} cần hơn {CPU_LIMIT_S} giây để đọc; hãy lưu lại hoặc chia nhỏ tệp.",
        )
    return InputError(
        f"{name} is damaged, or needs more than {MEMORY_LIMIT_MB} MB of memory: its reader gave up; save or export it "
        "again, or split it.",
        vi=f"{name} hỏng, hoặc cần hơn {MEMORY_LIMIT_MB} MB bộ nhớ nên không đọc được; hãy lưu hoặc xuất lại, hoặc "
        "chia nhỏ tệp.",
    )


def _error(described: Mapping[str, str]) -> PhusongError:
    kind = getattr(errors, described["class"], InputError)
    known = kind if isinstance(kind, type) and issubclass(kind, PhusongError) else InputError
    return known(described["en"], vi=described["vi"])
