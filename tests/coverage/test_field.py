import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from affine import Affine

from phusong.coverage.field import loss_field, point_loss_db
from phusong.coverage.propagation._ends import OWN_POINTS
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import path_loss_db
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.sample.rough import patchy_clutter, rough_terrain
from tests.coverage.terrain import LINK, middle

RADIUS_M = 2200.0


def field_of(terrain, clutter=None, **more):
    given = {"freqs_ghz": [1.8], "radius_m": RADIUS_M, **middle(terrain), **LINK} | more
    return loss_field(terrain, clutter, **given)


def own_profile_loss_db(terrain, clutter, col, row, freq_ghz, *, time_pct=50.0):
    """The loss to a pixel from a profile built here with plain numpy, at the path evaluator's steps."""
    ny, nx = terrain.grid.shape
    east, south = col - nx // 2, row - ny // 2
    total_m = math.hypot(east, south) * 30.0
    steps = round(total_m / 30.0)
    part = np.linspace(0.0, 1.0, steps + 1)
    cols, rows = nx // 2 + east * part, ny // 2 + south * part
    j, i = np.minimum(cols.astype(int), nx - 2), np.minimum(rows.astype(int), ny - 2)
    u, v, h = cols - j, rows - i, terrain.values.astype(float)
    heights = (h[i, j] * (1 - u) + h[i, j + 1] * u) * (1 - v) + (h[i + 1, j] * (1 - u) + h[i + 1, j + 1] * u) * v
    cover = clutter.values[np.floor(rows + 0.5).astype(int), np.floor(cols + 0.5).astype(int)]
    return path_loss_db(
        part * total_m / 1e3, heights, cover, np.full(steps + 1, 4), freq_ghz=freq_ghz, time_pct=time_pct,
        polarization="vertical", end_clearance_km=0.05, **LINK,
    )  # fmt: skip


def test_the_path_mode_equals_the_model_on_each_pixels_own_profile():
    terrain = rough_terrain()
    clutter = patchy_clutter(terrain)
    for time_pct in (50.0, 10.0):
        found = field_of(terrain, clutter, mode="path", freqs_ghz=[0.7, 2.6], time_pct=time_pct).path_loss_db
        for row, col in [(20, 60), (80, 140), (150, 81), (95, 70), (33, 33)]:
            for band, freq_ghz in enumerate((0.7, 2.6)):
                own = own_profile_loss_db(terrain, clutter, col, row, freq_ghz, time_pct=time_pct)
                assert found[band, row, col] == pytest.approx(own, abs=2e-5)  # float32 of about 150 dB


def test_on_the_axes_the_sweep_equals_the_path():
    terrain = rough_terrain()
    clutter = patchy_clutter(terrain)
    sweep, path = (field_of(terrain, clutter, mode=mode).path_loss_db[0] for mode in ("sweep", "path"))
    for row, col in [(80, 100), (80, 150), (20, 80), (140, 80), (80, 15)]:
        assert sweep[row, col] == pytest.approx(path[row, col], abs=2e-5)


def test_the_sweep_stays_near_the_path_on_rough_terrain():
    terrain = rough_terrain()
    sweep, path = (field_of(terrain, mode=mode).path_loss_db[0] for mode in ("sweep", "path"))
    error = (sweep - path)[~np.isnan(path)]
    assert abs(error.mean()) < 0.02
    assert error.std() < 0.5
    assert np.array_equal(np.isnan(sweep), np.isnan(path))


@pytest.mark.parametrize("clutter_in_half", [False, True])
def test_in_the_sweep_a_pixel_sees_the_ground_before_it_as_its_own_path_does(clutter_in_half):
    terrain = rough_terrain()
    clutter = patchy_clutter(terrain)
    if clutter_in_half:
        clutter.values[: clutter.values.shape[0] // 2] = 0.0
    sweep, path = (
        field_of(terrain, clutter, mode=mode, freqs_ghz=[0.7, 2.6], time_pct=10.0).path_loss_db
        for mode in ("sweep", "path")
    )
    rows, cols = np.indices(terrain.grid.shape)
    near = np.hypot(rows - 80, cols - 80) < OWN_POINTS + 0.5
    np.testing.assert_allclose(sweep[:, near], path[:, near], atol=2e-5)


@pytest.mark.parametrize("mode", ["sweep", "path"])
def test_the_result_does_not_depend_on_the_number_of_threads(mode):
    terrain = rough_terrain(101)
    clutter = patchy_clutter(terrain)
    one, three = (field_of(terrain, clutter, mode=mode, threads=n).path_loss_db for n in (1, 3))
    assert np.array_equal(one, three, equal_nan=True)


@pytest.mark.parametrize("mode", ["sweep", "path"])
@pytest.mark.parametrize("time_pct", [50.0, 10.0])
def test_the_loss_of_a_band_is_the_same_whatever_others_are_computed_with_it(mode, time_pct):
    terrain = rough_terrain(101)
    clutter, bands = patchy_clutter(terrain), [0.7, 0.9, 1.8, 2.1, 3.5]
    zone = Raster(np.where(np.arange(101)[None] < 30, 1, 4).repeat(101, axis=0).astype(np.uint8), terrain.grid)
    given = {"mode": mode, "time_pct": time_pct, "zone": zone}
    together = field_of(terrain, clutter, freqs_ghz=bands, **given).path_loss_db
    for row, freq_ghz in enumerate(bands):
        alone = field_of(terrain, clutter, freqs_ghz=[freq_ghz], **given).path_loss_db[0]
        assert np.array_equal(alone, together[row], equal_nan=True)


def test_concurrent_calls_agree():
    terrain = rough_terrain(101)
    with ThreadPoolExecutor(4) as pool:
        fields = list(pool.map(lambda _: field_of(terrain).path_loss_db, range(4)))
    assert all(np.array_equal(fields[0], other, equal_nan=True) for other in fields[1:])


def test_only_wanted_pixels_within_the_radius_have_a_loss():
    terrain = rough_terrain()
    wanted = np.zeros(terrain.grid.shape, bool)
    wanted[:, 90:] = True
    whole = field_of(terrain).path_loss_db[0]
    part = field_of(terrain, wanted=Raster(wanted, terrain.grid)).path_loss_db[0]
    rows, cols = np.indices(terrain.grid.shape)
    inside = np.hypot(rows - 80, cols - 80) * 30.0 <= RADIUS_M
    assert np.array_equal(~np.isnan(whole), inside)
    assert np.array_equal(~np.isnan(part), inside & wanted)
    assert np.array_equal(part[wanted & inside], whole[wanted & inside])


def test_the_loss_is_continuous_where_the_model_takes_over_from_free_space():
    terrain = rough_terrain()
    place = middle(terrain)
    for bearing in np.linspace(0.0, 2.0 * math.pi, 9):
        x_m, y_m = (
            place[axis] + np.array([250.0 - 1e-6, 250.0 + 1e-6]) * turn(bearing)
            for axis, turn in (("x_m", math.sin), ("y_m", math.cos))
        )
        inner, outer = point_loss_db(
            terrain, patchy_clutter(terrain), to_x_m=x_m, to_y_m=y_m, freqs_ghz=[2.1], **place, **LINK
        )[0]
        assert inner == pytest.approx(outer, abs=1e-4)


def test_beside_the_mast_the_loss_is_free_space():
    terrain = Raster(np.zeros((41, 41), np.float32), rough_terrain(41).grid)
    field = field_of(terrain, radius_m=500.0)
    assert field.path_loss_db[0, 20, 20] == pytest.approx(field.free_space_db[0, 20, 20], abs=1e-4)
    assert field.free_space_db[0, 20, 20] == pytest.approx(92.4 + 20 * math.log10(1.8 * 28.5e-3), abs=1e-4)


def test_turning_a_uniform_ground_with_clutter_changes_no_pixel():
    grid = rough_terrain(121).grid
    flat = Raster(np.zeros((121, 121), np.float32), grid)
    cover = Raster(np.full((121, 121), 10.0, np.float32), grid)
    loss = field_of(flat, cover, mode="path", radius_m=1700.0).path_loss_db[0]
    ring = [loss[60 - 40, 60], loss[60, 60 + 40], loss[60 + 28, 60 + 28], loss[60 - 24, 60 + 32]]
    assert max(ring) - min(ring) < 0.3


def test_points_off_the_pixel_centres_have_their_own_paths():
    terrain = rough_terrain()
    place = middle(terrain)
    centre_x, centre_y = place["x_m"] + 40 * 30.0, place["y_m"] + 9 * 30.0
    loss = point_loss_db(
        terrain, None, to_x_m=[centre_x, centre_x + 11.0], to_y_m=[centre_y, centre_y - 7.0], freqs_ghz=[1.8],
        **place, **LINK,
    )[0]  # fmt: skip
    field = field_of(terrain, mode="path").path_loss_db[0]
    assert loss[0] == pytest.approx(field[80 - 9, 80 + 40], abs=2e-5)
    assert loss[0] != loss[1]


def test_the_zones_reach_the_model_and_places_at_sea_do_not_vary():
    terrain = Raster(np.zeros((101, 101), np.float32), rough_terrain(101).grid)
    codes = np.full((101, 101), 4, np.uint8)
    codes[:, 60:] = 1
    zone = Raster(codes, terrain.grid)
    inland, coastal = (field_of(terrain, zone=z, freqs_ghz=[0.1], radius_m=1400.0) for z in (None, zone))
    assert (coastal.sigma_l_db[0][:, 60:][~np.isnan(coastal.path_loss_db[0][:, 60:])] == 0.0).all()
    assert not np.array_equal(inland.path_loss_db, coastal.path_loss_db, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_m": 0.0}, "outside the terrain"),
        ({"freqs_ghz": [7.0]}, r"freq_ghz.*\[0.03, 6\].*7"),
        ({"freqs_ghz": []}, "at least one frequency"),
        ({"time_pct": 60.0}, "time_pct"),
        ({"spacing_m": 0.0}, "spacing_m"),
        ({"spacing_m": -30.0}, "spacing_m"),
        ({"radius_m": 0.0}, "radius_m"),
        ({"tx_height_agl_m": 0.2}, "tx_height_agl_m"),
        ({"mode": "fast"}, "mode"),
        ({"end_clearance_m": -1.0}, "end_clearance_m"),
    ],
)
def test_a_quantity_out_of_range_is_refused_with_its_name(change, words):
    with pytest.raises(OutOfValidityError, match=words):
        field_of(rough_terrain(41), **change)


def test_terrain_with_a_hole_under_a_path_is_refused():
    terrain = rough_terrain(61)
    heights = terrain.values.copy()
    heights[30, 40] = np.nan
    with pytest.raises(OutOfValidityError, match="hole"):
        field_of(Raster(heights, terrain.grid), radius_m=500.0)


def test_rasters_on_another_grid_are_refused():
    terrain = rough_terrain(61)
    other = Grid(terrain.grid.crs, Affine(30.0, 0.0, 0.0, 0.0, -30.0, 0.0), (61, 61))
    with pytest.raises(OutOfValidityError, match="grid"):
        field_of(terrain, Raster(np.zeros((61, 61), np.float32), other))
