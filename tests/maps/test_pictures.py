import base64
import math

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer
from rasterio.io import MemoryFile

from phusong.geodata.grid import Grid, Raster
from phusong.maps.pictures import (
    CLASS_PALETTE,
    encode_png,
    inside_communes,
    mercator_grid,
    nearest_cells,
    render_class_picture,
    render_relief,
)

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
TO_DEGREES = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


def decode(picture):
    with MemoryFile(base64.b64decode(picture.uri.split(",")[1])) as memory, memory.open() as png:
        return png.read(1), png.colormap(1)


@pytest.fixture
def target(data):
    return mercator_grid(tuple(data.communes.total_bounds), resolution_m=100.0, max_px=2000)


def test_every_picture_pixel_shows_the_class_at_its_own_place(data, target):
    classes = data.classes["4G"]
    cells = nearest_cells(classes.grid, target)
    codes, palette = decode(render_class_picture(classes, target, cells))
    rng = np.random.default_rng(1)
    rows, cols = rng.integers(0, codes.shape[0], 500), rng.integers(0, codes.shape[1], 500)
    xs, ys = target.centres()
    utm = Transformer.from_crs("EPSG:3857", "EPSG:32648", always_xy=True).transform(xs[cols], ys[rows])
    source_rows, source_cols = classes.grid.index(*utm)
    assert (codes[rows, cols] == classes.values[source_rows, source_cols]).all()
    assert [palette[code] for code in range(3)] == list(CLASS_PALETTE[:3])


def test_the_corners_of_a_picture_are_the_corners_of_its_grid(data, target):
    picture = render_class_picture(data.classes["4G"], target, nearest_cells(data.terrain.grid, target))
    (south, west), (north, east) = picture.bounds
    asked = data.communes.total_bounds
    assert (west, north) == pytest.approx((asked[0], asked[3]), abs=1e-9)
    assert east >= asked[2] - 1e-9
    assert south <= asked[1] + 1e-9


def test_a_class_that_was_not_asked_for_is_transparent(grid, target):
    raster = Raster(np.full(grid.shape, 255, dtype=np.uint8), grid)
    codes, palette = decode(render_class_picture(raster, target, nearest_cells(grid, target)))
    assert {palette[code][3] for code in np.unique(codes)} == {0}


def test_cells_outside_the_source_are_marked():
    source = Grid("EPSG:32648", Affine(100.0, 0, 640_000, 0, -100.0, 1_960_000), (10, 10))
    target = mercator_grid((100.0, 17.0, 100.1, 17.1), resolution_m=1000.0, max_px=100)
    assert (nearest_cells(source, target) == -1).all()


def test_a_picture_is_coarsened_to_the_most_pixels_allowed():
    fine = mercator_grid((106.0, 17.0, 107.0, 17.5), resolution_m=1.0, max_px=300)
    assert max(fine.shape) == 300
    metres = fine.transform.a * math.cos(math.radians(17.25))
    assert metres == pytest.approx(106_000 / 300, rel=0.01)


def test_relief_is_lit_from_the_north_west_and_the_sea_is_flat(data, grid):
    target = mercator_grid(tuple(data.communes.total_bounds), resolution_m=200.0, max_px=500)
    ridge = np.abs(np.arange(grid.shape[1]) - 40)  # a ridge from north to south
    height = np.tile(np.maximum(0.0, 900.0 - 40.0 * ridge), (grid.shape[0], 1)).astype(np.float32)
    codes, palette = decode(render_relief(Raster(height, grid), data.communes, target, sea_max_elevation_m=0.0))
    x, _ = TO_DEGREES.transform([640_000 + 3_500, 640_000 + 4_500], [1_954_000] * 2)
    west, east = (int((place - data.communes.total_bounds[0]) / 0.0019) for place in x)
    row = codes.shape[0] // 2
    assert sum(palette[codes[row, west]][:3]) > sum(palette[codes[row, east]][:3])
    sea = render_relief(
        Raster(np.zeros(grid.shape, np.float32), grid),
        data.communes.iloc[:1],
        target,
        sea_max_elevation_m=0.0,
    )
    sea_codes, sea_palette = decode(sea)
    inside = inside_communes(data.communes.iloc[:1], target)
    assert len(np.unique(sea_codes[~inside])) <= 2
    assert sea_palette[sea_codes[-2, -2]][2] > sea_palette[sea_codes[-2, -2]][0]


def test_unknown_height_is_transparent(data, grid):
    target = mercator_grid(tuple(data.communes.total_bounds), resolution_m=200.0, max_px=500)
    nothing = Raster(np.full(grid.shape, np.nan, dtype=np.float32), grid)
    codes, palette = decode(render_relief(nothing, data.communes, target, sea_max_elevation_m=0.0))
    assert {palette[code][3] for code in np.unique(codes)} == {0}


def test_a_palette_png_keeps_codes_and_colours():
    codes = np.arange(4, dtype=np.uint8).reshape(2, 2)
    with MemoryFile(encode_png(codes, CLASS_PALETTE, bits=2)) as memory, memory.open() as png:
        assert (png.read(1) == codes).all()
        assert [png.colormap(1)[code] for code in range(4)] == list(CLASS_PALETTE)
