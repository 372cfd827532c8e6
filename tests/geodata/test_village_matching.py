"""A list of settlements without positions against the known ones."""

from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from shapely import Point, box

from phusong.geodata.errors import InputError, RefusedRowsError
from phusong.geodata.importing import import_layer
from phusong.geodata.review_tables import HEADINGS, read_review, review_rows, write_table
from phusong.geodata.village_lists import Village, read_village_list
from phusong.geodata.village_matching import match_villages, read_known
from phusong.geodata.workspace import Workspace

SETTLEMENTS = (
    ("T1", "Thôn Hòa Sơn", "18901"), ("T2", "Thôn 1", "18901"), ("T3", "Thôn 11", "18901"), ("T4", "Thôn 1", "18943"),
    ("T5", "Bản Cà Roòng", "18943"), ("T6", "Thôn Quảng Tiến", "18943"), ("T7", "Thôn Quảng Tiên", "18943"),
    ("T8", "Tổ dân phố Lý Hòa 2", "18901"),
)  # fmt: skip
ALIASES = (
    ("T1", "Thôn Đồng Bưởi", "renamed", None),
    ("T5", "Bản Cờ Đỏ", "merged", None),
    ("T2", "Xóm Chùa", "spelling", "Minh Hóa"),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)
    table = {"code": ["18901", "18943"], "name": ["Xã Minh Hóa", "Xã Kim Phú"], "source": "x", "source_row": [1, 2]}
    empty = dict.fromkeys(("kind", "district_code", "district_name", "province_code", "valid_from", "valid_to"))
    shapes = gpd.GeoSeries([box(106, 17, 106.1, 17.1), box(106.1, 17, 106.2, 17.1)]).to_list()
    made.write_layer("communes", gpd.GeoDataFrame(table | empty, geometry=shapes, crs=4326))
    rows = pd.DataFrame(SETTLEMENTS, columns=["settlement_id", "name", "commune_code"])
    rows = rows.assign(
        kind=None, population=1.0, households=1.0, has_grid_power="yes", area_type=None, source="x", source_row=1
    )
    made.write_layer("settlements", gpd.GeoDataFrame(rows, geometry=[Point(106, 17)] * len(rows), crs=4326))
    aliases = pd.DataFrame(ALIASES, columns=["settlement_id", "name", "kind", "commune"])
    made.write_layer("aliases", aliases.assign(valid_to=None, source="x", source_row=1))
    return made


def match(workspace: Workspace, name: str, commune: str | None = None, settlement_id: str | None = None):
    return match_villages([Village(2, name, commune, settlement_id)], read_known(workspace))[0]


@pytest.mark.parametrize(
    ("name", "commune", "found"),
    [
        ("thôn Hoà Sơn", "Minh Hoá", "T1"), ("Hòa Sơn", "xã Minh Hóa", "T1"), ("Hoa Son", "Minh Hóa", "T1"),
        ("thon hoa son", "18901", "T1"), ("Thôn 01", "Quy Đạt", "T2"), ("Thôn số 1", "Xã Kim Phú", "T4"),
        ("Hòa Sơn", None, "T1"), ("Thôn Đồng Bưởi", "Minh Hóa", "T1"), ("Cờ Đỏ", "Kim Phú", "T5"),
        ("Thôn Quảng Tiến", "Kim Phú", "T6"), ("TDP Lí Hòa II", "Minh Hóa", "T8"), ("Xóm Chùa", "Minh Hóa", "T2"),
        ("Hòa Sơn", "Thị trấn Quy Đạt", "T1"), ("Bản Cà Roòng", "Minh Hóa", "T5"),
    ],
)  # fmt: skip
def test_a_name_is_matched_in_every_usual_spelling(
    workspace: Workspace, name: str, commune: str | None, found: str
) -> None:
    """Xã Kim Phú was made of the former Minh Hóa too, Quy Đạt went to the new Minh Hóa."""
    assert match(workspace, name, commune).settlement_id == found


@pytest.mark.parametrize(
    ("name", "commune", "reason"),
    [
        ("Thôn 1", "Minh Hóa", "2 settlements fit equally well"), ("Thôn 1", None, "2 settlements fit equally well"),
        ("Quang Tien", "Kim Phú", "2 settlements fit equally well"),
        ("Bản Hòa Sơn", "Quy Đạt", "same name, other kind (thôn)"), ("Hòa Sơn", "Kim Phú", "in another commune"),
        ("Hòa Sơn", "Mường Lạ", "no commune Mường Lạ"), ("Thôn Hỏa Sơn", "Quy Đạt", "other diacritics"),
        ("Bản Cà Rông", "Kim Phú", "spelt otherwise"),
    ],
)  # fmt: skip
def test_what_is_not_clear_goes_to_the_review_with_its_reason(
    workspace: Workspace, name: str, commune: str | None, reason: str
) -> None:
    found = match(workspace, name, commune)
    assert (found.status, found.settlement_id) == ("review", None)
    assert reason in found.reason


def test_another_number_is_another_settlement(workspace: Workspace) -> None:
    assert match(workspace, "Thôn 111", "Minh Hóa").status == "unmatched"
    assert match(workspace, "Bản Xa Lạ", "Minh Hóa").status == "unmatched"


def test_an_id_decides_unless_the_name_says_otherwise(workspace: Workspace) -> None:
    assert match(workspace, "Hòa Sơn", None, "T1").settlement_id == "T1"
    assert match(workspace, "Cà Roòng", None, "T1").status == "review"


def test_two_rows_for_one_settlement_are_reviewed_but_not_two_that_were_merged_into_it(workspace: Workspace) -> None:
    rows = [("Hòa Sơn", "Minh Hóa"), ("Thôn Hoà Sơn", "Minh Hóa"), ("Cà Roòng", "Kim Phú"), ("Cờ Đỏ", "Kim Phú")]
    villages = [Village(number, *row) for number, row in enumerate(rows, start=2)]
    found = match_villages(villages, read_known(workspace))
    assert [one.status for one in found] == ["review", "review", "matched", "matched"]
    assert found[0].reason == "row 3 fits the same settlement"


def write_list(path: Path, *rows: tuple[object, ...]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_list_with_a_title_headings_of_communes_and_a_total_is_read(tmp_path: Path) -> None:
    path = write_list(
        tmp_path / "list.xlsx", ("DANH SÁCH THÔN, BẢN TRẮNG SÓNG",), (),
        ("TT", "Tên thôn, bản", "Số hộ", "Dân số", "Hiện trạng"),
        ("I", "Xã Minh Hóa"), (1, "Hòa Sơn", 20, 80, "trắng sóng"), (2, "Thôn 1", 9, 30, "lõm sóng"),
        ("II", "Xã Kim Phú"), (1, "Bản Cà Roòng", 5, 19, "không có sóng"), ("Tổng cộng", 3, 34, 129),
    )  # fmt: skip
    assert [(v.row, v.name, v.commune, v.value) for v in read_village_list(path).villages] == [
        (5, "Hòa Sơn", "Xã Minh Hóa", "none"), (6, "Thôn 1", "Xã Minh Hóa", "weak"),
        (8, "Bản Cà Roòng", "Xã Kim Phú", "none"),
    ]  # fmt: skip


def test_a_list_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column for name"):
        read_village_list(write_list(tmp_path / "a.xlsx", ("STT", "Số hộ"), (1, 20)))


def test_bad_rows_of_a_list_are_refused_with_reason_and_row_and_none_is_lost(tmp_path: Path) -> None:
    path = write_list(
        tmp_path / "list.xlsx", ("TT", "Tên thôn", "Thuộc xã", "Hiện trạng", "Ghi chú"),
        (1, "=A1&B1", "Kim Phú", "trắng sóng"), (2, "Thôn 1", "Kim Phú", "maybe"), (3, None, "Kim Phú", "lõm sóng"),
        (4, "#REF!", "Kim Phú"), (5, None, "Xã Kim Phú"), (6, "Thôn 2", "Kim Phú", "trắng sóng", "gấp"), (None, "=A1"),
    )  # fmt: skip
    listed = read_village_list(path)
    assert [(issue.row, issue.field, issue.code) for issue in listed.report.rows] == [
        (2, "name", "formula_without_value"), (3, "value", "unknown_value"), (4, "name", "missing_value"),
        (5, "name", "spreadsheet_error"), (6, "name", "missing_value"), (8, "name", "formula_without_value"),
    ]  # fmt: skip
    assert [(village.row, village.name, village.commune) for village in listed.villages] == [(7, "Thôn 2", "Kim Phú")]
    assert listed.report.refused == 6
    assert "columns not used: TT, Ghi chú" in listed.report.notes
    assert "cột không dùng đến: TT, Ghi chú" in [note.vi for note in listed.report.notes]


def test_observations_may_name_their_settlement(workspace: Workspace, tmp_path: Path) -> None:
    common = ("sóng", "lõm sóng", "CV 12", "01/07/2025")
    path = write_list(
        tmp_path / "list.xlsx", ("Mã thôn", "Tên thôn, bản", "Thuộc xã", "Chỉ tiêu", "Giá trị", "Nguồn", "Ngày"),
        (None, "thôn Hoà Sơn", "Minh Hoá", *common), (None, "Thôn 1", "Kim Phú", *common),
        (None, "Thôn Đồng Bưởi", "Minh Hóa", "điện", "có", *common[2:]), ("T3", None, None, *common),
        (None, "Thôn 1", None, *common), (None, "Bản Xa Lạ", "Kim Phú", *common), (None, None, "Kim Phú", *common),
    )  # fmt: skip
    report = import_layer(workspace, "observations", path)
    assert workspace.read_layer("observations")["settlement_id"].to_list() == ["T1", "T4", "T1", "T3"]
    assert [(issue.row, issue.code) for issue in report.rows] == [
        (6, "ambiguous_settlement"), (7, "unknown_settlement"), (8, "missing_value")
    ]  # fmt: skip
    assert "T2 Thôn 1, Xã Minh Hóa; T4 Thôn 1, Xã Kim Phú" in report.rows[0].reason


def test_a_list_of_nothing_but_formulas_is_refused_row_by_row(tmp_path: Path) -> None:
    listed = read_village_list(write_list(tmp_path / "list.xlsx", ("Tên thôn", "Xã"), ("=A1", "=B1"), ("=A2", "=B2")))
    assert ([issue.row for issue in listed.report.rows], listed.villages) == ([2, 3], [])


@pytest.mark.parametrize(
    "header",
    ["Thuộc xã", "Thuộc phường/xã/đặc khu", "Xã (phường)", "Tên xã, phường, thị trấn", "Xã sau sáp nhập",
     "THUỘC XÃ/PHƯỜNG", "Đặc khu/xã/phường", "Xã nơi đặt", "Đơn vị hành chính cấp xã", "Tên xã mới", "thuoc xa"],
)  # fmt: skip
def test_the_commune_is_known_by_every_usual_header(tmp_path: Path, header: str) -> None:
    listed = read_village_list(write_list(tmp_path / "list.xlsx", ("Tên thôn/bản/TDP", header), ("A", "Kim Phú")))
    assert [(village.name, village.commune) for village in listed.villages] == [("A", "Kim Phú")]


def test_a_corrected_review_comes_back_as_aliases(workspace: Workspace, tmp_path: Path) -> None:
    rows = review_rows([match(workspace, "Bản Cà Rông", "Kim Phú"), match(workspace, "=A1", "Kim Phú")])
    rows[0]["settlement_id"] = rows[0]["proposed_id"]
    write_table(tmp_path / "review.xlsx", rows, HEADINGS)
    aliases, report = read_review(tmp_path / "review.xlsx", ["T5"])
    assert aliases[["settlement_id", "name", "kind", "commune"]].to_numpy().tolist() == [
        ["T5", "Bản Cà Rông", "spelling", "Kim Phú"]
    ]
    assert (report.accepted, report.refused) == (1, 0)
    workspace.write_layer("aliases", aliases)
    assert match(workspace, "Bản Cà Rông", "Kim Phú").settlement_id == "T5"


def test_a_review_with_an_unknown_settlement_or_one_name_for_two_is_refused(tmp_path: Path) -> None:
    row = {"row": 2, "name": "Thôn 1", "commune": "A", "kind": "spelling"}
    write_table(tmp_path / "r.xlsx", [row | {"settlement_id": "T9"}], HEADINGS)
    with pytest.raises(RefusedRowsError, match="row 2: there is no settlement 'T9'"):
        read_review(tmp_path / "r.xlsx", ["T1", "T2"])
    write_table(tmp_path / "r.csv", [row | {"settlement_id": "T1"}, row | {"settlement_id": "T2"}], HEADINGS)
    with pytest.raises(RefusedRowsError, match="different settlements"):
        read_review(tmp_path / "r.csv", ["T1", "T2"])
    with pytest.raises(InputError, match="is no review"):
        read_review(write_list(tmp_path / "x.xlsx", ("a",), (1,)), [])
