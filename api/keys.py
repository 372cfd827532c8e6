"""Keys of machines: made, found by what a request sends, rotated and revoked; only a hash of each is kept.

A key is `phusong_<id>_<secret>` with 256 random bits in the secret: nothing can be guessed, so one SHA-256 is enough.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from phusong.api.access_store import AccessStore
from phusong.api.callers import ROLES, Caller, Role
from phusong.geodata.errors import InputError, UnknownNameError

DAY_S = 86400
MAX_DAYS = 3650
_KEY = re.compile(r"phusong_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Key:
    """What is kept of a key; times in seconds since 1970, UTC."""

    key_id: str
    name: str
    role: Role
    created_s: int
    expires_s: int
    revoked_s: int | None

    def state(self, now_s: float) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_s is not None:
            return "revoked"
        return "valid" if now_s < self.expires_s else "expired"


class Keys:
    """The keys of a workspace.

    Parameters
    ----------
    store
        Where they are kept.
    clock
        The time [s since 1970].
    """

    def __init__(self, store: AccessStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[bytes, Key]] = {}
        self._known_version: tuple[int, int] | None = None

    def add(self, name: str, role: Role, *, days: int = 365) -> str:
        """Make a key and give its text, which is shown this once.

        Raises
        ------
        InputError
            The name is none, or in use; there is no such role; or the key is to live for too long.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{name!r} is no name for a key; use up to 64 letters, digits, dots, hyphens and @.",
                vi=f"{name!r} không dùng làm tên khóa được; dùng tối đa 64 chữ, số, dấu chấm, gạch nối và @.",
            )
        if role not in ROLES or role == "public":
            raise InputError(
                f"There is no role {role!r} for keys; the roles are planner, data_admin and auditor.",
                vi=f"Không có vai trò {role!r} cho khóa; các vai trò: planner, data_admin và auditor.",
            )
        if self._valid(name):
            raise InputError(
                f"There is a valid key {name!r}; rotate or revoke it, or choose another name.",
                vi=f"Khóa {name!r} đang còn hiệu lực; hãy đổi hoặc thu hồi nó, hoặc chọn tên khác.",
            )
        return self._make(name, role, days)

    def rotate(self, name: str, *, days: int = 365, overlap_hours: float = 24.0) -> str:
        """Make a new key of a name; the former ones go on for some hours, and then expire.

        Raises
        ------
        UnknownNameError
            There is no valid key of that name.
        InputError
            The key is to live for too long, or the overlap is negative.
        """
        former = self._valid(name)
        if not former:
            raise _no_key(name)
        if overlap_hours < 0:
            raise InputError(
                f"The overlap must not be negative, got {overlap_hours} hours.",
                vi=f"Thời gian chuyển tiếp không được âm, nhận được {overlap_hours} giờ.",
            )
        text = self._make(name, former[-1].role, days)
        until_s = int(self._clock() + overlap_hours * 3600)
        for key in former:
            self._store.change(
                "UPDATE api_key SET expires_s = :until_s WHERE key_id = :key_id AND expires_s > :until_s",
                until_s=until_s,
                key_id=key.key_id,
            )
        return text

    def revoke(self, name: str) -> None:
        """Refuse every key of a name from now on.

        Raises
        ------
        UnknownNameError
            There is no valid key of that name.
        """
        if not self._valid(name):
            raise _no_key(name)
        self._store.change(
            "UPDATE api_key SET revoked_s = :now_s WHERE name = :name AND revoked_s IS NULL",
            now_s=int(self._clock()),
            name=name,
        )

    def all(self) -> list[Key]:
        """Every key that was made, the oldest first."""
        rows = self._store.rows(
            "SELECT key_id, name, role, created_s, expires_s, revoked_s FROM api_key ORDER BY created_s, key_id"
        )
        return [Key(*row) for row in rows]

    def prune(self, *, days: int) -> int:
        """Forget the keys that ended that many days ago, and say how many."""
        before_s = int(self._clock()) - days * DAY_S
        return self._store.change(
            "DELETE FROM api_key WHERE expires_s < :before_s OR revoked_s < :before_s", before_s=before_s
        )

    def caller(self, text: str) -> Caller | None:
        """Who sends a key; None for one that is not valid now."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        found = self._find(parts[1])
        if found is None or not hmac.compare_digest(found[0], _hash(text)):
            return None
        key = found[1]
        if key.state(self._clock()) != "valid":
            return None
        return Caller(key.name, frozenset((key.role,)), "key")

    def _find(self, key_id: str) -> tuple[bytes, Key] | None:
        """The hash and key of an id; kept until the store changes."""
        version = self._store.version()
        if version != self._known_version:
            self._known, self._known_version = {}, version
        if key_id not in self._known:
            rows: list[Any] = self._store.rows(
                "SELECT secret_sha256, key_id, name, role, created_s, expires_s, revoked_s FROM api_key "
                "WHERE key_id = :key_id",
                key_id=key_id,
            )
            if not rows:
                return None
            self._known[key_id] = bytes(rows[0][0]), Key(*rows[0][1:])
        return self._known[key_id]

    def _valid(self, name: str) -> list[Key]:
        now_s = self._clock()
        return [key for key in self.all() if key.name == name and key.state(now_s) == "valid"]

    def _make(self, name: str, role: Role, days: int) -> str:
        if not 1 <= days <= MAX_DAYS:
            raise InputError(
                f"A key lives for 1 to {MAX_DAYS} days, got {days}.",
                vi=f"Khóa có hiệu lực từ 1 đến {MAX_DAYS} ngày, nhận được {days}.",
            )
        key_id, now_s = secrets.token_hex(8), int(self._clock())
        text = f"phusong_{key_id}_{secrets.token_urlsafe(32)}"
        self._store.change(
            "INSERT INTO api_key (key_id, name, role, secret_sha256, created_s, expires_s) "
            "VALUES (:key_id, :name, :role, :secret, :now_s, :expires_s)",
            key_id=key_id,
            name=name,
            role=role,
            secret=_hash(text),
            now_s=now_s,
            expires_s=now_s + days * DAY_S,
        )
        return text


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _no_key(name: str) -> UnknownNameError:
    return UnknownNameError(
        f"There is no valid key {name!r}; list them: phusong keys list DIR",
        vi=f"Không có khóa {name!r} còn hiệu lực; xem danh sách: phusong keys list DIR",
    )
