"""Runs whose manifests and result tables are rows of a database; the raster parts stay folders.

Rows of every run of a table lie together in `run_<table>`, told apart by `run_id`; the views `current_<table>` show the
published run. Of each run the Arrow schema of its tables is kept, so that a table is read back as it was.
"""

import base64
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from psycopg import sql

from phusong.coverage.run_stores import place_folder, remove_folder, removed_meanwhile
from phusong.geodata.database import METADATA, SCHEMA, WORKSPACE, changing, copy_rows, reading
from phusong.geodata.databases import DatabasePlace
from phusong.geodata.errors import StoreError

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("as_of", sa.Date),
    sa.Column("scenario", sa.Text),
    sa.Column("manifest", sa.JSON),
    sa.Column("schemas", sa.JSON),
)
KEY = ("run_id", "row_number")
POSITION = "ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326)::geometry(POINT, 4326)"
WITH_POSITION = ("settlements", "places")
EXACT = 2**53  # whole numbers beyond it do not fit a double


@dataclass(frozen=True)
class DatabaseRuns:
    """Runs in the schema `phusong` of a database, and the folders of their raster parts."""

    place: DatabasePlace
    runs_dir: Path

    def current_id(self) -> str | None:
        """Id of the published run, None before the first."""
        with reading(self.place) as connection:
            found: str | None = connection.scalar(sa.select(WORKSPACE.c.current_run))
        return found

    def run_ids(self) -> list[str]:
        """Ids of the runs there are."""
        with reading(self.place) as connection:
            return list(connection.scalars(sa.select(RUNS.c.run_id)))

    def manifests(self) -> list[dict[str, Any]]:
        """Manifests of the runs there are, in any order."""
        with reading(self.place) as connection:
            return list(connection.scalars(sa.select(RUNS.c.manifest)))

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Manifest of a run; StoreError where it was removed."""
        with reading(self.place) as connection:
            found: dict[str, Any] | None = connection.scalar(sa.select(RUNS.c.manifest).where(RUNS.c.run_id == run_id))
        if found is None:
            raise removed_meanwhile(run_id)
        return found

    def open_table(self, run_id: str, name: str) -> BinaryIO:
        """A table of a run; StoreError where the run was removed."""
        with reading(self.place) as connection:
            schemas = connection.scalar(sa.select(RUNS.c.schemas).where(RUNS.c.run_id == run_id))
            if schemas is None:
                raise removed_meanwhile(run_id)
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schemas[name])))
            table = _read_rows(connection, run_id, name, schema)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        buffer.seek(0)
        return buffer

    def publish(
        self, aside: Path, manifest: dict[str, Any], tables: Mapping[str, bytes], *, make_current: bool
    ) -> None:
        """Name the folder of the raster parts, then add manifest, rows and pointer in one transaction."""
        parsed = {name: pq.read_table(io.BytesIO(content)) for name, content in tables.items()}
        with changing(self.place) as connection:
            ensure_columns(connection, parsed)
        place_folder(aside, self.runs_dir / manifest["run_id"])
        with changing(self.place) as connection:
            insert_run(connection, manifest, parsed)
            if make_current:
                connection.execute(sa.update(WORKSPACE).values(current_run=manifest["run_id"]))

    def remove(self, run_ids: list[str]) -> int:
        """Remove runs with their rows in one step, then every folder without a run; the bytes those held."""
        with changing(self.place) as connection:
            connection.execute(sa.delete(RUNS).where(RUNS.c.run_id.in_(run_ids)))
            left = set(connection.scalars(sa.select(RUNS.c.run_id)))
        folders = [path for path in self.runs_dir.glob("[!.]*") if path.is_dir() and path.name not in left]
        return sum(map(remove_folder, folders))


def insert_run(connection: sa.Connection, manifest: dict[str, Any], tables: Mapping[str, pa.Table]) -> None:
    """Add a run with its rows, unless it is there; `ensure_columns` must have been called."""
    run_id = manifest["run_id"]
    if connection.scalar(sa.select(RUNS.c.run_id).where(RUNS.c.run_id == run_id)) is not None:
        return
    schemas = {name: base64.b64encode(table.schema.serialize().to_pybytes()).decode() for name, table in tables.items()}
    described = {key: manifest.get(key) for key in ("run_id", "created_at", "as_of", "scenario")}
    connection.execute(sa.insert(RUNS).values(**described, manifest=manifest, schemas=schemas))
    for name, table in tables.items():
        fields = _stored(table.schema)
        columns = [_plain(table[field.name], field) for field in fields]
        keys = ([run_id] * len(table), range(len(table)))
        names = [*KEY, *(_column_name(field.name) for field in fields)]
        copy_rows(connection, f"run_{name}", names, zip(*keys, *columns, strict=True))


def ensure_columns(connection: sa.Connection, tables: Mapping[str, pa.Table]) -> None:
    """Add the columns that tables of results do not have yet, and show them in the views of the published run.

    Raises
    ------
    StoreError
        A column holds values of another type.
    """
    for name in tables:
        present = _columns_of(connection, name)
        missing = []
        for field in _stored(tables[name].schema):
            column, kind = _column_name(field.name), _sql_type(field)
            if column not in present:
                missing.append(sql.SQL("ADD COLUMN {} " + kind).format(sql.Identifier(column)))
            elif not present[column].startswith(kind.partition("(")[0]):
                raise _other_type(name, column, present[column], kind)
        if missing:
            table = sql.Identifier(SCHEMA, f"run_{name}")
            _execute(connection, sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(missing)))
            _show_columns(connection, name)


def _show_columns(connection: sa.Connection, name: str) -> None:
    columns = list(_columns_of(connection, name))
    shown: list[sql.Composable] = [sql.SQL("t.{}").format(sql.Identifier(column)) for column in columns]
    if name in WITH_POSITION:  # a view's columns keep their order
        shown.insert(columns.index("lat") + 1, sql.SQL(POSITION + " AS geom"))
    statement = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM {} t JOIN {} w ON w.current_run = t.run_id")
    view, table, workspace = (sql.Identifier(SCHEMA, part) for part in (f"current_{name}", f"run_{name}", "workspace"))
    _execute(connection, statement.format(view, sql.SQL(", ").join(shown), table, workspace))


def _execute(connection: sa.Connection, statement: sql.Composable) -> None:
    connection.exec_driver_sql(statement.as_string().replace("%", "%%"))


def _columns_of(connection: sa.Connection, name: str) -> dict[str, str]:
    """Columns of a table of results with their types, in order."""
    rows = connection.execute(
        sa.text(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ),
        {"table": f"{SCHEMA}.run_{name}"},
    )
    return {str(column): str(kind) for column, kind in rows}


def _read_rows(connection: sa.Connection, run_id: str, name: str, schema: pa.Schema) -> pa.Table:
    fields = _stored(schema)
    columns = [_selected(field) for field in fields]
    table = sa.table(f"run_{name}", sa.column("run_id"), sa.column("row_number"), schema=SCHEMA)
    query = sa.select(table.c.row_number, *columns).select_from(table).where(table.c.run_id == run_id)
    rows = connection.execute(query.order_by(table.c.row_number)).all()
    found = dict(zip([field.name for field in fields], list(zip(*rows, strict=True))[1:], strict=False))
    arrays = [
        pa.nulls(len(rows), field.type) if field.name not in found else _restored(found[field.name], field)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _selected(field: pa.Field) -> sa.ColumnElement[Any]:
    column: sa.ColumnElement[Any] = sa.column(_column_name(field.name))
    return sa.func.ST_AsBinary(column, type_=sa.LargeBinary) if pa.types.is_binary(field.type) else column


def _restored(values: tuple[Any, ...], field: pa.Field) -> pa.Array:
    return pa.array(values, pa.float64()).cast(field.type) if _is_number(field) else pa.array(values, field.type)


def _stored(schema: pa.Schema) -> list[pa.Field]:
    """The columns that hold anything."""
    return [field for field in schema if not pa.types.is_null(field.type)]


def _plain(column: pa.ChunkedArray, field: pa.Field) -> Iterator[object]:
    """Values as the driver takes them; a geometry as WKB in hexadecimal."""
    values = column.to_pylist()
    if pa.types.is_binary(field.type):
        return (None if value is None else value.hex() for value in values)
    if pa.types.is_integer(field.type) and any(value is not None and abs(value) > EXACT for value in values):
        raise StoreError(
            f"column {field.name} holds a whole number beyond 2^53, which the database would round",
            vi=f"cột {field.name} có số nguyên lớn hơn 2^53, cơ sở dữ liệu sẽ làm tròn",
        )
    return iter(values)


def _is_number(field: pa.Field) -> bool:
    return bool(pa.types.is_floating(field.type) or pa.types.is_integer(field.type))


def _sql_type(field: pa.Field) -> str:
    if _is_number(field):
        return "double precision"
    if pa.types.is_boolean(field.type):
        return "boolean"
    return "geometry(Geometry, 4326)" if pa.types.is_binary(field.type) else "text"


def _column_name(name: str) -> str:
    """A name as long as PostgreSQL takes them; different names stay different."""
    encoded = name.encode()
    if len(encoded) <= 63:
        return name
    return f"{encoded[:54].decode(errors='ignore')}_{hashlib.sha256(encoded).hexdigest()[:8]}"


def _other_type(table: str, column: str, present: str, wanted: str) -> StoreError:
    return StoreError(
        f"column {column} of run_{table} in the database is of type {present}, this version writes {wanted}; "
        "remove it there when no run needs it any more",
        vi=f"cột {column} của run_{table} trong cơ sở dữ liệu có kiểu {present}, phiên bản này ghi {wanted}; "
        "hãy xóa cột đó khi không còn lần tính nào cần",
    )
