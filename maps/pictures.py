"""Pictures of the province page: small palette PNGs on a web-Mercator grid, to lie under the vectors.

Leaflet stretches a picture linearly between two corners in EPSG:3857, so a picture on a grid of that CRS lies
exactly where it should.
"""

import base64
import math
import struct
import zlib
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject

from phusong.geodata.grid import Grid, Raster

WEB_MERCATOR = "EPSG:3857"
Rgba = tuple[int, int, int, int]

# none, weak, good: dark red, amber, blue; told apart in every common colour vision deficiency
CLASS_PALETTE: tuple[Rgba, ...] = ((150, 20, 60, 255), (240, 170, 40, 255), (30, 110, 180, 255), (0, 0, 0, 0))
_NOT_ASKED = 3

# Upper edges of the height bands [m amsl] and their tints, low to high
_BAND_EDGES_M = (25.0, 100.0, 250.0, 500.0, 900.0, 1400.0)
_BAND_TINTS = (
    (236, 240, 228),
    (230, 236, 216),
    (232, 232, 208),
    (230, 224, 200),
    (224, 214, 194),
    (216, 206, 192),
    (226, 222, 218),
)
_OUTSIDE_TINT = (246, 246, 244)
_OUTSIDE_CONTRAST = 0.4
_SEA_COLOUR: Rgba = (206, 224, 236, 255)
_SHADES = 24
_SHADE_DARKEST = 0.62
_SUN_AZIMUTH_DEG = 315.0
_SUN_HEIGHT_DEG = 45.0
_VERTICAL_EXAGGERATION = 1.2
_PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
_PALETTE_COLOUR = 3


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI, and its corners ((south, west), (north, east)) [deg] as Leaflet wants them."""

    uri: str
    bounds: tuple[tuple[float, float], tuple[float, float]]


def mercator_grid(bounds: tuple[float, float, float, float], *, resolution_m: float, max_px: int) -> Grid:
    """The EPSG:3857 grid that covers an area at about a ground resolution.

    Parameters
    ----------
    bounds
        West, south, east, north [deg, EPSG:4326].
    resolution_m
        Wanted side of a pixel on the ground [m].
    max_px
        Most pixels along the longer side; the resolution is coarsened to it.
    """
    forward = Transformer.from_crs("EPSG:4326", WEB_MERCATOR, always_xy=True)
    west, south = forward.transform(bounds[0], bounds[1])
    east, north = forward.transform(bounds[2], bounds[3])
    scale = math.cos(math.radians((bounds[1] + bounds[3]) / 2.0))
    pixel = max(resolution_m / scale, max(east - west, north - south) / max_px)
    shape = (math.ceil((north - south) / pixel - 1e-6), math.ceil((east - west) / pixel - 1e-6))
    return Grid(WEB_MERCATOR, Affine(pixel, 0.0, west, 0.0, -pixel, north), shape)


def nearest_cells(source: Grid, target: Grid) -> npt.NDArray[np.int64]:
    """Flat index of the `source` cell that holds the centre of each `target` cell, −1 outside. `[y, x]`."""
    xs, ys = target.centres()
    backward = Transformer.from_crs(target.crs, source.crs, always_xy=True)
    x, y = backward.transform(*np.meshgrid(xs, ys))
    rows, cols = source.index(x, y)
    inside = (rows >= 0) & (rows < source.shape[0]) & (cols >= 0) & (cols < source.shape[1])
    return np.where(inside, rows * source.shape[1] + cols, -1)


def inside_communes(communes: gpd.GeoDataFrame, target: Grid) -> npt.NDArray[np.bool_]:
    """Which cells of a web-Mercator grid have their centre in a commune. `[y, x]`."""
    shapes = communes.geometry.dropna().to_crs(WEB_MERCATOR)
    burnt = rasterize(shapes, out_shape=target.shape, transform=target.transform, dtype="uint8")
    return np.asarray(burnt, dtype=bool)


def render_class_picture(classes: Raster, target: Grid, cells: npt.NDArray[np.int64]) -> Picture:
    """Service classes as a picture, nearest cell, nothing smoothed.

    Parameters
    ----------
    classes
        uint8 codes: 0 none, 1 weak, 2 good, anything else transparent.
    target
        Grid of the picture in EPSG:3857.
    cells
        `nearest_cells(classes.grid, target)`; −1 is transparent.
    """
    codes = np.where(cells >= 0, classes.values.ravel()[np.maximum(cells, 0)], _NOT_ASKED)
    return _picture(np.where(codes < _NOT_ASKED, codes, _NOT_ASKED), CLASS_PALETTE, target, bits=2)


def render_relief(
    terrain: Raster, communes: gpd.GeoDataFrame, target: Grid, *, sea_max_elevation_m: float | None
) -> Picture:
    """Shaded relief with soft height tints; grey outside the communes, flat blue for the sea.

    Parameters
    ----------
    terrain
        Height [m amsl], NaN or `nodata` where unknown (transparent).
    communes
        Polygons of the province.
    target
        Grid of the picture in EPSG:3857.
    sea_max_elevation_m
        Terrain at or below this and outside every commune is sea; None draws none.
    """
    height_m = _warp_average(terrain, target)
    inside = inside_communes(communes, target)
    bands = np.where(inside, np.digitize(height_m, _BAND_EDGES_M), len(_BAND_TINTS))
    codes = bands * _SHADES + np.rint(_shade(height_m, target) * (_SHADES - 1)).astype(np.int64)
    palette = [_shaded(tint, shade, 1.0) for tint in _BAND_TINTS for shade in range(_SHADES)]
    palette += [_shaded(_OUTSIDE_TINT, shade, _OUTSIDE_CONTRAST) for shade in range(_SHADES)]
    if sea_max_elevation_m is not None:
        codes[~inside & (height_m <= sea_max_elevation_m)] = len(palette)
    codes[np.isnan(height_m)] = len(palette) + 1
    return _picture(codes, (*palette, _SEA_COLOUR, (0, 0, 0, 0)), target, bits=8)


def _warp_average(raster: Raster, target: Grid) -> npt.NDArray[np.float64]:
    """Mean of the raster's cells under each cell of `target`; NaN where there are none."""
    values = raster.values.astype(np.float32)
    if raster.nodata is not None:
        values[values == raster.nodata] = np.nan
    out = np.full(target.shape, np.nan, dtype=np.float32)
    reproject(
        values,
        out,
        src_transform=raster.grid.transform,
        src_crs=raster.grid.crs,
        src_nodata=np.nan,
        dst_transform=target.transform,
        dst_crs=target.crs,
        dst_nodata=np.nan,
        resampling=Resampling.average,
    )
    return out.astype(np.float64)


def _shade(height_m: npt.NDArray[np.float64], grid: Grid) -> npt.NDArray[np.float64]:
    """Lambert shading within [0, 1]; flat ground reads about 0.7."""
    _, south, _, north = grid_bounds_deg(grid)
    spacing_m = grid.transform.a * math.cos(math.radians((south + north) / 2.0))
    filled = np.nan_to_num(height_m) * _VERTICAL_EXAGGERATION
    down, right = np.gradient(filled, spacing_m)
    azimuth, sun = math.radians(_SUN_AZIMUTH_DEG), math.radians(_SUN_HEIGHT_DEG)
    # the surface normal (-dz/dx, -dz/dy, 1) against the sun; y of the picture grows southwards
    east, up_north = math.sin(azimuth) * math.cos(sun), math.cos(azimuth) * math.cos(sun)
    light = (-right * east + down * up_north + math.sin(sun)) / np.sqrt(1.0 + right**2 + down**2)
    return np.asarray(np.clip(light, 0.0, 1.0))


def _shaded(tint: tuple[int, int, int], shade: int, contrast: float) -> Rgba:
    """A tint in light `shade` of `_SHADES`; flat ground keeps the tint as it is."""
    flat = math.sin(math.radians(_SUN_HEIGHT_DEG))
    relative = shade / (_SHADES - 1) / flat - 1.0
    factor = min(1.0 + contrast * (1.0 - _SHADE_DARKEST) * relative, 1.12)
    red, green, blue = (min(255, round(channel * factor)) for channel in tint)
    return red, green, blue, 255


def grid_bounds_deg(grid: Grid) -> tuple[float, float, float, float]:
    """West, south, east, north of a web-Mercator grid [deg, EPSG:4326]."""
    west, south, east, north = grid.bounds
    back = Transformer.from_crs(WEB_MERCATOR, "EPSG:4326", always_xy=True)
    return (*back.transform(west, south), *back.transform(east, north))


def _picture(codes: npt.NDArray[np.int64], palette: tuple[Rgba, ...], grid: Grid, *, bits: int) -> Picture:
    west, south, east, north = grid_bounds_deg(grid)
    png = base64.b64encode(encode_png(codes.astype(np.uint8), palette, bits=bits)).decode("ascii")
    return Picture(f"data:image/png;base64,{png}", ((south, west), (north, east)))


def encode_png(codes: npt.NDArray[np.uint8], palette: tuple[Rgba, ...], *, bits: int, effort: int = 9) -> bytes:
    """A palette PNG of the codes `[y, x]`, transparency included.

    Parameters
    ----------
    codes
        Palette positions.
    palette
        Red, green, blue, alpha of every code, each 0–255.
    bits
        Bits per pixel: 1, 2, 4 or 8.
    effort
        Of the compression, 1 to 9.

    References
    ----------
    PNG (Third Edition), W3C Recommendation 24 June 2025, sections 5.3, 7.2 and 11.2.
    """
    height, width = codes.shape
    per_byte = 8 // bits
    whole = np.zeros((height, -(-width // per_byte) * per_byte), dtype=np.uint8)
    whole[:, :width] = codes
    lines = np.zeros((height, 1 + whole.shape[1] // per_byte), dtype=np.uint8)  # begins with the filter: none
    for part in range(per_byte):
        lines[:, 1:] |= whole[:, part::per_byte] << (8 - bits * (part + 1))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _PALETTE_COLOUR, 0, 0, 0)),
        (b"PLTE", bytes(channel for rgba in palette for channel in rgba[:3])),
        (b"tRNS", bytes(rgba[3] for rgba in palette)),
        (b"IDAT", zlib.compress(lines.tobytes(), effort)),
        (b"IEND", b""),
    )
    return _PNG_BEGIN + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
