"""Calibration offsets from measurement, added to the level by band and by the receiver's land cover.

Off by default. They correct the model's mean error, not its spread, and change neither path loss nor its cache.
"""

import numpy as np
import numpy.typing as npt

from phusong.geodata.settings import Calibration


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
