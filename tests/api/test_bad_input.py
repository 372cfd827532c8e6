"""Bad input ends with one sentence that names file, row and remedy, exit code 1, and an untouched workspace."""

import hashlib
import json

import numpy as np
import openpyxl
import pytest
import rasterio
from affine import Affine

from phusong.geodata.workspace import Workspace

from .conftest import COMMUNE, COMMUNES, GOOD_STATION, STATIONS_HEADER, run


def fingerprint(workspace):
    files = sorted(path for path in workspace.path.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_terrain(path, *, hole=False, crs="EPSG:32648", fill=10.0):
    values = np.full((300, 300), fill, dtype=np.float32)
    if hole:
        values[100:110, 100:110] = np.nan
    profile = {"driver": "GTiff", "height": 300, "width": 300, "count": 1, "dtype": "float32", "nodata": np.nan}
    with rasterio.open(path, "w", **profile, crs=crs, transform=Affine(100, 0, 600_000, 0, -100, 1_900_000)) as file:
        file.write(values, 1)
    return path


@pytest.fixture
def workspace(empty, tmp_path):
    """Terrain and one commune, into which the files of the tests are imported."""
    terrain = write_terrain(tmp_path / "dem.tif")
    assert run("import", empty.path, "terrain", terrain, "--terrain-kind", "dtm").exit_code == 0
    communes = tmp_path / "communes.geojson"
    communes.write_text(COMMUNES % COMMUNE % ("00001", "Xã Mẫu"))
    assert run("import", empty.path, "communes", communes).exit_code == 0
    return empty


def refuse(workspace, *words):
    """Run a command that must fail and give its English sentence."""
    before = fingerprint(workspace)
    result = run(*words)
    assert result.exit_code == 1
    assert fingerprint(workspace) == before
    lines = result.stderr.splitlines()
    english = [line for line in lines if line.startswith("error: ")]
    assert len(english) == len([line for line in lines if line.startswith("lỗi: ")]) == 1
    assert "Traceback" not in result.output
    return english[0]


def stations_file(tmp_path, *rows):
    path = tmp_path / "sites.csv"
    path.write_text(STATIONS_HEADER + "".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("S1,M2,Alpha,4G,1800,20,40,61,0,live,106.05,17.05\n", "duplicate_station_id"),
        ("S2,M2,Alpha,6G,1800,20,40,61,0,live,106.05,17.05\n", "unknown_technology"),
        ("S2,M2,Alpha,4G,1800,20,-40,61,0,live,106.05,17.05\n", "out_of_range"),
        ("S2,M2,Alpha,4G,1800,20,40,61;62;63,0;120,live,106.05,17.05\n", "unequal_lists"),
        ("S2,M2,Alpha,4G,1800,20,40,61,0,live,107.9,17.05\n", "outside_province"),
        ("S2,M2,Alpha,4G,1800,20,40,61,0,live,,\n", "missing_coordinate"),
    ],
)
def test_a_bad_row_is_named_with_file_and_row_and_nothing_is_stored(workspace, tmp_path, row, code):
    path = stations_file(tmp_path, GOOD_STATION, row)
    english = refuse(workspace, "import", workspace.path, "stations", path)
    assert "sites.csv, row 3" in english
    result = run("import", workspace.path, "stations", path, "--json")
    report = json.loads(result.stdout)
    assert (report["stored"], report["refused"], report["rows"][0]["row"]) == (False, 1, 3)
    assert report["rows"][0]["code"] == code


def test_accepted_rows_are_stored_when_the_refused_are_left_out_on_purpose(workspace, tmp_path):
    path = stations_file(tmp_path, GOOD_STATION, "S2,M2,Alpha,6G,1800,20,40,61,0,live,106.05,17.05\n")
    result = run("import", workspace.path, "stations", path, "--accept-partial", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["stored"], report["accepted"], report["refused"]) == (0, True, 1, 1)
    assert workspace.read_layer("stations")["station_id"].tolist() == ["S1"]


def test_the_annotated_workbook_goes_to_the_sender_and_comes_back_right(workspace, tmp_path):
    bad = "S2,M2,Alpha,6G,1800,20,40,61,0,live,106.05,17.05\n"
    path, back = stations_file(tmp_path, GOOD_STATION, bad), tmp_path / "back.xlsx"
    refuse(workspace, "import", workspace.path, "stations", path, "--report", back)
    book = openpyxl.load_workbook(back)
    place = next(cell.coordinate for cell in book.active[3] if cell.value == "6G")
    assert "unknown_technology" in book.active.cell(3, book.active.max_column).value
    book.active[place].value = "4G"
    book.save(back)
    result = run("import", workspace.path, "stations", back, "--replace", "--report", tmp_path / "again.xlsx", "--json")
    assert (result.exit_code, json.loads(result.stdout)["accepted"]) == (0, 2)
    assert (tmp_path / "again.xlsx").is_file()


def test_a_report_goes_into_an_xlsx_file_of_its_own(workspace, tmp_path):
    path = stations_file(tmp_path, GOOD_STATION)
    for target in (tmp_path / "back.csv", path.with_suffix("")):
        assert run("import", workspace.path, "stations", path, "--report", target).exit_code == 2
    assert run("import", workspace.path, "terrain", path, "--report", tmp_path / "a.xlsx").exit_code == 2


def test_an_empty_and_a_missing_file_are_named(workspace, tmp_path):
    path = stations_file(tmp_path)
    assert "sites.csv" in refuse(workspace, "import", workspace.path, "stations", path)
    assert "nix.csv" in refuse(workspace, "import", workspace.path, "stations", tmp_path / "nix.csv")


def test_a_crs_that_is_absent_or_plainly_wrong_is_refused(workspace, tmp_path):
    path = tmp_path / "sites.csv"
    header = STATIONS_HEADER.replace("lon,lat", "x,y")
    path.write_text(header + GOOD_STATION.replace("106.05,17.05", "612000,1885000"), encoding="utf-8")
    assert "--crs" in refuse(workspace, "import", workspace.path, "stations", path)
    assert "sites.csv" in refuse(workspace, "import", workspace.path, "stations", path, "--crs", "EPSG:32649")


def test_terrain_with_holes_is_refused_until_a_fill_is_named(empty, tmp_path):
    terrain = write_terrain(tmp_path / "dem.tif", hole=True)
    words = ("import", empty.path, "terrain", terrain, "--terrain-kind", "dtm")
    english = refuse(empty, *words)
    assert "dem.tif" in english
    assert "sea=0" in english
    assert "--fill must be" in refuse(empty, *words, "--fill", "concrete")
    assert run(*words, "--fill", "sea=0").exit_code == 0


def test_the_report_of_a_raster_is_kept_with_its_fill(empty, tmp_path):
    terrain = write_terrain(tmp_path / "dem.tif", hole=True)
    result = run("import", empty.path, "terrain", terrain, "--terrain-kind", "dtm", "--fill", "sea=0")
    assert "filled: sea=0" in result.stdout
    report = json.loads(next(empty.imports_dir.glob("*-terrain/report.json")).read_text(encoding="utf-8"))
    assert report["details"]["fill"] == "sea=0"


def test_terrain_without_its_kind_is_refused(empty, tmp_path):
    assert "terrain" in refuse(empty, "import", empty.path, "terrain", write_terrain(tmp_path / "dem.tif"))


def test_a_population_raster_of_another_place_is_refused(workspace, tmp_path):
    path = write_terrain(tmp_path / "people.tif", crs="EPSG:32630")
    assert "people.tif" in refuse(workspace, "import", workspace.path, "population", path)


def test_an_unknown_key_in_the_settings_is_named_with_the_nearest(empty):
    settings = empty.path / "phusong.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("radius_km", "radius_kmm"), encoding="utf-8")
    english = refuse(empty, "check", empty.path)
    assert "phusong.toml" in english
    assert "radius_km?" in english


def test_a_layer_is_not_imported_over_another_without_being_told(workspace, tmp_path):
    path = tmp_path / "communes.geojson"
    assert "--replace" in refuse(workspace, "import", workspace.path, "communes", path)
    assert run("import", workspace.path, "communes", path, "--replace").exit_code == 0


def test_computing_without_a_layer_names_the_command_that_imports_it(workspace):
    english = refuse(workspace, "compute", workspace.path)
    assert "phusong import" in english


def test_no_workspace_is_no_workspace(tmp_path):
    result = run("compute", tmp_path)
    assert result.exit_code == 1
    assert "phusong init" in result.stderr


def test_a_recipe_imports_all_of_it_or_nothing(empty, tmp_path):
    write_terrain(tmp_path / "dem.tif")
    stations_file(tmp_path, GOOD_STATION, GOOD_STATION)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[[raster]]\nraster = "terrain"\nfile = "dem.tif"\nterrain_kind = "dtm"\n'
        '[[layer]]\nlayer = "stations"\nfile = "sites.csv"\n'
    )
    assert "sites.csv, row 3" in refuse(empty, "import", empty.path, "--recipe", recipe, "--from", tmp_path)
    assert Workspace.open(empty.path).layer_names() == []


def test_a_crs_in_degrees_makes_no_workspace(tmp_path):
    result = run("init", tmp_path / "W", "--crs", "EPSG:4326")
    assert result.exit_code == 1
    assert not (tmp_path / "W").exists()
