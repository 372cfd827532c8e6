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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from phusong.coverage.service import NO_SIGNAL_CDBM, SignalLayer
from phusong.geodata.grid import Grid

TILE_PX = 512
SERVERS_TAG = "PHUSONG_SERVERS"


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
    rows = np.unique(served[served >= 0])
    codes = np.where(served >= 0, np.searchsorted(rows, served) + 1, 0)
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
        "predictor": 2,
        "interleave": "band",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(rsrp_cdbm, 1)
            file.write(codes.astype(np.int16), 2)
            names = json.dumps([station_ids[row] for row in rows], ensure_ascii=False, separators=(",", ":"))
            file.update_tags(**{SERVERS_TAG: names})
        return bytes(memory.getbuffer())


def store_layer(layer: SignalLayer, grid: Grid, *, station_ids: Sequence[str], store_dir: Path) -> list[StoredTile]:
    """Store the tiles of one layer that hold a signal, row by row.

    Parameters
    ----------
    layer
        Signal of one technology and operator.
    grid
        Its grid.
    station_ids
        Station ids by server row.
    store_dir
        Folder of the content-addressed tiles; a tile that is there already is not written again.
    """

    def store(corner: tuple[int, int]) -> StoredTile | None:
        row, col = corner
        window = np.s_[row : row + TILE_PX, col : col + TILE_PX]
        rsrp_cdbm = np.ascontiguousarray(layer.rsrp_cdbm[window])
        if (rsrp_cdbm == NO_SIGNAL_CDBM).all():
            return None
        place = grid.window(row, col, (rsrp_cdbm.shape[0], rsrp_cdbm.shape[1]))
        content = encode_tile(rsrp_cdbm, layer.server[window], station_ids, place)
        digest = hashlib.sha256(content).hexdigest()
        _write_once(store_dir / f"{digest}.tif", content)
        return StoredTile(row, col, *place.shape, digest)

    corners = product(range(0, grid.shape[0], TILE_PX), range(0, grid.shape[1], TILE_PX))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [tile for tile in pool.map(store, corners) if tile is not None]


def read_signal(
    tiles: Sequence[StoredTile], grid: Grid, *, store_dir: Path, row_of_station: Mapping[str, int]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    """Read one layer back: best level `[y, x]` [0.01 dBm] (−32768 none) and row of the server (−1 none).

    Parameters
    ----------
    tiles
        The stored tiles of the layer.
    grid
        The whole grid.
    store_dir
        Folder of the content-addressed tiles.
    row_of_station
        Row of every station id.

    Raises
    ------
    FileNotFoundError
        A tile is missing from the store.
    """
    rsrp_cdbm = np.full(grid.shape, NO_SIGNAL_CDBM, dtype=np.int16)
    server = np.full(grid.shape, -1, dtype=np.int32)
    for tile in tiles:
        window = np.s_[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width]
        content = (store_dir / f"{tile.sha256}.tif").read_bytes()
        with MemoryFile(content) as memory, memory.open() as file:
            rows = [-1, *(row_of_station[name] for name in json.loads(file.tags()[SERVERS_TAG]))]
            rsrp_cdbm[window] = file.read(1)
            server[window] = np.array(rows, dtype=np.int32)[file.read(2)]
    return rsrp_cdbm, server


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
    if path.exists():
        return
    aside = path.with_name(f".{path.stem}-{uuid.uuid4().hex}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
