"""People by service in every plot, in one pass over the populated pixels.

For every technology label and operator: the class as computed, the class if the whole field lay one standard error of
the model lower or higher (errors of neighbouring pixels are not independent, so it moves as one), the people expected
by location probability, and the people whom at least two operators serve. Blocks of pixels bound the memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.cache import Arrays
from phusong.coverage.people import Int64s
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.service import (
    ANY,
    NO_SIGNAL_CDBM,
    Classes,
    Layer,
    location_probability,
    required_cdbm,
    technology_groups,
)
from phusong.coverage.signal import SignalTile
from phusong.geodata.settings import ThresholdProfile

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


@dataclass(frozen=True, eq=False)
class Rules:
    """What decides the service of every technology label and operator by one profile."""

    technologies: dict[str, _Rules]
    groups: dict[str, tuple[str, ...]]
    operators: tuple[str, ...]

    @property
    def layers(self) -> list[Layer]:
        """Technology labels and operators answered for, "any" last."""
        return list(product(self.groups, (*self.operators, ANY)))


def make_rules(
    profile: ThresholdProfile, *, sigma_l_db: Floats, floor_dbm: Floats, model_sigma_db: float, operators: Iterable[str]
) -> Rules:
    """The rules of a profile.

    Parameters
    ----------
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
    rules = {name: _rules(profile, name, sigma_l_db, floor_dbm, model_sigma_db) for name in profile.thresholds}
    return Rules(rules, technology_groups(profile), tuple(operators))


def tally_pixels(signals: Mapping[Layer, SignalTile], plot: Int64s, micro_people: Floats, rules: Rules) -> Arrays:
    """Count the people of some pixels by plot, class, expectation and number of operators.

    Of several operators or technologies a pixel has the best class and the largest share of places: the places
    that one serves are taken to lie among those that the best serves.

    Parameters
    ----------
    signals
        Best signal of the pixels by technology and operator, arrays `[n]`; technologies without a threshold are
        left out.
    plot, micro_people
        Plot and micro-persons of every pixel `[n]`.

    Returns
    -------
    Micro-persons of every plot met, `plots` `[m]`: `classes` `[n_layer, 3, m, 3]` by shift of the field and class,
    `expected` `[n_layer, m, 2]` by service, in the order of `Rules.layers`; `by_two` `[n_group, m, 3]` by the class
    that at least two operators give.
    """
    n = len(plot)
    plots, local = _renumber(plot)
    m = len(plots)
    rated = {
        layer: _rate(signal, rules.technologies[layer[0]])
        for layer, signal in signals.items()
        if layer[0] in rules.technologies
    }
    classes = np.empty((len(rules.layers), len(SHIFTS), m, 3), np.int64)
    expected = np.empty((len(rules.layers), m, 2), np.int64)
    by_two = np.empty((len(rules.groups), m, 3), np.int64)
    row = 0
    for group, parts in enumerate(rules.groups.values()):
        served = [_best([rated[t, name] for t in parts if (t, name) in rated], n) for name in rules.operators]
        for of_layer in (*served, _best(served, n)):
            bins, sums = np.zeros((m, 16)), np.zeros((m, 2))
            _add(local, micro_people, of_layer.codes, of_layer.places, bins, sums)
            classes[row], expected[row] = _classes(bins), sums
            row += 1
        counts = np.bincount(local * 3 + _by_two(served, n), weights=micro_people, minlength=3 * m)
        by_two[group] = counts.reshape(m, 3)
    return {"plots": plots, "classes": classes, "expected": expected, "by_two": by_two}


def sum_tallies(parts: Iterable[Arrays], rules: Rules, n_plot: int) -> Tally:
    """Add up what `tally_pixels` counted on several sets of pixels.

    Parameters
    ----------
    parts
        Its answers by the same rules.
    n_plot
        Plots in all.
    """
    layers, groups = rules.layers, list(rules.groups)
    classes = np.zeros((len(layers), len(SHIFTS), n_plot, 3), np.int64)
    expected = np.zeros((len(layers), n_plot, 2), np.int64)
    by_two = np.zeros((len(groups), n_plot, 3), np.int64)
    for part in parts:
        plots = part["plots"]  # each once in a part
        classes[:, :, plots] += part["classes"]
        expected[:, plots] += part["expected"]
        by_two[:, plots] += part["by_two"]
    return Tally(
        {layer: PlotTally(classes[row], expected[row]) for row, layer in enumerate(layers)},
        {group: by_two[row] for row, group in enumerate(groups)},
    )


def _renumber(plot: Int64s) -> tuple[Int64s, Int64s]:
    """The plots met, ascending, and every pixel's position among them."""
    met = np.zeros(int(plot.max(initial=-1)) + 1, np.bool_)
    met[plot] = True
    return np.flatnonzero(met), (np.cumsum(met) - 1)[plot]


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


def _rate(signal: SignalTile, rules: _Rules) -> _Served:
    served = _nobody(signal.rsrp_cdbm.size)
    _rate_levels(signal.rsrp_cdbm, signal.server, *rules, served.codes, served.places)
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
