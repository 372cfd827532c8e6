"""Answers say how old their data is, and answer for the day that is asked for."""

import shutil
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from phusong.api.prepared_cache import PreparedCache
from phusong.coverage.compute import compute
from phusong.geodata.workspace import Workspace
from tests.api.conftest import local_client

BEFORE, AFTER = date(2025, 6, 30), date(2026, 1, 1)  # the communes were merged between


@pytest.fixture(scope="module")
def two_days(computed: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A service with runs for two days, and a run of a scenario for a day between."""

    folder = tmp_path_factory.mktemp("days") / "W"
    shutil.copytree(computed.path, folder, symlinks=True, ignore=shutil.ignore_patterns("access", "jobs"))
    workspace = Workspace.open(folder)
    found: dict[str, Any] = {"before": compute(workspace, as_of=BEFORE).run_id}
    compute(workspace, as_of=date(2025, 12, 31), scenario="plan")
    found["after"] = compute(workspace, as_of=AFTER).run_id
    found["client"] = local_client(workspace)
    return found


@pytest.mark.parametrize("parameter", ["as_of", "run"])
@pytest.mark.parametrize("path", ["/v1/coverage", "/v1/settlements?limit=1", "/v1/point?lon=107.2&lat=19.05"])
@pytest.mark.parametrize(
    ("day", "run"),
    [("2025-06-30", "before"), ("2025-12-31", "before"), ("2026-01-01", "after"), ("2026-01-31", "after")],
)
def test_a_day_is_answered_by_the_newest_published_run_for_it_or_before(
    two_days: dict[str, Any], path: str, parameter: str, day: str, run: str
) -> None:
    sign = "&" if "?" in path else "?"
    assert two_days["client"].get(f"{path}{sign}{parameter}={day}").json()["run_id"] == two_days[run]


@pytest.mark.parametrize("day", ["2025-06-29", "1990-01-01"])
def test_a_day_before_all_runs_is_refused(two_days: dict[str, Any], day: str) -> None:
    for path in (f"/v1/coverage?as_of={day}", f"/v1/coverage/901?date={day}"):
        assert two_days["client"].get(path).status_code == 404


def test_a_scenario_is_named_as_a_run_and_a_run_with_a_day_is_refused(two_days: dict[str, Any]) -> None:
    client: TestClient = two_days["client"]
    assert client.get("/v1/coverage?run=plan").json()["as_of"] == "2025-12-31"
    both = client.get("/v1/coverage?run=plan&as_of=2026-01-01")
    assert both.status_code == 422
    assert "not both" in both.json()["detail"]


def test_a_code_is_that_of_the_units_of_the_day(two_days: dict[str, Any], computed: Workspace) -> None:
    client: TestClient = two_days["client"]
    codes = {
        level: {row["unit_code"]: row["unit_name"] for row in client.get(f"/v1/coverage?level={level}").json()["rows"]}
        for level in ("commune", "old_commune", "district", "province")
    }
    reused = next(code for code in codes["commune"] if code in codes["old_commune"])
    gone = next(code for code in codes["old_commune"] if code not in codes["commune"])
    for code, level in ((reused, "commune"), (gone, "old_commune"), ("901", "district"), ("99", "province")):
        found = client.get(f"/v1/coverage/{code}").json()
        assert {(row["level"], row["unit_code"], row["unit_name"]) for row in found["rows"]} == {
            (level, code, codes[level][code])
        }
    assert client.get("/v1/coverage/00000").status_code == 404
    then = client.get(f"/v1/coverage/{reused}?date=2025-06-30").json()
    assert then["run_id"] == two_days["before"]
    assert {row["unit_name"] for row in then["rows"]} == {codes["old_commune"][reused]}
    same = client.get(f"/v1/coverage?level=commune&unit={reused}&technology=4G").json()
    assert client.get(f"/v1/coverage/{reused}?technology=4G").json()["rows"] == same["rows"]


def test_an_answer_says_how_old_its_stations_are(copied: Workspace) -> None:
    now = datetime.now(UTC)
    for age_days, layer in ((200, "stations"), (500, "terrain")):
        (made,) = copied.imports_dir.glob(f"*-{layer}")
        made = made.rename(made.with_name(f"{now - timedelta(days=age_days):%Y%m%dT%H%M%S.%fZ}-{layer}"))
    shutil.copytree(made, made.with_name(f"{now - timedelta(days=600):%Y%m%dT%H%M%S.%fZ}-terrain"))
    compute(copied, as_of=AFTER)
    client = local_client(copied)
    for path in ("/v1/coverage", "/v1/settlements", "/v1/settlements/TM022", "/v1/point?lon=107.2&lat=19.05"):
        said = client.get(path).json()
        assert said["data_on"]["stations"] == f"{now - timedelta(days=200):%Y-%m-%d}"
        assert said["data_on"]["terrain"] == f"{now - timedelta(days=500):%Y-%m-%d}"
        assert said["data_age_days"] == 200
        assert "200 days" in said["age_warning"]["en"]
        assert "200 ngày" in said["age_warning"]["vi"]


def test_young_data_is_not_warned_about_and_data_without_import_has_no_age(copied: Workspace) -> None:
    said = local_client(copied).get("/v1/coverage").json()
    assert (said["data_on"]["stations"], said["data_age_days"]) == (f"{datetime.now(UTC):%Y-%m-%d}", 0)
    assert said["age_warning"] is None
    shutil.rmtree(copied.imports_dir)
    compute(copied, as_of=AFTER)
    said = local_client(copied).get("/v1/coverage").json()
    assert (said["data_on"], said["data_age_days"], said["age_warning"]) == ({}, None, None)


def test_days_between_which_no_unit_changed_share_the_ground(computed: Workspace) -> None:
    cache = PreparedCache(computed)
    first, second = (cache.prepared(computed, day) for day in (AFTER, date(2026, 11, 1)))
    assert first.ground is second.ground
    before = cache.prepared(computed, BEFORE)
    assert before.units.levels["commune"].codes != first.units.levels["commune"].codes


@pytest.mark.parametrize("day", ["0", "0.5", "1767225600", "2026-1-1", "2026-02-30", "2026-01-01T00:00:00"])
def test_a_day_is_written_as_one(client: TestClient, day: str) -> None:
    for asked in (f"/v1/coverage?as_of={day}", f"/v1/coverage/901?date={day}", f"/v1/audit?since={day}"):
        assert client.get(asked).status_code == 422, asked
    assert client.post("/v1/jobs", json={"as_of": float(day) if day[:2] != "20" else day}).status_code == 422


def test_a_path_is_that_of_a_day(client: TestClient) -> None:
    asked = "/v1/profile?from=TRAM-064-B-3G&to=107.29,19.08"
    assert client.get(f"{asked}&as_of=2026-01-31").json()["as_of"] == "2026-01-31"
