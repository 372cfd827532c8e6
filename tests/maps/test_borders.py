"""Borders drawn: one line between two neighbours, near the given one."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon

from phusong.maps.borders import MOST_DISPLACED_M, displacement_m, simplify_borders

CRS = "EPSG:32648"


@pytest.fixture
def mismatched():
    """Two units whose common border is a random walk that was written down twice, up to 1 m apart."""
    rng = np.random.default_rng(1)
    north = np.linspace(0.0, 10_000.0, 400)
    border = np.column_stack([5_000.0 + np.cumsum(rng.normal(0.0, 15.0, 400)), north])
    twice = border + rng.choice([-1.0, 0.0, 1.0], 400)[:, None] * [1.0, 0.0]
    west = Polygon([(0.0, 0.0), *border, (0.0, 10_000.0)])
    east = Polygon([*twice, (10_000.0, 10_000.0), (10_000.0, 0.0)])
    shapes = [shapely.affinity.translate(shape, 640_000.0, 1_940_000.0) for shape in (west, east)]
    return gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=shapes, crs=CRS)


def test_mismatched_neighbours_become_a_coverage_without_gaps_near_what_was_given(mismatched):
    assert not shapely.coverage_is_valid(mismatched.geometry.to_numpy(), gap_width=5.0)
    drawn = simplify_borders(mismatched.to_crs("EPSG:4326"), CRS).to_crs(CRS).geometry.to_numpy()
    assert shapely.coverage_is_valid(drawn)
    assert not shapely.union_all(drawn).interiors
    assert displacement_m(mismatched.geometry.to_numpy(), drawn) <= MOST_DISPLACED_M
    assert shapely.get_num_coordinates(drawn).sum() < 0.6 * shapely.get_num_coordinates(mismatched.geometry).sum()


def test_units_without_a_shape_are_left_out(mismatched):
    missing = gpd.GeoDataFrame({"code": ["3"]}, geometry=[None], crs=CRS)
    drawn = simplify_borders(pd.concat([mismatched, missing], ignore_index=True), CRS)
    assert list(drawn["code"]) == ["1", "2"]
