"""What a computation would cost, before it is made: the `--dry-run`."""

import os
from dataclasses import dataclass
from datetime import date

import numpy as np

from phusong.coverage.cache import LookOnly
from phusong.coverage.cache_limit import cache_limit_bytes, limit_warnings
from phusong.coverage.levels import Levels
from phusong.coverage.masts import Geometry, find_geometries
from phusong.coverage.network import Network
from phusong.coverage.prepare import Prepared, prepare
from phusong.geodata.workspace import Workspace

SAMPLE_US = 1.2  # measured cost of one pixel of one mast on one thread [µs], `scripts/bench`
BAND_US = 0.4  # and of every further band
BYTES_PER_PIXEL = 1.4  # of a cached field on disk, measured


@dataclass(frozen=True)
class Plan:
    """What a computation would do: the `--dry-run`.

    `disk_mb` is the working set, all fields of the present stations; `cached_fields` how many of them the cache holds,
    which take none of the `minutes`.
    """

    stations: int
    geometries: int
    fields: int
    cached_fields: int
    pixels: int
    minutes: float
    disk_mb: float
    cache_limit_mb: float
    warnings: list[dict[str, str]]


def plan(workspace: Workspace, *, as_of: date | None = None, planned: bool = False, threads: int | None = None) -> Plan:
    """What `compute` would do, and about how long it would take with what the cache holds.

    Raises
    ------
    MissingLayerError, InputError
        As `compute`.
    """
    cache = LookOnly(workspace.cache_dir)
    prepared = prepare(workspace, as_of or date.today(), cache=cache, planned=planned)
    radius_m = 1e3 * workspace.settings.model.radius_km
    geometries = find_geometries(prepared, radius_m)
    settings = workspace.settings
    levels = Levels(prepared, settings.model, settings.calibration, cache)
    cached = pixels = stored = 0
    cost_us = 0.0
    for geometry in geometries:
        count = _pixel_count(prepared, geometry, radius_m)
        pixels += count
        held = cache.holds_field(levels.keys(geometry)[0])
        cached += held * len(geometry.freqs_ghz)
        stored += count * len(geometry.freqs_ghz)
        cost_us += (not held) * count * (SAMPLE_US + BAND_US * (len(geometry.freqs_ghz) - 1))
    stored_bytes = stored * BYTES_PER_PIXEL
    return Plan(
        stations=len(prepared.stations),
        geometries=len(geometries),
        fields=sum(len(geometry.freqs_ghz) for geometry in geometries),
        cached_fields=cached,
        pixels=pixels,
        minutes=round(cost_us / 60e6 / (threads or os.cpu_count() or 1), 2),
        disk_mb=round(stored_bytes / 1e6, 1),
        cache_limit_mb=round(cache_limit_bytes(settings.cache_limit_gb, stored_bytes) / 1e6, 1),
        warnings=limit_warnings(settings.cache_limit_gb, stored_bytes),
    )


def _pixel_count(prepared: Prepared, geometry: Geometry, radius_m: float) -> int:
    """Pixels that the field of a geometry answers."""
    if geometry.window is None:
        return 0
    rows, cols = geometry.window.slices
    xs, ys = prepared.grid.centres()
    near = np.hypot(xs[None, cols] - geometry.x_m, ys[rows, None] - geometry.y_m) <= radius_m
    return int((near & prepared.wanted.values[rows, cols]).sum())


def missing_bytes(prepared: Prepared, levels: Levels, network: Network) -> float:
    """About what the fields take on disk that the cache does not hold."""
    radius_m = 1e3 * levels.model.radius_km
    return BYTES_PER_PIXEL * sum(
        len(geometry.freqs_ghz) * _pixel_count(prepared, geometry, radius_m)
        for geometry, key in zip(network.geometries, network.field_keys, strict=True)
        if not levels.cache.holds_field(key)
    )
