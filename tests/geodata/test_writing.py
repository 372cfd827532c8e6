import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import pytest

from phusong.geodata.errors import BusyError, DiskFullError, WorkspaceError
from phusong.geodata.importing import import_layer
from phusong.geodata.recipe import staged
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import ABANDONED_S, writing

HOLD = """
import pathlib, sys, time
from phusong.geodata.writing import writing
with writing(pathlib.Path(sys.argv[1]), "compute"):
    (pathlib.Path(sys.argv[1]) / "runs" / ".new-1").mkdir()
    print("held", flush=True)
    time.sleep(600)
"""


FIBRE = gpd.GeoDataFrame(
    {
        "endpoint_id": ["F1"],
        "operator": ["A"],
        "kind": ["olt"],
        "reach_km": [5.0],
        "source": ["f.csv"],
        "source_row": [2],
    },
    geometry=gpd.points_from_xy([106.5], [17.4], crs=4326),
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


@pytest.fixture
def holder(workspace):
    """Another process that writes the workspace."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(workspace.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_told_who_writes(workspace, holder):
    named = pytest.raises(BusyError, match=rf"process {holder.pid} on .* \(phusong compute, since 2")
    with named as refused, writing(workspace.path, "import"):
        pass
    assert f"tiến trình {holder.pid} trên" in refused.value.vi


def test_a_killed_writer_holds_nothing_and_its_leftovers_are_swept(workspace, holder):
    holder.kill()
    holder.wait()
    with writing(workspace.path, "import", wait_s=5):
        assert list(workspace.runs_dir.iterdir()) == []
    assert sorted(path.name for path in workspace.path.glob(".*")) == [".phusong.lock"]


def test_a_layer_is_not_stored_while_another_process_writes(workspace, holder, tmp_path):
    (tmp_path / "fibre.csv").write_text("endpoint_id,operator,kind,reach_km,lon,lat\nF1,A,olt,5,106.5,17.4\n")
    with pytest.raises(BusyError):
        import_layer(workspace, "fibre_endpoints", tmp_path / "fibre.csv")
    with pytest.raises(BusyError):
        workspace.write_layer("fibre_endpoints", FIBRE)
    holder.kill()
    holder.wait()
    workspace.write_layer("fibre_endpoints", FIBRE)
    assert len(workspace.read_layer("fibre_endpoints")) == 1


def test_a_writer_waits_as_long_as_it_was_told(workspace):
    def write():
        with writing(workspace.path, "import", wait_s=20):
            return "written"

    with ThreadPoolExecutor() as pool:
        with writing(workspace.path, "compute"):
            waiting = pool.submit(write)
            with pytest.raises(BusyError):
                pool.submit(lambda: writing(workspace.path, "import").__enter__()).result()
            assert not waiting.done()
        assert waiting.result() == "written"


def test_a_block_in_a_block_of_the_same_writer_is_part_of_it(workspace):
    with writing(workspace.path, "watch"), staged(workspace) as stage, staged(stage) as inner:
        (inner.path / "rasters" / "terrain.tif").write_bytes(b"T")
    assert (workspace.path / "rasters" / "terrain.tif").read_bytes() == b"T"


def test_an_import_killed_while_its_files_move_is_finished_by_the_next_writer(workspace):
    half = workspace.path / ".commit-1"
    (half / "rasters").mkdir(parents=True)
    (half / "rasters" / "terrain.tif").write_bytes(b"new")
    (half / "layers.gpkg").write_bytes(b"new")
    workspace.raster_path("terrain").write_bytes(b"old")
    with writing(workspace.path, "compute"):
        assert workspace.raster_path("terrain").read_bytes() == workspace.layers_path.read_bytes() == b"new"
    assert not half.exists()


def test_what_others_keep_in_the_folder_is_never_swept(workspace):
    cache = workspace.cache_dir / "fields"
    cache.mkdir()
    mine = [workspace.path / ".gitignore", workspace.runs_dir / ".DS_Store", cache / ".being-written.tif"]
    old = cache / ".left-over.tif"
    for path in (*mine, old):
        path.write_text("x", encoding="utf-8")
    os.utime(old, (0, old.stat().st_mtime - ABANDONED_S - 1))
    with writing(workspace.path, "compute"):
        pass
    assert all(path.exists() for path in mine)
    assert not old.exists()


def test_a_full_disk_is_one_sentence_with_the_folder_and_the_space_needed(workspace):
    named = pytest.raises(DiskFullError, match=r"W is full .*about 7 MB are needed")
    with named as full, writing(workspace.path, "compute") as claim:
        claim.needed_bytes = lambda: 7e6
        Path("/dev/full").write_text("x", encoding="utf-8")
    assert "cần khoảng 7 MB" in full.value.vi


def test_another_fault_of_the_block_keeps_its_name(workspace):
    with pytest.raises(ZeroDivisionError), writing(workspace.path, "compute"):
        _ = 1 // 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="file cannot be written"), writing(tmp_path / "file", "import"):
        pass
