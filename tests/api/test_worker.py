"""A real service and a real `phusong worker`: what is sent is done, refused, stopped or done again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import httpx2
import pytest

from phusong.api.audit import AuditLog
from phusong.api.jobs.doing import is_imported, receipt_of
from phusong.api.jobs.rows import open_rows
from phusong.api.jobs.table import JobTable
from phusong.coverage.results import current_run_id
from phusong.geodata.recipe import staged
from phusong.geodata.settings import SETTINGS_FILE
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing

from .conftest import run
from .test_serving import served
from .test_watching import write_stations

DEADLINE_S = 300


@contextmanager
def working(workspace, *words):
    """A real `phusong worker`."""
    command = [sys.executable, "-m", "phusong.api.cli", "worker", str(workspace.path), "--poll", "0.2", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)


@contextmanager
def computing_slowly(workspace):
    """Settings of which every computation takes half a minute: it cannot end before somebody stops it."""
    settings = workspace.path / SETTINGS_FILE
    text = settings.read_text(encoding="utf-8")
    slow = re.sub(r"# spacing_m = [\d.]+", "spacing_m = 1.0", re.sub(r"radius_km = [\d.]+", "radius_km = 60.0", text))
    settings.write_text(slow, encoding="utf-8")
    yield
    settings.write_text(text, encoding="utf-8")


@contextmanager
def asking(workspace):
    """A caller on this machine of a real service."""
    with (
        served(workspace.path, "--no-access-control") as (address, _),
        httpx2.Client(base_url=address, timeout=DEADLINE_S) as client,
    ):
        yield client


@pytest.fixture
def service(copied):
    with asking(copied) as client:
        yield client


def send(client, file, **options):
    answer = client.post("/v1/imports", files={"file": (file.name, file.read_bytes())}, **options)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def until(client, job_id, happened):
    end = time.monotonic() + DEADLINE_S
    while not happened(job := client.get(f"/v1/jobs/{job_id}").json()):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def ended(client, job_id):
    return until(client, job_id, lambda job: job["state"] in ("done", "failed", "cancelled"))


def imports_of(workspace, layer):
    return list((workspace.path / "imports").glob(f"*-{layer}"))


@pytest.fixture(params=["file", "database"])
def filled(request, copied):
    """A computed workspace, in its folder or in a database."""
    if request.param == "database":
        request.getfixturevalue("database")
        assert run("database", "init", copied.path).exit_code == 0
    return Workspace.open(copied.path)


def test_a_file_sent_is_imported_computed_and_published_and_the_runs_can_be_compared(filled, tmp_path):
    write_stations(filled, tmp_path / "stations.csv", 60)
    before = current_run_id(filled)
    with asking(filled) as client, working(filled):
        job = ended(client, send(client, tmp_path / "stations.csv"))
        assert (job["state"], job["attempt"], job["error"]) == ("done", 1, None)
        assert (job["imports"][0]["accepted"], job["imports"][0]["refused"]) == (60, 0)
        assert (job["published"], job["stored"]) == (True, True)
        assert job["progress"]["done"] == job["progress"]["all"] > 0
        assert client.get("/v1/runs").json()["current"] == job["run_id"] != before
        diff = client.get(f"/v1/runs/{before}/diff/{job['run_id']}").json()
        assert (diff["a"]["run_id"], diff["b"]["run_id"]) == (before, job["run_id"])
        again = ended(client, client.post("/v1/jobs", json={}).json()["job_id"])
        assert (again["state"], again["run_id"], again["published"]) == ("done", job["run_id"], False)
    assert len(filled.read_layer("stations")) == 60
    assert [path.name for path in (filled.path / "jobs").iterdir() if path.is_dir()] == []
    states = [entry["state"] for entry in AuditLog(filled.path).entries(since=date(2020, 1, 1))]
    assert states == ["done", "queued", "done", "queued"]


def test_a_refused_file_is_a_failed_job_with_its_rows_and_a_sentence(service, copied, tmp_path):
    file, before = tmp_path / "stations.csv", current_run_id(copied)
    write_stations(copied, file, 5)
    file.write_text(file.read_text("utf-8").replace(",4G,", ",6G,", 1), "utf-8")
    stations = copied.read_layer("stations")
    with working(copied):
        job = ended(service, send(service, file))
        unnamed = ended(service, send(service, file.rename(tmp_path / "letter.docx")))
    assert (job["state"], job["stored"], job["run_id"]) == ("failed", False, None)
    assert job["imports"][0]["rows"][0]["code"] == "unknown_technology"
    assert job["imports"][0]["rows_left_out"] == 0
    assert "nothing was stored" in job["error"]["en"]
    assert "chưa lưu gì" in job["error"]["vi"]
    assert "names no layer" in unnamed["error"]["en"]
    assert copied.read_layer("stations").equals(stations)
    assert current_run_id(copied) == before


def test_a_recipe_sent_along_says_how_the_file_is_read(service, copied, tmp_path):
    table = copied.read_layer("fibre_endpoints")
    lines = [f"F{number},{point.x},{point.y}" for number, point in enumerate(table.geometry)]
    recipe = (
        '[[layer]]\nlayer = "fibre_endpoints"\nfile = "*.csv"\n'
        'columns = { endpoint_id = "Mã" }\ndefaults = { operator = "A", reach_km = 2 }\n'
    )
    parts = {"file": ("cáp.csv", "\n".join(["Mã,lon,lat", *lines]).encode()), "recipe": ("r", recipe.encode())}
    with working(copied):
        job = ended(service, service.post("/v1/imports", files=parts).json()["job_id"])
    assert job["error"] is None
    assert job["imports"][0]["layer"] == "fibre_endpoints"
    assert set(copied.read_layer("fibre_endpoints")["endpoint_id"]) == {line.partition(",")[0] for line in lines}


def test_a_job_under_way_is_stopped_and_what_is_published_stays(service, copied):
    before = current_run_id(copied)
    with working(copied) as process:
        with computing_slowly(copied):
            job_id = service.post("/v1/jobs", json={"full": True, "as_of": "2026-01-02"}).json()["job_id"]
            under_way = until(service, job_id, lambda job: job["progress"]["done"] > 0)
            assert under_way["progress"]["stage"] == "compute"
            assert under_way["progress"]["eta_s"] > 0
            assert service.delete(f"/v1/jobs/{job_id}").json()["cancel_asked"]
            job = ended(service, job_id)
        assert job["state"] == "cancelled"
        assert "cancelled" in job["error"]["en"]
        assert current_run_id(copied) == before
        next_one = ended(service, service.post("/v1/jobs", json={"as_of": "2026-01-02"}).json()["job_id"])
        assert next_one["state"] == "done"
        assert process.poll() is None


def test_a_job_whose_workers_are_killed_is_done_again_once_then_has_failed(service, copied):
    before = current_run_id(copied)
    job_id = service.post("/v1/jobs", json={"full": True, "as_of": "2026-01-02"}).json()["job_id"]
    for attempt in (1, 2):
        with computing_slowly(copied), working(copied, "--lease", "2") as process:
            until(service, job_id, lambda job, n=attempt: job["attempt"] == n and job["progress"]["done"] > 0)
            process.kill()
        assert service.get(f"/v1/jobs/{job_id}").json()["state"] == "running"
    with working(copied, "--lease", "2"):
        job = ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("failed", 2)
    assert "ended 2 times" in job["error"]["en"]
    assert "dừng 2 lần" in job["error"]["vi"]
    assert current_run_id(copied) == before


def test_a_worker_that_is_told_to_stop_leaves_its_job_for_the_next(empty):
    table = JobTable(open_rows(empty.path))
    job_id = table.add("compute", {"as_of": None, "full": False, "scenario": None}, caller="a")[0].job_id
    with writing(empty.path, "compute"), working(empty) as process:  # it waits for this writer
        while table.find(job_id).stage is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert (table.find(job_id).state, table.find(job_id).attempt) == ("queued", 0)
    with working(empty):
        while table.find(job_id).state != "failed":  # it has no layers
            time.sleep(0.1)
    assert table.find(job_id).attempt == 1


def test_two_workers_do_every_job_once(service, copied, tmp_path):
    imports = len(imports_of(copied, "stations"))
    with ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(working(copied))
        jobs = []
        for count in (50, 60, 70, 80):
            write_stations(copied, tmp_path / "stations.csv", count)
            jobs.append(send(service, tmp_path / "stations.csv"))
        states = [ended(service, job_id)["state"] for job_id in jobs]
    assert states == ["done"] * 4
    assert len(imports_of(copied, "stations")) == imports + 4
    entries = [e for e in AuditLog(copied.path).entries(since=date(2020, 1, 1)) if e["state"] == "done"]
    assert [entry["job_id"] for entry in reversed(entries)] == jobs


def test_a_file_whose_import_was_stored_before_a_kill_is_not_imported_again(service, copied, tmp_path):
    write_stations(copied, tmp_path / "stations.csv", 60)
    job_id = send(service, tmp_path / "stations.csv")
    stations = copied.read_layer("stations")
    with staged(copied) as stage:  # what a killed attempt had stored
        place = stage.path / receipt_of(job_id)
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps({"layer": "stations", "imports": []}), encoding="utf-8")
    assert is_imported(copied, job_id)
    with working(copied):
        assert ended(service, job_id)["state"] == "done"
    assert copied.read_layer("stations").equals(stations)


def test_a_job_waits_for_another_writer_and_can_be_stopped_meanwhile(service, copied, tmp_path):
    write_stations(copied, tmp_path / "stations.csv", 60)
    with writing(copied.path, "compute"), working(copied):
        job_id = send(service, tmp_path / "stations.csv")
        until(service, job_id, lambda job: job["progress"]["stage"] == "import")
        service.delete(f"/v1/jobs/{job_id}")
        job = ended(service, job_id)
    assert (job["state"], job["stored"]) == ("cancelled", False)
    assert "nothing of it was imported" in job["error"]["en"]


def test_a_worker_goes_on_when_its_database_comes_back(database, cluster, copied):
    assert run("database", "init", copied.path).exit_code == 0
    table = JobTable(open_rows(copied.path))
    with working(copied, "--lease", "2") as process:
        cluster.stop()
        lines = iter(process.stderr.readline, "")
        assert any("cannot be reached" in line for line in lines)
        cluster.start()
        job, _ = table.add("compute", {"as_of": None, "full": False, "scenario": None}, caller="a")
        end = time.monotonic() + DEADLINE_S
        while table.find(job.job_id).state != "done":
            assert time.monotonic() < end
            time.sleep(0.2)


def peak_memory_mb(process):
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def test_a_large_file_goes_to_disk_and_not_into_memory(copied, tmp_path):
    file = tmp_path / "population.tif"
    with file.open("wb") as content:
        content.truncate(64 * 2**20)
    with served(copied.path, "--no-access-control") as (address, server):
        httpx2.get(f"{address}/v1/runs", timeout=DEADLINE_S)
        before_mb = peak_memory_mb(server)
        with file.open("rb") as content:
            answer = httpx2.post(f"{address}/v1/imports", files={"file": (file.name, content)}, timeout=DEADLINE_S)
        assert answer.status_code == 202
        assert peak_memory_mb(server) < before_mb + 30
    assert (copied.path / "jobs" / answer.json()["job_id"] / "given" / file.name).stat().st_size == 64 * 2**20
