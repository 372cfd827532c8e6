"""A department's list of stations, bad rows and all: one made here, and that of the test data where it is."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
from pyproj import Geod, Transformer
from shapely import box

from phusong.geodata.annotating import write_annotated
from phusong.geodata.errors import RefusedRowsError
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace

from .file_mutants import DATA

GEOD = Geod(ellps="WGS84")
TO_VN2000 = Transformer.from_crs("EPSG:4326", "EPSG:9211", always_xy=True)
TITLES = [["DANH SÁCH TRẠM BTS"], ["Hệ tọa độ VN-2000, kinh tuyến trục 106°00’"], []]
HEADER = [
    ["STT", "Mã trạm", "Doanh nghiệp", "Xã", "Tọa độ VN-2000", None, "Độ cao cột (m)", "Công nghệ", "Ngày phát sóng"],
    [None, None, None, None, "X (m)", "Y (m)", None, None, None],
]


@dataclass(frozen=True)
class Sent:
    """A list as sent: its file, the communes, where its stations truly stand, and its bad rows with their codes."""

    file: Path
    communes: Path
    truth: dict[str, tuple[float, float]]
    bad: dict[int, str]
    rows: int


def made_list(folder: Path) -> Sent:
    """Forty stations of two communes, in runs of merged cells; six rows bad, each in another way."""
    names, boxes = ["Đồng Hới", "Kim Phú"], [box(106.5, 17.4, 106.7, 17.6), box(106.0, 17.6, 106.2, 17.8)]
    units = {"code": ["18880", "18943"], "name": names, "valid_from": "2025-07-01"}
    gpd.GeoDataFrame(units, geometry=boxes, crs="EPSG:4326").to_file(folder / "communes.gpkg")
    truth, rows = {}, []
    for number in range(40):
        lon, lat = (106.55 + 0.003 * number, 17.5) if number < 20 else (106.05 + 0.003 * (number - 20), 17.7)
        east, north = (f"{value:.2f}".replace(".", ",") for value in TO_VN2000.transform(lon, lat))
        name, station = ("Phường Đồng Hới" if number < 20 else "Xã Kim Phú"), f"QB{number:04}"
        truth[station] = (lon, lat)
        rows.append([number + 1, station, "VNPT", name, north, east, "27,0", "4G", "23/04/2014"])
    rows[3][4], rows[3][5] = rows[3][5], rows[3][4]
    rows[8][5] = None
    rows[13][4], rows[13][5] = "1821144,04", "669595,24"
    rows[18][7] = "6G"
    rows[23][1] = rows[21][1]
    rows[28][4], rows[28][5] = "17042’00.0’’N", "106004’26.4’’E"
    codes = {3: "xy_swapped", 8: "missing_coordinate", 13: "outside_province", 18: "unknown_technology",
             23: "duplicate_station_id", 28: "dms_text"}  # fmt: skip
    book = openpyxl.Workbook()
    page = book.active
    for row in [*TITLES, *HEADER, *rows, ["Tổng cộng: 40 trạm"]]:
        page.append(row or [None])
    for place in ("A1:I1", "A2:I2", "E4:F4", *(f"{column}4:{column}5" for column in "ABCDGHI")):
        page.merge_cells(place)
    page.merge_cells("D31:D33")
    book.save(folder / "list.xlsx")
    return Sent(folder / "list.xlsx", folder / "communes.gpkg", truth, {6 + n: code for n, code in codes.items()}, 40)


def given_list() -> Sent:
    with (DATA / "bts_synthetic.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["station_id"]: (float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)}
    bad = json.loads((DATA / "bts_bad_rows.json").read_text("utf-8"))["bad_rows"]
    codes = {row["excel_row"]: row["reason"] for row in bad}
    return Sent(DATA / "bts_synthetic_vn2000.xlsx", DATA / "communes_2025.gpkg", truth, codes, 200)


@pytest.fixture(params=["made", *(["given"] if DATA.exists() else [])])
def sent(request: pytest.FixtureRequest, tmp_path: Path) -> Sent:
    return made_list(tmp_path) if request.param == "made" else given_list()


@pytest.fixture
def workspace(sent: Sent, tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path / "area", crs="EPSG:32648")
    mapping = {"kind": "type"} if sent.communes.parent == DATA else {}
    defaults = {"valid_from": "2025-07-01"} if mapping else {}
    import_layer(made, "communes", sent.communes, mapping=mapping, defaults=defaults)
    return made


def metres_off(workspace: Workspace, sent: Sent) -> list[float]:
    stored = workspace.read_layer("stations")
    off = []
    for station, point in zip(stored["station_id"], stored.geometry, strict=True):
        off.append(GEOD.inv(*sent.truth[station], point.x, point.y)[2])
    return off


def test_good_rows_stand_where_they_are_and_bad_ones_have_their_codes(workspace: Workspace, sent: Sent) -> None:
    report = import_layer(workspace, "stations", sent.file, crs="EPSG:9211")
    assert report.accepted == sent.rows - 6
    first = {issue.row: issue.code for issue in reversed(report.rows)}
    assert first == sent.bad
    assert max(metres_off(workspace, sent)) < 0.01


def test_repairable_rows_are_taken_at_the_place_they_mean(workspace: Workspace, sent: Sent) -> None:
    report = import_layer(workspace, "stations", sent.file, crs="EPSG:9211", accept_repairs=("xy_swapped", "dms_text"))
    assert (report.accepted, report.repaired) == (sent.rows - 4, 2)
    off = sorted(metres_off(workspace, sent))
    assert off[-2] < 0.01
    assert off[-1] < 2  # a tenth of a second of arc is three metres


def test_the_same_list_in_the_wrong_zone_is_refused_row_by_row_with_the_right_one(
    workspace: Workspace, sent: Sent
) -> None:
    with pytest.raises(RefusedRowsError) as caught:
        import_layer(workspace, "stations", sent.file, crs="EPSG:9212")
    hinted = {row["row"] for row in caught.value.reports[0]["rows"] if "EPSG:9211" in row["reason"]}
    assert len(hinted) >= sent.rows - 6


def test_the_annotated_list_comes_back_corrected(workspace: Workspace, sent: Sent, tmp_path: Path) -> None:
    report = import_layer(workspace, "stations", sent.file, crs="EPSG:9211")
    write_annotated(tmp_path / "back.xlsx", sent.file, report.to_dict())
    book = openpyxl.load_workbook(tmp_path / "back.xlsx")
    page = book.active
    header = [cell.value for cell in page[4]]
    column = {name: header.index(name) + 1 for name in ("Mã trạm", "Tọa độ VN-2000", "Công nghệ")}
    for row, code in sent.bad.items():
        assert code in page.cell(row, page.max_column).value
        correct(page, row, code, column, sent)
    book.save(tmp_path / "back.xlsx")
    report = import_layer(workspace, "stations", tmp_path / "back.xlsx", crs="EPSG:9211", replace=True)
    assert (report.accepted, report.refused) == (sent.rows, 0)


def correct(page: Any, row: int, code: str, column: dict[str, int], sent: Sent) -> None:
    """What the sender does about a bad row."""
    if code == "unknown_technology":
        page.cell(row, column["Công nghệ"]).value = "4G"
    elif code == "duplicate_station_id":
        page.cell(row, column["Mã trạm"]).value += "-2"
    else:
        station = page.cell(row, column["Mã trạm"]).value
        east, north = TO_VN2000.transform(*sent.truth[station])
        page.cell(row, column["Tọa độ VN-2000"]).value = round(north, 2)
        page.cell(row, column["Tọa độ VN-2000"] + 1).value = round(east, 2)
