"""The loss from one mast to every pixel: the one bridge between rasters and the bare-array kernels."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.link import location_sigma_db
from phusong.coverage.propagation import _field
from phusong.coverage.propagation._carried import ray_tables
from phusong.coverage.propagation._ray import MIN_POINTS
from phusong.coverage.propagation._sample import bilinear, line_work, sample_line
from phusong.coverage.propagation._terms import Link
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import ZONES, make_link
from phusong.geodata.grid import Grid, Raster

Floats = npt.NDArray[np.float64]
SEA, INLAND = 1, 4


@dataclass(frozen=True, eq=False)
class LossField:
    """Loss from one mast to the pixels of a grid; NaN outside the radius or where no answer is wanted.

    Attributes
    ----------
    path_loss_db
        Basic transmission loss, float32 `[n_freq, ny, nx]` [dB].
    grid
        Grid of the pixels.
    """

    path_loss_db: npt.NDArray[np.float32]
    grid: Grid
    freqs_ghz: tuple[float, ...]
    fill_distance_3d_m: Callable[[], Floats]
    at_sea: npt.NDArray[np.bool_] | None

    @cached_property
    def free_space_db(self) -> npt.NDArray[np.float32]:
        """Free-space loss over the three-dimensional distance, float32 `[n_freq, ny, nx]` [dB]."""
        slant = np.where(np.isnan(self.path_loss_db[0]), np.nan, 20.0 * np.log10(self.fill_distance_3d_m()) - 60.0)
        return np.stack([92.4 + 20.0 * math.log10(f) + slant for f in self.freqs_ghz]).astype(np.float32)

    @cached_property
    def sigma_l_db(self) -> npt.NDArray[np.float32]:
        """Standard deviation of location variability, float32 `[n_freq, ny, nx]`, 0 at sea [dB]."""
        land = np.where(np.isnan(self.path_loss_db[0]), np.nan, 1.0)
        if self.at_sea is not None:
            land[self.at_sea & ~np.isnan(land)] = 0.0
        sigmas = [location_sigma_db(f, self.grid.resolution_m) for f in self.freqs_ghz]
        return np.stack([sigma * land for sigma in sigmas]).astype(np.float32)


class _Place(NamedTuple):
    """The rasters of a field as bare arrays, and the mast in their pixels."""

    terrain: npt.NDArray[np.float32]
    clutter: npt.NDArray[np.float32]
    zone: npt.NDArray[np.uint8]
    col: float
    row: float
    ground_m: float


def loss_field(
    terrain: Raster,
    clutter: Raster | None,
    *,
    x_m: float,
    y_m: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    freqs_ghz: Sequence[float],
    radius_m: float,
    time_pct: float = 50.0,
    polarization: str = "vertical",
    mid_lat_deg: float,
    delta_n: float,
    surface_refractivity: float,
    spacing_m: float = 30.0,
    end_clearance_m: float = 50.0,
    zone: Raster | None = None,
    mode: Literal["sweep", "path"] = "sweep",
    wanted: Raster | None = None,
    ground_amsl_m: float | None = None,
    threads: int | None = None,
) -> LossField:
    """P.1812 loss from a mast to every wanted pixel within a radius.

    Nearer than the larger of 0.25 km and four steps, the loss is free space at the mast, blended linearly in distance
    into P.1812 at that limit on the same ray.

    Parameters
    ----------
    terrain
        Terrain height on a projected grid of square cells [m amsl].
    clutter
        Representative clutter height on the same grid, None for bare ground [m].
    x_m, y_m
        The mast, in the CRS of the grid [m].
    tx_height_agl_m, rx_height_agl_m
        Antenna heights above ground, 1 to 3000 [m].
    freqs_ghz
        Frequencies, evaluated together `[n_freq]` [GHz].
    radius_m
        Pixels whose centre is farther away are left NaN [m].
    time_pct, polarization, mid_lat_deg, delta_n, surface_refractivity
        As in `p1812.path_loss_db`; constant over the field.
    spacing_m
        Step of the profiles; with clutter the result depends on it [m].
    end_clearance_m
        Intermediate points within this distance of either end are taken as bare of clutter [m].
    zone
        Radio-climatic zone codes on the same grid; None is inland throughout.
    mode
        `"path"`: every pixel over its own profile. `"sweep"`: the ground farther from the pixel than its last steps is
        that of the nearest of rays a pixel and a half apart at most.
    wanted
        Pixels an answer is asked for (bool); None is all.
    ground_amsl_m
        Ground height at the mast; None takes it from the terrain [m amsl].
    threads
        Threads to use; None is one for each processor. The result does not depend on it.

    Returns
    -------
    LossField
        On the grid of `terrain`.

    Raises
    ------
    OutOfValidityError
        A quantity outside its range, rasters on different grids, a mast outside the terrain, or ground that a path may
        touch with a hole, a clutter height below 0 or an unknown zone.

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1.
    """
    _check_spacing(spacing_m, end_clearance_m)
    terms, link = make_link(
        freqs_ghz, time_pct, tx_height_agl_m, rx_height_agl_m, polarization, mid_lat_deg, delta_n,
        surface_refractivity, 1e-3 * end_clearance_m,
    )  # fmt: skip
    if mode not in ("sweep", "path"):
        raise OutOfValidityError(f'`mode` must be "sweep" or "path", got "{mode}"')
    place, window, reach = _prepare(terrain, clutter, zone, wanted, x_m, y_m, radius_m, spacing_m, ground_amsl_m)
    pixel_m = terrain.grid.resolution_m
    by_path_within = math.inf if mode == "path" else 1e3 * _field.near_limit_km(1e-3 * spacing_m) / pixel_m
    flags = np.empty((0, 0), np.bool_) if wanted is None else wanted.values.astype(np.bool_, copy=False)
    near, far = _field.find_pixels(flags, place.col, place.row, *window, by_path_within, reach)

    path_loss = np.full((terms.shape[0], *terrain.grid.shape), np.nan, dtype=np.float32)
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        _by_path(pool, workers, place, near, pixel_m, spacing_m, terms, link, path_loss)
        _by_sweep(pool, workers, place, far, pixel_m, spacing_m, radius_m, terms, link, path_loss)

    def distance_3d_m() -> Floats:
        rows, cols = np.arange(terrain.grid.shape[0])[:, None], np.arange(terrain.grid.shape[1])[None, :]
        flat_m = np.hypot(rows - place.row, cols - place.col) * pixel_m
        drop_m = place.ground_m + tx_height_agl_m - place.terrain - rx_height_agl_m
        distance_m: Floats = np.maximum(np.hypot(flat_m, drop_m), 1.0)
        return distance_m

    at_sea = None if zone is None else zone.values == SEA
    return LossField(path_loss, terrain.grid, tuple(float(f) for f in freqs_ghz), distance_3d_m, at_sea)


def point_loss_db(
    terrain: Raster,
    clutter: Raster | None,
    *,
    x_m: float,
    y_m: float,
    to_x_m: npt.ArrayLike,
    to_y_m: npt.ArrayLike,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    freqs_ghz: Sequence[float],
    time_pct: float = 50.0,
    polarization: str = "vertical",
    mid_lat_deg: float,
    delta_n: float,
    surface_refractivity: float,
    spacing_m: float = 30.0,
    end_clearance_m: float = 50.0,
    zone: Raster | None = None,
) -> Floats:
    """P.1812 loss from a mast to points at their exact positions, each over its own profile.

    Parameters
    ----------
    to_x_m, to_y_m
        The points `[n]`, in the CRS of the grid [m].
    terrain, clutter, x_m, y_m, tx_height_agl_m, rx_height_agl_m, freqs_ghz, time_pct, polarization, mid_lat_deg, \
delta_n, surface_refractivity, spacing_m, end_clearance_m, zone
        As in `loss_field`.

    Returns
    -------
    ndarray
        Loss `[n_freq, n]` [dB].

    Raises
    ------
    OutOfValidityError
        As `loss_field`; also a point outside the terrain.
    """
    _check_spacing(spacing_m, end_clearance_m)
    terms, link = make_link(
        freqs_ghz, time_pct, tx_height_agl_m, rx_height_agl_m, polarization, mid_lat_deg, delta_n,
        surface_refractivity, 1e-3 * end_clearance_m,
    )  # fmt: skip
    if not terrain.grid.contains(to_x_m, to_y_m).all():
        raise OutOfValidityError("a point lies outside the terrain raster")
    cols, rows = (np.atleast_1d(part) for part in terrain.grid.pixel_position(to_x_m, to_y_m))
    place = _place(terrain, clutter, zone, x_m, y_m, None)
    pixel_m = terrain.grid.resolution_m
    _check_paths(place, cols, rows, pixel_m, spacing_m)
    loss = np.empty((terms.shape[0], cols.size))
    _field.path_losses(*place, 1e-3 * pixel_m, cols, rows, 1e-3 * spacing_m, terms, link, loss)
    return loss


def _check_spacing(spacing_m: float, end_clearance_m: float) -> None:
    if not 0.0 < spacing_m < math.inf:
        raise OutOfValidityError(f"`spacing_m` must be positive, got {spacing_m}")
    if not 0.0 <= end_clearance_m < math.inf:
        raise OutOfValidityError(f"`end_clearance_m` must be at least 0, got {end_clearance_m}")


def _place(
    terrain: Raster, clutter: Raster | None, zone: Raster | None, x_m: float, y_m: float, ground_amsl_m: float | None
) -> _Place:
    grid = terrain.grid
    for name, raster in (("clutter", clutter), ("zone", zone)):
        if raster is not None and raster.grid != grid:
            raise OutOfValidityError(f"`{name}` must lie on the grid of the terrain")
    if not grid.contains(x_m, y_m).all():
        raise OutOfValidityError(f"the mast at ({x_m:.1f}, {y_m:.1f}) lies outside the terrain raster")
    col, row = (float(part) for part in grid.pixel_position(x_m, y_m))
    heights = np.ascontiguousarray(terrain.values, dtype=np.float32)
    ground = ground_amsl_m
    if ground is None:
        ground = float(bilinear(heights, col, row))
    if not math.isfinite(ground):
        raise OutOfValidityError(f"the mast at ({x_m:.1f}, {y_m:.1f}) stands in a hole of the terrain")
    return _Place(
        heights,
        np.empty((0, 0), np.float32) if clutter is None else np.ascontiguousarray(clutter.values, dtype=np.float32),
        np.empty((0, 0), np.uint8) if zone is None else np.ascontiguousarray(zone.values, dtype=np.uint8),
        col,
        row,
        ground,
    )


def _check_ground(terrain: npt.NDArray[Any], clutter: npt.NDArray[Any], zone: npt.NDArray[Any]) -> None:
    """Refuse what cannot stand in a profile: holes of the terrain, clutter that is no height, unknown zones."""
    if terrain.size and math.isnan(terrain.min()):
        raise OutOfValidityError("the terrain has a hole under a path")
    if clutter.size and not clutter.min() >= 0.0:
        raise OutOfValidityError(f"`clutter` must be at least 0, got {clutter[~(clutter >= 0.0)][0]:g} under a path")
    if not np.isin(zone, ZONES).all():
        raise OutOfValidityError(f"`zone` must be 1, 3 or 4, got {zone[~np.isin(zone, ZONES)][0]} under a path")


def _check_paths(place: _Place, cols: Floats, rows: Floats, pixel_m: float, spacing_m: float) -> None:
    """Check every profile to points; where all ground between them is sound, none needs a look of its own."""
    limit = 1e3 * _field.near_limit_km(1e-3 * spacing_m) / pixel_m
    bounds = [
        slice(max(int(min(centre, part.min()) - limit) - 1, 0), int(max(centre, part.max()) + limit) + 3)
        for centre, part in ((place.row, rows), (place.col, cols))
        if part.size
    ]
    try:
        _check_ground(*(part[tuple(bounds)] if part.size else part for part in place[:3]))
    except OutOfValidityError:
        for col, row in zip(cols, rows, strict=True):
            _check_ground(*_profile_to(place, col, row, limit, spacing_m / pixel_m))


def _profile_to(
    place: _Place, col: float, row: float, limit: float, step: float
) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    """The profile to one point as the path evaluator takes it; `limit` and `step` in pixels."""
    east, south = col - place.col, row - place.row
    length = math.hypot(east, south)
    steps = max(int(max(length, limit) / step + 0.5), MIN_POINTS - 1)
    part = max(length, limit) / (length * steps) if length > 0.0 else 0.0
    profile = np.empty(steps + 1), np.zeros(steps + 1), np.full(steps + 1, INLAND, np.uint8)
    sample_line(*place[:5], east * part, south * part, place.ground_m, *profile, line_work(steps + 1))
    return profile


def _prepare(
    terrain: Raster, clutter: Raster | None, zone: Raster | None, wanted: Raster | None,
    x_m: float, y_m: float, radius_m: float, spacing_m: float, ground_amsl_m: float | None,
) -> tuple[_Place, tuple[int, int, int, int], float]:  # fmt: skip
    """Check what a field stands on; returns the window that paths may touch and the radius, in pixels."""
    place = _place(terrain, clutter, zone, x_m, y_m, ground_amsl_m)
    if wanted is not None and wanted.grid != terrain.grid:
        raise OutOfValidityError("`wanted` must lie on the grid of the terrain")
    if not 0.0 < radius_m < math.inf:
        raise OutOfValidityError(f"`radius_m` must be positive, got {radius_m}")
    ny, nx = terrain.grid.shape
    pixel_m = terrain.grid.resolution_m
    reach = radius_m / pixel_m
    # a path ends up to half a step beyond its pixel, or at the near limit, and asks the four cells around
    touched = max(reach + 0.5 * spacing_m / pixel_m, 1e3 * _field.near_limit_km(1e-3 * spacing_m) / pixel_m) + 1.5
    top, left = max(math.floor(place.row - touched), 0), max(math.floor(place.col - touched), 0)
    bottom, right = min(math.ceil(place.row + touched) + 1, ny), min(math.ceil(place.col + touched) + 1, nx)
    around = [part[top:bottom, left:right] if part.size else part for part in place[:3]]
    try:
        _check_ground(*around)
    except OutOfValidityError:  # perhaps only in the corners, which no path touches
        distance = np.hypot(np.arange(top, bottom)[:, None] - place.row, np.arange(left, right)[None, :] - place.col)
        _check_ground(*(part[distance <= touched] if part.size else part for part in around))
    return place, (top, bottom, left, right), reach


def _by_path(
    pool: ThreadPoolExecutor, workers: int, place: _Place, pixels: _field.Pixels, pixel_m: float, spacing_m: float,
    terms: Floats, link: Link, path_loss: npt.NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill the pixels of a field, each over its own profile."""

    def run(part: slice) -> None:
        rows, cols = pixels.rows[part], pixels.cols[part]
        loss = np.empty((terms.shape[0], rows.size))
        place_px = cols.astype(float), rows.astype(float)  # as of points, for which the kernel is compiled
        _field.path_losses(*place, 1e-3 * pixel_m, *place_px, 1e-3 * spacing_m, terms, link, loss)
        path_loss[:, rows, cols] = loss

    list(pool.map(run, _parts(pixels.rows.size, workers)))


def _by_sweep(
    pool: ThreadPoolExecutor, workers: int, place: _Place, pixels: _field.Pixels, pixel_m: float, spacing_m: float,
    radius_m: float, terms: Floats, link: Link, path_loss: npt.NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill the pixels of a field, each over its own last points and the nearest ray before them."""
    counts = _field.ray_counts(radius_m / pixel_m)
    n_rays = int(counts.sum())
    n = pixels.rows.size
    ray, sample = np.empty(n, np.int32), np.empty(n, np.int32)

    def assign(part: slice) -> None:
        rows, cols = pixels.rows[part], pixels.cols[part]
        _field.assign_rays(
            cols, rows, place.col, place.row, radius_m / pixel_m, pixel_m / spacing_m, counts, ray[part], sample[part]
        )

    list(pool.map(assign, _parts(n, workers)))
    start, order = _field.group_by_ray(ray, n_rays)
    tables = ray_tables(1e-3 * spacing_m, int(sample.max(initial=0)) + 1, link)

    def run(rays: slice) -> None:
        _field.sweep_losses(
            *place, counts, rays.start, rays.stop, start, order, sample, spacing_m / pixel_m, 1e-3 * pixel_m,
            terms, tables, link, pixels.rows, pixels.cols, path_loss,
        )  # fmt: skip

    list(pool.map(run, _parts(n_rays, workers)))


def _parts(n: int, workers: int) -> list[slice]:
    """Blocks of a range: one for a single worker, else small enough that workers end together."""
    blocks = 1 if workers == 1 else 8 * workers
    edges = np.linspace(0, n, blocks + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if b > a]
