"""Damaged files: each is accepted with a report or refused with one sentence, and what is untouched in it stays."""

import io
import tempfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phusong.geodata.encodings import encode_legacy
from phusong.geodata.errors import PhusongError
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace

HEADER = [
    "STT",
    "Mã trạm",
    "Doanh nghiệp",
    "Xã",
    "Kinh độ",
    "Vĩ độ",
    "Chiều cao cột (m)",
    "Công nghệ",
    "Ngày phát sóng",
]
ROWS = [
    [str(n), f"QB{n:03}", "Viettel", "Xã Lệ Thủy", f"106,5{n:03}", "17,5123", "27,5", "3G/4G", "23/04/2014"]
    for n in range(30)
]
TABLE = [["DANH SÁCH TRẠM BTS"], HEADER, *ROWS, ["Tổng cộng: 30 trạm"]]
TEXT = "".join(";".join(row) + "\n" for row in TABLE)


def workbook() -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in TABLE:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


FILES = {
    "utf8.csv": TEXT.encode(),
    "utf16.csv": TEXT.encode("utf-16"),
    "tcvn3.csv": encode_legacy(TEXT, "tcvn3").encode("latin-1"),
    "book.xlsx": workbook(),
}


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(FILES)))
    content = FILES[name]
    place = draw(st.integers(0, len(content) - 1))
    piece = draw(st.one_of(st.binary(max_size=40), st.sampled_from([b'"', b"\x00", b";", b"x" * 100_000, b"\xff\xfe"])))
    removed = draw(st.sampled_from([0, 1, 40, len(content)]))
    return name, content[:place] + piece + content[place + removed :]


def imported(folder: Path, name: str, content: bytes) -> dict[str, tuple[object, ...]]:
    """Stations by id as they are stored; nothing where the file is refused, with a sentence of one line."""
    workspace = Workspace.create(tempfile.mkdtemp(dir=folder), crs="EPSG:32648")
    (folder / name).write_bytes(content)
    try:
        report = import_layer(workspace, "stations", folder / name, crs="EPSG:4326")
    except PhusongError as error:
        refusal = error
    else:
        refusal = None
    if refusal is not None:
        assert "\n" not in str(refusal)
        assert refusal.vi
        return {}
    stored = workspace.read_layer("stations")
    assert len(stored) == report.accepted > 0
    wanted = stored[["technology", "height_agl_m", "on_air_from"]]
    places = zip(stored.geometry.x.round(6), stored.geometry.y.round(6), strict=True)
    rows = zip(places, *(wanted[name] for name in wanted), strict=True)
    return dict(zip(stored["station_id"], rows, strict=True))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutants())
def test_a_damaged_file_is_accepted_with_a_report_or_refused_with_a_sentence(
    tmp_path: Path, mutant: tuple[str, bytes]
) -> None:
    imported(tmp_path, *mutant)


@pytest.mark.parametrize("name", ["utf8.csv", "tcvn3.csv"])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(0, 29), piece=st.binary(min_size=1, max_size=30))
def test_the_rows_beside_a_damaged_one_are_accepted_unchanged(
    tmp_path: Path, name: str, row: int, piece: bytes
) -> None:
    lines = FILES[name].split(b"\n")
    lines[row + 2] = piece.replace(b"\n", b"").replace(b'"', b"")
    whole, left = imported(tmp_path, name, FILES[name]), imported(tmp_path, name, b"\n".join(lines))
    assert len(whole) == 60
    untouched = {f"QB{number:03}-{tech}" for number in range(30) if number != row for tech in ("3G", "4G")}
    assert {key: value for key, value in left.items() if key in untouched} == {key: whole[key] for key in untouched}
