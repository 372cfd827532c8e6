"""P.1812 to many paths along one equally spaced ray: what lies before their last points is carried forward.

The profile of point k + 1 is the profile of point k plus one point, so horizons, obstructions and the least-squares
surface follow from running maxima, running sums and tangents to upper convex hulls instead of scans: on a flattened
Earth (y = h - 500 C d^2) the slope from the transmitter is a running maximum, and the slope from the receiver a tangent
to the upper hull of the points passed so far.

A path's last points are its own (`_ends`): a pixel beside a ray keeps its own hill, trees and houses, and shares with
the ray only the ground farther away. Besides them only the knife-edge parameter of a line-of-sight path and the
roughness between the horizons are scanned.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation import _ends as ends
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._ends import (
    BETA,
    DIRECT,
    FLAT,
    FROM_RX,
    FROM_TX,
    HIGHEST,
    MEDIAN,
    ROUND,
    RX_M,
    RX_POINT,
    TX_M,
    Ends,
    K,
)
from phusong.coverage.propagation._formulas import EARTH_RADIUS_KM, K_BETA, Link, band_of
from phusong.coverage.propagation._profile import COASTAL, NO_COAST_KM, SEA
from phusong.coverage.propagation._steps import StepTables, steepest, step_tables

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MIN_POINTS = 5  # a profile of fewer points is outside the Recommendation


class RayTables(NamedTuple):
    """What the distance along an equally spaced ray alone contributes."""

    step_km: float
    steps: StepTables
    reach: Floats  # [n, 9] the fields of `Reach` over inland zones


def ray_tables(step_km: float, n: int, link: Link) -> RayTables:
    """Tables for rays of `n` points, `step_km` apart [km]."""
    reach = np.zeros((n, rows.REACH_ROWS))
    _fill_reach(step_km, link, reach)
    return RayTables(step_km, step_tables(n), reach)


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


class Curve(NamedTuple):
    """Heights along a ray, the steepest slope from the transmitter to them, and their upper convex hull."""

    y: Floats  # [n]
    tx_slope: Floats  # [n] to the points from 1 on [m a step]; -inf at 0
    hull_x: Floats  # [n]
    hull_y: Floats  # [n]
    hull_slope: Floats  # [n] from the vertex before; infinite at the first


class Zones(NamedTuple):
    """What P.1812 asks of the zones up to each point of a ray [km]."""

    sea: Floats  # [n]
    land: Floats  # [n] the longest run of land
    inland: Floats  # [n]
    tx_coast: Floats  # [n]
    rx_coast: Floats  # [n]


class Ray(NamedTuple):
    """What is carried along a ray, and places to work in."""

    round: Curve  # the ground on a round Earth
    flat: Curve  # on a flattened one
    over: Curve  # the same with clutter
    over_beta: Curve
    tx_point: Floats  # [n] the point that `flat.tx_slope` belongs to
    total: Floats  # [n] running sums of h_i and i h_i from 1 on
    weighted: Floats  # [n]
    zones: Zones
    tops: Integers  # [4] the hulls' last vertices
    passed: Integers  # [1] the last point on the hulls
    ends: Ends  # of a block of paths
    block: Floats
    packed: Floats
    which: Integers  # [BLOCK]
    terrain_m: Floats  # [n] of one path
    flat_m: Floats  # [n]


@compiled
def _new_curve(n):
    return Curve(np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n))


@compiled
def ray_work(n, own):
    """Places to work in along rays of up to `n` points, whose paths have `own` points before their end."""
    return Ray(
        _new_curve(n), _new_curve(n), _new_curve(n), _new_curve(n), np.empty(n), np.empty(n), np.empty(n),
        Zones(np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)), np.empty(4, np.int64),
        np.empty(1, np.int64), ends.new_ends(own), rows.new_block(), rows.new_block(),
        np.empty(BLOCK, np.int64), np.empty(n), np.empty(n),
    )  # fmt: skip


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
def start_ray(terrain_m, clutter_m, zone, near, tables, link, ray):
    """Fill what is carried along a ray; returns its first point that is not inland.

    `clutter_m` (no clutter) and `zone` (inland throughout) may be empty; clutter within `near` points of the mast is
    taken off.
    """
    inverse, tx = tables.steps.inverse, terrain_m[0] + link.tx_agl_m
    drop = 500.0 / link.effective_radius_km * tables.step_km * tables.step_km
    clutter_m[: near + 1] = 0.0
    flat, round_, over, beta = ray.flat, ray.round, ray.over, ray.over_beta
    for curve in (flat, round_, over, beta):
        curve.y[0], curve.tx_slope[0] = terrain_m[0], -np.inf
    ray.tx_point[0] = ray.total[0] = ray.weighted[0] = 0.0
    best_flat = best_round = best_over = -np.inf
    point = total = weighted = 0.0
    for i in range(1, terrain_m.size):
        h, at = terrain_m[i], np.float64(i)
        y = h - drop * (at * at)
        slope, round_slope = (y - tx) * inverse[i], (h - tx) * inverse[i]
        point = at if slope > best_flat else point
        best_flat = slope if slope > best_flat else best_flat
        best_round = round_slope if round_slope > best_round else best_round
        total, weighted = total + h, weighted + at * h
        flat.y[i], flat.tx_slope[i], round_.y[i], round_.tx_slope[i] = y, best_flat, h, best_round
        ray.tx_point[i], ray.total[i], ray.weighted[i] = point, total, weighted
    for i in range(1, clutter_m.size):
        y = flat.y[i] + clutter_m[i]
        slope = (y - tx) * inverse[i]
        best_over = slope if slope > best_over else best_over
        over.y[i], over.tx_slope[i] = y, best_over
    if link.times.time_pct < 50.0:
        drop = 500.0 / (K_BETA * EARTH_RADIUS_KM) * tables.step_km * tables.step_km
        best_over = -np.inf
        for i in range(1, terrain_m.size):
            y = terrain_m[i] - drop * (np.float64(i) * np.float64(i))
            y += clutter_m[i] if clutter_m.size > 0 else 0.0
            slope = (y - tx) * inverse[i]
            best_over = slope if slope > best_over else best_over
            beta.y[i], beta.tx_slope[i] = y, best_over
    ray.passed[0] = 0
    return _fill_zones(zone, tables.step_km, link, ray.zones) if zone.size > 0 else terrain_m.size


@inlined
def _pass(curve, top, first, stop):
    """Push the points from `first` to `stop` - 1 on the hull whose last vertex is `top`; returns the new `top`."""
    x, y, slope = curve.hull_x, curve.hull_y, curve.hull_slope
    for i in range(first, stop):
        if i == 1:
            x[0], y[0], slope[0], top = 1.0, curve.y[1], np.inf, 0
            continue
        rise, run = curve.y[i] - curve.y[i - 1], 1.0
        while rise >= slope[top] * run:
            top -= 1
            rise, run = curve.y[i] - y[top], i - x[top]
        top += 1
        x[top], y[top], slope[top] = i, curve.y[i], rise / run
    return top


@inlined
def _tangent(curve, start, top, k, rx_m):
    """Vertex of a hull that a receiver at point `k` sees highest, looked for from `start` on; the nearest of equals."""
    x, y, slope, at = curve.hull_x, curve.hull_y, curve.hull_slope, start
    while at < top and rx_m <= y[at + 1] + slope[at + 1] * (k - x[at + 1]):
        at += 1
    while rx_m > y[at] + slope[at] * (k - x[at]):
        at -= 1
    return at


@inlined
def _steeper(curve, start, top, direct):
    """Vertex of a hull highest over a line of the slope `direct`, looked for from `start` on."""
    slope, at = curve.hull_slope, start
    while at < top and slope[at + 1] >= direct:
        at += 1
    while slope[at] < direct:
        at -= 1
    return at


@compiled
def _look_back(curve, tops, hull, passed, own, count, sees, e, inverse):
    """Correct what the receivers of a block see by the points on a curve before their own.

    `sees` says what of: the ground on a flattened Earth, on a round one, or the cover over one Earth. `tops[hull]` is
    the hull's last vertex; neighbours see nearly the same vertices.
    """
    top, at, highest_at = tops[hull], 0, 0
    for m in range(np.uint64(count)):
        k = int(e[K + m])
        stop = k - own
        if stop > passed + 1:
            top = _pass(curve, top, passed + 1, stop)
            passed = stop - 1
        direct = e[sees + DIRECT + m]
        if stop <= 1 or e[sees + FROM_TX + m] < direct:
            continue
        rx_m = e[sees + RX_M + m]
        at = _tangent(curve, min(at, top), top, k, rx_m)
        x = curve.hull_x[at]
        slope = (curve.hull_y[at] - rx_m) * inverse[k - int(x)]
        if slope > e[sees + FROM_RX + m]:
            e[sees + FROM_RX + m], e[sees + RX_POINT + m] = slope, x
        if sees == ROUND:
            highest_at = _steeper(curve, min(highest_at, top), top, direct)
            highest = curve.hull_y[highest_at] - e[TX_M] - direct * curve.hull_x[highest_at]
            e[sees + HIGHEST + m] = max(e[sees + HIGHEST + m], highest)
    tops[hull] = top


@compiled
def _look_over(curve, own, count, earth, e, root):
    """Correct the knife-edge parameter over cover of the paths in line of sight by the points before their own."""
    for m in range(np.uint64(count)):
        k, direct = int(e[K + m]), e[earth + DIRECT + m]
        if k - own > 1 and e[earth + FROM_TX + m] < direct:
            nu = steepest(curve.y, root, root, 1, k - own, k, e[TX_M], direct)
            e[earth + HIGHEST + m] = max(e[earth + HIGHEST + m], nu)


@compiled
def put_ends(count, near, with_clutter, first_coast, tables, link, ray):
    """Put the paths whose ends stand in `ray.ends` in the block; `K` never falls from one to the next on a ray."""
    e, ground_m, cover_m, w = ray.ends.rows, ray.ends.ground_m, ray.ends.cover_m, ray.block
    own, passed = ground_m.shape[0] - 1, ray.passed[0]
    inverse, root = tables.steps.inverse, tables.steps.root
    ends.begin(e, ground_m[0], count, ray.round.y[0], link)
    ends.take_stems(e, count, own, ray.tx_point, ray.total, ray.weighted)
    ends.take_slopes(e, count, own, FLAT, ray.flat.tx_slope)
    ends.take_slopes(e, count, own, ROUND, ray.round.tx_slope)
    ends.scan_ground(e, ground_m, count)
    _look_back(ray.round, ray.tops, 0, passed, own, count, ROUND, e, inverse)
    _look_back(ray.flat, ray.tops, 1, passed, own, count, FLAT, e, inverse)
    over = ray.over if with_clutter else ray.flat
    ends.take_slopes(e, count, own, MEDIAN, over.tx_slope)
    ends.scan_cover(e, ground_m, cover_m, count, near, MEDIAN)
    if with_clutter:
        _look_back(over, ray.tops, 2, passed, own, count, MEDIAN, e, inverse)
    else:
        ends.copy_from_rx(e, count, FLAT, MEDIAN)
    _look_over(over, own, count, MEDIAN, e, root)
    ends.put_reach(w, e, count, tables.reach)
    ends.put_horizons(w, e, ground_m[0], count)
    ends.put_obstacle(w, rows.MEDIAN_EARTH, e, MEDIAN, count)
    if link.times.time_pct < 50.0:
        ends.take_slopes(e, count, own, BETA, ray.over_beta.tx_slope)
        ends.scan_cover(e, ground_m, cover_m, count, near, BETA)
        _look_back(ray.over_beta, ray.tops, 3, passed, own, count, BETA, e, inverse)
        _look_over(ray.over_beta, own, count, BETA, e, root)
        ends.put_obstacle(w, rows.BETA_EARTH, e, BETA, count)
    last = int(e[K + np.uint64(count - 1)])
    ray.passed[0] = max(last - own - 1, passed)
    if first_coast <= last:
        _put_zones(count, first_coast, ray)
    else:
        rows.put_inland(w)


@compiled
def _put_zones(count, first_coast, ray):
    w, zones = ray.block, ray.zones
    for m in range(np.uint64(count)):
        k = int(ray.ends.rows[K + m])
        mixed = k >= first_coast
        total = w[rows.DISTANCE + m]
        w[rows.SEA_FRACTION + m] = zones.sea[k] / total if mixed else 0.0
        w[rows.LAND + m], w[rows.INLAND + m] = zones.land[k] if mixed else total, zones.inland[k] if mixed else total
        w[rows.TX_COAST + m] = zones.tx_coast[k] if mixed else NO_COAST_KM
        w[rows.RX_COAST + m] = zones.rx_coast[k] if mixed else NO_COAST_KM


@compiled
def _put_roughness(m, tables, link, ray):
    """`_block.put_roughness` of a path, whose own points follow those of the ray."""
    w = ray.block
    k, step_km = int(w[rows.STEPS + m]), w[rows.STEP + m]
    drop = 500.0 / link.effective_radius_km * step_km * step_km
    start = max(k - ray.ends.ground_m.shape[0] + 1, 0)
    for i in range(start, k + 1):
        ray.terrain_m[i] = ray.ends.ground_m[k - i, m]
        ray.flat_m[i] = ray.terrain_m[i] - drop * (np.float64(i) * np.float64(i))
    rows.put_roughness(
        w, m, ray.round.y, ray.flat.y, max(start, 1), ray.terrain_m, ray.flat_m, ray.ends.rows[TX_M], link, tables.steps
    )


@compiled
def fill_end_losses(count, with_sea, terms, tables, link, ray, loss):
    """Fill `loss[n_freq, count]` with the losses of the paths in the block."""
    w, tx_ground_m = ray.block, ray.ends.rows[ends.TX_GROUND]
    full = rows.fill_up(w, count)
    if with_sea:
        rows.fill_zones(w, full, link)
    rows.complete(w, full, tx_ground_m, link)
    for j in range(terms.shape[0]):
        band = band_of(terms[j])
        n_ducting = rows.diffract(w, full, tx_ground_m, band, link, with_sea, ray.which)
        for q in range(n_ducting):
            m = np.uint64(ray.which[q])
            if m < np.uint64(count) and math.isnan(w[rows.ROUGHNESS + m]):
                _put_roughness(m, tables, link, ray)
        rows.combine(w, ray.packed, full, tx_ground_m, band, link, ray.which, n_ducting)
        for place in range(count):
            loss[j, place] = w[rows.LOSS_DB + np.uint64(place)]


@compiled
def ray_loss(terrain_m, clutter_m, zone, needed, terms, tables, link, ray, loss):
    """Fill `loss[n_freq, n]` at every point that is `needed`; the others are left as they are.

    `clutter_m` may be empty (no clutter on the ray), and so may `zone` (inland throughout).
    """
    n, e, near = terrain_m.size, ray.ends.rows, ends.near_points(tables.step_km, link)
    clutter_m, values, points = clutter_m.copy(), np.empty((terms.shape[0], BLOCK)), np.empty(BLOCK, np.int64)
    first_coast = start_ray(terrain_m, clutter_m, zone, near, tables, link, ray)
    count = 0
    for k in range(MIN_POINTS - 1, n):
        if needed[k]:
            m = np.uint64(count)
            e[K + m], e[ends.STEP + m], points[count] = k, tables.step_km, k
            for j in range(ray.ends.ground_m.shape[0]):
                ray.ends.ground_m[j, m] = terrain_m[max(k - j, 0)]
                ray.ends.cover_m[j, m] = clutter_m[max(k - j, 0)] if clutter_m.size > 0 else 0.0
            count += 1
        if count == BLOCK or (count > 0 and k == n - 1):
            put_ends(count, near, clutter_m.size > 0, first_coast, tables, link, ray)
            fill_end_losses(count, first_coast <= k, terms, tables, link, ray, values)
            for j in range(terms.shape[0]):
                for place in range(count):
                    loss[j, points[place]] = values[j, place]
            count = 0
