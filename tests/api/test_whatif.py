"""What stations would change, over HTTP: figures, picture, refusals, one at a time."""

import io
import json
import shutil
import threading

import numpy as np
import pytest
import rasterio
from filelock import FileLock

from phusong.api.errors import QueueFullError
from phusong.api.kernel_gate import WAITING, KernelGate
from phusong.api.whatif_models import EXAMPLE, WhatIfAnswer
from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace

from .conftest import local_client, run


@pytest.fixture(scope="module")
def own(computed, tmp_path_factory):
    """A copy of the workspace whose published run is that of its layers."""
    folder = tmp_path_factory.mktemp("whatif") / "W"
    shutil.copytree(computed.path, folder, symlinks=True)
    workspace = Workspace.open(folder)
    compute(workspace)
    return workspace


@pytest.fixture(scope="module")
def client(own):
    return local_client(own)


def station(own, **other):
    """A strong 4G station beside a settlement without signal."""
    table = Results.open(own).settlements
    place = table[table["signal"] == "none"].dropna(subset=["lon"]).iloc[0]
    return {**EXAMPLE["new"][0], "lon": place["lon"] + 0.002, "lat": place["lat"], "height_agl_m": 60, **other}


def asked(client, body, **params):
    response = client.post("/v1/whatif", json=body, params=params)
    assert response.status_code == 200, response.text
    return response


def test_a_new_station_gains_people_and_settlements_and_nothing_is_published(client, own):
    runs = client.get("/v1/runs").json()
    found = WhatIfAnswer.model_validate_json(asked(client, {"new": [station(own)]}).content)
    assert {row.change for row in found.settlements if row.technology == "signal"} <= {"gained", "better"}
    assert any(row.change == "gained" for row in found.settlements)
    row = next(r for r in found.people if (r.level, r.technology, r.service) == ("province", "4G", "weak"))
    assert row.gained > 0
    assert row.numerator_after == pytest.approx(row.numerator + row.gained - row.lost)
    communes = [r.gained for r in found.people if (r.level, r.technology, r.service) == ("commune", "4G", "weak")]
    assert sum(communes) == pytest.approx(row.gained)
    assert client.get("/v1/runs").json() == runs


def test_what_is_moved_may_be_moved_where_it_stands_and_nothing_changes(client, own):
    row = Results.open(own).stations.iloc[0]
    body = {"moved": [{"station_id": row["station_id"], "lon": row.geometry.x, "lat": row.geometry.y}]}
    found = WhatIfAnswer.model_validate_json(asked(client, body).content)
    assert (found.people, found.settlements) == ([], [])


def test_removed_stations_lose_what_they_alone_served(client, own):
    results = Results.open(own)
    place = results.settlements[results.settlements["signal"] == "good"].iloc[0]
    away = np.hypot(results.stations.geometry.x - place["lon"], results.stations.geometry.y - place["lat"])
    gone = list(results.stations["station_id"].iloc[np.argsort(away)[:50]])
    found = WhatIfAnswer.model_validate_json(asked(client, {"removed": gone}).content)
    assert found.picture is None
    assert {row.change for row in found.settlements} <= {"lost", "worse"}
    assert found.settlements
    assert client.post("/v1/whatif?f=png", json={"removed": gone}).status_code == 422


def test_the_new_coverage_comes_as_picture_and_geotiff_and_features(client, own):
    body = {"new": [station(own)]}
    assert asked(client, body, f="png").content.startswith(b"\x89PNG")
    with rasterio.open(io.BytesIO(asked(client, body, f="cog").content)) as file:
        classes = file.read(1)
    assert set(np.unique(classes)) <= {0, 1, 2}
    assert (classes > 0).any()
    features = asked(client, body, f="geojson").json()["features"]
    new = next(feature for feature in features if feature["properties"]["kind"] == "station")
    assert new["geometry"]["coordinates"] == pytest.approx([body["new"][0]["lon"], body["new"][0]["lat"]])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"removed": ["NOBODY"]}, 404),
        ({"moved": [{"station_id": "NOBODY", "lon": 107, "lat": 19}]}, 404),
        ({"new": [{**EXAMPLE["new"][0], "lon": 10, "lat": 50}]}, 422),
        ({"new": [{**EXAMPLE["new"][0], "band_mhz": 5}]}, 422),
        ({"new": [{**EXAMPLE["new"][0], "height_agl_m": -3}]}, 422),
        ({"new": [{**EXAMPLE["new"][0], "antenna": "../../etc/passwd"}]}, 422),
        ({"new": [EXAMPLE["new"][0]] * 2}, 422),
        ({"new": [EXAMPLE["new"][0]] * 21}, 422),
        ({"colour": 1}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused(client, body, status):
    answer = client.post("/v1/whatif", json=body)
    assert answer.status_code == status, answer.text


def test_one_computes_eight_wait_and_the_next_is_told_to_come_again(tmp_path):
    gate, inside, done = KernelGate(tmp_path), threading.Event(), []
    others = [FileLock(tmp_path / f"place-{number}.lock") for number in range(1, WAITING + 1)]

    def compute_slowly():
        with gate.turn():
            inside.set()
            release.wait(20)
            done.append(1)

    release = threading.Event()
    thread = threading.Thread(target=compute_slowly)
    thread.start()
    assert inside.wait(20)
    for lock in others:
        lock.acquire(timeout=1)
    with pytest.raises(QueueFullError), gate.turn():
        pass
    release.set()
    thread.join()
    for lock in others:
        lock.release()
    with gate.turn():
        done.append(2)
    assert done == [1, 2]


def command(own, **other):
    place = station(own)
    options = {"lon": place["lon"], "lat": place["lat"], "height": 60, "technology": "4G", "band": 1800, "eirp": 61}
    return ["whatif", own.path, *(f"--{name}={value}" for name, value in (options | other).items())]


def test_the_command_says_what_the_service_says(client, own):
    place = station(own, station_id="what-if", operator="what-if", azimuths_deg=[0, 120, 240])
    over_http = asked(client, {"new": [place]}).json()
    printed = run(*command(own, azimuths="0,120,240", bandwidth=place["bandwidth_mhz"]), "--json")
    assert printed.exit_code == 0, printed.stderr
    assert json.loads(printed.stdout) == over_http


def test_the_command_takes_the_usual_bandwidth_and_prints_what_is_gained(own):
    printed = run(*command(own), "--lang", "vi")
    assert printed.exit_code == 0, printed.stderr
    assert "điểm dân cư có thêm sóng" in printed.stdout


@pytest.mark.parametrize(
    ("change", "code", "english"),
    [
        ({"height": "nan"}, 2, "--height"),
        ({"height": 0}, 2, "--height"),
        ({"band": 1801}, 1, "give it with --bandwidth"),
        ({"eirp": "loud"}, 1, "--eirp takes 1 to 12 numbers"),
        ({"eirp": "61,inf"}, 1, "--eirp takes 1 to 12 numbers"),
        ({"eirp": "61,60", "azimuths": "0,120,240"}, 1, "a list of 2 values for 3 sectors"),
        ({"lon": 10, "lat": 50}, 1, "outside the terrain"),
    ],
)
def test_what_the_command_cannot_do_is_one_sentence(own, change, code, english):
    result = run(*command(own, **change))
    assert result.exit_code == code
    assert english in result.stderr
