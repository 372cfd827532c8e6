"""Figures of a process of its own, its peak memory, and how fast the machine is at the moment."""

import json
import multiprocessing
import resource
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Answer = TypeVar("Answer")


def in_own_process(run: Callable[..., Answer], *arguments: Any) -> tuple[Answer, float]:
    """The answer of a function called in a fresh process, and that process's peak resident memory [MB]."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, run, arguments).result()


def _with_peak(run: Callable[..., Answer], arguments: tuple[Any, ...]) -> tuple[Answer, float]:
    answer = run(*arguments)
    return answer, peak_memory_mb()


def fixed_work_s() -> float:
    """Seconds that a piece of work takes which is always the same: a machine shared with others is slow at times."""
    begin = time.perf_counter()
    numbers = np.random.default_rng(1).normal(size=500_000)
    zlib.compress(np.sort(numbers).tobytes(), 1)
    json.loads(json.dumps(numbers[:100_000].tolist()))
    return time.perf_counter() - begin


def peak_memory_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process [MB]; on Linux without what its parent held; elsewhere our own."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        kib = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]
        return round(int(kib) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
