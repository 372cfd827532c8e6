"""From path loss to the level of each station, and to the best server of each technology and operator.

Levels are quantised to 0.01 dB before any comparison, and of equal levels the smaller station id wins, so that the
result depends neither on the order of the stations nor on the number of threads. Interference is left out.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phusong.coverage.antenna import (
    TURN,
    Pattern,
    cuts_gain_db,
    depression_deg,
    envelope_38901,
    sector_gain_db,
    tilted_view,
)
from phusong.coverage.link import reference_signal
from phusong.coverage.propagation._compile import compiled
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.stations import Sector, Station
from phusong.geodata.errors import InputError
from phusong.geodata.grid import Raster
from phusong.geodata.schemas import ANTENNAS

NO_LOSS_CDB = -32768  # a loss that was not computed
NO_PATTERN, TR36814 = -2, -1  # antennas without cuts
NO_FILES: Mapping[str, Pattern] = MappingProxyType({})
Floats = npt.NDArray[np.float64]


class Shapes(NamedTuple):
    """What turned or shaped antennas add to `Sectors`: arrays `[n_sector]`, and the cuts of the antennas."""

    mechanical_deg: Floats
    antenna: npt.NDArray[np.int64]  # row of the cuts, or NO_PATTERN or TR36814
    cuts_db: Floats  # horizontal and vertical attenuation `[n_cut, 2, 361]`
    floor_db: Floats  # `[n_cut]`


class Sectors(NamedTuple):
    """The sectors of a station as arrays `[n_sector]`.

    Without shapes every antenna is that of TR 36.814, or omnidirectional where the azimuth is NaN: the compiled
    kernels are made for both cases apart, so that the usual one does not pay for the other.
    """

    level_dbm: Floats  # EIRP of the reference signal at the antenna's maximum
    azimuth_deg: Floats
    electrical_deg: Floats  # electrical tilt; of cuts, what they do not hold already
    shapes: Shapes | None = None


def sectors_of(station: Station, patterns: Mapping[str, Pattern] = NO_FILES) -> Sectors:
    """The reference-signal EIRP, direction and antenna of every sector of a station.

    Parameters
    ----------
    patterns
        Patterns of the antennas that are not built in, by name.

    Raises
    ------
    InputError
        An antenna whose pattern is not known.
    OutOfValidityError
        A bandwidth that the station's technology does not have.
    """
    share = reference_signal(station.technology, station.bandwidth_mhz).share_db
    cuts = {s.antenna: cut for s in station.sectors if (cut := _cuts_of(s.antenna, patterns, station)) is not None}
    level = np.array([s.eirp_dbm + share for s in station.sectors])
    azimuth = np.array([math.nan if s.azimuth_deg is None else s.azimuth_deg for s in station.sectors])
    electrical = np.array([_electrical_tilt_deg(s, cuts.get(s.antenna)) for s in station.sectors])
    omni = np.array([s.antenna == "omni" for s in station.sectors])
    mechanical = np.array([s.mechanical_tilt_deg for s in station.sectors])
    if not cuts and not mechanical.any():
        return Sectors(level, np.where(omni, math.nan, azimuth), electrical)
    row_of = {name: row for row, name in enumerate(cuts)}
    plain = np.where(omni | np.isnan(azimuth), NO_PATTERN, TR36814)
    shapes = Shapes(
        mechanical,
        np.array([row_of.get(s.antenna, kind) for s, kind in zip(station.sectors, plain, strict=True)], dtype=np.int64),
        np.array([[cut.horizontal_db, cut.vertical_db] for cut in cuts.values()]).reshape(-1, 2, TURN + 1),
        np.array([cut.floor_db for cut in cuts.values()], dtype=float),
    )
    return Sectors(level, azimuth, electrical, shapes)


def _electrical_tilt_deg(sector: Sector, cut: Pattern | None) -> float:
    """The tilt by which the vertical pattern is still to be moved: of cuts, less than they hold already."""
    if sector.downtilt_deg is None:
        return 0.0
    return sector.downtilt_deg - sector.mechanical_tilt_deg - (0.0 if cut is None else cut.tilt_deg)


def _cuts_of(name: str, patterns: Mapping[str, Pattern], station: Station) -> Pattern | None:
    """The cuts of an antenna; None where it has none."""
    if name == "envelope38901":
        return envelope_38901()
    if name in ANTENNAS:
        return None
    if name not in patterns:
        known = ", ".join((*ANTENNAS, *patterns))
        raise InputError(
            f"station {station.station_id}: antenna {name!r} is not known; use one of {known}",
            vi=f"trạm {station.station_id}: không biết ăng-ten {name!r}; hãy dùng một trong {known}",
        )
    return patterns[name]


def quantise_cdb(loss_db: npt.NDArray[np.floating]) -> npt.NDArray[np.int16]:
    """Loss in steps of 0.01 dB, at most 327.67 dB; NaN becomes -32768."""
    out = np.empty(loss_db.shape, np.int16)
    _quantise(np.ascontiguousarray(loss_db).ravel(), out.ravel())
    return out


@compiled
def _quantise(loss_db, out):
    for i in range(loss_db.size):
        loss = loss_db[i]
        out[i] = NO_LOSS_CDB if math.isnan(loss) else min(max(round(loss * 100.0), 0), 32767)


@compiled
def _strongest_dbm(level_dbm, azimuth_deg, electrical_deg, shapes, east_m, north_m, drop_m, radius_m):
    """Strongest sector's EIRP towards a place, pattern included [dBm]."""
    bearing = math.degrees(math.atan2(east_m, north_m))
    below = depression_deg(math.hypot(east_m, north_m), drop_m, radius_m)
    best = -np.inf
    for i in range(level_dbm.size):
        level = level_dbm[i]
        if shapes is not None:
            level += _shaped_gain_db(i, azimuth_deg, electrical_deg, shapes, bearing, below)
        elif not math.isnan(azimuth_deg[i]):
            level += sector_gain_db(bearing - azimuth_deg[i], below, electrical_deg[i])
        best = max(best, level)
    return best


@compiled
def _shaped_gain_db(i, azimuth_deg, electrical_deg, shapes, bearing_deg, below_deg):
    """Gain of a sector with any antenna in a direction, below its maximum [dB]."""
    antenna = shapes.antenna[i]
    if antenna == NO_PATTERN:
        return 0.0
    off, below = bearing_deg - azimuth_deg[i], below_deg
    if shapes.mechanical_deg[i] != 0.0:
        off, below = tilted_view(off, below, shapes.mechanical_deg[i])
    if antenna == TR36814:
        return sector_gain_db(off, below, electrical_deg[i])
    return cuts_gain_db(shapes.cuts_db, shapes.floor_db, antenna, off, below - electrical_deg[i])


def sector_gains_db(
    sectors: Sectors, *, east_m: float, north_m: float, drop_m: float, effective_radius_km: float
) -> Floats:
    """Gain of every sector's antenna towards a place, below its maximum `[n_sector]` [dB].

    Parameters
    ----------
    east_m, north_m, drop_m
        Position of the place from the antenna, and height of the antenna above the receiver [m].
    """
    place = (east_m, north_m, drop_m, 1e3 * effective_radius_km)
    return (
        np.array([_strongest_dbm(*_one_sector(sectors, i), *place) for i in range(sectors.level_dbm.size)])
        - sectors.level_dbm
    )


def _one_sector(sectors: Sectors, i: int) -> Sectors:
    """One of the sectors alone."""
    this, shapes = slice(i, i + 1), sectors.shapes
    if shapes is not None:
        shapes = shapes._replace(mechanical_deg=shapes.mechanical_deg[this], antenna=shapes.antenna[this])
    return Sectors(sectors.level_dbm[this], sectors.azimuth_deg[this], sectors.electrical_deg[this], shapes)


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


class Emitter(NamedTuple):
    """A station as its pixels see it: sectors, row and column of the mast on the grid, heights, calibration."""

    sectors: Sectors
    mast_row: float
    mast_col: float
    antenna_amsl_m: float
    rx_height_agl_m: float
    effective_radius_km: float
    offsets_cdb: npt.NDArray[np.int32]  # by land-cover code `[256]`


@compiled
def _merge(
    level_dbm, azimuth_deg, electrical_deg, shapes, mast_row, mast_col, antenna_amsl_m, rx_agl_m, radius_m, offsets,
    loss_cdb, terrain, clutter, top, left, pixel_m, code, best, server,
):  # fmt: skip
    strongest, changed = math.ceil(level_dbm.max() * 100.0), False
    for i in range(loss_cdb.shape[0]):
        for j in range(loss_cdb.shape[1]):
            loss, offset, held = loss_cdb[i, j], offsets[clutter[i, j]], best[i, j]
            if loss == NO_LOSS_CDB or (held != NO_SIGNAL_CDBM and strongest - loss + offset < held):
                continue  # no antenna has a gain above 0
            east, north = (left + j - mast_col) * pixel_m, (mast_row - (top + i)) * pixel_m
            drop = antenna_amsl_m - terrain[i, j] - rx_agl_m
            strength = _strongest_dbm(level_dbm, azimuth_deg, electrical_deg, shapes, east, north, drop, radius_m)
            level = min(max(round(strength * 100.0) - loss + offset, NO_SIGNAL_CDBM + 1), 32767)
            if level > held or (level == held and code < server[i, j]):
                best[i, j] = level
                server[i, j] = code
                changed = True
    return changed


def merge_station(
    tile: SignalTile,
    emitter: Emitter,
    code: int,
    loss_cdb: npt.NDArray[np.int16],
    terrain: Raster,
    clutter: npt.NDArray[np.uint8],
    *,
    corner: tuple[int, int],
    at: tuple[int, int] = (0, 0),
) -> bool:
    """Give a tile the level of a station at some pixels: the same for a pixel whatever other pixels are merged.

    Parameters
    ----------
    emitter, code
        The station, and its row in the eligible table.
    loss_cdb
        Path loss `[y, x]`, −32768 where not computed [0.01 dB].
    terrain, clutter
        Terrain height [m amsl] and land-cover codes `[y, x]` of the same pixels.
    corner
        Row and column of the first pixel on the grid.
    at
        Its row and column in the tile.

    Returns
    -------
    bool
        Whether the station serves any of the pixels now.
    """
    sectors, mast_row, mast_col, antenna_amsl_m, rx_agl_m, radius_km, offsets = emitter
    height, width = loss_cdb.shape
    inside = np.s_[at[0] : at[0] + height, at[1] : at[1] + width]
    changed: bool = _merge(
        *sectors, mast_row, mast_col, antenna_amsl_m, rx_agl_m, 1e3 * radius_km, offsets, loss_cdb,
        terrain.values, clutter, *corner, terrain.grid.resolution_m, code,
        tile.rsrp_cdbm[inside], tile.server[inside],
    )  # fmt: skip
    return changed
