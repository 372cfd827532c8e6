"""Content-addressed signal tiles: GeoTIFFs of 512 × 512 pixels named by the sha256 of their bytes.

Band 1 is the best level [0.01 dBm], band 2 the tile's own server code + 1 (0 none); the tag PHUSONG_SERVERS
lists the station ids of those codes. The same content gives the same bytes. A tile without any signal is not
stored.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.signal_tile import SignalTile
from phusong.geodata.errors import StoreError
from phusong.geodata.grid import Grid

TILE_PX = 512
SERVERS_TAG = "PHUSONG_SERVERS"
UNPACKED_TILES = 128  # 1 MB each, read last, in memory: what a new mast changes is read again by whoever comes next
GONE = -2  # row of a server that is not among the stations

Int16s = npt.NDArray[np.int16]
Corner = tuple[int, int]  # first row and column of a tile


class Box(NamedTuple):
    """Rows `top` to `bottom - 1` and columns `left` to `right - 1` of the grid."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """As an index of arrays of the grid."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.top >= self.bottom or self.left >= self.right

    def cut(self, other: "Box") -> "Box":
        """The part of another box that lies in this one; may be empty."""
        return Box(
            max(self.top, other.top), max(self.left, other.left),
            min(self.bottom, other.bottom), min(self.right, other.right),
        )  # fmt: skip


def tile_boxes(shape: tuple[int, int]) -> dict[Corner, Box]:
    """The tiles of a grid by corner, row by row."""
    whole = Box(0, 0, *shape)
    corners = product(range(0, shape[0], TILE_PX), range(0, shape[1], TILE_PX))
    return {(row, col): whole.cut(Box(row, col, row + TILE_PX, col + TILE_PX)) for row, col in corners}


@dataclass(frozen=True)
class StoredTile:
    """A stored tile and the pixels it covers, counted from the grid's north-west corner."""

    row: int
    col: int
    height: int
    width: int
    sha256: str


def encode_tile(
    rsrp_cdbm: npt.NDArray[np.int16], server: npt.NDArray[np.int32], station_ids: Sequence[str], grid: Grid
) -> bytes:
    """Encode one tile as the bytes of a GeoTIFF; equal content gives equal bytes.

    Parameters
    ----------
    rsrp_cdbm
        Best level `[y, x]` [0.01 dBm], −32768 none.
    server
        Row of the serving station `[y, x]`, −1 none.
    station_ids
        Station ids by row.
    grid
        Place of the tile.
    """
    served = np.where(rsrp_cdbm == NO_SIGNAL_CDBM, -1, server)
    serves = np.zeros(len(station_ids) + 1, np.bool_)
    serves[served] = True  # the last says whether there is a pixel without a server
    rows = np.flatnonzero(serves[:-1]).tolist()
    codes = np.append(np.cumsum(serves[:-1]), 0).astype(np.int16)[served]
    profile = {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": 2,
        "dtype": "int16",
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": NO_SIGNAL_CDBM,
        "compress": "deflate",
        "zlevel": 1,  # of noisy levels the tile is as small as at 6, in half the time
        "predictor": 2,
        "interleave": "band",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(rsrp_cdbm, 1)
            file.write(codes, 2)
            names = json.dumps([station_ids[row] for row in rows], ensure_ascii=False, separators=(",", ":"))
            file.update_tags(**{SERVERS_TAG: names})
        return bytes(memory.getbuffer())


def store_tile(
    tile: SignalTile, corner: Corner, grid: Grid, *, station_ids: Sequence[str], store_dir: Path
) -> StoredTile | None:
    """Store a tile; None for one without any signal.

    Parameters
    ----------
    tile
        Signal of one technology and operator.
    corner
        Its first row and column.
    grid
        The whole grid.
    station_ids
        Station ids by server row.
    store_dir
        Folder of the content-addressed tiles; a tile that is there already is not written again.
    """
    if (tile.rsrp_cdbm == NO_SIGNAL_CDBM).all():
        return None
    shape = (tile.rsrp_cdbm.shape[0], tile.rsrp_cdbm.shape[1])
    content = encode_tile(tile.rsrp_cdbm, tile.server, station_ids, grid.window(*corner, shape))
    return store_content(content, corner, shape, store_dir)


def store_content(content: bytes, corner: Corner, shape: tuple[int, int], store_dir: Path) -> StoredTile:
    """Put the bytes of a tile into the store under their hash."""
    stored = StoredTile(*corner, *shape, hashlib.sha256(content).hexdigest())
    _write_once(tile_path(stored, store_dir), content)
    return stored


def read_tile(tile: StoredTile, *, store_dir: Path, row_of_station: Mapping[str, int]) -> SignalTile:
    """Read a stored tile back.

    Parameters
    ----------
    store_dir
        Folder of the content-addressed tiles.
    row_of_station
        Row of every station id; of one that is not there the pixels have server `GONE`.

    Raises
    ------
    StoreError
        The tile is missing from the store or damaged.
    """
    level_cdbm, code, names = _unpacked(tile, store_dir)
    return SignalTile(level_cdbm.copy(), _server_rows(names, row_of_station)[code])


def read_pixels(
    tile: StoredTile, pixels: npt.NDArray[np.intp], *, store_dir: Path, row_of_station: Mapping[str, int]
) -> SignalTile:
    """Read some pixels of a stored tile.

    Parameters
    ----------
    pixels
        Their positions in the tile, row by row `[n]`.
    store_dir, row_of_station
        As in `read_tile`.

    Returns
    -------
    SignalTile
        Arrays `[n]`.

    Raises
    ------
    StoreError
        The tile is missing from the store or damaged.
    """
    level_cdbm, code, names = _unpacked(tile, store_dir)
    return SignalTile(level_cdbm.ravel()[pixels], _server_rows(names, row_of_station)[code.ravel()[pixels]])


def _unpacked(tile: StoredTile, store_dir: Path) -> tuple[Int16s, Int16s, list[str]]:
    """Levels, codes and their stations, as the bands and the tag of a tile hold them; not to be changed."""
    try:
        written_ns = os.stat(tile_path(tile, store_dir)).st_mtime_ns
    except FileNotFoundError:
        raise damaged(tile, store_dir) from None
    return _unpack(tile, store_dir, written_ns)


@lru_cache(maxsize=UNPACKED_TILES)
def _unpack(tile: StoredTile, store_dir: Path, _written_ns: int) -> tuple[Int16s, Int16s, list[str]]:
    with MemoryFile(read_stored(tile, store_dir)) as memory, memory.open() as file:
        return file.read(1), file.read(2), json.loads(file.tags()[SERVERS_TAG])


def _server_rows(names: Sequence[str], row_of_station: Mapping[str, int]) -> npt.NDArray[np.int32]:
    """Row of the station of every code of a tile."""
    return np.array([-1, *(row_of_station.get(name, GONE) for name in names)], dtype=np.int32)


def read_stored(tile: StoredTile, store_dir: Path) -> bytes:
    """The bytes of a stored tile.

    Raises
    ------
    StoreError
        The tile is missing from the store or damaged.
    """
    try:
        content = tile_path(tile, store_dir).read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != tile.sha256:
        raise damaged(tile, store_dir)
    return content


def tile_path(tile: StoredTile, store_dir: Path) -> Path:
    """Where a tile is kept."""
    return store_dir / f"{tile.sha256}.tif"


def damaged(tile: StoredTile, store_dir: Path) -> StoreError:
    """The error of a stored tile that is missing or not what it was."""
    path = tile_path(tile, store_dir)
    return StoreError(
        f"{path} is missing or damaged; if the published run needs it, `phusong compute {store_dir.parent} --full` "
        "makes it again, else restore it from a backup",
        vi=f"{path} bị thiếu hoặc hỏng; nếu lần tính đang công bố cần tệp này, hãy chạy "
        f"`phusong compute {store_dir.parent} --full`, nếu không hãy khôi phục từ bản sao lưu",
    )


def render_vrt(tiles: Sequence[StoredTile], grid: Grid, *, store_from_vrt: str) -> str:
    """Render a GDAL VRT of the level band over stored tiles, scaled to dBm.

    Parameters
    ----------
    tiles
        The stored tiles of one layer.
    grid
        The whole grid.
    store_from_vrt
        Relative path from the VRT's folder to the store.
    """
    sources = "\n".join(
        f'    <SimpleSource><SourceFilename relativeToVRT="1">{escape(store_from_vrt)}/{tile.sha256}.tif'
        f"</SourceFilename><SourceBand>1</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" xSize="{tile.width}" ySize="{tile.height}"/>'
        f'<DstRect xOff="{tile.col}" yOff="{tile.row}" xSize="{tile.width}" ySize="{tile.height}"/>'
        f"</SimpleSource>"
        for tile in tiles
    )
    transform = ", ".join(repr(float(value)) for value in grid.transform.to_gdal())
    return (
        f'<VRTDataset rasterXSize="{grid.shape[1]}" rasterYSize="{grid.shape[0]}">\n'
        f"  <SRS>{escape(CRS.from_user_input(grid.crs).to_wkt())}</SRS>\n"
        f"  <GeoTransform>{transform}</GeoTransform>\n"
        f'  <VRTRasterBand dataType="Int16" band="1">\n'
        f"    <NoDataValue>{NO_SIGNAL_CDBM}</NoDataValue>\n"
        f"    <Scale>0.01</Scale>\n    <UnitType>dBm</UnitType>\n"
        f"{sources}\n  </VRTRasterBand>\n</VRTDataset>\n"
    )


def _write_once(path: Path, content: bytes) -> None:
    """Put content into the store and on disk, unless it is there already."""
    if path.exists() and path.read_bytes() == content:
        return
    aside = path.with_name(f".{path.stem}-{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
