"""The whole computation: read, radio, people, figures, publish. Each stage is a function of the one before."""

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from phusong.coverage.cache import Cache
from phusong.coverage.cache_limit import cache_limit_bytes, limit_warnings, trim_cache
from phusong.coverage.dictionary import INTERFERENCE_NOTE, terrain_note
from phusong.coverage.figures import compute_figures
from phusong.coverage.ground import Population, read_population
from phusong.coverage.indoor import indoor_note, indoor_points, indoor_rows, indoor_settings, indoor_signal
from phusong.coverage.levels import Levels
from phusong.coverage.masts import Geometry, find_geometries
from phusong.coverage.models import find_model
from phusong.coverage.mosaic import INDOORS, OUTDOORS, Mosaic, MosaicMaker
from phusong.coverage.people_tiles import store_people
from phusong.coverage.prepare import Prepared, prepare, read_sources
from phusong.coverage.radio import Base, Network, Progress, Radio, compute_radio, find_network
from phusong.coverage.results import Results, current_run_id
from phusong.coverage.runs import Outcome, circumstances, publish
from phusong.coverage.scenarios import require_scenario_name, scenario_notes, scenario_run
from phusong.coverage.service import without_spread_at_sea
from phusong.coverage.settlements import compute_place_table, compute_settlement_table
from phusong.coverage.tiles import StoredTile
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.errors import StoreError
from phusong.geodata.settings import Settings, UplinkSettings
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import Claim, writing

SAMPLE_US = 1.2  # measured cost of one pixel of one mast on one thread [µs], `scripts/bench`
BAND_US = 0.4  # and of every further band
BYTES_PER_PIXEL = 1.4  # of a cached field on disk, measured


@dataclass(frozen=True)
class Computed:
    """A computation that ended: its run, whether that run is new, and what the user should know."""

    run_id: str
    published: bool
    warnings: list[dict[str, str]]
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a computation would do: the `--dry-run`.

    `disk_mb` is the working set, all fields of the present stations; `cached_fields` how many of them the cache holds.
    """

    stations: int
    geometries: int
    fields: int
    cached_fields: int
    pixels: int
    minutes: float
    disk_mb: float
    cache_limit_mb: float
    warnings: list[dict[str, str]]


@dataclass
class _Clock:
    """Seconds spent by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begin, 3)


def compute(
    workspace: Workspace,
    *,
    as_of: date | None = None,
    full: bool = False,
    scenario: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    wait_s: float = 0.0,
) -> Computed:
    """Compute the coverage of a workspace and publish it as the current run, or as a scenario beside it.

    Parameters
    ----------
    as_of
        The date the answer is for: which stations serve and which units are valid; None is today.
    full
        Compute every field anew instead of taking it from the cache.
    scenario
        Name of a run in which planned stations serve too; the current run stays what it is. None is no scenario.
    threads
        Worker threads, None for one a processor; the result does not depend on it.
    progress
        Called with the masts done and in all.
    wait_s
        How long to wait for another writer of the workspace [s].

    Raises
    ------
    BusyError
        Another process is writing the workspace.
    DiskFullError
        The disk is full; the published run stays.
    MissingLayerError
        A layer or raster is missing or empty.
    InputError
        The layers do not fit together, or the scenario cannot have that name.
    """
    if scenario is not None:
        require_scenario_name(scenario)
    with writing(workspace.path, "compute", wait_s=wait_s) as claim:
        return _compute(workspace, claim, as_of or date.today(), full, scenario, threads, progress)


def _compute(
    workspace: Workspace,
    claim: Claim,
    day: date,
    full: bool,
    scenario: str | None,
    threads: int | None,
    progress: Progress | None,
) -> Computed:
    clock, settings = _Clock(), workspace.settings
    cache = Cache(workspace.cache_dir)
    with clock.stage("read"):
        sources = read_sources(workspace)
        described = settings.model_dump(mode="json", exclude={"cache_limit_gb"})
        given = circumstances(sources.inputs, described, day, scenario=scenario)
        before = current_run(workspace)
        known = before if scenario is None else scenario_run(workspace, scenario)
        if known and not full and given.items() <= known.manifest.items():
            return Computed(known.run_id, False, known.manifest["warnings"], known.manifest)
        if full:
            cache.clear()
        prepared = prepare(workspace, day, sources=sources, cache=cache, planned=scenario is not None)
        population = read_population(workspace, cache, prepared.ground, prepared.units, sources.raster_hashes)
    with clock.stage("radio"):
        levels = Levels(prepared, settings.model, settings.calibration, cache)
        network = find_network(levels, find_geometries(prepared, 1e3 * settings.model.radius_km))
        claim.needed_bytes = partial(_missing_bytes, levels, network)
        base = Base() if full or before is None else _base_of(before, prepared)
        radio = _radio(levels, network, base, threads, progress)
    with clock.stage("people"):
        stations = prepared.eligible.table.assign(signal_key=network.signal_key)
        workspace.store_dir.mkdir(parents=True, exist_ok=True)
        maker = MosaicMaker.of(
            prepared.grid, stations, network.geometries, population, settings, cache, workspace.store_dir
        )
        mosaic = maker.finish(radio, threads)
        people_tiles = _people_tiles(workspace, prepared, population, base=None if full else before)
    with clock.stage("figures"):
        tables = _tables(settings, prepared, population, radio, mosaic, day)
    outcome = Outcome(
        grid=prepared.grid,
        layers=mosaic.tiles,
        people_tiles=people_tiles,
        eligible=stations,
        signals=radio.points,
        **tables,
        units=prepared.units.geometries,
        people=population.people,
        inputs=sources.inputs,
        ground=prepared.ground.key,
        population=population.key,
        settings=given["settings"],
        as_of=day,
        scenario=scenario,
        warnings=[*prepared.eligible.warnings, *_moved_people(population)],
        notes=[INTERFERENCE_NOTE, *_model_notes(settings, prepared.terrain_kind), *scenario_notes(scenario, stations)],
        timings=clock.seconds,
        peak_memory_mb=_peak_memory_mb(),
    )
    run_id = publish(workspace, outcome)
    return Computed(
        run_id,
        known is None or run_id != known.run_id,
        [*outcome.warnings, *_damage(cache), *trim_cache(cache, network.field_keys, settings.cache_limit_gb)],
        Results.open(workspace, run_id).manifest,
    )


def current_run(workspace: Workspace) -> Results | None:
    """The published run, None before the first."""
    return Results.open(workspace) if current_run_id(workspace) else None


def _people_tiles(
    workspace: Workspace, prepared: Prepared, population: Population, *, base: Results | None
) -> list[StoredTile]:
    """The stored tiles of the residents; those of the base where the same people live in the same places."""
    if base and base.grid == prepared.grid and base.manifest.get("population") == population.key:
        return list(base.people_tiles.values())
    return store_people(
        population.residents,
        prepared.grid,
        communes=prepared.units.levels["commune"].codes,
        store_dir=workspace.store_dir,
    )


def _base_of(before: Results, prepared: Prepared) -> Base:
    """What the published run knows that still holds."""
    if before.grid != prepared.grid or "signals" not in before.manifest["tables"]:
        return Base()
    stations = before.stations
    keys: dict[tuple[str, str], dict[str, str]] = {}
    for station in stations.itertuples():
        keys.setdefault((str(station.technology), str(station.operator)), {})[str(station.station_id)] = str(
            station.signal_key
        )
    points = before.signals if before.manifest["ground"] == prepared.ground.key else before.signals.iloc[:0]
    return Base(keys, before.tiles, before.store_dir, points)


def _radio(levels: Levels, network: Network, base: Base, threads: int | None, progress: Progress | None) -> Radio:
    """The radio stage; from nothing where a tile of the base is damaged."""
    points = _points(levels.prepared)
    try:
        return compute_radio(levels, network, points, base=base, threads=threads, progress=progress)
    except StoreError:
        return compute_radio(levels, network, points, base=Base(), threads=threads, progress=progress)


def _tables(
    settings: Settings, prepared: Prepared, population: Population, radio: Radio, mosaic: Mosaic, day: date
) -> dict[str, pd.DataFrame]:
    """The tables of settlements, places and figures."""
    layers, units, stations = prepared.layers, prepared.units, prepared.eligible.table
    levels = without_spread_at_sea(radio.points, _points(prepared), prepared.zone)
    points = _with_uplink(levels, stations, settings.uplink)
    fibre = layers.get("fibre_endpoints")
    settlements = compute_settlement_table(
        layers["settlements"], _signal_of(points, "s"), units=units, settings=settings, stations=stations, as_of=day,
        fibre=fibre, observations=layers.get("observations"),
    )  # fmt: skip
    places = compute_place_table(
        _places(prepared), _signal_of(points, "p"), units=units, settings=settings, fibre=fibre
    )
    shared = {
        "residents": population.residents, "units": units, "stations": stations, "settlements": settlements,
        "places": places,
    }  # fmt: skip
    figures = compute_figures(
        mosaic.tallies[OUTDOORS], **shared, settings=settings,
        settlement_signal=_signal_of(points, "s"), place_signal=_signal_of(points, "p"),
    )  # fmt: skip
    indoor = settings.indoor
    if indoor is not None:
        inside, limited = indoor_points(points, indoor), indoor_settings(settings, indoor)
        rows = compute_figures(
            mosaic.tallies[INDOORS], **shared, settings=limited,
            settlement_signal=_signal_of(inside, "s"), place_signal=_signal_of(inside, "p"),
        )  # fmt: skip
        figures = pd.concat([figures, indoor_rows(rows)], ignore_index=True)
        settlements = settlements.assign(indoor_signal=indoor_signal(settlements, _signal_of(inside, "s"), limited))
    return {"settlements": settlements, "places": places, "figures": figures}


def plan(workspace: Workspace, *, as_of: date | None = None, planned: bool = False, threads: int | None = None) -> Plan:
    """What `compute` would do, and about what it would cost with an empty cache.

    Raises
    ------
    MissingLayerError, InputError
        As `compute`.
    """
    cache = Cache(workspace.cache_dir)
    prepared = prepare(workspace, as_of or date.today(), cache=cache, planned=planned)
    radius_m = 1e3 * workspace.settings.model.radius_km
    geometries = find_geometries(prepared, radius_m)
    settings = workspace.settings
    levels = Levels(prepared, settings.model, settings.calibration, cache)
    cached = pixels = stored = 0
    cost_us = 0.0
    for geometry in geometries:
        count = _pixel_count(prepared, geometry, radius_m)
        pixels += count
        cached += len(geometry.freqs_ghz) * cache.holds_field(levels.field_key(geometry))
        stored += count * len(geometry.freqs_ghz)
        cost_us += count * (SAMPLE_US + BAND_US * (len(geometry.freqs_ghz) - 1))
    stored_bytes = stored * BYTES_PER_PIXEL
    return Plan(
        stations=len(prepared.stations),
        geometries=len(geometries),
        fields=sum(len(geometry.freqs_ghz) for geometry in geometries),
        cached_fields=cached,
        pixels=pixels,
        minutes=round(cost_us / 60e6 / (threads or os.cpu_count() or 1), 2),
        disk_mb=round(stored_bytes / 1e6, 1),
        cache_limit_mb=round(cache_limit_bytes(settings.cache_limit_gb, stored_bytes) / 1e6, 1),
        warnings=limit_warnings(settings.cache_limit_gb, stored_bytes),
    )


def _pixel_count(prepared: Prepared, geometry: Geometry, radius_m: float) -> int:
    """Pixels that the field of a geometry answers."""
    if geometry.window is None:
        return 0
    rows, cols = geometry.window.slices
    xs, ys = prepared.grid.centres()
    near = np.hypot(xs[None, cols] - geometry.x_m, ys[rows, None] - geometry.y_m) <= radius_m
    return int((near & prepared.wanted.values[rows, cols]).sum())


def _missing_bytes(levels: Levels, network: Network) -> float:
    """About what the fields take on disk that the cache does not hold."""
    radius_m = 1e3 * levels.model.radius_km
    return BYTES_PER_PIXEL * sum(
        len(geometry.freqs_ghz) * _pixel_count(levels.prepared, geometry, radius_m)
        for geometry, key in zip(network.geometries, network.field_keys, strict=True)
        if not levels.cache.holds_field(key)
    )


def _points(prepared: Prepared) -> pd.DataFrame:
    """Settlements (ids "s…") and places (ids "p…") with their position in the CRS of the grid."""
    frames = []
    for prefix, layer, column in (("s", "settlements", "settlement_id"), ("p", "places", "place_id")):
        if layer in prepared.layers:
            x_m, y_m = prepared.points_of(layer)
            frames.append(pd.DataFrame({"point_id": prefix + prepared.layers[layer][column], "x_m": x_m, "y_m": y_m}))
    return pd.concat(frames, ignore_index=True)


def _with_uplink(points: pd.DataFrame, stations: pd.DataFrame, uplink: UplinkSettings | None) -> pd.DataFrame:
    """The levels at points with the one below which their station's uplink fails."""
    floor_dbm = pd.Series(level_floor_dbm(stations, uplink), index=stations["station_id"].astype(str))
    return points.assign(floor_dbm=floor_dbm.reindex(points["station_id"].astype(str)).to_numpy())


def _signal_of(points: pd.DataFrame, prefix: str) -> pd.DataFrame:
    chosen = points[points["point_id"].str.startswith(prefix)]
    return chosen.assign(point_id=chosen["point_id"].str[1:]).reset_index(drop=True)


def _model_notes(settings: Settings, terrain_kind: str) -> list[dict[str, str]]:
    """What an answer says of its model, of the terrain where the model reads it, and of its figures indoors."""
    notes = list(find_model(settings.model).notes) or [terrain_note(terrain_kind)]
    return notes if settings.indoor is None else [*notes, indoor_note(settings.indoor)]


def _places(prepared: Prepared) -> Any:
    """The places, or none of them with the right columns."""
    if "places" in prepared.layers:
        return prepared.layers["places"]
    return prepared.layers["settlements"].iloc[:0].assign(place_id="", has_fixed_broadband="")


def _moved_people(population: Population) -> list[dict[str, str]]:
    cells, people = population.moved
    if not cells:
        return []
    return [
        {
            "en": f"{people} people of {cells} population cells without land went to the nearest land pixel",
            "vi": f"{people} người của {cells} ô dân số không có đất phù hợp được chuyển sang ô đất gần nhất",
        }
    ]


def _damage(cache: Cache) -> list[dict[str, str]]:
    if not cache.damaged:
        return []
    names = ", ".join(sorted(cache.damaged)[:5])
    return [
        {
            "en": f"{len(cache.damaged)} damaged files of the cache were computed again: {names}",
            "vi": f"{len(cache.damaged)} tệp bộ đệm bị hỏng đã được tính lại: {names}",
        }
    ]


def _peak_memory_mb() -> float:
    """Peak resident memory of the process so far [MB]."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
