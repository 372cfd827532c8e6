import re
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.settlements import compute_place_table, compute_settlement_table, eight_states
from phusong.coverage.units import build_units
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid
from phusong.geodata.settings import default_settings

DAY = date(2025, 8, 1)
GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), (100, 100))
BASE = default_settings()
SETTINGS = BASE.model_copy(
    update={"profiles": tuple(p.model_copy(update={"location_pct": 50.0}) for p in BASE.profiles)}
)
COMMUNES = gpd.GeoDataFrame(
    {"code": ["00001", "00002"], "name": ["Tây", "Đông"], "district_code": ["A", "B"], "district_name": ["a", "b"]},
    geometry=[box(600_000, 1_890_000, 605_000, 1_900_000), box(605_000, 1_890_000, 610_000, 1_900_000)],
    crs=GRID.crs,
)
UNITS = build_units(COMMUNES, GRID, as_of=DAY)
SIGNAL_COLUMNS = ["point_id", "technology", "operator", "rsrp_dbm", "station_id", "distance_km", "sigma_l_db"]


def at(*kilometres):
    """Points so many kilometres east of the grid's west edge, in EPSG:4326."""
    points = [Point(600_000 + 1000 * km, 1_895_000) for km in kilometres]
    return gpd.GeoSeries(points, crs=GRID.crs).to_crs(4326)


STATIONS = gpd.GeoDataFrame({"mast_id": ["M2", "M1"]}, geometry=at(3, 3))
FIBRE = gpd.GeoDataFrame({"endpoint_id": ["F1", "F2"], "reach_km": [0.5, 5.0]}, geometry=at(1, 4))


def make_signal(*rows):
    return pd.DataFrame(rows, columns=SIGNAL_COLUMNS)


def answer(kilometres, signal=(), *, fibre=FIBRE, observations=(), power="yes", **columns):
    names = [f"T{n}" for n in range(len(kilometres))]
    frame = pd.DataFrame({"settlement_id": names, "name": names, "has_grid_power": power, **columns})
    observed = pd.DataFrame(observations, columns=["settlement_id", "indicator", "value", "observed_on"])
    return compute_settlement_table(
        gpd.GeoDataFrame(frame, geometry=at(*kilometres)),
        make_signal(*signal),
        units=UNITS,
        settings=SETTINGS,
        stations=STATIONS,
        as_of=DAY,
        fibre=fibre,
        observations=observed,
    )


def test_the_best_margin_serves_and_a_tie_goes_to_the_smaller_station_id():
    signal = [
        ("T0", "4G", "Beta", -110.0, "S2", 2.0, 1.5),
        ("T0", "4G", "Alpha", -110.0, "S3", 3.0, 1.5),
        ("T0", "4G", "Gamma", -115.0, "S1", 1.0, 1.5),
    ]
    row = answer([1], signal).iloc[0]
    assert (row["station_id_4G"], row["operator_4G"], row["class_4G"]) == ("S2", "Beta", "weak")
    assert (row["margin_db_4G"], row["class_5G"], row["station_id_5G"]) == (11.0, "none", "")


def test_signal_is_the_best_technology_that_counts_and_each_profile_has_its_own():
    signal = [("T0", "3G", "Alpha", -120.0, "S1", 2.0, 1.5), ("T0", "4G", "Alpha", -110.0, "S2", 2.0, 1.5)]
    row = answer([1], signal).iloc[0]
    assert (row["signal"], row["signal__ofcom"]) == ("weak", "none")


def test_a_settlement_within_the_models_error_of_the_threshold_is_uncertain_whatever_its_class():
    signal = [(f"T{n}", "4G", "Alpha", level, "S1", 2.0, 1.5) for n, level in enumerate([-128, -114, -112, -130])]
    table = answer([1, 1, 1, 1, 1], signal)
    assert table["signal"].tolist() == ["none", "weak", "weak", "none", "none"]
    assert table["uncertain"].tolist() == ["yes", "yes", "no", "no", "no"]
    assert table["uncertain__ofcom"].tolist() == ["no", "no", "yes", "no", "no"]


@settings(max_examples=30)
@given(st.floats(-140, -90), st.floats(-140, -90))
def test_a_settlement_is_uncertain_exactly_where_the_shifted_field_would_decide_otherwise(first, second):
    levels = {"3G": first, "4G": second}
    low, high = (
        answer([1], [("T0", name, "Alpha", level + shift, "S1", 2.0, 1.5) for name, level in levels.items()])
        for shift in (-8.0001, 8.0)
    )
    table = answer([1], [("T0", name, "Alpha", level, "S1", 2.0, 1.5) for name, level in levels.items()])
    flips = (low["signal"].item() == "none") != (high["signal"].item() == "none")
    best_db = table[["margin_db_3G", "margin_db_4G"]].max(axis=1).item()
    if abs(abs(best_db) - 8) > 1e-3:
        assert table["uncertain"].item() == ("yes" if flips else "no")


def test_the_share_of_places_is_the_best_operators_and_none_without_signal():
    signal = [("T0", "4G", "Alpha", -121.0, "S1", 2.0, 1.5), ("T0", "4G", "Beta", -122.5, "S2", 2.0, 1.5)]
    row = answer([1], signal).iloc[0]
    assert (row["probability_4G"], row["probability_5G"]) == (0.5, 0.0)


def test_a_level_of_minus_infinity_is_no_signal():
    table = answer([1], [("T0", "4G", "Alpha", float("-inf"), "S1", 2.0, 1.5)])
    assert table.loc[0, ["signal", "station_id_4G"]].tolist() == ["none", ""]


def test_a_declared_power_wins_over_the_stated_and_is_marked():
    table = answer([1, 1, 1], power=["yes", "no", "unknown"], observations=[("T0", "power", "no", "2025-01-01")])
    assert table["power"].tolist() == ["no", "no", "unknown"]
    assert table["power_source"].tolist() == ["declared", "stated", ""]


def test_units_come_from_the_stated_commune_or_else_from_the_polygon():
    table = answer([1, 1, 1, 20], commune_code=["00002", None, "99999", None])
    assert table["commune_code"].tolist() == ["00002", "00001", "00001", ""]
    assert table["district_name"].tolist() == ["b", "a", "a", ""]


def test_an_endpoint_serves_within_its_own_reach_only():
    table = answer([1.4, 1.6, 8.9, 9.1])
    assert table["broadband"].tolist() == ["yes", "yes", "yes", "no"]
    assert table["fibre_endpoint_id"].tolist() == ["F1", "F2", "F2", "F2"]
    assert table["fibre_distance_km"].round(3).tolist() == [0.4, 2.4, 4.9, 5.1]


def test_without_a_fibre_layer_broadband_is_unknown():
    table = answer([1], fibre=None)
    assert table.loc[0, ["broadband", "fibre_in_reach", "broadband_source"]].tolist() == ["unknown", "unknown", ""]


def test_the_latest_declaration_up_to_the_date_wins_and_is_marked():
    observations = [
        ("T0", "broadband", "yes", "2025-01-01"),
        ("T0", "broadband", "no", "2025-07-01"),
        ("T0", "broadband", "yes", "2026-01-01"),
        ("T0", "signal", "weak", "2025-01-01"),
    ]
    row = answer([1], observations=observations).iloc[0]
    assert (row["broadband"], row["broadband_source"], row["fibre_in_reach"]) == ("no", "declared", "yes")
    assert (row["signal_declared"], row["signal"]) == ("weak", "none")


@pytest.mark.parametrize(("indicator", "value"), [("power", "maybe"), ("households_connected", "many")])
def test_a_declaration_that_cannot_be_read_names_settlement_and_value(indicator, value):
    with pytest.raises(InputError, match=f"T0.*{value}"):
        answer([1], observations=[("T0", indicator, value, "2025-01-01")])


def test_the_nearest_mast_of_two_at_one_place_has_the_smaller_id():
    row = answer([5]).iloc[0]
    assert (row["nearest_mast_id"], round(row["nearest_mast_km"], 3)) == ("M1", 2.0)


@given(st.lists(st.sampled_from([0.5, 2.0, 9.5]), min_size=2, max_size=6))
def test_settlements_at_one_position_get_the_same_answer(kilometres):
    signal = [(f"T{n}", "4G", "Alpha", -90.0 - 10 * km, "S1", km, 1.5) for n, km in enumerate(kilometres)]
    table = answer(kilometres, signal).drop(columns=["settlement_id", "name"])
    assert len(table.drop_duplicates()) == len(set(kilometres))


def test_a_place_without_statement_takes_the_modelled_broadband():
    places = gpd.GeoDataFrame(
        {
            "place_id": ["P1", "P2", "P3"],
            "kind": "commune_office",
            "name": "x",
            "has_fixed_broadband": ["unknown", "no", "yes"],
        },
        geometry=at(1, 1, 9.5),
    )
    signal = make_signal(("P1", "4G", "Alpha", -90.0, "S1", 2.0, 1.5))
    table = compute_place_table(places, signal, units=UNITS, settings=SETTINGS, fibre=FIBRE)
    assert table["broadband"].tolist() == ["yes", "no", "yes"]
    assert table["broadband_source"].tolist() == ["modelled", "declared", "declared"]
    assert table["signal"].tolist() == ["good", "none", "none"]


def test_eight_states_list_weak_and_unknown_apart():
    signal = [("T0", "4G", "Alpha", -110.0, "S1", 2.0, 1.5), ("T1", "4G", "Alpha", -90.0, "S1", 2.0, 1.5)]
    table = answer([1, 1, 1, 9.5], signal, power=["yes", "yes", "unknown", "no"], population=[10.0, 20, 40, 80])
    states = eight_states(table)
    province = states[states["level"] == "province"].set_index("state")
    assert len(province) == 9
    assert province["settlements"].sum() == 4
    served = province.loc["signal=served power=yes broadband=yes"]
    assert served[["settlements", "weak", "population"]].tolist() == [2, 1, 30.0]
    assert province.loc["signal=none power=unknown broadband=yes", "settlements"] == 1
    assert province.loc["signal=none power=no broadband=no", "population"] == 80


def test_eight_states_are_listed_for_every_commune_and_former_district():
    states = eight_states(answer([1, 1, 9.5]))
    counted = states.groupby(["level", "unit_code"])["settlements"].sum().to_dict()
    assert counted == {
        ("commune", "00001"): 2, ("commune", "00002"): 1,
        ("district", "A"): 2, ("district", "B"): 1, ("province", ""): 3,
    }  # fmt: skip


def test_every_published_column_is_in_the_data_dictionary():
    known = set(DATA_DICTIONARY["settlements"])
    columns = {re.sub("_[345]G$", "_<technology>", name) for name in answer([1]).columns}
    columns = {re.sub("__.*", "__<profile>", name) for name in columns}
    assert columns <= known


def test_what_is_declared_or_measured_changes_nothing_that_the_model_says():
    signal = [("T0", "4G", "Alpha", -110.0, "S1", 1.0, 1.5)]
    plain = answer([1, 2], signal)
    rows = [("T0", "signal", "none", "2025-01-01"), ("T1", "signal", "good", "2025-01-01")]
    observed = answer([1, 2], signal, observations=rows)
    beside = [name for name in plain.columns if name.startswith(("signal_declared", "signal_disagrees"))]
    assert observed["signal_disagrees"].tolist() == ["yes", "yes"]
    pd.testing.assert_frame_equal(observed.drop(columns=beside), plain.drop(columns=beside))
