"""Ducting and layer reflection, and the incidence of ducting (Rec. ITU-R P.1812-7, Annex 1, §3 and §4.5)."""

import math

from phusong.coverage.propagation._compile import inlined
from phusong.coverage.propagation._math import LN_10, exp, falling, log, log10, power
from phusong.coverage.propagation._terms import Reach, inverse_normal_tail

COASTAL_SEA_FRACTION = 0.75 - 1e-12  # eq. 49a; rounding must not decide three quarters
_LOG_4_17 = math.log10(4.17)


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
    normal = inverse_normal_tail(max(log_beta0 - 2.0, -6.0) * LN_10)
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
