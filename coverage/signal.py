"""From path loss to the level of each station, and to the best server of each technology and operator.

Levels are quantised to 0.01 dB before any comparison, and of equal levels the smaller station id wins, so that the
result depends neither on the order of the stations nor on the number of threads. Interference is left out.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.antenna import PATTERNS, compiled, depression_deg, sector_gain_db
from phusong.coverage.link import reference_signal
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.stations import Station
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid

NO_LOSS_CDB = -32768  # a loss that was not computed
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SignalGrid:
    """Best signal of one technology and operator on the analysis grid.

    Attributes
    ----------
    rsrp_cdbm
        Best level `[y, x]`, -32768 where none was computed [0.01 dBm].
    server
        Row of the serving station in the eligible table `[y, x]`, -1 none.
    """

    technology: str
    operator: str
    rsrp_cdbm: npt.NDArray[np.int16]
    server: npt.NDArray[np.int32]


class Sectors(NamedTuple):
    """The sectors of a station as arrays `[n_sector]`; an omnidirectional one has azimuth NaN."""

    level_dbm: Floats  # EIRP of the reference signal at the antenna's maximum
    azimuth_deg: Floats
    downtilt_deg: Floats


def sectors_of(station: Station) -> Sectors:
    """The reference-signal EIRP, azimuth and tilt of every sector of a station.

    Raises
    ------
    InputError
        An antenna whose pattern is not known.
    OutOfValidityError
        A bandwidth that the station's technology does not have.
    """
    share = reference_signal(station.technology, station.bandwidth_mhz).share_db
    for sector in station.sectors:
        if sector.antenna not in PATTERNS:
            raise InputError(
                f"station {station.station_id}: antenna {sector.antenna!r} is not known; use {' or '.join(PATTERNS)}",
                vi=f"trạm {station.station_id}: không biết ăng-ten {sector.antenna!r}; "
                f"hãy dùng {' hoặc '.join(PATTERNS)}",
            )
    turning = [math.nan if s.azimuth_deg is None or s.antenna == "omni" else s.azimuth_deg for s in station.sectors]
    return Sectors(
        np.array([s.eirp_dbm + share for s in station.sectors]),
        np.array(turning, dtype=float),
        np.array([s.downtilt_deg for s in station.sectors]),
    )


def quantise_cdb(loss_db: npt.NDArray[np.floating]) -> npt.NDArray[np.int16]:
    """Loss in steps of 0.01 dB, at most 327.67 dB; NaN becomes -32768."""
    steps = np.clip(np.rint(np.asarray(loss_db) * 100.0), 0.0, 32767.0)
    return np.where(np.isnan(steps), NO_LOSS_CDB, steps).astype(np.int16)


@compiled
def _strongest_dbm(level_dbm, azimuth_deg, downtilt_deg, east_m, north_m, drop_m, radius_m):
    """Strongest sector's EIRP towards a place, pattern included [dBm]."""
    bearing = math.degrees(math.atan2(east_m, north_m))
    below = depression_deg(math.hypot(east_m, north_m), drop_m, radius_m)
    best = -np.inf
    for i in range(level_dbm.size):
        level = level_dbm[i]
        if not math.isnan(azimuth_deg[i]):
            level += sector_gain_db(bearing - azimuth_deg[i], below, downtilt_deg[i])
        best = max(best, level)
    return best


@compiled
def _levels(
    level_dbm, azimuth_deg, downtilt_deg, loss_cdb, terrain, col, row, pixel_m, antenna_amsl_m, rx_agl_m, radius_m, out
):
    ny, nx = loss_cdb.shape
    for i in range(ny):
        for j in range(nx):
            loss = loss_cdb[i, j]
            if loss == NO_LOSS_CDB:
                out[i, j] = NO_SIGNAL_CDBM
                continue
            east, north = (j - col) * pixel_m, (row - i) * pixel_m
            drop = antenna_amsl_m - terrain[i, j] - rx_agl_m
            level = _strongest_dbm(level_dbm, azimuth_deg, downtilt_deg, east, north, drop, radius_m)
            out[i, j] = min(max(round(level * 100.0) - loss, NO_SIGNAL_CDBM + 1), 32767)


def compute_levels_cdbm(
    sectors: Sectors,
    loss_cdb: npt.NDArray[np.int16],
    terrain_m: npt.NDArray[np.float32],
    grid: Grid,
    *,
    x_m: float,
    y_m: float,
    antenna_amsl_m: float,
    rx_height_agl_m: float,
    effective_radius_km: float,
) -> npt.NDArray[np.int16]:
    """Level of a station at the pixels of its field, strongest sector [0.01 dBm].

    Parameters
    ----------
    sectors
        The station's sectors.
    loss_cdb
        Path loss `[y, x]`, -32768 where not computed [0.01 dB].
    terrain_m
        Terrain height of the same pixels `[y, x]` [m amsl].
    grid
        Grid of those pixels.
    x_m, y_m, antenna_amsl_m
        The antenna in the CRS of the grid, and above sea level [m].
    """
    col, row = (float(part) for part in grid.pixel_position(x_m, y_m))
    out = np.empty(loss_cdb.shape, np.int16)
    _levels(
        *sectors, loss_cdb, terrain_m, col, row, grid.resolution_m, antenna_amsl_m, rx_height_agl_m,
        1e3 * effective_radius_km, out,
    )  # fmt: skip
    return out


def compute_point_levels_dbm(
    sectors: Sectors,
    loss_db: Floats,
    *,
    east_m: Floats,
    north_m: Floats,
    drop_m: Floats,
    effective_radius_km: float,
) -> Floats:
    """Level of a station at points, strongest sector, quantised to 0.01 dB [dBm].

    Parameters
    ----------
    loss_db
        Path loss to each point `[n]` [dB].
    east_m, north_m, drop_m
        Position of each point from the antenna, and height of the antenna above the receiver `[n]` [m].
    """
    levels = [
        _strongest_dbm(*sectors, e, n, d, 1e3 * effective_radius_km)
        for e, n, d in zip(east_m, north_m, drop_m, strict=True)
    ]
    return np.rint(np.array(levels) * 100.0) / 100.0 - np.rint(loss_db * 100.0) / 100.0


@compiled
def _merge(best, server, levels, code, top, left):
    for i in range(levels.shape[0]):
        for j in range(levels.shape[1]):
            level = levels[i, j]
            held = best[top + i, left + j]
            if level > held or (level == held and level != NO_SIGNAL_CDBM and code < server[top + i, left + j]):
                best[top + i, left + j] = level
                server[top + i, left + j] = code


class BestServer:
    """The best signal of one technology and operator, filled station by station.

    Merging is associative and commutative: (higher level, then smaller station code).
    """

    def __init__(self, technology: str, operator: str, shape: tuple[int, int]) -> None:
        self.technology = technology
        self.operator = operator
        self._rsrp = np.full(shape, NO_SIGNAL_CDBM, np.int16)
        self._server = np.full(shape, -1, np.int32)

    def merge(self, levels_cdbm: npt.NDArray[np.int16], code: int, row: int, col: int) -> None:
        """Take the levels of station `code` whose window begins at `row`, `col`."""
        _merge(self._rsrp, self._server, levels_cdbm, code, row, col)

    def grid(self) -> SignalGrid:
        """The result so far."""
        return SignalGrid(self.technology, self.operator, self._rsrp, self._server)
