"""What every request passes besides access: HEAD, headers that browsers obey, and how often a caller may ask.

All are plain ASGI: nothing is buffered, and each costs a few microseconds.
"""

import ipaddress
import math
import time
from bisect import bisect_right
from collections.abc import Callable

from limits import RateLimitItem, parse_many
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phusong.api.callers import ANYBODY, CALLER, Caller
from phusong.api.problems import problem_response

# The watchers of a service ask often and from one address.
UNLIMITED = frozenset(("/healthz", "/readyz", "/metrics"))
SECURITY_HEADERS: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
    b"permissions-policy": b"geolocation=(), camera=(), microphone=()",
}
SWEEP_S = 60.0
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class HeadAsGet:
    """Answers HEAD like GET, without the body (RFC 9110, section 9.3.2).

    Parameters
    ----------
    app
        The application that knows GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, HEAD as GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class SecurityHeaders:
    """Adds what browsers must know to every answer that does not say it itself; there is no CORS.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                own = {name.lower() for name, _ in headers}
                headers += [item for item in SECURITY_HEADERS.items() if item[0] not in own]
                if scope["scheme"] == "https":
                    headers.append(STRICT_TRANSPORT)
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class MovingWindows:
    """When callers asked, as far back as their limits look; used by one thread.

    (The memory of `limits` keeps every address that ever asked, and starts a thread a hundred times a second.)

    Parameters
    ----------
    clock
        The time [s since 1970].
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked: dict[tuple[RateLimitItem, tuple[str, str]], list[float]] = {}
        self._swept_s = clock()

    def hit(self, limit: RateLimitItem, who: tuple[str, str]) -> float:
        """Note that somebody asks; the time until a limit lets them ask again [s], 0 where it lets them now."""
        now_s, window_s = self._clock(), limit.get_expiry()
        if now_s - self._swept_s > SWEEP_S:
            self._sweep(now_s)
        times = self._asked.setdefault((limit, who), [])
        del times[: bisect_right(times, now_s - window_s)]
        if len(times) >= limit.amount:
            return times[0] + window_s - now_s
        times.append(now_s)
        return 0.0

    def __len__(self) -> int:
        return len(self._asked)

    def _sweep(self, now_s: float) -> None:
        """Forget those whose windows are over."""
        self._asked = {
            key: times for key, times in self._asked.items() if times and times[-1] > now_s - key[0].get_expiry()
        }
        self._swept_s = now_s


class RateLimit:
    """Refuses callers that ask too often: keys and sessions each by themselves, everybody else by address.

    Parameters
    ----------
    app
        The application.
    public
        How often one address may ask, like "600/minute"; an IPv6 network of 64 bits counts as one address.
    known
        How often the holder of a key or session may ask.
    clock
        The time [s since 1970].
    """

    def __init__(self, app: ASGIApp, *, public: str, known: str, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._public = parse_many(public)
        self._known = parse_many(known)
        self._windows = MovingWindows(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 429 with `Retry-After`."""
        if scope["type"] == "http" and scope["path"] not in UNLIMITED:
            wait_s = self._wait_s(scope)
            if wait_s is not None:
                await _too_many(scope, wait_s)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _wait_s(self, scope: Scope) -> int | None:
        """Seconds until the caller may ask again, None for now."""
        caller: Caller = scope.get(CALLER, ANYBODY)
        known = caller.kind in ("key", "session", "local")
        who = (caller.kind, caller.name) if known else ("address", _network(scope))
        waits_s = [self._windows.hit(limit, who) for limit in (self._known if known else self._public)]
        return max((max(1, math.ceil(wait_s)) for wait_s in waits_s if wait_s > 0), default=None)


def _network(scope: Scope) -> str:
    """The address that a request counts for."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    if address.version == 6:
        return str(address.ipv4_mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _too_many(scope: Scope, wait_s: int) -> ASGIApp:
    detail = (
        f"Too many requests; ask again in {wait_s} s.",
        f"Quá nhiều yêu cầu; hãy thử lại sau {wait_s} giây.",
    )
    return problem_response(429, "too-many-requests", detail, scope=scope, headers={"Retry-After": str(wait_s)})
