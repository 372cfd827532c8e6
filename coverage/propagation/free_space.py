"""Rec. ITU-R P.525-5: loss in free space. Leaves out everything between the antennas: a lower bound."""

import math

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._ranges import Floats, floats_within, require_within

FREQ_RANGE_GHZ = (0.001, 1000.0)  # a formula without limits of its own
DISTANCE_RANGE_M = (0.1, 1e8)


def free_space_db(distance_m: npt.ArrayLike, *, freq_ghz: float) -> Floats:
    """Free-space basic transmission loss.

    Parameters
    ----------
    distance_m
        Distance between the antennas, 0.1 to 1e8, any shape [m].
    freq_ghz
        Frequency, 0.001 to 1000 [GHz].

    Returns
    -------
    ndarray
        Loss, same shape [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range.

    References
    ----------
    Rec. ITU-R P.525-5, Annex, §2.3, eq. 4: 32.4 + 20 log f[MHz] + 20 log d[km].
    """
    require_within("freq_ghz", freq_ghz, FREQ_RANGE_GHZ)
    distance = floats_within("distance_m", distance_m, DISTANCE_RANGE_M)
    return np.asarray(32.4 + 20.0 * math.log10(freq_ghz) + 20.0 * np.log10(distance))
