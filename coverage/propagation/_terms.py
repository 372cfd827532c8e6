"""What the formulas of Rec. ITU-R P.1812-7, Annex 1, take: of a computation, a frequency, a distance, a profile.

Equation numbers are those of P.1812-7. What a profile contributes arrives as a `Geometry`, free of frequency, so that
all bands of a mast share it; what frequency contributes alone arrives as a `Band`. Each formula becomes part of the
loop that calls it, which is why none calls into the mathematical library.
"""

import math
from typing import NamedTuple

import numpy as np

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._math import exp, log, log10, power

EARTH_RADIUS_KM = 6371.0  # P.1812-7 §3.5
K_BETA = 3.0  # §3.5, eq. 7b: effective Earth radius factor exceeded for beta_0 % of time
LIGHT_SPEED_GHZ_M = 0.2998  # wavelength [m] = 0.2998 / frequency [GHz]
LAND_PERMITTIVITY, LAND_CONDUCTIVITY_S_M = 22.0, 0.003  # §4.3.3
SEA_PERMITTIVITY, SEA_CONDUCTIVITY_S_M = 80.0, 5.0  # §4.3.3


class Diffraction(NamedTuple):
    """What one effective Earth radius makes of a profile, for a wavelength of 1 m."""

    nu: float  # knife-edge parameter of the Bullington point (eqs 15, 20)
    nu_smooth: float  # the same over the smooth path of effective heights (§4.3.2)
    clearance_m: float  # h_se over a spherical Earth (eq. 23); 0 beyond the horizon
    required_clearance_m: float  # h_req (eq. 25) for a wavelength of 1 m
    radius_root: float  # cube root of the radius for the first-term loss, a_p, or a_em within the horizon (eq. 26)


class Times(NamedTuple):
    """What the time percentage alone contributes."""

    time_pct: float
    log_time: float  # decimal logarithm of the percentage
    normal: float  # inverse complementary normal of the percentage
    focusing_db: float  # 2.6 log10(p / 50), eq. 9a
    scatter_db: float  # last term of eq. 44


class Link(NamedTuple):
    """What all paths of a computation have in common. Coast distances that are NaN are derived from the zones."""

    times: Times
    tx_agl_m: float
    rx_agl_m: float
    effective_radius_km: float
    mid_lat_deg: float
    surface_refractivity: float
    is_vertical: bool
    clear_km: float  # clutter this near to either end is left out
    tx_coast_km: float
    rx_coast_km: float
    wavelength_root: float  # square root of the longest wavelength [m]


class Band(NamedTuple):
    """What the frequency alone contributes: a row of `frequency_terms`."""

    freq_ghz: float
    freq_db: float  # 20 log10(f)
    freq_root: float  # cube root of f
    knife_edge_scale: float  # square root of 1 / wavelength
    scatter_db: float  # L_f, eq. 45
    low_freq_db: float  # A_lf, eq. 47a
    land_admittance: float  # factor of eq. 29a
    land_vertical: float  # factor of eq. 29b
    sea_admittance: float
    sea_vertical: float
    shielding_root: float  # square root of f, eq. 48
    shielding_db: float  # 0.264 cube root of f, eq. 48
    coupling_db: float  # 102.45 + 20 log10(f), eq. 47


class Reach(NamedTuple):
    """What the distance, the zones along it and the latitude contribute."""

    distance_km: float
    log_distance_db: float  # 20 log10 of the distance
    near_weight: float  # F_k, eq. 58
    ducting_decay: float  # 1e-6 d^1.13 of eq. 53a
    ducting_growth: float  # 3.5e-9 d^3.1 of eq. 55a
    log_beta0: float  # decimal logarithm of beta_0 [%]
    interpolation: float  # F_i, eq. 40a; 1 where the time percentage is below beta_0
    ducting_exponent: float  # alpha, eq. 55a
    ducting_time_floor_db: float  # least that eq. 53 can be


class Geometry(NamedTuple):
    """Everything in a profile that P.1812 uses and that does not depend on frequency.

    On a path in line of sight the horizons lie where the roughness is taken; both are used by the ducting model alone.
    """

    reach: Reach
    is_line_of_sight: bool
    tx_amsl_m: float
    rx_amsl_m: float
    slant_db: float  # 20 log10 of the three-dimensional distance [km]
    effective_radius_km: float
    median: Diffraction
    beta: Diffraction
    tx_diffraction_height_m: float  # h_te of the diffraction model (eq. 38a)
    rx_diffraction_height_m: float
    tx_effective_height_m: float  # h_te of the ducting model (eq. 94a)
    rx_effective_height_m: float
    roughness_m: float  # h_m (eq. 95)
    tx_horizon_km: float
    rx_horizon_km: float
    tx_horizon_mrad: float
    rx_horizon_mrad: float
    sea_fraction: float
    tx_coast_km: float
    rx_coast_km: float


@inlined
def effective_radius_km(delta_n):
    """Median effective Earth radius (eqs 6, 7a) [km]."""
    return EARTH_RADIUS_KM * 157.0 / (157.0 - delta_n)


@inlined
def inverse_normal(x):
    """Approximate inverse complementary cumulative normal distribution (eqs 96, 97) for 1e-6 <= x <= 1 - 1e-6."""
    x = min(max(x, 1e-6), 1.0 - 1e-6)
    if x <= 0.5:
        return inverse_normal_tail(log(x))
    return -inverse_normal_tail(log(1.0 - x))


@inlined
def inverse_normal_tail(log_x):
    """`inverse_normal` of x <= 0.5 from its natural logarithm."""
    t = math.sqrt(-2.0 * log_x)
    return t - ((0.010328 * t + 0.802853) * t + 2.515516698) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0)


@inlined
def times_of(time_pct):
    """Terms of the time percentage alone."""
    share = log10(time_pct / 50.0)
    scatter = 10.125 * power(-share, 0.7) if share < 0.0 else 0.0
    return Times(time_pct, log10(time_pct), inverse_normal(0.01 * time_pct), 2.6 * share, scatter)


@compiled
def frequency_terms(freqs_ghz):
    """Terms of frequency alone, one row a band `[n_freq, 13]` in the order of `Band`."""
    rows = np.empty((freqs_ghz.size, 13))
    for j in range(freqs_ghz.size):
        f = freqs_ghz[j]
        land = (18.0 * LAND_CONDUCTIVITY_S_M / f) ** 2
        sea = (18.0 * SEA_CONDUCTIVITY_S_M / f) ** 2
        rows[j, :] = Band(
            f,
            20.0 * math.log10(f),
            f ** (1.0 / 3.0),
            math.sqrt(f / LIGHT_SPEED_GHZ_M),
            25.0 * math.log10(f) - 2.5 * math.log10(0.5 * f) ** 2,
            45.375 - 137.0 * f + 92.5 * f * f if f < 0.5 else 0.0,
            0.036 * ((LAND_PERMITTIVITY - 1.0) ** 2 + land) ** -0.25,
            math.sqrt(LAND_PERMITTIVITY**2 + land),
            0.036 * ((SEA_PERMITTIVITY - 1.0) ** 2 + sea) ** -0.25,
            math.sqrt(SEA_PERMITTIVITY**2 + sea),
            math.sqrt(f),
            0.264 * f ** (1.0 / 3.0),
            102.45 + 20.0 * math.log10(f),
        )
    return rows


@inlined
def band_of(terms):
    """One row of `frequency_terms` by its names."""
    return Band(
        terms[0], terms[1], terms[2], terms[3], terms[4], terms[5], terms[6], terms[7], terms[8], terms[9], terms[10],
        terms[11], terms[12],
    )  # fmt: skip


@inlined
def slant_db(distance_km, height_difference_m):
    """20 log10 of the three-dimensional distance in km, at least 1 m (eq. 8a)."""
    return 10.0 * log10(max(distance_km * distance_km + 1e-6 * height_difference_m * height_difference_m, 1e-6))


@inlined
def free_space_p_db(geometry, band, times):
    """Free-space loss not exceeded for the time percentage, L_b0p, and the share that focuses (eqs 8 to 10) [dB, 1]."""
    reach = geometry.reach
    horizons = reach.distance_km if geometry.is_line_of_sight else geometry.tx_horizon_km + geometry.rx_horizon_km
    focused = 1.0 - exp(-0.1 * horizons)
    return 92.4 + band.freq_db + geometry.slant_db + focused * times.focusing_db, focused
