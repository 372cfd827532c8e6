"""Settlements by a part of their name and by disagreement; the list shows what was declared and measured."""

import csv
import io
import json

from fastapi.testclient import TestClient

from phusong.geodata.workspace import Workspace
from tests.api.conftest import run


def rows(workspace: Workspace, *words: str) -> list[dict]:
    return json.loads(run("settlements", workspace.path, *words, "--json").stdout)["rows"]


def test_a_name_is_found_without_diacritics_and_with_its_own_only(computed: Workspace, client: TestClient) -> None:
    found = {row["name"] for row in rows(computed, "--name", "suoi mau")}
    assert found
    assert all("Suối Mẫu" in name for name in found)
    assert {row["name"] for row in rows(computed, "--name", "Suối Mẫu")} == found
    assert rows(computed, "--name", "Suôi Mẫu") == []
    answer = client.get("/v1/settlements", params={"name": "SUOI  mau"}).json()
    assert {row["name"] for row in answer["rows"]} == found


def test_disagreements_are_listed_and_marked(computed: Workspace, client: TestClient) -> None:
    found = rows(computed, "--disagrees", "yes")
    assert found
    for row in found:
        assert {row["signal_declared"], row["signal_measured"]} - {"", row["signal"]}
        assert row["signal_published"] == row["signal"]
    assert "≠" in run("settlements", computed.path, "--disagrees", "yes").stdout
    assert client.get("/v1/settlements", params={"disagrees": "yes"}).json()["numerator"] == len(found)


def test_the_list_has_modelled_declared_and_measured_side_by_side(computed: Workspace) -> None:
    result = run("settlements", computed.path, "--csv")
    listed = list(csv.DictReader(io.StringIO(result.stdout.lstrip("\ufeff"))))
    observed = computed.read_layer("observations").query("indicator == 'signal'")
    for source, kind in (("signal_declared", "official_list"), ("signal_measured", "survey")):
        stated = observed[observed["kind"] == kind].set_index("settlement_id")["value"].to_dict()
        assert stated
        assert {row["settlement_id"]: row[source] for row in listed if row["settlement_id"] in stated} == stated
