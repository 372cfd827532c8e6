"""Hostile requests against a service that runs: made from its own description, judged by status, content and disk."""

import hashlib
import json
import random
import re
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from phusong.api.access_store import AccessStore
from phusong.api.keys import Keys
from phusong.geodata.workspace import Workspace

ASIDE = ("access", "cache")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW")
TRAVERSALS = (
    "../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2fphusong.toml", "..\\..\\phusong.toml",
    "....//....//etc/passwd", "%252e%252e%252fetc%252fpasswd", "..%c0%af..%c0%afetc/passwd", "../access/access.sqlite",
    "current/../../layers.gpkg", ".", "..", "~root", "current%00.json", ".old-current", "/etc/passwd", "CON",
)  # fmt: skip
INJECTIONS = (
    "' OR '1'='1", "1; DROP TABLE api_key; --", '" UNION SELECT secret_sha256 FROM api_key --', "') OR 1=1 --",
    "1' AND randomblob(900000000) --", "$(id)", "`id`", "; cat /etc/passwd", "{{7*7}}", "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "*", "%", "_", "(a+)+$", "\\", "\x00", "\u202e",
    "\ud7ff", "💥" * 50, "A" * 5000,
)  # fmt: skip
PLACES = (
    "/vsicurl/http://127.0.0.1:9/a.tif", "/vsizip//etc/passwd", "/vsimem/a", "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd", "https://evil.example/", "gopher://127.0.0.1:25/", "<VRTDataset><SRS/></VRTDataset>",
    "PG:host=127.0.0.1", "//evil.example/x",
)  # fmt: skip
NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e309", "-1", "0", "99999999999999999999", "-0", "1e-320", "0x10", "１２", "١٢",
    "", "true", "null", "1,2", "NaN,NaN,NaN,NaN", "-inf,-inf,inf,inf", "1e308,1e308,1e309,1e309", "9" * 5000,
)  # fmt: skip
NAMES = (
    "url", "expression", "algorithm", "colormap", "format", "callback", "f[]", "limit", "after", "bbox", "run",
    "profile", "next", "file", "role",
)  # fmt: skip
HEADERS: tuple[Callable[[random.Random], str], ...] = (
    lambda _: "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=127.0.0.1",
    lambda _: "X-HTTP-Method-Override: DELETE",
    lambda _: "X-Original-URL: /v1/audit\r\nX-Rewrite-URL: /metrics",
    lambda _: "X-Role: data_admin\r\nX-User: admin\r\nX-Remote-User: admin",
    lambda r: "\r\n".join(f"X-{i}: {i}" for i in range(r.choice((100, 1000, 9000)))),
    lambda r: "X-Long: " + "a" * r.choice((10_000, 60_000, 300_000)),
    lambda _: "Accept: " + "a/b;q=0.1," * 3000,
    lambda _: "Accept: text/csv;" + " " * 20_000 + "q",
    lambda _: "Accept-Language: " + "vi;q=0.1," * 3000,
    lambda _: "Accept-Language: \xff\xfe",
    lambda _: "Cookie: " + "a=b; " * 5000,
    lambda _: "Range: bytes=" + ",".join("0-" for _ in range(1000)),
    lambda _: "If-None-Match: " + '"a",' * 5000,
    lambda _: "Content-Length: -1",
    lambda _: "Content-Length: 99999999999999999999",
    lambda _: "Transfer-Encoding: chunked\r\nContent-Length: 4",
    lambda _: "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YWFh",
    lambda _: "Expect: 100-continue",
    lambda _: "Origin: https://evil.example",
    lambda _: "Content-Encoding: gzip",
    lambda _: "Content-Type: multipart/form-data; boundary=" + "-" * 300,
)
BODIES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda r: b"[" * (n := r.choice((50, 5000, 200_000))) + b"]" * n,
    lambda _: b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    lambda _: b'{"points": [' + b",".join([b'{"lon": 107, "lat": 19}'] * 30_000) + b"]}",
    lambda _: b'{"points": [{"lon": NaN, "lat": Infinity}]}',
    lambda _: b'{"points": [{"lon": 1e400, "lat": -1e400}]}',
    lambda _: b'{"points": [{"lon": ' + b"9" * 5000 + b', "lat": 19}]}',
    lambda _: b'{"points": [{"lon": "107", "lat": true}], "points": []}',
    lambda _: b'{"removed": ["' + b"A" * 90 + b"'; DROP TABLE stations; --\"]}",
    lambda _: b'{"moved": [{"station_id": "../../x", "lon": 179.9, "lat": 89.9}]}',
    lambda _: b'{"new": [{"station_id": "\\u0000", "operator": "x", "technology": "4G"}]}',
    lambda _: b"\xff\xfe\x00{",
    lambda _: b"\x1f\x8b\x08" + b"\x00" * 1000,
    lambda _: b"x" * 3_000_000,
    lambda _: b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    lambda _: b'{"__class__": "os.system", "role": "data_admin"}',
    lambda _: b"",
)
# Signs of what nobody may see, and of what those without a key may not.
NEVER = (b"root:x:0", b"SQLite format", b"Traceback (most", b"X-Injected:", b"-----BEGIN", b"site-packages")
NOT_PUBLIC = (b'"rsrp_dbm', b'"margin_db', b'"station_id"', b'"distance_km"', b'"mast')


@dataclass
class Attack:
    """Whom to ask and as whom: keys by role."""

    host: str
    port: int
    workspace: Workspace
    keys: dict[str, str]
    seed: int = 1


@dataclass
class Found:
    """What came of it: statuses, and a sentence for every fault."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def attack(given: Attack, count: int) -> Found:
    """Send hostile requests, one after the other."""
    found, rng = Found(), random.Random(given.seed)
    before = fingerprint(given.workspace)
    document = json.loads(_send(given, b"GET /openapi.json HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")[1])
    ids = [name.encode() for name in given.workspace.read_layer("stations")["station_id"].astype(str)]
    strangers = list(_strangers(given, rng))
    known = [("public", ""), *((role, f"Authorization: Bearer {key}") for role, key in given.keys.items())]
    for _ in range(count):
        role, shown = rng.choice(known if rng.random() < 0.7 else strangers)
        request = _request(document["paths"], shown, rng)
        head, body = _send(given, request)
        status = head[9:12].decode("latin-1") or "closed"
        found.statuses[status] += 1
        signs = [sign for sign in NEVER if sign in head + body]
        if role != "planner" and not request.startswith((b"GET /openapi.json", b"GET /v1/audit")):
            words = NOT_PUBLIC if b"json" in head else ()
            signs += [sign for sign in (*words, *ids, str(given.workspace.path).encode()) if sign in body]
        busy = status == "503" and b"retry-after" in head.lower()
        if signs or (status.startswith("5") and not busy):
            found.faults.append(f"{role} {status} {signs}: {request[:400]!r} -> {body[:300]!r}")
    if fingerprint(given.workspace) != before:
        found.faults.append("something was written")
    return found


def fingerprint(workspace: Workspace) -> dict[str, str]:
    """Hashes of all files but keys, audit log and what the cache keeps, which is made anew where it is missing."""
    root = workspace.path
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] not in ASIDE]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _strangers(given: Attack, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Callers who are nobody: without a key, with a forged, damaged or expired one, with a forged session."""
    real = given.keys["planner"]
    long_ago = Keys(AccessStore(given.workspace.path), clock=lambda: 1e9)
    expired = long_ago.add(f"expired-{secrets.token_hex(8)}", "data_admin", days=1)
    yield from (("public", ""), ("public", "X-No: key"))
    forged = f"phusong_{rng.randbytes(8).hex()}_{'A' * 43}"
    bearers = (
        expired,
        forged,
        real[:-1],
        real[:-1] + "!",
        real + "A",
        "null",
        "' OR 1=1 --",
        "eyJhbGciOiJub25lIn0.e30.",
    )
    yield from (("stranger", f"Authorization: Bearer {text}") for text in bearers)
    yield "stranger", f"Authorization: Bearer {real}\r\nAuthorization: Bearer {forged}"
    yield "stranger", "Authorization: Basic YWRtaW46YWRtaW4="
    for cookie in ("A" * 43, "' OR 1=1 --", "../../x", "1; __Host-phusong=2"):
        yield "stranger", f"Cookie: __Host-phusong={cookie}"


def _request(paths: dict[str, dict[str, dict]], shown: str, rng: random.Random) -> bytes:
    """One request: a path of the service with something hostile in one place or several."""
    path, operations = rng.choice([*paths.items(), ("/openapi.json", {"get": {}}), ("/{x}", {"get": {}})])
    method = rng.choice(list(operations)).upper() if rng.random() < 0.8 else rng.choice(METHODS)
    declared = [entry for entry in next(iter(operations.values())).get("parameters", ()) if entry["in"] == "query"]
    asked = {entry["name"]: _value(rng) for entry in declared if entry.get("required") or rng.random() < 0.3}
    if rng.random() < 0.3:
        asked[rng.choice(NAMES)] = _value(rng)
    raw = rng.random() < 0.2
    target = re.sub(r"\{[^}]*\}", lambda _: rng.choice(("current", _bad(rng) if raw else quote(_bad(rng)))), path)
    query = "&".join(f"{name}={value if raw else quote(value)}" for name, value in asked.items())
    lines = [f"{method} {target}{'?' if query else ''}{query} HTTP/1.1", "Host: here", "Connection: close"]
    lines += [shown] if shown else []
    lines += [rng.choice(HEADERS)(rng)] if rng.random() < 0.3 else []
    body = rng.choice(BODIES)(rng) if method in ("POST", "PUT", "PATCH") or rng.random() < 0.05 else b""
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


def _bad(rng: random.Random) -> str:
    return rng.choice(rng.choice((TRAVERSALS, INJECTIONS, PLACES)))


def _value(rng: random.Random) -> str:
    return rng.choice(rng.choice((TRAVERSALS, INJECTIONS, PLACES, NUMBERS)))


def _send(given: Attack, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer; empty where the connection was ended without one."""
    parts = []
    with socket.create_connection((given.host, given.port), timeout=150) as caller:
        with suppress(ConnectionError):  # it may have answered and closed before all was sent
            caller.sendall(request)
        with suppress(ConnectionError):
            while part := caller.recv(2**20):
                parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return head, body
