"""What the service's own description allows and forbids, and hostile requests; `scripts/fuzz_api` asks far more."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from phusong.api.access_store import AccessStore
from phusong.api.app import create_app
from phusong.api.jobs.routes import EXAMPLE_ID
from phusong.api.jobs.rows import open_rows
from phusong.api.jobs.table import JobTable
from phusong.api.keys import Keys
from phusong.geodata.workspace import Workspace

from .conftest import run
from .hostile import Attack, attack
from .test_serving import served

CONFIG = Path(__file__).parents[2] / "scripts" / "fuzz_api.toml"
CASES = 8  # of each kind a path and method


@pytest.fixture(scope="module")
def tireless(computed, tmp_path_factory):
    """A workspace whose service lets everybody ask as often as they like."""
    folder = tmp_path_factory.mktemp("fuzz") / "copy"
    shutil.copytree(computed.path, folder, symlinks=True, ignore=shutil.ignore_patterns("access"))
    with (folder / "phusong.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[service]\nrate_public = "1000000/second"\nrate_known = "1000000/second"\n')
    return Workspace.open(folder)


@pytest.fixture(scope="module")
def described(tireless):
    """The service by its description, and headers of a planner."""
    key = Keys(AccessStore(tireless.path)).add("fuzzing", "planner")
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", create_app(tireless.path), config=SchemathesisConfig.from_path(CONFIG)
    )
    return schema, {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_what_the_description_says(described, mode):
    schema, headers = described
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode.is_negative and not (operation.query or operation.body or operation.path_parameters):
            continue

        @settings(
            max_examples=CASES, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered(case):
            case.call_and_validate(headers=dict(headers))

        with suppress(Unsatisfiable):  # every text is a valid name: nothing can be wrong with it
            answered()


def examples_of(document):
    """Requests made of the examples in an OpenAPI document: method, address, body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            given = {entry["name"]: entry for entry in operation.get("parameters", ())}
            chosen = {
                name: (entry.get("examples") or entry["schema"].get("examples") or [None])[0]
                for name, entry in given.items()
            }
            missing = [name for name, entry in given.items() if entry["required"] and chosen[name] is None]
            assert not (missing and path.startswith("/v1/")), f"{path} has no example of {missing}"
            if missing:
                continue
            asked = {
                name: value for name, value in chosen.items() if given[name]["in"] == "query" and value is not None
            }
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            model = document["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], {})
            yield method, path.format(**chosen) + "?" + urlencode(asked), (model.get("examples") or [None])[0]


def test_every_example_of_the_description_is_answered(tireless):
    app = create_app(tireless.path)
    clients = []
    JobTable(open_rows(tireless.path)).add("compute", {}, caller="a", job_id=EXAMPLE_ID)
    for role in ("planner", "data_admin", "auditor"):
        key = Keys(AccessStore(tireless.path)).add(f"examples-{role}", role)
        clients.append(TestClient(app, headers={"Authorization": f"Bearer {key}"}, follow_redirects=False))
    tried = list(examples_of(app.openapi()))
    for method, address, body in tried:
        files = {"file": ("stations.csv", b"station_id")} if address.startswith("/v1/imports") else None
        statuses = [client.request(method, address, json=body, files=files).status_code for client in clients]
        assert {200, 202} & set(statuses), (method, address, body, statuses)
    assert len(tried) >= 15


def blocks(page):
    """The commands and the Python of a page of the documentation."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    commands = [line.strip() for line in text.splitlines() if line.startswith("    curl ")]
    return commands, re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def test_the_commands_and_the_python_of_the_how_to_work(tireless):
    commands, programs = blocks("how-to/serve.md")
    assert commands
    assert programs
    key = run("keys", "add", tireless.path, "reader", "--role", "planner").stdout.strip()
    with served(tireless.path) as (address, _):
        for command in commands:
            asked = command.replace("http://127.0.0.1:8000", address).replace("curl ", "curl -fsS ", 1)
            done = subprocess.run(
                asked, check=False, shell=True, env={"KEY": key, "PATH": "/usr/bin:/bin"}, capture_output=True
            )
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["run_id"]
        for program in programs:
            asked = program.replace("http://127.0.0.1:8000", address)
            done = subprocess.run(
                [sys.executable, "-c", asked], check=False, env={"KEY": key}, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip()


def test_hostile_requests_find_nothing_break_nothing_and_write_nothing(tireless):
    added = {role: run("keys", "add", tireless.path, f"of-{role}", "--role", role) for role in ("planner", "auditor")}
    keys = {role: result.stdout.strip() for role, result in added.items()}
    with served(tireless.path) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        found = attack(Attack(host, int(port), tireless, keys), 300)
    assert found.faults == []
    assert {"200", "400", "401", "403", "404", "405", "422"} <= set(found.statuses)
