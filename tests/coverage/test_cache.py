import os

import numpy as np
import pytest
from affine import Affine

from phusong.coverage.cache import Cache, LookOnly, content_key
from phusong.geodata.grid import Grid

GRID = Grid("EPSG:32648", Affine(90.0, 0.0, 0.0, 0.0, -90.0, 0.0), (3, 4))
LOSS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
ARRAYS = {"height": np.arange(7, dtype=np.float32), "wanted": np.ones((2, 3), np.bool_), "none": np.empty(0, np.int64)}


def forbidden():
    raise RuntimeError("computed again")


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def same(found, expected):
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in expected.items()
    )


def test_a_field_is_computed_once(tmp_path):
    cache = Cache(tmp_path / "cache")
    assert np.array_equal(cache.fetch_field("k", GRID, lambda: LOSS), LOSS)
    assert np.array_equal(cache.fetch_field("k", GRID, forbidden), LOSS)


def test_arrays_are_computed_once_and_come_back_as_they_were(tmp_path):
    cache = Cache(tmp_path)
    assert same(cache.fetch_arrays("k", lambda: ARRAYS), ARRAYS)
    assert same(cache.fetch_arrays("k", forbidden), ARRAYS)


def test_a_cache_that_is_only_looked_at_finds_what_is_kept_and_keeps_nothing(tmp_path):
    kept = Cache(tmp_path).fetch_arrays("k", lambda: {"a": np.arange(5)})
    found = LookOnly(tmp_path).fetch_arrays("k", pytest.fail)
    assert found["a"].tolist() == kept["a"].tolist()
    files = sorted(tmp_path.rglob("*"))
    assert LookOnly(tmp_path).fetch_arrays("other", lambda: {"a": np.zeros(2)})["a"].size == 2
    assert sorted(tmp_path.rglob("*")) == files


def test_writing_into_arrays_that_were_read_leaves_the_cache_alone(tmp_path):
    cache = Cache(tmp_path)
    cache.fetch_arrays("k", lambda: ARRAYS)
    cache.fetch_arrays("k", forbidden)["height"][:] = -1.0
    assert same(cache.fetch_arrays("k", forbidden), ARRAYS)


@pytest.mark.parametrize("place", [5, -40, -1])
def test_a_damaged_file_is_computed_again_and_reported(tmp_path, place):
    cache = Cache(tmp_path)
    fetch = {"fields": lambda: cache.fetch_field("k", GRID, LOSS.copy)}
    fetch["arrays"] = lambda: cache.fetch_arrays("k", lambda: {"loss": LOSS.copy()})["loss"]
    for folder, again in fetch.items():
        again()
        path = files_of(tmp_path / folder)[0]
        content = bytearray(path.read_bytes())
        content[place] ^= 0xFF
        path.write_bytes(content)
        assert np.array_equal(again(), LOSS)
        path.write_bytes(content[: len(content) // 2])
        assert np.array_equal(again(), LOSS)
        assert path.name in cache.damaged


def test_clearing_forgets_everything(tmp_path):
    cache = Cache(tmp_path)
    cache.fetch_field("k", GRID, lambda: LOSS)
    cache.fetch_arrays("k", lambda: ARRAYS)
    cache.clear()
    assert not files_of(tmp_path)


def test_trimming_forgets_what_was_used_longest_ago(tmp_path):
    cache = Cache(tmp_path)
    for key in ("a", "b", "c"):
        cache.fetch_arrays(key, lambda: {"x": np.zeros(1000)})
    for age, key in enumerate(("b", "c", "a")):
        os.utime(tmp_path / "arrays" / f"{key}.arrays", (1e9 - age, 1e9 - age))
    cache.fetch_arrays("a", forbidden)
    assert 16_000 < cache.trim(20_000) < 20_000
    assert sorted(path.stem for path in files_of(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("fetch", ["fetch_field", "fetch_arrays"])
def test_a_computation_that_fails_leaves_no_file(tmp_path, fetch):
    arguments = ("k", GRID, forbidden) if fetch == "fetch_field" else ("k", forbidden)
    with pytest.raises(RuntimeError):
        getattr(Cache(tmp_path), fetch)(*arguments)
    assert not files_of(tmp_path)


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
