import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import box

from phusong.geodata.areas import Area
from phusong.geodata.coordinates import from_lonlat, read_coordinates
from phusong.geodata.errors import InputError, RefusedRowsError
from phusong.geodata.importing import import_layer
from phusong.geodata.placing import place_points
from phusong.geodata.readers import Table
from phusong.geodata.reports import ImportReport, IssueLog
from phusong.geodata.schemas import find_layer
from phusong.geodata.stated_communes import no_communes
from phusong.geodata.workspace import Workspace

STATION = {
    "mast_id": "M1", "operator": "A", "technology": "4G", "band_mhz": "1800", "bandwidth_mhz": "15",
    "height_agl_m": "30", "eirp_dbm": "61.5", "status": "live",
}  # fmt: skip
HEADER = ("station_id", *STATION, "x", "y", "commune")
HOI = ("Phường Đồng Hới", 106.62, 17.46)  # commune and a place in it
PHU = ("Xã Kim Phú", 106.05, 17.70)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with two communes sixty kilometres apart and no terrain."""
    made = Workspace.create(tmp_path / "area", crs="EPSG:32648")
    import_layer(made, "communes", write_communes(tmp_path))
    return made


def write_communes(folder: Path) -> Path:
    units = {"code": ["18880", "18943"], "name": ["Phường Đồng Hới", "Xã Kim Phú"], "valid_from": "2025-07-01"}
    shapes = [box(106.57, 17.41, 106.67, 17.51), box(106.0, 17.65, 106.1, 17.75)]
    gpd.GeoDataFrame(units, geometry=shapes, crs="EPSG:4326").to_file(folder / "communes.gpkg")
    return folder / "communes.gpkg"


def metres(place: tuple[str, float, float], crs: str = "EPSG:9211") -> tuple[str, str, str]:
    x, y = from_lonlat(np.array([place[1]]), np.array([place[2]]), crs)
    return f"{x[0]:.2f}", f"{y[0]:.2f}", place[0]


def write_rows(folder: Path, *rows: tuple[str, str, str]) -> Path:
    lines = [";".join(HEADER)]
    lines += [";".join((f"S{number}", *STATION.values(), *row)) for number, row in enumerate(rows, start=1)]
    (folder / "bts.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "bts.csv"


def importing(
    workspace: Workspace, folder: Path, *rows: tuple[str, str, str], crs: str = "EPSG:9211", repairs: str = ""
) -> ImportReport:
    path = write_rows(folder, *rows)
    return import_layer(workspace, "stations", path, crs=crs, accept_repairs=repairs.split(",") if repairs else ())


GOOD = (metres(HOI), metres(PHU), metres(HOI))
X, Y, _ = GOOD[0]


@pytest.mark.parametrize(
    ("row", "code", "reason"),
    [
        ((Y, X, HOI[0]), "xy_swapped", "it would be 106.620000 E, 17.460000 N"),
        (("106037’12.0’’E", "17027’36.0’’N", HOI[0]), "dms_text", "it would be 106.620000 E, 17.460000 N"),
        (("17°27'36\"", "106°37'12\"", HOI[0]), "dms_text", "it would be 106.620000 E, 17.460000 N"),
        ((X, f"-{Y}", HOI[0]), "wrong_hemisphere", "fits with the other sign"),
        ((f"{float(X) / 1000:.6f}", f"{float(Y) / 1000:.6f}", HOI[0]), "wrong_unit", "fits as kilometres"),
        (("106.62", "17.46", HOI[0]), "wrong_unit", "fits EPSG:4326: 106.620000 E"),
        (metres(HOI, "EPSG:9212"), "wrong_zone", "fits EPSG:9212: 106.620000 E"),
        (metres(HOI, "EPSG:3405"), "wrong_zone", "or EPSG:3405 or EPSG:32648: 106.6"),
        (metres(("Phường Đồng Hới", 107.59, 16.46)), "outside_province", "outside every commune, at 107.590000 E"),
        ((X, Y, "xã Kim Phú"), "wrong_commune", "the commune that the row states (xã Kim Phú)"),
        ((X, "", HOI[0]), "missing_coordinate", "y is empty"),
        ((X, "17°27'36\"", HOI[0]), "not_a_number", "cannot be read as metres"),
        (("1e9", "1e99", HOI[0]), "out_of_range", "is no position in EPSG:9211"),
    ],
)
def test_a_wrong_position_is_refused_with_its_likely_cause(
    workspace: Workspace, tmp_path: Path, row: tuple[str, str, str], code: str, reason: str
) -> None:
    report = importing(workspace, tmp_path, *GOOD, row)
    assert [(issue.row, issue.code) for issue in report.rows] == [(5, code)]
    assert reason in report.rows[0].reason
    assert (report.accepted, report.refused, report.repaired) == (3, 1, 0)


def test_accepted_repairs_are_taken_and_recorded(workspace: Workspace, tmp_path: Path) -> None:
    rows = ((Y, X, HOI[0]), ("106037’12.0’’E", "17027’36.0’’N", HOI[0]))
    report = importing(workspace, tmp_path, *GOOD, *rows, repairs="xy_swapped,dms_text")
    assert (report.accepted, report.refused, report.repaired) == (5, 0, 2)
    assert [(issue.row, issue.code) for issue in report.repairs] == [(5, "xy_swapped"), (6, "dms_text")]
    placed = workspace.read_layer("stations").geometry[3:]
    assert np.allclose([(point.x, point.y) for point in placed], HOI[1:], atol=1e-7)
    kept = json.loads(next(workspace.imports_dir.glob("*-stations/report.json")).read_text(encoding="utf-8"))
    assert [repair["value"] for repair in kept["repairs"]] == [f"{Y}, {X}", "106037’12.0’’E, 17027’36.0’’N"]


def test_a_repair_is_made_only_where_it_puts_the_row_right(workspace: Workspace, tmp_path: Path) -> None:
    rows = (("107035’24.0’’E", "16027’36.0’’N", HOI[0]), (Y, X, PHU[0]))
    report = importing(workspace, tmp_path, *GOOD, *rows, repairs="xy_swapped,dms_text")
    assert [(issue.row, issue.code) for issue in report.rows] == [(5, "outside_province"), (6, "outside_province")]
    assert report.repaired == 0


def test_a_row_refused_for_something_else_does_not_count_as_repaired(workspace: Workspace, tmp_path: Path) -> None:
    path = write_rows(tmp_path, *GOOD, (Y, X, HOI[0]))
    path.write_text(path.read_text(encoding="utf-8").replace("S4;M1;A;4G", "S4;M1;A;6G"), encoding="utf-8")
    report = import_layer(workspace, "stations", path, crs="EPSG:9211", accept_repairs=["xy_swapped"])
    assert (report.refused, report.repaired, report.repairs) == (1, 0, ())


def test_an_unknown_repair_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'wrong_zone' cannot be repaired; what can is xy_swapped, dms_text"):
        importing(workspace, tmp_path, *GOOD, repairs="wrong_zone")


def test_a_file_in_another_zone_is_refused_row_by_row_with_the_one_that_fits(
    workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(
        RefusedRowsError, match=r"EPSG:9212 is plainly wrong; 3 of them .* with --crs EPSG:9211"
    ) as error:
        importing(workspace, tmp_path, *GOOD, crs="EPSG:9212")
    report = error.value.reports[0]
    assert (report["accepted"], report["refused"]) == (0, 3)
    assert {(row["code"], "fits EPSG:9211" in row["reason"]) for row in report["rows"]} == {("wrong_zone", True)}


def test_rows_right_by_chance_are_refused_with_their_file(workspace: Workspace, tmp_path: Path) -> None:
    lucky = metres(("", 106.58, 17.46))  # a quarter of a degree east it would still lie in no stated commune
    shifted = from_lonlat(np.array([106.62]), np.array([17.46]), "EPSG:9212")
    rows = [(X, Y, ""), (X, Y, HOI[0]), (X, Y, HOI[0]), lucky, (f"{shifted[0][0]:.2f}", f"{shifted[1][0]:.2f}", "")]
    with pytest.raises(RefusedRowsError) as error:
        importing(workspace, tmp_path, *rows, crs="EPSG:9212")
    codes = [(row["row"], row["code"]) for row in error.value.reports[0]["rows"]]
    assert codes == [(row, "wrong_zone") for row in (2, 3, 4, 5, 6)]
    assert "by chance" in error.value.reports[0]["rows"][4]["reason"]


def test_a_point_near_its_stated_commune_is_accepted(workspace: Workspace, tmp_path: Path) -> None:
    assert importing(workspace, tmp_path, *GOOD, metres((HOI[0], 106.675, 17.46))).accepted == 4


def test_an_old_name_stands_for_what_the_commune_went_to(workspace: Workspace, tmp_path: Path) -> None:
    crosswalk = "old_code,old_name,new_code,new_name\n18856,Phường Đồng Phú,18880,Phường Đồng Hới\n"
    (tmp_path / "crosswalk.csv").write_text(crosswalk, encoding="utf-8")
    import_layer(workspace, "crosswalk", tmp_path / "crosswalk.csv")
    report = importing(workspace, tmp_path, *GOOD, (X, Y, "P. Đồng Phú"), metres(("Đồng Phú", *PHU[1:])))
    assert [(issue.row, issue.code) for issue in report.rows] == [(6, "wrong_commune")]


def test_without_a_crosswalk_layer_that_of_the_country_knows_the_old_name(workspace: Workspace, tmp_path: Path) -> None:
    report = importing(workspace, tmp_path, *GOOD, metres(("xã Minh Hóa", *PHU[1:])), (X, Y, "xã Minh Hóa"))
    assert [(issue.row, issue.code) for issue in report.rows] == [(6, "wrong_commune")]


def test_an_unknown_commune_is_noted_and_not_compared(workspace: Workspace, tmp_path: Path) -> None:
    report = importing(workspace, tmp_path, *GOOD, (X, Y, "Xã Lạ"))
    assert report.accepted == 4
    assert "1 stated communes are not known (Xã Lạ): not compared with the positions" in report.notes


def test_a_check_that_lacks_its_layer_is_named(tmp_path: Path) -> None:
    bare = Workspace.create(tmp_path / "bare", crs="EPSG:32648")
    report = importing(bare, tmp_path, *GOOD)
    assert report.accepted == 3
    unmade = [note for note in report.notes if "not checked; phusong check does it" in note]
    assert [note.partition(" yet")[0] for note in unmade] == ["no terrain", "no communes"]


def test_rows_that_state_no_commune_are_said_not_to_be_checked_for_their_zone(
    workspace: Workspace, tmp_path: Path
) -> None:
    report = importing(workspace, tmp_path, *GOOD, (X, Y, ""))
    assert any(note.startswith("1 of 4 rows state no commune: whether EPSG:9211") for note in report.notes)
    assert any(note.startswith("1/4 dòng không ghi xã") for note in report.to_dict()["notes_vi"])


def test_without_any_layer_exchanged_axes_are_still_seen(tmp_path: Path) -> None:
    bare = Workspace.create(tmp_path / "bare", crs="EPSG:32648")
    report = importing(bare, tmp_path, *GOOD, (Y, X, ""))
    assert [(issue.row, issue.code) for issue in report.rows] == [(5, "xy_swapped")]


@pytest.mark.parametrize("text", ["17027’36.0’’N 106037’12.0’’E", "106,62/17,46", "17.46, 106.62"])
def test_one_column_may_hold_the_whole_position(workspace: Workspace, tmp_path: Path, text: str) -> None:
    path = write_rows(tmp_path, (text, "", HOI[0]))
    import_layer(workspace, "stations", path, crs="EPSG:4326", mapping={"position": "x"})
    point = workspace.read_layer("stations").geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx(HOI[1:], abs=1e-9)


def test_degrees_in_vn_2000_are_shifted_to_wgs_84(workspace: Workspace, tmp_path: Path) -> None:
    lon, lat = Transformer.from_crs("EPSG:4326", "EPSG:4756", always_xy=True).transform(*HOI[1:])
    importing(workspace, tmp_path, (f"{lon:.8f}", f"{lat:.8f}".replace(".", ","), HOI[0]), crs="EPSG:4756")
    point = workspace.read_layer("stations").geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx(HOI[1:], abs=1e-7)


def test_mapped_longitude_and_latitude_need_a_crs(workspace: Workspace, tmp_path: Path) -> None:
    path = write_rows(tmp_path, ("106.62", "17.46", HOI[0]))
    with pytest.raises(InputError, match="does not say its CRS; give it with --crs"):
        import_layer(workspace, "stations", path, mapping={"lon": "x", "lat": "y"})


CELLS = (
    st.none() | st.text(max_size=20) | st.floats(width=32).map(str) | st.sampled_from(["17042’23.4’’N", X, Y, "106"])
)


@settings(max_examples=50)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(["EPSG:9211", "EPSG:4326"]))
def test_whatever_stands_in_the_cells_every_row_is_placed_or_refused(
    rows: list[tuple[str | None, str | None]], crs: str
) -> None:
    frame = pd.DataFrame(rows, columns=["x", "y"], dtype=object)
    log = IssueLog(np.arange(len(rows)))
    given_points = read_coordinates(Table(frame, log.row_numbers), frame, crs, log=log, file="f")
    placed = place_points(
        given_points, find_layer("stations"), Area(np.array([box(105, 16, 107, 18)]), None),
        stated=no_communes(len(rows)), repairs=("xy_swapped", "dms_text"), log=log, file="f",
    )  # fmt: skip
    for point, refused in zip(placed.points, log.refused, strict=True):
        assert refused or (abs(point.x) <= 180 and abs(point.y) <= 90)
