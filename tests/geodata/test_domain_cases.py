"""Cases of the domain that no other test holds: coordinates read wrongly, mergers, shares as officials print them."""

from datetime import date

import numpy as np
import pytest
from pyproj import Transformer

from phusong.geodata.admin_units import find_by_name, predecessors, read_units
from phusong.geodata.coordinates import from_lonlat, to_lonlat
from phusong.geodata.names import name_key, search_key
from phusong.maps.text import format_share

DONG_HOI = np.array([106.6222]), np.array([17.4689])
METRES_PER_DEG = 111_320.0


def metres_off(lon: np.ndarray, lat: np.ndarray) -> float:
    east = (lon[0] - DONG_HOI[0][0]) * METRES_PER_DEG * np.cos(np.radians(DONG_HOI[1][0]))
    return float(np.hypot(east, (lat[0] - DONG_HOI[1][0]) * METRES_PER_DEG))


@pytest.mark.parametrize(("read_as", "kilometres"), [("EPSG:9212", 26.6), ("EPSG:3405", 106.0)])
def test_a_list_of_dong_hoi_read_in_another_zone_lies_as_far_off_as_was_met(read_as: str, kilometres: float) -> None:
    x, y = from_lonlat(*DONG_HOI, "EPSG:9211")
    assert metres_off(*to_lonlat(x, y, read_as)) / 1e3 == pytest.approx(kilometres, abs=0.3)


def test_the_scale_of_utm_on_a_zone_of_three_degrees_is_580_metres_off() -> None:
    wrong = "+proj=tmerc +lat_0=0 +lon_0=106 +k=0.9996 +x_0=500000 +y_0=0 +ellps=WGS84 +units=m"
    x, y = Transformer.from_crs("EPSG:4756", wrong, always_xy=True).transform(106.6222, 17.4689)
    x_right, y_right = Transformer.from_crs("EPSG:4756", "EPSG:9211", always_xy=True).transform(106.6222, 17.4689)
    assert np.hypot(x - x_right, y - y_right) == pytest.approx(580, abs=2)


def test_quang_binh_s_145_communes_became_41_each_of_one_former_district() -> None:
    old = {
        unit.code: unit for unit in read_units() if unit.valid_from is None and unit.province_name == "Tỉnh Quảng Bình"
    }
    assert (len(old), {unit.province_code for unit in old.values()}) == (145, {"44"})
    new = [unit for unit in read_units() if unit.valid_from and unit.province_code == "44"]
    made_of = {unit.code: [part for part, _ in predecessors(unit)] for unit in new}
    of_quang_binh = {code: parts for code, parts in made_of.items() if any(part.code in old for part in parts)}
    assert (len(new), len(of_quang_binh)) == (78, 41)
    assert all(len({part.district_name for part in parts}) == 1 for parts in of_quang_binh.values())


def test_code_44_was_quang_binh_s_and_is_quang_tri_s() -> None:
    today = find_by_name("Đồng Hới", on=date(2025, 7, 1))
    assert (today.province_code, today.province_name) == ("44", "Tỉnh Quảng Trị")


@pytest.mark.parametrize(
    ("served", "settlements", "printed"),
    [(3802 - 91, 3802, "97,6%"), (3711 - 182, 3711, "95,1%"), (977, 1000, "97,7%")],
)
def test_shares_of_published_counts_are_printed_without_a_space(served: int, settlements: int, printed: str) -> None:
    assert format_share(served, settlements, "vi") == printed


def test_quang_tien_is_two_names_and_one_search() -> None:
    assert name_key("Quảng Tiến") != name_key("Quảng Tiên")
    assert search_key("Quảng Tiến") == search_key("Quảng Tiên") == search_key("quang tien")
