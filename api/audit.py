"""The audit log: every write, every read of what the public does not see, and every refusal, one JSON line each.

Lines go to `access/audit/<year>-<month>.jsonl` before the answer does: what cannot be noted is not answered.
"""

import errno
import json
import mmap
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phusong.api.access_store import ACCESS_DIR
from phusong.api.callers import ANYBODY, CALLER, Caller
from phusong.api.middleware_metrics import route_of
from phusong.api.problems import error_response
from phusong.geodata.errors import WorkspaceError

AUDIT_DIR = "audit"
LONGEST = 2000
READS = frozenset(("GET", "HEAD", "OPTIONS"))
WATCHED = frozenset(("/healthz", "/readyz", "/metrics"))
_RENDER = structlog.processors.JSONRenderer(ensure_ascii=False)
_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


class AuditLog:
    """The audit log of a workspace; several processes append to it, a line at a time.

    Parameters
    ----------
    workspace_path
        Folder of the workspace.
    """

    def __init__(self, workspace_path: Path) -> None:
        self.folder = workspace_path / ACCESS_DIR / AUDIT_DIR
        self._month = ""
        self._logger: Any = None

    def write(self, event: str, **fields: Any) -> None:
        """Append one line.

        Raises
        ------
        WorkspaceError
            It cannot be written.
        """
        try:
            self._of_this_month().info(event, **fields)
        except OSError as error:
            raise WorkspaceError(
                f"The audit log in {self.folder} cannot be written: {error.strerror}.",
                vi=f"Không ghi được nhật ký kiểm toán trong {self.folder}: {error.strerror}.",
            ) from error

    def entries(self, *, since: date, caller: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Entries from a day on, the newest first.

        Parameters
        ----------
        since
            The first day, UTC.
        caller
            Name of a key or person; None is all.
        limit
            How many at most.
        """
        found: list[dict[str, Any]] = []
        for entry in self._newest_first(since.strftime("%Y-%m")):
            if len(found) == limit or entry.get("timestamp", "9") < since.isoformat():
                break
            if caller in (None, entry.get("caller")):
                found.append(entry)
        return found

    def prune(self, *, before: date) -> list[str]:
        """Remove the months that ended before a day, and name them."""
        old = [path for path in sorted(self.folder.glob("*.jsonl")) if path.stem < before.strftime("%Y-%m")]
        for path in old:
            path.unlink()
        return [path.stem for path in old]

    def _newest_first(self, first_month: str) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.jsonl"), reverse=True):
            if path.stem >= first_month and path.stat().st_size:
                yield from map(_entry, _lines_backwards(path))

    def _of_this_month(self) -> Any:
        month = time.strftime("%Y-%m", time.gmtime())
        if month != self._month:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._logger = structlog.wrap_logger(_Lines(self.folder / f"{month}.jsonl"), processors=[_STAMP, _render])
            self._month = month
        return self._logger


class _Lines:
    """Appends whole lines to a file: one write each, so that lines of several processes never mix."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __del__(self) -> None:
        os.close(self._handle)

    def info(self, line: bytes) -> None:
        if os.write(self._handle, line + b"\n") <= len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines_backwards(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = len(content)
        while end > 0:
            start = content.rfind(b"\n", 0, end - 1) + 1
            yield content[start:end]
            end = start


def _entry(line: bytes) -> dict[str, Any]:
    """What a line says; one that was cut by a full disk is given as it is."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"event": "damaged", "line": line.decode("utf-8", "replace")[:LONGEST]}


class Audit:
    """Notes who was answered what, before the answer goes out.

    Parameters
    ----------
    app
        The application.
    log
        Where it is noted.
    """

    def __init__(self, app: ASGIApp, *, log: AuditLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; 503 where it cannot be noted."""
        if scope["type"] != "http" or scope["path"] in WATCHED:
            await self._app(scope, receive, send)
            return
        failed: WorkspaceError | None = None

        async def note_and_send(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start" and is_noted(scope, message["status"]):
                try:
                    self._log.write("request", **_described(scope, message["status"]))
                except WorkspaceError as error:
                    failed = error
                    await error_response(error, scope)(scope, receive, send)
            if failed is None:
                await send(message)

        await self._app(scope, receive, note_and_send)


def is_noted(scope: Scope, status: int) -> bool:
    """Whether a request belongs in the audit log: no plain read of what everybody may see."""
    caller: Caller = scope.get(CALLER, ANYBODY)
    declared = getattr(scope.get("route"), "declared", None)
    reads = scope["method"] in READS or (declared is not None and declared.reads)
    return not reads or status in (401, 403) or caller.kind != "anybody"


def _described(scope: Scope, status: int) -> dict[str, Any]:
    caller: Caller = scope.get(CALLER, ANYBODY)
    client = scope.get("client")
    return {
        "caller": caller.name,
        "kind": caller.kind,
        "roles": sorted(caller.roles),
        "address": client[0] if client else None,
        "method": scope["method"],
        "route": route_of(scope),
        "path": scope["path"][:LONGEST],
        "query": scope["query_string"][:LONGEST].decode("latin-1"),
        "status": status,
    }


def _render(logger: Any, name: str, event: Any) -> bytes:
    return str(_RENDER(logger, name, event)).encode("utf-8", "backslashreplace")
