"""One small computed workspace for all tests of the front doors: the sample province at 300 m, made by `demo`."""

import shutil
from pathlib import Path

import pytest
from click.testing import Result
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from phusong.api.app import create_app
from phusong.api.cli import app
from phusong.geodata.workspace import Workspace

COMMUNES = '{"type": "FeatureCollection", "features": [%s]}'
COMMUNE = (
    '{"type": "Feature", "properties": {"code": "%s", "name": "%s"}, "geometry": {"type": "Polygon", "coordinates": '
    "[[[106, 17], [106.1, 17], [106.1, 17.1], [106, 17.1], [106, 17]]]}}"
)
STATIONS_HEADER = (
    "station_id,mast_id,operator,technology,band_mhz,bandwidth_mhz,height_agl_m,eirp_dbm,azimuths_deg,status,lon,lat\n"
)
GOOD_STATION = "S1,M1,Alpha,4G,1800,20,40,61,0;120,live,106.05,17.05\n"


def run(*words: object) -> Result:
    """Run a command of `phusong` in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("api") / "demo"
    return folder, run("demo", folder, "--resolution", 300)


@pytest.fixture(scope="session")
def computed(demo: tuple[Path, Result]) -> Workspace:
    folder, result = demo
    assert result.exit_code == 0, result.output
    return Workspace.open(folder / "workspace")


def local_client(workspace: Workspace) -> TestClient:
    """A caller on this machine of a service without access control."""
    app = create_app(workspace.path, access_control=False)
    return TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000))


@pytest.fixture(scope="session")
def client(computed: Workspace) -> TestClient:
    return local_client(computed)


@pytest.fixture
def copied(computed: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(computed.path, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("access", "jobs"))
    return Workspace.open(tmp_path / "copy")


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)


class Clock:
    """A clock that a test turns [s since 1970]."""

    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()
