"""The radio stage of a computation: fields of every mast, best server per pixel, levels at settlements and places.

One task a geometry (position, height), independent of the others; merging is order-free. Fields come from the cache.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.cache import FieldCache, Loss, content_key
from phusong.coverage.calibration import calibrate_levels, offsets_cdb
from phusong.coverage.link import location_sigma_db
from phusong.coverage.model import PathTerms
from phusong.coverage.models import find_model
from phusong.coverage.prepare import Prepared
from phusong.coverage.propagation._formulas import effective_radius_km
from phusong.coverage.propagation._sample import bilinear
from phusong.coverage.signal import (
    BestServer,
    SignalGrid,
    compute_levels_cdbm,
    compute_point_levels_dbm,
    quantise_cdb,
    sectors_of,
)
from phusong.coverage.versions import field_versions
from phusong.geodata.grid import Raster
from phusong.geodata.settings import Calibration, ModelSettings

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]
RAY_MARGIN_PX = 2  # a ray passes a pixel it serves at most this far away


@dataclass(frozen=True)
class Geometry:
    """A position and height with everything that stands there: one field, all bands in one pass.

    `stations` are rows of the eligible table, `freqs_ghz` their bands, ascending.
    """

    x_m: float
    y_m: float
    height_agl_m: float
    freqs_ghz: tuple[float, ...]
    stations: tuple[int, ...]


@dataclass(frozen=True)
class Radio:
    """Best server per pixel of every technology and operator, and per point, technology and operator.

    `points` has point_id, technology, operator, rsrp_dbm, station_id, distance_km, freq_ghz, sigma_l_db.
    """

    grids: list[SignalGrid]
    points: pd.DataFrame


def find_geometries(prepared: Prepared) -> list[Geometry]:
    """Group the stations that serve by position and height, in the order of their first station."""
    groups: dict[tuple[float, float, float], list[int]] = {}
    for code, station in enumerate(prepared.stations):
        key = (float(prepared.x_m[code]), float(prepared.y_m[code]), station.height_agl_m)
        groups.setdefault(key, []).append(code)
    return [
        Geometry(*key, tuple(sorted({prepared.stations[c].band_mhz / 1000.0 for c in codes})), tuple(codes))
        for key, codes in groups.items()
    ]


def window_of(prepared: Prepared, geometry: Geometry, radius_m: float) -> tuple[slice, slice] | None:
    """Rows and columns that hold the wanted pixels within the radius, the mast, and what rays between them touch.

    None where no pixel is wanted.
    """
    grid = prepared.grid
    row, col = (int(v) for v in grid.index(geometry.x_m, geometry.y_m))
    reach = int(np.ceil(radius_m / grid.resolution_m)) + 1
    top, left = max(row - reach, 0), max(col - reach, 0)
    wanted = prepared.wanted.values[top : row + reach + 1, left : col + reach + 1]
    rows, cols = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    if rows.size == 0:
        return None
    first_row, last_row = min(top + int(rows[0]), row), max(top + int(rows[-1]), row)
    first_col, last_col = min(left + int(cols[0]), col), max(left + int(cols[-1]), col)
    return (
        slice(max(first_row - RAY_MARGIN_PX, 0), min(last_row + RAY_MARGIN_PX + 1, grid.shape[0])),
        slice(max(first_col - RAY_MARGIN_PX, 0), min(last_col + RAY_MARGIN_PX + 1, grid.shape[1])),
    )


def compute_radio(
    prepared: Prepared,
    model: ModelSettings,
    cache: FieldCache,
    *,
    points: pd.DataFrame,
    calibration: Calibration | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Radio:
    """Compute the best server of every wanted pixel, and of every point on its own exact path.

    Parameters
    ----------
    points
        point_id, x_m, y_m of the settlements and places [m].
    calibration
        Offsets added to the levels; None adds nothing.
    threads
        Worker threads, None for one a processor; the result does not depend on it.
    progress
        Called with geometries done and in all.
    """
    geometries = find_geometries(prepared)
    layers = {
        (s.technology, s.operator): BestServer(s.technology, s.operator, prepared.grid.shape) for s in prepared.stations
    }
    locks = {key: threading.Lock() for key in layers}
    positions, inverse = np.unique(points[["x_m", "y_m"]].to_numpy(float), axis=0, return_inverse=True)
    found: list[pd.DataFrame] = []

    def run(geometry: Geometry) -> pd.DataFrame:
        for code, levels, row, col in _field_levels(prepared, model, cache, geometry, calibration):
            key = (prepared.stations[code].technology, prepared.stations[code].operator)
            with locks[key]:
                layers[key].merge(levels, code, row, col)
        return _point_levels(prepared, model, geometry, positions, calibration)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        tasks = [pool.submit(run, geometry) for geometry in geometries]
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                found.append(task.result())
                if progress:
                    progress(done, len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    best = _best_points(prepared, pd.concat(found, ignore_index=True))
    members = pd.DataFrame({"point_id": points["point_id"].to_numpy(), "position": inverse.ravel()})
    table = members.merge(best, on="position").drop(columns="position")
    table = table.sort_values(["point_id", "technology", "operator"], kind="stable").reset_index(drop=True)
    return Radio([layers[key].grid() for key in sorted(layers)], table)


def _field_levels(
    prepared: Prepared, model: ModelSettings, cache: FieldCache, geometry: Geometry, calibration: Calibration | None
) -> Iterator[tuple[int, Loss, int, int]]:
    """The levels of every station of a geometry: station, window of levels, its first row and column."""
    window = window_of(prepared, geometry, 1e3 * model.radius_km)
    if window is None:
        return
    rows, cols = window
    grid = prepared.grid.window(rows.start, cols.start, (rows.stop - rows.start, cols.stop - cols.start))
    terrain, clutter, zone, wanted = (
        Raster(raster.values[window], grid)
        for raster in (prepared.terrain, prepared.clutter_m, prepared.zone, prepared.wanted)
    )
    link = path_terms(prepared, model)
    place: dict[str, Any] = {
        "x_m": geometry.x_m,
        "y_m": geometry.y_m,
        "tx_height_agl_m": geometry.height_agl_m,
        "freqs_ghz": geometry.freqs_ghz,
        "radius_m": 1e3 * model.radius_km,
    }

    def compute() -> Loss:
        field = find_model(model).field(terrain, clutter, zone=zone, wanted=wanted, threads=1, link=link, **place)
        return quantise_cdb(field.path_loss_db)

    chosen = model.model_dump(include={"name", "environment", "clutter_loss"})
    described = {**place, **asdict(link), "model": chosen, **field_versions(), "grid": (grid.crs, *grid.transform)}
    key = content_key(described, terrain.values, clutter.values, zone.values, wanted.values)
    loss = cache.fetch(key, grid, compute)
    ground_m = _heights_m(terrain, np.array([geometry.x_m]), np.array([geometry.y_m]))[0]
    for code in geometry.stations:
        band = geometry.freqs_ghz.index(prepared.stations[code].band_mhz / 1000.0)
        levels = compute_levels_cdbm(
            sectors_of(prepared.stations[code], prepared.patterns),
            loss[band], terrain.values, grid, x_m=geometry.x_m, y_m=geometry.y_m,
            antenna_amsl_m=ground_m + geometry.height_agl_m, rx_height_agl_m=model.rx_height_agl_m,
            effective_radius_km=effective_radius_km(model.delta_n),
        )  # fmt: skip
        offsets = offsets_cdb(calibration, prepared.stations[code].band_mhz)
        yield code, calibrate_levels(levels, prepared.clutter.values[window], offsets), rows.start, cols.start


def path_terms(prepared: Prepared, model: ModelSettings) -> PathTerms:
    """What every path of a run has in common."""
    return PathTerms(
        rx_height_agl_m=model.rx_height_agl_m,
        time_pct=model.time_pct,
        polarization=model.polarization,
        mid_lat_deg=prepared.mid_lat_deg,
        delta_n=model.delta_n,
        surface_refractivity=model.surface_refractivity,
        spacing_m=model.spacing_m or prepared.grid.resolution_m,
        end_clearance_m=model.end_clearance_m,
    )


def _heights_m(terrain: Raster, x_m: Floats, y_m: Floats) -> Floats:
    """Ground height at points, between cell centres [m amsl]."""
    cols, rows = terrain.grid.pixel_position(x_m, y_m)
    return np.array([bilinear(terrain.values, col, row) for col, row in zip(cols, rows, strict=True)])


def _point_levels(
    prepared: Prepared,
    model: ModelSettings,
    geometry: Geometry,
    positions: npt.NDArray[np.float64],
    calibration: Calibration | None,
) -> pd.DataFrame:
    """Levels of every station of a geometry at the positions within its radius, each over its own path."""
    east, north = positions[:, 0] - geometry.x_m, positions[:, 1] - geometry.y_m
    near = np.flatnonzero(np.hypot(east, north) <= 1e3 * model.radius_km)
    if near.size == 0:
        return pd.DataFrame({"position": [], "code": [], "rsrp_dbm": [], "distance_km": []}).astype(
            {"position": np.int64, "code": np.int64}
        )
    loss = find_model(model).points(
        prepared.terrain, prepared.clutter_m, zone=prepared.zone, x_m=geometry.x_m, y_m=geometry.y_m,
        to_x_m=positions[near, 0], to_y_m=positions[near, 1], tx_height_agl_m=geometry.height_agl_m,
        freqs_ghz=geometry.freqs_ghz, link=path_terms(prepared, model),
    )  # fmt: skip
    ground = _heights_m(prepared.terrain, np.array([geometry.x_m]), np.array([geometry.y_m]))[0]
    drop = ground + geometry.height_agl_m - _heights_m(prepared.terrain, *positions[near].T) - model.rx_height_agl_m
    clutter = prepared.clutter.values[prepared.grid.index(*positions[near].T)]
    parts = []
    for code in geometry.stations:
        levels = compute_point_levels_dbm(
            sectors_of(prepared.stations[code], prepared.patterns),
            loss[geometry.freqs_ghz.index(prepared.stations[code].band_mhz / 1e3)],
            east_m=east[near], north_m=north[near], drop_m=drop,
            effective_radius_km=effective_radius_km(model.delta_n),
        )  # fmt: skip
        levels += offsets_cdb(calibration, prepared.stations[code].band_mhz)[clutter] / 100.0
        distance = np.hypot(east[near], north[near]) / 1e3
        parts.append(pd.DataFrame({"position": near, "code": code, "rsrp_dbm": levels, "distance_km": distance}))
    return pd.concat(parts, ignore_index=True)


def _best_points(prepared: Prepared, levels: pd.DataFrame) -> pd.DataFrame:
    """The best station of every position, technology and operator; of equal levels the smaller id wins."""
    stations = prepared.eligible.table
    code = levels["code"].to_numpy()
    table = levels.assign(
        technology=stations["technology"].to_numpy()[code],
        operator=stations["operator"].to_numpy()[code],
        station_id=stations["station_id"].to_numpy()[code],
        freq_ghz=stations["band_mhz"].to_numpy(float)[code] / 1000.0,
    )
    table = table.sort_values(["rsrp_dbm", "code"], ascending=[False, True], kind="stable")
    table = table.drop_duplicates(["position", "technology", "operator"]).drop(columns="code")
    width_m = prepared.grid.resolution_m
    return table.assign(sigma_l_db=[location_sigma_db(f, width_m) for f in table["freq_ghz"]])
