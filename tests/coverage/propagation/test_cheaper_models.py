"""The models beside P.1812 against published and independent values; sources in tests/golden/README.md."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.coverage.propagation import tr38901
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.free_space import free_space_db
from phusong.coverage.propagation.hata import extended_hata_db
from phusong.coverage.propagation.p2108 import height_gain_loss_db, terrestrial_clutter_loss_db
from phusong.coverage.propagation.p2109 import building_entry_loss_db

GOLDEN = Path(__file__).parents[2] / "golden"


def height_gain(row):
    height = row.pop("clutter_height_m")
    return height_gain_loss_db(
        float(row.pop("height_agl_m")), clutter_type=row.pop("clutter_type"),
        clutter_height_m=float(height) if height else None, **numbers(row),
    )  # fmt: skip


def statistical(row):
    return float(terrestrial_clutter_loss_db(float(row.pop("distance_km")), **numbers(row)))


def entry(row):
    return building_entry_loss_db(building_type=row.pop("building_type"), **numbers(row))


def hata(row):
    distance, environment = float(row.pop("distance_m")), row.pop("environment")
    return float(extended_hata_db(distance, environment=environment, **numbers(row)))


def cell(row):
    distance, quantity = float(row.pop("distance_m")), row.pop("quantity")
    if quantity == "uma_probability":
        return float(tr38901.uma_los_probability(distance, rx_height_agl_m=float(row["rx_height_agl_m"])))
    return float(getattr(tr38901, f"{quantity}_db")(distance, **numbers(row)))


TABLES = {
    "p2108_height_gain": height_gain,
    "p2108_statistical": statistical,
    "p2109": entry,
    "extended_hata": hata,
    "tr38901": cell,
}


def numbers(row):
    return {name: float(value) for name, value in row.items()}


def rows_of(name):
    with (GOLDEN / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            del row["source"]
            *_, value, tolerance = row
            yield row.pop(value), float(row.pop(tolerance)), row


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_the_validation_table_agrees_within_the_tolerance_of_its_source(name):
    checked = [(TABLES[name](row), float(value), tolerance) for value, tolerance, row in rows_of(name) if value]
    assert len(checked) >= 30
    wrong = [row for row in checked if not abs(row[0] - row[1]) <= row[2]]
    assert wrong == []


@pytest.mark.parametrize("name", TABLES)
def test_every_row_outside_the_range_is_refused_with_range_and_value(name):
    refused = [row for value, _, row in rows_of(name) if not value]
    assert len(refused) >= 5
    for row in refused:
        with pytest.raises(OutOfValidityError, match=r"must be .*got"):
            TABLES[name](row)


def test_free_space_is_the_published_figure_at_one_kilometre_and_one_gigahertz():
    assert free_space_db(1000.0, freq_ghz=1.0) == pytest.approx(92.4, abs=1e-9)
    assert free_space_db(2000.0, freq_ghz=1.0) == pytest.approx(92.4 + 20 * math.log10(2), abs=1e-9)


@pytest.mark.parametrize("distance", [0.0, -1.0, math.nan, math.inf])
def test_free_space_refuses_a_distance_that_is_none(distance):
    with pytest.raises(OutOfValidityError, match="distance_m"):
        free_space_db([100.0, distance], freq_ghz=1.0)


@pytest.mark.parametrize("height", [0.0, math.nan])
def test_the_height_gain_refuses_an_antenna_on_the_ground(height):
    with pytest.raises(OutOfValidityError, match="height_agl_m"):
        height_gain_loss_db(height, freq_ghz=1.0, clutter_type="open")


@pytest.mark.parametrize("model", [tr38901.rma_db, tr38901.uma_db])
def test_the_loss_at_half_of_the_places_lies_between_seen_and_hidden(model):
    distance = np.geomspace(1.0, 5000.0, 300)
    where = {"freq_ghz": 1.8, "tx_height_agl_m": 30.0, "rx_height_agl_m": 1.5}
    name = model.__name__.removesuffix("_db")
    clipped = np.maximum(distance, 10.0)
    seen, hidden = (getattr(tr38901, f"{name}_{kind}_db")(clipped, **where) for kind in ("los", "nlos"))
    loss = model(distance, **where)
    assert (loss >= seen - 1e-6).all()
    assert (loss <= hidden + 1e-6).all()
    assert loss[-1] > seen[-1] + 10.0  # far away hardly any place sees the mast
    assert loss[0] == pytest.approx(seen[0], abs=1e-6)


def test_the_loss_at_half_of_the_places_is_the_median_of_places_drawn_at_random():
    rng = np.random.default_rng(1)
    where = {"freq_ghz": 1.8, "tx_height_agl_m": 30.0, "rx_height_agl_m": 1.5}
    share = float(tr38901.rma_los_probability(800.0))
    seen = rng.random(400_000) < share
    drawn = np.where(
        seen,
        tr38901.rma_los_db(800.0, **where) + rng.normal(0.0, 4.0, seen.size),
        tr38901.rma_nlos_db(800.0, **where) + rng.normal(0.0, 8.0, seen.size),
    )
    assert float(tr38901.rma_db(800.0, **where)) == pytest.approx(float(np.median(drawn)), abs=0.1)


@given(
    st.floats(0.1, 99.0),
    st.floats(0.0, 0.9),
    st.floats(0.08, 100.0),
    st.sampled_from(["traditional", "thermally_efficient"]),
)
def test_building_entry_loss_never_falls_with_the_probability(probability, more, freq, kind):
    low, high = (
        building_entry_loss_db(freq_ghz=freq, building_type=kind, probability_pct=p)
        for p in (probability, probability + more)
    )
    assert high >= low


@given(
    st.floats(0.03, 3.0), st.floats(10.0, 200.0), st.floats(1.0, 10.0), st.sampled_from(["urban", "suburban", "open"])
)
def test_extended_hata_never_lies_below_free_space_and_is_reciprocal(freq, high, low, environment):
    distance = np.geomspace(1.0, 1e5, 50)
    loss = extended_hata_db(distance, freq_ghz=freq, tx_height_agl_m=high, rx_height_agl_m=low, environment=environment)
    swapped = extended_hata_db(
        distance, freq_ghz=freq, tx_height_agl_m=low, rx_height_agl_m=high, environment=environment
    )
    assert (loss >= free_space_db(np.hypot(distance, high - low), freq_ghz=freq) - 1e-9).all()
    np.testing.assert_array_equal(loss, swapped)


@given(st.floats(0.25, 100.0), st.floats(0.0, 5.0), st.floats(0.5, 67.0), st.floats(0.1, 99.9))
def test_statistical_clutter_loss_is_finite_at_every_valid_distance(distance, more, freq, share):
    loss = terrestrial_clutter_loss_db([distance, distance + more], freq_ghz=freq, location_pct=share)
    assert np.isfinite(loss).all()
