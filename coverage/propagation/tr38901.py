"""3GPP TR 38.901: rural (RMa) and urban macro cells (UMa), statistical models without terrain.

Loss with and without line of sight, the probability of a line of sight, and, from the three, the loss not exceeded at
half of the places at a distance, shadowing included. Leaves out terrain, land cover, and indoor terminals.

Sources: 3GPP TR 38.901 V17.0.0, §7.4.1, Table 7.4.1-1 (losses) and §7.4.2, Table 7.4.2-1 (probabilities). Every
function raises `OutOfValidityError` where a quantity is outside its range.
"""

import math

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._mixture import median_of_two_db
from phusong.coverage.propagation._ranges import Floats, floats_within, require_within

LIGHT_SPEED_M_S = 3.0e8  # as the Report has it, note 1 of Table 7.4.1-1
RMA_FREQ_RANGE_GHZ = (0.5, 30.0)  # Table 7.4.1-1, note 2
UMA_FREQ_RANGE_GHZ = (0.5, 100.0)
BASE_HEIGHT_RANGE_M = (10.0, 150.0)  # the Report states it for RMa; UMa was fitted at 25 m
RMA_TERMINAL_RANGE_M = (1.0, 10.0)
UMA_TERMINAL_RANGE_M = (1.5, 13.0)  # above 13 m the Report draws the environment height by chance
LOS_PROBABILITY_TERMINAL_RANGE_M = (1.0, 23.0)
RMA_LOS_RANGE_M = (10.0, 10e3)
RMA_RANGE_M = (10.0, 5e3)  # without line of sight
UMA_RANGE_M = (10.0, 5e3)
OBSTACLE_RANGE_M = (5.0, 50.0)  # street width and building height

RMA_SIGMA_LOS_DB = (4.0, 6.0)  # before and after the break point
RMA_SIGMA_NLOS_DB = 8.0
UMA_SIGMA_LOS_DB = 4.0
UMA_SIGMA_NLOS_DB = 6.0


def rma_los_db(
    distance_m: npt.ArrayLike,
    *,
    freq_ghz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    building_height_m: float = 5.0,
) -> Floats:
    """Loss in a rural macro cell with line of sight (RMa LOS) [dB].

    Parameters
    ----------
    distance_m
        Distance on the ground, 10 to 10 000, any shape [m].
    freq_ghz
        Frequency, 0.5 to 30 [GHz].
    tx_height_agl_m, rx_height_agl_m
        Height of the base station, 10 to 150, and of the terminal, 1 to 10 [m].
    building_height_m
        Average height of buildings, 5 to 50 [m].
    """
    _check_rma(freq_ghz, tx_height_agl_m, rx_height_agl_m)
    require_within("building_height_m", building_height_m, OBSTACLE_RANGE_M)
    distance = floats_within("distance_m", distance_m, RMA_LOS_RANGE_M)
    slant_m = np.hypot(distance, tx_height_agl_m - rx_height_agl_m)
    break_m = _rma_break_m(freq_ghz, tx_height_agl_m, rx_height_agl_m)
    beyond = _rma_near_db(np.asarray(break_m), freq_ghz, building_height_m) + 40.0 * np.log10(slant_m / break_m)
    return np.where(distance <= break_m, _rma_near_db(slant_m, freq_ghz, building_height_m), beyond)


def rma_nlos_db(
    distance_m: npt.ArrayLike,
    *,
    freq_ghz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    building_height_m: float = 5.0,
    street_width_m: float = 20.0,
) -> Floats:
    """Loss in a rural macro cell without line of sight, at least that with it (RMa NLOS) [dB].

    Parameters as in `rma_los_db`, distances of 10 to 5000 m and `street_width_m`, the average of streets, 5 to 50 [m].
    """
    distance = floats_within("distance_m", distance_m, RMA_RANGE_M)
    require_within("street_width_m", street_width_m, OBSTACLE_RANGE_M)
    in_sight = rma_los_db(
        distance, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m,
        building_height_m=building_height_m,
    )  # fmt: skip
    log_base = math.log10(tx_height_agl_m)
    slant_m = np.hypot(distance, tx_height_agl_m - rx_height_agl_m)
    loss = (
        161.04 - 7.1 * math.log10(street_width_m) + 7.5 * math.log10(building_height_m)
        - (24.37 - 3.7 * (building_height_m / tx_height_agl_m) ** 2) * log_base
        + (43.42 - 3.1 * log_base) * (np.log10(slant_m) - 3.0) + 20.0 * math.log10(freq_ghz)
        - (3.2 * math.log10(11.75 * rx_height_agl_m) ** 2 - 4.97)
    )  # fmt: skip
    return np.maximum(in_sight, loss)


def rma_los_probability(distance_m: npt.ArrayLike) -> Floats:
    """Probability of a line of sight in a rural macro cell at 0 to 10 000 m, any shape, 0 to 1."""
    distance = floats_within("distance_m", distance_m, (0.0, RMA_LOS_RANGE_M[1]))
    return np.asarray(np.exp(-np.maximum(distance - 10.0, 0.0) / 1000.0))


def rma_db(distance_m: npt.ArrayLike, *, freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> Floats:
    """Loss not exceeded at half of the places at a distance in a rural macro cell [dB].

    The median of places with and without line of sight, each kind with its own shadowing, in the share that the
    probability of a line of sight gives them. Buildings 5 m high, streets 20 m wide. Parameters as in `rma_los_db`,
    distances of 0 to 5000 m; nearer than 10 m the loss is that at 10 m.
    """
    distance = np.maximum(floats_within("distance_m", distance_m, (0.0, RMA_RANGE_M[1])), RMA_RANGE_M[0])
    in_sight = rma_los_db(distance, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m)
    hidden = rma_nlos_db(distance, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m)
    sigma = np.where(distance <= _rma_break_m(freq_ghz, tx_height_agl_m, rx_height_agl_m), *RMA_SIGMA_LOS_DB)
    return median_of_two_db(rma_los_probability(distance), in_sight, sigma, hidden, RMA_SIGMA_NLOS_DB)


def uma_los_db(distance_m: npt.ArrayLike, *, freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> Floats:
    """Loss in an urban macro cell with line of sight, environment height 1 m (UMa LOS, note 1) [dB].

    Parameters
    ----------
    distance_m
        Distance on the ground, 10 to 5000, any shape [m].
    freq_ghz
        Frequency, 0.5 to 100 [GHz].
    tx_height_agl_m, rx_height_agl_m
        Height of the base station, 10 to 150 (the Report's fit is at 25), and of the terminal, 1.5 to 13 [m].
    """
    _check_uma(freq_ghz, tx_height_agl_m, rx_height_agl_m)
    distance = floats_within("distance_m", distance_m, UMA_RANGE_M)
    drop_m = tx_height_agl_m - rx_height_agl_m
    break_m = 4.0 * (tx_height_agl_m - 1.0) * (rx_height_agl_m - 1.0) * 1e9 * freq_ghz / LIGHT_SPEED_M_S
    log_slant, log_f = np.log10(np.hypot(distance, drop_m)), math.log10(freq_ghz)
    near = 28.0 + 22.0 * log_slant + 20.0 * log_f
    beyond = 28.0 + 40.0 * log_slant + 20.0 * log_f - 9.0 * math.log10(break_m**2 + drop_m**2)
    return np.where(distance <= break_m, near, beyond)


def uma_nlos_db(
    distance_m: npt.ArrayLike, *, freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float
) -> Floats:
    """Loss in an urban macro cell without line of sight, at least that with it (UMa NLOS) [dB].

    Parameters as in `uma_los_db`.
    """
    in_sight = uma_los_db(
        distance_m, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m
    )
    slant_m = np.hypot(np.asarray(distance_m, dtype=np.float64), tx_height_agl_m - rx_height_agl_m)
    loss = 13.54 + 39.08 * np.log10(slant_m) + 20.0 * math.log10(freq_ghz) - 0.6 * (rx_height_agl_m - 1.5)
    return np.maximum(in_sight, loss)


def uma_los_probability(distance_m: npt.ArrayLike, *, rx_height_agl_m: float) -> Floats:
    """Probability of a line of sight in an urban macro cell at 0 to 5000 m, terminals of 1 to 23 m, 0 to 1."""
    distance = np.maximum(floats_within("distance_m", distance_m, (0.0, UMA_RANGE_M[1])), 18.0)
    require_within("rx_height_agl_m", rx_height_agl_m, LOS_PROBABILITY_TERMINAL_RANGE_M)
    above = max((rx_height_agl_m - 13.0) / 10.0, 0.0) ** 1.5
    street = 18.0 / distance + np.exp(-distance / 63.0) * (1.0 - 18.0 / distance)
    lift = 1.0 + above * 1.25 * (distance / 100.0) ** 3 * np.exp(-distance / 150.0)
    return np.asarray(np.minimum(street * lift, 1.0))


def uma_db(distance_m: npt.ArrayLike, *, freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> Floats:
    """Loss not exceeded at half of the places at a distance in an urban macro cell, as `rma_db` [dB].

    Parameters as in `uma_los_db`, distances of 0 to 5000 m; nearer than 10 m the loss is that at 10 m.
    """
    distance = np.maximum(floats_within("distance_m", distance_m, (0.0, UMA_RANGE_M[1])), UMA_RANGE_M[0])
    in_sight = uma_los_db(distance, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m)
    hidden = uma_nlos_db(distance, freq_ghz=freq_ghz, tx_height_agl_m=tx_height_agl_m, rx_height_agl_m=rx_height_agl_m)
    chance = uma_los_probability(distance, rx_height_agl_m=rx_height_agl_m)
    return median_of_two_db(chance, in_sight, UMA_SIGMA_LOS_DB, hidden, UMA_SIGMA_NLOS_DB)


def _check_rma(freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> None:
    require_within("freq_ghz", freq_ghz, RMA_FREQ_RANGE_GHZ)
    require_within("tx_height_agl_m", tx_height_agl_m, BASE_HEIGHT_RANGE_M)
    require_within("rx_height_agl_m", rx_height_agl_m, RMA_TERMINAL_RANGE_M)


def _check_uma(freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> None:
    require_within("freq_ghz", freq_ghz, UMA_FREQ_RANGE_GHZ)
    require_within("tx_height_agl_m", tx_height_agl_m, BASE_HEIGHT_RANGE_M)
    require_within("rx_height_agl_m", rx_height_agl_m, UMA_TERMINAL_RANGE_M)


def _rma_break_m(freq_ghz: float, tx_height_agl_m: float, rx_height_agl_m: float) -> float:
    return 2.0 * math.pi * tx_height_agl_m * rx_height_agl_m * 1e9 * freq_ghz / LIGHT_SPEED_M_S


def _rma_near_db(slant_m: Floats, freq_ghz: float, building_height_m: float) -> Floats:
    rise = building_height_m**1.72
    return np.asarray(
        20.0 * np.log10(40.0 * math.pi * slant_m * freq_ghz / 3.0) + min(0.03 * rise, 10.0) * np.log10(slant_m)
        - min(0.044 * rise, 14.77) + 0.002 * math.log10(building_height_m) * slant_m
    )  # fmt: skip
