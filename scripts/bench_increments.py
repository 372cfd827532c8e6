"""A province after new site data: from the import of the changed list to the published run, beside a full computation.

The edits follow one another in one process on a copy of the workspace, as in a service that stays up; the list of
stations is imported whole each time, as a department sends it.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.affinity import translate

from phusong.coverage.compute import compute
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace
from scripts.bench_province import AS_OF, compile_kernels, megabytes

SEED = 25
SHIFT_DEG = 0.012  # of a new mast from the one it is copied from
N_MANY, N_MANY_MASTS = 25, 10


def measure_increments(folder: Path) -> dict[str, Any]:
    """Seconds of a full computation, and of every edit that follows it, with its ratio to the full one."""
    compile_kernels()
    full_s = _seconds(lambda: compute(Workspace.open(folder), as_of=AS_OF, full=True))
    stations = Workspace.open(folder).read_layer("stations")
    masts = np.random.default_rng(SEED).permutation(stations["mast_id"].unique())
    edits = {
        "unchanged": None,
        "one_new_mast_3_bands": pd.concat([stations, _new_mast(stations)]),
        "mast_gone_again": stations,
        f"{N_MANY}_stations_on_{N_MANY_MASTS}_masts": pd.concat([stations, _new_stations(stations, masts)]),
        "they_are_gone_again": stations,
        "one_mast_removed": stations[stations["mast_id"] != masts[-1]],
    }
    found: dict[str, Any] = {"stations": len(stations), "masts": len(masts), "full_s": round(full_s, 1)}
    for name, table in edits.items():
        found[name] = _measure_edit(folder, table) if table is not None else _measure_unchanged(folder)
        found[name]["to_full"] = round(found[name]["seconds"] / full_s, 4)
    return found | {f"{part}_mb": megabytes(folder / part) for part in ("cache", "store")}


def _measure_unchanged(folder: Path) -> dict[str, Any]:
    published: list[bool] = []
    seconds = _seconds(lambda: published.append(compute(Workspace.open(folder), as_of=AS_OF).published))
    return {"seconds": round(seconds, 2), "published": published[0]}


def _measure_edit(folder: Path, stations: pd.DataFrame) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "stations.gpkg"
        table = gpd.GeoDataFrame(stations.drop(columns=["source", "source_row"]), crs=4326)
        table.reset_index(drop=True).to_file(path, layer="stations")
        imported = _seconds(lambda: import_layer(Workspace.open(folder), "stations", path, replace=True))
    stages: list[dict[str, float]] = []
    computed = _seconds(lambda: stages.append(compute(Workspace.open(folder), as_of=AS_OF).manifest["timings"]))
    return {
        "seconds": round(imported + computed, 2),
        "import_s": round(imported, 2),
        "compute_s": round(computed, 2),
        "stages_s": stages[0],
    }


def _new_mast(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Three bands of one mast, on a mast beside it."""
    bands = stations.groupby("mast_id")["band_mhz"].transform("nunique")
    chosen = stations[stations["mast_id"] == stations.loc[bands >= min(3, bands.max()), "mast_id"].iloc[0]]
    return _beside(chosen.drop_duplicates("band_mhz").iloc[:3])


def _new_stations(stations: gpd.GeoDataFrame, masts: np.ndarray[Any, Any]) -> gpd.GeoDataFrame:
    per_mast = -(-N_MANY // N_MANY_MASTS)
    sizes = stations["mast_id"].value_counts()
    large = [mast for mast in masts if sizes[mast] >= min(per_mast, sizes.max())][:N_MANY_MASTS]
    chosen = stations[stations["mast_id"].isin(large)].groupby("mast_id").head(per_mast)
    return _beside(chosen.iloc[:N_MANY])


def _beside(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    moved = stations.geometry.map(lambda point: translate(point, SHIFT_DEG, -SHIFT_DEG / 2))
    return stations.assign(
        station_id="new-" + stations["station_id"], mast_id="new-" + stations["mast_id"]
    ).set_geometry(moved, crs=stations.crs)


def _seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
