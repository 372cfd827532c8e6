"""Raster files read and written: one band, north up, with a CRS; written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import Transformer
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from phusong.geodata.errors import InputError, MissingLayerError, WorkspaceError, words_of
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_copies import open_copy
from phusong.geodata.reader_client import opened_apart

MARGIN = 2  # cells: the sides of a grid are bent in another CRS, and followed from point to point
SIDECARS = (".tfw", ".prj", ".ige", "+.aux.xml", "+.msk")


def grid_of(source: Any) -> Grid:
    """Place of an open rasterio dataset that has a CRS."""
    return Grid(source.crs.to_string(), source.transform, (source.height, source.width))


def read_raster(path: Path, *, unit: str = "", near: Grid | None = None) -> Raster:
    """Read a GeoTIFF of one band that this package wrote.

    Parameters
    ----------
    path
        The file.
    unit
        Unit of the values, kept with the raster.
    near
        Where only a part is wanted: no cell that lies over this grid is left out. None reads all.

    Raises
    ------
    MissingLayerError
        The file does not exist.
    WorkspaceError
        It is damaged.
    """
    if not path.exists():
        raise MissingLayerError(
            f"no {path.stem} raster has been imported", vi=f"Chưa nhập lớp dữ liệu raster {path.stem}"
        )
    with open_own(path) as source:
        whole = grid_of(source)
        top, left, shape = (0, 0, whole.shape) if near is None else _part_over(whole, near)
        values = source.read(1, window=Window(left, top, shape[1], shape[0]))
        return Raster(values, whole.window(top, left, shape), source.nodata, unit)


@contextmanager
def open_own(path: Path) -> Iterator[Any]:
    """Open a raster of a workspace.

    Raises
    ------
    WorkspaceError
        It is damaged.
    """
    try:
        with rasterio.open(path) as source:
            yield source
    except RasterioIOError as error:
        raise WorkspaceError(
            f"{path} cannot be read ({words_of(error)}); import {path.stem} again with --replace",
            vi=f"Không đọc được {path} (tệp hỏng); hãy nhập lại {path.stem} với --replace",
        ) from error


def _part_over(source: Grid, grid: Grid) -> tuple[int, int, tuple[int, int]]:
    """First row and column and shape of the cells of a source that lie over a grid."""
    to_source = Transformer.from_crs(grid.crs, source.crs, always_xy=True)
    west, south, east, north = to_source.transform_bounds(*grid.bounds)
    rows, cols = source.index([west, east], [north, south])
    (top, bottom), (left, right) = (
        np.clip(np.add(ends, [-MARGIN, MARGIN + 1]), [0, 1], [n - 1, n])  # one cell at least
        for ends, n in zip((rows, cols), source.shape, strict=True)
    )
    return int(top), int(left), (int(bottom - top), int(right - left))


def write_raster(path: Path, raster: Raster, *, tags: Mapping[str, str]) -> None:
    """Write a raster as a tiled, compressed GeoTIFF; the file appears whole or not at all.

    Parameters
    ----------
    path
        The file; an older one is replaced.
    raster
        What to write.
    tags
        Metadata written into the file.
    """
    ny, nx = raster.grid.shape
    profile = {
        "driver": "GTiff", "height": ny, "width": nx, "count": 1, "dtype": raster.values.dtype.name,
        "crs": raster.grid.crs, "transform": raster.grid.transform, "nodata": raster.nodata, "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate",
        "predictor": 3 if raster.values.dtype.kind == "f" else 2,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tif", dir=path.parent)
    os.close(handle)
    try:
        with rasterio.open(name, "w", **profile) as sink:
            sink.write(raster.values, 1)
            sink.update_tags(**tags)
        Path(name).chmod(0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def open_source(path: Path) -> Iterator[Any]:
    """Open a user's raster: readable, one band, with a CRS and not rotated; a process with limits reads it.

    Raises
    ------
    InputError
        One of these does not hold; the sentence says which.
    """
    if not path.is_file():
        raise InputError(
            f"{path.name}: there is no such file; check the path", vi=f"{path.name}: không có tệp này; hãy kiểm tra"
        )
    with opened_apart("raster", path, sidecars=SIDECARS) as found, open_copy(found) as source:
        yield source


def read_floats(source: Any, path: Path) -> npt.NDArray[Any]:
    """Read the band as floats with NaN for "no data", scale and offset applied.

    Whole numbers of up to 16 bits become float32, all else keeps float64 precision where it has it.

    Raises
    ------
    InputError
        The file is damaged.
    """
    dtype = np.float32 if np.dtype(source.dtypes[0]).itemsize <= 2 else np.float64
    if source.dtypes[0] == "float32":
        dtype = np.float32
    try:
        band = source.read(1, masked=True)
    except RasterioIOError as error:
        raise InputError(
            f"{path.name}: the file is damaged ({words_of(error)})", vi=f"{path.name}: tệp bị hỏng, không đọc được"
        ) from error
    values: npt.NDArray[Any] = band.astype(dtype).filled(np.nan)
    if (source.scales[0], source.offsets[0]) != (1.0, 0.0):
        values = (values * source.scales[0] + source.offsets[0]).astype(dtype)
    return values


def first_position(mask: npt.NDArray[np.bool_], grid: Grid) -> str:
    """Where the first true cell of a mask lies, as text: row, column (from 1), longitude and latitude."""
    row, col = divmod(int(np.argmax(mask)), mask.shape[1])
    xs, ys = grid.centres()
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(xs[col], ys[row])
    return f"row {row + 1}, column {col + 1} ({lon:.5f}, {lat:.5f})"
