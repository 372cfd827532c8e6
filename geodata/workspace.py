"""A workspace: settings, vector layers and rasters in one folder.

Every write goes to a file aside, which then replaces the old one in a single step: a write that fails leaves
the workspace byte for byte as it was.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import geopandas as gpd
import pandas as pd
import pyogrio
import rasterio

from phusong.geodata.errors import MissingLayerError, SettingsError, UnknownNameError, WorkspaceError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.names import sort_key
from phusong.geodata.raster_files import grid_of
from phusong.geodata.raster_files import read_raster as read_raster_file
from phusong.geodata.schemas import LAYERS, NAME_ORDER, STORAGE_CRS, find_layer, validate_layer
from phusong.geodata.settings import SETTINGS_FILE, Settings, parse_settings, read_settings, render_settings
from phusong.geodata.writing import LOCK_FILE

LAYERS_FILE = "layers.gpkg"
# Rasters of a workspace and the unit of their values.
RASTERS = {"terrain": "m", "clutter": "", "population": "persons"}


@dataclass(frozen=True)
class Workspace:
    """A folder with `phusong.toml`, `layers.gpkg`, `rasters/`, `imports/`, `cache/`, `store/` and `runs/`."""

    path: Path

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
        """
        folder = Path(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise WorkspaceError(
                f"{folder} exists and is not an empty folder; choose a new one.",
                vi=f"{folder} đã có và không phải thư mục trống; hãy chọn thư mục mới.",
            )
        text = render_settings(name=name or folder.resolve().name, crs=crs, resolution_m=resolution_m)
        parse_settings(text, where=str(folder / SETTINGS_FILE))
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
        """The GeoPackage of the vector layers."""
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

    def layer_names(self) -> list[str]:
        """List the layers that have been imported, in the order of the schemas."""
        if not self.layers_path.exists():
            return []
        stored = {str(name) for name, _ in pyogrio.list_layers(self.layers_path)}
        return [name for name in LAYERS if name in stored]

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
        layer = find_layer(name)
        if not self.has_layer(name):
            raise MissingLayerError(
                f"Layer {name} has not been imported; run: phusong import DIR {name} FILE",
                vi=f"Lớp {name} chưa được nhập; hãy chạy: phusong import DIR {name} FILE",
            )
        frame = pyogrio.read_dataframe(self.layers_path, layer=name, read_geometry=layer.geometry is not None)
        return _with_storage_types(name, frame)

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
        """
        typed = _with_storage_types(name, frame)
        validate_layer(name, typed)
        layer = find_layer(name)
        kind = {"point": "Point", "polygon": "MultiPolygon", None: None}[layer.geometry]
        with replacing(self.layers_path) as aside:
            if self.layers_path.exists():
                shutil.copyfile(self.layers_path, aside)
            pyogrio.write_dataframe(typed, aside, layer=name, driver="GPKG", geometry_type=kind)

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
        with rasterio.open(self.existing_raster(name)) as file:
            return grid_of(file)

    def read_raster(self, name: str) -> Raster:
        """Read a raster whole.

        Raises
        ------
        MissingLayerError
            The raster has not been imported.
        """
        return read_raster_file(self.existing_raster(name), unit=RASTERS[name])

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
        with rasterio.open(self.existing_raster("terrain")) as file:
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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write aside; the file replaces `path` at the end, or vanishes when the block fails."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    aside.unlink()
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        for leftover in path.parent.glob(f"{aside.name}*"):
            leftover.unlink()


def _with_storage_types(name: str, frame: pd.DataFrame) -> gpd.GeoDataFrame:
    """Order the columns; float64 for numbers, int64 for rows, text with None for the rest."""
    layer = find_layer(name)
    columns: dict[str, object] = {}
    for column in layer.stored_names:
        if column == NAME_ORDER and "name" in frame.columns:
            columns[column] = frame["name"].map(sort_key, na_action="ignore").astype(object)
            continue
        if column not in frame.columns:
            continue
        values = frame[column]
        if column == "source_row":
            columns[column] = values.astype("int64")
        elif column in layer.column_names and layer.column(column).kind == "number":
            columns[column] = values.astype("float64")
        else:
            text = values.astype(object)
            columns[column] = text.where(text.notna(), None)
    table = pd.DataFrame(columns, index=frame.index)
    if layer.geometry is None or "geometry" not in frame.columns:
        return table
    return gpd.GeoDataFrame(table, geometry=frame["geometry"], crs=getattr(frame, "crs", None) or STORAGE_CRS)
