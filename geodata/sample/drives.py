"""A drive test of the sample: levels along straight ways between settlements, by a plain law of distance.

The law knows neither the terrain nor the model of this project, so that comparing the two is no comparison with itself.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.sample.people import People
from phusong.geodata.sample.relief import Floats

WAYS, STEP_M, HEARD_KM = 14, 120.0, 15.0
SHADOW_DB, SHADOW_STEPS = 7.0, 4.0  # spread of the shadowing, and the steps over which it lasts
FLOOR_DBM = -135.0
_SHARE_DB = {"3G": -10.0, "4G": -27.8, "5G": -35.1}  # reference signal against the whole carrier, about


def make_measurements(seed: int, people: People, stations: pd.DataFrame) -> pd.DataFrame:
    """Drive-test points of 3G and 4G of every operator, as a scanner logs them (x, y)."""
    rng = np.random.default_rng([seed, 63])
    x, y, way = _ways(rng, people)
    live = stations[(stations["status"] == "live") & stations["technology"].isin(["3G", "4G"])]
    parts = []
    for (technology, operator), rows in live.groupby(["technology", "operator"], sort=True):
        level, station = _levels(x, y, rows.reset_index(drop=True))
        level += _shadowing(rng, way)
        heard = level > FLOOR_DBM
        at = np.flatnonzero(heard)
        times = pd.Timestamp("2025-09-15 08:00:00") + pd.to_timedelta(at * 8, unit="s")
        parts.append(pd.DataFrame({
            "x": x[at], "y": y[at], "technology": technology, "operator": operator, "rsrp_dbm": level[at].round(1),
            "measured_at": times.strftime("%d/%m/%Y %H:%M:%S"), "station_id": station[at], "kind": "drive_test",
            "source": "Đo kiểm lưu động (mẫu)",
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _ways(rng: np.random.Generator, people: People) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Points every `STEP_M` between settlements of the plain and one near each, and the number of their way."""
    spots = people.settlements[people.settlements["area_type"] != "mountain"]
    xy = spots[["x", "y"]].to_numpy()
    parts = []
    for number, start in enumerate(rng.choice(len(xy), WAYS, replace=False)):
        apart = np.hypot(*(xy - xy[start]).T)
        end = np.argsort(apart)[int(rng.integers(3, 8))]
        steps = np.arange(0.0, apart[end], STEP_M) / apart[end]
        points = xy[start] + steps[:, None] * (xy[end] - xy[start])
        parts.append(np.column_stack([points, np.full(len(points), number)]))
    table = np.vstack(parts)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.int64)


def _levels(x: Floats, y: Floats, stations: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Level of the strongest station [dBm] and its id: 108 dB at 1 km and 2 GHz, 36 dB a decade of distance."""
    apart_km = np.hypot(x[:, None] - stations["x"].to_numpy(), y[:, None] - stations["y"].to_numpy()) / 1e3
    eirp = stations["eirp_dbm"].astype(str).str.split(";").str[0].astype(float) + stations["technology"].map(_SHARE_DB)
    loss = 108.0 + 36.0 * np.log10(np.maximum(apart_km, 0.2)) + 21.0 * np.log10(stations["band_mhz"].to_numpy() / 2000)
    level = np.where(apart_km <= HEARD_KM, eirp.to_numpy() - loss, -np.inf)
    best = level.argmax(axis=1)
    return level[np.arange(len(x)), best], stations["station_id"].to_numpy(dtype=object)[best]


def _shadowing(rng: np.random.Generator, way: npt.NDArray[np.int64]) -> Floats:
    """Shadowing along the ways: normal, of `SHADOW_DB`, alike from step to step [dB]."""
    last = np.exp(-1.0 / SHADOW_STEPS)
    drawn = rng.normal(0.0, SHADOW_DB, len(way))
    for at in range(1, len(way)):
        if way[at] == way[at - 1]:
            drawn[at] = last * drawn[at - 1] + np.sqrt(1.0 - last**2) * drawn[at]
    return drawn
