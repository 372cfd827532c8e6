import hashlib
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely import Point, box

from phusong.geodata.errors import InputError, PhusongError, SettingsError
from phusong.geodata.recipe import import_recipe, read_recipe
from phusong.geodata.workspace import Workspace

QUANG_BINH = Path(__file__).parents[2] / "examples" / "quang_binh.toml"


def write_raster(path: Path, value: float, dtype: str, crs: str, transform: Affine) -> None:
    profile = {"driver": "GTiff", "height": 60, "width": 60, "count": 1, "dtype": dtype, "crs": crs}
    with rasterio.open(path, "w", transform=transform, **profile) as file:
        file.write(np.full((1, 60, 60), value, dtype=dtype))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files with the names and columns of the shared data: two communes, two of everything else."""
    path = tmp_path / "data"
    path.mkdir()
    metres = Affine(1000, 0, 630_000, 0, -1000, 1_970_000)
    write_raster(path / "dem_30m.tif", 10, "int16", "EPSG:32648", metres)
    write_raster(path / "clutter_30m.tif", 40, "uint8", "EPSG:32648", metres)
    write_raster(path / "population_2020_1km.tif", 5, "float32", "EPSG:4326", Affine(0.01, 0, 106.25, 0, -0.01, 17.75))
    units = {"code": ["18859", "18943"], "name": ["Đồng Thuận", "Kim Phú"], "type": ["Phường", "Xã"]}
    units |= {"full_name": ["Phường Đồng Thuận", "Xã Kim Phú"], "province_code_2025": ["44", "44"]}
    shapes = [box(106.4, 17.4, 106.5, 17.6), box(106.5, 17.4, 106.6, 17.6)]
    gpd.GeoDataFrame(units, geometry=shapes, crs="EPSG:4326").to_file(path / "communes_2025.gpkg")
    hamlets = {"id": ["S1", "S2"], "name": ["Dong Hoi", "{{ x }}"], "name_vi": ["Đồng Hới", None]}
    hamlets |= {"gn_feature_code": ["PPL", None], "commune_code_2025": ["18859", "18943"]}
    where = [Point(106.45, 17.5), Point(106.55, 17.5)]
    gpd.GeoDataFrame(hamlets, geometry=where, crs="EPSG:4326").to_file(path / "settlements.geojson")
    tables = {
        "communes_crosswalk": "old_code,old_name,old_district_code,old_district_name,new_code,new_name,valid_from\n"
        "18853,A,450,Đồng Hới,18859,Phường Đồng Thuận,2025-07-01\n"
        "18856,B,450,Đồng Hới,18859,Phường Đồng Thuận,2025-07-01\n"
        "18901,C,452,Minh Hóa,18943,Xã Kim Phú,2025-07-01\n",
        "settlements_attributes_synthetic": "id,households,population,has_grid_power,area_type\n"
        "S1,10,40,true,delta\nS2,5,21,false,mountain\n",
        "bts_synthetic": "mast_id,station_id,operator,technology,band_mhz,lon,lat,height_agl_m,eirp_dbm,azimuths_deg,"
        "downtilt_deg,status,on_air_date\nM1,M1-3G,A,3G,900,106.45,17.5,30,60,0;120;240,4,on_air,2019-01-13\n"
        "M1,M1-4G,A,4G,1800,106.45,17.5,30,61.5,0;120;240,4,maintenance,2019-01-13\n",
        "fibre_endpoints_synthetic": "id,operator,kind,lon,lat,reach_km\nF1,A,POP,106.45,17.5,20\n",
        "places_synthetic": "id,kind,name,lon,lat,has_fixed_broadband\nP1,postal_point,Một,106.45,17.5,true\n"
        "P2,postal_point,Hai,106.45,17.5,false\nP3,commune_office,Ba,106.45,17.5,\n",
    }
    for name, text in tables.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "area", crs="EPSG:32648", resolution_m=1000)


def tree_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def test_the_recipe_of_quang_binh_imports_every_layer_and_raster(workspace: Workspace, folder: Path) -> None:
    reports = import_recipe(workspace, QUANG_BINH, folder)
    assert [report.refused for report in reports] == [0] * 9
    assert workspace.layer_names() == [
        "communes", "crosswalk", "settlements", "stations", "fibre_endpoints", "places",
    ]  # fmt: skip
    assert all(workspace.has_raster(name) for name in ("terrain", "clutter", "population"))
    assert workspace.terrain_kind == "dtm"
    assert len(list(workspace.imports_dir.glob("*/report.json"))) == 9


def test_the_recipe_of_quang_binh_translates_what_the_files_say(workspace: Workspace, folder: Path) -> None:
    reports = {report.layer: report for report in import_recipe(workspace, QUANG_BINH, folder)}
    communes, hamlets = workspace.read_layer("communes"), workspace.read_layer("settlements")
    assert communes[["kind", "district_name", "valid_from"]].to_numpy().tolist() == [
        ["Phường", "Đồng Hới", "2025-07-01"], ["Xã", "Minh Hóa", "2025-07-01"],
    ]  # fmt: skip
    assert hamlets[["name", "population", "has_grid_power"]].to_numpy().tolist() == [
        ["Đồng Hới", 40, "yes"], ["{{ x }}", 21, "no"],
    ]  # fmt: skip
    assert workspace.read_layer("stations")[["bandwidth_mhz", "status"]].to_numpy().tolist() == [
        [5, "live"], [20, "maintenance"],
    ]  # fmt: skip
    assert list(workspace.read_layer("places")["has_fixed_broadband"]) == ["yes", "no", "unknown"]
    assert reports["stations"].defaults == {"bandwidth_mhz": 2}
    assert reports["places"].defaults == {"has_fixed_broadband": 1}


def test_reports_are_plain_json(workspace: Workspace, folder: Path) -> None:
    for report in import_recipe(workspace, QUANG_BINH, folder):
        assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


@pytest.mark.parametrize("missing", ["places_synthetic.csv", "communes_crosswalk.csv", "clutter_30m.tif"])
def test_a_recipe_is_imported_whole_or_not_at_all(workspace: Workspace, folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    before = tree_hash(workspace.path)
    with pytest.raises(PhusongError, match=missing):
        import_recipe(workspace, QUANG_BINH, folder)
    assert tree_hash(workspace.path) == before


def test_a_second_import_needs_replace_and_then_keeps_both_reports(workspace: Workspace, folder: Path) -> None:
    import_recipe(workspace, QUANG_BINH, folder)
    before = tree_hash(workspace.path)
    with pytest.raises(InputError, match="replace"):
        import_recipe(workspace, QUANG_BINH, folder)
    assert tree_hash(workspace.path) == before
    import_recipe(workspace, QUANG_BINH, folder, replace=True)
    assert len(list(workspace.imports_dir.glob("*/report.json"))) == 18


def recipe(path: Path, text: str) -> Path:
    (path / "recipe.toml").write_text(text, encoding="utf-8")
    return path / "recipe.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[layer]]\nlayer = "places"\nfile = "p.csv"\ncolumn = {}',
            "unknown key layer.0.column, did you mean columns",
        ),
        ('[[layer]]\nlayer = "places"', "key layer.0.file is missing"),
        ('[[raster]]\nraster = "slope"\nfile = "s.tif"', "raster.0.raster"),
        ("[[layer]", "not valid TOML"),
    ],
)
def test_a_recipe_with_a_fault_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_recipe(recipe(tmp_path, text))


def test_terrain_options_on_another_raster_are_refused(workspace: Workspace, folder: Path) -> None:
    text = '[[raster]]\nraster = "population"\nfile = "population_2020_1km.tif"\nfill_sea_m = 0\n'
    with pytest.raises(InputError, match="are for terrain only"):
        import_recipe(workspace, recipe(folder, text), folder)


def test_a_default_rule_without_a_value_is_refused(workspace: Workspace, folder: Path) -> None:
    text = '[[layer]]\nlayer = "stations"\nfile = "bts_synthetic.csv"\ndefaults.antenna = [{ technology = "3G" }]\n'
    with pytest.raises(InputError, match="default rule of antenna has no value"):
        import_recipe(workspace, recipe(folder, text), folder)


def test_a_recipe_that_is_not_there_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml cannot be read"):
        import_recipe(workspace, tmp_path / "none.toml", tmp_path)
