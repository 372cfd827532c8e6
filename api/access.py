"""Routes that say which role they need, how much they read, and whether callers may keep their answers.

A route that does not say its role cannot be made; a request is refused before its parameters or body are read.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phusong.api.caching import TAG, Kept, Tags, caching_headers, is_known, tagged
from phusong.api.callers import Role, require_role
from phusong.api.description import security_of
from phusong.api.errors import LargeBodyError, SlowRequestError, UnknownParameterError

BODY_LIMIT_BYTES = 2**20
TIME_LIMIT_S = 30.0
_DECLARED = "phusong_declared"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declared:
    """What a route says of itself: the arguments of `for_role`."""

    role: Role
    body_limit_bytes: int = BODY_LIMIT_BYTES
    time_limit_s: float = TIME_LIMIT_S
    kept: Kept = "no"
    reads: bool = False
    others_add: bool = False
    narrowed: Callable[[Scope], Role] | None = None

    async def pass_on(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to an application, or raise the error that refuses it."""
        require_role(scope, self.role)
        if self.narrowed is not None:
            require_role(scope, self.narrowed(scope))
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.time_limit_s):
                await app(scope, limited(scope, receive, self.body_limit_bytes), send)
        except TimeoutError as error:
            raise SlowRequestError(
                f"The request took longer than {self.time_limit_s:g} s and was given up.",
                vi=f"Yêu cầu kéo dài quá {self.time_limit_s:g} giây nên đã bị hủy.",
            ) from error


def for_role(
    role: Role,
    *,
    kept: Kept = "no",
    body_limit_bytes: int = BODY_LIMIT_BYTES,
    time_limit_s: float = TIME_LIMIT_S,
    reads: bool = False,
    others_add: bool = False,
    narrowed: Callable[[Scope], Role] | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Declare the role that a route needs; stands right above the function, below `@app.get(…)`.

    Parameters
    ----------
    role
        The role.
    kept
        "run" where the answer depends on the run and the request alone, "runs" where on which runs there are too,
        "layers" where on the layers as imported now: it gets an entity tag, and 304 is answered to those who have it.
        "file" is "run" with the same bytes every time, parts of which may be asked for. "no" where it may change at
        any time.
    body_limit_bytes
        The largest body that it reads.
    time_limit_s
        How long a request with a body may take to be sent and answered [s].
    reads
        Whether a request with a body changes nothing: a question too long for an address.
    others_add
        Whether others add parameters of their own to the address; elsewhere unknown ones are refused.
    narrowed
        The role that a single request of the route needs besides: not everything that it answers is for all.
    """

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _DECLARED, Declared(role, body_limit_bytes, time_limit_s, kept, reads, others_add, narrowed))
        return endpoint

    return declare


class GuardedRoute(APIRoute):
    """A route that answers only callers of its role, before it reads parameters or a body.

    Raises
    ------
    TypeError
        The endpoint declares no role.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not hasattr(endpoint, _DECLARED):
            raise TypeError(f"route {path} declares no role; put @for_role(…) above {endpoint.__name__}")
        self.declared: Declared = getattr(endpoint, _DECLARED)
        described = {"security": security_of(self.declared.role), **(options.pop("openapi_extra", None) or {})}
        super().__init__(path, endpoint, openapi_extra=described, **options)
        self._parameters = list(dict.fromkeys(_query_parameters(self.dependant)))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise the error of the role, of unknown parameters, of a large body or of a slow request."""
        if scope["method"] in (self.methods or ()):
            await self.declared.pass_on(self._answer, scope, receive, send)
        else:  # 405 tells nobody more than the description does
            await super().handle(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an entity tag; 304 and no body to those who have the answer."""
        if not self.declared.others_add:
            self._refuse_unknown(scope)
        if self.declared.kept == "no" or scope["method"] != "GET":
            await super().handle(scope, receive, send)
            return
        tags: Tags = scope["app"].state.tags
        tag = scope[TAG] = tags.tag(scope, of=self.declared.kept)
        if tag is not None and is_known(scope, tag):
            response = Response(status_code=304)
            response.raw_headers += caching_headers(scope, tag)
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, tagged(scope, send, tag))

    def _refuse_unknown(self, scope: Scope) -> None:
        """Refuse parameters that the route does not have, and any that is given twice."""
        given = [name for name, _ in QueryParams(scope["query_string"]).multi_items()]
        for name in given:
            if name not in self._parameters or given.count(name) > 1:
                names = ", ".join(self._parameters) or "none"
                raise UnknownParameterError(
                    f"Parameter {name!r} is unknown here or given twice; the parameters are: {names}.",
                    vi=f"Tham số {name!r} không có ở đây hoặc bị lặp; các tham số: {names}.",
                )


class Guarded:
    """An application to be mounted, for callers of one role; all its routes have that role.

    Parameters
    ----------
    app
        The application.
    role
        The role that all of it needs.
    """

    def __init__(self, app: ASGIApp, role: Role) -> None:
        self.app = app
        self.declared = Declared(role)
        self.routes: list[BaseRoute] = getattr(app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or raise as `GuardedRoute` does."""
        await self.declared.pass_on(self.app, scope, receive, send)


def limited(scope: Scope, receive: Receive, limit_bytes: int) -> Receive:
    """What a request sends, up to a limit.

    Raises
    ------
    LargeBodyError
        The body says that it is larger, or, when it is received, is.
    """
    declared = [value for name, value in scope["headers"] if name == b"content-length"]
    if declared and declared[0].isdigit() and int(declared[0]) > limit_bytes:
        raise _too_large(limit_bytes)
    received = 0

    async def receive_up_to() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit_bytes:
            raise _too_large(limit_bytes)
        return message

    return receive_up_to


def roles_of_routes(app: FastAPI) -> Iterator[tuple[str, frozenset[str], Role]]:
    """Go through every route of a service, mounted ones included: path, methods, role.

    Raises
    ------
    TypeError
        A route or mounted application declares no role.
    """
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, GuardedRoute):
            yield str(context.path), frozenset(route.methods or ()), route.declared.role
        elif isinstance(route, Mount) and isinstance(route.app, Guarded):
            yield from _mounted(route.path, route.app)
        else:
            raise TypeError(f"{route!r} declares no role; make it with @for_role(…), or mount it as Guarded(app, role)")


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    """Names of the parameters of an endpoint and of all that it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


def _too_large(limit_bytes: int) -> LargeBodyError:
    return LargeBodyError(
        f"The body is larger than {limit_bytes / 2**20:g} MiB, the limit of this path.",
        vi=f"Dữ liệu gửi lên lớn hơn {limit_bytes / 2**20:g} MiB, giới hạn của đường dẫn này.",
    )


def _mounted(path: str, guarded: Guarded) -> Iterator[tuple[str, frozenset[str], Role]]:
    if not guarded.routes:
        yield path, frozenset(("GET",)), guarded.declared.role
    for inner in guarded.routes:
        yield (
            path + getattr(inner, "path", ""),
            frozenset(getattr(inner, "methods", None) or ("GET",)),
            guarded.declared.role,
        )
