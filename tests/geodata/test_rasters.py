from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from phusong.geodata.errors import InputError, MissingLayerError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.raster_files import write_raster
from phusong.geodata.rasters import (
    clutter_height,
    import_clutter,
    import_population,
    import_terrain,
    zone_codes,
)
from phusong.geodata.workspace import Workspace

UTM = "EPSG:32648"


def make_grid(shape, *, cell=30.0, west=600_000.0, north=1_899_990.0, crs=UTM):
    return Grid(crs, Affine(cell, 0.0, west, 0.0, -cell, north), shape)


def write(path, values, grid, nodata=None):
    write_raster(path, Raster(np.asarray(values), grid, nodata), tags={})
    return path


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "ws", crs=UTM, resolution_m=30.0)


@pytest.fixture
def hills(tmp_path):
    values = np.arange(40 * 50, dtype=np.float32).reshape(40, 50) / 10.0
    return write(tmp_path / "dem.tif", values, make_grid((40, 50)))


def test_terrain_on_the_analysis_lattice_is_taken_unchanged(workspace, hills):
    report = import_terrain(workspace, hills, terrain_kind="dtm")
    stored = workspace.read_raster("terrain")
    with rasterio.open(hills) as source:
        assert np.array_equal(stored.values, source.read(1))
    assert report["holes"] == 0
    assert workspace.terrain_kind == "dtm"


def test_terrain_is_tagged_with_kind_source_and_fill(workspace, hills):
    import_terrain(workspace, hills, terrain_kind="dsm")
    with rasterio.open(workspace.raster_path("terrain")) as stored:
        tags, profile = stored.tags(), stored.profile
    assert (tags["TERRAIN_KIND"], tags["SOURCE"], tags["FILL"]) == ("dsm", "dem.tif", "none")
    assert (profile["dtype"], profile["blockxsize"]) == ("float32", 512)


def test_the_analysis_grid_lies_on_multiples_inside_a_shifted_source(workspace, tmp_path):
    values = np.full((60, 70), 7.0, dtype=np.float32)
    dem = write(tmp_path / "dem.tif", values, make_grid((60, 70), west=600_011.0, north=1_900_017.0))
    import_terrain(workspace, dem, terrain_kind="dtm")
    grid = workspace.raster_grid("terrain")
    assert grid.bounds == (600_030.0, 1_898_220.0, 602_100.0, 1_899_990.0)
    assert (workspace.read_raster("terrain").values == 7.0).all()


def test_a_geographic_plane_becomes_the_same_plane_on_the_grid(workspace, tmp_path):
    grid = make_grid((300, 300), cell=1 / 3600, west=106.0, north=17.5, crs="EPSG:4326")
    lon, lat = grid.centres()
    plane = (1000.0 * (lon[None, :] - 106.0) + 2000.0 * (lat[:, None] - 17.4)).astype(np.float32)
    import_terrain(workspace, write(tmp_path / "dem.tif", plane, grid), terrain_kind="dtm")
    terrain = workspace.read_raster("terrain")
    xs, ys = np.meshgrid(*terrain.grid.centres())
    lons, lats = rasterio.warp.transform(UTM, "EPSG:4326", xs.ravel(), ys.ravel())
    expected = 1000.0 * (np.array(lons) - 106.0) + 2000.0 * (np.array(lats) - 17.4)
    assert np.abs(terrain.values.ravel() - expected).max() < 0.02
    assert not np.isnan(terrain.values).any()


def test_an_srtm_hgt_tile_is_read(workspace, tmp_path):
    tile = tmp_path / "N17E106.hgt"
    heights = np.broadcast_to(np.arange(1201, dtype=">i2"), (1201, 1201))
    tile.write_bytes(heights.tobytes())
    report = import_terrain(workspace, tile, terrain_kind="dsm")
    assert report["source_crs"] == "EPSG:4326"
    assert report["min_m"] >= 0.0
    assert 1190.0 < report["max_m"] <= 1200.0


def test_a_hole_is_refused_with_count_and_position(workspace, tmp_path):
    values = np.full((40, 50), 5, dtype=np.int16)
    values[10:12, 20] = -32768
    dem = write(tmp_path / "dem.tif", values, make_grid((40, 50)), nodata=-32768)
    with pytest.raises(InputError, match=r"dem.tif: 2 cells without elevation, the first at row 11, column 21"):
        import_terrain(workspace, dem, terrain_kind="dtm")
    assert not workspace.has_raster("terrain")


def test_a_hole_stays_a_hole_when_the_grid_is_coarser(tmp_path):
    workspace = Workspace.create(tmp_path / "ws", crs=UTM, resolution_m=90.0)
    values = np.full((60, 60), 5.0, dtype=np.float32)
    values[30, 30] = np.nan
    dem = write(tmp_path / "dem.tif", values, make_grid((60, 60)))
    with pytest.raises(InputError, match="1 cells without elevation"):
        import_terrain(workspace, dem, terrain_kind="dtm")


def test_holes_become_sea_when_asked_and_the_file_says_so(workspace, tmp_path):
    values = np.full((40, 50), 5.0, dtype=np.float32)
    values[:, 40:] = np.nan
    dem = write(tmp_path / "dem.tif", values, make_grid((40, 50)))
    report = import_terrain(workspace, dem, terrain_kind="dtm", fill_sea_m=0.0)
    assert (workspace.read_raster("terrain").values[:, 40:] == 0.0).all()
    assert (report["fill"], report["holes"]) == ("sea=0", 400)


def test_small_holes_are_interpolated_between_their_neighbours(workspace, tmp_path):
    values = np.tile(np.arange(50, dtype=np.float32), (40, 1))
    values[10:13, 20:23] = np.nan
    dem = write(tmp_path / "dem.tif", values, make_grid((40, 50)))
    import_terrain(workspace, dem, terrain_kind="dtm", fill_interpolate_px=3)
    filled = workspace.read_raster("terrain").values[10:13, 20:23]
    assert ((filled > 18.5) & (filled < 23.5)).all()


def test_a_hole_wider_than_asked_is_still_refused(workspace, tmp_path):
    values = np.full((40, 50), 5.0, dtype=np.float32)
    values[2, 2] = np.nan
    values[10:14, 20] = np.nan
    dem = write(tmp_path / "dem.tif", values, make_grid((40, 50)))
    with pytest.raises(InputError, match="4 cells without elevation wider than 3 cells, the first at row 11"):
        import_terrain(workspace, dem, terrain_kind="dtm", fill_interpolate_px=3)


def test_an_undeclared_no_data_value_is_refused(workspace, tmp_path):
    values = np.full((40, 50), 5.0, dtype=np.float32)
    values[3, 4] = -9999.0
    dem = write(tmp_path / "dem.tif", values, make_grid((40, 50)))
    with pytest.raises(InputError, match=r"got -9999 at row 4, column 5"):
        import_terrain(workspace, dem, terrain_kind="dtm", fill_sea_m=0.0)


@pytest.mark.parametrize("kind", ["", "DTM", "canopy"])
def test_the_terrain_kind_must_be_named(workspace, hills, kind):
    with pytest.raises(InputError, match=r"dem\.tif: terrain_kind must be dtm.*--terrain-kind"):
        import_terrain(workspace, hills, terrain_kind=kind)


@pytest.mark.parametrize("sea_m", [np.nan, np.inf, 99_999.0, -501.0])
def test_holes_are_not_filled_with_an_impossible_sea(workspace, hills, sea_m):
    with pytest.raises(InputError, match=r"dem\.tif: the elevation of the sea must be within \[-500, 9000\] m"):
        import_terrain(workspace, hills, terrain_kind="dtm", fill_sea_m=sea_m)


def test_terrain_is_replaced_only_when_asked(workspace, hills):
    import_terrain(workspace, hills, terrain_kind="dtm")
    with pytest.raises(InputError, match="--replace"):
        import_terrain(workspace, hills, terrain_kind="dsm")
    import_terrain(workspace, hills, terrain_kind="dsm", replace=True)
    assert workspace.terrain_kind == "dsm"


def write_bare(path, grid, *, crs, count=1):
    profile = {"driver": "GTiff", "height": 9, "width": 9, "count": count, "dtype": "float32"}
    with rasterio.open(path, "w", **profile, crs=crs, transform=grid.transform) as sink:
        sink.write(np.ones((count, 9, 9), dtype=np.float32))
    return path


def test_a_raster_without_crs_is_refused(workspace, tmp_path):
    path = write_bare(tmp_path / "people.tif", make_grid((9, 9)), crs=None)
    with pytest.raises(InputError, match=r"people.tif: the raster has no CRS"):
        import_population(workspace, path)


def test_a_raster_of_two_bands_is_refused(workspace, tmp_path):
    path = write_bare(tmp_path / "people.tif", make_grid((9, 9)), crs=UTM, count=2)
    with pytest.raises(InputError, match="one band is expected, the file has 2"):
        import_population(workspace, path)


def test_a_file_that_is_no_raster_is_refused(workspace, tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("not a raster", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.tif is damaged or no workbook"):
        import_terrain(workspace, path, terrain_kind="dtm")
    with pytest.raises(InputError, match="no such file"):
        import_terrain(workspace, Path("absent.tif"), terrain_kind="dtm")


def test_land_cover_takes_the_most_frequent_code(tmp_path, hills):
    workspace = Workspace.create(tmp_path / "ws", crs=UTM, resolution_m=30.0)
    import_terrain(workspace, hills, terrain_kind="dtm")
    fine = np.full((120, 150), 10, dtype=np.uint8)
    fine[0:3, 0:3] = [[50, 50, 50], [50, 50, 10], [40, 40, 10]]
    report = import_clutter(workspace, write(tmp_path / "lc.tif", fine, make_grid((120, 150), cell=10.0), nodata=0))
    codes = workspace.read_raster("clutter").values
    assert codes[0, 0] == 50
    assert (codes.ravel()[1:] == 10).all()
    assert report["codes"] == {"10": 1999, "50": 1}


def test_land_cover_needs_terrain(workspace, hills):
    with pytest.raises(MissingLayerError):
        import_clutter(workspace, hills)


def test_land_cover_that_leaves_land_bare_is_refused(workspace, hills, tmp_path):
    import_terrain(workspace, hills, terrain_kind="dtm")
    path = write(tmp_path / "lc.tif", np.full((40, 30), 10, dtype=np.uint8), make_grid((40, 30)), nodata=0)
    with pytest.raises(InputError, match=r"lc.tif: 800 cells of the terrain have no land cover"):
        import_clutter(workspace, path)
    assert not workspace.has_raster("clutter")


def test_sea_without_land_cover_is_water(workspace, tmp_path):
    values = np.full((40, 50), 5.0, dtype=np.float32)
    values[:, 30:] = 0.0
    import_terrain(workspace, write(tmp_path / "dem.tif", values, make_grid((40, 50))), terrain_kind="dtm")
    path = write(tmp_path / "lc.tif", np.full((40, 30), 10, dtype=np.uint8), make_grid((40, 30)), nodata=0)
    report = import_clutter(workspace, path)
    assert (workspace.read_raster("clutter").values[:, 30:] == 80).all()
    assert report["water_by_sea_rule"] == 800


def test_a_land_cover_code_without_a_height_is_refused(workspace, hills, tmp_path):
    import_terrain(workspace, hills, terrain_kind="dtm")
    path = write(tmp_path / "lc.tif", np.full((40, 50), 111, dtype=np.uint8), make_grid((40, 50)), nodata=0)
    with pytest.raises(InputError, match=r"lc\.tif: land-cover code 111 \(2000 cells\) has no height"):
        import_clutter(workspace, path)


def test_clutter_heights_follow_the_table():
    codes = Raster(np.array([[10, 50], [80, 10]], dtype=np.uint8), make_grid((2, 2)), 0)
    heights = clutter_height(codes, {"10": 15.0, "50": 10.0, "80": 0.0})
    assert heights.values.tolist() == [[15.0, 10.0], [0.0, 15.0]]


def test_population_keeps_its_own_grid_and_no_data_is_nobody(workspace, tmp_path):
    values = np.array([[1.5, -99999.0], [2.0, np.nan]], dtype=np.float32)
    grid = make_grid((2, 2), cell=1 / 120, west=106.0, north=17.0, crs="EPSG:4326")
    report = import_population(workspace, write(tmp_path / "p.tif", values, grid, nodata=-99999.0))
    stored = workspace.read_raster("population")
    assert stored.grid == grid
    assert stored.values.tolist() == [[1.5, 0.0], [2.0, 0.0]]
    assert report["people"] == 3.5


def test_negative_people_are_refused(workspace, tmp_path):
    path = write(tmp_path / "p.tif", np.array([[1.0, -1.0]], dtype=np.float32), make_grid((1, 2)))
    with pytest.raises(InputError, match=r"got -1 at row 1, column 2"):
        import_population(workspace, path)


def test_population_elsewhere_than_the_terrain_is_refused(workspace, hills, tmp_path):
    import_terrain(workspace, hills, terrain_kind="dtm")
    grid = make_grid((2, 2), cell=1 / 120, west=20.0, north=50.0, crs="EPSG:4326")
    path = write(tmp_path / "p.tif", np.ones((2, 2), dtype=np.float32), grid)
    with pytest.raises(InputError, match="does not overlap the terrain"):
        import_population(workspace, path)


def test_zones_follow_sea_height_and_distance_to_the_sea():
    grid = make_grid((3, 60), cell=1000.0)
    heights = np.full((3, 60), 20.0, dtype=np.float32)
    heights[:, 59] = 0.0
    heights[1, 40] = 101.0
    zone = zone_codes(Raster(heights, grid), np.zeros((3, 60), dtype=bool), sea_max_elevation_m=0.0).values
    assert (zone[:, 59] == 1).all()
    assert zone[0].tolist() == [4] * 9 + [3] * 50 + [1]
    assert zone[1, 40] == 4


def test_low_land_in_a_commune_is_no_sea():
    grid = make_grid((2, 2))
    zeros = Raster(np.zeros((2, 2), dtype=np.float32), grid)
    in_province = np.array([[True, False], [False, False]])
    assert zone_codes(zeros, in_province, sea_max_elevation_m=0.0).values.tolist() == [[3, 1], [1, 1]]
    assert (zone_codes(zeros, in_province, sea_max_elevation_m=None).values == 4).all()


def test_coastal_reach_agrees_with_distances_computed_one_by_one():
    rng = np.random.default_rng(3)
    grid = make_grid((40, 50), cell=5000.0)
    heights = np.where(rng.random((40, 50)) < 0.004, 0.0, 10.0).astype(np.float32)
    zone = zone_codes(Raster(heights, grid), np.zeros((40, 50), dtype=bool), sea_max_elevation_m=0.0).values
    rows, cols = np.nonzero(heights == 0.0)
    r, c = np.indices((40, 50))
    near = (np.hypot(r[..., None] - rows, c[..., None] - cols).min(axis=2)) <= 10.0
    assert np.array_equal(zone != 4, near)
