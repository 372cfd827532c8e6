"""Places and declared facts of the sample: offices, postal points, an industrial park, declared broadband."""

import numpy as np
import pandas as pd

from phusong.geodata.sample.land import Land
from phusong.geodata.sample.people import People
from phusong.geodata.sample.units import Units


def make_places(land: Land, units: Units, people: People, fibre: pd.DataFrame) -> pd.DataFrame:
    """Commune offices, a postal point in every old commune, an industrial park and a beach (x, y)."""
    rng = np.random.default_rng([land.seed, 60])
    centres = people.settlements[people.settlements["is_centre"]].reset_index(drop=True)
    table = units.table
    rows: list[dict[str, object]] = []
    for _, members in table.groupby("new_code", sort=True):
        seat = centres.loc[centres.loc[members.index, "population"].idxmax()]
        name = f"UBND {table.loc[members.index[0], 'new_name']}"
        rows.append(_place("commune_office", name, seat["x"], seat["y"], "unknown"))
    for number, name in enumerate(table["old_name"]):
        x, y = centres[["x", "y"]].to_numpy()[number] + rng.uniform(-250.0, 250.0, 2)
        near_km = np.hypot(fibre["x"] - x, fibre["y"] - y).min() / 1000.0
        rows.append(_place("postal_point", f"Điểm BĐ-VHX {name}", x, y, "yes" if near_km < 2.0 else "no"))
    tx, ty = land.town_xy
    rows.append(_place("industrial_park", "Khu công nghiệp Mẫu", tx - 1_800.0, ty + 2_600.0, "yes"))
    shore = (land.inland_m > 150.0) & (land.inland_m < 400.0) & land.province
    beach = int(np.argmin(np.where(shore, land.town_m(), np.inf)))
    rows.append(_place("tourist_site", "Bãi biển Mẫu", land.x.ravel()[beach], land.y.ravel()[beach], "unknown"))
    frame = pd.DataFrame(rows)
    frame.insert(0, "place_id", [f"DD{i + 1:03d}" for i in range(len(frame))])
    return frame


def make_observations(seed: int, people: People) -> pd.DataFrame:
    """Declared broadband of a dozen settlements, and households connected in some of the plain."""
    rng = np.random.default_rng([seed, 61])
    spots = people.settlements
    declared = spots.iloc[np.sort(rng.choice(len(spots), 12, replace=False))]
    powered = np.flatnonzero((spots["has_grid_power"] == "yes") & (spots["area_type"] != "mountain"))
    counted = spots.iloc[np.sort(rng.choice(powered, 25, replace=False))]
    connected = np.round(counted["households"] * rng.uniform(0.4, 0.95, len(counted))).astype(int)
    parts = [
        (declared, "broadband", rng.choice(["yes", "no"], 12), "Phiếu khai báo của xã (mẫu)", "2025-06-15"),
        (counted, "households_connected", connected, "Báo cáo doanh nghiệp (mẫu)", "2025-06-30"),
    ]
    return pd.concat(
        pd.DataFrame({
            "settlement_id": who["settlement_id"].to_numpy(), "indicator": indicator,
            "value": np.asarray(value).astype(str), "source": source, "observed_on": day,
        })
        for who, indicator, value, source, day in parts
    )  # fmt: skip


def _place(kind: str, name: str, x: float, y: float, broadband: str) -> dict[str, object]:
    return {"kind": kind, "name": name, "has_fixed_broadband": broadband, "x": float(x), "y": float(y)}
