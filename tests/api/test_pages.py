"""The pages of the sample province in a real Chromium: their figures are those of the service and the commands."""

import json
import random
import re
import shutil
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader

from phusong.api.access_middleware import SESSION_COOKIE
from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.sessions import Sessions
from phusong.coverage.compute import compute
from phusong.geodata.schemas import LAYERS
from phusong.geodata.workspace import Workspace
from phusong.maps.pictures import CLASS_PALETTE
from phusong.maps.text import format_number
from tests.chromium import HOSTILE, Watched, serious_faults

from .conftest import local_client, run

pytestmark = pytest.mark.browser
SERVICE = "https://phusong.example"
CLASSES = ("none", "weak", "good")
# the centre of some pixels of a picture [lon, lat], and their colours
_PIXELS = """async ({ technology, places }) => {
    const overlay = window[page.overlays[technology]];
    const image = await createImageBitmap(await (await fetch(overlay._url)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const bounds = overlay.getBounds();
    const [low, high] = [bounds.getSouthWest(), bounds.getNorthEast()].map((at) => L.CRS.EPSG3857.project(at));
    return places.map(([across, down]) => {
        const [x, y] = [Math.floor(across * image.width), Math.floor(down * image.height)];
        const at = L.CRS.EPSG3857.unproject(L.point(
            low.x + (x + 0.5) / image.width * (high.x - low.x), high.y - (y + 0.5) / image.height * (high.y - low.y)));
        return { lon: at.lng, lat: at.lat, colour: [...context.getImageData(x, y, 1, 1).data] };
    });
}"""


@pytest.fixture
def watch(browser):
    """Open an address in a new window without a network; `service` answers for `SERVICE`."""
    contexts = []

    def opener(address, service=None, **options):
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, offline=service is None, reduced_motion="reduce", **options
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        if service is not None:
            context.route("**/*", lambda route: _answer(route, service))
        watched.page.goto(address)
        return watched

    yield opener
    for context in contexts:
        context.close()


def _answer(route, service):
    asked = route.request
    if not asked.url.startswith(SERVICE):
        route.abort()
        return
    path = asked.url.removeprefix(SERVICE)
    said = service.request(asked.method, path, headers=asked.headers, content=asked.post_data_buffer)
    headers = {
        name: value for name, value in said.headers.items() if name not in ("content-encoding", "content-length")
    }
    route.fulfill(status=said.status_code, headers=headers, body=said.content)


def drawn(workspace, out, *options):
    result = run("map", workspace.path, "--out", out, *options)
    assert result.exit_code == 0, result.output
    return out.as_uri()


@pytest.fixture(scope="module")
def internal(computed, tmp_path_factory):
    return drawn(computed, tmp_path_factory.mktemp("pages") / "map.html", "--audience", "internal")


def test_pixels_of_the_pictures_are_the_classes_of_the_points(internal, watch, client):
    page = watch(internal, bypass_csp=True).page  # the test alone reads the picture as a file
    rng = random.Random(7)
    for technology in ("any", "4G"):
        places = [[rng.random(), rng.random()] for _ in range(700)]
        pixels = page.evaluate(_PIXELS, {"technology": technology, "places": places})
        pixels = [pixel for pixel in pixels if pixel["colour"][3] == 255][:300]
        assert len(pixels) == 300
        points = [{name: pixel[name] for name in ("lon", "lat")} for pixel in pixels]
        rows = client.post("/v1/points", json={"points": points}).json()["rows"]
        shown = [CLASSES[CLASS_PALETTE.index(tuple(pixel["colour"]))] for pixel in pixels]
        assert shown == [row["service"][technology] for row in rows]


def test_the_list_counts_what_the_command_counts(internal, computed, watch):
    page = watch(internal).page
    for group, conditions in {
        "stateNone": ["--signal", "none"],
        "stateWeak": ["--signal", "weak"],
        "stateUncertain": ["--uncertain", "yes"],
        "eight-none-no-no": ["--signal", "none", "--power", "no", "--broadband", "no"],
    }.items():
        told = json.loads(run("settlements", computed.path, *conditions, "--json").stdout)
        page.select_option("#list-state", group)
        assert page.locator("#list li").count() == told["numerator"], group


def test_the_figures_of_a_popup_are_those_of_the_service(internal, computed, watch, client):
    page = watch(internal).page
    page.select_option("#list-state", "stateAll")
    rows = [row for row in client.get("/v1/settlements?limit=1000").json()["rows"] if row["lon"] is not None]
    for row in random.Random(3).sample(rows, 12):
        asked = client.get(f"/v1/settlements/{row['settlement_id']}").json()
        page.evaluate("(id) => goTo(settlements.find((one) => one.settlement_id === id))", row["settlement_id"])
        popup = " ".join(page.locator(".leaflet-popup").last.inner_text().split())
        assert row["name"] in popup
        for technology in ("3G", "4G", "5G"):
            if row[f"rsrp_dbm_{technology}"] is not None:
                assert f"{format_number(row[f'rsrp_dbm_{technology}'], 0, 'vi')} dBm" in popup
                assert f"{format_number(abs(row[f'margin_db_{technology}']), 1, 'vi')} dB" in popup
        for path in (asked["reasons"] or {}).get("paths", []):
            assert path["station_id"] in popup
            assert f"{format_number(path['distance_km'], 1, 'vi')} km" in popup


@pytest.fixture(scope="module")
def changed(computed, tmp_path_factory):
    """The sample with hostile text in every text column, and a third of its stations gone from the second run."""
    folder = tmp_path_factory.mktemp("hostile") / "W"
    shutil.copytree(computed.path, folder, symlinks=True)
    workspace = Workspace.open(folder)
    linked = {"code", "district_code", "old_code", "new_code", "settlement_id", "antenna", "on_air_from", "on_air_to"}
    for name, layer in LAYERS.items():
        if not workspace.has_layer(name) or name in ("crosswalk", "observations", "measurements"):
            continue
        table = workspace.read_layer(name)
        free = [
            column.name for column in layer.columns if column.kind == "text" and not (column.choices or column.length)
        ]
        for column in set(free) & set(table.columns) - linked:
            texts = table[column].notna()
            table.loc[texts, column] = [f"{HOSTILE[row % 5]} {row}"[:60] for row in range(int(texts.sum()))]
        if name == "stations":
            table["operator"] = [HOSTILE[row % 3] for row in range(len(table))]
        workspace.write_layer(name, table)
    compute(workspace)
    stations = workspace.read_layer("stations")
    workspace.write_layer("stations", stations.iloc[[row for row in range(len(stations)) if row % 3]])
    compute(workspace)
    return workspace


def runs_of(workspace):
    found = json.loads(run("runs", workspace.path, "--json").stdout)["runs"]
    return [each["run_id"] for each in found]


@pytest.mark.parametrize("audience", ["public", "internal"])
def test_no_page_takes_text_of_a_layer_for_anything_but_text(changed, watch, tmp_path, audience):
    second, first, *_ = runs_of(changed)
    commune = json.loads(run("coverage", changed.path, "--level", "commune", "--json").stdout)["rows"][0]["unit_code"]
    pages = {
        "map.html": [],
        "unit.html": ["--unit", commune],
        "diff.html": ["--diff", first, second],
        "index.html": ["--index"],
    }
    for name, options in pages.items():
        watched = watch(drawn(changed, tmp_path / name, *options, "--audience", audience))
        page = watched.page
        for place in range(min(page.locator("#list button").count(), 5)):
            page.locator("#list button").nth(place).click()
        page.click("#language")
        assert serious_faults(page) == [], name
        assert watched.is_quiet, (name, watched.messages, watched.dialogs, watched.outside)
        if name != "index.html":
            assert "{{ 7*7 }}{% raw %}" in page.text_content("body")
        assert page.locator("img[src=x]").count() == 0


def test_the_difference_page_tells_what_the_command_tells_and_causes_to_insiders_alone(changed, watch, tmp_path):
    second, first, *_ = runs_of(changed)
    told = json.loads(run("diff", changed.path, first, second, "--json").stdout)
    changes = [row for row in told["settlements"] if row["technology"] == "signal"]
    people = next(row for row in told["people"]
                  if (row["level"], row["technology"], row["service"]) == ("province", "any", "weak"))  # fmt: skip
    assert changes
    for audience in ("public", "internal"):
        address = drawn(changed, tmp_path / "diff.html", "--diff", first, second, "--audience", audience)
        page = watch(address).page
        assert page.locator("#list li").count() == len(changes)
        lost = format_number(round(people["lost"]), 0, "vi")
        assert f"thêm 0, mất {lost} người" in page.inner_text("#cards")
        page.locator("#list button").first.click()
        assert ("trạm bị bỏ" in page.inner_text(".leaflet-popup")) == (audience == "internal")
        payload = json.loads(page.inner_text("#page-data"))
        assert ("causes" in payload, "stations" in payload) == ((audience == "internal",) * 2)
        assert ("station_id" in payload["columns"]) == (audience == "internal")


def test_unit_and_difference_pages_have_on_paper_the_figures_of_the_screen(changed, watch, tmp_path):
    second, first, *_ = runs_of(changed)
    commune = json.loads(run("coverage", changed.path, "--level", "commune", "--json").stdout)["rows"][0]["unit_code"]
    for name, options in {"unit": ["--unit", commune], "diff": ["--diff", first, second]}.items():
        watched = watch(drawn(changed, tmp_path / f"{name}.html", *options))
        figures = re.findall(r"\d[\d.,]*%?", watched.page.inner_text("#cards"))
        names = watched.page.locator("#list li button").all_inner_texts()
        watched.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
        text = "".join("".join(page.extract_text().split()) for page in PdfReader(tmp_path / "page.pdf").pages)
        assert figures
        assert [figure for figure in figures if figure not in text] == []
        assert [each for each in names if "".join(each.split("\n")[0].split()) not in text] == []
        assert watched.is_quiet


def test_the_index_links_the_pages_beside_it_and_a_public_one_no_internal_page(computed, watch, tmp_path):
    drawn(computed, tmp_path / "in.html", "--audience", "internal")
    drawn(computed, tmp_path / "out.html")
    for audience, links in (("public", ["./out.html"]), ("internal", ["./in.html", "./out.html"])):
        page = watch(drawn(computed, tmp_path / "index.html", "--index", "--audience", audience)).page
        assert page.eval_on_selector_all("#pages a", "all => all.map((a) => a.getAttribute('href'))") == links
        assert page.locator("#runs tbody tr").count() == len(runs_of(computed))
        page.click("#pages a")
        assert urlsplit(page.url).path.endswith(links[0][2:])


def test_a_planner_in_a_session_puts_a_station_on_the_map(copied, watch):
    compute(copied)
    token = Sessions(AccessStore(copied.path)).open("Lan", ["planner"], hours=1)
    service = TestClient(create_app(copied.path), base_url=SERVICE, cookies={SESSION_COOKIE: token})
    table = local_client(copied).get("/v1/settlements?signal=none").json()["rows"]
    place = next(row for row in table if row["lon"] is not None)
    watched = watch(f"{SERVICE}/whatif", service)
    page = watched.page
    assert serious_faults(page) == []
    page.fill("[name=lat]", str(place["lat"]))
    page.fill("[name=lon]", str(place["lon"] + 0.002))
    page.select_option("[name=band]", label=page.inner_text("[name=band] option >> nth=-1"))
    with page.expect_request("**/v1/whatif?*") as sent:
        page.click("#whatif [type=submit]")
    assert sent.value.headers["x-csrf-token"] == service.get("/me").json()["csrf_token"]
    page.wait_for_selector("#whatif-result h3")
    told = local_client(copied).post("/v1/whatif", json=sent.value.post_data_json).json()
    gained = [row for row in told["settlements"] if row["technology"] == "signal"]
    assert page.locator("#whatif-result li").count() == len(gained) > 0
    row = next(
        row for row in told["people"] if (row["level"], row["technology"], row["service"]) == ("province", "5G", "weak")
    )
    assert format_number(round(row["gained"]), 0, "vi") in page.inner_text("#whatif-result")
    off_m = page.evaluate("""() => {
        const { naturalWidth: width, naturalHeight: height } = whatif.picture._image;
        const matrix = new DOMMatrix(getComputedStyle(whatif.picture._image).transform);
        return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y], place) => {
            const at = matrix.transformPoint(new DOMPoint(x, y));
            const [lon, lat] = whatif.answer.picture.corners[place];
            return map.distance(map.layerPointToLatLng([at.x, at.y]), [lat, lon]);
        });
    }""")
    assert max(off_m) < 150  # half a cell
    assert serious_faults(page) == []
    assert all(url.startswith((SERVICE, "data:")) for url in watched.requests)
    assert watched.messages == []


def test_what_a_question_tells_of_hostile_names_is_text(changed, watch):
    token = Sessions(AccessStore(changed.path)).open(HOSTILE[0], ["planner"], hours=1)
    service = TestClient(create_app(changed.path), base_url=SERVICE, cookies={SESSION_COOKIE: token})
    rows = local_client(changed).get("/v1/settlements?signal=none").json()["rows"]
    place = next(row for row in rows if row["lon"] is not None)
    watched = watch(f"{SERVICE}/whatif", service)
    page = watched.page
    page.fill("[name=lat]", str(place["lat"]))
    page.fill("[name=lon]", str(place["lon"]))
    page.click("#whatif [type=submit]")
    page.wait_for_selector("#whatif-result li")
    assert place["name"] in page.text_content("#whatif-result")
    assert any(name in page.text_content("#whatif") for name in HOSTILE[:3])  # the operators
    assert (watched.messages, watched.dialogs) == ([], [])
    assert page.locator("img[src=x]").count() == 0


def test_what_the_service_says_against_a_question_is_shown(copied, watch):
    app = create_app(copied.path, access_control=False)  # answers no page under a foreign name
    watched = watch(f"{SERVICE}/whatif", TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000)))
    page = watched.page
    page.fill("[name=lat]", "19.05")
    page.fill("[name=lon]", "107.2")
    page.click("#whatif [type=submit]")
    page.wait_for_function("() => document.getElementById('whatif-status').textContent.length > 20")
    assert "kiểm soát truy cập" in page.inner_text("#whatif-status")
    assert page.is_enabled("#whatif [type=submit]")
