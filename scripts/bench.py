"""Measure the engine: `scripts/bench [CASE ...]`; without a case the quick ones, `all` for everything.

A sample is one evaluated point, with the sampling of terrain and clutter and the mapping to pixels. Figures of one
thread are processor time, ratios of threads and whole computations wall time: medians of the counted runs, after one
that compiles.
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from phusong.coverage.benchmark import describe_machine
from scripts.bench_api import measure_api, measure_memory
from scripts.bench_fields import measure_fields, measure_new_mast, measure_radii, measure_threads
from scripts.bench_imports import measure_imports
from scripts.bench_increments import computed_workspace, measure_increments
from scripts.bench_mapping import measure_mapping, measure_masts
from scripts.bench_operations import measure_operations
from scripts.bench_peers import measure_peers
from scripts.bench_province import data_workspace, measure_province
from scripts.bench_whatif import measure_whatif
from scripts.bench_workers import measure_workers

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
CASES: dict[str, tuple[str, Callable[[argparse.Namespace], Any]]] = {
    "fields": (
        "a sample, a pixel, a geometry, a band, at every site",
        lambda a: measure_fields(a.radius_km, a.repeat, a.data),
    ),
    "threads": ("one thread against two", lambda a: measure_threads(a.radius_km, a.repeat, a.data)),
    "new-mast": ("one mast, three bands, 15 km, two threads", lambda a: measure_new_mast(a.repeat, a.data)),
    "mapping": ("sweep against path at every site", lambda a: measure_mapping(a.radius_km, a.data)),
    "operations": (
        "calls a sample and what they cost here",
        lambda a: measure_operations(a.radius_km, a.repeat, a.data),
    ),
    "radius": ("cost and memory at 5 to 30 km", lambda a: measure_radii(a.repeat, a.data)),
    "peers": ("SPLAT! HD and gdal_viewshed, where installed", lambda a: measure_peers(a.radius_km, a.repeat, a.data)),
    "masts": (
        "sweep against path on 30 random masts, and people covered",
        lambda a: _with_workspace(a, 30.0, lambda folder: measure_masts(folder, 20.0)),
    ),
    "province": (
        "a whole province, all masts against half of them, memory",
        lambda a: _with_workspace(a, 90.0, measure_province),
    ),
    "increments": (
        "a province after new and removed stations, beside a full computation",
        lambda a: _with_computed(a, 90.0, lambda folder: measure_increments(folder, full=a.full)),
    ),
    "map": (
        "the map in Chromium slowed 4 times: size, time to a popup, panning (needs scripts/install dev)",
        lambda a: _with_computed(a, 90.0, _measure_map),
    ),
    "api": (
        "the HTTP service with 8 connections and random questions",
        lambda a: _with_computed(a, 90.0, measure_api),
    ),
    "api-whatif": (
        "one mast, three bands, asked over HTTP at 200 places",
        lambda a: _with_computed(a, 30.0, measure_whatif),
    ),
    "api-memory": (
        "memory of a web process over 100,000 mixed requests",
        lambda a: _with_computed(a, 90.0, measure_memory),
    ),
    "imports": ("a million stations as CSV, 200,000 as a workbook", lambda _: measure_imports()),
    "workers": (
        "a full computation on one and on two Dask workers of one thread",
        lambda a: _with_workspace(a, 90.0, measure_workers),
    ),
}
QUICK = ("fields", "threads", "new-mast", "mapping")


def _with_workspace(given: argparse.Namespace, usual_m: float, measure: Callable[[Path], Any]) -> Any:
    with data_workspace(given.workspace, given.resolution_m or usual_m, given.data) as folder:
        return _none_there(given) if folder is None else measure(folder)


def _with_computed(given: argparse.Namespace, usual_m: float, measure: Callable[[Path], Any]) -> Any:
    fresh = partial(data_workspace, None, given.resolution_m or usual_m, given.data)
    with computed_workspace(given.workspace, fresh) as folder:
        return _none_there(given) if folder is None else measure(folder)


def _measure_map(folder: Path) -> Any:
    from scripts.bench_map import measure_map  # needs the browser's driver: scripts/install dev

    return measure_map(folder)


def _none_there(given: argparse.Namespace) -> None:
    print(f"{given.data / 'quang_binh'} is not there and no --workspace is given: left out", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """The arguments, with the cases by name."""
    cases = "\n".join(f"  {name:12} {text}{' *' if name in QUICK else ''}" for name, (text, _) in CASES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=f"{__doc__}\ncases (* without a case named):\n{cases}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="what to measure; all for everything")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeat", type=int, default=5, help="counted runs of each figure (5)")
    parser.add_argument("--radius-km", type=float, default=15.0, help="radius of the fields (15)")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the test data (../shared/data)")
    parser.add_argument(
        "--workspace", type=Path, help="imported workspace for masts and province, which stays as it is"
    )
    parser.add_argument(
        "--full", action="store_true", help="increments: measure the full computation though a manifest tells it"
    )
    parser.add_argument("--resolution-m", type=float, help="of the test data in masts (30) and the others (90)")
    given = parser.parse_args()
    given.cases = list(CASES) if given.cases == ["all"] else given.cases or list(QUICK)
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"no case {', '.join(sorted(unknown))}; the cases are {', '.join(CASES)}")
    return given


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    given = parse_arguments()
    found: dict[str, Any] = {"measured_at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": describe_machine()}
    for name in given.cases:
        print(f"measuring {name} ...", file=sys.stderr)
        found[name] = CASES[name][1](given)
    if given.json:
        json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        _print_tree(found, "")


def _print_tree(found: dict[str, Any], indent: str) -> None:
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            _print_tree(value, indent + "    ")
        else:
            print(f"{indent}{name:32} {value}")


if __name__ == "__main__":
    main()
