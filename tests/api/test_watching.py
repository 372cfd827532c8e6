"""`phusong watch`: one real process, and the rules of the inbox."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from affine import Affine

from phusong.api.watching import Inbox, entry_of, error_of, take_file
from phusong.coverage.results import Results
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import write_raster
from phusong.geodata.recipe import RecipeLayer
from phusong.geodata.workspace import Workspace
from tests.api.conftest import run

DEADLINE_S = 300


def write_stations(workspace, path, count):
    table = workspace.read_layer("stations").iloc[:count]
    table = table.assign(lon=table.geometry.x, lat=table.geometry.y).drop(columns=["geometry", "source", "source_row"])
    table.to_csv(path, index=False)


def reports(folder):
    return {
        path.parent.name.partition("-")[2]: json.loads(path.read_text("utf-8")) for path in folder.glob("*/report.json")
    }


def test_files_are_published_or_refused_one_after_the_other_until_the_watch_is_told_to_stop(computed, tmp_path):
    workspace = Workspace(Path(shutil.copytree(computed.path, tmp_path / "W")))
    inbox = tmp_path / "in"
    inbox.mkdir()
    write_stations(workspace, inbox / "stations-1.csv", 60)
    (inbox / "stations-2.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    (inbox / "letter.docx").write_bytes(b"x" * 100)
    command = [sys.executable, "-m", "phusong.api.cli", "watch", workspace.path, inbox, "--settle", "0.5"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: len(reports(inbox / "done")) + len(reports(inbox / "refused")) == 3, process)
            write_stations(workspace, inbox / "stations-3.csv", 50)
            until(lambda: len(reports(inbox / "done")) == 2, process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
    done, refused = reports(inbox / "done"), reports(inbox / "refused")
    assert set(done) == {"stations-1.csv", "stations-3.csv"}
    assert set(refused) == {"stations-2.xlsx", "letter.docx"}
    assert "names no layer" in refused["letter.docx"]["error"]["en"]
    assert [path.name for path in inbox.iterdir() if path.is_file()] == []
    assert len(list(inbox.glob("*/*/*"))) == 14  # each with two reports, the two that were published with what changed
    assert Results.open(workspace).run_id == done["stations-3.csv"]["run_id"]
    assert len(workspace.read_layer("stations")) == 50


def until(happened, process):
    end = time.monotonic() + DEADLINE_S
    while not happened():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.2)


def test_once_takes_what_is_there_tells_what_it_changed_and_fails_where_a_file_was_refused(computed, tmp_path):
    workspace = Workspace(Path(shutil.copytree(computed.path, tmp_path / "W")))
    before, inbox = Results.open(workspace), tmp_path / "in"
    inbox.mkdir()
    write_stations(workspace, inbox / "stations-1.csv", 60)
    (inbox / "letter.docx").write_bytes(b"x" * 100)
    command = [sys.executable, "-m", "phusong.api.cli", "watch", workspace.path, inbox, "--settle", "0", "--once"]
    assert [subprocess.run(command, timeout=DEADLINE_S, check=False).returncode for _ in range(2)] == [1, 0]
    (report,), (refused,) = reports(inbox / "done").values(), reports(inbox / "refused").values()
    after = Results.open(workspace)
    assert (report["run_before"], report["run_id"]) == (before.run_id, after.run_id)
    assert "names no layer" in refused["error"]["en"]
    (changed,) = inbox.glob("done/*/diff.json")
    asked = run("diff", workspace.path, before.run_id, after.run_id, "--json")
    assert json.loads(changed.read_text("utf-8")) == json.loads(asked.stdout)


def test_an_inbox_among_the_files_of_the_workspace_is_refused_and_so_is_a_file(computed, tmp_path):
    workspace = Path(shutil.copytree(computed.path, tmp_path / "W"))
    before = sorted(workspace.rglob("*"))
    for inbox in (workspace, workspace / "rasters", workspace / "inbox", workspace / "phusong.toml"):
        refused = run("watch", workspace, inbox, "--once", "--settle", "0")
        assert refused.exit_code == 1
        assert "lies in the workspace" in refused.stderr
        assert "nằm trong vùng làm việc" in refused.stderr
    assert sorted(workspace.rglob("*")) == before
    (tmp_path / "file").touch()
    refused = run("watch", workspace, tmp_path / "file", "--once")
    assert (refused.exit_code, "is no folder" in refused.stderr) == (1, True)


def test_a_folder_of_no_layer_is_named_once_and_a_link_is_refused(computed, tmp_path):
    inbox = tmp_path / "in"
    for name in ("Stations", ".hidden", "stations", "done"):
        (inbox / name).mkdir(parents=True)
    known = Inbox(inbox, 0.0)
    assert [path.name for path in known.strange_folders()] == ["Stations"]
    assert known.strange_folders() == []
    (tmp_path / "elsewhere.csv").write_text("secret", encoding="utf-8")
    (inbox / "stations-1.csv").symlink_to(tmp_path / "elsewhere.csv")
    watched = run("watch", shutil.copytree(computed.path, tmp_path / "W"), inbox, "--once", "--settle", "0")
    assert watched.exit_code == 1
    assert "no layer is named so" in watched.stderr
    (report,) = inbox.glob("refused/*/report.txt")
    assert "is a link" in report.read_text("utf-8")
    assert "secret" not in report.read_text("utf-8")


def test_a_file_is_taken_only_when_it_stays_as_it_is_and_once(tmp_path):
    inbox, file = Inbox(tmp_path, 0.1), tmp_path / "stations.csv"
    file.write_text("half", encoding="utf-8")
    assert inbox.ready() == []
    time.sleep(0.15)
    file.write_text("half and the rest", encoding="utf-8")
    assert inbox.ready() == []
    time.sleep(0.15)
    assert inbox.ready() == [file]
    report = {"file": file.name, "done": False, "stored": False, "error": {"en": "No.", "vi": "Không."}, "imports": []}
    target = inbox.put_away(file, report)
    assert sorted(path.name for path in target.iterdir()) == ["report.json", "report.txt", "stations.csv"]
    shutil.copy2(target / "stations.csv", file)  # as if it could not have been moved
    time.sleep(0.15)
    inbox.ready()
    time.sleep(0.15)
    assert inbox.ready() == []


def test_names_that_copying_programs_use_are_left_alone_and_parts_go_with_their_main_file(tmp_path):
    for name in (".stations.csv", "~$stations.xlsx", "stations.xlsx.part", "recipe.toml", "a.shp", "a.dbf", "a.prj"):
        (tmp_path / name).touch()
    inbox = Inbox(tmp_path, 0.0)
    inbox.ready()
    assert inbox.ready() == [tmp_path / "a.shp"]
    os.utime(tmp_path / "a.dbf", (1, 1))
    inbox.settle_s = 60
    assert inbox.ready() == []  # a part that changes makes the whole wait


def test_a_refused_table_comes_back_with_its_reasons(computed, tmp_path):
    workspace = Workspace(Path(shutil.copytree(computed.path, tmp_path / "W")))
    file = tmp_path / "in" / "stations.csv"
    file.parent.mkdir()
    write_stations(workspace, file, 5)
    file.write_text(file.read_text("utf-8").replace(",4G,", ",6G,", 1), "utf-8")
    inbox = Inbox(file.parent, settle_s=0)
    target = inbox.put_away(file, take_file(workspace.path, file.parent, file))
    assert target.parent.name == "refused"
    page = openpyxl.load_workbook(target / "annotated.xlsx").active
    assert any("unknown_technology" in str(row[-1].value) for row in page.iter_rows())


def test_what_else_changed_since_the_published_run_is_checked_with_a_file(computed, tmp_path):
    workspace = Workspace(Path(shutil.copytree(computed.path, tmp_path / "W")))
    file = tmp_path / "in" / "stations.csv"
    file.parent.mkdir()
    write_stations(workspace, file, 5)
    away = Grid("EPSG:32648", Affine(100.0, 0, 300_000, 0, -100.0, 1_900_000), (10, 10))
    write_raster(workspace.raster_path("population"), Raster(np.ones(away.shape, np.float32), away), tags={})
    report = take_file(workspace.path, file.parent, file)
    assert (report["done"], report["stored"]) == (False, False)
    assert "does not overlap the terrain" in report["error"]["en"]
    assert len(Workspace.open(workspace.path).read_layer("stations")) > 5


def test_a_recipe_adds_a_file_of_new_stations_to_those_that_are_there(computed, tmp_path):
    workspace = Workspace(Path(shutil.copytree(computed.path, tmp_path / "W")))
    before = workspace.read_layer("stations")
    file = tmp_path / "in" / "stations-new.csv"
    file.parent.mkdir()
    write_stations(workspace, file, 1)
    file.write_text(file.read_text("utf-8").replace(before["station_id"].iloc[0], "ADDED"), "utf-8")
    (file.parent / "recipe.toml").write_text(
        '[[layer]]\nlayer = "stations"\nfile = "*-new.csv"\nappend = true\n', encoding="utf-8"
    )
    report = take_file(workspace.path, file.parent, file)
    assert report["done"], report
    after = Workspace.open(workspace.path).read_layer("stations")
    assert sorted(after["station_id"]) == sorted([*before["station_id"], "ADDED"])


def test_a_fault_of_phusong_is_a_sentence_for_the_sender_and_a_trace_in_the_log(caplog):
    try:
        _ = {}["no such layer"]
    except KeyError as fault:
        told = error_of(fault, "stations.csv")
    assert "a fault of phusong" in told["en"]
    assert "lỗi của phusong" in told["vi"]
    assert '_ = {}["no such layer"]' in caplog.text
    caplog.clear()
    error_of(InputError("Row 3 has no name.", vi="Dòng 3 không có tên."), "stations.csv")
    assert caplog.text == ""


def test_the_recipe_then_the_subfolder_then_the_name_says_the_layer(tmp_path):
    entry = entry_of(tmp_path, tmp_path / "Stations 2026.xlsx")
    assert (entry.layer, entry.file) == ("stations", "Stations 2026.xlsx")
    assert entry_of(tmp_path, tmp_path / "population" / "wp.tif").raster == "population"
    (tmp_path / "recipe.toml").write_text(
        '[[layer]]\nlayer = "places"\nfile = "st*.csv"\ncrs = "EPSG:9211"\n', encoding="utf-8"
    )
    entry = entry_of(tmp_path, tmp_path / "stations.csv")
    assert isinstance(entry, RecipeLayer)
    assert (entry.layer, entry.crs, entry.file) == ("places", "EPSG:9211", "stations.csv")
    with pytest.raises(InputError, match=r"letter\.txt names no layer"):
        entry_of(tmp_path, tmp_path / "letter.txt")
