"""The order of names against ICU's, which every Chromium carries."""

import random

import pytest

from phusong.geodata.admin_units import read_units
from phusong.geodata.names import sort_key

pytestmark = pytest.mark.browser
SETTLEMENTS = [
    f"{kind} {name}{number}"
    for kind in ("Thôn", "bản", "Bản", "Tổ dân phố")
    for name in ("Đá Bạc", "Dốc Mây", "Hóa Sơn", "Hoá Sơn", "hoà sơn", "A Rem", "Ăng", "Ấp Ô", "Ơ Đu", "K'Ai", "K'ai")
    for number in (" 2", " 10", "-1", " (cũ)", ", xã X", "", " 1/2", " & 3")
]
SIGNS = [f"a{sign}b" for sign in " _-–—,;:!?.'‘’\"“”()[]{}@*/\\&#%`^+<=>|~$0129aăâbcdđeêghiklmnoôơpqrstuưvxyz"]


@pytest.fixture(scope="module")
def by_icu(browser):
    """Names sorted by the `vi` collation of ICU."""
    page = browser.new_page()
    return lambda names: page.evaluate("names => names.sort(new Intl.Collator('vi').compare)", names)


@pytest.mark.parametrize("names", [SETTLEMENTS, SIGNS], ids=["settlements", "signs"])
def test_names_and_signs_stand_in_the_order_of_icu(by_icu, names):
    names = list(dict.fromkeys(names))
    random.Random(1).shuffle(names)
    assert sorted(names, key=sort_key) == by_icu(names)


def test_all_units_of_both_eras_stand_in_the_order_of_icu(by_icu):
    names = [unit.name for unit in read_units()]
    assert len(names) == 10_040 + 3_321
    random.Random(1).shuffle(names)
    assert sorted(names, key=sort_key) == by_icu(names)
