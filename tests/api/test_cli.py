import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from phusong.api.console import print_csv, print_table
from phusong.api.models import CoverageAnswer, RunsAnswer, SettlementsAnswer
from phusong.geodata.workspace import Workspace

from .conftest import run


def answer(*words):
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_demo_prints_figures_and_the_worst_served_settlements_and_draws_the_map(demo):
    folder, result = demo
    assert result.exit_code == 0
    assert "people" in result.stdout
    assert "Interference is not modelled" in result.stdout
    assert "Settlements without signal, power and broadband" in result.stdout
    page = (folder / "map.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")


def test_a_demo_is_never_made_over_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    result = run("demo", tmp_path, "--replace")
    assert result.exit_code == 1
    assert "something else than a demo" in result.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_previous_demo_is_replaced_on_request_only(demo):
    folder, _ = demo
    result = run("demo", folder)
    assert result.exit_code == 1
    assert "--replace" in result.stderr
    assert (folder / "workspace" / "phusong.toml").exists()


def test_coverage_json_is_the_published_model_with_numerators_and_denominators(computed):
    found = CoverageAnswer.model_validate(answer("coverage", computed.path))
    people = [row for row in found.rows if row.indicator == "people" and row.technology == "4G"]
    assert {row.service for row in people} == {"weak", "good"}
    assert all(row.share == pytest.approx(row.numerator / row.denominator) for row in people)
    assert (found.profile, found.level) == ("qcvn", "province")
    assert "Interference is not modelled" in found.notes[0].en


@pytest.mark.parametrize(
    ("level", "units"), [("district", 6), ("commune", 9), ("old_commune", 30), ("settlement", 400)]
)
def test_every_level_answers_for_all_its_units(computed, level, units):
    rows = answer("coverage", computed.path, "--level", level, "--technology", "any")["rows"]
    assert len({row["unit_code"] for row in rows}) == units
    assert {row["level"] for row in rows} == {level}


@pytest.mark.parametrize("level", ["district", "commune", "old_commune"])
def test_people_settlements_and_sites_of_every_level_are_those_of_the_province(computed, level):
    def totals(of_level):
        found = Counter()
        for row in answer("coverage", computed.path, "--level", of_level)["rows"]:
            if row["indicator"] in ("people", "settlements", "households_passed", "stations", "masts"):
                label = (row["indicator"], row["technology"], row["operator"], row["service"])
                found[label, "has"] += row["numerator"] or 0.0
                found[label, "of"] += row["denominator"] or 0.0
        return found

    assert totals(level) == pytest.approx(totals("province"), abs=1e-3)


def test_settlement_figures_add_up_to_the_province(computed):
    rows = answer("coverage", computed.path, "--level", "settlement", "--technology", "3G+4G")["rows"]
    province = answer("coverage", computed.path, "--technology", "3G+4G")["rows"]
    for service in ("weak", "good"):
        total = sum(row["numerator"] for row in rows if row["service"] == service)
        wanted = [r for r in province if r["indicator"] == "settlements" and r["service"] == service]
        assert [total] == [row["numerator"] for row in wanted]


def test_one_operator_never_covers_more_than_any(computed):
    def people(*more):
        rows = answer("coverage", computed.path, "--technology", "4G", *more)["rows"]
        return next(r["numerator"] for r in rows if (r["indicator"], r["service"]) == ("people", "weak"))

    assert people("--operator", "Mạng A") <= people()


def test_settlements_are_filtered_and_counted_against_all(computed):
    found = SettlementsAnswer.model_validate(
        answer("settlements", computed.path, "--signal", "none", "--power", "no", "--broadband", "no")
    )
    assert found.numerator == len(found.rows) > 0
    assert found.denominator == 400
    assert {(row.signal, row.power, row.broadband) for row in found.rows} == {("none", "no", "no")}


@pytest.mark.parametrize("profile", ["qcvn", "ofcom"])
def test_settlements_are_filtered_by_the_models_error_beside_their_signal(computed, profile):
    listed = answer("settlements", computed.path, "--profile", profile)
    parts = {
        flag: answer("settlements", computed.path, "--profile", profile, "--uncertain", flag)["rows"]
        for flag in ("yes", "no")
    }
    for flag, rows in parts.items():
        assert rows == [row for row in listed["rows"] if row["uncertain"] == flag]
        assert rows
    assert "8 dB" in listed["definitions"]["model_error"]["en"]


def test_figures_have_an_interval_and_expected_people_in_json(computed):
    rows = answer("coverage", computed.path, "--technology", "any")["rows"]
    people = [row for row in rows if row["indicator"] == "people"]
    assert all(row["low"] <= row["share"] <= row["high"] for row in people)
    expected = [row for row in rows if row["indicator"] == "people_expected"]
    assert [row["denominator"] for row in expected] == [row["denominator"] for row in people]
    assert all(row["low"] is None for row in expected)


@pytest.mark.parametrize("profile", ["qcvn", "ofcom"])
def test_the_eight_states_of_every_level_count_what_the_list_of_settlements_holds(computed, profile):
    listed = answer("settlements", computed.path, "--profile", profile)["rows"]
    for level in ("province", "district", "commune"):
        rows = answer("coverage", computed.path, "--level", level, "--profile", profile)["rows"]
        states = [row for row in rows if row["indicator"] == "states"]
        assert sum(row["numerator"] for row in states) == len(listed)
        worst = sum(r["numerator"] for r in states if r["service"] == "signal=none power=no broadband=no")
        assert worst == sum((r["signal"], r["power"], r["broadband"]) == ("none", "no", "no") for r in listed)
        weak = sum(row["numerator"] for row in rows if row["indicator"] == "states:weak")
        assert weak == sum(row["signal"] == "weak" for row in listed)


def test_settlements_of_another_profile_are_judged_by_its_thresholds(computed):
    weak = [
        answer("settlements", computed.path, "--signal", "none", "--profile", name)["rows"]
        for name in ("qcvn", "ofcom")
    ]
    assert {row["settlement_id"] for row in weak[0]} != {row["settlement_id"] for row in weak[1]}
    assert all(row["signal"] == "none" for row in weak[1])


def test_csv_opens_in_excel_and_holds_the_same_rows(computed):
    result = run("settlements", computed.path, "--commune", "Xã Mẫu Mới 1", "--csv")
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(result.stdout_bytes.decode("utf-8-sig"))))
    wanted = answer("settlements", computed.path, "--commune", "Xã Mẫu Mới 1")["rows"]
    assert [row["settlement_id"] for row in rows] == [row["settlement_id"] for row in wanted]


def test_tables_fit_100_columns_and_speak_vietnamese(computed):
    for words in (
        ("coverage", computed.path, "--level", "commune"),
        ("settlements", computed.path),
        ("runs", computed.path),
    ):
        result = run(*words, "--lang", "vi")
        assert max(map(len, result.stdout.splitlines())) <= 100
        assert "Không mô hình hóa nhiễu" in result.stdout
    assert any(
        "," in word and word.endswith("%") for word in run("coverage", computed.path, "--lang", "vi").stdout.split()
    )


def test_compute_again_publishes_nothing_new_and_says_so(computed):
    day = answer("runs", computed.path)["runs"][0]["as_of"]
    again = answer("compute", computed.path, "--as-of", day)
    assert again["published"] is False
    assert again["run_id"] == answer("runs", computed.path)["current"]
    assert all(set(warning) == {"en", "vi"} for warning in again["warnings"])


def test_a_dry_run_says_how_much_work_it_is_and_publishes_nothing(computed):
    before = answer("runs", computed.path)
    planned = answer("compute", computed.path, "--dry-run")
    assert planned["fields"] >= planned["geometries"] > 0
    sizes = {"stations", "geometries", "fields", "cached_fields", "pixels", "minutes", "disk_mb", "cache_limit_mb"}
    assert set(planned) == sizes | {"warnings"}
    assert planned["cached_fields"] == planned["fields"]
    assert planned["minutes"] == 0
    assert answer("runs", computed.path) == before


def test_runs_json_is_the_published_model(computed):
    found = RunsAnswer.model_validate(answer("runs", computed.path))
    assert [run.is_current for run in found.runs].count(True) == 1
    assert all(entry["sha256"] for entry in found.runs[0].inputs.values())


def test_the_map_is_written_where_it_is_asked_for_and_nowhere_else(computed, tmp_path):
    assert run("map", computed.path, "--out", tmp_path / "m.html").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m.html"]
    lost = run("map", computed.path, "--out", tmp_path / "no" / "m.html")
    assert lost.exit_code == 1
    assert "cannot be written" in lost.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("coverage", "--run", "0000000000000000"),
        ("coverage", "--profile", "secret"),
        ("coverage", "--technology", "6G"),
        ("coverage", "--operator", "Nobody"),
        ("coverage", "--unit", "00000"),
        ("coverage", "--level", "settlement", "--operator", "Mạng A"),
        ("settlements", "--commune", "Nowhere"),
    ],
)
def test_an_unknown_name_is_one_sentence_in_each_language_and_exit_code_1(computed, words):
    result = run(words[0], computed.path, *words[1:])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["error", "lỗi"]


@pytest.mark.parametrize("name", ["xã mẫu mới 1", "X. Mẫu Mới 1", "Mẫu Mới 1", "mau moi 1", "XA MAU MOI 1"])
def test_a_commune_is_found_in_any_spelling(computed, name):
    found = answer("settlements", computed.path, "--commune", name)
    assert {row["commune_name"] for row in found["rows"]} == {"Xã Mẫu Mới 1"}


def test_a_name_of_other_tones_is_another_commune(computed):
    assert run("settlements", computed.path, "--commune", "Xã Mâu Mới 1").exit_code == 1


def test_an_unknown_commune_is_answered_with_those_there_are(computed):
    result = run("settlements", computed.path, "--commune", "Nowhere")
    assert "There is no commune 'Nowhere' here; there is:" in result.stderr
    assert "Xã Mẫu Mới 9" in result.stderr


def test_names_with_line_breaks_and_control_characters_stay_in_their_cell(capsys):
    print_table([("name", "tên")], [("Bản\nTrên \x1b[31mđỏ",)], language="vi")
    assert capsys.readouterr().out.splitlines()[1].strip() == "Bản Trên [31mđỏ"


def test_old_communes_without_polygons_are_said_to_need_them(computed, tmp_path):
    shutil.copytree(computed.path, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    communes = workspace.read_layer("communes")
    communes.loc[communes["valid_to"].notna(), "geometry"] = None
    workspace.write_layer("communes", communes)
    day = answer("runs", computed.path)["runs"][0]["as_of"]
    assert run("compute", workspace.path, "--as-of", day).exit_code == 0
    rows = answer("coverage", workspace.path, "--level", "old_commune")["rows"]
    assert [row["reason"] for row in rows if not row["unit_code"]] == ["needs polygons of the old communes"]
    refused = run("coverage", workspace.path, "--level", "old_commune", "--unit", "19183")
    assert refused.exit_code == 1
    assert "needs polygons of the old communes" in refused.stderr


def test_wrong_usage_is_exit_code_2(computed):
    assert run("coverage").exit_code == 2
    assert run("coverage", computed.path, "--level", "county").exit_code == 2
    assert run("coverage", computed.path, "--json", "--csv").exit_code == 2
    assert run("import", computed.path).exit_code == 2
    assert run("compute", computed.path, "--as-of", "1/7/2025").exit_code == 2


def test_before_the_first_run_the_command_to_run_is_named(empty):
    result = run("coverage", empty.path)
    assert result.exit_code == 1
    assert f"phusong compute {empty.path}" in result.stderr


def test_the_command_works_as_a_process_with_data_on_stdout_alone(computed):
    command = [sys.executable, "-m", "phusong.api.cli", "settlements", str(computed.path), "--signal", "none", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert SettlementsAnswer.model_validate_json(done.stdout).numerator > 0
    lost = subprocess.run([*command[:4], "/nowhere"], check=False, capture_output=True, text=True, encoding="utf-8")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "Traceback" not in lost.stderr


def test_shell_completion_is_offered():
    assert "--install-completion" in run("--help").stdout


def test_no_cell_of_a_printed_csv_can_be_run_as_a_formula(capsys):
    names = ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "-95,5", "Bản Một"]
    print_csv([{"name": name, "rsrp_dbm": -95.5} for name in names], ["name", "rsrp_dbm"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out.removeprefix("\ufeff"))))
    assert [row["name"] for row in rows] == ["'=1+1", "'+cmd|x", "'-2+3", "'@SUM(A1)", "'\t=1", "-95,5", "Bản Một"]
    assert {row["rsrp_dbm"] for row in rows} == {"-95.5"}
