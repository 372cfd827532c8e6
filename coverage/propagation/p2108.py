"""Rec. ITU-R P.2108-1: loss through clutter around a terminal.

§3.1, the height gain of a terminal below the clutter's height, and §3.2, the statistical model for terrestrial paths
in towns and suburbs. Leaves out §3.3 (slant paths to aircraft and satellites).
"""

import math
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._ranges import Floats, floats_within, require_inside, require_within
from phusong.coverage.propagation.errors import OutOfValidityError

ClutterType = Literal["water", "open", "suburban", "urban", "forest", "dense_urban"]

REPRESENTATIVE_HEIGHT_M: dict[ClutterType, float] = {  # Table 3
    "water": 10.0,
    "open": 10.0,
    "suburban": 10.0,
    "urban": 15.0,
    "forest": 15.0,
    "dense_urban": 20.0,
}
STREET_WIDTH_M = 27.0  # §3.1, default
HEIGHT_GAIN_FREQ_RANGE_GHZ = (0.03, 3.0)  # §3.1
STATISTICAL_FREQ_RANGE_GHZ = (0.5, 67.0)  # §3.2
STATISTICAL_DISTANCE_RANGE_KM = (0.25, 1e5)  # §3.2, from 0.25 km for one end, 1 km for both
POSITIVE_M = (0.0, 1e4)


def height_gain_loss_db(
    height_agl_m: float,
    *,
    freq_ghz: float,
    clutter_type: ClutterType,
    clutter_height_m: float | None = None,
    street_width_m: float = STREET_WIDTH_M,
) -> float:
    """Loss of a terminal that stands below the clutter around it.

    To be added to the loss of a path that ends at the height of the clutter.

    Parameters
    ----------
    height_agl_m
        Antenna height, above 0 [m].
    freq_ghz
        Frequency, 0.03 to 3 [GHz].
    clutter_type
        A key of `REPRESENTATIVE_HEIGHT_M`.
    clutter_height_m
        Representative clutter height, above 0; None is that of the type [m].
    street_width_m
        Width of the street, above 0 [m].

    Returns
    -------
    float
        Loss, 0 from the clutter's height upwards [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range, or an unknown type.

    References
    ----------
    Rec. ITU-R P.2108-1, Annex 1, §3.1, eqs 1 and 2, Table 3.
    """
    require_within("freq_ghz", freq_ghz, HEIGHT_GAIN_FREQ_RANGE_GHZ)
    if clutter_type not in get_args(ClutterType):
        raise OutOfValidityError(
            f'`clutter_type` must be one of {", ".join(REPRESENTATIVE_HEIGHT_M)}, got "{clutter_type}"'
        )
    top_m = REPRESENTATIVE_HEIGHT_M[clutter_type] if clutter_height_m is None else clutter_height_m
    for name, value in (
        ("height_agl_m", height_agl_m), ("clutter_height_m", top_m), ("street_width_m", street_width_m),
    ):  # fmt: skip
        require_inside(name, value, POSITIVE_M)
    if height_agl_m >= top_m:
        return 0.0
    if clutter_type in ("water", "open"):
        return -(21.8 + 6.2 * math.log10(freq_ghz)) * math.log10(height_agl_m / top_m)
    difference_m = top_m - height_agl_m
    angle_deg = math.degrees(math.atan(difference_m / street_width_m))
    nu = 0.342 * math.sqrt(freq_ghz) * math.sqrt(difference_m * angle_deg)  # never negative: J needs no floor
    return 6.9 + 20.0 * math.log10(math.sqrt((nu - 0.1) ** 2 + 1.0) + nu - 0.1) - 6.03


def terrestrial_clutter_loss_db(distance_km: npt.ArrayLike, *, freq_ghz: float, location_pct: float = 50.0) -> Floats:
    """Clutter loss at one end of a terrestrial path not exceeded at a share of locations, in towns and suburbs.

    Parameters
    ----------
    distance_km
        Length of the path, at least 0.25, any shape [km].
    freq_ghz
        Frequency, 0.5 to 67 [GHz].
    location_pct
        Share of locations, above 0 and below 100 [%].

    Returns
    -------
    ndarray
        Loss, same shape; beyond 2 km that of 2 km [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range.

    References
    ----------
    Rec. ITU-R P.2108-1, Annex 1, §3.2, eqs 3 to 6.
    """
    require_within("freq_ghz", freq_ghz, STATISTICAL_FREQ_RANGE_GHZ)
    require_inside("location_pct", location_pct, (0.0, 100.0))
    distance = floats_within("distance_km", distance_km, STATISTICAL_DISTANCE_RANGE_KM)
    quantile = NormalDist().inv_cdf(1e-2 * location_pct)
    return np.minimum(_statistical_db(distance, freq_ghz, quantile), _statistical_db(2.0, freq_ghz, quantile))


def _statistical_db(distance_km: npt.ArrayLike, freq_ghz: float, quantile: float) -> Floats:
    """Eq. 3, with `L_l` and `L_s` of eqs 4 and 5 and their standard deviations 4 and 6 dB."""
    long_db = -2.0 * math.log10(10.0 ** (-5.0 * math.log10(freq_ghz) - 12.5) + 10.0**-16.5)
    short_db = 32.98 + 23.9 * np.log10(distance_km) + 3.0 * math.log10(freq_ghz)
    of_long, of_short = 10.0 ** (-0.2 * long_db), 10.0 ** (-0.2 * short_db)
    both = of_long + of_short
    sigma_db = np.sqrt((16.0 * of_long + 36.0 * of_short) / both)
    return np.asarray(-5.0 * np.log10(both) + sigma_db * quantile)
