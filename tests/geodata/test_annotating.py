"""The workbook that goes back to the sender: what it wrote, with the reasons in it, and importable once corrected."""

import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from phusong.geodata import annotating
from phusong.geodata.annotating import REFUSED, REPAIRED, write_annotated
from phusong.geodata.errors import RefusedRowsError
from phusong.geodata.importing import import_layer
from phusong.geodata.tables import REASONS
from phusong.geodata.workbooks import read_sheets
from phusong.geodata.workspace import Workspace

HEADER = ["STT", "Mã trạm", "Nhà mạng", "Công nghệ", "X (m)", "Y (m)", "Chiều cao cột (m)", "Ngày phát sóng"]
GOOD = ["VNPT", "4G", "1936073,05", "563989,81", "27,5", "23/04/2014"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "area", crs="EPSG:32648")


def table() -> list[list[Any]]:
    """A list with two bad rows (6G, a swapped position), beside good ones, some text that looks like a formula."""
    return [
        ["DANH SÁCH TRẠM"], HEADER, [f"({place})" for place in range(1, 9)],
        [1, "B1", *GOOD], [2, "B2", "VNPT", "6G", *GOOD[2:]],
        [3, "B3", "VNPT", "4G", "563989,81", "1936073,05", "=1", "x"], [4, "+B4", "@VNPT", *GOOD[1:]],
        ["Tổng cộng", 4],
    ]  # fmt: skip


def save(path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        page = book.create_sheet(f"Đợt {number}")
        for row, cells in enumerate(rows, start=1):
            for column, value in enumerate(cells, start=1):
                page.cell(row, column).value = value
                page.cell(row, column).data_type = "n" if isinstance(value, int) else "s"
        page.merge_cells("A1:H1")
    book.save(path)
    return path


def annotated(workspace: Workspace, file: Path, target: Path, **options: Any) -> dict[str, Any]:
    given = {"crs": "EPSG:9211", "replace": True} | options
    try:
        report = import_layer(workspace, "stations", file, **given).to_dict()
    except RefusedRowsError as error:
        report = error.reports[0]
    write_annotated(target, file, report)
    return report


def rows_of(workspace: Workspace) -> list[tuple[Any, ...]]:
    stored = workspace.read_layer("stations").drop(columns=["source"])
    return [tuple(row) for row in stored.to_numpy(dtype=object).tolist()]


@pytest.mark.parametrize("suffix", ["xlsx", "csv"])
def test_bad_rows_get_their_reasons_and_bad_cells_a_colour_and_a_comment(
    workspace: Workspace, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        file.write_text("".join(";".join(map(str, [*row, *[""] * (8 - len(row))])) + "\n" for row in table()), "utf-8")
    else:
        save(file, table())
    report = annotated(workspace, file, tmp_path / "back.xlsx")
    assert {(row["row"], row["code"]) for row in report["rows"]} >= {(5, "unknown_technology"), (6, "not_a_number")}
    page = openpyxl.load_workbook(tmp_path / "back.xlsx").worksheets[0]
    assert page["I2"].value == REASONS
    assert page["I5"].value.startswith("[unknown_technology] technology '6G' không biết")
    assert "is unknown; the known are" in page["I5"].value
    assert page["D5"].fill.fgColor.rgb == "00" + REFUSED.fgColor.rgb[2:]
    assert "6G" in page["D5"].comment.text
    assert {cell.coordinate for row in page["A4:I4"] for cell in row if cell.comment} == set()
    assert [page.cell(4, column).value for column in (2, 3)] == ["B1", "VNPT"]
    assert page["G6"].value == "'=1"


def test_a_corrected_workbook_is_imported_like_a_right_file_again_and_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    right = table()
    right[4][3], right[5][4:] = "5G", GOOD[2:]
    import_layer(workspace, "stations", save(tmp_path / "right.xlsx", right), crs="EPSG:9211")
    wanted = rows_of(workspace)
    annotated(workspace, save(tmp_path / "a.xlsx", table()), tmp_path / "back.xlsx")
    book = openpyxl.load_workbook(tmp_path / "back.xlsx")
    book.active["D5"].value = "5G"
    for column, value in zip("EFGH", GOOD[2:], strict=True):
        book.active[f"{column}6"].value = value
    book.save(tmp_path / "back.xlsx")
    for _ in range(2):
        report = import_layer(workspace, "stations", tmp_path / "back.xlsx", crs="EPSG:9211", replace=True)
        assert (report.accepted, report.refused) == (4, 0)
        assert rows_of(workspace) == wanted
    annotated(workspace, tmp_path / "back.xlsx", tmp_path / "again.xlsx")
    page = openpyxl.load_workbook(tmp_path / "again.xlsx").active
    assert (page["I2"].value, page["I5"].value, page.max_column) == (REASONS, None, 9)


def test_what_must_be_said_of_the_file_stands_in_a_last_sheet_which_is_passed_over(
    workspace: Workspace, tmp_path: Path
) -> None:
    source = save(tmp_path / "a.xlsx", table())
    report = annotated(workspace, source, tmp_path / "b.xlsx")
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    pairs = [tuple(cell.value for cell in row) for row in book.worksheets[-1].iter_rows()]
    assert pairs == list(zip(report["notes_vi"], report["notes"], strict=True))
    assert pairs
    assert [sheet.name for sheet in read_sheets(tmp_path / "b.xlsx")] == [sheet.name for sheet in read_sheets(source)]


def test_rows_of_two_sheets_are_marked_in_their_own(workspace: Workspace, tmp_path: Path) -> None:
    second = [*table()[:3], [1, "C1", *GOOD], [2, "C2", "VNPT", "7G", *GOOD[2:]]]
    second[1] = ["TT", "MA TRAM", "Doanh nghiệp", "Loại công nghệ", *HEADER[4:]]
    annotated(workspace, save(tmp_path / "a.xlsx", table(), second), tmp_path / "back.xlsx")
    first, other, _ = openpyxl.load_workbook(tmp_path / "back.xlsx").worksheets
    assert "6G" in first["I5"].value
    assert "7G" in other["I5"].value
    assert other["D5"].comment is not None
    assert str(first.merged_cells.ranges[0] if isinstance(first.merged_cells.ranges, list) else
               next(iter(first.merged_cells.ranges))) == "A1:H1"  # fmt: skip


def test_repaired_rows_are_marked_apart(workspace: Workspace, tmp_path: Path) -> None:
    rows = [["DANH SÁCH"], ["Mã trạm", "Nhà mạng", "Công nghệ", "X (m)", "Y (m)", "Chiều cao cột (m)"]]
    rows += [[f"B{n}", "VNPT", "4G", "1936073,05", "563989,81", "30"] for n in range(3)]
    rows.append(["B9", "VNPT", "4G", "563989,81", "1936073,05", "30"])
    annotated(workspace, save(tmp_path / "a.xlsx", rows), tmp_path / "back.xlsx", accept_repairs=["xy_swapped"])
    page = openpyxl.load_workbook(tmp_path / "back.xlsx").active
    assert page["G6"].value.startswith("[xy_swapped]")
    assert page["G6"].fill.fgColor.rgb == page["D6"].fill.fgColor.rgb == "00" + REPAIRED.fgColor.rgb[2:]


def test_features_are_listed_with_their_reasons(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", '
        '"properties": {"place_id": "1", "kind": "x", "name": null}, '
        '"geometry": {"type": "Point", "coordinates": [106.5, 17.5]}}]}', encoding="utf-8",
    )  # fmt: skip
    with pytest.raises(RefusedRowsError) as caught:
        import_layer(workspace, "places", tmp_path / "a.geojson")
    write_annotated(tmp_path / "back.xlsx", tmp_path / "a.geojson", caught.value.reports[0])
    page = openpyxl.load_workbook(tmp_path / "back.xlsx").active
    assert [cell.value for cell in page[1]][:2] == ["place_id", "kind"]
    assert page.cell(2, page.max_column).value.startswith("[")


def test_every_writer_of_tables_keeps_formulas_from_running() -> None:
    writers = re.compile(r"csv\.(writer|DictWriter)\(|\.to_(csv|excel)\(|\bWorkbook\(")
    root = Path(annotating.__file__).resolve().parents[1]
    rooms = [root / room for room in ("geodata", "coverage", "maps", "api")]
    found = {file for room in rooms for file in room.rglob("*.py") if writers.search(file.read_text("utf-8"))}
    found -= {root / "geodata/sample/province.py"}  # writes what it made up itself
    assert root / "api/formats.py" in found
    assert [file.name for file in found if "safe_cell" not in file.read_text("utf-8")] == []
