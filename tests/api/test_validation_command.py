"""`phusong validate-model` over the drive test of the sample province."""

import json
from pathlib import Path

from phusong.geodata.workspace import Workspace
from tests.api.conftest import run


def test_the_drive_test_of_the_sample_is_compared(computed: Workspace, tmp_path: Path) -> None:
    plot = tmp_path / "scatter.svg"
    result = run("validate-model", computed.path, "--json", "--plot", plot)
    answer = json.loads(result.stdout)
    *groups, total = answer["statistics"]
    assert total["count"] == sum(group["count"] for group in groups) > 1_000
    assert answer["proposed"]["sigma_db"] > 0
    assert {row["technology"] for row in answer["confusion"]} == {"3G", "4G"}
    svg = plot.read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert svg.count("<circle") > 100


def test_the_table_says_what_is_proposed_in_either_language(computed: Workspace, tmp_path: Path) -> None:
    assert "Proposed: model_error.sigma_db" in run("validate-model", computed.path).stdout
    assert "Đề xuất: model_error.sigma_db" in run("validate-model", computed.path, "--lang", "vi").stdout
    picture = tmp_path / "scatter.png"
    assert run("validate-model", computed.path, "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_measurements_of_the_kind_the_command_says_so(computed: Workspace, tmp_path: Path) -> None:
    result = run("validate-model", computed.path, "--kind", "crowd")
    assert (result.exit_code, "has none of kind crowd" in result.stderr) == (1, True)
    wrong = run("validate-model", computed.path, "--plot", tmp_path / "a.gif")
    assert (wrong.exit_code, ".png" in wrong.stderr) == (1, True)
