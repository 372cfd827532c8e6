from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from shapely.geometry import MultiPolygon, Point, box

from phusong.coverage.checks import check_import, check_workspace
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import write_raster
from phusong.geodata.workspace import Workspace

DAY = date(2025, 8, 1)
GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), (100, 100))


def put(workspace, name, columns, geometry=None):
    columns = {key: [value] for key, value in columns.items()}
    columns = {"source": ["file"], "source_row": [1]} | columns
    frame = pd.DataFrame(columns)
    workspace.write_layer(name, frame if geometry is None else gpd.GeoDataFrame(frame, geometry=geometry, crs=4326))


def put_communes(workspace, **changes):
    values = dict.fromkeys(("kind", "valid_from", "valid_to")) | {
        "code": "00001", "name": "Xã Mẫu", "district_code": "901", "district_name": "Huyện Mẫu", "province_code": "99"
    }  # fmt: skip
    area = gpd.GeoSeries([box(600_000, 1_890_000, 610_000, 1_900_000)], crs=GRID.crs).to_crs(4326)
    put(workspace, "communes", values | changes, [MultiPolygon([area.iloc[0]])])


def put_settlements(workspace, place=(105.99, 17.14), **changes):
    values = {
        "settlement_id": "T1", "name": "Bản Mẫu", "kind": None, "commune_code": None, "population": 100.0,
        "households": 25.0, "has_grid_power": "yes", "area_type": None,
    }  # fmt: skip
    put(workspace, "settlements", values | changes, [Point(place)])


def put_stations(workspace, place=(105.99, 17.14), **changes):
    values = dict.fromkeys(("downtilt_deg", "azimuths_deg", "antenna", "on_air_from", "on_air_to")) | {
        "station_id": "S1", "mast_id": "M1", "operator": "Alpha", "technology": "4G", "band_mhz": 1800.0,
        "bandwidth_mhz": 20.0, "height_agl_m": 40.0, "eirp_dbm": "61", "status": "live",
    }  # fmt: skip
    put(workspace, "stations", values | changes, [Point(place)])


def put_raster(workspace, name, value, grid=GRID, **tags):
    write_raster(workspace.raster_path(name), Raster(np.full(grid.shape, value), grid), tags=tags)


@pytest.fixture
def workspace(tmp_path):
    """A workspace with everything that a computation needs."""
    made = Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)
    put_communes(made)
    put_settlements(made)
    put_stations(made)
    put_raster(made, "terrain", np.float32(5), TERRAIN_KIND="dtm")
    put_raster(made, "clutter", np.uint8(30))
    put_raster(made, "population", np.float32(1))
    return made


def findings(workspace, severity="error", of=None):
    found = check_workspace(workspace, as_of=DAY, of=of)
    return {(finding.code, finding.where) for finding in found if finding.severity == severity}


def test_a_whole_workspace_has_no_error_and_its_optional_layers_are_warned_of(workspace):
    assert findings(workspace) == set()
    optional = ("fibre_endpoints", "places", "crosswalk", "observations")
    assert findings(workspace, "warning") == {("missing_layer", name) for name in optional}


def test_an_empty_workspace_lacks_every_required_layer_and_raster(tmp_path):
    missing = findings(Workspace.create(tmp_path / "W", crs="EPSG:32648"))
    assert {where for _, where in missing} == {
        "communes", "settlements", "stations", "terrain", "clutter", "population"
    }  # fmt: skip


def test_every_finding_is_a_sentence_in_both_languages(tmp_path):
    for found in check_workspace(Workspace.create(tmp_path / "W", crs="EPSG:32648")):
        assert found.en.endswith(".")
        assert found.vi.endswith(".")
        assert found.en != found.vi


def test_errors_come_before_warnings(tmp_path):
    found = [finding.severity for finding in check_workspace(Workspace.create(tmp_path / "W", crs="EPSG:32648"))]
    assert found == sorted(found)
    assert set(found) == {"error", "warning"}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda w: put_stations(w, technology="5G", bandwidth_mhz=33.0), ("bandwidth", "stations")),
        (lambda w: put_stations(w, status="off"), ("not_eligible", "stations")),
        (lambda w: put_stations(w, place=(107.5, 17.1)), ("outside_terrain", "stations")),
        (lambda w: put_stations(w, azimuths_deg="0;120", eirp_dbm="1;2;3"), ("bad_sectors", "stations")),
        (lambda w: put_communes(w, valid_from="2030-01-01"), ("communes", "communes")),
        (lambda w: put_raster(w, "clutter", np.uint8(99)), ("clutter_code", "clutter")),
        (lambda w: put_raster(w, "clutter", np.uint8(30), GRID.window(0, 0, (50, 50))), ("grid_changed", "clutter")),
        (lambda w: put_raster(w, "terrain", np.float32(5)), ("terrain_kind", "terrain")),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_an_error(workspace, change, finding):
    change(workspace)
    assert finding in findings(workspace)
    assert finding in {(found.code, found.where) for found in check_import(workspace, finding[1], None)}
    assert (finding in findings(workspace, of="stations")) == (finding[1] == "stations")


def test_terrain_of_another_resolution_than_the_settings_is_an_error(workspace):
    coarse = Grid(GRID.crs, Affine(200.0, 0, 600_000, 0, -200.0, 1_900_000), (50, 50))
    put_raster(workspace, "terrain", np.float32(5), coarse, TERRAIN_KIND="dtm")
    assert {("grid_changed", "terrain"), ("grid_changed", "clutter")} <= findings(workspace)


def test_a_population_raster_of_another_place_is_an_error(workspace):
    away = Grid(GRID.crs, Affine(100.0, 0, 300_000, 0, -100.0, 1_900_000), (10, 10))
    put_raster(workspace, "population", np.float32(1), away)
    assert ("population_apart", "population") in findings(workspace)


def test_unknown_power_and_missing_counts_are_warned_of(workspace):
    put_settlements(workspace, has_grid_power="unknown", population=None, households=None)
    wanted = {(code, "settlements") for code in ("power_unknown", "no_population", "no_households")}
    assert wanted <= findings(workspace, "warning")


def test_a_settlement_outside_every_commune_is_named(workspace):
    put_settlements(workspace, place=(107.5, 17.1))
    found = [finding for finding in check_workspace(workspace, as_of=DAY) if finding.code == "outside_province"]
    assert "T1" in found[0].en


def test_stations_of_an_ended_technology_are_named_and_warned_of(workspace):
    put_stations(workspace, technology="3G", bandwidth_mhz=5.0)
    late = check_workspace(workspace, as_of=date(2031, 1, 1))
    assert any(finding.code == "not_eligible" for finding in late)


def test_an_observation_of_no_settlement_is_warned_of(workspace):
    values = {
        "settlement_id": "T9", "indicator": "power", "value": "yes", "source": "file", "observed_on": "2025-07-01",
        "by": None,
    }  # fmt: skip
    put(workspace, "observations", values)
    assert ("unknown_settlement", "observations") in findings(workspace, "warning")


def test_a_station_outside_the_commune_it_states_is_named_once_the_communes_are_there(workspace):
    put_stations(workspace, commune="Xã Mẫu")
    assert ("wrong_commune", "stations") not in findings(workspace, "warning")
    put_stations(workspace, place=(105.99, 17.3), commune="00001")
    assert ("wrong_commune", "stations") in findings(workspace, "warning")
