"""A disk that fills: one sentence, and the published run stays. A limit on file sizes stands for the disk."""

import resource
from contextlib import contextmanager

import pytest

from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.geodata.errors import DiskFullError
from phusong.geodata.importing import import_layer
from phusong.geodata.recipe import staged
from tests.coverage.conftest import AS_OF


@contextmanager
def file_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("size", "full"), [(0, False), (3000, False), (20_000, True)])
def test_a_computation_on_a_full_disk_ends_in_a_sentence_and_the_published_run_stays(copied, computed, size, full):
    copied.write_layer("stations", copied.read_layer("stations").iloc[3:])
    with file_limit(size), pytest.raises(DiskFullError, match=r"full .* nothing was published"):
        compute(copied, as_of=AS_OF, full=full)
    assert Results.open(copied).rsrp("4G").values.any()
    assert not list(copied.path.rglob(".*-*"))
    compute(copied, as_of=AS_OF)
    assert Results.open(copied).run_id != computed.run_id


def test_an_import_on_a_full_disk_leaves_the_workspace_as_it_was(copied, tmp_path):
    table = copied.read_layer("stations")
    table.assign(lon=table.geometry.x, lat=table.geometry.y).drop(columns="geometry").to_csv(tmp_path / "new.csv")
    before = copied.layers_path.read_bytes()
    with file_limit(20_000), pytest.raises(DiskFullError), staged(copied) as stage:
        import_layer(stage, "stations", tmp_path / "new.csv", replace=True)
    assert copied.layers_path.read_bytes() == before
    assert not list(copied.path.rglob(".*-*"))
