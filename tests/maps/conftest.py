"""A small invented province for the page: nine square communes, a hill in the west, sea in the east."""

from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from shapely.geometry import box

from phusong.coverage.uncovered import Planned, Uncovered
from phusong.geodata.grid import Grid, Raster
from phusong.maps.data import PageData, RunInfo, Source
from tests.chromium import HOSTILE
from tests.maps.test_path_figure import explanation

NAMES = ("Đồng Hới", "Bản Ăn", "Bản An", "Thôn Ô", "Thôn Ơ", "Quảng Tiến", "Quảng Tiên", "Đá Bạc", "Dốc Mây")
CELL_M = 100.0
WEST_M, NORTH_M, SIDE_CELLS = 640_000.0, 1_960_000.0, 120
CLASSES = ("none", "weak", "good")


@pytest.fixture(scope="session")
def grid() -> Grid:
    transform = Affine(CELL_M, 0.0, WEST_M, 0.0, -CELL_M, NORTH_M)
    return Grid("EPSG:32648", transform, (SIDE_CELLS, SIDE_CELLS))


@pytest.fixture(scope="session")
def data(grid: Grid) -> PageData:
    columns = np.arange(SIDE_CELLS)
    height = np.tile(np.maximum(0.0, 800.0 - 8.0 * columns), (SIDE_CELLS, 1)).astype(np.float32)
    classes = np.tile(np.minimum(columns // 40, 2).astype(np.uint8), (SIDE_CELLS, 1))
    communes = _communes()
    return PageData(
        name="tỉnh Mẫu",
        run=RunInfo(
            run_id="0123456789abcdef",
            as_of=date(2025, 8, 1),
            profile="mặc định",
            profile_source="QCVN",
            location_pct=95.0,
            counts_as_signal=("3G", "4G"),
            terrain_kind="dtm",
            boundary_date=date(2025, 7, 1),
            sources=(Source("settlements", "ab" * 32, 9), Source("terrain", "cd" * 32, None)),
            warnings=({"en": "One station was left out.", "vi": "Một trạm bị loại."},),
        ),
        terrain=Raster(height, grid, unit="m"),
        classes={"any": Raster(classes, grid), "4G": Raster(classes, grid), "3G": Raster(classes // 2, grid)},
        communes=communes,
        figures=_figures(communes),
        settlements=_settlements(communes),
        stations=_stations(),
        fibre_endpoints=pd.DataFrame(
            {"endpoint_id": ["F1"], "operator": ["VNPT"], "reach_km": [3.0], "lon": [106.35], "lat": [17.68]}
        ),
        places=pd.DataFrame(
            {"place_id": ["P1"], "kind": ["school"], "name": ["Trường Mẫu"], "lon": [106.36], "lat": [17.66],
             "class_4G": ["good"], "class_3G": ["none"]}
        ),
        sea_max_elevation_m=0.0,
        audience="internal",
        former_units={"district": _district(communes)},
        uncovered=_uncovered(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def public_data(data: PageData) -> PageData:
    return replace(data, audience="public")


@pytest.fixture(scope="session")
def hostile_data(data: PageData) -> PageData:
    """The same province with hostile text in every text column of every layer."""

    def spoil(frame: pd.DataFrame, *keep: str) -> pd.DataFrame:
        frame = frame.copy()
        for column in frame.columns.drop(["geometry"], errors="ignore"):
            if column not in keep and frame[column].map(lambda value: isinstance(value, str)).any():
                frame[column] = [HOSTILE[row % len(HOSTILE)] for row in range(len(frame))]
        return frame

    states = ("signal", "uncertain", "power", "broadband", "class_4G", "class_3G", "technology")
    assert data.stations is not None
    assert data.fibre_endpoints is not None
    assert data.places is not None
    hostile_path = explanation(name=HOSTILE[2])
    station = replace(hostile_path.station, station_id=HOSTILE[0], mast_id=HOSTILE[1], operator=HOSTILE[3])
    hostile_path = replace(hostile_path, station=station)
    return replace(
        data,
        former_units={"district": spoil(data.former_units["district"], "code")},
        uncovered={
            HOSTILE[number]: Uncovered(
                HOSTILE[number], "terrain", (hostile_path,), 0, Planned(hostile_path, None), "fund"
            )
            for number in range(3)
        },
        name=HOSTILE[0],
        run=replace(
            data.run,
            profile=HOSTILE[1],
            profile_source=HOSTILE[2],
            sources=(Source(HOSTILE[3], "ab" * 32, 1),),
            warnings=({"en": HOSTILE[0], "vi": HOSTILE[4]},),
        ),
        communes=spoil(data.communes, "code"),
        settlements=spoil(data.settlements, *states),
        stations=spoil(data.stations, *states),
        fibre_endpoints=spoil(data.fibre_endpoints),
        places=spoil(data.places, *states),
    )


def _district(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    whole = communes.union_all()
    return gpd.GeoDataFrame({"code": ["450"], "name": ["huyện cũ"]}, geometry=[whole], crs=communes.crs)


def _uncovered() -> dict[str, Uncovered]:
    """What every settlement without good signal of the small province misses, S3 with paths."""
    paths = (explanation(total_km=4.0), explanation(total_km=6.0))
    planned = Planned(explanation(total_km=3.0), date(2026, 8, 1))
    return {
        "S1": Uncovered("S1", "no_station", (), None, None, "electricity_first"),
        "S3": Uncovered("S3", "terrain", paths, 1, planned, "fund"),
    }


def _communes() -> gpd.GeoDataFrame:
    side = SIDE_CELLS * CELL_M / 4.0
    squares = [
        box(west, north - side, west + side, north)
        for north in NORTH_M - side * (0.3 + np.arange(3))
        for west in WEST_M + side * (0.3 + np.arange(3))
    ]
    codes = [f"{90001 + number}" for number in range(9)]
    frame = gpd.GeoDataFrame(
        {"code": codes, "name": [f"xã {number}" for number in range(9)]}, geometry=squares, crs="EPSG:32648"
    )
    return frame.to_crs("EPSG:4326")


def _figures(communes: gpd.GeoDataFrame) -> pd.DataFrame:
    shares = np.linspace(0.3, 1.0, 9)
    units = [("province", "44", "tỉnh Mẫu", 0.977), ("district", "450", "huyện cũ", 0.9)]
    units += [("commune", *unit) for unit in zip(communes["code"], communes["name"], shares, strict=True)]
    totals = {"people": 876_535, "residential_cells": 1_200, "settlements": 90}
    rows = [
        (*unit[:3], technology, "any", "mặc định", indicator, service, round(total * unit[3] * part), total)
        for unit in units
        for technology in ("any", "4G", "3G")
        for indicator, total in totals.items()
        for service, part in (("weak", 1.0), ("good", 0.8))
    ]
    columns = ["level", "unit_code", "unit_name", "technology", "operator", "profile", "indicator", "service"]
    columns += ["numerator", "denominator"]
    return pd.DataFrame(rows, columns=columns)


def _settlements(communes: gpd.GeoDataFrame) -> pd.DataFrame:
    centres = communes.geometry.to_crs("EPSG:32648").centroid.to_crs("EPSG:4326")
    signal = [CLASSES[number % 3] for number in range(9)]
    signal[0], signal[8] = "good", "unknown"
    frame = pd.DataFrame(
        {
            "settlement_id": [f"S{number}" for number in range(9)],
            "name": NAMES,
            "kind": "thôn",
            "commune_code": communes["code"],
            "commune_name": communes["name"],
            "district_name": "huyện cũ",
            "old_commune_name": "xã cũ",
            "population": [100.0 + number for number in range(8)] + [np.nan],
            "households": 30,
            "area_type": "delta",
            "location_known": True,
            "lon": centres.x,
            "lat": centres.y,
            "power": ["yes", "no", "unknown"] * 3,
            "signal": signal,
            "uncertain": ["yes", *["no"] * 7, "unknown"],
            "signal_declared": None,
            "nearest_mast_id": "M1",
            "nearest_mast_km": 2.5,
            "broadband": ["yes", "yes", "yes", "no", "no", "no", "unknown", "unknown", "unknown"],
            "broadband_source": ["declared"] + ["modelled"] * 8,
            "fibre_endpoint_id": "F1",
            "fibre_distance_km": 4.25,
        }
    )
    for technology in ("4G", "3G"):
        frame[f"class_{technology}"] = ["none" if value == "unknown" else value for value in signal]
        frame[f"rsrp_dbm_{technology}"] = [np.nan if value == "none" else -101.25 for value in signal]
        frame[f"margin_db_{technology}"] = 3.5
        frame[f"operator_{technology}"] = "Viettel"
        frame[f"station_id_{technology}"] = "B1"
        frame[f"distance_km_{technology}"] = 2.5
    return frame


def _stations() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "station_id": ["B1", "B2", "B3"],
            "mast_id": ["M1", "M1", "M2"],
            "operator": ["Viettel", "VNPT", "Viettel"],
            "technology": ["4G", "3G", "4G"],
            "band_mhz": [1800, 900, 700],
            "height_agl_m": [40.0, 40.0, 30.0],
            "lon": [106.37, 106.37, 106.40],
            "lat": [17.67, 17.67, 17.70],
        }
    )
