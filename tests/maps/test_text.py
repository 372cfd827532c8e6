import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.maps.text import format_count, format_date, format_share, json_for_script

counts = st.integers(min_value=1, max_value=10**9)


def test_a_share_reads_as_officials_print_it():
    assert format_share(3802 - 91, 3802, "vi") == "97,6%"
    assert format_share(3802 - 91, 3802, "en") == "97.6%"


def test_thousands_and_dates_follow_the_language():
    assert (format_count(1491, "vi"), format_count(1491, "en")) == ("1.491", "1,491")
    day = date(2025, 7, 1)
    assert (format_date(day, "vi"), format_date(day, "en")) == ("01/07/2025", "2025-07-01")


@given(counts, counts)
def test_only_a_whole_share_reads_100_and_only_an_empty_one_reads_0(first, second):
    part, whole = min(first, second), max(first, second)
    assert (format_share(part, whole, "vi") == "100%") == (part == whole)
    assert format_share(part, whole, "vi") not in ("0%", "0,0%", "100,0%")
    assert format_share(0, whole, "vi") == "0%"


def test_without_a_denominator_there_is_no_share():
    assert format_share(0, 0, "vi") == "–"
    assert format_share(0, float("nan"), "vi") == "–"


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_escaped_json_reads_back_and_holds_no_markup(value):
    text = json_for_script(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        json_for_script([float("nan")])
