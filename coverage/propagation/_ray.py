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

import numpy as np

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation import _ends as ends
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._carried import start_ray
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
    K,
)
from phusong.coverage.propagation._profile import NO_COAST_KM
from phusong.coverage.propagation._steps import steepest
from phusong.coverage.propagation._terms import band_of

MIN_POINTS = 5  # a profile of fewer points is outside the Recommendation


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
    start = max(k - ray.ends.ground_m.shape[0] + 1, 1)
    for i in range(start, k + 1):
        ray.terrain_m[i] = ray.ends.ground_m[k - i, m]
        ray.flat_m[i] = ray.terrain_m[i] - drop * (np.float64(i) * np.float64(i))
    rows.put_roughness(
        w, m, ray.round.y, ray.flat.y, start, ray.terrain_m, ray.flat_m, ray.ends.rows[TX_M], link, tables.steps
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
