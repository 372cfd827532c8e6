"""One settlement, many points, one path, one run, two runs; lists as CSV and GeoJSON."""

import csv
import io
import json
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from phusong.api.app import create_app
from phusong.api.detail_models import PointsAnswer, SettlementAnswer
from phusong.api.models import RunSummary
from phusong.api.settlement_answer import PublicSettlementAnswer
from phusong.coverage.compute import compute
from phusong.coverage.profile import explain_path
from phusong.coverage.results import Results, current_run_id

from .conftest import local_client, run


@pytest.fixture(scope="module")
def public(computed):
    return TestClient(create_app(computed.path))


def got(client, path, **params):
    response = client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response


def table(response):
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def unserved(client):
    rows = got(client, "/v1/settlements", signal="none").json()["rows"]
    return next(row for row in rows if row["lon"] is not None)


def test_a_settlement_without_signal_tells_why_as_the_path_evaluator_does(client, computed):
    row = unserved(client)
    answer = got(client, f"/v1/settlements/{row['settlement_id']}", run=current_run_id(computed))
    found = SettlementAnswer.model_validate_json(answer.content)
    assert found.settlement.settlement_id == row["settlement_id"]
    assert found.reasons.paths
    assert found.reasons.funding_text.vi
    day = date.fromisoformat(str(found.as_of))
    for told in found.reasons.paths:
        path = explain_path(computed, told.station_id, lon=row["lon"], lat=row["lat"], as_of=day)
        obstacle = path.path.obstacle
        assert (told.obstacle.clearance_m, told.obstacle.terrain_m) == (obstacle.clearance_m, obstacle.terrain_m)
        assert (told.distance_km, told.margin_db) == (path.distance_km, path.level.margin_db)
        lons = sorted((path.station.lon, row["lon"]))
        assert lons[0] - 1e-5 <= told.obstacle.lon <= lons[1] + 1e-5


def test_the_signals_of_a_settlement_are_those_of_its_row(client, computed):
    results = Results.open(computed)
    row = results.settlements[results.settlements["class_4G"] == "good"].iloc[0]
    found = SettlementAnswer.model_validate_json(got(client, f"/v1/settlements/{row['settlement_id']}").content)
    assert found.reasons is None or row["signal"] != "good"
    best = max((s for s in found.signals if s.technology == "4G"), key=lambda s: s.margin_db)
    assert best.station_id == row["station_id_4G"]
    assert best.margin_db == pytest.approx(row["margin_db_4G"], abs=0.01)


def test_the_public_learns_the_cause_and_no_station(public, client):
    row = unserved(client)
    text = got(public, f"/v1/settlements/{row['settlement_id']}").text
    assert PublicSettlementAnswer.model_validate_json(text).reasons.cause
    assert "TRAM-" not in text
    assert "distance" not in json.dumps(json.loads(text)["reasons"])


def test_an_unknown_settlement_is_not_found(client):
    assert client.get("/v1/settlements/nobody").status_code == 404


def test_many_points_are_answered_as_each_alone(client, public):
    places = [{"lon": 106.5 + step / 20, "lat": 17.0 + step / 15} for step in range(12)] + [{"lon": 0, "lat": 0}]
    for caller in (client, public):
        response = caller.post("/v1/points", json={"points": places})
        assert response.status_code == 200, response.text
        for place, row in zip(places, response.json()["rows"], strict=True):
            alone = got(caller, "/v1/point", **place).json()
            assert row == {name: alone[name] for name in row}
        PointsAnswer.model_validate_json(response.content)


@pytest.mark.parametrize("points", [[], [{"lon": 200, "lat": 0}], [{"lon": 1}], [{"lon": 1, "lat": 1}] * 1001, "x"])
def test_points_that_cannot_be_are_refused(client, points):
    assert client.post("/v1/points", json={"points": points}).status_code == 422


def test_a_path_is_that_of_the_command(client, computed):
    results = Results.open(computed)
    station, row = results.stations["station_id"].iloc[0], results.settlements.dropna(subset=["lon"]).iloc[0]
    to = f"{row['lon']},{row['lat']}"
    told = json.loads(run("profile", computed.path, "--from", station, "--to", to, "--json").stdout)
    assert client.get("/v1/profile", params={"from": station, "to": to}).json() == told
    assert client.get("/v1/profile", params={"from": station, "to": "east"}).status_code == 422


def test_a_run_and_what_it_changed_are_told(copied):
    client, public = local_client(copied), TestClient(create_app(copied.path))
    first = current_run_id(copied)
    found = RunSummary.model_validate_json(got(client, f"/v1/runs/{first}").content)
    assert (found.run_id, found.is_current) == (first, True)
    second = compute(copied, as_of=found.as_of + timedelta(days=3)).run_id
    told = got(client, f"/v1/runs/{first}/diff/{second}").json()
    assert told == json.loads(run("diff", copied.path, first, second, "--json").stdout)
    shown = got(client, f"/v1/runs/{first}/diff/{second}", f="geojson")
    assert shown.headers["content-type"] == "application/geo+json"
    assert public.get(f"/v1/runs/{first}/diff/{second}").status_code == 401
    assert "timings" not in got(public, f"/v1/runs/{first}").json()


def test_lists_come_as_csv_with_run_and_date(client, public, computed):
    answer = got(client, "/v1/settlements", limit=5).json()
    rows = table(got(client, "/v1/settlements", limit=5, f="csv"))
    assert [row["settlement_id"] for row in rows] == [row["settlement_id"] for row in answer["rows"]]
    assert {row["run_id"] for row in rows} == {answer["run_id"]}
    assert "service_4G" in table(got(public, "/v1/settlements", f="csv"))[0]
    figures = client.get("/v1/coverage?level=commune", headers={"Accept": "text/csv"})
    assert figures.headers["content-type"].startswith("text/csv")
    assert len(table(figures)) == len(got(client, "/v1/coverage", level="commune").json()["rows"])
    assert table(got(client, "/v1/settlements", q="khong co", f="csv")) == []


def test_lists_come_as_geojson_with_their_heading(client):
    found = client.get("/v1/settlements?limit=5", headers={"Accept": "application/geo+json;q=0.9, text/csv;q=0.1"})
    assert found.headers["content-type"] == "application/geo+json"
    collection = found.json()
    assert (collection["type"], len(collection["features"])) == ("FeatureCollection", 5)
    assert collection["profile"] == "qcvn"
    for feature in collection["features"]:
        own = feature["properties"]
        assert feature["geometry"] == {"type": "Point", "coordinates": [own["lon"], own["lat"]]}
    shapes = got(client, "/v1/coverage", level="commune", technology="4G", f="geojson").json()["features"]
    assert {feature["geometry"]["type"] for feature in shapes} <= {"Polygon", "MultiPolygon"}


def test_a_path_is_that_of_the_layers_as_they_are_now(copied):
    client, place = local_client(copied), "/v1/profile?from=TRAM-064-B-3G&to=107.29,19.08"
    stations = copied.read_layer("stations")
    for added_m in (0, 7):
        copied.write_layer("stations", stations.assign(height_agl_m=stations["height_agl_m"] + added_m))
        height_m = stations.set_index("station_id").loc["TRAM-064-B-3G", "height_agl_m"] + added_m
        assert client.get(place).json()["station"]["height_agl_m"] == height_m
