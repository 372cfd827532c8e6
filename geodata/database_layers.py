"""The vector layers of a workspace as tables of a database; people edit them there, in QGIS for instance.

Every table has the layer's columns, `source` and `source_row`, the key `fid` and the geometry `geom`. Rows keep the
order of their `fid`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
import sqlalchemy as sa
from geoalchemy2 import Geometry

from phusong.geodata.database import METADATA, WORKSPACE, changing, copy_rows, reading
from phusong.geodata.databases import DatabasePlace
from phusong.geodata.layer_stores import LAYERS_FILE, GeoPackageLayers, with_storage_types
from phusong.geodata.schemas import LAYERS, STORAGE_CRS, Layer

EDITED = "database"  # the source of rows that were not imported
TYPES: dict[str, sa.types.TypeEngine[Any]] = {"number": sa.Double(), "date": sa.Date(), "row": sa.Integer()}
GEOMETRIES = {"point": "POINT", "polygon": "MULTIPOLYGON"}


def _table(layer: Layer) -> sa.Table:
    columns: list[sa.Column[Any]] = [sa.Column("fid", sa.Integer, sa.Identity(), primary_key=True)]
    for name in layer.stored_names:
        kind = "row" if name == "source_row" else layer.column(name).kind if name in layer.column_names else "text"
        columns.append(sa.Column(name, TYPES.get(kind, sa.Text())))
    if layer.geometry is not None:
        columns.append(sa.Column("geom", Geometry(GEOMETRIES[layer.geometry], srid=4326)))
    return sa.Table(layer.name, METADATA, *columns)


TABLES = {layer.name: _table(layer) for layer in LAYERS.values()}


@dataclass(frozen=True)
class DatabaseLayers:
    """Layers in the schema `phusong` of a database."""

    place: DatabasePlace

    def names(self) -> list[str]:
        """List the layers that were imported or have rows, in the order of the schemas."""
        with reading(self.place) as connection:
            imported = connection.scalar(sa.select(WORKSPACE.c.imported)) or []
            rows = connection.execute(sa.select(*(sa.exists().select_from(TABLES[name]) for name in LAYERS))).one()
        return [name for name, filled in zip(LAYERS, rows, strict=True) if filled or name in imported]

    def read(self, names: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Read layers, all as of one moment."""
        with reading(self.place) as connection:
            return {name: _read(connection, LAYERS[name]) for name in names}

    def write(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Put layers in the place of the former ones in one transaction."""
        with changing(self.place) as connection:
            write_layers(connection, frames)

    def take_over(self, committed: Path, /) -> None:
        """Store the layers of an import, and that it was stored."""
        file = GeoPackageLayers(committed / LAYERS_FILE)
        with changing(self.place) as connection:
            write_layers(connection, file.read(file.names()))
            connection.execute(sa.update(WORKSPACE).values(last_import=committed.name))
        file.path.unlink(missing_ok=True)

    def finish(self, committed: Path, /) -> bool:
        """Whether the layers of an import were stored before it was killed."""
        with reading(self.place) as connection:
            stored = bool(connection.scalar(sa.select(WORKSPACE.c.last_import)) == committed.name)
        if stored:
            (committed / LAYERS_FILE).unlink(missing_ok=True)
        return stored


def write_layers(connection: sa.Connection, frames: Mapping[str, pd.DataFrame]) -> None:
    """Replace the rows of layers.

    Parameters
    ----------
    frames
        Layers by name, as `with_storage_types` makes them.
    """
    for name, frame in frames.items():
        connection.execute(sa.delete(TABLES[name]))
        columns = [column for column in frame.columns if column != "geometry"]
        values: list[Iterable[object]] = [_plain(frame[column]) for column in columns]
        if LAYERS[name].geometry is not None:
            columns.append("geom")
            values.append(_wkb(gpd.GeoSeries(frame["geometry"]), multi=LAYERS[name].geometry == "polygon"))
        copy_rows(connection, name, columns, zip(*values, strict=True))
    imported = {*(connection.scalar(sa.select(WORKSPACE.c.imported)) or []), *frames}
    connection.execute(sa.update(WORKSPACE).values(imported=sorted(imported)))


def _plain(column: pd.Series) -> list[object]:
    """Values as the driver takes them; None for what is missing."""
    values = column.astype(object)
    return list(values.where(values.notna(), None))


def _wkb(geometry: gpd.GeoSeries, *, multi: bool) -> Iterator[str | None]:
    for shape in shapely.force_2d(geometry.to_numpy()):
        whole = shapely.multipolygons([shape]) if multi and isinstance(shape, shapely.Polygon) else shape
        yield None if whole is None else shapely.to_wkb(whole, hex=True)


def _read(connection: sa.Connection, layer: Layer) -> pd.DataFrame:
    table = TABLES[layer.name]
    wanted = {name: table.c[name] for name in layer.stored_names}
    selected: list[sa.ColumnElement[Any]] = [
        sa.func.to_char(column, "YYYY-MM-DD").label(name) if isinstance(column.type, sa.Date) else column
        for name, column in wanted.items()
    ]
    if layer.geometry is not None:
        selected.append(sa.func.ST_AsBinary(table.c.geom, type_=sa.LargeBinary).label("geometry"))
    rows = connection.execute(sa.select(table.c.fid, *selected).order_by(table.c.fid)).all()
    names = ["fid", *wanted, *(["geometry"] if layer.geometry else [])]
    frame = pd.DataFrame.from_records([tuple(row) for row in rows], columns=names)
    if "source" not in layer.column_names:
        frame["source"] = frame["source"].where(frame["source"].notna(), EDITED)
    frame["source_row"] = frame["source_row"].where(frame["source_row"].notna(), frame["fid"])
    if layer.geometry is not None:
        shapes = shapely.from_wkb(frame["geometry"].to_numpy(dtype=object))
        frame = gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=list(shapes), crs=STORAGE_CRS)
    stored: pd.DataFrame = with_storage_types(layer.name, frame)
    return stored
