"""Rec. ITU-R P.1812-7: basic transmission loss of a terrestrial path, 30 MHz to 6 GHz.

Models diffraction over terrain and representative clutter (delta-Bullington), ducting, troposcatter and their
combination for 1 to 50 % of time and 50 % of locations or another percentage given with its standard deviation.
Leaves out building entry loss (P.2109) and interference. With clutter the result depends on the spacing of the profile:
fix the spacing and the clearance at the ends, and state them beside the result.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._carried import ray_tables, ray_work
from phusong.coverage.propagation._combine import loss_db
from phusong.coverage.propagation._ends import near_points, own_points
from phusong.coverage.propagation._profile import SEA, profile_geometry
from phusong.coverage.propagation._ray import MIN_POINTS, ray_loss
from phusong.coverage.propagation._terms import (
    LIGHT_SPEED_GHZ_M,
    Link,
    effective_radius_km,
    frequency_terms,
    inverse_normal,
    times_of,
)
from phusong.coverage.propagation.errors import OutOfValidityError

FREQ_RANGE_GHZ = (0.03, 6.0)  # P.1812-7 §1
TIME_RANGE_PCT = (1.0, 50.0)  # §1
HEIGHT_RANGE_M = (1.0, 3000.0)  # §1
ZONES = (1, 3, 4)  # sea, coastal land, inland (§3.1, Table 2)

Floats = npt.NDArray[np.float64]


def path_loss_db(
    distance_km: npt.ArrayLike,
    terrain_m: npt.ArrayLike,
    clutter_m: npt.ArrayLike,
    zone: npt.ArrayLike,
    *,
    freq_ghz: float,
    time_pct: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    polarization: str,
    mid_lat_deg: float,
    delta_n: float,
    surface_refractivity: float,
    tx_coast_km: float | None = None,
    rx_coast_km: float | None = None,
    location_pct: float = 50.0,
    location_sigma_db: float = 0.0,
    end_clearance_km: float = 0.0,
) -> float:
    """Basic transmission loss of one path, from its profile.

    Parameters
    ----------
    distance_km
        Distance of each point from the transmitter `[n]`, from 0 upwards, n at least 5 [km].
    terrain_m
        Terrain height `[n]` [m amsl].
    clutter_m
        Representative clutter height `[n]`, at least 0; without effect at both ends [m].
    zone
        Radio-climatic zone `[n]`: 1 sea, 3 coastal land, 4 inland.
    freq_ghz
        Frequency, 0.03 to 6 [GHz].
    time_pct
        Percentage of time for which the loss is not exceeded, 1 to 50 [%].
    tx_height_agl_m, rx_height_agl_m
        Antenna heights above ground, 1 to 3000 [m].
    polarization
        `"horizontal"` or `"vertical"`.
    mid_lat_deg
        Latitude of the path's middle [degrees].
    delta_n
        Average refractivity lapse rate through the lowest kilometre, positive, below 157 [N-units/km].
    surface_refractivity
        Sea-level surface refractivity [N-units].
    tx_coast_km, rx_coast_km
        Distance over land from each terminal to the coast; None derives it from `zone`, and a terminal at sea has 0
        whatever is given [km].
    location_pct, location_sigma_db
        Percentage of locations, 1 to 99, and the standard deviation of location variability (no effect at sea) [%, dB].
    end_clearance_km
        Intermediate points within this distance of either end are taken as bare of clutter [km].

    Returns
    -------
    float
        Basic transmission loss [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range, arrays of unequal length, a distance that does not grow, or a height that is no
        number.

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1, §4, eqs 1 to 69.
    """
    distance = _floats("distance_km", distance_km)
    profile = _profile(terrain_m, clutter_m, zone, size=distance.size)
    if distance[0] != 0.0 or not np.all(np.diff(distance) > 0.0):
        raise OutOfValidityError("`distance_km` must begin at 0 and grow from point to point")
    terms, link = make_link(
        [freq_ghz], time_pct, tx_height_agl_m, rx_height_agl_m, polarization, mid_lat_deg, delta_n,
        surface_refractivity, end_clearance_km, tx_coast_km, rx_coast_km,
    )  # fmt: skip
    _within("location_pct", location_pct, (1.0, 99.0))
    _within("location_sigma_db", location_sigma_db, (0.0, 100.0))
    geometry = profile_geometry(distance, *profile, link)
    location_loss = 0.0
    if profile[2][-1] != SEA:
        location_loss = -inverse_normal(0.01 * location_pct) * location_sigma_db
    return float(loss_db(geometry, terms[0], link, location_loss))


def ray_loss_db(
    spacing_km: float,
    terrain_m: npt.ArrayLike,
    clutter_m: npt.ArrayLike,
    zone: npt.ArrayLike,
    *,
    freqs_ghz: Sequence[float] | Floats,
    time_pct: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    polarization: str,
    mid_lat_deg: float,
    delta_n: float,
    surface_refractivity: float,
    tx_coast_km: float | None = None,
    rx_coast_km: float | None = None,
    end_clearance_km: float = 0.0,
) -> Floats:
    """Basic transmission loss to every point of an equally spaced ray, each from its own profile.

    Parameters
    ----------
    spacing_km
        Distance between neighbouring points, positive [km].
    terrain_m, clutter_m, zone
        As in `path_loss_db`, `[n]`; the transmitter stands at index 0.
    freqs_ghz
        Frequencies `[n_freq]`, each 0.03 to 6 [GHz].
    rx_coast_km
        A number holds for every point; None derives it at each point from `zone` [km].
    time_pct, tx_height_agl_m, rx_height_agl_m, polarization, mid_lat_deg, delta_n, surface_refractivity, tx_coast_km, \
end_clearance_km
        As in `path_loss_db`.

    Returns
    -------
    ndarray
        Loss `[n_freq, n]`, equal to `path_loss_db` of the profile up to each point [dB]; NaN where that profile has
        fewer than 5 points.

    Raises
    ------
    OutOfValidityError
        As `path_loss_db`.

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1, §4, eqs 1 to 69.
    """
    _within("spacing_km", spacing_km, (1e-6, 1e3))
    profile = _profile(terrain_m, clutter_m, zone, size=np.size(terrain_m))
    terms, link = make_link(
        freqs_ghz, time_pct, tx_height_agl_m, rx_height_agl_m, polarization, mid_lat_deg, delta_n,
        surface_refractivity, end_clearance_km, tx_coast_km, rx_coast_km,
    )  # fmt: skip
    n = profile[0].size
    loss = np.full((terms.shape[0], n), np.nan)
    tables = ray_tables(float(spacing_km), n, link)
    own = own_points(near_points(float(spacing_km), link), n)
    ray_loss(*profile, np.ones(n, dtype=np.bool_), terms, tables, link, ray_work(n, own), loss)
    return loss


def _within(name: str, value: float, limits: tuple[float, float]) -> None:
    if not limits[0] <= value <= limits[1]:
        raise OutOfValidityError(f"`{name}` must be within [{limits[0]:g}, {limits[1]:g}], got {value}")


def _floats(name: str, values: npt.ArrayLike) -> Floats:
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < MIN_POINTS:
        raise OutOfValidityError(
            f"`{name}` must be one-dimensional with at least {MIN_POINTS} points, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise OutOfValidityError(f"`{name}` must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def _profile(
    terrain_m: npt.ArrayLike, clutter_m: npt.ArrayLike, zone: npt.ArrayLike, *, size: int
) -> tuple[Floats, Floats, npt.NDArray[np.uint8]]:
    terrain, clutter, zones = _floats("terrain_m", terrain_m), _floats("clutter_m", clutter_m), _floats("zone", zone)
    if not terrain.size == clutter.size == zones.size == size:
        raise OutOfValidityError(
            f"the arrays of a profile must have one length, got {size}, {terrain.size}, {clutter.size}, {zones.size}"
        )
    if clutter.min() < 0.0:
        raise OutOfValidityError(f"`clutter_m` must be at least 0, got {clutter.min()}")
    if not np.isin(zones, ZONES).all():
        raise OutOfValidityError(f"`zone` must be 1, 3 or 4, got {zones[~np.isin(zones, ZONES)][0]:g}")
    return terrain, clutter, zones.astype(np.uint8)


def make_link(
    freqs_ghz: Sequence[float] | Floats,
    time_pct: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    polarization: str,
    mid_lat_deg: float,
    delta_n: float,
    surface_refractivity: float,
    end_clearance_km: float,
    tx_coast_km: float | None = None,
    rx_coast_km: float | None = None,
) -> tuple[Floats, Link]:
    """Check what does not belong to a profile, and put it as the kernels take it.

    Returns
    -------
    terms : ndarray
        Terms of frequency alone `[n_freq, 13]`.
    link : Link
        The rest.

    Raises
    ------
    OutOfValidityError
        A quantity outside its range.
    """
    freqs = np.atleast_1d(np.asarray(freqs_ghz, dtype=np.float64))
    if freqs.ndim != 1 or freqs.size == 0:
        raise OutOfValidityError("`freqs_ghz` must hold at least one frequency")
    for freq in freqs:
        _within("freq_ghz", float(freq), FREQ_RANGE_GHZ)
    _within("time_pct", time_pct, TIME_RANGE_PCT)
    _within("tx_height_agl_m", tx_height_agl_m, HEIGHT_RANGE_M)
    _within("rx_height_agl_m", rx_height_agl_m, HEIGHT_RANGE_M)
    _within("mid_lat_deg", mid_lat_deg, (-90.0, 90.0))
    _within("delta_n", delta_n, (0.0, 150.0))
    _within("surface_refractivity", surface_refractivity, (0.0, 1000.0))
    _within("end_clearance_km", end_clearance_km, (0.0, 1e3))
    if polarization not in ("horizontal", "vertical"):
        raise OutOfValidityError(f'`polarization` must be "horizontal" or "vertical", got "{polarization}"')
    link = Link(
        times_of(float(time_pct)), float(tx_height_agl_m), float(rx_height_agl_m), effective_radius_km(float(delta_n)),
        float(mid_lat_deg), float(surface_refractivity), polarization == "vertical", float(end_clearance_km),
        _coast("tx_coast_km", tx_coast_km), _coast("rx_coast_km", rx_coast_km),
        math.sqrt(LIGHT_SPEED_GHZ_M / float(freqs.min())),
    )  # fmt: skip
    return frequency_terms(freqs), link


def _coast(name: str, value: float | None) -> float:
    if value is None:
        return math.nan
    _within(name, value, (0.0, 1e5))
    return float(value)
