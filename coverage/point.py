"""What a run says of one pixel: every technology and operator's level, server and service class, and the commune."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from phusong.coverage.pixels import PixelReader
from phusong.coverage.results import Results
from phusong.coverage.service import (
    CLASS_NAMES,
    NO_SIGNAL_CDBM,
    location_allowance_db,
    location_probability_of_one,
    required_cdbm,
    station_sigma_db,
    technology_groups,
)
from phusong.geodata.settings import ThresholdProfile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PixelSignal:
    """The best station of one technology and operator in a pixel; None where there is none.

    `margin_db` is the level above the weak threshold after the location allowance [dB]; `probability` the share of
    the pixel's places that meet the weak threshold; `distance_km` from the pixel's centre on the grid's plane.
    """

    technology: str
    operator: str
    service: str
    rsrp_dbm: float | None = None
    margin_db: float | None = None
    station_id: str | None = None
    distance_km: float | None = None
    probability: float = 0.0


@dataclass(frozen=True, eq=False)
class _Needed:
    """Lowest levels of the weak and the good class by server row [0.01 dBm], and the weak threshold itself [dBm].

    `allowance_db` is the location allowance by server row [dB].
    """

    weak_cdbm: npt.NDArray[np.int16]
    good_cdbm: npt.NDArray[np.int16]
    weak_dbm: Floats
    allowance_db: Floats


class PointReader:
    """Answers for points of a run by the pixel that holds them; what it has read or computed it keeps.

    Parameters
    ----------
    results
        The run.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self.pixels = PixelReader(results)
        self._needed: dict[tuple[str, str], _Needed] = {}
        self._to_grid = Transformer.from_crs(4326, results.grid.crs, always_xy=True)
        self._to_degrees = Transformer.from_crs(results.grid.crs, 4326, always_xy=True)

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """A point in the CRS of the grid [m]; infinite where that is not defined."""
        x_m, y_m = self._to_grid.transform(lon, lat)
        return float(x_m), float(y_m)

    def pixel(self, x_m: float, y_m: float) -> tuple[int, int] | None:
        """Row and column of the pixel that holds a point in the CRS of the grid, None outside the grid."""
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            return None
        cols, rows = self._results.grid.pixel_position(x_m, y_m)
        row, col = math.floor(rows + 0.5), math.floor(cols + 0.5)
        height, width = self._results.grid.shape
        return (row, col) if 0 <= row < height and 0 <= col < width else None

    def commune(self, row: int, col: int) -> tuple[str, str] | None:
        """Code and name of the commune of a pixel, whose centre decides; None outside the province."""
        tree, names = self._communes
        found = tree.query(shapely.Point(*self._to_degrees.transform(*self._centre(row, col))), predicate="intersects")
        return names[int(found.min())] if len(found) else None

    def signals(self, row: int, col: int, profile: ThresholdProfile) -> list[PixelSignal]:
        """Every technology and operator with a threshold at a pixel, in the order of the run's layers.

        Raises
        ------
        StoreError
            A tile is missing from the store or damaged.
        """
        found = zip(self.pixels.layers, self.pixels.read(row, col), strict=True)
        return [
            self._rate(technology, operator, (row, col), level, server, profile)
            for (technology, operator), (level, server) in found
            if technology in profile.thresholds
        ]

    def _centre(self, row: int, col: int) -> tuple[float, float]:
        place = self._results.grid.transform
        return place.c + (col + 0.5) * place.a, place.f + (row + 0.5) * place.e

    def _rate(
        self,
        technology: str,
        operator: str,
        pixel: tuple[int, int],
        level_cdbm: int,
        server: int,
        profile: ThresholdProfile,
    ) -> PixelSignal:
        if server < 0 or level_cdbm == NO_SIGNAL_CDBM:
            return PixelSignal(technology, operator, CLASS_NAMES[0])
        needed = self._required(technology, profile)
        ids, x_m, y_m, sigma_l_db = self._stations
        rsrp_dbm = level_cdbm / 100
        over_weak_db = rsrp_dbm - float(needed.weak_dbm[server])
        centre = self._centre(*pixel)
        apart_m = float(np.hypot(x_m[server] - centre[0], y_m[server] - centre[1]))
        return PixelSignal(
            technology,
            operator,
            CLASS_NAMES[(level_cdbm >= int(needed.weak_cdbm[server])) + (level_cdbm >= int(needed.good_cdbm[server]))],
            rsrp_dbm=rsrp_dbm,
            margin_db=round(over_weak_db - float(needed.allowance_db[server]), 2),
            station_id=ids[server],
            distance_km=round(apart_m / 1000, 3),
            probability=round(location_probability_of_one(over_weak_db, float(sigma_l_db[server])), 4),
        )

    def _required(self, technology: str, profile: ThresholdProfile) -> _Needed:
        key = technology, profile.name
        if key not in self._needed:
            threshold, floor_dbm = profile.thresholds[technology], self._results.floor_dbm
            weak_dbm, good_dbm = np.maximum(threshold.weak_dbm, floor_dbm), np.maximum(threshold.good_dbm, floor_dbm)
            weak, good = (required_cdbm(dbm, self._stations[3], profile.location_pct) for dbm in (weak_dbm, good_dbm))
            allowance_db = location_allowance_db(self._stations[3], profile.location_pct)
            self._needed[key] = _Needed(weak, good, weak_dbm, allowance_db)
        return self._needed[key]

    @cached_property
    def _stations(self) -> tuple[list[str], Floats, Floats, Floats]:
        """Ids, positions in the CRS of the grid [m] and σ_L [dB] of the stations."""
        stations, grid = self._results.stations, self._results.grid
        place = stations.geometry.to_crs(grid.crs)
        sigma_l_db = station_sigma_db(stations, grid.resolution_m)
        return list(stations["station_id"].astype(str)), place.x.to_numpy(), place.y.to_numpy(), sigma_l_db

    @cached_property
    def _communes(self) -> tuple[shapely.STRtree, list[tuple[str, str]]]:
        communes = self._results.units("commune")
        placed = communes[communes.geometry.notna()]
        names = list(zip(placed["code"].astype(str), placed["name"].astype(str), strict=True))
        return shapely.STRtree(placed.geometry.to_numpy()), names


def best_services(signals: list[PixelSignal], profile: ThresholdProfile) -> dict[str, str]:
    """Best class over operators for every technology, union and "any" that the profile can answer.

    Parameters
    ----------
    signals
        Answer of `PointReader.signals`.
    profile
        The profile it was made with.
    """
    best = {}
    for label, technologies in technology_groups(profile).items():
        ranks = [CLASS_NAMES.index(signal.service) for signal in signals if signal.technology in technologies]
        best[label] = CLASS_NAMES[max(ranks, default=0)]
    return best


def count_operators(signals: list[PixelSignal], profile: ThresholdProfile) -> dict[str, int]:
    """How many operators serve at least weakly, for every technology, union and "any" of the profile.

    Parameters
    ----------
    signals
        Answer of `PointReader.signals`.
    profile
        The profile it was made with.
    """
    served = [signal for signal in signals if signal.service != CLASS_NAMES[0]]
    return {
        label: len({signal.operator for signal in served if signal.technology in technologies})
        for label, technologies in technology_groups(profile).items()
    }
