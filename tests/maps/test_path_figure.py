"""The figure of an explained path: a whole SVG with the numbers of the explanation, in both languages."""

import dataclasses
import math
import struct
from datetime import date
from xml.etree import ElementTree

import numpy as np
import pytest

from phusong.coverage.path_geometry import Blend, LossParts, Obstacle, OpenPath, PathProfile
from phusong.coverage.path_level import IndoorLevel, Level
from phusong.coverage.profile import AntennaView, PathExplanation, Place
from phusong.coverage.stations import Sector, Station
from phusong.maps.path_figure import render_path_svg
from phusong.maps.path_png import rasterise_svg, render_path_png
from phusong.maps.path_text import path_sections
from phusong.maps.text import format_number

SVG = "{http://www.w3.org/2000/svg}"


def explanation(*, total_km=6.0, points=201, name="Bản <Mẫu> & Co", sea_km=0.0):
    distance = np.linspace(0.0, total_km, points)
    rest = total_km - distance
    cover = np.where((distance > 0.3 * total_km) & (distance < 0.5 * total_km), 15.0, 0.0)
    ground = 120.0 * np.exp(-((distance - 0.4 * total_km) ** 2))
    tx_m, rx_m = ground[0] + 30.0, ground[-1] + 1.5
    profile = PathProfile(
        distance, ground, cover, 0.05 * distance * rest,
        (tx_m * rest + rx_m * distance) / total_km, np.sqrt(1e3 * 0.1665 * distance * rest / total_km),
        np.where(distance < sea_km, 1, 4).astype(np.uint8),
    )  # fmt: skip
    obstacle = Obstacle(0.4 * total_km, 120.0, 15.0, 44.0, -91.3, 15.0, -6.1, "terrain")
    loss = LossParts(113.07, 20.5, 4.25, 0.0, 0.0, -0.5, 0.0, 137.32)
    sector = Sector(90.0, 6.0, 61.0, "tr36814")
    return PathExplanation(
        as_of=date(2026, 1, 2),
        station=Station("S1", "M1", "Alpha", "4G", 1800.0, 20.0, 30.0, 106.0, 17.0, (sector,)),
        ground_m=30.0,
        place=Place(106.05, 17.0, 1.5, 18.5, "00001", "xã Mẫu", "P1", name, 0.0),
        distance_km=total_km,
        freq_ghz=1.8,
        time_pct=50.0,
        model="p1812",
        path=OpenPath(profile, obstacle, "blocked", loss, Blend(0.25, 0.5) if total_km < 0.25 else None),
        antenna=AntennaView(sector, 88.0, -2.0, 0.4, -1.1),
        level=Level("RSRP", -30.79, 0.0, -108.21, "qcvn", -121.0, -105.0, None, 95.0, 2.4, 10.39, "weak", False, None),
        notes=[{"en": "A note.", "vi": "Một ghi chú."}],
    )


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_figure_states_what_a_letter_needs_in_vietnamese():
    shown = " | ".join(texts(render_path_svg(explanation(), "vi")))
    for words in (
        "Trạm S1 (Alpha) → Bản <Mẫu> & Co, xã Mẫu", "4G · 1.800 MHz · 6,00 km", "02/01/2026", "Không có tầm nhìn thẳng",
        "vật cản quyết định tại 2,40 km: đỉnh cao 135 m, trong đó lớp phủ 15 m, khoảng hở −91,3 m", "113,07 dB",
        "137,32 dB", "−1,10 dB", "−108,21 dBm", "10,39 dB", "lõm sóng", "Một ghi chú.",
    ):  # fmt: skip
        assert words in shown, words


def test_the_figure_speaks_english():
    shown = " | ".join(texts(render_path_svg(explanation(), "en")))
    for words in ("Station S1 (Alpha) → Bản <Mẫu> & Co, xã Mẫu", "1,800 MHz", "No line of sight", "137.32 dB", "weak"):
        assert words in shown, words
    assert "lõm" not in shown


@pytest.mark.parametrize(("total_km", "points"), [(0.02, 5), (6.0, 201), (60.0, 2001)])
def test_every_shape_lies_within_the_figure(total_km, points):
    root = ElementTree.fromstring(render_path_svg(explanation(total_km=total_km, points=points), "vi"))
    width, height = float(root.get("width")), float(root.get("height"))
    for shape in (*root.iter(f"{SVG}polygon"), *root.iter(f"{SVG}polyline")):
        for pair in shape.get("points").split():
            x, y = (float(part) for part in pair.split(","))
            assert -0.1 <= x <= width + 0.1
            assert 0.0 <= y <= height
    assert all(0.0 <= float(text.get("y")) <= height for text in root.iter(f"{SVG}text"))


def test_the_rows_of_the_loss_lead_to_its_sum():
    rows = path_sections(explanation(), "en")[0].rows
    values = [float(row.value.removesuffix(" dB").replace("−", "-")) for row in rows]
    assert sum(values[:-1]) == pytest.approx(values[-1])
    assert [row.is_sum for row in rows] == [False] * 6 + [True]


def test_a_technology_without_a_threshold_has_a_level_and_no_class():
    found = explanation()
    level = dataclasses.replace(found.level, weak_dbm=None, good_dbm=None, margin_db=None, service=None, uncertain=None)
    shown = " | ".join(texts(render_path_svg(dataclasses.replace(found, level=level), "vi")))
    assert "bộ ngưỡng không có ngưỡng" in shown
    assert "−108,21 dBm" in shown


def test_a_number_is_written_with_the_marks_of_its_language():
    assert format_number(-1234.56, 1, "vi") == "−1.234,6"
    assert format_number(-1234.56, 1, "en") == "−1,234.6"
    assert format_number(-0.001, 2, "vi") == "0,00"
    assert format_number(math.pi, 0, "en") == "3"


def test_an_uncertain_class_and_a_calibrated_level_are_shown_as_such():
    found = explanation()
    level = dataclasses.replace(found.level, uncertain=True, calibration_db=-3.5, uplink_floor_dbm=-110.5)
    shown = " | ".join(texts(render_path_svg(dataclasses.replace(found, level=level), "vi")))
    assert "lõm sóng, chưa chắc chắn" in shown
    assert "hiệu chỉnh | −3,50 dB" in shown
    assert "tối thiểu cho đường lên | −110,50 dBm" in shown


def test_the_level_indoors_stands_beside_the_one_outdoors():
    found = explanation()
    indoor = IndoorLevel("traditional", 50.0, 14.84, -123.05, -4.45, "none", True)
    shown = " | ".join(
        texts(render_path_svg(dataclasses.replace(found, level=dataclasses.replace(found.level, indoor=indoor)), "vi"))
    )
    for words in (
        "RSRP | −108,21 dBm", "suy hao vào nhà (P.2109) | −14,84 dB", "RSRP trong nhà | −123,05 dBm",
        "dư trong nhà | −4,45 dB", "kết quả | lõm sóng", "kết quả trong nhà | trắng sóng, chưa chắc chắn",
    ):  # fmt: skip
        assert words in shown, words


def test_the_sea_is_drawn_and_named_where_the_path_crosses_it():
    dry, wet = (render_path_svg(explanation(sea_km=km), "vi") for km in (0.0, 2.0))
    assert "biển" in texts(wet)
    assert "biển" not in texts(dry)
    assert wet.count("<polyline") == dry.count("<polyline") + 1


def test_a_long_title_is_set_smaller_until_it_fits():
    root = ElementTree.fromstring(render_path_svg(explanation(name="Bản " + "Mẫu " * 30), "vi"))
    title = next(root.iter(f"{SVG}text"))
    assert 0.5 * float(title.get("font-size")) * len(title.text) <= float(root.get("width"))


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_picture_is_as_wide_as_a_page_of_text_and_always_the_same(language):
    picture = render_path_png(explanation(), language)
    assert picture == render_path_png(explanation(), language)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    at = picture.index(b"pHYs")
    dots_per_metre = struct.unpack(">IIB", picture[at + 4 : at + 13])
    assert (width, dots_per_metre[2]) == (2000, 1)
    assert 1e3 * width / dots_per_metre[0] == pytest.approx(169.3, abs=0.1)
    assert height > 1000


def test_every_vietnamese_letter_has_its_own_picture():
    letters = "ăâđêôơưĂÂĐÊÔƠƯ" + "".join(chr(code) for code in range(0x1EA0, 0x1EFA)) + "→·−≤σ"
    lacking = "\u4e01"  # no Chinese in the font
    pictures = {
        rasterise_svg(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" font-family="Arial, sans-serif">'
            f'<text x="2" y="15">{letter}</text></svg>',
            width_px=40,
        )
        for letter in (*letters, lacking)
    }
    assert len(pictures) == len(letters) + 1
