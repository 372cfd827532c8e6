"""Files of a run: whole and in parts, the same bytes every time, for each role what it may see, and the catalogue."""

import asyncio
import csv
import io
import itertools
import json
import os
import shutil

import numpy as np
import openpyxl
import pyogrio
import pytest
import rasterio
from fastapi.testclient import TestClient
from rasterio.io import MemoryFile

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.kept_files import KeptFiles
from phusong.api.keys import Keys
from phusong.coverage.results import Results
from phusong.geodata.errors import StoreError
from phusong.geodata.workspace import Workspace
from phusong.maps.pictures import CLASS_PALETTE

from .test_access import leaks
from .test_serving import served

TERMS = """
[service.open_data]
publisher = "Sở Khoa học và Công nghệ"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
contact = "so@example.vn"
"""
TABLES = ("figures.csv", "settlements.csv", "tables.xlsx", "tables.gpkg", "dictionary.json")
RASTER = "/downloads/current/class/4G.tif"


@pytest.fixture(scope="module")
def published(computed, tmp_path_factory):
    copy = tmp_path_factory.mktemp("downloads") / "w"
    shutil.copytree(computed.path, copy, symlinks=True, ignore=shutil.ignore_patterns("access", "fields", "arrays"))
    with (copy / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write(TERMS)
    return Workspace.open(copy)


@pytest.fixture(scope="module")
def callers(published):
    app = create_app(published.path)
    key = Keys(AccessStore(published.path)).add("downloads", "planner")
    return {"planner": TestClient(app, headers={"Authorization": f"Bearer {key}"}), "public": TestClient(app)}


def got(client, path, **headers):
    answer = client.get(path, headers=headers)
    assert answer.status_code in (200, 206), answer.text
    return answer


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("name", [*TABLES, "class/4G.tif", "class/3G+4G.tif?profile=ofcom"])
def test_a_file_made_again_has_the_same_bytes_and_tag(callers, published, name):
    for client in callers.values():
        first = got(client, f"/downloads/current/{name}")
        for kept in (published.cache_dir / "served").glob("[!.]*"):
            kept.unlink()
        second = got(client, f"/downloads/current/{name}")
        assert second.content == first.content
        assert second.headers["ETag"] == first.headers["ETag"]
        assert not first.headers["ETag"].startswith("W/")
        again = client.get(f"/downloads/current/{name}", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_file_is_saved_under_a_plain_name(callers, published):
    run_id = Results.open(published).run_id
    saved = got(callers["public"], "/downloads/current/class/3G+4G.tif").headers["Content-Disposition"]
    assert saved == f'attachment; filename="phusong_{run_id}_class_3G-4G_any_qcvn_100m.tif"'


def test_parts_of_a_file_make_the_whole(callers):
    client, whole = callers["public"], got(callers["public"], RASTER)
    half = len(whole.content) // 2
    first = got(client, RASTER, Range=f"bytes=0-{half - 1}")
    rest = got(client, RASTER, Range=f"bytes={half}-", **{"If-Range": whole.headers["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    assert first.headers["ETag"] == whole.headers["ETag"]
    other = got(client, RASTER, Range="bytes=0-9", **{"If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)


@pytest.mark.parametrize(("asked", "status"), [("bytes=999999999-", 416), ("pages=1-2", 400), ("bytes=9-3", 400)])
def test_a_part_that_there_is_not_is_a_problem(callers, asked, status):
    answer = callers["public"].get(RASTER, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_gdal_reads_a_raster_from_the_service_in_parts(published):
    with (
        served(published.path) as (address, _),
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(f"/vsicurl/{address}{RASTER}") as file,
    ):
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert set(np.unique(file.read(1))) <= {0, 1, 2, 255}


def test_the_public_raster_has_the_class_of_every_cell_and_the_colours_of_the_map(callers):
    client = callers["public"]
    with MemoryFile(got(client, RASTER).content) as memory, memory.open() as file:
        assert file.res == (100.0, 100.0)
        assert [file.colormap(1)[code] for code in range(3)] == list(CLASS_PALETTE[:3])
        values, rng = file.read(1), np.random.default_rng(6)
        for row, col in rng.integers(0, values.shape, (25, 2)):
            (lon,), (lat,) = rasterio.warp.transform(file.crs, 4326, *([value] for value in file.xy(row, col)))
            found = client.get("/v1/point", params={"lon": lon, "lat": lat}).json()
            wanted = ("none", "weak", "good").index(found["service"]["4G"]) if found["in_province"] else 255
            assert values[row, col] == wanted
        assert file.tags()["RUN_ID"] == client.get("/v1/runs").json()["current"]


def test_a_planner_gets_the_runs_own_pixels_and_levels(callers, published):
    results = Results.open(published)
    for path, wanted in {
        "class/4G.tif": results.service_class("4G"),
        f"class/4G.tif?operator={results.operators[0]}": results.service_class("4G", results.operators[0]),
        "rsrp/4G.tif": results.rsrp("4G"),
    }.items():
        answer = got(callers["planner"], f"/downloads/current/{path}")
        with MemoryFile(answer.content) as memory, memory.open() as file:
            assert (file.read(1) == wanted.values).all()
            assert (file.nodata, file.scales) == (wanted.nodata, (0.01 if path.startswith("rsrp") else 1.0,))
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_signal_and_operators_are_not_for_the_public(callers, published):
    operator = Results.open(published).operators[0]
    for path in ("rsrp/4G.tif", f"class/4G.tif?operator={operator}"):
        assert callers["public"].get(f"/downloads/current/{path}").status_code == 401


def test_the_tables_hold_what_the_answers_hold(callers):
    for client in callers.values():
        listed = rows_of(got(client, "/v1/settlements?f=csv&limit=1000"))
        saved = rows_of(got(client, "/downloads/current/settlements.csv"))
        ids = {row["settlement_id"] for row in saved}
        assert len(ids) > 100
        assert ids == {row["settlement_id"] for row in listed}
        figures = rows_of(got(client, "/downloads/current/figures.csv"))
        asked = client.get("/v1/coverage?level=province&technology=4G").json()["rows"]
        keys = ("level", "unit_code", "technology", "operator", "profile", "indicator", "service")
        known = {tuple(row[key] for key in keys): float(row["numerator"] or "nan") for row in figures}
        assert all(known[tuple(row[key] for key in keys)] == row["numerator"] for row in asked)
        assert saved[0]["sources"].endswith("https://creativecommons.org/licenses/by/4.0/")


def test_workbook_and_geopackage_hold_the_same_rows_and_the_terms(callers, tmp_path):
    for role, client in callers.items():
        count = len(rows_of(got(client, "/downloads/current/settlements.csv")))
        book = openpyxl.load_workbook(io.BytesIO(got(client, "/downloads/current/tables.xlsx").content), read_only=True)
        assert book.sheetnames == ["figures", "settlements", "dictionary", "about"]
        assert sum(1 for _ in book["settlements"].values) == count + 1
        assert dict(list(book["about"].values))["licence"] == "CC BY 4.0"
        file = tmp_path / f"{role}.gpkg"
        file.write_bytes(got(client, "/downloads/current/tables.gpkg").content)
        layers = {str(name) for name in pyogrio.list_layers(file)[:, 0]}
        assert layers == {"figures", "settlements", "units"} | ({"places", "stations"} if role == "planner" else set())
        assert len(pyogrio.read_dataframe(file, layer="settlements")) == count
        assert pyogrio.read_info(file, layer="units")["layer_metadata"]["publisher"] == "Sở Khoa học và Công nghệ"


def test_no_public_file_holds_what_locates_masts(callers, tmp_path):
    client = callers["public"]
    book = openpyxl.load_workbook(io.BytesIO(got(client, "/downloads/current/tables.xlsx").content), read_only=True)
    sheets = {sheet.title: list(sheet.values) for sheet in book.worksheets}
    assert list(leaks([dict.fromkeys(sheets["figures"][0]), dict.fromkeys(sheets["settlements"][0])])) == []
    assert list(leaks([list(row) for row in sheets["figures"] + sheets["settlements"]])) == []
    (tmp_path / "a.gpkg").write_bytes(got(client, "/downloads/current/tables.gpkg").content)
    for layer in ("figures", "settlements", "units"):
        assert list(leaks([json.loads(pyogrio.read_dataframe(tmp_path / "a.gpkg", layer=layer).to_json())])) == []
    assert list(leaks(client.get("/downloads/current/dictionary.json").json()["tables"])) == []


def test_every_column_has_a_meaning_in_both_languages(callers):
    for client in callers.values():
        tables = got(client, "/downloads/current/dictionary.json").json()["tables"]
        assert [
            (table, column) for table, columns in tables.items() for column, said in columns.items()
            if not (said["en"] and said["vi"])
        ] == []  # fmt: skip


def test_the_catalogue_describes_files_that_are_there(callers, published):
    answer = got(callers["public"], "/dcat.jsonld")
    assert answer.headers["content-type"] == "application/ld+json"
    said = answer.json()
    (dataset,) = said["dcat:dataset"]
    assert (said["@type"], dataset["@type"]) == ("dcat:Catalog", "dcat:Dataset")
    assert dataset["dcat:version"] == Results.open(published).run_id
    assert dataset["dct:publisher"]["foaf:name"] == "Sở Khoa học và Công nghệ"
    assert len(dataset["dcat:distribution"]) > len(TABLES)
    for entry in dataset["dcat:distribution"]:
        file = got(callers["public"], entry["dcat:downloadURL"]["@id"].removeprefix("http://testserver"))
        assert entry["dcat:mediaType"]["@id"].endswith(file.headers["content-type"].partition(";")[0])
        assert entry["dct:license"] == {"@id": "https://creativecommons.org/licenses/by/4.0/"}


@pytest.mark.parametrize(
    "path",
    ["/downloads/none/figures.csv", "/downloads/current/manifest.json", "/downloads/current/..%2Fphusong.toml",
     "/downloads/current/class/6G.tif", "/downloads/current/class/4G.tif?profile=x", "/downloads/plans/figures.csv"],
)  # fmt: skip
def test_a_file_that_there_is_not_is_a_problem(callers, path):
    answer = callers["public"].get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_files_used_last_stay_within_their_room(empty):
    files = KeptFiles(empty, kept_bytes=25)

    def ask(name):
        path = asyncio.run(files.find({"name": name}, ".txt", lambda aside: aside.write_text(10 * "x")))
        os.utime(path, ns=(0, next(clock)))
        return path

    clock = itertools.count(1)
    first, second = ask("first"), ask("second")
    assert ask("first") == first
    third = ask("third")
    assert [path.exists() for path in (first, second, third)] == [True, False, True]


def test_a_file_that_cannot_be_made_leaves_nothing_and_is_tried_again(empty):
    files = KeptFiles(empty)

    def fail(aside):
        aside.write_text("half")
        raise StoreError("no tile", vi="thiếu ô")

    for _ in range(2):
        with pytest.raises(StoreError, match="no tile"):
            asyncio.run(files.find({"name": "x"}, ".txt", fail))
    assert [name for name in os.listdir(empty.cache_dir / "served") if name != ".lock"] == []
