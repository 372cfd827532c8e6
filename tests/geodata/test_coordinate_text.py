import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phusong.geodata.coordinate_text import parse_angle, parse_metres, parse_pair, without_grouping

MINUTES = ("'", "’", "′", "‘", "´", "`")
SECONDS = ('"', "”", "″", "''", "’’", "′′")
DEGREES = ("°", "º", "˚", "0", " độ ", "o", "?")


@pytest.mark.parametrize(
    ("text", "deg", "axis"),
    [
        ("17042’23.4’’N", 17.7065, "lat"), ("106030’36.7’’E", 106 + 30 / 60 + 36.7 / 3600, "lon"),
        ("15°22'32,7\"", 15 + 22 / 60 + 32.7 / 3600, None), ("105,34808", 105.34808, None), ("17.7065", 17.7065, None),
        ("106 30 36.7", 106 + 30 / 60 + 36.7 / 3600, None), ("Đ 106°30,612'", 106.5102, "lon"),
        ("17 độ 42 phút 23,4 giây vĩ độ Bắc", 17.7065, "lat"), ("10030'", 10.5, None), ("1705'", 17 + 5 / 60, None),
        ("108o", 108, None), ("-17.5", -17.5, None), ("17°30'S", -17.5, "lat"), ("106°30'T", -106.5, "lon"),
    ],
)  # fmt: skip
def test_an_angle_is_read_in_every_form_met(text: str, deg: float, axis: str | None) -> None:
    angle = parse_angle(text)
    assert angle is not None
    assert (angle.deg, angle.axis) == (pytest.approx(deg, abs=1e-9), axis)


@pytest.mark.parametrize(
    "text",
    ["", "'", "17°62'", "17°10'61\"", "190", "91°N", "1042'", "N17°S", "-17°N", "seventeen", "=1+1", "1" * 10**5],
)
def test_what_is_no_angle_or_could_be_two_is_not_read(text: str) -> None:
    assert parse_angle(text) is None


@given(
    degrees=st.integers(8, 23) | st.integers(102, 117), minutes=st.integers(0, 59), tenths=st.integers(0, 599),
    signs=st.tuples(st.sampled_from(DEGREES), st.sampled_from(MINUTES), st.sampled_from(SECONDS)),
    comma=st.booleans(), letter=st.booleans(),
)  # fmt: skip
def test_degrees_minutes_and_seconds_come_back_from_every_spelling(
    degrees: int, minutes: int, tenths: int, signs: tuple[str, str, str], comma: bool, letter: bool
) -> None:
    assume(letter or degrees != 11 or signs[0] != "0")  # 11000' is 11°00' or 110°00': not read
    seconds = f"{tenths / 10:.1f}".replace(".", "," if comma else ".")
    hemisphere = ("E" if degrees > 90 else "N") if letter else ""
    text = f"{degrees}{signs[0]}{minutes:02d}{signs[1]}{seconds}{signs[2]}{hemisphere}"
    angle = parse_angle(text)
    assert angle is not None, text
    assert angle.deg == pytest.approx(degrees + minutes / 60 + tenths / 36000, abs=1e-9)
    assert angle.is_dms


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("1958485.82", 1958485.82), ("1958485,82", 1958485.82), ("1.958.485,82", 1958485.82),
        ("1 958 485,82", 1958485.82), ("1,958,485.82", 1958485.82), ("1.958.485", 1958485), ("553920,21 m", 553920.21),
        ("553.920", 553.92), ("-5,5", -5.5), ("17°42'", None), ("1.2.3", None), ("12a", None), ("", None),
    ],
)  # fmt: skip
def test_metres_are_read_where_the_separators_leave_no_doubt(text: str, metres: float | None) -> None:
    assert parse_metres(text) == metres


@pytest.mark.parametrize(
    "text",
    [
        "17042’23.4’’N 106030’36.7’’E", "17,7065; 106,510194", "17.7065,106.510194", "17,7065 106,510194",
        "(17.7065, 106.510194)", "17°42'23.4\"N106°30'36.7\"E", "17042’23.4’’B, 106030’36.7’’Đ", "17,7065, 106,510194",
    ],
)  # fmt: skip
def test_two_angles_are_read_from_one_cell(text: str) -> None:
    pair = parse_pair(text, parse_angle)
    assert pair is not None
    assert [part.deg for part in pair] == pytest.approx([17.7065, 106.510194], abs=1e-6)


def test_a_pair_with_the_longitude_first_keeps_its_order() -> None:
    pair = parse_pair("105,34808/22,62924", parse_angle)
    assert pair is not None
    assert [part.deg for part in pair] == [105.34808, 22.62924]


@given(st.text(max_size=60))
def test_no_text_stops_the_readers(text: str) -> None:
    parse_angle(text)
    parse_metres(text)
    parse_pair(text, parse_angle)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ([["553.920"], ["1.958.486"]], [["553920"], ["1958486"]]),
        ([["553.920,21"], ["1.958.485,82"]], [["553920.21"], ["1958485.82"]]),
        ([["553,920"], ["1,958,486"]], [["553920"], ["1958486"]]),
        ([["553.920"], ["1958485.82"]], [["553.920"], ["1958485.82"]]),
        ([["553.92", "1.958.486"], ["1,958,486", None]], [["553.92", "1.958.486"], ["1,958,486", None]]),
    ],
)
def test_a_thousands_mark_is_known_by_the_columns(given: list[list[str]], plain: list[list[str]]) -> None:
    assert without_grouping(given) == plain
