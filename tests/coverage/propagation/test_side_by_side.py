"""What loops over samples side by side rest on."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._profile import bullington_nu
from phusong.coverage.propagation._steps import number_of, ordered, smooth_nu, steepest, step_tables
from phusong.coverage.propagation.p1812 import path_loss_db, ray_loss_db
from tests.coverage.terrain import LINK

MANY = settings(max_examples=500)  # the first example compiles


@MANY
@given(st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_numbers_as_integers_keep_their_order(values):
    assert number_of(max(ordered(x) for x in values)) == max(values)


@MANY
@given(st.integers(2, 200), st.integers(0, 2**32), st.floats(-5.0, 5.0))
def test_the_steepest_of_a_curve_is_found_in_any_part_of_it(k, seed, slope):
    rng = np.random.default_rng(seed)
    y, tables = rng.normal(0.0, 50.0, k + 1), step_tables(k + 1)
    first = int(rng.integers(1, k))
    i = np.arange(first, k)
    expected = ((y[i] - 3.0 - slope * i) / np.sqrt(i * (k - i))).max()
    assert steepest(y, tables.root, tables.root, first, k, k, 3.0, slope) == pytest.approx(expected, rel=1e-12)


@MANY
@example(1226, 0.1, 1639.0, 1.0, 5000.0)  # the lower end just sees over its horizon: two roots close together
@example(1400, 0.190625668, 1860.78, 1.8025, 18000.0)  # the same beside a mast a thousand times as high
@given(
    st.integers(4, 1500), st.sampled_from([0.001, 0.03, 0.1, 1.0]), st.floats(1.0, 3000.0), st.floats(1.0, 300.0),
    st.floats(5000.0, 20000.0),
)  # fmt: skip
def test_the_smooth_earth_is_that_of_a_scan_over_every_point(steps, step_km, tx_m, rx_m, radius_km):
    distance, level = np.arange(steps + 1) * step_km, np.zeros(steps + 1)
    expected = bullington_nu(distance, level, level, tx_m, rx_m, 1.0 / radius_km, 0.0)
    assert smooth_nu(step_km, float(steps), tx_m, rx_m, 500.0 / radius_km) == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("n", [5, BLOCK + 3, BLOCK + 4, BLOCK + 5, 2 * BLOCK + 5])
def test_a_ray_may_end_at_any_place_of_a_block(n):
    rng = np.random.default_rng(n)
    longer = 3 * BLOCK
    terrain, clutter = rng.normal(100.0, 30.0, longer), rng.choice([0.0, 12.0], longer)
    zone = np.full(longer, 4)
    link = {key: LINK[key] for key in ("tx_height_agl_m", "rx_height_agl_m", "mid_lat_deg", "delta_n")}
    link |= {"surface_refractivity": 350.0, "polarization": "vertical", "freqs_ghz": [0.8, 2.6], "time_pct": 10.0}
    whole = ray_loss_db(0.03, terrain, clutter, zone, **link)
    np.testing.assert_array_equal(ray_loss_db(0.03, terrain[:n], clutter[:n], zone[:n], **link), whole[:, :n])


@pytest.mark.parametrize("rx_agl_m", [9.0, 10.0, 11.0])
def test_a_path_that_just_touches_the_ground_lies_between_its_neighbours(rx_agl_m):
    """A straight slope of whole metres from antenna to antenna: rounding alone tells whether it is obstructed."""
    n = 43
    terrain = np.arange(n) * 1.0 + 11.0 - rx_agl_m * (np.arange(n) == n - 1)
    terrain[0] = 0.0
    link = {key: LINK[key] for key in ("mid_lat_deg", "delta_n", "surface_refractivity")}
    link |= {"tx_height_agl_m": 11.0, "polarization": "vertical", "time_pct": 50.0}
    profile = (terrain, np.zeros(n), np.full(n, 4))

    def losses(shift_m):
        height = {"rx_height_agl_m": rx_agl_m + shift_m}
        ray = ray_loss_db(0.03, *profile, freqs_ghz=[1.3], **link, **height)[0, -1]
        return ray, path_loss_db(np.arange(n) * 0.03, *profile, freq_ghz=1.3, **link, **height)

    touching, higher, lower = losses(0.0), losses(1e-6), losses(-1e-6)
    assert touching[0] == pytest.approx(touching[1], abs=1e-6)
    assert higher[0] - 1e-3 < touching[0] < lower[0] + 1e-3
