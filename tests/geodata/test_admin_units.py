import hashlib
import tomllib
from collections import defaultdict
from datetime import date
from importlib.resources import files

import pytest

from phusong.geodata.admin_units import (
    find_by_code,
    find_by_name,
    predecessors,
    read_crosswalk,
    read_units,
    search_units,
    successors,
)
from phusong.geodata.errors import AmbiguousNameError, UnknownNameError
from phusong.geodata.names import name_key

BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)


def test_the_tables_are_those_of_the_source() -> None:
    folder = files("phusong.geodata") / "data"
    stated = tomllib.loads((folder / "units.toml").read_text(encoding="utf-8"))
    for name in ("units.csv.gz", "units_crosswalk.csv.gz"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == stated["sha256"][name]
    eras = [unit.valid_from for unit in read_units()]
    assert (eras.count(None), eras.count(AFTER)) == (10_040, 3_321) == (stated["legacy_units"], stated["current_units"])
    assert "MIT License" in (folder / "units.LICENSE").read_text(encoding="utf-8")


def test_code_and_first_day_tell_every_unit_from_every_other() -> None:
    units = read_units()
    assert len({unit.key for unit in units}) == len(units)
    old, new = ({unit.code for unit in units if unit.valid_from == begin} for begin in (None, AFTER))
    assert len(old & new) == 3_316  # of 3,321
    in_44 = {unit.code for unit in units if unit.valid_from and unit.province_code == "44"}
    assert (len(in_44), len(in_44 & old)) == (78, 77)


@pytest.mark.parametrize(
    ("code", "on", "name", "district"),
    [
        ("18931", BEFORE, "Xã Minh Hóa", "Huyện Minh Hóa"), ("18901", BEFORE, "Thị trấn Quy Đạt", "Huyện Minh Hóa"),
        ("18901", AFTER, "Xã Minh Hóa", None), ("19183", BEFORE, "Xã Hòa Trạch", "Huyện Bố Trạch"),
        ("19033", AFTER, "Xã Hòa Trạch", None), ("18943", AFTER, "Xã Kim Phú", None),
    ],
)  # fmt: skip
def test_a_code_means_what_it_did_on_the_day(code: str, on: date, name: str, district: str | None) -> None:
    unit = find_by_code(code, on=on)
    assert (unit.name, unit.district_name) == (name, district)


def test_a_code_of_another_time_is_unknown_and_says_when_it_was() -> None:
    with pytest.raises(UnknownNameError, match=r"'18931' on 2025-07-01; at another time it is Xã Minh Hóa.*until"):
        find_by_code("18931", on=AFTER)


@pytest.mark.parametrize(
    ("name", "on", "parent", "code"),
    [
        ("Minh Hoá", AFTER, None, "18901"), ("xã Minh Hóa", BEFORE, None, "18931"),
        ("Minh Hóa", None, "Quảng Bình", "18931"), ("Tân Phú", BEFORE, "Quận 7", "27487"),
        ("phường Tân Phú", AFTER, None, "27031"), ("Tân Phú", AFTER, "Thành phố Hồ Chí Minh", "27031"),
        ("Tân Phú", AFTER, "40", "17272"), ("đặc khu Cồn Cỏ", None, None, "19742"),
    ],
)  # fmt: skip
def test_a_name_is_found_with_its_day_or_parent(name: str, on: date | None, parent: str | None, code: str) -> None:
    assert find_by_name(name, on=on, parent=parent).code == code


def test_an_ambiguous_name_is_refused_with_the_candidates() -> None:
    with pytest.raises(AmbiguousNameError, match=r"names 2 units: .*18931, until 2025-07-01.*18901, since 2025-07-01"):
        find_by_name("Minh Hóa")


def test_a_name_without_its_tones_is_not_guessed_but_shown() -> None:
    with pytest.raises(UnknownNameError, match=r"'Quang Tien' of Quảng Bình.*Quảng Tiến.*Quảng Tiên"):
        find_by_name("Quang Tien", parent="Quảng Bình")


def test_every_former_unit_went_somewhere_and_every_new_one_came_from_somewhere() -> None:
    crosswalk = read_crosswalk()
    old, new = ({unit.code for unit in read_units() if unit.valid_from == begin} for begin in (None, AFTER))
    assert (set(crosswalk["old_code"]), set(crosswalk["new_code"])) == (old, new)
    wholes = crosswalk[crosswalk["part"] != "part"]
    assert not wholes["old_code"].duplicated().any()
    assert crosswalk["old_code"].duplicated(keep=False).eq(crosswalk["part"] != "whole").all()


def test_moved_names_are_followed_by_what_became_of_them() -> None:
    became = {code: successors(find_by_code(code, on=BEFORE)) for code in ("18931", "19183")}
    assert [unit.name for units in became.values() for unit, _ in units] == ["Xã Kim Phú", "Xã Hoàn Lão"]
    made_of = [(unit.name, part) for unit, part in predecessors(find_by_code("18901", on=AFTER))]
    assert ("Thị trấn Quy Đạt", "whole") in made_of
    assert len(made_of) == 4
    assert successors(find_by_code("18901", on=AFTER)) == predecessors(find_by_code("18931", on=BEFORE)) == []


def test_no_two_communes_of_one_parent_share_a_key_unless_they_are_spelt_alike() -> None:
    names = defaultdict(set)
    for unit in read_units():
        parent = unit.district_code or unit.province_code
        names[unit.valid_from, parent, name_key(unit.name, keep_prefix=True)].add(unit.name)
    assert [shared for shared in names.values() if len(shared) > 1] == []
    assert sum(len(shared) for shared in names.values()) == len(read_units())


def test_communes_of_one_parent_that_share_a_bare_name_s_key_are_spelt_alike() -> None:
    bare = defaultdict(set)
    for unit in read_units():
        name = unit.name.removeprefix(unit.kind).strip() or unit.name
        bare[unit.valid_from, unit.district_code or unit.province_code, name_key(name)].add(name)
    assert [shared for shared in bare.values() if len(shared) > 1] == []


def test_every_unit_is_found_by_its_name_without_its_kind() -> None:
    for unit in read_units():
        bare = unit.name.removeprefix(unit.kind).strip() or unit.name
        assert unit in search_units(bare, on=BEFORE if unit.valid_from is None else AFTER), unit.name
