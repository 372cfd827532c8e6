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
from phusong.coverage.propagation._formulas import EARTH_RADIUS_KM, K_BETA, Link, band_of
from phusong.coverage.propagation._profile import COASTAL, NO_COAST_KM, SEA, TOLERANCE_KM
from phusong.coverage.propagation._steps import StepTables, steepest, step_tables

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MIN_POINTS = 5  # a profile of fewer points is outside the Recommendation


class RayTables(NamedTuple):
    """What the distance along an equally spaced ray alone contributes."""

    step_km: float
    steps: StepTables
    inverse_km: Floats  # [n] 1 / distance
    reach: Floats  # [n, 9] the fields of `Reach` over inland zones


def ray_tables(step_km: float, n: int, link: Link) -> RayTables:
    """Tables for rays of `n` points, `step_km` apart [km]."""
    inverse_km = np.zeros(n)
    inverse_km[1:] = 1.0 / (np.arange(1, n) * step_km)
    reach = np.zeros((n, rows.REACH_ROWS))
    _fill_reach(step_km, link, reach)
    return RayTables(step_km, step_tables(n), inverse_km, reach)


@compiled
def _fill_reach(step_km, link, table):
    w = rows.new_block()
    for first in range(1, table.shape[0], BLOCK):
        count = min(BLOCK, table.shape[0] - first)
        for m in range(np.uint64(count)):
            w[rows.DISTANCE + m] = w[rows.LAND + m] = w[rows.INLAND + m] = (first + np.float64(m)) * step_km
        rows.fill_reach(w, rows.fill_up(w, count), link)
        for field in range(table.shape[1]):
            table[first : first + count, field] = w[BLOCK * field : BLOCK * field + count]


class Sight(NamedTuple):
    """What stands highest between the transmitter and each point of a ray, seen from either end; slopes in m/km.

    Seen from the point it is filled only where a sample is needed whose direct line the highest slope reaches.
    """

    y: Floats  # [n] the curve
    tx_slope: Floats  # [n]
    tx_point: Integers  # [n]
    rx_slope: Floats  # [n]
    rx_point: Integers  # [n]


class Hull(NamedTuple):
    """Upper convex hull of a curve's first points."""

    x: Floats  # [n]
    y: Floats  # [n]
    slope: Floats  # [n] from the vertex before; infinite at the first


class Zones(NamedTuple):
    """What P.1812 asks of the zones up to each point of a ray [km]."""

    sea: Floats  # [n]
    land: Floats  # [n] the longest run of land
    inland: Floats  # [n]
    tx_coast: Floats  # [n]
    rx_coast: Floats  # [n]


class RayWork(NamedTuple):
    """Places to work in along a ray."""

    block: Floats
    packed: Floats
    which: Integers  # [BLOCK]
    point: Integers  # [n] the points at which a loss is needed
    hull: Hull
    bare: Sight
    flat: Sight  # the ground on the flattened Earth
    over: Sight  # the same with clutter
    flat_beta: Sight
    over_beta: Sight
    obstruction: Floats  # [n] largest height above the direct line
    v1: Floats  # [n] running sums of eqs 85 and 86
    v2: Floats  # [n]
    zones: Zones


@compiled
def _new_sight(n):
    return Sight(np.empty(n), np.empty(n), np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64))


@compiled
def ray_work(n):
    """Places to work in along rays of up to `n` points."""
    return RayWork(
        rows.new_block(), rows.new_block(), np.empty(BLOCK, np.int64), np.empty(n, np.int64),
        Hull(np.empty(n), np.empty(n), np.empty(n)), _new_sight(n), _new_sight(n), _new_sight(n), _new_sight(n),
        _new_sight(n), np.empty(n), np.empty(n), np.empty(n),
        Zones(np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)),
    )  # fmt: skip


@compiled
def _look_ahead(sight, bare, near, tx_m, inverse_km):
    """Fill what the transmitter sees highest before each point; within `near` points of it `bare` counts."""
    y, best, point = sight.y, -np.inf, 0
    for k in range(1, y.size):
        i = k - 1 - near
        if i > 0:
            slope = (y[i] - tx_m) * inverse_km[i]
            if slope > best:
                best, point = slope, i
        highest = best
        for i in range(max(k - near, 1), k):
            highest = max(highest, (bare[i] - tx_m) * inverse_km[i])
        sight.tx_slope[k], sight.tx_point[k] = highest, point


@inlined
def _push(hull, top, i, y, rise):
    """Push point `i`, `rise` above the one before, on the hull whose last vertex is `top`; returns the new `top`."""
    run = 1.0
    while rise >= hull.slope[top] * run:
        top -= 1
        rise, run = y - hull.y[top], i - hull.x[top]
    top += 1
    hull.x[top], hull.y[top], hull.slope[top] = i, y, rise / run
    return top


@compiled
def _look_back(sight, bare, near, tx_m, rx_agl_m, needed, step_km, inverse_km, hull, obstruction):
    """Fill what each point sees highest before it, as `_look_ahead`; ties go to the nearest.

    `obstruction` (may be empty) takes the largest height above the direct line.
    """
    y = sight.y
    top = 0
    for k in range(2, y.size):
        i = k - 1 - near
        if i == 1:
            hull.x[0], hull.y[0], hull.slope[0] = 1.0, y[1], np.inf
        elif i > 1:
            top = _push(hull, top, float(i), y[i], y[i] - y[i - 1])
        rx_m = bare[k] + rx_agl_m
        direct = (rx_m - tx_m) * inverse_km[k]
        if not needed[k] or sight.tx_slope[k] < direct:
            continue
        slope, j = -np.inf, top
        if i > 0:
            while rx_m > hull.y[j] + hull.slope[j] * (k - hull.x[j]):
                j -= 1
            slope = (hull.y[j] - rx_m) * inverse_km[k - int(hull.x[j])]
            sight.rx_point[k] = int(hull.x[j])
        for i in range(max(k - near, 1), k):
            slope = max(slope, (bare[i] - rx_m) * inverse_km[k - i])
        sight.rx_slope[k] = slope
        if obstruction.size > 0:
            direct *= step_km
            while hull.slope[j] < direct:
                j -= 1
            obstruction[k] = hull.y[j] - tx_m - direct * hull.x[j]


@compiled
def _fill_zones(zone, step_km, link, zones):
    """Fill what P.1812 asks of the zones before each point; returns the first point that is not inland."""
    first = 0
    while first < zone.size and zone[first] > COASTAL:
        first += 1
    sea = land = inland = land_best = inland_best = 0.0
    first_sea = last_sea = 0 if zone.size > 0 and zone[0] == SEA else -1
    for k in range(1, zone.size):
        for z in (zone[k - 1], zone[k]):
            if z == SEA:
                sea += 0.5 * step_km
                land = inland = 0.0
            else:
                land += 0.5 * step_km
                inland = inland + 0.5 * step_km if z > COASTAL else 0.0
            land_best, inland_best = max(land_best, land), max(inland_best, inland)
        if zone[k] == SEA:
            last_sea = k
            first_sea = k if first_sea < 0 else first_sea
        tx_coast = rx_coast = NO_COAST_KM
        if first_sea >= 0:
            tx_coast, rx_coast = max(first_sea - 0.5, 0.0) * step_km, max(k - last_sea - 0.5, 0.0) * step_km
        if not math.isnan(link.tx_coast_km) and first_sea != 0:
            tx_coast = link.tx_coast_km
        if not math.isnan(link.rx_coast_km) and last_sea != k:
            rx_coast = link.rx_coast_km
        zones.sea[k], zones.land[k], zones.inland[k] = sea, land_best, inland_best
        zones.tx_coast[k], zones.rx_coast[k] = tx_coast, rx_coast
    return first


@compiled
def _fill_curves(terrain_m, clutter_m, near, step_km, link, work):
    """Fill the curves of the sights and the running sums."""
    with_clutter, with_beta = clutter_m.size > 0, link.times.time_pct < 50.0
    drop = 500.0 / link.effective_radius_km * step_km * step_km
    drop_beta = 500.0 / (K_BETA * EARTH_RADIUS_KM) * step_km * step_km
    n = terrain_m.size
    for i in range(n):
        square = np.float64(i) * np.float64(i)
        work.bare.y[i], work.flat.y[i] = terrain_m[i], terrain_m[i] - drop * square
    if with_beta:
        for i in range(n):
            work.flat_beta.y[i] = terrain_m[i] - drop_beta * (np.float64(i) * np.float64(i))
    if with_clutter:
        for i in range(n):
            cover = clutter_m[i] if i > near else 0.0
            work.over.y[i] = work.flat.y[i] + cover
            if with_beta:
                work.over_beta.y[i] = work.flat_beta.y[i] + cover
    v1 = v2 = 0.0
    for k in range(1, n):
        total, d0 = k * step_km, (k - 1) * step_km
        h, h0 = terrain_m[k], terrain_m[k - 1]
        v1 += step_km * (h + h0)
        v2 += step_km * (h * (2.0 * total + d0) + h0 * (total + 2.0 * d0))
        work.v1[k], work.v2[k] = v1, v2


@inlined
def _put_obstacle(w, earth, count, first, sight, bare, near, tx_m, rx_agl_m, radius_km, tables, point):
    """Put what makes `bullington_nu` of the samples in the block; `bare` is the curve without clutter."""
    step_km, root = tables.step_km, tables.steps.root
    bulge = 500.0 / radius_km
    for m in range(np.uint64(count)):
        k = point[first + np.int64(m)]
        total = w[rows.DISTANCE + m]
        w[earth + rows.NU + m] = np.nan
        w[earth + rows.TX_SLOPE + m] = sight.tx_slope[k] + bulge * total
        w[earth + rows.RX_SLOPE + m] = sight.rx_slope[k] - bulge * total
        direct = (bare[k] + rx_agl_m - tx_m) * tables.inverse_km[k]
        if sight.tx_slope[k] < direct:  # line of sight over clutter and terrain
            slope, first_near = direct * step_km, max(k - near, 1)
            nu = steepest(bare, root, root, first_near, k, k, tx_m, slope) if first_near < k else -np.inf
            if first_near > 1:
                nu = max(nu, steepest(sight.y, root, root, 1, first_near, k, tx_m, slope))
            w[earth + rows.NU + m] = nu * math.sqrt(0.002 * k / step_km)
            w[earth + rows.TX_SLOPE + m] = w[earth + rows.RX_SLOPE + m] = 1.0


@inlined
def _put_horizons(w, count, first, tables, tx_m, link, work):
    """Put horizons (eqs 76 to 83), obstruction (eqs 89 to 89c) and running sums of the samples in the block."""
    bulge = 500.0 / link.effective_radius_km
    flat, bare = work.flat, work.bare
    for m in range(np.uint64(count)):
        k = work.point[first + np.int64(m)]
        for field in range(rows.REACH_ROWS):
            w[np.uint64(BLOCK * field) + m] = tables.reach[k, field]
        total, inverse = tables.reach[k, 0], tables.inverse_km[k]
        w[rows.STEP + m], w[rows.STEPS + m] = tables.step_km, k
        w[rows.V1 + m], w[rows.V2 + m], w[rows.ROUGHNESS + m] = work.v1[k], work.v2[k], np.nan
        w[rows.RX_GROUND + m] = bare.y[k]
        rise = (bare.y[k] + link.rx_agl_m - tx_m) * inverse
        direct = (flat.y[k] + link.rx_agl_m - tx_m) * inverse
        is_in_sight = flat.tx_slope[k] <= direct  # the horizons are found later, where ducting asks for them
        w[rows.IN_SIGHT + m] = 1.0 if is_in_sight else 0.0
        w[rows.TX_HORIZON_SLOPE + m] = direct if is_in_sight else flat.tx_slope[k]
        w[rows.RX_HORIZON_SLOPE + m] = -rise - bulge * total if is_in_sight else flat.rx_slope[k] - 2.0 * bulge * total
        w[rows.TX_HORIZON + m] = 0.0 if is_in_sight else flat.tx_point[k] * tables.step_km
        w[rows.RX_HORIZON + m] = 0.0 if is_in_sight else total - flat.rx_point[k] * tables.step_km
        is_obstructed = bare.tx_slope[k] > rise
        w[rows.OBSTRUCTION + m] = work.obstruction[k] if is_obstructed else 0.0
        w[rows.TX_OBSTRUCTION_SLOPE + m] = bare.tx_slope[k] - rise
        w[rows.RX_OBSTRUCTION_SLOPE + m] = bare.rx_slope[k] + rise if is_obstructed else 0.0


@inlined
def _put_zones(w, count, first, zones, point, inverse_km):
    for m in range(np.uint64(count)):
        k = point[first + np.int64(m)]
        w[rows.SEA_FRACTION + m] = zones.sea[k] * inverse_km[k]
        w[rows.LAND + m], w[rows.INLAND + m] = zones.land[k], zones.inland[k]
        w[rows.TX_COAST + m], w[rows.RX_COAST + m] = zones.tx_coast[k], zones.rx_coast[k]


@compiled
def _fill_losses(first, count, terrain_m, terms, tables, link, work, corrects_zones, loss):
    """Fill `loss` at the points `work.point[first : first + count]`, which stand in the block."""
    w = work.block
    tx_m = terrain_m[0] + link.tx_agl_m
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
                rows.put_roughness(w, m, terrain_m, work.flat.y, tx_m, link, tables.steps)
        rows.combine(w, work.packed, full, terrain_m[0], band, link, work.which, n_ducting)
        for place in range(count):
            loss[j, work.point[first + place]] = w[rows.LOSS_DB + np.uint64(place)]


@inlined
def _cut(sight, n):
    """The same places for a shorter ray."""
    return Sight(sight.y[:n], sight.tx_slope[:n], sight.tx_point[:n], sight.rx_slope[:n], sight.rx_point[:n])


@compiled
def ray_loss(terrain_m, clutter_m, zone, needed, terms, tables, link, work, loss):
    """Fill `loss[n_freq, n]` at every point that is `needed`; the others are left as they are.

    `clutter_m` may be empty (no clutter on the ray), and so may `zone` (inland throughout).
    """
    n = terrain_m.size
    tx_m, rx_agl_m, inverse_km, hull = terrain_m[0] + link.tx_agl_m, link.rx_agl_m, tables.inverse_km, work.hull
    near = int((link.clear_km + TOLERANCE_KM) / tables.step_km) if clutter_m.size > 0 else 0
    _fill_curves(terrain_m, clutter_m, near, tables.step_km, link, work)
    bare, flat, flat_beta = _cut(work.bare, n), _cut(work.flat, n), _cut(work.flat_beta, n)
    over, over_beta = flat, flat_beta
    nothing = inverse_km[:0]
    _look_ahead(bare, bare.y, 0, tx_m, inverse_km)
    _look_back(bare, bare.y, 0, tx_m, rx_agl_m, needed, tables.step_km, inverse_km, hull, work.obstruction)
    _look_ahead(flat, flat.y, 0, tx_m, inverse_km)
    _look_back(flat, flat.y, 0, tx_m, rx_agl_m, needed, tables.step_km, inverse_km, hull, nothing)
    if clutter_m.size > 0:
        over, over_beta = _cut(work.over, n), _cut(work.over_beta, n)
        _look_ahead(over, flat.y, near, tx_m, inverse_km)
        _look_back(over, flat.y, near, tx_m, rx_agl_m, needed, tables.step_km, inverse_km, hull, nothing)
    if link.times.time_pct < 50.0:
        _look_ahead(over_beta, flat_beta.y, near, tx_m, inverse_km)
        _look_back(over_beta, flat_beta.y, near, tx_m, rx_agl_m, needed, tables.step_km, inverse_km, hull, nothing)
    first_coast = _fill_zones(zone, tables.step_km, link, work.zones)

    w = work.block
    rows.put_inland(w)
    n_points = 0
    for k in range(MIN_POINTS - 1, n):
        work.point[n_points] = k
        n_points += 1 if needed[k] else 0
    for first in range(0, n_points, BLOCK):
        count = min(BLOCK, n_points - first)
        _put_horizons(w, count, first, tables, tx_m, link, work)
        _put_obstacle(
            w, rows.MEDIAN_EARTH, count, first, over, flat.y, near, tx_m, rx_agl_m, link.effective_radius_km, tables,
            work.point,
        )  # fmt: skip
        if link.times.time_pct < 50.0:
            _put_obstacle(
                w, rows.BETA_EARTH, count, first, over_beta, flat_beta.y, near, tx_m, rx_agl_m,
                K_BETA * EARTH_RADIUS_KM, tables, work.point,
            )  # fmt: skip
        reaches_coast = zone.size > 0 and first_coast <= work.point[first + count - 1]
        if reaches_coast:
            _put_zones(w, count, first, work.zones, work.point, inverse_km)
        _fill_losses(first, count, terrain_m, terms, tables, link, work, reaches_coast, loss)
