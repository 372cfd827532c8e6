"""Tables as departments send them: whatever their layout, the same stations come out."""

import csv
import datetime
import tempfile
import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter
from pyproj import Transformer

from phusong.geodata.errors import InputError, RefusedRowsError
from phusong.geodata.importing import import_layer
from phusong.geodata.names import search_key
from phusong.geodata.observed_settlements import with_names
from phusong.geodata.reports import ImportReport
from phusong.geodata.schemas import LAYERS
from phusong.geodata.workspace import Workspace

ZONES = ("EPSG:9211", "EPSG:9212", "EPSG:5897", "EPSG:3405")
# Spellings of the headers, per column of a department's list.
SPELLINGS = {
    "number": ["STT", "TT", "Số TT"],
    "id": ["Mã trạm", "MÃ TRẠM", "Mã  trạm BTS", "Mã trạm (BTS)", "ma tram", "Mã số trạm", "Ký hiệu trạm"],
    "name": ["Tên trạm", "Tên trạm BTS", "Ghi chú"],
    "operator": ["Doanh nghiệp", "Nhà mạng", "Đơn vị", "DOANH NGHIỆP", "Doanh nghiệp viễn thông", "Nha mang"],
    "north": ["X (m)", "X(m)", "Toạ độ X", "Tọa độ X (m)", "Northing"],
    "east": ["Y (m)", "Y(m)", "Toạ độ Y", "Tọa độ Y (m)", "Easting"],
    "height": [
        "Độ cao cột (m)",
        "Chiều cao cột anten",
        "Chiều cao anten (m)",
        "Độ cao cột\nanten (m)",
        "CHIỀU CAO CỘT",
    ],
    "technology": ["Công nghệ", "Loại công nghệ", "Cong nghe", "CÔNG NGHỆ"],
    "date": ["Ngày phát sóng", "Ngày đưa vào sử dụng", "Thời điểm phát sóng"],
}


def stations(count: int, zone: str = "EPSG:9211") -> list[dict[str, Any]]:
    made, to_zone = [], Transformer.from_crs("EPSG:4326", zone, always_xy=True)
    for number in range(count):
        east, north = to_zone.transform(106.4 + 0.003 * number, 17.5)
        made.append({
            "number": number + 1, "id": f"QB{number:04}", "name": f"Trạm {number}", "operator": "Viettel",
            "north": round(north, 2), "east": round(east, 2), "height": 27 + number / 2,
            "technology": ("3G", "4G", "5G")[number % 3], "date": datetime.date(2014, 4, 23),
        })  # fmt: skip
    return made


def as_text(value: Any, marks: str) -> Any:
    """Write a value as text: a date dd/mm/yyyy, a number with its decimal mark and thousands mark, if there is one."""
    if isinstance(value, float):
        return f"{value:,.2f}".translate({ord("."): marks[0], ord(","): marks[1:]})
    return f"{value:%d/%m/%Y}" if isinstance(value, datetime.date) else value


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "area", crs="EPSG:32648")


def save(path: Path, rows: list[list[Any]], merged: list[str] = ()) -> Path:  # type: ignore[assignment]
    book = openpyxl.Workbook()
    fill(book.active, rows, merged)
    book.save(path)
    return path


def fill(sheet: Any, rows: list[list[Any]], merged: list[str]) -> None:
    for row in rows:
        sheet.append(row)
    for place in merged:
        sheet.merge_cells(place)


def test_a_row_of_three_technologies_with_two_faults_is_one_refused_row(workspace: Workspace, tmp_path: Path) -> None:
    bad = ["B1", "VNPT", "3G/4G/5G", "?", "17,5", "-3"]
    report = import_layer(
        workspace, "stations", simple(tmp_path / "a.xlsx", HEADER, bad, ["B2", *ROW[1:]]), crs="EPSG:4326"
    )
    assert (report.accepted, report.refused, len(report.rows)) == (1, 1, 2)
    assert report.to_dict()["faults"] == {"out_of_range": 1, "not_a_number": 1}


def test_a_cell_of_great_length_refuses_its_row_or_nothing_where_it_is_not_used(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = [[*HEADER, "Ghi chú"], [*ROW, "x" * 200_000], ["B2", "y" * 200_000, *ROW[2:], ""], ["B3", *ROW[1:], ""]]
    (tmp_path / "a.csv").write_text("\n".join(";".join(row) for row in rows), encoding="utf-8")
    report = read(workspace, tmp_path / "a.csv")
    assert (report.accepted, [(issue.row, issue.field, issue.code) for issue in report.rows]) == (
        2, [(3, "operator", "too_long")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "date"),
    [(45292, "2024-01-01"), ("45292", "2024-01-01"), (45292.75, "2024-01-01"), ("23/04/2014 08:30", "2014-04-23"),
     ("1/7/2025 12:00:00 AM", "2025-07-01"), ("20250701", "2025-07-01"), ("2014-04-23T08:30:00", "2014-04-23")],
)  # fmt: skip
def test_dates_are_read_in_every_usual_form(workspace: Workspace, tmp_path: Path, cell: Any, date: str) -> None:
    report = read(workspace, simple(tmp_path / "a.xlsx", [*HEADER, "Ngày phát sóng"], [*ROW, cell]))
    assert workspace.read_layer("stations")["on_air_from"].to_list() == [date]
    noted = [note for note in report.notes if "days of a spreadsheet program" in note]
    assert bool(noted) == str(cell).startswith("45292")


@pytest.mark.parametrize("cell", ["2014", "07/2025", "04/23/2014", "23/4/14", "19999", "80001"])
def test_what_is_no_date_is_refused_with_the_forms_that_are(workspace: Workspace, tmp_path: Path, cell: str) -> None:
    with pytest.raises(RefusedRowsError, match="day, month and year like 01/07/2025, or 2025-07-01"):
        read(workspace, simple(tmp_path / "a.xlsx", [*HEADER, "Ngày phát sóng"], [*ROW, cell]))


def test_a_list_asks_only_for_what_it_cannot_assume(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no column for technology of layer stations"):
        read(workspace, simple(tmp_path / "a.xlsx", [*HEADER[:2], "?", *HEADER[3:]], ROW))


def simple(path: Path, header: list[str], *rows: list[Any]) -> Path:
    return save(path, [header, *rows])


HEADER = ["Mã trạm", "Nhà mạng", "Công nghệ", "Kinh độ", "Vĩ độ", "Chiều cao cột"]
ROW = ["B1", "VNPT", "4G", "106,5", "17,5", "30"]


def read(workspace: Workspace, path: Path, **options: Any) -> ImportReport:
    return import_layer(workspace, "stations", path, crs=options.pop("crs", "EPSG:4326"), replace=True, **options)


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    names = list(SPELLINGS)
    order = draw(st.permutations(names))
    return {
        "order": order,
        "spelling": {name: draw(st.sampled_from(SPELLINGS[name])) for name in names},
        "titles": draw(st.integers(0, 4)),
        "two_rows": draw(st.booleans()),
        "text": draw(st.booleans()),
        "footer": draw(st.booleans()),
        "numbered": draw(st.booleans()),
        "sheets": draw(st.integers(1, 2)),
        "guide": draw(st.booleans()),
        "zone": draw(st.sampled_from(ZONES)),
        "marks": draw(st.sampled_from([",", ".", ",.", ".,", ", "])),
        "runs": draw(st.booleans()),
    }


def write_layout(path: Path, layout: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    book = openpyxl.Workbook()
    parts = [rows] if layout["sheets"] == 1 else [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    if layout["guide"]:
        fill(book.active, [["Hướng dẫn"], ["Điền đủ mọi cột, mã trạm không trùng"]], [])
    for number, part in enumerate(parts, start=1):
        sheet = book.create_sheet(f"Đợt {number}") if layout["guide"] or number > 1 else book.active
        fill(sheet, *lay_out(layout, part))
    book.save(path)
    return path


def lay_out(layout: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[list[list[Any]], list[str]]:
    order, width = layout["order"], len(layout["order"])
    grid: list[list[Any]] = [[f"DANH SÁCH TRẠM BTS {line}"] for line in range(layout["titles"])]
    merged = [f"A{line}:{get_column_letter(width)}{line}" for line in range(1, layout["titles"] + 1)]
    names = [layout["spelling"][name] for name in order]
    top = layout["titles"] + 1
    together = abs(order.index("north") - order.index("east")) == 1
    if layout["two_rows"] and together:
        first = min(order.index("north"), order.index("east"))
        below = [None if place not in (first, first + 1) else name for place, name in enumerate(names)]
        above = [None if place == first + 1 else name for place, name in enumerate(names)]
        above[first] = "Tọa độ VN-2000"
        grid += [above, below]
        merged.append(f"{get_column_letter(first + 1)}{top}:{get_column_letter(first + 2)}{top}")
        merged += [
            f"{get_column_letter(place + 1)}{top}:{get_column_letter(place + 1)}{top + 1}"
            for place in range(width) if place not in (first, first + 1)
        ]  # fmt: skip
    else:
        grid.append(names)
    if layout["numbered"]:
        grid.append([f"({place})" for place in range(1, width + 1)])
    start = len(grid) + 1
    grid += [[as_text(row[name], layout["marks"]) if layout["text"] else row[name] for name in order] for row in rows]
    if layout["runs"]:  # the operator stands in the first of the rows that it is merged over
        letter = get_column_letter(order.index("operator") + 1)
        merged.append(f"{letter}{start}:{letter}{start + len(rows) - 1}")
    if layout["footer"]:
        grid += [[f"Tổng cộng: {len(rows)} trạm"], [], [None, "Người lập biểu", None, None, "Giám đốc"]]
    return grid, merged


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layouts())
def test_every_layout_gives_the_same_stations(tmp_path: Path, layout: dict[str, Any]) -> None:
    workspace = Workspace.create(tempfile.mkdtemp(dir=tmp_path), crs="EPSG:32648")
    made = stations(12, layout["zone"])
    report = read(workspace, write_layout(workspace.path / "a.xlsx", layout, made), crs=layout["zone"])
    assert (report.accepted, report.refused) == (12, 0)
    stored = workspace.read_layer("stations").set_index("station_id")
    for number, row in enumerate(made):
        found = stored.loc[row["id"]]
        assert (found.geometry.x, found.geometry.y) == pytest.approx((106.4 + 0.003 * number, 17.5), abs=1e-7)
        assert (found["height_agl_m"], found["technology"]) == (row["height"], row["technology"])
        assert found["on_air_from"] == "2014-04-23"


def test_rows_of_two_sheets_are_told_apart(workspace: Workspace, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("Hai")):
        fill(sheet, [HEADER, ["B1", "VNPT", "7G", "106,5", "17,5", "30"], [f"{sheet.title}1", *ROW[1:]]], [])
    book.save(tmp_path / "a.xlsx")
    report = read(workspace, tmp_path / "a.xlsx")
    assert report.accepted == 2
    assert [(issue.sheet, issue.row) for issue in report.rows if issue.code == "unknown_technology"] == [
        ("Sheet", 2), ("Hai", 2),
    ]  # fmt: skip
    assert read(workspace, tmp_path / "a.xlsx", sheet="Hai").accepted == 1


def test_several_technologies_in_a_cell_become_several_stations_on_one_mast(
    workspace: Workspace, tmp_path: Path
) -> None:
    header = [*HEADER, "Băng tần (MHz)", "Góc phương vị"]
    rows = [
        ["B1", "VNPT", "3G/4G/5G", "106,5", "17,5", "30", "2100/1800/3700", "0/120/240"],
        ["B2", *ROW[1:], 1800, "0, 120"],
    ]
    report = read(workspace, simple(tmp_path / "a.xlsx", header, *rows))
    stored = workspace.read_layer("stations")
    assert list(stored["station_id"]) == ["B1-3G", "B1-4G", "B1-5G", "B2"]
    assert list(stored["band_mhz"]) == [2100, 1800, 3700, 1800]
    assert list(stored["mast_id"]) == ["B1"] * 4
    assert list(stored["azimuths_deg"]) == ["0;120;240"] * 3 + ["0;120"]
    assert list(stored["source_row"]) == [2, 2, 2, 3]
    assert "1 rows with several technologies became 3 stations" in report.notes


def test_what_a_list_does_not_say_is_assumed_counted_and_noted(workspace: Workspace, tmp_path: Path) -> None:
    report = read(workspace, simple(tmp_path / "a.xlsx", HEADER, ROW))
    assert report.defaults == {"mast_id": 1, "status": 1, "band_mhz": 1, "bandwidth_mhz": 1, "eirp_dbm": 1}
    assert any(note.startswith("ASSUMED") for note in report.notes)


def test_a_station_whose_id_is_damaged_takes_no_other_of_its_mast_with_it(workspace: Workspace, tmp_path: Path) -> None:
    report = read(
        workspace, simple(tmp_path / "a.xlsx", HEADER, ["#REF!", *ROW[1:]], ["B2", *ROW[1:]], ["B3", *ROW[1:]])
    )
    assert [(issue.row, issue.code) for issue in report.rows] == [(2, "spreadsheet_error")]
    assert list(workspace.read_layer("stations")["mast_id"]) == ["B2", "B2"]


def test_a_table_with_our_column_names_is_held_to_the_schema(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column for mast_id, band_mhz"):
        read(workspace, simple(tmp_path / "a.xlsx", ["station_id", *HEADER[1:]], ROW))


def test_a_required_column_without_a_match_lists_the_candidates(workspace: Workspace, tmp_path: Path) -> None:
    path = simple(tmp_path / "a.xlsx", [*HEADER[:5], "Cao đến đỉnh"], ROW)
    with pytest.raises(InputError, match="candidates for height_agl_m: 'Cao đến đỉnh'"):
        read(workspace, path)
    assert read(workspace, path, mapping={"height_agl_m": "cao den dinh"}).accepted == 1


def test_two_headers_that_mean_one_column_are_not_chosen_between(workspace: Workspace, tmp_path: Path) -> None:
    path = simple(tmp_path / "a.xlsx", [*HEADER, "Độ cao cột"], [*ROW, "35"])
    with pytest.raises(InputError, match=r"several could be meant\): 'Chiều cao cột', 'Độ cao cột'"):
        read(workspace, path)


def test_the_unit_in_a_header_is_heeded(workspace: Workspace, tmp_path: Path) -> None:
    path = simple(tmp_path / "a.xlsx", [*HEADER, "Tần số (GHz)"], [*ROW, "1,8"])
    assert "band_mhz: multiplied by 1000, by the unit in its header" in read(workspace, path).notes
    assert list(workspace.read_layer("stations")["band_mhz"]) == [1800]


def test_a_formula_counts_by_its_kept_value_and_without_one_the_row_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = simple(tmp_path / "a.xlsx", [*HEADER, "Ghi chú"], [*ROW, "=1+1"], ["B2", *ROW[1:5], "=15*2", None])
    report = read(workspace, path)
    assert [(issue.row, issue.field, issue.code) for issue in report.rows][:1] == [
        (3, "height_agl_m", "formula_without_value")
    ]
    assert report.accepted == 1


def test_codes_that_became_numbers_get_their_zeros_again(workspace: Workspace, tmp_path: Path) -> None:
    header = ["Mã thôn", "Tên thôn", "Mã xã", "Dân số", "Kinh độ", "Vĩ độ"]
    path = simple(
        tmp_path / "a.xlsx",
        header,
        ["T1", "Bản Một", 4, "1.491", 106.5, 17.5],
        ["T2", "Bản Hai", "18901", "97", 106.5, 17.5],
    )
    report = import_layer(workspace, "settlements", path, crs="EPSG:4326")
    stored = workspace.read_layer("settlements")
    assert list(stored["commune_code"]) == ["00004", "18901"]
    assert list(stored["population"]) == [1491, 97]
    assert "commune_code: numbers were given leading zeros, 4 as 00004" in report.notes


@pytest.mark.parametrize(
    ("codes", "read_as"),
    [(["4", "125"], ["00004", "00125"]), (["4", "18901"], None), (["00004", "4"], None), (["4x", "4"], None)],
)
def test_codes_of_a_text_file_that_lost_every_zero_get_them_again(
    workspace: Workspace, tmp_path: Path, codes: list[str], read_as: list[str] | None
) -> None:
    lines = [f"T{code},Bản,{code},1,106.5,17.5\n" for code in codes]
    (tmp_path / "a.csv").write_text("settlement_id,name,commune_code,population,lon,lat\n" + "".join(lines), "utf-8")
    report = import_layer(workspace, "settlements", tmp_path / "a.csv", crs="EPSG:4326")
    assert [issue.code for issue in report.rows] == ([] if read_as else ["bad_code"])
    if read_as:
        assert list(workspace.read_layer("settlements")["commune_code"]) == read_as


def test_errors_of_a_spreadsheet_are_refused_with_their_cell(workspace: Workspace, tmp_path: Path) -> None:
    path = simple(tmp_path / "a.xlsx", [*HEADER, "Ngày phát sóng"], [*ROW, "#REF!"], ["B2", *ROW[1:], None])
    report = read(workspace, path)
    assert [(issue.row, issue.field, issue.code) for issue in report.rows] == [(2, "on_air_from", "spreadsheet_error")]
    assert "holds the error '#REF!' (cell G2)" in report.rows[0].reason
    (tmp_path / "a.csv").write_text(";".join(HEADER) + "\n" + ";".join([*ROW[:5], "#N/A"]) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"height_agl_m holds the error '#N/A' \(cell F2\)"):
        read(workspace, tmp_path / "a.csv")


def test_words_of_cells_are_translated_and_unknown_ones_refused(workspace: Workspace, tmp_path: Path) -> None:
    rows = [
        [f"B{number}", *ROW[1:], word]
        for number, word in enumerate(["Đang hoạt động", "BẢO TRÌ", "on_air", "hỏng", "tat"])
    ]
    report = read(workspace, simple(tmp_path / "a.xlsx", [*HEADER, "Trạng thái"], *rows))
    assert list(workspace.read_layer("stations")["status"]) == ["live", "maintenance", "live", "off"]
    assert [(issue.row, issue.code, issue.value) for issue in report.rows] == [(5, "unknown_value", "hỏng")]


@pytest.mark.parametrize(
    ("heights", "read_as"),
    [
        (["27,5", "30"], [27.5, 30]), (["27.5", "30.0"], [27.5, 30]), (["27,5", "1.000"], [27.5, 1000]),
        (["27.5", "1,000"], [27.5, 1000]),
    ],
)  # fmt: skip
def test_the_column_tells_what_comma_and_point_mean(
    workspace: Workspace, tmp_path: Path, heights: list[str], read_as: list[float]
) -> None:
    rows = [[f"B{number}", "VNPT", "4G", 106.5, 17.5, height] for number, height in enumerate(heights)]
    read(workspace, simple(tmp_path / "a.xlsx", HEADER, *rows))
    assert list(workspace.read_layer("stations")["height_agl_m"]) == read_as


def test_a_number_that_can_be_read_in_two_ways_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    rows = [[f"B{number}", *ROW[1:5], height] for number, height in enumerate(["27,5", "27.5", "30.125"])]
    report = read(workspace, simple(tmp_path / "a.xlsx", HEADER, *rows))
    assert [(issue.row, issue.code) for issue in report.rows] == [(4, "ambiguous_number")]


def test_totals_titles_of_parts_and_signatures_are_left_out_and_noted(workspace: Workspace, tmp_path: Path) -> None:
    rows = [
        ["I", "Huyện Lệ Thủy"],
        [1, *ROW],
        ["II", "Huyện Bố Trạch"],
        [2, "B2", *ROW[1:]],
        ["Cộng", 2],
        [],
        ["Người lập"],
    ]
    report = read(workspace, save(tmp_path / "a.xlsx", [["STT", *HEADER], *rows]))
    assert (report.accepted, report.refused) == (2, 0)
    assert sum("was left out" in note for note in report.notes) == 4


def test_a_csv_of_a_department_is_read_like_its_workbook(workspace: Workspace, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-16", newline="") as file:
        csv.writer(file, delimiter=";").writerows(
            [["DANH SÁCH TRẠM"], [], HEADER, ROW, ["B2", *ROW[1:]], ["Tổng cộng", "2"]]
        )
    report = read(workspace, tmp_path / "a.csv")
    assert (report.accepted, report.refused) == (2, 0)
    assert list(workspace.read_layer("stations")["source_row"]) == [4, 5]


def test_an_old_workbook_is_read_with_its_merged_cells(workspace: Workspace, tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Trạm")
    for row, cells in enumerate([["DANH SÁCH"], HEADER, ROW, ["B2", *ROW[1:]]]):
        for column, cell in enumerate(cells):
            if (row, column) not in ((2, 1), (3, 1)):
                sheet.write(row, column, cell)
    sheet.write_merge(2, 3, 1, 1, "VNPT")
    book.save(str(tmp_path / "a.xls"))
    read(workspace, tmp_path / "a.xls")
    assert list(workspace.read_layer("stations")["operator"]) == ["VNPT", "VNPT"]


def test_a_header_over_two_columns_is_no_column_of_positions(workspace: Workspace, tmp_path: Path) -> None:
    header = [*HEADER[:3], "Tọa độ VN-2000", None, HEADER[5]]
    row = ["B1", "VNPT", "4G", "1936073,05", "563989,81", "30"]
    with pytest.raises(InputError, match="has no coordinates"):
        read(workspace, simple(tmp_path / "a.xlsx", header, row), crs="EPSG:9211")


def test_no_word_of_the_dictionary_means_two_columns_of_a_layer() -> None:
    text = resources.files("phusong.geodata").joinpath("data/headers.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    for name, layer in LAYERS.items():
        columns = content.get(name, {}).get("columns", {}) | (content["points"] if layer.geometry == "point" else {})
        keys = Counter(key for words in columns.values() for key in {search_key(word) for word in words})
        own = {"commune", "position"} | set(with_names(layer).column_names)
        assert [key for key, count in keys.items() if count > 1] == []
        assert set(columns) - set(content["points"]) <= own
