import numpy as np
import pytest
from affine import Affine

from phusong.coverage.cache import FieldCache, content_key
from phusong.geodata.grid import Grid

GRID = Grid("EPSG:32648", Affine(90.0, 0.0, 0.0, 0.0, -90.0, 0.0), (3, 4))
LOSS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def forbidden():
    raise RuntimeError("computed again")


def test_a_field_is_computed_once(tmp_path):
    cache = FieldCache(tmp_path / "cache")
    assert np.array_equal(cache.fetch("k", GRID, lambda: LOSS), LOSS)
    assert np.array_equal(cache.fetch("k", GRID, forbidden), LOSS)


def test_clearing_forgets_every_field(tmp_path):
    cache = FieldCache(tmp_path)
    cache.fetch("k", GRID, lambda: LOSS)
    cache.clear()
    with pytest.raises(RuntimeError, match="computed again"):
        cache.fetch("k", GRID, forbidden)


def test_a_field_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError):
        FieldCache(tmp_path).fetch("k", GRID, forbidden)
    assert not list(tmp_path.iterdir())


def test_the_key_changes_with_every_parameter_and_every_cell():
    terrain = np.zeros((3, 4), np.float32)
    other = terrain.copy()
    other[2, 3] = 1e-3
    keys = {
        content_key({"height": 30.0}, terrain),
        content_key({"height": 31.0}, terrain),
        content_key({"height": 30.0}, other),
        content_key({"height": 30.0}, terrain.reshape(4, 3)),
        content_key({"height": 30.0}, terrain, terrain),
    }
    assert len(keys) == 5
    assert content_key({"height": 30.0}, terrain.copy()) in keys
