"""The uplink limits service only where it is asked for, and the same way in pixels, points and figures."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.coverage.service import classify_levels, rate_points
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.errors import SettingsError
from phusong.geodata.settings import Threshold, UplinkSettings, default_settings, parse_settings, render_settings
from phusong.geodata.workspace import Workspace

from .conftest import AS_OF

UPLINK = UplinkSettings(
    handset_power_dbm=23.0, antenna_gain_dbi=17.0, losses_db=3.0, sensitivity_dbm={"4G": -101.5}, source="x"
)
SECTION = """
[uplink]
handset_power_dbm = 23.0
antenna_gain_dbi = 17.0
sensitivity_dbm = {{ 4G = {sensitivity_dbm} }}
source = "test"
"""
STATIONS = gpd.GeoDataFrame(
    {
        "station_id": ["S1", "S2"],
        "mast_id": ["M1", "M1"],
        "operator": ["Alpha", "Alpha"],
        "technology": ["4G", "5G"],
        "band_mhz": [1800.0, 3500.0],
        "bandwidth_mhz": [20.0, 100.0],
        "height_agl_m": [30.0, 30.0],
        "azimuths_deg": ["0;120", "0;120"],
        "eirp_dbm": ["60;63", "70"],
    },
    geometry=gpd.points_from_xy([106.0] * 2, [17.5] * 2),
    crs=4326,
)


def computed_with(workspace, section):
    path = workspace.path / "phusong.toml"
    path.write_text(path.read_text(encoding="utf-8") + section, encoding="utf-8")
    changed = Workspace.open(workspace.path)
    return Results.open(changed, compute(changed, as_of=AS_OF).run_id)


def test_the_floor_is_the_level_at_which_the_base_station_just_hears_the_handset():
    floor_dbm = level_floor_dbm(STATIONS, UPLINK)
    reference_eirp_dbm = 63 - 10 * np.log10(12 * 100)
    path_loss_db = reference_eirp_dbm - floor_dbm[0]
    assert 23.0 - 3.0 + 17.0 - path_loss_db == pytest.approx(-101.5)
    assert floor_dbm[1] == -np.inf  # no sensitivity for 5G
    assert (level_floor_dbm(STATIONS, None) == -np.inf).all()


def test_a_threshold_below_the_floor_is_raised_to_it_and_one_above_stays():
    levels = np.array([-11000, -10600, -10400], dtype=np.int16)
    classes = classify_levels(
        levels, np.zeros(3, np.int32), threshold=Threshold(weak_dbm=-121.0, good_dbm=-105.0), sigma_l_db=[0.0],
        location_pct=50.0, floor_dbm=[-107.0],
    )  # fmt: skip
    assert classes.tolist() == [0, 1, 2]


def test_the_margin_of_a_point_counts_from_the_floor():
    columns = ["point_id", "technology", "operator", "rsrp_dbm", "station_id", "distance_km", "sigma_l_db", "floor_dbm"]
    signal = pd.DataFrame([("P", "4G", "Alpha", -110.0, "S1", 1.0, 1.5, -108.0)], columns=columns)
    profile = default_settings().profiles[0].model_copy(update={"location_pct": 50.0})
    rated = rate_points(signal, profile)
    assert rated[["margin_db", "service"]].to_numpy().tolist() == [[-2.0, 0]]


def test_an_uplink_that_never_fails_gives_the_figures_without_it(copied, computed):
    plain = Results.open(copied, computed.run_id)
    limited = computed_with(copied, SECTION.format(sensitivity_dbm=-300.0))
    assert limited.figures.equals(plain.figures)
    assert limited.settlements.equals(plain.settlements)


def test_an_uplink_limits_pixels_and_settlements_alike(copied, computed):
    plain = Results.open(copied, computed.run_id)
    limited = computed_with(copied, SECTION.format(sensitivity_dbm=-85.0))
    np.testing.assert_array_equal(limited.rsrp("4G").values, plain.rsrp("4G").values)
    before, after = (results.service_class("4G").values for results in (plain, limited))
    assert (after <= before).all()
    assert (after < before).any()
    np.testing.assert_array_equal(limited.service_class("5G").values, plain.service_class("5G").values)
    served = [(results.settlements["class_4G"] != "none").sum() for results in (plain, limited)]
    assert served[1] < served[0]


def test_a_sensitivity_of_no_known_technology_is_refused():
    text = render_settings(name="W", crs="EPSG:32648", resolution_m=30.0)
    section = SECTION.format(sensitivity_dbm=-100.0).replace("4G", "6G")
    with pytest.raises(SettingsError, match="6G"):
        parse_settings(text + section, where="phusong.toml")
