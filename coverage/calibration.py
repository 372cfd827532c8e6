"""Calibration offsets from measurement, added to the level by band and by the receiver's land cover.

Off by default. They correct the model's mean error, not its spread, and change neither path loss nor its cache.
"""

import numpy as np
import numpy.typing as npt

from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.geodata.settings import Calibration

Codes = npt.NDArray[np.uint8]


def offsets_cdb(calibration: Calibration | None, band_mhz: float) -> npt.NDArray[np.int32]:
    """Offset of a band for every land-cover code `[256]`, 0 where none is given [0.01 dB].

    Parameters
    ----------
    calibration
        The offsets of the settings; None has none.
    band_mhz
        Band of the station [MHz].
    """
    offsets = np.zeros(256, dtype=np.int32)
    given = {} if calibration is None else calibration.offset_db.get(f"{band_mhz:g}", {})
    for code, offset_db in given.items():
        offsets[int(code)] = round(100 * offset_db)
    return offsets


def calibrate_levels(
    levels_cdbm: npt.NDArray[np.int16], clutter: Codes, offsets: npt.NDArray[np.int32]
) -> npt.NDArray[np.int16]:
    """Levels with the offset of each pixel's land cover; −32768 (no signal) stays [0.01 dBm].

    Parameters
    ----------
    levels_cdbm
        Level at every pixel [0.01 dBm].
    clutter
        Land-cover code of the same pixels.
    offsets
        Answer of `offsets_cdb`.
    """
    if not offsets.any():
        return levels_cdbm
    shifted = np.clip(levels_cdbm + offsets[clutter], NO_SIGNAL_CDBM + 1, 32767).astype(np.int16)
    return np.where(levels_cdbm == NO_SIGNAL_CDBM, levels_cdbm, shifted)
