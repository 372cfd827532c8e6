"""Large tables imported: a million stations as CSV with our columns, 200,000 as a department's workbook.

Each import runs by the command line, on the sample province's terrain and communes: the seconds are those of the whole
command, the processor time and memory those of both its processes.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
from pyproj import Transformer

from phusong.geodata.importing import import_layer
from phusong.geodata.rasters import import_terrain
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace

SEED = 746
CSV_ROWS, XLSX_ROWS = 1_000_000, 200_000
HEADER = ["STT", "Mã trạm", "Doanh nghiệp", "Xã", "X (m)", "Y (m)", "Độ cao cột (m)", "Công nghệ", "Ngày phát sóng"]


def measure_imports(csv_rows: int = CSV_ROWS, xlsx_rows: int = XLSX_ROWS) -> dict[str, Any]:
    """Seconds, processor seconds and memory of the two imports."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = _province(folder)
        communes = workspace.read_layer("communes")
        csv_file = _write_csv(folder / "stations.csv", _random_stations(communes, csv_rows))
        book = _write_workbook(folder / "stations.xlsx", _random_stations(communes, xlsx_rows))
        return {
            "csv_of_1e6_rows": _measure(folder, workspace, csv_file, csv_rows, "EPSG:4326"),
            "xlsx_of_2e5_rows": _measure(folder, workspace, book, xlsx_rows, "EPSG:9211"),
        }


def _province(folder: Path) -> Workspace:
    source = write_sample(folder / "source", resolution_m=300.0).parent
    workspace = Workspace.create(folder / "workspace", crs="EPSG:32648", resolution_m=300.0)
    import_terrain(workspace, source / "terrain.tif", terrain_kind="dtm")
    import_layer(workspace, "communes", source / "communes.gpkg")
    return workspace


def _random_stations(communes: gpd.GeoDataFrame, count: int) -> pd.DataFrame:
    """Stations at random points of the communes, three on each mast."""
    rng = np.random.default_rng(SEED)
    chosen = communes[communes.geometry.notna() & communes["valid_to"].isna()]
    masts = -(-count // 3)
    share = chosen.sample_points(-(-masts // len(chosen)), rng=SEED).explode()
    points = share.sample(masts, random_state=SEED)
    lon, lat = (np.repeat(part.round(6), 3)[:count] for part in (points.x.to_numpy(), points.y.to_numpy()))
    number = np.arange(count)
    return pd.DataFrame({
        "station_id": [f"S{value:07}" for value in number], "mast_id": [f"M{value // 3:06}" for value in number],
        "operator": np.array(["Viettel", "VNPT", "MobiFone"])[number // 3 % 3], "technology": "4G",
        "band_mhz": rng.choice([900, 1800, 2100], count), "bandwidth_mhz": 10, "lon": lon, "lat": lat,
        "height_agl_m": rng.integers(200, 600, count) / 10, "azimuths_deg": "0;120;240", "downtilt_deg": 4,
        "eirp_dbm": 60, "status": "live",
    })  # fmt: skip


def _write_csv(path: Path, stations: pd.DataFrame) -> Path:
    stations.to_csv(path, index=False)
    return path


def _write_workbook(path: Path, stations: pd.DataFrame) -> Path:
    """A department's list: its headers, VN-2000 with the northing first, decimal commas, dates dd/mm/yyyy."""
    to_vn2000 = Transformer.from_crs("EPSG:4326", "EPSG:9211", always_xy=True)
    east, north = to_vn2000.transform(stations["lon"].to_numpy(), stations["lat"].to_numpy())
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("Danh sách BTS")
    page.append(["DANH SÁCH TRẠM BTS"])
    page.append(HEADER)
    for position, row in enumerate(stations.itertuples()):
        place = [round(float(north[position]), 2), round(float(east[position]), 2)]
        height = str(row.height_agl_m).replace(".", ",")
        page.append([position + 1, row.station_id, row.operator, None, *place, height, "4G", "23/04/2014"])
    book.save(path)
    return path


def _measure(folder: Path, workspace: Workspace, file: Path, rows: int, crs: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "phusong.api.cli", "import", str(workspace.path), "stations", str(file)]
    before, start = os.times(), time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen([*command, "--crs", crs, "--replace"], stdout=said, stderr=subprocess.STDOUT)
        peak = _peak_memory_mb(process)
    seconds, after = time.perf_counter() - start, os.times()
    text = (folder / "said.txt").read_text(encoding="utf-8")
    if f"accepted {rows}, refused 0" not in text:
        raise RuntimeError(text[:1000])
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 1), "processor_s": round(processor, 1), "peak_memory_mb": round(peak)}


def _peak_memory_mb(process: subprocess.Popen[Any]) -> float:
    """The largest sum of memory of a process and its children, looked at often; waits for its end."""
    peak = 0.0
    ended = threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    while not ended.wait(0.1):
        peak = max(peak, sum(map(_resident_mb, [process.pid, *_children(process.pid)])))
    return peak


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0
