"""Rough terrain and patches of clutter from a seed, for fields alone: no province belongs to them."""

import numpy as np
from affine import Affine

from phusong.geodata.grid import Grid, Raster


def rough_terrain(size: int = 161, *, cell_m: float = 30.0, relief_m: float = 300.0, seed: int = 1) -> Raster:
    """Square terrain with hills of all sizes, 0 to `relief_m` high [m], cells of `cell_m` [m]."""
    rng = np.random.default_rng(seed)
    freq = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    freq[0, 0] = 1.0
    waves = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    hills = np.fft.ifft2(waves * freq**-2.3).real
    hills = (hills - hills.min()) / np.ptp(hills) * relief_m
    transform = Affine(cell_m, 0.0, 600_000.0, 0.0, -cell_m, 1_950_000.0)
    return Raster(hills.astype(np.float32), Grid("EPSG:32648", transform, (size, size)))


def patchy_clutter(terrain: Raster, *, seed: int = 2) -> Raster:
    """Clutter of 0, 10 or 15 m in patches of five cells."""
    rng = np.random.default_rng(seed)
    ny, nx = terrain.grid.shape
    patches = rng.choice([0.0, 0.0, 10.0, 15.0], size=(ny // 5 + 1, nx // 5 + 1))
    return Raster(np.kron(patches, np.ones((5, 5)))[:ny, :nx].astype(np.float32), terrain.grid)
