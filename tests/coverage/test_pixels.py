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


def test_what_is_kept_of_tiles_is_bounded_and_the_answers_are_the_same(sample, computed, monkeypatch):
    results = Results.open(sample, computed.run_id)
    places = np.random.default_rng(2).integers((0, 0), results.grid.shape, size=(200, 2)).tolist()
    reader, forgetful = PixelReader(results), PixelReader(results)
    whole = [reader.read(*place) for place in places]
    monkeypatch.setattr("phusong.coverage.pixels.KEPT_BYTES", 1)
    assert [forgetful.read(*place) for place in places] == whole


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
