from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from phusong.coverage.results import Results
from phusong.coverage.runs import Outcome, publish
from phusong.coverage.units import build_units
from phusong.geodata.raster_files import write_raster
from phusong.geodata.schemas import find_layer
from phusong.geodata.workspace import Workspace
from phusong.maps.data import page_data
from phusong.maps.page import render_map
from tests.coverage.signals import Signal, stored


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, data):
    workspace = Workspace.create(
        tmp_path_factory.mktemp("maps") / "W", crs=data.terrain.grid.crs, resolution_m=100.0, name="tỉnh Mẫu"
    )
    write_raster(workspace.raster_path("terrain"), data.terrain, tags={"TERRAIN_KIND": "dtm"})
    columns = dict.fromkeys(find_layer("communes").stored_names)
    given = {"valid_from": "2025-07-01", "source": "communes.gpkg", "source_row": range(1, 10)}
    dated = data.communes.assign(**{**columns, **data.communes[["code", "name"]], **given})
    workspace.write_layer("communes", dated)
    return workspace


@pytest.fixture(scope="module")
def results(workspace, data):
    grid = data.terrain.grid
    stations = gpd.GeoDataFrame(
        data.stations.drop(columns=["lon", "lat"]),
        geometry=gpd.points_from_xy(data.stations["lon"], data.stations["lat"]),
        crs="EPSG:4326",
    )
    level = np.full(grid.shape, -6000, dtype=np.int16)
    level[:, :60] = -20_000
    profile, figures = workspace.settings.profile().name, data.figures
    outcome = Outcome(
        grid=grid,
        layers=stored(
            [Signal("4G", "Viettel", level, np.zeros(grid.shape, dtype=np.int32))], grid,
            station_ids=stations["station_id"].tolist(), store_dir=workspace.store_dir,
        ),
        signals=pd.DataFrame({"point_id": []}),
        eligible=stations,
        settlements=data.settlements,
        places=pd.DataFrame({"place_id": []}),
        figures=figures.assign(profile=profile, share=figures["numerator"] / figures["denominator"]),
        units=build_units(data.communes, grid, as_of=date(2025, 8, 1)).geometries,
        people=0.0,
        ground="",
        population="",
        people_tiles=[],
        inputs={"stations": {"sha256": "ab" * 32, "rows": 3}, "terrain": {"sha256": "cd" * 32, "rows": None}},
        settings=workspace.settings.model_dump(mode="json"),
        as_of=date(2025, 8, 1),
    )  # fmt: skip
    return Results.open(workspace, publish(workspace, outcome))


def test_a_run_becomes_page_data(workspace, results):
    shown = page_data(results, workspace)
    assert list(shown.classes) == ["any", "3G+4G", "3G", "4G", "5G"]
    assert set(np.unique(shown.classes["4G"].values)) == {0, 2, 255}
    assert shown.run.boundary_date == date(2025, 7, 1)
    assert shown.run.sources[0].rows == 3
    assert (shown.fibre_endpoints, shown.places) == (None, None)
    assert shown.stations is not None
    assert shown.stations["lon"].iloc[0] == pytest.approx(106.37)


def test_the_page_of_a_run_names_the_run(workspace, results):
    page = render_map(results, workspace)
    assert results.run_id in page
    assert page.startswith("<!DOCTYPE html>")
