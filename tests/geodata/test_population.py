from itertools import product

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.population import allocate_population
from phusong.geodata.raster_files import read_raster, write_raster

UTM = "EPSG:32648"
GRID = Grid(UTM, Affine(30.0, 0.0, 700_020.0, 0.0, -30.0, 1_950_000.0), (120, 150))


def make_source(cell, *, crs=UTM, seed=1, corner=None, shape=None):
    """People on cells that overhang the grid on all sides."""
    west, south, east, north = GRID.bounds
    if crs != UTM:
        to_source = Transformer.from_crs(UTM, crs, always_xy=True)
        west, south, east, north = to_source.transform_bounds(west, south, east, north)
    west, north = corner or (west - 1.37 * cell, north + 1.61 * cell)
    ny, nx = shape or (int((north - south) / cell) + 3, int((east - west) / cell) + 3)
    values = np.random.default_rng(seed).gamma(0.5, 40.0, (ny, nx))
    return Raster(values, Grid(crs, Affine(cell, 0.0, west, 0.0, -cell, north), (ny, nx)))


def area_weighted_sum(source):
    """Sum over polygons, one by one."""
    box = shapely.box(*GRID.bounds)
    to_grid = Transformer.from_crs(source.grid.crs, UTM, always_xy=True)
    place, total = source.grid.transform, 0.0
    for (row, col), people in np.ndenumerate(source.values):
        xs = [place.c + (col + d) * place.a for d in (0, 1, 1, 0)]
        ys = [place.f + (row + d) * place.e for d in (0, 0, 1, 1)]
        cell = shapely.Polygon(np.column_stack(to_grid.transform(xs, ys)))
        total += people * cell.intersection(box).area / cell.area
    return total


def land_and_weight(seed=5):
    rng = np.random.default_rng(seed)
    xs, ys = np.meshgrid(np.arange(150), np.arange(120))
    land = xs < 110 + 15 * np.sin(ys / 9.0)
    weight = rng.choice([0.0, 0.02, 0.1, 1.0], GRID.shape, p=(0.1, 0.4, 0.4, 0.1))
    return land, weight


@pytest.mark.parametrize(
    ("cell", "crs"),
    [(1000.0, UTM), (100.0, UTM), (45.0, UTM), (30.0, UTM), (13.0, UTM), (1 / 120, "EPSG:4326"),
     (1 / 1200, "EPSG:4326"), (1 / 7200, "EPSG:4326"), (250.0, "EPSG:32649")],
)  # fmt: skip
def test_nobody_is_lost_or_made(cell, crs):
    source = make_source(cell, crs=crs)
    land, weight = land_and_weight()
    result = allocate_population(source, GRID, land, weight)
    expected = area_weighted_sum(source)
    assert result.total_people == pytest.approx(expected, rel=1e-6)
    assert result.people.sum() == pytest.approx(expected, rel=1e-6)
    assert (result.people >= 0.0).all()
    assert (result.people[~land | (weight == 0.0)] == 0.0).all()


@pytest.mark.parametrize(("cell", "crs"), [(45.0, UTM), (1 / 1200, "EPSG:4326"), (90.0, "EPSG:32649")])
def test_of_the_raster_of_a_country_what_lies_over_the_grid_holds_everybody_there(cell, crs, tmp_path):
    over = make_source(cell, crs=crs)
    ny, nx = over.grid.shape
    around = over.grid.window(-300, -400, (ny + 700, nx + 900))
    country = Raster(np.random.default_rng(3).gamma(0.5, 40.0, around.shape), around)
    write_raster(tmp_path / "people.tif", country, tags={})
    part = read_raster(tmp_path / "people.tif", near=GRID)
    assert part.values.size < 1.5 * over.values.size
    land, weight = land_and_weight()
    expected, found = (allocate_population(source, GRID, land, weight) for source in (country, part))
    np.testing.assert_allclose(found.people, expected.people, rtol=1e-9)
    assert len(found.moved) == len(expected.moved)


def test_of_a_raster_elsewhere_one_cell_is_read(tmp_path):
    write_raster(tmp_path / "people.tif", make_source(1.0, crs="EPSG:4326", corner=(10.0, 50.0), shape=(3, 4)), tags={})
    assert read_raster(tmp_path / "people.tif", near=GRID).values.shape == (1, 1)


def test_a_turned_cell_may_pass_by_a_corner_of_the_grid():
    """Its sides lean so that the smallest upright box round it reaches into the grid, and it does not."""
    west, south, east, north = GRID.bounds
    to_source = Transformer.from_crs(UTM, "EPSG:32649", always_xy=True)
    everywhere = np.ones(GRID.shape, dtype=bool)
    for x, y, dx, dy in product((west, east), (south, north), range(-3, 4), range(-3, 4)):
        middle_x, middle_y = to_source.transform(x + dx, y + dy)
        source = make_source(100.0, crs="EPSG:32649", corner=(middle_x - 100.0, middle_y + 100.0), shape=(2, 2))
        people = allocate_population(source, GRID, everywhere, everywhere).people
        assert people.sum() == pytest.approx(area_weighted_sum(source), rel=1e-6)


@pytest.mark.parametrize(("cell", "crs"), [(1000.0, UTM), (1 / 1200, "EPSG:4326"), (13.0, UTM)])
def test_blocks_of_any_size_give_the_same_people(cell, crs):
    source = make_source(cell, crs=crs)
    land, weight = land_and_weight()
    whole = allocate_population(source, GRID, land, weight, block_rows=1000)
    for block_rows in (1, 7, 64):
        tiled = allocate_population(source, GRID, land, weight, block_rows=block_rows)
        assert np.array_equal(whole.people, tiled.people)
        assert np.array_equal(whole.cell, tiled.cell)


def test_parts_of_the_grid_hold_together_what_the_whole_holds():
    source = make_source(1 / 120, crs="EPSG:4326")
    land, weight = np.ones(GRID.shape, dtype=bool), np.ones(GRID.shape)
    whole = allocate_population(source, GRID, land, weight).total_people
    parts = [
        allocate_population(source, GRID.window(row, col, (40, 50)), land[:40, :50], weight[:40, :50]).total_people
        for row in (0, 40, 80)
        for col in (0, 50, 100)
    ]
    assert sum(parts) == pytest.approx(whole, rel=1e-9)


def test_a_cell_is_shared_among_its_land_pixels_by_weight():
    grid = GRID.window(0, 0, (3, 3))
    source = Raster(np.array([[90.0]]), Grid(UTM, Affine(90.0, 0, 700_020.0, 0, -90.0, 1_950_000.0), (1, 1)))
    land = np.ones((3, 3), dtype=bool)
    land[0, 0] = False
    weight = np.full((3, 3), 0.5)
    weight[1, 1], weight[0, 0] = 5.0, 100.0
    people = allocate_population(source, grid, land, weight).people
    expected = np.full((3, 3), 90.0 * 0.5 / 8.5)
    expected[1, 1], expected[0, 0] = 90.0 * 5.0 / 8.5, 0.0
    assert np.allclose(people, expected)


def test_a_cell_at_sea_goes_to_the_nearest_land_and_is_listed():
    cells = Grid(UTM, Affine(300.0, 0, 700_020.0, 0, -300.0, 1_950_000.0), (2, 2))
    source = Raster(np.array([[10.0, 7.0], [0.0, 0.0]]), cells)
    grid = GRID.window(0, 0, (20, 20))
    land = np.zeros((20, 20), dtype=bool)
    land[:, :6] = True
    result = allocate_population(source, grid, land, np.ones((20, 20)))
    assert result.moved == [(1, 7.0)]
    assert result.people[4, 5] == pytest.approx(7.0 + 10.0 / 60)
    assert result.cell[4, 5] == 0
    assert result.people.sum() == pytest.approx(17.0)


def test_the_cell_of_a_pixel_is_the_source_cell_that_its_people_come_from():
    source = make_source(1000.0)
    land, weight = np.ones(GRID.shape, dtype=bool), np.ones(GRID.shape)
    result = allocate_population(source, GRID, land, weight)
    sums = np.bincount(result.cell[result.cell >= 0], weights=result.people[result.cell >= 0])
    inner = source.grid.shape[1] * 2 + 2
    assert sums[inner] == pytest.approx(source.values.ravel()[inner])


def test_with_a_source_finer_than_the_grid_the_pixel_is_the_cell():
    source = make_source(10.0)
    land, weight = np.ones(GRID.shape, dtype=bool), np.ones(GRID.shape)
    result = allocate_population(source, GRID, land, weight)
    lived = result.people > 0.0
    assert np.array_equal(result.cell[lived], np.flatnonzero(lived))
    assert (result.cell[~lived] == -1).all()
    assert result.moved == []


def test_aligned_fine_cells_sum_into_their_pixel():
    cells = Grid(UTM, Affine(10.0, 0, 700_020.0, 0, -10.0, 1_950_000.0), (6, 6))
    values = np.arange(36, dtype=float).reshape(6, 6)
    grid = GRID.window(0, 0, (2, 2))
    people = allocate_population(Raster(values, cells), grid, np.ones((2, 2), dtype=bool), np.ones((2, 2))).people
    assert np.array_equal(people, values.reshape(2, 3, 2, 3).sum(axis=(1, 3)))


def test_no_data_is_nobody():
    cells = Grid(UTM, Affine(60.0, 0, 700_020.0, 0, -60.0, 1_950_000.0), (1, 2))
    ones = np.ones((2, 4))
    grid = GRID.window(0, 0, (2, 4))
    for values, nodata in ((np.array([[8.0, np.nan]]), None), (np.array([[8, -1]], dtype=np.int32), -1)):
        result = allocate_population(Raster(values, cells, nodata), grid, ones > 0, ones)
        assert result.people.tolist() == [[2.0, 2.0, 0.0, 0.0]] * 2
        assert (result.cell[:, 2:] == -1).all()


def test_people_without_any_land_are_refused():
    source = make_source(1000.0)
    with pytest.raises(InputError, match="no land pixel"):
        allocate_population(source, GRID, np.zeros(GRID.shape, dtype=bool), np.ones(GRID.shape))


def test_negative_people_are_refused():
    source = make_source(1000.0)
    source.values[1, 1] = -3.0
    with pytest.raises(InputError, match="got -3"):
        allocate_population(source, GRID, np.ones(GRID.shape, dtype=bool), np.ones(GRID.shape))


@settings(max_examples=25)
@given(
    cell=st.floats(8.0, 900.0),
    dx=st.floats(-500.0, 500.0),
    dy=st.floats(-500.0, 500.0),
    seed=st.integers(0, 99),
)
def test_any_source_keeps_its_people(cell, dx, dy, seed):
    west, _, _, north = GRID.bounds
    source = make_source(cell, corner=(west + dx, north + dy), shape=(12, 17), seed=seed)
    land, weight = land_and_weight(seed)
    result = allocate_population(source, GRID, land, weight)
    assert result.people.sum() == pytest.approx(area_weighted_sum(source), rel=1e-9, abs=1e-9)
