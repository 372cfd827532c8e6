"""What is carried forward along an equally spaced ray: terms of distance, running maxima and sums, hulls and zones."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation import _ends as ends
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.propagation._ends import Ends
from phusong.coverage.propagation._profile import COASTAL, NO_COAST_KM, SEA
from phusong.coverage.propagation._steps import StepTables, step_tables
from phusong.coverage.propagation._terms import EARTH_RADIUS_KM, K_BETA, Link

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


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
