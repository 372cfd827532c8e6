"""Files and computations asked for over HTTP, and the table that keeps them, in a file and in PostgreSQL alike."""

import json
import threading

import pytest
from fastapi.testclient import TestClient

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.jobs.rows import open_rows
from phusong.api.jobs.table import ATTEMPTS, MOST_QUEUED, JobTable, Progress
from phusong.api.jobs.worker import sweep
from phusong.api.keys import Keys
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.workspace import Workspace

from .conftest import GOOD_STATION, STATIONS_HEADER, local_client, run

STATIONS = (STATIONS_HEADER + GOOD_STATION).encode()
FORM = "multipart/form-data; boundary=x"
HEAD = b"--x\r\nContent-Disposition: form-data; name=file; filename=stations.csv\r\n\r\n"


@pytest.fixture(params=["file", "database"])
def workspace(request, tmp_path):
    if request.param == "database":
        request.getfixturevalue("database")
    return Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)


@pytest.fixture
def table(workspace, clock):
    return JobTable(open_rows(workspace.path), clock=clock)


def sent(client, content=STATIONS, name="stations.csv", **options):
    return client.post("/v1/imports", files={"file": (name, content)}, **options)


def uploads(workspace):
    return [path.name for path in (workspace.path / "jobs").glob("*") if path.is_dir()]


def test_a_job_is_queued_taken_and_kept_with_what_came_of_it(table, clock):
    added, is_new = table.add("compute", {"full": False}, caller="a")
    assert (added.state, is_new) == ("queued", True)
    job = table.claim("w", lease_s=60)
    clock.now_s += 10
    assert table.renew(job, Progress("compute", 1e9, 20, 100), lease_s=60) == "held"
    assert table.find(job.job_id).eta_s(clock.now_s) == 40
    assert table.end(job, "done", {"run_id": "r", "vi": "xong", "imports": [{"rows": [1]}]})
    ended = table.find(job.job_id)
    assert (ended.state, ended.attempt, ended.report) == ("done", 1, {"run_id": "r", "vi": "xong"})
    assert ended.imports == [{"rows": [1]}]
    assert [(job.report, job.imports) for job in table.listed()] == [(ended.report, None)]
    assert ended.eta_s(clock.now_s) is None
    assert table.counts() == {"queued": 0, "running": 0, "done": 1, "failed": 0, "cancelled": 0}


def test_one_key_of_one_caller_stands_for_one_job(table):
    first, _ = table.add("compute", {"full": False}, caller="a", key="k")
    again, is_new = table.add("compute", {"full": False}, caller="a", key="k")
    assert (again.job_id, is_new) == (first.job_id, False)
    assert table.add("compute", {"full": False}, caller="b", key="k")[1]
    assert table.add("compute", {"full": False}, caller="a")[1]
    with pytest.raises(InputError, match="stands for another request"):
        table.add("compute", {"full": True}, caller="a", key="k")


def test_jobs_are_taken_in_order_and_one_at_a_time(table, clock):
    jobs = []
    for _ in range(3):
        clock.now_s += 1
        jobs.append(table.add("compute", {}, caller="a")[0].job_id)
    first = table.claim("w", lease_s=60)
    assert table.claim("v", lease_s=60) is None
    table.end(first, "failed", {})
    assert [first.job_id, table.claim("v", lease_s=60).job_id] == jobs[:2]


def test_two_workers_never_take_one_job(workspace):
    """Twenty threads ask for each of five jobs at the same moment."""
    tables = [JobTable(open_rows(workspace.path)) for _ in range(20)]
    for _ in range(5):
        tables[0].add("compute", {}, caller="a")
    for _ in range(5):
        begin, taken = threading.Barrier(len(tables)), []

        def take(number, table, begin=begin, taken=taken):
            begin.wait()
            taken.append(table.claim(f"w{number}", lease_s=60))

        threads = [threading.Thread(target=take, args=pair) for pair in enumerate(tables)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = [job for job in taken if job is not None]
        assert (len(taken), len(held)) == (20, 1)
        tables[0].end(held[0], "done", {})
    assert tables[0].counts()["done"] == 5


def test_a_lease_that_ran_out_is_seen_and_the_old_holder_has_lost_the_job(table, clock):
    table.add("compute", {}, caller="a")
    old = table.claim("w", lease_s=60)
    assert table.expired() == []
    clock.now_s += 61
    assert [job.job_id for job in table.expired()] == [old.job_id]
    assert table.queue_again(old, counted=True)
    new = table.claim("v", lease_s=60)
    assert new.attempt == ATTEMPTS
    assert table.renew(old, Progress(), lease_s=60) == "lost"
    assert not table.end(old, "done", {})
    assert not table.queue_again(old, counted=True)
    assert table.end(new, "done", {})


def test_a_worker_that_stops_in_order_gives_its_job_back_uncounted(table):
    table.add("compute", {}, caller="a")
    assert table.queue_again(table.claim("w", lease_s=60), counted=False)
    assert table.claim("v", lease_s=60).attempt == 1


def test_a_job_that_waits_is_cancelled_at_once_and_one_under_way_is_told(table):
    waiting, under_way = (table.add("compute", {}, caller="a")[0] for _ in range(2))
    assert table.cancel(waiting.job_id).state == "cancelled"
    held = table.claim("w", lease_s=60)
    assert held.job_id == under_way.job_id
    assert table.cancel(held.job_id).state == "running"
    assert table.renew(held, Progress(), lease_s=60) == "cancel"
    assert not table.queue_again(held, counted=True)
    assert table.end(held, "cancelled", {})
    assert table.cancel(held.job_id).state == "cancelled"
    with pytest.raises(UnknownNameError):
        table.cancel("none")
    with pytest.raises(UnknownNameError):
        table.find("\x00")


def test_old_jobs_are_forgotten_and_those_that_wait_are_not(table, clock):
    table.add("compute", {}, caller="a")
    table.end(table.claim("w", lease_s=60), "done", {})
    table.add("compute", {}, caller="a")
    assert table.prune(days=30) == 0
    clock.now_s += 31 * 86400
    assert table.prune(days=30) == 1
    assert table.counts()["queued"] == 1


def test_a_file_sent_is_a_job_with_its_files_on_disk(workspace):
    client = local_client(workspace)
    answer = sent(client, params={"layer": "stations"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["kind"], job["state"], job["caller"]) == ("import", "queued", "local")
    assert (workspace.path / "jobs" / job["job_id"] / "given/stations/stations.csv").read_bytes() == STATIONS
    assert client.get(f"/v1/jobs/{job['job_id']}").json() == job
    assert client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"] == [job]
    assert client.get("/v1/jobs", params={"state": "done"}).json()["jobs"] == []


def test_the_same_file_with_the_same_key_is_one_job(empty):
    client, headers = local_client(empty), {"Idempotency-Key": "k-1"}
    first, again = (sent(client, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["job_id"] == again.json()["job_id"]
    other = sent(client, content=STATIONS + b"\n", headers=headers)
    assert other.status_code == 422
    assert "stands for another request" in other.json()["detail"]
    assert uploads(empty) == [first.json()["job_id"]]
    assert (empty.path / "jobs" / uploads(empty)[0] / "given/stations.csv").read_bytes() == STATIONS


def test_the_same_key_sent_at_once_is_one_job(workspace):
    client, answers = local_client(workspace), []
    threads = [
        threading.Thread(target=lambda: answers.append(sent(client, headers={"Idempotency-Key": "k"})))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [202]
    assert len(uploads(workspace)) == 1


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("../stations.csv", {}, "cannot be taken"),
        (".stations.csv", {}, "cannot be taken"),
        ("a/b.csv", {}, "cannot be taken"),
        ("recipe.toml", {}, "cannot be taken"),
        ("é" * 120 + ".csv", {}, "cannot be taken"),
        ("stations.dbf", {}, "sends no file"),
        ("stations.csv", {"layer": "../x"}, "no layer or raster"),
    ],
)
def test_names_that_lead_elsewhere_are_refused_and_nothing_is_kept(empty, name, parameters, said):
    answer = sent(local_client(empty), name=name, params=parameters)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert uploads(empty) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (HEAD + b"broken off", FORM),
        (b"", FORM),
        (b"x", "multipart/form-data"),
        (HEAD.replace(b"name=file", b"name=other") + b"1\r\n--x--\r\n", FORM),
        (2 * (HEAD + b"1\r\n") + b"--x--\r\n", FORM),
    ],
)
def test_a_body_that_is_no_form_is_refused_in_a_sentence(empty, content, kind):
    answer = local_client(empty).post("/v1/imports", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:phusong:problem:input"
    assert uploads(empty) == []


def test_a_body_over_the_limit_is_refused_before_and_while_it_is_sent(empty):
    client = local_client(empty)
    declared = client.post("/v1/imports", content=b"", headers={"Content-Length": str(200 * 2**20 + 1)})
    assert declared.status_code == 413
    blocks = (HEAD if number == 0 else b"0" * 2**20 for number in range(202))
    assert client.post("/v1/imports", content=blocks, headers={"Content-Type": FORM}).status_code == 413
    assert uploads(empty) == []


def test_when_too_many_jobs_wait_further_ones_come_later(empty):
    table = JobTable(open_rows(empty.path))
    for _ in range(MOST_QUEUED):
        table.add("compute", {}, caller="a")
    answer = sent(local_client(empty))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert uploads(empty) == []


def test_a_computation_asked_for_is_a_job(empty):
    client = local_client(empty)
    job = client.post("/v1/jobs", json={"scenario": "plans", "as_of": "2027-01-01"}).json()
    assert job["asked"] == {"as_of": "2027-01-01", "full": False, "scenario": "plans"}
    assert client.post("/v1/jobs", json={"scenario": "current"}).status_code == 422
    assert client.post("/v1/jobs", json={"unknown": 1}).status_code == 422
    assert client.get("/v1/jobs/none").status_code == 404
    assert client.delete(f"/v1/jobs/{job['job_id']}").json()["state"] == "cancelled"


def test_who_asked_for_what_is_in_the_audit_log_and_the_numbers_are_in_the_metrics(empty):
    keys = Keys(AccessStore(empty.path))
    app = create_app(empty.path)
    admin, auditor, planner = (
        TestClient(app, headers={"Authorization": f"Bearer {keys.add(role, role)}"})
        for role in ("data_admin", "auditor", "planner")
    )
    job_id = sent(admin).json()["job_id"]
    assert sent(planner).status_code == 403
    entries = auditor.get("/v1/audit").json()["entries"]
    noted = next(entry for entry in entries if entry["event"] == "job")
    assert (noted["caller"], noted["job_id"], noted["state"]) == ("data_admin", job_id, "queued")
    assert noted["asked"]["file"] == "stations.csv"
    assert 'phusong_jobs{state="queued"} 1.0' in auditor.get("/metrics").text


def test_files_that_no_job_needs_are_swept(empty):
    client = local_client(empty)
    waiting, cancelled = (sent(client).json()["job_id"] for _ in range(2))
    client.delete(f"/v1/jobs/{cancelled}")
    (empty.path / "jobs/.upload-under-way").mkdir()
    sweep(empty, JobTable(open_rows(empty.path)))
    assert sorted(uploads(empty)) == [".upload-under-way", waiting]


def test_ended_jobs_go_with_the_other_old_records(empty):
    job_id = local_client(empty).post("/v1/jobs", json={}).json()["job_id"]
    rows = open_rows(empty.path)
    JobTable(rows).cancel(job_id)
    rows.run("UPDATE {job} SET ended_s = 0")
    assert json.loads(run("prune", empty.path, "--json").stdout)["jobs"] == 1
