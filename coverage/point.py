"""What a run says of one pixel: every technology and operator's level, server and service class.

Reads the one pixel of every stored tile, never a whole raster.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.windows import Window

from phusong.coverage.results import Results
from phusong.coverage.service import (
    CLASS_NAMES,
    NO_SIGNAL_CDBM,
    classify_levels,
    location_allowance_db,
    location_probability,
    station_sigma_db,
    technology_groups,
)
from phusong.coverage.tiles import SERVERS_TAG
from phusong.geodata.settings import ThresholdProfile


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


def read_pixel(
    results: Results, store_dir: Path, *, row: int, col: int, profile: ThresholdProfile
) -> list[PixelSignal]:
    """Read every technology and operator with a threshold at one pixel, in the order of the run's layers.

    Parameters
    ----------
    results
        The run.
    store_dir
        Folder of the content-addressed tiles.
    row, col
        The pixel on the run's grid.
    profile
        Thresholds and location percentage.
    """
    return [
        _rate(layer, *_read_level(layer, store_dir, row, col), results, (row, col), profile)
        for layer in results.manifest["layers"]
        if layer["technology"] in profile.thresholds
    ]


def best_services(signals: list[PixelSignal], profile: ThresholdProfile) -> dict[str, str]:
    """Best class over operators for every technology, union and "any" that the profile can answer.

    Parameters
    ----------
    signals
        Answer of `read_pixel`.
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
        Answer of `read_pixel`.
    profile
        The profile it was made with.
    """
    served = [signal for signal in signals if signal.service != CLASS_NAMES[0]]
    return {
        label: len({signal.operator for signal in served if signal.technology in technologies})
        for label, technologies in technology_groups(profile).items()
    }


def _read_level(layer: dict[str, Any], store_dir: Path, row: int, col: int) -> tuple[int, str | None]:
    """Level [0.01 dBm] and id of the serving station at a pixel."""
    for tile in layer["tiles"]:
        top, left = row - tile["row"], col - tile["col"]
        if not (0 <= top < tile["height"] and 0 <= left < tile["width"]):
            continue
        with rasterio.open(store_dir / f"{tile['sha256']}.tif") as file:
            level, code = (int(value) for value in file.read(window=Window(left, top, 1, 1)).ravel())
            servers = json.loads(file.tags()[SERVERS_TAG])
        return level, servers[code - 1] if code > 0 else None
    return NO_SIGNAL_CDBM, None


def _rate(
    layer: dict[str, Any],
    level_cdbm: int,
    station_id: str | None,
    results: Results,
    pixel: tuple[int, int],
    profile: ThresholdProfile,
) -> PixelSignal:
    technology, operator = layer["technology"], layer["operator"]
    if station_id is None or level_cdbm == NO_SIGNAL_CDBM:
        return PixelSignal(technology, operator, CLASS_NAMES[0])
    serving = (results.stations["station_id"].astype(str) == station_id).to_numpy()
    station = results.stations[serving]
    floor_dbm = results.floor_dbm[serving]
    sigma_l_db = station_sigma_db(station, results.grid.resolution_m)
    threshold = profile.thresholds[technology]
    service = classify_levels(
        np.array([level_cdbm], dtype=np.int16),
        np.zeros(1, dtype=np.int32),
        threshold=threshold,
        sigma_l_db=sigma_l_db,
        location_pct=profile.location_pct,
        floor_dbm=floor_dbm,
    )
    weak_dbm = max(threshold.weak_dbm, float(floor_dbm[0]))
    allowance_db = float(location_allowance_db(sigma_l_db, profile.location_pct)[0])
    rsrp_dbm = level_cdbm / 100
    return PixelSignal(
        technology,
        operator,
        CLASS_NAMES[int(service[0])],
        rsrp_dbm=rsrp_dbm,
        margin_db=round(rsrp_dbm - weak_dbm - allowance_db, 2),
        station_id=station_id,
        distance_km=_distance_km(station, results, pixel),
        probability=round(float(location_probability(rsrp_dbm - weak_dbm, sigma_l_db)[0]), 4),
    )


def _distance_km(station: gpd.GeoDataFrame, results: Results, pixel: tuple[int, int]) -> float:
    row, col = pixel
    xs, ys = results.grid.centres()
    mast = station.geometry.to_crs(results.grid.crs).iloc[0]
    return round(float(np.hypot(mast.x - xs[col], mast.y - ys[row])) / 1000, 3)
