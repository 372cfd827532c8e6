"""Rasters of a run as cloud-optimised GeoTIFFs: tiled, compressed, with overviews of picked pixels, never of means.

The same raster and tags give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path

import rasterio

from phusong.geodata.grid import Raster
from phusong.maps.pictures import CLASS_PALETTE

_BLOCK_PX = 512


def write_class_cog(classes: Raster, path: Path, *, tags: Mapping[str, str]) -> None:
    """Write service classes (0 none, 1 weak, 2 good, 255 not asked) with the colours of the map.

    Parameters
    ----------
    classes
        uint8 codes.
    path
        The file.
    tags
        Metadata of the file.
    """
    palette = {**dict(enumerate(CLASS_PALETTE[:3])), 255: CLASS_PALETTE[3]}
    _write(path, classes, tags, palette)


def write_level_cog(rsrp: Raster, path: Path, *, tags: Mapping[str, str]) -> None:
    """Write levels [0.01 dBm], scaled to dBm for programs that heed a band's scale.

    Parameters
    ----------
    rsrp
        int16 levels, −32768 none.
    path
        The file.
    tags
        Metadata of the file.
    """
    _write(path, rsrp, tags, None)


def _write(path: Path, raster: Raster, tags: Mapping[str, str], palette: Mapping[int, tuple[int, ...]] | None) -> None:
    height, width = raster.grid.shape
    profile = {
        "driver": "COG", "height": height, "width": width, "count": 1, "dtype": raster.values.dtype.name,
        "crs": raster.grid.crs, "transform": raster.grid.transform, "nodata": raster.nodata, "blocksize": _BLOCK_PX,
        "compress": "deflate", "predictor": "no" if palette else "yes", "overview_resampling": "nearest",
        "num_threads": 1,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(raster.values, 1)
        file.update_tags(**tags)
        if palette is None:
            file.scales, file.units = (0.01,), ("dBm",)
        else:
            file.write_colormap(1, palette)
