"""`phusong match`: a list without positions goes out for review and comes back as aliases."""

import json
import shutil
from pathlib import Path

import openpyxl
import pytest

from phusong.geodata.workspace import Workspace
from tests.api.conftest import run


@pytest.fixture
def workspace(computed: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(computed.path, tmp_path / "W")
    return Workspace.open(tmp_path / "W")


def test_a_list_is_matched_reviewed_and_known_the_next_time(workspace: Workspace, tmp_path: Path) -> None:
    known = workspace.read_layer("settlements").iloc[0]
    path = tmp_path / "list.csv"
    path.write_text(f"Thôn,Mã xã\n{known['name'].upper()},x\nBản Không Tên Nào,x\n", encoding="utf-8")
    review = tmp_path / "review.xlsx"
    result = run("match", workspace.path, path, "--out", review, "--json")
    answer = json.loads(result.stdout)
    assert (answer["matched"], answer["review"], answer["unmatched"]) == (1, 0, 1)
    assert answer["rows"][0]["settlement_id"] == known["settlement_id"]
    book = openpyxl.load_workbook(review)
    headings = [cell.value for cell in book.active[1]]
    book.active.cell(3, headings.index("Mã được chọn (settlement_id)") + 1).value = known["settlement_id"]
    book.active.cell(3, headings.index("Loại tên (kind)") + 1).value = "merged"
    book.save(review)
    accepted = run("match", workspace.path, "--accept", review)
    assert accepted.exit_code == 0, accepted.output
    assert "accepted 2" in accepted.stdout
    again = json.loads(run("match", workspace.path, path, "--json").stdout)
    assert (again["matched"], again["unmatched"]) == (2, 0)


def test_refused_rows_and_unused_columns_are_named_in_both_languages(workspace: Workspace, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (("Tên thôn", "Thuộc xã", "Số hộ"), ("=A1", "x", 3), ("Bản Không Tên Nào", "x", 4)):
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    answer = json.loads(run("match", workspace.path, tmp_path / "list.xlsx", "--json").stdout)
    assert (answer["unmatched"], answer["refused"]) == (1, 1)
    assert [(row["row"], row["status"]) for row in answer["rows"]] == [(3, "unmatched"), (2, "refused")]
    english, vietnamese = (
        run("match", workspace.path, tmp_path / "list.xlsx", "--lang", language) for language in ("en", "vi")
    )
    assert "list.xlsx, sheet Sheet, row 2, name: name is a formula" in english.stderr
    assert "columns not used: Số hộ" in english.stdout
    assert "list.xlsx, trang tính Sheet, dòng 2, name: name là công thức" in vietnamese.stderr
    assert "cột không dùng đến: Số hộ" in vietnamese.stdout


def test_one_of_file_and_review_must_be_given(workspace: Workspace, tmp_path: Path) -> None:
    assert run("match", workspace.path).exit_code == 2
    assert run("match", workspace.path, tmp_path / "a", "--accept", tmp_path / "b").exit_code == 2
    missing = run("match", workspace.path, tmp_path / "a.csv")
    assert (missing.exit_code, "does not exist" in missing.stderr) == (1, True)
