"""P.1812 for blocks of single paths of equal steps: the quantities of `_profile`, scanned several points at a time.

Equal steps turn every division into a look-up of 1 / i; one scan from either end serves the ground on a flattened and
on a round Earth and the cover on it.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled, compiled_sum
from phusong.coverage.propagation._profile import (
    COASTAL,
    NO_COAST_KM,
    TOLERANCE_KM,
    coast_distances_km,
    zone_lengths,
)
from phusong.coverage.propagation._steps import StepTables, number_of, ordered, steepest, step_tables
from phusong.coverage.propagation._terms import EARTH_RADIUS_KM, K_BETA, band_of

Floats = npt.NDArray[np.float64]


class PathWork(NamedTuple):
    """Places to work in for a block of paths."""

    tables: StepTables
    block: Floats
    packed: Floats
    which: npt.NDArray[np.int64]  # [BLOCK]
    ground_m: Floats  # [BLOCK, n] the profiles
    row: Floats  # [n]
    bare: Floats  # [n] no clutter
    is_inland: npt.NDArray[np.bool_]  # [1] whether no path of the block meets another zone


@compiled
def path_work(n):
    """Places to work in for paths of up to `n` points."""
    return PathWork(
        step_tables(n), rows.new_block(), rows.new_block(), np.empty(BLOCK, np.int64), np.empty((BLOCK, n)),
        np.empty(n), np.zeros(n), np.ones(1, np.bool_),
    )  # fmt: skip


@compiled
def _clear_ends(cover_m, near):
    """Take the clutter off the points within `near` points of either end."""
    n = cover_m.size
    for i in range(min(near + 1, n)):
        cover_m[i] = cover_m[n - 1 - i] = 0.0


@compiled
def _flatten(terrain_m, cover_m, drop, k, y):
    """Fill `y` with ground and cover on a flattened Earth, lower by `drop` i^2 [m] at point i."""
    for i in range(np.uint64(k + 1)):
        y[i] = terrain_m[i] - drop * (np.float64(i) * np.float64(i)) + cover_m[i]


@compiled
def _slopes_from_tx(terrain_m, cover_m, drop, tx_m, k, inverse):
    """Steepest slopes from the transmitter to the points between: on a flattened Earth, on a round one, over cover."""
    flat = round_ = over = ordered(-1e300)
    for i in range(np.uint64(1), np.uint64(k)):
        flattened = terrain_m[i] - drop * (np.float64(i) * np.float64(i))
        flat = max(flat, ordered((flattened - tx_m) * inverse[i]))
        round_ = max(round_, ordered((terrain_m[i] - tx_m) * inverse[i]))
        over = max(over, ordered((flattened + cover_m[i] - tx_m) * inverse[i]))
    return number_of(flat), number_of(round_), number_of(over)


@compiled
def _slopes_from_rx(terrain_m, cover_m, drop, rx_m, k, inverse):
    """As `_slopes_from_tx`, from the receiver at `k`."""
    last = np.uint64(k)
    rx_flat = rx_m - drop * (np.float64(k) * np.float64(k))
    flat = round_ = over = ordered(-1e300)
    for i in range(np.uint64(1), last):
        flattened = terrain_m[i] - drop * (np.float64(i) * np.float64(i))
        flat = max(flat, ordered((flattened - rx_flat) * inverse[last - i]))
        round_ = max(round_, ordered((terrain_m[i] - rx_m) * inverse[last - i]))
        over = max(over, ordered((flattened + cover_m[i] - rx_flat) * inverse[last - i]))
    return number_of(flat), number_of(round_), number_of(over)


@compiled
def _horizon_points(terrain_m, drop, tx_m, rx_m, tx_slope, rx_slope, k, inverse):
    """The first point that reaches the steepest slope from the transmitter, and the last that from the receiver."""
    last = np.uint64(k)
    rx_flat = rx_m - drop * (np.float64(k) * np.float64(k))
    first, nearest = np.int64(k), np.int64(0)
    for i in range(np.uint64(1), last):
        flattened = terrain_m[i] - drop * (np.float64(i) * np.float64(i))
        first = min(first, np.int64(i) if (flattened - tx_m) * inverse[i] == tx_slope else np.int64(k))
        nearest = max(nearest, np.int64(i) if (flattened - rx_flat) * inverse[last - i] == rx_slope else np.int64(0))
    return first, nearest


@compiled
def _put_obstacle(w, m, earth, terrain_m, cover_m, tx_m, rx_m, tx_slope, rx_slope, drop, k, step_km, root, row):
    """Put what makes `bullington_nu` in the block from the steepest slopes over the cover [m a step]."""
    rise = drop / step_km * k
    direct = (rx_m - drop * (k * k) - tx_m) / k
    w[earth + rows.NU + m] = np.nan
    w[earth + rows.TX_SLOPE + m] = tx_slope / step_km + rise
    w[earth + rows.RX_SLOPE + m] = rx_slope / step_km - rise
    if tx_slope < direct:
        _flatten(terrain_m, cover_m, drop, k, row)
        nu = steepest(row, root, root, 1, k, k, tx_m, direct)
        w[earth + rows.NU + m] = nu * math.sqrt(0.002 * k / step_km)
        w[earth + rows.TX_SLOPE + m] = w[earth + rows.RX_SLOPE + m] = 1.0


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
    w, one, inverse, root = work.block, work.tables.one, work.tables.inverse, work.tables.root
    terrain_m = work.ground_m[m, : k + 1]
    m = np.uint64(m)
    total = k * step_km
    drop = 500.0 / link.effective_radius_km * step_km * step_km
    _clear_ends(cover_m, int((link.clear_km + TOLERANCE_KM) / step_km))
    if cover_m.size == 0:
        cover_m = work.bare
    tx, rx = terrain_m[0] + link.tx_agl_m, terrain_m[k] + link.rx_agl_m
    w[rows.DISTANCE + m], w[rows.STEP + m], w[rows.STEPS + m] = total, step_km, k
    w[rows.RX_GROUND + m], w[rows.ROUGHNESS + m] = terrain_m[k], np.nan
    w[rows.V1 + m], w[rows.V2 + m] = _moments(terrain_m, k, step_km)

    # Horizons (eqs 76 to 83); in line of sight they are found later, where ducting asks for them
    flat_tx, bare_tx, over_tx = _slopes_from_tx(terrain_m, cover_m, drop, tx, k, inverse)
    flat_rx, bare_rx, over_rx = _slopes_from_rx(terrain_m, cover_m, drop, rx, k, inverse)
    rise = (rx - tx) / k
    direct = rise - drop * k
    if flat_tx <= direct:
        w[rows.IN_SIGHT + m], w[rows.TX_HORIZON + m], w[rows.RX_HORIZON + m] = 1.0, 0.0, 0.0
        w[rows.TX_HORIZON_SLOPE + m], w[rows.RX_HORIZON_SLOPE + m] = direct / step_km, (-rise - drop * k) / step_km
    else:
        first, last = _horizon_points(terrain_m, drop, tx, rx, flat_tx, flat_rx, k, inverse)
        w[rows.IN_SIGHT + m], w[rows.TX_HORIZON + m], w[rows.RX_HORIZON + m] = (
            0.0,
            first * step_km,
            total - last * step_km,
        )
        w[rows.TX_HORIZON_SLOPE + m] = flat_tx / step_km
        w[rows.RX_HORIZON_SLOPE + m] = (flat_rx - 2.0 * drop * k) / step_km

    # Obstruction (eqs 89 to 89c)
    is_obstructed = bare_tx > rise
    w[rows.OBSTRUCTION + m] = steepest(terrain_m, one, one, 1, k, k, tx, rise) if is_obstructed else 0.0
    w[rows.TX_OBSTRUCTION_SLOPE + m], w[rows.RX_OBSTRUCTION_SLOPE + m] = bare_tx - rise, bare_rx + rise

    # Diffraction over the median and the beta_0 % Earth (§4.3)
    _put_obstacle(
        w, m, rows.MEDIAN_EARTH, terrain_m, cover_m, tx, rx, over_tx, over_rx, drop, k, step_km, root, work.row
    )  # fmt: skip
    if link.times.time_pct < 50.0:
        drop = 500.0 / (K_BETA * EARTH_RADIUS_KM) * step_km * step_km
        over_tx = _slopes_from_tx(terrain_m, cover_m, drop, tx, k, inverse)[2]
        over_rx = _slopes_from_rx(terrain_m, cover_m, drop, rx, k, inverse)[2]
        _put_obstacle(
            w, m, rows.BETA_EARTH, terrain_m, cover_m, tx, rx, over_tx, over_rx, drop, k, step_km, root, work.row
        )  # fmt: skip

    sea, land, inland, tx_coast, rx_coast = _sea_terms(zone, k, step_km, link, work.row)
    w[rows.SEA_FRACTION + m], w[rows.LAND + m], w[rows.INLAND + m] = sea, land, inland
    w[rows.TX_COAST + m], w[rows.RX_COAST + m] = tx_coast, rx_coast
    work.is_inland[0] &= sea == 0.0


@compiled
def _put_roughness(m, terrain_m, tx_m, link, work):
    """`_block.put_roughness` of the path over `terrain_m`, whose curves are made anew."""
    w = work.block
    if w[rows.IN_SIGHT + m] > 0.0:
        drop = 500.0 / link.effective_radius_km * w[rows.STEP + m] * w[rows.STEP + m]
        _flatten(terrain_m, work.bare, drop, int(w[rows.STEPS + m]), work.row)
    rows.put_roughness(w, m, terrain_m, work.row, 1, terrain_m, work.row, tx_m, link, work.tables)


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
