import hashlib
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from shapely import Point, box

from phusong.geodata.errors import DiskFullError, InputError, PhusongError
from phusong.geodata.importing import import_layer
from phusong.geodata.joins import Join
from phusong.geodata.workspace import Workspace

STATION = {
    "station_id": "S1", "mast_id": "M1", "operator": "A", "technology": "4G", "band_mhz": "1800",
    "bandwidth_mhz": "15", "lon": "106.5", "lat": "17.5", "height_agl_m": "30", "azimuths_deg": "0;120;240",
    "downtilt_deg": "4", "eirp_dbm": "61.5", "status": "live",
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with a terrain of about 106.3 to 106.8 E, 17.3 to 17.7 N and two communes inside it."""
    made = Workspace.create(tmp_path / "area", crs="EPSG:32648", resolution_m=1000)
    profile = {
        "driver": "GTiff",
        "height": 44,
        "width": 53,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:32648",
    }
    transform = Affine(1000, 0, 638_000, 0, -1000, 1_958_000)
    with rasterio.open(made.raster_path("terrain"), "w", transform=transform, **profile) as file:
        file.write(np.full((1, 44, 53), 5, dtype="float32"))
        file.update_tags(TERRAIN_KIND="dtm")
    units = {"code": ["18901", "18943"], "name": ["Minh Hóa", "Kim Phú"], "valid_from": "2025-07-01"}
    shapes = [box(106.4, 17.4, 106.5, 17.6), box(106.5, 17.4, 106.6, 17.6)]
    gpd.GeoDataFrame(units, geometry=shapes, crs="EPSG:4326").to_file(tmp_path / "communes.gpkg")
    import_layer(made, "communes", tmp_path / "communes.gpkg")
    return made


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def stations(path: Path, *changes: dict[str, str]) -> Path:
    rows = [STATION | {"station_id": f"S{number}"} | change for number, change in enumerate(changes, start=1)]
    return write_csv(path / "stations.csv", rows)


def tree_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def test_a_good_file_is_stored_whole_and_its_original_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    path = stations(tmp_path, {}, {"operator": "<script>{{ 1 }}"})
    report = import_layer(workspace, "stations", path)
    stored = workspace.read_layer("stations")
    assert (report.accepted, report.refused) == (2, 0)
    assert list(stored["operator"]) == ["A", "<script>{{ 1 }}"]
    assert stored[["source", "source_row"]].to_numpy().tolist() == [["stations.csv", 2], ["stations.csv", 3]]
    kept = next(workspace.imports_dir.glob("*-stations"))
    assert (kept / "stations.csv").read_bytes() == path.read_bytes()
    assert json.loads((kept / "report.json").read_text(encoding="utf-8")) == report.to_dict()


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"technology": "6G"}, "technology", "unknown_technology"),
        ({"height_agl_m": "-30"}, "height_agl_m", "out_of_range"),
        ({"height_agl_m": "0"}, "height_agl_m", "out_of_range"),
        ({"height_agl_m": "1001"}, "height_agl_m", "out_of_range"),
        ({"height_agl_m": "30 m"}, "height_agl_m", "not_a_number"),
        ({"height_agl_m": "nan"}, "height_agl_m", "not_a_number"),
        ({"height_agl_m": "1e999"}, "height_agl_m", "out_of_range"),
        ({"eirp_dbm": "301"}, "eirp_dbm", "out_of_range"),
        ({"eirp_dbm": ""}, "eirp_dbm", "missing_value"),
        ({"band_mhz": "6001"}, "band_mhz", "out_of_range"),
        ({"azimuths_deg": "0;361"}, "azimuths_deg", "out_of_range"),
        ({"azimuths_deg": "0;;240"}, "azimuths_deg", "not_a_number"),
        ({"downtilt_deg": "31"}, "downtilt_deg", "out_of_range"),
        ({"downtilt_deg": "4;5"}, "downtilt_deg", "unequal_lists"),
        ({"azimuths_deg": "", "eirp_dbm": "60;61"}, "eirp_dbm", "unequal_lists"),
        ({"status": "broken"}, "status", "unknown_value"),
        ({"mast_id": ""}, "mast_id", "missing_value"),
        ({"lat": ""}, "lat", "missing_coordinate"),
        ({"lat": "seventeen"}, "lat", "not_a_number"),
        ({"lon": "190"}, "lon, lat", "out_of_range"),
        ({"lon": "17.5", "lat": "106.5"}, "lon, lat", "xy_swapped"),
        ({"lon": "107.59", "lat": "16.46"}, "lon, lat", "outside_province"),
        ({"station_id": "S1"}, "station_id", "duplicate_station_id"),
    ],
)
def test_a_bad_station_is_refused_with_its_row_field_and_code(
    workspace: Workspace, tmp_path: Path, change: dict[str, str], field: str, code: str
) -> None:
    report = import_layer(workspace, "stations", stations(tmp_path, {}, {}, change))
    assert [(issue.row, issue.field, issue.code) for issue in report.rows] == [(4, field, code)]
    assert (report.accepted, report.refused) == (2, 1)
    assert report.rows[0].reason_vi
    assert list(workspace.read_layer("stations")["station_id"]) == ["S1", "S2"]


def test_a_duplicate_names_the_row_that_came_first(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "stations", stations(tmp_path, {}, {}, {"station_id": "S2"}))
    assert "stands already in row 3" in report.rows[0].reason


def test_a_row_with_two_faults_is_one_refused_row_with_two_issues(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "stations", stations(tmp_path, {}, {"technology": "6G", "eirp_dbm": "x"}))
    assert (report.accepted, report.refused, len(report.rows)) == (1, 1, 2)


def test_lists_per_sector_are_stored_in_one_form(workspace: Workspace, tmp_path: Path) -> None:
    change = {"azimuths_deg": "0; 120 ;240.0", "eirp_dbm": "61.50;60;59", "downtilt_deg": ""}
    import_layer(workspace, "stations", stations(tmp_path, change))
    stored = workspace.read_layer("stations").iloc[0]
    assert (stored["azimuths_deg"], stored["eirp_dbm"], stored["downtilt_deg"]) == (
        "0;120;240",
        "61.5;60;59",
        None,
    )


def test_a_station_outside_the_province_but_on_the_terrain_serves_too(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "stations", stations(tmp_path, {"lon": "106.7"}))
    assert report.accepted == 1
    assert "1 stations stand outside every commune; they serve too" in report.notes


def settlements(path: Path, *changes: dict[str, str]) -> Path:
    row = {"settlement_id": "", "name": "Bản Một", "lon": "106.45", "lat": "17.5", "commune_code": ""}
    rows = [row | {"settlement_id": f"T{number}"} | change for number, change in enumerate(changes, start=1)]
    return write_csv(path / "settlements.csv", rows)


def test_settlements_find_their_commune_and_the_report_counts_it(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "settlements", settlements(tmp_path, {}, {"lon": "106.55"}))
    assert list(workspace.read_layer("settlements")["commune_code"]) == ["18901", "18943"]
    assert report.derived == {"commune_code": 2}
    assert report.defaults == {"has_grid_power": 2}


def test_a_settlement_outside_its_stated_commune_is_kept_and_noted(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "settlements", settlements(tmp_path, {"commune_code": "18943"}))
    assert list(workspace.read_layer("settlements")["commune_code"]) == ["18943"]
    assert "1 settlements lie in another commune than the one they state" in report.notes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lon": "106.7"}, "outside_province"), ({"commune_code": "11111"}, "unknown_commune"),
        ({"commune_code": "1894"}, "bad_code"), ({"name": ""}, "missing_value"),
    ],
)  # fmt: skip
def test_a_bad_settlement_is_refused(workspace: Workspace, tmp_path: Path, change: dict[str, str], code: str) -> None:
    report = import_layer(workspace, "settlements", settlements(tmp_path, {}, {}, change))
    assert code in [issue.code for issue in report.rows]
    assert (report.accepted, report.refused) == (2, 1)


def test_metres_of_vn_2000_land_where_surveyors_say(workspace: Workspace, tmp_path: Path) -> None:
    row = {name: value for name, value in STATION.items() if name not in ("lon", "lat")}
    path = write_csv(tmp_path / "a.csv", [row | {"E": "553920.21", "N": "1958485.82"}])
    wide = Workspace.create(tmp_path / "wide", crs="EPSG:32648")
    import_layer(wide, "stations", path, crs="EPSG:9211", mapping={"x": "E", "y": "N"})
    point = wide.read_layer("stations").geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((106.510194, 17.706500), abs=2e-6)
    assert workspace.layer_names() == ["communes"]


def test_a_workbook_and_a_geopackage_give_the_same_layer(workspace: Workspace, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    numbers = {
        "band_mhz": 1800,
        "bandwidth_mhz": 15,
        "lon": 106.5,
        "lat": 17.5,
        "height_agl_m": 30,
        "eirp_dbm": 61.5,
    }
    row: dict[str, Any] = STATION | numbers
    sheet.append(list(row))
    sheet.append(list(row.values()))
    book.save(tmp_path / "a.xlsx")
    plain = {name: [value] for name, value in row.items() if name not in ("lon", "lat")}
    frame = gpd.GeoDataFrame(plain, geometry=[Point(106.5, 17.5)], crs="EPSG:4326").to_crs("EPSG:9211")
    frame.to_file(tmp_path / "a.gpkg")
    import_layer(workspace, "stations", tmp_path / "a.xlsx")
    first = workspace.read_layer("stations")
    import_layer(workspace, "stations", tmp_path / "a.gpkg", replace=True)
    second = workspace.read_layer("stations")
    assert first.geometry.iloc[0].distance(second.geometry.iloc[0]) < 1e-7
    same = [name for name in first.columns if name not in ("geometry", "source", "source_row")]
    assert first[same].equals(second[same])


def test_values_defaults_and_columns_are_applied_and_counted(workspace: Workspace, tmp_path: Path) -> None:
    plain = {name: value for name, value in STATION.items() if name != "technology"}
    rows = [
        plain | {"station_id": "S1", "tech": "4G", "status": "on_air"},
        plain | {"station_id": "S2", "tech": "3G", "status": "on_air", "bandwidth_mhz": ""},
        plain | {"station_id": "S3", "tech": "4G", "status": ""},
    ]
    report = import_layer(
        workspace,
        "stations",
        write_csv(tmp_path / "a.csv", rows),
        mapping={"technology": "tech"},
        values={"status": {"on_air": "live", "": "off"}},
        defaults={
            "bandwidth_mhz": [{"technology": "3G", "band_mhz": 1800, "value": 5}, {"value": 7}],
            "antenna": "omni",
        },
    )
    stored = workspace.read_layer("stations")
    assert list(stored["status"]) == ["live", "live", "off"]
    assert list(stored["bandwidth_mhz"]) == [15, 5, 15]
    assert report.defaults == {"status": 1, "bandwidth_mhz": 1, "antenna": 3}


def test_of_several_columns_the_first_given_counts(workspace: Workspace, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [
        {"place_id": "P1", "kind": "school", "vi": "", "en": "School", "lon": "106.45", "lat": "17.5"},
        {"place_id": "P2", "kind": "school", "vi": "Trường", "en": "School", "lon": "106.45", "lat": "17.5"},
    ])  # fmt: skip
    report = import_layer(workspace, "places", path, mapping={"name": ["vi", "en"]})
    assert list(workspace.read_layer("places")["name"]) == ["School", "Trường"]
    assert "name: 1 from vi, 1 from en" in report.notes


def attributes(path: Path, text: str) -> Path:
    (path / "attributes.csv").write_text(text, encoding="utf-8")
    return path / "attributes.csv"


def test_a_join_adds_columns_and_notes_rows_without_match(workspace: Workspace, tmp_path: Path) -> None:
    joined = attributes(tmp_path, "id,people\nT1,120\nT9,3\n")
    join = Join(joined, {"settlement_id": "id"}, {"population": "people"})
    report = import_layer(workspace, "settlements", settlements(tmp_path, {}, {}), joins=[join])
    assert workspace.read_layer("settlements")["population"].fillna(-1).tolist() == [120, -1]
    assert "1 of 2 rows have no match in attributes.csv" in report.notes


def test_a_join_on_a_repeated_key_needs_unique(workspace: Workspace, tmp_path: Path) -> None:
    joined = attributes(tmp_path, "id,people\nT1,120\nT1,120\n")
    before = tree_hash(workspace.path)
    with pytest.raises(InputError, match="T1 stands in rows 2 and 3"):
        import_layer(
            workspace, "settlements", settlements(tmp_path, {}),
            joins=[Join(joined, {"settlement_id": "id"}, {"population": "people"})],
        )  # fmt: skip
    assert tree_hash(workspace.path) == before


def test_a_unique_join_refuses_the_rows_whose_values_disagree(workspace: Workspace, tmp_path: Path) -> None:
    joined = attributes(tmp_path, "id,people\nT1,120\nT1,120\nT2,1\nT2,2\n")
    join = Join(joined, {"settlement_id": "id"}, {"population": "people"}, unique=True)
    report = import_layer(workspace, "settlements", settlements(tmp_path, {}, {}), joins=[join])
    assert [(issue.row, issue.code) for issue in report.rows] == [(3, "ambiguous_join")]
    assert report.accepted == 1


def test_observations_must_fit_their_indicator_and_a_settlement(workspace: Workspace, tmp_path: Path) -> None:
    import_layer(workspace, "settlements", settlements(tmp_path, {}))
    row = {
        "settlement_id": "T1",
        "indicator": "signal",
        "value": "weak",
        "source": "survey",
        "observed_on": "2025-05-01",
    }
    changes = (
        {},
        {"indicator": "power"},
        {"settlement_id": "T7"},
        {"observed_on": "5/2025"},
        {"indicator": "x"},
    )
    report = import_layer(workspace, "observations", write_csv(tmp_path / "o.csv", [row | c for c in changes]))
    codes = [(issue.row, issue.code) for issue in report.rows]
    assert codes == [(3, "unknown_value"), (4, "unknown_settlement"), (5, "not_a_date"), (6, "unknown_value")]
    assert list(workspace.read_layer("observations")["source"]) == ["survey"]


def communes(path: Path, **columns: Any) -> Path:
    base: dict[str, Any] = {"code": ["18901", "18902"], "name": ["Một", "Hai"], "valid_to": [None, None]}
    shapes = columns.pop("geometry", [box(106.4, 17.4, 106.5, 17.6), box(106.5, 17.4, 106.6, 17.6)])
    gpd.GeoDataFrame(base | columns, geometry=shapes, crs="EPSG:4326").to_file(path / "units.gpkg")
    return path / "units.gpkg"


def test_only_ended_units_may_lack_a_polygon(workspace: Workspace, tmp_path: Path) -> None:
    path = communes(tmp_path, geometry=[box(106.4, 17.4, 106.5, 17.6), None], valid_to=[None, "2025-07-01"])
    report = import_layer(workspace, "communes", path, replace=True)
    assert report.accepted == 2
    assert "1 former units have no polygon: no map of them" in report.notes
    path = communes(tmp_path, geometry=[box(106.4, 17.4, 106.5, 17.6), None])
    report = import_layer(workspace, "communes", path, replace=True)
    assert [(issue.row, issue.code) for issue in report.rows] == [(2, "missing_geometry")]


def test_a_crossing_polygon_is_refused_with_the_place_of_the_fault(workspace: Workspace, tmp_path: Path) -> None:
    from shapely import Polygon

    bow = Polygon([(106.5, 17.4), (106.6, 17.6), (106.6, 17.4), (106.5, 17.6)])
    path = communes(tmp_path, geometry=[box(106.4, 17.4, 106.5, 17.6), bow])
    report = import_layer(workspace, "communes", path, replace=True)
    assert report.rows[0].code == "bad_geometry"
    assert "Self-intersection" in report.rows[0].reason


def bad_layer_exists(path: Path) -> dict[str, Any]:
    return {"layer": "communes", "path": communes(path)}


def bad_missing_file(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": path / "none.csv"}


def bad_empty_file(path: Path) -> dict[str, Any]:
    (path / "empty.csv").touch()
    return {"layer": "stations", "path": path / "empty.csv"}


def bad_missing_column(path: Path) -> dict[str, Any]:
    row = {name: value for name, value in STATION.items() if name != "eirp_dbm"}
    return {"layer": "stations", "path": write_csv(path / "a.csv", [row])}


def bad_mapped_column(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {}), "mapping": {"operator": "owner"}}


def bad_unknown_column(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {}), "mapping": {"owner": "operator"}}


def bad_default_column(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {}), "defaults": {"owner": "x"}}


def bad_no_coordinates(path: Path) -> dict[str, Any]:
    row = {name: value for name, value in STATION.items() if name not in ("lon", "lat")}
    return {"layer": "stations", "path": write_csv(path / "a.csv", [row])}


def bad_no_crs(path: Path) -> dict[str, Any]:
    return {
        "layer": "stations",
        "path": stations(path, {}),
        "mapping": {"x": "lon", "y": "lat"},
    }


def bad_unknown_crs(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {}), "crs": "EPSG:1"}


def bad_all_rows(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {"technology": "6G"}, {"height_agl_m": "-1"})}


def bad_swapped_file(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {"lon": "17.5", "lat": "106.5"})}


def bad_antenna(path: Path) -> dict[str, Any]:
    return {"layer": "stations", "path": stations(path, {"antenna": "tr36814;tr36814;dish"})}


def bad_crosswalk_geometry(path: Path) -> dict[str, Any]:
    return {"layer": "towers", "path": stations(path, {})}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bad_layer_exists, "use --replace"), (bad_missing_file, r"none\.csv does not exist"),
        (bad_empty_file, r"empty\.csv is empty"), (bad_missing_column, "no column for eirp_dbm"),
        (bad_mapped_column, "no column 'owner'; its columns are station_id"),
        (bad_unknown_column, "no column 'owner'; its columns are"), (bad_default_column, "no column 'owner'"),
        (bad_no_coordinates, "neither lon and lat nor x and y"), (bad_no_crs, "does not say its CRS"),
        (bad_unknown_crs, "no known CRS"), (bad_all_rows, r"no row can be accepted; the first is row 2: technology"),
        (bad_antenna, "row 2: antenna 'tr36814;tr36814;dish' is unknown; the known are tr36814, omni"),
        (bad_swapped_file, "lon and lat exchanged"), (bad_crosswalk_geometry, "no layer 'towers'"),
    ],
)  # fmt: skip
def test_bad_input_ends_in_one_sentence_and_leaves_the_workspace_as_it_was(
    workspace: Workspace, tmp_path: Path, make: Any, message: str
) -> None:
    before = tree_hash(workspace.path)
    with pytest.raises(PhusongError, match=message) as caught:
        import_layer(workspace, **make(tmp_path))
    assert caught.value.vi
    assert tree_hash(workspace.path) == before


def metres(path: Path, crs: str) -> Path:
    rows = []
    for number in range(4):
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(106.45 + number / 100, 17.5)
        row = {name: value for name, value in STATION.items() if name not in ("lon", "lat")}
        rows.append(row | {"station_id": f"S{number}", "x": f"{x:.2f}", "y": f"{y:.2f}"})
    return write_csv(path / "metres.csv", rows)


def test_x_and_y_without_a_crs_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    before = tree_hash(workspace.path)
    with pytest.raises(InputError, match=r"metres\.csv does not say its CRS; give it with --crs"):
        import_layer(workspace, "stations", metres(tmp_path, "EPSG:9211"))
    assert tree_hash(workspace.path) == before


def test_a_plainly_wrong_crs_is_refused_with_a_better_one(workspace: Workspace, tmp_path: Path) -> None:
    before = tree_hash(workspace.path)
    with pytest.raises(InputError, match=r"4 of 4 points \(first: row 2.*EPSG:32648 is plainly wrong.*EPSG:9211"):
        import_layer(workspace, "stations", metres(tmp_path, "EPSG:9211"), crs="EPSG:32648")
    assert tree_hash(workspace.path) == before


def test_a_shapefile_without_prj_needs_a_crs(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "p.shp"
    frame = gpd.GeoDataFrame({"place_id": ["1"], "kind": "x", "name": "y"}, geometry=[Point(106.45, 17.5)], crs=4326)
    frame.to_file(path)
    (tmp_path / "p.prj").unlink()
    with pytest.raises(InputError, match="--crs"):
        import_layer(workspace, "places", path)
    assert import_layer(workspace, "places", path, crs="EPSG:4326").accepted == 1


def test_communes_that_lie_nowhere_on_earth_are_refused_without_any_terrain(tmp_path: Path) -> None:
    bare = Workspace.create(tmp_path / "bare", crs="EPSG:32648")
    frame = gpd.GeoDataFrame({"code": ["18901"], "name": ["A"]}, geometry=[box(106.4, 17.4, 106.5, 17.6)], crs=4326)
    frame.to_crs("EPSG:9211").to_file(tmp_path / "c.gpkg")
    with pytest.raises(InputError, match=r"c\.gpkg: 1 of 1 polygons .* EPSG:4326 is plainly wrong; give the right one"):
        import_layer(bare, "communes", tmp_path / "c.gpkg", crs="EPSG:4326")


def test_a_damaged_file_is_one_plain_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_bytes(b"no geopackage" * 50)
    with pytest.raises(InputError) as caught:
        import_layer(workspace, "stations", tmp_path / "a.gpkg")
    assert str(caught.value) == (
        "a.gpkg is damaged or no workbook, vector file or raster that is read here; export it again."
    )


def test_a_write_that_fails_leaves_the_workspace_as_it_was(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree_hash(workspace.path)

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(DiskFullError, match="nothing was published or lost"):
        import_layer(workspace, "stations", stations(tmp_path, {}))
    assert tree_hash(workspace.path) == before
