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

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._formulas import EARTH_RADIUS_KM, K_BETA, Link, Reach, band_of, reach_of
from phusong.coverage.propagation._profile import COASTAL, NO_COAST_KM, SEA, TOLERANCE_KM
from phusong.coverage.propagation._steps import StepTables, steepest, step_tables

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


@inlined
def _put_obstacle(w, m, earth, y, bare, hull, size, running, steps, step_km, k, near, tx_m, rx_m, bulge):
    """Put what makes `bullington_nu` of point `k` in the block, from the flattened curve `y` with clutter, `bare` without.

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
        best = -np.inf
        if first_near > 1:
            best = steepest(y, steps.root, steps.root, 1, first_near, k, tx_m, slope)
        for i in range(first_near, k):
            best = max(best, (bare[i] - tx_m - slope * i) * steps.root[i] * steps.root[k - i])
        w[earth + rows.NU + m] = best * math.sqrt(0.002 * k / step_km)
        w[earth + rows.TX_SLOPE + m] = w[earth + rows.RX_SLOPE + m] = 1.0
        return
    rx_slope = -np.inf
    if size > 0:
        rx_slope = _tangent(hull, size, y, k, y_rx)[0] / step_km
    for i in range(first_near, k):
        rx_slope = max(rx_slope, (bare[i] - y_rx) / ((k - i) * step_km))
    w[earth + rows.NU + m] = np.nan
    w[earth + rows.TX_SLOPE + m] = tx_slope + bulge * total
    w[earth + rows.RX_SLOPE + m] = rx_slope - bulge * total


class RayTables(NamedTuple):
    """What the distance along an equally spaced ray alone contributes."""

    step_km: float
    steps: StepTables
    inverse_km: Floats  # [n] 1 / distance, 0 at i = 0
    reach: Floats  # [n, 9] the fields of `Reach` over inland zones


def ray_tables(step_km: float, n: int, link: Link) -> RayTables:
    """Tables for rays of `n` points, `step_km` apart [km]."""
    inverse_km, reach = np.zeros(n), np.zeros((n, len(Reach._fields)))
    inverse_km[1:] = 1.0 / (np.arange(1, n) * step_km)
    _fill_reach(step_km, link, reach)
    return RayTables(step_km, step_tables(n), inverse_km, reach)


@compiled
def _fill_reach(step_km, link, table):
    for k in range(1, table.shape[0]):
        distance = k * step_km
        table[k, :] = reach_of(distance, distance, distance, link)


class RayWork(NamedTuple):
    """Places to work in along a ray."""

    block: Floats
    packed: Floats
    point: npt.NDArray[np.int64]  # [BLOCK] the point of each sample in the block
    which: npt.NDArray[np.int64]  # [BLOCK]
    flat: Floats  # [n] bare ground on the flattened Earth
    over: Floats  # [n] the same with clutter
    flat_beta: Floats  # [n]
    over_beta: Floats  # [n]


@compiled
def ray_work(n):
    """Places to work in along rays of up to `n` points."""
    point, which = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    return RayWork(
        rows.new_block(), rows.new_block(), point, which, np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    )


@compiled
def _fill_losses(terrain_m, steps, terms, link, work, count, corrects_zones, loss):
    """Fill `loss` at the `count` samples of the block."""
    w = work.block
    tx = terrain_m[0] + link.tx_agl_m
    full = rows.fill_up(w, count)
    if corrects_zones:
        rows.fill_zones(w, full, link)
    rows.complete(w, full, terrain_m[0], link)
    for j in range(terms.shape[0]):
        band = band_of(terms[j])
        n_ducting = rows.diffract(w, full, terrain_m[0], band, link, corrects_zones, work.which)
        for q in range(n_ducting):
            m = np.uint64(work.which[q])
            if math.isnan(w[rows.ROUGHNESS + m]):
                rows.put_roughness(w, m, terrain_m, work.flat, tx, link, steps)
        rows.combine(w, work.packed, full, terrain_m[0], band, link, work.which, n_ducting)
        for m in range(count):
            loss[j, work.point[m]] = w[rows.LOSS_DB + np.uint64(m)]


@compiled
def ray_loss(terrain_m, clutter_m, zone, needed, terms, tables, link, work, loss):
    """Fill `loss[n_freq, n]` at every point that is `needed`; the others are left as they are.

    `clutter_m` may be empty (no clutter on the ray), and so may `zone` (inland throughout).
    """
    n = terrain_m.size
    step_km, steps, inverse_km, reach_table = tables.step_km, tables.steps, tables.inverse_km, tables.reach
    radius_km = link.effective_radius_km
    radius_beta_km = K_BETA * EARTH_RADIUS_KM
    with_clutter, with_zone = clutter_m.size > 0, zone.size > 0
    with_beta = link.times.time_pct < 50.0
    bulge, bulge_beta = 500.0 / radius_km, 500.0 / radius_beta_km
    near = int((link.clear_km + TOLERANCE_KM) / step_km) if with_clutter else 0
    tx = terrain_m[0] + link.tx_agl_m

    flat, flat_beta = work.flat, work.flat_beta
    over, over_beta = (work.over, work.over_beta) if with_clutter else (flat, flat_beta)
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
    w = work.block
    m = np.uint64(0)
    for row_start in (rows.SEA_FRACTION, rows.TX_COAST, rows.RX_COAST):
        w[row_start : row_start + np.uint64(BLOCK)] = 0.0 if row_start == rows.SEA_FRACTION else NO_COAST_KM

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
        for field in range(reach_table.shape[1]):
            w[np.uint64(BLOCK * field) + m] = reach_table[k, field]
        w[rows.STEP + m], w[rows.STEPS + m] = step_km, k
        w[rows.RX_GROUND + m], w[rows.V1 + m], w[rows.V2 + m], w[rows.ROUGHNESS + m] = h, v1, v2, np.nan

        # Horizons (eqs 76 to 83)
        direct = (rx_flat - tx) * inverse
        if flat_slope <= direct:
            w[rows.IN_SIGHT + m] = 1.0
            w[rows.TX_HORIZON_SLOPE + m], w[rows.RX_HORIZON_SLOPE + m] = direct, (tx - rx) * inverse - bulge * total
            w[rows.TX_HORIZON + m] = w[rows.RX_HORIZON + m] = 0.0  # found later, where ducting asks for them
        else:
            slope, horizon = _tangent(flat_hull, n_flat, flat, k, rx_flat)
            w[rows.IN_SIGHT + m] = 0.0
            w[rows.TX_HORIZON_SLOPE + m] = flat_slope
            w[rows.RX_HORIZON_SLOPE + m] = slope / step_km - 2.0 * bulge * total
            w[rows.TX_HORIZON + m], w[rows.RX_HORIZON + m] = lt * step_km, total - horizon * step_km

        # Obstruction (eqs 89 to 89c)
        slope = bare_slope - (rx - tx) * inverse
        w[rows.OBSTRUCTION + m], w[rows.TX_OBSTRUCTION_SLOPE + m] = 0.0, slope
        if slope > 0.0:
            w[rows.OBSTRUCTION + m] = _highest_above(bare_hull, n_bare, terrain_m, tx, (rx - tx) / k)
            w[rows.RX_OBSTRUCTION_SLOPE + m] = (
                _tangent(bare_hull, n_bare, terrain_m, k, rx)[0] / step_km + (rx - tx) * inverse
            )

        # Diffraction over the median and the beta_0 % Earth (§4.3)
        if with_clutter:
            _put_obstacle(
                w, m, rows.MEDIAN_EARTH, over, flat, over_hull, n_over, over_slope, steps, step_km, k, near, tx,
                rx, bulge,
            )  # fmt: skip
        else:
            _put_obstacle(
                w, m, rows.MEDIAN_EARTH, flat, flat, flat_hull, n_flat, flat_slope, steps, step_km, k, 0, tx, rx,
                bulge,
            )  # fmt: skip
        if with_beta:
            _put_obstacle(
                w, m, rows.BETA_EARTH, over_beta, flat_beta, beta_hull, n_beta, beta_slope, steps, step_km, k, near, tx, rx,
                bulge_beta,
            )  # fmt: skip

        if with_zone:
            w[rows.SEA_FRACTION + m] = sea * inverse
            w[rows.LAND + m] = total if inland_only else land_best
            w[rows.INLAND + m] = total if inland_only else inland_best
            tx_coast = rx_coast = NO_COAST_KM
            if first_sea >= 0:
                tx_coast = max(first_sea - 0.5, 0.0) * step_km
                rx_coast = max(k - last_sea - 0.5, 0.0) * step_km
            if not math.isnan(link.tx_coast_km) and first_sea != 0:
                tx_coast = link.tx_coast_km
            if not math.isnan(link.rx_coast_km) and last_sea != k:
                rx_coast = link.rx_coast_km
            w[rows.TX_COAST + m], w[rows.RX_COAST + m] = tx_coast, rx_coast

        work.point[m] = k
        m += np.uint64(1)
        if m == np.uint64(BLOCK):
            _fill_losses(terrain_m, steps, terms, link, work, BLOCK, not inland_only, loss)
            m = np.uint64(0)
    if m > np.uint64(0):
        _fill_losses(terrain_m, steps, terms, link, work, int(m), not inland_only, loss)
