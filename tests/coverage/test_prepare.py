import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from phusong.coverage.prepare import hash_inputs
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace

SHAPES = gpd.GeoDataFrame(
    {"commune_code": ["1", "2", "3"], "name": ["Đồng", None, ""], "population": [1.0, np.nan, 3.0]},
    geometry=[box(106, 17, 107, 18), box(107, 17, 108, 18), None], crs=4326,
)  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    made = Workspace.create(folder / "workspace", crs="EPSG:32648", resolution_m=300.0)
    recipe = write_sample(folder / "source", resolution_m=300.0)
    for name in ("terrain", "clutter", "population"):
        next(recipe.parent.glob(f"{name}*.tif")).rename(made.raster_path(name))
    return made


def hash_of(workspace, frame):
    return hash_inputs(workspace, {"communes": frame})["communes"]["sha256"]


@given(
    st.sampled_from(["commune_code", "name", "population", "geometry"]), st.integers(0, 2),
    st.floats(1e-9, 10), st.text(min_size=1),
)  # fmt: skip
def test_whatever_changes_in_a_layer_changes_its_hash(workspace, column, row, number, text):
    other = {"population": number, "geometry": box(100, 10, 100 + number, 11)}.get(column, text)
    changed = SHAPES.copy()
    changed.loc[row, column] = other
    assert (hash_of(workspace, changed) == hash_of(workspace, SHAPES)) == (other == SHAPES[column].iloc[row])
    assert hash_of(workspace, SHAPES.iloc[::-1]) != hash_of(workspace, SHAPES)


def test_a_raster_put_in_the_place_of_another_has_its_own_hash(workspace):
    before = hash_inputs(workspace, {})["terrain"]
    path = workspace.raster_path("terrain")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    aside = path.with_name("other.tif")
    aside.write_bytes(content)
    aside.replace(path)
    after = hash_inputs(workspace, {})["terrain"]
    assert after["bytes"] == before["bytes"]
    assert after["sha256"] != before["sha256"]
