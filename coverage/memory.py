"""What a running process keeps from one computation to the next, so that only what is new is read and hashed."""

import ctypes
import sys
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h of the GNU C library
LARGE_BYTES = 1 << 20


class Memory:
    """The last answer of every stage: units, ground, residents, windows of masts, keys.

    For one computation at a time.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], object]] = {}

    def fetch(self, stage: str, given: tuple[object, ...], compute: Callable[[], T]) -> T:
        """The answer of a stage: the last one where it was made from the same, else computed and kept.

        Parameters
        ----------
        given
            All that the answer follows from, compared by `==`: texts, numbers, and answers of other stages.
        """
        if stage not in self._kept or self._kept[stage][0] != given:
            self._kept.pop(stage, None)  # not two of them at once
            self._kept[stage] = (given, compute())
        return cast(T, self._kept[stage][1])


def give_back_large_arrays(*, heaps: int | None = None) -> None:
    """Let the GNU C library map every large array by itself, so that its memory is free when the array is.

    Left alone, the library takes ever larger arrays (to 32 MB) from a heap, where smaller ones keep what is freed from
    going back: the more fields are computed, the more memory stays with the process. Other libraries are left alone.

    Parameters
    ----------
    heaps
        From how many heaps all threads take the rest; None leaves every thread one of its own, which keeps what the
        thread once needed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
    if mallopt is not None and heaps is not None:
        mallopt(M_ARENA_MAX, heaps)
