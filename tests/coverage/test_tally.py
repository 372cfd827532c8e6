import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phusong.coverage.people import Residents
from phusong.coverage.service import (
    NO_SIGNAL_CDBM,
    classify_levels,
    group_class,
    location_probability,
    technology_groups,
)
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tally import SHIFTS, count_anew, make_rules, tally_pixels
from phusong.geodata.grid import Grid
from phusong.geodata.settings import Threshold, default_settings
from tests.coverage.signals import Signal, class_cells, sum_plots, tally

SHAPE = (3, 8)
GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), SHAPE)
PROFILE = default_settings().profiles[0]
SIGMA_L_DB = np.array([1.5, 2.0])
KEYS = [("3G", "Alpha"), ("4G", "Alpha"), ("4G", "Beta"), ("2G", "Beta")]
LEVELS = arrays.arrays(np.int16, SHAPE, elements=st.integers(-13500, -8500) | st.just(NO_SIGNAL_CDBM))
LAYERS = st.lists(LEVELS, min_size=len(KEYS), max_size=len(KEYS))
MODEL_SIGMA_DB = st.floats(0, 12)


def residents_of(shape, n_plot=2, tile_start=()):
    """Cells of five pixels, in several plots and, where they lie so, in two tiles; the first five are in none."""
    n = shape[0] * shape[1]
    micro_people, cell = np.arange(n, dtype=float) * 1e5 + 7, np.arange(n, dtype=np.int32) // 5 - 1
    cell_micro = np.bincount(cell + 1, weights=micro_people)[1:].astype(np.int64)
    return Residents(
        pixel=np.arange(n),
        tile_start=np.array([0, *tile_start, n]),
        micro_people=micro_people,
        plot=np.arange(n, dtype=np.int32) % n_plot,
        cell=cell,
        plot_unit={"commune": np.arange(n_plot, dtype=np.int32)},
        cell_micro=cell_micro,
        cell_unit={},
    )


RESIDENTS = residents_of(SHAPE, tile_start=(12,))


def grids_of(levels):
    return [
        Signal(*key, level, np.where(level == NO_SIGNAL_CDBM, -1, n % 2).astype(np.int32))
        for n, (key, level) in enumerate(zip(KEYS, levels, strict=True))
    ]


def rules_of(model_sigma_db=8.0):
    return make_rules(
        PROFILE, sigma_l_db=SIGMA_L_DB, model_sigma_db=model_sigma_db, floor_dbm=np.full(2, -np.inf),
        operators=["Alpha", "Beta"],
    )  # fmt: skip


def tally_of(levels, model_sigma_db=8.0, residents=RESIDENTS):
    return tally(grids_of(levels), residents, rules_of(model_sigma_db))


def counted(levels, at):
    """What is counted of some pixels."""
    seen = {grid.layer: SignalTile(grid.rsrp_cdbm.ravel()[at], grid.server.ravel()[at]) for grid in grids_of(levels)}
    return tally_pixels(seen, RESIDENTS, at, rules_of())


def classes_of(levels, shift_db):
    """The classes of every layer by the plain functions, the thresholds shifted against the field."""
    layers = {}
    for grid in grids_of(levels):
        if grid.technology in PROFILE.thresholds:
            threshold = PROFILE.thresholds[grid.technology]
            moved = Threshold(weak_dbm=threshold.weak_dbm - shift_db, good_dbm=threshold.good_dbm - shift_db)
            layers[grid.technology, grid.operator] = classify_levels(
                grid.rsrp_cdbm.ravel(), grid.server.ravel(), threshold=moved, sigma_l_db=SIGMA_L_DB,
                location_pct=PROFILE.location_pct,
            )  # fmt: skip
    return layers


@settings(max_examples=50)
@given(LAYERS, MODEL_SIGMA_DB)
def test_every_shift_counts_what_the_plain_classes_of_the_shifted_field_count(levels, model_sigma_db):
    tally = tally_of(levels, model_sigma_db)
    for number, shift in enumerate(SHIFTS):
        layers = classes_of(levels, shift * model_sigma_db)
        for (label, operator), served in tally.by_label.items():
            classes = group_class(layers, technology_groups(PROFILE)[label], operator, shape=RESIDENTS.pixel.shape)
            np.testing.assert_array_equal(served.classes[number], sum_plots(RESIDENTS, classes))
            np.testing.assert_array_equal(served.cells[number], class_cells(RESIDENTS, classes))


@settings(max_examples=50)
@given(LAYERS, MODEL_SIGMA_DB)
def test_a_lower_field_never_serves_more_and_a_higher_never_less(levels, model_sigma_db):
    for plots in tally_of(levels, model_sigma_db).by_label.values():
        for lowest in (1, 2):
            low, computed, high = plots.classes[:, :, lowest:].sum(axis=2)
            assert (low <= computed).all()
            assert (computed <= high).all()


@settings(max_examples=50)
@given(LEVELS)
def test_expected_people_are_people_by_the_share_of_places_and_the_best_operator_decides(level):
    nothing = np.full(SHAPE, NO_SIGNAL_CDBM, dtype=np.int16)
    tally = tally_of([nothing, level, level, nothing])
    margin_db = np.where(level == NO_SIGNAL_CDBM, -np.inf, level / 100 - PROFILE.thresholds["4G"].weak_dbm)
    beta, alpha = (location_probability(margin_db, sigma).ravel() for sigma in SIGMA_L_DB)
    for operator, places in (("Alpha", alpha), ("Beta", beta), ("any", np.maximum(alpha, beta))):
        by_plot = np.bincount(RESIDENTS.plot, weights=RESIDENTS.micro_people * places)
        np.testing.assert_allclose(tally.by_label["4G", operator].expected[:, 0], by_plot, rtol=1e-4, atol=1000)


@settings(max_examples=50)
@given(LAYERS)
def test_people_of_two_operators_are_those_whom_each_of_the_two_serves(levels):
    layers = classes_of(levels, 0.0)
    tally = tally_of(levels)
    for label, parts in technology_groups(PROFILE).items():
        both = [group_class(layers, parts, name, shape=RESIDENTS.pixel.shape) for name in ("Alpha", "Beta")]
        np.testing.assert_array_equal(tally.two_operators[label], sum_plots(RESIDENTS, np.minimum(*both)))


@settings(max_examples=100)
@given(LAYERS, LAYERS, st.sets(st.integers(0, 3)), arrays.arrays(bool, SHAPE), st.integers(0, 1))
def test_counting_anew_the_cells_that_changed_is_counting_all(levels, others, cells, changed, tile):
    cell = RESIDENTS.cell.reshape(SHAPE)
    changed = np.isin(cell, list(cells)) | (changed & (cell < 0))
    after = [np.where(changed, other, level) for level, other in zip(levels, others, strict=True)]
    everywhere = np.arange(*RESIDENTS.tile_start[tile : tile + 2])
    there = everywhere[changed.ravel()[everywhere]]
    whole = counted(after, everywhere)
    anew = count_anew(counted(levels, everywhere), counted(levels, there), counted(after, there))
    assert anew.keys() == whole.keys()
    for name, sums in anew.items():
        np.testing.assert_array_equal(sums, whole[name])


def test_the_tiles_of_a_large_province_add_up():
    shape = (2, 1000)
    levels = [np.full(shape, -9000, dtype=np.int16)] * len(KEYS)
    residents = residents_of(shape, n_plot=3, tile_start=(0, 700, 1500))
    plots = tally_of(levels, residents=residents).by_label["4G", "any"]
    assert plots.classes[1].sum() == residents.micro_people.sum()
    assert plots.expected[:, 1].tolist() == plots.classes[1][:, 2].tolist()


def test_a_population_cell_costs_little_memory():
    """A province whose raster has people in every cell has a million of them."""
    shape = (1, 20_000)
    levels = [np.full(shape, -9000, dtype=np.int16)] * len(KEYS)
    residents = residents_of(shape)
    seen = {grid.layer: SignalTile(grid.rsrp_cdbm[0], grid.server[0]) for grid in grids_of(levels)}
    counted = tally_pixels(seen, residents, np.arange(shape[1]), rules_of())
    size = sum(array.nbytes for array in counted.values())
    assert size < 8 * len(rules_of().layers) * len(residents.cell_micro)


@pytest.mark.parametrize("location_pct", [50.0, 80.0, 95.0])
def test_a_threshold_is_met_where_the_share_of_places_reaches_the_location_percentage(location_pct):
    levels = np.arange(-12600, -11600, dtype=np.int16)
    threshold = PROFILE.thresholds["4G"]
    classes = classify_levels(
        levels, np.zeros(levels.size, np.int32), threshold=threshold, sigma_l_db=[1.7], location_pct=location_pct
    )
    share = location_probability(levels / 100 - threshold.weak_dbm, 1.7)
    np.testing.assert_array_equal(classes >= 1, share >= location_pct / 100 - 1e-9)
