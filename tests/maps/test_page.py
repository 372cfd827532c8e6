import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from phusong.maps.page import render_page

MAPS = Path(__file__).parents[2] / "maps"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.texts, self.policy = [], {"script": [], "style": []}, ""
        self.open = ""

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.open = tag
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, _tag):
        self.open = ""

    def handle_data(self, data):
        if self.open in self.texts:
            self.texts[self.open].append((self.found[-1][1], data))


def parse(text):
    tags = Tags()
    tags.feed(text)
    return tags


@pytest.fixture(scope="module")
def page(data):
    return render_page(data)


@pytest.fixture(scope="module")
def hostile_page(hostile_data):
    return render_page(hostile_data)


def test_the_page_points_at_nothing_outside_itself(page):
    for _, attributes in parse(page).found:
        addresses = [attributes.get(name) for name in ("src", "href", "action", "data", "poster", "srcset")]
        assert all(address is None or address.startswith("data:") for address in addresses)
    assert "url(" not in "".join(text for _, text in parse(page).texts["style"])
    assert "@import" not in page


def test_the_policy_lists_every_inline_script_and_style_and_nothing_unsafe(page):
    tags = parse(page)
    for kind in ("script", "style"):
        texts = [text for attributes, text in tags.texts[kind] if attributes.get("type") != "application/json"]
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}
        allowed = re.search(rf"{kind}-src ([^;]*)", tags.policy).group(1).split()
        assert set(allowed) == hashes
    assert tags.policy.startswith("default-src 'none';")
    assert "unsafe" not in tags.policy


@pytest.fixture(scope="module")
def secrets(data):
    """Everything of the network that the settlements, stations and fibre endpoints hold, as it would be written."""
    settlements = data.settlements.assign(nearest_mast_km=2.717, fibre_distance_km=4.291, **dict.fromkeys(
        [name for name in data.settlements if name.startswith("rsrp_dbm_")], -101.37), **dict.fromkeys(
        [name for name in data.settlements if name.startswith("margin_db_")], 3.571), **dict.fromkeys(
        [name for name in data.settlements if name.startswith("distance_km_")], 2.613), **dict.fromkeys(
        [name for name in data.settlements if name.startswith("station_id_")], "QBM0001-VTL"), **dict.fromkeys(
        [name for name in data.settlements if name.startswith("operator_")], "Nhà mạng Mẫu"),
        nearest_mast_id="QBM0007", fibre_endpoint_id="QBF0009")  # fmt: skip
    stations = data.stations.assign(mast_id="QBM0003", station_id="QBM0003-VNP", lon=106.37123, lat=17.67456)
    fibre = data.fibre_endpoints.assign(endpoint_id="QBF0008", lon=106.35123, lat=17.68456)
    warning = ({"en": "QBM0005-MBF is off", "vi": "QBM0005-MBF tắt"},)
    full = replace(
        data, settlements=settlements, stations=stations, fibre_endpoints=fibre, run=replace(data.run, warnings=warning)
    )
    words = ("QBM0", "QBF0", "2.717", "4.291", "101.37", "3.571", "2.613", "Nhà mạng Mẫu", "106.37123", "17.67456")
    return full, (*words, "106.35123", "17.68456", "LƯU HÀNH NỘI BỘ")


def test_the_public_page_holds_no_byte_of_the_network(secrets):
    full, words = secrets
    page = render_page(replace(full, audience="public"))
    assert [word for word in words if word in page] == []


def test_the_internal_page_holds_all_of_it(secrets):
    full, words = secrets
    page = render_page(full)
    assert [word for word in words if word not in page] == []


def test_no_element_carries_inline_styles_or_handlers(page):
    names = {name for _, attributes in parse(page).found for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_hostile_text_changes_nothing_but_the_data_and_the_title(page, hostile_page):
    tags, hostile = parse(page), parse(hostile_page)
    assert hostile.found == tags.found
    changed = [
        attributes
        for (attributes, text), (_, other) in zip(tags.texts["script"], hostile.texts["script"], strict=True)
        if text != other
    ]
    assert [attributes.get("id") for attributes in changed] == ["page-data"]


def test_template_marks_in_names_stay_as_they_are(hostile_page):
    block = next(text for attributes, text in parse(hostile_page).texts["script"] if "id" in attributes)
    names = {row[1] for row in json.loads(block)["settlements"]["rows"]}
    assert "{{ 7*7 }}{% raw %}" in names
    assert "`${alert(1)}`" in names


def test_the_same_data_give_the_same_bytes(data, page):
    assert render_page(data) == page


def test_settlements_come_in_vietnamese_order(page):
    block = next(text for attributes, text in parse(page).texts["script"] if "id" in attributes)
    names = [row[1] for row in json.loads(block)["settlements"]["rows"]]
    assert names == [
        "Bản An",
        "Bản Ăn",
        "Dốc Mây",
        "Đá Bạc",
        "Đồng Hới",
        "Quảng Tiên",
        "Quảng Tiến",
        "Thôn Ô",
        "Thôn Ơ",
    ]


@pytest.mark.parametrize("assets", [MAPS / "assets", Path(__file__).parents[1] / "assets"], ids=["maps", "tests"])
def test_the_vendored_files_are_those_of_the_manifest(assets):
    for entry in json.loads((assets / "manifest.json").read_text()):
        for name, digest in entry["files_sha256"].items():
            assert hashlib.sha256((assets / name).read_bytes()).hexdigest() == digest


def test_both_languages_have_the_same_words():
    strings = json.loads((MAPS / "templates" / "strings.json").read_text(encoding="utf-8"))
    assert strings["vi"].keys() == strings["en"].keys()
    for key, text in strings["vi"].items():
        holes, others = (re.findall(r"\{(\w+)\}", json.dumps(words)) for words in (text, strings["en"][key]))
        assert sorted(holes) == sorted(others), key
