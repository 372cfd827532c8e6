"""Who may ask for what: roles, callers, and routes that say which role they need.

Public sees classes only. A planner sees levels and masts as well, a data administrator may change the layers too, an
auditor reads the audit log and the metrics, and no more than the public otherwise. A route that does not say its
role cannot be made.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from phusong.api.errors import ForbiddenError, UnauthenticatedError

Role = Literal["public", "planner", "data_admin", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)
CALLER = "phusong.caller"
_HOLDERS: dict[Role, frozenset[Role]] = {
    "public": frozenset(ROLES),
    "planner": frozenset(("planner", "data_admin")),
    "data_admin": frozenset(("data_admin",)),
    "auditor": frozenset(("auditor",)),
}
_ROLE = "phusong_role"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name of a key or person, empty for anybody, and the roles held."""

    name: str
    roles: frozenset[Role]
    kind: Literal["anybody", "key", "session", "local"]

    def may(self, role: Role) -> bool:
        """Whether a route of that role is open to the caller."""
        return not self.roles.isdisjoint(_HOLDERS[role])

    @property
    def sees_levels(self) -> bool:
        """Whether answers show levels, stations and distances, each of which locates masts."""
        return self.may("planner")


ANYBODY = Caller("", frozenset(("public",)), "anybody")
LOCAL = Caller("local", frozenset(ROLES), "local")


def caller_of(request: Request) -> Caller:
    """Who sent a request; a request that no middleware has looked at comes from anybody."""
    caller: Caller = request.scope.get(CALLER, ANYBODY)
    return caller


def for_role(role: Role) -> Callable[[Endpoint], Endpoint]:
    """Declare the role that a route needs; stands right above the function, below `@app.get(…)`."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ROLE, role)
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
        if not hasattr(endpoint, _ROLE):
            raise TypeError(f"route {path} declares no role; put @for_role(…) above {endpoint.__name__}")
        self.role: Role = getattr(endpoint, _ROLE)
        super().__init__(path, endpoint, **options)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise UnauthenticatedError or ForbiddenError."""
        require_role(scope, self.role)
        await super().handle(scope, receive, send)


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
        self.role = role
        self.routes: list[BaseRoute] = getattr(app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or raise UnauthenticatedError or ForbiddenError."""
        require_role(scope, self.role)
        await self.app(scope, receive, send)


def require_role(scope: Scope, role: Role) -> None:
    """Let a request pass whose caller holds a role.

    Raises
    ------
    UnauthenticatedError
        The caller is unknown, and the role is not everybody's.
    ForbiddenError
        The caller is known and does not hold the role.
    """
    caller: Caller = scope.get(CALLER, ANYBODY)
    if caller.may(role):
        return
    if caller.kind == "anybody":
        raise UnauthenticatedError(
            f"This needs the role {role}; send a key: Authorization: Bearer KEY.",
            vi=f"Cần vai trò {role}; hãy gửi khóa: Authorization: Bearer KHÓA.",
        )
    raise ForbiddenError(
        f"This needs the role {role}, which {caller.name} does not hold.",
        vi=f"Cần vai trò {role}, {caller.name} không có vai trò này.",
    )


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
            yield str(context.path), frozenset(route.methods or ()), route.role
        elif isinstance(route, Mount) and isinstance(route.app, Guarded):
            yield from _mounted(route.path, route.app)
        else:
            raise TypeError(f"{route!r} declares no role; make it with @for_role(…), or mount it as Guarded(app, role)")


def _mounted(path: str, guarded: Guarded) -> Iterator[tuple[str, frozenset[str], Role]]:
    if not guarded.routes:
        yield path, frozenset(("GET",)), guarded.role
    for inner in guarded.routes:
        yield path + getattr(inner, "path", ""), frozenset(getattr(inner, "methods", None) or ("GET",)), guarded.role
