"""Where the table of jobs is kept: a SQLite file of the workspace, or its PostgreSQL database.

Both run the same statements, each in a transaction of its own; `{job}` in a statement is the table.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from phusong.api.errors import sqlite_errors
from phusong.geodata.databases import DatabasePlace, workspace_database

JOBS_DIR = "jobs"
JOBS_FILE = "jobs.sqlite"
BUSY_S = 10.0
Row = dict[str, Any]
_TABLE = """
CREATE TABLE IF NOT EXISTS job (
    job_id TEXT PRIMARY KEY, kind TEXT NOT NULL, asked TEXT NOT NULL, input_sha256 TEXT NOT NULL,
    caller TEXT NOT NULL, idempotency_key TEXT, state TEXT NOT NULL, attempt INTEGER NOT NULL,
    cancel_asked INTEGER NOT NULL, worker TEXT, created_s REAL NOT NULL, started_s REAL, ended_s REAL,
    lease_until_s REAL, stage TEXT, stage_since_s REAL, steps_done INTEGER NOT NULL, steps_all INTEGER NOT NULL,
    report TEXT, imports TEXT, UNIQUE (caller, idempotency_key)
)
"""


class Rows(Protocol):
    """A table that statements are run on."""

    def run(self, statement: str, **values: Any) -> list[Row]:
        """Run a statement and give the rows that it finds or returns."""


def open_rows(workspace_path: Path) -> Rows:
    """The table of jobs of a workspace.

    Raises
    ------
    DatabaseError
        The workspace is kept in a database and its address is not set, or the other way round.
    """
    place = workspace_database(workspace_path)
    return FileRows(workspace_path / JOBS_DIR / JOBS_FILE) if place is None else DatabaseRows(place)


@dataclass(frozen=True)
class FileRows:
    """The table in a file, which is made with the first job; several processes use it."""

    path: Path

    def run(self, statement: str, **values: Any) -> list[Row]:
        """Run a statement and give the rows that it finds or returns.

        Raises
        ------
        WorkspaceError
            The file cannot be used.
        """
        if statement.startswith("SELECT") and not self.path.exists():
            return []
        with sqlite_errors(self.path):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute(_TABLE)
                return [dict(row) for row in connection.execute(statement.format(job="job"), values).fetchall()]


@dataclass(frozen=True)
class DatabaseRows:
    """The table in the schema of phusong of a PostgreSQL database."""

    place: DatabasePlace

    def run(self, statement: str, **values: Any) -> list[Row]:
        """Run a statement and give the rows that it finds or returns.

        Raises
        ------
        DatabaseError
            The database cannot be reached, is not as it must be, or refuses.
        """
        import sqlalchemy as sa

        from phusong.geodata.database import SCHEMA, changing

        with changing(self.place) as connection:
            result = connection.execute(sa.text(statement.format(job=f"{SCHEMA}.job")), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []
