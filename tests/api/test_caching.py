from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.keys import Keys
from phusong.coverage.compute import compute

PATHS = (
    "/v1/coverage?level=commune",
    "/v1/settlements?signal=none",
    "/v1/point?lon=107.2&lat=19.05",
    "/map",
    "/v1/runs",
)


def clients_of(workspace):
    """The public and a planner."""
    app = create_app(workspace.path)
    key = Keys(AccessStore(workspace.path)).add("cache", "planner")
    return TestClient(app), TestClient(app, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def clients(computed):
    return clients_of(computed)


def again(client, answer, **headers):
    """Ask once more, saying what one has."""
    known = {"If-None-Match": answer.headers["ETag"], **headers}
    return client.get(str(answer.request.url), headers=known)


def test_what_a_caller_has_is_not_sent_again(clients):
    for client in clients:
        for path in PATHS:
            first = client.get(path)
            second = again(client, first)
            assert (second.status_code, second.content) == (304, b""), path
            same = ("ETag", "Vary", "Cache-Control")
            assert [second.headers[name] for name in same] == [first.headers[name] for name in same]


def test_a_tag_is_of_one_question_view_format_and_language(clients):
    public, planner = clients
    first = public.get("/v1/coverage?level=commune&technology=4G")
    assert again(planner, first).status_code == 200
    assert again(public, first, Accept="text/csv").status_code == 200
    assert again(public, first, **{"Accept-Language": "vi"}).status_code == 200
    other = {"If-None-Match": first.headers["ETag"]}
    assert public.get("/v1/coverage?level=commune", headers=other).status_code == 200
    assert public.get("/v1/coverage?technology=4G&level=commune", headers=other).status_code == 304


@pytest.mark.parametrize("given", ["*", '"other", {}', "{}", "{strong}"])
def test_tags_are_compared_as_the_standard_says(clients, given):
    tag = clients[0].get("/v1/coverage").headers["ETag"]
    given = given.format(tag, strong=tag.removeprefix("W/"))
    assert clients[0].get("/v1/coverage", headers={"If-None-Match": given}).status_code == 304


def test_only_the_view_of_the_public_may_be_kept_by_others(clients):
    public, planner = clients
    for path in (*PATHS, "/v1/runs", "/"):
        assert "no-store" in planner.get(path).headers["Cache-Control"]
    assert all(public.get(path).headers["Cache-Control"] == "public, no-cache" for path in PATHS)
    assert {"Authorization", "Cookie"} <= set(public.get(PATHS[0]).headers["Vary"].split(", "))


def test_access_is_checked_before_anything_else(clients):
    public, planner = clients
    first = planner.get("/v1/coverage")
    expired = {"Authorization": "Bearer phusong_none", "If-None-Match": first.headers["ETag"]}
    assert public.get("/v1/coverage", headers=expired).status_code == 401
    assert public.get("/v1/audit", headers={"If-None-Match": "*"}).status_code == 401


def test_errors_have_no_tag(clients):
    for path in ("/v1/coverage?colour=red", "/v1/coverage?unit=00000", "/v1/coverage?run=none"):
        assert "ETag" not in clients[0].get(path).headers


def test_a_publication_changes_every_tag_at_once_in_every_process(copied):
    clients = clients_of(copied)
    elsewhere = TestClient(create_app(copied.path))
    before = [clients[0].get(path) for path in PATHS]
    assert [again(elsewhere, answer).status_code for answer in before] == [304] * len(PATHS)
    compute(copied, as_of=date.today() + timedelta(days=3))
    for client in (clients[0], elsewhere):
        assert [again(client, answer).status_code for answer in before] == [200] * len(PATHS)


def test_an_import_changes_the_tags_of_what_reads_the_layers(copied):
    clients = clients_of(copied)
    point, settlements = (clients[0].get(path) for path in (PATHS[2], PATHS[1]))
    copied.write_layer("fibre_endpoints", copied.read_layer("fibre_endpoints").iloc[1:])
    assert again(clients[0], point).status_code == 200
    assert again(clients[0], settlements).status_code == 304


def test_settings_change_every_tag_at_the_next_start(copied):
    first = clients_of(copied)[0].get("/v1/coverage")
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n# changed\n")
    assert again(TestClient(create_app(copied.path)), first).status_code == 200
