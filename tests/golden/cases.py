"""Random radio paths for Rec. ITU-R P.1812, and their loss by the public implementations Py1812 and crc-covlib.

Used by `scripts/golden` for fresh comparisons; the rows of `p1812.csv.gz` came from the same generator.
"""

import ctypes
import functools
import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEA, COASTAL, INLAND = 1, 3, 4
EARTH_RADIUS_KM = 6371.0  # Rec. ITU-R P.2001, §2.3
SHARED_GROUPS = (
    "inland",
    "clutter",
    "coastal",
    "mixed",
    "sea",
    "shore",
    "high_latitude",
    "end_clearance",
    "limits",
)
GROUPS = (*SHARED_GROUPS, "uneven", "location")
CELLULAR = "cellular"  # masts and handsets: no rows of p1812.csv.gz, only fresh comparisons


@dataclass(frozen=True)
class Case:
    """One profile and link; a ray when `spacing_km` is set and `as_ray`, else a single path."""

    group: str
    as_ray: bool
    spacing_km: float | None
    distance_km: Floats
    terrain_m: Floats
    clutter_m: Floats
    zone: NDArray[np.int64]
    freqs_ghz: tuple[float, ...]
    time_pct: float
    tx_height_agl_m: float
    rx_height_agl_m: float
    polarization: str
    mid_lat_deg: float
    delta_n: float
    surface_refractivity: float
    tx_coast_km: float | None
    rx_coast_km: float | None
    location_pct: float
    location_sigma_db: float
    end_clearance_km: float


@dataclass(frozen=True)
class ReferencePath:
    """One path at one frequency as the reference implementations take it: end clearance already applied."""

    d: Floats
    h: Floats
    r: Floats
    zone: NDArray[np.int64]
    f: float
    p: float
    htg: float
    hrg: float
    polarization: str
    lat: float
    dn: float
    n0: float
    dct: float | None
    dcr: float | None
    location_pct: float
    sigma: float


def reference_path(case: Case, freq_ghz: float, index: int) -> ReferencePath:
    """Return the path from the transmitter to profile point `index`."""
    d = case.distance_km[: index + 1]
    reach = case.end_clearance_km + 1e-9
    clear = (d <= reach) | (d[-1] - d <= reach)
    return ReferencePath(
        d=d,
        h=case.terrain_m[: index + 1],
        r=np.where(clear, 0.0, case.clutter_m[: index + 1]),
        zone=case.zone[: index + 1],
        f=freq_ghz,
        p=case.time_pct,
        htg=case.tx_height_agl_m,
        hrg=case.rx_height_agl_m,
        polarization=case.polarization,
        lat=case.mid_lat_deg,
        dn=case.delta_n,
        n0=case.surface_refractivity,
        dct=case.tx_coast_km,
        dcr=case.rx_coast_km,
        location_pct=case.location_pct,
        sigma=case.location_sigma_db,
    )


def terminal_latitudes_deg(path: ReferencePath) -> tuple[float, float]:
    """Return latitudes of two terminals on one meridian, such that the path centre lies at `path.lat`."""
    half_deg = np.degrees(path.d[-1] / 2 / EARTH_RADIUS_KM)
    return path.lat - half_deg, path.lat + half_deg


def coast_km(d: Floats, zone: NDArray[np.int64]) -> float:
    """Return the length of land before the first sea point; a point reaches halfway to its neighbours."""
    at_sea = np.flatnonzero(zone == SEA)
    if at_sea.size == 0:
        return float(d[-1])
    first = int(at_sea[0])
    return 0.0 if first == 0 else float(d[first - 1] + d[first]) / 2


@functools.cache
def load_py1812(folder: Path) -> ModuleType:
    """Import Py1812 from a checkout, without its digital maps: DN and N0 are always given."""
    sys.path.insert(0, str(folder / "src"))
    spec = importlib.util.find_spec("Py1812.P1812")
    if spec is None:
        raise FileNotFoundError(f"no Py1812 in {folder / 'src'}")
    empty = type("NoMaps", (dict,), {"files": (), "__enter__": lambda s: s, "__exit__": lambda *_: None})()
    with patch("numpy.load", lambda _path: empty):
        return importlib.import_module(spec.name)


def py1812_loss_db(module: ModuleType, path: ReferencePath) -> float:
    """Return the basic transmission loss [dB] by Py1812."""
    lat_t, lat_r = terminal_latitudes_deg(path)
    dct = coast_km(path.d, path.zone) if path.dct is None else path.dct
    dcr = coast_km(path.d[-1] - path.d[::-1], path.zone[::-1]) if path.dcr is None else path.dcr
    polarization = 1 if path.polarization == "horizontal" else 2
    link = (path.htg, path.hrg, polarization, lat_t, lat_r, 0.0, 0.0)
    with np.errstate(invalid="ignore"):  # it divides 0 by 0 where eq. 90e, 90f are not used
        loss_db, _ = module.bt_loss(
            path.f,
            path.p,
            path.d,
            path.h,
            path.r,
            path.zone,
            *link,
            pL=path.location_pct,
            sigmaL=path.sigma,
            DN=path.dn,
            N0=path.n0,
            dct=dct,
            dcr=dcr,
        )
    return float(loss_db)


@functools.cache
def load_crc_covlib(library: Path) -> Callable[..., float]:
    """Open the library built from `crc_covlib.cpp`."""
    function = ctypes.CDLL(str(library)).p1812_loss_db
    function.restype = ctypes.c_double
    floats, codes = np.ctypeslib.ndpointer(np.float64), np.ctypeslib.ndpointer(np.int32)
    numbers = [ctypes.c_double] * 6
    function.argtypes = [*numbers, ctypes.c_int, ctypes.c_uint, floats, floats, floats, codes, *numbers[:4]]
    return function


def crc_covlib_loss_db(function: Callable[..., float], path: ReferencePath) -> float:
    """Return the basic transmission loss at 50 % of locations [dB] by crc-covlib; it derives missing coasts itself."""
    ends = ((path.dct, path.zone[0]), (path.dcr, path.zone[-1]))
    coasts = [math.nan if given is None else 0.0 if zone == SEA else given for given, zone in ends]
    arrays = [np.ascontiguousarray(values) for values in (path.d, path.h, path.r)]
    link = (path.htg, path.hrg, int(path.polarization == "vertical"))
    place = (*terminal_latitudes_deg(path), *link, path.d.size, *arrays, path.zone.astype(np.int32))
    return float(function(path.f, path.p, *place, *coasts, path.dn, path.n0))


def neighbours(path: ReferencePath, rng: np.random.Generator, count: int = 30) -> Iterator[ReferencePath]:
    """Yield copies with every input moved by up to 1e-10 (relative; metres for the profile)."""

    def near(value: float, low: float = -np.inf, high: float = np.inf) -> float:
        return float(np.clip(value * (1 + 1e-10 * rng.uniform(-1, 1)), low, high))

    for _ in range(count):
        shift = 1 + 1e-10 * rng.uniform(-1, 1, path.d.size)
        yield replace(
            path,
            d=path.d * shift,
            h=path.h + 1e-10 * rng.uniform(-1, 1, path.h.size),
            r=path.r + 1e-10 * rng.uniform(0, 1, path.r.size),
            f=near(path.f, 0.03, 6.0),
            htg=near(path.htg, 1.0, 3000.0),
            hrg=near(path.hrg, 1.0, 3000.0),
            lat=near(path.lat),
            dct=None if path.dct is None else near(path.dct),
            dcr=None if path.dcr is None else near(path.dcr),
        )


def is_at_branch_switch(
    loss_db: Callable[[ReferencePath], float], path: ReferencePath, rng: np.random.Generator
) -> bool:
    """Tell whether rounding decides the reference's value: a neighbour differs by more than 1e-6 dB."""
    centre = loss_db(path)
    return any(abs(loss_db(near) - centre) > 1e-6 for near in neighbours(path, rng))


def name_of_switch(path: ReferencePath) -> str:
    """Name the branch switch at which a path stands, "" for none that is known."""
    at_sea = path.zone == SEA
    sea_km = float(np.sum(np.diff(path.d) * (at_sea[1:] + 0.0 + at_sea[:-1]) / 2))
    if abs(sea_km / path.d[-1] - 0.75) < 1e-9:
        return "sea fraction of 3/4"
    if abs(abs(path.lat) - 70.0) < 1e-9:
        return "latitude of 70 degrees"
    d, rest = path.d[1:-1], path.d[-1] - path.d[1:-1]
    line = ((path.h[0] + path.htg) * rest + (path.h[-1] + path.hrg) * d) / path.d[-1]
    bulge = d * rest * 500 * (157 - path.dn) / (157 * EARTH_RADIUS_KM)
    second, first = np.sort((path.h[1:-1] + bulge - line) / np.sqrt(d * rest))[-2:]
    return "two points of the largest knife-edge parameter" if first - second < 1e-9 * abs(first) else ""


def random_case(rng: np.random.Generator, group: str, *, as_ray: bool) -> Case:
    """Draw one case of a group; all inputs have few decimals, so that they can be stored exactly."""
    spacing_km, distance_km = _distances(rng, group, as_ray)
    zone = _zone(rng, group, distance_km)
    shore = group in ("shore", "sea")
    location = group == "location"
    clearances = {"end_clearance": [0.03, 0.05, 0.2], CELLULAR: [0.0, 0.05, 0.2]}.get(group)
    return Case(
        group=group,
        as_ray=as_ray,
        spacing_km=spacing_km,
        distance_km=distance_km,
        terrain_m=_terrain(rng, distance_km, zone),
        clutter_m=_clutter(rng, group, zone),
        zone=zone,
        freqs_ghz=tuple(_freq(rng, group) for _ in range(int(rng.integers(1, 4)) if as_ray else 1)),
        time_pct=_time(rng, group),
        tx_height_agl_m=_height(rng, group, rng.uniform(10, 60)),
        rx_height_agl_m=_height(rng, group, rng.choice([1.5, 10.0])),
        polarization=str(rng.choice(["horizontal", "vertical"])),
        mid_lat_deg=_latitude(rng, group),
        delta_n=round(rng.uniform(30, 70), 2),
        surface_refractivity=round(rng.uniform(280, 400), 2),
        tx_coast_km=_coast(rng, shore),
        rx_coast_km=_coast(rng, shore),
        location_pct=round(rng.uniform(1, 99), 1) if location else 50.0,
        location_sigma_db=round(rng.uniform(0.5, 8), 2) if location else 0.0,
        end_clearance_km=float(rng.choice(clearances)) if clearances else 0.0,
    )


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _distances(rng: np.random.Generator, group: str, as_ray: bool) -> tuple[float | None, Floats]:
    points = 5 if group == "limits" and rng.random() < 0.3 else int(_log_uniform(rng, 5, 151))
    total_km = _log_uniform(rng, 0.25, 100)
    if group == "uneven":
        cuts = np.cumsum(np.exp(rng.normal(0, 0.8, points - 1)))
        steps = np.maximum(np.diff(np.round(cuts / cuts[-1] * total_km, 4), prepend=0.0), 1e-4)
        return None, np.concatenate([[0.0], np.round(np.cumsum(steps), 4)])
    if as_ray and rng.random() < 0.5:
        total_km = (points - 1) * float(rng.choice([0.03, 0.05, 0.1, 0.25]))
    spacing_km = max(round(total_km / (points - 1), 4), 0.0017)
    return spacing_km, spacing_km * np.arange(points)


def _runs(rng: np.random.Generator, codes: list[int], points: int) -> NDArray[np.int64]:
    """Draw codes that stay the same over runs of random length."""
    zone = np.empty(points, dtype=np.int64)
    start = 0
    while start < points:
        stop = start + int(rng.integers(1, max(points // 2, 2) + 1))
        zone[start:stop] = rng.choice(codes)
        start = stop
    return zone


def _zone(rng: np.random.Generator, group: str, distance_km: Floats) -> NDArray[np.int64]:
    points = distance_km.size
    kinds = {"inland": "inland", "coastal": "coastal", "mixed": "mixed", "sea": "sea", "shore": "shore"}
    kind = kinds.get(group) or str(rng.choice(["inland", "inland", "coastal", "mixed", "sea", "shore"]))
    if kind in ("coastal", "mixed"):
        return _runs(rng, [COASTAL, INLAND] + [SEA] * (kind == "mixed"), points)
    zone = np.full(points, INLAND if kind == "inland" else SEA, dtype=np.int64)
    if kind == "shore":
        share = distance_km / distance_km[-1]
        land = int(rng.choice([COASTAL, INLAND]))
        zone[share < rng.choice([0.0, rng.uniform(0, 0.2)])] = land
        zone[share > 1 - rng.choice([0.0, rng.uniform(0, 0.2)])] = land
    return zone


def _terrain(rng: np.random.Generator, distance_km: Floats, zone: NDArray[np.int64]) -> Floats:
    points, total_km = distance_km.size, distance_km[-1]
    amplitude_m = _log_uniform(rng, 0.1, 60) * np.sqrt(total_km)
    kind = rng.choice(["flat", "smooth", "fractal", "ridges"], p=[0.15, 0.25, 0.4, 0.2])
    terrain = np.zeros(points)
    if kind == "smooth":
        for waves in rng.uniform(0.3, 6, 3):
            terrain += amplitude_m / 3 * np.sin(2 * np.pi * waves * distance_km / total_km + rng.uniform(0, 7))
    if kind == "fractal":
        steps = rng.normal(0, 1, points) * np.sqrt(np.diff(distance_km, prepend=0.0) / total_km)
        terrain = amplitude_m * np.cumsum(steps)
    if kind == "ridges":
        for _ in range(int(rng.integers(1, 4))):
            width = rng.uniform(0.02, 0.2)
            terrain += amplitude_m * np.exp(-(((distance_km / total_km - rng.random()) / width) ** 2))
    terrain = terrain + rng.choice([0.0, rng.uniform(0, 1500), rng.uniform(-60, 0)])
    if rng.random() < 0.8:
        terrain[zone == SEA] = 0.0
    return np.round(terrain, int(rng.choice([0, 2], p=[0.3, 0.7]))) + 0.0


def _clutter(rng: np.random.Generator, group: str, zone: NDArray[np.int64]) -> Floats:
    wanted = group in ("clutter", "end_clearance")
    shares = [0.3, 0.4, 0.3] if group == CELLULAR else [0, 0.6, 0.4] if wanted else [0.6, 0.3, 0.1]
    kind = rng.choice(["none", "blocks", "noise"], p=shares)
    clutter = np.zeros(zone.size)
    if kind == "blocks":
        clutter = _runs(rng, [0, 5, 10, 15, 20], zone.size).astype(np.float64)
    if kind == "noise":
        clutter = np.round(rng.uniform(0, 30, zone.size), 1)
    return np.where(zone == SEA, 0.0, clutter)


def _freq(rng: np.random.Generator, group: str) -> float:
    if group == "limits" and rng.random() < 0.6:
        return float(rng.choice([0.03, 0.5, 6.0]))
    if group == CELLULAR:
        return round(_log_uniform(rng, 0.7, 3.8), 4)
    band = float(rng.choice([0.45, 0.7, 0.8, 0.9, 1.8, 2.1, 2.6, 3.5]))
    return band if rng.random() < 0.4 else round(_log_uniform(rng, 0.03, 6), 4)


def _time(rng: np.random.Generator, group: str) -> float:
    if group == "limits" and rng.random() < 0.6:
        return float(rng.choice([1.0, 50.0]))
    return float(rng.choice([50.0, 10.0, 1.0, round(rng.uniform(1, 49.9), 2), round(rng.uniform(1, 49.9), 2)]))


def _height(rng: np.random.Generator, group: str, usual_m: float) -> float:
    if group == CELLULAR:
        return round(float(usual_m), 1)
    if group == "limits" and rng.random() < 0.6:
        return float(rng.choice([1.0, 300.0, 3000.0]))
    return round(float(usual_m) if rng.random() < 0.7 else _log_uniform(rng, 1, 300), 1)


def _latitude(rng: np.random.Generator, group: str) -> float:
    if group == "high_latitude":
        return float(rng.choice([-1, 1])) * round(rng.uniform(68, 75), 2)
    if group == "limits" and rng.random() < 0.3:
        return 0.0
    return round(rng.uniform(-75, 75), 2) if rng.random() < 0.5 else round(rng.uniform(8, 24), 2)


def _coast(rng: np.random.Generator, shore: bool) -> float | None:
    if rng.random() < 0.5:
        return None
    return round(rng.uniform(0, 6), 3) if shore or rng.random() < 0.2 else 500.0
