"""The command fetch, and what its sources have to say in everything that a run is shown as."""

import csv
import io
import json
import re
import shutil

import pytest

from phusong.coverage.results import Results, current_run_id
from phusong.geodata.sources import Source, notices, record_source
from phusong.geodata.workspace import Workspace
from phusong.maps.data import page_data
from phusong.maps.payload import page_payload

from .conftest import run

TERMS = {
    "attribution": "© OpenStreetMap contributors", "licence": "ODbL 1.0", "licence_url": "https://o.org",
    "share_alike": True,
}  # fmt: skip
OSM = Source("OpenStreetMap", edition="as of 2026", **TERMS)


@pytest.fixture
def mirror(tmp_path):
    """A mirror with the boundaries of one country of one province."""
    api = tmp_path / "mirror/www.geoboundaries.org/api/current/gbOpen/LAO/ALL/index.json"
    level = {
        "boundaryID": "LAO-ADM1-1", "boundaryType": "ADM1", "boundaryYearRepresented": "2017",
        "boundaryCanonical": "Khoueng", "boundarySource": "OpenStreetMap",
        "boundaryLicense": "Open Data Commons Open Database License 1.0",
        "licenseSource": "www.openstreetmap.org/copyright", "gjDownloadURL": "https://github.com/a/b/LAO-ADM1.geojson",
    }  # fmt: skip
    shape = {"type": "Polygon", "coordinates": [[[105, 17], [105.1, 17], [105.1, 17.1], [105, 17.1], [105, 17]]]}
    names = {"shapeName": "Khammouane", "shapeID": "1"}
    units = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": names, "geometry": shape}]}
    api.parent.mkdir(parents=True)
    api.write_text(json.dumps([level]), encoding="utf-8")
    file = tmp_path / "mirror/github.com/a/b/LAO-ADM1.geojson"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(units), encoding="utf-8")
    return tmp_path / "mirror"


def test_a_province_of_another_country_is_fetched_from_a_mirror(mirror, tmp_path):
    options = ("--country", "LAO", "--date", "2026-01-01", "--layers", "communes", "--mirror", mirror)
    done = run("fetch", tmp_path / "w", "--province", "khammouane", *options, "--cache", tmp_path / "c", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["layers"][0]["accepted"] == 1
    source = json.loads((tmp_path / "w/sources.json").read_text(encoding="utf-8"))["communes"]
    assert (source["share_alike"], source["licence_url"]) == (True, "https://www.openstreetmap.org/copyright")


def test_a_missing_file_of_a_mirror_is_a_sentence_in_two_languages(mirror, tmp_path):
    options = ("--date", "2026-01-01", "--mirror", mirror, "--cache", tmp_path / "c")
    done = run("fetch", tmp_path / "w", "--province", "Huế", *options)
    assert done.exit_code == 1
    assert re.search(
        r"error: .*VNM/ALL/index\.json\) is not there: the mirror lacks it\.", done.stderr.replace("\n", "")
    )
    assert "lỗi:" in done.stderr


@pytest.fixture
def told(computed, tmp_path):
    """A copy of a computed workspace whose run names a source."""
    workspace = Workspace(shutil.copytree(computed.path, tmp_path / "copy"))
    record_source(workspace.path, "settlements", OSM)
    manifest = workspace.runs_dir / current_run_id(workspace) / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8")) | {"sources": notices(workspace.path)}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    return workspace


def test_answers_and_exports_name_the_sources_and_share_alike(told):
    sources = json.loads(run("coverage", told.path, "--json").stdout)["sources"]
    assert sources == [{"layer": "settlements", "title": "OpenStreetMap", "edition": "as of 2026"} | TERMS]
    rows = list(csv.DictReader(io.StringIO(run("settlements", told.path, "--csv").stdout.lstrip("\ufeff"))))
    assert rows[0]["sources"] == "© OpenStreetMap contributors [OpenStreetMap, ODbL 1.0, share-alike]"
    assert {row["sources"] for row in rows[1:]} == {""}
    payload = page_payload(page_data(Results.open(told), told), {})
    assert payload["run"]["notices"][0]["attribution"] == "© OpenStreetMap contributors"


def test_a_workspace_without_open_data_names_none(computed):
    assert json.loads(run("coverage", computed.path, "--json").stdout)["sources"] == []
    assert "sources" not in run("coverage", computed.path, "--csv").stdout.splitlines()[0]
