from pathlib import Path

import numpy as np
import pytest

from phusong.geodata.antenna_files import known_antennas, read_antenna_file, read_antennas
from phusong.geodata.errors import InputError
from phusong.geodata.importing import import_layer
from phusong.geodata.recipe import staged
from phusong.geodata.workspace import Workspace

HEADER = "NAME dish\nMAKE Maker\nFREQUENCY 1800\nGAIN 17.5 dBi\nTILT ELECTRICAL\n"
STATIONS = (
    "station_id,mast_id,operator,technology,band_mhz,bandwidth_mhz,height_agl_m,eirp_dbm,azimuths_deg,antenna,status,"
    "mechanical_tilt_deg,lon,lat\nS1,M1,Alpha,4G,1800,20,40,61,0;120,%s,live,2,106.05,17.05\n"
)


def write_pattern(path: Path, *, without: tuple[str, int] = ("", 0), change: str = "") -> Path:
    """A pattern file: horizontal attenuation a tenth of the degree, vertical a twentieth."""
    lines = [HEADER]
    for cut, factor in (("HORIZONTAL", 0.1), ("VERTICAL", 0.05)):
        lines.append(f"{cut} 360\n")
        lines.extend(f"{degree} {degree * factor:.2f}\n" for degree in range(360) if (cut, degree) != without)
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(lines) + change, encoding="utf-8")
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)


def test_a_pattern_file_gives_both_cuts(tmp_path: Path) -> None:
    found = read_antenna_file(write_pattern(tmp_path / "dish.msi"))
    assert found.name == "dish"
    assert found.horizontal_db == pytest.approx(np.arange(360) * 0.1)
    assert found.vertical_db == pytest.approx(np.arange(360) * 0.05)


@pytest.mark.parametrize(
    ("without", "change", "message"),
    [
        (("VERTICAL", 17), "", r"dish\.msi.*VERTICAL cut lacks 1 degrees, the first is 17"),
        (("", 0), "17 1.0\n", r"dish\.msi.*degree 17 stands twice"),
        (("", 0), "360 1.0\n", r"dish\.msi.*degree 360 is not a whole one from 0 to 359"),
        (("", 0), "0.5 1.0\n", r"dish\.msi.*degree 0\.5 is not a whole one"),
        (("VERTICAL", 17), "17 -3.0\n", r"dish\.msi.*degree 17 has the attenuation -3 dB"),
        (("VERTICAL", 17), "17 nan\n", r"dish\.msi.*line \d+ is not a degree and an attenuation"),
        (("VERTICAL", 17), "17\n", r"dish\.msi.*line \d+ is not a degree and an attenuation"),
    ],
)
def test_a_faulty_pattern_file_is_named_with_its_degree(
    tmp_path: Path, without: tuple[str, int], change: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_antenna_file(write_pattern(tmp_path / "dish.msi", without=without, change=change))


def test_a_file_without_a_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dish.msi"
    path.write_text(HEADER, encoding="utf-8")
    with pytest.raises(InputError, match="no HORIZONTAL cut"):
        read_antenna_file(path)


def test_the_known_antennas_are_the_built_in_ones_and_the_files(workspace: Workspace) -> None:
    write_pattern(workspace.path / "antennas" / "dish.msi")
    assert known_antennas(workspace.path) == ("tr36814", "omni", "envelope38901", "dish")
    assert list(read_antennas(workspace.path, ["dish", "omni"])) == ["dish"]
    with pytest.raises(InputError, match=r"'plate' is unknown; the known are tr36814, omni, envelope38901, dish"):
        read_antennas(workspace.path, ["plate"])


def test_a_station_may_name_the_file_of_its_antenna(workspace: Workspace, tmp_path: Path) -> None:
    write_pattern(workspace.path / "antennas" / "dish.msi")
    path = tmp_path / "sites.csv"
    path.write_text(STATIONS % "dish;omni", encoding="utf-8")
    with staged(workspace) as stage:
        assert import_layer(stage, "stations", path).accepted == 1
    stored = workspace.read_layer("stations").iloc[0]
    assert (stored["antenna"], stored["mechanical_tilt_deg"]) == ("dish;omni", "2")


def test_an_unknown_antenna_or_a_faulty_file_stops_the_import(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(STATIONS % "dish", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"row 2: antenna 'dish' is unknown; the known are tr36814, omni, envelope38901"
    ):
        import_layer(workspace, "stations", path)
    write_pattern(workspace.path / "antennas" / "dish.msi", without=("HORIZONTAL", 100))
    with pytest.raises(InputError, match=r"dish\.msi: its HORIZONTAL cut lacks 1 degrees, the first is 100"):
        import_layer(workspace, "stations", path)
    assert not workspace.has_layer("stations")
