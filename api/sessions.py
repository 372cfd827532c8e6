"""Sessions of people: opened at sign-in, known by a cookie of which only a hash is kept, ended at sign-out.

Whoever changes something in a session sends its second secret, the CSRF token, which no other site can read.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from phusong.api.access_store import AccessStore
from phusong.api.callers import ROLES, Caller, Role

LOGIN_S = 600


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in; the token is what the cookie holds."""

    caller: Caller
    csrf_token: str
    expires_s: int


@dataclass(frozen=True)
class Login:
    """A sign-in under way: what the provider must send back, and where to go afterwards."""

    state: str
    nonce: str
    code_verifier: str
    next_path: str


class Sessions:
    """The sessions of a workspace, and the sign-ins under way.

    Parameters
    ----------
    store
        Where they are kept; all processes of a service see them.
    clock
        The time [s since 1970].
    """

    def __init__(self, store: AccessStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, Session] = {}
        self._known_version: tuple[int, int] | None = None

    def begin(self, login: Login) -> str:
        """Keep a sign-in under way for ten minutes; gives the token that its browser must bring back."""
        token, now_s = secrets.token_urlsafe(32), int(self._clock())
        self._store.change("DELETE FROM login WHERE expires_s <= :now_s", now_s=now_s)
        self._store.change(
            "INSERT INTO login VALUES (:token, :state, :nonce, :code_verifier, :next_path, :expires_s)",
            token=_hash(token),
            expires_s=now_s + LOGIN_S,
            **vars(login),
        )
        return token

    def finish(self, token: str) -> Login | None:
        """The sign-in that a browser brings back, once; None for none or one that took too long."""
        rows = self._store.rows(
            "SELECT state, nonce, code_verifier, next_path FROM login "
            "WHERE token_sha256 = :token AND expires_s > :now_s",
            token=_hash(token),
            now_s=int(self._clock()),
        )
        ended = self._store.change("DELETE FROM login WHERE token_sha256 = :token", token=_hash(token)) if rows else 0
        return Login(*rows[0]) if ended else None

    def open(self, name: str, roles: Iterable[Role], *, hours: float) -> str:
        """Open a session and give the token for its cookie."""
        token, now_s = secrets.token_urlsafe(32), int(self._clock())
        self._store.change("DELETE FROM session WHERE expires_s <= :now_s", now_s=now_s)
        self._store.change(
            "INSERT INTO session VALUES (:token, :name, :roles, :csrf_token, :now_s, :expires_s)",
            token=_hash(token),
            name=name,
            roles=",".join(sorted(roles)),
            csrf_token=secrets.token_urlsafe(32),
            now_s=now_s,
            expires_s=now_s + int(hours * 3600),
        )
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token; None for one that ended or never was."""
        version = self._store.version()
        if version != self._known_version:
            self._known, self._known_version = {}, version
        key = _hash(token)
        if key not in self._known:
            rows = self._store.rows(
                "SELECT name, roles, csrf_token, expires_s FROM session WHERE token_sha256 = :token", token=key
            )
            if not rows:
                return None
            name, roles, csrf_token, expires_s = rows[0]
            held = frozenset(role for role in ROLES if role in roles.split(","))
            self._known[key] = Session(Caller(name, held, "session"), csrf_token, expires_s)
        session = self._known[key]
        return session if self._clock() < session.expires_s else None

    def close(self, token: str) -> None:
        """End a session, in every process."""
        self._store.change("DELETE FROM session WHERE token_sha256 = :token", token=_hash(token))

    def close_all_of(self, name: str) -> int:
        """End every session of a person, and say how many there were."""
        return self._store.change("DELETE FROM session WHERE name = :name", name=name)


def is_csrf_token(session: Session, given: str) -> bool:
    """Whether a request brings the second secret of its session."""
    return hmac.compare_digest(session.csrf_token.encode(), given.encode("utf-8", "replace"))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
