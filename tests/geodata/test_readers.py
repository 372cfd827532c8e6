import datetime
import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
from shapely import Point

from phusong.geodata.cells import clean_text
from phusong.geodata.errors import InputError
from phusong.geodata.readers import read_table


def points() -> gpd.GeoDataFrame:
    columns = {"id": ["a", "b"], "name": ["Lệ Thủy", "<b>{{ x }}</b>"], "count": [3, 5]}
    return gpd.GeoDataFrame(columns, geometry=[Point(106.5, 17.5), Point(106.6, 17.4)], crs="EPSG:4326")


def text_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("a.gpkg", "GPKG"), ("a.geojson", "GeoJSON"), ("a.shp", "ESRI Shapefile"), ("a.tab", "MapInfo File"),
        ("a.fgb", "FlatGeobuf"),
    ],
)  # fmt: skip
def test_every_vector_format_gives_the_same_table(tmp_path: Path, name: str, driver: str) -> None:
    options = {"encoding": "UTF-8"} if driver in ("ESRI Shapefile", "MapInfo File") else {}
    points().to_file(tmp_path / name, driver=driver, engine="pyogrio", **options)
    table = read_table(tmp_path / name)
    order = table.frame["id"].argsort()
    assert list(table.frame["name"][order]) == ["Lệ Thủy", "<b>{{ x }}</b>"]
    assert list(table.frame["count"][order]) == ["3", "5"]
    assert sorted(table.row_numbers) == [1, 2]
    assert table.geometry is not None
    assert [(round(p.x, 6), round(p.y, 6)) for p in table.geometry[order]] == [(106.5, 17.5), (106.6, 17.4)]


def test_a_kml_file_is_read_with_its_names(tmp_path: Path) -> None:
    placemark = "<Placemark><name>Bản Đòng</name><Point><coordinates>106.1,17.6,0</coordinates></Point></Placemark>"
    kml = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{placemark}</Document></kml>'
    table = read_table(text_file(tmp_path / "a.kml", kml))
    assert list(table.frame["Name"]) == ["Bản Đòng"]
    assert table.crs == "EPSG:4326"


def test_a_shapefile_without_prj_has_no_crs(tmp_path: Path) -> None:
    points().to_file(tmp_path / "a.shp", engine="pyogrio")
    (tmp_path / "a.prj").unlink()
    assert read_table(tmp_path / "a.shp").crs is None


def test_rows_of_a_text_file_are_numbered_from_the_header_and_blank_ones_count(tmp_path: Path) -> None:
    table = read_table(text_file(tmp_path / "a.csv", 'id,note\n1,"two\nlines"\n\n ,\n2,\n'))
    assert list(table.row_numbers) == [2, 5]
    assert table.frame.to_numpy().tolist() == [["1", "two\nlines"], ["2", None]]


def test_a_row_with_another_number_of_fields_is_refused_by_number(tmp_path: Path) -> None:
    table = read_table(text_file(tmp_path / "a.csv", "id,name\n1,a\n2,b,c\n3\n4,d\n"))
    assert list(table.frame["id"]) == ["1", "4"]
    assert [(issue.row, issue.code) for issue in table.issues] == [
        (3, "wrong_field_count"),
        (4, "wrong_field_count"),
    ]


def test_a_byte_order_mark_and_semicolons_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffmã;tên\n1;Đồng Hới\n".encode())
    assert read_table(path).frame.to_dict("list") == {"mã": ["1"], "tên": ["Đồng Hới"]}


def test_a_workbook_keeps_row_numbers_codes_and_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["code", "value", "day"], [18859, 1.5, datetime.date(2025, 7, 1)], [], ["00044", 2, None]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert list(table.row_numbers) == [2, 4]
    assert table.frame.to_numpy().tolist() == [["18859", "1.5", "2025-07-01"], ["00044", "2", None]]


def test_a_workbook_of_several_sheets_needs_a_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Trạm").append(["id"])
    book["Trạm"].append(["1"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="Sheet, Trạm"):
        read_table(tmp_path / "a.xlsx")
    assert list(read_table(tmp_path / "a.xlsx", sheet="Trạm").frame["id"]) == ["1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"), ("a.csv", b"id,name\n", "has no rows"),
        ("a.csv", b"\n1,2\n", "row 1 is empty"),
        ("a.csv", b"id,id\n1,2\n", "'id' appears more than once"),
        ("a.csv", b"id\n\xff\xfe\xfa\n", "in no encoding"),
        ("a.csv", b'id\nx\n"open\n', "not readable as CSV from row 3 on"), ("a.doc", b"x", "unknown kind of file"),
        ("a.gpkg", b"no database", "damaged"), ("a.geojson", b"{", "damaged"),
        ("a.xlsx", b"PK no", "damaged or no workbook"), ("a.xlsx", b"PK\x03\x04no", "no readable workbook"),
        ("a.shp", b"short", "damaged"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_the_fault(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert caught.value.vi


def test_names_in_a_damaged_archive_do_not_bury_the_sentence(tmp_path: Path) -> None:
    file, name = tmp_path / "a.xlsx", "xl/worksheets/" + 900 * "s"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"x")
    file.write_bytes(file.read_bytes().replace(name.encode(), 914 * b"\xfe", 1))
    with pytest.raises(InputError, match="no readable workbook") as caught:
        read_table(file)
    assert len(str(caught.value)) < 400


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv does not exist"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (3.0, "3"), (0.1, "0.1"), (float("nan"), None), (True, "true"), ("  e\u0301 ", "é"), ("", None),
        (None, None), (-7, "-7"),
    ],
)  # fmt: skip
def test_raw_values_become_trimmed_text(raw: object, text: str | None) -> None:
    assert clean_text(raw) == text
