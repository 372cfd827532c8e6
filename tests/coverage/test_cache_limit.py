import os

import numpy as np
import pytest
from affine import Affine

from phusong.coverage.cache import Cache
from phusong.coverage.cache_limit import GB, LEAST_BYTES, cache_limit_bytes, limit_warnings, trim_cache
from phusong.coverage.compute import compute
from phusong.coverage.plan import plan
from phusong.geodata.grid import Grid
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF

GRID = Grid("EPSG:32648", Affine(30.0, 0, 0, 0, -30.0, 0), (100, 100))


def fields(folder, *keys):
    cache = Cache(folder)
    noise = np.random.default_rng(1).integers(0, 20_000, (1, 100, 100)).astype(np.int16)
    for age, key in enumerate(keys):
        cache.fetch_field(key, GRID, lambda: noise)
        os.utime(folder / "fields" / f"{key}.tif", (1e9 + age, 1e9 + age))
    return cache


@pytest.mark.parametrize(("limit_gb", "working_set", "limit"), [(0, 5e9, 10e9), (0, 5.0, LEAST_BYTES), (3, 5e9, 3e9)])
def test_the_limit_is_the_one_set_or_twice_the_working_set(limit_gb, working_set, limit):
    assert cache_limit_bytes(limit_gb, working_set) == limit
    assert bool(limit_warnings(limit_gb, working_set)) == (limit < working_set)


def test_fields_of_the_present_stations_go_last_however_old(tmp_path):
    cache = fields(tmp_path, "present", "of-yesterday", "of-today")
    size = (tmp_path / "fields" / "present.tif").stat().st_size
    assert trim_cache(cache, ["present"], 2.5 * size / GB) == []
    assert [cache.holds_field(key) for key in ("present", "of-yesterday", "of-today")] == [True, False, True]


def test_a_limit_below_the_working_set_is_kept_and_warned_of(tmp_path):
    cache = fields(tmp_path, "a", "b")
    size = (tmp_path / "fields" / "a.tif").stat().st_size
    (warning,) = trim_cache(cache, ["a", "b", "c"], 1.5 * size / GB)
    assert f"about {3 * size / GB:.3g} GB" in warning["en"]
    assert [cache.holds_field(key) for key in "ab"] == [False, True]


def test_the_limit_is_no_part_of_the_answer_and_the_plan_says_what_is_cached(copied, computed):
    settings = copied.path / "phusong.toml"
    settings.write_text(settings.read_text("utf-8").replace("cache_limit_gb = 0.0", "cache_limit_gb = 1e-4"), "utf-8")
    limited = Workspace.open(copied.path)
    planned = plan(limited, as_of=AS_OF)
    assert planned.cached_fields == planned.fields
    assert planned.cache_limit_mb == 0.1
    assert "cache_limit_gb allows 0.0001" in planned.warnings[0]["en"]
    assert not compute(limited, as_of=AS_OF).published
