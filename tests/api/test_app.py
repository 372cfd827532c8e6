import json
import math
import os
import re
import subprocess
import sys
import urllib.request
from datetime import date, timedelta

import pytest
from pyproj import Transformer

from phusong.api.app import create_app
from phusong.api.errors import STATUS_OF, sentences_of, status_of
from phusong.api.models import (
    CoverageAnswer,
    Health,
    Landing,
    PointAnswer,
    Problem,
    RunsAnswer,
    SettlementsAnswer,
)
from phusong.coverage.compute import compute
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results, current_run_id
from phusong.geodata import errors
from phusong.geodata.errors import PhusongError, WorkspaceError

from .conftest import local_client, run


def get(client, path, model, **params):
    response = client.get(path, params=params)
    assert response.status_code == 200, response.text
    return model.model_validate_json(response.content)


def refused(client, path, status):
    response = client.get(path)
    assert response.status_code == status, response.text
    return Problem.model_validate_json(response.content)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/", Landing),
        ("/healthz", Health),
        ("/v1/coverage", CoverageAnswer),
        ("/v1/coverage?level=commune&technology=4G", CoverageAnswer),
        ("/v1/settlements?signal=weak", SettlementsAnswer),
        ("/v1/runs", RunsAnswer),
    ],
)
def test_every_answer_fits_its_published_model(client, path, model):
    get(client, path, model)


def test_the_service_and_the_command_line_answer_the_same(client, computed):
    for path, words in (
        ("/v1/coverage?level=commune", ("coverage", computed.path, "--level", "commune")),
        ("/v1/settlements?power=no", ("settlements", computed.path, "--power", "no")),
        ("/v1/settlements?uncertain=yes", ("settlements", computed.path, "--uncertain", "yes")),
        ("/v1/runs", ("runs", computed.path)),
    ):
        assert client.get(path).json() == json.loads(run(*words, "--json").stdout)


def test_every_answer_names_run_date_profile_units_and_interference(client, computed):
    for path in ("/v1/coverage", "/v1/settlements", "/v1/point?lon=107&lat=19"):
        found = client.get(path).json()
        assert found["run_id"] == current_run_id(computed)
        assert found["units"]["level"] == "dBm"
        assert found["as_of"]
        assert found["profile"] == "qcvn"
        assert "Interference is not modelled" in found["notes"][0]["en"]


def served_pixel(results, technology="4G"):
    """Longitude, latitude, row and column of a pixel with good service."""
    classes = results.service_class(technology).values
    row, col = (int(part[len(part) // 2]) for part in (classes == 2).nonzero())
    xs, ys = results.grid.centres()
    lon, lat = Transformer.from_crs(results.grid.crs, 4326, always_xy=True).transform(xs[col], ys[row])
    return lon, lat, row, col


def test_a_point_answers_what_the_rasters_of_the_run_hold(client, computed):
    results = Results.open(computed)
    lon, lat, row, col = served_pixel(results)
    found = get(client, "/v1/point", PointAnswer, lon=lon, lat=lat)
    assert found.in_province
    assert found.service["4G"] == "good"
    assert {signal.operator for signal in found.signals} == set(results.operators)
    for signal in found.signals:
        code = results.service_class(signal.technology, signal.operator).values[row, col]
        assert signal.service == ("none", "weak", "good")[code]
        server = results.server(signal.technology, signal.operator).values[row, col]
        assert signal.station_id == (results.stations["station_id"].iloc[server] if server >= 0 else None)
        if signal.rsrp_dbm is not None:
            level = results.rsrp(signal.technology, signal.operator).values[row, col] / 100
            assert signal.rsrp_dbm == pytest.approx(level)
            assert (signal.margin_db >= 0) == (signal.service != "none")
            assert (signal.probability >= found.location_pct / 100) == (signal.service != "none")
    assert found.operators["4G"] == results.n_operators("4G").values[row, col] >= 1


def test_the_union_at_a_point_is_the_best_of_its_technologies(client, computed):
    lon, lat, *_ = served_pixel(Results.open(computed))
    service = get(client, "/v1/point", PointAnswer, lon=lon, lat=lat).service
    rank = {"none": 0, "weak": 1, "good": 2}
    assert rank[service["3G+4G"]] == max(rank[service["3G"]], rank[service["4G"]])
    assert rank[service["any"]] == max(rank.values()) == 2


def test_a_point_names_the_fibre_endpoint_that_reaches_it(client, computed):
    endpoint = computed.read_layer("fibre_endpoints").iloc[0]
    found = get(client, "/v1/point", PointAnswer, lon=endpoint.geometry.x, lat=endpoint.geometry.y)
    assert found.fibre.endpoint_id == endpoint["endpoint_id"]
    assert (found.fibre.in_reach, found.fibre.distance_km, found.broadband) == (True, 0, "yes")


@pytest.mark.parametrize("place", [(0, 0), (-180, -90), (180, 90), (104, 15)])
def test_a_point_outside_the_province_says_so(client, place):
    found = get(client, "/v1/point", PointAnswer, lon=place[0], lat=place[1])
    assert not found.in_province
    assert found.signals == []
    assert any("outside the province" in note.en for note in found.notes)


@pytest.mark.parametrize("lon", ["NaN", "inf", "-Infinity", "181", "east", "", "1e400"])
def test_a_longitude_that_is_no_longitude_is_refused(client, lon):
    assert "lon" in refused(client, f"/v1/point?lat=19&lon={lon}", 422).detail


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/coverage?colour=red", 400),
        ("/v1/coverage?level=commune&level=province", 400),
        ("/v1/runs?limit=1", 400),
        ("/v1/coverage?level=county", 422),
        ("/v1/coverage?level=settlement&operator=M%E1%BA%A1ng%20A", 422),
        ("/v1/coverage?unit=00000", 404),
        ("/v1/coverage?technology=6G", 404),
        ("/v1/coverage?profile=secret", 404),
        ("/v1/coverage?run=../../etc", 404),
        ("/v1/settlements?run=0000000000000000", 404),
        ("/v1/settlements?commune=%00", 404),
        ("/map?run=none", 404),
        ("/v2/coverage", 404),
    ],
)
def test_a_bad_request_gets_its_status_and_a_sentence_in_both_languages(client, path, status):
    english = refused(client, path, status)
    vietnamese = Problem.model_validate_json(client.get(path, headers={"Accept-Language": "vi-VN, en;q=0.5"}).content)
    assert english.detail
    assert (english.type, english.status) == (vietnamese.type, vietnamese.status) == (english.type, status)
    assert english.title != vietnamese.title


@pytest.mark.parametrize("path", ["/", "/v1/coverage", "/v1/point?lon=107&lat=19", "/map", "/v1/coverage?run=none"])
def test_head_is_answered_like_get_without_the_body(client, path):
    head, whole = client.head(path), client.get(path)
    assert (head.status_code, head.headers["content-type"]) == (whole.status_code, whole.headers["content-type"])
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.content == b""


def test_a_union_may_be_asked_for_with_a_plain_plus_sign(client):
    plain, escaped = (client.get(f"/v1/coverage?technology=3G{plus}4G") for plus in ("+", "%2B"))
    assert plain.json() == escaped.json()
    assert plain.json()["rows"]


def test_only_reading_is_served(client):
    assert client.post("/v1/coverage").status_code == 405
    assert client.options("/v1/coverage").headers["allow"] == "GET, HEAD"
    assert client.put("/v1/jobs").headers["allow"] == "GET, HEAD, POST"
    assert client.options(f"/v1/jobs/{'0' * 32}").headers["allow"] == "DELETE, GET, HEAD"


def test_before_the_first_run_the_service_says_that_there_is_none(empty):
    client = local_client(empty)
    assert "phusong compute" in refused(client, "/v1/coverage", 503).detail
    assert refused(client, "/map", 503)
    assert client.get("/healthz").json() == {"status": "ok", "run_id": None}
    assert client.get("/v1/runs").json()["runs"] == []


def test_a_folder_that_is_no_workspace_is_not_served(tmp_path):
    with pytest.raises(WorkspaceError, match="phusong init"):
        create_app(tmp_path)


def test_a_newly_published_run_is_served_without_a_restart_and_the_old_one_stays(copied):
    client = local_client(copied)
    before = client.get("/v1/coverage").json()
    later = compute(copied, as_of=date.fromisoformat(before["as_of"]) + timedelta(days=1))
    after = client.get("/v1/coverage").json()
    assert after["run_id"] == later.run_id != before["run_id"]
    assert client.get("/v1/coverage", params={"run": before["run_id"]}).json() == before


def test_the_map_is_one_page_of_the_published_run(client, computed):
    response = client.get("/map")
    assert response.headers["content-type"].startswith("text/html")
    assert current_run_id(computed) in response.text


def test_the_description_declares_every_status_of_the_table(client):
    described = client.get("/openapi.json").json()["paths"]["/v1/coverage"]["get"]["responses"]
    assert {str(status) for status in STATUS_OF.values()} <= set(described)


def test_every_error_has_a_status_and_a_sentence_in_both_languages():
    leaves = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PhusongError)]
    assert all(kind in STATUS_OF for kind in leaves)
    assert status_of(OutOfValidityError("x")) == 422
    assert sentences_of(errors.InputError("dem.tif: has holes", vi="dem.tif: có lỗ"))[0] == "dem.tif: has holes."


def test_a_real_server_answers_on_a_free_port(computed):
    command = [
        sys.executable,
        "-m",
        "phusong.api.cli",
        "serve",
        str(computed.path),
        "--port",
        "0",
        "--no-access-control",
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        lines = iter(server.stderr.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        with urllib.request.urlopen(f"{address}/v1/coverage?technology=4G", timeout=30) as response:
            answer = CoverageAnswer.model_validate_json(response.read())
        assert all(row.share is None or 0 <= row.share <= 1 for row in answer.rows)
        assert not any(math.isnan(row.numerator or 0) for row in answer.rows)
    finally:
        server.terminate()
        output, _ = server.communicate(timeout=30)
    assert output == ""
