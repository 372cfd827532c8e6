"""People of a population raster put on the analysis grid, none lost and none made.

Dasymetric mapping: the people of a source cell go to the pixels whose centre lies in it and that are land, by
weights of the land cover (J. K. Wright, "A method of mapping densities of population", Geographical Review,
1936; J. Mennis, "Generating surface models of population using dasymetric mapping", The Professional
Geographer, 2003). A warp with `sum` resampling is not used: it loses people.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Allocation:
    """People on the analysis grid.

    Parameters
    ----------
    people
        Persons per pixel `[y, x]`.
    cell
        Which cell's people the pixel holds, −1 where nobody lives: the flat index (row × columns + column) of
        the source cell, or of the pixel itself where source cells are smaller than pixels. A pixel that also
        takes people moved from elsewhere keeps its own cell.
    moved
        Source cells (flat index) whose people went to the nearest land pixel for want of one inside, and how
        many people.
    total_people
        Sum of the source inside the grid, a cell cut by the edge counting by area.
    """

    people: Floats
    cell: npt.NDArray[np.int32]
    moved: list[tuple[int, float]]
    total_people: float


@dataclass(frozen=True, eq=False)
class _Cells:
    """Source cells with people in the grid: flat index, people there, x and y of the centre of that part."""

    index: Ints
    people: Floats
    x: Floats
    y: Floats


def allocate_population(
    source: Raster,
    grid: Grid,
    land: npt.NDArray[np.bool_],
    weight: npt.NDArray[Any],
    *,
    block_rows: int = 256,
) -> Allocation:
    """Allocate the people of a raster to the pixels of a grid.

    The people of a source cell go to the eligible pixels (land of positive weight) whose centre lies in it,
    in proportion to the weights. A cell without such a centre gives them to the pixel that holds the centre
    of its part inside the grid; if that is not eligible, the nearest eligible pixel takes them and the cell
    is listed in `moved`. The sum over the pixels is `total_people` but for rounding.

    Parameters
    ----------
    source
        Persons per cell, north up, in any CRS; NaN and the raster's "no data" count as nobody.
    grid
        The analysis grid, in metres.
    land
        Pixels where people may live `[y, x]`.
    weight
        Relative number of people per pixel `[y, x]`; only ratios matter.
    block_rows
        Rows worked on at a time; the result does not depend on it.

    Raises
    ------
    InputError
        Negative people, or people but no eligible pixel.
    """
    if land.shape != grid.shape or weight.shape != grid.shape:
        raise InputError(
            f"land {land.shape} and weight {weight.shape} must have the shape of the grid {grid.shape}",
            vi=f"land {land.shape} và weight {weight.shape} phải cùng kích thước với lưới {grid.shape}",
        )
    cells = _cells_inside(source, grid)
    total = float(cells.people.sum())
    eligible = land & (weight > 0)
    if total > 0.0 and not eligible.any():
        raise InputError(
            f"{total:.0f} people but no land pixel with a population weight above 0; check land cover and weights",
            vi=f"Có {total:.0f} người nhưng không có điểm ảnh đất liền nào có trọng số dân số lớn hơn 0; "
            "hãy kiểm tra lớp phủ và trọng số",
        )
    amount = np.zeros(source.values.size)
    amount[cells.index] = cells.people
    cell = _cells_of_pixels(source.grid, grid, eligible, amount, block_rows)
    weight_sum, people = _spread(cell, weight, amount)
    left = weight_sum[cells.index] == 0.0
    moved = _place_rest(people, cell, _take(cells, left), eligible, grid)
    if _pixel_is_coarser(source.grid, grid):
        cell[people > 0.0] = np.flatnonzero(people > 0.0)
    return Allocation(people, cell, moved, total)


def _people_of(source: Raster) -> Floats:
    """People of the source cells as a flat float64 array; "no data" is nobody."""
    people = source.values.astype(np.float64).ravel()
    nobody = np.isnan(people)
    if source.nodata is not None:
        nobody |= people == source.nodata
    people[nobody] = 0.0
    wrong = (people < 0.0) | np.isinf(people)
    if wrong.any():
        raise InputError(
            f"people per cell must be finite and not negative, got {people[wrong][0]:g}",
            vi=f"Số người mỗi ô phải hữu hạn và không âm, gặp {people[wrong][0]:g}",
        )
    return people


def _cells_inside(source: Raster, grid: Grid) -> _Cells:
    """The source cells with people and a part inside the grid; people by the share of area of that part."""
    people = _people_of(source)
    index = np.flatnonzero(people > 0.0)
    corners = _corners(source.grid, grid.crs, index)
    west, south, east, north = grid.bounds
    x, y = corners[..., 0], corners[..., 1]
    apart = (x.max(1) <= west) | (x.min(1) >= east) | (y.max(1) <= south) | (y.min(1) >= north)
    index, corners = index[~apart], corners[~apart]
    x, y = corners[..., 0], corners[..., 1]
    share, centre_x, centre_y = np.ones(len(index)), x.mean(axis=1), y.mean(axis=1)
    cut = (x.min(1) < west) | (x.max(1) > east) | (y.min(1) < south) | (y.max(1) > north)
    whole = shapely.polygons(corners[cut])
    part = shapely.intersection(whole, shapely.box(west, south, east, north))
    share[cut] = shapely.area(part) / shapely.area(whole)
    kept = share > 0.0  # a turned cell may pass by a corner
    centre = shapely.centroid(part[kept[cut]])
    centre_x[cut & kept], centre_y[cut & kept] = shapely.get_x(centre), shapely.get_y(centre)
    return _Cells(index[kept], (people[index] * share)[kept], centre_x[kept], centre_y[kept])


def _corners(source: Grid, crs: str, index: Ints) -> Floats:
    """Corners of source cells in another CRS `[n, 4, 2]`."""
    row, col = np.divmod(index, source.shape[1])
    rows, cols = row[:, None] + np.array([0, 0, 1, 1]), col[:, None] + np.array([0, 1, 1, 0])
    x = source.transform.c + cols * source.transform.a
    y = source.transform.f + rows * source.transform.e
    if CRS(source.crs) != CRS(crs):
        x, y = Transformer.from_crs(source.crs, crs, always_xy=True).transform(x, y)
    return np.stack([x, y], axis=-1)


def _cells_of_pixels(
    source: Grid, grid: Grid, eligible: npt.NDArray[np.bool_], amount: Floats, block_rows: int
) -> npt.NDArray[np.int32]:
    """Flat index of the source cell with people that holds the centre of each eligible pixel, else −1."""
    to_source = None
    if CRS(source.crs) != CRS(grid.crs):
        to_source = Transformer.from_crs(grid.crs, source.crs, always_xy=True)
    xs, ys = grid.centres()
    cell = np.full(grid.shape, -1, dtype=np.int32)
    for begin in range(0, grid.shape[0], block_rows):
        rows, cols = np.nonzero(eligible[begin : begin + block_rows])
        rows += begin
        x, y = xs[cols], ys[rows]
        if to_source is not None:
            x, y = to_source.transform(x, y)
        inside = source.contains(x, y)
        source_row, source_col = source.index(x[inside], y[inside])
        flat = source_row * source.shape[1] + source_col
        cell[rows[inside], cols[inside]] = np.where(amount[flat] > 0.0, flat, -1)
    return cell


def _spread(cell: npt.NDArray[np.int32], weight: npt.NDArray[Any], amount: Floats) -> tuple[Floats, Floats]:
    """Sum of weights per source cell, and the people of every pixel that has a cell `[y, x]`.

    Row by row, so that the sums do not depend on blocks.
    """
    people = np.zeros(cell.shape)
    weight_sum = np.zeros(amount.size)
    for row in range(cell.shape[0]):
        cols = np.flatnonzero(cell[row] >= 0)
        np.add.at(weight_sum, cell[row, cols], weight[row, cols].astype(np.float64))
    per_weight = np.divide(amount, weight_sum, out=np.zeros_like(amount), where=weight_sum > 0.0)
    for row in range(cell.shape[0]):
        cols = np.flatnonzero(cell[row] >= 0)
        people[row, cols] = per_weight[cell[row, cols]] * weight[row, cols]
    return weight_sum, people


def _take(cells: _Cells, chosen: npt.NDArray[np.bool_]) -> _Cells:
    return _Cells(cells.index[chosen], cells.people[chosen], cells.x[chosen], cells.y[chosen])


def _place_rest(
    people: Floats,
    cell: npt.NDArray[np.int32],
    cells: _Cells,
    eligible: npt.NDArray[np.bool_],
    grid: Grid,
) -> list[tuple[int, float]]:
    """Place the cells that hold no eligible pixel centre; list those that had to move."""
    rows, cols = grid.index(cells.x, cells.y)
    # A centre on the south or east edge belongs to the last pixel.
    rows, cols = np.clip(rows, 0, grid.shape[0] - 1), np.clip(cols, 0, grid.shape[1] - 1)
    homeless = np.flatnonzero(~eligible[rows, cols])
    moved = []
    for k in homeless:
        rows[k], cols[k] = _nearest_eligible(eligible, grid, float(cells.x[k]), float(cells.y[k]))
        moved.append((int(cells.index[k]), float(cells.people[k])))
    np.add.at(people, (rows, cols), cells.people)
    free = cell[rows, cols] < 0
    cell[rows[free], cols[free]] = cells.index[free]
    return moved


def _nearest_eligible(eligible: npt.NDArray[np.bool_], grid: Grid, x: float, y: float) -> tuple[int, int]:
    """Row and column of the eligible pixel whose centre is nearest; of equals the north-westernmost."""
    col = (x - grid.transform.c) / grid.transform.a - 0.5
    row = (y - grid.transform.f) / grid.transform.e - 0.5
    ny, nx = grid.shape
    reach = 2
    while True:
        r0, c0 = max(int(row) - reach, 0), max(int(col) - reach, 0)
        r1, c1 = min(int(row) + reach + 1, ny), min(int(col) + reach + 1, nx)
        rows, cols = np.nonzero(eligible[r0:r1, c0:c1])
        distance2 = np.asarray((rows + r0 - row) ** 2 + (cols + c0 - col) ** 2)
        complete = (r0, c0, r1, c1) == (0, 0, ny, nx)
        if rows.size:
            best = int(np.argmin(distance2))
            if complete or distance2[best] <= (reach - 1) ** 2:
                return int(rows[best]) + r0, int(cols[best]) + c0
        reach *= 2


def _pixel_is_coarser(source: Grid, grid: Grid) -> bool:
    """Whether a source cell in the middle of the source is smaller than a pixel."""
    ny, nx = source.shape
    middle = np.array([(ny // 2) * nx + nx // 2])
    area = np.asarray(shapely.area(shapely.polygons(_corners(source, grid.crs, middle))))
    return float(area[0]) < 0.999 * grid.resolution_m**2
