import dataclasses
import json
import math

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine

from phusong.coverage.field import point_loss_db
from phusong.coverage.levels import path_terms
from phusong.coverage.models import find_model
from phusong.coverage.path_geometry import CLEAR_FRESNEL_SHARE, open_path
from phusong.coverage.prepare import prepare
from phusong.coverage.profile import explain_path
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import make_link
from phusong.coverage.propagation.p2109 import building_entry_loss_db
from phusong.coverage.results import Results
from phusong.coverage.tiles import Box
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.sample.rough import patchy_clutter, rough_terrain
from tests.coverage.conftest import AS_OF
from tests.coverage.terrain import LINK, middle

FREQ_GHZ = 1.8
PARTS = ("free_space_db", "terrain_db", "clutter_db", "time_db", "ducting_db", "troposcatter_db", "model_db")


def inland(terrain):
    return Raster(np.full(terrain.grid.shape, 4, np.uint8), terrain.grid)


def flat(clutter_m=0.0, ridge_m=0.0, size=401):
    """Flat ground with a ridge 3 km east of the middle, and one clutter height everywhere."""
    grid = Grid("EPSG:32648", Affine(30.0, 0.0, 600_000.0, 0.0, -30.0, 1_950_000.0), (size, size))
    heights = np.zeros(grid.shape, np.float32)
    heights[:, size // 2 + 100] = ridge_m
    return Raster(heights, grid), Raster(np.full(grid.shape, clutter_m, np.float32), grid)


def opened(terrain, clutter, to_x_m, to_y_m, *, zone=None, time_pct=50.0):
    terms, link = make_link(
        [FREQ_GHZ], time_pct, LINK["tx_height_agl_m"], LINK["rx_height_agl_m"], "vertical", LINK["mid_lat_deg"],
        LINK["delta_n"], LINK["surface_refractivity"], 0.05,
    )  # fmt: skip
    place = {**middle(terrain), "to_x_m": to_x_m, "to_y_m": to_y_m}
    return open_path(
        terrain, clutter, zone or inland(terrain), **place, spacing_m=30.0, terms=terms[0], link=link
    )  # fmt: skip


def eastwards(distance_m, **land):
    terrain, clutter = flat(**land)
    mast = middle(terrain)
    return opened(terrain, clutter, mast["x_m"] + distance_m, mast["y_m"])


@pytest.mark.parametrize("time_pct", [50.0, 10.0, 1.0])
def test_the_parts_add_up_to_the_loss_of_the_path_evaluator(time_pct):
    terrain = rough_terrain()
    clutter = patchy_clutter(terrain)
    zone = inland(terrain)
    zone.values[:, :70] = 1
    mast = middle(terrain)
    rng = np.random.default_rng(5)
    x_m, y_m = mast["x_m"] + rng.uniform(-2300, 2300, 40), mast["y_m"] + rng.uniform(-2300, 2300, 40)
    x_m[0], y_m[0] = mast["x_m"] + 60.0, mast["y_m"] - 80.0  # nearer than the model goes
    expected = point_loss_db(
        terrain, clutter, zone=zone, **mast, to_x_m=x_m, to_y_m=y_m, freqs_ghz=[FREQ_GHZ], time_pct=time_pct, **LINK
    )[0]
    for x, y, loss_db in zip(x_m, y_m, expected, strict=True):
        loss = opened(terrain, clutter, x, y, zone=zone, time_pct=time_pct).loss
        assert loss.total_db == pytest.approx(loss_db, abs=1e-9)
        assert sum(getattr(loss, part) for part in PARTS) == pytest.approx(loss_db, abs=1e-9)


def test_a_free_ray_over_flat_ground_costs_free_space_alone():
    path = eastwards(600.0)
    assert path.sight == "clear"
    assert path.loss.free_space_db == pytest.approx(92.4 + 20 * math.log10(1.8 * math.hypot(0.6, 0.0285)), abs=0.01)
    assert path.loss.total_db == pytest.approx(path.loss.free_space_db, abs=0.01)


def test_a_ridge_is_the_obstacle_that_decides():
    path = eastwards(5400.0, ridge_m=100.0)
    obstacle = path.obstacle
    assert (path.sight, obstacle.kind) == ("blocked", "terrain")
    assert obstacle.distance_km == pytest.approx(3.0)
    assert obstacle.terrain_m == pytest.approx(100.0)
    ray_m = 30.0 - (30.0 - 1.5) * 3.0 / 5.4
    bulge_m = 3.0 * 2.4 * 500.0 / (6371.0 * 157.0 / (157.0 - 55.0))
    assert obstacle.clearance_m == pytest.approx(ray_m - 100.0 - bulge_m, abs=0.01)
    assert obstacle.fresnel_m == pytest.approx(math.sqrt(0.2998 / 1.8 * 3000.0 * 2400.0 / 5400.0), rel=1e-6)
    assert path.loss.terrain_db > 20.0
    assert path.loss.clutter_db == 0.0


def test_trees_that_stand_in_a_free_ray_are_the_obstacle_that_decides():
    path = eastwards(2400.0, clutter_m=15.0)
    assert (path.sight, path.obstacle.kind) == ("blocked", "clutter")
    assert path.obstacle.clutter_m == 15.0
    assert path.loss.clutter_db > 10.0


def test_clutter_beside_the_ends_does_not_count():
    path = eastwards(2400.0, clutter_m=15.0)
    distance = path.profile.distance_km
    near = (distance <= 0.05) | (distance[-1] - distance <= 0.05)
    assert (path.profile.clutter_m[near] == 0.0).all()
    assert (path.profile.clutter_m[~near] == 15.0).all()


def test_a_ray_is_clear_exactly_where_a_knife_edge_costs_nothing():
    assert -math.sqrt(2.0) * CLEAR_FRESNEL_SHARE == pytest.approx(-0.78)


def test_a_near_path_is_blended_into_free_space():
    path = eastwards(125.0, clutter_m=15.0)
    assert path.blend is not None
    assert (path.blend.limit_km, path.blend.weight) == pytest.approx((0.25, 0.5))
    assert path.profile.distance_km[-1] == pytest.approx(0.125)
    assert eastwards(300.0).blend is None


def test_a_path_to_the_mast_itself_or_over_a_hole_is_refused():
    with pytest.raises(OutOfValidityError, match="at least 1 m"):
        eastwards(0.5)
    terrain, clutter = flat()
    terrain.values[:, 250] = np.nan
    mast = middle(terrain)
    with pytest.raises(OutOfValidityError, match="hole"):
        opened(terrain, clutter, mast["x_m"] + 3000.0, mast["y_m"])


def test_a_settlement_has_the_same_level_margin_and_class_as_in_the_run(sample, computed):
    settlements = Results.open(sample, computed.run_id).settlements.dropna(subset="station_id_4G")
    for row in settlements.iloc[:: len(settlements) // 8].itertuples():
        found = explain_path(sample, row.station_id_4G, lon=row.lon, lat=row.lat, as_of=AS_OF)
        assert found.level.rsrp_dbm == pytest.approx(row.rsrp_dbm_4G, abs=0.011)  # the layer's x, y are of the layer
        assert found.level.margin_db == pytest.approx(row.margin_db_4G, abs=0.011)
        assert found.level.service == row.class_4G
        assert found.level.uncertain == (abs(row.margin_db_4G) <= 8.0)
        assert found.distance_km == pytest.approx(row.distance_km_4G, abs=1e-6)
        assert found.place.settlement_km == pytest.approx(0.0, abs=1e-6)
        assert found.place.commune_code == row.commune_code


@pytest.fixture(scope="module")
def explained(sample, computed):
    row = Results.open(sample, computed.run_id).settlements.dropna(subset="station_id_4G").iloc[0]
    return explain_path(sample, row.station_id_4G, lon=row.lon, lat=row.lat, as_of=AS_OF)


def test_the_level_is_the_sum_of_what_makes_it(explained):
    level, antenna = explained.level, explained.antenna
    total = antenna.sector.eirp_dbm + level.share_db + antenna.gain_db - explained.path.loss.total_db
    assert level.rsrp_dbm == pytest.approx(total, abs=0.011)
    assert level.margin_db == pytest.approx(level.rsrp_dbm - level.weak_dbm - level.location_allowance_db, abs=1e-9)


def test_the_strongest_sector_is_the_one_that_looks_nearest(explained):
    offs = [abs((explained.antenna.bearing_deg - s.azimuth_deg + 180) % 360 - 180) for s in explained.station.sectors]
    assert abs(explained.antenna.azimuth_off_deg) == pytest.approx(min(offs))


def test_the_explanation_is_plain_json(explained):
    plain = json.loads(json.dumps(explained.to_dict(), allow_nan=False))
    assert set(plain) == {field.name for field in dataclasses.fields(explained)}
    arrays = plain["path"]["profile"]
    assert len({len(values) for values in arrays.values()}) == 1
    assert plain["as_of"] == "2026-01-01"


def test_a_station_that_does_not_serve_and_a_place_too_far_are_noted(copied):
    stations = copied.read_layer("stations")
    stations.loc[0, "status"] = "planned"
    copied.write_layer("stations", stations)
    toml = copied.path / "phusong.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("radius_km = 20.0", "radius_km = 0.5"), encoding="utf-8")
    place = stations.geometry.iloc[0]
    workspace = type(copied).open(copied.path)
    found = explain_path(workspace, stations["station_id"].iloc[0], lon=place.x + 0.01, lat=place.y, as_of=AS_OF)
    assert any("planned" in note["en"] or "status" in note["en"] for note in found.notes)
    assert any("radius" in note["en"] for note in found.notes)


def test_a_calibration_of_the_settings_moves_the_level(sample, explained, copied):
    offsets = ", ".join(f'"{code}" = -7.25' for code in range(1, 256))
    text = (
        f'\n[calibration]\nsource = "test"\n[calibration.offset_db]\n{explained.station.band_mhz:g} = {{ {offsets} }}\n'
    )
    toml = copied.path / "phusong.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + text, encoding="utf-8")
    place = {"lon": explained.place.lon, "lat": explained.place.lat, "as_of": AS_OF}
    found = explain_path(type(copied).open(copied.path), explained.station.station_id, **place)
    assert found.level.calibration_db == -7.25
    assert found.level.rsrp_dbm == pytest.approx(explained.level.rsrp_dbm - 7.25, abs=1e-6)


def test_an_uplink_budget_raises_the_threshold_of_the_margin(explained, copied):
    station = explained.station
    budget = "handset_power_dbm = 23.0\nantenna_gain_dbi = 0.0\nsource = 'test'"
    text = f"\n[uplink]\n{budget}\n[uplink.sensitivity_dbm]\n{station.technology} = -60.0\n"
    toml = copied.path / "phusong.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + text, encoding="utf-8")
    place = {"lon": explained.place.lon, "lat": explained.place.lat, "as_of": AS_OF}
    level = explain_path(type(copied).open(copied.path), station.station_id, **place).level
    assert level.uplink_floor_dbm == pytest.approx(station.sectors[0].eirp_dbm + level.share_db - 60.0 - 23.0)
    assert level.uplink_floor_dbm > level.weak_dbm
    assert level.margin_db == pytest.approx(level.rsrp_dbm - level.uplink_floor_dbm - level.location_allowance_db)
    assert explained.level.uplink_floor_dbm is None


@pytest.mark.parametrize("technologies", ["", 'technologies = ["3G"]\n'])
def test_the_level_indoors_is_that_outdoors_less_the_building_entry_loss(explained, copied, technologies):
    toml = copied.path / "phusong.toml"
    section = f'\n[indoor]\nbuilding_type = "thermally_efficient"\nprobability_pct = 80.0\n{technologies}'
    toml.write_text(toml.read_text(encoding="utf-8") + section, encoding="utf-8")
    place = {"lon": explained.place.lon, "lat": explained.place.lat, "as_of": AS_OF}
    found = explain_path(type(copied).open(copied.path), explained.station.station_id, **place)
    inside = found.level.indoor
    loss_db = building_entry_loss_db(
        freq_ghz=explained.freq_ghz, building_type="thermally_efficient", probability_pct=80.0
    )
    assert dataclasses.replace(found.level, indoor=None) == explained.level
    assert inside.entry_loss_db == pytest.approx(loss_db, abs=0.005)
    assert inside.rsrp_dbm == pytest.approx(explained.level.rsrp_dbm - inside.entry_loss_db, abs=1e-9)
    assert any("P.2109" in note["en"] for note in found.notes)
    if technologies:
        assert (inside.margin_db, inside.service, inside.uncertain) == (None, None, None)
    else:
        assert inside.margin_db == pytest.approx(explained.level.margin_db - inside.entry_loss_db, abs=1e-9)
        assert inside.service in ("none", "weak", "good")


@pytest.mark.parametrize(
    ("name", "clutter_loss"),
    [("p1812", "p2108"), ("free_space", "p2108"), ("hata", "land_cover"), ("rma", "land_cover")],
)
def test_every_model_of_the_settings_is_explained_by_parts_that_add_up(explained, copied, name, clutter_loss):
    toml = copied.path / "phusong.toml"
    chosen = f'name = "{name}"\nclutter_loss = "{clutter_loss}"'
    toml.write_text(toml.read_text(encoding="utf-8").replace('name = "p1812"', chosen), encoding="utf-8")
    workspace, station, place = type(copied).open(copied.path), explained.station, explained.place
    found = explain_path(workspace, station.station_id, lon=place.lon, lat=place.lat, as_of=AS_OF)
    prepared = prepare(workspace, AS_OF)
    at, to = (
        gpd.GeoSeries.from_xy([o.lon], [o.lat], crs=4326).to_crs(prepared.grid.crs).iloc[0] for o in (station, place)
    )
    whole = prepared.ground.part(Box(0, 0, *prepared.grid.shape))
    expected = find_model(workspace.settings.model).points(
        prepared.terrain, whole.clutter_m, zone=prepared.zone, x_m=at.x, y_m=at.y, to_x_m=to.x, to_y_m=to.y,
        tx_height_agl_m=station.height_agl_m, freqs_ghz=[station.band_mhz / 1e3],
        link=path_terms(prepared, workspace.settings.model),
    )  # fmt: skip
    loss = found.path.loss
    assert loss.total_db == pytest.approx(expected[0, 0], abs=1e-9)
    assert sum(getattr(loss, part) for part in PARTS) == pytest.approx(loss.total_db, abs=1e-9)
    assert (loss.clutter_db > 0.0) == (clutter_loss == "p2108")


def test_a_place_at_sea_needs_no_location_allowance(sample, explained):
    prepared = prepare(sample, AS_OF)
    xs, ys = prepared.grid.centres()
    rows, cols = np.nonzero(prepared.zone.values == 1)
    middle = len(rows) // 2
    at_sea = gpd.GeoSeries.from_xy([xs[cols[middle]]], [ys[rows[middle]]], crs=prepared.grid.crs).to_crs(4326).iloc[0]
    found = explain_path(sample, explained.station.station_id, lon=at_sea.x, lat=at_sea.y, as_of=AS_OF)
    assert found.path.profile.zone[-1] == 1
    assert found.level.location_allowance_db == 0.0 < explained.level.location_allowance_db


def test_what_does_not_exist_is_refused(sample):
    station = sample.read_layer("stations").iloc[0]
    place = {"lon": station.geometry.x + 0.01, "lat": station.geometry.y}
    with pytest.raises(UnknownNameError, match="no station 'none'"):
        explain_path(sample, "none", **place, as_of=AS_OF)
    with pytest.raises(InputError, match="outside the terrain"):
        explain_path(sample, station["station_id"], lon=0.0, lat=0.0, as_of=AS_OF)
    with pytest.raises(UnknownNameError, match="no threshold profile"):
        explain_path(sample, station["station_id"], **place, as_of=AS_OF, profile="none")
