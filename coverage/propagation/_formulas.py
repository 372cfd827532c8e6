"""Formulas of Rec. ITU-R P.1812-7, Annex 1, that do not look at the profile.

Equation numbers are those of P.1812-7. What a profile contributes arrives as a `Geometry`, free of frequency, so that
all bands of a mast share it; what frequency contributes alone arrives as a `Band`. Each formula becomes part of the
loop that calls it, which is why none calls into the mathematical library.
"""

import math
from typing import NamedTuple

import numpy as np

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._math import LN_10, exp, falling, log, log10, power, sine_of_third

EARTH_RADIUS_KM = 6371.0  # P.1812-7 §3.5
K_BETA = 3.0  # §3.5, eq. 7b: effective Earth radius factor exceeded for beta_0 % of time
LIGHT_SPEED_GHZ_M = 0.2998  # wavelength [m] = 0.2998 / frequency [GHz]
LAND_PERMITTIVITY, LAND_CONDUCTIVITY_S_M = 22.0, 0.003  # §4.3.3
COASTAL_SEA_FRACTION = 0.75 - 1e-12  # eq. 49a; rounding must not decide three quarters
_LOG_50, _LOG_4_17 = math.log10(50.0), math.log10(4.17)
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
        return _inverse_normal_tail(log(x))
    return -_inverse_normal_tail(log(1.0 - x))


@inlined
def _inverse_normal_tail(log_x):
    """`inverse_normal` of x <= 0.5 from its natural logarithm."""
    t = math.sqrt(-2.0 * log_x)
    return t - ((0.010328 * t + 0.802853) * t + 2.515516698) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0)


@inlined
def times_of(time_pct):
    """Terms of the time percentage alone."""
    share = log10(time_pct / 50.0)
    scatter = 10.125 * power(-share, 0.7) if share < 0.0 else 0.0
    return Times(time_pct, log10(time_pct), inverse_normal(0.01 * time_pct), 2.6 * share, scatter)


@inlined
def reach_of(distance_km, land_km, inland_km, link):
    """Terms of the distance, the longest land and inland runs and the latitude (eqs 2 to 5, 9b, 40a, 53a, 55a, 58)."""
    log_distance = log(distance_km)
    near_weight = falling(1.5 * (distance_km - 20.0) / 20.0)
    decay, growth = 1e-6 * exp(1.13 * log_distance), 3.5e-9 * exp(3.1 * log_distance)
    over_land = Reach(distance_km, 20.0 / LN_10 * log_distance, near_weight, decay, growth, 0.0, 0.0, 0.0, 0.0)
    return with_zones(over_land, land_km, inland_km, link)


@inlined
def _ducting_time_floor_db(reach, log_beta0, log_time):
    """Least that the time term of ducting (eq. 53) can be for any beta <= beta_0, from decimal logarithms [dB].

    The exponent of p / beta is (x - c) 1.076 / x^1.012 exp(-q Q), with x = 2.0058 - log beta, c = 2.0058 - log p. For
    p >= beta_0 the factor of x grows up to x = 84 c > 25, and Q is at most 184.8 down to beta = 1e-20; still smaller
    beta make the term at least -12 + 1.2 * 20 + 12. For p < beta_0 the power is taken as 0.
    """
    excess = log_time - log_beta0
    linear = -12.0 + (1.2 + 3.7e-3 * reach.distance_km) * excess
    exponent = excess * 1.076 / power(2.0058 - log_beta0, 1.012) * exp(-184.8 * reach.ducting_decay)
    return linear if excess < 0.0 else min(linear + 12.0 * exp(LN_10 * exponent), 24.0)


@inlined
def with_zones(reach, land_km, inland_km, link):
    """The same reach with other zones along it: beta_0 (eqs 2 to 5), in logarithms, and what follows from it."""
    tau = 1.0 - exp(-4.12e-4 * power(inland_km, 2.41))
    near_coast = exp(-LN_10 * land_km / (16.0 - 6.6 * tau)) + exp(-LN_10 * (2.48 + 1.77 * tau))
    log_mu1 = min(0.2 * log(near_coast), 0.0)
    lat = abs(link.mid_lat_deg)
    if lat <= 70.0:
        log_beta0 = 1.67 - 0.015 * lat + (0.065 + 0.0176 * lat) / LN_10 * log_mu1
    else:
        log_beta0 = _LOG_4_17 + 1.3 / LN_10 * log_mu1
    normal = _inverse_normal_tail(max(log_beta0 - 2.0, -6.0) * LN_10)
    return Reach(
        reach.distance_km,
        reach.log_distance_db,
        reach.near_weight,
        reach.ducting_decay,
        reach.ducting_growth,
        log_beta0,
        link.times.normal / normal if link.times.log_time >= log_beta0 else 1.0,
        max(-0.6 - reach.ducting_growth * tau, -3.4),
        _ducting_time_floor_db(reach, log_beta0, link.times.log_time),
    )


@inlined
def slant_db(distance_km, height_difference_m):
    """20 log10 of the three-dimensional distance in km, at least 1 m (eq. 8a)."""
    return 10.0 * log10(max(distance_km * distance_km + 1e-6 * height_difference_m * height_difference_m, 1e-6))


@inlined
def bullington_loss_db(nu, distance_km):
    """Bullington loss from its knife-edge parameter (eqs 12, 21) [dB]."""
    if nu <= -0.78:
        return 0.0
    above = nu - 0.1
    knife = 6.9 + 20.0 * log10(math.sqrt(above * above + 1.0) + above)
    return knife + (1.0 - exp(-knife / 6.0)) * (10.0 + 0.02 * distance_km)


@inlined
def spherical_clearance(distance_km, tx_m, rx_m, radius_km, wavelength_root):
    """Clearance over a spherical Earth (§4.3.3, eqs 22 to 26).

    Returns h_se [m], h_req for a wavelength of 1 m [m], and the cube root of the radius for the first-term loss [km]. A
    path whose clearance surely suffices for the longest wavelength (`wavelength_root` squared) has h_se = 1, h_req = 0.
    """
    tx_root, rx_root = math.sqrt(tx_m), math.sqrt(rx_m)
    root_sum = tx_root + rx_root
    total = tx_m + rx_m
    c = (tx_m - rx_m) / total
    m = 250.0 * distance_km * distance_km / (radius_km * total)
    grown = m + 1.0
    b = 2.0 * math.sqrt(grown / (3.0 * m)) * sine_of_third(1.5 * c / grown * math.sqrt(3.0 * m / grown))
    d1 = 0.5 * distance_km * (1.0 + b)
    d2 = distance_km - d1
    curvature = 500.0 / radius_km
    clearance = ((tx_m - curvature * d1 * d1) * d2 + (rx_m - curvature * d2 * d2) * d1) / distance_km
    required = 17.456 * math.sqrt(d1 * d2 / distance_km)
    radius = 500.0 * (distance_km / root_sum) * (distance_km / root_sum)
    if distance_km >= math.sqrt(0.002 * radius_km) * root_sum:  # beyond the horizon
        clearance, required, radius = 0.0, 1.0, radius_km
    # h_se / sqrt(d1 d2) is at least this at every point of the path (arithmetic against geometric mean)
    lowest = 2.0 * tx_root * rx_root - 250.0 * distance_km * distance_km / radius_km
    if lowest > 17.456 * wavelength_root * math.sqrt(distance_km):
        clearance, required = 1.0, 0.0
    return clearance, required, power(radius, 1.0 / 3.0)


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
def _height_gain_db(b, floor_db):
    """Height-gain function G(Y) (eq. 35), not below its floor (eq. 35a) [dB]."""
    is_high = b > 2.0
    shifted = b - 1.1 if is_high else 1.0
    logarithm = log10(shifted if is_high else b + 0.1 * b * b * b)
    gain = 17.6 * math.sqrt(shifted) - 5.0 * logarithm - 8.0 if is_high else 20.0 * logarithm
    return max(gain, floor_db)


@inlined
def _first_term_loss_db(admittance, distance_km, tx_m, rx_m, radius_root, freq_root):
    """First-term spherical-Earth loss over one ground (§4.3.4, eqs 30 to 37) [dB].

    `radius_root` and `freq_root` are the cube roots of the radius [km] and of the frequency [GHz]; `admittance` is
    the normalised factor K (eq. 29).
    """
    k2 = admittance * admittance
    k4 = k2 * k2
    beta = (1.0 + 1.6 * k2 + 0.67 * k4) / (1.0 + 4.5 * k2 + 1.53 * k4)
    x = 21.88 * beta * freq_root / (radius_root * radius_root) * distance_km
    scale = 0.9575 * beta * beta * freq_root * freq_root / radius_root
    log_x = log(x)
    if x >= 1.6:
        distance_term = 11.0 + 10.0 / LN_10 * log_x - 17.6 * x
    else:
        distance_term = -20.0 / LN_10 * log_x - 5.6488 * exp(1.425 * log_x)
    floor = 2.0 + 20.0 * log10(admittance)
    return -distance_term - _height_gain_db(scale * tx_m, floor) - _height_gain_db(scale * rx_m, floor)


@inlined
def _spherical_loss_db(geometry, diffraction, band, vertical, with_sea):
    """Spherical-Earth diffraction loss (§4.3.3, eqs 22 to 28), not below 0 [dB]."""
    required = diffraction.required_clearance_m / band.knife_edge_scale
    distance, root = geometry.reach.distance_km, diffraction.radius_root
    tx, rx = geometry.tx_diffraction_height_m, geometry.rx_diffraction_height_m
    scale = 1.0 / (root * band.freq_root)
    k = band.land_admittance * scale * (band.land_vertical if vertical else 1.0)
    loss = _first_term_loss_db(k, distance, tx, rx, root, band.freq_root)
    if with_sea:
        k = band.sea_admittance * scale * (band.sea_vertical if vertical else 1.0)
        loss += geometry.sea_fraction * (_first_term_loss_db(k, distance, tx, rx, root, band.freq_root) - loss)
    suffices = diffraction.clearance_m > required
    return 0.0 if suffices else max(loss, 0.0) * (1.0 - diffraction.clearance_m / required)


@inlined
def diffraction_loss_db(geometry, diffraction, band, vertical, with_sea):
    """Delta-Bullington diffraction loss for one effective Earth radius (§4.3.5, eq. 39) [dB].

    Without `with_sea` the path is taken as over land throughout.
    """
    actual = bullington_loss_db(diffraction.nu * band.knife_edge_scale, geometry.reach.distance_km)
    spherical = _spherical_loss_db(geometry, diffraction, band, vertical, with_sea)
    smooth = bullington_loss_db(diffraction.nu_smooth * band.knife_edge_scale, geometry.reach.distance_km)
    return actual + max(spherical - smooth, 0.0)


@inlined
def _site_shielding_db(excess_mrad, horizon_km, band):
    """Site-shielding loss of one terminal (eq. 48) [dB]."""
    excess = max(excess_mrad, 0.0)
    root = band.shielding_root * math.sqrt(horizon_km)
    return 20.0 * log10(1.0 + 0.361 * excess * root) + excess * band.shielding_db


@inlined
def _coastal_gain_db(coast_km, horizon_km, height_amsl_m):
    """Over-sea surface-duct coupling correction of one terminal where the sea fraction is >= 0.75 (eq. 49) [dB]."""
    if coast_km > min(5.0, horizon_km):
        return 0.0
    return -6.0 * exp(-0.25 * coast_km * coast_km) * falling(0.07 * (height_amsl_m - 50.0))


@inlined
def ducting_loss_db(geometry, band, times):
    """Basic transmission loss of ducting and layer reflection (§4.5, eqs 46 to 56) [dB]."""
    dlt, dlr = geometry.tx_horizon_km, geometry.rx_horizon_km
    theta_t, theta_r = geometry.tx_horizon_mrad, geometry.rx_horizon_mrad
    reach, radius = geometry.reach, geometry.effective_radius_km
    distance = reach.distance_km
    coupling = band.coupling_db + 20.0 * log10(dlt + dlr) + band.low_freq_db
    coupling += _site_shielding_db(theta_t - 0.1 * dlt, dlt, band)
    coupling += _site_shielding_db(theta_r - 0.1 * dlr, dlr, band)
    coast = _coastal_gain_db(geometry.tx_coast_km, dlt, geometry.tx_amsl_m)
    coast += _coastal_gain_db(geometry.rx_coast_km, dlr, geometry.rx_amsl_m)
    coupling += coast if geometry.sea_fraction >= COASTAL_SEA_FRACTION else 0.0

    angle_mrad = 1e3 * distance / radius + min(theta_t, 0.1 * dlt) + min(theta_r, 0.1 * dlr)
    angular_loss = 5e-5 * radius * band.freq_root * angle_mrad

    between_km = min(distance - dlt - dlr, 40.0)
    log_mu3 = -4.6e-5 * max(geometry.roughness_m - 10.0, 0.0) * (43.0 + 6.0 * between_km)
    root_sum = math.sqrt(geometry.tx_effective_height_m) + math.sqrt(geometry.rx_effective_height_m)
    share = distance / root_sum
    log_mu2 = min(reach.ducting_exponent * log(500.0 / radius * share * share), 0.0)
    log_beta = reach.log_beta0 + (log_mu2 + log_mu3) / LN_10
    gamma = (
        1.076
        / power(2.0058 - log_beta, 1.012)
        * exp(-(9.51 - 4.8 * log_beta + 0.198 * log_beta * log_beta) * reach.ducting_decay)
    )
    log_ratio = times.log_time - log_beta
    time_loss = -12.0 + (1.2 + 3.7e-3 * distance) * log_ratio + 12.0 * exp(LN_10 * gamma * log_ratio)
    return coupling + angular_loss + time_loss


@inlined
def _least_angle_loss_db(theta_mrad, scale, band):
    """Least that a horizon angle adds to the ducting loss, wherever the horizon lies [dB].

    Of a positive angle one part costs `scale` a mrad (eqs 51, 52), and the rest at least 0.264 f^(1/3) (eq. 48).
    """
    return theta_mrad * (min(scale, band.shielding_db) if theta_mrad > 0.0 else scale)


@inlined
def ducting_matters(geometry, band, diffraction_p_db):
    """Whether ducting can lower the loss: whether a lower bound of its loss lies below diffraction's.

    The bound takes the least of eq. 53 for any beta up to beta_0, the least that an angle costs in line of sight, and
    the largest coastal gain; it needs neither the roughness nor the horizons of a line-of-sight path.
    """
    reach = geometry.reach
    limit = 92.4 + band.freq_db + geometry.slant_db + diffraction_p_db  # focusing only lowers it
    floor = band.coupling_db + band.low_freq_db + reach.ducting_time_floor_db
    floor -= 12.0 if geometry.sea_fraction >= COASTAL_SEA_FRACTION else 0.0
    angle_mrad = 1e3 * reach.distance_km / geometry.effective_radius_km
    theta_t, theta_r = geometry.tx_horizon_mrad, geometry.rx_horizon_mrad
    scale = 5e-5 * geometry.effective_radius_km * band.freq_root
    in_sight = reach.log_distance_db + scale * angle_mrad
    in_sight += _least_angle_loss_db(theta_t, scale, band) + _least_angle_loss_db(theta_r, scale, band)
    dlt, dlr = geometry.tx_horizon_km, geometry.rx_horizon_km
    beyond = 20.0 * log10(dlt + dlr) + scale * (angle_mrad + min(theta_t, 0.1 * dlt) + min(theta_r, 0.1 * dlr))
    beyond += _site_shielding_db(theta_t - 0.1 * dlt, dlt, band) + _site_shielding_db(theta_r - 0.1 * dlr, dlr, band)
    return floor + (in_sight if geometry.is_line_of_sight else beyond) < limit


@inlined
def diffraction_db(geometry, band, link):
    """Diffraction loss for the median of time and for the time percentage (§4.3, eqs 39 to 41) [dB, dB]."""
    median = diffraction_loss_db(geometry, geometry.median, band, link.is_vertical, True)
    beta = diffraction_loss_db(geometry, geometry.beta, band, link.is_vertical, True)
    return median, median + geometry.reach.interpolation * (beta - median)


@inlined
def free_space_p_db(geometry, band, times):
    """Free-space loss not exceeded for the time percentage, L_b0p, and the share that focuses (eqs 8 to 10) [dB, 1]."""
    reach = geometry.reach
    horizons = reach.distance_km if geometry.is_line_of_sight else geometry.tx_horizon_km + geometry.rx_horizon_km
    focused = 1.0 - exp(-0.1 * horizons)
    return 92.4 + band.freq_db + geometry.slant_db + focused * times.focusing_db, focused


@inlined
def enhanced_loss_db(ducting_db, free_p_db):
    """Ducting and line-of-sight enhancement together, L_minbap (eq. 60) [dB]."""
    larger = max(ducting_db, free_p_db)
    return larger + 2.5 * log(1.0 + exp((min(ducting_db, free_p_db) - larger) / 2.5))


@inlined
def combined_loss_db(geometry, band, link, median_db, diffraction_p_db, enhanced_db, location_loss_db):
    """Basic transmission loss not exceeded for the time percentage (§4.6 to 4.9, eqs 57 to 69) [dB].

    `median_db` and `diffraction_p_db` are those of `diffraction_db`; `enhanced_db` is that of `enhanced_loss_db`, or
    infinite where ducting does not matter.
    """
    reach, times = geometry.reach, link.times
    free_p, focused = free_space_p_db(geometry, band, times)
    loss_d = free_p + diffraction_p_db
    excess = max(loss_d - enhanced_db, 0.0)
    loss_d -= excess * (1.0 - reach.near_weight)  # eq. 61

    theta = 1e3 * reach.distance_km / geometry.effective_radius_km + geometry.tx_horizon_mrad + geometry.rx_horizon_mrad
    los_weight = falling(2.4 * (theta - 0.3) / 0.3)  # F_j, eq. 57
    land_diffraction_db = (1.0 - geometry.sea_fraction) * diffraction_p_db
    free = 92.4 + band.freq_db + geometry.slant_db
    free_beta = free + focused * 2.6 * (reach.log_beta0 - _LOG_50)  # L_b0beta, eqs 9b, 11
    diffracted = free + median_db
    lowest = diffracted + (free_beta + land_diffraction_db - diffracted) * reach.interpolation  # eq. 59
    lowest = lowest if times.log_time >= reach.log_beta0 else free_p + land_diffraction_db
    loss_d += (lowest - loss_d) * los_weight  # L_bam, eq. 62

    scatter = 190.1 + band.scatter_db + reach.log_distance_db + 0.573 * theta - 0.15 * link.surface_refractivity
    scatter -= times.scatter_db  # L_bs, eq. 44
    smaller = min(scatter, loss_d)
    weaker = exp((smaller - max(scatter, loss_d)) * (0.2 * LN_10))
    median_loss = smaller - (5.0 / LN_10) * log(1.0 + weaker)  # eq. 63
    return max(free_p, median_loss + location_loss_db)  # eq. 69


@compiled
def enhancement_db(geometry, band, link, diffraction_p_db):
    """`enhanced_loss_db` of a complete geometry, infinite where ducting does not matter [dB]."""
    if not ducting_matters(geometry, band, diffraction_p_db):
        return math.inf
    free_p, _ = free_space_p_db(geometry, band, link.times)
    return enhanced_loss_db(ducting_loss_db(geometry, band, link.times), free_p)


@compiled
def loss_by_mechanism_db(geometry, bare, terms, link, unscattered):
    """Loss of a path as mechanisms are added one after the other [dB].

    `bare` is the geometry without clutter, `unscattered` the link without troposcatter. Returns the diffraction over
    bare ground and over the clutter, and the losses by diffraction, with ducting, and with all.
    """
    band = band_of(terms)
    of_terrain = diffraction_db(bare, band, link)[1]
    median, diffraction_p = diffraction_db(geometry, band, link)
    enhanced = enhancement_db(geometry, band, link, diffraction_p)
    diffracted = combined_loss_db(geometry, band, unscattered, median, diffraction_p, math.inf, 0.0)
    ducted = combined_loss_db(geometry, band, unscattered, median, diffraction_p, enhanced, 0.0)
    total = combined_loss_db(geometry, band, link, median, diffraction_p, enhanced, 0.0)
    return of_terrain, diffraction_p, diffracted, ducted, total


@compiled
def loss_db(geometry, terms, link, location_loss_db):
    """Basic transmission loss of a path whose geometry is complete (§4.9, eq. 69) [dB]."""
    band = band_of(terms)
    median, diffraction_p = diffraction_db(geometry, band, link)
    enhanced = enhancement_db(geometry, band, link, diffraction_p)
    return combined_loss_db(geometry, band, link, median, diffraction_p, enhanced, location_loss_db)
