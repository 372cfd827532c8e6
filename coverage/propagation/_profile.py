"""The geometry of one path profile, by scanning it: the plain form, for any spacing of points.

Rec. ITU-R P.1812-7, Annex 1, §4.3 and Attachment 1. The kernels of rays and of paths of equal
steps (`_ray`, `_path`) find the same quantities in other ways; all end in `_terms.Geometry`.
"""

import math

import numpy as np

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._diffraction import spherical_clearance
from phusong.coverage.propagation._ducting import reach_of
from phusong.coverage.propagation._terms import EARTH_RADIUS_KM, K_BETA, Diffraction, Geometry, slant_db

SEA = 1
COASTAL = 3
NO_COAST_KM = 500.0  # a coast so far away that §4.5 takes no notice of it
TOLERANCE_KM = 1e-9


@compiled
def zone_lengths(distance_km, zone):
    """Sea fraction, longest land run and longest inland run of a profile (§3.6, Attachment 1) [-, km, km].

    Between points of different zones the border lies halfway.
    """
    sea = land_best = inland_best = land = inland = 0.0
    for i in range(1, distance_km.size):
        half = 0.5 * (distance_km[i] - distance_km[i - 1])
        for z in (zone[i - 1], zone[i]):
            if z == SEA:
                sea += half
                land = inland = 0.0
            else:
                land += half
                inland = inland + half if z > COASTAL else 0.0
            land_best = max(land_best, land)
            inland_best = max(inland_best, inland)
    return sea / distance_km[-1], land_best, inland_best


@compiled
def coast_distances_km(distance_km, zone):
    """Distance over land from either end of the profile to the sea along it; `NO_COAST_KM` without sea."""
    n = distance_km.size
    tx = rx = NO_COAST_KM
    for i in range(n):
        if zone[i] == SEA:
            tx = 0.0 if i == 0 else 0.5 * (distance_km[i] + distance_km[i - 1])
            break
    for i in range(n - 1, -1, -1):
        if zone[i] == SEA:
            rx = 0.0 if i == n - 1 else distance_km[-1] - 0.5 * (distance_km[i] + distance_km[i + 1])
            break
    return tx, rx


@inlined
def knife_edge_scale(distance_km, d):
    """Factor from height above the line of sight [m] to the knife-edge parameter for a wavelength of 1 m (eq. 15)."""
    return math.sqrt(0.002 * distance_km / (d * (distance_km - d)))


@compiled
def bullington_nu(distance_km, terrain_m, clutter_m, tx_m, rx_m, curvature, clear_km):
    """Knife-edge parameter of the Bullington construction for a wavelength of 1 m (§4.3.1, eqs 13 to 20).

    `curvature` is 1 / a_p [1/km]; clutter within `clear_km` of either end is left out.
    """
    n = distance_km.size
    total = distance_km[-1]
    tx_slope = rx_slope = nu = -np.inf
    for i in range(1, n - 1):
        d = distance_km[i]
        g = terrain_m[i]
        if d > clear_km and total - d > clear_km:
            g += clutter_m[i]
        bulged = g + 500.0 * curvature * d * (total - d)
        tx_slope = max(tx_slope, (bulged - tx_m) / d)
        rx_slope = max(rx_slope, (bulged - rx_m) / (total - d))
        height = bulged - (tx_m * (total - d) + rx_m * d) / total
        nu = max(nu, height * knife_edge_scale(total, d))
    if tx_slope < (rx_m - tx_m) / total:
        return nu
    return bullington_point_nu(total, tx_slope, rx_slope, tx_m, rx_m)


@inlined
def bullington_point_nu(distance_km, tx_slope, rx_slope, tx_m, rx_m):
    """Knife-edge parameter of the Bullington point where the two horizon lines meet (eqs 18 to 20)."""
    d = (rx_m - tx_m + rx_slope * distance_km) / (tx_slope + rx_slope)
    height = tx_m + tx_slope * d - (tx_m * (distance_km - d) + rx_m * d) / distance_km
    return height * knife_edge_scale(distance_km, d)


@inlined
def smooth_surface_m(distance_km, v1, v2):
    """Heights of the least-squares smooth surface at both ends (eqs 87, 88) [m amsl]."""
    square = distance_km * distance_km
    return (2.0 * v1 * distance_km - v2) / square, (v2 - v1 * distance_km) / square


@inlined
def diffraction_surface_m(tx_surface, rx_surface, tx_ground, rx_ground, obstruction_m, tx_slope, rx_slope):
    """Ends of the smooth surface lowered below the obstruction, never above ground (eqs 90, 91) [m amsl]."""
    tx_slope, rx_slope = max(tx_slope, 0.0), max(rx_slope, 0.0)  # below 0 by rounding where the path is just touched
    lowering = obstruction_m / (tx_slope + rx_slope) if min(obstruction_m, tx_slope + rx_slope) > 0.0 else 0.0
    tx_surface -= lowering * tx_slope
    rx_surface -= lowering * rx_slope
    return min(tx_surface, tx_ground), min(rx_surface, rx_ground)


@compiled
def profile_geometry(distance_km, terrain_m, clutter_m, zone, link):
    """Geometry of a whole profile."""
    n = distance_km.size
    total = distance_km[-1]
    tx_ground, rx_ground = terrain_m[0], terrain_m[-1]
    tx, rx = tx_ground + link.tx_agl_m, rx_ground + link.rx_agl_m
    radius_km = link.effective_radius_km
    curvature = 1.0 / radius_km
    clear_km = link.clear_km + TOLERANCE_KM

    v1 = v2 = 0.0
    obstruction = tx_slope = rx_slope = tx_horizon = rx_horizon = nu = -np.inf
    lt = lr = los = 0
    for i in range(1, n):
        d, d0 = distance_km[i], distance_km[i - 1]
        h, h0 = terrain_m[i], terrain_m[i - 1]
        v1 += (d - d0) * (h + h0)
        v2 += (d - d0) * (h * (2.0 * d + d0) + h0 * (d + 2.0 * d0))
        if i == n - 1:
            break
        rest = total - d
        above = h - (tx * rest + rx * d) / total
        obstruction = max(obstruction, above)
        tx_slope = max(tx_slope, above / d)
        rx_slope = max(rx_slope, above / rest)
        elevation = (h - tx) / (1e3 * d) - 0.5 * curvature * d
        if elevation > tx_horizon:
            tx_horizon, lt = elevation, i
        elevation = (h - rx) / (1e3 * rest) - 0.5 * curvature * rest
        if elevation >= rx_horizon:
            rx_horizon, lr = elevation, i
        parameter = (above + 500.0 * curvature * d * rest) * knife_edge_scale(total, d)
        if parameter >= nu:
            nu, los = parameter, i

    direct = (rx - tx) / (1e3 * total) - 0.5 * curvature * total
    is_line_of_sight = tx_horizon <= direct  # eqs 78, 81
    if is_line_of_sight:
        tx_horizon = direct
        rx_horizon = (tx - rx) / (1e3 * total) - 0.5 * curvature * total
        lt = lr = los
    tx_surface, rx_surface = smooth_surface_m(total, v1, v2)
    tx_low, rx_low = diffraction_surface_m(
        tx_surface, rx_surface, tx_ground, rx_ground, obstruction, tx_slope, rx_slope
    )
    tx_surface, rx_surface = min(tx_surface, tx_ground), min(rx_surface, rx_ground)
    roughness = -np.inf
    for i in range(lt, lr + 1):
        line = tx_surface + (rx_surface - tx_surface) / total * distance_km[i]
        roughness = max(roughness, terrain_m[i] - line)

    tx_high, rx_high = tx - tx_low, rx - rx_low
    level = np.zeros(n)  # the smooth path of effective heights (§4.3.2)
    median = Diffraction(
        bullington_nu(distance_km, terrain_m, clutter_m, tx, rx, curvature, clear_km),
        bullington_nu(distance_km, level, level, tx_high, rx_high, curvature, clear_km),
        *spherical_clearance(total, tx_high, rx_high, radius_km, link.wavelength_root),
    )
    beta = median
    if link.times.time_pct < 50.0:
        radius = K_BETA * EARTH_RADIUS_KM
        beta = Diffraction(
            bullington_nu(distance_km, terrain_m, clutter_m, tx, rx, 1.0 / radius, clear_km),
            bullington_nu(distance_km, level, level, tx_high, rx_high, 1.0 / radius, clear_km),
            *spherical_clearance(total, tx_high, rx_high, radius, link.wavelength_root),
        )
    sea_fraction, land, inland = zone_lengths(distance_km, zone)
    tx_coast, rx_coast = coast_distances_km(distance_km, zone)
    if not (math.isnan(link.tx_coast_km) or zone[0] == SEA):
        tx_coast = link.tx_coast_km
    if not (math.isnan(link.rx_coast_km) or zone[-1] == SEA):
        rx_coast = link.rx_coast_km
    return Geometry(
        reach_of(total, land, inland, link), is_line_of_sight, tx, rx, slant_db(total, tx - rx), radius_km,
        median, beta, tx_high, rx_high, tx - tx_surface, rx - rx_surface, roughness, distance_km[lt],
        total - distance_km[lr], 1e3 * math.atan(tx_horizon), 1e3 * math.atan(rx_horizon), sea_fraction,
        tx_coast, rx_coast,
    )  # fmt: skip
