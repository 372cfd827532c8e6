"""What a ray and a path of equal steps have in common: scans over points `i`, and the knife edge over a smooth Earth.

Heights `y` may be those of a flattened Earth, y = h - 500 C d^2 with C = 1 / effective radius; slopes are metres a
step.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._profile import bullington_point_nu

Floats = npt.NDArray[np.float64]
NEWTON_STEPS = 4
_SIGN_BIT, _OTHER_BITS = np.int64(63), np.int64(2**63 - 1)


class StepTables(NamedTuple):
    """Functions of a point's number alone."""

    one: Floats  # [n] 1 throughout
    root: Floats  # [n] 1 / sqrt(i)
    inverse: Floats  # [n] 1 / i


@compiled
def step_tables(n):
    """Tables for profiles of up to `n` points."""
    root, inverse = np.zeros(n), np.zeros(n)
    for i in range(1, n):
        root[i] = 1.0 / math.sqrt(i)
        inverse[i] = 1.0 / i
    return StepTables(np.ones(n), root, inverse)


@inlined
def ordered(x):
    """A number as an integer in the same order: a maximum of integers is found side by side."""
    bits = np.float64(x).view(np.int64)
    return bits ^ ((bits >> _SIGN_BIT) & _OTHER_BITS)


@inlined
def number_of(order):
    """The number that `ordered` made an integer."""
    return np.int64(order ^ ((order >> _SIGN_BIT) & _OTHER_BITS)).view(np.float64)


@compiled
def steepest(y, near, far, first, stop, k, start, slope):
    """Largest (y_i - start - slope i) near_i far_(k - i) for first <= i < stop."""
    lowest, rest = np.uint64(first), np.uint64(k - first)
    best = ordered(-1e300)
    for i in range(np.uint64(stop - first)):
        at = lowest + i
        value = (y[at] - start - slope * np.float64(at)) * near[at] * far[rest - i]
        best = max(best, ordered(value))
    return number_of(best)


@compiled
def last_point_of(value, y, near, far, first, stop, k, start, slope):
    """The last point at which `steepest` reaches its `value`."""
    lowest, rest = np.uint64(first), np.uint64(k - first)
    found = np.int64(first)
    for i in range(np.uint64(stop - first)):
        at = lowest + i
        reached = (y[at] - start - slope * np.float64(at)) * near[at] * far[rest - i] == value
        found = max(found, np.int64(at) if reached else np.int64(0))
    return found


@inlined
def _smooth_slope(step_km, steps, height_m, bulge):
    """Steepest slope [m/km] from a height over one end to a smooth Earth's points; `bulge` is 500 / a_p [m/km^2]."""
    middle = math.floor(math.sqrt(height_m / bulge) / step_km)
    near = min(max(middle, 1.0), steps - 1.0)
    far = min(max(middle + 1.0, 1.0), steps - 1.0)
    return max(
        bulge * (steps - near) * step_km - height_m / (near * step_km),
        bulge * (steps - far) * step_km - height_m / (far * step_km),
    )


@inlined
def _smooth_parameter(i, steps, tx_m, rx_m, rise):
    """Height of a smooth Earth over the line of sight at point `i`, over the root of i (steps - i)."""
    rest = steps - i
    return (rise * i * rest - (tx_m * rest + rx_m * i) / steps) / math.sqrt(i * rest)


@inlined
def smooth_nu(step_km, steps, tx_m, rx_m, bulge):
    """Knife-edge parameter of the Bullington construction over a smooth Earth on a path's points (§4.3.2).

    In line of sight it has one maximum, at the one root of a cubic in the share w of the path from its lower end, w at
    most one half. With w^2 / 2 for w^3 the cubic is a parabola whose root is at most one and a half times its own;
    from there Newton's steps fall towards it.
    """
    total = steps * step_km
    tx_slope = _smooth_slope(step_km, steps, tx_m, bulge)
    rx_slope = _smooth_slope(step_km, steps, rx_m, bulge)
    rise = bulge * step_km * step_km
    a = rise * steps * steps
    low_m = min(tx_m, rx_m)
    b = tx_m + rx_m - a
    w = min((math.sqrt(b * b + 8.0 * a * low_m) - b) / (4.0 * a), 0.5)
    for _ in range(NEWTON_STEPS):
        value = ((3.0 - 2.0 * w) * a * w + b) * w - low_m
        w -= value / (6.0 * a * w * (1.0 - w) + b)
    u = w if tx_m < rx_m else 1.0 - w
    low = min(max(math.floor(u * steps), 1.0), steps - 1.0)
    high = min(low + 1.0, steps - 1.0)
    best = max(_smooth_parameter(low, steps, tx_m, rx_m, rise), _smooth_parameter(high, steps, tx_m, rx_m, rise))
    in_sight = best * math.sqrt(0.002 * steps / step_km)
    beyond = bullington_point_nu(total, tx_slope, rx_slope, tx_m, rx_m)
    return beyond if tx_slope >= (rx_m - tx_m) / total else in_sight
