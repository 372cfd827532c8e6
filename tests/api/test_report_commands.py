"""The commands report and sheet: the figures are those of the other doors, to the last digit."""

import io
import json

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from phusong.api.answers import open_run
from phusong.maps.page import render_map
from phusong.maps.text import format_count, format_share
from tests.api.conftest import run


@pytest.fixture(scope="module")
def books(computed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name in ("r.xlsx", "r.pdf"):
        result = run("report", computed.path, "--out", folder / name)
        assert result.exit_code == 0, result.output
    text = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(folder / "r.pdf").pages)
    return load_workbook(folder / "r.xlsx"), text


def test_totals_are_equal_in_answer_map_workbook_and_pdf(books, computed):
    book, text = books
    results = open_run(computed)
    figures = json.loads(run("coverage", computed.path, "--technology", "4G", "--json").stdout)["rows"]
    people = next(row for row in figures if (row["indicator"], row["service"]) == ("people", "weak"))
    rows = [row for row in book["Tổng hợp toàn tỉnh"].iter_rows(values_only=True) if row[:2] == ("Dân số", "4G")]
    share = format_share(people["numerator"], people["denominator"], "vi")
    counts = [format_count(value, "vi") for value in (people["numerator"], people["denominator"])]
    assert [format_count(value, "vi") for value in rows[0][2:4]] == counts
    assert rows[0][4] == share
    assert f"Dân số 4G {counts[0]} {counts[1]} {share}" in text
    assert f'"{share}"' in render_map(results, computed)
    assert f'"{counts[0]}/{counts[1]}"' in render_map(results, computed)


def test_the_list_holds_every_settlement_that_lacks_something(books, computed):
    table = open_run(computed).settlements
    lacking = (table["power"] == "no") | (table["signal"] == "none") | (table["broadband"] == "no")
    sheet = books[0]["Thôn, bản còn thiếu"]
    names = [row[1] for row in sheet.iter_rows(min_row=5, values_only=True)]
    assert sorted(names) == sorted(table.loc[lacking, "name"])


def test_targets_of_the_settings_stand_against_the_figures(copied, tmp_path):
    settings = copied.path / "phusong.toml"
    target = """
[[report.targets]]
name = "Phủ sóng 4G"
indicator = "people"
technology = "4G"
value_pct = 100.0
due = 2025-12-31
decision = "Quyết định mẫu"
"""
    settings.write_text(settings.read_text(encoding="utf-8") + target, encoding="utf-8")
    assert run("report", copied.path, "--out", tmp_path / "r.xlsx").exit_code == 0
    row = list(load_workbook(tmp_path / "r.xlsx")["Mục tiêu và kết quả thực hiện"].iter_rows(values_only=True))[-1]
    assert row[0] == "Phủ sóng 4G"
    assert row[2] == "100%"
    assert row[4:] == ("chưa đạt", "31/12/2025", "Quyết định mẫu")


def test_a_file_of_another_kind_is_refused_with_the_kinds(computed, tmp_path):
    result = run("report", computed.path, "--out", tmp_path / "r.doc")
    assert result.exit_code == 1
    assert ".xlsx or" in result.stderr
    assert run("sheet", computed.path, "X", "--out", tmp_path / "r.xlsx").exit_code == 1


def test_a_reply_is_written_for_an_id_and_a_wrong_or_shared_name_is_an_error(computed, tmp_path):
    table = open_run(computed).settlements
    uncovered = table[table["signal"] == "none"].iloc[0]
    out = tmp_path / "s.pdf"
    assert run("sheet", computed.path, uncovered["settlement_id"], "--out", out).exit_code == 0
    letter, annex = (" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(out.read_bytes())).pages)
    assert uncovered["name"] in letter
    assert uncovered["nearest_mast_id"] not in letter
    assert "LƯU HÀNH NỘI BỘ" in annex
    assert run("sheet", computed.path, "không có tên này", "--out", out).exit_code == 1


def test_a_chart_of_coverage_has_the_figures_of_the_table(computed, tmp_path):
    shown = run("coverage", computed.path, "--lang", "vi", "--plot", tmp_path / "chart.svg")
    assert shown.exit_code == 0, shown.output
    chart = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    rows = json.loads(run("coverage", computed.path, "--json").stdout)["rows"]
    for row in rows:
        if row["indicator"] in ("people", "settlements") and row["service"] == "weak":
            counts = [format_count(row[name], "vi") for name in ("numerator", "denominator")]
            assert "/".join(counts) in chart
            assert f">{format_share(row['numerator'], row['denominator'], 'vi').replace('>', '&gt;')}<" in chart


def test_a_chart_of_communes_names_each_and_one_without_shares_is_refused(computed, tmp_path):
    out = tmp_path / "chart.png"
    assert run("coverage", computed.path, "--level", "commune", "--technology", "4G", "--plot", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    refused = run("coverage", computed.path, "--technology", "2G", "--plot", out)
    assert refused.exit_code != 0
