"""Every route, every role: who may ask, and what the public sees."""

import itertools
from datetime import date, timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from phusong.api.access import Guarded, GuardedRoute, for_role, roles_of_routes
from phusong.api.access_store import AccessStore
from phusong.api.access_views import public_cell, public_view
from phusong.api.app import create_app
from phusong.api.callers import ANYBODY, ROLES
from phusong.api.download_routes import FILES
from phusong.api.errors import UnauthenticatedError
from phusong.api.jobs.rows import open_rows
from phusong.api.jobs.table import JobTable
from phusong.api.keys import Keys
from phusong.api.whatif_models import EXAMPLE
from phusong.coverage.compute import compute
from phusong.coverage.results import current_run_id
from phusong.geodata.errors import SettingsError

from .conftest import local_client, run

# What locates masts: names of columns and indicators, and the ids of the sample province.
SECRETS = ("rsrp", "margin", "station", "distance", "probability", "nearest", "mast", "endpoint", "level_dbm")
IDS = ("TRAM-", "CQ0")
FEATURES = ("settlements", "communes", "old_communes", "districts", "provinces")
# A question that every route with parameters answers.
ASKED = {
    "/v1/point": ["/v1/point?lon=107.2&lat=19.05", "/v1/point?lon=107&lat=19"],
    "/v1/coverage/{code}": ["/v1/coverage/901", "/v1/coverage/99?date=2031-01-01"],
    "/v1/settlements/{settlement_id}": ["/v1/settlements/TM022", "/v1/settlements/TM096?profile=ofcom"],
    "/v1/runs/{run_id}": ["/v1/runs/current"],
    "/v1/runs/{run_a}/diff/{run_b}": ["/v1/runs/current/diff/current"],
    "/tiles/{run}/{technology}/{z}/{x}/{y}": ["/tiles/current/4G/10/816/456", "/tiles/current/any/13/6535/3654"],
    "/tiles/{run}/{technology}/tilejson.json": ["/tiles/current/4G/tilejson.json"],
    "/tiles/{run}/{technology}/rsrp/{z}/{x}/{y}": ["/tiles/current/4G/rsrp/10/816/456"],
    "/tiles/{run}/{technology}/rsrp/tilejson.json": ["/tiles/current/4G/rsrp/tilejson.json"],
    "/downloads/{run}/{name}": [f"/downloads/current/{name}" for name in FILES],
    "/downloads/{run}/class/{technology}.tif": ["/downloads/current/class/4G.tif"],
    "/downloads/{run}/rsrp/{technology}.tif": ["/downloads/current/rsrp/4G.tif"],
    "/v1/profile": ["/v1/profile?from=TRAM-064-B-3G&to=107.29,19.08"],
    "/v1/coverage": [f"/v1/coverage?f={form}&level={level}" for form in ("json", "csv", "geojson")
                     for level in ("province", "commune", "old_commune", "settlement")],
    "/v1/settlements": [f"/v1/settlements?f={form}&limit=1000{more}" for form in ("json", "csv", "geojson")
                        for more in ("", "&profile=ofcom")],
    "/ogc/collections/{collection_id}": [f"/ogc/collections/{name}" for name in FEATURES],
    "/ogc/collections/{collection_id}/queryables": [f"/ogc/collections/{name}/queryables" for name in FEATURES],
    "/ogc/collections/{collection_id}/items": [f"/ogc/collections/{name}/items?limit=1000" for name in FEATURES],
    "/ogc/collections/{collection_id}/items/{feature_id:path}": ["/ogc/collections/settlements/items/TM022",
                                                                 "/ogc/collections/communes/items/99003"],
}  # fmt: skip
BODIES = {
    "/v1/points": {"points": [{"lon": 107.2, "lat": 19.05}, {"lon": 107.29, "lat": 19.08}]},
    "/v1/whatif": {"new": [EXAMPLE["new"][0] | {"lon": 107.2, "lat": 19.05}]},
    "/v1/jobs": {},
}
FILES = {"/v1/imports": {"file": ("stations.csv", b"station_id")}}


@pytest.fixture(scope="module")
def app(computed):
    return create_app(computed.path)


@pytest.fixture(scope="module")
def callers(app, computed):
    """A client of each role."""
    keys = Keys(AccessStore(computed.path))
    clients = {"public": TestClient(app)}
    for role in ROLES[1:]:
        clients[role] = TestClient(app, headers={"Authorization": f"Bearer {keys.add(f'a-{role}', role)}"})
    return clients


def routes(computed):
    return list(roles_of_routes(create_app(computed.path)))


MAY = {"public": set(ROLES), "planner": {"planner", "data_admin"}, "data_admin": {"data_admin"}, "auditor": {"auditor"}}


def leaks(answer):
    """Names and ids anywhere in an answer that locate masts."""
    if isinstance(answer, dict):
        yield from (name for name in answer if any(secret in name for secret in SECRETS))
        answer = list(answer.values())
    if isinstance(answer, list):
        for inner in answer:
            yield from leaks(inner)
    elif isinstance(answer, str) and (answer in SECRETS or answer in ("masts", "stations") or hasid(answer)):
        yield answer


def hasid(text):
    return any(start in text for start in IDS)


def test_every_role_gets_what_the_route_says_and_no_more(callers, computed):
    job, _ = JobTable(open_rows(computed.path)).add("compute", {}, caller="a")
    for path, methods, needed in routes(computed):
        for role, client in callers.items():
            for method, asked in itertools.product(methods, ASKED.get(path, [path])[:2]):
                question = asked.replace("{job_id}", job.job_id)
                status = client.request(method, question, json=BODIES.get(path), files=FILES.get(path)).status_code
                expected = (200, 202) if role in MAY[needed] else (401,) if role == "public" else (403,)
                assert status in expected, (asked, method, role)


def test_the_public_sees_nothing_that_locates_masts(callers, computed):
    for path, methods, needed in routes(computed):
        if needed == "public" and path != "/openapi.json":
            for method, asked in itertools.product(methods, ASKED.get(path, [path])):
                for role in ("public", "auditor"):
                    answer = callers[role].request(method, asked, json=BODIES.get(path))
                    assert answer.status_code == 200
                    assert found_in(answer) == [], asked
    assert all(found_in(callers["planner"].get(path)) for path in (*ASKED["/v1/settlements"], ASKED["/v1/point"][0]))


def found_in(answer):
    """What locates masts in an answer: JSON of any kind, CSV or a page; pictures and files have tests of their own."""
    if answer.headers["content-type"].startswith(("image/", "application/geopackage", "application/vnd.openxml")):
        return []
    if "json" in answer.headers["content-type"]:
        return list(leaks(answer.json()))
    header = answer.text.partition("\n")[0] if "csv" in answer.headers["content-type"] else ""
    return [*(word for word in SECRETS if word in header), *(start for start in IDS if start in answer.text)]


def test_a_planner_sees_levels_where_the_public_sees_classes(callers):
    whole = callers["planner"].get("/v1/settlements").json()
    public = callers["public"].get("/v1/settlements").json()
    assert hasid(callers["planner"].get("/map").text)
    assert [row["class_4G"] for row in whole["rows"]] == [row["service"]["4G"] for row in public["rows"]]
    assert "rsrp_dbm_4G" in whole["rows"][0]
    assert (whole["numerator"], whole["people"]) == (public["numerator"], public["people"])


def test_all_points_of_a_cell_get_one_public_answer(callers):
    crs = "EPSG:32648"
    lon, lat = public_cell(crs, 107.2, 19.05)
    near = [callers["public"].get(f"/v1/point?lon={lon + d}&lat={lat + d}").json() for d in (-0.0004, 0, 0.0004)]
    assert near[0] == near[1] == near[2]
    assert (near[0]["lon"], near[0]["lat"], near[0]["cell_m"]) == (lon, lat, 100)
    assert callers["public"].get(f"/v1/point?lon={lon + 0.002}&lat={lat}").json()["lon"] != lon


def test_a_scenario_is_not_there_for_the_public(copied):
    published = current_run_id(copied)
    scenario = compute(copied, scenario="plans", as_of=date.today() + timedelta(days=2)).run_id
    public, local = TestClient(create_app(copied.path)), local_client(copied)
    for name in (scenario, "plans"):
        assert local.get("/v1/coverage", params={"run": name}).status_code == 200
        hidden, unknown = (public.get("/v1/coverage", params={"run": asked}) for asked in (name, "none"))
        assert hidden.status_code == 404
        assert hidden.json() == unknown.json()
        assert scenario not in hidden.text
    assert [found["run_id"] for found in public.get("/v1/runs").json()["runs"]] == [published]


def everything(_request):
    return PlainTextResponse("all")


def test_a_route_without_a_role_cannot_be_made():
    app = FastAPI(openapi_url=None)
    app.router.route_class = GuardedRoute
    with pytest.raises(TypeError, match="declares no role"):
        app.get("/secret")(lambda: 1)
    app.add_route("/other", everything)
    with pytest.raises(TypeError, match="declares no role"):
        list(roles_of_routes(app))


def test_a_mounted_application_needs_a_role_too():
    inner = Starlette(routes=[Route("/items", everything)])
    app = FastAPI(openapi_url=None)
    app.mount("/ogc", inner)
    with pytest.raises(TypeError, match="declares no role"):
        list(roles_of_routes(app))
    app.router.routes = [Mount("/ogc", Guarded(inner, "planner"))]
    assert [(path, role) for path, _, role in roles_of_routes(app)] == [("/ogc/items", "planner")]
    with pytest.raises(UnauthenticatedError):
        TestClient(app).get("/ogc/items")


def test_an_answer_of_which_nobody_said_what_is_public_is_not_shown():
    class Fresh(BaseModel):
        rsrp_dbm: float = -80

    with pytest.raises(TypeError, match="no public view"):
        public_view(Fresh())


def test_a_handler_is_not_reached_without_its_role():
    reached = []

    app = FastAPI(openapi_url=None)
    app.router.route_class = GuardedRoute

    @app.post("/v1/imports")
    @for_role("data_admin")
    def imports(body: dict) -> None:
        reached.append(body)

    with pytest.raises(UnauthenticatedError):
        TestClient(app).post("/v1/imports", content=b"no json")
    assert not reached
    assert not ANYBODY.may("data_admin")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic dTpw", "Bearer phusong_0123456789abcdef_" + "A" * 43, "bearer \xff", "Bearer a b"],
)
def test_a_key_that_is_none_is_refused_even_where_everybody_may_ask(callers, header):
    answer = callers["public"].get("/v1/coverage", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_keys_in_one_request_are_refused(callers, computed):
    headers = [("Authorization", callers["planner"].headers["Authorization"])] * 2
    assert callers["public"].get("/v1/coverage", headers=headers).status_code == 401


def test_a_revoked_key_is_refused_at_once_in_a_service_that_runs(computed, app):
    key = run("keys", "add", computed.path, "soon-gone", "--role", "planner").stdout.strip()
    client = TestClient(app, headers={"Authorization": f"Bearer {key}"})
    assert client.get("/v1/coverage").status_code == 200
    assert run("keys", "revoke", computed.path, "soon-gone").exit_code == 0
    assert client.get("/v1/coverage").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8000"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:8000"}, 403),
        ({"Host": "127.0.0.1:8000", "X-Forwarded-For": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:8000", "Forwarded": "for=127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:8000", "X-Forwarded-Host": "localhost"}, 403),
    ],
)
def test_without_access_control_only_this_machine_is_answered(client, headers, status):
    assert client.get("/v1/settlements", headers=headers).status_code == status


def test_without_access_control_another_machine_is_refused(computed):
    app = create_app(computed.path, access_control=False)
    client = TestClient(app, base_url="http://127.0.0.1", client=("192.0.2.7", 50000))
    assert client.get("/healthz").status_code == 403


def test_serving_others_without_access_control_is_refused(computed):
    result = run("serve", computed.path, "--host", "0.0.0.0", "--no-access-control")
    assert result.exit_code == 1
    assert "--no-access-control" in result.stderr


def test_what_is_wrong_inside_is_told_to_planners_and_not_to_the_public(empty):
    key = Keys(AccessStore(empty.path)).add("p", "planner")
    app = create_app(empty.path)
    assert str(empty.path) in TestClient(app, headers={"Authorization": f"Bearer {key}"}).get("/v1/coverage").text
    public = TestClient(app).get("/v1/coverage")
    assert public.status_code == 503
    assert str(empty.path) not in public.text


def test_headers_of_a_proxy_are_believed_from_its_address_only(empty):
    with (empty.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\ntrusted_proxies = ["10.0.0.0/8", "fd00::/8"]\n')
    app, headers = create_app(empty.path), {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}

    @app.get("/who")
    @for_role("public")
    def who(request: Request) -> list[str]:
        return [request.client.host, request.url.scheme]

    for address, seen in {"10.1.2.3": "203.0.113.5", "fd00::1": "203.0.113.5", "192.0.2.7": "192.0.2.7"}.items():
        scheme = "https" if seen == "203.0.113.5" else "http"
        assert TestClient(app, client=(address, 50000)).get("/who", headers=headers).json() == [seen, scheme]


def test_a_trusted_proxy_that_is_no_address_is_refused(empty):
    with (empty.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\ntrusted_proxies = ["*"]\n')
    with pytest.raises(SettingsError, match="trusted_proxies"):
        create_app(empty.path)
