"""What must hold for any path: properties of P.1812 and of physics, not values.

Each property is tried on 1,000 cases, or on 100,000 with `PHUSONG_HYPOTHESIS=long`.
"""

import math
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from phusong.coverage.propagation._combine import combined_loss_db, enhanced_loss_db, loss_db
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.propagation._diffraction import diffraction_db
from phusong.coverage.propagation._ducting import ducting_loss_db
from phusong.coverage.propagation._profile import profile_geometry
from phusong.coverage.propagation._terms import band_of, free_space_p_db
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import make_link, path_loss_db, ray_loss_db

LINK = {"mid_lat_deg": 17.5, "delta_n": 55.0, "surface_refractivity": 350.0}
CASES = {"ci": 1_000, "long": 100_000}[os.environ.get("PHUSONG_HYPOTHESIS", "ci")]
MANY = settings(max_examples=CASES, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def profiles(draw, *, max_points=80, spacings_km=(0.03, 0.09, 0.5), roughness_m=60.0):
    """An equally spaced profile: distance, terrain, clutter, zone."""
    n = draw(st.integers(5, max_points))
    spacing_km = draw(st.sampled_from(spacings_km))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    terrain = np.cumsum(rng.normal(0.0, draw(st.sampled_from([0.0, 1.0, 10.0, roughness_m])), n))
    clutter = rng.choice([0.0, draw(st.sampled_from([0.0, 10.0, 15.0]))], n)
    zone = rng.choice([1, 3, 4], 2)[np.sort(rng.integers(0, 2, n))]
    return spacing_km * np.arange(n), terrain, clutter, zone


FREQS = st.floats(0.03, 6.0)
TIMES = st.floats(1.0, 50.0)
HEIGHTS = st.floats(1.0, 200.0)
POLARIZATIONS = st.sampled_from(["horizontal", "vertical"])


def or_end(low, high):
    """A number of a range, its ends more often than by chance."""
    return st.sampled_from([low, high]) | st.floats(low, high)


WHOLE_RANGE = {
    "freq_ghz": or_end(0.03, 6.0),
    "time_pct": or_end(1.0, 50.0),
    "tx_height_agl_m": or_end(1.0, 3000.0),
    "rx_height_agl_m": or_end(1.0, 3000.0),
    "polarization": POLARIZATIONS,
    "mid_lat_deg": or_end(-90.0, 90.0),
    "delta_n": or_end(0.0, 150.0),
    "surface_refractivity": or_end(0.0, 1000.0),
    "tx_coast_km": st.none() | or_end(0.0, 1e5),
    "rx_coast_km": st.none() | or_end(0.0, 1e5),
    "end_clearance_km": or_end(0.0, 1.0),
}
LOCATIONS = {"location_pct": or_end(1.0, 99.0), "location_sigma_db": or_end(0.0, 100.0)}
SPACINGS_KM = (0.001, 0.03, 1.0, 35.0)  # paths of 4 m to 2765 km


@compiled
def loss_with_ducting_db(geometry, terms, link):
    """`loss_db` with ducting counted on every path."""
    band = band_of(terms)
    median, diffraction_p = diffraction_db(geometry, band, link)
    free_p, _ = free_space_p_db(geometry, band, link.times)
    enhanced = enhanced_loss_db(ducting_loss_db(geometry, band, link.times), free_p)
    return combined_loss_db(geometry, band, link, median, diffraction_p, enhanced, 0.0)


def loss_of(profile, **given_):
    values = {"freq_ghz": 1.8, "time_pct": 50.0, "tx_height_agl_m": 30.0, "rx_height_agl_m": 1.5}
    return path_loss_db(*profile, **(values | {"polarization": "vertical"} | LINK | given_))


def flat_ray_db(tx_height_agl_m, rx_height_agl_m, *, freq_ghz, polarization, n=400):
    """Loss at 50 % of time to points every 50 m over bare flat ground, from the fifth on."""
    level = np.zeros(n)
    return ray_loss_db(
        0.05, level, level, np.full(n, 4), freqs_ghz=[freq_ghz], time_pct=50.0, tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m, polarization=polarization, **LINK,
    )[0, 5:]  # fmt: skip


@MANY
@given(profiles(spacings_km=SPACINGS_KM, roughness_m=500.0), st.fixed_dictionaries(WHOLE_RANGE | LOCATIONS))
def test_the_loss_of_a_path_is_finite_in_the_whole_range_of_validity(profile, link):
    assert np.isfinite(path_loss_db(*profile, **link))


@MANY
@given(profiles(spacings_km=SPACINGS_KM, roughness_m=500.0), st.fixed_dictionaries(WHOLE_RANGE))
def test_every_point_of_a_ray_is_finite_in_the_whole_range_of_validity(profile, link):
    distance, *ground = profile
    freq_ghz = link.pop("freq_ghz")
    ray = ray_loss_db(distance[1], *ground, freqs_ghz=[freq_ghz], **link)[0, 4:]
    assert np.isfinite(ray).all()


@MANY
@given(profiles(spacings_km=SPACINGS_KM, roughness_m=500.0), st.fixed_dictionaries(WHOLE_RANGE))
def test_ducting_is_left_out_only_where_it_changes_nothing(profile, link):
    terms, made = make_link([link.pop("freq_ghz")], **link)
    distance, terrain, clutter, zone = profile
    geometry = profile_geometry(distance, terrain, clutter, zone.astype(np.uint8), made)
    always = loss_with_ducting_db(geometry, terms[0], made)
    assert loss_db(geometry, terms[0], made, 0.0) == pytest.approx(always, abs=1e-9)


@MANY
@given(profiles(), FREQS, TIMES, HEIGHTS, HEIGHTS)
def test_a_mirrored_path_with_heights_swapped_has_the_same_loss(profile, freq_ghz, time_pct, tx_m, rx_m):
    distance, terrain, clutter, zone = profile
    there = loss_of(profile, freq_ghz=freq_ghz, time_pct=time_pct, tx_height_agl_m=tx_m, rx_height_agl_m=rx_m)
    mirrored = (distance, terrain[::-1], clutter[::-1], zone[::-1])
    back = loss_of(mirrored, freq_ghz=freq_ghz, time_pct=time_pct, tx_height_agl_m=rx_m, rx_height_agl_m=tx_m)
    assert back == pytest.approx(there, abs=1e-6)


@MANY
@given(profiles(), FREQS, TIMES, TIMES, HEIGHTS, HEIGHTS)
def test_the_loss_never_falls_with_the_time_percentage(profile, freq_ghz, first_pct, second_pct, tx_m, rx_m):
    low, high = (
        loss_of(profile, freq_ghz=freq_ghz, time_pct=pct, tx_height_agl_m=tx_m, rx_height_agl_m=rx_m)
        for pct in sorted((first_pct, second_pct))
    )
    assert low <= high + 1e-9


@MANY
@given(profiles(), st.floats(1.0, 99.0), st.floats(1.0, 99.0), st.floats(0.0, 10.0), FREQS, TIMES)
def test_the_loss_never_falls_with_the_location_percentage(profile, first, second, sigma_db, freq_ghz, time_pct):
    low, high = (
        loss_of(profile, freq_ghz=freq_ghz, time_pct=time_pct, location_pct=pct, location_sigma_db=sigma_db)
        for pct in sorted((first, second))
    )
    assert low <= high + 1e-9


@MANY
@given(FREQS, st.floats(5.0, 200.0), st.floats(1.5, 10.0), POLARIZATIONS)
def test_over_bare_flat_ground_the_loss_grows_with_distance(freq_ghz, tx_m, rx_m, polarization):
    loss = flat_ray_db(tx_m, rx_m, freq_ghz=freq_ghz, polarization=polarization)
    assert (np.diff(loss) > -1e-6).all()


def height_gain_argument(tx_m, rx_m, km, *, freq_ghz, polarization):
    """B of eq. 36a for a mast over land: at B = 2 the gain of eq. 35 itself falls by `GAIN_STEP_DB`."""
    radius_km = np.minimum(6371.0 * 157.0 / (157.0 - LINK["delta_n"]), 500.0 * (km / (tx_m**0.5 + rx_m**0.5)) ** 2)
    loss_term = (18.0 * 0.003 / freq_ghz) ** 2
    k = 0.036 * (radius_km * freq_ghz) ** (-1 / 3) * (21.0**2 + loss_term) ** -0.25
    k *= (22.0**2 + loss_term) ** 0.5 if polarization == "vertical" else 1.0
    beta = (1.0 + 1.6 * k**2 + 0.67 * k**4) / (1.0 + 4.5 * k**2 + 1.53 * k**4)
    return beta * 0.9575 * beta * (freq_ghz**2 / radius_km) ** (1 / 3) * tx_m


GAIN_STEP_DB = 20.0 * math.log10(2.8) - (17.6 * math.sqrt(0.9) - 5.0 * math.log10(0.9) - 8.0)  # 0.018


@MANY
@given(FREQS, st.floats(5.0, 200.0), st.floats(5.0, 200.0), st.floats(1.5, 10.0), POLARIZATIONS)
@example(0.03125, 164.0, 164.25, 2.0, "horizontal")
@example(1.0801621421965093, 27.88292192117976, 27.88576765400122, 2.056691375962937, "vertical")
def test_over_bare_flat_ground_a_higher_mast_never_adds_to_free_space(freq_ghz, first_m, second_m, rx_m, polarization):
    km = 0.05 * np.arange(5, 400)
    masts_m, path = sorted((first_m, second_m)), {"freq_ghz": freq_ghz, "polarization": polarization}
    lower, higher = (
        flat_ray_db(tx_m, rx_m, **path) - 20.0 * np.log10(np.hypot(km, 1e-3 * (tx_m - rx_m))) for tx_m in masts_m
    )
    at_lower, at_higher = (height_gain_argument(tx_m, rx_m, km, **path) for tx_m in masts_m)
    at_step = (at_lower <= 2.0 + 1e-9) & (at_higher >= 2.0 - 1e-9)
    assert (higher <= lower + np.where(at_step, GAIN_STEP_DB, 0.0) + 1e-6).all()


def outside(low, high):
    """Numbers beyond either end of a range, and what is no number."""
    beyond = st.floats(max_value=low, exclude_max=True) | st.floats(min_value=high, exclude_min=True)
    return beyond | st.just(float("nan"))


RANGES = {
    "freq_ghz": (0.03, 6.0),
    "time_pct": (1.0, 50.0),
    "tx_height_agl_m": (1.0, 3000.0),
    "rx_height_agl_m": (1.0, 3000.0),
    "mid_lat_deg": (-90.0, 90.0),
    "delta_n": (0.0, 150.0),
    "surface_refractivity": (0.0, 1000.0),
    "tx_coast_km": (0.0, 1e5),
    "rx_coast_km": (0.0, 1e5),
    "end_clearance_km": (0.0, 1e3),
    "location_pct": (1.0, 99.0),
    "location_sigma_db": (0.0, 100.0),
}
FLAT = (np.arange(8.0), np.zeros(8), np.zeros(8), np.full(8, 4))


@pytest.mark.parametrize("name", RANGES)
@settings(max_examples=50)
@given(st.data())
def test_a_number_out_of_range_is_refused_with_name_range_and_value(name, data):
    low, high = RANGES[name]
    value = data.draw(outside(low, high))
    with pytest.raises(OutOfValidityError) as refusal:
        loss_of(FLAT, **{name: value})
    assert isinstance(refusal.value, ValueError)
    assert str(refusal.value) == f"`{name}` must be within [{low:g}, {high:g}], got {value}"


@given(st.floats(max_value=0.0) | st.sampled_from([float("nan"), float("inf")]))
def test_a_ray_without_positive_spacing_is_refused(spacing_km):
    with pytest.raises(OutOfValidityError, match=r"spacing_km.*\[1e-06, 1000\], got"):
        ray_loss_db(
            spacing_km, *FLAT[1:], freqs_ghz=[0.9], time_pct=50.0, tx_height_agl_m=30.0, rx_height_agl_m=1.5,
            polarization="vertical", **LINK,
        )  # fmt: skip
