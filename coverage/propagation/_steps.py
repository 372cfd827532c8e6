"""What a ray and a path of equal steps have in common: scans over points `i`, and the diffraction over one Earth.

Heights `y` are those of a flattened Earth, y = h - 500 C d^2 with C = 1 / effective radius; slopes are metres a step.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled, compiled_maximum
from phusong.coverage.propagation._formulas import Diffraction, spherical_clearance
from phusong.coverage.propagation._profile import bullington_point_nu

Floats = npt.NDArray[np.float64]


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


@compiled
def _smooth_slope(step_km, k, height_m, bulge):
    """Steepest slope [m/km] from a height over one end to a smooth Earth's points; `bulge` is 500 / a_p [m/km^2]."""
    best = -np.inf
    middle = int(math.sqrt(height_m / bulge) / step_km)
    for i in (min(max(middle, 1), k - 1), min(max(middle + 1, 1), k - 1)):
        d = i * step_km
        best = max(best, bulge * (k - i) * step_km - height_m / d)
    return best


@compiled
def _smooth_nu(step_km, k, root, tx_m, rx_m, bulge):
    """Knife-edge parameter of the Bullington construction over a smooth Earth on the ray's points (§4.3.2)."""
    total = k * step_km
    tx_slope = _smooth_slope(step_km, k, tx_m, bulge)
    if tx_slope >= (rx_m - tx_m) / total:
        rx_slope = _smooth_slope(step_km, k, rx_m, bulge)
        return bullington_point_nu(total, tx_slope, rx_slope, tx_m, rx_m)
    low, high = 1, k - 1  # the parameter has one maximum: halve on the sign of its step
    value_scale = bulge * step_km * step_km
    while low < high:
        i = (low + high) // 2
        j = i + 1
        here = (value_scale * i * (k - i) - (tx_m * (k - i) + rx_m * i) / k) * root[i] * root[k - i]
        there = (value_scale * j * (k - j) - (tx_m * (k - j) + rx_m * j) / k) * root[j] * root[k - j]
        if there > here:
            low = j
        else:
            high = i
    best = (value_scale * low * (k - low) - (tx_m * (k - low) + rx_m * low) / k) * root[low] * root[k - low]
    return best * math.sqrt(0.002 * k / step_km)


@compiled
def diffraction_over(nu, step_km, k, root, tx_m, rx_m, radius_km, wavelength_root):
    """Diffraction over one effective Earth; the smooth path is looked at only where the spherical Earth obstructs."""
    clearance, required, first_term_radius = spherical_clearance(k * step_km, tx_m, rx_m, radius_km, wavelength_root)
    smooth = 0.0
    if clearance <= required * wavelength_root:
        smooth = _smooth_nu(step_km, k, root, tx_m, rx_m, 500.0 / radius_km)
    return Diffraction(nu, smooth, clearance, required, first_term_radius)
