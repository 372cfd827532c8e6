"""The whole computation: read, radio, people, figures, publish. Each stage is a function of the one before."""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from phusong.coverage.apart import compute_radio_apart, count_apart, share_levels
from phusong.coverage.cache import Cache
from phusong.coverage.cache_limit import trim_cache
from phusong.coverage.cluster import Cluster, Remote, open_cluster
from phusong.coverage.crew import Progress, Threads
from phusong.coverage.dictionary import INTERFERENCE_NOTE, terrain_note
from phusong.coverage.ground import Population, read_population
from phusong.coverage.indoor import indoor_note
from phusong.coverage.levels import Levels
from phusong.coverage.masts import find_geometries
from phusong.coverage.memory import Memory, give_back_large_arrays
from phusong.coverage.models import find_model
from phusong.coverage.mosaic import Mosaic, MosaicMaker
from phusong.coverage.network import Base, Network, find_network
from phusong.coverage.people_tiles import store_people
from phusong.coverage.plan import missing_bytes
from phusong.coverage.prepare import Prepared, Sources, prepare, read_sources
from phusong.coverage.radio import Radio, compute_radio
from phusong.coverage.results import Results, current_run_id
from phusong.coverage.run_tables import compute_tables, find_points
from phusong.coverage.runs import Outcome, circumstances, publish
from phusong.coverage.scenarios import require_scenario_name, scenario_notes, scenario_run
from phusong.coverage.service import Layer
from phusong.coverage.tiles import Box, StoredTile
from phusong.geodata.errors import StoreError, UnknownNameError
from phusong.geodata.settings import Settings
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import Claim, writing


@dataclass(frozen=True)
class Computed:
    """A computation that ended: its run, whether that run is new, and what the user should know."""

    run_id: str
    published: bool
    warnings: list[dict[str, str]]
    manifest: dict[str, Any]


@dataclass
class _Clock:
    """Seconds spent by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begin, 3)


def compute(
    workspace: Workspace,
    *,
    as_of: date | None = None,
    full: bool = False,
    scenario: str | None = None,
    threads: int | None = None,
    remote: Remote | None = None,
    progress: Progress | None = None,
    wait_s: float = 0.0,
    memory: Memory | None = None,
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
    remote
        Dask workers that compute instead; the result does not depend on them either. None is this process.
    progress
        Called with the masts done and in all.
    wait_s
        How long to wait for another writer of the workspace [s].
    memory
        What this process keeps between computations; None is nothing. The result does not depend on it.

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
    SchedulerError
        The scheduler or its workers cannot be reached, were lost, or do not fit.
    """
    if scenario is not None:
        require_scenario_name(scenario)
    give_back_large_arrays()
    workspace = workspace if remote is None else Workspace(workspace.path.resolve())
    with (
        writing(workspace.path, "compute", wait_s=wait_s) as claim,
        open_cluster(remote, workspace.cache_dir / "shared") as cluster,
    ):
        kept = Memory() if memory is None or full else memory
        job = _Job(workspace, claim, as_of or date.today(), full, scenario, Threads(threads), cluster, progress, kept)
        return job.run()


@dataclass(frozen=True)
class _Job:
    """One computation, under the lock of its workspace; its parts as in `compute`."""

    workspace: Workspace
    claim: Claim
    day: date
    full: bool
    scenario: str | None
    threads: Threads
    cluster: Cluster | None
    progress: Progress | None
    memory: Memory
    clock: _Clock = field(default_factory=_Clock)

    def run(self) -> Computed:
        """Compute and publish, unless the run that there is answers already."""
        workspace, settings, cache = self.workspace, self.workspace.settings, Cache(self.workspace.cache_dir)
        workspace.store_dir.mkdir(parents=True, exist_ok=True)
        with self.clock.stage("read"):
            sources = read_sources(workspace)
            described = settings.of_figures()
            given = circumstances(sources.inputs, described, self.day, scenario=self.scenario)
            before = current_run(workspace)
            known = before if self.scenario is None else scenario_run(workspace, self.scenario)
            if known and not self.full and given.items() <= known.manifest.items():
                return Computed(known.run_id, False, known.manifest["warnings"], known.manifest)
            if self.full:
                cache.clear()
            prepared, population = self._read(sources, cache)
        before = None if self.full else before
        with self.clock.stage("radio"):
            levels = Levels(prepared, settings.model, settings.calibration, cache)
            geometries = find_geometries(prepared, 1e3 * settings.model.radius_km, memory=self.memory)
            network = find_network(levels, geometries, memory=self.memory)
        stations = prepared.eligible.table.assign(signal_key=network.signal_key)
        answer = partial(self._answer, prepared, levels, network, population, stations)
        try:
            with self.clock.stage("radio"):
                base = Base() if before is None else base_of(before, prepared)
            radio, mosaic = answer(base)
        except StoreError:  # a tile or a table of the run before is damaged: from nothing
            radio, mosaic = answer(Base())
        with self.clock.stage("people"):
            people_tiles = _people_tiles(workspace, prepared, population, base=before)
        with self.clock.stage("figures"):
            tables = compute_tables(settings, prepared, population, radio.points, mosaic, self.day)
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
            settings=described,
            as_of=self.day,
            scenario=self.scenario,
            warnings=[*prepared.eligible.warnings, *_moved_people(population)],
            notes=self._notes(prepared, stations),
            timings=self.clock.seconds,
            peak_memory_mb=_peak_memory_mb(),
        )
        run_id = publish(workspace, outcome)
        return Computed(
            run_id,
            known is None or run_id != known.run_id,
            [*outcome.warnings, *_damage(cache), *trim_cache(cache, network.field_keys, settings.cache_limit_gb)],
            Results.open(workspace, run_id).manifest,
        )

    def _read(self, sources: Sources, cache: Cache) -> tuple[Prepared, Population]:
        """What stations stand on, and who lives there."""
        prepared = prepare(
            self.workspace, self.day, sources=sources, cache=cache, memory=self.memory,
            planned=self.scenario is not None,
        )  # fmt: skip
        ground, units, hashes = prepared.ground, prepared.units, sources.raster_hashes
        population = self.memory.fetch(
            "people", (ground, units, hashes["population"]),
            lambda: read_population(self.workspace, cache, ground, units, hashes),
        )  # fmt: skip
        return prepared, population

    def _answer(
        self, prepared: Prepared, levels: Levels, network: Network, population: Population, stations: pd.DataFrame,
        base: Base,
    ) -> tuple[Radio, Mosaic]:  # fmt: skip
        """The best servers, and the people of the stored tiles, starting from what a base knows."""
        with self.clock.stage("radio"):
            radio = self._radio(prepared, levels, network, base)
        with self.clock.stage("people"):
            maker = MosaicMaker.of(
                prepared.grid, stations, network, population, self.workspace.settings, levels.cache,
                self.workspace.store_dir, base,
            )  # fmt: skip
            if self.cluster:
                count_apart(self.cluster, maker, radio)
            return radio, maker.finish(radio, self.threads)

    def _radio(self, prepared: Prepared, levels: Levels, network: Network, base: Base) -> Radio:
        self.claim.needed_bytes = partial(missing_bytes, prepared, levels, network)
        stage: Callable[..., Radio] = partial(compute_radio, levels, threads=self.threads)
        if self.cluster:
            apart = share_levels(self.workspace, prepared, levels, self.cluster)
            stage = partial(compute_radio_apart, apart, cluster=self.cluster)
        return stage(
            network, find_points(prepared), base=base, store_dir=self.workspace.store_dir, progress=self.progress
        )

    def _notes(self, prepared: Prepared, stations: pd.DataFrame) -> list[dict[str, str]]:
        notes = _model_notes(self.workspace.settings, prepared.terrain_kind)
        return [INTERFERENCE_NOTE, *notes, *scenario_notes(self.scenario, stations)]


def current_run(workspace: Workspace) -> Results | None:
    """The published run; None before the first, and where it or a tile of it was removed or damaged by hand."""
    if current_run_id(workspace) is None:
        return None
    try:
        run = Results.open(workspace)
    except (UnknownNameError, StoreError):
        return None
    return run if run.has_tiles() else None


def _people_tiles(
    workspace: Workspace, prepared: Prepared, population: Population, *, base: Results | None
) -> list[StoredTile]:
    """The stored tiles of the residents; those of the base where the same people live in the same places."""
    if base and base.grid == prepared.grid and base.manifest.get("population") == population.key:
        return list(base.people_tiles.values())
    return store_people(
        population.residents,
        prepared.grid,
        codes={base: prepared.units.levels[base].codes for base in population.residents.plot_unit},
        store_dir=workspace.store_dir,
    )


def base_of(before: Results, prepared: Prepared) -> Base:
    """What the published run knows that still holds."""
    if before.grid != prepared.grid or "signals" not in before.manifest["tables"]:
        return Base()
    stations = before.stations
    keys: dict[tuple[str, str], dict[str, str]] = {}
    named = stations[["technology", "operator", "station_id", "signal_key"]].astype(object)
    for technology, operator, station_id, key in named.itertuples(index=False, name=None):
        keys.setdefault((technology, operator), {})[station_id] = key
    points = before.signals if before.manifest["ground"] == prepared.ground.key else before.signals.iloc[:0]
    return Base(keys, before.tiles, _reach(before), before.store_dir, points)


def _reach(before: Results) -> dict[tuple[Layer, str], Box]:
    """The square around every station of a run that holds all pixels within the radius."""
    stations, grid = before.stations, before.grid
    radius_px = int(1e3 * before.manifest["settings"]["model"]["radius_km"] / grid.resolution_m) + 2
    places = stations.geometry.to_crs(grid.crs)
    cols, rows = (part.astype(int) for part in grid.pixel_position(places.x.to_numpy(), places.y.to_numpy()))
    layers = zip(stations["technology"].astype(str), stations["operator"].astype(str), strict=True)
    named = zip(layers, stations["station_id"].astype(str), rows.tolist(), cols.tolist(), strict=True)
    return {
        (layer, name): Box(row - radius_px, col - radius_px, row + radius_px + 1, col + radius_px + 1)
        for layer, name, row, col in named
    }


def _model_notes(settings: Settings, terrain_kind: str) -> list[dict[str, str]]:
    """What an answer says of its model, of the terrain where the model reads it, and of its figures indoors."""
    notes = list(find_model(settings.model).notes) or [terrain_note(terrain_kind)]
    return notes if settings.indoor is None else [*notes, indoor_note(settings.indoor)]


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
