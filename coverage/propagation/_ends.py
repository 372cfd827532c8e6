"""The last points of a block of paths, each path's own, side by side: what they add to what a ray has passed.

A block is one array of rows of `BLOCK` places, one place a path, as in `_block`. Slopes are metres a step; heights on
the flattened Earth are lower by drop i^2 at point i of a path that ends at point k.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _block as rows
from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._math import log
from phusong.coverage.propagation._profile import TOLERANCE_KM
from phusong.coverage.propagation._terms import EARTH_RADIUS_KM, K_BETA

OWN_POINTS = 16  # before its end that a path has of its own

# What an evaluator fills: the number of the last point, the step [km]. Of the transmitter's two heights there is one
# number.
K, STEP, TX_M, TX_GROUND, TOTAL, WEIGHTED = (np.uint64(BLOCK * row) for row in range(6))

# What is seen of the ground on a flattened and on a round Earth, and of the cover on the median and the beta_0 % Earth
FLAT, ROUND, MEDIAN, BETA = (np.uint64(BLOCK * row) for row in (5, 13, 21, 29))
(
    DROP, DIRECT, RX_M, FROM_TX, FROM_RX, TX_POINT, RX_POINT,
    HIGHEST,  # over the direct line: the height on a round Earth, the knife-edge parameter over cover
) = (np.uint64(BLOCK * row) for row in range(1, 9))  # fmt: skip

COL, ROW, COL_STEP, ROW_STEP, RIGHT, BELOW = (np.uint64(BLOCK * row) for row in range(38, 44))
_ROWS = 44
_NOTHING = -1e300


class Ends(NamedTuple):
    """The rows of a block, and the last points of its paths, from the end back."""

    rows: npt.NDArray[np.float64]
    ground_m: npt.NDArray[np.float64]  # [1 + own, BLOCK]
    cover_m: npt.NDArray[np.float64]  # [1 + own, BLOCK]
    cell: npt.NDArray[np.int32]  # [BLOCK]


@compiled
def near_points(step_km, link):
    """How many points beside either end are bare of clutter."""
    return int((link.clear_km + TOLERANCE_KM) / step_km)


@compiled
def own_points(near, n):
    """How many points before its end a path of up to `n` has of its own: at least the `near` ones, bare of clutter."""
    return min(max(OWN_POINTS, near), n)


@compiled
def new_ends(own):
    """An empty block of paths that have `own` points of their own before the last."""
    return Ends(
        np.zeros(_ROWS * BLOCK), np.zeros((own + 1, BLOCK)), np.zeros((own + 1, BLOCK)), np.zeros(BLOCK, np.int32)
    )


@compiled
def begin(e, last_m, count, tx_ground_m, link):
    """Fill what follows from the two ends."""
    tx = tx_ground_m + link.tx_agl_m
    e[TX_M], e[TX_GROUND] = tx, tx_ground_m
    median, beta = 500.0 / link.effective_radius_km, 500.0 / (K_BETA * EARTH_RADIUS_KM)
    for m in range(np.uint64(count)):
        k, square = e[K + m], e[STEP + m] * e[STEP + m]
        rx = last_m[m] + link.rx_agl_m
        rise = (rx - tx) / k
        e[ROUND + DIRECT + m], e[ROUND + RX_M + m] = rise, rx
        drop = median * square
        e[FLAT + DROP + m] = e[MEDIAN + DROP + m] = drop
        e[FLAT + DIRECT + m] = e[MEDIAN + DIRECT + m] = rise - drop * k
        e[FLAT + RX_M + m] = e[MEDIAN + RX_M + m] = rx - drop * k * k
        drop = beta * square
        e[BETA + DROP + m], e[BETA + DIRECT + m], e[BETA + RX_M + m] = drop, rise - drop * k, rx - drop * k * k


@compiled
def take_stems(e, count, own, tx_point, total, weighted):
    """Take the horizon and the sums of the points before the own ones from those running along a ray."""
    for m in range(np.uint64(count)):
        at = max(int(e[K + m]) - own - 1, 0)
        e[FLAT + TX_POINT + m], e[TOTAL + m], e[WEIGHTED + m] = tx_point[at], total[at], weighted[at]


@inlined
def take_slopes(e, count, own, sees, tx_slope):
    """Take the steepest slope from the transmitter to the points before the own ones."""
    for m in range(np.uint64(count)):
        e[sees + FROM_TX + m] = tx_slope[max(int(e[K + m]) - own - 1, 0)]
        e[sees + FROM_RX + m] = e[sees + HIGHEST + m] = _NOTHING


@inlined
def _keep_highest(e, row, value, is_counted):
    e[row] = value if is_counted and value > e[row] else e[row]


@compiled
def scan_ground(e, ground_m, count):
    """Scan the ground of the own points."""
    tx = e[TX_M]
    for back in range(ground_m.shape[0] - 1, 0, -1):
        j, inverse, own_m = np.float64(back), 1.0 / np.float64(back), ground_m[back]
        for m in range(np.uint64(count)):
            i = e[K + m] - j
            flat = own_m[m] - e[FLAT + DROP + m] * (i * i)
            slope = (flat - tx) / i if i >= 1.0 else _NOTHING
            before, point = e[FLAT + FROM_TX + m], e[FLAT + TX_POINT + m]
            is_more = slope > before
            e[FLAT + FROM_TX + m], e[FLAT + TX_POINT + m] = slope if is_more else before, i if is_more else point
            slope = (flat - e[FLAT + RX_M + m]) * inverse if i >= 1.0 else _NOTHING
            before, point = e[FLAT + FROM_RX + m], e[FLAT + RX_POINT + m]
            is_more = slope >= before
            e[FLAT + FROM_RX + m], e[FLAT + RX_POINT + m] = slope if is_more else before, i if is_more else point
        for m in range(np.uint64(count)):
            i, h = e[K + m] - j, own_m[m]
            is_between = i >= 1.0
            _keep_highest(e, ROUND + FROM_TX + m, (h - tx) / i, is_between)
            _keep_highest(e, ROUND + FROM_RX + m, (h - e[ROUND + RX_M + m]) * inverse, is_between)
            _keep_highest(e, ROUND + HIGHEST + m, h - tx - e[ROUND + DIRECT + m] * i, is_between)
            e[TOTAL + m] += h if is_between else 0.0
            e[WEIGHTED + m] += i * h if is_between else 0.0


@inlined
def scan_cover(e, ground_m, cover_m, count, near, earth):
    """Scan ground and cover of the own points over one Earth; within `near` points of either end there is no cover."""
    tx = e[TX_M]
    for back in range(ground_m.shape[0] - 1, 0, -1):
        j, inverse = np.float64(back), 1.0 / np.float64(back)
        root, own_m, over_m = math.sqrt(inverse), ground_m[back], cover_m[back]
        bare_upto = np.float64(near) if back > near else np.inf
        for m in range(np.uint64(count)):
            i = e[K + m] - j
            is_between, from_tx = i >= 1.0, 1.0 / i
            over = own_m[m] - e[earth + DROP + m] * (i * i) + (over_m[m] if i > bare_upto else 0.0)
            _keep_highest(e, earth + FROM_TX + m, (over - tx) * from_tx, is_between)
            _keep_highest(e, earth + FROM_RX + m, (over - e[earth + RX_M + m]) * inverse, is_between)
            nu = (over - tx - e[earth + DIRECT + m] * i) * (math.sqrt(from_tx) * root)
            _keep_highest(e, earth + HIGHEST + m, nu, is_between)


@compiled
def copy_from_rx(e, count, sees, other):
    """Copy what the receivers see of one curve to another."""
    for m in range(np.uint64(count)):
        e[other + FROM_RX + m] = e[sees + FROM_RX + m]


@compiled
def put_horizons(w, e, last_m, count):
    """Put horizons (eqs 76 to 83), obstruction (eqs 89 to 89c) and the surface (eqs 85, 86) of the paths in the block.

    In line of sight the horizons are found later, where ducting asks for them.
    """
    first_m = e[TX_GROUND]
    for m in range(np.uint64(count)):
        k, step_km, ground = e[K + m], e[STEP + m], last_m[m]
        total, rise, direct, drop = k * step_km, e[ROUND + DIRECT + m], e[FLAT + DIRECT + m], e[FLAT + DROP + m]
        w[rows.STEP + m], w[rows.STEPS + m], w[rows.ROUGHNESS + m], w[rows.RX_GROUND + m] = step_km, k, np.nan, ground
        w[rows.V1 + m] = step_km * (2.0 * e[TOTAL + m] + first_m + ground)
        w[rows.V2 + m] = step_km * step_km * (6.0 * e[WEIGHTED + m] + first_m + (3.0 * k - 1.0) * ground)
        is_in_sight = e[FLAT + FROM_TX + m] <= direct
        w[rows.IN_SIGHT + m] = 1.0 if is_in_sight else 0.0
        w[rows.TX_HORIZON + m] = 0.0 if is_in_sight else e[FLAT + TX_POINT + m] * step_km
        w[rows.RX_HORIZON + m] = 0.0 if is_in_sight else total - e[FLAT + RX_POINT + m] * step_km
        tx_slope = direct if is_in_sight else e[FLAT + FROM_TX + m]
        rx_slope = -rise - drop * k if is_in_sight else e[FLAT + FROM_RX + m] - 2.0 * drop * k
        w[rows.TX_HORIZON_SLOPE + m], w[rows.RX_HORIZON_SLOPE + m] = tx_slope / step_km, rx_slope / step_km
        w[rows.OBSTRUCTION + m] = e[ROUND + HIGHEST + m] if e[ROUND + FROM_TX + m] > rise else 0.0
        w[rows.TX_OBSTRUCTION_SLOPE + m] = e[ROUND + FROM_TX + m] - rise
        w[rows.RX_OBSTRUCTION_SLOPE + m] = e[ROUND + FROM_RX + m] + rise


@compiled
def put_reach(w, e, count, reach):
    """Put the terms of the distance: those that change slowly from a ray's table."""
    for m in range(np.uint64(count)):
        k = int(e[K + m])
        for field in range(rows.REACH_ROWS):
            w[np.uint64(BLOCK * field) + m] = reach[k, field]
    for m in range(np.uint64(count)):
        total = e[K + m] * e[STEP + m]
        w[rows.DISTANCE + m], w[rows.LOG_DISTANCE + m] = total, 20.0 / math.log(10.0) * log(total)


@inlined
def put_obstacle(w, earth, e, sees, count):
    """Put what makes `bullington_nu` over one Earth in the block."""
    for m in range(np.uint64(count)):
        k, step_km = e[K + m], e[STEP + m]
        rise = e[sees + DROP + m] * k
        is_in_sight = e[sees + FROM_TX + m] < e[sees + DIRECT + m]
        w[earth + rows.NU + m] = e[sees + HIGHEST + m] * math.sqrt(0.002 * k / step_km) if is_in_sight else np.nan
        w[earth + rows.TX_SLOPE + m] = 1.0 if is_in_sight else (e[sees + FROM_TX + m] + rise) / step_km
        w[earth + rows.RX_SLOPE + m] = 1.0 if is_in_sight else (e[sees + FROM_RX + m] - rise) / step_km
