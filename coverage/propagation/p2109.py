"""Rec. ITU-R P.2109: loss on the way into a building, 80 MHz to 100 GHz.

The distribution over places in buildings of a class, not a forecast for one building. The formula and its coefficients
are the same in editions 1 and 2.
"""

import math
from statistics import NormalDist
from typing import Literal, NamedTuple

from phusong.coverage.propagation._ranges import require_inside, require_within
from phusong.coverage.propagation.errors import OutOfValidityError

BuildingType = Literal["traditional", "thermally_efficient"]

FREQ_RANGE_GHZ = (0.08, 100.0)
ELEVATION_RANGE_DEG = (-90.0, 90.0)


class _Coefficients(NamedTuple):
    r: float
    s: float
    t: float
    u: float
    v: float
    w: float
    x: float
    y: float
    z: float


_COEFFICIENTS: dict[BuildingType, _Coefficients] = {  # Table 1
    "traditional": _Coefficients(12.64, 3.72, 0.96, 9.6, 2.0, 9.1, -3.0, 4.5, -2.0),
    "thermally_efficient": _Coefficients(28.19, -3.0, 8.48, 13.5, 3.8, 27.8, -2.9, 9.4, -2.1),
}


def building_entry_loss_db(
    *, freq_ghz: float, building_type: BuildingType, probability_pct: float = 50.0, elevation_deg: float = 0.0
) -> float:
    """Building entry loss not exceeded with a probability.

    Parameters
    ----------
    freq_ghz
        Frequency, 0.08 to 100 [GHz].
    building_type
        `"traditional"`, or `"thermally_efficient"` (metallised glass, foil-backed panels).
    probability_pct
        Probability that the loss is not exceeded, above 0 and below 100; 50 is the median [%].
    elevation_deg
        Elevation of the path at the façade, -90 to 90 [degrees].

    Returns
    -------
    float
        Loss [dB].

    Raises
    ------
    OutOfValidityError
        A quantity outside its range, or an unknown building type.

    References
    ----------
    Rec. ITU-R P.2109-2, Annex 1, §3, eqs 1 to 10, Table 1.
    """
    require_within("freq_ghz", freq_ghz, FREQ_RANGE_GHZ)
    require_inside("probability_pct", probability_pct, (0.0, 100.0))
    require_within("elevation_deg", elevation_deg, ELEVATION_RANGE_DEG)
    if building_type not in _COEFFICIENTS:
        raise OutOfValidityError(
            f'`building_type` must be "traditional" or "thermally_efficient", got "{building_type}"'
        )
    c = _COEFFICIENTS[building_type]
    log_f = math.log10(freq_ghz)
    quantile = NormalDist().inv_cdf(1e-2 * probability_pct)
    horizontal_db = c.r + c.s * log_f + c.t * log_f**2
    through_wall = quantile * (c.u + c.v * log_f) + horizontal_db + 0.212 * abs(elevation_deg)
    through_openings = quantile * (c.y + c.z * log_f) + c.w + c.x * log_f
    return 10.0 * math.log10(10.0 ** (0.1 * through_wall) + 10.0 ** (0.1 * through_openings) + 10.0**-0.3)
