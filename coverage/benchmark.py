"""How fast this machine computes: one mast's fields on rough terrain from a seed, and how such figures are taken."""

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phusong.coverage.field import loss_field
from phusong.geodata.grid import Raster
from phusong.geodata.sample.rough import patchy_clutter, rough_terrain

PACKAGES = ("numba", "llvmlite", "numpy", "phusong")
CELL_M, RELIEF_M_PER_KM = 30.0, 60.0
ONE_BAND_GHZ, THREE_BANDS_GHZ = (1.8,), (0.7, 1.8, 2.6)
PATH_STRIDE = 8  # the path evaluator is measured on every eighth row


def measure_engine(*, radius_km: float = 15.0, repeat: int = 3) -> dict[str, Any]:
    """Measure one mast's fields with clutter at 30 m.

    Parameters
    ----------
    radius_km
        Radius of the fields [km].
    repeat
        Counted runs of each figure, of which the median is told.

    Returns
    -------
    Processor time on one thread a pixel [µs] by time percentage, bands and evaluator; wall time of one mast with three
    bands on all threads [s]; how much faster two threads are than one.
    """
    size = 2 * (int(1e3 * radius_km / CELL_M) + 3) + 1
    terrain = rough_terrain(size, cell_m=CELL_M, relief_m=RELIEF_M_PER_KM * radius_km)
    clutter = patchy_clutter(terrain)
    x_m, y_m = terrain.grid.transform @ (size // 2 + 0.5, size // 2 + 0.5)
    rows = np.zeros(terrain.grid.shape, dtype=bool)
    rows[::PATH_STRIDE] = True

    def field(freqs_ghz: tuple[float, ...] = ONE_BAND_GHZ, *, threads: int | None = 1, **more: Any) -> int:
        found = loss_field(
            terrain, clutter, x_m=x_m, y_m=y_m, tx_height_agl_m=30.0, rx_height_agl_m=1.5, freqs_ghz=freqs_ghz,
            radius_m=1e3 * radius_km, mid_lat_deg=17.5, delta_n=55.0, surface_refractivity=350.0, threads=threads,
            **more,
        )  # fmt: skip
        return int(np.isfinite(found.path_loss_db[0]).sum())

    def us(**more: Any) -> float:
        return round(1e6 * processor_seconds(partial(field, **more), repeat) / field(**more), 3)

    one, two = (wall_seconds(partial(field, threads=threads), repeat) for threads in (1, 2))
    return {
        "radius_km": radius_km,
        "pixels": field(),
        "sweep_p50_1_band_us": us(),
        "sweep_p50_3_bands_us": us(freqs_ghz=THREE_BANDS_GHZ),
        "sweep_p10_1_band_us": us(time_pct=10.0),
        "path_p50_1_band_us": us(mode="path", wanted=Raster(rows, terrain.grid)),
        "two_threads_speed_up": round(one / two, 2),
        "new_mast_3_bands_s": round(wall_seconds(partial(field, THREE_BANDS_GHZ, threads=None), repeat), 3),
    }


def describe_machine() -> dict[str, Any]:
    """Cores, processor, memory and versions."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return platform.processor() or platform.machine()
    lines = facts.read_text().splitlines()
    fields = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    fields = {name.strip(): value for name, value in fields.items()}
    return f"{fields.get('model name', '?')}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"


def processor_seconds(run: Callable[[], object], repeat: int) -> float:
    """Median processor time of all threads, after one run that is not counted (it compiles)."""
    return _median(run, repeat, time.process_time)


def wall_seconds(run: Callable[[], object], repeat: int) -> float:
    """Median wall time after one run that is not counted."""
    return _median(run, repeat, time.perf_counter)


def _median(run: Callable[[], object], repeat: int, clock: Callable[[], float]) -> float:
    run()
    times = []
    for _ in range(repeat):
        begin = clock()
        run()
        times.append(clock() - begin)
    return statistics.median(times)
