"""Measurements of several files: times in every form, repeats left out, later files added."""

from pathlib import Path

import pandas as pd
import pytest

from phusong.geodata.errors import InputError
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace

HEADER = "lon,lat,technology,operator,rsrp_dbm,measured_at,cell_id\n"
ROWS = ("106.5,17.5,4G,Viettel,-95,2025-06-01 08:00:00,7", "106.5,17.5,4G,Viettel,-95.5,2025-06-01 08:00:01,7")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "W", crs="EPSG:32648", resolution_m=100)


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_repeated_measurements_are_left_out_and_counted(workspace: Workspace, tmp_path: Path) -> None:
    report = import_layer(workspace, "measurements", write(tmp_path / "a.csv", *ROWS, ROWS[0]))
    assert (report.accepted, report.refused) == (2, 0)
    assert "1 rows repeat another one and were left out" in report.notes
    stored = workspace.read_layer("measurements")
    assert list(stored["source"]) == ["a.csv", "a.csv"]


def test_a_second_file_is_added_and_the_same_again_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    first, both = write(tmp_path / "a.csv", ROWS[0]), write(tmp_path / "b.csv", *ROWS)
    import_layer(workspace, "measurements", first)
    for _ in range(2):
        import_layer(workspace, "measurements", both, append=True)
        assert list(workspace.read_layer("measurements")["rsrp_dbm"]) == [-95, -95.5]


def test_without_a_word_a_layer_is_neither_replaced_nor_added_to(workspace: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *ROWS)
    import_layer(workspace, "measurements", path)
    with pytest.raises(InputError, match="--append"):
        import_layer(workspace, "measurements", path)


def test_an_observation_added_again_takes_the_place_of_the_former(workspace: Workspace, tmp_path: Path) -> None:
    header = "settlement_id,indicator,value,source,observed_on,kind\n"
    row = "T1,signal,{},CV 12,2025-06-01,official_list"
    import_layer(workspace, "observations", write(tmp_path / "a.csv", row.format("none"), header=header))
    path = write(tmp_path / "b.csv", row.format("lõm sóng"), "T2,Điện,có,CV 12,01/06/2025,khảo sát", header=header)
    import_layer(workspace, "observations", path, append=True)
    stored = pd.DataFrame(workspace.read_layer("observations"))
    assert stored[["settlement_id", "indicator", "value", "kind"]].to_numpy().tolist() == [
        ["T1", "signal", "weak", "official_list"], ["T2", "power", "yes", "survey"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2025-06-01T08:00:00", "2025-06-01T08:00:00"), ("01/06/2025 8:05", "2025-06-01T08:05:00"),
        ("2025-06-01", "2025-06-01T00:00:00"), ("1748764800", "2025-06-01T08:00:00+00:00"),
        ("1748764800123", "2025-06-01T08:00:00+00:00"), ("2025-06-01 08:00:00.250", "2025-06-01T08:00:00"), ("", None),
    ],
)  # fmt: skip
def test_a_time_is_read_in_every_usual_form(
    workspace: Workspace, tmp_path: Path, written: str, stored: str | None
) -> None:
    import_layer(workspace, "measurements", write(tmp_path / "a.csv", f"106.5,17.5,lte,45204,-95,{written},7"))
    row = workspace.read_layer("measurements").iloc[0]
    assert (row["measured_at"], row["technology"], row["operator"]) == (stored, "4G", "Viettel")


def test_what_is_no_time_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS[0], "106.5,17.5,4G,Viettel,-95,yesterday,7")
    report = import_layer(workspace, "measurements", path)
    assert [(issue.row, issue.field, issue.code) for issue in report.rows] == [(3, "measured_at", "not_a_time")]


def test_rscp_of_a_drive_test_with_foreign_headers_is_taken(workspace: Workspace, tmp_path: Path) -> None:
    header = "Kinh độ,Vĩ độ,Công nghệ,Nhà mạng,RSCP (dBm),Thời gian,Cell ID\n"
    path = write(tmp_path / "a.csv", "106.5,17.5,WCDMA,Vinaphone,-88,01/06/2025 08:00,12", header=header)
    import_layer(workspace, "measurements", path, crs="EPSG:4326")
    row = workspace.read_layer("measurements").iloc[0]
    assert (row["technology"], row["operator"], row["rsrp_dbm"], row["cell_id"]) == ("3G", "VNPT", -88, "12")
