import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.coverage.antenna import (
    cuts_gain_db,
    depression_deg,
    envelope_38901,
    make_pattern,
    sector_gain_db,
    tilted_view,
)

GOLDEN = Path(__file__).parents[1] / "golden"
ANGLES = st.floats(-720.0, 720.0)


def validation_rows(pattern):
    with (GOLDEN / "antennas.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["pattern"] == pattern]
    return [[float(value) for value in list(row.values())[2:]] for row in rows]


def test_the_sector_pattern_has_the_values_of_tr_36_814():
    rows = validation_rows("tr36814")
    assert len(rows) == 480
    for azimuth_off_deg, depression, downtilt_deg, gain_db, tolerance_db in rows:
        assert sector_gain_db(azimuth_off_deg, depression, downtilt_deg) == pytest.approx(gain_db, abs=tolerance_db)


def test_the_envelope_has_the_values_of_the_element_and_of_the_best_of_the_arrays_beams():
    rows = validation_rows("envelope38901")
    assert len(rows) == 514
    for azimuth_off_deg, depression, _, gain_db, tolerance_db in rows:
        assert gain_of(envelope_38901(), azimuth_off_deg, depression) == pytest.approx(gain_db, abs=tolerance_db)


@given(ANGLES, st.floats(-90.0, 90.0), st.floats(-20.0, 30.0))
def test_the_sector_pattern_is_bounded_and_turns_by_full_circles(azimuth_off_deg, depression, downtilt_deg):
    gain = sector_gain_db(azimuth_off_deg, depression, downtilt_deg)
    assert -25.0 <= gain <= 0.0
    assert sector_gain_db(azimuth_off_deg + 360.0, depression, downtilt_deg) == pytest.approx(gain, abs=1e-6)


def test_a_place_at_the_antennas_height_is_below_the_horizon_by_the_earths_curvature():
    assert depression_deg(0.0, 0.0, 8.5e6) == 0.0
    assert depression_deg(20_000.0, 0.0, 8.5e6) == pytest.approx(0.0674, abs=1e-4)
    assert depression_deg(1_000.0, 100.0, 8.5e6) == pytest.approx(5.7139, abs=1e-3)
    assert depression_deg(1_000.0, -100.0, 8.5e6) < 0.0


def gain_of(pattern, azimuth_off_deg, depression):
    cuts = np.array([[pattern.horizontal_db, pattern.vertical_db]])
    return cuts_gain_db(cuts, np.array([pattern.floor_db]), 0, azimuth_off_deg, depression)


def formula_38_901_db(off_deg, below_deg):
    """The element of 3GPP TR 38.901, table 7.3-1, below its maximum."""
    across, down = (min(12.0 * (angle / 65.0) ** 2, 30.0) for angle in (off_deg, below_deg))
    return -min(across + down, 30.0)


def tenths():
    """Cuts whose attenuation is told from the degree: a tenth of it, and a hundredth."""
    return make_pattern(np.arange(360) * 0.1, np.arange(360) * 0.01)


def test_two_cuts_are_summed_with_the_degrees_between_interpolated():
    assert gain_of(tenths(), 30.0, 20.0) == pytest.approx(-3.2)
    assert gain_of(tenths(), 30.25, 20.5) == pytest.approx(-3.025 - 0.205)
    assert gain_of(tenths(), -10.0, -10.0) == pytest.approx(-35.0 - 3.5)
    assert gain_of(tenths(), 359.5, 0.0) == pytest.approx(-35.9 / 2)  # between the last degree and the first
    assert gain_of(tenths(), math.nan, 20.0) == pytest.approx(-0.2)  # without an azimuth the vertical cut alone


def test_the_tilt_of_a_pattern_is_where_its_vertical_cut_is_strongest():
    vertical = np.full(360, 20.0)
    vertical[[5, 6, 7]] = 0.0
    assert make_pattern(np.zeros(360), vertical).tilt_deg == 6.0
    vertical = np.full(360, 20.0)
    vertical[358] = 0.0
    assert make_pattern(np.zeros(360), vertical).tilt_deg == -2.0


@given(ANGLES, st.floats(-90.0, 90.0))
def test_the_envelope_lies_between_the_element_and_its_floor(off_deg, below_deg):
    turned = (off_deg + 180.0) % 360.0 - 180.0
    gain = gain_of(envelope_38901(), off_deg, below_deg)
    assert -30.0 - 1e-9 <= gain <= formula_38_901_db(turned, below_deg) + 0.01  # cuts are linear between degrees


def test_outside_its_steering_range_the_envelope_falls_below_the_element():
    assert gain_of(envelope_38901(), 0.0, 25.0) < formula_38_901_db(0.0, 25.0) - 6.0
    assert gain_of(envelope_38901(), 180.0, 0.0) == pytest.approx(-30.0)


@given(st.floats(-180.0, 180.0), st.floats(-89.0, 89.0), st.floats(-20.0, 30.0))
def test_a_mechanical_tilt_is_undone_by_its_opposite(off_deg, below_deg, tilt_deg):
    seen = tilted_view(*tilted_view(off_deg, below_deg, tilt_deg), -tilt_deg)
    assert seen[1] == pytest.approx(below_deg, abs=1e-4)
    assert math.cos(math.radians(seen[0] - off_deg)) == pytest.approx(1.0, abs=1e-5)


def test_a_mechanical_tilt_lowers_the_front_raises_the_back_and_leaves_the_sides():
    assert tilted_view(0.0, 6.0, 6.0) == pytest.approx((0.0, 0.0))
    assert tilted_view(180.0, 0.0, 6.0)[1] == pytest.approx(6.0)
    assert tilted_view(90.0, 0.0, 6.0)[1] == pytest.approx(0.0)
