"""A computation on Dask workers: the bytes of a local one, whatever happens to workers and scheduler."""

import os
import pickle
import re
import shutil
import signal
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest
from distributed import Client
from distributed.diagnostics.plugin import SchedulerPlugin

from phusong.coverage.cache import Cache
from phusong.coverage.cluster import Remote, _work, open_cluster
from phusong.coverage.compute import compute
from phusong.coverage.results import CURRENT
from phusong.geodata.errors import InputError, PhusongError, SchedulerError
from phusong.geodata.workspace import Workspace
from scripts.dask_processes import running_cluster
from tests.coverage.conftest import AS_OF, small_workspace

SMALL_BYTES = 8_000


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return small_workspace(tmp_path_factory.mktemp("given"), radius_km=8.0)


def copy_of(workspace, folder):
    shutil.copytree(workspace.path, folder)
    return Workspace.open(folder)


@pytest.fixture(scope="module")
def local(given, tmp_path_factory):
    """The same workspace, computed in this process."""
    workspace = copy_of(given, tmp_path_factory.mktemp("local") / "workspace")
    compute(workspace, as_of=AS_OF, threads=1)
    return workspace


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("cluster"), 2) as running:
        yield running


def outputs(workspace):
    """All that was published or stored, but the manifests, whose times differ."""
    found = [*workspace.store_dir.rglob("*"), *workspace.runs_dir.rglob("*")]
    return {
        path.relative_to(workspace.path): path.read_bytes()
        for path in found
        if path.is_file() and path.name != "manifest.json"
    }


class Ranges(SimpleHTTPRequestHandler):
    """Files of a folder, and parts of them, as an object store gives them."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_):
        """Stay silent."""

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        self.asked.append(self.headers.get("Range", "all"))
        self.send_response(206 if found else 200)
        if found:
            first, last = int(found[1]), min(int(found[2]), len(content) - 1)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            content = content[first : last + 1]
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def object_store(given):
    """The folder `rasters` of the workspace behind a URL."""
    handler = partial(Ranges, directory=str(given.path / "rasters"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_two_workers_that_read_from_an_object_store_give_the_bytes_of_a_local_computation(
    given, local, cluster, object_store, tmp_path
):
    workspace = copy_of(given, tmp_path / "there")
    steps = []
    found = compute(
        workspace, as_of=AS_OF, remote=Remote(cluster.address, object_store), progress=lambda *step: steps.append(step)
    )
    assert found.published
    assert outputs(workspace) == outputs(local)
    assert steps == [(done + 1, steps[-1][1]) for done in range(len(steps))]
    assert "all" not in Ranges.asked


def test_nothing_large_goes_through_the_scheduler(given, cluster, tmp_path):
    class Sizes(SchedulerPlugin):
        largest = 0
        count = 0

        def transition(self, _key, start, finish, *_, nbytes=0, **__):
            if (start, finish) == ("processing", "memory"):
                self.largest, self.count = max(self.largest, nbytes), self.count + 1

    workspace = copy_of(given, tmp_path / "there")
    with Client(cluster.address, set_as_default=False) as client:
        client.register_plugin(Sizes(), name="sizes")
        compute(workspace, as_of=AS_OF, remote=Remote(cluster.address))
        largest, count = client.run_on_scheduler(
            lambda dask_scheduler: (dask_scheduler.plugins["sizes"].largest, dask_scheduler.plugins["sizes"].count)
        )
        client.unregister_scheduler_plugin("sizes")
    stored = sum(len(content) for content in outputs(workspace).values())
    assert count > 20
    assert 0 < largest < SMALL_BYTES < stored


def fewer_and_weaker(stations):
    edited = stations.drop(index=[1, 5]).reset_index(drop=True)
    edited.loc[3, "eirp_dbm"] = "55"
    return edited


def one_more(stations):
    return pd.concat([stations, stations.iloc[[0]].assign(station_id="ADDED", band_mhz=2600.0)], ignore_index=True)


@pytest.mark.parametrize("edit", [fewer_and_weaker, one_more])
def test_an_increment_on_workers_gives_the_bytes_of_a_local_computation_from_nothing(
    edit, given, local, cluster, tmp_path
):
    workspace, other = copy_of(local, tmp_path / "there"), copy_of(given, tmp_path / "here")
    edited = edit(given.read_layer("stations"))
    for place in (workspace, other):
        place.write_layer("stations", edited)
    found = compute(workspace, as_of=AS_OF, remote=Remote(cluster.address))
    expected = compute(other, as_of=AS_OF, threads=1)
    assert found.run_id == expected.run_id != (local.runs_dir / CURRENT).read_text().strip()
    assert found.published


def test_a_worker_that_is_killed_costs_nothing_but_the_task_in_its_hands(given, local, tmp_path):
    workspace = copy_of(given, tmp_path / "there")
    with running_cluster(tmp_path / "cluster", 2) as running:

        def kill_one(done, _total):
            if done == 3:
                running.workers[0].send_signal(signal.SIGKILL)

        compute(workspace, as_of=AS_OF, remote=Remote(running.address), progress=kill_one)
        assert running.workers[0].wait() == -signal.SIGKILL
    assert outputs(workspace) == outputs(local)


def test_a_scheduler_that_is_lost_leaves_the_published_run_and_the_next_computation_goes_on(given, local, tmp_path):
    workspace = copy_of(local, tmp_path / "there")
    before = outputs(workspace)
    shutil.rmtree(workspace.cache_dir)
    stations = given.read_layer("stations")
    workspace.write_layer("stations", stations.assign(height_agl_m=stations["height_agl_m"] + 1.0))
    with running_cluster(tmp_path / "cluster", 1) as running:

        def kill_the_scheduler(done, _total):
            if done == 5:
                running.scheduler.kill()

        said = r"lost after \d+ of \d+ tasks; nothing published or finished is lost"
        with pytest.raises(SchedulerError, match=said) as lost:
            compute(workspace, as_of=AS_OF, remote=Remote(running.address), progress=kill_the_scheduler)
    assert "mất kết nối" in lost.value.vi
    after = outputs(workspace)
    assert {path: after[path] for path in before} == before
    done = set((workspace.cache_dir / "fields").glob("*.tif"))
    kept = {path: path.stat().st_ino for path in done}
    assert len(done) >= 5
    other = copy_of(workspace, tmp_path / "here")
    shutil.rmtree(other.cache_dir)
    with running_cluster(tmp_path / "again", 1) as running:
        resumed = compute(workspace, as_of=AS_OF, remote=Remote(running.address))
    assert {path: path.stat().st_ino for path in done} == kept
    assert resumed.run_id == compute(other, as_of=AS_OF, full=True, threads=1).run_id


def test_a_task_that_ends_its_worker_is_not_tried_for_ever(tmp_path):
    patience = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    shared = SimpleNamespace(cache=Cache(tmp_path / "cache"))
    with (
        running_cluster(tmp_path / "cluster", 1, patience) as running,
        open_cluster(Remote(running.address), tmp_path / "shared") as crew,
        pytest.raises(SchedulerError, match=r"a task ended several workers .* more memory"),
    ):
        crew.map(lambda _shared, _task: os._exit(1), shared, [1])


def test_a_worker_with_another_processor_is_refused_by_name(given, local, tmp_path):
    workspace = copy_of(local, tmp_path / "there")
    before = outputs(workspace)
    with running_cluster(tmp_path / "cluster", 0) as running:
        running.add_workers(1, {"NUMBA_CPU_NAME": "generic"})
        with pytest.raises(
            SchedulerError, match=r"worker tcp://127\.0\.0\.1:\d+ differs.*cpu generic-\w+ ≠ "
        ) as refused:
            compute(workspace, as_of=AS_OF, full=True, remote=Remote(running.address))
    assert "khác với máy này" in refused.value.vi
    assert outputs(workspace) == before


def test_a_worker_that_joins_later_holds_its_versions_and_its_folder_against_the_client(cluster, tmp_path):
    path = tmp_path / "tasks.work"
    path.write_bytes(b'{"numba": "0.1"}\n')
    with Client(cluster.address, set_as_default=False) as client:
        other, _ = client.submit(_work, 1, function=print, path=str(path)).result()
        unseen, _ = client.submit(_work, 1, function=print, path=str(tmp_path / "gone" / "tasks.work")).result()
    assert re.search(r"differs from this machine: .*numba [\d.]+ ≠ 0\.1", str(other))
    assert re.search(r"worker tcp://\S+ does not see .*gone; mount the folder", str(unseen))


def test_rasters_of_another_workspace_behind_the_url_are_refused(given, cluster, tmp_path):
    workspace, other = copy_of(given, tmp_path / "there"), copy_of(given, tmp_path / "other")
    shutil.copyfile(other.raster_path("population"), other.raster_path("clutter"))
    url = (other.path / "rasters").as_uri()
    with pytest.raises(InputError, match="is not what this workspace holds"):
        compute(workspace, as_of=AS_OF, remote=Remote(cluster.address, url))
    other.raster_path("terrain").unlink()
    with pytest.raises(InputError, match=r"terrain\.tif cannot be read by a worker"):
        compute(workspace, as_of=AS_OF, remote=Remote(cluster.address, url))
    assert not (workspace.runs_dir / CURRENT).exists()


def test_a_scheduler_that_does_not_answer_or_has_no_worker_is_one_sentence(given, tmp_path):
    with pytest.raises(SchedulerError, match="no Dask scheduler answers at nowhere"):
        compute(given, as_of=AS_OF, remote=Remote("nowhere://"))
    with running_cluster(tmp_path / "cluster", 0) as running, pytest.raises(SchedulerError, match="has no worker"):
        compute(given, as_of=AS_OF, remote=Remote(running.address))


@pytest.mark.parametrize("kind", [InputError, SchedulerError])
def test_an_error_keeps_its_two_languages_on_the_way_from_a_worker(kind):
    error: PhusongError = pickle.loads(pickle.dumps(kind("wrong", vi="sai")))
    assert (type(error), str(error), error.vi) == (kind, "wrong", "sai")
