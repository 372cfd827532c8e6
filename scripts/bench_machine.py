"""What a figure was measured on, and how: processor time, wall time, and the peak memory of a process of its own."""

import importlib.metadata
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Answer = TypeVar("Answer")
PACKAGES = ("numba", "llvmlite", "numpy", "phusong")


def describe_machine() -> dict[str, Any]:
    """Cores, processor, memory and versions."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return platform.processor() or platform.machine()
    lines = facts.read_text().splitlines()
    fields = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    fields = {name.strip(): value for name, value in fields.items()}
    return f"{fields.get('model name', '?')}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"


def processor_seconds(run: Callable[[], object], repeat: int) -> float:
    """Median processor time of all threads, after one run that is not counted (it compiles)."""
    return _median(run, repeat, time.process_time)


def wall_seconds(run: Callable[[], object], repeat: int) -> float:
    """Median wall time after one run that is not counted."""
    return _median(run, repeat, time.perf_counter)


def _median(run: Callable[[], object], repeat: int, clock: Callable[[], float]) -> float:
    run()
    times = []
    for _ in range(repeat):
        begin = clock()
        run()
        times.append(clock() - begin)
    return statistics.median(times)


def in_own_process(run: Callable[..., Answer], *arguments: Any) -> tuple[Answer, float]:
    """The answer of a function called in a fresh process, and that process's peak resident memory [MB]."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, run, arguments).result()


def _with_peak(run: Callable[..., Answer], arguments: tuple[Any, ...]) -> tuple[Answer, float]:
    answer = run(*arguments)
    return answer, peak_memory_mb()


def peak_memory_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process [MB]; on Linux without what its parent held; elsewhere our own."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        kib = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        return round(int(kib) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
