"""The radio stage and the counting of people on workers that share no memory with each other.

First every field goes into the shared cache and every answer at points beside it; then blocks of tiles are filled
from those fields and put into the store. What comes back are names: of the answers, and of the tiles.
"""

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from phusong.coverage.antenna import Pattern
from phusong.coverage.cache import Arrays, Cache, content_key
from phusong.coverage.canvas import Canvas, Place
from phusong.coverage.cluster import Cluster
from phusong.coverage.crew import Progress
from phusong.coverage.ground import kept_population
from phusong.coverage.ground_files import GroundFiles, share_ground
from phusong.coverage.levels import Levels
from phusong.coverage.mosaic import MosaicMaker, Unfinished
from phusong.coverage.network import Base, Network, kept_stations
from phusong.coverage.point_questions import Asked, PointQuestions
from phusong.coverage.prepare import Prepared
from phusong.coverage.radio import Radio
from phusong.coverage.stations import Station
from phusong.coverage.tiles import TILE_PX, Corner, StoredTile, store_tile, tile_boxes
from phusong.geodata.grid import Grid
from phusong.geodata.workspace import Workspace

BLOCK_TILES = 2  # tiles along a side of a block: larger blocks read each field less often and need more memory

Block = tuple[list[Corner], list[int]]  # tiles, and the geometries that give to them


@dataclass(frozen=True, eq=False)
class WorkerScene:
    """As much of a `Prepared` as a worker needs, see `levels.Scene`."""

    grid: Grid
    ground: GroundFiles
    stations: list[Station]
    patterns: dict[str, Pattern]
    mid_lat_deg: float


@dataclass(frozen=True, eq=False)
class SharedRadio:
    """What the tasks of the radio stage have in common; as in `radio`."""

    levels: Levels
    network: Network
    base: Base
    kept: set[int]
    asked: PointQuestions
    store_dir: Path

    @property
    def cache(self) -> Cache:
        """Where fields and answers are kept."""
        return self.levels.cache


def share_levels(workspace: Workspace, prepared: Prepared, levels: Levels, cluster: Cluster) -> Levels:
    """Levels that a worker can compute, from the files of the workspace."""
    ground = share_ground(
        prepared.ground, workspace.cache_dir / "ground", cluster.rasters(workspace.raster_path("terrain").parent)
    )
    scene = WorkerScene(prepared.grid, ground, prepared.stations, prepared.patterns, prepared.mid_lat_deg)
    return replace(levels, prepared=scene)


def compute_radio_apart(
    levels: Levels,
    network: Network,
    points: pd.DataFrame,
    *,
    base: Base,
    cluster: Cluster,
    store_dir: Path,
    progress: Progress | None = None,
) -> Radio:
    """As `compute_radio`, on a cluster.

    Parameters
    ----------
    levels
        Answer of `share_levels`.
    store_dir
        Folder of the content-addressed tiles.
    progress
        Called with the fields and blocks of tiles done and in all.

    Raises
    ------
    SchedulerError
        As `Cluster.map`.
    StoreError
        A tile of the base is missing or damaged.
    """
    kept = kept_stations(network, base)
    canvas = Canvas.of(network, base, kept, tile_boxes(levels.prepared.grid.shape))
    asked = PointQuestions.of(levels, network, base, kept, points)
    shared = SharedRadio(levels, network, replace(base, points=Base().points), kept, asked, store_dir)
    asks, blocks = _plan(shared, canvas)
    total = len(asks) + len(blocks)

    def from_(start: int) -> Progress | None:
        return progress and (lambda done, _: progress(start + done, total))

    numbers = sorted(asks)
    keys = cluster.map(answer_geometry, shared, [(n, asks[n]) for n in numbers], progress=from_(0))
    filled = cluster.map(fill_block, shared, blocks, progress=from_(len(numbers)))
    tiles = canvas.tiles()
    for (layer, corner), stored in (part for block in filled for part in block.items()):
        tiles[layer].pop(corner, None)
        if stored is not None:
            tiles[layer][corner] = stored
    answers = (_points_of(shared, number) for number, key in zip(numbers, keys, strict=True) if key)
    return Radio(tiles, asked.table(answers), len(numbers))


def _plan(shared: SharedRadio, canvas: Canvas) -> tuple[dict[int, bool], list[Block]]:
    """The geometries with something to compute, and whether a field; the blocks of tiles, the longest work first."""
    asks: dict[int, bool] = {}
    numbers: dict[Corner, list[int]] = defaultdict(list)
    corners: dict[Corner, set[Corner]] = defaultdict(set)
    for (_, corner), _ in canvas.filled():
        corners[_block_of(corner)].add(corner)
    for number, geometry in enumerate(shared.network.geometries):
        met = {corner for _, (_, corner), _ in canvas.jobs(geometry, shared.kept)}
        for corner in met:
            corners[_block_of(corner)].add(corner)
        for block in {_block_of(corner) for corner in met}:
            numbers[block].append(number)
        needs_field = bool(met) and not shared.cache.holds_field(shared.network.field_keys[number])
        if needs_field or shared.asked.of_geometry(geometry):
            asks[number] = needs_field
    found = [(sorted(corners[block]), numbers[block]) for block in sorted(corners)]
    return asks, sorted(found, key=lambda block: -len(block[1]))


def _block_of(corner: Corner) -> Corner:
    side = BLOCK_TILES * TILE_PX
    return corner[0] // side, corner[1] // side


def answer_geometry(shared: SharedRadio, task: tuple[int, bool]) -> str | None:
    """Put the field of a geometry and its answers at points into the cache; the key of the answers, None of none."""
    number, needs_field = task
    geometry = shared.network.geometries[number]
    if needs_field:
        shared.levels.loss_cdb(geometry, shared.network.field_keys[number])
    ask = shared.asked.of_geometry(geometry)
    return _fetch_points(shared, number, ask)[0] if ask else None


def _points_of(shared: SharedRadio, number: int) -> pd.DataFrame:
    ask = shared.asked.of_geometry(shared.network.geometries[number])
    return pd.DataFrame(_fetch_points(shared, number, ask)[1])


def _fetch_points(shared: SharedRadio, number: int, ask: Asked) -> tuple[str, Arrays]:
    """Key and answers of a geometry at points, from the cache if they are there."""
    geometry, levels = shared.network.geometries[number], shared.levels
    ground = levels.prepared.ground.hash_window(*levels.surroundings(geometry).slices)
    signals = [shared.network.signal_key[code] for code in ask]
    key = content_key(
        {"stage": "points", "ground": ground, "signals": signals, "codes": list(ask)},
        *(part for rows in ask.values() for part in (rows, shared.asked.positions[rows])),
    )

    def compute() -> Arrays:
        found = shared.asked.answer(geometry, ask)
        return {} if found is None else {str(name): found[name].to_numpy() for name in found}

    return key, shared.cache.fetch_arrays(key, compute)


def fill_block(shared: SharedRadio, block: Block) -> dict[Place, StoredTile | None]:
    """Fill some tiles and put them into the store; None for one without any signal."""
    corners, numbers = block
    network, grid = shared.network, shared.levels.prepared.grid
    boxes = tile_boxes(grid.shape)
    here = replace(
        network,
        geometries=[network.geometries[number] for number in numbers],
        field_keys=[network.field_keys[number] for number in numbers],
    )
    canvas = Canvas.of(here, shared.base, shared.kept, {corner: boxes[corner] for corner in corners})
    for geometry, field_key in zip(here.geometries, here.field_keys, strict=True):
        jobs = canvas.jobs(geometry, shared.kept)
        if jobs:
            canvas.merge(shared.levels, geometry, field_key, jobs)
    return {
        (layer, corner): store_tile(
            tile, corner, grid, station_ids=network.station_id, store_dir=shared.store_dir
        )
        for (layer, corner), tile in canvas.filled()
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class SharedCount:
    """A maker of mosaics without its residents, which a worker takes from the shared cache."""

    parts: dict[str, Any]
    population: str

    @classmethod
    def of(cls, maker: MosaicMaker) -> "SharedCount":
        """What a worker needs to make the same mosaic."""
        parts = {part.name: getattr(maker, part.name) for part in fields(maker) if part.name != "population"}
        return cls(parts, maker.population.key)

    @property
    def cache(self) -> Cache:
        """Where the counted people are kept."""
        found: Cache = self.parts["cache"]
        return found

    @cached_property
    def maker(self) -> MosaicMaker:
        """The whole maker."""
        return MosaicMaker(**self.parts, population=kept_population(self.cache, self.population))


def count_apart(cluster: Cluster, maker: MosaicMaker, radio: Radio) -> None:
    """Count the people of every tile on a cluster, into the shared cache."""
    cluster.map(count_tile, SharedCount.of(maker), maker.tasks(radio))


def count_tile(shared: SharedCount, task: Unfinished) -> None:
    """Count the people of a stored tile into the cache."""
    shared.maker.finish_tile(task)
