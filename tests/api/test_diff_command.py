import json
import shutil

import pytest

from phusong.api.models import RunsAnswer
from phusong.geodata.workspace import Workspace

from .conftest import local_client, run

PLAN = "Quy hoạch 2027"
DAY = "2027-06-30"


@pytest.fixture(scope="module")
def planned(computed, tmp_path_factory):
    """The sample with its published run and a scenario of the same day."""
    folder = tmp_path_factory.mktemp("planned") / "workspace"
    shutil.copytree(computed.path, folder)
    for options in ([], ["--scenario", PLAN]):
        done = run("compute", folder, "--as-of", DAY, "--json", *options)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["published"] == (not options)
    return Workspace.open(folder)


def test_runs_lists_the_scenario_by_its_name_and_the_published_run_stays(planned):
    found = RunsAnswer.model_validate_json(run("runs", planned.path, "--json").stdout)
    assert [(each.scenario, each.is_current) for each in found.runs[:2]] == [(PLAN, False), (None, True)]
    assert f"kịch bản {PLAN}" in run("runs", planned.path, "--lang", "vi").stdout


def test_a_scenario_is_asked_by_its_name(planned):
    found = json.loads(run("coverage", planned.path, "--run", PLAN, "--json").stdout)
    assert any(PLAN in note["en"] for note in found["notes"])


def test_diff_json_reconciles_and_names_the_planned_stations(planned):
    found = json.loads(run("diff", planned.path, "current", PLAN, "--json").stdout)
    assert found["b"]["scenario"] == PLAN
    assert {row["status"] for row in found["stations"]} == {"planned"}
    assert {row["cause"] for row in found["causes"]} == {"new"}
    for row in found["people"]:
        change = row["gained"] - row["lost"] + row["arrived"] - row["left"]
        assert row["people_b"] - row["people_a"] == pytest.approx(change, abs=1e-7)


def test_the_service_and_the_command_tell_former_districts_alike(planned):
    told = json.loads(run("diff", planned.path, "current", PLAN, "--level", "district", "--json").stdout)
    asked = local_client(planned).get(f"/v1/runs/current/diff/{PLAN}", params={"level": "district"})
    assert asked.json() == told
    assert (
        {row["level"] for row in told["people"]} == {row["level"] for row in told["counts"]} == {"province", "district"}
    )
    assert told["not_available"] is None


@pytest.mark.parametrize(("language", "words"), [("en", ["gained", "new"]), ("vi", ["thêm", "mới", "ngày 30/06/2027"])])
def test_the_tables_speak_both_languages(language, words, planned):
    shown = run("diff", planned.path, "current", PLAN, "--lang", language)
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.stdout for word in words)
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_the_geojson_holds_communes_and_stations_that_changed(planned, tmp_path):
    path = tmp_path / "changes.geojson"
    assert run("diff", planned.path, "current", PLAN, "--geojson", path).exit_code == 0
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    kinds = {feature["properties"]["kind"] for feature in features}
    assert {"commune", "station"} <= kinds <= {"commune", "station", "settlement"}
    assert all(feature["geometry"]["coordinates"] for feature in features)


def test_an_unknown_run_or_a_file_that_cannot_be_written_is_one_sentence(planned, tmp_path):
    unknown = run("diff", planned.path, "current", "Tomorrow")
    assert (unknown.exit_code, unknown.stderr.count("error:")) == (1, 1)
    unwritable = run("diff", planned.path, "current", PLAN, "--geojson", tmp_path / "no" / "such" / "file")
    assert unwritable.exit_code == 1
    assert "cannot be written" in unwritable.stderr
