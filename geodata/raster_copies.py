"""A raster from elsewhere, passed on as bare numbers: its band as bytes, its place as JSON."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phusong.geodata.errors import InputError, words_of
from phusong.geodata.file_kinds import DRIVERS, RASTER_KINDS, find_kind, require_kind

PIXEL_BYTES_LIMIT = 4 << 30

_BAND, _MASK, _PLACE = "band.raw", "mask.raw", "place.json"
_STRIP_ROWS = 512
_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def copy_raster(file: Path, folder: Path) -> None:
    """Copy the band of a raster into a folder, for `open_copy`; what the reading process does.

    Raises
    ------
    InputError
        The file is no raster of a kind that is read here, is damaged or too large, has several bands or no CRS, or is
        rotated.
    """
    import rasterio
    from rasterio.errors import RasterioError

    kind = find_kind(file)
    require_kind(file, kind, RASTER_KINDS)
    try:
        with rasterio.open(file, driver=DRIVERS[kind][0]) as source:
            _validate_source(source, file)
            _copy_band(source, folder)
    except (RasterioError, OSError) as error:
        raise InputError(
            f"{file.name}: the file is damaged ({words_of(error)})", vi=f"{file.name}: tệp bị hỏng, không đọc được"
        ) from error


@contextmanager
def open_copy(folder: Path) -> Iterator[Any]:
    """Open the raster that `copy_raster` put into a folder as a rasterio dataset made here."""
    import rasterio
    from affine import Affine

    place = json.loads((folder / _PLACE).read_text(encoding="utf-8"))
    shape = (int(place["shape"][0]), int(place["shape"][1]))
    if place["dtype"] not in _DTYPES:
        raise ValueError(f"a raster of {place['dtype']}")
    profile = {
        "driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": place["dtype"],
        "crs": rasterio.crs.CRS.from_wkt(str(place["crs"])), "transform": Affine(*map(float, place["transform"])),
        "nodata": place["nodata"], "tiled": False, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    target = folder / "band.tif"
    with rasterio.open(target, "w", **profile) as sink:
        sink.write(_mapped(folder / _BAND, place["dtype"], shape), 1)
        sink.scales, sink.offsets = (float(place["scale"]),), (float(place["offset"]),)
        if (folder / _MASK).exists():
            sink.write_mask(_mapped(folder / _MASK, "uint8", shape))
    (folder / _BAND).unlink()
    with rasterio.open(target, driver="GTiff") as source:
        yield source


def _copy_band(source: Any, folder: Path) -> None:
    from rasterio.enums import MaskFlags
    from rasterio.windows import Window

    masked = MaskFlags.per_dataset in source.mask_flag_enums[0]
    with (folder / _BAND).open("wb") as band, (folder / _MASK).open("wb") as mask:
        for row in range(0, source.height, _STRIP_ROWS):
            strip = Window(0, row, source.width, min(_STRIP_ROWS, source.height - row))
            band.write(np.ascontiguousarray(source.read(1, window=strip)).data)
            if masked:
                mask.write(np.ascontiguousarray(source.read_masks(1, window=strip)).data)
    if not masked:
        (folder / _MASK).unlink()
    place = {
        "shape": [source.height, source.width], "dtype": source.dtypes[0], "crs": source.crs.to_wkt(),
        "transform": list(source.transform)[:6], "nodata": source.nodata, "scale": source.scales[0],
        "offset": source.offsets[0],
    }  # fmt: skip
    (folder / _PLACE).write_text(json.dumps(place), encoding="utf-8")


def _mapped(file: Path, dtype: str, shape: tuple[int, int]) -> npt.NDArray[Any]:
    return np.memmap(file, dtype=dtype, mode="r", shape=shape)


def _validate_source(source: Any, path: Path) -> None:
    if source.crs is None:
        raise InputError(
            f"{path.name}: the raster has no CRS; write one into it, for instance gdal_edit -a_srs EPSG:4326",
            vi=f"{path.name}: raster không có hệ tọa độ; hãy ghi vào tệp, ví dụ gdal_edit -a_srs EPSG:4326",
        )
    if source.count != 1:
        raise InputError(
            f"{path.name}: one band is expected, the file has {source.count}",
            vi=f"{path.name}: cần tệp một kênh, tệp này có {source.count} kênh",
        )
    transform = source.transform
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0 or not all(map(math.isfinite, transform)):
        raise InputError(
            f"{path.name}: the raster is rotated or not north up; warp it first, for instance with gdalwarp",
            vi=f"{path.name}: raster bị xoay hoặc không quay về hướng bắc; hãy nắn lại, ví dụ bằng gdalwarp",
        )
    if source.dtypes[0] not in _DTYPES:
        raise InputError(
            f"{path.name}: values of type {source.dtypes[0]} are not read; convert them to float32",
            vi=f"{path.name}: không đọc giá trị kiểu {source.dtypes[0]}; hãy chuyển sang float32",
        )
    if source.width * source.height * np.dtype(source.dtypes[0]).itemsize > PIXEL_BYTES_LIMIT:
        raise InputError(
            f"{path.name}: {source.width} × {source.height} pixels are more than fit here; cut out the province",
            vi=f"{path.name}: {source.width} × {source.height} điểm ảnh quá lớn; hãy cắt theo phạm vi tỉnh",
        )
