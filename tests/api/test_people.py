"""Sign-in at a real OpenID Connect provider, which the test starts."""

import contextlib
import socket
import subprocess
import sys
import time
from datetime import date
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.audit import AuditLog
from phusong.api.errors import ProviderError
from phusong.api.session_routes import local_path
from phusong.api.sessions import Login, Sessions
from phusong.geodata.errors import SettingsError

SETTINGS = """
[service]
public_url = "https://phusong.example"
[service.sign_in]
issuer = "{issuer}"
client_id = "phusong"
[service.sign_in.roles]
planner = ["planners"]
data_admin = ["admins"]
"""


@pytest.fixture(scope="module")
def issuer():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    provider = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while provider.poll() is None:
            with contextlib.suppress(httpx2.ConnectError):
                httpx2.get(address)
                break
            time.sleep(0.1)
        yield address
    finally:
        provider.terminate()
        provider.wait(30)


@pytest.fixture
def app(copied, issuer, monkeypatch):
    monkeypatch.setenv("PHUSONG_OIDC_CLIENT_SECRET", "any")
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS.format(issuer=issuer))
    return create_app(copied.path)


def browser(app):
    return TestClient(app, base_url="https://phusong.example", follow_redirects=False)


def come_back(client, issuer, sub, groups, path="/map"):
    """Begin to sign in, be somebody at the provider; gives the address to which it sends the browser back."""
    person = {"preferred_username": f"{sub}-name", "groups": groups}
    assert httpx2.put(f"{issuer}/users/{sub}", json=person).status_code == 204
    begun = client.get("/login", params={"next": path})
    assert begun.status_code == 303, begun.text
    return httpx2.post(begun.headers["location"], data={"sub": sub}).headers["location"]


def signed_in(app, issuer, sub="lan", groups=("planners",)):
    client = browser(app)
    back = client.get(come_back(client, issuer, sub, list(groups)))
    assert (back.status_code, back.headers["location"]) == (303, "/map"), back.text
    return client


def test_a_person_signs_in_with_the_role_of_their_group(app, issuer, copied):
    client = signed_in(app, issuer)
    me = client.get("/me").json()
    assert (me["name"], me["kind"], me["roles"]) == ("lan-name (lan)", "session", ["planner"])
    assert "rsrp_dbm_4G" in client.get("/v1/settlements").json()["rows"][0]
    assert client.get("/v1/audit").status_code == 403
    noted = AuditLog(copied.path).entries(since=date(2020, 1, 1))
    assert {entry["caller"] for entry in noted if entry["kind"] == "session"} == {"lan-name (lan)"}


def test_the_provider_is_asked_with_pkce_state_and_nonce(app):
    asked = parse_qs(urlsplit(browser(app).get("/login").headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert all(len(asked[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))
    assert asked["redirect_uri"] == ["https://phusong.example/callback"]


def test_the_cookie_is_for_this_service_alone(app, issuer):
    client = browser(app)
    answer = client.get(come_back(client, issuer, "lan", ["planners"]))
    session, login = answer.headers.get_list("set-cookie")
    assert session.startswith("__Host-phusong=")
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in session
    assert 'phusong-login="";' in login


def test_nobody_signs_in_with_another_browsers_sign_in(app, issuer):
    mine, other = browser(app), browser(app)
    address = come_back(mine, issuer, "lan", ["planners"])
    other.get("/login")
    assert other.get(address).status_code == 401
    assert other.get("/me").json()["kind"] == "anybody"


def test_a_sign_in_counts_once(app, issuer):
    client = browser(app)
    address = come_back(client, issuer, "lan", ["planners"])
    kept = client.cookies["__Host-phusong-login"]
    assert client.get(address).status_code == 303
    again = browser(app)
    again.cookies.set("__Host-phusong-login", kept)
    assert again.get(address).status_code == 401


@pytest.mark.parametrize("change", [{"code": "forged"}, {"state": "forged"}, {"code": ""}])
def test_a_forged_return_does_not_sign_in(app, issuer, change):
    client = browser(app)
    asked = parse_qs(urlsplit(come_back(client, issuer, "lan", ["planners"])).query)
    params = {name: values[0] for name, values in asked.items() if name in ("code", "state")}
    assert client.get("/callback", params={**params, **change}).status_code == 401
    assert client.get("/me").json()["roles"] == ["public"]


def test_a_person_without_a_role_is_told_so_and_not_signed_in(app, issuer):
    client = browser(app)
    answer = client.get(come_back(client, issuer, "minh", ["guests"]))
    assert answer.status_code == 403
    assert "minh-name" in answer.json()["detail"]
    assert client.get("/me").json()["kind"] == "anybody"


def test_a_change_in_a_session_needs_its_csrf_token(app, issuer):
    client = signed_in(app, issuer)
    token = client.get("/me").json()["csrf_token"]
    statuses = [client.post("/v1/coverage", headers=headers).status_code for headers in
                ({}, {"X-CSRF-Token": "forged"}, {"X-CSRF-Token": token})]  # fmt: skip
    assert statuses == [403, 403, 405]


def test_signing_out_ends_the_session_everywhere(app, issuer, copied):
    client = signed_in(app, issuer)
    elsewhere = TestClient(create_app(copied.path), base_url="https://phusong.example", cookies=dict(client.cookies))
    assert elsewhere.get("/me").json()["kind"] == "session"
    assert client.post("/logout", data={"csrf_token": "forged"}).status_code == 403
    page = client.get("/session")
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    left = client.post("/logout", data={"csrf_token": token})
    assert left.status_code == 303
    assert left.headers["location"].startswith(issuer)
    assert [one.get("/me").json()["kind"] for one in (client, elsewhere)] == ["anybody", "anybody"]


def test_a_session_ends_after_its_hours(tmp_path):
    now_s = [1e9]
    sessions = Sessions(AccessStore(tmp_path), clock=lambda: now_s[0])
    token = sessions.open("lan", ["planner"], hours=8)
    now_s[0] += 8 * 3600 - 1
    assert sessions.find(token).caller.name == "lan"
    now_s[0] += 1
    assert sessions.find(token) is None


def test_a_sign_in_may_take_ten_minutes(tmp_path):
    now_s = [1e9]
    sessions = Sessions(AccessStore(tmp_path), clock=lambda: now_s[0])
    token = sessions.begin(Login("state", "nonce", "verifier", "/"))
    now_s[0] += 600
    assert sessions.finish(token) is None


def test_only_a_hash_of_a_session_is_kept(tmp_path):
    store = AccessStore(tmp_path)
    token = Sessions(store).open("lan", ["planner"], hours=8)
    assert token.encode() not in store.path.read_bytes()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/map?run=current", "/map?run=current"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("map", "/"),
        ("/a\nSet-Cookie: b", "/"),
    ],
)
def test_after_signing_in_one_stays_at_this_service(text, path):
    assert local_path(text) == path


def test_without_a_provider_nobody_signs_in(copied):
    client = browser(create_app(copied.path))
    assert client.get("/login").status_code == 404
    assert client.get("/me").json() == {"name": "", "kind": "anybody", "roles": ["public"], "csrf_token": None}


@pytest.mark.parametrize("issuer_line", ["http://example.vn", "ftp://localhost", "https://"])
def test_a_provider_without_tls_is_refused(copied, issuer_line):
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS.format(issuer=issuer_line))
    with pytest.raises(SettingsError, match="issuer"):
        create_app(copied.path)


def test_a_provider_needs_an_address_to_come_back_to(copied):
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS.format(issuer="https://example.vn").replace("public_url", "# public_url"))
    with pytest.raises(SettingsError, match="public_url"):
        create_app(copied.path)


def test_a_provider_that_does_not_answer_is_503_and_the_rest_goes_on(copied):
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS.format(issuer="http://127.0.0.1:9"))
    client = browser(create_app(copied.path))
    assert client.get("/login").status_code == 503
    assert client.get("/v1/runs").status_code == 200
    assert issubclass(ProviderError, ConnectionError)
