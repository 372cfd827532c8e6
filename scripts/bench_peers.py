"""Other programs on the same bare terrain, mast and radius, in the same run: SPLAT! HD's ITM and gdal_viewshed.

They are run as programs where they are installed (Debian packages splat and gdal-bin), and left out with a sentence
where not. Their time is processor time of the whole program, and again less that of a run with a tiny radius, which
reads the same terrain and draws the same picture; of SPLAT! that run also walks the rays, out to the edge of its tiles.
"""

import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject, transform_bounds

from phusong.coverage.benchmark import processor_seconds
from phusong.geodata.raster_files import write_raster
from scripts.bench_fields import ONE_BAND_GHZ, count_pixels, field_of
from scripts.bench_sites import Site, sites
from tests.coverage.terrain import LINK

POSTS = 3600  # of one degree at one arc second
TINY_KM = 0.3
# Permittivity, conductivity [S/m], refractivity, frequency [MHz], climate, polarisation, places, time, ERP [W]
ITM_TERMS = (15.0, 0.005, 350.0, 1800.0, 5, 1, 0.5, 0.5, 0.0)


def measure_peers(radius_km: float, repeat: int, data: Path) -> dict[str, Any]:
    """Microseconds a pixel on one thread, bare, one band: phusong and the peers that are installed."""
    return {site.name: _measure_site(site, radius_km, repeat) for site in sites(radius_km, data)}


def _measure_site(site: Site, radius_km: float, repeat: int) -> dict[str, Any]:
    pixels = count_pixels(field_of(site, radius_km, clutter=False, bands=ONE_BAND_GHZ))
    seconds = processor_seconds(lambda: field_of(site, radius_km, clutter=False, bands=ONE_BAND_GHZ), repeat)
    ours_us = 1e6 * seconds / pixels
    found: dict[str, Any] = {"radius_km": radius_km, "phusong_us_per_pixel": round(ours_us, 3)}
    for program, prepare in (("splat-hd", _prepare_splat), ("gdal_viewshed", _prepare_viewshed)):
        if shutil.which(program) is None:
            print(f"{program} is not installed: left out", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            run, pixels = prepare(site, radius_km, Path(folder))
            whole, tiny = (_program_seconds(run, reach_km, repeat) for reach_km in (radius_km, TINY_KM))
        found[program] = {"pixels": pixels}
        for name, seconds in (("whole_program", whole), ("less_tiny_radius", whole - tiny)):
            theirs_us = 1e6 * seconds / pixels
            found[program][f"us_per_pixel_{name}"] = round(theirs_us, 3)
            found[program][f"times_phusong_{name}"] = round(theirs_us / ours_us, 2)
    return found


def _program_seconds(run: Callable[[float], object], radius_km: float, repeat: int) -> float:
    """Median processor time of a program at a radius."""

    def once() -> float:
        before = os.times()
        run(radius_km)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return statistics.median(once() for _ in range(repeat))


def _prepare_splat(site: Site, radius_km: float, folder: Path) -> tuple[Callable[..., None], int]:
    """Path loss by ITM (Longley-Rice) over a disc, on the terrain resampled to one arc second."""
    _write_sdf(site, folder)
    lon, lat = Transformer.from_crs(site.terrain.grid.crs, 4326, always_xy=True).transform(site.x_m, site.y_m)
    place = ("mast", f"{lat:.7f}", f"{(-lon) % 360:.7f}", f"{LINK['tx_height_agl_m']} meters")
    (folder / "mast.qth").write_text("\n".join(place) + "\n")
    (folder / "mast.lrp").write_text("".join(f"{value}\n" for value in ITM_TERMS))

    def run(reach_km: float, *more: str) -> None:
        command = ["splat-hd", "-t", "mast.qth", "-L", f"{LINK['rx_height_agl_m']}", "-R", f"{reach_km}", "-d", "./"]
        command += ["-metric", "-olditm", "-N", "-o", "map.ppm", *more]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    run(radius_km, "-ano", "points.txt")
    return run, (folder / "points.txt").read_text().count("\n") - 2  # two lines of head


def _write_sdf(site: Site, folder: Path) -> None:
    """The tiles of one degree that the terrain touches, rows from the south and each from the east, for SPLAT! HD."""
    grid = site.terrain.grid
    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)
    for lat in range(math.floor(south), math.ceil(north)):
        for lon in range(math.floor(west), math.ceil(east)):
            posts = np.zeros((POSTS, POSTS), np.float32)
            reproject(
                site.terrain.values, posts, src_transform=grid.transform, src_crs=grid.crs,
                dst_transform=from_origin(lon - 0.5 / POSTS, lat + 1 - 0.5 / POSTS, 1 / POSTS, 1 / POSTS),
                dst_crs="EPSG:4326", resampling=Resampling.bilinear,
            )  # fmt: skip
            heights = np.rint(posts[::-1, ::-1]).astype(int).ravel()
            west_of = (-(lon + 1)) % 360
            head = f"{west_of + 1}\n{lat}\n{west_of}\n{lat + 1}\n"
            name = f"{lat}:{lat + 1}:{west_of}:{west_of + 1}-hd.sdf"
            (folder / name).write_text(head + "\n".join(map(str, heights.tolist())) + "\n")


def _prepare_viewshed(site: Site, radius_km: float, folder: Path) -> tuple[Callable[[float], None], int]:
    """Line of sight alone over a disc."""
    write_raster(folder / "terrain.tif", site.terrain, tags={})

    def run(reach_km: float) -> None:
        command = ["gdal_viewshed", "-q", "-ox", f"{site.x_m}", "-oy", f"{site.y_m}", "-md", f"{1e3 * reach_km}"]
        command += ["-oz", f"{LINK['tx_height_agl_m']}", "-tz", f"{LINK['rx_height_agl_m']}", "terrain.tif", "seen.tif"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    return run, round(math.pi * (1e3 * radius_km / site.terrain.grid.resolution_m) ** 2)
