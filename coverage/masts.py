"""Stations grouped by position and height, and the pixels and tiles that each group can reach."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.memory import Memory
from phusong.coverage.prepare import Prepared
from phusong.coverage.tiles import TILE_PX, Box, Corner
from phusong.geodata.grid import Grid

BAND_ROWS = 64
RAY_MARGIN_PX = 2  # a ray passes a pixel it serves at most this far away


@dataclass(frozen=True)
class Geometry:
    """A position and height with everything that stands there: one field, all bands in one pass.

    `stations` are rows of the eligible table, `freqs_ghz` their bands, ascending; `window` holds the wanted pixels
    within the radius, the mast, and what rays between them touch, None where no pixel is wanted.
    """

    x_m: float
    y_m: float
    height_agl_m: float
    freqs_ghz: tuple[float, ...]
    stations: tuple[int, ...]
    window: Box | None

    def tiles(self) -> Iterator[tuple[Corner, Box]]:
        """The tiles that the window meets, and the part of each that lies in it."""
        if self.window is not None:
            for row, col in self.corners():
                yield (row, col), self.window.cut(Box(row, col, row + TILE_PX, col + TILE_PX))

    def corners(self) -> Iterable[Corner]:
        """The tiles that the window meets."""
        if self.window is None:
            return ()
        top, left, bottom, right = self.window
        return product(range(top - top % TILE_PX, bottom, TILE_PX), range(left - left % TILE_PX, right, TILE_PX))


def find_geometries(prepared: Prepared, radius_m: float, *, memory: Memory | None = None) -> list[Geometry]:
    """Group the stations that serve by position and height, in the order of their first station.

    Parameters
    ----------
    memory
        What this process keeps from the computation before; None is nothing.
    """
    groups: dict[tuple[float, float, float], list[int]] = {}
    for code, station in enumerate(prepared.stations):
        key = (float(prepared.x_m[code]), float(prepared.y_m[code]), station.height_agl_m)
        groups.setdefault(key, []).append(code)
    windows = (memory or Memory()).fetch("windows", (prepared.ground, radius_m), lambda: _Windows(prepared, radius_m))
    return [
        Geometry(
            x_m, y_m, height_agl_m,
            freqs_ghz=tuple(sorted({prepared.stations[code].band_mhz / 1000.0 for code in codes})),
            stations=tuple(codes),
            window=windows.at(x_m, y_m),
        )
        for (x_m, y_m, height_agl_m), codes in groups.items()
    ]  # fmt: skip


class _Wanted(NamedTuple):
    """The wanted pixels `[y, x]`, and by column whether each `BAND_ROWS` of them hold any."""

    pixels: npt.NDArray[np.bool_]
    bands: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, pixels: npt.NDArray[np.bool_]) -> "_Wanted":
        bands = [pixels[row : row + BAND_ROWS].any(axis=0) for row in range(0, len(pixels), BAND_ROWS)]
        return cls(pixels, np.stack(bands))

    def columns(self, box: Box) -> npt.NDArray[np.bool_]:
        """Which columns of a box hold a wanted pixel."""
        first, across = -(-box.top // BAND_ROWS), slice(box.left, box.right)
        last = max(box.bottom // BAND_ROWS, first)
        parts = (
            self.pixels[box.top : min(first * BAND_ROWS, box.bottom), across],
            self.bands[first:last, across],
            self.pixels[last * BAND_ROWS : box.bottom, across],
        )
        found: npt.NDArray[np.bool_] = np.any([part.any(axis=0) for part in parts], axis=0)
        return found


class _Windows:
    """The windows of places, each found once."""

    def __init__(self, prepared: Prepared, radius_m: float) -> None:
        self._grid, self._radius_m = prepared.grid, radius_m
        self._wanted = _Wanted.of(prepared.wanted.values)
        self._found: dict[tuple[float, float], Box | None] = {}

    def at(self, x_m: float, y_m: float) -> Box | None:
        """The window of a mast, as in `Geometry`."""
        if (x_m, y_m) not in self._found:
            self._found[x_m, y_m] = _window_of(self._grid, self._wanted, x_m, y_m, self._radius_m)
        return self._found[x_m, y_m]


def _window_of(grid: Grid, wanted: _Wanted, x_m: float, y_m: float, radius_m: float) -> Box | None:
    row, col = (int(v) for v in grid.index(x_m, y_m))
    reach = int(np.ceil(radius_m / grid.resolution_m)) + 1
    whole = Box(0, 0, *grid.shape)
    near = whole.cut(Box(row - reach, col - reach, row + reach + 1, col + reach + 1))
    cols = np.flatnonzero(wanted.columns(near))
    if cols.size == 0:
        return None
    pixels = wanted.pixels[near.slices]
    first_row, last_row = min(near.top + _first_row(pixels), row), max(near.bottom - 1 - _first_row(pixels[::-1]), row)
    first_col, last_col = min(near.left + int(cols[0]), col), max(near.left + int(cols[-1]), col)
    return whole.cut(
        Box(
            first_row - RAY_MARGIN_PX,
            first_col - RAY_MARGIN_PX,
            last_row + RAY_MARGIN_PX + 1,
            last_col + RAY_MARGIN_PX + 1,
        )
    )


def _first_row(pixels: npt.NDArray[np.bool_]) -> int:
    """First row that holds a true pixel; rows are looked at no further than that."""
    blocks = range(0, len(pixels), BAND_ROWS)
    hits = (start + np.flatnonzero(pixels[start : start + BAND_ROWS].any(axis=1)) for start in blocks)
    return next(int(rows[0]) for rows in hits if rows.size)
