"""The commands of a workspace in a database, from its making to its export."""

import json

import pyogrio
import pytest

from phusong.geodata.workspace import Workspace
from tests.databases import connect, free_port

from .conftest import COMMUNE, COMMUNES, run


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    """A workspace in a folder with one layer; the variable is set afterwards by the tests."""
    monkeypatch.delenv("PHUSONG_DATABASE_URL", raising=False)
    workspace = Workspace.create(tmp_path / "W", crs="EPSG:32648")
    file = tmp_path / "communes.geojson"
    file.write_text(COMMUNES % (COMMUNE % ("00001", "Xã Một")), encoding="utf-8")
    assert run("import", workspace.path, "communes", file).exit_code == 0
    return workspace


@pytest.fixture
def database_url(embedded, database):
    """Address of an empty database; the workspace was made before the variable was set."""
    return database


def test_a_workspace_moves_into_the_database_once_and_imports_go_there(embedded, database_url, tmp_path):
    first = run("database", "init", embedded.path, "--json")
    assert json.loads(first.stdout) == {"layers": {"communes": 1}, "runs": []}
    assert "no layers; 0 runs" in run("database", "init", embedded.path).stdout
    file = tmp_path / "more.geojson"
    file.write_text(COMMUNES % ",".join(COMMUNE % pair for pair in (("00001", "A"), ("00002", "B"))), encoding="utf-8")
    assert run("import", embedded.path, "communes", file, "--replace").exit_code == 0
    with connect(database_url) as connection:
        assert connection.execute("SELECT code FROM phusong.communes ORDER BY fid").fetchall() == [
            ("00001",),
            ("00002",),
        ]
    exported = run("export", embedded.path, "--out", tmp_path / "t.gpkg", "--json")
    assert json.loads(exported.stdout)["rows"] == {"communes": 2}
    assert pyogrio.read_dataframe(tmp_path / "t.gpkg", layer="communes")["name"].tolist() == ["A", "B"]


def test_a_role_may_read_once_it_was_granted(embedded, database_url, cluster):
    run("database", "init", embedded.path)
    unknown = run("database", "grant", embedded.path, "nobody")
    assert unknown.exit_code == 1
    assert 'role "nobody" does not exist' in unknown.stderr
    role = cluster.make_role()
    assert f"{role} may read everything" in run("database", "grant", embedded.path, role).stderr
    with connect(cluster.url(database_url.rpartition("/")[2], role)) as connection:
        assert connection.execute("SELECT count(*) FROM phusong.communes").fetchone() == (1,)


def test_what_cannot_be_reached_is_one_sentence_in_each_language(embedded, monkeypatch):
    assert "PHUSONG_DATABASE_URL is not set" in run("database", "init", embedded.path).stderr
    monkeypatch.setenv("PHUSONG_DATABASE_URL", f"postgresql://me@127.0.0.1:{free_port()}/area")
    assert "run: phusong database init" in run("check", embedded.path).stderr
    result = run("database", "init", embedded.path)
    assert result.exit_code == 1
    assert "error: The database 127.0.0.1/area cannot be reached" in result.stderr
    assert "lỗi: Không kết nối được cơ sở dữ liệu 127.0.0.1/area" in result.stderr


def test_an_export_that_cannot_be_written_says_so(embedded, tmp_path):
    result = run("export", embedded.path, "--out", tmp_path / "none" / "t.gpkg")
    assert result.exit_code == 1
    assert "choose another --out" in result.stderr
