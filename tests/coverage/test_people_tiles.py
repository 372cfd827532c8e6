import numpy as np
import pytest
from affine import Affine

from phusong.coverage.people import Residents
from phusong.coverage.people_tiles import read_people, store_people
from phusong.geodata.errors import StoreError
from phusong.geodata.grid import Grid

GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), (600, 700))
CODES = {"commune": ["00001", "00002"], "old_commune": ["90001"]}
OTHER = {"commune": ["x", "00002", "00001"], "old_commune": ["y", "90001"]}


@pytest.fixture
def residents():
    """Three pixels in two of the four tiles; the first two in commune 1, the third in commune 0."""
    pixel = np.array([3, 2 * 700 + 5, 550 * 700 + 600])
    return Residents(
        pixel=pixel, tile_start=np.array([0, 2, 2, 2, 3]), micro_people=np.array([1.0, 2.5e6, 7e12]),
        plot=np.array([0, 0, 1]), cell=np.array([0, 0, 1]),
        plot_unit={"commune": np.array([1, 0], np.int32), "old_commune": np.array([-1, 0], np.int32)},
        cell_micro=np.array([2_500_001, 7 * 10**12]),
        cell_unit={},
    )  # fmt: skip


def test_the_people_and_communes_of_every_pixel_are_read_back(residents, tmp_path):
    tiles = store_people(residents, GRID, codes=CODES, store_dir=tmp_path)
    assert [(tile.row, tile.col, tile.height, tile.width) for tile in tiles] == [(0, 0, 512, 512), (512, 512, 88, 188)]
    first, second = (read_people(tile, codes=OTHER, store_dir=tmp_path) for tile in tiles)
    assert first.micro_people[[0, 2], [3, 5]].tolist() == [1, 2_500_000]
    assert first.micro_people.sum() == 2_500_001
    assert first.unit["commune"][[0, 2, 0], [3, 5, 0]].tolist() == [1, 1, -1]
    assert (second.micro_people[38, 88], second.unit["commune"][38, 88]) == (7 * 10**12, 2)
    assert second.unit["old_commune"][38, 88] == 1
    assert (first.unit["old_commune"] == -1).all()


def test_equal_people_are_stored_once(residents, tmp_path):
    first = store_people(residents, GRID, codes=CODES, store_dir=tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert store_people(residents, GRID, codes=CODES, store_dir=tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_a_damaged_tile_is_refused(residents, tmp_path):
    tile = store_people(residents, GRID, codes=CODES, store_dir=tmp_path)[0]
    path = tmp_path / f"{tile.sha256}.tif"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="missing or damaged"):
        read_people(tile, codes=CODES, store_dir=tmp_path)
