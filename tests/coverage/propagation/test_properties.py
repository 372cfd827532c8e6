"""What must hold for any path: properties of P.1812 and of physics, not values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phusong.coverage.propagation.p1812 import path_loss_db, ray_loss_db

LINK = {"mid_lat_deg": 17.5, "delta_n": 55.0, "surface_refractivity": 350.0}
MANY = settings(max_examples=300, deadline=None)


@st.composite
def profiles(draw, *, max_points=80):
    """An equally spaced profile: distance, terrain, clutter, zone."""
    n = draw(st.integers(5, max_points))
    spacing_km = draw(st.sampled_from([0.03, 0.09, 0.5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    terrain = np.cumsum(rng.normal(0.0, draw(st.sampled_from([0.0, 1.0, 10.0, 60.0])), n))
    clutter = rng.choice([0.0, draw(st.sampled_from([0.0, 10.0, 15.0]))], n)
    zone = rng.choice([1, 3, 4], 2)[np.sort(rng.integers(0, 2, n))]
    return spacing_km * np.arange(n), terrain, clutter, zone


FREQS = st.floats(0.03, 6.0)
TIMES = st.floats(1.0, 50.0)
HEIGHTS = st.floats(1.0, 200.0)
POLARIZATIONS = st.sampled_from(["horizontal", "vertical"])


def loss_of(profile, **given_):
    values = {"freq_ghz": 1.8, "time_pct": 50.0, "tx_height_agl_m": 30.0, "rx_height_agl_m": 1.5}
    return path_loss_db(*profile, **(values | {"polarization": "vertical"} | LINK | given_))


@MANY
@given(profiles(), FREQS, TIMES, HEIGHTS, HEIGHTS, POLARIZATIONS)
def test_the_loss_is_finite_for_every_valid_path(profile, freq_ghz, time_pct, tx_m, rx_m, polarization):
    loss = loss_of(
        profile, freq_ghz=freq_ghz, time_pct=time_pct, tx_height_agl_m=tx_m, rx_height_agl_m=rx_m,
        polarization=polarization,
    )  # fmt: skip
    assert math.isfinite(loss)


@MANY
@given(profiles(), FREQS, TIMES, HEIGHTS, HEIGHTS)
def test_a_mirrored_path_with_heights_swapped_has_the_same_loss(profile, freq_ghz, time_pct, tx_m, rx_m):
    distance, terrain, clutter, zone = profile
    there = loss_of(profile, freq_ghz=freq_ghz, time_pct=time_pct, tx_height_agl_m=tx_m, rx_height_agl_m=rx_m)
    mirrored = (distance, terrain[::-1], clutter[::-1], zone[::-1])
    back = loss_of(mirrored, freq_ghz=freq_ghz, time_pct=time_pct, tx_height_agl_m=rx_m, rx_height_agl_m=tx_m)
    assert back == pytest.approx(there, abs=1e-6)


@MANY
@given(profiles(), FREQS, TIMES, TIMES)
def test_the_loss_never_falls_with_the_time_percentage(profile, freq_ghz, first_pct, second_pct):
    low, high = sorted((first_pct, second_pct))
    assert (
        loss_of(profile, freq_ghz=freq_ghz, time_pct=low) <= loss_of(profile, freq_ghz=freq_ghz, time_pct=high) + 1e-9
    )


@MANY
@given(profiles(), st.floats(1.0, 99.0), st.floats(1.0, 99.0), st.floats(0.0, 10.0))
def test_the_loss_never_falls_with_the_location_percentage(profile, first_pct, second_pct, sigma_db):
    low, high = sorted((first_pct, second_pct))
    first, second = (loss_of(profile, location_pct=pct, location_sigma_db=sigma_db) for pct in (low, high))
    assert first <= second + 1e-9


@MANY
@given(FREQS, st.floats(5.0, 200.0), st.floats(1.5, 10.0), POLARIZATIONS)
def test_over_bare_flat_ground_the_loss_grows_with_distance(freq_ghz, tx_m, rx_m, polarization):
    n = 400
    loss = ray_loss_db(
        0.05, np.zeros(n), np.zeros(n), np.full(n, 4), freqs_ghz=[freq_ghz], time_pct=50.0, tx_height_agl_m=tx_m,
        rx_height_agl_m=rx_m, polarization=polarization, **LINK,
    )[0, 5:]  # fmt: skip
    assert (np.diff(loss) > -1e-6).all()
