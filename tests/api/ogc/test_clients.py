"""GDAL and OWSLib read every feature of every collection from a real server, from a folder and from PostGIS."""

import shutil

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from owslib.ogcapi.features import Features
from pyproj import Transformer

from phusong.coverage.database_move import move_to_database
from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace

from ..conftest import run
from ..test_serving import served

VN2000 = "EPSG:9211"
UNITS = {"provinces": "province", "districts": "district", "communes": "commune", "old_communes": "old_commune"}
LAYERS = {"stations": "station_id", "fibre_endpoints": "endpoint_id", "places": "place_id", "measurements": None}
COLLECTIONS = (*UNITS, "settlements", *LAYERS)
PUBLIC = {*UNITS, "settlements"}


@pytest.fixture(scope="module", params=["folder", "PostGIS"])
def stored(request, computed, tmp_path_factory):
    """A computed workspace, in a folder and in a database; and the address of a server of it."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = computed
        if request.param == "PostGIS":
            folder = tmp_path_factory.mktemp("ogc") / "W"
            shutil.copytree(computed.path, folder, symlinks=True, ignore=shutil.ignore_patterns("access"))
            patch.setenv("PHUSONG_DATABASE_URL", request.getfixturevalue("cluster").make_database())
            workspace = Workspace.open(folder)
            move_to_database(workspace)
        with served(workspace.path, "--no-access-control") as (address, _):
            yield workspace, f"{address}/ogc"


def rows_of(workspace, name):
    """The rows of a collection as the store has them: ids, geometries and the columns that are also in the store."""
    results = Results.open(workspace)
    if name in UNITS:
        units = results.units(UNITS[name])
        return list(units["code"]), units.geometry.to_numpy(), units[["code", "name"]]
    if name == "settlements":
        table = results.settlements
        shapes = np.where(table["location_known"], shapely.points(table["lon"], table["lat"]), None)
        return list(table["settlement_id"]), shapes, table.drop(columns=["lon", "lat"])
    layer = workspace.read_layer(name)
    key = LAYERS[name]
    ids = list(layer[key]) if key else [str(row + 1) for row in range(len(layer))]
    return ids, layer.geometry.to_numpy(), pd.DataFrame(layer.drop(columns="geometry"))


def equal(found, stored):
    """Whether columns hold the same, as a client gives them: numbers, texts, dates; nothing for nothing."""
    if pd.api.types.is_datetime64_any_dtype(found):
        found, stored = (pd.to_datetime(part).dt.tz_localize(None).astype("datetime64[s]") for part in (found, stored))
    if pd.api.types.is_numeric_dtype(found) or pd.api.types.is_datetime64_any_dtype(found):
        return np.array_equal(pd.to_numeric(found), pd.to_numeric(stored), equal_nan=True)
    return [None if pd.isna(a) else str(a) for a in found] == [None if pd.isna(b) else str(b) for b in stored]


def read(address, name, **options):
    return pyogrio.read_dataframe(f"OAPIF:{address}", layer=name, **options).set_index("id")


@pytest.mark.parametrize("name", COLLECTIONS)
def test_gdal_reads_every_feature_as_it_is_stored(stored, name):
    workspace, address = stored
    ids, shapes, table = rows_of(workspace, name)
    found = read(address, name, PAGE_SIZE="37")
    assert sorted(found.index) == sorted(ids)
    found = found.loc[ids]
    assert shapely.equals_identical(shapely.normalize(found.geometry.to_numpy()), shapely.normalize(shapes)).all()
    for column in table:
        assert equal(found[column], table[column]), column


@pytest.mark.parametrize("name", COLLECTIONS)
def test_gdal_reads_vn_2000(stored, name):
    workspace, address = stored
    ids, shapes, _ = rows_of(workspace, name)
    found = read(address, name, CRS=VN2000)
    assert found.crs == VN2000
    there = Transformer.from_crs("EPSG:4326", VN2000, always_xy=True)
    expected = shapely.transform(shapes, lambda points: np.column_stack(there.transform(*points.T)))
    for one, other in zip(found.loc[ids].geometry, expected, strict=True):
        assert np.allclose(shapely.get_coordinates(one), shapely.get_coordinates(other), rtol=0, atol=0.002)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_gdal_and_owslib_find_what_meets_a_box(stored, name):
    workspace, address = stored
    ids, shapes, _ = rows_of(workspace, name)
    west, south, east, north = shapely.total_bounds(shapes)
    box = (west, south, (west + east) / 2, (south + north) / 2)
    inside = {row for row, shape in zip(ids, shapes, strict=True) if shapely.intersects(shape, shapely.box(*box))}
    assert set(read(address, name, bbox=box).index) == inside
    found = Features(address).collection_items(name, bbox=list(box), limit=1000)
    assert {feature["id"] for feature in found["features"]} == inside
    assert found["numberMatched"] == len(inside)


def test_gdal_finds_what_meets_a_box_of_vn_2000(stored):
    _, address = stored
    whole = read(address, "settlements", CRS=VN2000)
    west, south, east, north = whole.total_bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    assert set(read(address, "settlements", CRS=VN2000, bbox=box).index) == set(
        whole.cx[box[0] : box[2], box[1] : box[3]].index
    )


@pytest.mark.parametrize("name", COLLECTIONS)
def test_owslib_reads_every_page(stored, name):
    workspace, address = stored
    ids, shapes, table = rows_of(workspace, name)
    client, found = Features(address), {}
    while True:
        page = client.collection_items(name, limit=101, offset=len(found))
        assert page["numberMatched"] == len(ids)
        found |= {feature["id"]: feature for feature in page["features"]}
        if "next" not in {link["rel"] for link in page["links"]}:
            break
    assert sorted(found) == sorted(ids)
    for row, feature_id in enumerate(ids):
        assert shapely.equals_identical(shapely.geometry.shape(found[feature_id]["geometry"]), shapes[row])
    columns = pd.DataFrame([found[feature_id]["properties"] for feature_id in ids])
    for column in table:
        assert equal(columns[column], table[column]), column


def test_owslib_finds_the_way_from_the_landing_page(stored):
    client = Features(stored[1])
    assert client.feature_collections() == list(COLLECTIONS)
    assert client.api()["openapi"].startswith("3.0")
    assert "name" in client.collection_queryables("communes")["properties"]
    assert client.collection("communes")["id"] == "communes"
    first = client.collection_items("communes", limit=1)["features"][0]
    assert client.collection_item("communes", first["id"])["properties"] == first["properties"]


def test_gdal_sees_with_a_key_what_a_planner_sees(computed, monkeypatch):
    monkeypatch.delenv("PHUSONG_DATABASE_URL", raising=False)  # of the module's database, which may still be there
    key = run("keys", "add", computed.path, "gis", "--role", "planner").stdout.strip()
    with served(computed.path) as (address, _):
        assert {name for name, _ in pyogrio.list_layers(f"OAPIF:{address}/ogc")} == PUBLIC
        pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": key})
        try:
            assert {name for name, _ in pyogrio.list_layers(f"OAPIF:{address}/ogc")} == set(COLLECTIONS)
            assert len(read(f"{address}/ogc", "stations")) == len(computed.read_layer("stations"))
        finally:
            pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": None, "GDAL_HTTP_BEARER": None})
