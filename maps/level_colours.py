"""Colours of received levels: bands of 10 dB, dark and violet where weak, yellow where strong.

The steps are those of the colour map viridis (CC0, Nathaniel Smith and Stéfan van der Walt), which every common colour
vision deficiency tells apart and which grows lighter with the level.
"""

import numpy as np
import numpy.typing as npt

from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.maps.pictures import Rgba

LEVEL_EDGES_DBM = (-130.0, -120.0, -110.0, -100.0, -90.0, -80.0, -70.0)
LEVEL_PALETTE: tuple[Rgba, ...] = (
    (68, 1, 84, 255),
    (70, 50, 126, 255),
    (54, 92, 141, 255),
    (39, 127, 142, 255),
    (31, 161, 135, 255),
    (74, 193, 109, 255),
    (160, 218, 57, 255),
    (253, 231, 37, 255),
    (0, 0, 0, 0),
)
NO_LEVEL = len(LEVEL_PALETTE) - 1


def level_codes(rsrp_cdbm: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Positions in `LEVEL_PALETTE` of levels [0.01 dBm]; `NO_LEVEL` where there is none."""
    bands = np.digitize(rsrp_cdbm, [100 * edge for edge in LEVEL_EDGES_DBM])
    return np.where(rsrp_cdbm == NO_SIGNAL_CDBM, NO_LEVEL, bands).astype(np.uint8)
