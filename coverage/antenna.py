"""Antenna patterns of stations, and the direction in which a station sees a place.

The 3GPP sector pattern, patterns of two cuts (from files, or the envelope of an active array's beams) and the
omnidirectional antenna. Electrical tilt moves the vertical pattern, mechanical tilt turns the whole antenna. Left out:
the side lobes and nulls of the 3GPP sector, which its floor bounds, and polarisation.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._compile import compiled
from phusong.geodata.antenna_files import read_antennas

# 3GPP TR 36.814 V9.2.0, table A.2.1.1-2 (case 1, 3-sector): half-power beam widths and floors
AZIMUTH_WIDTH_DEG = 70.0
AZIMUTH_FLOOR_DB = 25.0
ELEVATION_WIDTH_DEG = 10.0
ELEVATION_FLOOR_DB = 20.0
# 3GPP TR 38.901 V16.1.0, table 7.3-1: one element, in both planes
ELEMENT_WIDTH_DEG = 65.0
ELEMENT_FLOOR_DB = 30.0
# The array behind `envelope38901`: a choice of this project, in the range of macro arrays of Rep. ITU-R M.2412
ARRAY_ELEMENTS = 8
ARRAY_SPACING_WAVELENGTHS = 0.5
STEERED_ACROSS_DEG = 60
STEERED_DOWN_DEG = 15
TURN = 360

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Two cuts of an antenna: attenuation below its maximum at every whole degree `[361]`, 360 as 0 [dB].

    Attributes
    ----------
    horizontal_db
        Clockwise from the azimuth.
    vertical_db
        Downwards from the horizon of the untilted antenna.
    floor_db
        Both together attenuate at most this.
    tilt_deg
        Electrical tilt in the vertical cut: where it is strongest, down is positive.
    """

    horizontal_db: Floats
    vertical_db: Floats
    floor_db: float
    tilt_deg: float


def read_patterns(workspace_path: Path, names: Collection[str]) -> dict[str, Pattern]:
    """Read the pattern files behind antenna names, by name; the built-in antennas need none.

    Raises
    ------
    InputError
        There is no such antenna, or its file cannot be accepted.
    """
    files = read_antennas(workspace_path, names)
    return {name: make_pattern(file.horizontal_db, file.vertical_db) for name, file in files.items()}


def make_pattern(horizontal_db: Floats, vertical_db: Floats, *, floor_db: float = math.inf) -> Pattern:
    """A pattern from cuts of 360 whole degrees; its electrical tilt is the middle of the strongest degrees in front.

    Parameters
    ----------
    horizontal_db, vertical_db
        Attenuation `[360]` [dB].
    floor_db
        Both together attenuate at most this [dB].
    """
    front = np.arange(-90, 91)
    ahead = vertical_db[front % TURN]
    tilt = float(front[ahead == ahead.min()].mean())
    return Pattern(
        np.append(horizontal_db, horizontal_db[0]), np.append(vertical_db, vertical_db[0]), floor_db, tilt_deg=tilt
    )


def envelope_38901() -> Pattern:
    """The strongest beam of an active array in every direction: 38.901 elements under the best of its steered beams.

    8 × 8 elements half a wavelength apart, beams within 60° to either side and 15° up and down. Inside that range the
    attenuation is the element's own; outside, that of the nearest beams' array factor is added.

    References
    ----------
    3GPP TR 38.901 V16.1.0, table 7.3-1 (element); Rec. ITU-R M.2101-0, §5 (array factor).
    """
    degrees: Floats = (np.arange(TURN, dtype=np.float64) + 180.0) % TURN - 180.0
    element = np.minimum(12.0 * (degrees / ELEMENT_WIDTH_DEG) ** 2, ELEMENT_FLOOR_DB)
    across, down = (_beams_attenuation_db(degrees, limit) for limit in (STEERED_ACROSS_DEG, STEERED_DOWN_DEG))
    return make_pattern(
        np.minimum(element + across, ELEMENT_FLOOR_DB), np.minimum(element + down, ELEMENT_FLOOR_DB),
        floor_db=ELEMENT_FLOOR_DB,
    )  # fmt: skip


def _beams_attenuation_db(degrees: Floats, limit_deg: int) -> Floats:
    """Attenuation of a line of elements below its best beam, of beams at every degree up to a limit `[n]` [dB]."""
    beams = np.radians(np.arange(-limit_deg, limit_deg + 1.0))
    step = np.sin(np.radians(degrees))[:, None] - np.sin(beams)
    phase = 2.0 * np.pi * ARRAY_SPACING_WAVELENGTHS * step
    waves = np.exp(1j * phase[..., None] * np.arange(ARRAY_ELEMENTS)).sum(axis=-1)
    strongest = np.abs(waves).max(axis=1) / ARRAY_ELEMENTS
    attenuation: Floats = -20.0 * np.log10(strongest)
    return attenuation


@compiled
def sector_gain_db(azimuth_off_deg, depression_deg, downtilt_deg):
    """Gain of a sector antenna below its maximum, at most 0 [dB].

    Parameters
    ----------
    azimuth_off_deg
        Horizontal angle from the antenna's azimuth, any number of turns [degrees].
    depression_deg
        Angle below the horizon at which the antenna sees the place [degrees].
    downtilt_deg
        Electrical tilt [degrees].

    References
    ----------
    3GPP TR 36.814 V9.2.0, table A.2.1.1-2.
    """
    off = azimuth_off_deg - 360.0 * math.floor(azimuth_off_deg / 360.0 + 0.5)
    horizontal = min(12.0 * (off / AZIMUTH_WIDTH_DEG) ** 2, AZIMUTH_FLOOR_DB)
    vertical = min(12.0 * ((depression_deg - downtilt_deg) / ELEVATION_WIDTH_DEG) ** 2, ELEVATION_FLOOR_DB)
    return -min(horizontal + vertical, AZIMUTH_FLOOR_DB)


@compiled
def _cut_db(cuts_db, antenna, plane, angle_deg):
    """Attenuation of a closed cut at any angle, linear between whole degrees [dB]."""
    angle = angle_deg - 360.0 * math.floor(angle_deg / 360.0)
    degree = min(int(angle), 359)
    share = angle - degree
    return cuts_db[antenna, plane, degree] * (1.0 - share) + cuts_db[antenna, plane, degree + 1] * share


@compiled
def cuts_gain_db(cuts_db, floor_db, antenna, azimuth_off_deg, depression_deg):
    """Gain of an antenna of two cuts below its maximum: the sum of both attenuations, up to the floor [dB].

    Parameters
    ----------
    cuts_db, floor_db
        Horizontal and vertical cut `[n, 2, 361]` and floor `[n]` of antennas, as in `Pattern` [dB].
    antenna
        The antenna, 0 to n - 1.
    azimuth_off_deg
        Horizontal angle from the antenna's azimuth; NaN leaves the horizontal cut out [degrees].
    depression_deg
        Angle below the horizon of the vertical cut [degrees].

    References
    ----------
    3GPP TR 36.814 V9.2.0, table A.2.1.1-2, which sums the two attenuations of its sector in the same way.
    """
    attenuation = _cut_db(cuts_db, antenna, 1, depression_deg)
    if not math.isnan(azimuth_off_deg):
        attenuation += _cut_db(cuts_db, antenna, 0, azimuth_off_deg)
    return -min(attenuation, floor_db[antenna])


@compiled
def tilted_view(azimuth_off_deg, depression_deg, mechanical_tilt_deg):
    """A direction as an antenna sees it that is turned downwards as a whole.

    Parameters
    ----------
    azimuth_off_deg, depression_deg
        Direction from the upright antenna: clockwise from its azimuth, below the horizon [degrees].
    mechanical_tilt_deg
        Angle by which it is turned about its horizontal axis, down is positive [degrees].

    Returns
    -------
    Both angles in the antenna's own frame [degrees].
    """
    off, below, tilt = math.radians(azimuth_off_deg), math.radians(depression_deg), math.radians(mechanical_tilt_deg)
    ahead, right, down = math.cos(below) * math.cos(off), math.cos(below) * math.sin(off), math.sin(below)
    turned_ahead = ahead * math.cos(tilt) + down * math.sin(tilt)
    turned_down = down * math.cos(tilt) - ahead * math.sin(tilt)
    return (
        math.degrees(math.atan2(right, turned_ahead)),
        math.degrees(math.asin(min(max(turned_down, -1.0), 1.0))),
    )


@compiled
def depression_deg(distance_m, drop_m, effective_radius_m):
    """Angle below the horizon at which an antenna sees a place, over a curved Earth [degrees].

    Parameters
    ----------
    distance_m
        Distance along the ground [m].
    drop_m
        Height of the antenna above the place, both above sea level [m].
    effective_radius_m
        Effective Earth radius [m].
    """
    return math.degrees(math.atan2(drop_m + 0.5 * distance_m * distance_m / effective_radius_m, distance_m))
