"""Levels of stations at pixels and at points, and the keys that say what each depends on.

A field of path loss depends on its mast's position, height and bands, on the model, and on the ground in its window;
a station's signal also on its power, antennas and calibration. Both keys hold exactly that.
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from phusong.coverage.antenna import Pattern
from phusong.coverage.cache import Cache, Loss, content_key
from phusong.coverage.calibration import offsets_cdb
from phusong.coverage.ground import GroundSource
from phusong.coverage.masts import Geometry
from phusong.coverage.model import PathTerms
from phusong.coverage.models import find_model
from phusong.coverage.propagation._field import near_limit_km
from phusong.coverage.propagation._sample import bilinear
from phusong.coverage.propagation._terms import effective_radius_km
from phusong.coverage.signal import Emitter, Sectors, compute_point_levels_dbm, merge_station, quantise_cdb, sectors_of
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.stations import Station
from phusong.coverage.tiles import Box, Corner
from phusong.coverage.versions import field_versions
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.settings import Calibration, ModelSettings

Floats = npt.NDArray[np.float64]


class Scene(Protocol):
    """What levels follow from, besides the model: a `Prepared`, or as much of it as a worker elsewhere has."""

    @property
    def grid(self) -> Grid:
        """The analysis grid."""

    @property
    def ground(self) -> GroundSource:
        """What paths cross."""

    @property
    def stations(self) -> list[Station]:
        """The stations that serve, by code."""

    @property
    def patterns(self) -> dict[str, Pattern]:
        """Patterns of their antennas, by name."""

    @property
    def mid_lat_deg(self) -> float:
        """Latitude given to the propagation model."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of the stations of a run, fields taken from a cache."""

    prepared: Scene
    model: ModelSettings
    calibration: Calibration | None
    cache: Cache

    @cached_property
    def sectors(self) -> list[Sectors]:
        """Sectors of every station by code."""
        return [sectors_of(station, self.prepared.patterns) for station in self.prepared.stations]

    def keys(self, geometry: Geometry) -> tuple[str, str]:
        """Hash of everything the field of a geometry depends on, and of the same but for the bands.

        The loss of a band is the same whatever other bands are computed with it.
        """
        ground = geometry.window and self.prepared.ground.hash_window(*geometry.window.slices)
        described = {**self._place(geometry), **self._of_all_fields, "ground": ground, "window": geometry.window}
        return content_key(described), content_key({**described, "freqs_ghz": None})

    @property
    def common(self) -> tuple[object, ...]:
        """All that the keys of geometries and stations follow from beside these."""
        scene = self.prepared
        return scene.ground, self._of_all_fields, self.model, self.calibration, scene.patterns

    @cached_property
    def _of_all_fields(self) -> dict[str, Any]:
        """What fields depend on wherever their masts stand."""
        grid = self.prepared.grid
        return {
            **asdict(path_terms(self.prepared, self.model)), **field_versions(),
            "model": self.model.model_dump(include={"name", "environment", "clutter_loss"}),
            "grid": [grid.crs, *grid.transform],
        }  # fmt: skip

    def signal_key(self, code: int, place_key: str) -> str:
        """Hash of everything the level of a station depends on, at every pixel of its field.

        Parameters
        ----------
        place_key
            The second of the `keys` of its geometry.
        """
        station = self.prepared.stations[code]
        *arrays, shapes = self.sectors[code]
        offsets = offsets_cdb(self.calibration, station.band_mhz)
        described = {"place": place_key, "technology": station.technology, "operator": station.operator}
        return content_key({**described, "band_mhz": station.band_mhz}, *arrays, *(shapes or ()), offsets)

    def loss_cdb(self, geometry: Geometry, field_key: str, *, threads: int = 1) -> Loss:
        """Path loss of a geometry in its window, `[n_freq, ny, nx]` [0.01 dB], on so many threads."""
        if geometry.window is None:
            raise ValueError("a mast that reaches no wanted pixel has no field")
        window = geometry.window

        def compute() -> Loss:
            here = self.prepared.ground.part(window)
            field = find_model(self.model).field(
                here.terrain, here.clutter_m, zone=here.zone, wanted=here.wanted, threads=threads,
                link=path_terms(self.prepared, self.model), **self._place(geometry),
            )  # fmt: skip
            return quantise_cdb(field.path_loss_db)

        shape = (window.bottom - window.top, window.right - window.left)
        return self.cache.fetch_field(field_key, self.prepared.grid.window(window.top, window.left, shape), compute)

    def merge(self, geometry: Geometry, code: int, loss: Loss, box: Box, tile: SignalTile, corner: Corner) -> bool:
        """Give a tile the level of a station in a box of the analysis grid inside the window; whether it serves there.

        Parameters
        ----------
        loss
            Answer of `loss_cdb`.
        corner
            First row and column of the tile.
        """
        window = geometry.window or box
        inside = np.s_[box.top - window.top : box.bottom - window.top, box.left - window.left : box.right - window.left]
        band = _band(geometry, self.prepared.stations[code].band_mhz)
        here = self.prepared.ground.part(box)
        return merge_station(
            tile, self._emitter(geometry, code), code, loss[band][inside], here.terrain, here.clutter.values,
            corner=(box.top, box.left), at=(box.top - corner[0], box.left - corner[1]),
        )  # fmt: skip

    def _emitter(self, geometry: Geometry, code: int) -> Emitter:
        col, row = (float(part) for part in self.prepared.grid.pixel_position(geometry.x_m, geometry.y_m))
        foot = Box(0, 0, *self.prepared.grid.shape).cut(Box(int(row) - 1, int(col) - 1, int(row) + 3, int(col) + 3))
        ground_m = bilinear(self.prepared.ground.part(foot).terrain.values, col - foot.left, row - foot.top)
        return Emitter(
            self.sectors[code],
            row,
            col,
            float(ground_m) + geometry.height_agl_m,
            self.model.rx_height_agl_m,
            effective_radius_km(self.model.delta_n),
            offsets_cdb(self.calibration, self.prepared.stations[code].band_mhz),
        )

    def at_points(self, geometry: Geometry, codes: list[int], positions: Floats) -> Floats:
        """Levels of some stations of a geometry at positions, each over its own path `[n_code, n]` [dBm].

        Parameters
        ----------
        positions
            x and y of the points, all within the radius `[n, 2]` [m].
        """
        model = self.model
        here = self.prepared.ground.part(self.surroundings(geometry))
        loss = find_model(model).points(
            here.terrain, here.clutter_m, zone=here.zone, x_m=geometry.x_m, y_m=geometry.y_m,
            to_x_m=positions[:, 0], to_y_m=positions[:, 1], tx_height_agl_m=geometry.height_agl_m,
            freqs_ghz=geometry.freqs_ghz, link=path_terms(self.prepared, model),
        )  # fmt: skip
        ground_m = _heights_m(here.terrain, np.array([geometry.x_m]), np.array([geometry.y_m]))[0]
        drop_m = ground_m + geometry.height_agl_m - _heights_m(here.terrain, *positions.T) - model.rx_height_agl_m
        cover = here.clutter.values[here.terrain.grid.index(*positions.T)]
        east_m, north_m = positions[:, 0] - geometry.x_m, positions[:, 1] - geometry.y_m
        found = np.empty((len(codes), len(positions)))
        for row, code in enumerate(codes):
            station = self.prepared.stations[code]
            levels = compute_point_levels_dbm(
                self.sectors[code], loss[_band(geometry, station.band_mhz)],
                east_m=east_m, north_m=north_m, drop_m=drop_m,
                effective_radius_km=effective_radius_km(model.delta_n),
            )  # fmt: skip
            found[row] = levels + offsets_cdb(self.calibration, station.band_mhz)[cover] / 100.0
        return found

    def surroundings(self, geometry: Geometry) -> Box:
        """All pixels that paths from a geometry to points within the radius touch."""
        grid = self.prepared.grid
        spacing_m = self.model.spacing_m or grid.resolution_m
        row, col = (int(part) for part in grid.index(geometry.x_m, geometry.y_m))
        longest_m = 1e3 * max(self.model.radius_km, near_limit_km(1e-3 * spacing_m)) + spacing_m
        reach = math.ceil(longest_m / grid.resolution_m) + 2
        return Box(0, 0, *grid.shape).cut(Box(row - reach, col - reach, row + reach + 1, col + reach + 1))

    def _place(self, geometry: Geometry) -> dict[str, Any]:
        return {
            "x_m": geometry.x_m,
            "y_m": geometry.y_m,
            "tx_height_agl_m": geometry.height_agl_m,
            "freqs_ghz": geometry.freqs_ghz,
            "radius_m": 1e3 * self.model.radius_km,
        }


def path_terms(prepared: Scene, model: ModelSettings) -> PathTerms:
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


def _band(geometry: Geometry, band_mhz: float) -> int:
    return geometry.freqs_ghz.index(band_mhz / 1000.0)


def _heights_m(terrain: Raster, x_m: Floats, y_m: Floats) -> Floats:
    """Ground height at points, between cell centres [m amsl]."""
    cols, rows = terrain.grid.pixel_position(x_m, y_m)
    return np.array([bilinear(terrain.values, col, row) for col, row in zip(cols, rows, strict=True)])
