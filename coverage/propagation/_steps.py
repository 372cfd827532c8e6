"""What a ray and a path of equal steps have in common: scans over points `i`, and the diffraction over one Earth.

Heights `y` are those of a flattened Earth, y = h - 500 C d^2 with C = 1 / effective radius; slopes are metres a step.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled, compiled_maximum, inlined
from phusong.coverage.propagation._profile import bullington_point_nu

Floats = npt.NDArray[np.float64]
NEWTON_STEPS = 4  # beyond the first


class StepTables(NamedTuple):
    """Functions of a point's number alone, 0 at 0."""

    root: Floats  # [n] 1 / sqrt(i)
    inverse: Floats  # [n] 1 / i
    square: Floats  # [n] i^2


@compiled
def step_tables(n):
    """Tables for profiles of up to `n` points."""
    root, inverse, square = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(1, n):
        root[i] = 1.0 / math.sqrt(i)
        inverse[i] = 1.0 / i
        square[i] = i * i
    return StepTables(root, inverse, square)


@compiled_maximum
def largest(values, first, stop):
    """Largest of `values[first:stop]`, eight at a time, which the processor can compare side by side."""
    a = b = c = d = e = f = g = h = -1e300
    i = first
    while i + 7 < stop:
        a, b = max(a, values[i]), max(b, values[i + 1])
        c, d = max(c, values[i + 2]), max(d, values[i + 3])
        e, f = max(e, values[i + 4]), max(f, values[i + 5])
        g, h = max(g, values[i + 6]), max(h, values[i + 7])
        i += 8
    while i < stop:
        a = max(a, values[i])
        i += 1
    return max(a, b, c, d, e, f, g, h)


@compiled
def first_at(value, values, first, stop):
    """The first place of `values[first:stop]` that holds `value`; all are compared, which is quicker than stopping."""
    where = stop
    for i in range(first, stop):
        where = min(where, i if values[i] == value else stop)
    return where


@compiled
def last_at(value, values, first, stop):
    """The last place of `values[first:stop]` that holds `value`."""
    where = first
    for i in range(first, stop):
        where = max(where, i if values[i] == value else first)
    return where


@compiled
def max_nu(y, root, first, stop, k, start, slope, row):
    """Largest (y_i - start - slope i) / sqrt(i (k - i)) for first <= i < stop, all of them in `row`."""
    for i in range(first, stop):
        row[i] = (y[i] - start - slope * i) * root[i] * root[k - i]
    return largest(row, first, stop)


@compiled
def argmax_nu(y, root, k, start, slope, row):
    """The last point at which the value of `max_nu` over the whole path is reached."""
    return last_at(max_nu(y, root, 1, k, k, start, slope, row), row, 1, k)


@compiled
def max_above(h, first, last, start, slope, row):
    """Largest height above the line `start + slope * i` for first <= i <= last, all of them in `row`."""
    for i in range(first, last + 1):
        row[i] = h[i] - start - slope * i
    return largest(row, first, last + 1)


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

    In line of sight it has one maximum, at the one root of a cubic in the share u of the path; from the middle, where
    the cubic has its inflection, Newton's steps fall towards the root from one side.
    """
    total = steps * step_km
    tx_slope = _smooth_slope(step_km, steps, tx_m, bulge)
    rx_slope = _smooth_slope(step_km, steps, rx_m, bulge)
    rise = bulge * step_km * step_km
    a = rise * steps * steps
    u = 0.5 + 0.5 * (tx_m - rx_m) / (0.5 * a + tx_m + rx_m)
    for _ in range(NEWTON_STEPS):
        value = a * u * (1.0 - 2.0 * u) * (1.0 - u) + tx_m * (1.0 - u) - rx_m * u
        u -= value / (a * (6.0 * u * (u - 1.0) + 1.0) - tx_m - rx_m)
    low = min(max(math.floor(u * steps), 1.0), steps - 1.0)
    high = min(low + 1.0, steps - 1.0)
    best = max(
        _smooth_parameter(low, steps, tx_m, rx_m, rise), _smooth_parameter(high, steps, tx_m, rx_m, rise)
    )
    in_sight = best * math.sqrt(0.002 * steps / step_km)
    beyond = bullington_point_nu(total, tx_slope, rx_slope, tx_m, rx_m)
    return beyond if tx_slope >= (rx_m - tx_m) / total else in_sight
