"""What /ogc answers: documents, conditions, reference systems, what the public sees, and what is refused."""

from datetime import date, timedelta

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.keys import Keys
from phusong.api.ogc.reference_systems import CRS84, EPSG, box_on_globe
from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.geodata.coordinates import from_lonlat

from ..conftest import local_client

SETTLEMENTS, COMMUNES = "/ogc/collections/settlements/items", "/ogc/collections/communes/items"
PATHS = ("/ogc", "/ogc/conformance", "/ogc/openapi", "/ogc/collections", "/ogc/collections/communes",
         "/ogc/collections/communes/queryables", COMMUNES, SETTLEMENTS, f"{SETTLEMENTS}/TM022")  # fmt: skip


@pytest.fixture(scope="module")
def public(computed):
    return TestClient(create_app(computed.path))


def asked(client, path, **params):
    response = client.get(path, params={name.replace("_", "-"): value for name, value in params.items()})
    assert response.status_code == 200, response.text
    return response.json()


def ids(page):
    return [feature["id"] for feature in page["features"]]


def links(document, rel):
    return [link["href"] for link in document["links"] if link["rel"] == rel]


def test_every_link_leads_somewhere(client):
    waiting, seen = {"/ogc"}, set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        document = client.get(path).json()
        found = [
            *document.get("links", ()),
            *(link for one in document.get("collections", ()) for link in one["links"]),
        ]
        for link in found:
            answer = client.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"] == link["type"], link
        waiting |= {link["href"] for link in found if "/items" not in link["href"]} - seen
    assert len(seen) > 10


def test_pages_follow_each_other_both_ways_and_hold_everything_once(client):
    page, found, addresses = asked(client, SETTLEMENTS, limit=150), [], []
    while True:
        assert page["numberMatched"] == 400
        assert page["numberReturned"] == len(page["features"])
        found += ids(page)
        addresses += links(page, "self")
        if not links(page, "next"):
            break
        page = client.get(*links(page, "next")).json()
    assert len(found) == len(set(found)) == 400
    assert ids(client.get(*links(page, "prev")).json()) == found[150:300]


def test_a_last_page_that_is_full_has_no_next_one(client):
    assert links(asked(client, SETTLEMENTS, limit=200, offset=200), "next") == []
    assert ids(asked(client, SETTLEMENTS, offset=999)) == []
    assert len(ids(asked(client, SETTLEMENTS, limit=999_999))) == 400


def test_the_next_page_is_of_the_same_run_whatever_is_published_meanwhile(copied):
    client = local_client(copied)
    first = asked(client, SETTLEMENTS, limit=1)
    compute(copied, as_of=date.today() + timedelta(days=2))
    following = client.get(*links(first, "next")).json()
    runs = [page["features"][0]["properties"]["run_id"] for page in (first, following, asked(client, SETTLEMENTS))]
    assert runs[0] == runs[1] != runs[2]
    assert client.get(SETTLEMENTS, params={"run": "none"}).status_code == 404


def test_a_commune_has_the_figures_of_the_run(client, computed):
    figures = Results.open(computed).figures
    first = asked(client, COMMUNES, limit=1)["features"][0]
    of_unit = figures[(figures["unit_code"] == first["id"]) & (figures["level"] == "commune")]
    of_unit = of_unit[(of_unit["operator"] == "any") & (of_unit["profile"] == first["properties"]["profile"])]
    for name in ("people", "residential_cells", "settlements"):
        for row in of_unit[of_unit["indicator"] == name].itertuples():
            key = f"{name}_{row.technology.replace('+', '_or_')}_{row.service}"
            assert first["properties"][key] == row.numerator
            assert first["properties"][name] == row.denominator
    assert first["properties"]["as_of"] == date.today().isoformat()


def test_features_are_asked_for_by_their_properties(client):
    everything = asked(client, SETTLEMENTS, limit=1000)["features"]
    for conditions in ({"signal": "none"}, {"signal": "good", "power": "yes"}, {"location_known": "false"}):
        wanted = {name: {"true": True, "false": False}.get(value, value) for name, value in conditions.items()}
        response = client.get(SETTLEMENTS, params={"limit": 1000} | conditions)
        expected = [row["id"] for row in everything if all(row["properties"][key] == wanted[key] for key in wanted)]
        assert ids(response.json()) == expected
    people = next(row["properties"]["population"] for row in everything if row["properties"]["population"])
    found = client.get(SETTLEMENTS, params={"population": people}).json()["features"]
    assert {row["properties"]["population"] for row in found} == {people}


def test_a_name_with_a_plus_or_diacritics_is_found(client):
    name = asked(client, COMMUNES, limit=1)["features"][0]["properties"]["name"]
    page = client.get(COMMUNES, params={"name": name, "limit": 1}).json()
    assert {row["properties"]["name"] for row in page["features"]} == {name}
    assert client.get(*links(page, "self")).json()["features"] == page["features"]


@pytest.mark.parametrize("code", [4326, 4756])
def test_latitude_comes_first_where_the_authority_says_so(client, code):
    lon, lat = asked(client, f"{SETTLEMENTS}/TM022")["geometry"]["coordinates"]
    answer = client.get(f"{SETTLEMENTS}/TM022", params={"crs": f"{EPSG}{code}"})
    assert answer.headers["Content-Crs"] == f"<{EPSG}{code}>"
    assert answer.json()["geometry"]["coordinates"] == pytest.approx([lat, lon], abs=0.003)
    box = f"{lat - 0.01},{lon - 0.01},{lat + 0.01},{lon + 0.01}"
    found = client.get(SETTLEMENTS, params={"bbox": box, "bbox-crs": f"{EPSG}{code}"}).json()
    assert "TM022" in ids(found)
    assert 0 < found["numberMatched"] < 400


def test_every_reference_system_that_is_named_can_be_asked_for(client, computed):
    systems = asked(client, "/ogc/collections/communes")["crs"]
    assert systems[0] == CRS84
    assert {f"{EPSG}9211", f"{EPSG}3405", EPSG + computed.settings.crs.removeprefix("EPSG:")} <= set(systems)
    for uri in systems:
        answer = client.get(COMMUNES, params={"crs": uri, "limit": 1})
        assert answer.status_code == 200
        assert answer.headers["Content-Crs"] == f"<{uri}>"


@given(st.floats(106.8, 107.2), st.floats(18.9, 19.2), st.floats(1_000, 90_000), st.floats(1_000, 90_000), st.randoms())
def test_a_box_in_metres_holds_what_lies_in_it_in_metres(lon, lat, width_m, height_m, random):
    (x,), (y,) = from_lonlat([lon], [lat], "EPSG:9211")
    box = (x, y, x + width_m, y + height_m)
    shape = box_on_globe(box, f"{EPSG}9211", "EPSG:9211")
    for _ in range(20):
        place = lon + random.uniform(-0.1, 1.0), lat + random.uniform(-0.1, 1.0)
        (px,), (py,) = from_lonlat([place[0]], [place[1]], "EPSG:9211")
        edge_m = min(abs(px - box[0]), abs(px - box[2]), abs(py - box[1]), abs(py - box[3]))
        if edge_m > 0.01:
            inside = box[0] < px < box[2] and box[1] < py < box[3]
            assert shapely.intersects(shape, shapely.Point(place)) == inside


def test_a_box_without_area_finds_what_lies_on_it(client):
    lon, lat = asked(client, f"{SETTLEMENTS}/TM022")["geometry"]["coordinates"]
    for box in ((lon, lat, lon, lat), (lon, lat, lon, lat + 1), (lon, lat, 5, lon, lat, 6)):
        assert "TM022" in ids(asked(client, SETTLEMENTS, bbox=",".join(map(str, box))))


def test_a_time_chooses_what_was_there_then(client):
    today = date.today().isoformat()
    for text in (today, f"{today}T05:00:00Z", f"../{today}", f"{today}/", "../.."):
        assert asked(client, SETTLEMENTS, datetime=text)["numberMatched"] == 400, text
    for text in ("2001-01-01", "2001-01-01/2002-01-01T00:00:00+07:00"):
        assert asked(client, SETTLEMENTS, datetime=text)["numberMatched"] == 0, text


def test_a_station_is_there_from_its_first_to_its_last_day(client, computed):
    stations = computed.read_layer("stations")
    on_air = [
        row.station_id
        for row in stations.itertuples()
        if (row.on_air_from or "") <= "2020-06-30" and (row.on_air_to or "9") >= "2020-06-30"
    ]
    found = asked(client, "/ogc/collections/stations/items", datetime="2020-06-30", limit=1000)
    assert ids(found) == on_air != []


REFUSED = (
    "colour=red", "limit=0", "limit=-1", "limit=ten", "limit=1.5", "limit=", "limit=1&limit=2", "offset=-1",
    "offset=x", "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=a,b,c,d", "bbox=nan,0,1,1", "bbox=0,0,inf,1",
    "bbox=1e999,0,1,1", "bbox=5,0,1,1", "bbox=0,5,1,1", "bbox=0,0,9,1,1,1", "bbox=", "bbox=1_0,0,11,1", "bbox-crs=x",
    f"bbox-crs={CRS84}", "bbox=0,0,1,1&bbox-crs=EPSG:9211", "crs=", "crs=EPSG:9211", f"crs={EPSG}3857", "datetime=",
    "datetime=yesterday", "datetime=2026-02-30", "datetime=2026", "datetime=2026-01-02/2026-01-01",
    "datetime=2026-01-01/2026-01-02/2026-01-03", "datetime=2026-01-01T00:00:00", "f=html", "f=", "lang=vi",
    "skipGeometry=true", "properties=name", "sortby=name", "filter=name='a'", "q=a", "resulttype=hits",
    "as_of=2026-01-01", "population=many", "population=nan", "location_known=yes", "datetime=0000-01-01",
    "datetime=9999-12-31T23:59:59-23:59", "bbox=-1e300,-1e300,1e300,1e300&bbox-crs=" + EPSG + "9211",
)  # fmt: skip


@pytest.mark.parametrize("question", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(client, question):
    answer = client.get(f"{SETTLEMENTS}?{question}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")
    assert (
        client.get(f"{SETTLEMENTS}?{question}", headers={"Accept-Language": "vi"}).json()["title"]
        == "Yêu cầu không hợp lệ"
    )


@pytest.mark.parametrize("path", PATHS)
def test_every_path_refuses_what_it_does_not_know(client, path):
    assert client.get(path, params={"f": "json"}).status_code == 200
    for question in ("x=1", "f=html", "f=json&f=json"):
        assert client.get(f"{path}?{question}").status_code == 400, question


def test_what_is_not_there_is_404(client):
    for path in ("", "/roads", "/roads/items", "/settlements/items/TM999", "/communes/items/../x", "/communes/schema"):
        assert client.get(f"/ogc/collections{path}").status_code == (404 if path else 200), path


def test_the_public_sees_no_layer_and_no_level(public, client):
    collections = [found["id"] for found in asked(public, "/ogc/collections")["collections"]]
    assert collections == ["provinces", "districts", "communes", "old_communes", "settlements"]
    hidden = public.get("/ogc/collections/stations/items").json()
    unknown = public.get("/ogc/collections/roads/items").json()
    assert hidden["detail"].replace("stations", "roads") == unknown["detail"]
    mine, whole = asked(public, SETTLEMENTS, limit=1000)["features"], asked(client, SETTLEMENTS, limit=1000)["features"]
    assert [row["properties"]["class_4G"] for row in mine] == [row["properties"]["class_4G"] for row in whole]
    assert "rsrp_dbm_4G" in whole[0]["properties"]
    for secret in ("rsrp", "margin", "station", "mast", "distance", "probability", "endpoint"):
        assert not [name for name in mine[0]["properties"] if secret in name]
    assert public.get(f"{SETTLEMENTS}?nearest_mast_id=x").status_code == 400


def test_what_a_caller_has_is_not_sent_again_and_only_the_public_view_is_kept(computed, public):
    key = Keys(AccessStore(computed.path)).add("ogc-planner", "planner")
    planner = TestClient(public.app, headers={"Authorization": f"Bearer {key}"})
    first = public.get(SETTLEMENTS)
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert planner.get(SETTLEMENTS).headers["Cache-Control"] == "private, no-store"
    known = {"If-None-Match": first.headers["ETag"]}
    assert public.get(SETTLEMENTS, headers=known).status_code == 304
    assert planner.get(SETTLEMENTS, headers=known).status_code == 200


def test_a_layer_that_is_imported_anew_is_served_anew(copied):
    client = local_client(copied)
    path = "/ogc/collections/places/items"
    before = asked(client, path)["numberMatched"]
    copied.write_layer("places", copied.read_layer("places").iloc[1:])
    assert asked(client, path)["numberMatched"] == before - 1


def test_titles_come_in_the_language_of_the_request(client):
    answer = client.get("/ogc/collections/communes", headers={"Accept-Language": "vi"}).json()
    assert answer["title"] == "Xã, phường"
    described = client.get("/ogc/collections/settlements/queryables", headers={"Accept-Language": "vi"}).json()
    assert described["properties"]["settlement_id"]["description"] == "mã thôn, bản"


def test_the_description_names_what_is_served_and_its_parameters(client, public):
    document = asked(client, "/ogc/openapi")
    assert "$ref" not in str(document["paths"]["/collections/communes/items"]["get"]["parameters"][-1])
    assert not [path for path in asked(public, "/ogc/openapi")["paths"] if "stations" in path]
    for path, item in document["paths"].items():
        of_one = path.endswith("/{featureId}")
        asked(client, f"/ogc{path.removesuffix('/{featureId}')}", **{"limit": 1} if of_one else {})
        assert set(item) == {"get"}


def test_nothing_is_served_before_the_first_run(empty):
    client = TestClient(create_app(empty.path))
    assert client.get("/ogc").status_code == 200
    assert client.get("/ogc/collections").status_code == 503
