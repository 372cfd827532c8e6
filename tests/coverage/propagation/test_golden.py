"""The engine against values of two independent implementations (see tests/golden/README.md)."""

import csv
import functools
import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phusong.coverage.propagation._block import BLOCK
from phusong.coverage.propagation._carried import ray_tables, ray_work
from phusong.coverage.propagation._ends import near_points, own_points
from phusong.coverage.propagation._path import fill_path_losses, path_work, put_path
from phusong.coverage.propagation._ray import ray_loss
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.p1812 import make_link, path_loss_db, ray_loss_db

GOLDEN = Path(__file__).parents[2] / "golden"
GROUPS = [
    "inland",
    "clutter",
    "coastal",
    "mixed",
    "sea",
    "shore",
    "high_latitude",
    "end_clearance",
    "limits",
    "uneven",
    "location",
]
RAY_GROUPS = GROUPS[:-2]
TOLERANCE_DB = 1e-6
FULL_BLOCK_POINTS = 8
LINK_NUMBERS = [
    "time_pct",
    "tx_height_agl_m",
    "rx_height_agl_m",
    "mid_lat_deg",
    "delta_n",
    "surface_refractivity",
    "end_clearance_km",
]

Row = dict[str, str]


@functools.cache
def read_rows(name: str = "p1812") -> list[Row]:
    with gzip.open(GOLDEN / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)


def profile(row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    terrain_m = numbers(row["terrain_m"])
    clutter_m = numbers(row["clutter_m"]) if row["clutter_m"] else np.zeros(terrain_m.size)
    return terrain_m, clutter_m, np.array(list(row["zone"]), dtype=np.int64)


def link(row: Row) -> dict[str, Any]:
    coasts = {name: float(row[name]) if row[name] else None for name in ("tx_coast_km", "rx_coast_km")}
    return {name: float(row[name]) for name in LINK_NUMBERS} | coasts | {"polarization": row["polarization"]}


def expected_db(row: Row) -> np.ndarray:
    return np.array([[float(v) for v in one.split()] for one in row["loss_db"].split("|")])


def path_difference_db(row: Row) -> float:
    terrain_m, *rest = profile(row)
    spaced = row["spacing_km"] and float(row["spacing_km"]) * np.arange(terrain_m.size)
    arrays = [numbers(row["distance_km"]) if row["distance_km"] else spaced, terrain_m, *rest]
    spread = {name: float(row[name]) for name in ("location_pct", "location_sigma_db")}
    ours = [
        [
            path_loss_db(*(a[: int(i) + 1] for a in arrays), freq_ghz=f, **link(row), **spread)
            for i in row["points"].split()
        ]
        for f in numbers(row["freqs_ghz"])
    ]
    return float(np.max(np.abs(np.array(ours) - expected_db(row))))


def ray_difference_db(row: Row) -> float:
    ray = ray_loss_db(float(row["spacing_km"]), *profile(row), freqs_ghz=numbers(row["freqs_ghz"]), **link(row))
    if not np.isnan(ray[:, :4]).all():
        return math.inf
    return float(np.max(np.abs(ray[:, numbers(row["points"]).astype(int)] - expected_db(row))))


def field_profile(row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As fields take a profile: clutter is empty where there is none, zones where all is inland."""
    terrain_m, clutter_m, zone = profile(row)
    zone = zone.astype(np.uint8) if (zone != 4).any() else np.empty(0, np.uint8)
    return terrain_m, clutter_m if clutter_m.any() else np.empty(0), zone


def spoil(work: tuple) -> None:
    """Leave in places to work in what no evaluator may make use of."""
    for part in work:
        if isinstance(part, tuple):
            spoil(part)
        else:
            part.fill(10**6)


def field_ray_difference_db(row: Row) -> float:
    """For the evaluator of rays in fields, which is asked for some points; infinite if it fills others.

    Beyond the last of them the ray goes on, over a wall and the sea.
    """
    terrain_m, cover_m, zone = field_profile(row)
    terrain_m = np.append(terrain_m, 9000.0)
    cover_m = np.append(cover_m, 50.0) if cover_m.size else cover_m
    zone = np.append(zone, np.uint8(1)) if zone.size else zone
    n, points = terrain_m.size, numbers(row["points"]).astype(int)
    needed = np.isin(np.arange(n), points)
    terms, made = make_link(numbers(row["freqs_ghz"]), **link(row))
    ours = np.full((len(terms), n), np.nan)
    tables = ray_tables(float(row["spacing_km"]), n, made)
    work = ray_work(n + 1, own_points(near_points(tables.step_km, made), n))
    spoil(work)
    ray_loss(terrain_m, cover_m, zone, needed, terms, tables, made, work, ours)
    if not np.isnan(ours[:, ~needed]).all():
        return math.inf
    return float(np.max(np.abs(ours[:, points] - expected_db(row))))


def field_path_difference_db(row: Row, *, times: int = 1) -> float:
    """For the evaluator of blocks of paths in fields, which takes equal steps; a path may stand in it several times."""
    terrain_m, cover_m, zone = field_profile(row)
    terms, made = make_link(numbers(row["freqs_ghz"]), **link(row))
    points = np.tile(numbers(row["points"]).astype(int)[::-1], times)  # the longest first
    work, ours = path_work(terrain_m.size), np.empty((len(terms), points.size))
    spoil((work.block, work.packed, work.which, work.ground_m, work.row))
    for place, k in enumerate(points):
        work.ground_m[place, : k + 1] = terrain_m[: k + 1]
        put_path(place, k, cover_m[: k + 1].copy(), zone[: k + 1], float(row["spacing_km"]), made, work)
    fill_path_losses(points.size, terms, made, work, ours)
    return float(np.max(np.abs(ours - np.tile(expected_db(row)[:, ::-1], times))))


def field_block_difference_db(row: Row) -> float:
    """As `field_path_difference_db` of a block as full as it gets."""
    return field_path_difference_db(row, times=BLOCK // len(row["points"].split()))


def test_two_thousand_rows_from_two_references_cover_every_group() -> None:
    rows = read_rows()
    assert len(rows) >= 2000
    assert {row["reference"] for row in rows} == {"py1812", "crc-covlib", "both"}
    assert {row["group"] for row in rows} == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_the_loss_of_a_path_is_that_of_the_references(group: str) -> None:
    differences = [path_difference_db(row) for row in read_rows() if row["group"] == group]
    assert len(differences) >= 100
    assert max(differences) <= TOLERANCE_DB


@pytest.mark.parametrize("group", RAY_GROUPS)
def test_the_losses_along_a_ray_are_those_of_the_references(group: str) -> None:
    rays = [row for row in read_rows() if row["group"] == group and row["form"] == "ray"]
    assert len(rays) >= 100
    assert max(ray_difference_db(row) for row in rays) <= TOLERANCE_DB


@pytest.mark.parametrize("group", RAY_GROUPS)
def test_the_losses_along_a_ray_in_a_field_are_those_of_the_references(group: str) -> None:
    rays = [row for row in read_rows() if row["group"] == group and row["form"] == "ray"]
    assert max(field_ray_difference_db(row) for row in rays) <= TOLERANCE_DB


@pytest.mark.parametrize("group", RAY_GROUPS)
def test_the_loss_of_a_path_in_a_field_is_that_of_the_references(group: str) -> None:
    rows = [row for row in read_rows() if row["group"] == group and row["spacing_km"]]
    assert len(rows) >= 200
    assert max(field_path_difference_db(row) for row in rows) <= TOLERANCE_DB


def test_full_blocks_of_paths_in_a_field_are_those_of_the_references() -> None:
    rows = [row for row in read_rows() if len(row["points"].split()) >= FULL_BLOCK_POINTS]
    assert len(rows) >= 200
    assert max(field_block_difference_db(row) for row in rows) <= TOLERANCE_DB


def test_every_validation_example_of_study_group_3_is_met() -> None:
    differences = [path_difference_db(row) for row in read_rows("p1812_itu")]
    assert len(differences) == 63
    assert max(differences) <= 1e-7  # they are given to 8 decimals


VALID_LINK = {
    "time_pct": 50.0,
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 1.5,
    "polarization": "vertical",
    "mid_lat_deg": 17.5,
    "delta_n": 45.0,
    "surface_refractivity": 350.0,
}
BAD_LINK = [
    ("time_pct", 0.5),
    ("time_pct", 60.0),
    ("tx_height_agl_m", 0.5),
    ("tx_height_agl_m", 3001.0),
    ("rx_height_agl_m", 0.5),
    ("rx_height_agl_m", 3001.0),
    ("polarization", "circular"),
    ("time_pct", float("nan")),
]
FLAT, INLAND = np.zeros(8), np.full(8, 4)
NAN_AT_THREE = np.where(np.arange(8) == 3, np.nan, 0.0)
BAD_PROFILES = [
    pytest.param(FLAT, FLAT, np.where(np.arange(8) == 3, 2, 4), id="unknown zone code"),
    pytest.param(NAN_AT_THREE, FLAT, INLAND, id="terrain is NaN"),
    pytest.param(FLAT, NAN_AT_THREE, INLAND, id="clutter is NaN"),
    pytest.param(FLAT[:7], FLAT, INLAND, id="terrain too short"),
    pytest.param(FLAT, FLAT[:7], INLAND, id="clutter too short"),
    pytest.param(FLAT, FLAT, INLAND[:7], id="zone too short"),
]
BAD_DISTANCES = [
    pytest.param([0, 1, 2, 3, 5, 4, 6, 7], id="unsorted"),
    pytest.param([0, 1, 2, 3, 3, 4, 5, 6], id="repeated"),
    pytest.param([1, 2, 3, 4, 5, 6, 7, 8], id="not from zero"),
    pytest.param([0, 1, 2, np.nan, 4, 5, 6, 7], id="NaN"),
    pytest.param([0, 1, 2, 3, 4, 5, 6], id="too short"),
]


@pytest.mark.parametrize("freq_ghz", [0.01, 7.0, float("nan")])
def test_a_frequency_outside_the_recommendation_is_refused(freq_ghz: float) -> None:
    with pytest.raises(OutOfValidityError):
        path_loss_db(np.arange(8.0), FLAT, FLAT, INLAND, freq_ghz=freq_ghz, **VALID_LINK)
    with pytest.raises(OutOfValidityError):
        ray_loss_db(1.0, FLAT, FLAT, INLAND, freqs_ghz=np.array([0.9, freq_ghz]), **VALID_LINK)


@pytest.mark.parametrize(("name", "value"), BAD_LINK)
def test_a_link_outside_the_recommendation_is_refused(name: str, value: Any) -> None:
    bad = VALID_LINK | {name: value}
    with pytest.raises(OutOfValidityError):
        path_loss_db(np.arange(8.0), FLAT, FLAT, INLAND, freq_ghz=0.9, **bad)
    with pytest.raises(OutOfValidityError):
        ray_loss_db(1.0, FLAT, FLAT, INLAND, freqs_ghz=np.array([0.9]), **bad)


@pytest.mark.parametrize(("terrain_m", "clutter_m", "zone"), BAD_PROFILES)
def test_a_faulty_profile_is_refused(terrain_m: np.ndarray, clutter_m: np.ndarray, zone: np.ndarray) -> None:
    with pytest.raises(OutOfValidityError):
        path_loss_db(np.arange(8.0), terrain_m, clutter_m, zone, freq_ghz=0.9, **VALID_LINK)
    with pytest.raises(OutOfValidityError):
        ray_loss_db(1.0, terrain_m, clutter_m, zone, freqs_ghz=np.array([0.9]), **VALID_LINK)


@pytest.mark.parametrize("distance_km", BAD_DISTANCES)
def test_distances_that_do_not_grow_from_zero_are_refused(distance_km: list[float]) -> None:
    with pytest.raises(OutOfValidityError):
        path_loss_db(np.array(distance_km, dtype=float), FLAT, FLAT, INLAND, freq_ghz=0.9, **VALID_LINK)


def test_a_path_of_fewer_than_five_points_is_refused() -> None:
    with pytest.raises(OutOfValidityError):
        path_loss_db(np.arange(4.0), FLAT[:4], FLAT[:4], INLAND[:4], freq_ghz=0.9, **VALID_LINK)


def test_the_first_four_points_of_a_ray_have_no_loss() -> None:
    ray = ray_loss_db(1.0, FLAT, FLAT, INLAND, freqs_ghz=np.array([0.9, 2.1]), **VALID_LINK)
    assert np.isnan(ray[:, :4]).all()
    assert np.isfinite(ray[:, 4:]).all()
