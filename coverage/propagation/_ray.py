"""P.1812 at every point of one equally spaced ray, carried forward point by point.

The profile of point k + 1 is the profile of point k plus one point, so horizons, obstructions and the least-squares
surface follow from running maxima, running sums and tangents to upper convex hulls instead of scans:

- on a flattened Earth (y = h - 500 C d^2) the slope from the transmitter is a running maximum, and the slope from the
  receiver a tangent to the upper hull of the points passed so far;
- what P.1812 asks of a smooth Earth has its extremum at a known place.

Only the knife-edge parameter of a line-of-sight path and the roughness between the horizons are scanned.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled
from phusong.coverage.propagation._formulas import (
    EARTH_RADIUS_KM,
    K_BETA,
    Geometry,
    Link,
    Reach,
    combined_loss_db,
    diffraction_db,
    ducting_matters,
    reach_of,
    slant_db,
    with_zones,
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
from phusong.coverage.propagation._steps import argmax_nu, diffraction_over, max_above, max_nu

Floats = npt.NDArray[np.float64]
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


@compiled
def _obstacle_nu(y, bare, hull, size, running, root, step_km, k, near, tx_m, rx_m, bulge, row):
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
        best = max_nu(y, root, 1, first_near, k, tx_m, slope, row)
        best = max(best, max_nu(bare, root, first_near, k, k, tx_m, slope, row))
        return best * math.sqrt(0.002 * k / step_km)
    rx_slope = -np.inf
    if size > 0:
        rx_slope = _tangent(hull, size, y, k, y_rx)[0] / step_km
    for i in range(first_near, k):
        rx_slope = max(rx_slope, (bare[i] - y_rx) / ((k - i) * step_km))
    return bullington_point_nu(total, tx_slope + bulge * total, rx_slope - bulge * total, tx_m, rx_m)


class RayTables(NamedTuple):
    """What the distance along an equally spaced ray alone contributes."""

    step_km: float
    root: Floats  # [n] 1 / sqrt(i), 0 at i = 0
    inverse_km: Floats  # [n] 1 / distance, 0 at i = 0
    reach: Floats  # [n, 10] the fields of `Reach` over inland zones


def ray_tables(step_km: float, n: int, link: Link) -> RayTables:
    """Tables for rays of `n` points, `step_km` apart [km]."""
    root, inverse_km, reach = np.zeros(n), np.zeros(n), np.zeros((n, len(Reach._fields)))
    index = np.arange(1, n)
    root[1:] = 1.0 / np.sqrt(index)
    inverse_km[1:] = 1.0 / (index * step_km)
    _fill_reach(step_km, link, reach)
    return RayTables(step_km, root, inverse_km, reach)


@compiled
def _fill_reach(step_km, link, table):
    for k in range(1, table.shape[0]):
        distance = k * step_km
        table[k, :] = reach_of(distance, distance, distance, link)


@compiled
def ray_loss(terrain_m, clutter_m, zone, needed, terms, tables, link, loss):
    """Fill `loss[n_freq, n]` at every point that is `needed`; the others are left as they are.

    `clutter_m` may be empty (no clutter on the ray), and so may `zone` (inland throughout).
    """
    n = terrain_m.size
    n_freq = terms.shape[0]
    step_km, root, inverse_km, reach_table = tables.step_km, tables.root, tables.inverse_km, tables.reach
    radius_km = link.effective_radius_km
    radius_beta_km = K_BETA * EARTH_RADIUS_KM
    with_clutter, with_zone = clutter_m.size > 0, zone.size > 0
    with_beta = link.times.time_pct < 50.0
    bulge, bulge_beta = 500.0 / radius_km, 500.0 / radius_beta_km
    near = int((link.clear_km + TOLERANCE_KM) / step_km) if with_clutter else 0
    tx = terrain_m[0] + link.tx_agl_m

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
    inland_only = not with_zone or zone[0] > COASTAL
    if with_zone and zone[0] == SEA:
        first_sea = last_sea = 0
    median_db, diffraction_p_db, row = np.empty(n_freq), np.empty(n_freq), np.empty(n)

    for k in range(1, n):
        total = k * step_km
        i = k - 1
        if i > 0:
            n_bare = _push(bare_hull, n_bare, terrain_m, i)
            n_flat = _push(flat_hull, n_flat, flat, i)
            bare_slope = max(bare_slope, (terrain_m[i] - tx) * inverse_km[i])
            slope = (flat[i] - tx) * inverse_km[i]
            if slope > flat_slope:
                flat_slope, lt = slope, i
        i = k - 1 - near
        if i > 0:
            if with_clutter:
                n_over = _push(over_hull, n_over, over, i)
                over_slope = max(over_slope, (over[i] - tx) * inverse_km[i])
            if with_beta:
                n_beta = _push(beta_hull, n_beta, over_beta, i)
                beta_slope = max(beta_slope, (over_beta[i] - tx) * inverse_km[i])
        h, h0, d0 = terrain_m[k], terrain_m[k - 1], total - step_km
        v1 += step_km * (h + h0)
        v2 += step_km * (h * (2.0 * total + d0) + h0 * (total + 2.0 * d0))
        if with_zone and (not inland_only or zone[k] <= COASTAL):
            if inland_only:  # the first point that is not inland
                inland_only = False
                land = inland = land_best = inland_best = d0
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
        if k < MIN_POINTS - 1 or not needed[k]:
            continue

        rx = h + link.rx_agl_m
        rx_flat = rx - bulge * total * total
        inverse = inverse_km[k]

        # Horizons (eqs 76 to 83)
        direct = (rx_flat - tx) * inverse
        is_line_of_sight = flat_slope <= direct
        if is_line_of_sight:
            tx_horizon, rx_horizon = direct, (tx - rx) * inverse - bulge * total
            horizon_t = horizon_r = 0  # found below, where ducting asks for them
        else:
            tx_horizon, horizon_t = flat_slope, lt
            rx_horizon, horizon_r = _tangent(flat_hull, n_flat, flat, k, rx_flat)
            rx_horizon = rx_horizon / step_km - 2.0 * bulge * total

        # Smooth surface and obstruction (eqs 85 to 91)
        tx_surface, rx_surface = smooth_surface_m(total, v1, v2)
        obstruction = slope_r = 0.0
        slope_t = bare_slope - (rx - tx) * inverse
        if slope_t > 0.0:
            obstruction = _highest_above(bare_hull, n_bare, terrain_m, tx, (rx - tx) / k)
            slope_r = _tangent(bare_hull, n_bare, terrain_m, k, rx)[0] / step_km + (rx - tx) * inverse
        tx_low, rx_low = diffraction_surface_m(tx_surface, rx_surface, terrain_m[0], h, obstruction, slope_t, slope_r)
        tx_surface, rx_surface = min(tx_surface, terrain_m[0]), min(rx_surface, h)
        tx_high, rx_high = tx - tx_low, rx - rx_low

        # Diffraction over the median and the beta_0 % Earth (§4.3)
        if with_clutter:
            nu = _obstacle_nu(over, flat, over_hull, n_over, over_slope, root, step_km, k, near, tx, rx, bulge, row)
        else:
            nu = _obstacle_nu(flat, flat, flat_hull, n_flat, flat_slope, root, step_km, k, 0, tx, rx, bulge, row)
        median = diffraction_over(nu, step_km, k, root, tx_high, rx_high, radius_km, link.wavelength_root)
        beta = median
        if with_beta:
            nu = _obstacle_nu(
                over_beta, flat_beta, beta_hull, n_beta, beta_slope, root, step_km, k, near, tx, rx, bulge_beta, row
            )
            beta = diffraction_over(nu, step_km, k, root, tx_high, rx_high, radius_beta_km, link.wavelength_root)

        at = reach_table[k]
        reach = Reach(at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8], at[9])
        if not inland_only:
            reach = with_zones(reach, land_best, inland_best, link)
        tx_coast = rx_coast = NO_COAST_KM
        if first_sea >= 0:
            tx_coast = max(first_sea - 0.5, 0.0) * step_km
            rx_coast = max(k - last_sea - 0.5, 0.0) * step_km
        if not math.isnan(link.tx_coast_km) and first_sea != 0:
            tx_coast = link.tx_coast_km
        if not math.isnan(link.rx_coast_km) and last_sea != k:
            rx_coast = link.rx_coast_km

        geometry = Geometry(
            reach, is_line_of_sight, tx, rx, slant_db(total, tx - rx), radius_km, median, beta, tx_high, rx_high,
            tx - tx_surface, rx - rx_surface, 0.0, horizon_t * step_km, total - horizon_r * step_km,
            1e3 * math.atan(1e-3 * tx_horizon), 1e3 * math.atan(1e-3 * rx_horizon), sea * inverse, tx_coast, rx_coast,
        )  # fmt: skip
        with_ducting = False
        for j in range(n_freq):
            median_db[j], diffraction_p_db[j] = diffraction_db(geometry, terms[j], link)
            with_ducting = with_ducting or ducting_matters(geometry, terms[j], diffraction_p_db[j])
        if with_ducting:
            if is_line_of_sight:
                horizon_t = horizon_r = argmax_nu(flat, root, k, tx, (rx_flat - tx) / k, row)
            roughness = max_above(terrain_m, horizon_t, horizon_r, tx_surface, (rx_surface - tx_surface) / k, row)
            geometry = Geometry(
                reach, is_line_of_sight, tx, rx, geometry.slant_db, radius_km, median, beta, tx_high, rx_high,
                tx - tx_surface, rx - rx_surface, roughness, horizon_t * step_km, total - horizon_r * step_km,
                geometry.tx_horizon_mrad, geometry.rx_horizon_mrad, geometry.sea_fraction, tx_coast, rx_coast,
            )  # fmt: skip
        for j in range(n_freq):
            loss[j, k] = combined_loss_db(
                geometry, terms[j], link, median_db[j], diffraction_p_db[j], with_ducting, 0.0
            )
