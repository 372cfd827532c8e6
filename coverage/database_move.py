"""A workspace moved from its folder into a database: layers, runs and pointer in one transaction."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import sqlalchemy as sa

from phusong.coverage.database_runs import ensure_columns, insert_run
from phusong.coverage.run_stores import CURRENT, MANIFEST, FolderRuns
from phusong.geodata.database import WORKSPACE
from phusong.geodata.database_layers import write_layers
from phusong.geodata.database_setup import settle
from phusong.geodata.layer_stores import LAYERS_FILE, GeoPackageLayers
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing


@dataclass(frozen=True)
class Moved:
    """Rows of every layer and ids of the runs that moved; both empty where the workspace was there already."""

    layers: dict[str, int]
    runs: tuple[str, ...]


def move_to_database(workspace: Workspace, *, wait_s: float = 0.0) -> Moved:
    """Move the layers and result tables of a workspace into the database of `PHUSONG_DATABASE_URL`.

    The tables of an older version are brought to this one. Rasters, the cache, the store and the raster parts of runs
    stay in the folder.

    Parameters
    ----------
    wait_s
        How long to wait for another writer of the workspace [s].

    Raises
    ------
    DatabaseError
        There is no database, or it belongs to another workspace, has no PostGIS, or is of a newer version.
    BusyError
        Another process is writing the workspace.
    """
    layers, runs = GeoPackageLayers(workspace.path / LAYERS_FILE), FolderRuns(workspace.runs_dir)
    moved = Moved({}, ())

    def fill(connection: sa.Connection) -> None:
        nonlocal moved
        frames = layers.read(layers.names())
        write_layers(connection, frames)
        for run_id in runs.run_ids():
            _move_run(connection, runs, run_id)
        connection.execute(sa.update(WORKSPACE).values(current_run=runs.current_id()))
        moved = Moved({name: len(frame) for name, frame in frames.items()}, tuple(runs.run_ids()))

    with writing(workspace.path, "database init", wait_s=wait_s):
        settle(workspace.path, workspace.settings.name, fill)
        _remove_moved(layers.path, runs.runs_dir, moved)
    return moved


def _move_run(connection: sa.Connection, runs: FolderRuns, run_id: str) -> None:
    manifest = runs.manifest(run_id)
    tables = {}
    for name in manifest["tables"]:
        with runs.open_table(run_id, name) as file:
            tables[name] = pq.read_table(file)
    ensure_columns(connection, tables)
    insert_run(connection, manifest, tables)


def _remove_moved(layers: Path, runs_dir: Path, moved: Moved) -> None:
    """Remove the files that the database has taken the place of."""
    if moved.layers:
        layers.unlink()
    if moved.runs:
        (runs_dir / CURRENT).unlink(missing_ok=True)
    for run_id in moved.runs:
        for path in ((runs_dir / run_id / MANIFEST), *(runs_dir / run_id).glob("*.parquet")):
            path.unlink()
