"""The whole computation: read, radio, people, figures, publish. Each stage is a function of the one before."""

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.cache import FieldCache
from phusong.coverage.dictionary import INTERFERENCE_NOTE, terrain_note
from phusong.coverage.figures import compute_figures
from phusong.coverage.indoor import (
    indoor_grids,
    indoor_note,
    indoor_points,
    indoor_rows,
    indoor_settings,
    indoor_signal,
)
from phusong.coverage.models import find_model
from phusong.coverage.people import Residents, index_residents
from phusong.coverage.prepare import SEA, Prepared, prepare
from phusong.coverage.radio import Progress, Radio, compute_radio, find_geometries, window_of
from phusong.coverage.results import Results, current_run_id
from phusong.coverage.runs import Outcome, publish
from phusong.coverage.service import without_spread_at_sea
from phusong.coverage.settlements import compute_place_table, compute_settlement_table
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.population import Allocation, allocate_population
from phusong.geodata.settings import Indoor, Settings, UplinkSettings
from phusong.geodata.workspace import Workspace

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
    """What a computation would do: the `--dry-run`."""

    stations: int
    geometries: int
    fields: int
    pixels: int
    minutes: float
    disk_mb: float


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
    threads: int | None = None,
    progress: Progress | None = None,
) -> Computed:
    """Compute the coverage of a workspace and publish it as the current run.

    Parameters
    ----------
    as_of
        The date the answer is for: which stations serve and which units are valid; None is today.
    full
        Compute every field anew instead of taking it from the cache.
    threads
        Worker threads, None for one a processor; the result does not depend on it.
    progress
        Called with the masts done and in all.

    Raises
    ------
    MissingLayerError
        A layer or raster is missing or empty.
    InputError
        The layers do not fit together.
    """
    clock = _Clock()
    settings = workspace.settings
    day = as_of or date.today()
    with clock.stage("read"):
        prepared = prepare(workspace, day)
        points = _points(prepared)
    with clock.stage("radio"):
        cache = FieldCache(workspace.cache_dir)
        if full:
            cache.clear()
        radio = compute_radio(
            prepared, settings.model, cache, points=points, calibration=settings.calibration, threads=threads,
            progress=progress,
        )  # fmt: skip
    with clock.stage("people"):
        allocation = allocate_people(prepared, settings.population_weight)
        residents = index_residents(
            allocation.people, allocation.cell, units=prepared.units, min_people=settings.residential_cell_min_people
        )
    with clock.stage("figures"):
        layers, units, stations = prepared.layers, prepared.units, prepared.eligible.table
        levels = without_spread_at_sea(radio.points, points, prepared.zone)
        radio = replace(radio, points=_with_uplink(levels, stations, settings.uplink))
        of_settlement = _signal_of(radio.points, "s")
        of_place = _signal_of(radio.points, "p")
        fibre = layers.get("fibre_endpoints")
        settlements = compute_settlement_table(
            layers["settlements"], of_settlement, units=units, settings=settings, stations=stations, as_of=day,
            fibre=fibre, observations=layers.get("observations"),
        )  # fmt: skip
        places = compute_place_table(_places(prepared), of_place, units=units, settings=settings, fibre=fibre)
        figures = compute_figures(
            radio.grids, residents, units=units, stations=stations, settlements=settlements,
            settlement_signal=of_settlement, places=places, place_signal=of_place, settings=settings,
        )  # fmt: skip
        if settings.indoor is not None:
            rows, signal = _indoors(settings, settings.indoor, prepared, radio, residents, settlements, places)
            figures = pd.concat([figures, rows], ignore_index=True)
            settlements = settlements.assign(indoor_signal=signal)
    outcome = Outcome(
        grid=prepared.grid,
        signal_grids=list(radio.grids),
        eligible=stations,
        settlements=settlements,
        places=places,
        figures=figures,
        units=units.geometries,
        population=allocation.people,
        inputs=prepared.inputs,
        settings=settings.model_dump(mode="json"),
        as_of=day,
        warnings=[*prepared.eligible.warnings, *_moved_people(allocation)],
        notes=[INTERFERENCE_NOTE, *_model_notes(settings, prepared.terrain_kind)],
        timings=clock.seconds,
        peak_memory_mb=_peak_memory_mb(),
    )
    before = current_run_id(workspace)
    run_id = publish(workspace, outcome)
    return Computed(run_id, run_id != before, outcome.warnings, Results.open(workspace, run_id).manifest)


def plan(workspace: Workspace, *, as_of: date | None = None, threads: int | None = None) -> Plan:
    """What `compute` would do, and about what it would cost with an empty cache.

    Raises
    ------
    MissingLayerError, InputError
        As `compute`.
    """
    prepared = prepare(workspace, as_of or date.today())
    radius_m = 1e3 * workspace.settings.model.radius_km
    geometries = find_geometries(prepared)
    pixels = stored = 0
    cost_us = 0.0
    for geometry in geometries:
        window = window_of(prepared, geometry, radius_m)
        if window is None:
            continue
        xs, ys = (axis[part] for axis, part in zip(prepared.grid.centres(), reversed(window), strict=True))
        near = np.hypot(xs[None, :] - geometry.x_m, ys[:, None] - geometry.y_m) <= radius_m
        count = int((near & prepared.wanted.values[window]).sum())
        pixels += count
        stored += count * len(geometry.freqs_ghz)
        cost_us += count * (SAMPLE_US + BAND_US * (len(geometry.freqs_ghz) - 1))
    return Plan(
        stations=len(prepared.stations),
        geometries=len(geometries),
        fields=sum(len(geometry.freqs_ghz) for geometry in geometries),
        pixels=pixels,
        minutes=round(cost_us / 60e6 / (threads or os.cpu_count() or 1), 2),
        disk_mb=round(stored * BYTES_PER_PIXEL / 1e6, 1),
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


def _indoors(
    settings: Settings,
    indoor: Indoor,
    prepared: Prepared,
    radio: Radio,
    residents: Residents,
    settlements: pd.DataFrame,
    places: pd.DataFrame,
) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    """The figures indoors, and the signal of every settlement indoors."""
    inside, limited = indoor_points(radio.points, indoor), indoor_settings(settings, indoor)
    of_settlement, stations = _signal_of(inside, "s"), prepared.eligible.table
    figures = compute_figures(
        indoor_grids(radio.grids, stations["band_mhz"], indoor), residents, units=prepared.units, stations=stations,
        settlements=settlements, settlement_signal=of_settlement, places=places,
        place_signal=_signal_of(inside, "p"), settings=limited,
    )  # fmt: skip
    return indoor_rows(figures), indoor_signal(settlements, of_settlement, limited)


def _model_notes(settings: Settings, terrain_kind: str) -> list[dict[str, str]]:
    """What an answer says of its model, of the terrain where the model reads it, and of its figures indoors."""
    notes = list(find_model(settings.model).notes) or [terrain_note(terrain_kind)]
    return notes if settings.indoor is None else [*notes, indoor_note(settings.indoor)]


def _places(prepared: Prepared) -> Any:
    """The places, or none of them with the right columns."""
    if "places" in prepared.layers:
        return prepared.layers["places"]
    return prepared.layers["settlements"].iloc[:0].assign(place_id="", has_fixed_broadband="")


def allocate_people(prepared: Prepared, weights: dict[str, float]) -> Allocation:
    """Put the people of the source on the grid: on land, by the weight of the land cover.

    Parameters
    ----------
    weights
        Relative number of people by land-cover code.
    """
    table = np.zeros(256)
    for code, weight in weights.items():
        table[int(code)] = weight
    land: npt.NDArray[np.bool_] = prepared.zone.values != SEA
    return allocate_population(prepared.people_source, prepared.grid, land, table[prepared.clutter.values])


def _moved_people(allocation: Allocation) -> list[dict[str, str]]:
    if not allocation.moved:
        return []
    people = round(sum(moved for _, moved in allocation.moved))
    cells = len(allocation.moved)
    return [
        {
            "en": f"{people} people of {cells} population cells without land went to the nearest land pixel",
            "vi": f"{people} người của {cells} ô dân số không có đất phù hợp được chuyển sang ô đất gần nhất",
        }
    ]


def _peak_memory_mb() -> float:
    """Peak resident memory of the process so far [MB]."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
