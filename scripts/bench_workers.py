"""A full computation on Dask workers of one thread: two of them against one, all on this machine.

Every computation begins with an empty cache on a copy of the workspace. The workers have loaded their kernels before.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from phusong.coverage.cluster import Remote
from phusong.coverage.compute import compute
from phusong.geodata.workspace import Workspace
from scripts.bench_machine import in_own_process, peak_memory_mb
from scripts.bench_province import AS_OF, compile_kernels
from scripts.dask_processes import running_cluster

COUNTS = (1, 2)


def measure_workers(folder: Path) -> dict[str, Any]:
    """Seconds on one worker and on two, and the efficiency: a half of how many times faster two are."""
    in_own_process(compile_kernels)
    found: dict[str, Any] = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as aside:
            copy = Path(aside) / "workspace"
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("cache", "store", "runs"))
            with running_cluster(Path(aside) / "cluster", count) as running:
                in_own_process(compile_kernels, Remote(running.address))
                before = [_processor_s(worker.pid) for worker in running.workers]
                measured, client_mb = in_own_process(_compute, copy, running.address)
                spent = [_processor_s(worker.pid) for worker in running.workers]
                peaks = [peak_memory_mb(worker.pid) for worker in running.workers]
        found[f"{count}_workers" if count > 1 else "1_worker"] = {
            **measured,
            "workers_processor_s": [round(after - begun, 1) for begun, after in zip(before, spent, strict=True)],
            "client_peak_memory_mb": client_mb,
            "workers_peak_memory_mb": peaks,
        }
    one, two = found["1_worker"], found["2_workers"]
    equal = one["run_id"] == two["run_id"]
    return {**found, "efficiency": round(one["full_s"] / (2 * two["full_s"]), 3), "equal_runs": equal}


def _compute(folder: Path, scheduler: str) -> dict[str, Any]:
    begin = time.perf_counter()
    done = compute(Workspace.open(folder), as_of=AS_OF, remote=Remote(scheduler))
    seconds = round(time.perf_counter() - begin, 1)
    return {"full_s": seconds, "stages_s": done.manifest["timings"], "run_id": done.run_id}


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
