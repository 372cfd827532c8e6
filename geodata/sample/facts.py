"""Places of the sample, and what was declared or surveyed there; none of it follows from a computed answer."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.sample.land import Land
from phusong.geodata.sample.people import People
from phusong.geodata.sample.units import Units

OFFICIAL_LIST = "Danh sách thôn, bản trắng sóng (mẫu)"


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


def make_observations(seed: int, people: People, masts: pd.DataFrame) -> pd.DataFrame:
    """Broadband and households as reported, an official list of settlements without signal, and a few surveys."""
    rng = np.random.default_rng([seed, 61])
    spots = people.settlements
    declared = spots.iloc[np.sort(rng.choice(len(spots), 12, replace=False))]
    powered = np.flatnonzero((spots["has_grid_power"] == "yes") & (spots["area_type"] != "mountain"))
    counted = spots.iloc[np.sort(rng.choice(powered, 25, replace=False))]
    connected = np.round(counted["households"] * rng.uniform(0.4, 0.95, len(counted))).astype(int)
    remote = far_from_masts(spots, masts)
    listed = spots.iloc[np.sort(np.append(remote[:24], rng.choice(remote[100:], 4, replace=False)))]
    surveyed = spots.iloc[np.sort(rng.choice(remote[:120], 10, replace=False))]
    office, firm = ("UBND xã (mẫu)", "commune_report"), ("Doanh nghiệp (mẫu)", "operator_report")
    team = ("Tổ khảo sát (mẫu)", "survey")
    parts = [
        (declared, "broadband", rng.choice(["yes", "no"], 12), "Phiếu khai báo của xã (mẫu)", "2025-06-15", office),
        (counted, "households_connected", connected, "Báo cáo doanh nghiệp (mẫu)", "2025-06-30", firm),
        (listed, "signal", "none", OFFICIAL_LIST, "2025-08-20", ("Sở (mẫu)", "official_list")),
        (surveyed, "signal", rng.choice(["none", "weak", "good"], 10), "Biên bản khảo sát (mẫu)", "2025-09-10", team),
    ]
    return pd.concat(
        pd.DataFrame({
            "settlement_id": who["settlement_id"].to_numpy(), "indicator": indicator,
            "value": np.broadcast_to(np.asarray(value).astype(str), len(who)), "source": source, "observed_on": day,
            "by": by, "kind": kind,
        })
        for who, indicator, value, source, day, (by, kind) in parts
    )  # fmt: skip


def far_from_masts(spots: pd.DataFrame, masts: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Positions of the settlements, the farthest from its nearest mast first."""
    apart = np.hypot(
        spots["x"].to_numpy()[:, None] - masts["x"].to_numpy(), spots["y"].to_numpy()[:, None] - masts["y"].to_numpy()
    )
    return np.argsort(-apart.min(axis=1), kind="stable")


def make_aliases(seed: int, people: People) -> pd.DataFrame:
    """Former names of six settlements: four renamed, one into which two were merged."""
    rng = np.random.default_rng([seed, 62])
    chosen = people.settlements["settlement_id"].iloc[np.sort(rng.choice(len(people.settlements), 5, replace=False))]
    ids = [*chosen, chosen.iloc[-1]]
    kinds = ["renamed"] * 4 + ["merged"] * 2
    names = [f"Thôn Tên Cũ Mẫu {number + 1}" for number in range(6)]
    return pd.DataFrame({"settlement_id": ids, "name": names, "kind": kinds, "valid_to": "2025-01-01"})


def make_village_list(observations: pd.DataFrame, aliases: pd.DataFrame, people: People, units: Units) -> pd.DataFrame:
    """The official list as it is sent: names in other spellings and communes, no ids; one name that is nowhere."""
    names = people.settlements.set_index("settlement_id")["name"].to_dict()
    number = people.settlements.set_index("settlement_id")["old_number"].to_dict()
    listed = observations.loc[observations["source"] == OFFICIAL_LIST, "settlement_id"].to_list()
    ids = [*listed, aliases["settlement_id"].iloc[0]]
    written = [_respelt(names[one], at) for at, one in enumerate(listed)] + [aliases["name"].iloc[0]]
    rows = [
        (name, units.table["new_name" if at % 3 else "old_name"].iloc[number[one]], "Trắng sóng")
        for at, (one, name) in enumerate(zip(ids, written, strict=True))
    ]
    rows.append(("Bản Không Có Mẫu", rows[0][1], "Trắng sóng"))
    table = pd.DataFrame(rows, columns=["Tên thôn, bản", "Xã, phường", "Hiện trạng sóng"])
    table.insert(0, "STT", np.arange(1, len(table) + 1))
    return table


def _respelt(name: str, number: int) -> str:
    """A name as another office writes it: in capitals, with a zero before the number, without its kind."""
    bare, _, count = name.rpartition(" ")
    return (name, name.upper(), f"{bare} {int(count):02d}", f"{bare} số {count}")[number % 4]


def _place(kind: str, name: str, x: float, y: float, broadband: str) -> dict[str, object]:
    return {"kind": kind, "name": name, "has_fixed_broadband": broadband, "x": float(x), "y": float(y)}
