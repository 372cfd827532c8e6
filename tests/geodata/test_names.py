import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.geodata.names import name_key, search_key, sort_key, split_prefix, tidy_name

SYLLABLES = st.sampled_from(["Quảng", "Tiến", "Tiên", "Hóa", "Hoà", "Lệ", "Thủy", "Đồng", "Hới", "Ân", "Bưởi", "Kỳ"])
NAMES = st.lists(SYLLABLES, min_size=1, max_size=4).map(" ".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Minh Hóa", "Minh Hoá"), ("Lệ Thủy", "Lệ Thuỷ"), ("Ðồng Hới", "Đồng Hới"), ("Đồng  Hới", "đồng hới"),
        ("Xã Kim Phú", "X. Kim Phú"), ("TT. Hoàn Lão", "Thị trấn Hoàn Lão"), ("P.Bắc Lý", "phường Bắc Lý"),
    ],
)  # fmt: skip
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Quảng Tiến", "Quảng Tiên"), ("Hòa", "Hóa"), ("Đông", "Dông")])
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_a_search_without_diacritics_finds_the_name() -> None:
    assert search_key("dong hoi") == search_key("Đồng  Hới") == search_key("Ðồng Hới")


@given(NAMES)
def test_keys_do_not_depend_on_the_unicode_form(name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)
    assert name_key(decomposed) == name_key(name)
    assert sort_key(decomposed) == sort_key(name)
    assert search_key(decomposed) == search_key(name)


@given(st.text())
def test_any_text_has_keys_and_a_tidy_form_that_stays(text: str) -> None:
    name_key(text)
    sort_key(text)
    assert tidy_name(tidy_name(text)) == tidy_name(text)


@pytest.mark.parametrize(
    ("name", "prefix", "rest"),
    [
        ("Xã Kim Phú", "xã", "Kim Phú"), ("Phường 1", "phường", "1"), ("TX Ba Đồn", "thị xã", "Ba Đồn"),
        ("Tân Thanh", None, "Tân Thanh"), ("Xã", None, "Xã"), ("Thanh Thạch", None, "Thanh Thạch"),
    ],
)  # fmt: skip
def test_the_kind_is_told_from_the_name(name: str, prefix: str | None, rest: str) -> None:
    assert split_prefix(name) == (prefix, rest)


def test_names_sort_in_the_order_of_the_vietnamese_alphabet() -> None:
    names = ["An", "Ăn", "Ân", "Ba", "Dũng", "Đông", "Em", "Êm", "Ong", "Ông", "Ơn", "Um", "Ưng", "Yên"]
    shuffled = names[::-1]
    assert sorted(shuffled, key=sort_key) == names


def test_tones_decide_among_the_same_letters() -> None:
    names = ["ma", "mà", "mả", "mã", "má", "mạ", "mai"]
    shuffled = names[::-1]
    assert sorted(shuffled, key=sort_key) == names
