"""The model against measurements: errors and confusion per technology and band, and the standard error they propose.

An error is modelled − measured [dB]: positive where the model promises too much. The modelled level is that of the
best station of the measured operator and technology in the pixel, as a run has it; what a phone hears from another
cell, in a car or in a pocket, is left out. Measurements never change the model.
"""

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.geodata.errors import InputError
from phusong.geodata.settings import ThresholdProfile

Floats = npt.NDArray[np.float64]
ALL = "all"
LEAST_COUNT = 30
"""Pairs of a technology and band (of a band) from which a standard error (an offset) is proposed.

The mean of n errors with the deviation σ is known to σ/√n: with 30 and the usual 8 dB to 1.5 dB, were they independent.
Points of one drive are not, so that this is the least, not a good number.
"""


@dataclass(frozen=True)
class ErrorStatistics:
    """Errors of a technology and band ("all": of every one): bias and standard deviation about it, and RMSE [dB].

    `same_station` counts the pairs whose measured station is the modelled one, `with_station` those that name one.
    """

    technology: str
    band_mhz: float | None
    count: int
    bias_db: float
    rmse_db: float
    std_db: float
    with_station: int
    same_station: int


@dataclass(frozen=True)
class Confusion:
    """Points by whether model and measurement meet a threshold [dBm]."""

    technology: str
    threshold: str
    threshold_dbm: float
    both: int
    model_only: int
    measured_only: int
    neither: int

    @property
    def share_right(self) -> float:
        """Share of the points of which the model says what was measured."""
        total = self.both + self.model_only + self.measured_only + self.neither
        return (self.both + self.neither) / total


@dataclass(frozen=True, eq=False)
class Validation:
    """A run against measurements.

    Attributes
    ----------
    pairs
        technology, operator, band_mhz, station_id (modelled), measured_dbm, modelled_dbm (−inf no signal), error_db.
    statistics
        Per technology and band; the last, of all, leaves out no pair.
    confusion
        At each threshold of the profile.
    outside
        Measurements outside the grid; `unknown` those of an operator and technology that the run does not have;
        `no_level` those where the model has no level at all (they count in the confusion, not in the errors).
    sigma_db
        Standard deviation of the errors about the bias of their technology and band, pooled [dB]: the proposed
        standard error of a model that is calibrated by `offset_db`; only of technologies and bands with at least
        `LEAST_COUNT` pairs, None where there is none.
    uncalibrated_db
        The same without calibration: the RMSE of the same pairs [dB].
    offset_db
        Offset by band that would take the bias away: −bias [dB]; only of bands with at least `LEAST_COUNT` pairs.
    too_few
        The groups of `statistics` of which nothing is proposed for want of pairs.
    """

    pairs: pd.DataFrame
    statistics: tuple[ErrorStatistics, ...]
    confusion: tuple[Confusion, ...]
    outside: int
    unknown: int
    no_level: int
    sigma_db: float | None
    uncalibrated_db: float | None
    offset_db: dict[str, float]
    too_few: tuple[ErrorStatistics, ...]


def validate_model(results: Results, measurements: gpd.GeoDataFrame, profile: ThresholdProfile) -> Validation:
    """Compare the levels of a run with measurements.

    Parameters
    ----------
    results
        The run.
    measurements
        The `measurements` layer, or a part of it.
    profile
        Thresholds of the confusion; its location percentage is not used, as every point is one place.

    Raises
    ------
    InputError
        No measurement lies where the run has a level to compare.
    """
    pairs, outside, unknown = _pair(results, measurements)
    heard = pairs[np.isfinite(pairs["modelled_dbm"])]
    if heard.empty:
        raise InputError(
            f"None of the {len(measurements)} measurements lies where the run has a level of its operator and "
            f"technology ({outside} outside the grid, {unknown} of an operator and technology without stations).",
            vi=f"Không điểm đo nào trong {len(measurements)} điểm nằm nơi lần tính có mức thu của nhà mạng và công "
            f"nghệ đó ({outside} ngoài lưới, {unknown} của nhà mạng và công nghệ không có trạm).",
        )
    by_group = heard.groupby(["technology", "band_mhz"], sort=True)
    groups = [_statistics(rows, str(technology), float(band)) for (technology, band), rows in by_group]
    used = [group for group in groups if group.count >= LEAST_COUNT]
    freedom = sum(group.count - 1 for group in used)
    within = sum((group.count - 1) * group.std_db**2 for group in used)
    square = sum(group.count * group.rmse_db**2 for group in used)
    return Validation(
        pairs,
        (*groups, _statistics(heard, ALL, None)),
        tuple(_confusions(pairs, profile)),
        outside,
        unknown,
        int((~np.isfinite(pairs["modelled_dbm"])).sum()),
        math.sqrt(within / freedom) if used else None,
        math.sqrt(square / sum(group.count for group in used)) if used else None,
        _offsets(heard),
        tuple(group for group in groups if group.count < LEAST_COUNT),
    )


def _pair(results: Results, measurements: gpd.GeoDataFrame) -> tuple[pd.DataFrame, int, int]:
    """The modelled level at every measurement; how many lie outside the grid, and are of nobody in the run."""
    to_grid = Transformer.from_crs(4326, results.grid.crs, always_xy=True)
    x_m, y_m = to_grid.transform(measurements.geometry.x.to_numpy(), measurements.geometry.y.to_numpy())
    inside = np.asarray(results.grid.contains(x_m, y_m), dtype=bool)
    layers = {(layer["technology"], layer["operator"]) for layer in results.manifest["layers"]}
    bands = results.stations["band_mhz"].to_numpy(dtype=float)
    ids = results.stations["station_id"].astype(str).to_numpy(dtype=object)
    parts = [pd.DataFrame({"technology": [], "modelled_dbm": np.empty(0)})]
    unknown = 0
    located = measurements.assign(x_m=x_m, y_m=y_m)[inside]
    for (technology, operator), rows in located.groupby(["technology", "operator"], sort=True):
        if (technology, operator) not in layers:
            unknown += len(rows)
            continue
        at = results.grid.index(rows["x_m"].to_numpy(), rows["y_m"].to_numpy())
        level = results.rsrp(str(technology), str(operator)).values[at]
        server = results.server(str(technology), str(operator)).values[at]
        modelled = np.where(level == NO_SIGNAL_CDBM, -np.inf, level / 100.0)
        measured = rows["rsrp_dbm"].to_numpy(dtype=float)
        columns = {
            "technology": technology, "operator": operator, "band_mhz": np.where(server >= 0, bands[server], np.nan),
            "station_id": np.where(server >= 0, ids[server], None), "stated_id": rows["station_id"].to_numpy(),
            "measured_dbm": measured, "modelled_dbm": modelled, "error_db": modelled - measured,
        }  # fmt: skip
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts[1:] or parts, ignore_index=True), int((~inside).sum()), unknown


def _statistics(rows: pd.DataFrame, technology: str, band_mhz: float | None) -> ErrorStatistics:
    error = rows["error_db"].to_numpy(dtype=float)
    stated = rows["stated_id"].notna()
    return ErrorStatistics(
        technology, band_mhz, len(rows), float(error.mean()), _rms(error),
        float(error.std(ddof=1)) if len(error) > 1 else 0.0, int(stated.sum()),
        int((stated & (rows["stated_id"] == rows["station_id"])).sum()),
    )  # fmt: skip


def _confusions(pairs: pd.DataFrame, profile: ThresholdProfile) -> list[Confusion]:
    found = []
    for technology, rows in pairs.groupby("technology", sort=True):
        threshold = profile.thresholds.get(str(technology))
        if threshold is None:
            continue
        for name, limit in (("weak", threshold.weak_dbm), ("good", threshold.good_dbm)):
            model, measured = rows["modelled_dbm"] >= limit, rows["measured_dbm"] >= limit
            counts = (model & measured, model & ~measured, ~model & measured, ~model & ~measured)
            found.append(Confusion(str(technology), name, limit, *(int(mask.sum()) for mask in counts)))
    return found


def _offsets(heard: pd.DataFrame) -> dict[str, float]:
    bias = heard.groupby("band_mhz")["error_db"].agg(["mean", "count"])
    known = bias[bias["count"] >= LEAST_COUNT]["mean"]
    return {f"{band:g}": round(-float(value), 1) for band, value in known.items()}


def _rms(error: Floats) -> float:
    return float(np.sqrt(np.mean(error**2)))


def validation_dict(found: Validation) -> dict[str, Any]:
    """The comparison as plain values, without its pairs."""
    return {
        "statistics": [vars(row) for row in found.statistics],
        "confusion": [vars(row) | {"share_right": row.share_right} for row in found.confusion],
        "outside": found.outside,
        "unknown": found.unknown,
        "no_level": found.no_level,
        "proposed": {
            "sigma_db": found.sigma_db, "uncalibrated_db": found.uncalibrated_db, "offset_db": found.offset_db,
            "least_count": LEAST_COUNT,
            "too_few": [
                {"technology": row.technology, "band_mhz": row.band_mhz, "count": row.count} for row in found.too_few
            ],
        },
    }  # fmt: skip
