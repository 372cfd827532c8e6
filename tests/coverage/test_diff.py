"""Runs after edits of the sample province against the run before: figures reconcile, causes are the edited stations."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import shapely

from phusong.coverage.compute import compute
from phusong.coverage.diff import COUNTS, compare_runs
from phusong.coverage.diff_causes import Roster, Seen, blame
from phusong.coverage.diff_pixels import KEY
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF, sample_workspace
from tests.coverage.test_increments import added_to, copies, edit_settlements, moved, with_column


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The sample at 300 m with every fifth station, computed."""
    workspace = sample_workspace(tmp_path_factory.mktemp("diff"), resolution_m=300.0)
    stations = workspace.read_layer("stations")
    live = stations[stations["status"] == "live"][::5]
    planned = stations[stations["status"] == "planned"]
    workspace.write_layer("stations", pd.concat([live, planned], ignore_index=True))
    compute(workspace, as_of=AS_OF)
    return workspace


def without(stations):
    return stations.iloc[10:].reset_index(drop=True)


def with_more(stations):
    rng = np.random.default_rng(1)
    rows = [0, 7, 20]
    return pd.concat([stations, moved(copies(stations, rows, rng), range(3), rng)], ignore_index=True)


def weaker(stations):
    rows = range(10)
    return with_column(stations, rows, "eirp_dbm", added_to(stations.iloc[rows]["eirp_dbm"], -9))


def with_a_border_moved(communes):
    """The western half of one commune goes to another."""
    giver, taker = np.flatnonzero(communes["valid_to"].isna() | (communes["valid_to"] == ""))[:2]
    geometry = communes.geometry.to_numpy().copy()
    west, south, east, north = geometry[giver].bounds
    half = shapely.box(west, south, (west + east) / 2, north)
    for row, shape in ((taker, geometry[taker].union(geometry[giver] & half)), (giver, geometry[giver] - half)):
        geometry[row] = shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
    return communes.set_geometry(geometry, crs=communes.crs)


STATION_EDITS = {"gone": without, "new": with_more, "changed": weaker}


def edited(base, folder, *, thresholds=None, **changes):
    """A copy of the sample with layers edited and computed; both runs."""
    shutil.copytree(base.path, folder)
    workspace = Workspace.open(folder)
    for layer, change in changes.items():
        workspace.write_layer(layer, change(workspace.read_layer(layer)))
    if thresholds:
        path = folder / "phusong.toml"
        path.write_text(re.sub(*thresholds, path.read_text(encoding="utf-8")), encoding="utf-8")
    workspace, before = Workspace.open(folder), current_run_id(base)
    after = compute(workspace, as_of=AS_OF).run_id
    return Results.open(workspace, before), Results.open(workspace, after)


def published(run, level, indicator):
    """Numerators by unit, technology and service as the figures of a run have them."""
    figures = run.figures.query(
        "indicator == @indicator and operator == 'any' and level in (@level, 'province') and profile == @name",
        local_dict={"name": next(iter(run.profiles)), "level": level, "indicator": indicator},
    )
    return figures.set_index(KEY)["numerator"]


def assert_reconciled(found):
    """Every unit of both runs, whether or not the difference has a row of it."""
    first, second = (published(run, found.level, "settlements") for run in (found.a, found.b))
    settlements = found.counts.set_index(KEY)
    counted = settlements["gained"] - settlements["lost"] + settlements["arrived"] - settlements["left"]
    assert second.sub(first, fill_value=0).sub(counted, fill_value=0).eq(0).all()
    assert (counted == settlements["settlements_b"] - settlements["settlements_a"]).all()
    a, b = (np.rint(published(run, found.level, "people") * MICRO).astype(np.int64) for run in (found.a, found.b))
    people = found.people.set_index(KEY)
    change = b.sub(a, fill_value=0)
    counted = people["gained_micro"] - people["lost_micro"] + people["arrived_micro"] - people["left_micro"]
    assert change.sub(counted, fill_value=0).eq(0).all()
    assert (people[list(COUNTS)] >= 0).all(axis=None)
    sums = found.causes.groupby(KEY)[["gained_micro", "lost_micro"]].sum().reindex(people.index, fill_value=0)
    assert (sums == people[["gained_micro", "lost_micro"]]).all(axis=None)


@pytest.mark.parametrize("state", STATION_EDITS)
def test_what_stations_change_reconciles_and_names_them(state, base, tmp_path):
    found = compare_runs(*edited(base, tmp_path / "w", stations=STATION_EDITS[state]))
    assert_reconciled(found)
    assert set(found.stations["state"]) == {state}
    assert set(found.causes["cause"]) == set(found.settlements["cause"]) == {state}
    assert set(found.causes["station_id"]) <= set(found.stations["station_id"])
    assert (found.people[["arrived_micro", "left_micro"]] == 0).all(axis=None)
    assert found.people[{"new": "gained_micro"}.get(state, "lost_micro")].sum() > 0


def test_a_band_added_to_a_mast_is_new_and_the_others_on_it_stay_what_they_are(base, tmp_path):
    def with_a_band(stations):
        live = stations[stations["status"] == "live"].iloc[[0]]
        return pd.concat([stations, live.assign(station_id="ADDED", band_mhz=2600.0)], ignore_index=True)

    before, after = edited(base, tmp_path / "w", stations=with_a_band)
    keys = [dict(zip(run.stations["station_id"], run.stations["signal_key"], strict=True)) for run in (before, after)]
    assert keys[0] == {name: key for name, key in keys[1].items() if name != "ADDED"}
    found = compare_runs(before, after)
    assert found.stations["station_id"].tolist() == ["ADDED"]
    assert found.stations["state"].tolist() == ["new"]


@pytest.mark.parametrize("level", ["district", "old_commune", "province"])
def test_former_units_reconcile_too(level, base, tmp_path):
    found = compare_runs(*edited(base, tmp_path / "w", stations=without, communes=with_a_border_moved), level=level)
    assert_reconciled(found)
    assert set(found.people["level"]) == set(found.counts["level"]) == {"province", level}
    assert found.reason == ""


def test_a_level_without_polygons_says_what_it_needs(base, tmp_path):
    def current(communes):
        return communes[communes["valid_to"].isna() | (communes["valid_to"] == "")].reset_index(drop=True)

    found = compare_runs(*edited(base, tmp_path / "w", communes=current, stations=without), level="old_commune")
    assert found.reason == "needs polygons of the old communes"
    assert set(found.people["level"]) == {"province"}
    assert set(found.counts["level"]) == {"province", "old_commune"}


def test_the_way_back_gains_what_the_way_there_lost(base, tmp_path):
    before, after = edited(base, tmp_path / "w", stations=without)
    there, back = compare_runs(before, after), compare_runs(after, before)
    assert there.people["gained_micro"].tolist() == back.people["lost_micro"].tolist()
    assert there.people["lost_micro"].tolist() == back.people["gained_micro"].tolist()
    assert set(back.causes["cause"]) == {"new"}
    assert len(there.settlements) == len(back.settlements)


def test_another_threshold_is_named_as_settings(base, tmp_path):
    lower = (r"weak_dbm = -(\d+)", lambda found: f"weak_dbm = -{int(found[1]) + 3}")
    found = compare_runs(*edited(base, tmp_path / "w", thresholds=lower))
    assert_reconciled(found)
    assert set(found.causes["cause"]) == set(found.settlements["cause"]) == {"settings"}
    assert found.people["lost_micro"].sum() == 0 < found.people["gained_micro"].sum()


def test_people_whose_commune_became_another_are_counted_apart(base, tmp_path):
    found = compare_runs(*edited(base, tmp_path / "w", communes=with_a_border_moved))
    assert_reconciled(found)
    assert found.people["arrived_micro"].sum() == found.people["left_micro"].sum() > 0
    assert found.people["unit_code"].nunique() == 2
    assert found.causes.empty
    assert "province" not in set(found.people["level"])


def test_settlements_that_came_went_or_moved_are_no_gain_of_a_station(base, tmp_path):
    found = compare_runs(
        *edited(base, tmp_path / "w", settlements=lambda s: edit_settlements(np.random.default_rng(2), s))
    )
    assert set(found.settlements["cause"]) == {"settlement"}
    assert "removed" in set(found.settlements["change"])
    assert found.people.empty


def test_a_run_does_not_differ_from_itself(base):
    run = Results.open(base)
    found = compare_runs(run, run)
    assert found.people.empty
    assert found.settlements.empty
    assert found.stations.empty


def test_a_scenario_counts_planned_stations_and_leaves_the_published_run(base, tmp_path):
    shutil.copytree(base.path, tmp_path / "w")
    workspace = Workspace.open(tmp_path / "w")
    before = current_run_id(workspace)
    stations = workspace.read_layer("stations")
    workspace.write_layer("stations", stations.assign(on_air_from="2020-01-01"))
    before = compute(workspace, as_of=AS_OF).run_id
    planned = compute(workspace, as_of=AS_OF, scenario="Quy hoạch 2027")
    assert planned.published
    assert current_run_id(workspace) == before
    run = Results.open(workspace, "Quy hoạch 2027")
    assert run.run_id == planned.run_id
    assert "planned stations count as serving" in run.manifest["notes"][-1]["en"]
    found = compare_runs(Results.open(workspace, "current"), run)
    assert_reconciled(found)
    assert set(found.stations["status"]) == {"planned"}
    assert set(found.causes["cause"]) == {"new"}
    assert not compute(workspace, as_of=AS_OF, scenario="Quy hoạch 2027").published


def test_planned_stations_of_a_scenario_keep_their_date(base):
    run = Results.open(base, compute(base, as_of=AS_OF, scenario="before 2027").run_id)
    assert "planned" not in set(run.stations["status"])


@pytest.mark.parametrize("name", ["", " ", "current", "0123456789abcdef"])
def test_a_scenario_cannot_be_called_like_another_run(name, base):
    with pytest.raises(InputError, match="choose another name"):
        compute(base, as_of=AS_OF, scenario=name)


def test_an_unknown_scenario_is_refused(base):
    with pytest.raises(UnknownNameError, match="there is no run 'Tomorrow'"):
        Results.open(base, "Tomorrow")


def test_a_run_of_an_older_version_is_refused(base):
    old = Results.open(base)
    del old.manifest["people"]
    with pytest.raises(InputError, match="older version"):
        compare_runs(old, Results.open(base))


def test_runs_on_different_grids_are_refused(base):
    other = Results.open(base)
    other.grid = other.grid.window(0, 0, (5, 5))
    with pytest.raises(InputError, match="different grids"):
        compare_runs(Results.open(base), other)


def seen(*pairs):
    return Seen(np.array([level for level, _ in pairs], np.int16), np.array([row for _, row in pairs], np.int32))


@pytest.mark.parametrize(
    ("here", "there", "row"),
    [
        ((-9000, 0), (-9000, 0), -1),  # the same level of the same station: the rules
        ((-9000, 0), (-32768, -1), 0),
        ((-9000, 1), (-8900, 2), 2),  # one that is the same serves since a stronger one went
        ((-9000, 1), (-9500, 1), -1),
    ],
)
def test_the_station_to_name(here, there, row):
    roster = Roster(["S0", "S1", "S2"], ["new", "same", "gone"], [[], [], []])
    needed = np.array([-10000, -10000, -10000, 32767], np.int16)
    assert blame([(seen(here), seen(there), needed)], roster, 1).tolist() == [row]


def test_a_station_that_changed_goes_before_a_larger_margin():
    roster = Roster(["S0", "S1"], ["new", "same"], [[], []])
    needed = np.array([-10000, -10000, 32767], np.int16)
    same, new = (seen((-8000, 1)), seen((-8000, 1))), (seen((-9900, 0)), seen((-32768, -1)))
    assert blame([(*same, needed), (*new, needed)], roster, 1).tolist() == [0]
