"""The radio stage: best server per pixel and per point, starting from what the published run already knows.

A station is *kept* when its signal key is that of the run it starts from. The best of several stations is a maximum, so
a new station is merged into the tiles and points it reaches; where a station that is gone or changed served, the pixels
and points are decided anew from every station that reaches them. The result is that of a computation from nothing.
"""

import os
import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from phusong.coverage.canvas import Canvas, Jobs
from phusong.coverage.crew import Progress, Threads
from phusong.coverage.levels import Levels
from phusong.coverage.network import Base, Network, kept_stations
from phusong.coverage.point_questions import Asked, PointQuestions
from phusong.coverage.service import Layer
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import Corner, StoredTile, store_tile, tile_boxes


@dataclass(frozen=True, eq=False)
class Radio:
    """Best server of every pixel and point.

    Attributes
    ----------
    tiles
        By layer and corner: tiles that changed, and stored ones that have not.
    points
        `POINT_COLUMNS` and sigma_l_db, sorted by point, technology and operator.
    geometries
        Masts and heights that had something to compute.
    """

    tiles: dict[Layer, dict[Corner, SignalTile | StoredTile]]
    points: pd.DataFrame
    geometries: int


def compute_radio(
    levels: Levels,
    network: Network,
    points: pd.DataFrame,
    *,
    base: Base,
    threads: Threads,
    progress: Progress | None = None,
    store_dir: Path | None = None,
) -> Radio:
    """Compute the best server of every wanted pixel, and of every point on its own exact path.

    Parameters
    ----------
    levels
        Where the levels of stations come from.
    points
        point_id, x_m, y_m of the settlements and places [m].
    base
        The run to start from.
    threads
        What does the work; the result does not depend on how many there are.
    progress
        Called with geometries done and in all.
    store_dir
        Where tiles go that are whole, when more than `KEPT_TILES` are in work; None keeps all of them in memory.

    Raises
    ------
    StoreError
        A tile of the base is missing or damaged.
    """
    kept = kept_stations(network, base)
    canvas = Canvas.of(network, base, kept, tile_boxes(levels.prepared.grid.shape), threads)
    if store_dir is not None:
        canvas.store = partial(
            store_tile, grid=levels.prepared.grid, station_ids=network.station_id, store_dir=store_dir
        )
    asked = PointQuestions.of(levels, network, base, kept, points)
    work = [
        (number, jobs, asked.of_geometry(geometry))
        for number, geometry in enumerate(network.geometries)
        for jobs in [canvas.jobs(geometry, kept)]
    ]
    work = [(number, jobs, ask) for number, jobs, ask in work if jobs or ask]
    work.sort(key=lambda part: -network.geometries[part[0]].y_m)  # from north to south, so that tiles become whole
    canvas.expect(place for _, jobs, _ in work for _, place, _ in jobs)
    share = max((threads.count or os.cpu_count() or 1) // max(len(work), 1), 1)
    threads.map(_fill, _Filling(levels, network, canvas, asked, share), work, progress=progress)
    return Radio(canvas.tiles(), asked.table(), len(work))


@dataclass(frozen=True, eq=False)
class _Filling:
    """What all geometries have in common; `share` is how many threads make one field, more than one of few fields."""

    levels: Levels
    network: Network
    canvas: Canvas
    asked: PointQuestions
    share: int
    lock: threading.Lock = field(default_factory=threading.Lock)


def _fill(filling: _Filling, part: tuple[int, Jobs, Asked]) -> None:
    """Merge a geometry into the tiles, and answer at the points that are asked of it."""
    number, jobs, ask = part
    geometry, asked = filling.network.geometries[number], filling.asked
    if jobs:
        filling.canvas.merge(filling.levels, geometry, filling.network.field_keys[number], jobs, threads=filling.share)
    answers = asked.answer(geometry, ask)
    with filling.lock:
        asked.take(answers)
