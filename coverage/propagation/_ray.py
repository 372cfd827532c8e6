"""P.1812 at every point of one equally spaced ray, carried forward point by point.

The profile of point k + 1 is the profile of point k plus one point, so horizons, obstructions and the least-squares
surface follow from running maxima, running sums and tangents to upper convex hulls instead of scans:

- on a flattened Earth (y = h - 500 C d^2) the slope from the transmitter is a running maximum, and the slope from the
  receiver a tangent to the upper hull of the points passed so far;
- what P.1812 asks of a smooth Earth has its extremum at a known place.

Only the knife-edge parameter of a line-of-sight path and the roughness between the horizons are scanned.
"""

import math

import numba
import numpy as np

from phusong.coverage.propagation._formulas import (
    EARTH_RADIUS_KM,
    K_BETA,
    Diffraction,
    Geometry,
    beta0_pct,
    compiled,
    loss_db,
    spherical_clearance,
)
from phusong.coverage.propagation._profile import (
    COASTAL,
    NO_COAST_KM,
    SEA,
    TOLERANCE_KM,
    bullington_point_nu,
    diffraction_surface_m,
    smooth_surface_m,
)

MIN_POINTS = 5  # a profile of fewer points is outside the Recommendation


@compiled
def _push(hull, size, y, i):
    """Push point `i` of the curve `y` on the upper hull `hull[:size]` of earlier points; returns the new size."""
    while size >= 2:
        a, b = hull[size - 2], hull[size - 1]
        if (y[b] - y[a]) * (i - a) > (y[i] - y[a]) * (b - a):
            break
        size -= 1
    hull[size] = i
    return size + 1


@compiled
def _tangent(hull, size, y, k, y_rx):
    """Steepest slope [units a step] from the receiver at `k` back to the hull, and its point (the nearest, if tied)."""
    j = size - 1
    best = (y[hull[j]] - y_rx) / (k - hull[j])
    while j > 0:
        slope = (y[hull[j - 1]] - y_rx) / (k - hull[j - 1])
        if slope <= best:
            break
        best = slope
        j -= 1
    return best, hull[j]


@compiled
def _highest_above(hull, size, y, start, slope):
    """Largest height of the hull's points above the line `start + slope * i`."""
    best = -np.inf
    for j in range(size):
        best = max(best, y[hull[j]] - start - slope * hull[j])
    return best


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "ninf", "nsz"})
def _max_nu(y, root, first, stop, k, start, slope):
    """Largest (y_i - start - slope i) / sqrt(i (k - i)) for first <= i < stop; `root` holds 1 / sqrt(i).

    The flags let the maximum be taken in any order, which changes no bit of it.
    """
    best = -1e300
    for i in range(first, stop):
        best = max(best, (y[i] - start - slope * i) * root[i] * root[k - i])
    return best


@compiled
def _argmax_nu(y, root, k, start, slope):
    """The last point at which the value of `_max_nu` over the whole path is reached."""
    best, where = -np.inf, 1
    for i in range(1, k):
        value = (y[i] - start - slope * i) * root[i] * root[k - i]
        if value >= best:
            best, where = value, i
    return where


@compiled
def _smooth_slope(step_km, k, height_m, bulge):
    """Steepest slope [m/km] from a height over one end to a smooth Earth's points; `bulge` is 500 / a_p [m/km^2]."""
    best = -np.inf
    middle = int(math.sqrt(height_m / bulge) / step_km)
    for i in (min(max(middle, 1), k - 1), min(max(middle + 1, 1), k - 1)):
        d = i * step_km
        best = max(best, bulge * (k - i) * step_km - height_m / d)
    return best


@compiled
def _smooth_nu(step_km, k, root, tx_m, rx_m, bulge):
    """Knife-edge parameter of the Bullington construction over a smooth Earth on the ray's points (§4.3.2)."""
    total = k * step_km
    tx_slope = _smooth_slope(step_km, k, tx_m, bulge)
    if tx_slope >= (rx_m - tx_m) / total:
        rx_slope = _smooth_slope(step_km, k, rx_m, bulge)
        return bullington_point_nu(total, tx_slope, rx_slope, tx_m, rx_m)
    low, high = 1, k - 1  # the parameter has one maximum: halve on the sign of its step
    value_scale = bulge * step_km * step_km
    while low < high:
        i = (low + high) // 2
        j = i + 1
        here = (value_scale * i * (k - i) - (tx_m * (k - i) + rx_m * i) / k) * root[i] * root[k - i]
        there = (value_scale * j * (k - j) - (tx_m * (k - j) + rx_m * j) / k) * root[j] * root[k - j]
        if there > here:
            low = j
        else:
            high = i
    best = (value_scale * low * (k - low) - (tx_m * (k - low) + rx_m * low) / k) * root[low] * root[k - low]
    return best * math.sqrt(0.002 * k / step_km)


@compiled
def _obstacle_nu(y, bare, hull, size, running, root, step_km, k, near, tx_m, rx_m, bulge):
    """`bullington_nu` of point `k` from the flattened curve `y` with clutter and `bare` without.

    The hull and the running maximum `running` of (y - tx) / d hold the points that are more than `near` points away.
    """
    total = k * step_km
    y_rx = rx_m - bulge * total * total
    first_near = max(k - near, 1)
    tx_slope = running
    for i in range(first_near, k):
        tx_slope = max(tx_slope, (bare[i] - tx_m) / (i * step_km))
    if tx_slope < (y_rx - tx_m) / total:  # line of sight over clutter and terrain
        slope = (y_rx - tx_m) / k
        best = max(_max_nu(y, root, 1, first_near, k, tx_m, slope), _max_nu(bare, root, first_near, k, k, tx_m, slope))
        return best * math.sqrt(0.002 * k / step_km)
    rx_slope = -np.inf
    if size > 0:
        rx_slope = _tangent(hull, size, y, k, y_rx)[0] / step_km
    for i in range(first_near, k):
        rx_slope = max(rx_slope, (bare[i] - y_rx) / ((k - i) * step_km))
    return bullington_point_nu(total, tx_slope + bulge * total, rx_slope - bulge * total, tx_m, rx_m)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "ninf", "nsz"})
def _max_above(h, first, last, start, slope):
    """Largest height above the line `start + slope * i` for first <= i <= last."""
    best = -1e300
    for i in range(first, last + 1):
        best = max(best, h[i] - start - slope * i)
    return best


@compiled
def ray_loss(
    step_km, terrain_m, clutter_m, zone, needed, terms, root, time_pct, tx_agl_m, rx_agl_m, radius_km, mid_lat_deg,
    surface_refractivity, vertical, tx_coast_km, rx_coast_km, clear_km, loss,
):  # fmt: skip
    """Fill `loss[n_freq, n]` at every point that is `needed`; the others are left as they are.

    `clutter_m` may be empty (no clutter on the ray), and so may `zone` (inland throughout). `root[i]` = 1 / sqrt(i).
    Coast distances that are NaN are derived from `zone`.
    """
    n = terrain_m.size
    with_clutter, with_zone = clutter_m.size > 0, zone.size > 0
    with_beta = time_pct < 50.0
    bulge = 500.0 / radius_km
    bulge_beta = 500.0 / (K_BETA * EARTH_RADIUS_KM)
    near = int((clear_km + TOLERANCE_KM) / step_km) if with_clutter else 0
    tx = terrain_m[0] + tx_agl_m

    flat = np.empty(n)  # bare ground on the flattened Earth
    over = np.empty(n) if with_clutter else flat  # the same with clutter
    flat_beta = np.empty(n) if with_beta else flat
    over_beta = flat_beta if not (with_beta and with_clutter) else np.empty(n)
    for i in range(n):
        d2 = (i * step_km) ** 2
        flat[i] = terrain_m[i] - bulge * d2
        top = terrain_m[i]
        if with_clutter:
            top += clutter_m[i] if i > near else 0.0
            over[i] = top - bulge * d2
        if with_beta:
            flat_beta[i] = terrain_m[i] - bulge_beta * d2
            if with_clutter:
                over_beta[i] = top - bulge_beta * d2

    bare_hull = np.empty(n, np.int32)
    flat_hull = np.empty(n, np.int32)
    over_hull = np.empty(n, np.int32) if with_clutter else flat_hull
    beta_hull = np.empty(n, np.int32) if with_beta else flat_hull
    n_bare = n_flat = n_over = n_beta = 0
    bare_slope = flat_slope = over_slope = beta_slope = -np.inf
    lt = 0
    v1 = v2 = 0.0
    sea = land = inland = land_best = inland_best = 0.0
    first_sea = last_sea = -1
    if with_zone and zone[0] == SEA:
        first_sea = last_sea = 0

    for k in range(1, n):
        total = k * step_km
        i = k - 1
        if i > 0:
            d = i * step_km
            n_bare = _push(bare_hull, n_bare, terrain_m, i)
            n_flat = _push(flat_hull, n_flat, flat, i)
            bare_slope = max(bare_slope, (terrain_m[i] - tx) / d)
            slope = (flat[i] - tx) / d
            if slope > flat_slope:
                flat_slope, lt = slope, i
        i = k - 1 - near
        if i > 0:
            d = i * step_km
            if with_clutter:
                n_over = _push(over_hull, n_over, over, i)
                over_slope = max(over_slope, (over[i] - tx) / d)
            if with_beta:
                n_beta = _push(beta_hull, n_beta, over_beta, i)
                beta_slope = max(beta_slope, (over_beta[i] - tx) / d)
        h, h0, d0 = terrain_m[k], terrain_m[k - 1], total - step_km
        v1 += step_km * (h + h0)
        v2 += step_km * (h * (2.0 * total + d0) + h0 * (total + 2.0 * d0))
        if with_zone:
            if zone[k] == SEA:
                last_sea = k
                first_sea = k if first_sea < 0 else first_sea
            for z in (zone[k - 1], zone[k]):
                if z == SEA:
                    sea += 0.5 * step_km
                    land = inland = 0.0
                else:
                    land += 0.5 * step_km
                    inland = inland + 0.5 * step_km if z > COASTAL else 0.0
                land_best = max(land_best, land)
                inland_best = max(inland_best, inland)
        else:
            land_best = inland_best = total
        if k < MIN_POINTS - 1 or not needed[k]:
            continue

        rx = h + rx_agl_m
        rx_flat = rx - bulge * total * total

        # Horizons (eqs 76 to 83)
        direct = (rx_flat - tx) / total
        if flat_slope > direct:
            tx_horizon, horizon_t = flat_slope, lt
            rx_horizon, horizon_r = _tangent(flat_hull, n_flat, flat, k, rx_flat)
            rx_horizon = rx_horizon / step_km - 2.0 * bulge * total
        else:
            tx_horizon, rx_horizon = direct, (tx - rx) / total - bulge * total
            horizon_t = horizon_r = _argmax_nu(flat, root, k, tx, (rx_flat - tx) / k)

        # Smooth surface and obstruction (eqs 85 to 91)
        tx_surface, rx_surface = smooth_surface_m(total, v1, v2)
        obstruction = slope_r = 0.0
        slope_t = bare_slope - (rx - tx) / total
        if slope_t > 0.0:
            obstruction = _highest_above(bare_hull, n_bare, terrain_m, tx, (rx - tx) / k)
            slope_r = _tangent(bare_hull, n_bare, terrain_m, k, rx)[0] / step_km + (rx - tx) / total
        tx_low, rx_low = diffraction_surface_m(tx_surface, rx_surface, terrain_m[0], h, obstruction, slope_t, slope_r)
        tx_surface, rx_surface = min(tx_surface, terrain_m[0]), min(rx_surface, h)
        roughness = _max_above(terrain_m, horizon_t, horizon_r, tx_surface, (rx_surface - tx_surface) / k)

        # Diffraction over the median and the beta_0 % Earth (§4.3)
        tx_high, rx_high = tx - tx_low, rx - rx_low
        if with_clutter:
            nu = _obstacle_nu(over, flat, over_hull, n_over, over_slope, root, step_km, k, near, tx, rx, bulge)
        else:
            nu = _obstacle_nu(flat, flat, flat_hull, n_flat, flat_slope, root, step_km, k, 0, tx, rx, bulge)
        median = Diffraction(
            nu,
            _smooth_nu(step_km, k, root, tx_high, rx_high, bulge),
            *spherical_clearance(total, tx_high, rx_high, radius_km),
        )
        beta = median
        if with_beta:
            beta = Diffraction(
                _obstacle_nu(
                    over_beta, flat_beta, beta_hull, n_beta, beta_slope, root, step_km, k, near, tx, rx, bulge_beta
                ),
                _smooth_nu(step_km, k, root, tx_high, rx_high, bulge_beta),
                *spherical_clearance(total, tx_high, rx_high, K_BETA * EARTH_RADIUS_KM),
            )

        tx_coast = rx_coast = NO_COAST_KM
        if first_sea >= 0:
            tx_coast = max(first_sea - 0.5, 0.0) * step_km if math.isnan(tx_coast_km) or first_sea == 0 else tx_coast_km
            rx_coast = max(k - last_sea - 0.5, 0.0) * step_km
        elif not math.isnan(tx_coast_km):
            tx_coast = tx_coast_km
        if not math.isnan(rx_coast_km) and last_sea != k:
            rx_coast = rx_coast_km

        geometry = Geometry(
            total, tx, rx, radius_km, median, beta, tx_high, rx_high, tx - tx_surface, rx - rx_surface, roughness,
            horizon_t * step_km, total - horizon_r * step_km, 1e3 * math.atan(1e-3 * tx_horizon),
            1e3 * math.atan(1e-3 * rx_horizon), sea / total, beta0_pct(mid_lat_deg, land_best, inland_best),
            inland_best, tx_coast, rx_coast,
        )  # fmt: skip
        for j in range(terms.shape[0]):
            loss[j, k] = loss_db(geometry, terms[j], time_pct, surface_refractivity, vertical, 0.0)
