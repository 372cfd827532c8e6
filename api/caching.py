"""Entity tags: what an answer depends on, hashed, so that what a caller has already is not sent again.

A tag stands for the run, the published run, the question, what the caller may see, format, language, day, settings and
the code of this service. Access was checked before; a publication changes every tag at once.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from phusong.api.callers import ANYBODY, CALLER, Caller
from phusong.api.fibre_answer import file_stamp
from phusong.api.problems import language_of
from phusong.coverage.results import find_run
from phusong.coverage.run_stores import open_run_store
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.settings import SETTINGS_FILE
from phusong.geodata.workspace import RASTERS, Workspace

VARY = b"Accept, Accept-Language, Authorization, Cookie"
PUBLIC = b"public, no-cache"  # kept, and asked for again each time
PRIVATE = b"private, no-store"
TAG = "phusong.tag"  # of the answer, in the scope of its request
Kept = Literal["no", "run", "runs", "layers", "file"]
RUN_NAMES = ("run", "run_id", "run_a", "run_b", "as_of", "date")  # parameters that name a run
WHOLE = (200, 204, 206)


class Tags:
    """The entity tags of one service.

    Parameters
    ----------
    workspace
        What it serves.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._store = open_run_store(workspace)
        self._files = [str(workspace.layers_path), *(str(workspace.raster_path(name)) for name in RASTERS)]
        made_by = code_hash() + (workspace.path / SETTINGS_FILE).read_bytes()
        self._key = hashlib.blake2b(made_by, digest_size=32).digest()

    def tag(self, scope: Scope, *, of: Kept = "run") -> str | None:
        """The tag of the answer to a request; None where nothing is published, or the layers cannot be told apart.

        Parameters
        ----------
        scope
            Of the request.
        of
            What the answer depends on, as in `for_role`.
        """
        current = self._store.current_id()
        further = self._layers() if of == "layers" else self._runs() if of == "runs" else ""
        if current is None or further is None or of == "no":
            return None
        question = sorted(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        in_path = scope.get("path_params", {}).items()
        named = [self._run(value) for name, value in (*question, *in_path) if name in RUN_NAMES]
        if None in named:
            return None
        caller: Caller = scope.get(CALLER, ANYBODY)
        accepted = Headers(scope=scope).get("accept", "")
        today = datetime.now(UTC).date().isoformat()
        parts = (
            current,
            named,
            scope["path"],
            question,
            caller.sees_levels,
            accepted,
            language_of(scope),
            today,
            further,
        )
        tag = f'"{hashlib.blake2b(repr(parts).encode(), key=self._key, digest_size=16).hexdigest()}"'
        return tag if of == "file" else f"W/{tag}"

    def _run(self, name: str) -> str | None:
        """The run that a name stands for now, None for none."""
        try:
            return find_run(self._workspace, name)
        except UnknownNameError:
            return None

    def _runs(self) -> str:
        """Changes with every run that comes or goes, scenarios included."""
        return repr(sorted(self._store.run_ids()))

    def _layers(self) -> str | None:
        """Changes with every import; None for a database, where rows are edited without one."""
        stamps = [file_stamp(path) for path in self._files]
        return None if stamps[0] is None else repr(stamps)


def is_known(scope: Scope, tag: str) -> bool:
    """Whether a caller says that it has the answer of a tag (`If-None-Match`, RFC 9110, section 13.1.2)."""
    return tag.removeprefix("W/") in {known.removeprefix("W/") for known in _known(scope)}


def tagged(scope: Scope, send: Send, tag: str | None) -> Send:
    """Send an answer with its tag, and with what may be kept of it by whom; errors without.

    Who has any answer (`If-None-Match: *`) gets 304 where there would be one.
    """
    headers = caching_headers(scope, tag)
    has_any = "*" in _known(scope)
    kept = False

    async def send_tagged(message: Message) -> None:
        nonlocal kept
        if message["type"] == "http.response.start" and message["status"] in WHOLE:
            kept = has_any and tag is not None
            own = [] if kept else message.get("headers", ())
            message = {**message, "headers": [*(pair for pair in own if pair[0] != b"etag"), *headers]}
            message["status"] = 304 if kept else message["status"]
        elif kept:
            message = {**message, "body": b""}
        await send(message)

    return send_tagged


def _known(scope: Scope) -> set[str]:
    """The tags that a caller has, and "*" for any."""
    given = Headers(scope=scope).getlist("if-none-match")
    return {part.strip() for value in given for part in value.split(",")}


def caching_headers(scope: Scope, tag: str | None) -> list[tuple[bytes, bytes]]:
    """`ETag`, `Vary` and `Cache-Control`: only what everybody may see may be kept by others than the caller."""
    caller: Caller = scope.get(CALLER, ANYBODY)
    open_to_all = tag is not None and caller.kind == "anybody"
    found = [(b"vary", VARY), (b"cache-control", PUBLIC if open_to_all else PRIVATE)]
    return found if tag is None else [*found, (b"etag", tag.encode())]


@cache
def code_hash() -> bytes:
    """Hash of everything in the four rooms that makes answers."""
    digest = hashlib.blake2b(digest_size=32)
    for room in ("geodata", "coverage", "maps", "api"):
        for part in _files(files(f"phusong.{room}")):
            digest.update(part.read_bytes())
    return digest.digest()


def _files(folder: Traversable) -> Iterable[Traversable]:
    for part in sorted(folder.iterdir(), key=lambda part: part.name):
        if part.is_dir():
            yield from _files(part)
        elif part.name.endswith((".py", ".js", ".css", ".html", ".json", ".toml")):
            yield part
