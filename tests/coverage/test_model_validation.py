"""Synthetic measurements of known bias and noise about the model: the comparison must find both."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from phusong.coverage.model_validation import LEAST_COUNT, validate_model
from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.geodata.errors import InputError

BIAS_DB = {700.0: 6.0, 1800.0: -4.0}
OTHER_BIAS_DB, NOISE_DB, PER_LAYER = 2.0, 7.0, 3_000


@pytest.fixture(scope="module")
def results(computed, sample):
    return Results.open(sample, computed.run_id)


@pytest.fixture(scope="module")
def profile(results):
    return next(iter(results.profiles.values()))


def measure(results, rng, *, noise_db=NOISE_DB):
    """Measurements = model − bias of the band + noise, at centres of pixels with a level of every layer."""
    xs, ys = results.grid.centres()
    parts = []
    for layer in results.manifest["layers"]:
        technology, operator = layer["technology"], layer["operator"]
        level, server = results.rsrp(technology, operator).values, results.server(technology, operator).values
        rows, cols = np.nonzero(level != NO_SIGNAL_CDBM)
        chosen = rng.choice(len(rows), PER_LAYER)
        at = rows[chosen], cols[chosen]
        station = results.stations.iloc[server[at]]
        bias = station["band_mhz"].map(BIAS_DB).fillna(OTHER_BIAS_DB).to_numpy()
        measured = level[at] / 100 - bias + rng.normal(0, noise_db, PER_LAYER)
        columns = {"technology": technology, "operator": operator, "station_id": station["station_id"].to_numpy(),
                   "rsrp_dbm": measured}  # fmt: skip
        places = gpd.points_from_xy(xs[at[1]], ys[at[0]], crs=results.grid.crs)
        parts.append(gpd.GeoDataFrame(columns, geometry=places).to_crs(4326))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def measurements(results):
    return measure(results, np.random.default_rng(1))


def test_known_bias_and_noise_are_found_per_technology_and_band(results, profile, measurements):
    found = validate_model(results, measurements, profile)
    *groups, total = found.statistics
    assert total.count == sum(group.count for group in groups) == len(measurements)
    assert (total.with_station, total.same_station) == (total.count, total.count)
    for group in groups:
        error = 5 * NOISE_DB / np.sqrt(group.count)
        assert group.bias_db == pytest.approx(BIAS_DB.get(group.band_mhz, OTHER_BIAS_DB), abs=error)
        assert group.std_db == pytest.approx(NOISE_DB, abs=error)
        assert group.rmse_db == pytest.approx(np.hypot(group.bias_db, group.std_db), abs=0.02)


def test_the_noise_is_proposed_as_sigma_and_the_bias_as_offset(results, profile, measurements):
    found = validate_model(results, measurements, profile)
    assert found.sigma_db == pytest.approx(NOISE_DB, abs=0.2)
    assert found.uncalibrated_db > found.sigma_db
    for band, offset in found.offset_db.items():
        assert offset == pytest.approx(-BIAS_DB.get(float(band), OTHER_BIAS_DB), abs=0.8)


def test_measurements_of_the_model_itself_are_without_error_but_for_rounding(results, profile):
    exact = measure(results, np.random.default_rng(2), noise_db=0.0)
    found = validate_model(results, exact, profile)
    assert found.sigma_db == pytest.approx(0.0, abs=1e-6)


def test_the_confusion_counts_every_point_once_at_each_threshold(results, profile, measurements):
    found = validate_model(results, measurements, profile)
    for row in found.confusion:
        pairs = found.pairs[found.pairs["technology"] == row.technology]
        assert row.both + row.model_only + row.measured_only + row.neither == len(pairs)
        assert row.both + row.model_only == (pairs["modelled_dbm"] >= row.threshold_dbm).sum()
        assert row.both + row.measured_only == (pairs["measured_dbm"] >= row.threshold_dbm).sum()
    assert {row.threshold for row in found.confusion} == {"weak", "good"}


def test_points_that_cannot_be_compared_are_counted(results, profile, measurements):
    few = measurements.iloc[:40]
    stranger = few.assign(operator="Nobody")
    elsewhere = few.set_geometry(gpd.points_from_xy([120.0] * 40, [40.0] * 40, crs=4326))
    found = validate_model(results, pd.concat([few, stranger, elsewhere], ignore_index=True), profile)
    assert (found.statistics[-1].count, found.unknown, found.outside) == (40, 40, 40)
    with pytest.raises(InputError, match="None of the 40 measurements"):
        validate_model(results, elsewhere, profile)


def test_a_band_of_few_points_gets_no_offset_and_no_say_in_sigma(results, profile, measurements):
    bands = validate_model(results, measurements, profile).pairs["band_mhz"].to_numpy()
    rare = bands == max(BIAS_DB)
    chosen = measurements[~rare | (np.cumsum(rare) <= LEAST_COUNT - 1)]
    found = validate_model(results, chosen.assign(rsrp_dbm=chosen["rsrp_dbm"]), profile)
    assert [(row.band_mhz, row.count) for row in found.too_few] == [(max(BIAS_DB), LEAST_COUNT - 1)]
    assert f"{max(BIAS_DB):g}" not in found.offset_db
    assert found.sigma_db == pytest.approx(NOISE_DB, abs=0.2)


def test_a_handful_of_points_proposes_nothing(results, profile, measurements):
    found = validate_model(results, measurements.iloc[:10], profile)
    assert (found.sigma_db, found.uncalibrated_db, found.offset_db) == (None, None, {})
