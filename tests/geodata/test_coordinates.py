import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.geodata.coordinate_faults import VIETNAM_CRS
from phusong.geodata.coordinate_text import parse_angle
from phusong.geodata.coordinates import from_lonlat, is_geographic, storage_transformer, to_lonlat

VN2000 = [crs for crs in VIETNAM_CRS if crs not in ("EPSG:4326", "EPSG:32648", "EPSG:32649")] + ["EPSG:4756"]


def deg(text: str) -> float:
    angle = parse_angle(text)
    assert angle is not None
    return angle.deg


def test_the_golden_metres_agree_within_half_the_last_digit_of_the_degrees() -> None:
    lon, lat = to_lonlat(np.array([553920.21]), np.array([1958485.82]), "EPSG:9211")
    assert (lon[0], lat[0]) == pytest.approx((106.510194, 17.706500), abs=0.5e-6)


@pytest.mark.parametrize(
    ("wgs84", "vn2000", "half_digit"),
    [
        (("109°06'07\"E", "15°22'29\"N"), ("109°06'00,5\"", "15°22'32,7\""), 0.5 / 3600),
        (("109°26'00,0\"", "12°33'36,0\""), ("109°25'53,6\"", "12°33'39,7\""), 0.05 / 3600),
    ],
)
def test_the_golden_degrees_agree_within_half_a_printed_digit(
    wgs84: tuple[str, str], vn2000: tuple[str, str], half_digit: float
) -> None:
    given_lon, given_lat = (np.array([deg(text)]) for text in vn2000)
    lon, lat = to_lonlat(given_lon, given_lat, "EPSG:4756")
    assert (lon[0], lat[0]) == pytest.approx([deg(text) for text in wgs84], abs=half_digit)


def test_without_the_seven_parameters_a_point_would_lie_225_metres_off() -> None:
    dong_hoi = np.array([106.6222]), np.array([17.4689])
    plain, shifted = (np.array(from_lonlat(*dong_hoi, crs)) for crs in ("EPSG:32648", "EPSG:3405"))
    assert np.linalg.norm(plain - shifted) == pytest.approx(225, abs=2)
    assert "VN-2000 to WGS 84 (2)" in storage_transformer("EPSG:9211").description


@given(st.sampled_from(VN2000), st.floats(102.5, 117), st.floats(7, 23.3))
def test_a_round_trip_stays_within_a_millimetre(crs: str, lon: float, lat: float) -> None:
    x, y = from_lonlat(np.array([lon]), np.array([lat]), crs)
    lon_again, lat_again = to_lonlat(x, y, crs)
    x_again, y_again = from_lonlat(lon_again, lat_again, crs)
    metre = 1e-5 if is_geographic(crs) else 1.0
    assert max(abs(x_again[0] - x[0]), abs(y_again[0] - y[0])) <= 0.001 * metre
    assert max(abs(lon_again[0] - lon), abs(lat_again[0] - lat)) <= 0.9e-8


def test_the_zones_of_the_domain_have_their_central_meridians() -> None:
    meridians = {
        9205: 103, 9206: 104, 9207: 104.5, 9208: 104.75, 5897: 105, 9209: 105.5, 9210: 105.75, 9211: 106, 9212: 106.25,
        9213: 106.5, 9214: 107, 9215: 107.25, 9216: 107.5, 5899: 107.75, 5898: 108, 9217: 108.25, 9218: 108.5,
    }  # fmt: skip
    for code, meridian in meridians.items():
        assert f"EPSG:{code}" in VIETNAM_CRS
        lon, _ = to_lonlat(np.array([500_000.0]), np.array([1_900_000.0]), f"EPSG:{code}")
        assert lon[0] == pytest.approx(meridian, abs=0.01)
