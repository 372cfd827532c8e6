"""Compiled sampling of rasters along straight lines, in pixel units: (0, 0) is the centre of the first cell."""

from phusong.coverage.propagation._compile import compiled


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
def sample_line(terrain, clutter, zone, col, row, col_step, row_step, ground_m, terrain_m, clutter_m, zones):
    """Fill a profile that starts at (`col`, `row`), where the ground is `ground_m`, with equal steps.

    `clutter` and `zone` may be empty; then `clutter_m` and `zones` are left as they are.
    """
    terrain_m[0] = ground_m
    for i in range(1, terrain_m.size):
        terrain_m[i] = bilinear(terrain, col + i * col_step, row + i * row_step)
    if clutter.size > 0:
        for i in range(terrain_m.size):
            clutter_m[i] = nearest(clutter, col + i * col_step, row + i * row_step)
    if zone.size > 0:
        for i in range(terrain_m.size):
            zones[i] = nearest(zone, col + i * col_step, row + i * row_step)
