import math
from datetime import date, timedelta

import geopandas as gpd
import pandas as pd
import pytest

from phusong.coverage.stations import Sector, eligible_stations, parse_sectors, parse_stations
from phusong.geodata.errors import InputError, MissingLayerError, SettingsError
from phusong.geodata.settings import Technology, default_settings

DAY = date(2025, 7, 1)
SETTINGS = default_settings()


def make_stations(*rows):
    defaults = {
        "mast_id": "M1", "operator": "Alpha", "technology": "4G", "band_mhz": 1800.0, "bandwidth_mhz": 10.0,
        "height_agl_m": 30.0, "azimuths_deg": None, "downtilt_deg": None, "eirp_dbm": "60", "antenna": None,
        "status": "live", "on_air_from": None, "on_air_to": None,
    }  # fmt: skip
    frame = pd.DataFrame([defaults | {"station_id": f"S{n}"} | row for n, row in enumerate(rows)])
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy([106.5] * len(rows), [17.5] * len(rows)), crs=4326)


def served_ids(*rows, settings=SETTINGS, as_of=DAY):
    return eligible_stations(make_stations(*rows), settings, as_of).table["station_id"].tolist()


def test_stations_that_serve_are_sorted_by_id():
    assert served_ids({"station_id": "B"}, {"station_id": "A"}) == ["A", "B"]


def test_planned_and_off_stations_serve_nobody():
    assert served_ids({}, {"status": "planned"}, {"status": "off"}) == ["S0"]


def test_maintenance_serves_only_where_the_settings_say_so():
    rows = ({}, {"status": "maintenance"})
    assert served_ids(*rows, settings=SETTINGS.model_copy(update={"maintenance_serves": True})) == [
        "S0",
        "S1",
    ]
    assert served_ids(*rows, settings=SETTINGS.model_copy(update={"maintenance_serves": False})) == ["S0"]


def test_a_station_serves_from_its_first_day_until_the_day_before_its_last_date():
    rows = ({"on_air_from": "2025-07-01", "on_air_to": "2025-07-02"}, {"on_air_from": "2025-07-02"})
    assert served_ids({}, *rows) == ["S0", "S1"]
    assert served_ids({}, *rows, as_of=date(2025, 7, 2)) == ["S0", "S2"]


def test_a_station_past_its_technologys_end_date_is_refused_and_named_in_both_languages():
    ended = SETTINGS.technologies | {"3G": Technology(end_date=DAY - timedelta(days=1), quantity="RSCP")}
    settings = SETTINGS.model_copy(update={"technologies": ended})
    answer = eligible_stations(make_stations({}, {"technology": "3G"}), settings, DAY)
    assert answer.refused.to_dict("records") == [{"station_id": "S1", "reason": "technology_ended"}]
    assert answer.warnings[0]["en"].startswith("1 stations are past their technology's end date (3G) on ")
    assert "S1" in answer.warnings[0]["vi"]


def test_a_station_serves_on_its_technologys_last_day():
    last_day = SETTINGS.technologies | {"3G": Technology(end_date=DAY, quantity="RSCP")}
    assert served_ids({"technology": "3G"}, settings=SETTINGS.model_copy(update={"technologies": last_day})) == ["S0"]


def test_no_serving_station_is_an_error_that_names_the_date():
    with pytest.raises(MissingLayerError, match="none of the 1 stations serves on 2025-07-01"):
        served_ids({"status": "off"})


def test_a_technology_without_settings_is_named():
    with pytest.raises(SettingsError, match="6G"):
        served_ids({"technology": "6G"})


def test_one_value_holds_for_all_sectors():
    row = {"azimuths_deg": "0;120", "downtilt_deg": "4", "eirp_dbm": "61.5;60", "antenna": "tr36814"}
    (station,) = parse_stations(make_stations(row))
    assert station.sectors == (Sector(0.0, 4.0, 61.5, "tr36814"), Sector(120.0, 4.0, 60.0, "tr36814"))


def test_no_azimuth_is_one_omnidirectional_sector():
    (station,) = parse_stations(make_stations({"eirp_dbm": 58.0}))
    assert station.sectors == (Sector(None, 0.0, 58.0, "omni"),)


@pytest.mark.parametrize("row", [{"eirp_dbm": "60;61;62"}, {"eirp_dbm": "60;61"}, {"eirp_dbm": ""}])
def test_lists_of_unequal_length_name_the_station(row):
    with pytest.raises(InputError, match="station S0"):
        parse_stations(make_stations({"azimuths_deg": "0"} | row))


def test_a_level_that_is_no_number_names_the_column():
    with pytest.raises(InputError, match="eirp_dbm"):
        parse_stations(make_stations({"eirp_dbm": "strong"}))


def test_a_tilt_of_minus_nought_is_nought():
    lists = {"azimuths_deg": "0", "eirp_dbm": "60", "downtilt_deg": "-0", "station_id": "S"}
    assert math.copysign(1.0, parse_sectors(lists)[0].downtilt_deg) == 1.0
