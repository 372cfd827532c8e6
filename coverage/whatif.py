"""What new, moved or removed stations would change of a run: people and settlements gained and lost; nothing is stored.

The same stages as a computation, from the run as its base, for what the changed stations reach alone: the figures are
those of importing the stations and computing, by the run's default profile and over all operators.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import pandas as pd

from phusong.coverage.cache import LookOnly
from phusong.coverage.compute import base_of
from phusong.coverage.crew import Threads
from phusong.coverage.ground import Population, read_population
from phusong.coverage.levels import Levels
from phusong.coverage.masts import find_geometries
from phusong.coverage.memory import Memory
from phusong.coverage.network import Base, Network, find_network
from phusong.coverage.prepare import Prepared, Sources, prepare, read_sources
from phusong.coverage.radio import Radio, compute_radio
from phusong.coverage.results import Results
from phusong.coverage.run_tables import find_points
from phusong.coverage.service import technology_groups
from phusong.coverage.tiles import Box
from phusong.coverage.whatif_changes import ResidentClasses, StationRules, compare_people, compare_settlements, draw_new
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.grid import Raster
from phusong.geodata.workspace import Workspace

SIGNAL = "signal"  # the technologies that count as signal
_OF_RUN = ("stations", "terrain", "clutter", "population", "communes", "settlements")


@dataclass(frozen=True, eq=False)
class StationChanges:
    """Rows of the `stations` layer that are new or replace those of their id, and ids of stations that are removed."""

    rows: gpd.GeoDataFrame
    removed: Collection[str] = ()


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What would change.

    Attributes
    ----------
    people
        One row per unit (province, communes), technology and service in which people gain or lose it: level,
        unit_code, technology, service, gained_micro, lost_micro [micro-persons].
    settlements
        One row per settlement and technology ("signal" too) whose class is another: settlement_id, name, commune_code,
        commune_name, lon, lat, technology, class_a, class_b, change (gained, lost, better, worse).
    coverage
        What the new rows would serve of what they reach: 0 nothing, 1 weak, 2 good; None without new rows that serve.
    warnings
        What a computation would warn of.
    """

    people: pd.DataFrame
    settlements: pd.DataFrame
    coverage: Raster | None
    warnings: list[dict[str, str]]


class Planner:
    """Answers such questions of one run, one at a time; keeps ground, residents and tiles in memory between them.

    Parameters
    ----------
    workspace
        Where the run was published.
    results
        The run.

    Raises
    ------
    InputError
        The layers or rasters are no longer those of the run, or another program or processor computed it.
    MissingLayerError
        As `prepare`.
    """

    def __init__(self, workspace: Workspace, results: Results) -> None:
        self._workspace, self._results = workspace, results
        self._memory, self._cache = Memory(), LookOnly(workspace.cache_dir)
        self._day = date.fromisoformat(str(results.manifest["as_of"]))
        self._sources = read_sources(workspace)
        _require_same(workspace, results, self._sources)
        self._prepared = self._prepare(self._sources)
        hashes = self._sources.raster_hashes
        self._population: Population = read_population(
            workspace, self._cache, self._prepared.ground, self._prepared.units, hashes
        )
        self._base = base_of(results, self._prepared)
        _require_same_levels(self._network(self._prepared)[1], results, self._base)
        self._rules = StationRules.of(results.stations, workspace.settings, results.grid.resolution_m)
        self._classes = ResidentClasses(results, self._population.residents, self._rules)

    def answer(self, changes: StationChanges, *, threads: int | None = None) -> WhatIf:
        """What the changes would change.

        Parameters
        ----------
        threads
            Worker threads, None for one a processor.

        Raises
        ------
        UnknownNameError
            A station that is to be removed is not there.
        InputError
            A station outside the terrain, of an unknown bandwidth or antenna.
        StoreError
            A tile of the run is missing or damaged.
        """
        layers = self._sources.layers
        stations = changed_layer(layers["stations"], changes)
        sources = Sources({**layers, "stations": stations}, self._sources.inputs)
        prepared, settings = self._prepare(sources), self._workspace.settings
        levels, network = self._network(prepared)
        points = find_points(prepared)
        radio = compute_radio(levels, network, points, base=self._base, threads=Threads(threads))
        rules = StationRules.of(prepared.eligible.table, settings, prepared.grid.resolution_m)
        profile = settings.profile()
        residents, units = self._population.residents, prepared.units
        return WhatIf(
            people=compare_people(self._classes, self._results, radio, rules, residents, units),
            settlements=compare_settlements(
                self._results, radio.points, points, (self._rules, rules), prepared.zone,
                {SIGNAL: profile.counts_as_signal, **technology_groups(profile)},
            ),
            coverage=self._draw(prepared, network, radio, rules, set(changes.rows["station_id"].astype(str))),
            warnings=prepared.eligible.warnings,
        )  # fmt: skip

    def _prepare(self, sources: Sources) -> Prepared:
        return prepare(self._workspace, self._day, sources=sources, cache=self._cache, memory=self._memory)

    def _network(self, prepared: Prepared) -> tuple[Levels, Network]:
        settings = self._workspace.settings
        levels = Levels(prepared, settings.model, settings.calibration, self._cache)
        geometries = find_geometries(prepared, 1e3 * settings.model.radius_km, memory=self._memory)
        return levels, find_network(levels, geometries, memory=self._memory)

    def _draw(
        self, prepared: Prepared, network: Network, radio: Radio, rules: StationRules, ids: Collection[str]
    ) -> Raster | None:
        """What stations of some ids serve, in the box that they reach."""
        codes = {code for code, name in enumerate(network.station_id) if name in ids}
        boxes = [g.window for g in network.geometries if g.window is not None and codes.intersection(g.stations)]
        if not boxes:
            return None
        box = Box(*(min(b[i] for b in boxes) for i in (0, 1)), *(max(b[i] for b in boxes) for i in (2, 3)))
        classes = draw_new(radio, box, codes, rules)
        grid = prepared.grid.window(box.top, box.left, classes.shape)
        return Raster(classes, grid)


def changed_layer(stations: gpd.GeoDataFrame, changes: StationChanges) -> gpd.GeoDataFrame:
    """The `stations` layer with the changes.

    Raises
    ------
    UnknownNameError
        A station that is to be removed is not there.
    """
    ids = stations["station_id"].astype(str)
    unknown = sorted(set(changes.removed) - set(ids))
    if unknown:
        raise UnknownNameError(
            f"There is no station {unknown[0]!r} to be removed.", vi=f"Không có trạm {unknown[0]!r} để bỏ."
        )
    gone = ids.isin([*changes.removed, *changes.rows["station_id"].astype(str)])
    kept = stations[~gone.to_numpy()]
    rows = changes.rows.reindex(columns=stations.columns)
    return gpd.GeoDataFrame(pd.concat([kept, rows.astype(stations.dtypes)], ignore_index=True), crs=stations.crs)


def _require_same_levels(network: Network, results: Results, base: Base) -> None:
    """Refuse a run whose levels this program would not compute again: it would compute all stations for an answer."""
    if network.keys_by_layer != base.signal_keys:
        raise InputError(
            f"Run {results.run_id} was computed by another version of the program or on another processor; "
            "compute it first.",
            vi=f"Lần tính {results.run_id} do phiên bản chương trình hoặc bộ xử lý khác thực hiện; hãy tính lại trước.",
        )


def _require_same(workspace: Workspace, results: Results, sources: Sources) -> None:
    """Refuse a run of other inputs or settings: what is asked would not be all that changes."""
    then = results.manifest["inputs"]
    other = [name for name in _OF_RUN if then.get(name) != sources.inputs.get(name)]
    if not results.has_settings(workspace.settings):
        other.append("settings")
    if other:
        names = ", ".join(other)
        raise InputError(
            f"Other than in run {results.run_id} are: {names}; compute it first.",
            vi=f"Đã khác với lần tính {results.run_id}: {names}; hãy tính lại trước.",
        )
