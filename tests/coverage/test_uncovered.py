"""Why settlements are not covered: the paths are those of the run, or there are none."""

import pytest

from phusong.coverage.results import Results
from phusong.coverage.uncovered import UNCOVERED, explain_uncovered, find_funding


@pytest.fixture(scope="module")
def explained(sample, computed):
    results = Results.open(sample, computed.run_id)
    return results, explain_uncovered(sample, results)


def test_every_settlement_without_good_signal_is_explained_and_no_other(explained):
    results, found = explained
    table = results.settlements
    assert set(found) == set(table.loc[table["signal"].isin(UNCOVERED) | ~table["location_known"], "settlement_id"])


def test_the_best_margin_is_that_of_the_run(explained):
    results, found = explained
    table = results.settlements.set_index("settlement_id")
    counted = [f"margin_db_{name}" for name in next(iter(results.profiles.values())).counts_as_signal]
    for one in (one for one in found.values() if one.best is not None):
        level = one.paths[one.best].level
        assert level.margin_db == pytest.approx(table.loc[one.settlement_id, counted].max(), abs=0.02)


def test_the_nearest_mast_is_among_the_paths_and_they_come_by_distance(explained):
    results, found = explained
    table = results.settlements.set_index("settlement_id")
    for one in (one for one in found.values() if one.paths):
        assert table.loc[one.settlement_id, "nearest_mast_id"] in {path.station.mast_id for path in one.paths}
        distances = [path.distance_km for path in one.paths]
        assert distances == sorted(distances)


def test_a_planned_station_is_named_only_where_it_would_serve(explained):
    plans = [one.planned for one in explained[1].values() if one.planned is not None]
    assert plans
    assert all(plan.path.level.margin_db >= 0 for plan in plans)
    assert {plan.on_air_from.isoformat() for plan in plans} == {"2027-01-15"}


def test_a_workspace_whose_stations_changed_since_explains_no_path(copied, computed):
    stations = copied.read_layer("stations")
    copied.write_layer("stations", stations[stations["status"] != "off"])
    found = explain_uncovered(copied, Results.open(copied, computed.run_id))
    assert all(not one.paths and one.planned is None for one in found.values())
    assert {one.cause for one in found.values()} <= {"below", "no_station", "no_position"}


@pytest.mark.parametrize(
    ("power", "area", "difficult", "funding"),
    [
        ("no", "border", (), "electricity_first"),
        ("unknown", "border", (), "power_unknown"),
        ("yes", "border", (), "fund_or_operators"),
        ("yes", "border", ("border",), "fund"),
        ("yes", "delta", ("border",), "operators"),
    ],
)
def test_who_pays_follows_from_power_and_area(power, area, difficult, funding):
    assert find_funding(power, area, difficult) == funding
