"""`phusong profile`: one path in words, as JSON and as a figure."""

import json
from xml.etree import ElementTree

import pytest

from .conftest import run


@pytest.fixture(scope="module")
def path(computed):
    """The words of a command that explains the path from the first station to the first settlement."""
    station = computed.read_layer("stations").iloc[0]
    point = station.geometry
    return ["profile", computed.path, "--from", station["station_id"], "--to", f"{point.x - 0.02},{point.y - 0.01}"]


def test_a_path_is_explained_in_vietnamese_unless_asked_otherwise(path):
    vietnamese, english = run(*path), run(*path, "--lang", "en")
    assert vietnamese.exit_code == english.exit_code == 0
    assert "tổng suy hao" in vietnamese.stdout
    assert "path loss" in english.stdout


def test_the_json_of_a_path_adds_up(path):
    found = json.loads(run(*path, "--json").stdout)
    loss = found["path"]["loss"]
    assert loss["total_db"] == pytest.approx(sum(value for name, value in loss.items() if name != "total_db"), abs=1e-9)
    level = found["level"]
    expected = found["antenna"]["sector"]["eirp_dbm"] + level["share_db"] + found["antenna"]["gain_db"]
    assert level["rsrp_dbm"] == pytest.approx(expected - loss["total_db"], abs=0.011)


def test_a_figure_is_written_beside_the_answer(path, tmp_path):
    result = run(*path, "--plot", tmp_path / "path.svg", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["path"]["sight"] in ("clear", "fresnel", "blocked")
    assert ElementTree.parse(tmp_path / "path.svg").getroot().tag.endswith("svg")


def test_the_suffix_of_the_figure_decides_its_format(path, tmp_path):
    assert run(*path, "--plot", tmp_path / "path.PNG").exit_code == 0
    assert (tmp_path / "path.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "english"),
    [
        ({"--to": "106,35;17,52"}, "--to must be LON,LAT"),
        ({"--to": "nan,17.5"}, "must be LON,LAT"),
        ({"--to": "10.0,50.0"}, "outside the terrain"),
        ({"--from": "nowhere"}, "there is no station 'nowhere'"),
        ({"--plot": "path.jpg"}, "must end in .png (for word processors) or .svg"),
        ({"--profile": "none"}, "There is no threshold profile 'none'"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(path, change, english):
    words = list(path)
    for option, value in change.items():
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    result = run(*words)
    assert result.exit_code == 1
    assert english.lower() in result.stderr.lower().replace("\n", " ")
    assert "Traceback" not in result.output
