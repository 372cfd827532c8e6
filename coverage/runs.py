"""Runs: answers published as one folder over content-addressed tiles, readable only when whole.

A run is written aside, flushed to disk and renamed; then the pointer `runs/current` is replaced in one step.
The run's id is a hash of its inputs, settings, date, versions and outputs: the same answer is never published
twice.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from phusong.coverage.dictionary import DATA_DICTIONARY, INTERFERENCE_NOTE
from phusong.coverage.results import CURRENT, MANIFEST
from phusong.coverage.service import Layer
from phusong.coverage.tiles import StoredTile, render_vrt
from phusong.coverage.versions import engine_version, library_versions
from phusong.geodata.grid import Grid
from phusong.geodata.workspace import Workspace

TABLES = ("settlements", "places", "figures", "stations", "signals", "units")
SUMMARY_INDICATORS = ("people", "residential_cells", "settlements")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a computation hands over to be published.

    `layers` are the stored tiles by technology and operator, `people_tiles` those of the residents; `eligible` is the
    table of the stations that serve (row position = server code) with their signal keys; `signals` the best station of
    every settlement and place (ids "s…" and "p…"); `people` the number of people on the grid; `inputs` the sha256 and
    row count per input; `ground` and `population` the hashes of what paths cross and of who lives where; `settings`
    JSON-ready; `scenario` the name of a run that is never the current one, None for the published answer; `warnings`
    and `notes` as {"en", "vi"}; `timings` seconds per stage (not part of the run's id).
    """

    grid: Grid
    layers: Mapping[Layer, Sequence[StoredTile]]
    eligible: gpd.GeoDataFrame
    people_tiles: Sequence[StoredTile]
    signals: pd.DataFrame
    settlements: pd.DataFrame
    places: pd.DataFrame
    figures: pd.DataFrame
    units: gpd.GeoDataFrame
    people: float
    population: str
    inputs: dict[str, dict[str, Any]]
    ground: str
    settings: dict[str, Any]
    as_of: date
    scenario: str | None = None
    warnings: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None


def publish(workspace: Workspace, outcome: Outcome) -> str:
    """Publish an outcome as the current run and give its id; an equal run is not written again.

    A scenario is written the same way and the current run stays what it was.

    Parameters
    ----------
    workspace
        Where the run belongs.
    outcome
        The answers and their circumstances.
    """
    workspace.runs_dir.mkdir(parents=True, exist_ok=True)
    workspace.store_dir.mkdir(parents=True, exist_ok=True)
    with _folder_aside(workspace.runs_dir) as aside:
        layers = _write_layers(outcome, aside)
        tables = _write_tables(outcome, aside)
        identity = _identity(outcome, layers, tables)
        run_id = hashlib.sha256(_canonical_json(identity).encode()).hexdigest()[:16]
        manifest = _manifest(run_id, outcome, identity, layers=layers, tables=tables)
        text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / MANIFEST).write_text(text, encoding="utf-8")
        _flush(workspace.store_dir)
        for path in (*sorted(aside.iterdir()), aside):
            _flush(path)
        target = workspace.runs_dir / run_id
        if not target.exists():
            os.rename(aside, target)
            _flush(workspace.runs_dir)
    if outcome.scenario is None:
        _point_to(workspace.runs_dir, run_id)
    return run_id


@contextmanager
def _folder_aside(parent: Path) -> Iterator[Path]:
    """A folder that vanishes at the end unless it was renamed."""
    aside = parent / f".new-{uuid.uuid4().hex}"
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_layers(outcome: Outcome, folder: Path) -> list[dict[str, Any]]:
    layers = []
    for (technology, operator), tiles in sorted(outcome.layers.items()):
        vrt = f"{_file_name(technology)}_{_file_name(operator)}.vrt"
        (folder / vrt).write_text(render_vrt(tiles, outcome.grid, store_from_vrt="../../store"), encoding="utf-8")
        stored = [asdict(tile) for tile in tiles]
        layers.append({"technology": technology, "operator": operator, "vrt": vrt, "tiles": stored})
    return layers


def _write_tables(outcome: Outcome, folder: Path) -> dict[str, dict[str, Any]]:
    frames = {
        "settlements": outcome.settlements,
        "places": outcome.places,
        "figures": outcome.figures,
        "stations": outcome.eligible,
        "signals": outcome.signals,
        "units": outcome.units,
    }
    tables = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        frames[name].to_parquet(path, index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        tables[name] = {"file": path.name, "rows": len(frames[name]), "sha256": digest}
    return tables


def _identity(outcome: Outcome, layers: list[dict[str, Any]], tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the run's id is a hash of."""
    return {
        **circumstances(outcome.inputs, outcome.settings, outcome.as_of, scenario=outcome.scenario),
        "ground": outcome.ground,
        "population": outcome.population,
        "people": [asdict(tile) for tile in outcome.people_tiles],
        "outputs": {
            "tables": {name: table["sha256"] for name, table in tables.items()},
            "layers": [[*(layer[key] for key in ("technology", "operator", "tiles"))] for layer in layers],
        },
    }


def circumstances(
    inputs: dict[str, dict[str, Any]], settings: dict[str, Any], as_of: date, *, scenario: str | None
) -> dict[str, Any]:
    """All that an answer follows from, as a manifest holds it."""
    return {
        "inputs": inputs,
        "settings": settings,
        "as_of": as_of.isoformat(),
        "scenario": scenario,
        "engine": engine_version(),
        "libraries": library_versions(),
    }


def _manifest(
    run_id: str,
    outcome: Outcome,
    identity: dict[str, Any],
    *,
    layers: list[dict[str, Any]],
    tables: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    grid = outcome.grid
    inputs = {key: value for key, value in identity.items() if key != "outputs"}
    return {
        "run_id": run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        **inputs,
        "grid": {"crs": grid.crs, "transform": list(grid.transform)[:6], "shape": list(grid.shape)},
        "people_on_grid": outcome.people,
        "layers": layers,
        "tables": tables,
        "figures": _summary(outcome),
        "warnings": outcome.warnings,
        "notes": [INTERFERENCE_NOTE, *(note for note in outcome.notes if note != INTERFERENCE_NOTE)],
        "data_dictionary": DATA_DICTIONARY,
        "timings": outcome.timings,
        "peak_memory_mb": outcome.peak_memory_mb,
    }


def _summary(outcome: Outcome) -> list[dict[str, Any]]:
    """Figures of the province for any operator, default profile."""
    figures = outcome.figures
    chosen = figures[
        (figures["level"] == "province")
        & (figures["operator"] == "any")
        & figures["indicator"].isin(SUMMARY_INDICATORS)
        & (figures["profile"] == outcome.settings["profiles"][0]["name"])
    ]
    columns = ["technology", "indicator", "service", "numerator", "denominator", "share"]
    table = chosen[columns].astype(object)
    rows: list[dict[str, Any]] = table.where(table.notna(), None).to_dict("records")
    return rows


def _canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _file_name(name: str) -> str:
    """A name safe in a file; different names stay different."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _point_to(runs_dir: Path, run_id: str) -> None:
    aside = runs_dir / f".{CURRENT}-{uuid.uuid4().hex}"
    aside.write_text(run_id + "\n", encoding="utf-8")
    _flush(aside)
    os.replace(aside, runs_dir / CURRENT)
    _flush(runs_dir)


def _flush(path: Path) -> None:
    """Force a file or the entries of a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
