import geopandas as gpd
import pandas as pd
from shapely import box

from phusong.geodata.crosswalks import check_crosswalk, former_name, national_crosswalk

END = "2025-07-01"


def make_communes(*rows):
    frame = pd.DataFrame(rows, columns=["code", "name", "valid_to", "geometry"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=4326)


NEW = (("00001", "Tây", None, box(106, 17, 106.3, 17.1)), ("00002", "Đông", None, box(106.3, 17, 106.5, 17.1)))
OLD = (
    ("00001", "Tây Bắc", END, box(106, 17, 106.2, 17.1)), ("00005", "Giữa", END, box(106.2, 17, 106.3, 17.1)),
    ("00002", "Đông", END, box(106.3, 17, 106.5, 17.1)),
)  # fmt: skip


def make_crosswalk(*pairs):
    return pd.DataFrame(pairs, columns=["old_code", "new_code"]).assign(old_name="x")


WHOLE = (("00001", "00001"), ("00005", "00001"), ("00002", "00002"))


def faults(crosswalk, communes):
    return {(fault.code, fault.units) for fault in check_crosswalk(crosswalk, communes)}


def test_a_crosswalk_that_fits_has_no_fault():
    assert faults(make_crosswalk(*WHOLE), make_communes(*NEW, *OLD)) == set()
    assert faults(make_crosswalk(*WHOLE), make_communes(*NEW)) == set()


def test_a_divided_commune_is_named():
    found = faults(make_crosswalk(*WHOLE, ("00005", "00002")), make_communes(*NEW, *OLD))
    assert found == {("one_to_many", ("00005",))}


def test_codes_without_a_partner_are_named_on_every_side():
    crosswalk = make_crosswalk(*WHOLE[:1], ("00009", "00007"))
    assert faults(crosswalk, make_communes(*NEW, *OLD)) >= {
        ("orphan", ("00007",)), ("orphan", ("00002",)), ("orphan", ("00009",)), ("orphan", ("00002", "00005")),
    }  # fmt: skip


def test_areas_that_do_not_add_up_are_named():
    crosswalk = make_crosswalk(WHOLE[0], ("00005", "00002"), WHOLE[2])
    assert faults(crosswalk, make_communes(*NEW, *OLD)) == {("area_mismatch", ("00001", "00002"))}


def test_the_crosswalk_of_quang_binh_s_communes_puts_each_in_one_former_district():
    communes = pd.DataFrame({"code": ["18901", "18943", "99999"], "name": ["Minh Hoá", "Xã Kim Phú", "Xã Lạ"]})
    found = national_crosswalk(communes)
    assert set(found["new_code"]) == {"18901", "18943"}
    assert set(found["old_district_name"]) == {"Huyện Minh Hóa"}
    assert "18931" in set(found.loc[found["new_code"] == "18943", "old_code"])


def test_a_reused_code_under_another_name_is_not_followed():
    assert national_crosswalk(pd.DataFrame({"code": ["18901"], "name": ["Thị trấn Quy Đạt"]})).empty


def test_a_former_commune_is_named_by_the_crosswalk_then_by_the_country_then_by_its_code():
    crosswalk = pd.DataFrame({"old_code": ["18931"], "old_name": ["Minh Hóa cũ"]})
    named = [former_name(code, crosswalk) for code in ("18931", "18901", "99999")]
    assert named == ["Minh Hóa cũ", "Thị trấn Quy Đạt", "99999"]
