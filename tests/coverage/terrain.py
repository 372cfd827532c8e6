"""Rough terrain made from a seed, for the tests of fields and computations."""

import numpy as np
from affine import Affine

from phusong.geodata.grid import Grid, Raster

LINK = {
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 1.5,
    "mid_lat_deg": 17.5,
    "delta_n": 55.0,
    "surface_refractivity": 350.0,
}


def rough_terrain(size: int = 161, *, cell_m: float = 30.0, relief_m: float = 300.0, seed: int = 1) -> Raster:
    """Square terrain with hills of all sizes, 0 to about `relief_m` high."""
    rng = np.random.default_rng(seed)
    freq = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    freq[0, 0] = 1.0
    waves = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    hills = np.fft.ifft2(waves * freq**-2.3).real
    hills = (hills - hills.min()) / np.ptp(hills) * relief_m
    transform = Affine(cell_m, 0.0, 600_000.0, 0.0, -cell_m, 1_950_000.0)
    return Raster(hills.astype(np.float32), Grid("EPSG:32648", transform, (size, size)))


def patchy_clutter(terrain: Raster, *, seed: int = 2) -> Raster:
    """Clutter of 0, 10 or 15 m in patches."""
    rng = np.random.default_rng(seed)
    ny, nx = terrain.grid.shape
    patches = rng.choice([0.0, 0.0, 10.0, 15.0], size=(ny // 5 + 1, nx // 5 + 1))
    return Raster(np.kron(patches, np.ones((5, 5)))[:ny, :nx].astype(np.float32), terrain.grid)


def middle(terrain: Raster) -> dict[str, float]:
    """Position of the middle cell's centre."""
    ny, nx = terrain.grid.shape
    x_m, y_m = terrain.grid.transform @ (nx // 2 + 0.5, ny // 2 + 0.5)
    return {"x_m": x_m, "y_m": y_m}
