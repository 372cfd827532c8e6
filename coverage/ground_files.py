"""The ground as a worker elsewhere reads it: windows of GeoTIFFs in a folder or behind a URL.

Every square read is held against the hash that the client has of it: a worker computes from the rasters of the
workspace or not at all.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from phusong.coverage.ground import BLOCK_PX, Digests, Ground, GroundPart, hash_by_squares, hash_squares
from phusong.coverage.tiles import TILE_PX, Box
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster

CHUNKS_KEPT = 64  # of 512 × 512 pixels, 7 bytes each: 120 MB
Chunk = tuple[npt.NDArray[Any], ...]  # terrain, clutter, zone, wanted


class _Reader:
    """Rasters kept open; every process that unpickles one opens its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Any] = {}

    def __reduce__(self) -> tuple[type["_Reader"], tuple[()]]:
        return _Reader, ()

    def read(self, place: str, window: Window) -> npt.NDArray[Any]:
        """All bands of a window."""
        with self._lock, _naming(place):
            if place not in self._files:
                self._files[place] = _open_raster(place)
            values: npt.NDArray[Any] = self._files[place].read(window=window)
            return values


@dataclass(frozen=True, eq=False)
class GroundFiles:
    """The rasters of a workspace, read part by part.

    Attributes
    ----------
    terrain, clutter, asked
        Path or URL of each raster; `asked` holds the zone and what is wanted, written by `share_ground`.
    grid
        The analysis grid.
    clutter_height_m, digests
        As in `Ground`.
    """

    terrain: str
    clutter: str
    asked: str
    grid: Grid
    clutter_height_m: dict[str, float]
    digests: tuple[Digests, Digests]
    reader: _Reader = field(default_factory=_Reader)

    def part(self, box: Box) -> GroundPart:
        """The ground of a box.

        Raises
        ------
        InputError
            A raster cannot be read, or is not that of the workspace.
        """
        shape = (box.bottom - box.top, box.right - box.left)
        chunks = list(self._chunks_of(box))
        if len(chunks) == 1:
            corner, arrays = chunks[0]
            found = [array[_inside(box, corner)] for array in arrays]
        else:
            found = [np.empty(shape, array.dtype) for array in chunks[0][1]]
            for corner, arrays in chunks:
                met = box.cut(Box(*corner, corner[0] + TILE_PX, corner[1] + TILE_PX))
                for whole, array in zip(found, arrays, strict=True):
                    whole[_inside(met, (box.top, box.left))] = array[_inside(met, corner)]
        grid = self.grid.window(box.top, box.left, shape)
        terrain, clutter, zone, wanted = (Raster(values, grid) for values in found)
        return GroundPart(terrain, clutter, zone, wanted, self.clutter_height_m)

    def hash_window(self, rows: slice, cols: slice) -> str:
        """See `Ground.hash_window`."""
        return hash_squares(self.clutter_height_m, self.digests, rows, cols)

    def _chunks_of(self, box: Box) -> Iterator[tuple[tuple[int, int], Chunk]]:
        for row in range(box.top - box.top % TILE_PX, box.bottom, TILE_PX):
            for col in range(box.left - box.left % TILE_PX, box.right, TILE_PX):
                yield (row, col), self._chunk(row, col)

    @cached_property
    def _chunk(self) -> Any:
        return lru_cache(maxsize=CHUNKS_KEPT)(self._read_chunk)

    def _read_chunk(self, row: int, col: int) -> Chunk:
        height, width = (min(TILE_PX, size - start) for size, start in zip(self.grid.shape, (row, col), strict=True))
        window = Window(col, row, width, height)
        (terrain,), (clutter,) = (self.reader.read(place, window) for place in (self.terrain, self.clutter))
        zone, wanted = self.reader.read(self.asked, window)
        wanted = wanted.astype(np.bool_)
        squares = np.s_[
            row // BLOCK_PX : -(-(row + height) // BLOCK_PX), col // BLOCK_PX : -(-(col + width) // BLOCK_PX)
        ]
        for names, arrays, expected in (
            ((self.terrain, self.clutter), (terrain, clutter), self.digests[0]),
            ((self.asked,), (zone, wanted), self.digests[1]),
        ):
            if not np.array_equal(hash_by_squares(*arrays), expected[squares]):
                raise _other_ground(" or ".join(names), row, col)
        return terrain, clutter, zone, wanted


def share_ground(ground: Ground, folder: Path, rasters: str) -> GroundFiles:
    """Write what workers need of the ground beside the rasters of the workspace.

    Parameters
    ----------
    folder
        A folder that the workers see too; the file of an older ground is removed from it.
    rasters
        Path or URL of the folder that holds `terrain.tif` and `clutter.tif`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ground.key}.tif"
    grid = ground.terrain.grid
    for old in folder.glob("*.tif"):
        if old != path:
            old.unlink()
    aside = folder / f".{ground.key}.tif"
    with rasterio.open(
        aside, "w", driver="GTiff", height=grid.shape[0], width=grid.shape[1], count=2, dtype="uint8", crs=grid.crs,
        transform=grid.transform, tiled=True, blockxsize=TILE_PX, blockysize=TILE_PX, compress="deflate",
    ) as file:  # fmt: skip
        file.write(ground.zone.values, 1)
        file.write(ground.wanted.values.astype(np.uint8), 2)
    aside.replace(path)
    root = rasters.rstrip("/")
    return GroundFiles(
        f"{root}/terrain.tif", f"{root}/clutter.tif", str(path), grid, ground.clutter_height_m, ground.digests
    )


def _open_raster(place: str) -> Any:
    if "://" not in place:
        return rasterio.open(place)
    import fsspec

    return rasterio.open(fsspec.open(place, "rb").open())


@contextmanager
def _naming(place: str) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        ImportError,
    ) as error:  # rasterio's errors of reading are OSErrors; an object store may lack its package
        reason = " ".join(str(error).split())
        raise InputError(
            f"{place} cannot be read by a worker: {reason}; give a place that all workers reach with --data-url",
            vi=f"máy tính toán không đọc được {place}: {reason}; hãy chỉ nơi mọi máy đều truy cập được bằng --data-url",
        ) from error


def _other_ground(names: str, row: int, col: int) -> InputError:
    return InputError(
        f"{names} is not what this workspace holds, at row {row + 1}, column {col + 1} first; copy the folder rasters/ "
        "of the workspace there again",
        vi=f"{names} khác với dữ liệu của vùng làm việc này, từ dòng {row + 1}, cột {col + 1}; hãy chép lại thư mục "
        "rasters/ của vùng làm việc đến đó",
    )


def _inside(box: Box, corner: tuple[int, int]) -> tuple[slice, slice]:
    """A box as an index of an array that begins at a corner."""
    return (
        slice(box.top - corner[0], box.bottom - corner[0]),
        slice(box.left - corner[1], box.right - corner[1]),
    )
