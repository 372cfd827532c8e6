"""The cost of one mast's field: of a sample, a pixel, a geometry, a further band, a second thread, a radius."""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from phusong.coverage.benchmark import ONE_BAND_GHZ, THREE_BANDS_GHZ, processor_seconds, wall_seconds
from phusong.coverage.field import LossField, loss_field
from phusong.geodata.grid import Raster
from scripts.bench_machine import in_own_process
from scripts.bench_sites import Site, line_of_sight_share, sites

PATH_STRIDE = 4  # the path evaluator is measured on every fourth row
RADII_KM = (5.0, 10.0, 15.0, 20.0, 30.0)
# name, with clutter, bands, time percentage
SWEEPS = (
    ("bare_p50_1_band", False, ONE_BAND_GHZ, 50.0),
    ("bare_p50_3_bands", False, THREE_BANDS_GHZ, 50.0),
    ("clutter_p50_1_band", True, ONE_BAND_GHZ, 50.0),
    ("clutter_p50_3_bands", True, THREE_BANDS_GHZ, 50.0),
    ("clutter_p10_1_band", True, ONE_BAND_GHZ, 10.0),
)


def field_of(site: Site, radius_km: float, *, clutter: bool, bands: tuple[float, ...], **more: Any) -> LossField:
    """The field of a site, on one thread unless told otherwise."""
    cover = site.clutter if clutter else None
    arguments: dict[str, Any] = {"threads": 1, "freqs_ghz": bands, "radius_m": 1e3 * radius_km} | site.link() | more
    return loss_field(site.terrain, cover, **arguments)


def count_pixels(field: LossField) -> int:
    """Pixels of a field that have an answer: each is a sample."""
    return int(np.isfinite(field.path_loss_db[0]).sum())


def measure_fields(radius_km: float, repeat: int, data: Path) -> dict[str, Any]:
    """Processor time on one thread at every site: bare and with clutter, bands, time percentages, evaluators."""
    return {site.name: _measure_site(site, radius_km, repeat) for site in sites(radius_km, data)}


def _measure_site(site: Site, radius_km: float, repeat: int) -> dict[str, Any]:
    pixels = count_pixels(field_of(site, radius_km, clutter=True, bands=ONE_BAND_GHZ))
    figures: dict[str, Any] = {
        "radius_km": radius_km,
        "cell_m": site.terrain.grid.resolution_m,
        "pixels": pixels,
        "line_of_sight_bare": line_of_sight_share(site, radius_km, with_clutter=False),
        "line_of_sight_clutter": line_of_sight_share(site, radius_km, with_clutter=True),
    }
    for name, clutter, bands, time_pct in SWEEPS:
        seconds = processor_seconds(
            lambda c=clutter, b=bands, t=time_pct: field_of(site, radius_km, clutter=c, bands=b, time_pct=t), repeat
        )
        figures[f"sweep_{name}"] = {
            "us_per_sample": round(1e6 * seconds / pixels, 3),
            "s_per_geometry": round(seconds, 3),
        }
    one, three = (figures[f"sweep_clutter_p50_{bands}"]["us_per_sample"] for bands in ("1_band", "3_bands"))
    figures["us_per_sample_and_band_added"] = round((three - one) / 2, 3)
    wanted = np.zeros(site.terrain.grid.shape, dtype=bool)
    wanted[::PATH_STRIDE] = True
    for name, clutter in (("bare", False), ("clutter", True)):
        some: dict[str, Any] = {"mode": "path", "wanted": Raster(wanted, site.terrain.grid)}
        count = count_pixels(field_of(site, radius_km, clutter=clutter, bands=ONE_BAND_GHZ, **some))
        seconds = processor_seconds(
            lambda c=clutter, s=some: field_of(site, radius_km, clutter=c, bands=ONE_BAND_GHZ, **s), repeat
        )
        figures[f"path_{name}_p50_1_band"] = {"us_per_pixel": round(1e6 * seconds / count, 3)}
    return figures


def measure_threads(radius_km: float, repeat: int, data: Path) -> dict[str, Any]:
    """Wall time on one and on two threads, taken in turns; with clutter, p = 50 %, one band."""
    return {site.name: _measure_two_threads(site, radius_km, repeat) for site in sites(radius_km, data)}


def _measure_two_threads(site: Site, radius_km: float, repeat: int) -> dict[str, float]:
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(repeat + 1):
        for threads, times in seconds.items():
            begin = time.perf_counter()
            field_of(site, radius_km, clutter=True, bands=ONE_BAND_GHZ, threads=threads)
            if turn:
                times.append(time.perf_counter() - begin)
    one, two = (statistics.median(seconds[threads]) for threads in (1, 2))
    return {"one_thread_s": round(one, 3), "two_threads_s": round(two, 3), "speed_up": round(one / two, 2)}


def measure_new_mast(repeat: int, data: Path) -> dict[str, float]:
    """Wall seconds until the field of one more mast is there: three bands, 15 km, with clutter, two threads."""
    return {
        site.name: round(
            wall_seconds(
                lambda site=site: field_of(site, 15.0, clutter=True, bands=THREE_BANDS_GHZ, threads=2), repeat
            ),
            3,
        )
        for site in sites(15.0, data)
    }


def measure_radii(repeat: int, data: Path) -> dict[str, Any]:
    """Cost and peak memory by radius, each in a process of its own; with clutter, p = 50 %, one and three bands."""
    empty = in_own_process(abs, 0)[1]
    found: dict[str, Any] = {"process_that_only_imports_mb": empty}
    for radius_km in RADII_KM:
        names = [site.name for site in sites(radius_km, data)]
        for name in names:
            figures, peak_mb = in_own_process(_measure_radius, name, radius_km, repeat, data)
            found[f"{name}_{radius_km:g}_km"] = {**figures, "peak_memory_mb": peak_mb}
    return found


def _measure_radius(name: str, radius_km: float, repeat: int, data: Path) -> dict[str, Any]:
    site = next(site for site in sites(radius_km, data) if site.name == name)
    pixels = count_pixels(field_of(site, radius_km, clutter=True, bands=ONE_BAND_GHZ))
    figures: dict[str, Any] = {"pixels": pixels}
    for label, bands in (("1_band", ONE_BAND_GHZ), ("3_bands", THREE_BANDS_GHZ)):
        seconds = processor_seconds(lambda b=bands: field_of(site, radius_km, clutter=True, bands=b), repeat)
        figures[f"us_per_sample_{label}"] = round(1e6 * seconds / pixels, 3)
        figures[f"s_per_geometry_{label}"] = round(seconds, 3)
    return figures
