"""The sweep's mapping error: the sweep against every pixel's own path.

Over random masts of a province also what it does to the people covered: the same masts, their own levels and
thresholds, once by the sweep and once by the path evaluator, people per commune side by side.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phusong.coverage.cache import Cache
from phusong.coverage.field import loss_field
from phusong.coverage.ground import read_population
from phusong.coverage.prepare import Prepared, prepare
from phusong.coverage.propagation._terms import effective_radius_km
from phusong.coverage.service import Classes, best_class, classify_levels, station_sigma_db
from phusong.coverage.signal import Emitter, merge_station, quantise_cdb, sectors_of
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import Box
from phusong.coverage.unit_counts import compute_people
from phusong.geodata.grid import Raster
from phusong.geodata.settings import ModelSettings
from phusong.geodata.workspace import Workspace
from scripts.bench_fields import ONE_BAND_GHZ, field_of
from scripts.bench_sites import sites
from tests.coverage.signals import sum_plots

SEED = 30
N_MAST = 30
SAMPLED_PIXELS = 0.03  # of a site's field, for the quick look
MARGIN_PX = 3  # a ray passes a pixel that it serves at most this far away
HIST_STEP_DB, HIST_MAX_DB = 0.001, 60.0
MODES = ("sweep", "path")
AS_OF = date(2026, 1, 1)


class Errors:
    """Differences of the sweep from the path, added mast by mast."""

    def __init__(self) -> None:
        self.n = 0
        self.sum_db = 0.0
        self.square_sum = 0.0
        self.absolute = np.zeros(int(HIST_MAX_DB / HIST_STEP_DB) + 1, np.int64)

    def add(self, difference_db: npt.NDArray[np.float64]) -> None:
        """Count the differences of one field."""
        self.n += difference_db.size
        self.sum_db += float(difference_db.sum())
        self.square_sum += float((difference_db**2).sum())
        steps = np.minimum(np.abs(difference_db) / HIST_STEP_DB, self.absolute.size - 1).astype(int)
        self.absolute += np.bincount(steps, minlength=self.absolute.size)

    def take(self, more: "Errors") -> None:
        """Count what others counted."""
        self.n += more.n
        self.sum_db += more.sum_db
        self.square_sum += more.square_sum
        self.absolute += more.absolute

    def figures(self) -> dict[str, float]:
        """Bias, rms, 95th percentile, and the share of pixels more than 1 dB off."""
        upto = np.cumsum(self.absolute) / self.n
        return {
            "pixels": self.n,
            "bias_db": round(self.sum_db / self.n, 4),
            "rms_db": round((self.square_sum / self.n) ** 0.5, 3),
            "p95_db": round(float(np.searchsorted(upto, 0.95)) * HIST_STEP_DB, 3),
            "share_over_1_db": round(1.0 - float(upto[int(1.0 / HIST_STEP_DB)]), 4),
        }


def measure_mapping(radius_km: float, data: Path) -> dict[str, Any]:
    """Sweep against path at every site, with clutter, on a seeded sample of the pixels."""
    found = {}
    for site in sites(radius_km, data):
        chosen = np.random.default_rng(SEED).random(site.terrain.grid.shape) < SAMPLED_PIXELS
        some: dict[str, Any] = {"wanted": Raster(chosen, site.terrain.grid), "threads": None}
        sweep, path = (
            field_of(site, radius_km, clutter=True, bands=ONE_BAND_GHZ, mode=mode, **some).path_loss_db[0]
            for mode in MODES
        )
        errors = Errors()
        errors.add((sweep - path)[np.isfinite(path)].astype(float))
        found[site.name] = errors.figures()
    return found


@dataclass(frozen=True)
class _Mast:
    """A position and height, and the stations there."""

    x_m: float
    y_m: float
    height_agl_m: float
    codes: tuple[int, ...]


def measure_masts(folder: Path, radius_km: float) -> dict[str, Any]:
    """Sweep against path on random masts of an imported workspace: decibels, and people covered per commune."""
    workspace = Workspace.open(folder)
    settings, prepared = workspace.settings, prepare(workspace, AS_OF)
    shape = prepared.grid.shape
    keys = sorted({(s.technology, s.operator) for s in prepared.stations})
    layers = {mode: {key: SignalTile.empty(shape) for key in keys} for mode in MODES}
    errors, biases = Errors(), []
    masts = _random_masts(prepared)
    for mast in masts:
        own = Errors()
        _add_mast(prepared, settings.model, mast, radius_km, layers, own)
        errors.take(own)
        biases.append(own.figures()["bias_db"])
    return {
        "workspace": settings.name,
        "resolution_m": settings.resolution_m,
        "radius_km": radius_km,
        "masts": len(masts),
        "fields": sum(len(_bands_ghz(prepared, mast)) for mast in masts),
        **errors.figures(),
        "largest_bias_of_a_mast_db": max(biases, key=abs),
        "people_covered": _compare_people(workspace, prepared, layers),
    }


def _random_masts(prepared: Prepared) -> list[_Mast]:
    groups: dict[tuple[float, float, float], list[int]] = {}
    for code, station in enumerate(prepared.stations):
        place = (float(prepared.x_m[code]), float(prepared.y_m[code]), station.height_agl_m)
        groups.setdefault(place, []).append(code)
    masts = [_Mast(*place, tuple(codes)) for place, codes in sorted(groups.items())]
    chosen = np.random.default_rng(SEED).choice(len(masts), size=min(N_MAST, len(masts)), replace=False)
    return [masts[i] for i in sorted(chosen)]


def _bands_ghz(prepared: Prepared, mast: _Mast) -> tuple[float, ...]:
    return tuple(sorted({prepared.stations[code].band_mhz / 1e3 for code in mast.codes}))


def _add_mast(
    prepared: Prepared, model: ModelSettings, mast: _Mast, radius_km: float,
    layers: dict[str, dict[tuple[str, str], SignalTile]], errors: Errors,
) -> None:  # fmt: skip
    """Both fields of a mast: their difference, and its stations merged into the best servers of each."""
    whole = prepared.grid
    row, col = (int(part) for part in whole.index(mast.x_m, mast.y_m))
    half = int(radius_km * 1e3 / whole.resolution_m) + MARGIN_PX
    window = Box(0, 0, *whole.shape).cut(Box(row - half, col - half, row + half + 1, col + half + 1))
    here = prepared.ground.part(window)
    bands_ghz = _bands_ghz(prepared, mast)
    place: dict[str, Any] = {"x_m": mast.x_m, "y_m": mast.y_m}
    losses = {
        mode: loss_field(
            here.terrain, here.clutter_m, zone=here.zone, wanted=here.wanted, mode=mode, freqs_ghz=bands_ghz,
            radius_m=1e3 * radius_km,
            tx_height_agl_m=mast.height_agl_m, rx_height_agl_m=model.rx_height_agl_m, time_pct=model.time_pct,
            polarization=model.polarization, mid_lat_deg=prepared.mid_lat_deg, delta_n=model.delta_n,
            surface_refractivity=model.surface_refractivity, spacing_m=model.spacing_m or whole.resolution_m,
            end_clearance_m=model.end_clearance_m, **place,
        ).path_loss_db
        for mode in MODES
    }  # fmt: skip
    difference = losses["sweep"] - losses["path"]
    errors.add(difference[np.isfinite(difference)].astype(float))
    mast_col, mast_row = (float(part) for part in whole.pixel_position(mast.x_m, mast.y_m))
    antenna_m = float(prepared.terrain.values[row, col]) + mast.height_agl_m
    for code in mast.codes:
        station = prepared.stations[code]
        emitter = Emitter(
            sectors_of(station, prepared.patterns), mast_row, mast_col, antenna_m, model.rx_height_agl_m,
            effective_radius_km(model.delta_n), np.zeros(256, np.int32),
        )  # fmt: skip
        band = bands_ghz.index(station.band_mhz / 1e3)
        for mode, loss in losses.items():
            merge_station(
                layers[mode][station.technology, station.operator], emitter, code, quantise_cdb(loss[band]),
                here.terrain, here.clutter.values, corner=(window.top, window.left), at=(window.top, window.left),
            )  # fmt: skip


def _compare_people(
    workspace: Workspace, prepared: Prepared, layers: dict[str, dict[tuple[str, str], SignalTile]]
) -> dict[str, Any]:
    """Share of a commune's people with at least weak signal of any technology and operator, by sweep and by path."""
    settings, hashes = workspace.settings, prepared.sources.raster_hashes
    residents = read_population(
        workspace, Cache(workspace.cache_dir), prepared.ground, prepared.units, hashes
    ).residents
    profile = settings.profiles[0]
    sigma = station_sigma_db(prepared.eligible.table, prepared.grid.resolution_m)
    shares = {}
    for mode, of_mode in layers.items():
        classes: list[Classes] = []
        for (technology, _), layer in of_mode.items():
            if technology in profile.thresholds:
                classes.append(
                    classify_levels(
                        layer.rsrp_cdbm.ravel()[residents.pixel], layer.server.ravel()[residents.pixel],
                        threshold=profile.thresholds[technology], sigma_l_db=sigma, location_pct=profile.location_pct,
                    )
                )  # fmt: skip
        served = best_class(classes, residents.pixel.shape)
        people = compute_people(sum_plots(residents, served), residents, prepared.units)["commune"]
        shares[mode] = 100.0 * people[:, 1:].sum(axis=1) / people.sum(axis=1)
    difference = shares["sweep"] - shares["path"]
    reached = shares["path"] > 0.0
    row = int(np.argmax(np.abs(difference)))
    return {
        "profile": profile.name,
        "communes": len(difference),
        "communes_reached": int(reached.sum()),
        "largest_difference_points": round(float(difference[row]), 4),
        "in_commune": prepared.units.levels["commune"].names[row],
        "its_share_by_path_pct": round(float(shares["path"][row]), 2),
        "mean_absolute_difference_points": round(float(np.abs(difference[reached]).mean()), 4),
        "communes_over_0.1_points": int((np.abs(difference) > 0.1).sum()),
    }
