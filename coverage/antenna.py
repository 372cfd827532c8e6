"""Antenna patterns of stations, and the direction in which a station sees a place.

The 3GPP sector pattern and the omnidirectional antenna. Left out: side lobes and nulls, which the pattern bounds by its
floor.
"""

import math

import numba

# 3GPP TR 36.814 V9.2.0, table A.2.1.1-2 (case 1, 3-sector): half-power beam widths and floors
AZIMUTH_WIDTH_DEG = 70.0
AZIMUTH_FLOOR_DB = 25.0
ELEVATION_WIDTH_DEG = 10.0
ELEVATION_FLOOR_DB = 20.0
PATTERNS = ("tr36814", "omni")

compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


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
        Electrical and mechanical tilt together [degrees].

    References
    ----------
    3GPP TR 36.814 V9.2.0, table A.2.1.1-2.
    """
    off = azimuth_off_deg - 360.0 * math.floor(azimuth_off_deg / 360.0 + 0.5)
    horizontal = min(12.0 * (off / AZIMUTH_WIDTH_DEG) ** 2, AZIMUTH_FLOOR_DB)
    vertical = min(12.0 * ((depression_deg - downtilt_deg) / ELEVATION_WIDTH_DEG) ** 2, ELEVATION_FLOOR_DB)
    return -min(horizontal + vertical, AZIMUTH_FLOOR_DB)


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
