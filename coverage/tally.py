"""People by service in every plot, in one pass over the populated pixels.

For every technology label and operator: the class as computed, the class if the whole field lay one standard error of
the model lower or higher (errors of neighbouring pixels are not independent, so it moves as one), the people expected
by location probability, and the people whom at least two operators serve. Blocks of pixels bound the memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.people import Int64s, Residents, sum_plots
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.service import (
    ANY,
    NO_SIGNAL_CDBM,
    Classes,
    Layer,
    SignalLayer,
    location_probability,
    required_cdbm,
    technology_groups,
)
from phusong.geodata.settings import ThresholdProfile

BLOCK_PX = 1 << 18  # populated pixels worked on at once
SHIFTS = (-1.0, 0.0, 1.0)  # of the whole field, in standard errors of the model: low, as computed, high
WHOLE = 65535  # probabilities are kept in steps of 1/65535
TAIL = 5.0  # standard deviations beyond which a share of places is 0 or 1, to less than one step

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlotTally:
    """Micro-persons of every plot by one technology label and operator.

    `classes` `[3, n_plot, 3]` by shift of the field (low, as computed, high) and service class; `expected`
    `[n_plot, 2]` the people expected to have at least weak and good.
    """

    classes: Int64s
    expected: Int64s


@dataclass(frozen=True, eq=False)
class Tally:
    """What `tally_people` counts.

    `by_label` by technology label and operator (each, "any"); `two_operators` by label, micro-persons of every
    plot `[n_plot, 3]` by the class that at least two operators give.
    """

    by_label: dict[Layer, PlotTally]
    two_operators: dict[str, Int64s]


class _Served(NamedTuple):
    """Pixels of a block by service (weak, good): shifts that meet the threshold 0 to 3, and share of places."""

    codes: npt.NDArray[np.uint8]  # [2, n]
    places: npt.NDArray[np.uint16]  # [2, n], of WHOLE


class _Rules(NamedTuple):
    """What decides the service of one technology, by station and service."""

    required_cdbm: npt.NDArray[np.int16]  # [n_station, 2, 3] by shift, the highest first
    threshold_cdbm: npt.NDArray[np.int32]  # [n_station, 2]
    sigma_row: npt.NDArray[np.intp]  # [n_station], row of `places`
    places: npt.NDArray[np.uint16]  # [n_sigma, n_step] by level above the threshold, of WHOLE


def tally_people(
    signal_grids: Sequence[SignalLayer],
    residents: Residents,
    *,
    profile: ThresholdProfile,
    sigma_l_db: Floats,
    floor_dbm: Floats,
    model_sigma_db: float,
    operators: Iterable[str],
) -> Tally:
    """Count the people of every plot by class, by expectation and by number of operators.

    Of several operators or technologies a pixel has the best class and the largest share of places: the places
    that one serves are taken to lie among those that the best serves.

    Parameters
    ----------
    signal_grids
        Best signal by technology and operator; technologies without a threshold are left out.
    residents
        The populated pixels.
    profile
        Thresholds and location percentage.
    sigma_l_db
        σ_L of every station, in the order of the server codes `[n_station]` [dB].
    floor_dbm
        Level below which the uplink of every station fails `[n_station]` [dBm], −inf for no limit.
    model_sigma_db
        Standard error of the model, by which the whole field is shifted [dB].
    operators
        Operators to answer for, beside "any".
    """
    layers = [layer for layer in signal_grids if layer.technology in profile.thresholds]
    rules = {name: _rules(profile, name, sigma_l_db, floor_dbm, model_sigma_db) for name in profile.thresholds}
    named = [*operators]
    groups = technology_groups(profile)
    n_plot, n = len(residents.plot_cell), len(residents.pixel)
    sums = {
        (label, operator): (np.zeros((n_plot, 16)), np.zeros((n_plot, 2)))
        for label in groups
        for operator in (*named, ANY)
    }
    redundant = {label: np.zeros(n, dtype=np.uint8) for label in groups}
    for block in _blocks(n):
        rated = {(layer.technology, layer.operator): _rate(layer, residents, block, rules) for layer in layers}
        plot, micro = residents.plot[block], residents.micro_people[block]
        for label, parts in groups.items():
            of_operator = [_best([rated[t, name] for t in parts if (t, name) in rated], len(plot)) for name in named]
            for name, served in zip((*named, ANY), (*of_operator, _best(of_operator, len(plot))), strict=True):
                _add(plot, micro, served.codes, served.places, *sums[label, name])
            redundant[label][block] = _by_two(of_operator, len(plot))
    return Tally(
        {key: PlotTally(_classes(bins), expected.astype(np.int64)) for key, (bins, expected) in sums.items()},
        {label: sum_plots(residents, classes) for label, classes in redundant.items()},
    )


def _blocks(n: int) -> Iterator[slice]:
    return (slice(first, min(first + BLOCK_PX, n)) for first in range(0, n, BLOCK_PX))


def _rules(
    profile: ThresholdProfile, technology: str, sigma_l_db: Floats, floor_dbm: Floats, model_sigma_db: float
) -> _Rules:
    threshold = profile.thresholds[technology]
    levels = np.maximum([threshold.weak_dbm, threshold.good_dbm], floor_dbm[:, None])
    required = [
        [required_cdbm(level - shift * model_sigma_db, sigma_l_db, profile.location_pct)[:-1] for shift in SHIFTS]
        for level in levels.T
    ]
    sigmas, row = np.unique(sigma_l_db, return_inverse=True)
    reach_cdb = int(np.ceil(100 * TAIL * sigmas.max(initial=0.0))) + 1
    margin_db = np.arange(-reach_cdb, reach_cdb + 1) / 100
    places = np.rint(WHOLE * location_probability(margin_db, sigmas[:, None])).astype(np.uint16)
    in_order = np.ascontiguousarray(np.array(required, dtype=np.int16).transpose(2, 0, 1))
    return _Rules(in_order, np.rint(levels * 100).astype(np.int32), row, places)


def _rate(layer: SignalLayer, residents: Residents, block: slice, rules: Mapping[str, _Rules]) -> _Served:
    pixel = residents.pixel[block]
    level, server, served = layer.rsrp_cdbm.ravel()[pixel], layer.server.ravel()[pixel], _nobody(len(pixel))
    _rate_levels(level, server, *rules[layer.technology], served.codes, served.places)
    return served


def _nobody(n: int) -> _Served:
    return _Served(np.zeros((2, n), dtype=np.uint8), np.zeros((2, n), dtype=np.uint16))


def _best(parts: Sequence[_Served], n: int) -> _Served:
    best = _nobody(n)
    for part in parts:
        np.maximum(best.codes, part.codes, out=best.codes)
        np.maximum(best.places, part.places, out=best.places)
    return best


def _by_two(of_operator: Sequence[_Served], n: int) -> Classes:
    """Class that at least two operators give, the field as computed."""
    operators = np.zeros((2, n), dtype=np.uint8)
    for served in of_operator:
        operators += served.codes >= 2
    classes: Classes = (operators >= 2).sum(axis=0).astype(np.uint8)
    return classes


def _classes(bins: Floats) -> Int64s:
    """People by class for every shift, from people by the pair of codes: `[n_plot, 16]` to `[3, n_plot, 3]`."""
    weak_code, good_code = np.divmod(np.arange(16), 4)
    by_shift = []
    for least in (3, 2, 1):  # the low field meets a threshold last
        classes = (weak_code >= least).astype(int) + (good_code >= least)
        by_shift.append(np.stack([bins[:, classes == service].sum(axis=1) for service in range(3)], axis=1))
    return np.array(by_shift).astype(np.int64)


@compiled
def _rate_levels(
    rsrp_cdbm: npt.NDArray[np.int16],
    server: npt.NDArray[np.int32],
    required_cdbm: npt.NDArray[np.int16],
    threshold_cdbm: npt.NDArray[np.int32],
    sigma_row: npt.NDArray[np.intp],
    places: npt.NDArray[np.uint16],
    codes_out: npt.NDArray[np.uint8],
    places_out: npt.NDArray[np.uint16],
) -> None:
    last = places.shape[1] - 1
    for i in range(rsrp_cdbm.size):
        level, station = rsrp_cdbm[i], server[i]
        if level == NO_SIGNAL_CDBM or station < 0:
            continue
        for service in range(2):
            code = 0
            for shift in range(3):
                code += level >= required_cdbm[station, service, shift]
            codes_out[service, i] = code
            step = level - threshold_cdbm[station, service] + last // 2
            places_out[service, i] = places[sigma_row[station], min(max(step, 0), last)]


@compiled
def _add(
    plot: Int64s,
    micro_people: Floats,
    codes: npt.NDArray[np.uint8],
    places: npt.NDArray[np.uint16],
    bins: Floats,
    expected: Floats,
) -> None:
    # sums of whole numbers below 9e15 are exact in doubles, in any order
    for i in range(plot.size):
        bins[plot[i], 4 * codes[0, i] + codes[1, i]] += micro_people[i]
        for service in range(2):
            expected[plot[i], service] += np.rint(micro_people[i] * places[service, i] / WHOLE)
