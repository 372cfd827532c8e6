"""The geometry of one path of equal steps: the same quantities as `_profile`, scanned in rows.

Equal steps turn every division into a look-up of 1 / i, and each scan into a row filled at once and its largest value.
A scan that only a path beyond the horizon needs is left out in line of sight.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled, compiled_sum
from phusong.coverage.propagation._formulas import EARTH_RADIUS_KM, K_BETA, band_of
from phusong.coverage.propagation._profile import (
    COASTAL,
    NO_COAST_KM,
    TOLERANCE_KM,
    coast_distances_km,
    zone_lengths,
)
from phusong.coverage.propagation._steps import StepTables, first_point_of, last_point_of, steepest, step_tables

Floats = npt.NDArray[np.float64]


class PathWork(NamedTuple):
    """Places to work in for a block of paths."""

    tables: StepTables
    block: Floats
    packed: Floats
    which: npt.NDArray[np.int64]  # [BLOCK]
    ground_m: Floats  # [BLOCK, n] the profiles
    row: Floats  # [n]
    flat: Floats  # [n]
    over: Floats  # [n]
    is_inland: npt.NDArray[np.bool_]  # [1] whether no path of the block meets another zone


@compiled
def path_work(n):
    """Places to work in for paths of up to `n` points."""
    return PathWork(
        step_tables(n), rows.new_block(), rows.new_block(), np.empty(BLOCK, np.int64), np.empty((BLOCK, n)),
        np.empty(n), np.empty(n), np.empty(n), np.ones(1, np.bool_),
    )  # fmt: skip


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
def _put_obstacle(w, m, earth, y, tx_m, rx_m, bulge, k, step_km, tables):
    """Put what makes `bullington_nu` in the block, from the flattened curve `y`."""
    one, inverse, root = tables.one, tables.inverse, tables.root
    total = k * step_km
    rx_flat = rx_m - bulge * total * total
    direct = (rx_flat - tx_m) / k
    tx_slope = steepest(y, inverse, one, 1, k, k, tx_m, 0.0)
    if tx_slope < direct:
        nu = steepest(y, root, root, 1, k, k, tx_m, direct)
        w[earth + rows.NU + m] = nu * math.sqrt(0.002 * k / step_km)
        w[earth + rows.TX_SLOPE + m] = w[earth + rows.RX_SLOPE + m] = 1.0
        return
    rx_slope = steepest(y, one, inverse, 1, k, k, rx_flat, 0.0)
    w[earth + rows.NU + m] = np.nan
    w[earth + rows.TX_SLOPE + m] = tx_slope / step_km + bulge * total
    w[earth + rows.RX_SLOPE + m] = rx_slope / step_km - bulge * total


@compiled
def _obstruction(terrain_m, tx_m, rx_m, k, tables):
    """Height above the direct line and the slopes from both ends to it (eqs 89a to 89c) [m, m a step, m a step]."""
    one, inverse = tables.one, tables.inverse
    direct = (rx_m - tx_m) / k
    tx_slope = steepest(terrain_m, inverse, one, 1, k, k, tx_m, 0.0) - direct
    if tx_slope <= 0.0:
        return 0.0, 0.0, 0.0
    rx_slope = steepest(terrain_m, one, inverse, 1, k, k, rx_m, 0.0) + direct
    return steepest(terrain_m, one, one, 1, k, k, tx_m, direct), tx_slope, rx_slope


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
def put_path(m, k, cover_m, zone, step_km, link, work):
    """Put the path over the first k + 1 points of `work.ground_m[m]` in place `m` of the block.

    `cover_m` (no clutter) and `zone` (inland throughout) may be empty; clutter near the ends is taken off `cover_m`.
    """
    w, tables, row, flat = work.block, work.tables, work.row, work.flat
    terrain_m = work.ground_m[m, : k + 1]
    m = np.uint64(m)
    total = k * step_km
    bulge = 500.0 / link.effective_radius_km
    over = work.over if cover_m.size > 0 else flat
    _clear_ends(cover_m, int((link.clear_km + TOLERANCE_KM) / step_km))
    tx, rx = terrain_m[0] + link.tx_agl_m, terrain_m[k] + link.rx_agl_m
    rx_flat = rx - bulge * total * total
    _flatten(terrain_m, cover_m, bulge, k, step_km, tables.square, flat, over)
    w[rows.DISTANCE + m], w[rows.STEP + m], w[rows.STEPS + m] = total, step_km, k
    w[rows.RX_GROUND + m], w[rows.ROUGHNESS + m] = terrain_m[k], np.nan
    w[rows.V1 + m], w[rows.V2 + m] = _moments(terrain_m, k, step_km)

    # Horizons (eqs 76 to 83) and obstruction (eqs 89 to 89c)
    direct = (rx_flat - tx) / k
    from_tx = (flat, tables.inverse, tables.one, 1, k, k, tx, 0.0)
    tx_slope = steepest(*from_tx)
    w[rows.OBSTRUCTION + m] = 0.0
    if tx_slope <= direct:
        w[rows.IN_SIGHT + m], w[rows.TX_HORIZON_SLOPE + m] = 1.0, direct / step_km
        w[rows.RX_HORIZON_SLOPE + m] = (tx - rx) / total - bulge * total
        w[rows.TX_HORIZON + m] = w[rows.RX_HORIZON + m] = 0.0  # found later, where ducting asks for them
    else:
        w[rows.IN_SIGHT + m], w[rows.TX_HORIZON_SLOPE + m] = 0.0, tx_slope / step_km
        w[rows.TX_HORIZON + m] = first_point_of(tx_slope, *from_tx) * step_km
        from_rx = (flat, tables.one, tables.inverse, 1, k, k, rx_flat, 0.0)
        rx_slope = steepest(*from_rx)
        w[rows.RX_HORIZON_SLOPE + m] = rx_slope / step_km - 2.0 * bulge * total
        w[rows.RX_HORIZON + m] = total - last_point_of(rx_slope, *from_rx) * step_km
        w[rows.OBSTRUCTION + m], w[rows.TX_OBSTRUCTION_SLOPE + m], w[rows.RX_OBSTRUCTION_SLOPE + m] = _obstruction(
            terrain_m, tx, rx, k, tables
        )

    # Diffraction over the median and the beta_0 % Earth (§4.3)
    _put_obstacle(w, m, rows.MEDIAN_EARTH, over, tx, rx, bulge, k, step_km, tables)
    if link.times.time_pct < 50.0:
        bulge = 500.0 / (K_BETA * EARTH_RADIUS_KM)
        _flatten(terrain_m, cover_m, bulge, k, step_km, tables.square, flat, over)
        _put_obstacle(w, m, rows.BETA_EARTH, over, tx, rx, bulge, k, step_km, tables)

    sea, land, inland, tx_coast, rx_coast = _sea_terms(zone, k, step_km, link, row)
    w[rows.SEA_FRACTION + m], w[rows.LAND + m], w[rows.INLAND + m] = sea, land, inland
    w[rows.TX_COAST + m], w[rows.RX_COAST + m] = tx_coast, rx_coast
    work.is_inland[0] &= sea == 0.0


@compiled
def _put_roughness(m, terrain_m, tx_m, link, work):
    """`_block.put_roughness` of the path over `terrain_m`, whose curves are made anew."""
    w = work.block
    if w[rows.IN_SIGHT + m] > 0.0:
        bulge, k = 500.0 / link.effective_radius_km, int(w[rows.STEPS + m])
        _flatten(terrain_m, terrain_m[:0], bulge, k, w[rows.STEP + m], work.tables.square, work.flat, work.over)
    rows.put_roughness(w, m, terrain_m, work.flat, tx_m, link, work.tables)


@compiled
def fill_path_losses(n, terms, link, work, loss):
    """Fill `loss[n_freq, n]` with the losses of the `n` paths in the block, all from one mast."""
    w = work.block
    tx_ground = work.ground_m[0, 0]
    tx = tx_ground + link.tx_agl_m
    full = rows.fill_up(w, n)
    rows.fill_reach(w, full, link)
    rows.complete(w, full, tx_ground, link)
    for j in range(terms.shape[0]):
        band = band_of(terms[j])
        n_ducting = rows.diffract(w, full, tx_ground, band, link, not work.is_inland[0], work.which)
        for q in range(n_ducting):
            m = work.which[q]
            if math.isnan(w[rows.ROUGHNESS + np.uint64(m)]):
                _put_roughness(np.uint64(m), work.ground_m[min(m, n - 1)], tx, link, work)
        rows.combine(w, work.packed, full, tx_ground, band, link, work.which, n_ducting)
        for m in range(n):
            loss[j, m] = w[rows.LOSS_DB + np.uint64(m)]
    work.is_inland[0] = True
