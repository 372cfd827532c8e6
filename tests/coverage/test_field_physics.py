"""What must hold for a whole field: its paths, its directions, its seam near the mast, and what it refuses."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from phusong.coverage.field import loss_field, point_loss_db
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import path_loss_db
from phusong.geodata.grid import Raster
from phusong.geodata.sample.rough import patchy_clutter, rough_terrain
from tests.coverage.terrain import LINK, middle

CELL_M = 30.0
ON_BARE_LAND = {"freqs_ghz": [1.8], "polarization": "vertical"}


def off_centre(terrain, *, east=0.31, south=-0.17):
    """A mast some fraction of a cell from the middle cell's centre."""
    place = middle(terrain)
    return {"x_m": place["x_m"] + east * CELL_M, "y_m": place["y_m"] - south * CELL_M}


def zones_with_a_bay(terrain):
    """Inland in the west, a coastal strip, and sea in the east."""
    ny, nx = terrain.grid.shape
    codes = np.full((ny, nx), 4, np.uint8)
    shore = (0.55 * nx + 8.0 * np.sin(np.arange(ny) / 9.0)).astype(int)
    codes[np.arange(nx) > shore[:, None] - 10] = 3
    codes[np.arange(nx) > shore[:, None]] = 1
    return Raster(codes, terrain.grid)


def bilinear(values, cols, rows):
    """Between the four nearest cells, in plain numpy."""
    j, i = np.floor(cols).astype(int), np.floor(rows).astype(int)
    u, v = cols - j, rows - i
    weighted = [
        (values[i + below, j + right] * (v if below else 1.0 - v) * (u if right else 1.0 - u))
        for below in (0, 1)
        for right in (0, 1)
    ]
    return sum(weighted)


def own_path_loss_db(rasters, place, row, col, *, spacing_m, **link):
    """The loss to a cell from a profile sampled here, apart from the engine."""
    terrain, clutter, zone = (raster.values.astype(float) for raster in rasters)
    (mast_col,), (mast_row,) = (
        np.atleast_1d(part) for part in rasters[0].grid.pixel_position(place["x_m"], place["y_m"])
    )
    total_m = math.hypot(col - mast_col, row - mast_row) * CELL_M
    part = np.linspace(0.0, 1.0, round(total_m / spacing_m) + 1)
    cols, rows = mast_col + (col - mast_col) * part, mast_row + (row - mast_row) * part
    cell = np.floor(rows + 0.5).astype(int), np.floor(cols + 0.5).astype(int)
    return path_loss_db(
        part * total_m / 1e3, bilinear(terrain, cols, rows), clutter[cell], zone[cell], end_clearance_km=0.05, **link
    )


@pytest.mark.parametrize(
    ("time_pct", "spacing_m", "polarization"), [(50.0, 30.0, "vertical"), (3.0, 47.0, "horizontal")]
)
def test_a_field_by_paths_is_the_model_on_profiles_sampled_apart(time_pct, spacing_m, polarization):
    terrain = rough_terrain()
    rasters = terrain, patchy_clutter(terrain), zones_with_a_bay(terrain)
    place = off_centre(terrain)
    link = {"time_pct": time_pct, "polarization": polarization, **LINK}
    found = loss_field(
        *rasters[:2], zone=rasters[2], mode="path", freqs_ghz=[0.7, 3.5], radius_m=2300.0, spacing_m=spacing_m,
        **place, **link,
    ).path_loss_db  # fmt: skip
    rng = np.random.default_rng(3)
    for azimuth, distance_m in zip(rng.uniform(0, 2 * math.pi, 40), rng.uniform(300, 2200, 40), strict=True):
        row, col = (round(80 + distance_m / CELL_M * turn(azimuth)) for turn in (math.sin, math.cos))
        for band, freq_ghz in enumerate((0.7, 3.5)):
            own = own_path_loss_db(rasters, place, row, col, spacing_m=spacing_m, freq_ghz=freq_ghz, **link)
            assert abs(found[band, row, col] - own) <= 1e-6 + 0.5 * np.spacing(np.float32(own))


@pytest.mark.parametrize("spacing_m", [30.0, 20.0, 75.0])
@pytest.mark.parametrize("clutter_m", [0.0, 10.0])
@pytest.mark.parametrize("mode", ["path", "sweep"])
def test_turning_uniform_ground_changes_no_pixel(mode, spacing_m, clutter_m):
    grid = rough_terrain(161).grid
    flat, cover = (Raster(np.full(grid.shape, height, np.float32), grid) for height in (7.0, clutter_m))
    place = off_centre(flat)
    given = {"spacing_m": spacing_m, "polarization": "vertical", "freqs_ghz": [2.1], **place, **LINK}
    loss = loss_field(flat, cover, mode=mode, radius_m=2100.0, **given).path_loss_db[0]
    rows, cols = np.nonzero(~np.isnan(loss))
    xs, ys = grid.centres()
    distance_m = np.hypot(xs[cols] - place["x_m"], ys[rows] - place["y_m"])
    for azimuth in (0.3, 0.8, 2.9):
        east, north = np.sin(azimuth) * distance_m, np.cos(azimuth) * distance_m
        turned = point_loss_db(flat, cover, to_x_m=place["x_m"] + east, to_y_m=place["y_m"] + north, **given)[0]
        assert np.abs(turned - loss[rows, cols]).max() < 1e-4


@pytest.mark.parametrize("spacing_m", [30.0, 10.0, 100.0])
def test_the_seam_near_the_mast_is_continuous_on_every_ray(spacing_m):
    terrain = rough_terrain()
    place = off_centre(terrain)
    seam_m = max(250.0, 4 * spacing_m)
    azimuths = np.random.default_rng(4).uniform(0.0, 2.0 * math.pi, 25)
    for zone in (None, zones_with_a_bay(terrain)):
        inner, outer = (
            point_loss_db(
                terrain, patchy_clutter(terrain), zone=zone, spacing_m=spacing_m, freqs_ghz=[0.7, 3.5], time_pct=10.0,
                to_x_m=place["x_m"] + distance_m * np.sin(azimuths),
                to_y_m=place["y_m"] + distance_m * np.cos(azimuths), **place, **LINK,
            )
            for distance_m in (seam_m - 1e-7, seam_m + 1e-7)
        )  # fmt: skip
        assert np.abs(inner - outer).max() < 1e-6


def test_an_antenna_at_the_mast_itself_is_a_metre_away():
    terrain = rough_terrain(41)
    place, low = middle(terrain), LINK | {"tx_height_agl_m": 1.5}
    loss = point_loss_db(terrain, None, to_x_m=place["x_m"], to_y_m=place["y_m"], freqs_ghz=[1.8], **place, **low)
    assert loss[0, 0] == pytest.approx(92.4 + 20.0 * math.log10(1.8e-3), abs=1e-9)


@pytest.mark.parametrize("mode", ["sweep", "path"])
def test_four_threads_at_once_give_the_bytes_of_one(mode):
    terrain = rough_terrain(121)
    clutter = patchy_clutter(terrain)

    def field_bytes(east):
        place = off_centre(terrain, east=east)
        given = {"freqs_ghz": [0.7, 2.1], "radius_m": 1500.0, "time_pct": 10.0}
        return loss_field(terrain, clutter, mode=mode, **given, **place, **LINK).path_loss_db.tobytes()

    places = [0.0, 0.2, 3.4, -5.1]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(field_bytes, places)) == [field_bytes(east) for east in places]


def with_hole(terrain, row, col):
    heights = terrain.values.copy()
    heights[row, col] = np.nan
    return Raster(heights, terrain.grid)


@pytest.mark.parametrize("mode", ["sweep", "path"])
def test_a_mast_in_a_hole_of_the_terrain_is_refused(mode):
    terrain = with_hole(rough_terrain(61), 30, 30)
    with pytest.raises(OutOfValidityError, match=r"mast at .* hole"):
        loss_field(terrain, None, mode=mode, radius_m=500.0, **ON_BARE_LAND, **middle(terrain), **LINK)


def test_a_point_beyond_a_hole_is_refused():
    terrain = with_hole(rough_terrain(61), 30, 40)
    place = middle(terrain)
    with pytest.raises(OutOfValidityError, match="hole under a path"):
        point_loss_db(
            terrain, None, to_x_m=place["x_m"] + 20 * CELL_M, to_y_m=place["y_m"], **ON_BARE_LAND, **place, **LINK
        )


def test_a_point_outside_the_terrain_is_refused():
    terrain = rough_terrain(61)
    place = middle(terrain)
    with pytest.raises(OutOfValidityError, match="outside the terrain"):
        point_loss_db(terrain, None, to_x_m=place["x_m"] + 5e3, to_y_m=place["y_m"], **ON_BARE_LAND, **place, **LINK)


@pytest.mark.parametrize(("mode", "radius_m"), [("sweep", 700.0), ("path", 700.0), ("path", 100.0)])
def test_a_hole_just_beyond_the_radius_leaves_no_pixel_without_answer(mode, radius_m):
    terrain = rough_terrain(61)
    rows, cols = np.indices(terrain.grid.shape)
    holes = with_hole(terrain, *np.nonzero(np.hypot(rows - 30, cols - 30) * CELL_M > radius_m))
    with pytest.raises(OutOfValidityError, match="hole under a path"):
        loss_field(holes, None, mode=mode, radius_m=radius_m, **ON_BARE_LAND, **middle(terrain), **LINK)


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_clutter_that_is_no_height_is_refused(value):
    terrain = rough_terrain(61)
    clutter = patchy_clutter(terrain)
    clutter.values[30, 38] = value
    place = middle(terrain)
    with pytest.raises(OutOfValidityError, match=rf"clutter.* at least 0, got {value:g}"):
        loss_field(terrain, clutter, radius_m=500.0, **ON_BARE_LAND, **place, **LINK)
    with pytest.raises(OutOfValidityError, match=rf"clutter.* at least 0, got {value:g}"):
        point_loss_db(
            terrain, clutter, to_x_m=place["x_m"] + 600.0, to_y_m=place["y_m"], **ON_BARE_LAND, **place, **LINK
        )


def test_an_unknown_zone_is_refused():
    terrain = rough_terrain(61)
    zone = Raster(np.full(terrain.grid.shape, 2, np.uint8), terrain.grid)
    with pytest.raises(OutOfValidityError, match=r"zone.* 1, 3 or 4, got 2"):
        loss_field(terrain, None, zone=zone, radius_m=500.0, **ON_BARE_LAND, **middle(terrain), **LINK)


def test_a_fault_beside_a_path_does_not_matter_to_a_point():
    terrain = rough_terrain(61)
    place = middle(terrain)
    to = {"to_x_m": [place["x_m"] + 600.0, place["x_m"]], "to_y_m": [place["y_m"], place["y_m"] + 600.0]}
    sound, holed = (
        point_loss_db(ground, None, **to, **ON_BARE_LAND, **place, **LINK)
        for ground in (terrain, with_hole(terrain, 20, 40))
    )
    assert np.array_equal(sound, holed)


def test_an_endless_radius_is_refused():
    terrain = rough_terrain(41)
    with pytest.raises(OutOfValidityError, match="radius_m"):
        loss_field(terrain, None, radius_m=math.inf, **ON_BARE_LAND, **middle(terrain), **LINK)
