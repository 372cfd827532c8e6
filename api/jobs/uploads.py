"""Files that a request sends, written to disk as they come; never whole in memory."""

import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from phusong.api.jobs.doing import GIVEN
from phusong.api.jobs.rows import JOBS_DIR
from phusong.api.jobs.table import new_job_id
from phusong.api.watching import RECIPE
from phusong.coverage.run_stores import flush
from phusong.geodata.errors import DiskFullError, InputError, PhusongError, WorkspaceError
from phusong.geodata.readers import SIDECARS
from phusong.geodata.writing import FULL

UPLOAD_LIMIT_BYTES = 200 * 2**20
UPLOAD_LIMIT_S = 1800.0
MOST_FILES = 20
LONGEST_NAME = 200  # bytes
_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")


@dataclass
class Upload:
    """The files of a request: the id of the job they are for, their main file, and the hash of all."""

    job_id: str
    folder: Path
    names: list[str] = field(default_factory=list)
    sha256: str = ""

    @property
    def main(self) -> str:
        """The file to import: the first that belongs to no other.

        Raises
        ------
        InputError
            There is none.
        """
        found = [name for name in self.names if name != RECIPE and Path(name).suffix.lower() not in SIDECARS]
        if not found:
            raise InputError(
                "The request sends no file; send one as the part 'file' of multipart/form-data.",
                vi="Yêu cầu không kèm tệp; hãy gửi tệp trong phần 'file' của multipart/form-data.",
            )
        return found[0]

    def keep(self) -> None:
        """Give the files their place for the worker; they survive the end of this process and of the machine."""
        for path in self.folder.rglob("*"):
            flush(path)
        target = self.folder.with_name(self.job_id)
        os.rename(self.folder, target)
        flush(target.parent)
        self.folder = target

    def drop(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


@asynccontextmanager
async def receiving(request: Request, workspace_path: Path, *, layer: str | None) -> AsyncIterator[Upload]:
    """Write the files of a request aside; they vanish when the block fails.

    Parameters
    ----------
    request
        Its body is multipart/form-data with parts `file`, and one `recipe` at most.
    workspace_path
        Folder of the workspace.
    layer
        Name of the layer or raster; None leaves it to the recipe, or to the name of the file.

    Raises
    ------
    InputError
        The body is something else, or breaks off.
    DiskFullError
        The disk is full.
    """
    job_id = new_job_id()
    upload = Upload(job_id, workspace_path / JOBS_DIR / f".upload-{job_id}")
    try:
        upload.folder.parent.mkdir(mode=0o700, exist_ok=True)
        (upload.folder / GIVEN / (layer or "")).mkdir(parents=True)
        await _receive(request, upload, layer)
        yield upload
    except BaseException as error:
        upload.drop()
        if isinstance(error, OSError) and not isinstance(error, PhusongError):
            raise _cannot_write(upload.folder, error) from error
        raise


async def _receive(request: Request, upload: Upload, layer: str | None) -> None:
    writer = _Writer(upload, layer)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    try:
        if kind != "multipart/form-data":
            raise MultipartError(f"its type is {kind or 'not given'}")
        parser = PushMultipartParser(options.get("boundary", ""), max_segment_count=MOST_FILES + 1, strict=True)
        with parser:
            async for chunk in request.stream():
                if chunk:
                    await run_in_threadpool(writer.take, parser.parse(chunk))
    except (MultipartError, UnicodeDecodeError) as error:
        raise InputError(
            f"The body is no whole multipart/form-data: {error}.",
            vi=f"Dữ liệu gửi lên không phải multipart/form-data đầy đủ: {error}.",
        ) from error
    finally:
        writer.close()
    upload.sha256 = hashlib.sha256("".join(writer.written).encode()).hexdigest()


class _Writer:
    """Writes the parts of a body into files; `written` has their names and hashes."""

    def __init__(self, upload: Upload, layer: str | None) -> None:
        self.written: list[str] = []
        self._digest = hashlib.sha256()
        self._upload = upload
        self._layer = layer or ""
        self._file: IO[bytes] | None = None

    def take(self, events: Iterable[MultipartSegment | bytes | None]) -> None:
        """Write what a chunk of the body holds of its parts."""
        for event in events:
            if isinstance(event, MultipartSegment):
                self._begin(event)
            elif event is None:
                self.close()
            elif self._file is not None:
                self._file.write(event)
                self._digest.update(event)

    def close(self) -> None:
        """End the file under way."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self.written.append(f"{self._digest.hexdigest()} {self._upload.names[-1]}\n")

    def _begin(self, part: MultipartSegment) -> None:
        name = RECIPE if part.name == "recipe" else part.filename or ""
        plain = _NAME.fullmatch(name) and len(name.encode()) <= LONGEST_NAME
        if part.name not in ("file", "recipe") or not plain or (part.name, name) == ("file", RECIPE):
            raise InputError(
                f"Part {part.name!r} with the file name {name!r} cannot be taken; send files as parts 'file' with a "
                "plain name, and a recipe as the part 'recipe'.",
                vi=f"Không nhận phần {part.name!r} với tên tệp {name!r}; hãy gửi tệp trong phần 'file' với tên thường "
                "và công thức nhập trong phần 'recipe'.",
            )
        if name in self._upload.names:
            raise InputError(f"Two parts are named {name!r}; send one.", vi=f"Có hai phần tên {name!r}; chỉ gửi một.")
        self._upload.names.append(name)
        folder = self._upload.folder / GIVEN / ("" if name == RECIPE else self._layer)
        self._file = (folder / name).open("xb")
        self._digest = hashlib.sha256()


def _cannot_write(folder: Path, error: OSError) -> PhusongError:
    if error.errno in FULL:
        return DiskFullError(
            "The disk of the workspace is full; make room and send the file again.",
            vi="Ổ đĩa của vùng làm việc đã đầy; hãy giải phóng chỗ và gửi lại tệp.",
        )
    return WorkspaceError(
        f"{folder} cannot be written: {error.strerror}.", vi=f"Không ghi được {folder}: {error.strerror}."
    )
