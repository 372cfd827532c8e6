"""Service classes: none, weak (lõm sóng) or good, from received level and a threshold profile.

A place has a class when its median level, less the location allowance of the profile, meets the threshold.
The class of several operators or technologies is the best of theirs, never worse than any of them.
Interference, load and indoor loss are left out.
"""

import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.link import location_sigma_db
from phusong.geodata.grid import Raster
from phusong.geodata.settings import Threshold, ThresholdProfile

Classes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Layer = tuple[str, str]  # technology, operator

NONE, WEAK, GOOD, NOT_ASKED = 0, 1, 2, 255
CLASS_NAMES = ("none", "weak", "good")
NO_SIGNAL_CDBM = -32768
SEA = 1  # zone code
ANY = "any"


def location_allowance_db(sigma_l_db: npt.ArrayLike, location_pct: float) -> npt.NDArray[np.float64]:
    """Level above the threshold that the median needs so that a share of locations meets it [dB].

    Parameters
    ----------
    sigma_l_db
        Standard deviation of the location variability σ_L [dB].
    location_pct
        Share of locations that must meet the threshold [%], 50 to 99.

    Notes
    -----
    The inverse of the normal distribution times σ_L (Rec. ITU-R P.1812-7, Annex 1, §4.7 and §4.9); 0 at 50 %.
    """
    allowance: npt.NDArray[np.float64] = NormalDist().inv_cdf(location_pct / 100) * np.asarray(sigma_l_db, float)
    return allowance


def location_probability(margin_db: npt.ArrayLike, sigma_l_db: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Share of the places inside a pixel that meet a threshold, 0 to 1.

    Parameters
    ----------
    margin_db
        Median level less the threshold, no location allowance taken off; −inf where there is no signal [dB].
    sigma_l_db
        Standard deviation of the location variability σ_L, of a shape that fits [dB]; 0 makes it a step.

    Notes
    -----
    Φ(margin / σ_L): the inverse of `location_allowance_db` (Rec. ITU-R P.1812-7, Annex 1, §4.7 and §4.9), so the
    share is at least the location percentage exactly where the threshold with its allowance is met. It says
    nothing of the model's error, which neighbouring places share. That no place is better off than free space (L_b0p,
    §4.9) is left out.
    """
    margin, sigma = np.broadcast_arrays(np.asarray(margin_db, float), np.asarray(sigma_l_db, float))
    steps = np.where(margin >= 0, math.inf, -math.inf)
    deviates = np.divide(margin, sigma, out=steps, where=sigma > 0)
    share = [_normal_share(deviate) for deviate in deviates.ravel()]
    return np.array(share, dtype=np.float64).reshape(deviates.shape)


def location_probability_of_one(margin_db: float, sigma_l_db: float) -> float:
    """`location_probability` of one place, without the cost of arrays."""
    if sigma_l_db > 0:
        return _normal_share(margin_db / sigma_l_db)
    return 1.0 if margin_db >= 0 else 0.0


def _normal_share(deviate: float) -> float:
    """Φ of a standard normal deviate."""
    return 0.5 * math.erfc(-deviate / math.sqrt(2.0))


def required_cdbm(
    threshold_dbm: npt.ArrayLike, sigma_l_db: npt.ArrayLike, location_pct: float
) -> npt.NDArray[np.int16]:
    """Lowest stored level that meets a threshold, per station [0.01 dBm].

    Parameters
    ----------
    threshold_dbm
        The threshold, one or per station [dBm].
    sigma_l_db
        σ_L of every station [dB], `[n_station]`, in the order of the server codes.
    location_pct
        Share of locations that must meet the threshold [%].

    Returns
    -------
    int16 `[n_station + 1]`; the last entry, read by server code −1, is out of reach.
    """
    needed = np.asarray(threshold_dbm, float) + location_allowance_db(sigma_l_db, location_pct)
    # levels are stored to 0.01 dB: the tolerance keeps -121.0 from becoming -120.99
    cdbm = np.clip(np.ceil(needed * 100 - 1e-6), NO_SIGNAL_CDBM + 1, 32767)
    return np.append(cdbm, 32767).astype(np.int16)


def station_sigma_db(stations: pd.DataFrame, resolution_m: float) -> npt.NDArray[np.float64]:
    """σ_L inside a pixel for every station's frequency [dB], `[n_station]`.

    Parameters
    ----------
    stations
        Stations with `band_mhz`, in the order of the server codes.
    resolution_m
        Side of a pixel [m].
    """
    return np.array([location_sigma_db(band / 1000, resolution_m) for band in stations["band_mhz"]], dtype=float)


def without_spread_at_sea(signal: pd.DataFrame, points: pd.DataFrame, zone: Raster) -> pd.DataFrame:
    """A point-signal table in which σ_L is 0 at the points at sea: P.1812 has no location variability there.

    Parameters
    ----------
    signal
        Rows with `point_id` and `sigma_l_db`.
    points
        The points: `point_id`, `x_m` and `y_m` in the CRS of the grid, NaN where unknown.
    zone
        Radio-climatic zones, 1 sea; outside the raster is no sea.

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1, §4.7.
    """
    x_m, y_m = points["x_m"].to_numpy(float), points["y_m"].to_numpy(float)
    known = np.flatnonzero(np.isfinite(x_m) & np.isfinite(y_m))
    known = known[zone.grid.contains(x_m[known], y_m[known])]
    at_sea = known[zone.values[zone.grid.index(x_m[known], y_m[known])] == SEA]
    spread = signal["sigma_l_db"].mask(signal["point_id"].isin(points["point_id"].iloc[at_sea]), 0.0)
    return signal.assign(sigma_l_db=spread)


def classify_levels(
    rsrp_cdbm: npt.NDArray[np.int16],
    server: npt.NDArray[np.int32],
    *,
    threshold: Threshold,
    sigma_l_db: npt.ArrayLike,
    location_pct: float,
    floor_dbm: npt.ArrayLike = -math.inf,
) -> Classes:
    """Class of every pixel of one technology and operator: 0 none, 1 weak, 2 good.

    Parameters
    ----------
    rsrp_cdbm
        Best level [0.01 dBm], any shape; −32768 = no signal computed, which is class none.
    server
        Row of the serving station, same shape; −1 none.
    threshold
        Levels of the weak and the good class.
    sigma_l_db
        σ_L of every station [dB], `[n_station]`.
    location_pct
        Share of locations that must meet the threshold [%].
    floor_dbm
        Level below which the uplink fails, one or per station [dBm]; a threshold below it is raised to it.
    """
    weak = required_cdbm(np.maximum(threshold.weak_dbm, floor_dbm), sigma_l_db, location_pct)
    good = required_cdbm(np.maximum(threshold.good_dbm, floor_dbm), sigma_l_db, location_pct)
    classes = (rsrp_cdbm >= weak[server]).view(np.uint8)
    classes += (rsrp_cdbm >= good[server]).view(np.uint8)
    classes[rsrp_cdbm == NO_SIGNAL_CDBM] = NONE
    return classes


def best_class(layers: Iterable[Classes], shape: tuple[int, ...]) -> Classes:
    """Best class over layers (operators, technologies or both); none where there is no layer.

    Parameters
    ----------
    layers
        Classes of one shape, without 255.
    shape
        That shape.
    """
    best = np.zeros(shape, dtype=np.uint8)
    for layer in layers:
        np.maximum(best, layer, out=best)
    return best


def technology_groups(profile: ThresholdProfile) -> dict[str, tuple[str, ...]]:
    """Technologies behind every technology label that a profile can answer.

    Each technology with a threshold alone, "3G+4G" where both have one, and "any" for all of them.
    """
    technologies = tuple(sorted(profile.thresholds))
    groups: dict[str, tuple[str, ...]] = {technology: (technology,) for technology in technologies}
    if {"3G", "4G"} <= set(technologies):
        groups["3G+4G"] = ("3G", "4G")
    groups[ANY] = technologies
    return groups


def group_class(
    layers: Mapping[Layer, Classes], technologies: Iterable[str], operator: str, *, shape: tuple[int, ...]
) -> Classes:
    """Best class over the layers of some technologies, of one operator or ("any") of all.

    Parameters
    ----------
    layers
        Classes by technology and operator.
    technologies
        Technologies to unite.
    operator
        An operator, or "any".
    shape
        Shape of the answer; class none where no layer fits.
    """
    wanted = set(technologies)
    fitting = (
        classes for (technology, owner), classes in layers.items() if technology in wanted and operator in (ANY, owner)
    )
    return best_class(fitting, shape)


def rate_points(signal: pd.DataFrame, profile: ThresholdProfile) -> pd.DataFrame:
    """Class, margin and share of places of every row of a point-signal table.

    Returns
    -------
    The rows of `class_points` with `probability`, the share of places around the point that meet the weak threshold.
    """
    rated, weak, good = _with_thresholds(signal, profile)
    above = location_probability(rated["rsrp_dbm"].to_numpy(float) - weak, rated["sigma_l_db"].to_numpy(float))
    answer: pd.DataFrame = _classed(rated, weak, good, profile).assign(probability=above)
    return answer


def class_points(signal: pd.DataFrame, profile: ThresholdProfile) -> pd.DataFrame:
    """Class and margin of every row of a point-signal table.

    Parameters
    ----------
    signal
        One row per point, technology and operator: point_id, technology, operator, rsrp_dbm (NaN or −inf
        none), station_id, distance_km, sigma_l_db, and with an uplink budget floor_dbm, to which lower
        thresholds are raised. Technologies without a threshold in the profile are
        left out.
    profile
        Thresholds and location percentage.

    Returns
    -------
    The rows with `margin_db` = rsrp_dbm − weak threshold − location allowance [dB] and `service` 0, 1 or 2 (weak
    from a margin of 0, good from a margin of good − weak).
    """
    return _classed(*_with_thresholds(signal, profile), profile)


def _with_thresholds(signal: pd.DataFrame, profile: ThresholdProfile) -> tuple[pd.DataFrame, Floats, Floats]:
    """The rows that a profile answers, and the weak and the good threshold of each [dBm]."""
    code, technologies = pd.factorize(signal["technology"])
    levels = {name: (threshold.weak_dbm, threshold.good_dbm) for name, threshold in profile.thresholds.items()}
    of_technology = np.array([levels.get(name, (np.nan, np.nan)) for name in technologies]).reshape(-1, 2)
    answered = np.isfinite(of_technology[code, 0]) & np.isfinite(signal["rsrp_dbm"].to_numpy(np.float64))
    rated = signal[answered]
    weak, good = of_technology[code[answered]].T
    if "floor_dbm" in rated:
        floor_dbm = rated["floor_dbm"].to_numpy(float)
        weak, good = np.maximum(weak, floor_dbm), np.maximum(good, floor_dbm)
    return rated, weak, good


def _classed(rated: pd.DataFrame, weak: Floats, good: Floats, profile: ThresholdProfile) -> pd.DataFrame:
    sigma_l_db, level = rated["sigma_l_db"].to_numpy(float), rated["rsrp_dbm"].to_numpy(float)
    median = level - location_allowance_db(sigma_l_db, profile.location_pct)
    service = (median >= weak).astype(np.uint8) + (median >= good).astype(np.uint8)
    answer: pd.DataFrame = rated.assign(margin_db=median - weak, service=service)
    return answer


def point_layers(point_ids: "pd.Series[str]", rated: pd.DataFrame) -> dict[Layer, Classes]:
    """Classes by technology and operator, in the order of the points; none where a point has no row.

    Parameters
    ----------
    point_ids
        Ids of the points, unique, `[n]`.
    rated
        Answer of `class_points`.
    """
    position = pd.Index(point_ids.to_numpy(dtype=object)).get_indexer(rated["point_id"].to_numpy(dtype=object))
    technology, technologies = pd.factorize(rated["technology"], sort=True)
    operator, operators = pd.factorize(rated["operator"], sort=True)
    layer = technology * len(operators) + operator
    classes = np.zeros((len(technologies) * len(operators), len(point_ids)), dtype=np.uint8)
    known = position >= 0
    np.maximum.at(classes, (layer[known], position[known]), rated["service"].to_numpy(np.uint8)[known])
    names = [(str(name), str(owner)) for name in technologies for owner in operators]
    return {names[row]: classes[row] for row in np.unique(layer)}
