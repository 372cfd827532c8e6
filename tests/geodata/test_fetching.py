"""A workspace from open data equals one that is made by hand of the same files, and can be computed."""

import datetime
import json
import shutil

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine

from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.geodata.errors import DownloadError, InputError, UnknownNameError, WorkspaceError
from phusong.geodata.importing import import_layer
from phusong.geodata.open_data import providers
from phusong.geodata.open_data.areas import extent_of, utm_crs
from phusong.geodata.open_data.boundaries import read_levels, write_units
from phusong.geodata.open_data.downloads import Downloads
from phusong.geodata.open_data.fetching import Request, fetch_workspace
from phusong.geodata.rasters import import_clutter, import_population, import_terrain
from phusong.geodata.recipe import import_raster, staged
from phusong.geodata.sources import notices, read_sources
from phusong.geodata.workspace import Workspace
from tests.geodata import open_data_server as made

DAY = datetime.date(2026, 1, 1)
REQUEST = Request(DAY, province="da nang", resolution_m=180.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All files of the providers."""
    path = tmp_path_factory.mktemp("providers")
    made.write_providers(path)
    return path


@pytest.fixture(scope="module")
def fetched(folder, tmp_path_factory):
    """A workspace fetched whole over HTTP: its folder, the cache, the reports, what was asked for."""
    place = tmp_path_factory.mktemp("fetched")
    with made.serving(folder) as server:
        reports = fetch_workspace(place / "w", REQUEST, Downloads(place / "cache", server.url))
        requests = dict(server.requests)
    return place / "w", place / "cache", {report.layer: report for report in reports}, requests


@pytest.fixture
def offline(folder, tmp_path):
    """Fetch from the folder as a mirror."""

    def fetch(request, mirror=folder, into="w"):
        return fetch_workspace(tmp_path / into, request, Downloads(tmp_path / "cache", str(mirror)))

    return fetch


def polygon(path, *bounds, crs=4326):
    gpd.GeoDataFrame(geometry=[shapely.box(*bounds)], crs=crs).to_file(path)
    return path


def test_the_terrain_equals_one_made_of_a_single_file_by_hand(fetched, tmp_path):
    workspace = Workspace.open(fetched[0])
    area, step = shapely.box(107.97, 15.97, 108.03, 16.03), 1 / 3600
    west, south, east, north = np.array(extent_of(area, crs=workspace.settings.crs, margin_m=20_000.0).box) * 3600
    west, south, east, north = np.floor(west + 0.5), np.ceil(south - 0.5), np.ceil(east - 0.5), np.floor(north + 0.5)
    cols, rows, west, north = int(east - west + 1), int(north - south + 1), west / 3600, north / 3600
    lons, lats = west + np.arange(cols) * step, north - np.arange(rows) * step
    place = Affine(step, 0, west - step / 2, 0, -step, north + step / 2)
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", width=cols, height=rows, count=1, dtype="float32", crs=4326,
        transform=place,
    ) as sink:  # fmt: skip
        sink.write(made.elevation_m(lons[None, :], lats[:, None]), 1)
    own = Workspace.create(tmp_path / "own", crs=workspace.settings.crs, resolution_m=180.0)
    import_terrain(own, tmp_path / "dem.tif", terrain_kind="dsm")
    one, other = workspace.read_raster("terrain"), own.read_raster("terrain")
    assert one.grid == other.grid
    np.testing.assert_allclose(one.values, other.values, atol=1e-3)  # the place of the file differs in its last digit
    assert workspace.terrain_kind == "dsm"


def test_no_tile_border_can_be_seen_in_terrain_and_land_cover(fetched):
    workspace = Workspace.open(fetched[0])
    terrain = workspace.read_raster("terrain")
    xs, ys = terrain.grid.centres()
    lon, lat = rasterio.warp.transform(terrain.grid.crs, "EPSG:4326", *(a.ravel() for a in np.meshgrid(xs, ys)))
    lon, lat = np.reshape(lon, terrain.grid.shape), np.reshape(lat, terrain.grid.shape)
    inland = (lat > made.NORTH + 0.002) | (lon < made.EAST - 0.002)  # away from the step down to the sea
    assert np.abs(terrain.values - made.elevation_m(lon, lat))[inland].max() < 1.1
    codes = workspace.read_raster("clutter").values
    apart = (np.abs(lon - made.EAST) > 0.002) & ((lon < made.EAST) | (np.abs(lat - made.NORTH) > 0.002))
    expected = np.where(made.cover(lon, lat) == 0, 80, made.cover(lon, lat))
    np.testing.assert_array_equal(codes[apart], expected[apart])


def test_land_cover_and_people_equal_those_imported_by_hand(fetched, folder, tmp_path):
    workspace = Workspace.open(fetched[0])
    own = Workspace.create(tmp_path / "own", crs=workspace.settings.crs, resolution_m=180.0)
    shutil.copy(workspace.raster_path("terrain"), own.raster_path("terrain"))
    lons, lats = 107.7 + (np.arange(7200) + 0.5) / 12000, 16.3 - (np.arange(7200) + 0.5) / 12000
    with rasterio.open(
        tmp_path / "cover.tif", "w", driver="GTiff", width=7200, height=7200, count=1, dtype="uint8", crs=4326,
        transform=Affine(1 / 12000, 0, 107.7, 0, -1 / 12000, 16.3), nodata=0,
    ) as sink:  # fmt: skip
        sink.write(made.cover(lons[None, :], lats[:, None]), 1)
    import_clutter(own, tmp_path / "cover.tif")
    np.testing.assert_array_equal(workspace.read_raster("clutter").values, own.read_raster("clutter").values)
    people = import_population(own, next((folder / made.WORLDPOP).rglob("*.tif")))["people"]
    assert workspace.read_raster("population").values.sum() == people == 400 * 12.5


def test_the_terrain_reaches_a_radius_around_the_area(fetched):
    workspace = Workspace.open(fetched[0])
    communes = workspace.read_layer("communes").to_crs(workspace.settings.crs)
    bounds, wanted = workspace.raster_grid("terrain").bounds, communes.total_bounds
    margins = [wanted[0] - bounds[0], wanted[1] - bounds[1], bounds[2] - wanted[2], bounds[3] - wanted[3]]
    assert min(margins) >= workspace.settings.model.radius_km * 1000 - 180


def test_a_province_of_today_is_made_of_those_it_was_merged_from_and_the_era_is_said(fetched):
    reports, communes = fetched[2], Workspace.open(fetched[0]).read_layer("communes")
    assert sorted(communes["name"]) == ["Hòa Vang", "Đại Lộc"]
    assert set(communes["kind"]) == {"District (before 1 July 2025)"}
    assert list(communes["code"]) == ["G0001", "G0002"]
    assert any("BOUNDARIES OF BEFORE 1 JULY 2025 (2020, District)" in note for note in reports["communes"].notes)
    assert any("Đà Nẵng, Tỉnh Quảng Nam" in note for note in reports["terrain"].notes)


def test_a_province_of_before_the_change_is_itself_and_its_units_end(offline, tmp_path):
    offline(Request(datetime.date(2025, 6, 30), province="Quảng Nam", layers=("communes",)))
    communes = Workspace.open(tmp_path / "w").read_layer("communes")
    assert list(communes["name"]) == ["Đại Lộc"]
    assert list(communes["valid_to"]) == ["2025-07-01"]


def test_sea_is_what_the_provider_lists_no_tile_for(fetched):
    notes, requests = fetched[2]["terrain"].notes, fetched[3]
    assert "sea at height 0 where the provider lists no tile: N15_00_E108_00_DEM" in notes
    assert not any(made.SEA in path for path in requests)


def test_a_listed_tile_that_is_not_there_is_no_sea(folder, offline, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / made.GLO30).mkdir(parents=True)
    shutil.copy(folder / made.GLO30 / "tileList.txt", mirror / made.GLO30)
    area = polygon(tmp_path / "area.geojson", 107.99, 15.99, 108.01, 16.01)
    with pytest.raises(DownloadError, match=r"Copernicus_DSM_COG_10_.*\.tif .* is not there"):
        offline(Request(DAY, polygon=area, layers=("terrain",)), mirror)
    assert not (tmp_path / "w").exists()


def test_a_mirror_without_the_answer_for_the_area_says_how_to_get_it(offline, tmp_path):
    area = polygon(tmp_path / "area.gpkg", 107.95, 15.98, 108.05, 16.06)
    with pytest.raises(DownloadError, match="answer to a query for this very area: run the same command"):
        offline(Request(DAY, polygon=area, layers=("settlements",)))


def test_settlements_places_and_masts_come_from_openstreetmap(fetched):
    workspace, reports = Workspace.open(fetched[0]), fetched[2]
    settlements = workspace.read_layer("settlements")
    assert list(settlements["settlement_id"]) == ["osm-n1", "osm-n2"]
    assert settlements["population"].tolist()[0] == 420
    assert sorted(workspace.read_layer("places")["kind"]) == ["mast", "townhall"]
    stations = workspace.read_layer("stations")
    assert stations["technology"].tolist() == ["2G", "4G"]
    assert set(stations["height_agl_m"]) == {42.0}
    assert reports["stations"].defaults == {"band_mhz": 2, "bandwidth_mhz": 2, "eirp_dbm": 2}
    assert "1 of 2 masts state no technology: they are places, not stations" in reports["stations"].notes


def test_a_second_run_downloads_and_imports_nothing(fetched, folder):
    path, cache = fetched[:2]
    before = {file: file.stat().st_mtime_ns for file in path.glob("*.gpkg")}
    with made.serving(folder) as server:
        reports = fetch_workspace(path, REQUEST, Downloads(cache, server.url))
        assert not server.requests
    assert all(report.notes == ("up to date: nothing was imported",) for report in reports)
    assert before == {file: file.stat().st_mtime_ns for file in path.glob("*.gpkg")}


def test_the_cache_is_a_mirror_that_gives_the_same_workspace(fetched, offline, tmp_path):
    path, cache = fetched[:2]
    offline(REQUEST, cache)
    one, other = Workspace.open(path), Workspace.open(tmp_path / "w")
    for raster in ("terrain", "clutter", "population"):
        assert one.raster_path(raster).read_bytes() == other.raster_path(raster).read_bytes()
    for layer in one.layer_names():
        assert one.read_layer(layer).equals(other.read_layer(layer))


def test_licence_and_attribution_go_with_every_layer_and_the_share_alike_one_is_named(fetched):
    workspace = Workspace.open(fetched[0])
    sources = read_sources(workspace.path)
    assert {name for name, source in sources.items() if source.share_alike} == {"settlements", "places", "stations"}
    with rasterio.open(workspace.raster_path("terrain")) as file:
        assert "© DLR e.V." in file.tags()["ATTRIBUTION"]
    metadata = pyogrio.read_info(workspace.layers_path, layer="settlements")["layer_metadata"]
    assert metadata["LICENCE"] == "ODbL 1.0"
    assert metadata["SHARE_ALIKE"] == "yes"
    assert all(len(sha256) == 64 for source in sources.values() for sha256 in source.files.values())


def test_a_fetched_workspace_can_be_computed_and_its_run_names_the_sources(fetched):
    workspace = Workspace.open(fetched[0])
    done = compute(workspace, as_of=DAY)
    results = Results.open(workspace, done.run_id)
    figures = results.figures
    row = figures[
        (figures["level"] == "province") & (figures["indicator"] == "people") & (figures["technology"] == "4G")
    ]
    assert 0 < row["numerator"].iloc[0] <= row["denominator"].iloc[0] <= 400 * 12.5
    assert results.manifest["sources"] == notices(workspace.path)


def test_a_layer_imported_by_hand_is_not_replaced_unasked_and_has_no_source(fetched, folder, tmp_path):
    path = shutil.copytree(fetched[0], tmp_path / "copy")
    workspace = Workspace.open(path)
    with staged(workspace) as stage:
        import_raster(stage, "population", next((folder / made.WORLDPOP).rglob("*.tif")), replace=True)
        workspace.read_layer("places").to_file(tmp_path / "own.gpkg")
        import_layer(stage, "places", tmp_path / "own.gpkg", replace=True)
    assert {"population", "places"}.isdisjoint(read_sources(path))
    assert not pyogrio.read_info(workspace.layers_path, layer="places")["layer_metadata"]
    with pytest.raises(InputError, match="population, places of this workspace were imported by hand; use --replace"):
        fetch_workspace(path, REQUEST, Downloads(tmp_path / "cache", str(folder)))


def test_units_are_cut_at_a_polygon(offline, tmp_path):
    area = polygon(tmp_path / "area.gpkg", 107.98, 15.99, 108.0, 16.01)
    offline(Request(DAY, polygon=area, layers=("communes",)))
    communes = Workspace.open(tmp_path / "w").read_layer("communes")
    assert communes.total_bounds.tolist() == pytest.approx([107.98, 15.99, 108.0, 16.01])


def test_communes_found_in_the_official_list_get_their_code(folder, tmp_path):
    level = json.loads((folder / made.API).read_text(encoding="utf-8"))[2] | {"boundaryType": "ADM3"}
    (tmp_path / "api.json").write_text(json.dumps([level]), encoding="utf-8")
    units = [made.unit("Hoa Khanh Bac", 1, "ADM3", made.square(108.1, 16.0, 108.2, 16.12))]
    (tmp_path / "units.geojson").write_bytes(made.collection(units))
    found = read_levels(tmp_path / "api.json", "VNM")[0]
    area, target = shapely.box(108, 15.9, 108.3, 16.2), tmp_path / "out.geojson"
    write_units(tmp_path / "units.geojson", found, area, datetime.date(2025, 1, 1), target, clip=False)
    row = gpd.read_file(target).iloc[0]
    assert (row["code"], row["name"], row["province_code"]) == ("20197", "Phường Hòa Khánh Bắc", "48")


def test_an_unknown_province_lists_the_nearest(offline):
    with pytest.raises(UnknownNameError, match=r"There is no province 'Da Nag'; nearest: .*Đà Nẵng"):
        offline(Request(DAY, province="Da Nag"))


@pytest.mark.parametrize(
    ("bounds", "crs", "sentence"),
    [
        ((500_000, 1_700_000, 501_000, 1_701_000), 4326, "does not lie on the Earth"),
        ((60.0, -40.0, 140.0, 60.0), 4326, "does not fit EPSG"),
    ],
)
def test_a_polygon_off_the_earth_or_too_large_is_refused(offline, tmp_path, bounds, crs, sentence):
    with pytest.raises(InputError, match=sentence):
        offline(Request(DAY, polygon=polygon(tmp_path / "area.gpkg", *bounds, crs=crs), layers=("population",)))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Request(DAY), "Say where with either"),
        (Request(DAY, province="Huế", layers=("roads",)), "'roads' cannot be fetched"),
        (Request(DAY, province="Huế", country="Vietnam"), "three capital letters"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_two_languages(offline, request_, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        offline(request_)
    assert caught.value.vi


def test_a_folder_with_other_files_is_not_made_a_workspace(offline, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "letter.txt").write_text("x", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="not an empty folder"):
        offline(REQUEST)


def test_a_resampled_tile_is_refused(folder, offline, tmp_path):
    mirror = shutil.copytree(folder, tmp_path / "mirror", ignore=shutil.ignore_patterns("*.tif"))
    for file in (folder / made.GLO30).rglob("*.tif"):
        target = mirror / file.relative_to(folder)
        with rasterio.open(
            target, "w", driver="GTiff", width=10, height=10, count=1, dtype="float32", crs=4326,
            transform=Affine(0.1, 0, 108, 0, -0.1, 16),
        ) as sink:  # fmt: skip
            sink.write(np.zeros((10, 10), dtype="float32"), 1)
    area = polygon(tmp_path / "area.geojson", 107.99, 15.99, 108.01, 16.01)
    with pytest.raises(InputError, match="does not lie on the cells of its product"):
        offline(Request(DAY, polygon=area, layers=("terrain",)), mirror)


@pytest.mark.parametrize(
    ("box", "names"),
    [
        ((107.0, 16.0, 107.5, 16.5), ["N15_00_E107", "N16_00_E107"]),
        ((106.9999, 16.2, 107.5, 16.5), ["N16_00_E107"]),
        ((106.9998, 16.2, 107.5, 16.5), ["N16_00_E106", "N16_00_E107"]),
        ((-70.5, -0.5, -70.2, 0.2), ["S01_00_W071", "N00_00_W071"]),
    ],
)
def test_the_tiles_of_glo30_are_those_that_hold_a_centre_on_their_west_and_north_lines(box, names):
    assert [name[22:33] for name in providers.glo30_names(box)] == names


def test_the_tiles_of_worldcover_are_named_by_their_south_west_corner():
    assert providers.worldcover_names((104.9, 14.9, 105.1, 15.1)) == ["N12E102", "N12E105", "N15E102", "N15E105"]
    assert providers.worldcover_names((-71, -2, -70.5, -1)) == ["S03W072"]


def test_the_addresses_are_those_of_the_providers():
    day = datetime.date(2019, 5, 1)
    constrained, _ = providers.worldpop("VNM", DAY, "constrained")
    free, source = providers.worldpop("VNM", day, "unconstrained")
    assert constrained.url == (
        "https://data.worldpop.org/GIS/Population/Global_2015_2030/R2025A/2026/VNM/v1/100m/constrained/"
        "vnm_pop_2026_CN_100m_R2025A_v1.tif"
    )
    assert free.url == "https://data.worldpop.org/GIS/Population/Global_2000_2020/2019/VNM/vnm_ppp_2019.tif"
    assert source.edition.startswith("2019, unconstrained")
    assert providers.worldcover_tile("N15E105").url == (
        "https://esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map/ESA_WorldCover_10m_2021_v200_N15E105_Map.tif"
    )
    name = "Copernicus_DSM_COG_10_N16_00_E107_00_DEM"
    assert providers.glo30_tile(name).url == f"https://copernicus-dem-30m.s3.amazonaws.com/{name}/{name}.tif"
    assert providers.boundary_levels("VNM").path == made.API


def test_one_bounded_query_asks_for_places_and_masts():
    query = providers.overpass((107.0, 16.0, 107.5, 16.5), (106.8, 15.8, 107.7, 16.7)).url
    assert query.startswith("https://overpass-api.de/api/interpreter?data=%5Bout%3Ajson%5D%5Btimeout%3A180%5D")
    assert "16.00000%2C107.00000%2C16.50000%2C107.50000" in query
    assert "15.80000%2C106.80000%2C16.70000%2C107.70000" in query


def test_the_zone_of_a_new_workspace_is_that_of_the_area_and_its_box_holds_the_margin():
    area = shapely.box(103.9, 22.0, 105.5, 22.8)
    assert utm_crs(area) == "EPSG:32648"
    extent = extent_of(area, crs="EPSG:32648", margin_m=20_000.0)
    west, south, east, north = extent.box
    assert west < 103.71
    assert south < 21.83
    assert east > 105.69
    assert north > 22.97
