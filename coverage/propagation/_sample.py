"""Compiled sampling of rasters along straight lines, in pixel units: (0, 0) is the centre of the first cell."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._ends import BELOW, COL, COL_STEP, RIGHT, ROW, ROW_STEP, K

Floats = npt.NDArray[np.float64]


class LineWork(NamedTuple):
    """Places to work in while a line is sampled, each `[n]`."""

    cell: npt.NDArray[np.int32]  # the cell that a point needs first, counted through the rows
    right: Floats  # how far right of and below that cell's centre the point lies
    below: Floats


@compiled
def line_work(n):
    """Places to work in for lines of up to `n` points."""
    return LineWork(np.empty(n, np.int32), np.empty(n), np.empty(n))


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


@inlined
def _nearest_index(x):
    whole = math.floor(x)
    return int(whole) + (1 if x - whole >= 0.5 else 0)


@compiled
def nearest(values, col, row):
    """Value of the cell that holds the point, or of the nearest cell for a point outside."""
    ny, nx = values.shape
    return values[min(max(_nearest_index(row), 0), ny - 1), min(max(_nearest_index(col), 0), nx - 1)]


@compiled
def _is_inside(values, col, row, col_step, row_step, last):
    """Whether the points 0 to `last` of a line lie where four cell centres surround each of them."""
    ny, nx = values.shape
    if values.size >= 2**31:  # cells are counted in 32 bits
        return False
    col_end, row_end = col + last * col_step, row + last * row_step
    across = min(col, col_end) >= 0.0 and max(col, col_end) < nx - 1
    return across and min(row, row_end) >= 0.0 and max(row, row_end) < ny - 1


@compiled
def _find_cells(width, col, row, col_step, row_step, work):
    """Fill `work` for the points of a line from the second on: the processor does it side by side."""
    for i in range(np.uint64(1), np.uint64(work.cell.size)):
        x, y = col + np.float64(i) * col_step, row + np.float64(i) * row_step
        j, k = np.int32(x), np.int32(y)
        work.right[i], work.below[i] = x - j, y - k
        work.cell[i] = k * width + j


@compiled
def _bilinear_line(values, work, out):
    """Fill `out` from its second point on with `bilinear` of a line inside."""
    flat = values.ravel()
    width = np.uint64(values.shape[1])
    for i in range(np.uint64(1), np.uint64(out.size)):
        at = np.uint64(work.cell[i])  # unsigned: no look-up from the array's end
        north_west, north_east = np.float64(flat[at]), np.float64(flat[at + np.uint64(1)])
        south_west, south_east = np.float64(flat[at + width]), np.float64(flat[at + width + np.uint64(1)])
        west = north_west + (south_west - north_west) * work.below[i]
        east = north_east + (south_east - north_east) * work.below[i]
        out[i] = west + (east - west) * work.right[i]


@compiled
def _find_nearest(width, work):
    """Turn the cells of `_find_cells` into the nearest ones."""
    for i in range(np.uint64(1), np.uint64(work.cell.size)):
        right = np.int32(1) if work.right[i] >= 0.5 else np.int32(0)
        below = width if work.below[i] >= 0.5 else np.int32(0)
        work.cell[i] += right + below


@compiled
def _nearest_line(values, work, out):
    """Fill `out` from its second point on with `nearest` of a line inside."""
    flat = values.ravel()
    for i in range(np.uint64(1), np.uint64(out.size)):
        out[i] = flat[np.uint64(work.cell[i])]


@compiled
def sample_line(terrain, clutter, zone, col, row, col_step, row_step, ground_m, terrain_m, clutter_m, zones, work):
    """Fill a profile that starts at (`col`, `row`), where the ground is `ground_m`, with equal steps.

    `clutter` and `zone` may be empty; then `clutter_m` and `zones` are left as they are. `work` is a place to work in
    for at least as many points.
    """
    n = terrain_m.size
    terrain_m[0] = ground_m
    if clutter.size > 0:
        clutter_m[0] = nearest(clutter, col, row)
    if zone.size > 0:
        zones[0] = nearest(zone, col, row)
    if _is_inside(terrain, col, row, col_step, row_step, n - 1):
        width = np.int32(terrain.shape[1])
        line = LineWork(work.cell[:n], work.right[:n], work.below[:n])
        _find_cells(width, col, row, col_step, row_step, line)
        _bilinear_line(terrain, line, terrain_m)
        if clutter.size > 0 or zone.size > 0:
            _find_nearest(width, line)
        if clutter.size > 0:
            _nearest_line(clutter, line, clutter_m)
        if zone.size > 0:
            _nearest_line(zone, line, zones)
        return
    for i in range(1, n):
        terrain_m[i] = bilinear(terrain, col + i * col_step, row + i * row_step)
    if clutter.size > 0:
        for i in range(1, n):
            clutter_m[i] = nearest(clutter, col + i * col_step, row + i * row_step)
    if zone.size > 0:
        for i in range(1, n):
            zones[i] = nearest(zone, col + i * col_step, row + i * row_step)


@compiled
def sample_ends(terrain, clutter, count, ends):
    """Fill ground and cover of the own points from rasters, from `COL`, `ROW` on back by `COL_STEP`, `ROW_STEP`."""
    e, cell, own = ends.rows, ends.cell, ends.ground_m.shape[0] - 1
    n_down, n_across = terrain.shape[0] - 1.0, terrain.shape[1] - 1.0
    is_inside = terrain.size < 2**31
    for m in range(np.uint64(count)):
        back = min(np.float64(own), e[K + m])
        for part in (0.0, back):
            col, row = e[COL + m] - part * e[COL_STEP + m], e[ROW + m] - part * e[ROW_STEP + m]
            is_inside &= col >= 0.0 and row >= 0.0 and col < n_across and row < n_down
    width, wide = np.int32(terrain.shape[1]), np.uint64(terrain.shape[1])
    heights, covers = terrain.ravel(), clutter.ravel()
    for j in range(own + 1):
        ground_m, cover_m = ends.ground_m[j], ends.cover_m[j]
        if not is_inside:
            for m in range(np.uint64(count)):
                back = min(np.float64(j), e[K + m])
                col, row = e[COL + m] - back * e[COL_STEP + m], e[ROW + m] - back * e[ROW_STEP + m]
                ground_m[m] = bilinear(terrain, col, row)
                cover_m[m] = nearest(clutter, col, row) if clutter.size > 0 else 0.0
            continue
        for m in range(np.uint64(count)):
            back = min(np.float64(j), e[K + m])
            col, row = e[COL + m] - back * e[COL_STEP + m], e[ROW + m] - back * e[ROW_STEP + m]
            across, down = np.int32(col), np.int32(row)
            e[RIGHT + m], e[BELOW + m], cell[m] = col - across, row - down, down * width + across
        for m in range(np.uint64(count)):
            first = np.uint64(cell[m])
            north_west, north_east = np.float64(heights[first]), np.float64(heights[first + np.uint64(1)])
            south_west = np.float64(heights[first + wide])
            south_east = np.float64(heights[first + wide + np.uint64(1)])
            west = north_west + (south_west - north_west) * e[BELOW + m]
            east = north_east + (south_east - north_east) * e[BELOW + m]
            ground_m[m] = west + (east - west) * e[RIGHT + m]
        if covers.size > 0:
            for m in range(np.uint64(count)):
                right = np.int32(1) if e[RIGHT + m] >= 0.5 else np.int32(0)
                below = width if e[BELOW + m] >= 0.5 else np.int32(0)
                cover_m[m] = covers[np.uint64(cell[m] + right + below)]
