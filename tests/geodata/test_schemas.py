import pandas as pd
import pytest

from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.schema_checks import validate_layer
from phusong.geodata.schemas import LAYERS, find_layer


def station(**changes: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "station_id": "S1", "mast_id": "M1", "operator": "A", "technology": "4G", "band_mhz": 1800.0,
        "bandwidth_mhz": 15.0, "height_agl_m": 30.0, "azimuths_deg": "0;120;240", "downtilt_deg": "4",
        "eirp_dbm": "61.5", "antenna": None, "status": "live", "on_air_from": "2020-01-31", "on_air_to": None,
        "source": "stations.csv", "source_row": 2, "geometry": None,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_a_good_station_fits() -> None:
    validate_layer("stations", station())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("height_agl_m", 0.0), ("height_agl_m", -5.0), ("height_agl_m", 1000.5), ("band_mhz", 29.0),
        ("band_mhz", 6001.0), ("technology", "6G"), ("status", "on_air"), ("on_air_from", "31/01/2020"),
        ("mast_id", None), ("source_row", 0),
    ],
)  # fmt: skip
def test_a_value_outside_its_range_is_named(column: str, value: object) -> None:
    with pytest.raises(InputError, match=column):
        validate_layer("stations", station(**{column: value}))


def test_two_rows_of_one_id_do_not_fit() -> None:
    with pytest.raises(InputError, match="station_id"):
        validate_layer("stations", pd.concat([station(), station()]))


def test_one_code_may_return_at_another_date() -> None:
    old = {
        "code": "18943", "name": "Minh Hóa", "kind": None, "district_code": None, "district_name": None,
        "province_code": "44", "valid_from": None, "valid_to": "2025-07-01",
        "source": "c.gpkg", "source_row": 1, "geometry": None,
    }  # fmt: skip
    new = old | {"name": "Kim Phú", "valid_from": "2025-07-01", "valid_to": None, "source_row": 2}
    validate_layer("communes", pd.DataFrame([old, new]))


def test_all_faults_come_in_one_error() -> None:
    with pytest.raises(InputError, match=r"(?s)height_agl_m.*technology|technology.*height_agl_m"):
        validate_layer("stations", station(height_agl_m=-1.0, technology="6G"))


def test_a_missing_column_and_a_missing_geometry_are_named() -> None:
    with pytest.raises(InputError, match=r"geometry column is missing.*eirp_dbm"):
        validate_layer("stations", station().drop(columns=["geometry", "eirp_dbm"]))


def test_an_unknown_layer_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=", ".join(LAYERS)):
        find_layer("towers")
