"""Published runs read back: which there are, which is current, and what one answers."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, BinaryIO, TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from affine import Affine
from pyarrow import ArrowInvalid

from phusong.coverage.run_stores import CURRENT, damaged_run, open_run_store, removed_meanwhile
from phusong.coverage.service import (
    ANY,
    NO_SIGNAL_CDBM,
    NOT_ASKED,
    WEAK,
    Layer,
    classify_levels,
    station_sigma_db,
    technology_groups,
)
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import Corner, StoredTile, read_tile, tile_path
from phusong.coverage.units import outside_units
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.errors import StoreError, UnknownNameError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.schemas import STORAGE_CRS
from phusong.geodata.settings import Settings, ThresholdProfile, UplinkSettings
from phusong.geodata.workspace import Workspace

T = TypeVar("T")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def list_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Manifests of the published runs, oldest first, each with `is_current`."""
    store = open_run_store(workspace)
    current = store.current_id()
    manifests = sorted(store.manifests(), key=lambda manifest: (manifest["created_at"], manifest["run_id"]))
    return [manifest | {"is_current": manifest["run_id"] == current} for manifest in manifests]


def current_run_id(workspace: Workspace) -> str | None:
    """Id of the published run, or None before the first."""
    return open_run_store(workspace).current_id()


def scenario_run_id(workspace: Workspace, scenario: str) -> str | None:
    """Id of the newest run of a scenario, or None."""
    of_name = [run["run_id"] for run in list_runs(workspace) if run.get("scenario") == scenario]
    return of_name[-1] if of_name else None


def find_run(workspace: Workspace, run_id: str | None = None) -> str:
    """Id of a run: by itself, "current" or None for the published one, the newest of a scenario, or that of a day.

    A day as YYYY-MM-DD stands for the newest published run for that day, else for the last day before of which there is
    one.

    Raises
    ------
    UnknownNameError
        Nothing has been published, or there is no run or scenario of that name.
    """
    wanted = current_run_id(workspace) if run_id in (None, CURRENT) else run_id
    known = open_run_store(workspace).run_ids()
    if wanted is None:
        raise UnknownNameError(
            f"no run has been published; run `phusong compute {workspace.path}`",
            vi=f"chưa có lần tính nào được công bố; hãy chạy `phusong compute {workspace.path}`",
        )
    if wanted not in known:
        wanted = scenario_run_id(workspace, wanted) or _run_id_of_day(workspace, wanted) or wanted
    if wanted not in known:
        names = ", ".join(sorted(known)) or "none"
        raise UnknownNameError(
            f"there is no run {wanted!r}; the runs are: {names}",
            vi=f"không có lần tính {wanted!r}; các lần tính: {names}",
        )
    return wanted


def _run_id_of_day(workspace: Workspace, day: str) -> str | None:
    if not DAY.fullmatch(day):
        return None
    before = [run for run in list_runs(workspace) if run.get("scenario") is None and run["as_of"] <= day]
    newest = max(before, key=lambda run: (run["as_of"], run["is_current"], run["created_at"]), default=None)
    return None if newest is None else str(newest["run_id"])


class Results:
    """Reader of one run. Tables are read once, rasters at every call."""

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.run_id = run_id
        self._store = open_run_store(workspace)
        self.store_dir = workspace.store_dir
        self.stale_after_days = workspace.settings.service.stale_after_days
        self.manifest = self._store.manifest(run_id)
        grid = self.manifest["grid"]
        self.grid = Grid(grid["crs"], Affine(*grid["transform"]), (grid["shape"][0], grid["shape"][1]))

    @classmethod
    def open(cls, workspace: Workspace, run_id: str | None = None) -> "Results":
        """Open a run, named as in `find_run`.

        Raises
        ------
        UnknownNameError
            Nothing has been published, or there is no run or scenario of that name.
        """
        return cls(workspace, find_run(workspace, run_id))

    def has_tiles(self) -> bool:
        """Whether the store has all of its tiles; what they hold is looked at by who reads them."""
        there = set(os.listdir(self.store_dir)) if self.store_dir.is_dir() else set()
        tiles = (*self.people_tiles.values(), *(tile for layer in self.tiles.values() for tile in layer.values()))
        return all(tile_path(tile, self.store_dir).name in there for tile in tiles)

    def has_settings(self, settings: Settings) -> bool:
        """Whether it was computed by settings that no figure tells from these."""
        return Settings.model_validate(self.manifest["settings"]).of_figures() == settings.of_figures()

    @cached_property
    def settlements(self) -> pd.DataFrame:
        """The settlement table."""
        return self._read("settlements", pd.read_parquet)

    @cached_property
    def places(self) -> pd.DataFrame:
        """The place table."""
        return self._read("places", pd.read_parquet)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """The long table of figures."""
        return self._read("figures", pd.read_parquet)

    @cached_property
    def stations(self) -> gpd.GeoDataFrame:
        """The stations that serve; the row position is the server code."""
        return self._read("stations", _read_placed)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """The best station of every settlement ("s…") and place ("p…"), technology and operator."""
        return self._read("signals", pd.read_parquet)

    @cached_property
    def profiles(self) -> dict[str, ThresholdProfile]:
        """Threshold profiles of the run by name; the first is the default."""
        profiles = [ThresholdProfile.model_validate(item) for item in self.manifest["settings"]["profiles"]]
        return {profile.name: profile for profile in profiles}

    @cached_property
    def floor_dbm(self) -> npt.NDArray[np.float64]:
        """Level below which the uplink of every station fails [dBm], −inf for no limit."""
        uplink = self.manifest["settings"].get("uplink")
        return level_floor_dbm(self.stations, uplink and UplinkSettings.model_validate(uplink))

    @cached_property
    def operators(self) -> list[str]:
        """Operators with a station that serves, sorted."""
        return sorted(set(self.stations["operator"].astype(str)))

    @cached_property
    def technologies(self) -> list[str]:
        """Technologies with a station that serves, sorted."""
        return sorted(set(self.stations["technology"].astype(str)))

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run, whole."""
        read: Callable[[BinaryIO], pd.DataFrame] = _read_placed if name in ("stations", "units") else pd.read_parquet
        return self._read(name, read)

    def units(self, level: str) -> gpd.GeoDataFrame:
        """Units of a level: level, code, name, district_code, reason, geometry (EPSG:4326).

        Raises
        ------
        UnknownNameError
            There is no such level.
        """
        units = self._all_units
        _require_known("level", level, sorted(set(units["level"])))
        return units[units["level"] == level].reset_index(drop=True)

    def rsrp(self, technology: str, operator: str = ANY) -> Raster:
        """Best level of a technology [0.01 dBm, −32768 none], of one operator or of any.

        Raises
        ------
        UnknownNameError
            The run has no such technology or operator.
        """
        return Raster(self._best_signal(technology, operator)[0], self.grid, NO_SIGNAL_CDBM, "0.01 dBm")

    def server(self, technology: str, operator: str = ANY) -> Raster:
        """Row in `stations` of the station with the best level (−1 none); ties go to the smaller station id.

        Raises
        ------
        UnknownNameError
            The run has no such technology or operator.
        """
        return Raster(self._best_signal(technology, operator)[1], self.grid, -1, "")

    def second_rsrp(self, technology: str) -> Raster:
        """Level of a technology from the second-strongest operator [0.01 dBm, −32768 none].

        A run keeps the best station of each operator, so the second is the best of the others': what a phone
        could roam to if the strongest operator failed, not the strongest operator's own second station.

        Raises
        ------
        UnknownNameError
            The run has no such technology.
        """
        return Raster(self._second_signal(technology)[0], self.grid, NO_SIGNAL_CDBM, "0.01 dBm")

    def second_server(self, technology: str) -> Raster:
        """Row in `stations` of the station behind `second_rsrp` (−1 none).

        Raises
        ------
        UnknownNameError
            The run has no such technology.
        """
        return Raster(self._second_signal(technology)[1], self.grid, -1, "")

    def n_operators(self, technology: str, profile: str | None = None, *, service: int = WEAK) -> Raster:
        """Operators that serve every pixel at least so well; 255 outside the province.

        Parameters
        ----------
        technology
            A technology with a threshold, "3G+4G" or "any".
        profile
            A threshold profile; None is the default one.
        service
            The class that is enough: 1 weak, 2 good.

        Raises
        ------
        UnknownNameError
            The run has no such technology or profile.
        """
        count = np.zeros(self.grid.shape, dtype=np.uint8)
        for operator in self.operators:
            classes = self.service_class(technology, operator, profile).values
            count += (classes >= service) & (classes != NOT_ASKED)
        count[classes == NOT_ASKED] = NOT_ASKED
        return Raster(count, self.grid, NOT_ASKED, "")

    def service_class(self, technology: str, operator: str = ANY, profile: str | None = None) -> Raster:
        """Service class of every pixel: 0 none, 1 weak, 2 good, 255 outside the province.

        Parameters
        ----------
        technology
            A technology with a threshold, "3G+4G" or "any": the best class of those technologies.
        operator
            An operator, or "any": the best class over operators.
        profile
            A threshold profile; None is the default one.

        Raises
        ------
        UnknownNameError
            The run has no such technology, operator or profile.
        """
        chosen = profile or next(iter(self.profiles))
        _require_known("profile", chosen, list(self.profiles))
        thresholds = self.profiles[chosen]
        groups = technology_groups(thresholds)
        _require_known("technology", technology, list(groups))
        _require_known("operator", operator, [ANY, *self.operators])
        sigma_l_db = station_sigma_db(self.stations, self.grid.resolution_m)
        classes = np.zeros(self.grid.shape, dtype=np.uint8)
        for layer in self._layers(groups[technology], operator):
            for window, signal in self._read_tiles(layer):
                of_layer = classify_levels(
                    signal.rsrp_cdbm,
                    signal.server,
                    threshold=thresholds.thresholds[layer["technology"]],
                    sigma_l_db=sigma_l_db,
                    location_pct=thresholds.location_pct,
                    floor_dbm=self.floor_dbm,
                )
                np.maximum(classes[window], of_layer, out=classes[window])
        classes[outside_units(self._placed_communes, self.grid)] = NOT_ASKED
        return Raster(classes, self.grid, NOT_ASKED, "")

    @cached_property
    def _all_units(self) -> gpd.GeoDataFrame:
        return self._read("units", _read_placed)

    def _read(self, name: str, read: Callable[[BinaryIO], T]) -> T:
        """A table of the run."""
        with self._store.open_table(self.run_id, name) as file:
            try:
                return read(file)
            except (ArrowInvalid, OSError) as error:
                raise damaged_run(self.run_id, f"{name}.parquet") from error

    @property
    def _placed_communes(self) -> gpd.GeoDataFrame:
        communes = self.units("commune")
        return communes[communes.geometry.notna()]

    def _layers(self, technologies: Iterable[str], operator: str) -> list[dict[str, Any]]:
        wanted = set(technologies)
        return [
            layer
            for layer in self.manifest["layers"]
            if layer["technology"] in wanted and operator in (ANY, layer["operator"])
        ]

    @cached_property
    def tiles(self) -> dict[Layer, dict[Corner, StoredTile]]:
        """The stored tiles by technology and operator, and by their first row and column."""
        return {
            (layer["technology"], layer["operator"]): {
                (tile["row"], tile["col"]): StoredTile(**tile) for tile in layer["tiles"]
            }
            for layer in self.manifest["layers"]
        }

    @cached_property
    def people_tiles(self) -> dict[Corner, StoredTile]:
        """The stored tiles of the residents by their first row and column."""
        return {(tile["row"], tile["col"]): StoredTile(**tile) for tile in self.manifest.get("people", ())}

    def _read_tiles(self, layer: dict[str, Any]) -> Iterator[tuple[tuple[slice, slice], SignalTile]]:
        """The tiles of a layer one after the other, each with its place in arrays of the grid."""
        for tile in self.tiles[layer["technology"], layer["operator"]].values():
            try:
                signal = read_tile(tile, store_dir=self.store_dir, row_of_station=self._row_of_station)
            except StoreError:
                if self.run_id not in self._store.run_ids():
                    raise removed_meanwhile(self.run_id) from None
                raise
            yield np.s_[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width], signal

    @cached_property
    def _row_of_station(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.stations["station_id"].astype(str))}

    def _best_signal(self, technology: str, operator: str) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
        _require_known("technology", technology, self.technologies)
        _require_known("operator", operator, [ANY, *self.operators])
        best = np.full(self.grid.shape, NO_SIGNAL_CDBM, dtype=np.int16)
        best_server = np.full(self.grid.shape, -1, dtype=np.int32)
        for layer in self._layers([technology], operator):
            for at, signal in self._read_tiles(layer):
                level, server = signal.rsrp_cdbm, signal.server
                better = (level > best[at]) | ((level == best[at]) & (server >= 0) & (server < best_server[at]))
                np.copyto(best[at], level, where=better)
                np.copyto(best_server[at], server, where=better)
        return best, best_server

    def _second_signal(self, technology: str) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
        best_server = self._best_signal(technology, ANY)[1]
        second = np.full(self.grid.shape, NO_SIGNAL_CDBM, dtype=np.int16)
        second_server = np.full(self.grid.shape, -1, dtype=np.int32)
        for layer in self._layers([technology], ANY):
            for at, signal in self._read_tiles(layer):
                level, server = signal.rsrp_cdbm, signal.server
                better = (level > second[at]) | ((level == second[at]) & (server >= 0) & (server < second_server[at]))
                better &= server != best_server[at]
                np.copyto(second[at], level, where=better)
                np.copyto(second_server[at], server, where=better)
        return second, second_server


def _read_placed(file: BinaryIO) -> gpd.GeoDataFrame:
    """A table with positions. They are in `STORAGE_CRS`: their long description is left unread."""
    table = pd.read_parquet(file)
    return gpd.GeoDataFrame(table.assign(geometry=shapely.from_wkb(table["geometry"].to_numpy())), crs=STORAGE_CRS)


def _require_known(what: str, name: str, known: list[str]) -> None:
    if name not in known:
        vietnamese = {
            "level": "cấp",
            "profile": "bộ ngưỡng",
            "technology": "công nghệ",
            "operator": "nhà mạng",
        }
        raise UnknownNameError(
            f"the run has no {what} {name!r}; it has: {', '.join(known)}",
            vi=f"lần tính không có {vietnamese[what]} {name!r}; hiện có: {', '.join(known)}",
        )
