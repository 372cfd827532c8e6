import math

import numpy as np
import pytest
from affine import Affine

from phusong.coverage.field import loss_field, point_loss_db
from phusong.coverage.model import PathTerms
from phusong.coverage.models import find_model, terminal_clutter_db
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.free_space import free_space_db
from phusong.coverage.propagation.p2108 import terrestrial_clutter_loss_db
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.settings import ModelSettings

LINK = PathTerms(
    rx_height_agl_m=1.5,
    time_pct=50.0,
    polarization="vertical",
    mid_lat_deg=17.0,
    delta_n=55.0,
    surface_refractivity=370.0,
    spacing_m=100.0,
    end_clearance_m=50.0,
)
NAMES = ["p1812", "free_space", "hata", "rma", "uma"]
GRID = Grid("EPSG:32648", Affine(100.0, 0.0, 500_000.0, 0.0, -100.0, 2_000_000.0), (61, 61))
MAST = {"x_m": 503_050.0, "y_m": 1_996_950.0, "tx_height_agl_m": 40.0, "freqs_ghz": (0.9, 1.8)}


def model_of(name, **settings):
    return find_model(ModelSettings(name=name, delta_n=55.0, surface_refractivity=370.0, **settings))


def hills():
    rng = np.random.default_rng(4)
    return Raster(rng.uniform(0.0, 60.0, GRID.shape).astype(np.float32), GRID)


def field_of(model, terrain, *, clutter=None, radius_m=2500.0, wanted=None, **changed):
    return model.field(
        terrain, clutter, zone=None, wanted=wanted, radius_m=radius_m, link=LINK, threads=1, **{**MAST, **changed}
    )


def points_of(model, terrain, to_x_m, to_y_m, clutter=None):
    return model.points(terrain, clutter, zone=None, to_x_m=to_x_m, to_y_m=to_y_m, link=LINK, **MAST)


def test_p1812_gives_exactly_what_its_own_functions_give():
    terrain, clutter = hills(), Raster(np.full(GRID.shape, 10.0, np.float32), GRID)
    common = {
        "rx_height_agl_m": 1.5, "mid_lat_deg": 17.0, "delta_n": 55.0, "surface_refractivity": 370.0, "spacing_m": 100.0,
    }  # fmt: skip
    field = loss_field(terrain, clutter, radius_m=2500.0, **MAST, **common)
    np.testing.assert_array_equal(
        field_of(model_of("p1812"), terrain, clutter=clutter).path_loss_db, field.path_loss_db
    )
    points = point_loss_db(terrain, clutter, to_x_m=[501_000.0], to_y_m=[1_996_000.0], **MAST, **common)
    np.testing.assert_array_equal(
        points_of(model_of("p1812"), terrain, [501_000.0], [1_996_000.0], clutter=clutter), points
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_field_answers_within_the_radius_and_where_wanted_alone(name):
    wanted = Raster(np.arange(61)[:, None] < np.full(61, 40)[None, :], GRID)
    loss = field_of(model_of(name), hills(), wanted=wanted).path_loss_db
    xs, ys = GRID.centres()
    near = np.hypot(xs[None, :] - MAST["x_m"], ys[:, None] - MAST["y_m"]) <= 2500.0
    assert loss.shape == (2, 61, 61)
    np.testing.assert_array_equal(np.isfinite(loss[0]), near & wanted.values)
    np.testing.assert_array_equal(np.isfinite(loss[1]), near & wanted.values)


@pytest.mark.parametrize("name", ["free_space", "hata", "rma", "uma"])
@pytest.mark.parametrize("clutter_loss", ["land_cover", "p2108"])
def test_a_cheaper_field_equals_the_points_at_its_pixels(name, clutter_loss):
    if clutter_loss == "p2108" and name != "free_space":
        clutter_loss = "land_cover"
    model, terrain = model_of(name, clutter_loss=clutter_loss), hills()
    field = field_of(model, terrain)
    rows, cols = np.nonzero(np.isfinite(field.path_loss_db[0]))
    xs, ys = GRID.centres()
    points = points_of(model, terrain, xs[cols], ys[rows])
    np.testing.assert_allclose(field.path_loss_db[:, rows, cols], points, atol=1e-4)


def test_free_space_counts_the_height_between_mast_and_place():
    terrain = Raster(np.zeros(GRID.shape, np.float32), GRID)
    loss = points_of(model_of("free_space"), terrain, [MAST["x_m"] + 300.0], [MAST["y_m"]])
    assert loss[1, 0] == pytest.approx(float(free_space_db(math.hypot(300.0, 38.5), freq_ghz=1.8)), abs=1e-9)


def test_open_country_loses_less_than_suburbs_and_suburbs_less_than_towns():
    means = [
        np.nanmean(field_of(model_of("hata", environment=environment), hills()).path_loss_db)
        for environment in ("open", "suburban", "urban")
    ]
    assert means == sorted(means)
    assert means[2] - means[0] > 20.0


def test_clutter_by_p2108_is_added_to_p1812_over_bare_ground():
    terrain, clutter = hills(), Raster(np.full(GRID.shape, 10.0, np.float32), GRID)
    bare = field_of(model_of("p1812"), terrain).path_loss_db
    added = field_of(model_of("p1812", clutter_loss="p2108"), terrain, clutter=clutter).path_loss_db - bare
    xs, ys = GRID.centres()
    distance = np.hypot(xs[None, :] - MAST["x_m"], ys[:, None] - MAST["y_m"])
    far = np.isfinite(bare[1]) & (distance >= 250.0)
    expected = terrestrial_clutter_loss_db(1e-3 * distance[far], freq_ghz=1.8)
    np.testing.assert_allclose(added[1][far], expected, atol=1e-4)


def test_clutter_by_p2108_falls_to_nothing_at_the_mast_without_a_step():
    loss = terminal_clutter_db(np.array([0.0, 125.0, 250.0 - 1e-6, 250.0 + 1e-6]), (1.8,))[0]
    assert loss[0] == 0.0
    assert loss[1] == pytest.approx(loss[2] / 2.0)
    assert loss[3] == pytest.approx(loss[2], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "changed", "reason"),
    [
        ("rma", {}, {"radius_m": 5001.0}, "radius_m.*5000.*5001"),
        ("uma", {}, {"radius_m": 0.0}, "radius_m.*above 0"),
        ("hata", {}, {"freqs_ghz": (3.5,)}, r"freq_ghz.*\[0.03, 3\].*3.5"),
        ("rma", {}, {"tx_height_agl_m": 5.0}, r"tx_height_agl_m.*\[10, 150\].*5"),
        ("free_space", {}, {"x_m": 400_000.0}, "outside the terrain"),
        ("p1812", {"clutter_loss": "p2108"}, {"freqs_ghz": (0.45,)}, r"freq_ghz.*\[0.5, 67\].*0.45"),
    ],
)
def test_what_a_model_does_not_hold_for_is_refused_with_range_and_value(name, settings, changed, reason):
    with pytest.raises(OutOfValidityError, match=reason):
        field_of(model_of(name, **settings), hills(), **changed)


@pytest.mark.parametrize("name", ["free_space", "hata", "rma", "uma"])
def test_a_hole_in_the_terrain_is_refused_not_answered(name):
    terrain = hills()
    terrain.values[30, 35] = np.nan
    with pytest.raises(OutOfValidityError, match="hole"):
        field_of(model_of(name), terrain)
    xs, ys = GRID.centres()
    with pytest.raises(OutOfValidityError, match="hole"):
        points_of(model_of(name), terrain, [xs[35]], [ys[30]])


@pytest.mark.parametrize("name", NAMES)
def test_only_p1812_needs_no_word_about_itself(name):
    notes = model_of(name).notes
    assert bool(notes) == (name != "p1812")
    for note in notes:
        assert "not with Rec. ITU-R P.1812" in note["en"]
        assert "không phải" in note["vi"]


def test_clutter_by_p2108_is_said_beside_the_model():
    notes = model_of("free_space", clutter_loss="p2108").notes
    assert len(notes) == 2
    assert "P.2108" in notes[1]["en"]


@pytest.mark.parametrize("name", ["hata", "rma", "uma"])
def test_a_model_that_holds_clutter_refuses_to_count_it_twice(name):
    with pytest.raises(ValueError, match="twice"):
        model_of(name, clutter_loss="p2108")
