"""Communes of the sample: 30 in 6 districts until 30 June 2025, merged into 9 on 1 July 2025.

Every new commune lies within one former district. The polygons of either time tile the province exactly.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio.features
import shapely

from phusong.geodata.sample.land import STEP_M, Land
from phusong.geodata.sample.relief import CRS, HEIGHT_M, NORTH_M, WEST_M, Noise

MERGER_DATE = "2025-07-01"
PROVINCE_CODE = "99"
_DISTRICT_NAMES = (
    "Huyện Mẫu Thượng", "Huyện Mẫu Tây", "Huyện Mẫu Bắc", "Huyện Mẫu Nam", "Huyện Mẫu Đông", "Thị xã Mẫu",
)  # fmt: skip
"""By place: two in the west, two in the middle, two in the east (the last holds the town)."""


@dataclass(frozen=True, eq=False)
class Units:
    """Old communes as numbers 0 to 29 on the lattice (−1 outside), with their districts and new communes.

    `table` has one row per old commune, in the order of the numbers.
    """

    label: npt.NDArray[np.int16]
    table: pd.DataFrame

    def crosswalk(self) -> pd.DataFrame:
        """Old to new codes and names, one row per old commune."""
        columns = ["old_code", "old_name", "old_district_code", "old_district_name", "new_code", "new_name"]
        return self.table[columns].assign(valid_from=MERGER_DATE)


def make_units(land: Land, weight: npt.NDArray[np.float64]) -> Units:
    """Partition the province: communes are smaller where more settlements can be.

    Parameters
    ----------
    land
        The working lattice.
    weight
        Relative density `[y, x]` that the centres follow.
    """
    centres = _centres(land, weight)
    district, part = _groups(land, centres)
    label = _labels(land, centres)
    return Units(label, _table(land, label, district, part))


def commune_polygons(land: Land, units: Units) -> gpd.GeoDataFrame:
    """Old and new communes as rows of the layer `communes`, EPSG:4326."""
    mask = units.label >= 0
    shapes = rasterio.features.shapes(
        units.label, mask=mask, connectivity=4, transform=land.grid.transform
    )  # fmt: skip
    pieces = [(int(value), shapely.geometry.shape(shape)) for shape, value in shapes]
    # A corner on every lattice node makes neighbours share all their points, which the simplification needs.
    dense = shapely.segmentize([piece for _, piece in pieces], STEP_M)
    smooth = shapely.coverage_simplify(dense, 180.0)
    numbers = np.array([number for number, _ in pieces])
    old = [shapely.coverage_union_all(smooth[numbers == number]) for number in range(len(units.table))]
    table = units.table
    rows = []
    for _, old_unit in table.iterrows():
        rows.append(_row(old_unit["old_code"], old_unit["old_name"], old_unit, ("2004-01-01", MERGER_DATE)))
    new = []
    for code, members in table.groupby("new_code", sort=True):
        first = members.iloc[0]
        rows.append(_row(str(code), first["new_name"], first, (MERGER_DATE, None)))
        new.append(shapely.coverage_union_all([old[number] for number in members.index]))
    frame = gpd.GeoDataFrame(rows, geometry=[*old, *new], crs=CRS).to_crs("EPSG:4326")
    frame["geometry"] = [_multi(polygon) for polygon in frame.geometry]
    return frame


def _centres(land: Land, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Thirty centres `[n, 2]` by Lloyd's iterations on points drawn by weight."""
    rng = np.random.default_rng([land.seed, 20])
    flat = (weight * land.province).ravel()
    chosen = rng.choice(flat.size, 6_000, p=flat / flat.sum())
    points = np.column_stack([land.x.ravel()[chosen], land.y.ravel()[chosen]])
    centres = points[:30]
    for _ in range(25):
        nearest = np.argmin(((points[:, None] - centres[None]) ** 2).sum(axis=2), axis=1)
        centres = np.array([points[nearest == k].mean(axis=0) for k in range(30)])
    return centres


def _groups(land: Land, centres: npt.NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """District 0 to 5 of every centre, and the part (0 or 1) of its district that becomes a new commune."""
    rng = np.random.default_rng([land.seed, 21])
    district, part = [0] * 30, [0] * 30
    divided = set(rng.choice(6, 3, replace=False).tolist())
    by_x = np.argsort(centres[:, 0])
    for column in range(3):
        band = by_x[10 * column : 10 * column + 10]
        band = band[np.argsort(-centres[band, 1])]
        for half in range(2):
            members, number = band[5 * half : 5 * half + 5], 2 * column + half
            members = members[np.argsort(centres[members, 0])]
            for place, centre in enumerate(members):
                district[centre] = number
                part[centre] = int(number in divided and place >= 2)
    return district, part


def _labels(land: Land, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """Nearest centre of every province cell after a wavy shift, so that borders are not straight."""
    rng = np.random.default_rng([land.seed, 22])
    u, v = land.x - WEST_M, land.y - (NORTH_M - HEIGHT_M)
    wavy = [Noise.draw(rng, 3_000.0) for _ in range(2)]
    x, y = land.x + 1_100.0 * wavy[0](u, v), land.y + 1_100.0 * wavy[1](u, v)
    best, label = np.full(x.shape, np.inf), np.full(x.shape, -1, dtype=np.int16)
    for number, (cx, cy) in enumerate(centres):
        distance = (x - cx) ** 2 + (y - cy) ** 2
        label[distance < best] = number
        best = np.minimum(best, distance)
    label[~land.province] = -1
    return label


def _table(land: Land, label: npt.NDArray[np.int16], district: list[int], part: list[int]) -> pd.DataFrame:
    """One row per old commune; a new commune takes over the code of its first member, as happened in 2025."""
    town = int(label[land.town])
    # The district of the town is the "thị xã": swap names so that it is, wherever the groups fell.
    names = list(_DISTRICT_NAMES)
    names[district[town]], names[5] = names[5], names[district[town]]
    rows = []
    groups = sorted({(district[k], part[k]) for k in range(30)})
    for number in range(30):
        group = (district[number], part[number])
        first = next(k for k in range(30) if (district[k], part[k]) == group)
        new_number = groups.index(group) + 1
        in_town_group = group == (district[town], part[town])
        rows.append({
            "old_code": f"{PROVINCE_CODE}{3 * (number + 1):03d}",
            "old_name": "Phường Mẫu Trung Tâm" if number == town else f"Xã Mẫu {number + 1}",
            "old_district_code": f"9{district[number] + 1:02d}",
            "old_district_name": names[district[number]],
            "new_code": f"{PROVINCE_CODE}{3 * (first + 1):03d}",
            "new_name": f"{'Phường' if in_town_group else 'Xã'} Mẫu Mới {new_number}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def _row(code: str, name: str, district: "pd.Series[str]", valid: tuple[str, str | None]) -> dict[str, object]:
    return {
        "code": code,
        "name": name,
        "kind": name.split(maxsplit=1)[0],
        "district_code": district["old_district_code"],
        "district_name": district["old_district_name"],
        "province_code": PROVINCE_CODE,
        "valid_from": valid[0],
        "valid_to": valid[1],
    }


def _multi(polygon: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon(list(shapely.get_parts(polygon)))
