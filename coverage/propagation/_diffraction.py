"""Diffraction over terrain and over a spherical Earth (Rec. ITU-R P.1812-7, Annex 1, §4.3)."""

import math

from phusong.coverage.propagation._compile import inlined
from phusong.coverage.propagation._math import LN_10, exp, log, log10, power, sine_of_third


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
def diffraction_db(geometry, band, link):
    """Diffraction loss for the median of time and for the time percentage (§4.3, eqs 39 to 41) [dB, dB]."""
    median = diffraction_loss_db(geometry, geometry.median, band, link.is_vertical, True)
    beta = diffraction_loss_db(geometry, geometry.beta, band, link.is_vertical, True)
    return median, median + geometry.reach.interpolation * (beta - median)
