"""What the what-if page offers a planner to choose from: operators, and bands with the values that stations have."""

from typing import Any

import pandas as pd

from phusong.maps.data import PageData
from phusong.maps.payload import plain_value

_TYPICAL = ("bandwidth_mhz", "height_agl_m")


def whatif_payload(data: PageData) -> dict[str, Any]:
    """Operators, and per technology and band the median values of the stations on air.

    Parameters
    ----------
    data
        A page's data with its stations.
    """
    stations = data.stations
    if stations is None or stations.empty:
        return {"operators": [], "bands": []}
    power = stations["eirp_dbm"].astype(str).str.split(";").str[0]
    table = stations.assign(eirp_dbm=pd.to_numeric(power, errors="coerce"))
    bands = [
        [str(technology), plain_value(band), *(plain_value(part[name].median()) for name in (*_TYPICAL, "eirp_dbm"))]
        for (technology, band), part in table.groupby(["technology", "band_mhz"], sort=True)
    ]
    return {"operators": sorted(set(stations["operator"].dropna().astype(str))), "bands": bands}
