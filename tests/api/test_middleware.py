import asyncio
from datetime import date

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from limits import parse_many

from phusong.api.access import GuardedRoute, for_role
from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.audit import AuditLog
from phusong.api.keys import Keys
from phusong.api.middleware import MovingWindows, RateLimit
from phusong.api.problems import add_error_handlers, language_of

from .conftest import local_client


def asking(workspace, role):
    key = Keys(AccessStore(workspace.path)).add(role, role)
    return TestClient(create_app(workspace.path), headers={"Authorization": f"Bearer {key}"})


def entries(workspace):
    return AuditLog(workspace.path).entries(since=date(2020, 1, 1), limit=1000)


@pytest.fixture
def bare():
    """A service of its own for routes made by a test."""
    app = FastAPI(openapi_url=None)
    app.router.route_class = GuardedRoute
    add_error_handlers(app)
    return app


def test_every_answer_tells_browsers_what_they_may_do(client):
    for path in ("/v1/coverage", "/map", "/nowhere", "/v1/coverage?colour=red"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers


def test_no_other_site_may_read_answers(client):
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = client.get("/v1/coverage", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    assert client.options("/v1/coverage", headers=preflight).status_code == 405


def test_an_address_that_asks_too_often_waits_and_others_do_not(empty):
    with (empty.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\nrate_public = "3/minute"\nrate_known = "5/minute"\n')
    app = create_app(empty.path)
    first, near, other = (TestClient(app, client=(host, 1)) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:1::1"))
    assert [first.get("/").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = near.get("/")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert other.get("/").status_code == 200
    assert first.get("/healthz").status_code == 200
    key = Keys(AccessStore(empty.path)).add("k", "planner")
    known = TestClient(app, headers={"Authorization": f"Bearer {key}"}, client=("2001:db8::1", 1))
    assert [known.get("/").status_code for _ in range(6)] == [200] * 5 + [429]


def test_keys_that_are_none_count_for_their_address(empty):
    with (empty.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\nrate_public = "2/minute"\n')
    client = TestClient(create_app(empty.path))
    statuses = [client.get("/", headers={"Authorization": f"Bearer {guess}"}).status_code for guess in "abc"]
    assert statuses == [401, 401, 429]


def test_the_limit_is_over_when_the_window_is():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    limit = RateLimit(app, public="1/second", known="1/second")
    scope = {"type": "http", "path": "/x", "headers": [], "client": ("192.0.2.1", 1), "method": "GET"}

    async def statuses():
        sent = []

        async def send(message):
            sent.append(message.get("status"))

        for pause_s in (0, 0, 1.05):
            await asyncio.sleep(pause_s)
            await limit(scope, None, send)
        return [status for status in sent if status]

    assert asyncio.run(statuses()) == [200, 429, 200]


def test_callers_are_forgotten_when_their_windows_are_over():
    now = [1000.0]
    windows, (limit,) = MovingWindows(lambda: now[0]), parse_many("2/second")
    for number in range(1000):
        windows.hit(limit, ("address", str(number)))
    assert len(windows) == 1000
    now[0] += 61
    assert [windows.hit(limit, ("address", "one")) for _ in range(3)] == [0, 0, 1]
    assert len(windows) == 1


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_its_limit(pauses_s):
    now, let_in = [0.0], []
    windows, (limit,) = MovingWindows(lambda: now[0]), parse_many("3/5 second")
    for pause_s in pauses_s:
        now[0] += pause_s
        wait_s = windows.hit(limit, ("address", "one"))
        in_window = [then for then in let_in if then > now[0] - 5]
        assert (wait_s == 0) == (len(in_window) < 3)
        if wait_s:
            assert wait_s == in_window[0] + 5 - now[0]
        else:
            let_in.append(now[0])


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(bare):
    @bare.post("/in")
    @for_role("public", body_limit_bytes=10)
    async def taken(request: Request) -> int:
        return len(await request.body())

    client = TestClient(bare)
    assert client.post("/in", content=b"0123456789").json() == 10
    for content in (b"0123456789a", iter([b"01234", b"56789", b"a"])):
        answer = client.post("/in", content=content)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:phusong:problem:large-body")


def test_a_request_that_takes_too_long_is_given_up(bare):
    @bare.post("/slow")
    @for_role("public", time_limit_s=0.05)
    async def slow() -> None:
        await asyncio.sleep(10)

    assert TestClient(bare).post("/slow").status_code == 503


def test_reads_of_the_public_are_not_noted_and_all_others_are(copied):
    public, planner = TestClient(create_app(copied.path)), asking(copied, "planner")
    public.get("/v1/coverage")
    assert entries(copied) == []
    public.get("/v1/audit")
    planner.get("/v1/coverage?level=commune")
    public.post("/v1/coverage")
    noted = [(entry["caller"], entry["method"], entry["route"], entry["status"]) for entry in reversed(entries(copied))]
    assert noted == [
        ("", "GET", "/v1/audit", 401),
        ("planner", "GET", "/v1/coverage", 200),
        ("", "POST", "/v1/coverage", 405),
    ]
    assert entries(copied)[1]["query"] == "level=commune"


def test_keys_are_not_in_the_audit_log(copied):
    planner = asking(copied, "planner")
    planner.get("/v1/coverage")
    secret = planner.headers["Authorization"].rpartition("_")[2]
    assert all(secret not in file.read_text("utf-8") for file in (copied.path / "access/audit").iterdir())


def test_an_answer_that_cannot_be_noted_is_not_given(copied):
    planner = asking(copied, "planner")
    (copied.path / "access").mkdir(exist_ok=True)
    (copied.path / "access/audit").write_text("in the way", "utf-8")
    answer = planner.get("/v1/settlements")
    assert answer.status_code == 503
    assert "rsrp" not in answer.text


def test_a_line_break_in_a_request_does_not_make_an_entry(copied):
    asking(copied, "planner").get("/v1/coverage%0A%7B%22caller%22:%22root%22%7D?x=%0A{}")
    assert len(entries(copied)) == 1


def test_the_auditor_reads_who_was_answered_what(copied):
    asking(copied, "planner").get("/v1/settlements")
    found = asking(copied, "auditor").get("/v1/audit", params={"caller": "planner", "limit": 1}).json()
    assert [entry["route"] for entry in found["entries"]] == ["/v1/settlements"]


def test_a_line_cut_by_a_full_disk_is_shown_and_the_others_too(copied):
    asking(copied, "planner").get("/v1/settlements")
    file = next((copied.path / "access/audit").iterdir())
    with file.open("ab") as lines:
        lines.write(b'{"caller": "pla\n')
    assert [entry["event"] for entry in entries(copied)] == ["damaged", "request"]


def test_old_months_of_the_audit_log_are_removed(tmp_path):
    log = AuditLog(tmp_path)
    log.folder.mkdir(parents=True)
    for month in ("2025-01", "2025-12", "2026-01"):
        (log.folder / f"{month}.jsonl").write_text("{}\n", "utf-8")
    assert log.prune(before=date(2026, 1, 15)) == ["2025-01", "2025-12"]


def test_requests_are_counted_by_route_and_not_by_what_callers_write(copied):
    client = local_client(copied)
    client.get("/v1/coverage?level=commune")
    client.get("/secret-name")
    text = client.get("/metrics").text
    assert 'phusong_requests_total{method="GET",route="/v1/coverage",status="200"} 1.0' in text
    assert 'phusong_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert "secret-name" not in text


def test_the_service_is_alive_before_it_is_ready(empty, copied):
    assert [local_client(empty).get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]
    assert local_client(copied).get("/readyz").json()["run_id"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7", "vi"),
        ("en-US,en;q=0.9,vi;q=0.8", "en"),
        ("fr, *;q=0.5", "en"),
        ("vi;q=0", "en"),
        ("vi;q=nonsense", "en"),
        ("en;q=0.1, vi;q=0.2", "vi"),
    ],
)
def test_the_language_is_the_one_preferred(header, language):
    assert language_of({"headers": [(b"accept-language", header.encode())]}) == language
