"""Where the vector layers of a workspace are kept: a GeoPackage in its folder, or a database."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from phusong.geodata.databases import require_packages, workspace_database
from phusong.geodata.errors import WorkspaceError, words_of
from phusong.geodata.names import sort_key
from phusong.geodata.schemas import LAYERS, NAME_ORDER, STORAGE_CRS, find_layer
from phusong.geodata.sources import read_sources
from phusong.geodata.writing import replacing

LAYERS_FILE = "layers.gpkg"


class LayerStore(Protocol):
    """The layers that have been imported; frames as `with_storage_types` makes them."""

    def names(self) -> list[str]:
        """List the layers there are, in the order of the schemas."""

    def read(self, names: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Read layers that are there, all as of one moment."""

    def write(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Put layers in the place of the former ones: all of them, or none."""

    def take_over(self, committed: Path, /) -> None:
        """Take the layers of an import that is whole; what its file still holds afterwards is moved as a file."""

    def finish(self, committed: Path, /) -> bool:
        """Whether an import that was whole when it was killed is to be finished; False: `take_over` had no effect."""


@dataclass(frozen=True)
class GeoPackageLayers:
    """Layers in one GeoPackage, which every write replaces."""

    path: Path

    def names(self) -> list[str]:
        """List the layers of the file, in the order of the schemas."""
        if not self.path.exists():
            return []
        with self._readable():
            stored = {str(name) for name, _ in pyogrio.list_layers(self.path)}
        return [name for name in LAYERS if name in stored]

    def read(self, names: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Read layers of the file."""
        return {name: self._read(name) for name in names}

    def write(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Replace the file by one that has these layers, with the terms of their sources, for the former ones."""
        sources = read_sources(self.path.parent)
        with replacing(self.path) as aside:
            if self.path.exists():
                shutil.copyfile(self.path, aside)
            for name, frame in frames.items():
                kind = {"point": "Point", "polygon": "MultiPolygon", None: None}[find_layer(name).geometry]
                tags = sources[name].tags() if name in sources else None
                pyogrio.write_dataframe(
                    frame, aside, layer=name, driver="GPKG", geometry_type=kind, layer_metadata=tags
                )

    def take_over(self, _committed: Path, /) -> None:
        """Do nothing: the import's file replaces this one."""

    def finish(self, _committed: Path, /) -> bool:
        """Finish it: the import's file replaces this one."""
        return True

    def _read(self, name: str) -> pd.DataFrame:
        with self._readable():
            frame = pyogrio.read_dataframe(self.path, layer=name, read_geometry=find_layer(name).geometry is not None)
        stored: pd.DataFrame = with_storage_types(name, frame)
        return stored

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (DataSourceError, DataLayerError, FeatureError) as error:
            raise WorkspaceError(
                f"{self.path} cannot be read ({words_of(error)}); restore it from a backup, or remove it and import "
                "its layers again.",
                vi=f"Không đọc được {self.path}; hãy khôi phục từ bản sao lưu, hoặc xóa tệp và nhập lại các lớp.",
            ) from error


@dataclass(frozen=True)
class StagedLayers:
    """Layers of an import under way: what it has written lies in a file, the rest is that of the workspace."""

    base: LayerStore
    written: GeoPackageLayers

    def names(self) -> list[str]:
        """List the layers of the workspace and those written."""
        there = {*self.base.names(), *self.written.names()}
        return [name for name in LAYERS if name in there]

    def read(self, names: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Read layers as they will be when the import is done."""
        written = self.written.read([name for name in self.written.names() if name in names])
        found = written | self.base.read([name for name in names if name not in written])
        return {name: found[name] for name in names}

    def write(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Write layers aside."""
        self.written.write(frames)

    def take_over(self, committed: Path, /) -> None:
        """Take the layers of an import within this one."""
        take_layers(self, committed)

    def finish(self, _committed: Path, /) -> bool:
        """Drop it: what is under way is removed whole."""
        return False


def take_layers(store: LayerStore, committed: Path) -> None:
    """Write the layers of an import's file into a store and remove the file."""
    inner = GeoPackageLayers(committed / LAYERS_FILE)
    if inner.names():
        store.write(inner.read(inner.names()))
    inner.path.unlink(missing_ok=True)


def open_layer_store(folder: Path) -> LayerStore:
    """The store of a workspace's layers.

    Raises
    ------
    DatabaseError
        `PHUSONG_DATABASE_URL` and the folder do not belong together, or packages are missing.
    """
    place = workspace_database(folder)
    if place is None:
        return GeoPackageLayers(folder / LAYERS_FILE)
    require_packages()
    from phusong.geodata.database_layers import DatabaseLayers

    return DatabaseLayers(place)


def with_storage_types(name: str, frame: pd.DataFrame) -> gpd.GeoDataFrame:
    """Order the columns of a layer; float64 for numbers, int64 for rows, text with None for the rest."""
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
