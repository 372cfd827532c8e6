"""Figures of a process of its own, and its peak memory."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Answer = TypeVar("Answer")


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
