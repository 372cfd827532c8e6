"""Tiles of one lattice put side by side and cropped: cells are moved, never resampled, so that no seam can arise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from phusong.geodata.errors import InputError
from phusong.geodata.open_data.providers import Box, Lattice

STRIP_ROWS = 1024
OFF_LATTICE = 0.01  # cells


def crop_tiles(
    tiles: Sequence[Path], box: Box, lattice: Lattice, target: Path, *, dtype: str, nodata: float | None = None,
) -> None:  # fmt: skip
    """Write the cells of a box as one GeoTIFF in EPSG:4326; cells that no tile holds are 0.

    Parameters
    ----------
    tiles
        Files of the product, one band each.
    box
        What is wanted [deg]; every cell that it touches is written.
    lattice
        Cells of the product.
    target
        The file to write.
    dtype
        Type of the values.
    nodata
        Value without data.

    Raises
    ------
    InputError
        A tile is damaged, or does not lie on the lattice.
    """
    col0, row0, cols, rows = _cells_of(box, lattice)
    transform = _transform(lattice, col0, row0)
    opened = [_open(path) for path in tiles]
    try:
        placed = [(source, *_place(source, path, lattice)) for source, path in zip(opened, tiles, strict=True)]
        with rasterio.open(
            target, "w", driver="GTiff", width=cols, height=rows, count=1, dtype=dtype, crs="EPSG:4326",
            transform=transform, nodata=nodata, tiled=True, compress="deflate", bigtiff="if_safer",
        ) as sink:  # fmt: skip
            for top in range(0, rows, STRIP_ROWS):
                strip = np.zeros((min(STRIP_ROWS, rows - top), cols), dtype=dtype)
                for source, col, row in placed:
                    _paste(source, strip, col - col0, row - row0 - top)
                sink.write(strip, 1, window=Window(0, top, cols, len(strip)))
    finally:
        for source in opened:
            source.close()


def crop_file(path: Path, box: Box, target: Path) -> None:
    """Write the cells of a raster in EPSG:4326 that a box touches; type and "no data" stay.

    Raises
    ------
    InputError
        The raster is damaged, or shares no ground with the box.
    """
    with _open(path) as source:
        lattice = Lattice(source.transform.c, source.transform.f, source.transform.a, -source.transform.e)
        col, row, cols, rows = _cells_of(box, lattice)
        left, top = max(col, 0), max(row, 0)
        right, bottom = min(col + cols, source.width), min(row + rows, source.height)
        if right <= left or bottom <= top:
            raise InputError(
                f"{path.name} does not reach the area; check --country.",
                vi=f"{path.name} không phủ tới vùng này; hãy kiểm tra --country.",
            )
        values = _read(source, Window(left, top, right - left, bottom - top))
        with rasterio.open(
            target, "w", driver="GTiff", width=right - left, height=bottom - top, count=1, dtype=source.dtypes[0],
            crs=source.crs, transform=_transform(lattice, left, top), nodata=source.nodata, tiled=True,
            compress="deflate",
        ) as sink:  # fmt: skip
            sink.write(values, 1)


def _cells_of(box: Box, lattice: Lattice) -> tuple[int, int, int, int]:
    """First column and row, number of columns and rows of the cells that a box touches."""
    west, south, east, north = box
    col0 = int(np.floor((west - lattice.west) / lattice.step_lon))
    row0 = int(np.floor((lattice.north - north) / lattice.step_lat))
    col1 = int(np.ceil((east - lattice.west) / lattice.step_lon))
    row1 = int(np.ceil((lattice.north - south) / lattice.step_lat))
    return col0, row0, col1 - col0, row1 - row0


def _transform(lattice: Lattice, col: int, row: int) -> Affine:
    west, north = lattice.west + col * lattice.step_lon, lattice.north - row * lattice.step_lat
    return Affine(lattice.step_lon, 0.0, west, 0.0, -lattice.step_lat, north)


def _open(path: Path) -> Any:
    try:
        return rasterio.open(path, driver="GTiff")
    except RasterioIOError as error:
        raise _damaged(path.name) from error


def _place(source: Any, path: Path, lattice: Lattice) -> tuple[int, int]:
    """Column and row of a tile's first cell on the lattice."""
    place = source.transform
    col = (place.c - lattice.west) / lattice.step_lon
    row = (lattice.north - place.f) / lattice.step_lat
    stretch = max(
        abs(place.a / lattice.step_lon - 1) * source.width, abs(-place.e / lattice.step_lat - 1) * source.height
    )
    if max(abs(col - round(col)), abs(row - round(row)), stretch) > OFF_LATTICE or source.crs.to_epsg() != 4326:
        raise InputError(
            f"{path.name} does not lie on the cells of its product; take the provider's own file, not a resampled one.",
            vi=f"{path.name} không nằm đúng trên lưới của sản phẩm; hãy dùng tệp gốc của nhà cung cấp.",
        )
    return round(col), round(row)


def _paste(source: Any, strip: Any, col: int, row: int) -> None:
    """Copy what a tile that begins at a column and row of a strip has of it."""
    left, top = max(col, 0), max(row, 0)
    right, bottom = min(col + source.width, strip.shape[1]), min(row + source.height, strip.shape[0])
    if right > left and bottom > top:
        values = _read(source, Window(left - col, top - row, right - left, bottom - top))
        strip[top:bottom, left:right] = values


def _read(source: Any, window: Window) -> Any:
    try:
        return source.read(1, window=window)
    except RasterioIOError as error:
        raise _damaged(Path(source.name).name) from error


def _damaged(name: str) -> InputError:
    return InputError(
        f"{name} in the cache is damaged; delete it there and fetch again.",
        vi=f"{name} trong bộ đệm bị hỏng; hãy xóa và tải lại.",
    )
