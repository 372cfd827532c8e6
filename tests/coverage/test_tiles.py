import shutil

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import GONE, read_pixels, read_tile, store_tile
from phusong.geodata.errors import StoreError
from phusong.geodata.grid import Grid

SHAPE = (40, 30)
GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), SHAPE)
IDS = ["S1", "S2", "S3"]
ROWS = {"S3": 0, "S1": 1}  # S2 is gone


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A stored tile, its folder and what it was made from."""
    random = np.random.default_rng(3)
    level, server = random.integers(-13000, -6000, SHAPE).astype(np.int16), random.integers(0, 3, SHAPE)
    level[5:9, 3:], server = NO_SIGNAL_CDBM, server.astype(np.int32)
    folder = tmp_path_factory.mktemp("store")
    stored = store_tile(SignalTile(level, server), (0, 0), GRID, station_ids=IDS, store_dir=folder)
    return stored, folder, level, np.where(level == NO_SIGNAL_CDBM, -1, server)


def test_a_stored_tile_is_read_back_with_the_rows_that_its_stations_have_now(kept):
    stored, folder, level, server = kept
    read = read_tile(stored, store_dir=folder, row_of_station=ROWS)
    np.testing.assert_array_equal(read.rsrp_cdbm, level)
    np.testing.assert_array_equal(read.server, np.array([1, GONE, 0, -1])[server])


@given(st.sets(st.integers(0, SHAPE[0] * SHAPE[1] - 1), min_size=1))
def test_single_pixels_are_those_of_the_whole_tile(kept, chosen):
    stored, folder, *_ = kept
    pixels = np.array(sorted(chosen))
    read = read_pixels(stored, pixels, store_dir=folder, row_of_station=ROWS)
    whole = read_tile(stored, store_dir=folder, row_of_station=ROWS).at(pixels)
    np.testing.assert_array_equal(read.rsrp_cdbm, whole.rsrp_cdbm)
    np.testing.assert_array_equal(read.server, whole.server)


def test_equal_tiles_have_equal_bytes_though_their_stations_have_other_rows(kept, tmp_path):
    stored, _, level, server = kept
    more = ["S0", "S1", "S2", "S2b", "S3"]
    moved = np.array([1, 2, 4, -1], np.int32)[server]
    again = store_tile(SignalTile(level, moved), (0, 0), GRID, station_ids=more, store_dir=tmp_path)
    assert again == stored


def test_a_tile_read_before_may_have_been_changed_by_its_reader_or_damaged_meanwhile(kept, tmp_path):
    stored, folder, level, _ = kept
    path = tmp_path / f"{stored.sha256}.tif"
    shutil.copy(folder / path.name, path)
    read_tile(stored, store_dir=tmp_path, row_of_station=ROWS).rsrp_cdbm[:] = 0
    np.testing.assert_array_equal(read_tile(stored, store_dir=tmp_path, row_of_station=ROWS).rsrp_cdbm, level)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError):
        read_tile(stored, store_dir=tmp_path, row_of_station=ROWS)
    path.unlink()
    with pytest.raises(StoreError):
        read_tile(stored, store_dir=tmp_path, row_of_station=ROWS)
