import pytest

from phusong.coverage.pruning import _newest, prune_runs
from phusong.coverage.results import Results, list_runs
from phusong.geodata.errors import InputError, StoreError
from tests.coverage.test_runs import ALPHA, BETA, make_outcome, make_signal, publish, workspace  # noqa: F401

OTHER = make_signal("Beta", -95.0, 1)


@pytest.fixture
def runs(workspace):  # noqa: F811
    return [publish(workspace, make_outcome(*signals)) for signals in ([ALPHA], [ALPHA, BETA], [ALPHA, OTHER])]


def ids(workspace):  # noqa: F811
    return [run["run_id"] for run in list_runs(workspace)]


def test_the_newest_runs_stay_and_every_tile_they_refer_to(workspace, runs):  # noqa: F811
    pruned = prune_runs(workspace, 1)
    assert (pruned.removed, pruned.kept, pruned.tiles) == ((runs[1], runs[0]), (runs[2],), 2)
    assert pruned.freed_bytes > 1000
    assert ids(workspace) == [runs[2]]
    assert Results.open(workspace).rsrp("4G", "Alpha").values.any()
    assert len(list(workspace.store_dir.iterdir())) == 2
    assert not list(workspace.path.rglob(".*-*"))


def test_the_published_run_stays_however_old_it_is(workspace, runs):  # noqa: F811
    publish(workspace, make_outcome(ALPHA))
    assert set(prune_runs(workspace, 1).kept) == {runs[0], runs[2]}
    assert Results.open(workspace).run_id == runs[0]


def test_nothing_is_removed_when_there_are_no_more_runs_than_stay(workspace, runs):  # noqa: F811
    before = sorted(workspace.store_dir.iterdir())
    pruned = prune_runs(workspace, 3)
    assert (pruned.removed, pruned.tiles, pruned.freed_bytes) == ((), 0, 0)
    assert sorted(workspace.store_dir.iterdir()) == before


def test_whoever_has_a_pruned_run_open_reads_what_happened(workspace, runs):  # noqa: F811
    results = Results.open(workspace, runs[1])
    assert len(results.settlements) == 1
    prune_runs(workspace, 1)
    for read in (lambda: results.figures, lambda: results.rsrp("4G", "Beta"), lambda: results.units("commune")):
        with pytest.raises(StoreError, match=f"run {runs[1]} has been removed") as removed:
            read()
        assert "đã bị xóa" in removed.value.vi
    assert len(results.settlements) == 1


def test_runs_of_a_scenario_count_apart():
    runs = [
        {"run_id": name, "scenario": of, "is_current": False}
        for name, of in zip("abcd", [None, "x", None, "x"], strict=True)
    ]
    assert _newest(runs, 1) == ["a", "b"]


def test_at_least_one_run_stays(workspace):  # noqa: F811
    with pytest.raises(InputError, match="at least 1, got 0"):
        prune_runs(workspace, 0)
