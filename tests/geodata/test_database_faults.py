"""Databases that cannot be used: each is one sentence in English and one in Vietnamese."""

from importlib.resources import files

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from phusong.geodata.database import REVISIONS
from phusong.geodata.database_setup import prepare_database
from phusong.geodata.databases import DATABASE_FILE
from phusong.geodata.errors import DatabaseError
from phusong.geodata.workspace import Workspace
from tests.databases import CUT, connect, free_port
from tests.geodata.test_database_layers import places


@pytest.fixture
def workspace(tmp_path, database):
    return Workspace.create(tmp_path / "W", crs="EPSG:32648")


@pytest.mark.parametrize("url", ["area", "mysql://me@host/area", "postgresql://host:port/area", "postgresql://host"])
def test_an_address_of_another_form_is_refused_with_the_right_one(tmp_path, monkeypatch, url):
    monkeypatch.setenv("PHUSONG_DATABASE_URL", url)
    with pytest.raises(DatabaseError, match="write it like postgresql://USER:PASSWORD@HOST") as refused:
        Workspace.create(tmp_path / "W", crs="EPSG:32648")
    assert "không phải địa chỉ" in refused.value.vi
    assert not (tmp_path / "W").exists()


def test_a_server_that_is_down_is_named_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("PHUSONG_DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{free_port()}/area")
    with pytest.raises(
        DatabaseError, match=r"127.0.0.1/area cannot be reached \(.*refused.*\); start the server"
    ) as down:
        Workspace.create(tmp_path / "W", crs="EPSG:32648")
    assert "Không kết nối được" in down.value.vi
    assert "secret" not in str(down.value) + down.value.vi


def test_a_database_that_does_not_exist_is_named(cluster):
    with pytest.raises(DatabaseError, match=r"nowhere cannot be reached \(.*does not exist"):
        prepare_database(cluster.url("nowhere"))


def test_a_database_without_postgis_says_what_its_administrator_runs(cluster):
    with pytest.raises(DatabaseError, match="CREATE EXTENSION postgis") as missing:
        prepare_database(cluster.make_database("template0"))
    assert "quản trị viên" in missing.value.vi


def test_an_extension_that_was_removed_is_missed(tmp_path, cluster, monkeypatch):
    url = cluster.make_database()
    monkeypatch.setenv("PHUSONG_DATABASE_URL", url)
    workspace = Workspace.create(tmp_path / "W", crs="EPSG:32648")
    with cluster.connect(url.rpartition("/")[2]) as connection:
        connection.execute("DROP EXTENSION postgis CASCADE")
    with pytest.raises(DatabaseError, match="has no PostGIS"):
        workspace.layer_names()


@pytest.mark.parametrize(
    ("revision", "sentence", "vietnamese"),
    [("0000", "newer phusong", "mới hơn"), (None, "no tables of phusong", "chưa có bảng")],
)
def test_tables_of_another_version_are_refused(workspace, database, revision, sentence, vietnamese):
    with connect(database) as connection:
        if revision is None:
            connection.execute("DROP SCHEMA phusong CASCADE")
        else:
            connection.execute("UPDATE phusong.alembic_version SET version_num = %s", [revision])
    with pytest.raises(DatabaseError, match=sentence) as refused:
        workspace.layer_names()
    assert vietnamese in refused.value.vi


def test_tables_of_a_newer_version_are_left_alone(workspace, database):
    with connect(database) as connection:
        connection.execute("UPDATE phusong.alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="update phusong"):
        prepare_database(database)


def test_tables_of_an_older_version_ask_for_the_command_which_brings_them_up(workspace, database):
    with connect(database) as connection:
        connection.execute("DROP TABLE phusong.job")
        connection.execute("UPDATE phusong.alembic_version SET version_num = '0001'")
    with pytest.raises(
        DatabaseError, match=r"older phusong \(revision 0001, needed 0002\); run: phusong database init"
    ):
        workspace.layer_names()
    prepare_database(database)
    assert workspace.layer_names() == []
    with connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM phusong.job").fetchone() == (0,)


def test_a_folder_and_the_variable_must_agree(workspace, tmp_path, monkeypatch):
    monkeypatch.delenv("PHUSONG_DATABASE_URL")
    with pytest.raises(DatabaseError, match="set PHUSONG_DATABASE_URL to its address"):
        Workspace.open(workspace.path).layer_names()
    embedded = Workspace.create(tmp_path / "embedded", crs="EPSG:32648")
    monkeypatch.setenv("PHUSONG_DATABASE_URL", "postgresql://host/area")
    with pytest.raises(DatabaseError, match=r"run: phusong database init .*embedded, or unset"):
        Workspace.open(embedded.path).layer_names()


def test_a_database_holds_one_workspace(workspace, tmp_path):
    with pytest.raises(DatabaseError, match="belongs to another workspace"):
        Workspace.create(tmp_path / "other", crs="EPSG:32648")
    assert not (tmp_path / "other").exists()
    (workspace.path / DATABASE_FILE).write_text("another", encoding="utf-8")
    with pytest.raises(DatabaseError, match="belongs to another workspace"):
        workspace_names(workspace)


def test_an_emptied_database_is_not_taken_for_an_empty_workspace(workspace, database):
    with connect(database) as connection:
        connection.execute("DELETE FROM phusong.workspace")
    with pytest.raises(DatabaseError, match="restore its backup"):
        workspace_names(workspace)


def workspace_names(workspace):
    return Workspace.open(workspace.path).layer_names()


def test_a_connection_that_is_cut_in_a_write_undoes_it(workspace, database):
    workspace.write_layer("places", places("a"))
    with connect(database) as connection:
        connection.execute(CUT)
        connection.execute("CREATE TRIGGER cut AFTER INSERT ON phusong.places EXECUTE FUNCTION cut()")
    with pytest.raises(DatabaseError, match=r"connection to the database .* was lost") as lost:
        workspace.write_layer("places", places("b"))
    assert "Mất kết nối" in lost.value.vi
    assert workspace.read_layer("places")["name"].tolist() == ["a"]


def test_the_known_revisions_are_those_of_the_migrations():
    config = Config()
    config.set_main_option("script_location", str(files("phusong.geodata") / "migrations"))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_rows_that_somebody_keeps_locked_are_not_waited_for_without_end(workspace, database, monkeypatch):
    workspace.write_layer("places", places("a"))
    monkeypatch.setattr("phusong.geodata.database.LOCK_S", 0.1)
    with connect(database) as connection, connection.transaction():
        connection.execute("UPDATE phusong.places SET name = 'mine'")
        with pytest.raises(DatabaseError, match="Somebody is editing these rows") as refused:
            workspace.write_layer("places", places("b"))
    assert "Có người đang sửa" in refused.value.vi
    assert workspace.read_layer("places")["name"].tolist() == ["mine"]
