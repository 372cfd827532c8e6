"""The geometry of one path of equal steps: the same quantities as `_profile`, scanned in rows.

Equal steps turn every division into a look-up of 1 / i, and each scan into a row filled at once and its largest value.
A scan that only a path beyond the horizon needs is left out in line of sight.
"""

import math

from phusong.coverage.propagation._compile import compiled, compiled_sum
from phusong.coverage.propagation._formulas import (
    EARTH_RADIUS_KM,
    K_BETA,
    Geometry,
    combined_loss_db,
    diffraction_db,
    ducting_matters,
    reach_of,
    slant_db,
    with_horizons,
)
from phusong.coverage.propagation._profile import (
    COASTAL,
    NO_COAST_KM,
    TOLERANCE_KM,
    bullington_point_nu,
    coast_distances_km,
    diffraction_surface_m,
    smooth_surface_m,
    zone_lengths,
)
from phusong.coverage.propagation._steps import (
    argmax_nu,
    diffraction_over,
    first_at,
    largest,
    last_at,
    max_above,
    max_nu,
)


@compiled
def _tx_slopes(y, tx_m, inverse, k, row):
    """Fill `row` with the slopes from the transmitter to each point between, and return the steepest [m a step]."""
    for i in range(1, k):
        row[i] = (y[i] - tx_m) * inverse[i]
    return largest(row, 1, k)


@compiled
def _rx_slopes(y, rx_m, inverse, k, row):
    """As `_tx_slopes`, from the receiver at `k`."""
    for i in range(1, k):
        row[i] = (y[i] - rx_m) * inverse[k - i]
    return largest(row, 1, k)


@compiled
def _clear_ends(cover_m, near):
    """Take the clutter off the points within `near` points of either end."""
    n = cover_m.size
    for i in range(min(near + 1, n)):
        cover_m[i] = cover_m[n - 1 - i] = 0.0


@compiled
def _flatten(terrain_m, cover_m, bulge, k, step_km, square, flat, over):
    """Fill `flat` with the ground on a flattened Earth and `over` with the clutter on it.

    `bulge` is 500 / effective radius [m/km^2]; without clutter (`cover_m` empty) `over` is left as it is.
    """
    drop = bulge * step_km * step_km
    if cover_m.size == 0:
        for i in range(k + 1):
            flat[i] = terrain_m[i] - drop * square[i]
        return
    for i in range(k + 1):
        height = terrain_m[i] - drop * square[i]
        flat[i] = height
        over[i] = height + cover_m[i]


@compiled
def _obstacle_nu(y, tx_m, rx_m, bulge, k, step_km, tables, row):
    """Knife-edge parameter of the Bullington construction over the flattened curve `y` (eqs 13 to 20)."""
    total = k * step_km
    rx_flat = rx_m - bulge * total * total
    direct = (rx_flat - tx_m) / k
    tx_slope = _tx_slopes(y, tx_m, tables.inverse, k, row)
    if tx_slope < direct:
        return max_nu(y, tables.root, 1, k, k, tx_m, direct, row) * math.sqrt(0.002 * k / step_km)
    rx_slope = _rx_slopes(y, rx_flat, tables.inverse, k, row)
    return bullington_point_nu(
        total, tx_slope / step_km + bulge * total, rx_slope / step_km - bulge * total, tx_m, rx_m
    )


@compiled
def _obstruction(terrain_m, tx_m, rx_m, k, inverse, row):
    """Height above the direct line and the slopes from both ends to it (eqs 89a to 89c) [m, m a step, m a step]."""
    direct = (rx_m - tx_m) / k
    tx_slope = _tx_slopes(terrain_m, tx_m, inverse, k, row) - direct
    if tx_slope <= 0.0:
        return 0.0, 0.0, 0.0
    rx_slope = _rx_slopes(terrain_m, rx_m, inverse, k, row) + direct
    return max_above(terrain_m, 1, k - 1, tx_m, direct, row), tx_slope, rx_slope


@compiled_sum
def _moments(terrain_m, k, step_km):
    """The sums v1 and v2 of the least-squares smooth surface (eqs 85, 86), gathered by point."""
    total = weighted = 0.0
    for i in range(1, k):
        total += terrain_m[i]
        weighted += i * terrain_m[i]
    first, last = terrain_m[0], terrain_m[k]
    v1 = step_km * (2.0 * total + first + last)
    return v1, step_km * step_km * (6.0 * weighted + first + (3.0 * k - 1.0) * last)


@compiled
def _sea_terms(zone, k, step_km, link, row):
    """Sea fraction, longest land and inland run, and distances to the coast from both ends of the path (§3.6)."""
    lowest = zone[0] if zone.size > 0 else COASTAL + 1
    for i in range(zone.size):
        lowest = min(lowest, zone[i])
    total = k * step_km
    sea, land, inland, tx_coast, rx_coast = 0.0, total, total, NO_COAST_KM, NO_COAST_KM
    if lowest <= COASTAL:
        for i in range(k + 1):
            row[i] = i * step_km
        sea, land, inland = zone_lengths(row[: k + 1], zone)
        tx_coast, rx_coast = coast_distances_km(row[: k + 1], zone)
    if not math.isnan(link.tx_coast_km) and tx_coast > 0.0:
        tx_coast = link.tx_coast_km
    if not math.isnan(link.rx_coast_km) and rx_coast > 0.0:
        rx_coast = link.rx_coast_km
    return sea, land, inland, tx_coast, rx_coast


@compiled
def path_losses_db(terrain_m, cover_m, zone, step_km, terms, tables, link, rows, diffraction, loss):
    """Fill `loss[n_freq]` with the loss from the first point of a profile of equal steps to its last.

    `cover_m` (no clutter) and `zone` (inland throughout) may be empty; clutter near the ends is taken off `cover_m`.
    `rows[5, n]` and `diffraction[n_freq, 2]` are places to work in. Returns 20 log10 of the three-dimensional distance
    [km].
    """
    k = terrain_m.size - 1
    total = k * step_km
    radius_km = link.effective_radius_km
    bulge = 500.0 / radius_km
    row, flat = rows[0], rows[1]
    over = rows[2] if cover_m.size > 0 else flat
    _clear_ends(cover_m, int((link.clear_km + TOLERANCE_KM) / step_km))
    tx, rx = terrain_m[0] + link.tx_agl_m, terrain_m[k] + link.rx_agl_m
    rx_flat = rx - bulge * total * total
    _flatten(terrain_m, cover_m, bulge, k, step_km, tables.square, flat, over)

    # Horizons (eqs 76 to 83), obstruction and smooth surface (eqs 85 to 91)
    tx_horizon, rx_horizon = (rx_flat - tx) / k, (tx - rx) / k + bulge * total * step_km
    horizon_t = horizon_r = 0  # in line of sight found below, where ducting asks for them
    obstruction = slope_t = slope_r = 0.0
    steepest = _tx_slopes(flat, tx, tables.inverse, k, row)
    is_line_of_sight = steepest <= tx_horizon
    if not is_line_of_sight:
        tx_horizon, horizon_t = steepest, first_at(steepest, row, 1, k)
        rx_horizon = _rx_slopes(flat, rx_flat, tables.inverse, k, row)
        horizon_r = last_at(rx_horizon, row, 1, k)
        obstruction, slope_t, slope_r = _obstruction(terrain_m, tx, rx, k, tables.inverse, row)
    v1, v2 = _moments(terrain_m, k, step_km)
    tx_surface, rx_surface = smooth_surface_m(total, v1, v2)
    tx_low, rx_low = diffraction_surface_m(
        tx_surface, rx_surface, terrain_m[0], terrain_m[k], obstruction, slope_t, slope_r
    )
    tx_surface, rx_surface = min(tx_surface, terrain_m[0]), min(rx_surface, terrain_m[k])
    tx_high, rx_high = tx - tx_low, rx - rx_low

    # Diffraction over the median and the beta_0 % Earth (§4.3)
    nu = _obstacle_nu(over, tx, rx, bulge, k, step_km, tables, row)
    median = diffraction_over(nu, step_km, k, tables.root, tx_high, rx_high, radius_km, link.wavelength_root)
    beta = median
    if link.times.time_pct < 50.0:
        radius = K_BETA * EARTH_RADIUS_KM
        flat_beta = rows[3]
        over_beta = rows[4] if cover_m.size > 0 else flat_beta
        _flatten(terrain_m, cover_m, 500.0 / radius, k, step_km, tables.square, flat_beta, over_beta)
        nu = _obstacle_nu(over_beta, tx, rx, 500.0 / radius, k, step_km, tables, row)
        beta = diffraction_over(nu, step_km, k, tables.root, tx_high, rx_high, radius, link.wavelength_root)

    sea, land, inland, tx_coast, rx_coast = _sea_terms(zone, k, step_km, link, row)
    geometry = Geometry(
        reach_of(total, land, inland, link), is_line_of_sight, tx, rx, slant_db(total, tx - rx), radius_km, median,
        beta, tx_high, rx_high, tx - tx_surface, rx - rx_surface, 0.0, horizon_t * step_km,
        total - horizon_r * step_km, 1e3 * math.atan(1e-3 * tx_horizon / step_km),
        1e3 * math.atan(1e-3 * (rx_horizon / step_km - 2.0 * bulge * total)), sea, tx_coast, rx_coast,
    )  # fmt: skip
    with_ducting = False
    for j in range(terms.shape[0]):
        diffraction[j, 0], diffraction[j, 1] = diffraction_db(geometry, terms[j], link)
        with_ducting = with_ducting or ducting_matters(geometry, terms[j], diffraction[j, 1])
    if with_ducting:
        if is_line_of_sight:
            horizon_t = horizon_r = argmax_nu(flat, tables.root, k, tx, (rx_flat - tx) / k, row)
        roughness = max_above(terrain_m, horizon_t, horizon_r, tx_surface, (rx_surface - tx_surface) / k, row)
        geometry = with_horizons(geometry, roughness, horizon_t * step_km, total - horizon_r * step_km)
    for j in range(terms.shape[0]):
        loss[j] = combined_loss_db(geometry, terms[j], link, diffraction[j, 0], diffraction[j, 1], with_ducting, 0.0)
    return geometry.slant_db
