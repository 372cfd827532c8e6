"""Settlements of the sample, their people on a raster of 100 m, and how far the power grid has come."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.grid import Raster
from phusong.geodata.sample.land import STEP_M, Land, travel_cost_km
from phusong.geodata.sample.relief import Floats
from phusong.geodata.sample.units import Units

N_PLACES, N_SHARED = 392, 8
_GRID_LIMIT_KM, _GRID_KM_PER_100_PEOPLE = 17.0, 1.5
"""The power grid reaches a settlement within this way [km of flat ground], farther for more people."""


@dataclass(frozen=True, eq=False)
class People:
    """The settlements (with x, y), the population raster, and the way from the power grid [km] `[y, x]`."""

    settlements: pd.DataFrame
    population: Raster
    way_km: Floats


def make_people(land: Land, units: Units) -> People:
    """Place settlements, give them people, spread these over the cells around, and draw the power grid."""
    rng = np.random.default_rng([land.seed, 30])
    rows, cols = _positions(land, units, rng)
    jitter = rng.uniform(-0.45 * STEP_M, 0.45 * STEP_M, (2, len(rows)))
    x, y = land.x[rows, cols] + jitter[0], land.y[rows, cols] + jitter[1]
    shared = rng.choice(len(rows), N_SHARED, replace=False)
    order = np.concatenate([np.arange(len(rows)), shared])
    frame = pd.DataFrame({"x": x[order], "y": y[order], "row": rows[order], "col": cols[order]})
    frame["elevation_m"] = land.elevation_m[frame["row"], frame["col"]]
    frame["old_number"] = units.label[frame["row"], frame["col"]]
    frame["is_centre"] = np.arange(len(frame)) < len(units.table)
    frame["area_type"] = _area_types(land, frame)
    frame["population"] = _sizes(frame, rng)
    size = np.where(
        frame["area_type"] == "mountain", rng.uniform(4.0, 4.6, len(frame)), rng.uniform(3.3, 3.9, len(frame))
    )
    frame["households"] = np.maximum(np.round(frame["population"] / size), 1).astype(int)
    frame["commune_code"] = units.table["new_code"].to_numpy()[frame["old_number"]]
    way_km = travel_cost_km(land, _substations(land, frame))
    frame["way_km"] = way_km[frame["row"], frame["col"]]
    frame["has_grid_power"] = _power(frame, rng)
    _name(frame, land)
    return People(frame, _population(land, units, frame), way_km)


def _positions(
    land: Land, units: Units, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cells of the distinct positions: first the centre of every commune, then by suitability, kept apart."""
    suitability = land.suitability * _interior(units.label)
    suitable = suitability > 0
    key = np.full(suitable.shape, -np.inf)
    key[suitable] = np.log(suitability[suitable]) + rng.gumbel(size=int(suitable.sum()))
    chosen: list[tuple[int, int]] = []
    for number in range(len(units.table)):
        best = np.where(units.label == number, suitability, -1.0)
        chosen.append(divmod(int(np.argmax(best)), best.shape[1]))
    spacing = np.where(land.town_m() < 3_000.0, 5, np.where(land.elevation_m < 60.0, 8, 11))
    free = suitable.copy()
    for row, col in chosen:
        _block(free, row, col, int(spacing[row, col]))
    for flat in np.argsort(-key, axis=None, kind="stable"):
        if len(chosen) == N_PLACES:
            break
        row, col = divmod(int(flat), suitable.shape[1])
        if free[row, col]:
            chosen.append((row, col))
            _block(free, row, col, int(spacing[row, col]))
    picked = np.array(chosen, dtype=np.int64)
    return picked[:, 0], picked[:, 1]


def _interior(label: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Cells at least four cells from another commune: the drawn borders are smoothed by less."""
    inside = label >= 0
    for axis in (0, 1):
        for shift in range(-4, 5):
            inside &= np.roll(label, shift, axis=axis) == label
    return inside


def _block(free: npt.NDArray[np.bool_], row: int, col: int, reach: int) -> None:
    """Mark the cells within `reach` cells of one as taken."""
    r0, c0 = max(row - reach, 0), max(col - reach, 0)
    part = free[r0 : row + reach + 1, c0 : col + reach + 1]
    dr, dc = np.ogrid[r0 - row : r0 - row + part.shape[0], c0 - col : c0 - col + part.shape[1]]
    part[dr**2 + dc**2 <= reach**2] = False


def _area_types(land: Land, frame: pd.DataFrame) -> npt.NDArray[np.str_]:
    town_m = land.town_m()[frame["row"], frame["col"]]
    steep = frame["elevation_m"].to_numpy() > 60.0
    return np.where(town_m < 3_000.0, "urban", np.where(steep, "mountain", "delta"))


def _sizes(frame: pd.DataFrame, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """People per settlement, log-normal about a usual size; a commune's centre is twice as large."""
    usual = frame["area_type"].map({"urban": 2_400.0, "delta": 780.0, "mountain": 210.0}).to_numpy()
    usual = usual * np.where(frame["is_centre"], 2.0, 1.0)
    size = np.round(usual * rng.lognormal(0.0, 0.45, len(frame)))
    return np.asarray(np.maximum(size, 24.0), dtype=np.int64)


def _substations(land: Land, frame: pd.DataFrame) -> list[tuple[int, int]]:
    """The town, and the commune centres of the plain."""
    low = frame[frame["is_centre"] & (frame["elevation_m"] < 40.0)]
    return [land.town, *zip(low["row"].tolist(), low["col"].tolist(), strict=True)]


def _power(frame: pd.DataFrame, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Whether the grid has come so far; the register does not say it for a few mountain settlements."""
    limit_km = _GRID_LIMIT_KM + _GRID_KM_PER_100_PEOPLE * frame["population"] / 100.0
    power = np.where(frame["way_km"] <= limit_km, "yes", "no").astype("<U7")
    mountain = np.flatnonzero(frame["area_type"] == "mountain")
    power[rng.choice(mountain, min(8, len(mountain)), replace=False)] = "unknown"
    return power


def _name(frame: pd.DataFrame, land: Land) -> None:
    """Numbered names that no real place bears, by the kind of place."""
    inland_m = land.inland_m[frame["row"], frame["col"]]
    river_m = land.river_m[frame["row"], frame["col"]]
    mountain, urban = frame["area_type"] == "mountain", frame["area_type"] == "urban"
    frame["kind"] = np.where(mountain, "bản", np.where(urban, "tổ dân phố", "thôn"))
    stem = np.where(inland_m < 2_500.0, "Thôn Biển Mẫu", np.where(river_m < 900.0, "Thôn Sông Mẫu", "Thôn Mẫu"))
    stem = np.where(mountain, np.where(river_m < 1_500.0, "Bản Suối Mẫu", "Bản Đồi Mẫu"), stem)
    frame["stem"] = np.where(urban, "Tổ dân phố Mẫu", stem)
    number = frame.groupby("stem").cumcount() + 1
    frame["name"] = frame["stem"] + " " + number.astype(str)
    frame["settlement_id"] = [f"TM{i + 1:03d}" for i in range(len(frame))]


def _population(land: Land, units: Units, frame: pd.DataFrame) -> Raster:
    """People of every settlement over the cells around it, within its old commune; the sum is theirs."""
    total = np.zeros(land.grid.shape)
    reach = 20
    ny, nx = land.grid.shape
    habitable = (land.river_m > 120.0) * np.exp(-((land.slope_deg / 12.0) ** 2))
    spread_m = frame["area_type"].map({"urban": 450.0, "delta": 330.0, "mountain": 220.0})
    columns = ("x", "y", "row", "col", "old_number", "population")
    for (x, y, row, col, number, people), sigma in zip(
        frame[list(columns)].itertuples(index=False, name=None), spread_m, strict=True
    ):
        part = np.s_[max(row - reach, 0) : min(row + reach + 1, ny), max(col - reach, 0) : min(col + reach + 1, nx)]
        distance_m = np.hypot(land.x[part] - x, land.y[part] - y)
        weight = np.exp(-distance_m / sigma) * habitable[part] * (units.label[part] == number)
        weight[weight < 0.004 * weight.max()] = 0.0
        total[part] += people * weight / weight.sum()
    return Raster(total.astype(np.float32), land.grid, None, "persons per cell")
