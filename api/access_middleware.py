"""Who sends a request: anybody, the holder of a key, or, without access control, somebody on this machine."""

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send

from phusong.api.callers import ANYBODY, CALLER, LOCAL, REFUSED, Caller
from phusong.api.errors import ForbiddenError
from phusong.api.keys import Keys
from phusong.api.problems import error_response
from phusong.api.sessions import Session, Sessions, is_csrf_token
from phusong.geodata.errors import PhusongError

# The prefix keeps other hosts of a domain from setting them (RFC 6265bis, section 4.1.3.2).
SESSION_COOKIE = "__Host-phusong"
LOGIN_COOKIE = "__Host-phusong-login"
SESSION = "phusong.session"
SIGN_OUT = "/logout"  # takes its token from a form
READS = frozenset(("GET", "HEAD", "OPTIONS"))
_BEARER = b"bearer "
_LOCAL_NAMES = frozenset((b"localhost", b"127.0.0.1", b"[::1]"))


class KnowCaller:
    """Finds out who sends a request, by `Authorization: Bearer` or the cookie of a session.

    A key that is not valid may do nothing at all. A change in a session needs its CSRF token.

    Parameters
    ----------
    app
        The application that asks for the caller.
    keys
        The keys that are accepted.
    sessions
        The people who are signed in.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, sessions: Sessions) -> None:
        self._app = app
        self._keys = keys
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            caller = self._caller(scope)
        except PhusongError as error:
            await error_response(error, scope)(scope, receive, send)
            return
        scope[CALLER] = caller
        await self._app(scope, receive, send)

    def _caller(self, scope: Scope) -> Caller:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if given:
            return self._keys.caller(_token(given)) or REFUSED
        session = self._sessions.find(token) if (token := _cookie(scope, SESSION_COOKIE)) else None
        if session is None:
            return ANYBODY
        scope[SESSION] = session
        if scope["method"] not in READS and scope["path"] != SIGN_OUT:
            csrf_token = b"".join(value for name, value in scope["headers"] if name == b"x-csrf-token")
            if not is_csrf_token(session, csrf_token.decode("latin-1")):
                raise ForbiddenError(
                    "A change in a session needs its token: X-CSRF-Token, from /me.",
                    vi="Thay đổi trong phiên đăng nhập cần mã X-CSRF-Token lấy từ /me.",
                )
        return session.caller


class LocalOnly:
    """Lets everybody on this machine do everything, and nobody else: the service without access control.

    A request that came through a proxy, or under a foreign name as by DNS rebinding, is refused.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as from this machine, or answer 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _is_local(scope):
            scope[CALLER] = LOCAL
            await self._app(scope, receive, send)
        else:
            await error_response(_not_local(), scope)(scope, receive, send)


def session_of(scope: Scope) -> Session | None:
    """The session that a request belongs to."""
    session: Session | None = scope.get(SESSION)
    return session


def is_loopback(host: str) -> bool:
    """Whether an address or name is that of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(given: list[bytes]) -> str:
    """What stands behind `Bearer`; empty where there is no such thing, or more than one header."""
    if len(given) != 1 or not given[0].lower().startswith(_BEARER):
        return ""
    return given[0][len(_BEARER) :].strip().decode("latin-1")


def _cookie(scope: Scope, name: str) -> str:
    """Value of a cookie; empty where there is none, or more than one header of cookies holds it."""
    header = b"; ".join(value for key, value in scope["headers"] if key == b"cookie").decode("latin-1")
    found = [value for part in header.split(";") for key, _, value in [part.strip().partition("=")] if key == name]
    return found[0] if len(found) == 1 else ""


def _is_local(scope: Scope) -> bool:
    names = [name for name, _ in scope["headers"]]
    if not _from_own_page(scope) or any(name == b"forwarded" or name.startswith(b"x-forwarded") for name in names):
        return False
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    client = scope.get("client")
    return len(hosts) == 1 and _name_of(hosts[0]) in _LOCAL_NAMES and client is not None and is_loopback(client[0])


def _from_own_page(scope: Scope) -> bool:
    """Whether no page of another site sends a change (browsers then name the page's origin)."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return scope["method"] in READS or origin is None or origin.partition(b"://")[2] == headers.get(b"host")


def _name_of(host: bytes) -> bytes:
    """A Host header without its port."""
    name, colon, port = host.lower().rpartition(b":")
    return name if colon and port.isdigit() else host.lower()


def _not_local() -> ForbiddenError:
    return ForbiddenError(
        "The service runs without access control and answers only this machine, by its own name and without a proxy; "
        "start it with access control.",
        vi="Dịch vụ đang chạy không kiểm soát truy cập, chỉ trả lời máy này, đúng tên máy và không qua proxy; "
        "hãy khởi động với kiểm soát truy cập.",
    )
