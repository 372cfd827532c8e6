"""Compiled sampling of rasters along straight lines, in pixel units: (0, 0) is the centre of the first cell."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled

Floats = npt.NDArray[np.float64]


class LineWork(NamedTuple):
    """Places to work in while a line is sampled, each `[n]`."""

    cell: npt.NDArray[np.int64]  # the cell that a point needs first, counted through the rows
    right: Floats  # how far right of and below that cell's centre the point lies
    below: Floats


@compiled
def line_work(n):
    """Places to work in for lines of up to `n` points."""
    return LineWork(np.empty(n, np.int64), np.empty(n), np.empty(n))


@compiled
def bilinear(values, col, row):
    """Value between the four nearest cell centres; beyond the outermost centres the edge's value holds."""
    ny, nx = values.shape
    col = min(max(col, 0.0), nx - 1.0)
    row = min(max(row, 0.0), ny - 1.0)
    j, i = min(int(col), max(nx - 2, 0)), min(int(row), max(ny - 2, 0))
    right, below = min(j + 1, nx - 1), min(i + 1, ny - 1)
    u, v = col - j, row - i
    top = values[i, j] * (1.0 - u) + values[i, right] * u
    bottom = values[below, j] * (1.0 - u) + values[below, right] * u
    return top * (1.0 - v) + bottom * v


@compiled
def nearest(values, col, row):
    """Value of the cell that holds the point, or of the nearest cell for a point outside."""
    ny, nx = values.shape
    j = min(max(int(col + 0.5), 0), nx - 1)
    i = min(max(int(row + 0.5), 0), ny - 1)
    return values[i, j]


@compiled
def _is_inside(values, col, row, col_step, row_step, last):
    """Whether the points 0 to `last` of a line lie where four cell centres surround each of them."""
    ny, nx = values.shape
    col_end, row_end = col + last * col_step, row + last * row_step
    across = min(col, col_end) >= 0.0 and max(col, col_end) < nx - 1
    return across and min(row, row_end) >= 0.0 and max(row, row_end) < ny - 1


@compiled
def _bilinear_line(values, col, row, col_step, row_step, cell, right, below, out):
    """Fill `out` from its second point on with `bilinear` of a line inside, in two passes.

    The first pass, which the processor does side by side, finds the upper left cells and the places between them.
    """
    flat = values.ravel()
    width = np.uint64(values.shape[1])
    for i in range(1, out.size):
        x, y = col + i * col_step, row + i * row_step
        j, k = np.int64(x), np.int64(y)
        right[i], below[i] = x - j, y - k
        cell[i] = k * values.shape[1] + j
    for i in range(1, out.size):
        at = np.uint64(cell[i])  # unsigned: no look-up from the array's end
        north_west, north_east = np.float64(flat[at]), np.float64(flat[at + np.uint64(1)])
        south_west, south_east = np.float64(flat[at + width]), np.float64(flat[at + width + np.uint64(1)])
        west = north_west + (south_west - north_west) * below[i]
        east = north_east + (south_east - north_east) * below[i]
        out[i] = west + (east - west) * right[i]


@compiled
def _nearest_line(values, col, row, col_step, row_step, cell, out):
    """Fill `out` with `nearest` of a line inside, in two passes as `_bilinear_line`."""
    flat = values.ravel()
    for i in range(out.size):
        j, k = np.int64(col + i * col_step + 0.5), np.int64(row + i * row_step + 0.5)
        cell[i] = k * values.shape[1] + j
    for i in range(out.size):
        out[i] = flat[np.uint64(cell[i])]


@compiled
def sample_line(terrain, clutter, zone, col, row, col_step, row_step, ground_m, terrain_m, clutter_m, zones, work):
    """Fill a profile that starts at (`col`, `row`), where the ground is `ground_m`, with equal steps.

    `clutter` and `zone` may be empty; then `clutter_m` and `zones` are left as they are. `work` is a place to work in
    for at least as many points.
    """
    n = terrain_m.size
    terrain_m[0] = ground_m
    if _is_inside(terrain, col, row, col_step, row_step, n - 1):
        _bilinear_line(terrain, col, row, col_step, row_step, work.cell, work.right, work.below, terrain_m)
        if clutter.size > 0:
            _nearest_line(clutter, col, row, col_step, row_step, work.cell, clutter_m)
        if zone.size > 0:
            _nearest_line(zone, col, row, col_step, row_step, work.cell, zones)
        return
    for i in range(1, n):
        terrain_m[i] = bilinear(terrain, col + i * col_step, row + i * row_step)
    if clutter.size > 0:
        for i in range(n):
            clutter_m[i] = nearest(clutter, col + i * col_step, row + i * row_step)
    if zone.size > 0:
        for i in range(n):
            zones[i] = nearest(zone, col + i * col_step, row + i * row_step)
