"""Where the people of a run live: content-addressed tiles of micro-persons and units, beside the signal tiles.

Band 1 is the micro-persons of a pixel (0 nobody inside the province), band 2 the position, from 1, of its commune in
the list of the tag PHUSONG_COMMUNES (0 where band 1 is 0). In a tile that old communes with polygons meet, band 3 is
that of its old commune in the list of the tag PHUSONG_OLD_COMMUNES. A tile without people is not stored.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.io import MemoryFile

from phusong.coverage.people import Int64s, Residents
from phusong.coverage.tiles import StoredTile, read_stored, store_content, tile_boxes
from phusong.coverage.units import OUTSIDE, IntArray
from phusong.geodata.grid import Grid

TAGS = {"commune": "PHUSONG_COMMUNES", "old_commune": "PHUSONG_OLD_COMMUNES"}


class PeopleTile(NamedTuple):
    """Micro-persons of every pixel of a tile `[y, x]`, and by base layer the row of its unit, −1 none."""

    micro_people: Int64s
    unit: dict[str, IntArray]

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> "PeopleTile":
        """A tile without people."""
        return cls(np.zeros(shape, np.int64), {base: np.full(shape, OUTSIDE, np.int32) for base in TAGS})


def store_people(
    residents: Residents, grid: Grid, *, codes: Mapping[str, Sequence[str]], store_dir: Path
) -> list[StoredTile]:
    """Store the people of every tile that has any, row by row.

    Parameters
    ----------
    residents
        The populated pixels.
    grid
        The whole grid.
    codes
        Codes of the units by base layer, in the order of `residents.plot_unit`.
    store_dir
        Folder of the content-addressed tiles; a tile that is there already is not written again.
    """
    stored = []
    for number, (corner, box) in enumerate(tile_boxes(grid.shape).items()):
        here = residents.of_tile(number)
        if here.start == here.stop:
            continue
        place = grid.window(*corner, (box.bottom - box.top, box.right - box.left))
        row, col = np.divmod(residents.pixel[here], grid.shape[1])
        inside = (row - box.top, col - box.left)
        tile = PeopleTile.empty(place.shape)
        tile.micro_people[inside] = residents.micro_people[here].astype(np.int64)
        for base, unit_of_plot in residents.plot_unit.items():
            tile.unit[base][inside] = unit_of_plot[residents.plot[here]]
        content = _encode(tile, codes, place)
        stored.append(store_content(content, corner, place.shape, store_dir))
    return stored


def read_people(tile: StoredTile, *, codes: Mapping[str, Sequence[str]], store_dir: Path) -> PeopleTile:
    """Read the people of a tile back.

    Parameters
    ----------
    codes
        Codes of the units whose rows are given by base layer, all of the tile's among them.

    Raises
    ------
    StoreError
        The tile is missing from the store or damaged.
    """
    found = PeopleTile.empty((tile.height, tile.width))
    with MemoryFile(read_stored(tile, store_dir)) as memory, memory.open() as file:
        for band, (base, tag) in zip(range(2, file.count + 1), TAGS.items(), strict=False):
            row_of = {code: row for row, code in enumerate(codes[base])}
            rows = [OUTSIDE, *(row_of[code] for code in json.loads(file.tags()[tag]))]
            found.unit[base][:] = np.array(rows, np.int32)[file.read(band)]
        return found._replace(micro_people=file.read(1))


def _encode(tile: PeopleTile, codes: Mapping[str, Sequence[str]], grid: Grid) -> bytes:
    """A tile as the bytes of a GeoTIFF; equal content gives equal bytes."""
    met = {base: np.unique(unit[unit != OUTSIDE]) for base, unit in tile.unit.items()}
    bands = [base for base in TAGS if base == "commune" or met[base].size]
    profile = {
        "driver": "GTiff", "height": grid.shape[0], "width": grid.shape[1], "count": 1 + len(bands), "dtype": "int64",
        "crs": grid.crs, "transform": grid.transform, "compress": "deflate", "interleave": "band",
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(tile.micro_people, 1)
            for band, base in enumerate(bands, start=2):
                file.write(_positions(tile.unit[base], met[base]), band)
                names = [codes[base][row] for row in met[base]]
                file.update_tags(**{TAGS[base]: json.dumps(names, ensure_ascii=False, separators=(",", ":"))})
        return bytes(memory.getbuffer())


def _positions(unit: IntArray, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Position, from 1, of every unit among some rows, 0 of none."""
    return np.where(unit != OUTSIDE, np.searchsorted(rows, unit) + 1, 0)
