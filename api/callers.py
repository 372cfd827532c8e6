"""Who asks, and what they may: roles and callers.

Public sees classes only. A planner sees levels and masts as well, a data administrator may change the layers too, an
auditor reads the audit log and the metrics, and no more than the public otherwise.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from fastapi import Request
from starlette.types import Scope

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


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name of a key or person, empty for anybody, and the roles held."""

    name: str
    roles: frozenset[Role]
    kind: Literal["anybody", "key", "session", "local", "refused"]

    def may(self, role: Role) -> bool:
        """Whether a route of that role is open to the caller."""
        return not self.roles.isdisjoint(_HOLDERS[role])

    @property
    def sees_levels(self) -> bool:
        """Whether answers show levels, stations and distances, each of which locates masts."""
        return self.may("planner")


ANYBODY = Caller("", frozenset(("public",)), "anybody")
REFUSED = Caller("", frozenset(), "refused")
LOCAL = Caller("local", frozenset(ROLES), "local")


def caller_of(request: Request) -> Caller:
    """Who sent a request; a request that no middleware has looked at comes from anybody."""
    caller: Caller = request.scope.get(CALLER, ANYBODY)
    return caller


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
    if caller.kind == "refused":
        raise UnauthenticatedError(
            "The key is not valid: unknown, expired or revoked. Send a valid one: Authorization: Bearer KEY.",
            vi="Khóa không hợp lệ: không tồn tại, hết hạn hoặc đã thu hồi. Hãy gửi khóa còn hiệu lực: "
            "Authorization: Bearer KHÓA.",
        )
    if caller.kind == "anybody":
        raise UnauthenticatedError(
            f"This needs the role {role}; send a key: Authorization: Bearer KEY.",
            vi=f"Cần vai trò {role}; hãy gửi khóa: Authorization: Bearer KHÓA.",
        )
    raise ForbiddenError(
        f"This needs the role {role}, which {caller.name} does not hold.",
        vi=f"Cần vai trò {role}, {caller.name} không có vai trò này.",
    )
