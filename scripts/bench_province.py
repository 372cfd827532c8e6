"""A whole province: a full computation with all of its masts and with half of them, an unchanged one, memory.

Every computation runs in a process of its own, on a copy of the workspace, which stays as it was.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from phusong.coverage.cluster import Remote
from phusong.coverage.compute import compute
from phusong.coverage.prepare import prepare
from phusong.geodata.grid import Raster
from phusong.geodata.recipe import import_recipe
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace
from scripts.bench_machine import in_own_process

SEED = 746
CRS = "EPSG:32648"
RECIPE = Path(__file__).parent.parent / "examples" / "quang_binh.toml"
AS_OF = date(2026, 1, 1)


@contextmanager
def data_workspace(given: Path | None, resolution_m: float, data: Path) -> Iterator[Path | None]:
    """A copy of a workspace, or else the Quảng Bình test data imported; None where there is neither."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "workspace"
        if given is not None:
            copy_inputs(given, copy)
            yield copy
        elif (data / "quang_binh").exists():
            Workspace.create(copy, crs=CRS, resolution_m=resolution_m, name="quang_binh")
            import_recipe(Workspace.open(copy), RECIPE, data / "quang_binh")
            yield copy
        else:
            yield None


def measure_province(folder: Path) -> dict[str, Any]:
    """Seconds, memory, disk and cost a pixel and band of a workspace: with all of its masts, and with half of them."""
    in_own_process(compile_kernels)
    found = {"all_masts": _measure(folder)}
    for name in ("cache", "store", "runs"):
        shutil.rmtree(folder / name)
        (folder / name).mkdir()
    _drop_half_the_masts(folder)
    found["half_the_masts"] = _measure(folder)
    ratios = {
        name: found["all_masts"][name] / found["half_the_masts"][name]
        for name in (
            "radio_us_per_pixel_and_band",
            "full_us_per_pixel_and_band",
            "processor_us_per_pixel_and_band",
            "peak_memory_mb",
        )
    }
    return {**found, "all_to_half": {name: round(ratio, 3) for name, ratio in ratios.items()}}


def compile_kernels(remote: Remote | None = None) -> None:
    """Compute the sample province coarsely, so that no measured computation compiles."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_sample(Path(folder) / "source", resolution_m=300.0)
        workspace = Workspace.create(Path(folder) / "workspace", crs=CRS, resolution_m=300.0)
        import_recipe(workspace, recipe, recipe.parent)
        compute(workspace, as_of=AS_OF, remote=remote)


def copy_inputs(workspace: Path, to: Path) -> None:
    """What a computation reads; no cache and no runs."""
    for name in ("cache", "store", "runs", "imports"):
        (to / name).mkdir(parents=True)
    for name in ("phusong.toml", "layers.gpkg", "rasters", "antennas"):
        source = workspace / name
        if source.is_dir():
            shutil.copytree(source, to / name)
        elif source.exists():
            shutil.copy2(source, to / name)


def _drop_half_the_masts(folder: Path) -> None:
    workspace = Workspace.open(folder)
    stations = workspace.read_layer("stations")
    masts = np.unique(stations["mast_id"].astype(str))
    kept = np.random.default_rng(SEED).choice(masts, size=(len(masts) + 1) // 2, replace=False)
    workspace.write_layer("stations", stations[stations["mast_id"].isin(kept)].reset_index(drop=True))


def _measure(folder: Path) -> dict[str, Any]:
    full, full_mb = in_own_process(_compute_full, folder)
    unchanged, unchanged_mb = in_own_process(_compute_unchanged, folder)
    size = in_own_process(_size, folder)[0]
    per_pixel = 1e6 / size["wanted_pixels_times_bands"]
    return {
        **size,
        **full,
        "radio_us_per_pixel_and_band": round(full["stages_s"]["radio"] * per_pixel, 4),
        "full_us_per_pixel_and_band": round(full["full_s"] * per_pixel, 4),
        "processor_us_per_pixel_and_band": round(full["full_processor_s"] * per_pixel, 4),
        "peak_memory_mb": full_mb,
        **unchanged,
        "unchanged_to_full": round(unchanged["unchanged_s"] / full["full_s"], 4),
        "unchanged_peak_memory_mb": unchanged_mb,
        **{f"{part}_mb": megabytes(folder / part) for part in ("cache", "store", "rasters")},
    }


def _compute_full(folder: Path) -> dict[str, Any]:
    begin, begin_processor = time.perf_counter(), time.process_time()
    done = compute(Workspace.open(folder), as_of=AS_OF, full=True)
    return {
        "full_s": round(time.perf_counter() - begin, 1),
        "full_processor_s": round(time.process_time() - begin_processor, 1),
        "stages_s": done.manifest["timings"],
    }


def _compute_unchanged(folder: Path) -> dict[str, Any]:
    begin = time.perf_counter()
    done = compute(Workspace.open(folder), as_of=AS_OF)
    return {"unchanged_s": round(time.perf_counter() - begin, 2), "unchanged_published": done.published}


def _size(folder: Path) -> dict[str, Any]:
    """What was computed: a field is a band of a geometry, its pixels those wanted within the radius."""
    workspace = Workspace.open(folder)
    prepared, radius_km = prepare(workspace, AS_OF), workspace.settings.model.radius_km
    bands: dict[tuple[float, float, float], set[float]] = {}
    for station, x_m, y_m in zip(prepared.stations, prepared.x_m, prepared.y_m, strict=True):
        bands.setdefault((float(x_m), float(y_m), station.height_agl_m), set()).add(station.band_mhz)
    pixels = {place: _pixels_within(prepared.wanted, *place[:2], 1e3 * radius_km) for place in bands}
    ny, nx = prepared.grid.shape
    return {
        "resolution_m": prepared.grid.resolution_m,
        "radius_km": radius_km,
        "grid": [nx, ny],
        "wanted_pixels": int(prepared.wanted.values.sum()),
        "stations": len(prepared.stations),
        "masts": int(prepared.eligible.table["mast_id"].nunique()),
        "geometries": len(bands),
        "fields": sum(len(of_place) for of_place in bands.values()),
        "wanted_pixels_of_geometries": sum(pixels.values()),
        "wanted_pixels_times_bands": sum(pixels[place] * len(of_place) for place, of_place in bands.items()),
    }


def _pixels_within(wanted: Raster, x_m: float, y_m: float, radius_m: float) -> int:
    grid = wanted.grid
    col, row = (float(part) for part in grid.pixel_position(x_m, y_m))
    reach = radius_m / grid.resolution_m
    top, left = max(int(row - reach), 0), max(int(col - reach), 0)
    part = wanted.values[top : int(row + reach) + 2, left : int(col + reach) + 2]
    rows, cols = np.arange(part.shape[0])[:, None] + top - row, np.arange(part.shape[1])[None, :] + left - col
    return int((part & (rows * rows + cols * cols <= reach * reach)).sum())


def megabytes(folder: Path) -> float:
    """Size of the files in a folder [MB]."""
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6, 1)
