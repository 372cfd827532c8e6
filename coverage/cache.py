"""Path-loss fields kept on disk under the hash of everything they depend on.

The folder may be emptied at any time; a file is written aside and renamed, so a half-written one is never read.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioIOError

from phusong.geodata.grid import Grid

Loss = npt.NDArray[np.int16]


def content_key(parameters: Mapping[str, Any], *arrays: npt.NDArray[Any]) -> str:
    """Hash of parameters and arrays, the same on every machine of one byte order [64 hex digits]."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for array in arrays:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class FieldCache:
    """Fields as GeoTIFFs of int16 [0.01 dB], one band a frequency, named by their key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, key: str, grid: Grid, compute: Callable[[], Loss]) -> Loss:
        """The field of a key `[n_freq, ny, nx]`: read if it is there and whole, else computed and kept."""
        path = self._folder / f"{key}.tif"
        if path.exists():
            try:
                with rasterio.open(path) as file:
                    kept: Loss = file.read()
                if kept.shape[1:] == grid.shape:
                    return kept
            except RasterioIOError:
                path.unlink()  # damaged: computed again below
        loss = compute()
        aside = path.with_name(f".{key}-{uuid.uuid4().hex}.tif")
        with rasterio.open(
            aside, "w", driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=loss.shape[0], dtype="int16",
            crs=grid.crs, transform=grid.transform, nodata=-32768, compress="zstd", zstd_level=1, predictor=2,
        ) as file:  # fmt: skip
            file.write(loss)
        os.replace(aside, path)
        return loss

    def clear(self) -> None:
        """Forget every field."""
        for path in self._folder.glob("*.tif"):
            path.unlink(missing_ok=True)
