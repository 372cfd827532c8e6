from pathlib import Path

import geopandas as gpd
import pytest
from shapely import Point

from phusong.geodata.errors import (
    InputError,
    MissingLayerError,
    SettingsError,
    UnknownNameError,
    WorkspaceError,
)
from phusong.geodata.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "area", crs="EPSG:32648", resolution_m=90)


def places(*names: str) -> gpd.GeoDataFrame:
    rows = range(1, len(names) + 1)
    return gpd.GeoDataFrame(
        {
            "place_id": [f"P{row}" for row in rows],
            "kind": "school",
            "name": list(names),
            "has_fixed_broadband": "unknown",
            "source": "places.csv",
            "source_row": list(rows),
        },
        geometry=[Point(106 + row / 10, 17.5) for row in rows],
        crs="EPSG:4326",
    )


def test_a_new_workspace_opens_with_the_settings_it_was_made_with(workspace: Workspace) -> None:
    opened = Workspace.open(workspace.path)
    assert opened.settings.resolution_m == 90
    assert opened.settings.name == "area"
    assert opened.layer_names() == []


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="not an empty folder"):
        Workspace.create(tmp_path, crs="EPSG:32648")


def test_a_crs_that_cannot_hold_the_grid_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        Workspace.create(tmp_path / "area", crs="EPSG:4326")
    assert not (tmp_path / "area").exists()


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="phusong init"):
        Workspace.open(tmp_path)


def test_names_are_stored_as_they_are(workspace: Workspace) -> None:
    names = ["<script>alert(1)</script>", "{{ 7*7 }}", "Lệ Thủy", "'; DROP TABLE places; --", "a\nb"]
    workspace.write_layer("places", places(*names))
    assert list(workspace.read_layer("places")["name"]) == names


def test_writing_a_layer_replaces_it_and_keeps_the_others(workspace: Workspace) -> None:
    workspace.write_layer("places", places("a", "b"))
    fibre = places("x").rename(columns={"place_id": "endpoint_id", "name": "operator"})
    fibre = fibre.drop(columns="has_fixed_broadband").assign(reach_km=5.0)
    workspace.write_layer("fibre_endpoints", fibre)
    workspace.write_layer("places", places("c"))
    assert workspace.layer_names() == ["fibre_endpoints", "places"]
    assert list(workspace.read_layer("places")["name"]) == ["c"]


def test_a_layer_that_does_not_fit_its_schema_is_not_written(workspace: Workspace) -> None:
    workspace.write_layer("places", places("a"))
    before = workspace.layers_path.read_bytes()
    with pytest.raises(InputError, match="has_fixed_broadband"):
        workspace.write_layer("places", places("b").assign(has_fixed_broadband="perhaps"))
    assert workspace.layers_path.read_bytes() == before
    assert sorted(path.name for path in workspace.path.glob("*layers*")) == ["layers.gpkg"]


def test_a_missing_layer_says_how_to_import_it(workspace: Workspace) -> None:
    with pytest.raises(MissingLayerError, match=r"phusong import .* stations FILE"):
        workspace.read_layer("stations")


def test_a_missing_raster_says_how_to_import_it(workspace: Workspace) -> None:
    with pytest.raises(MissingLayerError, match="terrain"):
        workspace.read_raster("terrain")


def test_an_unknown_layer_or_raster_lists_the_known(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="communes, crosswalk, settlements"):
        workspace.read_layer("towers")
    with pytest.raises(UnknownNameError, match="terrain, clutter, population"):
        workspace.raster_path("slope")
