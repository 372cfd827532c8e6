from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely.geometry import box

from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.figures import COMPUTED, compute_figures
from phusong.coverage.missing_figures import NEEDS_OLD_POLYGONS, NO_CONNECTED, NO_FIBRE, NO_THRESHOLD
from phusong.coverage.people import MICRO, index_residents
from phusong.coverage.service import station_sigma_db
from phusong.coverage.settlements import compute_place_table, compute_settlement_table
from phusong.coverage.tally import make_rules
from phusong.coverage.unit_counts import compute_people, compute_residential_cells
from phusong.coverage.units import build_units
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.grid import Grid
from phusong.geodata.settings import Threshold, default_settings
from tests.coverage.signals import Signal, sum_plots, tally

DAY = date(2025, 8, 1)
SHAPE = (4, 6)

GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), SHAPE)
BASE = default_settings()
PROFILE = BASE.profiles[0].model_copy(update={"location_pct": 50.0})
SETTINGS = BASE.model_copy(update={"profiles": (PROFILE,)})


def column_box(first, last):
    return box(600_000 + 100 * first, 1_899_600, 600_000 + 100 * last, 1_900_000)


COMMUNES = gpd.GeoDataFrame(
    {
        "code": ["00001", "00002", "00003"],
        "name": ["Một", "Hai", "Ba"],
        "district_code": ["A", "A", "B"],
        "district_name": ["a", "a", "b"],
    },
    geometry=[column_box(0, 2), column_box(2, 3), column_box(3, 5)],
    crs=GRID.crs,
)
UNITS = build_units(COMMUNES, GRID, as_of=DAY, province_name="Tỉnh")
CELL = np.repeat(np.arange(3, dtype=np.int32), 2)[None, :].repeat(4, axis=0)  # cells of two columns
STATIONS = gpd.GeoDataFrame(
    {
        "station_id": ["S1", "S2", "S3"],
        "mast_id": ["M1", "M1", "M2"],
        "operator": ["Alpha", "Beta", "Beta"],
        "technology": ["3G", "4G", "2G"],
        "band_mhz": [2100.0, 1800.0, 900.0],
    },
    geometry=gpd.GeoSeries.from_xy([600_050, 600_050, 600_450], [1_899_950] * 3, crs=GRID.crs).to_crs(4326),
)
PEOPLE = arrays.arrays(np.float64, SHAPE, elements=st.floats(0, 500))
LEVELS = arrays.arrays(np.int16, SHAPE, elements=st.integers(-14000, -8000))
SIGNAL_COLUMNS = ["point_id", "technology", "operator", "rsrp_dbm", "station_id", "distance_km", "sigma_l_db"]


def make_grid(technology, operator, rsrp_cdbm, station):
    return Signal(technology, operator, rsrp_cdbm, np.full(SHAPE, station, dtype=np.int32))


def figures_of(people, grids, *, chosen=SETTINGS, fibre=None, connected=(), households=(10.0, 20.0), old=None):
    settlements = gpd.GeoDataFrame(
        {"settlement_id": ["T1", "T2"], "name": ["t1", "t2"], "households": households},
        geometry=gpd.GeoSeries.from_xy([600_050, 600_450], [1_899_950] * 2, crs=GRID.crs).to_crs(4326),
    )
    units = UNITS
    if old is not None:
        settlements["old_commune_code"] = old
        units = build_units(COMMUNES, GRID, as_of=DAY, settlements=settlements, province_name="Tỉnh")
    places = settlements[:1].assign(place_id="P1", kind="commune_office")
    signal = pd.DataFrame([("T1", "4G", "Beta", -110.0, "S2", 1.0, 1.5)], columns=SIGNAL_COLUMNS)
    observed = pd.DataFrame(connected, columns=["settlement_id", "value"])
    observed = observed.assign(indicator="households_connected", observed_on="2025-01-01")
    shared = {"units": units, "settings": chosen}
    residents = index_residents(people, CELL, units=units, min_people=10.0)
    known = {
        "sigma_l_db": station_sigma_db(STATIONS, GRID.resolution_m),
        "floor_dbm": level_floor_dbm(STATIONS, chosen.uplink),
        "model_sigma_db": chosen.model_error.sigma_db,
        "operators": ["Alpha", "Beta"],
    }
    return compute_figures(
        {profile.name: tally(grids, residents, make_rules(profile, **known)) for profile in chosen.profiles},
        residents,
        stations=STATIONS,
        settlements=compute_settlement_table(
            settlements, signal, stations=STATIONS, as_of=DAY, fibre=fibre, observations=observed, **shared
        ),
        settlement_signal=signal,
        places=compute_place_table(places, signal, fibre=fibre, **shared),
        place_signal=signal,
        **shared,
    )


def pick(figures, **wanted):
    for column, value in wanted.items():
        figures = figures[figures[column] == value]
    return figures


@given(PEOPLE, arrays.arrays(np.uint8, SHAPE, elements=st.integers(0, 2)))
def test_people_of_the_communes_and_districts_add_up_to_the_province(people, classes):
    residents = index_residents(people, CELL, units=UNITS, min_people=10.0)
    counts = compute_people(sum_plots(residents, classes.ravel()[residents.pixel]), residents, UNITS)
    for level in ("commune", "district"):
        np.testing.assert_array_equal(counts[level].sum(axis=0), counts["province"][0])
    assert counts["province"].sum() / MICRO == pytest.approx(people[:, :5].sum(), abs=2e-5)


@settings(max_examples=15)
@given(PEOPLE, LEVELS, LEVELS)
def test_shares_lie_in_0_to_1_and_unions_are_never_below_their_parts(people, first, second):
    figures = figures_of(people, [make_grid("3G", "Alpha", first, 0), make_grid("4G", "Beta", second, 1)])
    shares = figures["share"].dropna()
    assert shares.between(0, 1).all()
    counted = figures[figures["profile"] != ""].pivot_table(
        index=["level", "unit_code", "indicator", "service", "operator"], columns="technology", values="numerator"
    )
    for part in ("3G", "4G"):
        assert (counted["3G+4G"] >= counted[part]).all()
    assert (counted["any"] >= counted["3G+4G"]).all()
    by_operator = counted["any"].unstack("operator").drop(index="people_2_operators", level="indicator")
    assert (by_operator["any"] >= by_operator[["Alpha", "Beta"]].max(axis=1)).all()


@settings(max_examples=15)
@given(PEOPLE, LEVELS, st.floats(0, 12))
def test_a_share_lies_in_its_interval(people, levels, sigma_db):
    error = BASE.model_error.model_copy(update={"sigma_db": sigma_db})
    figures = figures_of(
        people, [make_grid("4G", "Beta", levels, 1)], chosen=SETTINGS.model_copy(update={"model_error": error})
    )
    known = figures.dropna(subset=["low"])
    assert {"people", "residential_cells", "settlements", "places:commune_office"} >= set(known["indicator"])
    assert known[["low", "share", "high"]].apply(lambda row: row.is_monotonic_increasing, axis=1).all()


def test_a_level_at_the_threshold_is_expected_to_reach_half_of_the_places_of_its_pixel():
    levels = np.full(SHAPE, -12100, dtype=np.int16)
    province = pick(figures_of(np.ones(SHAPE), [make_grid("4G", "Beta", levels, 1)]), level="province", service="weak")
    expected = pick(province, indicator="people_expected", technology="any", operator="any")
    assert expected[["numerator", "denominator"]].to_numpy().tolist() == [[pytest.approx(10, abs=1e-3), 20.0]]
    assert pick(province, indicator="people", technology="any", operator="any")["low"].tolist() == [0.0]


def test_people_of_two_operators_need_both():
    strong, weak = np.full(SHAPE, -9000, dtype=np.int16), np.full(SHAPE, -12000, dtype=np.int16)
    weak[:, 2:] = -14000
    grids = [make_grid("3G", "Alpha", strong, 0), make_grid("4G", "Beta", weak, 1)]
    by_two = pick(figures_of(np.ones(SHAPE), grids), indicator="people_2_operators", level="province")
    assert set(by_two["operator"]) == {"any"}
    counts = by_two.set_index(["technology", "service"])["numerator"]
    assert counts[[("any", "weak"), ("any", "good"), ("4G", "weak")]].tolist() == [8.0, 0.0, 0.0]


@settings(max_examples=15)
@given(PEOPLE, LEVELS, st.floats(0, 30))
def test_a_higher_threshold_never_covers_more(people, levels, rise_db):
    higher = {
        name: Threshold(weak_dbm=t.weak_dbm + rise_db, good_dbm=t.good_dbm + rise_db)
        for name, t in PROFILE.thresholds.items()
    }
    stricter = SETTINGS.model_copy(update={"profiles": (PROFILE.model_copy(update={"thresholds": higher}),)})
    grids = [make_grid("4G", "Beta", levels, 1)]
    lower_figures, higher_figures = figures_of(people, grids), figures_of(people, grids, chosen=stricter)
    served = lower_figures["profile"] != ""
    assert (higher_figures["numerator"][served].fillna(0) <= lower_figures["numerator"][served].fillna(0)).all()


def test_a_residential_cell_is_covered_when_at_least_half_of_its_people_are():
    people = np.ones(SHAPE) * 2.0
    people[:, 4:] = 0.1  # the third cell has 0.4 people in the province: not residential
    residents = index_residents(people, CELL, units=UNITS, min_people=10.0)
    classes = np.zeros(SHAPE, dtype=np.uint8)
    classes[:, 0] = 1  # half of the first cell
    classes[:3, 2] = 2  # less than half of the second
    levels = np.array([-14000, -12000, -9000], np.int16)[classes]
    rules = make_rules(
        PROFILE, sigma_l_db=np.full(2, 1.5), floor_dbm=np.full(2, -np.inf), model_sigma_db=0.0, operators=["Beta"]
    )
    cells = tally([make_grid("4G", "Beta", levels, 1)], residents, rules).by_label["4G", "any"].cells[COMPUTED]
    counts = compute_residential_cells(cells, residents, UNITS)
    assert counts["province"].tolist() == [[1, 1, 0]]
    assert counts["commune"].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_a_residential_cell_belongs_to_the_unit_with_most_of_its_people_and_on_a_tie_to_the_smaller_code():
    people = np.ones(SHAPE) * 2.0
    tied = index_residents(people, CELL, units=UNITS, min_people=1.0)
    people[:, 3] = 3.0
    moved = index_residents(people, CELL, units=UNITS, min_people=1.0)
    assert tied.cell_unit["commune"].tolist() == [0, 1, 2]
    assert moved.cell_unit["commune"].tolist() == [0, 2, 2]
    assert moved.cell_unit["district"].tolist() == [0, 1, 1]


def test_people_outside_the_province_are_not_counted():
    people = np.zeros(SHAPE)
    people[:, 5] = 100.0
    figures = figures_of(people, [])
    row = pick(figures, level="province", indicator="people", technology="any", operator="any", service="weak").iloc[0]
    assert row["denominator"] == 0
    assert np.isnan(row["share"])


def test_settlements_and_places_are_counted_on_their_own_path():
    figures = pick(figures_of(np.ones(SHAPE), []), technology="4G", operator="any", service="weak")
    rows = pick(figures, level="district").set_index(["indicator", "unit_code"])
    assert rows.loc[("settlements", "A"), ["numerator", "denominator"]].tolist() == [1.0, 1.0]
    assert rows.loc[("settlements", "B"), ["numerator", "denominator"]].tolist() == [0.0, 1.0]
    province = pick(figures, level="province").set_index("indicator")
    assert province.loc["places:commune_office", "denominator"] == 1.0


def test_old_communes_without_polygons_and_a_technology_without_threshold_have_a_reason():
    figures = figures_of(np.ones(SHAPE), [])
    assert pick(figures, level="old_commune")["reason"].tolist() == [NEEDS_OLD_POLYGONS]
    missing = pick(figures, technology="2G", indicator="people")
    assert missing["reason"].tolist() == [NO_THRESHOLD]
    assert set(missing["unit_name"]) == set(pick(figures, level="province", technology="4G")["unit_name"])


def test_masts_and_stations_are_counted_apart_by_technology_and_operator():
    province = pick(figures_of(np.ones(SHAPE), []), level="province")
    masts, stations = pick(province, indicator="masts"), pick(province, indicator="stations")
    assert pick(masts, technology="", operator="any")["numerator"].tolist() == [2.0]
    assert pick(stations, technology="", operator="any")["numerator"].tolist() == [3.0]
    assert pick(stations, technology="", operator="Beta")["numerator"].tolist() == [2.0]
    assert pick(masts, technology="4G", operator="Alpha")["numerator"].tolist() == [0.0]


def test_households_passed_and_connected_are_two_figures():
    fibre = gpd.GeoDataFrame({"endpoint_id": ["F"], "reach_km": [0.2]}, geometry=STATIONS.geometry[:1])
    figures = figures_of(np.ones(SHAPE), [], fibre=fibre, connected=[("T1", "4"), ("T2", "30")])
    province = pick(figures, level="province").set_index("indicator")
    columns = ["numerator", "denominator"]
    assert province.loc["households_passed", columns].tolist() == [10.0, 30.0]
    assert province.loc["households_connected", columns].tolist() == [4.0, 10.0]
    assert "T2" in province.loc["households_connected", "reason"]
    assert pick(figures, indicator="broadband:places:commune_office", level="province")["numerator"].tolist() == [
        1,
        0,
        0,
    ]


def test_without_fibre_or_declarations_households_have_a_reason():
    province = pick(figures_of(np.ones(SHAPE), []), level="province").set_index("indicator")
    assert province.loc["households_passed", "reason"] == NO_FIBRE
    assert province.loc["households_connected", "reason"] == NO_CONNECTED


def test_every_published_column_is_in_the_data_dictionary():
    figures = figures_of(np.ones(SHAPE), [])
    assert set(figures.columns) == set(DATA_DICTIONARY["figures"])


def test_old_communes_and_new_ones_add_up_to_the_same_people():
    ended = COMMUNES.assign(valid_to="2025-07-01")
    new = COMMUNES[1:].assign(valid_from="2025-07-01")
    new.loc[new["code"] == "00002", "geometry"] = column_box(0, 3)
    units = build_units(pd.concat([ended, new]), GRID, as_of=DAY)
    people = np.arange(24.0).reshape(SHAPE)
    residents = index_residents(people, CELL, units=units, min_people=10.0)
    counts = compute_people(sum_plots(residents, np.zeros(len(residents.pixel), np.uint8)), residents, units)
    old = (counts["old_commune"].sum(axis=1) / MICRO).tolist()
    assert old == [people[:, :2].sum(), people[:, 2].sum(), people[:, 3:5].sum()]
    assert (counts["commune"].sum(axis=1) / MICRO).tolist() == [old[0] + old[1], old[2]]


def test_by_their_own_old_codes_settlements_are_counted_and_nothing_else_is():
    figures = pick(figures_of(np.ones(SHAPE), [], old=["00007", "00009"]), level="old_commune")
    assert pick(figures, unit_code="")["reason"].tolist() == [NEEDS_OLD_POLYGONS]
    answered = figures[figures["unit_code"] != ""]
    kinds = {"settlements", "power:settlements", "broadband:settlements", "households_passed", "households_connected"}
    assert set(answered["indicator"]) == kinds
    rows = pick(answered, indicator="settlements", technology="4G", operator="any", service="weak")
    assert rows[["unit_code", "numerator", "denominator"]].to_numpy().tolist() == [["00007", 1, 1], ["00009", 0, 1]]
