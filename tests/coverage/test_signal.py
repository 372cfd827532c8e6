import math
from itertools import permutations

import numpy as np
import pytest
from affine import Affine

from phusong.coverage.antenna import make_pattern
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.signal import (
    NO_LOSS_CDB,
    Emitter,
    Sectors,
    compute_point_levels_dbm,
    merge_station,
    quantise_cdb,
    sector_gains_db,
    sectors_of,
)
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.stations import Sector, Station
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid, Raster

GRID = Grid("EPSG:32648", Affine(100.0, 0.0, 0.0, 0.0, -100.0, 2100.0), (21, 21))
FLAT = np.zeros(GRID.shape, np.float32)
COVER = np.where(np.arange(21 * 21).reshape(GRID.shape) % 3, 10, 50).astype(np.uint8)
OMNI = Sectors(np.array([30.0]), np.array([math.nan]), np.array([0.0]))
EAST = Sectors(np.array([30.0]), np.array([90.0]), np.array([0.0]))


def emitter(sectors, offsets=None):
    return Emitter(sectors, 10.0, 10.0, 1.5, 1.5, 8500.0, np.zeros(256, np.int32) if offsets is None else offsets)


def levels_of(sectors, loss_cdb=None, offsets=None):
    loss = np.full(GRID.shape, 10_000, np.int16) if loss_cdb is None else loss_cdb
    tile = SignalTile.empty(GRID.shape)
    merge_station(tile, emitter(sectors, offsets), 0, loss, Raster(FLAT, GRID), COVER, corner=(0, 0))
    return tile.rsrp_cdbm


def station(**change):
    sectors = (Sector(0.0, 4.0, 60.0, "tr36814"), Sector(120.0, 6.0, 58.0, "tr36814"))
    values = {"station_id": "S1", "mast_id": "M1", "operator": "A", "technology": "4G", "band_mhz": 1800.0}
    values |= {"bandwidth_mhz": 20.0, "height_agl_m": 30.0, "lon": 106.0, "lat": 17.0, "sectors": sectors}
    return Station(**(values | change))


def test_each_sector_keeps_its_own_power_azimuth_and_tilt():
    found = sectors_of(station())
    assert found.level_dbm == pytest.approx([60.0 - 10 * math.log10(1200), 58.0 - 10 * math.log10(1200)])
    assert found.azimuth_deg.tolist() == [0.0, 120.0]
    assert found.electrical_deg.tolist() == [4.0, 6.0]


def test_an_unknown_antenna_is_refused_with_its_station():
    with pytest.raises(InputError, match=r"S1.*k739.*tr36814"):
        sectors_of(station(sectors=(Sector(0.0, 0.0, 60.0, "k739"),)))


def gain_ahead_db(sector, *, east_m=0.0, north_m=1000.0, below_deg=0.0, patterns=None):
    """Gain of a sector towards a place; the Earth is taken as flat."""
    drop_m = math.hypot(east_m, north_m) * math.tan(math.radians(below_deg))
    sectors = sectors_of(station(sectors=(sector,)), patterns or {})
    place = {"east_m": east_m, "north_m": north_m, "drop_m": drop_m}
    return sector_gains_db(sectors, **place, effective_radius_km=1e12)[0]


def test_mechanical_tilt_points_ahead_like_electrical_tilt_and_up_behind():
    electrical, mechanical = Sector(0.0, 6.0, 60.0, "tr36814"), Sector(0.0, 6.0, 60.0, "tr36814", 6.0)
    assert gain_ahead_db(electrical, below_deg=6.0) == pytest.approx(0.0, abs=1e-9)
    assert gain_ahead_db(mechanical, below_deg=6.0) == pytest.approx(0.0, abs=1e-9)
    side = {"east_m": 500.0, "north_m": 866.0, "below_deg": 6.0}
    assert gain_ahead_db(mechanical, **side) < gain_ahead_db(
        electrical, **side
    )  # a turned antenna looks less down aside


@pytest.mark.parametrize("downtilt_deg", [4.0, 9.0, None])
def test_a_pattern_file_points_where_the_downtilt_says_whatever_tilt_it_holds(downtilt_deg):
    vertical = np.minimum(np.abs((np.arange(360) - 4.0 + 180.0) % 360.0 - 180.0), 30.0)
    patterns = {"dish": make_pattern(np.zeros(360), vertical)}
    sector = Sector(0.0, downtilt_deg, 60.0, "dish")
    pointed = 4.0 if downtilt_deg is None else downtilt_deg  # no downtilt is that of the file
    assert gain_ahead_db(sector, below_deg=pointed, patterns=patterns) == pytest.approx(0.0, abs=1e-9)
    assert gain_ahead_db(sector, below_deg=pointed + 3.0, patterns=patterns) == pytest.approx(-3.0, abs=1e-9)


def test_antennas_of_one_station_may_differ():
    sectors = (
        Sector(90.0, 0.0, 30.0, "tr36814"),
        Sector(90.0, 0.0, 20.0, "omni"),
        Sector(270.0, 0.0, 25.0, "envelope38901"),
    )
    share = -10 * math.log10(1200)
    levels = levels_of(sectors_of(station(sectors=sectors))) + 10_000
    assert levels[10, 20] == pytest.approx(100 * (30.0 + share), abs=1)
    assert levels[10, 0] == pytest.approx(100 * (25.0 + share), abs=1)
    assert levels[0, 10] == pytest.approx(100 * (20.0 + share), abs=1)


def test_an_omnidirectional_station_is_as_strong_in_every_direction():
    assert (levels_of(OMNI) == 3000 - 10_000).all()


def test_a_sector_is_strongest_along_its_azimuth_and_weakest_behind():
    levels = levels_of(EAST)
    assert levels[10, 20] == -7000
    assert levels[10, 0] == -7000 - 2500
    assert levels[0, 10] == levels[20, 10] < levels[5, 20]


def test_a_pixel_without_a_loss_has_no_signal():
    loss = np.full(GRID.shape, 10_000, np.int16)
    loss[3, 4] = NO_LOSS_CDB
    levels = levels_of(OMNI, loss)
    assert levels[3, 4] == NO_SIGNAL_CDBM
    assert (np.delete(levels.ravel(), 3 * 21 + 4) == -7000).all()


def test_points_and_pixels_have_the_same_level():
    levels = levels_of(EAST)
    rows, cols = np.array([0, 5, 12]), np.array([3, 19, 7])
    of_points = compute_point_levels_dbm(
        EAST, np.full(3, 100.0), east_m=(cols - 10) * 100.0, north_m=(10 - rows) * 100.0, drop_m=np.zeros(3),
        effective_radius_km=8500.0,
    )  # fmt: skip
    assert of_points * 100 == pytest.approx(levels[rows, cols], abs=1e-6)


def test_an_offset_of_the_land_cover_is_added_and_no_signal_stays_none():
    loss = np.full(GRID.shape, 10_000, np.int16)
    loss[3, 4] = NO_LOSS_CDB
    offsets = np.zeros(256, np.int32)
    offsets[10] = -325
    difference = levels_of(OMNI, loss, offsets).astype(int) - levels_of(OMNI, loss)
    assert difference[3, 4] == 0
    np.testing.assert_array_equal(
        np.delete(difference, 3 * 21 + 4), np.where(np.delete(COVER, 3 * 21 + 4) == 10, -325, 0)
    )


def test_the_best_server_does_not_depend_on_the_order_of_merging():
    rng = np.random.default_rng(3)
    losses = [rng.integers(9000, 9010, GRID.shape).astype(np.int16) for _ in range(3)]
    turned = [OMNI, EAST._replace(azimuth_deg=np.array([200.0])), EAST]
    found = []
    for order in permutations(range(3)):
        best = SignalTile.empty((30, 40))
        for code in order:
            merge_station(
                best, emitter(turned[code]), code, losses[code], Raster(FLAT, GRID), COVER, corner=(0, 0), at=(1, 2)
            )
        found.append(best)
    assert all(np.array_equal(found[0].rsrp_cdbm, other.rsrp_cdbm) for other in found)
    assert all(np.array_equal(found[0].server, other.server) for other in found)
    stations = [levels_of(sectors, loss) for sectors, loss in zip(turned, losses, strict=True)]
    inside = np.s_[1 : 1 + GRID.shape[0], 2 : 2 + GRID.shape[1]]
    assert np.array_equal(found[0].rsrp_cdbm[inside], np.maximum.reduce(stations))
    assert np.array_equal(found[0].server[inside], np.argmax(stations, axis=0))  # of equals the smaller code
    assert (found[0].server[0] == -1).all()


def test_a_pixel_has_the_same_level_whatever_other_pixels_are_merged():
    rng = np.random.default_rng(4)
    loss = rng.integers(6000, 15_000, GRID.shape).astype(np.int16)
    whole, part = levels_of(EAST, loss), SignalTile.empty(GRID.shape)
    here = np.s_[4:9, 11:20]
    flat = Raster(FLAT[here], GRID.window(4, 11, (5, 9)))
    merge_station(part, emitter(EAST), 0, loss[here], flat, COVER[here], corner=(4, 11), at=(4, 11))
    assert np.array_equal(part.rsrp_cdbm[4:9, 11:20], whole[4:9, 11:20])


def test_losses_are_kept_in_hundredths_of_a_db():
    found = quantise_cdb(np.array([100.004, 100.006, 400.0, math.nan]))
    assert found.tolist() == [10_000, 10_001, 32_767, NO_LOSS_CDB]
