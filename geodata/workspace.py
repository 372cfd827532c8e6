"""A workspace: settings, vector layers and rasters in one folder.

Every write goes to a file aside, which then replaces the old one in a single step: a write that fails leaves
the workspace byte for byte as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import geopandas as gpd
import pandas as pd

from phusong.geodata.databases import database_url, required_url
from phusong.geodata.errors import MissingLayerError, SettingsError, UnknownNameError, WorkspaceError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.layer_stores import (
    LAYERS_FILE,
    GeoPackageLayers,
    LayerStore,
    StagedLayers,
    open_layer_store,
    with_storage_types,
)
from phusong.geodata.raster_files import grid_of, open_own
from phusong.geodata.raster_files import read_raster as read_raster_file
from phusong.geodata.schemas import find_layer
from phusong.geodata.settings import SETTINGS_FILE, Settings, parse_settings, read_settings, render_settings
from phusong.geodata.writing import LOCK_FILE, replacing, writing

# Rasters of a workspace and the unit of their values.
RASTERS = {"terrain": "m", "clutter": "", "population": "persons"}


@dataclass(frozen=True)
class Workspace:
    """A folder with `phusong.toml`, `layers.gpkg`, `rasters/`, `imports/`, `cache/`, `store/` and `runs/`."""

    path: Path
    stage_of: "Workspace | None" = None  # the workspace, kept in a database, whose import under way this is

    @classmethod
    def create(cls, path: Path | str, *, crs: str, resolution_m: float = 30.0, name: str | None = None) -> Self:
        """Make a workspace in a new or empty folder.

        Parameters
        ----------
        path
            Folder to make.
        crs
            Projected CRS of the analysis grid, in metres, like `EPSG:32648`.
        resolution_m
            Side of an analysis cell [m].
        name
            Name of the workspace; None takes the folder's.

        Raises
        ------
        WorkspaceError
            The folder holds something already, or cannot be written.
        SettingsError
            The CRS or the resolution is not acceptable.
        DatabaseError
            `PHUSONG_DATABASE_URL` is set, and the workspace cannot be kept there.
        """
        folder = Path(path)
        refuse_used_folder(folder)
        text = render_settings(name=name or folder.resolve().name, crs=crs, resolution_m=resolution_m)
        settings = parse_settings(text, where=str(folder / SETTINGS_FILE))
        in_database = database_url() is not None
        if in_database:
            from phusong.geodata.database_setup import require_free, settle

            require_free(required_url())
        try:
            for part in ("rasters", "imports", "cache", "store", "runs"):
                (folder / part).mkdir(parents=True)
            (folder / LOCK_FILE).touch()
            with replacing(folder / SETTINGS_FILE) as aside:
                aside.write_text(text, encoding="utf-8")
        except OSError as error:
            raise WorkspaceError(
                f"{folder} cannot be written: {error.strerror}.",
                vi=f"Không ghi được {folder}: {error.strerror}.",
            ) from error
        if in_database:
            settle(folder, settings.name)
        return cls(folder)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open an existing workspace; its settings are checked at once.

        Raises
        ------
        WorkspaceError
            The folder is no workspace.
        SettingsError
            `phusong.toml` cannot be accepted.
        """
        folder = Path(path)
        if not (folder / SETTINGS_FILE).is_file():
            raise WorkspaceError(
                f"{folder} is no workspace (it has no {SETTINGS_FILE}); make one with: phusong init {folder}",
                vi=f"{folder} không phải vùng làm việc (thiếu {SETTINGS_FILE}); chạy: phusong init {folder}",
            )
        workspace = cls(folder)
        _ = workspace.settings
        return workspace

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once from `phusong.toml`."""
        return read_settings(self.path / SETTINGS_FILE)

    @property
    def layers_path(self) -> Path:
        """The GeoPackage of the vector layers; there is none where a database holds them."""
        return self.path / LAYERS_FILE

    @property
    def runs_dir(self) -> Path:
        """Folder of the published runs."""
        return self.path / "runs"

    @property
    def cache_dir(self) -> Path:
        """Folder of the path-loss fields; may be emptied at any time."""
        return self.path / "cache"

    @property
    def store_dir(self) -> Path:
        """Folder of the content-addressed tiles."""
        return self.path / "store"

    @property
    def imports_dir(self) -> Path:
        """Folder of the original files and their reports."""
        return self.path / "imports"

    def imported_on(self) -> dict[str, str]:
        """Day of the last import of each layer, UTC, as YYYY-MM-DD."""
        names = sorted(path.name for path in self.imports_dir.glob("[0-9]*T*Z-*"))
        days = (name.split("-", 1) for name in names)
        return {layer: f"{day[:4]}-{day[4:6]}-{day[6:8]}" for day, layer in days}

    @cached_property
    def layer_store(self) -> LayerStore:
        """Where the vector layers are kept."""
        if self.stage_of is not None:
            return StagedLayers(self.stage_of.layer_store, GeoPackageLayers(self.layers_path))
        return open_layer_store(self.path)

    def layer_names(self) -> list[str]:
        """List the layers that have been imported, in the order of the schemas."""
        return self.layer_store.names()

    def has_layer(self, name: str) -> bool:
        """Whether a layer has been imported."""
        return name in self.layer_names()

    def read_layer(self, name: str) -> gpd.GeoDataFrame:
        """Read a layer; one without geometry comes as a plain DataFrame.

        Raises
        ------
        MissingLayerError
            The layer has not been imported.
        UnknownNameError
            There is no layer of that name.
        """
        return self.read_layers([name])[name]

    def read_layers(self, names: Sequence[str], *, optional: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
        """Read layers, all as of one moment.

        Parameters
        ----------
        names
            Layers to read.
        optional
            Further layers, left out where they have not been imported.

        Raises
        ------
        MissingLayerError
            One of `names` has not been imported.
        UnknownNameError
            There is no layer of that name.
        """
        for name in (*names, *optional):
            find_layer(name)
        there = self.layer_store.names()
        for name in names:
            if name not in there:
                raise MissingLayerError(
                    f"Layer {name} has not been imported; run: phusong import DIR {name} FILE",
                    vi=f"Lớp {name} chưa được nhập; hãy chạy: phusong import DIR {name} FILE",
                )
        return self.layer_store.read([*names, *(name for name in optional if name in there)])

    def write_layer(self, name: str, frame: pd.DataFrame) -> None:
        """Store a layer in place of the former one, atomically.

        Parameters
        ----------
        name
            Name of the layer.
        frame
            Its rows, in EPSG:4326 where it has a geometry; columns as in `schemas`.

        Raises
        ------
        InputError
            The rows do not fit the layer's schema.
        BusyError
            Another process is writing the workspace.
        """
        from phusong.geodata.schema_checks import validate_layer  # its library takes as long to load as all others

        typed = with_storage_types(name, frame)
        validate_layer(name, typed)
        with writing(self.path, "import"):
            self.layer_store.write({name: typed})

    def raster_path(self, name: str) -> Path:
        """Path of a raster: `terrain`, `clutter` or `population`.

        Raises
        ------
        UnknownNameError
            There is no raster of that name.
        """
        if name not in RASTERS:
            known = ", ".join(RASTERS)
            raise UnknownNameError(
                f"There is no raster {name!r}; the rasters are {known}.",
                vi=f"Không có raster {name!r}; các raster là {known}.",
            )
        return self.path / "rasters" / f"{name}.tif"

    def has_raster(self, name: str) -> bool:
        """Whether a raster has been imported."""
        return self.raster_path(name).is_file()

    def raster_grid(self, name: str) -> Grid:
        """Read the grid of a raster without its values.

        Raises
        ------
        MissingLayerError
            The raster has not been imported.
        """
        with open_own(self.existing_raster(name)) as file:
            return grid_of(file)

    def read_raster(self, name: str, *, near: Grid | None = None) -> Raster:
        """Read a raster whole, or its part over a grid.

        Raises
        ------
        MissingLayerError
            The raster has not been imported.
        """
        return read_raster_file(self.existing_raster(name), unit=RASTERS[name], near=near)

    @property
    def terrain_kind(self) -> str:
        """Kind of the terrain model: `dtm` (bare ground) or `dsm` (surface).

        Raises
        ------
        MissingLayerError
            The terrain has not been imported.
        SettingsError
            The terrain does not say its kind.
        """
        with open_own(self.existing_raster("terrain")) as file:
            kind = str(file.tags().get("TERRAIN_KIND", ""))
        if kind not in ("dtm", "dsm"):
            raise SettingsError(
                "rasters/terrain.tif does not say whether it is a dtm or a dsm; import the terrain again.",
                vi="rasters/terrain.tif không ghi là dtm hay dsm; hãy nhập lại địa hình.",
            )
        return kind

    def existing_raster(self, name: str) -> Path:
        """Path of a raster that has been imported.

        Raises
        ------
        MissingLayerError
            It has not.
        UnknownNameError
            There is no raster of that name.
        """
        path = self.raster_path(name)
        if not path.is_file():
            raise MissingLayerError(
                f"Raster {name} has not been imported; run: phusong import DIR {name} FILE.tif",
                vi=f"Raster {name} chưa được nhập; hãy chạy: phusong import DIR {name} FILE.tif",
            )
        return path


def refuse_used_folder(folder: Path) -> None:
    """Raise WorkspaceError where no workspace can be made, as the folder holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkspaceError(
            f"{folder} exists and is not an empty folder; choose a new one.",
            vi=f"{folder} đã có và không phải thư mục trống; hãy chọn thư mục mới.",
        )
