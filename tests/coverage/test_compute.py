import hashlib
import shutil

import numpy as np
import pytest
from pyproj import Transformer

from phusong.coverage import canvas
from phusong.coverage.compute import compute
from phusong.coverage.ground import allocate_people
from phusong.coverage.plan import plan
from phusong.coverage.prepare import prepare
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.errors import InputError, MissingLayerError, WorkspaceError
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF, sample_workspace

CLASSES = ["none", "weak", "good"]


def results_of(workspace):
    return Results.open(workspace, compute(workspace, as_of=AS_OF).run_id)


def change_stations(workspace, change):
    workspace.write_layer("stations", change(workspace.read_layer("stations")))


def uncovered(results):
    settlements = results.settlements
    return set(settlements.loc[settlements["signal"] == "none", "settlement_id"])


@pytest.fixture(scope="session")
def results(sample, computed):
    return Results.open(sample, computed.run_id)


def test_people_of_the_communes_are_the_people_allocated_inside_the_province(sample, results):
    prepared = prepare(sample, AS_OF)
    allocation = allocate_people(sample.read_raster("population"), prepared.ground, sample.settings)
    inside = allocation.people[prepared.units.in_province()].sum()
    of_communes = results.figures.query("level == 'commune' and indicator == 'people' and service == 'weak'")
    one = of_communes[(of_communes["technology"] == "any") & (of_communes["operator"] == "any")]
    for _, rows in one.groupby("profile"):
        assert rows["denominator"].sum() == pytest.approx(inside, rel=1e-6)


def test_units_of_every_level_hold_the_same_people(results):
    people = results.figures.query("indicator == 'people' and technology == '4G' and service == 'weak'")
    sums = people[people["operator"] == "any"].groupby(["profile", "level"])[["numerator", "denominator"]].sum()
    assert set(sums.index.get_level_values("level")) == {"province", "district", "commune", "old_commune"}
    for _, levels in sums.groupby("profile"):
        assert np.ptp(levels["denominator"]) < 1e-3
        assert np.ptp(levels["numerator"]) < 1e-3


def test_every_share_lies_between_0_and_1(results):
    shares = results.figures["share"].dropna()
    assert len(shares) > 1000
    assert shares.between(0.0, 1.0).all()


def test_coverage_by_any_operator_is_never_below_one_operators(results):
    keys = ["level", "unit_code", "technology", "profile", "indicator", "service"]
    shares = results.figures[results.figures["profile"] != ""].dropna(subset="share")
    either = shares[shares["operator"] == "any"].set_index(keys)["numerator"]
    single = shares[shares["operator"] != "any"].set_index(keys)["numerator"]
    assert len(single) > 1000
    assert (either.loc[single.index].to_numpy() >= single.to_numpy()).all()


def test_a_settlement_has_the_class_of_its_own_exact_path_not_of_its_pixel(sample, results):
    points, technology = results.settlements.dropna(subset="rsrp_dbm_4G"), "4G"
    raster = results.rsrp(technology)
    to_grid = Transformer.from_crs(4326, raster.grid.crs, always_xy=True)
    rows, cols = raster.grid.index(*to_grid.transform(points["lon"].to_numpy(), points["lat"].to_numpy()))
    difference = raster.values[rows, cols] / 100.0 - points["rsrp_dbm_4G"].to_numpy()
    assert np.median(np.abs(difference)) < 3.0  # the same place within a pixel,
    assert np.abs(difference).max() > 0.05  # but not the same path


def test_settlements_that_share_a_position_get_the_same_answer(results):
    radio = [
        c for c in results.settlements if c.startswith(("class_", "rsrp_", "station_id_", "margin_")) or c == "signal"
    ]
    shared = results.settlements.groupby(["lon", "lat"]).filter(lambda rows: len(rows) > 1)
    assert len(shared) >= 2
    for _, rows in shared.groupby(["lon", "lat"]):
        assert (rows[radio].fillna("none").nunique() == 1).all()


def test_a_higher_threshold_never_covers_more(copied):
    low = results_of(copied)
    text = (copied.path / "phusong.toml").read_text(encoding="utf-8")
    raised = text.replace("weak_dbm = -", "weak_dbm = -0").replace("good_dbm = -", "good_dbm = -0")
    for level in range(130, 70, -1):
        raised = raised.replace(f"_dbm = -0{level}.0", f"_dbm = -{level - 10}.0")
    (copied.path / "phusong.toml").write_text(raised, encoding="utf-8")
    high = results_of(Workspace.open(copied.path))
    keys = ["level", "unit_code", "technology", "operator", "profile", "indicator", "service"]
    before, after = (
        found.figures[found.figures["profile"] != ""].dropna(subset="share").set_index(keys)["numerator"]
        for found in (low, high)
    )
    assert (after <= before.loc[after.index]).all()
    assert after.sum() < before.sum()


def test_200_db_more_power_leaves_no_settlement_within_the_radius_uncovered(copied, results):
    def louder(stations):
        levels = stations["eirp_dbm"].str.split(";").map(lambda parts: ";".join(str(float(p) + 200.0) for p in parts))
        return stations.assign(eirp_dbm=levels)

    change_stations(copied, louder)
    loud = results_of(copied)
    radius_km = copied.settings.model.radius_km
    assert uncovered(results)
    in_reach = loud.settlements["nearest_mast_km"] < radius_km
    assert in_reach.sum() > 350
    assert not uncovered(loud) & set(loud.settlements.loc[in_reach, "settlement_id"])


def test_flat_terrain_changes_the_list_of_uncovered_settlements(results, tmp_path):
    flat = results_of(sample_workspace(tmp_path, flat=True))
    assert uncovered(flat) != uncovered(results)
    assert len(uncovered(flat)) < len(uncovered(results))


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_other_provinces_have_covered_and_uncovered_settlements(seed, tmp_path):
    found = results_of(sample_workspace(tmp_path, seed=seed, resolution_m=300.0))
    signals = found.settlements["signal"].value_counts()
    assert set(signals.index) == set(CLASSES)
    assert signals["good"] > signals["none"] > 0


def test_without_its_serving_stations_a_settlement_has_another_server_or_class(copied, results):
    served = results.settlements.dropna(subset="station_id_4G")
    chosen = served["station_id_4G"].drop_duplicates().iloc[::3]
    change_stations(copied, lambda stations: stations[~stations["station_id"].isin(chosen)])
    after = results_of(copied).settlements.set_index("settlement_id")
    lost = served[served["station_id_4G"].isin(chosen)].set_index("settlement_id")
    now = after.loc[lost.index]
    assert len(lost) > 50
    assert ((now["station_id_4G"] != lost["station_id_4G"]) | (now["class_4G"] != lost["class_4G"])).all()


def test_the_same_inputs_give_the_same_run_whatever_the_threads(copied):
    first = compute(copied, as_of=AS_OF, threads=1, full=True)
    second = compute(copied, as_of=AS_OF, threads=3, full=True)
    assert (first.run_id, second.published) == (second.run_id, False)


def test_tiles_that_go_into_the_store_early_make_the_same_run(copied, computed, monkeypatch):
    monkeypatch.setattr(canvas, "KEPT_TILES", 0)
    shutil.rmtree(copied.runs_dir)
    shutil.rmtree(copied.store_dir)
    assert compute(copied, as_of=AS_OF).run_id == computed.run_id


def test_a_damaged_cached_field_is_computed_again(copied, computed):
    fields = sorted((copied.cache_dir / "fields").glob("*.tif"))[:5]
    for path in fields:
        path.write_bytes(path.read_bytes()[:200])
    shutil.rmtree(copied.runs_dir)
    again = compute(copied, as_of=AS_OF)
    assert again.run_id == computed.run_id
    assert again.warnings[-1]["en"].startswith(f"{len(fields)} damaged files of the cache were computed again")


def lose_a_tile(run):
    (run.store_dir / f"{next(iter(next(iter(run.tiles.values())).values())).sha256}.tif").unlink()


def damage_a_table(run):
    signals = run.store_dir.parent / "runs" / run.run_id / "signals.parquet"
    signals.write_bytes(signals.read_bytes()[:500])


def damage_the_manifest(run):
    (run.store_dir.parent / "runs" / run.run_id / "manifest.json").write_text("{", encoding="utf-8")


def point_to_no_run(run):
    (run.store_dir.parent / "runs" / "current").write_text("0123456789abcdef\n", encoding="utf-8")


@pytest.mark.parametrize("damage", [lose_a_tile, damage_a_table, damage_the_manifest, point_to_no_run])
def test_what_is_lost_of_the_published_run_is_made_again(copied, computed, damage):
    damage(Results.open(copied))
    stations = copied.read_layer("stations")
    copied.write_layer("stations", stations.iloc[1:])
    fewer = compute(copied, as_of=AS_OF)
    assert_whole(Results.open(copied, fewer.run_id))
    copied.write_layer("stations", stations)
    again = compute(copied, as_of=AS_OF, full=damage is damage_a_table)  # what is there is taken for good unread
    assert again.run_id == computed.run_id
    assert_whole(Results.open(copied))


def test_a_tile_that_is_lost_while_nothing_else_changed_is_made_again(copied, computed):
    lose_a_tile(Results.open(copied))
    assert compute(copied, as_of=AS_OF).run_id == computed.run_id
    assert_whole(Results.open(copied))


def assert_whole(run):
    folder = run.store_dir.parent / "runs" / run.run_id
    for table in run.manifest["tables"].values():
        assert hashlib.sha256((folder / table["file"]).read_bytes()).hexdigest() == table["sha256"]
    for tile in (*run.people_tiles.values(), *(tile for layer in run.tiles.values() for tile in layer.values())):
        assert hashlib.sha256((run.store_dir / f"{tile.sha256}.tif").read_bytes()).hexdigest() == tile.sha256


@pytest.mark.parametrize("file", ["rasters/terrain.tif", "layers.gpkg"])
def test_a_damaged_file_of_the_workspace_is_named(copied, file):
    path = copied.path / file
    path.write_bytes(path.read_bytes()[:3000])
    for ask in (compute, plan):
        with pytest.raises(WorkspaceError, match=f"{path.name} cannot be read"):
            ask(Workspace.open(copied.path), as_of=AS_OF)


def test_a_plan_writes_nothing(copied):
    shutil.rmtree(copied.cache_dir)
    assert plan(copied, as_of=AS_OF).cached_fields == 0
    assert not copied.cache_dir.exists()


def test_the_plan_counts_what_the_computation_does(copied, computed):
    again = plan(copied, as_of=AS_OF, threads=2)
    shutil.rmtree(copied.cache_dir / "fields")
    planned = plan(copied, as_of=AS_OF, threads=2)
    assert planned.stations == len(Results.open(copied, computed.run_id).stations)
    assert planned.geometries <= planned.fields
    assert planned.pixels > 1e5
    assert planned.disk_mb > 0
    assert (again.cached_fields, planned.cached_fields) == (planned.fields, 0)
    assert planned.minutes > 0 == again.minutes  # no time for fields that are there


def test_a_missing_layer_is_named_and_nothing_is_published(tmp_path):
    workspace = Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=150.0)
    with pytest.raises(MissingLayerError, match="communes"):
        compute(workspace)
    assert current_run_id(workspace) is None


def test_a_station_outside_the_terrain_is_named(copied, results):
    stray = results.stations["station_id"].iloc[7]

    def astray(stations):
        is_stray = stations["station_id"] == stray
        return stations.set_geometry(stations.geometry.where(~is_stray, stations.geometry.translate(3.0, 0.0)))

    change_stations(copied, astray)
    with pytest.raises(InputError, match=rf"outside the terrain.*{stray} \(stations\.csv, row \d+\)"):
        compute(copied, as_of=AS_OF)


def test_a_bandwidth_that_the_standard_does_not_have_is_named_with_station_file_and_row(copied):
    stations = copied.read_layer("stations")
    chosen = stations.index[stations["technology"] == "4G"][3]
    stations.loc[chosen, "bandwidth_mhz"] = 7.0
    copied.write_layer("stations", stations)
    name, row = stations.loc[chosen, ["station_id", "source_row"]]
    with pytest.raises(InputError, match=rf"{name} \(.*, row {row}\): .*one of 1\.4, 3, 5.* got 7; correct"):
        compute(copied, as_of=AS_OF)
