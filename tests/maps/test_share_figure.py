from xml.etree import ElementTree as ET

import pytest

from phusong.coverage import missing_figures
from phusong.maps.path_png import print_png
from phusong.maps.reason_text import reason_words
from phusong.maps.share_figure import Bar, BarGroup, render_shares_svg
from tests.chromium import HOSTILE

BARS = (
    Bar("4G", 856_321.4, 700_000.0, 876_535.0),
    Bar("5G", None, None, None, reason_words(missing_figures.NO_THRESHOLD)),
    Bar("3G", 0.0, 0.0, 0.0),
)


def words(svg):
    return [node.text for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]


def test_a_chart_gives_shares_counts_and_why_there_is_none():
    shown = words(render_shares_svg("tỉnh Mẫu", "", [BarGroup("Dân số", BARS)], "vi"))
    assert {"97,7%", "856.321/876.535", "tốt 79,9%", "sóng tốt", "chỉ sóng yếu"} <= set(shown)
    assert "không có số liệu: bộ ngưỡng không có ngưỡng cho công nghệ này" in shown
    assert "không có số liệu" in shown


def test_a_chart_speaks_english_and_prints():
    svg = render_shares_svg("Sample", "", [BarGroup("People", BARS)], "en")
    assert {"97.7%", "856,321/876,535", "good 79.9%"} <= set(words(svg))
    assert print_png(svg).startswith(b"\x89PNG")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_in_a_chart_are_text(text):
    svg = render_shares_svg(text, text, [BarGroup(text, (Bar(text, 1.0, 1.0, 2.0),))], "vi")
    assert any(shown.startswith(text[:12]) for shown in words(svg))


REASONS = [text for name, text in vars(missing_figures).items() if name.startswith(("NO_", "NEEDS_"))]


@pytest.mark.parametrize("reason", [*REASONS, "left out TM001: 12 connected of 10 households"])
def test_every_reason_of_a_run_has_vietnamese_words(reason):
    english, vietnamese = reason_words(reason)
    assert english == reason
    assert vietnamese not in ("", reason)


def test_reasons_together_are_told_together():
    both = f"{missing_figures.NO_CONNECTED}; left out TM001: 12 connected of 10 households"
    assert reason_words(both)[1].endswith("; bỏ qua TM001: 12 hộ kết nối trên 10 hộ")
