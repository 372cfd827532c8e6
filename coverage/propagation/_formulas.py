"""Compiled formulas of Rec. ITU-R P.1812-7, Annex 1, that do not look at the profile.

Equation numbers are those of P.1812-7. What a profile contributes arrives as a `Geometry`, free of frequency, so that
all bands of a mast share it; what frequency contributes alone arrives as a row of `frequency_terms`.
"""

import math
from typing import NamedTuple

import numpy as np

from phusong.coverage.propagation._compile import compiled

EARTH_RADIUS_KM = 6371.0  # P.1812-7 §3.5
K_BETA = 3.0  # §3.5, eq. 7b: effective Earth radius factor exceeded for beta_0 % of time
LIGHT_SPEED_GHZ_M = 0.2998  # wavelength [m] = 0.2998 / frequency [GHz]
LAND_PERMITTIVITY, LAND_CONDUCTIVITY_S_M = 22.0, 0.003  # §4.3.3
COASTAL_SEA_FRACTION = 0.75 - 1e-12  # eq. 49a; rounding must not decide three quarters
LN_10 = math.log(10.0)
SEA_PERMITTIVITY, SEA_CONDUCTIVITY_S_M = 80.0, 5.0  # §4.3.3


class Diffraction(NamedTuple):
    """What one effective Earth radius makes of a profile, for a wavelength of 1 m."""

    nu: float  # knife-edge parameter of the Bullington point (eqs 15, 20)
    nu_smooth: float  # the same over the smooth path of effective heights (§4.3.2)
    clearance_m: float  # h_se over a spherical Earth (eq. 23); 0 beyond the horizon
    required_clearance_m: float  # h_req (eq. 25) for a wavelength of 1 m
    first_term_radius_km: float  # a_p, or a_em within the horizon (eq. 26)


class Times(NamedTuple):
    """What the time percentage alone contributes."""

    time_pct: float
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


class Reach(NamedTuple):
    """What the distance, the zones along it and the latitude contribute."""

    distance_km: float
    log_distance_db: float  # 20 log10 of the distance
    near_weight: float  # F_k, eq. 58
    ducting_decay: float  # 1e-6 d^1.13 of eq. 53a
    ducting_growth: float  # 3.5e-9 d^3.1 of eq. 55a
    beta0_pct: float
    beta0_focusing_db: float  # 2.6 log10(beta_0 / 50), eq. 9b
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


@compiled
def with_horizons(g, roughness_m, tx_horizon_km, rx_horizon_km):
    """The same geometry with what ducting alone asks of it."""
    return Geometry(
        g.reach, g.is_line_of_sight, g.tx_amsl_m, g.rx_amsl_m, g.slant_db, g.effective_radius_km, g.median, g.beta,
        g.tx_diffraction_height_m, g.rx_diffraction_height_m, g.tx_effective_height_m, g.rx_effective_height_m,
        roughness_m, tx_horizon_km, rx_horizon_km, g.tx_horizon_mrad, g.rx_horizon_mrad, g.sea_fraction, g.tx_coast_km,
        g.rx_coast_km,
    )  # fmt: skip


@compiled
def effective_radius_km(delta_n):
    """Median effective Earth radius (eqs 6, 7a) [km]."""
    return EARTH_RADIUS_KM * 157.0 / (157.0 - delta_n)


@compiled
def log10(x):
    """Decimal logarithm by way of the natural one, which takes half the time of the library's."""
    return math.log(x) * (1.0 / LN_10)


@compiled
def inverse_normal(x):
    """Approximate inverse complementary cumulative normal distribution (eqs 96, 97) for 1e-6 <= x <= 1 - 1e-6."""
    x = min(max(x, 1e-6), 1.0 - 1e-6)
    if x <= 0.5:
        return _inverse_normal_tail(math.log(x))
    return -_inverse_normal_tail(math.log(1.0 - x))


@compiled
def _inverse_normal_tail(log_x):
    """`inverse_normal` of x <= 0.5 from its natural logarithm."""
    t = math.sqrt(-2.0 * log_x)
    return t - ((0.010328 * t + 0.802853) * t + 2.515516698) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0)


@compiled
def times_of(time_pct):
    """Terms of the time percentage alone."""
    share = log10(time_pct / 50.0)
    return Times(time_pct, inverse_normal(0.01 * time_pct), 2.6 * share, 10.125 * (-share) ** 0.7)


@compiled
def reach_of(distance_km, land_km, inland_km, link):
    """Terms of the distance, the longest land and inland runs and the latitude (eqs 2 to 5, 9b, 40a, 53a, 55a, 58)."""
    over_land = Reach(
        distance_km,
        20.0 * log10(distance_km),
        1.0 - 0.5 * (1.0 + math.tanh(1.5 * (distance_km - 20.0) / 20.0)),
        1e-6 * distance_km**1.13,
        3.5e-9 * distance_km**3.1,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    )
    return with_zones(over_land, land_km, inland_km, link)


@compiled
def _ducting_time_floor_db(reach, log_beta0, log_time):
    """Least that the time term of ducting (eq. 53) can be for any beta <= beta_0, from decimal logarithms [dB].

    The exponent of p / beta is (x - c) 1.076 / x^1.012 exp(-q Q), with x = 2.0058 - log beta, c = 2.0058 - log p. For
    p >= beta_0 the factor of x grows up to x = 84 c > 25, and Q is at most 184.8 down to beta = 1e-20; still smaller
    beta make the term at least -12 + 1.2 * 20 + 12. For p < beta_0 the power is taken as 0.
    """
    linear = -12.0 + (1.2 + 3.7e-3 * reach.distance_km) * (log_time - log_beta0)
    if log_time < log_beta0:
        return linear
    x = 2.0058 - log_beta0
    exponent = (log_time - log_beta0) * 1.076 / x**1.012 * math.exp(-184.8 * reach.ducting_decay)
    return min(linear + 12.0 * math.exp(LN_10 * exponent), 24.0)


@compiled
def with_zones(reach, land_km, inland_km, link):
    """The same reach with other zones along it: beta_0 (eqs 2 to 5), in logarithms, and what follows from it."""
    tau = 1.0 - math.exp(-4.12e-4 * inland_km**2.41)
    near_coast = math.exp(-LN_10 * land_km / (16.0 - 6.6 * tau)) + math.exp(-LN_10 * (2.48 + 1.77 * tau))
    log_mu1 = min(0.2 * math.log(near_coast), 0.0)
    lat = abs(link.mid_lat_deg)
    if lat <= 70.0:
        log_beta0 = LN_10 * (1.67 - 0.015 * lat) + (0.065 + 0.0176 * lat) * log_mu1
    else:
        log_beta0 = math.log(4.17) + 1.3 * log_mu1
    beta0 = math.exp(log_beta0)
    interpolation = 1.0
    if link.times.time_pct >= beta0:
        interpolation = link.times.normal / _inverse_normal_tail(max(log_beta0 - 2.0 * LN_10, -6.0 * LN_10))
    return Reach(
        reach.distance_km,
        reach.log_distance_db,
        reach.near_weight,
        reach.ducting_decay,
        reach.ducting_growth,
        beta0,
        2.6 * (log_beta0 / LN_10 - log10(50.0)),
        interpolation,
        max(-0.6 - reach.ducting_growth * tau, -3.4),
        _ducting_time_floor_db(reach, log_beta0 / LN_10, log10(link.times.time_pct)),
    )


@compiled
def slant_db(distance_km, height_difference_m):
    """20 log10 of the three-dimensional distance in km, at least 1 m (eq. 8a)."""
    return 10.0 * log10(max(distance_km * distance_km + 1e-6 * height_difference_m * height_difference_m, 1e-6))


@compiled
def bullington_loss_db(nu, distance_km):
    """Bullington loss from its knife-edge parameter (eqs 12, 21) [dB]."""
    if nu <= -0.78:
        return 0.0
    knife = 6.9 + 20.0 * log10(math.sqrt((nu - 0.1) ** 2 + 1.0) + nu - 0.1)
    return knife + (1.0 - math.exp(-knife / 6.0)) * (10.0 + 0.02 * distance_km)


@compiled
def spherical_clearance(distance_km, tx_m, rx_m, radius_km, wavelength_root):
    """Clearance over a spherical Earth (§4.3.3, eqs 22 to 26).

    Returns h_se [m], h_req for a wavelength of 1 m [m], and the radius for the first-term loss [km]. A path whose
    clearance surely suffices for the longest wavelength (`wavelength_root` squared) has h_se = 1, h_req = 0.
    """
    tx_root, rx_root = math.sqrt(tx_m), math.sqrt(rx_m)
    root_sum = tx_root + rx_root
    if distance_km >= math.sqrt(0.002 * radius_km) * root_sum:
        return 0.0, 1.0, radius_km
    # h_se / sqrt(d1 d2) is at least this at every point of the path (arithmetic against geometric mean)
    lowest = 2.0 * tx_root * rx_root - 250.0 * distance_km * distance_km / radius_km
    if lowest > 17.456 * wavelength_root * math.sqrt(distance_km):
        return 1.0, 0.0, radius_km
    total = tx_m + rx_m
    c = (tx_m - rx_m) / total
    m = 250.0 * distance_km * distance_km / (radius_km * total)
    b = 2.0 * math.sqrt((m + 1.0) / (3.0 * m))
    b *= math.cos(math.pi / 3.0 + math.acos(1.5 * c * math.sqrt(3.0 * m / (m + 1.0) ** 3)) / 3.0)
    d1 = 0.5 * distance_km * (1.0 + b)
    d2 = distance_km - d1
    curvature = 500.0 / radius_km
    clearance = ((tx_m - curvature * d1 * d1) * d2 + (rx_m - curvature * d2 * d2) * d1) / distance_km
    return clearance, 17.456 * math.sqrt(d1 * d2 / distance_km), 500.0 * (distance_km / root_sum) ** 2


@compiled
def frequency_terms(freqs_ghz):
    """Terms of frequency alone, one row a band `[n_freq, 13]`; the order is that in which `loss_db` unpacks them."""
    rows = np.empty((freqs_ghz.size, 13))
    for j in range(freqs_ghz.size):
        f = freqs_ghz[j]
        land = (18.0 * LAND_CONDUCTIVITY_S_M / f) ** 2
        sea = (18.0 * SEA_CONDUCTIVITY_S_M / f) ** 2
        rows[j, 0] = f
        rows[j, 1] = 20.0 * log10(f)
        rows[j, 2] = f ** (1.0 / 3.0)
        rows[j, 3] = math.sqrt(f / LIGHT_SPEED_GHZ_M)
        rows[j, 4] = 25.0 * log10(f) - 2.5 * log10(0.5 * f) ** 2  # L_f, eq. 45
        rows[j, 5] = 45.375 - 137.0 * f + 92.5 * f * f if f < 0.5 else 0.0  # A_lf, eq. 47a
        rows[j, 6] = 0.036 * ((LAND_PERMITTIVITY - 1.0) ** 2 + land) ** -0.25  # eq. 29a
        rows[j, 7] = math.sqrt(LAND_PERMITTIVITY**2 + land)  # eq. 29b
        rows[j, 8] = 0.036 * ((SEA_PERMITTIVITY - 1.0) ** 2 + sea) ** -0.25
        rows[j, 9] = math.sqrt(SEA_PERMITTIVITY**2 + sea)
        rows[j, 10] = math.sqrt(f)
        rows[j, 11] = 0.264 * f ** (1.0 / 3.0)
        rows[j, 12] = 102.45 + 20.0 * log10(f)
    return rows


@compiled
def _height_gain_db(b, floor_db):
    """Height-gain function G(Y) (eq. 35), not below its floor (eq. 35a) [dB]."""
    if b > 2.0:
        gain = 17.6 * math.sqrt(b - 1.1) - 5.0 * log10(b - 1.1) - 8.0
    else:
        gain = 20.0 * log10(b + 0.1 * b**3)
    return max(gain, floor_db)


@compiled
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
    if x >= 1.6:
        distance_term = 11.0 + 10.0 * log10(x) - 17.6 * x
    else:
        distance_term = -20.0 * log10(x) - 5.6488 * math.exp(1.425 * math.log(x))
    floor = 2.0 + 20.0 * log10(admittance)
    return -distance_term - _height_gain_db(scale * tx_m, floor) - _height_gain_db(scale * rx_m, floor)


@compiled
def _spherical_loss_db(geometry, diffraction, terms, vertical):
    """Spherical-Earth diffraction loss (§4.3.3, eqs 22 to 28), not below 0 [dB]."""
    required = diffraction.required_clearance_m / terms[3]
    if diffraction.clearance_m > required:
        return 0.0
    radius_root = diffraction.first_term_radius_km ** (1.0 / 3.0)
    scale = 1.0 / (radius_root * terms[2])
    omega = geometry.sea_fraction
    loss = 0.0
    if omega < 1.0:
        k = terms[6] * scale * (terms[7] if vertical else 1.0)
        loss += (1.0 - omega) * _first_term_loss_db(
            k, geometry.reach.distance_km, geometry.tx_diffraction_height_m, geometry.rx_diffraction_height_m,
            radius_root, terms[2],
        )  # fmt: skip
    if omega > 0.0:
        k = terms[8] * scale * (terms[9] if vertical else 1.0)
        loss += omega * _first_term_loss_db(
            k, geometry.reach.distance_km, geometry.tx_diffraction_height_m, geometry.rx_diffraction_height_m,
            radius_root, terms[2],
        )  # fmt: skip
    return max(loss, 0.0) * (1.0 - diffraction.clearance_m / required)


@compiled
def _diffraction_loss_db(geometry, diffraction, terms, vertical):
    """Delta-Bullington diffraction loss for one effective Earth radius (§4.3.5, eq. 39) [dB]."""
    actual = bullington_loss_db(diffraction.nu * terms[3], geometry.reach.distance_km)
    spherical = _spherical_loss_db(geometry, diffraction, terms, vertical)
    if spherical <= 0.0:
        return actual
    smooth = bullington_loss_db(diffraction.nu_smooth * terms[3], geometry.reach.distance_km)
    return actual + max(spherical - smooth, 0.0)


@compiled
def _site_shielding_db(excess_mrad, horizon_km, terms):
    """Site-shielding loss of one terminal (eq. 48) [dB]."""
    if excess_mrad <= 0.0:
        return 0.0
    return 20.0 * log10(1.0 + 0.361 * excess_mrad * terms[10] * math.sqrt(horizon_km)) + excess_mrad * terms[11]


@compiled
def _coastal_gain_db(coast_km, horizon_km, height_amsl_m):
    """Over-sea surface-duct coupling correction of one terminal where the sea fraction is >= 0.75 (eq. 49) [dB]."""
    if coast_km > 5.0 or coast_km > horizon_km:
        return 0.0
    return -3.0 * math.exp(-0.25 * coast_km * coast_km) * (1.0 + math.tanh(0.07 * (50.0 - height_amsl_m)))


@compiled
def _horizon_sum_km(geometry):
    return geometry.reach.distance_km if geometry.is_line_of_sight else geometry.tx_horizon_km + geometry.rx_horizon_km


@compiled
def _ducting_loss_db(geometry, terms, times):
    """Basic transmission loss of ducting and layer reflection (§4.5, eqs 46 to 56) [dB]."""
    dlt, dlr = geometry.tx_horizon_km, geometry.rx_horizon_km
    theta_t, theta_r = geometry.tx_horizon_mrad, geometry.rx_horizon_mrad
    distance, radius = geometry.reach.distance_km, geometry.effective_radius_km
    coupling = terms[12] + 20.0 * log10(dlt + dlr) + terms[5]
    coupling += _site_shielding_db(theta_t - 0.1 * dlt, dlt, terms)
    coupling += _site_shielding_db(theta_r - 0.1 * dlr, dlr, terms)
    if geometry.sea_fraction >= COASTAL_SEA_FRACTION:
        coupling += _coastal_gain_db(geometry.tx_coast_km, dlt, geometry.tx_amsl_m)
        coupling += _coastal_gain_db(geometry.rx_coast_km, dlr, geometry.rx_amsl_m)

    angle_mrad = 1e3 * distance / radius + min(theta_t, 0.1 * dlt) + min(theta_r, 0.1 * dlr)
    angular_loss = 5e-5 * radius * terms[2] * angle_mrad

    mu3 = 1.0
    if geometry.roughness_m > 10.0:
        between_km = min(distance - dlt - dlr, 40.0)
        mu3 = math.exp(-4.6e-5 * (geometry.roughness_m - 10.0) * (43.0 + 6.0 * between_km))
    root_sum = math.sqrt(geometry.tx_effective_height_m) + math.sqrt(geometry.rx_effective_height_m)
    mu2 = min((500.0 / radius * (distance / root_sum) ** 2) ** geometry.reach.ducting_exponent, 1.0)
    beta = geometry.reach.beta0_pct * mu2 * mu3
    log_beta = log10(beta)
    gamma = (
        1.076
        / (2.0058 - log_beta) ** 1.012
        * math.exp(-(9.51 - 4.8 * log_beta + 0.198 * log_beta * log_beta) * geometry.reach.ducting_decay)
    )
    ratio = times.time_pct / beta
    time_loss = -12.0 + (1.2 + 3.7e-3 * distance) * log10(ratio) + 12.0 * ratio**gamma
    return coupling + angular_loss + time_loss


@compiled
def _least_angle_loss_db(theta_mrad, scale, terms):
    """Least that a horizon angle adds to the ducting loss, wherever the horizon lies [dB].

    Of a positive angle one part costs `scale` a mrad (eqs 51, 52), and the rest at least 0.264 f^(1/3) (eq. 48).
    """
    return theta_mrad * (min(scale, terms[11]) if theta_mrad > 0.0 else scale)


@compiled
def ducting_matters(geometry, terms, diffraction_p_db):
    """Whether ducting can lower the loss: whether a lower bound of its loss lies below diffraction's.

    The bound takes the least of eq. 53 for any beta up to beta_0, the least that an angle costs in line of sight, and
    the largest coastal gain; it needs neither the roughness nor the horizons of a line-of-sight path.
    """
    reach = geometry.reach
    limit = 92.4 + terms[1] + geometry.slant_db + diffraction_p_db  # focusing only lowers it
    floor = terms[12] + terms[5] + reach.ducting_time_floor_db
    if geometry.sea_fraction >= COASTAL_SEA_FRACTION:
        floor -= 12.0
    angle_mrad = 1e3 * reach.distance_km / geometry.effective_radius_km
    theta_t, theta_r = geometry.tx_horizon_mrad, geometry.rx_horizon_mrad
    scale = 5e-5 * geometry.effective_radius_km * terms[2]
    if geometry.is_line_of_sight:
        floor += reach.log_distance_db + scale * angle_mrad
        floor += _least_angle_loss_db(theta_t, scale, terms) + _least_angle_loss_db(theta_r, scale, terms)
        return floor < limit
    dlt, dlr = geometry.tx_horizon_km, geometry.rx_horizon_km
    floor += 20.0 * log10(dlt + dlr) + scale * (angle_mrad + min(theta_t, 0.1 * dlt) + min(theta_r, 0.1 * dlr))
    if floor >= limit:
        return False
    floor += _site_shielding_db(theta_t - 0.1 * dlt, dlt, terms)
    if floor >= limit:
        return False
    return floor + _site_shielding_db(theta_r - 0.1 * dlr, dlr, terms) < limit


@compiled
def diffraction_db(geometry, terms, link):
    """Diffraction loss for the median of time and for the time percentage (§4.3, eqs 39 to 41) [dB, dB]."""
    median = _diffraction_loss_db(geometry, geometry.median, terms, link.is_vertical)
    if link.times.time_pct >= 50.0:
        return median, median
    beta = _diffraction_loss_db(geometry, geometry.beta, terms, link.is_vertical)
    return median, median + geometry.reach.interpolation * (beta - median)


@compiled
def combined_loss_db(geometry, terms, link, median_db, diffraction_p_db, with_ducting, location_loss_db):
    """Basic transmission loss not exceeded for the time percentage (§4.6 to 4.9, eqs 57 to 69) [dB].

    `median_db` and `diffraction_p_db` are those of `diffraction_db`, `with_ducting` is the answer of `ducting_matters`.
    """
    reach, times = geometry.reach, link.times
    free = 92.4 + terms[1] + geometry.slant_db
    focused = 1.0 - math.exp(-0.1 * _horizon_sum_km(geometry))
    free_p = free + focused * times.focusing_db  # L_b0p, eq. 10
    loss_d = free_p + diffraction_p_db
    if with_ducting:
        ducting = _ducting_loss_db(geometry, terms, times)
        larger = max(ducting, free_p)
        enhanced = larger + 2.5 * math.log1p(math.exp((min(ducting, free_p) - larger) / 2.5))  # L_minbap, eq. 60
        if enhanced <= loss_d:
            loss_d = enhanced + (loss_d - enhanced) * reach.near_weight  # eq. 61

    theta = 1e3 * reach.distance_km / geometry.effective_radius_km + geometry.tx_horizon_mrad + geometry.rx_horizon_mrad
    if theta < 3.0:  # farther beyond the horizon F_j is 0 in double precision
        los_weight = 1.0 - 0.5 * (1.0 + math.tanh(2.4 * (theta - 0.3) / 0.3))  # F_j, eq. 57
        land_share = 1.0 - geometry.sea_fraction
        lowest = free_p + land_share * diffraction_p_db
        if times.time_pct >= reach.beta0_pct:
            free_beta = free + focused * reach.beta0_focusing_db  # L_b0beta, eq. 11
            diffracted = free + median_db
            lowest = (
                diffracted + (free_beta + land_share * diffraction_p_db - diffracted) * reach.interpolation
            )  # eq. 59
        loss_d += (lowest - loss_d) * los_weight  # L_bam, eq. 62

    scatter = 190.1 + terms[4] + reach.log_distance_db + 0.573 * theta - 0.15 * link.surface_refractivity
    scatter -= times.scatter_db  # L_bs, eq. 44
    smaller = min(scatter, loss_d)
    weaker = math.exp((smaller - max(scatter, loss_d)) * (0.2 * LN_10))
    median_loss = smaller - (5.0 / LN_10) * math.log1p(weaker)  # eq. 63
    return max(free_p, median_loss + location_loss_db)  # eq. 69


@compiled
def loss_db(geometry, terms, link, location_loss_db):
    """Basic transmission loss of a path whose geometry is complete (§4.9, eq. 69) [dB]."""
    median, diffraction_p = diffraction_db(geometry, terms, link)
    ducting = ducting_matters(geometry, terms, diffraction_p)
    return combined_loss_db(geometry, terms, link, median, diffraction_p, ducting, location_loss_db)
