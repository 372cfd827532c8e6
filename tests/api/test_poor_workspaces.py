"""A workspace that lacks what it can lack: every page and document still opens, and says what is missing."""

import io
import json
import re
import shutil
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser
from pypdf import PdfReader

from phusong.coverage.compute import compute
from phusong.coverage.results import Results, list_runs
from phusong.geodata.recipe import import_recipe
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace
from tests.chromium import Watched

from .conftest import run

OPTIONAL = ("crosswalk", "fibre_endpoints", "places", "observations", "aliases", "measurements")


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One operator, no optional layer, and a commune without settlements; two runs."""
    folder = tmp_path_factory.mktemp("poor")
    recipe = write_sample(folder / "source", seed=1, resolution_m=400.0)
    text = recipe.read_text(encoding="utf-8")
    entries = text.split("[[")
    recipe.write_text("[[".join(part for part in entries if not _is_optional(part)), encoding="utf-8")
    stations = pd.read_csv(recipe.parent / "stations.csv")
    stations[stations["operator"] == "Mạng A"].to_csv(recipe.parent / "stations.csv", index=False)
    settlements = gpd.read_file(recipe.parent / "settlements.geojson")
    settlements["has_grid_power"] = "yes"
    emptied = settlements["commune_code"].iloc[0]
    settlements = settlements[settlements["commune_code"] != emptied]
    settlements.to_file(recipe.parent / "settlements.geojson", driver="GeoJSON")
    workspace = Workspace.create(folder / "W", crs="EPSG:32648", resolution_m=400.0, name="tỉnh Nghèo")
    import_recipe(workspace, recipe, recipe.parent)
    compute(workspace, as_of=date(2026, 1, 1))
    compute(workspace, as_of=date(2026, 2, 1))
    return workspace


def _is_optional(entry: str) -> bool:
    return any(f'layer = "{name}"' in entry for name in OPTIONAL)


@pytest.fixture(scope="module")
def covered(poor: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same where every level is good, without the settlements that no station reaches."""
    folder = tmp_path_factory.mktemp("covered") / "W"
    shutil.copytree(poor.path, folder, symlinks=True)
    settings = folder / "phusong.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(re.sub(r"(weak|good)_dbm = -[0-9.]+", r"\1_dbm = -900.0", text), encoding="utf-8")
    workspace = Workspace.open(folder)
    compute(workspace, as_of=date(2026, 3, 1))
    found = Results.open(workspace).settlements
    reached = set(found.loc[found["signal"] != "none", "settlement_id"])
    settlements = workspace.read_layer("settlements")
    workspace.write_layer("settlements", settlements[settlements["settlement_id"].isin(reached)])
    compute(workspace, as_of=date(2026, 3, 1))
    return workspace


def written(workspace: Workspace, out: Path, command: str, *words: object) -> bytes:
    result = run(command, workspace.path, *words, "--out", out)
    assert result.exit_code == 0, result.output
    return out.read_bytes()


def pdf_text(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


def uncovered(workspace: Workspace) -> int:
    return int(json.loads(run("settlements", workspace.path, "--signal", "none", "--json").stdout)["numerator"])


@pytest.mark.browser
@pytest.mark.parametrize("which", ["poor", "covered"])
def test_every_page_opens_lists_as_many_and_says_what_is_missing(
    which: str, request: pytest.FixtureRequest, browser: Browser, tmp_path: Path
) -> None:
    workspace: Workspace = request.getfixturevalue(which)
    communes = Results.open(workspace).units("commune")["code"].astype(str)
    runs = [manifest["run_id"] for manifest in list_runs(workspace)]
    with browser.new_context(offline=True) as context:
        for name, options in {
            "public": [],
            "internal": ["--audience", "internal"],
            "diff": ["--diff", runs[0], runs[-1]],
            "index": ["--index"],
            **{code: ["--unit", code] for code in communes[:2]},  # the first has no settlements
        }.items():
            file = tmp_path / f"{name}.html"
            written(workspace, file, "map", *options)
            watched = Watched(context.new_page())
            watched.page.goto(file.as_uri())
            if name == "internal":
                assert watched.page.inner_text("#layers").count("chưa nhập") == 2
            if name in ("internal", "public"):
                watched.page.select_option("#list-state", "stateNone")
                assert watched.page.locator("#list li").count() == uncovered(workspace)
            assert watched.is_quiet, name
            watched.page.close()


@pytest.mark.parametrize("which", ["poor", "covered"])
def test_every_document_is_written_and_says_what_is_missing(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    workspace: Workspace = request.getfixturevalue(which)
    assert (uncovered(workspace) == 0) == (which == "covered")
    book = load_workbook(io.BytesIO(written(workspace, tmp_path / "report.xlsx", "report")))
    cells = {str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    text = pdf_text(written(workspace, tmp_path / "report.pdf", "report"))
    for said in (cells, {text}):
        nobody = any("Không có thôn, bản nào." in part for part in said)
        assert nobody == (uncovered(workspace) == 0)
        assert any("Các lớp chưa nhập: điểm cáp quang" in part for part in said)
    one = Results.open(workspace).settlements["settlement_id"].iloc[0]
    for kind in ("docx", "pdf"):
        assert written(workspace, tmp_path / f"sheet.{kind}", "sheet", one)
    assert "Các lớp chưa nhập: điểm cáp quang" in pdf_text((tmp_path / "sheet.pdf").read_bytes())
