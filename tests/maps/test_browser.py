"""The page in a real Chromium, offline: what it asks for, what it shows, what it does with hostile names."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from pypdf import PdfReader

from phusong.geodata.names import sort_key
from phusong.maps.data import Source, commune_page_data
from phusong.maps.page import render_page
from phusong.maps.text import format_share
from tests.chromium import Watched, serious_faults

pytestmark = pytest.mark.browser
SETTLED = "() => document.querySelectorAll('#list li').length > 0"


@pytest.fixture
def open_page(browser, tmp_path):
    contexts = []

    def opener(data, settled=SETTLED):
        path = tmp_path / "map.html"
        path.write_text(render_page(data), encoding="utf-8")
        context = browser.new_context(viewport={"width": 1366, "height": 768}, offline=True, reduced_motion="reduce")
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.goto(path.as_uri())
        watched.page.wait_for_function(settled)
        return watched

    yield opener
    for context in contexts:
        context.close()


def exercise(page):
    """Use every control once."""
    for theme in ("signal", "none", "communes"):
        page.check(f"input[name=theme][value={theme}]")
    for layer in ("masts", "fibre", "places"):
        page.check(f"input[name=layer][value={layer}]")
    page.select_option("#list-state", "stateAll")
    for number in range(page.locator("#list button").count()):
        page.locator("#list button").nth(number).click()
    page.click("#language")
    page.click("#about-open")
    page.click("#about button")
    page.click("#language")


def test_the_page_asks_for_nothing_and_says_nothing(open_page, data):
    watched = open_page(data)
    exercise(watched.page)
    assert watched.is_quiet


def test_hostile_names_show_as_text_and_run_nothing(open_page, hostile_data):
    watched = open_page(hostile_data)
    exercise(watched.page)
    assert watched.is_quiet
    assert "</script><script>alert(1)</script>" in watched.page.inner_text("h1")
    watched.page.select_option("#list-state", "stateAll")
    listed = watched.page.text_content("#list")
    for text in ("{{ 7*7 }}{% raw %}", "`${alert(1)}`", "<img src=x onerror=alert(1)>"):
        assert text in listed
    watched.page.locator("#list button", has_text="{{ 7*7 }}").first.click()
    assert "{{ 7*7 }}{% raw %}" in watched.page.inner_text(".leaflet-popup h3")
    assert watched.page.locator("img[src=x]").count() == 0


def test_hostile_popups_of_masts_fibre_places_and_communes_are_text(open_page, hostile_data):
    watched = open_page(hostile_data)
    watched.page.evaluate(
        """() => [...page.masts.map(mastPopup), ...page.fibre.map(fibrePopup), ...page.places.map(placePopup),
            ...page.units.commune.map(unitPopup)].forEach((element) => document.body.append(element))"""
    )
    assert "</script><script>alert(1)</script>" in watched.page.inner_text("body > .popup >> nth=0")
    assert watched.page.locator(".popup script, .popup img").count() == 0
    assert (watched.dialogs, watched.messages) == ([], [])


def test_the_header_gives_shares_as_officials_publish_them(open_page, data):
    page = open_page(data).page
    assert "97,7% (856.375/876.535 người)" in page.inner_text("#cards")
    page.click("#language")
    assert "97.7% (856,375/876,535 people)" in page.inner_text("#cards")
    assert page.get_attribute("html", "lang") == "en"


def test_switching_theme_and_technology_shows_that_picture_alone(open_page, data):
    page = open_page(data).page
    shown = ".leaflet-signal-pane img"
    assert page.locator(shown).count() == 0
    page.check("input[name=theme][value=signal]")
    first = page.get_attribute(shown, "src")
    page.check("input[name=technology][value='3G']", force=True)
    assert page.locator(shown).count() == 1
    assert page.get_attribute(shown, "src") != first
    page.check("input[name=theme][value=none]")
    assert page.locator(shown).count() == 0


def test_layers_switch_on_and_off(open_page, data):
    page = open_page(data).page
    for layer in ("settlements", "masts", "fibre", "places"):
        box = page.locator(f"input[name=layer][value={layer}]")
        for wanted in (True, False, True):
            box.set_checked(wanted)
            assert page.evaluate(f"() => map.hasLayer(layers.{layer})") is wanted


def test_the_public_page_shows_no_network_and_the_internal_one_is_marked(open_page, data, public_data):
    public, internal = open_page(public_data), open_page(data)
    for watched in (public, internal):
        watched.page.select_option("#list-state", "stateAll")
        watched.page.locator("#list button", has_text="Bản Ăn").click()
    assert "dBm" not in public.page.inner_text(".leaflet-popup")
    assert public.page.locator("input[name=layer][value=masts]").count() == 0
    assert "LƯU HÀNH NỘI BỘ" not in public.page.content()
    assert "LƯU HÀNH NỘI BỘ" in internal.page.inner_text("header")
    assert (public.messages, internal.messages) == ([], [])


def test_every_signal_state_has_its_own_shape_and_colour(open_page, data):
    page = open_page(data).page
    looks = page.evaluate(
        """() => ["none", "weak", "good", "unknown"]
            .map((signal) => settlementStyle({ signal, power: "yes", broadband: "yes" }))"""
    )
    assert len({look["shape"] for look in looks}) == len({look["fill"] for look in looks}) == 4
    ringed = page.evaluate("() => settlements.filter((one) => one.marker.options.ring).map((one) => one.name)")
    assert ringed == ["Đồng Hới"]


def test_the_eight_states_count_what_the_table_holds_and_list_it(open_page, data):
    page = open_page(data).page
    frame = data.settlements
    served = frame["signal"].isin(["weak", "good"])
    none = frame["signal"] == "none"
    cells = page.locator(".eight button")
    for number, (signal, power, broadband) in enumerate(product((none, served), ("no", "yes"), ("no", "yes"))):
        count = int((signal & (frame["power"] == power) & (frame["broadband"] == broadband)).sum())
        assert cells.nth(number).inner_text().strip() == str(count)
        cells.nth(number).click()
        assert page.locator("#list li").count() == count


def test_search_needs_no_diacritics_and_offers_other_groups(open_page, data):
    page = open_page(data).page
    for typed in ("dong hoi", "Đồng Hới", "  ĐỒNG   hoi"):
        page.select_option("#list-state", "stateUncovered")
        page.fill("#list-search", typed)
        page.click(".elsewhere")  # it has signal, so it is not in the list of the uncovered
        assert page.locator("#list button").count() == 1
        assert "Đồng Hới" in page.text_content("#list")


def test_a_click_in_the_list_goes_there_and_tells_the_facts(open_page, data):
    page = open_page(data).page
    page.locator("#list button", has_text="Bản Ăn").click()
    popup = page.inner_text(".leaflet-popup")
    for fact in (
        "Bản Ăn",
        "Lõm sóng",
        "không có điện lưới",
        "−101 dBm",
        "+3,5 dB",
        "Viettel B1",
        "4,3 km · F1",
    ):
        assert fact in popup
    row = data.settlements[data.settlements["name"] == "Bản Ăn"].iloc[0]
    centre = page.evaluate("() => [map.getCenter().lng, map.getCenter().lat]")
    assert centre == pytest.approx([row["lon"], row["lat"]], abs=0.05)


def test_a_popup_tells_why_there_is_no_signal_and_the_public_one_only_the_cause(open_page, data, public_data):
    shown = []
    for watched in (open_page(data), open_page(public_data)):
        watched.page.select_option("#list-state", "stateAll")
        watched.page.locator("#list button", has_text="Thôn Ô").click()
        shown.append(watched.page.inner_text(".leaflet-popup"))
        watched.page.click("#language")
        watched.page.locator("#list button", has_text="Thôn Ô").click()
        assert "Hidden by the terrain" in watched.page.inner_text(".leaflet-popup")
        assert "public-utility telecom fund" in watched.page.inner_text(".leaflet-popup")
        assert watched.messages == []
    for text in shown:
        assert "Bị núi, địa hình che khuất" in text
        assert "Quỹ Dịch vụ viễn thông công ích" in text
        assert "quý III/2026" in text
    for fact in ("Alpha 4G S1", "6,0 km", "+10,4 dB", "vật cản quyết định tại 2,40 km"):
        assert fact in shown[0]
        assert fact not in shown[1]


def test_every_popup_opens_from_the_list_by_keyboard_and_gives_the_focus_back(open_page, data):
    watched = open_page(data)
    page = watched.page
    groups = page.eval_on_selector_all("#list-state option", "options => options.map((option) => option.value)")
    assert {"layer-units", "layer-masts", "layer-fibre", "layer-places"} < set(groups)
    for group in ("stateAll", *(group for group in groups if group.startswith("layer-"))):
        page.select_option("#list-state", group)
        for number in range(page.locator("#list button").count()):
            button = page.locator("#list button").nth(number)
            title = button.evaluate("button => button.querySelector('bdi').textContent")
            button.focus()
            page.keyboard.press("Enter")
            assert title in page.inner_text(".leaflet-popup h3")
            assert page.evaluate("() => document.activeElement.getAttribute('role')") == "dialog"
            page.keyboard.press("Escape")
            page.wait_for_function("() => !document.querySelector('.leaflet-popup')")
            assert button.evaluate("button => button === document.activeElement")
    assert watched.messages == []


def test_the_list_sorts_by_name_unit_and_people(open_page, data):
    page = open_page(data).page
    page.select_option("#list-state", "stateAll")

    def names():
        return page.eval_on_selector_all("#list bdi:first-child", "all => all.map((one) => one.textContent)")

    page.select_option("#list-order", "orderPeople")
    by_people = data.settlements.sort_values("population", ascending=False, na_position="last")
    assert [name for name in names() if name in set(data.settlements["name"])] == list(by_people["name"])
    page.select_option("#list-order", "orderUnit")
    assert page.locator("#list .where").first.text_content().startswith("xã 0")


def test_former_districts_replace_the_communes_on_the_map_and_in_the_list(open_page, data):
    watched = open_page(data)
    page = watched.page
    assert page.evaluate("() => layers.communes.getLayers().length") == 9
    page.check("input[name=level][value=district]", force=True)
    assert page.evaluate("() => layers.communes.getLayers().length") == 1
    page.select_option("#list-state", "stateAll")
    assert "xã cũ · huyện cũ · nay: xã" in page.locator("#list .where").first.text_content()
    page.select_option("#list-state", "layer-units")
    assert "90,0% (" in page.text_content("#list button")
    assert watched.messages == []


def test_the_groups_of_the_list_count_what_the_table_holds(open_page, data):
    page = open_page(data).page
    signal = data.settlements["signal"]
    for group, count in {
        "stateNone": (signal == "none").sum(),
        "stateWeak": (signal == "weak").sum(),
        "stateUnknown": 1,
        "stateUncertain": 1,
        "stateAll": len(signal),
    }.items():
        page.select_option("#list-state", group)
        assert page.locator("#list li").count() == count
        assert f"({count})" in page.inner_text(f"#list-state option[value={group}]")


def test_a_settlement_without_a_name_or_a_position_is_still_listed(open_page, data):
    settlements = data.settlements.copy()
    settlements.loc[1, ["name", "lon", "lat"]] = [None, float("nan"), float("nan")]
    watched = open_page(type(data)(**{**vars(data), "settlements": settlements}))
    watched.page.locator("#list button", has_text="(chưa có tên)").click()
    assert "(chưa có tên)" in watched.page.inner_text(".leaflet-popup h3")
    assert watched.messages == []


def test_the_header_says_how_old_the_stations_are_and_the_dialog_when_each_layer_came(open_page, data):
    day = datetime.now(UTC).date() - timedelta(days=45)
    sources = (Source("stations", "ab" * 32, 9, day), Source("terrain", "cd" * 32, None))
    page = open_page(replace(data, run=replace(data.run, sources=sources))).page
    assert f"dữ liệu trạm nhập ngày {day:%d/%m/%Y}, cách nay 45 ngày" in page.inner_text("#run-line")
    page.click("#about-open")
    rows = page.locator("#about-body tr").all_inner_texts()
    assert any(f"{day:%d/%m/%Y}" in row and "trạm" in row.lower() for row in rows)
    page.keyboard.press("Escape")
    page.click("#language")
    assert "45 days ago" in page.inner_text("#run-line")


@pytest.mark.parametrize(("days", "words"), [(0, ("hôm nay", "today")), (1, ("hôm qua", "yesterday"))])
def test_stations_of_today_and_of_yesterday_are_said_to_be_so(days, words, open_page, data):
    day = datetime.now(UTC).date() - timedelta(days=days)
    page = open_page(replace(data, run=replace(data.run, sources=(Source("stations", "ab" * 32, 9, day),)))).page
    assert f"dữ liệu trạm nhập {words[0]}, {day:%d/%m/%Y}" in page.inner_text("#run-line")
    page.click("#language")
    assert f"stations imported {words[1]}, " in page.inner_text("#run-line")


def test_a_run_without_fibre_places_or_masts_says_so(open_page, data):
    watched = open_page(type(data)(**{**vars(data), "fibre_endpoints": None, "places": None, "stations": None}))
    assert watched.page.inner_text("#layers").count("chưa nhập") == 3
    assert watched.page.is_disabled("input[name=layer][value=fibre]")
    assert watched.messages == []


def test_a_run_where_all_have_good_signal_of_one_operator_opens_and_lists_nobody(open_page, data):
    settlements = data.settlements.assign(signal="good", uncertain="no")
    stations = data.stations[data.stations["operator"] == "Viettel"]
    whole = replace(data, settlements=settlements, stations=stations, uncovered={}, former_units={})
    watched = open_page(whole, settled="() => document.querySelector('#list-count').textContent")
    page = watched.page
    assert page.inner_text("#list-count") == "Không có thôn, bản nào trong nhóm này."
    page.select_option("#list-state", "layer-masts")
    assert "Viettel" in page.text_content("#list")
    exercise(page)
    assert watched.is_quiet


def test_a_run_without_figures_says_so(open_page, data):
    watched = open_page(replace(data, figures=data.figures.iloc[:0]))
    assert watched.page.inner_text("#cards").count("chưa có số liệu") == 3
    exercise(watched.page)
    assert watched.is_quiet


def test_our_order_of_names_is_that_of_the_browsers_collation(open_page, data):
    rng = random.Random(1)
    letters = "aàảãáạăằắâấậbcdđeèéêếghiìkloòóôốơớợnuùúưứựyỳ "
    names = ["".join(rng.choices(letters, k=rng.randint(1, 8))).strip() or "a" for _ in range(300)]
    page = open_page(data).page
    theirs = page.evaluate(
        "(names) => names.sort(new Intl.Collator('vi').compare).map((name) => name.normalize('NFC'))", names
    )
    assert sorted(names, key=sort_key) == theirs


def joined(text):
    """A text without its spaces: in a PDF there is one wherever a letter comes from another font."""
    return "".join(text.split())


@pytest.fixture
def printed(tmp_path):
    """The words of a page as it is printed, without spaces, and its pages."""

    def print_page(watched):
        watched.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
        pages = [joined(page.extract_text()) for page in PdfReader(tmp_path / "page.pdf").pages]
        return "".join(pages), pages

    return print_page


def test_on_paper_are_the_figures_of_the_screen_and_the_whole_list(open_page, data, printed):
    watched = open_page(data)
    cards = watched.page.eval_on_selector_all("#cards .share", "all => all.map((one) => one.parentElement.innerText)")
    text, pages = printed(watched)
    assert all(joined(card.split("\n")[0]) in text for card in cards)
    listed = data.settlements[data.settlements["signal"].isin(["none", "weak"])]
    assert f"({len(listed)})" in text
    assert all(joined(name) in text for name in [*listed["name"], *data.communes["name"]])
    assert all("LƯUHÀNHNỘIBỘ" in page for page in pages)
    assert watched.page.inner_text("#print") == ""
    assert watched.messages == []


def test_hostile_names_are_printed_as_text(open_page, hostile_data, printed):
    watched = open_page(hostile_data)
    text, _ = printed(watched)
    assert joined("{{ 7*7 }}{% raw %}") in text
    assert joined("<img src=x onerror=alert(1)>") in text
    assert (watched.dialogs, watched.messages) == ([], [])


def test_axe_finds_no_serious_fault_on_the_map_its_popups_and_its_dialog(open_page, data):
    page = open_page(data).page
    assert serious_faults(page) == []
    page.locator("#list button").first.click()
    assert serious_faults(page) == []
    page.keyboard.press("Escape")
    page.check("input[name=theme][value=signal]")
    page.click("#about-open")
    assert serious_faults(page) == []


def test_the_accessibility_tree_holds_the_list_and_its_popups(open_page, data):
    page = open_page(data).page
    tree = page.locator("body").aria_snapshot()
    assert "list" in tree
    assert "Bản Ăn" in tree
    assert "Lõm sóng, không có điện lưới, có băng rộng cố định" in tree
    page.locator("#list button", has_text="Bản Ăn").click()
    dialog = page.get_by_role("dialog", name="Bản Ăn").aria_snapshot()
    assert "Lõm sóng" in dialog
    assert 'img "Mặt cắt địa hình' not in dialog  # nothing hides it: this settlement has no picture


def test_a_commune_has_a_page_of_its_own(open_page, data):
    own = commune_page_data(data, "90005")
    watched = open_page(own)
    page = watched.page
    assert "xã 4, tỉnh Mẫu" in page.inner_text("h1")
    shares = data.figures[(data.figures["unit_code"] == "90005") & (data.figures["technology"] == "any")]
    people = shares[(shares["indicator"] == "people") & (shares["service"] == "weak")].iloc[0]
    shown = format_share(float(people["numerator"]), float(people["denominator"]), "vi")
    assert shown in page.inner_text("#unit-figures")
    assert shown in page.inner_text("#cards")
    page.select_option("#list-state", "stateAll")
    assert page.locator("#list li").count() == (own.settlements["commune_code"] == "90005").sum() == 1
    exercise(page)
    assert watched.is_quiet
    assert serious_faults(page) == []


def test_a_commune_without_settlements_says_so(open_page, data):
    own = commune_page_data(replace(data, settlements=data.settlements.iloc[:4]), "90009")
    watched = open_page(own, settled="() => document.querySelector('#list-count').textContent")
    assert watched.page.inner_text("#list-count") == "Không có thôn, bản nào trong nhóm này."
    assert watched.is_quiet
