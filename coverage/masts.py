"""Stations grouped by position and height, and the pixels and tiles that each group can reach."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phusong.coverage.prepare import Prepared
from phusong.coverage.tiles import TILE_PX, Box, Corner

BLOCK_ROWS = 64  # looked at together for the first wanted pixel
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
        if self.window is None:
            return
        top, left, bottom, right = self.window
        for row in range(top - top % TILE_PX, bottom, TILE_PX):
            for col in range(left - left % TILE_PX, right, TILE_PX):
                yield (row, col), self.window.cut(Box(row, col, row + TILE_PX, col + TILE_PX))


def find_geometries(prepared: Prepared, radius_m: float) -> list[Geometry]:
    """Group the stations that serve by position and height, in the order of their first station."""
    groups: dict[tuple[float, float, float], list[int]] = {}
    for code, station in enumerate(prepared.stations):
        key = (float(prepared.x_m[code]), float(prepared.y_m[code]), station.height_agl_m)
        groups.setdefault(key, []).append(code)
    return [
        Geometry(
            x_m, y_m, height_agl_m,
            freqs_ghz=tuple(sorted({prepared.stations[code].band_mhz / 1000.0 for code in codes})),
            stations=tuple(codes),
            window=_window_of(prepared, x_m, y_m, radius_m),
        )
        for (x_m, y_m, height_agl_m), codes in groups.items()
    ]  # fmt: skip


def _window_of(prepared: Prepared, x_m: float, y_m: float, radius_m: float) -> Box | None:
    grid = prepared.grid
    row, col = (int(v) for v in grid.index(x_m, y_m))
    reach = int(np.ceil(radius_m / grid.resolution_m)) + 1
    top, left = max(row - reach, 0), max(col - reach, 0)
    wanted = prepared.wanted.values[top : row + reach + 1, left : col + reach + 1]
    if not wanted.any():
        return None
    first_row, last_row = min(top + _first_row(wanted), row), max(top + len(wanted) - 1 - _first_row(wanted[::-1]), row)
    across = wanted.T
    first_col, last_col = (
        min(left + _first_row(across), col),
        max(left + len(across) - 1 - _first_row(across[::-1]), col),
    )
    whole = Box(0, 0, *grid.shape)
    return whole.cut(
        Box(
            first_row - RAY_MARGIN_PX,
            first_col - RAY_MARGIN_PX,
            last_row + RAY_MARGIN_PX + 1,
            last_col + RAY_MARGIN_PX + 1,
        )
    )


def _first_row(mask: npt.NDArray[np.bool_]) -> int:
    """First row of a mask that has a true pixel; looks no further."""
    blocks = range(0, len(mask), BLOCK_ROWS)
    hits = (start + np.flatnonzero(mask[start : start + BLOCK_ROWS].any(axis=1)) for start in blocks)
    return next(int(rows[0]) for rows in hits if rows.size)
