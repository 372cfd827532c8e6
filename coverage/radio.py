"""The radio stage: best server per pixel and per point, starting from what the published run already knows.

A station is *kept* when its signal key is that of the run it starts from. The best of several stations is a maximum, so
a new station is merged into the tiles and points it reaches; where a station that is gone or changed served, the pixels
and points are decided anew from every station that reaches them. The result is that of a computation from nothing.
"""

import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.crew import Progress, Threads
from phusong.coverage.levels import Levels
from phusong.coverage.link import location_sigma_db
from phusong.coverage.masts import Geometry
from phusong.coverage.service import NO_SIGNAL_CDBM, Layer
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import GONE, Box, Corner, StoredTile, read_tile, store_tile, tile_boxes

Place = tuple[Layer, Corner]
Jobs = list[tuple[int, Place, Box]]  # station, tile it goes to, pixels
ONE_THREAD = Threads(1)
KEPT_TILES = 128  # tiles in memory, 1.5 MB each, beyond which those that are whole go into the store
Asked = dict[int, npt.NDArray[np.intp]]  # points by station
POINT_COLUMNS = (
    "point_id",
    "x_m",
    "y_m",
    "technology",
    "operator",
    "rsrp_dbm",
    "station_id",
    "distance_km",
    "freq_ghz",
)


@dataclass(frozen=True, eq=False)
class Base:
    """The run that a computation starts from; the default is none.

    Attributes
    ----------
    signal_keys
        Signal key of every station by (technology, operator) and id.
    tiles
        Stored tiles by layer and corner, in `store_dir`.
    reach
        Pixels that every station may have served, by its layer and id; may reach outside the grid.
    points
        Its best station of every point, `POINT_COLUMNS`.
    """

    signal_keys: Mapping[Layer, Mapping[str, str]] = field(default_factory=dict)
    tiles: Mapping[Layer, Mapping[Corner, StoredTile]] = field(default_factory=dict)
    reach: Mapping[tuple[Layer, str], Box] = field(default_factory=dict)
    store_dir: Path = Path()
    points: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(POINT_COLUMNS)))


@dataclass(frozen=True, eq=False)
class Radio:
    """Best server of every pixel and point.

    Attributes
    ----------
    tiles
        By layer and corner: tiles that may have changed, and stored ones that have not.
    points
        `POINT_COLUMNS` and sigma_l_db, sorted by point, technology and operator.
    geometries
        Masts and heights that had something to compute.
    """

    tiles: dict[Layer, dict[Corner, SignalTile | StoredTile]]
    points: pd.DataFrame
    geometries: int


@dataclass(frozen=True, eq=False)
class Network:
    """The stations of a run: their geometries, and by code their layer, id and signal key."""

    geometries: list[Geometry]
    field_keys: list[str]
    layer: list[Layer]
    station_id: list[str]
    signal_key: list[str]

    @property
    def keys_by_layer(self) -> dict[Layer, dict[str, str]]:
        """Signal keys by layer and station id."""
        found: dict[Layer, dict[str, str]] = defaultdict(dict)
        for layer, station_id, key in zip(self.layer, self.station_id, self.signal_key, strict=True):
            found[layer][station_id] = key
        return dict(sorted(found.items()))


def find_network(levels: Levels, geometries: list[Geometry]) -> Network:
    """Hash what the field of every geometry and the signal of every station depend on."""
    stations = levels.prepared.stations
    signal_key = [""] * len(stations)
    field_keys = [levels.field_key(geometry) for geometry in geometries]
    for geometry, field_key in zip(geometries, field_keys, strict=True):
        for code in geometry.stations:
            signal_key[code] = levels.signal_key(code, field_key)
    return Network(
        geometries, field_keys, [(s.technology, s.operator) for s in stations], [s.station_id for s in stations],
        signal_key,
    )  # fmt: skip


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


def kept_stations(network: Network, base: Base) -> set[int]:
    """Codes of the stations whose signal is that of the base."""
    return {
        code
        for code, (layer, station_id, key) in enumerate(
            zip(network.layer, network.station_id, network.signal_key, strict=True)
        )
        if base.signal_keys.get(layer, {}).get(station_id) == key
    }


@dataclass(frozen=True, eq=False)
class _Filling:
    """What all geometries have in common; `share` is how many threads make one field, more than one of few fields."""

    levels: Levels
    network: Network
    canvas: "Canvas"
    asked: "PointQuestions"
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


class Canvas:
    """The tiles being filled, those of the base that nothing touches, and the pixels to decide anew."""

    def __init__(self, boxes: dict[Corner, Box], layers: Iterable[Layer]) -> None:
        self._boxes = boxes
        self._stored: dict[Layer, dict[Corner, StoredTile]] = {layer: {} for layer in layers}
        self._filled: dict[Place, SignalTile] = {}
        self._open: dict[Place, Box] = {}
        self._locks: dict[Place, threading.Lock] = defaultdict(threading.Lock)
        self._layer_of: list[Layer] = []
        self._left: Counter[Place] = Counter()
        self.store: Callable[[SignalTile, Corner], StoredTile | None] | None = None

    @classmethod
    def of(
        cls, network: Network, base: Base, kept: set[int], boxes: dict[Corner, Box], threads: Threads = ONE_THREAD
    ) -> "Canvas":
        """Take over from the base what no new station reaches, and open what stations that are gone served."""
        canvas = cls(boxes, sorted(set(network.layer)))
        canvas._layer_of = network.layer
        changed = {
            (network.layer[code], corner)
            for geometry in network.geometries
            for code in geometry.stations
            if code not in kept
            for corner, _ in geometry.tiles()
        }
        kept_rows: dict[Layer, dict[str, int]] = defaultdict(dict)
        for code in sorted(kept):
            kept_rows[network.layer[code]][network.station_id[code]] = code
        for layer, rows in kept_rows.items():
            stored = base.tiles.get(layer, {}).items()
            canvas._stored[layer] = {corner: tile for corner, tile in stored if corner in boxes}
            gone = [base.reach[layer, name] for name in base.signal_keys[layer] if name not in rows]
            changed |= {(layer, corner) for box in gone for corner in boxes if not box.cut(boxes[corner]).is_empty}
        read = [(place, kept_rows[place[0]]) for place in sorted(changed) if place[1] in canvas._stored[place[0]]]
        threads.map(canvas._open_tile, base.store_dir, read)
        return canvas

    def _open_tile(self, store_dir: Path, task: tuple[Place, Mapping[str, int]]) -> None:
        """Take a tile of the base into work, and open the pixels whose station is gone."""
        (layer, corner), rows = task
        tile = read_tile(self._stored[layer][corner], store_dir=store_dir, row_of_station=rows)
        gone = tile.server == GONE
        if gone.any():
            tile.rsrp_cdbm[gone], tile.server[gone] = NO_SIGNAL_CDBM, -1
            down, across = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
            top, left = corner
            self._open[layer, corner] = Box(
                top + int(down[0]), left + int(across[0]), top + int(down[-1]) + 1, left + int(across[-1]) + 1
            )
        self._filled[layer, corner] = tile

    def jobs(self, geometry: Geometry, kept: set[int]) -> Jobs:
        """What the stations of a geometry give to the tiles: new ones all, kept ones what is open."""
        found: Jobs = []
        if not self._open and kept.issuperset(geometry.stations):
            return found
        for corner, part in geometry.tiles():
            for code in geometry.stations if corner in self._boxes else ():
                place = (self._layer_of[code], corner)
                box = part.cut(self._boxes[corner])
                if code in kept:
                    box = box.cut(self._open.get(place, Box(0, 0, 0, 0)))
                if not box.is_empty:
                    found.append((code, place, box))
        return found

    def merge(self, levels: Levels, geometry: Geometry, field_key: str, jobs: Jobs, *, threads: int = 1) -> None:
        """Give the tiles what the stations of a geometry have for them."""
        loss = levels.loss_cdb(geometry, field_key, threads=threads)
        for code, place, box in jobs:
            with self._tile(place) as tile:
                levels.merge(geometry, code, loss, box, tile, place[1])
                self._left[place] -= 1
                if self.store and not self._left[place] and len(self._filled) > KEPT_TILES:
                    self._put_away(place)

    def expect(self, places: Iterable[Place]) -> None:
        """Say in which tile every job to come is, so that one without any left can be put into the store."""
        self._left = Counter(places)

    def _put_away(self, place: Place) -> None:
        """Put a whole tile into the store."""
        layer, corner = place
        stored = self.store and self.store(self._filled[place], corner)
        self._stored[layer].pop(corner, None)
        if stored:
            self._stored[layer][corner] = stored
        del self._filled[place]

    @contextmanager
    def _tile(self, place: Place) -> Iterator[SignalTile]:
        """A tile to be filled, by one thread at a time."""
        whole = self._boxes[place[1]]
        with self._locks[place]:
            if place not in self._filled:
                self._filled[place] = SignalTile.empty((whole.bottom - whole.top, whole.right - whole.left))
            yield self._filled[place]

    def filled(self) -> list[tuple[Place, SignalTile]]:
        """The tiles that may have changed."""
        return sorted(self._filled.items(), key=lambda part: part[0])

    def tiles(self) -> dict[Layer, dict[Corner, SignalTile | StoredTile]]:
        """Every tile, filled or as stored."""
        found: dict[Layer, dict[Corner, SignalTile | StoredTile]] = {
            layer: dict(stored) for layer, stored in self._stored.items()
        }
        for (layer, corner), tile in self._filled.items():
            found[layer][corner] = tile
        return found


class PointQuestions:
    """Which stations are to be asked at which points, and the best of their answers and the base's.

    `_best` holds by layer the level [dBm] and the station of every point; −inf and −1 where there is none.
    """

    def __init__(self, levels: Levels, network: Network, points: pd.DataFrame) -> None:
        self._levels = levels
        self._network = network
        self._points = points
        self.positions = points[["x_m", "y_m"]].to_numpy(float)
        self._kept: set[int] = set()
        n, layers = len(points), sorted(set(network.layer))
        self._open = {layer: np.ones(n, np.bool_) for layer in layers}
        self._best = {layer: (np.full(n, -np.inf), np.full(n, -1, np.int64)) for layer in layers}

    @classmethod
    def of(cls, levels: Levels, network: Network, base: Base, kept: set[int], points: pd.DataFrame) -> "PointQuestions":
        """Keep the answers of the base for points that stand where they stood, from stations that are kept."""
        questions = cls(levels, network, points)
        questions._kept = kept
        place = points[["point_id", "x_m", "y_m"]].assign(row=np.arange(len(points)))
        before = base.points.merge(place, on=["point_id", "x_m", "y_m"])
        code_of = {network.station_id[code]: code for code in kept}
        codes = np.array([code_of.get(name, -1) for name in before["station_id"].to_numpy(object)], np.int64)
        rows, levels_dbm = before["row"].to_numpy(dtype=np.int64), before["rsrp_dbm"].to_numpy(float)
        for layer in {network.layer[code] for code in kept}:
            here = ((before["technology"] == layer[0]) & (before["operator"] == layer[1])).to_numpy(bool)
            known, lost = here & (codes >= 0), here & (codes < 0)
            questions._open[layer][rows] = False
            questions._open[layer][rows[lost]] = True
            questions._fold(layer, codes[known], rows[known], levels_dbm[known])
        return questions

    def of_geometry(self, geometry: Geometry) -> Asked:
        """Points to ask by station: a new station all within its radius, a kept one those that are open."""
        rows = self._open_rows if self._kept.issuperset(geometry.stations) else np.arange(len(self.positions))
        east, north = (self.positions[rows] - (geometry.x_m, geometry.y_m)).T
        near = rows[np.hypot(east, north) <= 1e3 * self._levels.model.radius_km]
        asked = {}
        for code in geometry.stations:
            open_ = near[self._open[self._network.layer[code]][near]] if code in self._kept else near
            if open_.size:
                asked[code] = open_
        return asked

    @cached_property
    def _open_rows(self) -> npt.NDArray[np.intp]:
        """The points that are open to any kept station."""
        return np.flatnonzero(np.any(list(self._open.values()), axis=0))

    def answer(self, geometry: Geometry, asked: Asked) -> pd.DataFrame | None:
        """Levels of the stations at the points asked of each: position (row of the points), code, rsrp_dbm."""
        if not asked:
            return None
        groups: dict[bytes, list[int]] = defaultdict(list)
        for code, rows in asked.items():
            groups[rows.tobytes()].append(code)
        parts = []
        for codes in groups.values():
            rows = asked[codes[0]]
            found = self._levels.at_points(geometry, codes, self.positions[rows])
            placed = {"position": np.tile(rows, len(codes)), "code": np.repeat(codes, len(rows))}
            parts.append(pd.DataFrame({**placed, "rsrp_dbm": found.ravel()}))
        return pd.concat(parts, ignore_index=True)

    def take(self, answers: pd.DataFrame | None) -> None:
        """Keep what is best of some answers; their order does not matter."""
        if answers is None:
            return
        codes, rows = answers["code"].to_numpy(np.int64), answers["position"].to_numpy(np.int64)
        levels = answers["rsrp_dbm"].to_numpy(float)
        for code in np.unique(codes).tolist():
            here = codes == code
            self._fold(self._network.layer[code], codes[here], rows[here], levels[here])

    def _fold(
        self, layer: Layer, codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], levels: npt.NDArray[np.float64]
    ) -> None:
        """Of equal levels the smaller code, that is the smaller id, wins."""
        best, server = self._best[layer]
        better = (levels > best[rows]) | ((levels == best[rows]) & (codes < server[rows]))
        best[rows[better]], server[rows[better]] = levels[better], codes[better]

    def table(self, found: Iterable[pd.DataFrame | None] = ()) -> pd.DataFrame:
        """The best station of every point, technology and operator, after some more answers."""
        for answers in found:
            self.take(answers)
        server = np.stack([codes for _, codes in self._best.values()])
        level = np.stack([levels for levels, _ in self._best.values()])
        layer, row = np.nonzero(server >= 0)
        code, layers, stations = server[layer, row], np.array(list(self._best), object), self._levels.prepared.stations
        place_m = np.empty((len(stations), 2))
        for mast in self._network.geometries:
            place_m[list(mast.stations)] = mast.x_m, mast.y_m
        east_m, north_m = (place_m[code] - self.positions[row]).T
        table = pd.DataFrame(
            {
                **{name: self._points[name].to_numpy()[row] for name in ("point_id", "x_m", "y_m")},
                "technology": layers[layer, 0],
                "operator": layers[layer, 1],
                "rsrp_dbm": level[layer, row],
                "station_id": np.array(self._network.station_id, object)[code],
                "distance_km": np.hypot(east_m, north_m) / 1e3,
                "freq_ghz": np.array([station.band_mhz for station in stations], float)[code] / 1000.0,
            }
        )
        table = table.sort_values(["point_id", "technology", "operator"], kind="stable").reset_index(drop=True)
        width_m = self._levels.prepared.grid.resolution_m
        sigma_of = {freq: location_sigma_db(freq, width_m) for freq in table["freq_ghz"].unique()}
        return table[list(POINT_COLUMNS)].assign(sigma_l_db=table["freq_ghz"].map(sigma_of).astype(float))
