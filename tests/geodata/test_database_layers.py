"""The layers of a workspace in PostGIS: the same rows as in a GeoPackage, and edits that are seen."""

import geopandas as gpd
import pandas as pd
import psycopg
import pytest

from phusong.geodata.database_setup import grant_role
from phusong.geodata.databases import workspace_database
from phusong.geodata.errors import DatabaseError, MissingLayerError
from phusong.geodata.recipe import staged
from phusong.geodata.schemas import LAYERS
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing
from tests.databases import connect


def places(*names):
    frame = pd.DataFrame({"place_id": list(names), "kind": "school", "name": list(names)})
    frame = frame.assign(has_fixed_broadband="no", source="places.csv", source_row=range(1, len(names) + 1))
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy([106.5] * len(names), [17.5] * len(names)), crs=4326)


@pytest.fixture
def workspace(tmp_path, database):
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


def test_the_tables_have_the_columns_of_the_layers(workspace, database):
    with connect(database) as connection:
        for layer in LAYERS.values():
            query = (
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'phusong' AND table_name = %s"
            )
            found = {name for (name,) in connection.execute(query, [layer.name])}
            assert found == {"fid", *layer.stored_names} | ({"geom"} if layer.geometry else set()), layer.name


def test_rows_changed_added_and_removed_in_the_database_are_read_in_the_order_of_their_key(workspace, database):
    workspace.write_layer("places", places("a", "b", "c"))
    with connect(database) as connection:
        connection.execute(
            "UPDATE phusong.places SET name = 'Trường B', geom = 'SRID=4326;POINT(106 17)' WHERE fid = 2"
        )
        connection.execute("DELETE FROM phusong.places WHERE place_id = 'a'")
        connection.execute(
            "INSERT INTO phusong.places (place_id, kind, name, geom) "
            "VALUES ('d', 'school', 'D', 'SRID=4326;POINT(106 18)')"
        )
    read = workspace.read_layer("places")
    assert read["name"].tolist() == ["Trường B", "c", "D"]
    assert read.geometry.x.tolist() == [106.0, 106.5, 106.0]
    assert read[["source", "source_row"]].values.tolist() == [["places.csv", 2], ["places.csv", 3], ["database", 4]]
    assert read["has_fixed_broadband"].tolist() == ["no", "no", "unknown"]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE phusong.places SET has_fixed_broadband = 'perhaps'",
        "UPDATE phusong.places SET place_id = NULL",
        "INSERT INTO phusong.places (place_id, kind, name) VALUES ('a', 'school', 'A again')",
        "UPDATE phusong.places SET geom = 'SRID=4326;LINESTRING(0 0,1 1)'",
        "INSERT INTO phusong.fibre_endpoints (endpoint_id, operator, reach_km) VALUES ('e', 'o', 'NaN')",
        "INSERT INTO phusong.communes (code, name, valid_from) VALUES ('00001', 'x', '2025-02-30')",
        "INSERT INTO phusong.communes (code, name) VALUES ('00001', 'x'), ('00001', 'y')",
    ],
)
def test_the_database_refuses_an_edit_that_does_not_fit_the_layer(workspace, database, edit):
    workspace.write_layer("places", places("a"))
    with connect(database) as connection, pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
        connection.execute(edit)


def test_a_layer_that_was_never_imported_counts_once_it_has_a_row(workspace, database):
    assert not workspace.has_layer("fibre_endpoints")
    with pytest.raises(MissingLayerError, match="phusong import"):
        workspace.read_layer("fibre_endpoints")
    with connect(database) as connection:
        connection.execute("INSERT INTO phusong.fibre_endpoints (endpoint_id, operator, reach_km) VALUES ('e', 'o', 2)")
    read = workspace.read_layer("fibre_endpoints")
    assert (read["reach_km"].tolist(), read.geometry.tolist()) == ([2.0], [None])


def test_an_import_is_stored_whole_or_not_at_all(workspace):
    workspace.write_layer("places", places("a"))
    with pytest.raises(ZeroDivisionError):
        import_two_layers(workspace, lambda: 1 // 0)
    assert workspace.layer_names() == ["places"]
    import_two_layers(workspace, lambda: 1)
    assert workspace.layer_names() == ["fibre_endpoints", "places"]
    assert workspace.read_layer("places")["name"].tolist() == ["b"]
    assert workspace.raster_path("terrain").read_bytes() == b"T"
    assert not workspace.layers_path.exists()


def import_two_layers(workspace, last):
    """Import two layers, one of them within an import of its own; nothing is seen outside before the end."""
    with staged(workspace) as stage:
        stage.write_layer("places", places("b"))
        assert stage.read_layer("places")["name"].tolist() == ["b"]
        assert workspace.read_layer("places")["name"].tolist() == ["a"]
        with staged(stage) as inner:
            (inner.path / "rasters" / "terrain.tif").write_bytes(b"T")
            inner.write_layer("fibre_endpoints", fibre("e"))
        assert stage.layer_names() == ["fibre_endpoints", "places"]
        last()


def fibre(*names):
    frame = places(*names).rename(columns={"place_id": "endpoint_id", "name": "operator"})
    return frame.drop(columns="has_fixed_broadband").assign(reach_km=5.0)


@pytest.mark.parametrize("stored", [True, False])
def test_an_import_killed_about_the_time_it_was_stored_is_finished_or_dropped(workspace, stored):
    committed = workspace.path / ".commit-1"
    (committed / "rasters").mkdir(parents=True)
    (committed / "rasters" / "terrain.tif").write_bytes(b"new")
    half = Workspace(committed, stage_of=workspace)
    half.write_layer("places", places("new"))
    if stored:
        kept = half.layers_path.read_bytes()
        workspace.layer_store.take_over(committed)
        half.layers_path.write_bytes(kept)  # killed before it was removed
    with writing(workspace.path, "compute"):
        pass
    assert workspace.has_layer("places") == workspace.has_raster("terrain") == stored
    assert not workspace.layers_path.exists()
    assert not committed.exists()


def test_a_reader_reads_and_cannot_write(workspace, cluster, database, monkeypatch):
    workspace.write_layer("places", places("a"))
    reader = reader_of(workspace, cluster, database)
    monkeypatch.setenv("PHUSONG_DATABASE_URL", reader)
    opened = Workspace.open(workspace.path)
    assert opened.read_layer("places")["name"].tolist() == ["a"]
    with pytest.raises(DatabaseError, match="may not do this") as refused:
        opened.write_layer("places", places("b"))
    assert "không có quyền" in refused.value.vi
    with connect(reader) as connection:
        for table in (*LAYERS, "runs", "workspace", "run_figures"):
            assert connection.execute(f"SELECT count(*) FROM phusong.{table}").fetchone()
            for edit in (f"DELETE FROM phusong.{table}", f"INSERT INTO phusong.{table} DEFAULT VALUES"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(edit)
        for edit in (
            "UPDATE phusong.stations SET height_agl_m = 10",
            "UPDATE phusong.workspace SET current_run = NULL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(edit)
        assert connection.execute("SELECT count(*) FROM phusong.current_figures").fetchone() == (0,)


def test_an_editor_changes_layers_and_no_results(workspace, cluster, database):
    workspace.write_layer("places", places("a"))
    editor = reader_of(workspace, cluster, database, edit=True)
    with connect(editor) as connection:
        connection.execute("UPDATE phusong.places SET name = 'A'")
        connection.execute("INSERT INTO phusong.places (place_id, kind, name) VALUES ('b', 'school', 'B')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE phusong.workspace SET current_run = NULL")
    assert workspace.read_layer("places")["name"].tolist() == ["A", "B"]


def reader_of(workspace, cluster, database, *, edit=False):
    """Address of the database for a new role that was granted its rights."""
    role = cluster.make_role()
    grant_role(workspace_database(workspace.path), role, edit=edit)
    return cluster.url(database.rpartition("/")[2], role)
