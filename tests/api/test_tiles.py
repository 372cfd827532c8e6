"""Tiles of classes and levels: what their pixels say, who gets them, and what is not there."""

import random
from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from morecantile import tms
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from titiler.core.models.mapbox import TileJSON

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.keys import Keys
from phusong.api.tile_reader import RunReader
from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.geodata.grid import Raster
from phusong.maps.level_colours import LEVEL_PALETTE, level_codes
from phusong.maps.pictures import CLASS_PALETTE, encode_png

MERCATOR = tms.get("WebMercatorQuad")
CODES = {"none": 0, "weak": 1, "good": 2}
OUTSIDE = 3
PLACE = MERCATOR.tile(107.2, 19.05, 13)
TILE = f"/tiles/current/4G/{PLACE.z}/{PLACE.x}/{PLACE.y}"


@pytest.fixture(scope="module")
def callers(computed):
    app = create_app(computed.path)
    key = Keys(AccessStore(computed.path)).add("tiles", "planner")
    return {"planner": TestClient(app, headers={"Authorization": f"Bearer {key}"}), "public": TestClient(app)}


def pixels(answer, size=256):
    """Palette positions and palette of a tile; all transparent where it is empty."""
    if answer.status_code == 204:
        return np.full((size, size), OUTSIDE), {}
    assert answer.status_code == 200, answer.text
    with pytest.warns(NotGeoreferencedWarning), MemoryFile(answer.content) as memory, memory.open() as file:
        return file.read(1), file.colormap(1)


def places_in(client, count, zooms):
    """Random tiles of the province, and in each a random pixel with the position of its centre."""
    west, south, east, north = client.get("/tiles/current/4G/tilejson.json").json()["bounds"]
    rng = random.Random(6)
    for _ in range(count):
        tile = MERCATOR.tile(rng.uniform(west, east), rng.uniform(south, north), rng.choice(zooms))
        row, col = rng.randrange(256), rng.randrange(256)
        bounds = MERCATOR.xy_bounds(tile)
        side = (bounds.right - bounds.left) / 256
        lon, lat = MERCATOR.lnglat(bounds.left + (col + 0.5) * side, bounds.top - (row + 0.5) * side)
        yield tile, (row, col), {"lon": lon, "lat": lat}


@pytest.mark.parametrize(("role", "zooms"), [("planner", (6, 9, 12, 15)), ("public", (5, 8, 11, 13))])
def test_a_pixel_has_the_colour_of_the_class_of_its_point_at_every_zoom(callers, role, zooms):
    client, seen = callers[role], set()
    for tile, at, point in places_in(client, 60, zooms):
        answer = client.get("/v1/point", params=point).json()
        code = CODES[answer["service"]["4G"]] if answer["in_province"] else OUTSIDE
        found, palette = pixels(client.get(f"/tiles/current/4G/{tile.z}/{tile.x}/{tile.y}"))
        assert found[at] == code, (tile, at, point)
        assert palette.get(code, CLASS_PALETTE[OUTSIDE]) == CLASS_PALETTE[code]
        seen.add(code)
    assert seen >= {0, 2, OUTSIDE}


def test_a_tile_of_levels_has_the_band_of_the_level_of_each_point(callers):
    client, seen = callers["planner"], set()
    for tile, at, point in places_in(client, 40, (8, 11, 14)):
        answer = client.get("/v1/point", params=point).json()
        if answer["in_province"]:
            levels = [s["rsrp_dbm"] for s in answer["signals"] if s["technology"] == "4G" and s["rsrp_dbm"] is not None]
            stored = round(100 * max(levels)) if levels else -32768
            found, _ = pixels(client.get(f"/tiles/current/4G/rsrp/{tile.z}/{tile.x}/{tile.y}"))
            assert found[at] == level_codes(np.array(stored, dtype=np.int16))
            seen.add(int(found[at]))
    assert len(seen) > 3


def test_pixels_are_looked_up_as_by_the_exact_transformation(computed):
    results = Results.open(computed)
    grid = results.grid
    whole = Raster(np.arange(grid.shape[0] * grid.shape[1], dtype=np.int32).reshape(grid.shape), grid, -1)
    exact = Transformer.from_crs(3857, grid.crs, always_xy=True)
    for zoom in (4, 7, 9, 12, 16):
        tile = MERCATOR.tile(107.2, 19.05, zoom)
        image = RunReader(whole, tms=MERCATOR).tile(tile.x, tile.y, tile.z)
        bounds = MERCATOR.xy_bounds(tile)
        steps = (np.arange(256) + 0.5) / 256 * (bounds.right - bounds.left)
        row, col = grid.index(*exact.transform(*np.meshgrid(bounds.left + steps, bounds.top - steps)))
        inside = (row >= 0) & (row < grid.shape[0]) & (col >= 0) & (col < grid.shape[1])
        wanted = np.where(inside, row * grid.shape[1] + col, -1)
        assert np.mean(image.array.data[0] != wanted) < 2e-3, zoom


@pytest.mark.parametrize(
    ("path", "planner"),
    [
        (TILE, False),
        (f"{TILE}?operator=any", False),
        (f"{TILE}?operator=Alpha", True),
        (f"{TILE}?operator=any&profile=ofcom", False),
        ("/tiles/current/4G/14/13070/7308", True),
        ("/tiles/current/4G/013/6535/3654", True),
        ("/tiles/current/4G/rsrp/13/6535/3654", True),
        ("/tiles/current/4G/rsrp/tilejson.json", True),
        ("/tiles/current/4G/tilejson.json", False),
        ("/tiles/current/4G/tilejson.json?operator=Alpha", True),
    ],
)
def test_the_public_gets_classes_of_all_operators_to_zoom_13(callers, path, planner):
    operator = callers["planner"].get("/v1/point?lon=107.2&lat=19.05").json()["signals"][0]["operator"]
    path = path.replace("Alpha", operator)
    assert callers["planner"].get(path).status_code == 200
    assert callers["public"].get(path).status_code == (401 if planner else 200)
    assert callers["public"].get(path, headers={"If-None-Match": "*"}).status_code == (401 if planner else 304)


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/none/4G/8/204/114",
        "/tiles/current/6G/8/204/114",
        "/tiles/current/2G/8/204/114",
        "/tiles/current/4G/8/256/114",
        "/tiles/current/4G/8/204/114?profile=none",
        "/tiles/current/6G/tilejson.json",
        "/tiles/..%2F..%2Fetc/4G/8/204/114",
    ],
)
def test_what_there_is_not_is_said_as_a_problem(callers, path):
    for client in callers.values():
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_tile_beside_the_run_is_empty(callers):
    for path in ("/tiles/current/4G/8/0/0", "/tiles/current/any/13/0/0", "/tiles/current/4G/2/0/0"):
        answer = callers["public"].get(path)
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "parameter",
    ["url=file:///etc/passwd", "expression=b1*2", "algorithm=hillshade", "colormap_name=viridis", "rescale=0,1",
     "resampling=bilinear", "bidx=2", "nodata=0", "tilesize=2048", "buffer=9"],
)  # fmt: skip
def test_nothing_of_a_free_tile_server_is_there(callers, parameter):
    assert callers["planner"].get(f"{TILE}?{parameter}").status_code == 400
    for path in ("map.html", "info", "statistics", "preview.png", "point/107,19", "bbox/107,19,107.1,19.1.png"):
        assert callers["planner"].get(f"/tiles/current/4G/{path}").status_code == 404


def test_the_tilejson_leads_to_tiles_of_the_same_run_and_says_what_it_shows(callers, computed):
    for role, client in callers.items():
        said = client.get("/tiles/current/3G+4G/tilejson.json?profile=ofcom").json()
        described = TileJSON.model_validate(said)
        west, south, east, north = described.bounds
        tile = MERCATOR.tile((west + east) / 2, (south + north) / 2, 9)
        address = described.tiles[0].format(z=9, x=tile.x, y=tile.y)
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Phusong-Profile"]) == (200, "ofcom")
        assert answer.headers["Phusong-Run"] == said["run_id"] == Results.open(computed).run_id
        assert (said["profile"], described.maxzoom) == ("ofcom", 13 if role == "public" else 18)
        assert [entry["class"] for entry in said["colours"]] == ["none", "weak", "good"]


def test_the_tilejson_names_the_address_that_the_settings_say(copied):
    with (copied.path / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\npublic_url = "https://phusong.example.vn/app"\n')
    said = TestClient(create_app(copied.path)).get("/tiles/current/4G/tilejson.json").json()
    assert said["tiles"][0].startswith("https://phusong.example.vn/app/tiles/")


def test_a_tile_is_not_sent_again_until_another_run_is_published(copied):
    client = TestClient(create_app(copied.path))
    known = {"If-None-Match": client.get(TILE).headers["ETag"]}
    assert client.get(TILE, headers=known).status_code == 304
    compute(copied, as_of=date.today() + timedelta(days=1))
    assert client.get(TILE, headers=known).status_code == 200


def test_a_scenario_has_no_tiles_for_the_public(copied):
    compute(copied, scenario="plans")
    public = TestClient(create_app(copied.path))
    for headers in ({}, {"If-None-Match": "*"}):
        assert public.get(TILE.replace("current", "plans"), headers=headers).status_code == 404


@pytest.mark.parametrize(("bits", "palette"), [(2, CLASS_PALETTE), (4, LEVEL_PALETTE)])
def test_a_picture_reads_back_as_it_was(bits, palette, tmp_path):
    codes = np.random.default_rng(1).integers(0, len(palette), (7, 13), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(codes, palette, bits=bits))
    with pytest.warns(NotGeoreferencedWarning):
        file = rasterio.open(tmp_path / "a.png")
    with file:
        assert (file.read(1) == codes).all()
        assert [file.colormap(1)[code] for code in range(len(palette))] == list(palette)
