from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from shapely.geometry import Point, box

from phusong.coverage.missing_figures import NEEDS_DISTRICTS, NEEDS_OLD_POLYGONS
from phusong.coverage.units import OUTSIDE, build_units
from phusong.geodata.errors import InputError, MissingLayerError
from phusong.geodata.grid import Grid

GRID = Grid("EPSG:32648", Affine(100.0, 0, 600_000, 0, -100.0, 1_900_000), (4, 6))
MERGER = "2025-07-01"
DAY = date(2025, 8, 1)


def tile(first_col, last_col):
    """Polygon over whole columns of the grid."""
    return box(600_000 + 100 * first_col, 1_899_600, 600_000 + 100 * last_col, 1_900_000)


def make_communes(*rows):
    columns = ["code", "name", "district_code", "valid_from", "valid_to", "geometry"]
    frame = pd.DataFrame(rows, columns=columns).assign(province_code="44")
    frame["district_name"] = "Huyện " + frame["district_code"].fillna("?")
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=GRID.crs)


NEW = (
    ("00002", "Đông", "452", MERGER, None, tile(3, 5)),
    ("00001", "Tây", "451", MERGER, None, tile(0, 3)),
)
OLD = (
    ("00001", "Tây Bắc", "451", None, MERGER, tile(0, 2)),
    ("00005", "Giữa", "451", None, MERGER, tile(2, 3)),
    ("00002", "Đông", "452", None, MERGER, tile(3, 5)),
)


def test_a_pixel_belongs_to_the_polygon_of_its_centre():
    units = build_units(make_communes(*NEW), GRID, as_of=DAY)
    assert units.levels["commune"].codes == ("00001", "00002")
    assert units.raster("commune")[0].tolist() == [0, 0, 0, 1, 1, OUTSIDE]
    assert units.raster("district")[0].tolist() == [0, 0, 0, 1, 1, OUTSIDE]
    assert units.raster("province")[0].tolist() == [0, 0, 0, 0, 0, OUTSIDE]
    assert units.in_province().sum() == 20


def test_the_date_chooses_the_era():
    communes = make_communes(*NEW, *OLD)
    before = build_units(communes, GRID, as_of=date(2025, 6, 30))
    after = build_units(communes, GRID, as_of=date(2025, 7, 1))
    assert before.levels["commune"].names == ("Tây Bắc", "Đông", "Giữa")
    assert after.levels["commune"].names == ("Tây", "Đông")
    assert after.raster("old_commune")[0].tolist() == [0, 0, 2, 1, 1, OUTSIDE]


def test_old_communes_without_polygons_have_a_reason_and_no_pixels():
    units = build_units(make_communes(*NEW), GRID, as_of=DAY)
    assert units.levels["old_commune"].reason == NEEDS_OLD_POLYGONS
    assert (units.raster("old_commune") == OUTSIDE).all()
    row = units.geometries[units.geometries["level"] == "old_commune"]
    assert row["reason"].tolist() == [NEEDS_OLD_POLYGONS]


def test_a_single_old_commune_without_polygon_is_named():
    units = build_units(make_communes(*NEW, *OLD[:2], (*OLD[2][:5], None)), GRID, as_of=DAY)
    assert units.levels["old_commune"].without_polygon == (("00002", "Đông"),)


def test_former_districts_come_from_the_crosswalk_when_communes_name_none():
    communes = make_communes(*NEW).assign(district_code=None, district_name=None)
    crosswalk = pd.DataFrame(
        {
            "new_code": ["00001", "00001", "00002"],
            "old_district_code": ["460", "460", "461"],
            "old_district_name": ["Huyện A", "Huyện A", "Huyện B"],
        }
    )
    units = build_units(communes, GRID, as_of=DAY, crosswalk=crosswalk)
    assert units.levels["district"].names == ("Huyện A", "Huyện B")


def test_former_districts_are_dissolved_from_old_communes_as_a_last_resort():
    communes = make_communes(*NEW, *OLD)
    communes.loc[communes["valid_to"].isna(), "district_code"] = None
    units = build_units(communes, GRID, as_of=DAY)
    assert units.levels["district"].base == "old_commune"
    assert units.raster("district")[0].tolist() == [0, 0, 0, 1, 1, OUTSIDE]


def test_a_commune_of_two_former_districts_leaves_the_level_unanswered():
    communes = make_communes(*NEW).assign(district_code=None)
    crosswalk = pd.DataFrame(
        {"new_code": ["00001", "00001"], "old_district_code": ["1", "2"], "old_district_name": ["A", "B"]}
    )
    assert build_units(communes, GRID, as_of=DAY, crosswalk=crosswalk).levels["district"].reason == NEEDS_DISTRICTS


def test_a_point_on_a_shared_edge_goes_to_the_smaller_code():
    units = build_units(make_communes(*NEW).to_crs(4326), GRID, as_of=DAY)
    west, east = units.geometries.set_index("code").geometry[["00001", "00002"]]
    corner = next(Point(xy) for xy in west.exterior.coords if Point(xy).intersects(east))
    points = gpd.GeoSeries([corner, east.representative_point(), Point(100, 10)], crs=4326)
    assert units.rows_of_points("commune", points).tolist() == [0, 1, OUTSIDE]


def test_a_pixel_claimed_twice_goes_to_the_smaller_code():
    overlapping = (*NEW, ("00009", "Chồng", "452", MERGER, None, tile(2, 5)))
    raster = build_units(make_communes(*overlapping), GRID, as_of=DAY).raster("commune")
    assert np.unique(raster).tolist() == [OUTSIDE, 0, 1]


def test_a_code_used_twice_at_once_is_refused():
    with pytest.raises(InputError, match="00001"):
        build_units(make_communes(*NEW, NEW[1]), GRID, as_of=DAY)


def test_no_commune_on_the_date_is_an_error():
    with pytest.raises(MissingLayerError, match="2020-01-01"):
        build_units(make_communes(*NEW), GRID, as_of=date(2020, 1, 1))


def test_former_districts_of_real_communes_come_from_the_package_when_nothing_else_names_them():
    real = (
        ("18901", "Xã Minh Hóa", None, MERGER, None, tile(0, 3)),
        ("18880", "Đồng Hới", None, MERGER, None, tile(3, 5)),
    )
    units = build_units(make_communes(*real), GRID, as_of=DAY)
    assert units.levels["district"].names == ("Thành Phố Đồng Hới", "Huyện Minh Hóa")


def test_settlements_that_all_name_their_old_commune_make_a_level_without_area():
    settlements = pd.DataFrame({"old_commune_code": ["00005", "00001", "00005"]})
    units = build_units(make_communes(*NEW), GRID, as_of=DAY, settlements=settlements)
    level = units.levels["old_commune"]
    assert (level.codes, level.reason, level.without_area) == (("00001", "00005"), "", NEEDS_OLD_POLYGONS)
    assert (units.raster("old_commune") == OUTSIDE).all()
    partly = pd.DataFrame({"old_commune_code": ["00005", None]})
    again = build_units(make_communes(*NEW), GRID, as_of=DAY, settlements=partly)
    assert again.levels["old_commune"].reason == NEEDS_OLD_POLYGONS
