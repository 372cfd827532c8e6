"""Where the people of a run live: content-addressed tiles of micro-persons and communes, beside the signal tiles.

Band 1 is the micro-persons of a pixel (0 nobody inside the province), band 2 the position, from 1, of its commune in
the list of the tag PHUSONG_COMMUNES (0 where band 1 is 0). A tile without people is not stored.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.io import MemoryFile

from phusong.coverage.people import Int64s, Residents
from phusong.coverage.tiles import StoredTile, read_stored, tile_boxes, write_once
from phusong.coverage.units import IntArray
from phusong.geodata.grid import Grid

COMMUNES_TAG = "PHUSONG_COMMUNES"


class PeopleTile(NamedTuple):
    """Micro-persons of every pixel of a tile `[y, x]`, and the row of its commune, −1 where nobody lives."""

    micro_people: Int64s
    commune: IntArray


def store_people(residents: Residents, grid: Grid, *, communes: Sequence[str], store_dir: Path) -> list[StoredTile]:
    """Store the people of every tile that has any, row by row.

    Parameters
    ----------
    residents
        The populated pixels.
    grid
        The whole grid.
    communes
        Codes of the communes, in the order of `residents.plot_unit`.
    store_dir
        Folder of the content-addressed tiles; a tile that is there already is not written again.
    """
    stored = []
    commune_of_plot = residents.plot_unit["commune"]
    for number, (corner, box) in enumerate(tile_boxes(grid.shape).items()):
        here = residents.of_tile(number)
        if here.start == here.stop:
            continue
        place = grid.window(*corner, (box.bottom - box.top, box.right - box.left))
        row, col = np.divmod(residents.pixel[here], grid.shape[1])
        inside = (row - box.top, col - box.left)
        micro, commune = np.zeros(place.shape, np.int64), np.full(place.shape, -1, np.int32)
        micro[inside] = residents.micro_people[here].astype(np.int64)
        commune[inside] = commune_of_plot[residents.plot[here]]
        content = _encode(micro, commune, communes, place)
        digest = hashlib.sha256(content).hexdigest()
        write_once(store_dir / f"{digest}.tif", content)
        stored.append(StoredTile(*corner, *place.shape, digest))
    return stored


def read_people(tile: StoredTile, *, communes: Sequence[str], store_dir: Path) -> PeopleTile:
    """Read the people of a tile back.

    Parameters
    ----------
    communes
        Codes of the communes whose rows are given, all of the tile's among them.

    Raises
    ------
    StoreError
        The tile is missing from the store or damaged.
    """
    row_of = {code: row for row, code in enumerate(communes)}
    with MemoryFile(read_stored(tile, store_dir)) as memory, memory.open() as file:
        rows = np.array([-1, *(row_of[code] for code in json.loads(file.tags()[COMMUNES_TAG]))], np.int32)
        return PeopleTile(file.read(1), rows[file.read(2)])


def _encode(micro: Int64s, commune: npt.NDArray[np.int32], communes: Sequence[str], grid: Grid) -> bytes:
    """A tile as the bytes of a GeoTIFF; equal content gives equal bytes."""
    rows = np.unique(commune[commune >= 0])
    profile = {
        "driver": "GTiff", "height": grid.shape[0], "width": grid.shape[1], "count": 2, "dtype": "int64",
        "crs": grid.crs, "transform": grid.transform, "compress": "deflate", "interleave": "band",
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(micro, 1)
            file.write(np.where(commune >= 0, np.searchsorted(rows, commune) + 1, 0), 2)
            names = json.dumps([communes[row] for row in rows], ensure_ascii=False, separators=(",", ":"))
            file.update_tags(**{COMMUNES_TAG: names})
        return bytes(memory.getbuffer())
