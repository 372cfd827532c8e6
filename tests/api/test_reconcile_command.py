"""`phusong reconcile`: the sample's official list against its run; nothing of it changes a figure."""

import csv
import json
from pathlib import Path

import openpyxl
import pytest

from phusong.geodata.workspace import Workspace
from tests.api.conftest import run


@pytest.fixture(scope="module")
def villages(demo) -> Path:
    return demo[0] / "source" / "villages.csv"


@pytest.fixture(scope="module")
def answer(computed: Workspace, villages: Path) -> dict:
    return json.loads(run("reconcile", computed.path, villages, "--json").stdout)


def signals(workspace: Workspace) -> dict[str, str]:
    rows = json.loads(run("settlements", workspace.path, "--json").stdout)["rows"]
    return {row["settlement_id"]: row["signal"] for row in rows}


def test_every_settlement_without_signal_and_every_row_of_the_list_has_one_outcome(
    computed: Workspace, villages: Path, answer: dict
) -> None:
    modelled = signals(computed)
    by_outcome = {name: [row for row in answer["rows"] if row["outcome"] == name] for name in
                  ("agree", "model_only", "declared_only", "unmatched")}  # fmt: skip
    assert {name: len(rows) for name, rows in by_outcome.items()} == {name: answer[name] for name in by_outcome}
    none = {key for key, signal in modelled.items() if signal == "none"}
    assert {row["settlement_id"] for name in ("agree", "model_only") for row in by_outcome[name]} == none
    assert all(modelled[row["settlement_id"]] != "none" for row in by_outcome["declared_only"])
    with villages.open(encoding="utf-8-sig", newline="") as file:
        listed = len(list(csv.DictReader(file)))
    assert answer["agree"] + answer["declared_only"] + answer["unmatched"] == listed
    assert [row["name"] for row in by_outcome["unmatched"]] == ["Bản Không Có Mẫu"]


def test_each_outcome_has_its_reason(answer: dict) -> None:
    assert all(row["reason"] and row["reason_vi"] for row in answer["rows"])
    other = [row for row in answer["rows"] if row["outcome"] == "declared_only"]
    assert other
    assert all("above the weak limit" in row["reason"] for row in other)
    assert any("hides it at" in row["reason"] or "line of sight" in row["reason"] for row in answer["rows"])


def test_weak_settlements_belong_on_the_list_when_asked_for(computed: Workspace, villages: Path, answer: dict) -> None:
    wider = json.loads(run("reconcile", computed.path, villages, "--signal", "weak", "--json").stdout)
    modelled = signals(computed)
    assert wider["agree"] + wider["model_only"] == sum(signal in ("none", "weak") for signal in modelled.values())
    assert wider["agree"] >= answer["agree"]


def test_the_list_is_printed_and_written_and_leaves_the_workspace_alone(
    computed: Workspace, villages: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in computed.path.rglob("*") if path.is_file()}
    out = tmp_path / "reconciled.xlsx"
    result = run("reconcile", computed.path, villages, "--out", out)
    assert result.exit_code == 0, result.output
    assert "declared only" in result.stdout
    assert "chỉ khai báo" in run("reconcile", computed.path, villages, "--lang", "vi").stdout
    book = openpyxl.load_workbook(out)
    assert [cell.value for cell in book.active[1]][:2] == ["Kết quả (outcome)", "Dòng (row)"]
    after = {path: path.stat().st_mtime_ns for path in computed.path.rglob("*") if path.is_file()}
    assert {path for path in after if "cache" not in path.parts and before.get(path) != after[path]} == set()
