"""The internal map of a province in headless Chromium on a slowed processor: its size, and how soon it answers."""

import gzip
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from phusong.coverage.compute import compute
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.workspace import Workspace
from phusong.maps.borders import displacement_m, simplify_borders
from phusong.maps.page import render_map
from scripts.bench_province import AS_OF
from tests.chromium import launch_chromium

SLOWED = 4  # times, as the Chrome DevTools Protocol counts
VISITS = 9
DRAGS = 6
_WATCH_LONG_TASKS = """
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ entryTypes: ["longtask"] });
"""
_FIRST_WITH_PROFILE = """() => {
    const isTold = (one) => page.why[one.settlement_id]?.profile && one.name && LIST_GROUPS.stateUncovered(one);
    return settlements.find(isTold).name;
}"""


def measure_map(folder: Path) -> dict[str, Any]:
    """Size of the page, displacement of its borders, seconds to a filtered list with a popup, long tasks of panning.

    Parameters
    ----------
    folder
        A workspace; it is computed if it is not yet.
    """
    workspace = Workspace.open(folder)
    if current_run_id(workspace) is None:
        compute(workspace, as_of=AS_OF)
    results = Results.open(workspace)
    page = render_map(results, workspace, audience="internal")
    units = results.units("commune")
    crs = workspace.settings.crs
    moved = displacement_m(
        units.to_crs(crs).geometry.to_numpy(), simplify_borders(units, crs).to_crs(crs).geometry.to_numpy()
    )
    found: dict[str, Any] = {
        "megabytes": round(len(page.encode()) / 1e6, 2),
        "megabytes_gzipped": round(len(gzip.compress(page.encode(), mtime=0)) / 1e6, 2),
        "border_displacement_m": round(moved, 1),
    }
    with tempfile.TemporaryDirectory() as aside, sync_playwright() as playwright:
        file = Path(aside) / "map.html"
        file.write_text(page, encoding="utf-8")
        browser = launch_chromium(playwright)
        visits = [_visit(browser, file.as_uri()) for _ in range(VISITS)]
        browser.close()
    tasks = [task for _, _, of_visit in visits for task in of_visit]
    seconds = [second for second, _, _ in visits]
    return found | {
        "slowed_times": SLOWED,
        "filtered_with_popup_s": round(statistics.median(seconds), 2),
        "slowest_s": round(max(seconds), 2),
        "of_it_processor_s": round(statistics.median(busy for _, busy, _ in visits), 2),
        "panning_long_tasks_p95_ms": round(np.percentile(tasks, 95)) if tasks else 0,
        "panning_long_tasks": len(tasks),
    }


def _visit(browser: Browser, address: str) -> tuple[float, float, list[float]]:
    """Seconds until typed text has filtered the list and a popup shows its profile, and those of them that the page's
    thread computed, whatever else the machine does; long tasks while panning [ms].
    """
    context = browser.new_context(viewport={"width": 1366, "height": 768}, offline=True)
    page = context.new_page()
    page.add_init_script(_WATCH_LONG_TASKS)
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address, wait_until="commit")
    page.wait_for_selector("#list button")
    page.locator("#list-search").press_sequentially(str(page.evaluate(_FIRST_WITH_PROFILE)))
    page.locator("#list button").first.click()
    page.wait_for_selector(".leaflet-popup svg.profile")
    seconds = float(page.evaluate("() => performance.now() / 1000"))
    metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    tasks = _pan(page)
    context.close()
    return seconds, float(metrics["TaskDuration"]), tasks


def _pan(page: Page) -> list[float]:
    page.keyboard.press("Escape")
    page.evaluate("() => { map.setZoom(10, { animate: false }); window.longTasks.length = 0; }")
    for drag in range(DRAGS):
        start, end = (700, 900) if drag % 2 else (900, 700)
        page.mouse.move(start, 450)
        page.mouse.down()
        page.mouse.move(end, 300, steps=12)
        page.mouse.up()
        page.wait_for_timeout(300)
    return [float(task) for task in page.evaluate("() => window.longTasks")]
