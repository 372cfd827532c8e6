"""The list of settlements over HTTP: pages, order, search, box and unit."""

from starlette.testclient import TestClient

from phusong.api.access_views import PublicSettlementsAnswer
from phusong.api.app import create_app
from phusong.geodata.names import search_key, sort_key


def listed(client, **params):
    response = client.get("/v1/settlements", params={"limit": 1000, **params})
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer):
    return [row["settlement_id"] for row in answer["rows"]]


def test_the_pages_hold_every_settlement_once_in_order(client):
    for sort in ("commune", "name", "population"):
        whole, page, found = listed(client, sort=sort), listed(client, sort=sort, limit=7), []
        while True:
            assert (page["numerator"], page["people"]) == (whole["numerator"], whole["people"])
            found += ids(page)
            if page["next"] is None:
                break
            page = client.get(page["next"]).json()
        assert found == ids(whole)
        assert len(set(found)) == whole["denominator"]


def test_a_next_page_keeps_the_conditions_and_the_run(client):
    west, south, east, north = 100.0, 10.0, 110.0, 20.0
    page = listed(client, limit=1, power="yes", bbox=f"{west},{south},{east},{north}", profile="ofcom")
    following = client.get(page["next"]).json()
    assert following["run_id"] == page["run_id"]
    assert following["profile"] == "ofcom"
    assert following["rows"][0]["power"] == "yes"


def test_names_come_in_vietnamese_order(client):
    names = [row["name"] for row in listed(client, sort="name")["rows"]]
    assert names == sorted(names, key=sort_key)


def test_the_largest_settlements_come_first_and_unknown_ones_last(client):
    people = [row["population"] for row in listed(client, sort="population")["rows"]]
    known = [count for count in people if count is not None]
    assert people[: len(known)] == sorted(known, reverse=True)


def test_words_without_diacritics_find_names_communes_and_ids(client):
    everything = listed(client)["rows"]
    row = everything[len(everything) // 2]
    for words in (search_key(row["name"]), search_key(row["commune_name"]).upper(), row["settlement_id"]):
        assert row["settlement_id"] in ids(listed(client, q=words))
    assert listed(client, q="khong co thon nao ten nhu vay")["rows"] == []


def test_a_box_and_a_unit_choose_what_lies_in_them(client):
    everything = listed(client)["rows"]
    placed = [row for row in everything if row["lon"] is not None]
    lons, lats = (sorted(row[name] for row in placed) for name in ("lon", "lat"))
    middle = len(placed) // 2
    box = (lons[0], lats[0], lons[middle], lats[middle])
    inside = {r["settlement_id"] for r in placed if r["lon"] <= box[2] and r["lat"] <= box[3]}
    assert set(ids(listed(client, bbox=",".join(map(str, box))))) == inside != set()
    code = placed[0]["commune_code"]
    assert {row["commune_code"] for row in listed(client, unit=code)["rows"]} == {code}
    assert client.get("/v1/settlements?unit=99999").status_code == 404


def test_a_box_or_page_that_cannot_be_is_refused(client):
    for asked in ("bbox=1,2,3", "bbox=5,5,1,9", "bbox=nan,0,1,1", "limit=0", "limit=1001", "sort=colour"):
        assert client.get(f"/v1/settlements?{asked}").status_code == 422, asked
    assert client.get("/v1/settlements?after=nobody").status_code == 404


def test_the_public_pages_through_the_same_list(client, computed):
    public = TestClient(create_app(computed.path))
    page = PublicSettlementsAnswer.model_validate_json(public.get("/v1/settlements?limit=5").content)
    assert [row.settlement_id for row in page.rows] == ids(listed(client, limit=5))
    assert "rsrp" not in public.get(page.next).text
