"""Files from elsewhere: opened apart, with limits; what could run, reach elsewhere or blow up is refused."""

import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
from affine import Affine
from shapely import Point

from phusong.geodata import reader_client
from phusong.geodata.errors import InputError
from phusong.geodata.file_tables import parse_table
from phusong.geodata.raster_files import open_source
from phusong.geodata.reader_client import close_reader
from phusong.geodata.readers import read_table

DTD = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>A</name></Placemark></Document></kml>'
VRT = '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand><SourceFilename>/etc/passwd</SourceFilename>'


def workbook(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def repacked(path: Path, *, replace: dict[str, bytes] | None = None, add: dict[str, bytes] | None = None) -> Path:
    """A workbook with some of its members changed, or with more of them."""
    book = workbook(path.with_name("plain.xlsx"), [["id"], ["1"]])
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, (replace or {}).get(name, old.read(name)))
        for name, content in (add or {}).items():
            new.writestr(name, content)
    return path


def geopackage(path: Path, *statements: str) -> Path:
    gpd.GeoDataFrame({"id": ["1"]}, geometry=[Point(106, 17)], crs="EPSG:4326").to_file(path, layer="t")
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    assert caught.value.vi != str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.kml", "a.geojson", "a.csv", "a.gpkg"])
def test_virtual_files_of_gdal_are_refused_under_any_name(tmp_path: Path, name: str) -> None:
    layer = '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    assert "references to other files (VRT)" in refusal(text(tmp_path / name, layer))


def test_a_virtual_raster_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="VRT"), open_source(text(tmp_path / "dem.tif", VRT)):
        pass


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE VIEW v AS SELECT * FROM t", "the view 'v'"),
        ("CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM t; END", "the trigger 'evil'"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "the virtual table 'f'"),
        ("CREATE TABLE g (a INTEGER, b TEXT GENERATED ALWAYS AS (hex(a)))", "the computed column 'g'"),
    ],
)
def test_a_database_that_runs_something_is_refused(tmp_path: Path, statement: str, what: str) -> None:
    assert what in refusal(geopackage(tmp_path / "a.gpkg", statement))


def test_the_usual_triggers_of_a_geopackage_are_accepted(tmp_path: Path) -> None:
    assert list(read_table(geopackage(tmp_path / "a.gpkg")).frame["id"]) == ["1"]


def test_a_mapinfo_view_of_another_table_is_refused(tmp_path: Path) -> None:
    content = '!table\n!version 100\n\nOpen Table "../secret" Hide\n\nCreate View a As\nSelect * From secret\n'
    assert "a reference to other files" in refusal(text(tmp_path / "a.tab", content))


def test_entities_in_xml_are_refused(tmp_path: Path) -> None:
    assert "document type" in refusal(text(tmp_path / "a.kml", DTD + KML.replace(">A<", ">&b;<")))
    (tmp_path / "b.kml").write_bytes(f"<?xml version='1.0' encoding='utf-16'?>{DTD}{KML}".encode("utf-16"))
    assert "document type" in refusal(tmp_path / "b.kml")
    sheet = b"<?xml version='1.0'?>" + DTD.encode() + b"<worksheet/>"
    assert "document type" in refusal(repacked(tmp_path / "a.xlsx", replace={"xl/worksheets/sheet1.xml": sheet}))


@pytest.mark.parametrize(
    ("add", "what"),
    [
        ({"xl/media/a.xml": b"0" * (40 << 20)}, "packed beyond measure"),
        ({"../../evil.xml": b"x"}, "leads out of it"),
        ({"/etc/evil.xml": b"x"}, "leads out of it"),
        ({f"xl/{number}.xml": b"" for number in range(10_001)}, "more than 10000 files"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, add: dict[str, bytes], what: str) -> None:
    assert what in refusal(repacked(tmp_path / "a.xlsx", add=add))


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    path = repacked(tmp_path / "a.xlsx", add={"xl/media/a.xml": b"0" * (40 << 20)})
    whole = path.read_bytes()
    path.write_bytes(whole.replace((40 << 20).to_bytes(4, "little"), (1 << 10).to_bytes(4, "little")))
    assert refusal(path)


def test_the_content_tells_the_kind_whatever_the_name_says(tmp_path: Path) -> None:
    book = workbook(tmp_path / "a.xlsx", [["id"], ["Lệ Thủy"]]).rename(tmp_path / "a.csv")
    table = read_table(book)
    assert list(table.frame["id"]) == ["Lệ Thủy"]
    assert table.notes[0] == "a.csv is a file of kind xlsx by its content, and was read so"
    assert list(read_table(text(tmp_path / "b.xls", "id\tname\n1\tx\n")).frame["name"]) == ["x"]


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"%PDF-1.7", "PDF"), (b"<html><table></table></html>", "HTML"), (b"<gml:a xmlns:gml='x'/>", "XML")],
)
def test_other_kinds_are_refused_by_name(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    assert what in refusal(tmp_path / "a.xls")


def test_a_web_page_is_refused_in_vietnamese_words_alone(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes(b"<html><table></table></html>")
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "a.xls")
    assert "trang web hoặc XML lưu dưới dạng bảng" in caught.value.vi
    assert "web page" not in caught.value.vi


def test_a_kmz_is_read_like_its_kml(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", KML)
    assert list(read_table(tmp_path / "a.kmz").frame["Name"]) == ["A"]


def test_a_table_comes_back_from_the_reading_process_as_it_was_read(tmp_path: Path) -> None:
    rows = [["code", "value", None, "=1+1"], [4, "004", True, "x"], [0.5, None, None, "Đồng Hới"], [], ["Tổng", 1]]
    path = workbook(tmp_path / "a.xlsx", rows)
    apart, here = read_table(path), parse_table(path)
    assert apart.frame.map(lambda cell: (type(cell), cell)).equals(here.frame.map(lambda cell: (type(cell), cell)))
    assert list(apart.row_numbers) == list(here.row_numbers)
    assert (apart.notes, apart.bare_formulas, apart.issues) == (here.notes, here.bare_formulas, here.issues)


def test_a_raster_comes_back_as_it_was(tmp_path: Path) -> None:
    values = np.arange(12, dtype="int16").reshape(1, 3, 4)
    place = Affine(0.1, 0, 106, 0, -0.1, 18)
    profile = {"driver": "GTiff", "height": 3, "width": 4, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=place, nodata=-1, **profile) as file:
        file.write(values)
        file.scales, file.offsets = (0.5,), (3.0,)
    with open_source(tmp_path / "a.tif") as source:
        assert (source.read() == values).all()
        assert (source.transform, source.crs.to_string(), source.nodata) == (place, "EPSG:4326", -1)
        assert (source.scales, source.offsets) == ((0.5,), (3.0,))


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    yield monkeypatch
    close_reader()


def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_is_read(
    tmp_path: Path, small_limits: pytest.MonkeyPatch
) -> None:
    close_reader()
    small_limits.setattr(reader_client, "MEMORY_LIMIT_MB", 100)
    large = text(tmp_path / "large.csv", "a,b\n" + "".join(f"{n},{n}x\n" for n in range(600_000)))
    assert "memory" in refusal(large)
    assert list(read_table(text(tmp_path / "a.csv", "id\n1\n")).frame["id"]) == ["1"]


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read(
    tmp_path: Path, small_limits: pytest.MonkeyPatch
) -> None:
    close_reader()
    small_limits.setattr(reader_client, "CPU_LIMIT_S", 0)  # a second at most
    large = text(tmp_path / "large.csv", "a,b\n" + "".join(f"{n},{n}x\n" for n in range(1_200_000)))
    assert "takes longer than 0 s" in refusal(large)
    assert list(read_table(text(tmp_path / "a.csv", "id\n1\n")).frame["id"]) == ["1"]


def test_a_reading_process_that_dies_is_replaced(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "id\n1\n")
    read_table(path)
    reader_client._current[0].process.kill()
    reader_client._current[0].process.wait()
    assert list(read_table(path).frame["id"]) == ["1"]


def test_a_name_cannot_lead_gdal_elsewhere(tmp_path: Path) -> None:
    content = (
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"id": 1}, "geometry": null}]}'
    )
    for name in ("%2e.geojson", "a!b.geojson", "zip:a.geojson", "ESRIJSON:http:x.geojson", "Danh sách (1).geojson"):
        assert list(read_table(text(tmp_path / name, content)).frame["id"]) == ["1"]
