import numpy as np
import pytest

from phusong.coverage.pixels import PixelReader
from phusong.coverage.results import Results
from phusong.geodata.errors import StoreError


def test_single_pixels_are_those_of_the_rasters(sample, computed):
    results = Results.open(sample, computed.run_id)
    reader = PixelReader(results)
    rasters = [(results.rsrp(*layer).values, results.server(*layer).values) for layer in reader.layers]
    ny, nx = results.grid.shape
    places = np.random.default_rng(1).integers((0, 0), (ny, nx), size=(500, 2)).tolist()
    for row, col in [*places, (0, 0), (0, nx - 1), (ny - 1, 0), (ny - 1, nx - 1)]:
        assert reader.read(row, col) == [(level[row, col], server[row, col]) for level, server in rasters]


def test_a_tile_that_is_gone_or_cut_short_is_told(copied):
    results = Results.open(copied)
    tile = next(iter(results.tiles[PixelReader(results).layers[0]].values()))
    path = results.store_dir / f"{tile.sha256}.tif"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(StoreError, match="missing or damaged"):
        PixelReader(results).read(tile.row + tile.height - 1, tile.col)
    path.unlink()
    with pytest.raises(StoreError, match="missing or damaged"):
        PixelReader(results).read(tile.row, tile.col)
