"""People by service in every plot, and the class of every residential cell, in one pass over the populated pixels.

For every technology label and operator: the class as computed, the class if the whole field lay one standard error of
the model lower or higher (errors of neighbouring pixels are not independent, so it moves as one), the people expected
by location probability, and the people whom at least two operators serve. A cell has the best class that at least
half of its people have; what a tile counts of cells that it holds in part is kept apart, and added up with the others'.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from phusong.coverage.cache import Arrays
from phusong.coverage.people import Int64s, Residents
from phusong.coverage.propagation._compile import compiled, compiled_sum
from phusong.coverage.service import (
    ANY,
    NO_SIGNAL_CDBM,
    Classes,
    Layer,
    location_probability,
    required_cdbm,
    technology_groups,
)
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.units import IntArray
from phusong.geodata.settings import ThresholdProfile

SHIFTS = (-1.0, 0.0, 1.0)  # of the whole field, in standard errors of the model: low, as computed, high
WHOLE = 65535  # probabilities are kept in steps of 1/65535
TAIL = 5.0  # standard deviations beyond which a share of places is 0 or 1, to less than one step

BLOCK = 512  # pixels rated at a time, which stay near the processor

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelTally:
    """What one technology label and operator serves, by shift of the field (low, as computed, high).

    `classes` `[3, n_plot, 3]` micro-persons of every plot by service class; `expected` `[n_plot, 2]` those expected to
    have at least weak and good; `cells` `[3, n_cell]` the class of every residential cell.
    """

    classes: Int64s
    expected: Int64s
    cells: Classes


@dataclass(frozen=True, eq=False)
class Tally:
    """What `sum_tallies` adds up.

    `by_label` by technology label and operator (each, "any"); `two_operators` by label, micro-persons of every
    plot `[n_plot, 3]` by the class that at least two operators give.
    """

    by_label: dict[Layer, LabelTally]
    two_operators: dict[str, Int64s]


@dataclass(frozen=True, eq=False)
class Rules:
    """What decides the service of every technology label and operator by one profile.

    `required_cdbm` `[n_technology, n_station, 2, 3]` by service (weak, good) and shift, the highest first;
    `threshold_cdbm` `[n_technology, n_station, 2]`; `sigma_row` `[n_station]` the row of `places`, that is the share
    of places `[n_sigma, n_step]` by the level above the threshold, of `WHOLE`.
    """

    technologies: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]
    operators: tuple[str, ...]
    required_cdbm: npt.NDArray[np.int16]
    threshold_cdbm: npt.NDArray[np.int32]
    sigma_row: npt.NDArray[np.intp]
    places: npt.NDArray[np.uint16]

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
    levels = {
        name: np.maximum([threshold.weak_dbm, threshold.good_dbm], floor_dbm[:, None])
        for name, threshold in profile.thresholds.items()
    }
    required = [
        [
            [required_cdbm(level - shift * model_sigma_db, sigma_l_db, profile.location_pct)[:-1] for shift in SHIFTS]
            for level in of_technology.T
        ]
        for of_technology in levels.values()
    ]
    sigmas, row = np.unique(sigma_l_db, return_inverse=True)
    reach_cdb = int(np.ceil(100 * TAIL * sigmas.max(initial=0.0))) + 1
    margin_db = np.arange(-reach_cdb, reach_cdb + 1) / 100
    return Rules(
        technologies=tuple(levels),
        groups=technology_groups(profile),
        operators=tuple(operators),
        required_cdbm=np.ascontiguousarray(np.array(required, dtype=np.int16).transpose(0, 3, 1, 2)),
        threshold_cdbm=np.rint(np.array(list(levels.values())) * 100).astype(np.int32),
        sigma_row=row,
        places=np.rint(WHOLE * location_probability(margin_db, sigmas[:, None])).astype(np.uint16),
    )


def tally_pixels(signals: Mapping[Layer, SignalTile], residents: Residents, at: Int64s, rules: Rules) -> Arrays:
    """Count the people of some pixels by plot, class, expectation and number of operators, and class their cells.

    Of several operators or technologies a pixel has the best class and the largest share of places: the places
    that one serves are taken to lie among those that the best serves.

    Parameters
    ----------
    signals
        Best signal of the pixels by technology and operator, arrays `[n]`; technologies without a threshold are
        left out.
    residents, at
        The populated pixels, and the rows of these among them `[n]`.

    Returns
    -------
    Micro-persons of every plot met, `plots` `[m]`: `classes` `[n_layer, 3, m, 3]` by shift of the field and class,
    `expected` `[n_layer, m, 2]` by service, in the order of `Rules.layers`; `by_two` `[n_group, m, 3]` by the class
    that at least two operators give. Of the cells met with all their people, `cells` `[c]`, the class by shift,
    `cell_classes` `[n_layer, 3, c]`; of those met in part, `cut` `[k]`, the micro-persons with at least weak and good,
    `at_least` `[n_layer, k, 2, 3]` (as doubles, exact).
    """
    (plots, plot), (cells, cell) = _renumber(residents.plot[at]), _renumber(residents.cell[at])
    micro_people = residents.micro_people[at]
    m, n_label = len(plots), len(rules.layers)
    known = {layer: signal for layer, signal in signals.items() if layer[0] in rules.technologies}
    rows = {layer: row for row, layer in enumerate(known)}
    row_of = np.array([[rows.get((name, owner), -1) for owner in rules.operators] for name in rules.technologies])
    in_group = np.array([[name in parts for name in rules.technologies] for parts in rules.groups.values()])
    shape = (len(known), len(at))
    levels = np.array([signal.rsrp_cdbm for signal in known.values()], np.int16).reshape(shape)
    servers = np.array([signal.server for signal in known.values()], np.int32).reshape(shape)
    bins, expected = np.zeros((n_label, m, 64)), np.zeros((n_label, m, 2))
    by_two, at_least = np.zeros((len(rules.groups), m, 3)), np.zeros((n_label, len(cells), 2, len(SHIFTS)))
    _count(
        plot, cell, micro_people, levels, servers, row_of, in_group, rules.required_cdbm, rules.threshold_cdbm,
        rules.sigma_row, rules.places, bins, expected, by_two, at_least,
    )  # fmt: skip
    people = np.append(residents.cell_micro, 0)[cells]  # 0 of those in no residential cell, row −1
    has_all = np.bincount(cell, weights=micro_people, minlength=len(cells)) == people
    whole, cut = (np.flatnonzero((cells >= 0) & of_these) for of_these in (has_all, ~has_all))
    return {
        "plots": plots, "classes": _classes(bins), "expected": expected.astype(np.int64),
        "by_two": by_two.astype(np.int64),
        "cells": cells[whole], "cell_classes": _class_cells(at_least[:, whole], people[whole]),
        "cut": cells[cut], "at_least": at_least[:, cut],
    }  # fmt: skip


def sum_tallies(parts: Iterable[Arrays], residents: Residents, rules: Rules) -> Tally:
    """Add up what `tally_pixels` counted on several sets of pixels.

    Parameters
    ----------
    parts
        Its answers by the same rules, of all populated pixels together.
    residents
        The populated pixels.
    """
    parts, layers, groups = list(parts), rules.layers, list(rules.groups)
    n_plot, n_cell = residents.n_plot, len(residents.cell_micro)
    classes = np.zeros((len(layers), len(SHIFTS), n_plot, 3), np.int64)
    expected = np.zeros((len(layers), n_plot, 2), np.int64)
    by_two = np.zeros((len(groups), n_plot, 3), np.int64)
    cut = np.unique(np.concatenate([np.zeros(0, np.int64), *(part["cut"] for part in parts)]))
    at_least = np.zeros((len(layers), len(cut), 2, len(SHIFTS)))
    for part in parts:
        for sums, counted in ((classes, "classes"), (expected, "expected"), (by_two, "by_two")):
            add_rows(sums, part["plots"], part[counted])
        at_least[:, np.searchsorted(cut, part["cut"])] += part["at_least"]
    cells = np.zeros((len(layers), len(SHIFTS), n_cell), np.uint8)
    cells[..., cut] = _class_cells(at_least, residents.cell_micro[cut])
    for part in parts:
        for label, shift in np.ndindex(cells.shape[:2]):  # one row after the other, each near the processor
            cells[label, shift][part["cells"]] = part["cell_classes"][label, shift]
    return Tally(
        {layer: LabelTally(classes[row], expected[row], cells[row]) for row, layer in enumerate(layers)},
        {group: by_two[row] for row, group in enumerate(groups)},
    )


def count_anew(known: Arrays, gone: Arrays, come: Arrays) -> Arrays:
    """What was counted of some pixels, where a part of them has changed.

    Parameters
    ----------
    known
        Answer of `tally_pixels` of all pixels as they were.
    gone, come
        Its answers of those that changed and all others in a residential cell of one, as they were and as they are.
    """
    found = {name: known[name].copy() for name in known}
    for part, sign in ((gone, -1), (come, 1)):
        at = np.searchsorted(known["plots"], part["plots"])
        for name in ("classes", "expected", "by_two"):
            in_plot = np.moveaxis(found[name], -2, 0)
            in_plot[at] += sign * np.moveaxis(part[name], -2, 0)
    found["cell_classes"][..., np.searchsorted(known["cells"], come["cells"])] = come["cell_classes"]
    found["at_least"][:, np.searchsorted(known["cut"], come["cut"])] = come["at_least"]
    return found


def add_rows(sums: Int64s, row: Int64s, values: Int64s) -> None:
    """Add values `[..., n, k]` to the sums `[..., n_row, k]` of their rows; those of row −1 are left out."""
    *sets, n_row, k = sums.shape
    n_set = math.prod(sets)
    _add_rows(sums.reshape(n_set, n_row, k), row, values.reshape(n_set, len(row), k))


def _renumber(row: IntArray) -> tuple[Int64s, Int64s]:
    """The rows met, ascending, and every pixel's position among them."""
    first, last = (int(row.min()), int(row.max())) if row.size else (0, -1)
    met = np.zeros(last - first + 1, np.bool_)
    met[row - first] = True
    return np.flatnonzero(met) + first, (np.cumsum(met) - 1)[row - first]


def _class_cells(at_least: Floats, people: Int64s) -> Classes:
    """Class of cells `[n_layer, 3, n]`: the best that at least half of their people have, from those who have it."""
    classes = np.zeros((len(at_least), len(SHIFTS), len(people)), np.uint8)
    _choose(at_least, people, classes)
    return classes


def _classes(bins: Floats) -> Int64s:
    """People by class for every shift, from people by the bits of `_rate`: `[n, m, 64]` to `[n, 3, m, 3]`."""
    bits = np.arange(bins.shape[-1])
    classes = np.zeros((bins.shape[0], len(SHIFTS), bins.shape[1], 3))
    for shift in range(len(SHIFTS)):
        service = (bits >> shift & 1) + (bits >> 3 + shift & 1)
        classes[:, shift] = bins @ (service[:, None] == np.arange(3)).astype(float)
    return classes.astype(np.int64)


@compiled_sum
def _count(
    plot, cell, micro_people, levels, servers, row_of, in_group, required_cdbm, threshold_cdbm, sigma_row, places, bins,
    expected, by_two, at_least,
):  # fmt: skip
    """Add the people of pixels, block by block, by what a technology label and operator meets: `_rate` says how.

    Of several technologies or operators the union of what they meet counts, and the largest share of places.
    """
    n_technology, n_operator = row_of.shape
    met = np.zeros((n_technology, n_operator, BLOCK), np.uint8)
    share = np.zeros((n_technology, n_operator, 2, BLOCK), np.uint16)
    one, best, any_met = np.zeros(BLOCK, np.uint8), np.zeros((2, BLOCK), np.uint16), np.zeros(BLOCK, np.uint8)
    any_best, operators = np.zeros((2, BLOCK), np.uint16), np.zeros((2, BLOCK), np.uint8)
    for begin in range(0, plot.size, BLOCK):
        here = slice(begin, min(begin + BLOCK, plot.size))
        n = here.stop - here.start
        for t in range(n_technology):
            for o in range(n_operator):
                met[t, o], share[t, o] = 0, 0
                row = row_of[t, o]
                if row >= 0:
                    _rate(
                        levels[row, here], servers[row, here], required_cdbm[t], threshold_cdbm[t], sigma_row, places,
                        met[t, o], share[t, o],
                    )  # fmt: skip
        for g in range(in_group.shape[0]):
            label = g * (n_operator + 1)
            any_met[:], any_best[:], operators[:] = 0, 0, 0
            for o in range(n_operator):
                one[:], best[:] = 0, 0
                for t in range(n_technology):
                    if in_group[g, t]:
                        _unite(met[t, o], share[t, o], one, best)
                _unite(one, best, any_met, any_best)
                for i in range(n):
                    operators[0, i] += one[i] >> 1 & 1
                    operators[1, i] += one[i] >> 4 & 1
                _put(
                    plot[here], cell[here], micro_people[here], one, best, bins[label + o], expected[label + o],
                    at_least[label + o],
                )  # fmt: skip
            label += n_operator
            _put(
                plot[here], cell[here], micro_people[here], any_met, any_best, bins[label], expected[label],
                at_least[label],
            )  # fmt: skip
            for i in range(n):
                service = (operators[0, i] >= 2) + (operators[1, i] >= 2)
                by_two[g, plot[begin + i], service] += micro_people[begin + i]


@compiled
def _rate(levels, servers, required_cdbm, threshold_cdbm, sigma_row, places, met, share):
    """What every pixel meets, bits 0 to 2 weak, 3 to 5 good, by shift, the low field first; and shares of places."""
    last = places.shape[1] - 1
    for i in range(levels.size):
        level, station = levels[i], servers[i]
        if level == NO_SIGNAL_CDBM or station < 0:
            continue
        weak, good = required_cdbm[station]
        met[i] = (
            (level >= weak[0]) | (level >= weak[1]) << 1 | (level >= weak[2]) << 2
            | (level >= good[0]) << 3 | (level >= good[1]) << 4 | (level >= good[2]) << 5
        )  # fmt: skip
        for service in range(2):
            step = level - threshold_cdbm[station, service] + last // 2
            share[service, i] = places[sigma_row[station], min(max(step, 0), last)]


@compiled
def _unite(met, share, into_met, into_share):
    for i in range(met.size):
        into_met[i] |= met[i]
        for service in range(2):
            into_share[service, i] = max(into_share[service, i], share[service, i])


@compiled_sum
def _put(plot, cell, micro_people, met, share, bins, expected, at_least):
    # sums of whole numbers below 9e15 are exact in doubles, in any order
    end = 0
    while end < plot.size:
        here, there, bits = plot[end], cell[end], met[end]
        people, weak, good = 0.0, 0.0, 0.0
        while end < plot.size and plot[end] == here and cell[end] == there and met[end] == bits:
            people += micro_people[end]
            weak += np.rint(micro_people[end] * share[0, end] / WHOLE)
            good += np.rint(micro_people[end] * share[1, end] / WHOLE)
            end += 1
        bins[here, bits] += people
        expected[here, 0] += weak
        expected[here, 1] += good
        for service in range(2):
            for shift in range(3):
                if bits >> 3 * service + shift & 1:
                    at_least[there, service, shift] += people


@compiled
def _choose(at_least, people, classes):
    for label in range(at_least.shape[0]):
        for i in range(people.size):
            for shift in range(at_least.shape[3]):
                weak, good = at_least[label, i, 0, shift], at_least[label, i, 1, shift]
                classes[label, shift, i] = (2 * weak >= people[i]) + (2 * good >= people[i])


@compiled
def _add_rows(sums, row, values):
    for number in range(values.shape[0]):
        for i in range(row.size):
            if row[i] >= 0:
                for column in range(values.shape[2]):
                    sums[number, row[i], column] += values[number, i, column]
