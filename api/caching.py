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
        made_by = _code() + (workspace.path / SETTINGS_FILE).read_bytes()
        self._key = hashlib.blake2b(made_by, digest_size=32).digest()

    def tag(self, scope: Scope, *, of_layers: bool = False) -> str | None:
        """The tag of the answer to a request; None where nothing is published, or the layers cannot be told apart.

        Parameters
        ----------
        scope
            Of the request.
        of_layers
            Whether the answer depends on the layers as they are imported now.
        """
        current = self._store.current_id()
        layers = self._layers() if of_layers else ""
        if current is None or layers is None:
            return None
        question = sorted(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        named = [self._run(value) for name, value in question if name == "run"]
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
            layers,
        )
        return f'W/"{hashlib.blake2b(repr(parts).encode(), key=self._key, digest_size=16).hexdigest()}"'

    def _run(self, name: str) -> str | None:
        """The run that a name stands for now, None for none."""
        try:
            return find_run(self._workspace, name)
        except UnknownNameError:
            return None

    def _layers(self) -> str | None:
        """Changes with every import; None for a database, where rows are edited without one."""
        stamps = [file_stamp(path) for path in self._files]
        return None if stamps[0] is None else repr(stamps)


def is_known(scope: Scope, tag: str) -> bool:
    """Whether a caller says that it has the answer of a tag (`If-None-Match`, RFC 9110, section 13.1.2)."""
    given = Headers(scope=scope).getlist("if-none-match")
    known = {part.strip().removeprefix("W/") for value in given for part in value.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def tagged(scope: Scope, send: Send, tag: str | None) -> Send:
    """Send an answer with its tag, and with what may be kept of it by whom; errors without."""
    headers = caching_headers(scope, tag)

    async def send_tagged(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_tagged


def caching_headers(scope: Scope, tag: str | None) -> list[tuple[bytes, bytes]]:
    """`ETag`, `Vary` and `Cache-Control`: only what everybody may see may be kept by others than the caller."""
    caller: Caller = scope.get(CALLER, ANYBODY)
    open_to_all = tag is not None and caller.kind == "anybody"
    found = [(b"vary", VARY), (b"cache-control", PUBLIC if open_to_all else PRIVATE)]
    return found if tag is None else [*found, (b"etag", tag.encode())]


@cache
def _code() -> bytes:
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
