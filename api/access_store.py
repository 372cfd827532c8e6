"""The small tables of access control, kept apart from the data: `access/access.sqlite`, for its owner alone.

Several processes read and write it; `version` tells each of them that another has changed something.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from phusong.api.errors import sqlite_errors

ACCESS_DIR = "access"
ACCESS_FILE = "access.sqlite"
BUSY_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS api_key (
    key_id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, secret_sha256 BLOB NOT NULL,
    created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL, revoked_s INTEGER
);
CREATE TABLE IF NOT EXISTS session (
    token_sha256 BLOB PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, csrf_token TEXT NOT NULL,
    created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS login (
    token_sha256 BLOB PRIMARY KEY, state TEXT NOT NULL, nonce TEXT NOT NULL, code_verifier TEXT NOT NULL,
    next_path TEXT NOT NULL, expires_s INTEGER NOT NULL
);
"""


class AccessStore:
    """The tables of access control of a workspace; made at the first write.

    Parameters
    ----------
    workspace_path
        Folder of the workspace.
    """

    def __init__(self, workspace_path: Path) -> None:
        self.path = workspace_path / ACCESS_DIR / ACCESS_FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._changes = 0

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows that a query finds; none before the first write.

        Raises
        ------
        WorkspaceError
            The file cannot be read.
        """
        with self._lock, sqlite_errors(self.path):
            connection = self._opened()
            return [] if connection is None else connection.execute(query, values).fetchall()

    def change(self, statement: str, **values: Any) -> int:
        """Change rows and say how many.

        Raises
        ------
        WorkspaceError
            The file cannot be written.
        """
        with self._lock, sqlite_errors(self.path):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self.path.touch(mode=0o600)
            connection = self._opened() or self._connect()
            with connection:
                changed = connection.execute(statement, values).rowcount
            self._changes += 1
            return changed

    def version(self) -> tuple[int, int]:
        """Changes whenever this process or another has changed the tables."""
        with self._lock, sqlite_errors(self.path):
            connection = self._opened()
            others = 0 if connection is None else int(connection.execute("PRAGMA data_version").fetchone()[0])
            return self._changes, others

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection | None:
        if self._connection is None and self.path.is_file():
            return self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False)
        connection.executescript(_TABLES)
        self._connection = connection
        return connection
