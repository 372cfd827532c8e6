"""The uplink as a limit on service: the level below which the base station no longer hears the handset.

Both directions lose the same, antenna pattern included, so a handset that receives the reference signal at RSRP from an
EIRP of E is heard by an antenna of gain G at P + G − (E − RSRP) − losses. Left out: interference at the base
station, diversity, and power control below the handset's maximum.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.link import reference_signal
from phusong.coverage.stations import parse_stations
from phusong.geodata.settings import UplinkSettings


def level_floor_dbm(stations: pd.DataFrame, uplink: UplinkSettings | None) -> npt.NDArray[np.float64]:
    """Lowest downlink level at which the uplink of every station closes [dBm], `[n_station]`.

    Of sectors of unequal power the strongest counts, on the safe side. −inf where the settings have no uplink, or
    no sensitivity for the technology.

    Parameters
    ----------
    stations
        The stations that serve, in the order of the server codes, EPSG:4326.
    uplink
        The budget; None is no limit.

    Raises
    ------
    InputError
        Lists of sectors of unequal length, or a value that is no number.
    OutOfValidityError
        A bandwidth that the station's technology does not have.
    """
    floor_dbm = np.full(len(stations), -np.inf)
    if uplink is None:
        return floor_dbm
    budget_db = uplink.handset_power_dbm + uplink.antenna_gain_dbi - uplink.losses_db
    for row, station in enumerate(parse_stations(stations)):
        if station.technology in uplink.sensitivity_dbm:
            share_db = reference_signal(station.technology, station.bandwidth_mhz).share_db
            eirp_dbm = max(sector.eirp_dbm for sector in station.sectors) + share_db
            floor_dbm[row] = eirp_dbm + uplink.sensitivity_dbm[station.technology] - budget_db
    return floor_dbm
