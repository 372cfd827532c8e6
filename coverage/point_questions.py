"""The points of a computation: which stations are asked at which, and the best of their answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.levels import Levels
from phusong.coverage.link import location_sigma_db
from phusong.coverage.masts import Geometry
from phusong.coverage.network import POINT_COLUMNS, Base, Network
from phusong.coverage.service import Layer

Asked = dict[int, npt.NDArray[np.intp]]  # points by station


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
        row_of = {place: row for row, place in enumerate(_places(points))}
        rows = np.array([row_of.get(place, -1) for place in _places(base.points)], np.int64)
        before, rows = base.points[rows >= 0], rows[rows >= 0]
        code_of = {network.station_id[code]: code for code in kept}
        codes = np.array([code_of.get(name, -1) for name in before["station_id"].to_numpy(object)], np.int64)
        levels_dbm = before["rsrp_dbm"].to_numpy(float)
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


def _places(points: pd.DataFrame) -> Iterator[tuple[str, float, float]]:
    """Id and position of every point."""
    return zip(*(points[name].tolist() for name in ("point_id", "x_m", "y_m")), strict=True)
