"""A province after edits, from import to published run and diff, in a running process and as commands.

Every edit is imported from a file, computed, published and compared with the run before. Beside each stands its ratio
to a full computation, which comes from the manifests of the workspace or is measured.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.affinity import translate

from phusong.api.diff_answer import diff_answer
from phusong.coverage.compute import compute
from phusong.coverage.diff import compare_runs
from phusong.coverage.memory import Memory
from phusong.coverage.results import Results, current_run_id, list_runs
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing
from scripts.bench_machine import fixed_work_s, in_own_process
from scripts.bench_province import AS_OF, compile_kernels, copy_inputs, megabytes

SEED = 25
SHIFT_DEG = 0.012  # of a new mast from the one it is copied from
N_NEW_MASTS = 6  # tried one after the other in each way: what one costs depends on where it stands
N_MANY, N_MANY_MASTS = 25, 10
UNCHANGED, NEW_MAST, MANY, REMOVED = "unchanged", "one_new_mast_3_bands", "25_stations_on_10_masts", "one_mast_removed"
LIMITS_S = {UNCHANGED: (2.0, 2.0), NEW_MAST: (4.0, 7.0), MANY: (20.0, 20.0), REMOVED: (20.0, 20.0)}


class Door(Protocol):
    """A way to import a file, compute and compare."""

    def take(self, file: Path, *, append: bool) -> None:
        """Import a file of stations."""

    def compute(self) -> None:
        """Compute and publish."""

    def diff(self, before: str, after: str) -> None:
        """Compare two runs."""


@dataclass(frozen=True)
class Running:
    """A process that goes on, like `phusong watch`."""

    folder: Path
    memory: Memory = field(default_factory=Memory)

    def take(self, file: Path, *, append: bool) -> None:
        """See `Door.take`."""
        with writing(self.folder, "import"):
            import_layer(Workspace.open(self.folder), "stations", file, append=append, replace=not append)

    def compute(self) -> None:
        """See `Door.compute`."""
        compute(Workspace.open(self.folder), as_of=AS_OF, memory=self.memory)

    def diff(self, before: str, after: str) -> None:
        """See `Door.diff`."""
        workspace = Workspace.open(self.folder)
        diff_answer(compare_runs(Results.open(workspace, before), Results.open(workspace, after))).model_dump_json()


@dataclass(frozen=True)
class Commands:
    """A new process for every step."""

    folder: Path

    def take(self, file: Path, *, append: bool) -> None:
        """See `Door.take`."""
        self.run("import", "stations", str(file), "--append" if append else "--replace")

    def compute(self) -> None:
        """See `Door.compute`."""
        self.run("compute", "--as-of", AS_OF.isoformat(), "--json")

    def diff(self, before: str, after: str) -> None:
        """See `Door.diff`."""
        self.run("diff", before, after, "--json")

    def run(self, command: str, *options: str) -> None:
        """Run a command."""
        called = [sys.executable, "-m", "phusong.api.cli", command, str(self.folder), *options]
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
        subprocess.run(called, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@contextmanager
def computed_workspace(given: Path | None, fresh: Callable[[], Any]) -> Iterator[Path | None]:
    """A copy of a workspace with its cache, store and runs, linked where the disk allows; or what `fresh` makes."""
    if given is None:
        with fresh() as folder:
            yield folder
        return
    with tempfile.TemporaryDirectory(dir=given.parent) as aside:
        copy = Path(aside) / "workspace"
        copy_inputs(given, copy)
        for name in ("cache", "store", "runs"):
            shutil.copytree(given / name, copy / name, copy_function=os.link, dirs_exist_ok=True)
        yield copy


def measure_increments(folder: Path, *, full: bool = False) -> dict[str, Any]:
    """Seconds of a full computation, and of every edit in a running process and as commands, with ratios to it.

    Parameters
    ----------
    folder
        The workspace; it is changed.
    full
        Measure the full computation though a manifest tells how long one took.
    """
    in_own_process(compile_kernels)
    workspace = Workspace.open(folder)
    full_s = 0.0 if full else max((sum(run["timings"].values()) for run in list_runs(workspace)), default=0.0)
    found: dict[str, Any] = {"full_s_from": "the manifests of the workspace" if full_s else "measured"}
    if not full_s:
        full_s, found["full_peak_memory_mb"] = in_own_process(_full_seconds, folder)
    stations = workspace.read_layer("stations")
    found |= {"full_s": round(full_s, 1), "resolution_m": workspace.settings.resolution_m}
    found |= {"stations": len(stations), "masts": int(stations["mast_id"].nunique())}
    found["running_process"], peak_mb = in_own_process(_measure_running, folder, full_s)
    found["running_process"]["peak_memory_mb"] = peak_mb
    found["commands"] = _measure_edits(Commands(folder), folder, full_s, way=1)
    found["one_command"] = _measure_watch(Commands(folder), folder, full_s)
    return found | {f"{part}_mb": megabytes(folder / part) for part in ("cache", "store")}


def _full_seconds(folder: Path) -> float:
    begin = time.perf_counter()
    compute(Workspace.open(folder), as_of=AS_OF, full=True)
    return time.perf_counter() - begin


def _measure_running(folder: Path, full_s: float) -> dict[str, Any]:
    door = Running(folder)
    gc.set_threshold(50_000)  # as `phusong watch` does
    gc.freeze()
    door.compute()
    with tempfile.TemporaryDirectory() as aside:  # what runs for the first time is read or compiled first
        file = _write(_new_mast(Workspace.open(folder).read_layer("stations"), way=0, number=N_NEW_MASTS), Path(aside))
        _measure_edit(door, folder, file, append=True)
    return _measure_edits(door, folder, full_s, way=0)


def _measure_edits(door: Door, folder: Path, full_s: float, *, way: int) -> dict[str, Any]:
    """Every edit after the other, of one new mast the slowest; each `way` has other masts: no field is known."""
    found: dict[str, Any] = {}
    for name, (limit_running_s, limit_s) in LIMITS_S.items():
        tried = []
        for number in range(N_NEW_MASTS if name == NEW_MAST else 1):
            with tempfile.TemporaryDirectory() as aside:
                table = _table(Workspace.open(folder), name, way=way, number=number)
                file = None if table is None else _write(table, Path(aside))
                tried.append(_beside_fixed_work(partial(_measure_edit, door, folder, file, append=name != REMOVED)))
        found[name] = _slowest(tried)
        found[name]["to_full"] = round(found[name]["seconds"] / full_s, 5)
        found[name]["limit_s"] = limit_running_s if isinstance(door, Running) else limit_s
    return found


def _table(workspace: Workspace, name: str, *, way: int, number: int) -> gpd.GeoDataFrame | None:
    """The stations that an edit brings, None for none."""
    stations = workspace.read_layer("stations")
    masts = np.random.default_rng(SEED + way).permutation(np.unique(stations["mast_id"].astype(str)))
    if name == NEW_MAST:
        return _new_mast(stations, way=way, number=number)
    if name == MANY:
        return _new_stations(stations, masts, f"many{way}")
    return stations[stations["mast_id"] != masts[-1]] if name == REMOVED else None


def _beside_fixed_work(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was measured, and the seconds of a fixed piece of work just before and after."""
    before = fixed_work_s()
    found = measure()
    return found | {"fixed_work_s": round((before + fixed_work_s()) / 2, 3)}


def _slowest(tried: list[dict[str, Any]]) -> dict[str, Any]:
    """What took longest; of several their median, and the seconds of each beside those of the fixed work."""
    tried.sort(key=lambda edit: float(edit["seconds"]))
    if len(tried) == 1:
        return tried[0]
    seconds = [edit["seconds"] for edit in tried]
    works = [edit["fixed_work_s"] for edit in tried]
    return tried[-1] | {"median_s": float(np.median(seconds)), "seconds_of_all": seconds, "fixed_works_s": works}


def _measure_watch(door: Commands, folder: Path, full_s: float) -> dict[str, Any]:
    """The same but for nothing new, each by `phusong watch --once` from a file of its own."""
    door.run("compute", "--json")  # what is published is for another day than today
    found: dict[str, Any] = {}
    for name in (NEW_MAST, MANY, REMOVED):
        tried = []
        for number in range(N_NEW_MASTS if name == NEW_MAST else 1):
            with tempfile.TemporaryDirectory() as aside:
                file = _write(_table(Workspace.open(folder), name, way=2, number=number), Path(aside))
                entry = f'[[layer]]\nlayer = "stations"\nfile = "{file.name}"\n'
                if name != REMOVED:
                    entry += "append = true\n"
                file.with_name("recipe.toml").write_text(entry, encoding="utf-8")
                tried.append(_beside_fixed_work(partial(_measure_inbox, door, folder, Path(aside))))
        found[name] = _slowest(tried)
        found[name] |= {"to_full": round(found[name]["seconds"] / full_s, 5), "limit_s": LIMITS_S[name][1]}
    return found


def _measure_inbox(door: Commands, folder: Path, inbox: Path) -> dict[str, Any]:
    seconds = _seconds(partial(door.run, "watch", str(inbox), "--once", "--settle", "0"))
    told = len(list(inbox.glob("done/*/diff.json")))
    stages_s = Results.open(Workspace.open(folder)).manifest["timings"]
    return {"seconds": round(seconds, 2), "published": told == 1, "stages_s": stages_s}


def _measure_edit(door: Door, folder: Path, file: Path | None, *, append: bool) -> dict[str, Any]:
    before = current_run_id(Workspace.open(folder)) or ""
    parts = {"import_s": _seconds(lambda: door.take(file, append=append))} if file else {}
    parts["compute_s"] = _seconds(door.compute)
    after = current_run_id(Workspace.open(folder)) or ""
    if file:
        parts["diff_s"] = _seconds(lambda: door.diff(before, after))
    found: dict[str, Any] = {"seconds": round(sum(parts.values()), 2), "published": after != before}
    if after != before:
        found["stages_s"] = Results.open(Workspace.open(folder)).manifest["timings"]
    return found | {name: round(seconds, 2) for name, seconds in parts.items()}


def _write(stations: pd.DataFrame, folder: Path) -> Path:
    """A file of stations as a user brings it."""
    table = gpd.GeoDataFrame(stations.drop(columns=["source", "source_row"]), crs=4326)
    path = folder / "stations.csv"
    plain = pd.DataFrame(table.drop(columns="geometry")).assign(lon=table.geometry.x, lat=table.geometry.y)
    plain.to_csv(path, index=False)
    return path


def _new_mast(stations: gpd.GeoDataFrame, *, way: int, number: int) -> gpd.GeoDataFrame:
    """Three bands of one mast, at one height, on a mast beside it; `way` and `number` choose the mast."""
    bands = stations.groupby("mast_id")["band_mhz"].transform("nunique")
    masts = stations.loc[bands >= min(3, bands.max()), "mast_id"].unique()
    place = (3 * number + way) * len(masts) // (3 * (N_NEW_MASTS + 1))
    chosen = stations[stations["mast_id"] == masts[place]].drop_duplicates("band_mhz").iloc[:3]
    return _beside(chosen.assign(height_agl_m=chosen["height_agl_m"].max()), f"new{way}{number}")


def _new_stations(stations: gpd.GeoDataFrame, masts: np.ndarray[Any, Any], name: str) -> gpd.GeoDataFrame:
    per_mast = -(-N_MANY // N_MANY_MASTS)
    sizes = stations["mast_id"].value_counts()
    large = [mast for mast in masts if sizes[mast] >= min(per_mast, sizes.max())][:N_MANY_MASTS]
    chosen = stations[stations["mast_id"].isin(large)].groupby("mast_id").head(per_mast)
    return _beside(chosen.iloc[:N_MANY], name)


def _beside(stations: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    moved = stations.geometry.map(lambda point: translate(point, SHIFT_DEG, -SHIFT_DEG / 2))
    names = {column: f"{name}-" + stations[column].astype(str) for column in ("station_id", "mast_id")}
    return stations.assign(**names).set_geometry(moved, crs=stations.crs)


def _seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
