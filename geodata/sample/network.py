"""Masts, stations and fibre of the sample, placed from people, relief and the way to them.

What they cover is not known here: it follows from terrain and sites when coverage is computed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.sample.land import Land
from phusong.geodata.sample.people import People

OPERATORS = ("Mạng A", "Mạng B", "Mạng C")
N_MASTS, N_OUTSIDE, N_STATIONS, N_FIBRE = 120, 3, 300, 60


@dataclass(frozen=True)
class _Carrier:
    """Carriers of a technology: band in town and plain, band elsewhere, power of each, years of start."""

    bands_mhz: tuple[int, int]
    bandwidth_mhz: float
    eirps_dbm: tuple[float, float]
    years: tuple[int, int]


_CARRIERS = {
    "3G": _Carrier((2100, 900), 5.0, (58.0, 60.0), (2011, 2018)),
    "4G": _Carrier((1800, 900), 20.0, (61.5, 60.0), (2017, 2024)),
    "5G": _Carrier((2600, 3700), 100.0, (72.0, 72.0), (2024, 2025)),
}
"""Usual values, invented; 4G carriers at 900 MHz are 10 MHz wide."""


def make_masts(land: Land, people: People) -> pd.DataFrame:
    """The masts: x, y, height, operators in the order of preference and the demand that they met."""
    rng = np.random.default_rng([land.seed, 40])
    inside = _demand_sites(land, people, N_MASTS - N_OUTSIDE, rng)
    outside = _outside_sites(land, rng)
    masts = pd.concat([inside, outside], ignore_index=True)
    hill = masts["is_hill"].to_numpy()
    height_m = np.where(hill, rng.uniform(30.0, 60.0, len(masts)), rng.uniform(18.0, 48.0, len(masts)))
    masts["height_agl_m"] = np.round(height_m / 3.0) * 3.0
    masts["mast_id"] = [f"TRAM-{i + 1:03d}" for i in range(len(masts))]
    return masts


def make_stations(land: Land, masts: pd.DataFrame) -> pd.DataFrame:
    """Three hundred stations: every mast has one 4G carrier at least; the busier ones have more."""
    rng = np.random.default_rng([land.seed, 41])
    candidates = _candidates(land, masts, rng)
    first = candidates[candidates["is_first"]]
    rest = candidates[~candidates["is_first"]].sort_values(["score", "mast"], ascending=[False, True])
    chosen = pd.concat([first, rest.head(N_STATIONS - len(first))])
    chosen = chosen.sort_values(["mast", "operator", "technology"]).reset_index(drop=True)
    rows = [
        _station(masts.iloc[mast], operator, technology, rng)
        for mast, operator, technology in zip(chosen["mast"], chosen["operator"], chosen["technology"], strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame["status"] = _statuses(len(frame), rng)
    frame.loc[frame["status"] == "planned", "on_air_from"] = "2027-01-15"
    frame.loc[frame["status"] == "off", "on_air_to"] = "2025-03-31"
    return frame


def make_fibre(land: Land, people: People) -> pd.DataFrame:
    """Fibre endpoints (x, y): one in the town, then at settlements with power, apart by their reach."""
    rng = np.random.default_rng([land.seed, 42])
    spots = people.settlements
    able = spots[(spots["has_grid_power"] == "yes") & (spots["way_km"] < 12.0)]
    able = able.sort_values(["is_centre", "population", "settlement_id"], ascending=[False, False, True])
    apart_m = np.where(able["area_type"] == "urban", 1_500.0, 3_000.0)
    x, y = able["x"].to_numpy(), able["y"].to_numpy()
    taken: list[int] = []
    for k in range(len(able)):
        if len(taken) < N_FIBRE and (np.hypot(x[taken] - x[k], y[taken] - y[k]) >= apart_m[k]).all():
            taken.append(k)
    return pd.DataFrame({
        "endpoint_id": [f"CQ{k + 1:03d}" for k in range(len(taken))],
        "operator": rng.choice(OPERATORS, len(taken), p=(0.5, 0.3, 0.2)),
        "kind": np.where(np.arange(len(taken)) == 0, "POP", "OLT"),
        "reach_km": rng.choice((2.0, 3.0, 4.0), len(taken)),
        "x": x[taken], "y": y[taken],
    })  # fmt: skip


def _demand_sites(land: Land, people: People, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Each site goes where most people are not yet near one; hard ways count against it."""
    spots = people.settlements
    x, y = spots["x"].to_numpy(), spots["y"].to_numpy()
    way_km = spots["way_km"].to_numpy()
    demand = spots["population"].to_numpy() ** 0.6 / (1.0 + (way_km / 24.0) ** 2)
    demand = demand * np.where(spots["has_grid_power"] == "no", 0.3, 1.0) * np.where(spots["is_centre"], 2.2, 1.0)
    reach_m = spots["area_type"].map({"urban": 900.0, "delta": 2_300.0, "mountain": 3_600.0}).to_numpy()
    rows = []
    for _ in range(count):
        best = int(np.argmax(demand))
        hill = bool(spots["area_type"].iloc[best] == "mountain" and rng.random() < 0.7)
        site = _highest_near(land, x[best], y[best], 700.0) if hill else _beside(x[best], y[best], rng)
        rows.append({
            "x": site[0], "y": site[1], "is_hill": hill, "demand": float(demand[best]),
            "area_type": spots["area_type"].iloc[best],
        })  # fmt: skip
        distance_m = np.hypot(x - site[0], y - site[1])
        demand = demand * (1.0 - 0.92 * np.exp(-((distance_m / reach_m) ** 2)))
        demand[best] *= 0.1
    return pd.DataFrame(rows)


def _outside_sites(land: Land, rng: np.random.Generator) -> pd.DataFrame:
    """Masts of the neighbours: on land outside the province, inside the terrain."""
    outside = ~land.province & (land.inland_m > 1_500.0) & (land.inland_m < 30_000.0) & (land.slope_deg < 15.0)
    chosen = rng.choice(np.flatnonzero(outside.ravel()), N_OUTSIDE, replace=False)
    x, y = land.x.ravel()[chosen], land.y.ravel()[chosen]
    return pd.DataFrame({"x": x, "y": y, "is_hill": False, "demand": 30.0, "area_type": "delta"})


def _highest_near(land: Land, x: float, y: float, radius_m: float) -> tuple[float, float]:
    near = (np.hypot(land.x - x, land.y - y) <= radius_m) & land.province
    best = int(np.argmax(np.where(near, land.elevation_m, -1.0)))
    return float(land.x.ravel()[best]), float(land.y.ravel()[best])


def _beside(x: float, y: float, rng: np.random.Generator) -> tuple[float, float]:
    angle, distance_m = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(40.0, 180.0)
    return x + distance_m * float(np.cos(angle)), y + distance_m * float(np.sin(angle))


def _candidates(land: Land, masts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """All carriers that a mast may have, with a score: demand, the operator's weight, the technology's."""
    tx, ty = land.town_xy
    in_town = np.hypot(masts["x"] - tx, masts["y"] - ty) < 3_500.0
    rows = []
    for mast, (demand, town, area) in enumerate(zip(masts["demand"], in_town, masts["area_type"], strict=True)):
        shares = np.array((0.6, 0.3, 0.1)) if area == "mountain" else np.array((0.45, 0.33, 0.22))
        order = rng.choice(3, 3, replace=False, p=shares)
        for rank, operator in enumerate(order):
            for technology, weight in (("4G", 1.0), ("3G", 0.5), ("5G", 0.35 if town else 0.0)):
                if weight > 0.0:
                    score = demand * weight * (1.0, 0.6, 0.3)[rank] * float(rng.lognormal(0.0, 0.5))
                    rows.append((mast, OPERATORS[operator], technology, score, rank == 0 and technology == "4G"))
    return pd.DataFrame(rows, columns=["mast", "operator", "technology", "score", "is_first"])


def _station(mast: "pd.Series[Any]", operator: str, technology: str, rng: np.random.Generator) -> dict[str, object]:
    """One station's row: carrier, sectors, power and date."""
    carrier, area = _CARRIERS[technology], str(mast["area_type"])
    rural_4g = area == "delta" and technology == "4G" and rng.random() < 0.25
    other_band = operator == OPERATORS[1] if technology == "5G" else area == "mountain" or rural_4g
    band_mhz = carrier.bands_mhz[int(other_band)]
    azimuths, tilts = _sectors(area, int(rng.integers(0, 12)) * 10, rng)
    year, month, day = rng.integers(*carrier.years), rng.integers(1, 13), rng.integers(1, 29)
    return {
        "station_id": f"{mast['mast_id']}-{operator[-1]}-{technology}",
        "mast_id": mast["mast_id"],
        "operator": operator,
        "technology": technology,
        "band_mhz": band_mhz,
        "bandwidth_mhz": 10.0 if (technology, band_mhz) == ("4G", 900) else carrier.bandwidth_mhz,
        "x": mast["x"],
        "y": mast["y"],
        "height_agl_m": mast["height_agl_m"],
        "azimuths_deg": azimuths,
        "downtilt_deg": tilts,
        "eirp_dbm": carrier.eirps_dbm[int(other_band)],
        "antenna": "tr36814" if azimuths else "",
        "on_air_from": f"{year}-{month:02d}-{day:02d}",
        "on_air_to": "",
    }


def _sectors(area: str, first_deg: int, rng: np.random.Generator) -> tuple[str, str]:
    """Azimuths and tilts: three sectors mostly, two along a valley, none (omnidirectional) at a few sites."""
    draw = rng.random()
    if area == "mountain" and draw < 0.12:
        return "", "0"
    count = 2 if area == "mountain" and draw < 0.35 else 3
    azimuths = ";".join(str((first_deg + k * 360 // count) % 360) for k in range(count))
    usual = {"urban": 7, "delta": 4, "mountain": 2}[area]
    if rng.random() < 0.2:
        return azimuths, ";".join(str(usual + int(rng.integers(-1, 3))) for _ in range(count))
    return azimuths, str(usual)


def _statuses(count: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Nearly all live; six under maintenance, five planned, two switched off."""
    status = np.full(count, "live", dtype="<U12")
    special = rng.choice(count, 13, replace=False)
    status[special[:6]], status[special[6:11]], status[special[11:]] = "maintenance", "planned", "off"
    return status
