"""What bounds the kernel: how often a sample calls each function, what a call costs here, and the floor they set.

Calls are counted while the kernels run uncompiled, in a process of its own, over a few narrow wedges of each site; a
call costs what it costs in a compiled loop over independent arguments, done side by side as in the kernels. Divisions,
sums, sampling, hulls and comparisons come on top: the floor is a bound, not an estimate.
"""

import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from phusong.coverage.benchmark import processor_seconds
from phusong.coverage.propagation import _math
from phusong.coverage.propagation._compile import compiled
from phusong.geodata.grid import Raster
from scripts.bench_fields import ONE_BAND_GHZ, THREE_BANDS_GHZ, count_pixels, field_of
from scripts.bench_machine import in_own_process
from scripts.bench_sites import Site, sites

N_CALL = 1_000_000
WEDGES_DEG = (20.0, 110.0, 200.0, 290.0)
WEDGE_WIDTH_DEG = 0.4
SAMPLED_BYTES = {"terrain": 16, "clutter": 4}  # four float32 corners of a cell, one float32 height


def measure_operations(radius_km: float, repeat: int, data: Path) -> dict[str, Any]:
    """Calls a sample, nanoseconds a call, and the sum beside the measured cost; with clutter, p = 50 %."""
    costs_ns = {name: round(_call_ns(name, repeat), 2) for name in _LOOPS}
    found: dict[str, Any] = {"ns_per_call": costs_ns, "bytes_sampled_per_point": SAMPLED_BYTES}
    names = [site.name for site in sites(radius_km, data)]
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # of the processes begun from here on
    try:
        counts = {name: in_own_process(_count_calls, name, radius_km, data)[0] for name in names}
    finally:
        del os.environ["NUMBA_DISABLE_JIT"]
    for site in sites(radius_km, data):
        found[site.name] = {
            label: _floor(site, radius_km, repeat, bands, counts[site.name][label], costs_ns)
            for label, bands in (("1_band", ONE_BAND_GHZ), ("3_bands", THREE_BANDS_GHZ))
        }
    return found


def _floor(
    site: Site, radius_km: float, repeat: int, bands: tuple[float, ...], calls: dict[str, float],
    costs_ns: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    samples = count_pixels(field_of(site, radius_km, clutter=True, bands=THREE_BANDS_GHZ))
    seconds = processor_seconds(lambda: field_of(site, radius_km, clutter=True, bands=bands), repeat)
    floor_us = 1e-3 * sum(costs_ns.get(name, 0.0) * count for name, count in calls.items())
    return {
        "calls_per_sample": calls,
        "floor_us": round(floor_us, 3),
        "measured_us": round(1e6 * seconds / samples, 3),
        "measured_to_floor": round(1e6 * seconds / samples / floor_us, 2),
    }


class _CountingMath:
    """The module `math` that counts its calls."""

    def __init__(self, calls: Counter[str]) -> None:
        self.calls = calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(math, name)
        return _counted(name, value, self.calls) if callable(value) else value


def _counted(name: str, function: Callable[..., Any], calls: Counter[str]) -> Callable[..., Any]:
    def counted(*arguments: float) -> Any:
        calls[name] += 1
        try:
            return function(*arguments)
        except ValueError:  # of a sample that takes another branch: compiled, it is NaN there
            return math.nan

    return counted


def _count_calls(name: str, radius_km: float, data: Path) -> dict[str, dict[str, float]]:
    """Calls a sample by function, uncompiled; of one band and of three."""
    site = next(site for site in sites(radius_km, data) if site.name == name)
    wanted = Raster(_wedges(site), site.terrain.grid)
    found = {}
    for label, bands in (("1_band", ONE_BAND_GHZ), ("3_bands", THREE_BANDS_GHZ)):
        calls: Counter[str] = Counter()
        for path, module in sys.modules.items():
            if path.startswith("phusong.coverage.propagation."):
                _count_in(module, calls)
        samples = count_pixels(field_of(site, radius_km, clutter=True, bands=bands, wanted=wanted))
        found[label] = {call: round(n / samples, 2) for call, n in calls.most_common() if n > 0.01 * samples}
    return found


def _count_in(module: ModuleType, calls: Counter[str]) -> None:
    """Make a module of kernels count its calls of elementary functions."""
    if hasattr(module, "math"):
        module.math = _CountingMath(calls)
    for name in _LOOPS:
        if hasattr(module, name):
            setattr(module, name, _counted(name, getattr(_math, name), calls))


def _wedges(site: Site) -> Any:
    ny, nx = site.terrain.grid.shape
    col, row = (float(part) for part in site.terrain.grid.pixel_position(site.x_m, site.y_m))
    bearing = np.degrees(np.arctan2(np.arange(nx)[None, :] - col, row - np.arange(ny)[:, None])) % 360.0
    return np.any([np.abs(bearing - middle) < WEDGE_WIDTH_DEG / 2 for middle in WEDGES_DEG], axis=0)


def _call_ns(name: str, repeat: int) -> float:
    values, out = np.random.default_rng(3).uniform(0.5, 2.0, N_CALL), np.empty(N_CALL)
    return 1e9 * processor_seconds(lambda: _LOOPS[name](values, out), repeat) / N_CALL


@compiled
def _log(values, out):
    for i in range(values.size):
        out[i] = _math.log(values[i])


@compiled
def _exp(values, out):
    for i in range(values.size):
        out[i] = _math.exp(-values[i])


@compiled
def _sqrt(values, out):
    for i in range(values.size):
        out[i] = math.sqrt(values[i])


@compiled
def _atan(values, out):
    for i in range(values.size):
        out[i] = _math.atan(values[i])


@compiled
def _sine_of_third(values, out):
    for i in range(values.size):
        out[i] = _math.sine_of_third(0.5 * values[i])


_LOOPS = {"log": _log, "exp": _exp, "sqrt": _sqrt, "atan": _atan, "sine_of_third": _sine_of_third}
