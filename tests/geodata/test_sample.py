import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from phusong.geodata.errors import InputError
from phusong.geodata.recipe import import_recipe
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace

UTM = "EPSG:32648"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), seed=1, resolution_m=120.0).parent


@pytest.fixture(scope="module")
def communes(sample):
    return gpd.read_file(sample / "communes.gpkg").to_crs(UTM)


@pytest.fixture(scope="module")
def settlements(sample):
    return gpd.read_file(sample / "settlements.geojson")


def read(path):
    with rasterio.open(path) as source:
        return source.read(1)


def test_terrain_has_sea_in_the_east_and_mountains_in_the_west(sample):
    terrain = read(sample / "terrain.tif")
    assert terrain.shape == (375, 510)
    assert (terrain[:, -20:] == 0.0).all()
    assert (terrain[:, :300] >= 1.0).all()
    assert 1_200.0 < terrain[:, :200].max() < 2_000.0
    assert terrain[:, 350:].max() < 300.0


def test_thirty_communes_of_six_districts_become_nine(communes, sample):
    old, new = communes[communes["valid_to"].notna()], communes[communes["valid_to"].isna()]
    assert (len(old), old["district_code"].nunique()) == (30, 6)
    assert (len(new), set(new["valid_from"])) == (9, {"2025-07-01"})
    crosswalk = pd.read_csv(sample / "crosswalk.csv", dtype=str)
    assert set(crosswalk["old_code"]) == set(old["code"])
    assert set(crosswalk["new_code"]) == set(new["code"])
    assert (crosswalk.groupby("new_code")["old_district_code"].nunique() == 1).all()


def test_communes_of_either_time_tile_the_province(communes):
    old, new = communes[communes["valid_to"].notna()], communes[communes["valid_to"].isna()]
    area_m2 = old.union_all().area
    assert old.area.sum() == pytest.approx(area_m2, abs=1.0)
    assert new.area.sum() == pytest.approx(area_m2, abs=1.0)
    assert shapely.coverage_is_valid(gpd.read_file(old.to_json()).geometry.to_numpy())
    assert communes.is_valid.all()


def test_settlements_lie_in_the_commune_that_they_name(settlements, communes):
    new = communes[communes["valid_to"].isna()][["code", "geometry"]]
    joined = gpd.sjoin(settlements.to_crs(UTM), new)
    assert len(joined) == len(settlements) == 400
    assert (joined["commune_code"] == joined["code"]).all()


def test_people_of_the_raster_are_the_people_of_the_settlements(sample, settlements):
    people = read(sample / "population.tif").sum(dtype=np.float64)
    assert people == pytest.approx(settlements["population"].sum(), rel=1e-6)


def test_some_settlements_share_a_position(settlements):
    assert settlements.geometry.to_wkb().duplicated().sum() == 8
    assert settlements["settlement_id"].is_unique
    assert settlements["name"].str.contains("Mẫu").all()


def test_the_power_grid_has_not_reached_everybody(settlements):
    power = settlements["has_grid_power"].value_counts()
    assert set(power.index) == {"yes", "no", "unknown"}
    assert power["yes"] > 300
    assert 10 <= power["no"] <= 60
    far = settlements[settlements["has_grid_power"] == "no"].geometry.x.median()
    assert far < settlements[settlements["has_grid_power"] == "yes"].geometry.x.min() + 0.25


def test_three_hundred_stations_stand_on_a_hundred_and_twenty_masts(sample):
    stations = pd.read_csv(sample / "stations.csv")
    assert (len(stations), stations["mast_id"].nunique()) == (300, 120)
    assert stations["station_id"].is_unique
    assert set(stations["operator"]) == {"Mạng A", "Mạng B", "Mạng C"}
    assert set(stations["technology"]) == {"3G", "4G", "5G"}
    assert stations["height_agl_m"].between(18.0, 60.0).all()
    assert (stations["status"] == "live").sum() > 280
    assert {"planned", "maintenance", "off"} < set(stations["status"])


def test_the_recipe_imports_everything_without_a_refusal(sample, tmp_path):
    workspace = Workspace.create(tmp_path / "ws", crs=UTM, resolution_m=120.0)
    reports = import_recipe(workspace, sample / "recipe.toml", sample)
    assert [report.refused for report in reports] == [0] * 12
    counts = {name: len(workspace.read_layer(name)) for name in ("communes", "settlements", "stations")}
    assert counts == {"communes": 39, "settlements": 400, "stations": 300}
    assert workspace.raster_grid("terrain") == workspace.raster_grid("clutter")


def digests(folder):
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".gpkg"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_one_seed_gives_the_same_bytes(sample, tmp_path):
    write_sample(tmp_path, seed=1, resolution_m=120.0)
    assert digests(tmp_path) == digests(sample)
    again, first = (gpd.read_file(folder / "communes.gpkg") for folder in (tmp_path, sample))
    assert again.geometry.to_wkb().equals(first.geometry.to_wkb())


def test_another_seed_gives_another_province(sample, tmp_path):
    write_sample(tmp_path, seed=2, resolution_m=120.0)
    differing = {name for name, digest in digests(tmp_path).items() if digest != digests(sample)[name]}
    assert differing == set(digests(sample)) - {"recipe.toml"}


def test_flat_changes_the_terrain_alone(sample, tmp_path):
    write_sample(tmp_path, seed=1, resolution_m=120.0, flat=True)
    differing = {name for name, digest in digests(tmp_path).items() if digest != digests(sample)[name]}
    assert differing == {"terrain.tif"}
    assert set(np.unique(read(tmp_path / "terrain.tif"))) == {0.0, 5.0}


def test_resolution_changes_terrain_and_land_cover_alone(sample, tmp_path):
    write_sample(tmp_path, seed=1, resolution_m=360.0)
    differing = {name for name, digest in digests(tmp_path).items() if digest != digests(sample)[name]}
    assert differing == {"terrain.tif", "clutter.tif"}
    # Every third cell of 120 m has its centre where a cell of 360 m has.
    assert np.array_equal(read(tmp_path / "terrain.tif"), read(sample / "terrain.tif")[1::3, 1::3])


@pytest.mark.parametrize(("seed", "resolution_m"), [(-1, 30.0), (1, 0.0), (1, 1000.0)])
def test_a_seed_or_resolution_out_of_range_is_refused(tmp_path, seed, resolution_m):
    with pytest.raises(InputError, match="must be"):
        write_sample(tmp_path / "none", seed=seed, resolution_m=resolution_m)
    assert not (tmp_path / "none").exists()
