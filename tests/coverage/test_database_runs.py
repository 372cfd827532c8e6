"""Runs in PostGIS: the same rows as in files, published in one transaction, seen whole by every reader."""

import hashlib
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import geopandas as gpd
import pyogrio
import pytest
from geopandas.testing import assert_geodataframe_equal
from pandas.testing import assert_frame_equal

from phusong.coverage import runs
from phusong.coverage.compute import compute
from phusong.coverage.database_move import move_to_database
from phusong.coverage.exporting import export_tables
from phusong.coverage.prepare import read_sources
from phusong.coverage.pruning import prune_runs
from phusong.coverage.results import Results, current_run_id, list_runs
from phusong.coverage.run_stores import TABLES, open_run_store
from phusong.geodata.errors import DatabaseError, StoreError
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF
from tests.coverage.signals import stored
from tests.coverage.test_runs import ALPHA, BETA, GRID, make_outcome, publish
from tests.databases import CUT, connect

READERS, PUBLISHES = 20, 5


@pytest.fixture
def workspace(tmp_path, database):
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


@pytest.fixture(params=["embedded", "database"])
def either(request, tmp_path):
    """A workspace of each kind."""
    if request.param == "database":
        request.getfixturevalue("database")
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


def outcome_of(generation, **changes):
    """An outcome of which every table and the manifest tell the generation."""
    outcome = make_outcome(ALPHA, notes=[{"en": f"{generation}", "vi": ""}])
    tables = {
        name: getattr(outcome, name).assign(generation=generation)
        for name in ("settlements", "places", "figures", "signals", "units", "eligible")
    }
    return replace(outcome, **tables, **changes)


def ready(workspace, generation):
    """An outcome with its tiles in the store: what is left is to publish it."""
    outcome = outcome_of(generation)
    ids = outcome.eligible["station_id"].tolist()
    return replace(outcome, layers=stored(outcome.layers, GRID, station_ids=ids, store_dir=workspace.store_dir))


def publish_under_eyes(workspace, reader, count):
    """Publish one run after another while `count` threads call `reader`; what it gave, in order, by thread."""
    outcomes = [ready(workspace, generation) for generation in range(PUBLISHES)]
    runs.publish(workspace, outcomes[0])
    done = Event()

    def look():
        seen = []
        while not done.is_set():
            seen.append(reader())
            done.wait(0.02)
        return seen

    with ThreadPoolExecutor(count) as pool:
        looking = [pool.submit(look) for _ in range(count)]
        try:
            for outcome in outcomes[1:]:
                runs.publish(workspace, outcome)
        finally:
            done.set()
        return [thread.result() for thread in looking]


def generations_of(results, tables=TABLES):
    return {results.manifest["notes"][-1]["en"]} | {
        str(value) for name in tables for value in results.table(name)["generation"]
    }


def test_a_province_moved_to_the_database_has_the_same_tables_and_run_and_sees_edits(
    copied, computed, database, monkeypatch, tmp_path
):
    monkeypatch.delenv("PHUSONG_DATABASE_URL")
    assert computed.run_id == current_run_id(copied)
    twin = Workspace.open(shutil.copytree(copied.path, tmp_path / "twin"))
    before = exported(copied, tmp_path)
    monkeypatch.setenv("PHUSONG_DATABASE_URL", database)
    moved = move_to_database(copied)
    workspace = Workspace.open(copied.path)
    assert moved.runs == (computed.run_id,)
    assert not list(copied.path.glob("*.gpkg")) + list(copied.runs_dir.rglob("*.parquet"))
    require_equal(exported(workspace, tmp_path), before)
    again = compute(workspace, as_of=AS_OF)
    assert (again.run_id, again.published) == (computed.run_id, False)  # every input has the same hash

    with connect(database) as connection:
        connection.execute("DELETE FROM phusong.stations WHERE technology <> '5G' OR fid % 2 = 0")
        connection.execute("UPDATE phusong.stations SET eirp_dbm = '40', geom = ST_Translate(geom, 0.01, 0)")
    edited = compute(workspace, as_of=AS_OF)
    assert edited.published
    monkeypatch.delenv("PHUSONG_DATABASE_URL")
    stations = twin.read_layer("stations")[::2]
    stations = stations[stations["technology"] == "5G"].assign(eirp_dbm="40")
    twin.write_layer("stations", stations.set_geometry(stations.translate(0.01)).reset_index(drop=True))
    assert read_sources(Workspace.open(twin.path)).inputs == edited.manifest["inputs"]


def exported(workspace, folder):
    """The tables of an export by name."""
    out = folder / "export.gpkg"
    export_tables(workspace, out, results=Results.open(workspace))
    return {name: pyogrio.read_dataframe(out, layer=name) for name, _ in pyogrio.list_layers(out)}


def require_equal(found, expected):
    assert list(found) == list(expected)
    for name, frame in found.items():
        same = assert_geodataframe_equal if isinstance(frame, gpd.GeoDataFrame) else assert_frame_equal
        same(frame, expected[name])


def test_a_run_is_read_back_to_the_byte(either, tmp_path):
    columns = {
        "whole": [7],
        "yes": [True],
        "none": [None],
        "text": ["“%s” \\N\t\n;--"],
        "number": [0.1 + 0.2],
        "x" * 70: ["l"],
    }
    outcome = make_outcome(ALPHA, BETA)
    outcome = replace(outcome, settlements=outcome.settlements.assign(lon=[106.5], lat=[17.5], **columns))
    run_id = publish(either, outcome)
    stored = Results.open(either, run_id).manifest["tables"]
    assert set(stored) == set(TABLES)
    for name, table in stored.items():
        with open_run_store(either).open_table(run_id, name) as file:
            assert hashlib.sha256(file.read()).hexdigest() == table["sha256"], name


def test_the_view_of_the_published_run_has_its_columns_and_points(workspace, database):
    first = make_outcome(ALPHA)
    publish(workspace, replace(first, settlements=first.settlements.assign(lon=[106.5], lat=[17.5])))
    publish(workspace, replace(first, settlements=first.settlements.assign(lon=[106.5], lat=[17.5], new=["%"])))
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT settlement_id, new, ST_AsText(geom) FROM phusong.current_settlements"
        ).fetchall()
    assert rows == [("T1", "%", "POINT(106.5 17.5)")]


def test_a_column_of_another_type_than_before_is_named(workspace):
    first = make_outcome(ALPHA)
    publish(workspace, replace(first, places=first.places.assign(size=["large"])))
    with pytest.raises(StoreError, match="column size of run_places in the database is of type text") as refused:
        publish(workspace, replace(first, places=first.places.assign(size=[1.5])))
    assert "có kiểu text" in refused.value.vi


def test_a_scenario_is_kept_and_the_published_run_stays(workspace):
    run_id = publish(workspace, outcome_of(1))
    scenario = publish(workspace, outcome_of(2, scenario="plan"))
    assert (Results.open(workspace).run_id, Results.open(workspace, "plan").run_id) == (run_id, scenario)


def test_pruned_runs_leave_no_row_and_whoever_has_one_open_reads_what_happened(workspace, database):
    ids = [publish(workspace, outcome_of(generation)) for generation in range(3)]
    results = Results.open(workspace, ids[0])
    (workspace.runs_dir / "0123456789abcdef").mkdir()  # of a publish that was undone
    assert set(prune_runs(workspace, 1).removed) == set(ids[:2])
    with pytest.raises(StoreError, match=f"run {ids[0]} has been removed"):
        _ = results.figures
    with connect(database) as connection:
        for table in ("runs", *(f"run_{name}" for name in TABLES)):
            rows = connection.execute(f"SELECT DISTINCT run_id FROM phusong.{table}").fetchall()
            assert rows == [(ids[2],)], table
    assert [path.name for path in workspace.runs_dir.iterdir()] == [ids[2]]


@pytest.mark.parametrize("moment", ["run_settlements", "run_units", "workspace"])
def test_a_session_that_the_server_ends_in_a_publish_is_undone_whole(workspace, database, moment):
    before = publish(workspace, outcome_of(1))
    with connect(database) as connection:
        connection.execute(CUT)
        connection.execute(f"CREATE TRIGGER cut AFTER INSERT OR UPDATE ON phusong.{moment} EXECUTE FUNCTION cut()")
        with pytest.raises(
            DatabaseError, match="not completely written is undone, and the published run stands"
        ) as lost:
            publish(workspace, outcome_of(2))
        assert "Mất kết nối" in lost.value.vi
        assert rows_of_runs(connection) == {before}
        assert generations_of(Results.open(workspace)) == {"1"}
        connection.execute(f"DROP TRIGGER cut ON phusong.{moment}")
    assert publish(workspace, outcome_of(2)) == Results.open(workspace).run_id
    assert generations_of(Results.open(workspace)) == {"2"}


def test_a_server_that_crashes_in_a_publish_has_the_old_run_when_it_is_back(workspace, cluster, database):
    before = publish(workspace, outcome_of(1))
    with connect(database) as connection:
        connection.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'"
        )
        connection.execute("CREATE TRIGGER wait AFTER INSERT ON phusong.run_units EXECUTE FUNCTION wait()")
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish, workspace, outcome_of(2))
        wait_until_asleep(cluster)
        cluster.stop(signal.SIGQUIT)
        with pytest.raises(DatabaseError, match="was lost"):
            publishing.result()
    with pytest.raises(DatabaseError, match="cannot be reached"):
        current_run_id(workspace)
    cluster.start()
    with connect(database) as connection:
        assert rows_of_runs(connection) == {before}
        connection.execute("DROP TRIGGER wait ON phusong.run_units")
    assert generations_of(Results.open(workspace)) == {"1"}
    assert publish(workspace, outcome_of(2)) == Results.open(workspace).run_id != before


def wait_until_asleep(cluster):
    with cluster.connect("postgres") as connection:
        for _ in range(200):
            if connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone():
                return
            time.sleep(0.05)
    raise AssertionError("nobody sleeps")


def rows_of_runs(connection):
    """Ids of the runs that have a row in any table."""
    tables = ("runs", *(f"run_{name}" for name in TABLES))
    union = " UNION ".join(f"SELECT run_id FROM phusong.{table}" for table in tables)
    return {run_id for (run_id,) in connection.execute(union)}


def test_twenty_readers_see_the_old_run_or_the_new_one_and_never_a_mix(either):
    looked_at = ("settlements", "figures", "units")
    seen = publish_under_eyes(either, lambda: generations_of(Results.open(either), looked_at), READERS)
    assert all(len(generations) == 1 for one in seen for generations in one)
    in_order = [[int(next(iter(generations))) for generations in one] for one in seen]
    assert all(one == sorted(one) for one in in_order)
    assert len({generation for one in in_order for generation in one}) > 2
    assert len(list_runs(either)) == PUBLISHES


def test_a_query_of_all_views_sees_one_run_while_others_are_published(workspace, database):
    query = " UNION ".join(f"SELECT generation FROM phusong.current_{name}" for name in TABLES)

    def read():
        with connect(database) as connection:
            return connection.execute(query).fetchall()

    publish(workspace, outcome_of(0))  # the columns of the views
    seen = publish_under_eyes(workspace, read, 4)
    assert all(len(generations) == 1 for one in seen for generations in one)
    assert len({generations[0] for one in seen for generations in one}) > 1
