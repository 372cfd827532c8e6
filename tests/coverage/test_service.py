import numpy as np
import pandas as pd
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phusong.coverage.service import (
    GOOD,
    NO_SIGNAL_CDBM,
    NONE,
    WEAK,
    classify_levels,
    group_class,
    location_allowance_db,
    location_probability,
    point_layers,
    rate_points,
    technology_groups,
    without_spread_at_sea,
)
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.settings import Threshold, default_settings

PROFILE = default_settings().profiles[0].model_copy(update={"location_pct": 50.0})
LEVELS = arrays.arrays(np.int16, 20, elements=st.integers(-20000, -3000) | st.just(NO_SIGNAL_CDBM))
SIGMA = arrays.arrays(np.float64, 3, elements=st.floats(0, 12))
CLASSES = arrays.arrays(np.uint8, 12, elements=st.integers(0, 2))
SERVER = np.arange(20, dtype=np.int32) % 3


def classify(levels, weak, good, *, sigma=(0.0, 0.0, 0.0), location_pct=50.0, server=SERVER):
    threshold = Threshold(weak_dbm=weak, good_dbm=good)
    return classify_levels(levels, server, threshold=threshold, sigma_l_db=sigma, location_pct=location_pct)


def test_a_level_at_the_threshold_meets_it():
    levels = np.array([-12101, -12100, -10500, NO_SIGNAL_CDBM], dtype=np.int16)
    server = np.array([0, 1, 2, -1], dtype=np.int32)
    assert classify(levels, -121.0, -105.0, server=server).tolist() == [NONE, WEAK, GOOD, NONE]


def test_a_location_share_of_95_per_cent_asks_for_1_645_sigma_more():
    levels = np.array([-11446, -11445], dtype=np.int16)  # -121 + 1.645 * 4 = -114.42
    server = np.zeros(2, dtype=np.int32)
    assert classify(levels + 3, -121.0, -105.0, sigma=[4.0], location_pct=95.0, server=server).tolist() == [
        0,
        1,
    ]
    assert location_allowance_db(4.0, 50.0) == 0


def test_half_of_the_places_meet_a_threshold_at_the_median_and_sea_has_no_spread():
    assert location_probability([0.0, 1.5, -3.0, -np.inf], 1.5).tolist() == pytest.approx(
        [0.5, 0.8413, 0.0228, 0], abs=1e-4
    )
    assert location_probability([0.0, -0.01], 0.0).tolist() == [1.0, 0.0]


@given(
    LEVELS,
    SIGMA,
    st.tuples(st.floats(-140, -60), st.floats(0, 30), st.floats(0, 20)),
    st.sampled_from([50.0, 75.0, 95.0]),
)
def test_a_higher_threshold_never_covers_more(levels, sigma, threshold, location_pct):
    weak, span, rise = threshold
    lower = classify(levels, weak, weak + span, sigma=sigma, location_pct=location_pct)
    higher = classify(levels, weak + rise, weak + span + rise, sigma=sigma, location_pct=location_pct)
    assert (higher <= lower).all()


@given(LEVELS, SIGMA, st.floats(50, 99), st.floats(50, 99))
def test_a_higher_location_share_never_covers_more(levels, sigma, first, second):
    fewer, more = (classify(levels, -121, -105, sigma=sigma, location_pct=pct) for pct in sorted((first, second)))
    assert (more <= fewer).all()


@given(st.dictionaries(st.tuples(st.sampled_from(["3G", "4G", "5G"]), st.sampled_from("AB")), CLASSES))
def test_unions_and_any_operator_are_never_below_their_parts(layers):
    union = group_class(layers, ("3G", "4G"), "any", shape=(12,))
    everything = group_class(layers, ("3G", "4G", "5G"), "any", shape=(12,))
    for (technology, operator), classes in layers.items():
        assert (everything >= classes).all()
        assert (group_class(layers, (technology,), operator, shape=(12,)) == classes).all()
        if technology != "5G":
            assert (union >= classes).all()
    assert (everything >= union).all()


def test_the_groups_of_a_profile_are_its_technologies_the_union_and_any():
    assert list(technology_groups(PROFILE)) == ["3G", "4G", "5G", "3G+4G", "any"]


def make_signal(*rows):
    columns = ["point_id", "technology", "operator", "rsrp_dbm", "station_id", "distance_km", "sigma_l_db"]
    return pd.DataFrame(rows, columns=columns)


def test_a_points_margin_is_counted_to_the_weak_threshold():
    signal = make_signal(("P", "4G", "A", -120.0, "S1", 2.0, 4.0), ("P", "2G", "A", -60.0, "S2", 1.0, 4.0))
    rated = rate_points(signal, PROFILE)
    assert rated[["technology", "margin_db", "service"]].to_numpy().tolist() == [["4G", 1.0, WEAK]]
    strict = rate_points(signal, PROFILE.model_copy(update={"location_pct": 95.0}))
    assert strict["margin_db"].item() == pytest.approx(1.0 - 1.6448536 * 4)


def test_points_without_a_row_have_no_service():
    rated = rate_points(make_signal(("Q", "4G", "A", -90.0, "S1", 2.0, 4.0)), PROFILE)
    layers = point_layers(pd.Series(["P", "Q"]), rated)
    assert {layer: classes.tolist() for layer, classes in layers.items()} == {("4G", "A"): [NONE, GOOD]}


def test_places_at_sea_do_not_differ():
    grid = Grid("EPSG:32648", Affine(30.0, 0.0, 600_000.0, 0.0, -30.0, 1_950_000.0), (1, 3))
    zone = Raster(np.array([[1, 3, 4]], np.uint8), grid)
    x_m = 600_000.0 + np.array([15.0, 45.0, 75.0, 900.0, np.nan])
    points = pd.DataFrame({"point_id": list("abcde"), "x_m": x_m, "y_m": 1_950_000.0 - 15.0})
    signal = pd.DataFrame({"point_id": list("edcbaa"), "technology": "4G", "rsrp_dbm": -100.0, "sigma_l_db": 1.5})
    still = without_spread_at_sea(signal, points, zone)
    assert still["sigma_l_db"].tolist() == [1.5, 1.5, 1.5, 1.5, 0.0, 0.0]
    profile = PROFILE.model_copy(
        update={"location_pct": 95.0, "thresholds": {"4G": Threshold(weak_dbm=-100.0, good_dbm=-90.0)}}
    )
    rated = rate_points(still, profile).set_index("point_id")
    assert (rated.loc["a", "margin_db"] == 0.0).all()
    assert (rated.loc["a", "probability"] == 1.0).all()
    assert rated.loc["b", "margin_db"] < 0.0
