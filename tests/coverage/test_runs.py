from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from phusong.coverage import runs
from phusong.coverage.results import Results, list_runs
from phusong.coverage.runs import Outcome
from phusong.coverage.service import GOOD, NO_SIGNAL_CDBM, NONE, NOT_ASKED, WEAK
from phusong.coverage.tiles import encode_tile
from phusong.coverage.units import build_units
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.grid import Grid
from phusong.geodata.settings import default_settings
from phusong.geodata.workspace import Workspace
from tests.coverage.signals import Signal, stored

GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), (600, 700))
DAY = date(2025, 8, 1)


def make_signal(operator, rsrp_dbm, station, technology="4G", window=np.s_[:10, :10]):
    rsrp = np.full(GRID.shape, NO_SIGNAL_CDBM, dtype=np.int16)
    server = np.full(GRID.shape, -1, dtype=np.int32)
    rsrp[window], server[window] = round(rsrp_dbm * 100), station
    return Signal(technology, operator, rsrp, server)


def make_outcome(*signals, **changes):
    stations = gpd.GeoDataFrame(
        {
            "station_id": ["S1", "S2", "S3"],
            "operator": ["Alpha", "Beta", "Beta"],
            "technology": ["4G", "4G", "5G"],
            "band_mhz": [1800.0, 1800.0, 3500.0],
        },
        geometry=gpd.points_from_xy([106.1] * 3, [17.1] * 3),
        crs=4326,
    )
    commune = gpd.GeoDataFrame(
        {"code": ["00001"], "name": ["Mẫu"]},
        geometry=[box(600_000, 1_899_000, 602_000, 1_900_000)],
        crs=GRID.crs,
    )
    columns = [
        "level",
        "operator",
        "profile",
        "indicator",
        "technology",
        "service",
        "numerator",
        "denominator",
        "share",
    ]
    figures = pd.DataFrame([["province", "any", "qcvn", "people", "4G", "weak", 1.0, 0.0, np.nan]], columns=columns)
    settings = default_settings().model_dump(mode="json")
    settings["profiles"][0]["location_pct"] = 50.0
    outcome = Outcome(
        grid=GRID,
        layers=signals,
        eligible=stations,
        settlements=pd.DataFrame({"settlement_id": ["T1"], "name": ["Bản Mẫu"]}),
        places=pd.DataFrame({"place_id": ["P1"]}),
        figures=figures,
        units=build_units(commune, GRID, as_of=DAY).geometries,
        people=0.0,
        inputs={"stations": {"sha256": "ab", "rows": 3}},
        ground="",
        population="",
        people_tiles=[],
        signals=pd.DataFrame({"point_id": ["sT1"]}),
        settings=settings,
        as_of=DAY,
    )
    return replace(outcome, **changes)


def publish(workspace, outcome):
    layers = stored(
        outcome.layers, GRID, station_ids=outcome.eligible["station_id"].tolist(), store_dir=workspace.store_dir
    )
    return runs.publish(workspace, replace(outcome, layers=layers))


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


ALPHA = make_signal("Alpha", -100.0, 0)
BETA = make_signal("Beta", -90.0, 1, window=np.s_[5:8, 5:690])


def test_what_was_published_is_read_back(workspace):
    run_id = publish(workspace, make_outcome(ALPHA, BETA))
    results = Results.open(workspace)
    assert results.run_id == run_id
    assert results.settlements["name"].tolist() == ["Bản Mẫu"]
    assert results.units("commune")["code"].tolist() == ["00001"]
    np.testing.assert_array_equal(results.rsrp("4G", "Beta").values, BETA.rsrp_cdbm)
    np.testing.assert_array_equal(results.server("4G", "Beta").values, BETA.server)


def test_any_operator_takes_the_stronger_and_on_a_tie_the_smaller_station_id(workspace):
    publish(workspace, make_outcome(make_signal("Alpha", -90.0, 0, window=np.s_[:6, :6]), BETA))
    results = Results.open(workspace)
    np.testing.assert_array_equal(results.server("4G").values[4:8, 5], [0, 0, 1, 1])
    np.testing.assert_array_equal(results.rsrp("4G").values[4:8, 5], [-9000] * 4)


def test_a_tie_goes_to_the_smaller_station_id_whatever_the_operators_order(workspace):
    publish(workspace, make_outcome(make_signal("Alpha", -90.0, 2), make_signal("Beta", -90.0, 1)))
    assert Results.open(workspace).server("4G").values[0, 0] == 1


def test_the_second_server_is_the_best_of_the_other_operators(workspace):
    publish(workspace, make_outcome(ALPHA, BETA))
    results = Results.open(workspace)
    np.testing.assert_array_equal(results.second_server("4G").values[[0, 6, 6], [0, 5, 100]], [-1, 0, -1])
    np.testing.assert_array_equal(results.second_rsrp("4G").values[[0, 6], [0, 5]], [NO_SIGNAL_CDBM, -10000])


def test_operators_are_counted_inside_the_province_only(workspace):
    publish(workspace, make_outcome(ALPHA, BETA, make_signal("Beta", -90.0, 2, technology="5G")))
    results = Results.open(workspace)
    assert results.n_operators("4G").values[[0, 6, 9, 0], [0, 5, 15, 30]].tolist() == [1, 2, 0, NOT_ASKED]
    assert results.n_operators("any").values[0, 0] == 2
    assert results.n_operators("any", service=GOOD).values[6, 5] == 2


def test_service_classes_are_asked_inside_the_province_only(workspace):
    alpha = make_signal("Alpha", -120.0, 0)
    publish(workspace, make_outcome(alpha, BETA, make_signal("Beta", -122.0, 2, technology="5G")))
    results = Results.open(workspace)
    assert results.service_class("4G").values[[0, 5, 9, 0], [0, 5, 15, 30]].tolist() == [
        WEAK,
        GOOD,
        NONE,
        NOT_ASKED,
    ]
    assert results.service_class("4G", "Alpha").values[5, 5] == WEAK
    assert results.service_class("5G").values[0, 0] == NONE
    assert (results.service_class("any").values >= results.service_class("3G+4G").values).all()


def test_an_unknown_name_lists_the_known(workspace):
    publish(workspace, make_outcome(ALPHA))
    results = Results.open(workspace)
    with pytest.raises(UnknownNameError, match="Alpha, Beta"):
        results.rsrp("4G", "Gamma")
    with pytest.raises(UnknownNameError, match="qcvn"):
        results.service_class("4G", profile="secret")
    with pytest.raises(UnknownNameError, match="commune"):
        results.units("county")


def test_before_the_first_run_the_command_is_named(workspace):
    with pytest.raises(UnknownNameError, match="no run has been published; run `phusong compute"):
        Results.open(workspace)
    assert list_runs(workspace) == []


@pytest.mark.parametrize("run_id", ["feedfacefeedface", "../store", ".new-1"])
def test_an_unknown_run_is_refused(workspace, run_id):
    known = publish(workspace, make_outcome(ALPHA))
    with pytest.raises(UnknownNameError, match=known):
        Results.open(workspace, run_id)


def test_the_same_answer_is_published_once_and_timings_do_not_matter(workspace):
    first = publish(workspace, make_outcome(ALPHA, timings={"fields": 1.0}))
    stored = {path: path.stat().st_mtime_ns for path in workspace.store_dir.iterdir()}
    second = publish(workspace, make_outcome(ALPHA, timings={"fields": 2.0}))
    assert first == second
    assert len(list_runs(workspace)) == 1
    assert {path: path.stat().st_mtime_ns for path in workspace.store_dir.iterdir()} == stored


def test_other_inputs_settings_or_levels_make_another_run(workspace):
    ids = {
        publish(workspace, make_outcome(ALPHA)),
        publish(workspace, make_outcome(ALPHA, inputs={"stations": {"sha256": "cd", "rows": 3}})),
        publish(workspace, make_outcome(ALPHA, as_of=date(2025, 8, 2))),
        publish(workspace, make_outcome(BETA)),
    }
    assert len(ids) == len(list_runs(workspace)) == 4
    assert [run["is_current"] for run in list_runs(workspace)] == [False, False, False, True]


def test_publishing_an_old_answer_again_makes_it_current(workspace):
    first = publish(workspace, make_outcome(ALPHA))
    publish(workspace, make_outcome(BETA))
    assert publish(workspace, make_outcome(ALPHA)) == first == Results.open(workspace).run_id


def test_tiles_without_signal_are_not_stored_and_equal_tiles_are_shared(workspace):
    publish(workspace, make_outcome(ALPHA, BETA))
    assert len(list(workspace.store_dir.iterdir())) == 3  # one of Alpha, two of Beta
    publish(workspace, make_outcome(ALPHA))
    assert len(list(workspace.store_dir.iterdir())) == 3


def test_equal_tiles_have_equal_bytes():
    window = np.s_[:512, :512]
    place = GRID.window(0, 0, (512, 512))
    first, second = (
        encode_tile(BETA.rsrp_cdbm[window], BETA.server[window], ids, place)
        for ids in (["S1", "S2"], ["S0", "S2", "S9"])
    )
    assert first == second  # the table around the tile does not matter, only its servers


def test_a_run_that_fails_half_way_is_never_visible(workspace):
    before = publish(workspace, make_outcome(ALPHA))
    broken = make_outcome(BETA, figures=pd.DataFrame({"level": ["province"]}))
    with pytest.raises(KeyError):
        publish(workspace, broken)
    assert Results.open(workspace).run_id == before
    assert sorted(path.name for path in workspace.runs_dir.iterdir()) == sorted([before, "current"])


def test_a_half_written_folder_is_no_run(workspace):
    run_id = publish(workspace, make_outcome(ALPHA))
    (workspace.runs_dir / "0123456789abcdef").mkdir()
    (workspace.runs_dir / ".new-1").mkdir()
    (workspace.runs_dir / ".new-1" / "manifest.json").write_text("{")
    assert [run["run_id"] for run in list_runs(workspace)] == [run_id]


def test_the_vrt_opens_in_gdal_and_scales_to_dbm(workspace):
    run_id = publish(workspace, make_outcome(ALPHA, BETA))
    with rasterio.open(workspace.runs_dir / run_id / "4G_Beta.vrt") as file:
        np.testing.assert_array_equal(file.read(1), BETA.rsrp_cdbm)
        assert (file.transform, file.scales, file.nodata) == (GRID.transform, (0.01,), NO_SIGNAL_CDBM)


def test_the_manifest_states_inputs_versions_and_limits(workspace):
    publish(workspace, make_outcome(ALPHA, notes=[{"en": "A note.", "vi": "Ghi chú."}]))
    manifest = Results.open(workspace).manifest
    assert manifest["inputs"] == {"stations": {"sha256": "ab", "rows": 3}}
    assert "Interference is not modelled" in manifest["notes"][0]["en"]
    assert manifest["libraries"]["numpy"] == np.__version__
    assert manifest["figures"][0] | {"share": None} == manifest["figures"][0]
