"""Rules for the whole test run."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.chromium import launch_chromium
from tests.databases import BINARIES, Cluster

hypothesis.settings.register_profile("phusong", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("phusong")


def pytest_configure() -> None:
    """The tests' workspaces are in folders unless a test says otherwise."""
    os.environ.pop("PHUSONG_DATABASE_URL", None)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server with PostGIS."""
    if not BINARIES:
        pytest.skip("PostGIS is missing: apt-get install postgresql postgresql-postgis")
    with tempfile.TemporaryDirectory(prefix="phusong-postgres-") as folder:  # pytest's own are closed to other users
        made = Cluster(Path(folder))
        yield made
        made.stop(signal.SIGQUIT)  # nothing in it is kept


@pytest.fixture
def database(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty database with PostGIS, and the workspaces of the test belong there."""
    url = cluster.empty_database()
    monkeypatch.setenv("PHUSONG_DATABASE_URL", url)
    return url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium that asks nobody for anything of its own accord."""
    with sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        yield chromium
        chromium.close()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With PHUSONG_NO_SKIP a run that skipped a test has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("PHUSONG_NO_SKIP") and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("FAILED: tests were skipped, and PHUSONG_NO_SKIP is set", red=True)
