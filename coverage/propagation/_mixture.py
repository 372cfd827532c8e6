"""The median of places of two kinds, each spread normally around its own."""

import math

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled

TOLERANCE_DB = 1e-9


@compiled
def _medians(share, first_db, first_sigma_db, second_db, second_sigma_db, out):
    for i in range(out.size):
        low, high = first_db[i], second_db[i]
        while high - low > TOLERANCE_DB:
            middle = 0.5 * (low + high)
            below = share[i] * math.erfc((first_db[i] - middle) / (first_sigma_db[i] * math.sqrt(2.0)))
            below += (1.0 - share[i]) * math.erfc((second_db[i] - middle) / (second_sigma_db[i] * math.sqrt(2.0)))
            if below < 1.0:
                low = middle
            else:
                high = middle
        out[i] = high


def median_of_two_db(
    share: npt.ArrayLike,
    first_db: npt.ArrayLike,
    first_sigma_db: npt.ArrayLike,
    second_db: npt.ArrayLike,
    second_sigma_db: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Loss not exceeded at half of the places, a share of the first kind and the rest of the second.

    Parameters
    ----------
    share
        Share of the first kind, 0 to 1.
    first_db, second_db
        Median loss of each kind, the second not below the first; all arguments of one shape or scalar [dB].
    first_sigma_db, second_sigma_db
        Standard deviation of each kind, above 0 [dB].
    """
    parts = np.broadcast_arrays(share, first_db, first_sigma_db, second_db, second_sigma_db)
    out = np.empty(parts[0].size)
    chance, first, first_sigma, second, second_sigma = (np.array(part, dtype=np.float64).ravel() for part in parts)
    _medians(chance, first, first_sigma, second, second_sigma, out)
    return out.reshape(parts[0].shape)
