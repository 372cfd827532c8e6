import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.coverage.antenna import depression_deg, sector_gain_db

ANGLES = st.floats(-720.0, 720.0)


@pytest.mark.parametrize(
    ("azimuth_off_deg", "depression", "downtilt_deg", "gain_db"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (35.0, 0.0, 0.0, -3.0),  # half-power at half the 70 degree width
        (-35.0, 0.0, 0.0, -3.0),
        (0.0, 5.0, 0.0, -3.0),  # half-power at half the 10 degree width
        (0.0, 6.0, 6.0, 0.0),
        (0.0, -40.0, 6.0, -20.0),  # the vertical floor
        (180.0, 6.0, 6.0, -25.0),  # the horizontal floor
        (180.0, -40.0, 6.0, -25.0),  # both together keep that floor
        (350.0, 0.0, 0.0, -12.0 * (10.0 / 70.0) ** 2),
    ],
)
def test_the_sector_pattern_has_the_values_of_tr_36_814(azimuth_off_deg, depression, downtilt_deg, gain_db):
    assert sector_gain_db(azimuth_off_deg, depression, downtilt_deg) == pytest.approx(gain_db, abs=1e-12)


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
