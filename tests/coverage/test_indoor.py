import numpy as np
import pandas as pd
import pytest

from phusong.coverage.compute import compute
from phusong.coverage.indoor import indoor_level, indoor_loss_db, indoor_points
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.signal_tile import SignalTile
from phusong.geodata.errors import SettingsError
from phusong.geodata.settings import Indoor, default_settings, parse_settings, render_settings
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF

TRADITIONAL = Indoor(building_type="traditional")
KEYS = ["level", "unit_code", "technology", "operator", "profile", "indicator", "service"]


def settings_with(section):
    return parse_settings(render_settings(name="a", crs="EPSG:32648", resolution_m=30.0) + section, where="test")


def run_of(workspace, changed):
    path = workspace.path / "phusong.toml"
    path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
    opened = Workspace.open(workspace.path)
    return Results.open(opened, compute(opened, as_of=AS_OF).run_id)


def test_a_new_workspace_answers_outdoors_alone():
    assert default_settings().indoor is None


def test_every_station_loses_by_its_own_frequency():
    level = np.array([[-8000, -8000, NO_SIGNAL_CDBM, -32700]], np.int16)
    server = np.array([[0, 1, -1, 0]], np.int32)
    inside = indoor_level(SignalTile(level, server), [900.0, 2600.0], TRADITIONAL)
    first, second = (round(100 * indoor_loss_db(f, TRADITIONAL)) for f in (0.9, 2.6))
    assert first != second
    assert inside.rsrp_cdbm.tolist() == [[-8000 - first, -8000 - second, NO_SIGNAL_CDBM, NO_SIGNAL_CDBM + 1]]


def test_points_lose_the_same_as_pixels():
    signal = pd.DataFrame({"rsrp_dbm": [-80.0, -80.0], "freq_ghz": [0.9, 2.6]})
    inside = indoor_points(signal, TRADITIONAL)["rsrp_dbm"].to_numpy()
    np.testing.assert_allclose(-80.0 - inside, [indoor_loss_db(f, TRADITIONAL) for f in (0.9, 2.6)])


def test_a_band_outside_the_recommendation_is_refused():
    with pytest.raises(OutOfValidityError, match="freq_ghz"):
        indoor_points(pd.DataFrame({"rsrp_dbm": [-80.0], "freq_ghz": [0.05]}), TRADITIONAL)


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ('[indoor]\nbuilding_type = "wooden"\n', "building_type"),
        ('[indoor]\nbuilding_type = "traditional"\nprobability_pct = 100.0\n', "probability_pct"),
        ('[indoor]\nbuilding_type = "traditional"\ntechnologies = ["6G"]\n', "6G"),
        ('[indoor]\nbuilding_type = "traditional"\ntechnologies = []\n', "technologies"),
    ],
)
def test_settings_for_indoors_that_mean_nothing_are_refused(section, reason):
    with pytest.raises(SettingsError, match=reason):
        settings_with("\n" + section)


def test_indoors_stands_beside_the_outdoor_answer_and_changes_none_of_it(copied, computed, sample):
    outdoors = Results.open(sample, computed.run_id)
    both = run_of(copied, lambda text: text + '\n[indoor]\nbuilding_type = "traditional"\ntechnologies = ["4G"]\n')
    inside = both.figures["indicator"].str.startswith("indoor:")
    pd.testing.assert_frame_equal(both.figures[~inside].reset_index(drop=True), outdoors.figures)
    pd.testing.assert_frame_equal(both.settlements.drop(columns="indoor_signal"), outdoors.settlements)
    assert set(both.figures.loc[inside, "technology"]) == {"4G", "any"}
    assert any("P.2109" in note["en"] for note in both.manifest["notes"])
    lower = both.figures[inside].assign(indicator=lambda rows: rows["indicator"].str.removeprefix("indoor:"))
    lower, upper = (table.set_index(KEYS)["numerator"] for table in (lower, outdoors.figures))
    assert (lower <= upper.loc[lower.index]).all()
    assert lower.sum() < upper.loc[lower.index].sum()
    order = {"none": 0, "weak": 1, "good": 2, "unknown": -1}
    assert (both.settlements["indoor_signal"].map(order) <= both.settlements["signal"].map(order)).all()
