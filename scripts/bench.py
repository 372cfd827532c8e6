"""Measure the engine on rough terrain made from a seed: the cost of a pixel, a band, a thread, a whole province.

Every figure is the median of several runs after one that compiles; ratios compare figures of one run only, since
machines drift.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from phusong.coverage.compute import compute
from phusong.coverage.field import loss_field
from phusong.geodata.grid import Raster
from phusong.geodata.workspace import Workspace
from tests.coverage.terrain import LINK, middle, patchy_clutter, rough_terrain

BANDS_GHZ = (0.7, 1.8, 2.6)
CELL_M = 30.0


def median_seconds(run: Callable[[], object], repeat: int) -> float:
    """Median wall time after one run that is not counted."""
    run()
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measure_fields(radius_km: float, repeat: int) -> dict[str, Any]:
    """Microseconds per pixel of one field: bare and with clutter, bands, time percentages, threads, evaluators."""
    size = 2 * int(radius_km * 1e3 / CELL_M) + 3
    terrain = rough_terrain(size, relief_m=900.0)
    clutter = patchy_clutter(terrain)
    pixels = 0

    def microseconds(cover: Raster | None, bands: tuple[float, ...], **more: Any) -> float:
        nonlocal pixels

        def run() -> None:
            nonlocal pixels
            field = loss_field(
                terrain,
                cover,
                freqs_ghz=bands,
                radius_m=1e3 * radius_km,
                **middle(terrain),
                **LINK,
                **({"threads": 1} | more),
            )
            pixels = int(np.isfinite(field.path_loss_db[0]).sum())

        return round(1e6 * median_seconds(run, repeat) / pixels, 3)

    one = (1.8,)
    figures: dict[str, Any] = {
        "sweep_bare_us": microseconds(None, one),
        "sweep_clutter_us": microseconds(clutter, one),
        "sweep_clutter_3_bands_us": microseconds(clutter, BANDS_GHZ),
        "sweep_clutter_10_pct_us": microseconds(clutter, one, time_pct=10.0),
        "sweep_clutter_2_threads_us": microseconds(clutter, one, threads=2),
        "path_clutter_us": microseconds(clutter, one, mode="path"),
    }
    figures["speed_up_2_threads"] = round(figures["sweep_clutter_us"] / figures["sweep_clutter_2_threads_us"], 2)
    return {"radius_km": radius_km, "cell_m": CELL_M, "pixels": pixels, **figures}


def measure_mapping(radius_km: float) -> dict[str, float]:
    """Difference of the sweep from every pixel's own path [dB]."""
    size = 2 * int(radius_km * 1e3 / CELL_M) + 3
    terrain = rough_terrain(size, relief_m=60.0 * radius_km)
    clutter = patchy_clutter(terrain)
    sweep, path = (
        loss_field(
            terrain,
            clutter,
            freqs_ghz=[1.8],
            radius_m=1e3 * radius_km,
            mode=mode,
            **middle(terrain),
            **LINK,
        ).path_loss_db[0]
        for mode in ("sweep", "path")
    )
    error = (sweep - path)[np.isfinite(path)].astype(float)
    return {
        "radius_km": radius_km,
        "bias_db": round(float(error.mean()), 3),
        "rms_db": round(float(np.sqrt((error**2).mean())), 3),
        "p95_db": round(float(np.percentile(np.abs(error), 95)), 3),
        "share_over_1_db": round(float((np.abs(error) > 1.0).mean()), 4),
    }


def measure_province(folder: Path) -> dict[str, Any]:
    """A full computation of an imported workspace, then an unchanged one."""
    workspace = Workspace.open(folder)
    begin = time.perf_counter()
    full = compute(workspace, full=True)
    again = time.perf_counter()
    compute(workspace)
    return {
        "workspace": workspace.settings.name,
        "resolution_m": workspace.settings.resolution_m,
        "full_s": round(again - begin, 1),
        "unchanged_s": round(time.perf_counter() - again, 1),
        "stages_s": full.manifest["timings"],
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--radius-km", type=float, default=15.0, help="radius of the measured field")
    parser.add_argument("--repeat", type=int, default=5, help="counted runs of each figure")
    parser.add_argument("--province", type=Path, help="an imported workspace to compute as a whole")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    found: dict[str, Any] = {
        "processors": os.cpu_count(),
        "field": measure_fields(given.radius_km, given.repeat),
        "sweep_against_path": measure_mapping(min(given.radius_km, 6.0)),
    }
    if given.province:
        found["province"] = measure_province(given.province)
    if given.json:
        json.dump(found, sys.stdout, indent=1)
        print()
        return
    for part, figures in found.items():
        print(part if isinstance(figures, dict) else f"{part}: {figures}")
        for name, value in figures.items() if isinstance(figures, dict) else ():
            print(f"    {name:28} {value}")


if __name__ == "__main__":
    main()
