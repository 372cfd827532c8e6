import subprocess
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point

from phusong.geodata.encodings import (
    decode_file,
    decode_tcvn3,
    decode_vni,
    encode_legacy,
    is_syllable,
    lost_capitals_note,
    recover_column,
)
from phusong.geodata.errors import InputError
from phusong.geodata.readers import read_table

TONED = "áàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
LOWER = TONED + "ăâđêôơư"
NAMES = ("Đồng Hới", "Lệ Thủy", "Quảng Trạch", "Phường Hải Thành", "Trường Sơn", "Dân Hóa", "Bố Trạch", "Kim Phú")


def cp1258(text: str) -> bytes:
    """Windows-1258 as the system writes it: a letter, then its tone as a mark of its own."""
    return subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", "CP1258"], input=text.encode(), capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("raw", "name"), [("L\xd6 Th\xf1y", "Lệ Thủy"), ("§ång Híi", "Đồng Hới"), ("Qu¶ng TiÕn", "Quảng Tiến")]
)
def test_tcvn3_of_official_files_is_read(raw: str, name: str) -> None:
    assert decode_tcvn3(raw) == name


def test_vni_is_read() -> None:
    assert decode_vni("Ñoàng Hôùi, Leä Thuûy, Quaûng Trò, Myõ Thuûy, kyø, kyû, kyõ, kî") == (
        "Đồng Hới, Lệ Thủy, Quảng Trị, Mỹ Thủy, kỳ, kỷ, kỹ, kỵ"
    )


def test_the_table_of_tcvn3_is_that_of_the_c_library() -> None:
    for byte in (byte for byte in range(0xA1, 0x100) if not 0xB0 <= byte <= 0xB4):
        command = ["iconv", "-f", "TCVN5712-1", "-t", "UTF-8"]
        theirs = subprocess.run(command, input=bytes([byte]), capture_output=True, check=True).stdout.decode()
        assert decode_tcvn3(chr(byte)) == theirs


@given(st.text(alphabet=LOWER + "ĂÂÊÔƠƯĐ bcdghklmnpqrstvx,.0123456789"))
def test_tcvn3_is_read_as_it_was_written(text: str) -> None:
    assert decode_tcvn3(encode_legacy(text, "tcvn3")) == text


@given(st.lists(st.sampled_from([*LOWER, *LOWER.upper(), *"bcdghklmnpqrstvx,."])))
def test_vni_is_read_as_it_was_written(letters: list[str]) -> None:
    text = " ".join(letters)
    assert decode_vni(encode_legacy(text, "vni")) == text


def test_capitals_with_tones_become_small_letters_in_tcvn3_and_are_reported() -> None:
    read = decode_tcvn3(encode_legacy("TỈNH QUẢNG BÌNH", "tcvn3"))
    assert read == "TỉNH QUảNG BìNH"
    assert lost_capitals_note([read, "Đồng Hới"]) == "; capitals with tones are lost in 3 words, such as TỉNH"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8-sig", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1258", "tcvn3", "vni"],
)
def test_the_encoding_of_a_file_is_found(encoding: str) -> None:
    text = "mã,tên\n" + "".join(f"{number},{place}\n" for number, place in enumerate(NAMES))
    if encoding in ("tcvn3", "vni"):
        content = encode_legacy(text, encoding).encode("latin-1")
    else:
        content = cp1258(text) if encoding == "cp1258" else text.encode(encoding)
    decoded = decode_file(content, file="a.csv")
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert bool(decoded.note) == (encoding not in ("utf-8", "utf-8-sig"))


def test_a_named_encoding_is_used_and_an_unknown_one_refused() -> None:
    assert decode_file(b"Qu\xb6ng", file="a.csv", encoding="TCVN3").text == "Quảng"
    with pytest.raises(InputError, match=r"a\.csv is not klingon text"):
        decode_file(b"a", file="a.csv", encoding="klingon")


def test_a_few_bad_bytes_in_utf8_spoil_their_rows_only() -> None:
    lines = [f"{number},{name}".encode() for number, name in enumerate(NAMES)]
    lines[3] = b"3,\xff\xfe\xe1"
    decoded = decode_file(b"\n".join(lines), file="a.csv")
    assert ["\ufffd" in line for line in decoded.text.split("\n")] == [number == 3 for number in range(len(NAMES))]
    assert decoded.note == "encoding: UTF-8 with bytes that are not, in 1 lines"


@pytest.mark.parametrize("word", ["Nghĩa", "Huỳnh", "quốc", "Giêng", "gì", "Đắc", "yên", "Hoà", "Hòa", "khuỷu", "ươm"])
def test_vietnamese_syllables_are_known(word: str) -> None:
    assert is_syllable(word)


@pytest.mark.parametrize("word", ["Híi", "§ång", "Xaõ", "bác\u0323", "Café", "các\u0300", "đươt", "tach\u0300"])
def test_other_words_are_no_syllables(word: str) -> None:
    assert not is_syllable(word)


def test_text_that_is_right_is_left_alone() -> None:
    assert recover_column(["Đồng Hới", "Hà Nam"]) is None
    assert recover_column(["Hà Nam", "An Bình", "plain"]) is None
    assert recover_column(["Café", "Zürich"]) is None


@pytest.mark.parametrize(("suffix", "driver"), [("shp", "ESRI Shapefile"), ("tab", "MapInfo File")])
@pytest.mark.parametrize("encoding", ["tcvn3", "vni"])
def test_legacy_text_inside_mapinfo_and_dbf_is_read(tmp_path: Path, suffix: str, driver: str, encoding: str) -> None:
    columns = {
        "id": [f"a{number}" for number in range(len(NAMES))],
        "name": [encode_legacy(n, encoding) for n in NAMES],
    }
    frame = gpd.GeoDataFrame(columns, geometry=[Point(106.5, 17.5)] * len(NAMES), crs="EPSG:4326")
    frame.to_file(tmp_path / f"a.{suffix}", driver=driver, engine="pyogrio", encoding="ISO-8859-1")
    table = read_table(tmp_path / f"a.{suffix}")
    assert list(table.frame["name"]) == list(NAMES)
    assert table.notes
    assert "found by their words" in table.notes[0]
    if suffix == "shp":
        assert list(read_table(tmp_path / "a.dbf").frame["name"]) == list(NAMES)
