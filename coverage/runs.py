"""Runs: answers published over content-addressed tiles, readable only when whole (`run_stores`).

The run's id is a hash of its inputs, settings, date, versions and outputs: the same answer is never published
twice.
"""

import hashlib
import io
import json
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
from phusong.coverage.run_stores import TABLES, flush, open_run_store
from phusong.coverage.service import Layer
from phusong.coverage.tiles import StoredTile, render_vrt
from phusong.coverage.versions import code_version, engine_version, library_versions
from phusong.geodata.grid import Grid
from phusong.geodata.sources import notices
from phusong.geodata.workspace import Workspace

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
        tables, contents = _encode_tables(outcome)
        identity = _identity(outcome, layers, tables)
        run_id = hashlib.sha256(_canonical_json(identity).encode()).hexdigest()[:16]
        manifest = _manifest(run_id, outcome, identity, layers=layers, tables=tables)
        manifest |= {"sources": notices(workspace.path), "imported_on": workspace.imported_on()}
        flush(workspace.store_dir)
        open_run_store(workspace).publish(aside, manifest, contents, make_current=outcome.scenario is None)
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


def _encode_tables(outcome: Outcome) -> tuple[dict[str, dict[str, Any]], dict[str, bytes]]:
    """The tables of a run as the manifest describes them, and their Parquet bytes, by name."""
    frames = {
        "settlements": outcome.settlements,
        "places": outcome.places,
        "figures": outcome.figures,
        "stations": outcome.eligible,
        "signals": outcome.signals,
        "units": outcome.units,
    }
    tables, contents = {}, {}
    for name in TABLES:
        buffer = io.BytesIO()
        frames[name].to_parquet(buffer, index=False)
        contents[name] = buffer.getvalue()
        digest = hashlib.sha256(contents[name]).hexdigest()
        tables[name] = {"file": f"{name}.parquet", "rows": len(frames[name]), "sha256": digest}
    return tables, contents


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
        "code": code_version(),
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
