"""What stations would change is what importing them and computing changes."""

import geopandas as gpd
import pandas as pd
import pytest

from phusong.coverage.compute import compute
from phusong.coverage.diff import compare_runs
from phusong.coverage.results import Results
from phusong.coverage.whatif import Planner, StationChanges, changed_layer
from phusong.geodata.errors import InputError, UnknownNameError

from .conftest import AS_OF

KEY = ["level", "unit_code", "technology", "service"]


def new_station(stations, settlements, **changes):
    """A copy of the first 4G station beside a settlement."""
    row = stations[stations["technology"] == "4G"].iloc[[0]].copy()
    row["geometry"] = gpd.points_from_xy(settlements["lon"] + 0.003, settlements["lat"])[:1]
    return row.assign(station_id="NEW-1", mast_id="NEW-M", **changes)


def kinds_of_changes(workspace, results):
    stations = workspace.read_layer("stations")
    without = results.settlements[results.settlements["signal"] == "none"].dropna(subset=["lon"])
    new = new_station(stations, without)
    gone = list(results.settlements.loc[results.settlements["class_4G"] == "good", "station_id_4G"].unique()[:2])
    moved = stations[stations["station_id"] == gone[0]].copy()
    moved["geometry"] = moved.geometry.translate(0.01, 0.005)
    return {
        "new": StationChanges(new),
        "all": StationChanges(gpd.GeoDataFrame(pd.concat([new, moved]), crs=4326), [gone[1]]),
    }


def files(workspace):
    return {path: path.stat().st_size for path in workspace.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["new", "all"])
def test_the_answer_is_that_of_importing_and_computing_and_nothing_is_stored(copied, computed, kind):
    before = Results.open(copied, computed.run_id)
    changes = kinds_of_changes(copied, before)[kind]
    there = files(copied)
    found = Planner(copied, before).answer(changes)
    assert files(copied) == there
    copied.write_layer("stations", changed_layer(copied.read_layer("stations"), changes))
    done = compare_runs(before, Results.open(copied, compute(copied, as_of=AS_OF).run_id))
    people = done.people[(done.people["gained_micro"] > 0) | (done.people["lost_micro"] > 0)]
    columns = [*KEY, "gained_micro", "lost_micro"]
    expected = people[columns].sort_values(KEY, ignore_index=True)
    pd.testing.assert_frame_equal(
        found.people[columns].sort_values(KEY, ignore_index=True), expected, check_dtype=False
    )
    names = ["settlement_id", "technology", "class_a", "class_b", "change"]
    pd.testing.assert_frame_equal(found.settlements[names], done.settlements[names], check_dtype=False)
    assert len(expected)
    assert len(found.settlements)
    assert found.coverage.values.max() == 2


def test_what_cannot_be_asked_is_refused(copied, computed, monkeypatch):
    before = Results.open(copied, computed.run_id)
    planner = Planner(copied, before)
    stations = copied.read_layer("stations")
    with pytest.raises(UnknownNameError, match="NOBODY"):
        planner.answer(StationChanges(stations.iloc[:0], ["NOBODY"]))
    with monkeypatch.context() as other:
        other.setattr("phusong.coverage.levels.field_versions", lambda: {"phusong": "another"})
        with pytest.raises(InputError, match="another version of the program"):
            Planner(copied, before)
    copied.write_layer("stations", stations.iloc[1:].reset_index(drop=True))
    with pytest.raises(InputError, match="stations"):
        Planner(copied, before)
