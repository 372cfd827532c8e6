"""The benchmark answers on small terrain, and counts what it says it counts."""

import numpy as np
import pytest

from phusong.coverage.benchmark import describe_machine, measure_engine
from phusong.coverage.field import LossField
from phusong.coverage.plan import plan
from phusong.geodata.grid import Grid
from scripts.bench_fields import count_pixels, measure_fields
from scripts.bench_increments import N_MANY, N_MANY_MASTS, _new_mast, _new_stations
from scripts.bench_machine import in_own_process
from scripts.bench_mapping import AS_OF, Errors, measure_masts
from scripts.bench_province import _drop_half_the_masts, _size


def test_fields_are_measured_where_no_test_data_are_and_the_missing_are_named(tmp_path, capsys):
    found = measure_fields(1.0, 1, tmp_path)
    assert list(found) == ["rough"]
    assert found["rough"]["sweep_clutter_p50_3_bands"]["us_per_sample"] > 0.0
    assert found["rough"]["pixels"] > 0
    assert capsys.readouterr().err.count("is not there: left out") == 2


def test_pixels_without_an_answer_do_not_count():
    loss = np.array([[[1, 1, 1, np.nan]], [[5, 5, 6, np.nan]]], np.float32)
    field = LossField(loss, Grid("EPSG:32648", None, (1, 4)), (0.7, 1.8), lambda: loss[0], None)
    assert count_pixels(field) == 3


def test_errors_of_two_masts_add_up_to_those_of_both():
    first, second, both = Errors(), Errors(), Errors()
    first.add(np.array([0.0, 2.0]))
    second.add(np.array([-1.5, -0.5]))
    both.add(np.array([0.0, 2.0, -1.5, -0.5]))
    first.take(second)
    assert first.figures() == both.figures()
    assert both.figures()["share_over_1_db"] == 0.5
    assert both.figures()["bias_db"] == 0.0


def test_sweep_and_path_cover_about_the_same_people_of_every_commune(copied):
    found = measure_masts(copied.path, 4.0)
    assert found["masts"] == 30
    assert abs(found["bias_db"]) < 0.1
    assert found["rms_db"] < 1.0
    assert found["people_covered"]["communes_reached"] > 0
    assert abs(found["people_covered"]["largest_difference_points"]) < 2.0


def test_the_size_of_a_province_is_that_of_its_plan_and_halves_with_its_masts(copied):
    whole, planned = _size(copied.path), plan(copied, as_of=AS_OF)
    assert (whole["stations"], whole["geometries"]) == (planned.stations, planned.geometries)
    assert whole["wanted_pixels_of_geometries"] == planned.pixels
    _drop_half_the_masts(copied.path)
    assert _size(copied.path)["masts"] == pytest.approx(whole["masts"] / 2, abs=2)


def test_the_edits_of_a_province_are_new_stations_where_none_stood(copied):
    stations = copied.read_layer("stations")
    mast = _new_mast(stations, way=0, number=1)
    assert (mast["mast_id"].nunique(), mast["band_mhz"].nunique()) == (1, len(mast))
    many = _new_stations(stations, stations["mast_id"].unique(), "many")
    assert len(many) <= N_MANY
    assert many["mast_id"].nunique() <= N_MANY_MASTS
    for new in (mast, many):
        assert not set(new["station_id"]) & set(stations["station_id"])
        assert not set(new.geometry.to_wkt()) & set(stations.geometry.to_wkt())


def test_a_process_of_its_own_says_its_own_peak_memory():
    answer, peak_mb = in_own_process(describe_machine)
    assert answer["cores"] >= 1
    assert peak_mb > 10.0


def test_the_engine_is_measured_without_any_data():
    found = measure_engine(radius_km=1.0, repeat=1)
    assert found["pixels"] > 0
    assert all(value > 0.0 for value in found.values())
