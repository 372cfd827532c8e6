"""Extended Hata: median loss in open, suburban and urban areas without a terrain profile, 30 MHz to 3 GHz.

As the compatibility tool SEAMCAT has it: Hata's fit to Okumura's measurements, stretched in frequency and distance.
Leaves out terrain, land cover and the Earth's curvature.
"""

import math
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._ranges import Floats, floats_within, require_within
from phusong.coverage.propagation.errors import OutOfValidityError

Environment = Literal["urban", "suburban", "open"]

FREQ_RANGE_GHZ = (0.03, 3.0)
DISTANCE_RANGE_M = (0.0, 100e3)
LOWER_HEIGHT_RANGE_M = (1.0, 10.0)
UPPER_HEIGHT_RANGE_M = (10.0, 200.0)  # below 30 m by the term b(Hb)
NEAR_KM = 0.04  # free space up to here
FAR_KM = 0.1  # Hata from here
MIN_DISTANCE_KM = 0.001


def extended_hata_db(
    distance_m: npt.ArrayLike,
    *,
    freq_ghz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    environment: Environment,
) -> Floats:
    """Median basic transmission loss by the extended Hata model; never below free space.

    Parameters
    ----------
    distance_m
        Distance on the ground, 0 to 100 000, any shape [m].
    freq_ghz
        Frequency, 0.03 to 3 [GHz].
    tx_height_agl_m, rx_height_agl_m
        Antenna heights above ground, in either order: the lower one 1 to 10, the higher one 10 to 200 [m].
    environment
        Surroundings of the lower antenna: `"urban"`, `"suburban"` or `"open"`.

    Returns
    -------
    ndarray
        Median loss, same shape [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range, or an unknown environment.

    References
    ----------
    ERC Report 68, Annex; Report ITU-R SM.2028-2, §6.1 (SEAMCAT handbook, A17.3.1). Heights: COST 231 has 30 to 200 m
    for the higher antenna, the Report's b(Hb) carries it lower.
    """
    require_within("freq_ghz", freq_ghz, FREQ_RANGE_GHZ)
    lower_m, upper_m = sorted((tx_height_agl_m, rx_height_agl_m))
    require_within("the lower antenna height", lower_m, LOWER_HEIGHT_RANGE_M)
    require_within("the higher antenna height", upper_m, UPPER_HEIGHT_RANGE_M)
    if environment not in get_args(Environment):
        raise OutOfValidityError(f'`environment` must be "urban", "suburban" or "open", got "{environment}"')
    distance_km = np.maximum(1e-3 * floats_within("distance_m", distance_m, DISTANCE_RANGE_M), MIN_DISTANCE_KM)
    freq_mhz = 1e3 * freq_ghz

    def far_db(d_km: npt.ArrayLike) -> Floats:
        return _urban_db(np.asarray(d_km), freq_mhz, upper_m, lower_m) - _relief_db(freq_mhz, environment)

    free = _free_space_db(distance_km, freq_mhz, upper_m - lower_m)
    # between free space and Hata: linear in the logarithm of distance
    share = (np.log10(distance_km) - math.log10(NEAR_KM)) / (math.log10(FAR_KM) - math.log10(NEAR_KM))
    at_near = _free_space_db(np.asarray(NEAR_KM), freq_mhz, upper_m - lower_m)
    between = at_near + share * (far_db(FAR_KM) - at_near)
    loss = np.where(distance_km <= NEAR_KM, free, np.where(distance_km < FAR_KM, between, far_db(distance_km)))
    return np.maximum(loss, free)


def _free_space_db(d_km: Floats, freq_mhz: float, drop_m: float) -> Floats:
    return np.asarray(32.4 + 20.0 * math.log10(freq_mhz) + 10.0 * np.log10(d_km**2 + drop_m**2 / 1e6))


def _urban_db(d_km: Floats, freq_mhz: float, upper_m: float, lower_m: float) -> Floats:
    """Eqs for the urban case by frequency, `H_b` the higher and `H_m` the lower antenna."""
    log_f = math.log10(freq_mhz)
    if freq_mhz <= 150.0:
        constant = 69.6 + 26.2 * math.log10(150.0) - 20.0 * math.log10(150.0 / freq_mhz)
    elif freq_mhz <= 1500.0:
        constant = 69.6 + 26.2 * log_f
    elif freq_mhz <= 2000.0:
        constant = 46.3 + 33.9 * log_f
    else:
        constant = 46.3 + 33.9 * math.log10(2000.0) + 10.0 * math.log10(freq_mhz / 2000.0)
    a_hm = (1.1 * log_f - 0.7) * min(10.0, lower_m) - (1.56 * log_f - 0.8) + max(0.0, 20.0 * math.log10(lower_m / 10.0))
    b_hb = min(0.0, 20.0 * math.log10(upper_m / 30.0))
    log_hb = math.log10(max(30.0, upper_m))
    beyond = np.log10(np.maximum(d_km, 20.0) / 20.0) ** 0.8
    alpha = 1.0 + (0.14 + 1.87e-4 * freq_mhz + 1.07e-3 * upper_m) * beyond
    log_d = np.log10(d_km)
    travelled = np.where(d_km <= 20.0, log_d, np.maximum(log_d, 0.0) ** alpha)
    return np.asarray(constant - 13.82 * log_hb + (44.9 - 6.55 * log_hb) * travelled - a_hm - b_hb)


def _relief_db(freq_mhz: float, environment: Environment) -> float:
    """How much less the loss is than in town."""
    clipped = min(max(150.0, freq_mhz), 2000.0)
    if environment == "suburban":
        return 2.0 * math.log10(clipped / 28.0) ** 2 + 5.4
    if environment == "open":
        return 4.78 * math.log10(clipped) ** 2 - 18.33 * math.log10(clipped) + 40.94
    return 0.0
