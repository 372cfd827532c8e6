"""Two evaluators of the loss at pixels around one mast, over the kernels of one path and one ray.

`path_losses` gives every pixel its own exact profile. `sweep_losses` walks rays whose number doubles with distance: the
last points of a pixel's profile are its own, those before them its nearest ray's; the loss is exact for that profile.

Positions are in pixel units relative to the mast; distances in km.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation import _ends as ends
from phusong.coverage.propagation._block import BLOCK, SLANT_DB
from phusong.coverage.propagation._carried import ray_work, start_ray
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.propagation._path import fill_path_losses, path_work, put_path
from phusong.coverage.propagation._ray import MIN_POINTS, fill_end_losses, put_ends
from phusong.coverage.propagation._sample import bilinear, line_work, sample_ends, sample_line
from phusong.coverage.propagation._terms import slant_db

NEAR_KM = 0.25  # P.1812-7 §1: paths from 0.25 km
RAYS_APART_PX = 1.5  # at most, where pixels take them


@compiled
def near_limit_km(spacing_km):
    """Distance below which P.1812 is blended into free space: 0.25 km, or the shortest path of 5 points [km]."""
    return max(NEAR_KM, (MIN_POINTS - 1) * spacing_km)


@compiled
def path_losses(
    terrain, clutter, zone, mast_col, mast_row, ground_m, pixel_km, cols, rows, spacing_km, terms, link, loss
):  # fmt: skip
    """Fill `loss[n_freq, n]` at the points (`cols`, `rows`), each over its own equally stepped profile.

    Nearer than `near_limit_km` the loss lies between free space at the mast and P.1812 at that limit on the same ray.
    """
    limit = near_limit_km(spacing_km)
    longest = int(math.hypot(terrain.shape[0] + terrain.shape[1], 2.0) * pixel_km / spacing_km) + 8
    work, line = path_work(longest), line_work(longest)
    cover = np.empty(longest if clutter.size > 0 else 0)
    zones = np.empty(longest if zone.size > 0 else 0, np.uint8)
    n = cols.size
    for first in range(0, n, BLOCK):
        stop = min(first + BLOCK, n)
        for p in range(first, stop):
            east, south = cols[p] - mast_col, rows[p] - mast_row
            own_km = math.hypot(east, south) * pixel_km
            total = max(own_km, limit)
            k = max(int(total / spacing_km + 0.5), MIN_POINTS - 1)
            if own_km > 0.0:
                scale = total / own_km / k
                col_step, row_step = east * scale, south * scale
            else:  # straight above: any direction serves, its weight is nil
                col_step, row_step = 0.0, -total / pixel_km / k
            profile, own_cover, own_zones = work.ground_m[p - first, : k + 1], cover[: k + 1], zones[: k + 1]
            sample_line(
                terrain, clutter, zone, mast_col, mast_row, col_step, row_step, ground_m, profile, own_cover,
                own_zones, line,
            )  # fmt: skip
            put_path(p - first, k, own_cover, own_zones, total / k, link, work)
        fill_path_losses(stop - first, terms, link, work, loss[:, first:stop])
        for p in range(first, stop):
            own_km = math.hypot(cols[p] - mast_col, rows[p] - mast_row) * pixel_km
            if own_km < limit:
                far_slant_db = work.block[SLANT_DB + np.uint64(p - first)]
                drop = ground_m + link.tx_agl_m - bilinear(terrain, cols[p], rows[p]) - link.rx_agl_m
                for j in range(terms.shape[0]):
                    excess = loss[j, p] - 92.4 - terms[j, 1] - far_slant_db
                    loss[j, p] = 92.4 + terms[j, 1] + slant_db(own_km, drop) + own_km / limit * excess


class Pixels(NamedTuple):
    """Rows and columns of pixels `[n]`."""

    rows: npt.NDArray[np.int32]
    cols: npt.NDArray[np.int32]


@compiled
def find_pixels(wanted, mast_col, mast_row, top, bottom, left, right, near, reach):
    """The wanted pixels of a window nearer to the mast than `near`, and the others within `reach` of it.

    `wanted` may be empty: all are.
    """
    found = np.empty((2, 2, (bottom - top) * (right - left)), np.int32)
    n_near = n_far = 0
    for row in range(top, bottom):
        south = row - mast_row
        for col in range(left, right):
            east = col - mast_col
            square = south * south + east * east
            if square > reach * reach or (wanted.size > 0 and not wanted[row, col]):
                continue
            if square < near * near:
                found[0, 0, n_near], found[0, 1, n_near] = row, col
                n_near += 1
            else:
                found[1, 0, n_far], found[1, 1, n_far] = row, col
                n_far += 1
    return (
        Pixels(found[0, 0, :n_near].copy(), found[0, 1, :n_near].copy()),
        Pixels(found[1, 0, :n_far].copy(), found[1, 1, :n_far].copy()),
    )


@compiled
def ray_counts(radius_pixels):
    """Number of rays `[n_level]` from the outermost level inwards.

    A level reaches half as far as the one outside it, with half the rays: at its outer edge `RAYS_APART_PX` apart.
    """
    levels = max(int(math.log2(max(radius_pixels, 1.0))) - 3, 1)
    unit = int(math.ceil(2.0 * math.pi * radius_pixels / RAYS_APART_PX / 2 ** (levels - 1)))
    counts = np.empty(levels, np.int64)
    for level in range(levels):
        counts[level] = unit * 2 ** (levels - 1 - level)
    return counts


@compiled
def assign_rays(cols, rows, mast_col, mast_row, radius_pixels, steps_per_pixel, counts, ray, sample):
    """Fill the ray (numbered through all levels) nearest to each pixel, and its own number of steps, both `[n]`."""
    base = np.zeros(counts.size + 1, np.int64)
    for level in range(counts.size):
        base[level + 1] = base[level] + counts[level]
    for p in range(cols.size):
        east, south = cols[p] - mast_col, rows[p] - mast_row
        distance = math.hypot(east, south)
        level, reach = 0, 0.5 * radius_pixels
        while level < counts.size - 1 and distance <= reach:
            level += 1
            reach *= 0.5
        turn = math.atan2(east, -south) / (2.0 * math.pi)
        ray[p] = base[level] + int(math.floor(turn * counts[level] + 0.5)) % counts[level]
        sample[p] = int(distance * steps_per_pixel + 0.5)


@compiled
def group_by_ray(ray, n_rays):
    """Pixels ordered by ray: where each ray's pixels start `[n_rays + 1]`, and their positions `[n]`."""
    start = np.zeros(n_rays + 1, np.int64)
    for p in range(ray.size):
        start[ray[p] + 1] += 1
    for r in range(n_rays):
        start[r + 1] += start[r]
    fill = start[:-1].copy()
    order = np.empty(ray.size, np.int32)
    for p in range(ray.size):
        order[fill[ray[p]]] = p
        fill[ray[p]] += 1
    return start, order


@compiled
def _by_sample(start, stop, order, sample, first, sorted_):
    """Put the pixels `order[start:stop]` of a ray in `sorted_` by their samples; `first` is a place to work in."""
    longest = 0
    for q in range(start, stop):
        longest = max(longest, sample[order[q]])
    first[: longest + 2] = 0
    for q in range(start, stop):
        first[sample[order[q]] + 1] += 1
    for k in range(longest + 1):
        first[k + 1] += first[k]
    for q in range(start, stop):
        k = sample[order[q]]
        sorted_[first[k]] = order[q]
        first[k] += 1
    return longest


@compiled
def sweep_losses(
    terrain, clutter, zone, mast_col, mast_row, ground_m, counts, first_ray, stop_ray, start, order, sample,
    step_pixels, pixel_km, terms, tables, link, rows, cols, loss,
):  # fmt: skip
    """Fill `loss[n_freq, ny, nx]` at the pixels of the rays `first_ray` to `stop_ray - 1`."""
    longest = tables.reach.shape[0]
    ground = np.empty(longest)
    cover = np.empty(longest if clutter.size > 0 else 0)
    zones = np.empty(longest if zone.size > 0 else 0, np.uint8)
    near = ends.near_points(tables.step_km, link)
    line, ray = line_work(longest), ray_work(longest, ends.own_points(near, longest))
    places, pixels = np.empty(longest + 1, np.int64), np.empty((start[1:] - start[:-1]).max(), np.int32)
    e, values = ray.ends.rows, np.empty((terms.shape[0], BLOCK))
    level, base = 0, 0
    for number in range(first_ray, stop_ray):
        if start[number] == start[number + 1]:
            continue
        while number >= base + counts[level]:
            base += counts[level]
            level += 1
        count = start[number + 1] - start[number]
        n = _by_sample(start[number], start[number + 1], order, sample, places, pixels) + 1
        azimuth = 2.0 * math.pi * (number - base) / counts[level]
        sample_line(
            terrain, clutter, zone, mast_col, mast_row, step_pixels * math.sin(azimuth),
            -step_pixels * math.cos(azimuth), ground_m, ground[:n], cover[:n], zones[:n], line,
        )  # fmt: skip
        first_coast = start_ray(ground[:n], cover[:n], zones[:n], near, tables, link, ray)
        for first in range(0, count, BLOCK):
            stop = min(first + BLOCK, count)
            for m in range(np.uint64(stop - first)):
                p = pixels[first + np.int64(m)]
                k = np.float64(sample[p])
                col_step, row_step = (cols[p] - mast_col) / k, (rows[p] - mast_row) / k
                e[ends.COL + m], e[ends.ROW + m], e[ends.K + m] = cols[p], rows[p], k
                e[ends.COL_STEP + m], e[ends.ROW_STEP + m] = col_step, row_step
                e[ends.STEP + m] = math.sqrt(col_step * col_step + row_step * row_step) * pixel_km
            sample_ends(terrain, clutter, stop - first, ray.ends)
            put_ends(stop - first, near, clutter.size > 0, first_coast, tables, link, ray)
            with_sea = first_coast <= sample[pixels[stop - 1]]
            fill_end_losses(stop - first, with_sea, terms, tables, link, ray, values)
            for m in range(stop - first):
                p = pixels[first + m]
                for j in range(terms.shape[0]):
                    loss[j, rows[p], cols[p]] = values[j, m]
