"""Which database a workspace keeps its layers and result tables in, if any.

`PHUSONG_DATABASE_URL` says where the database is; a file in the folder says that the workspace has moved there. Either
without the other is an error: an answer must never come from layers that nobody edits any more.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from phusong.geodata.errors import DatabaseError

DATABASE_URL = "PHUSONG_DATABASE_URL"
DATABASE_FILE = ".phusong.database"  # holds the id of the workspace
PACKAGES = ("sqlalchemy", "geoalchemy2", "alembic", "psycopg")


@dataclass(frozen=True)
class DatabasePlace:
    """A database, and the workspace that it must hold."""

    url: str
    workspace_id: str


def database_url() -> str | None:
    """The address of the database, None where the variable is not set or empty."""
    return os.environ.get(DATABASE_URL) or None


def required_url() -> str:
    """The address of the database; DatabaseError where the variable is not set or packages are missing."""
    url = database_url()
    if url is None:
        raise DatabaseError(
            f"{DATABASE_URL} is not set; set it to the address of the database.",
            vi=f"Chưa đặt {DATABASE_URL}; hãy đặt là địa chỉ của cơ sở dữ liệu.",
        )
    require_packages()
    return url


def workspace_database(folder: Path) -> DatabasePlace | None:
    """The database of a workspace, None for one that keeps everything in its folder.

    Raises
    ------
    DatabaseError
        The variable is set and the workspace has not moved, or the other way round.
    """
    url, file = database_url(), folder / DATABASE_FILE
    moved = file.is_file()
    if url is None and moved:
        raise DatabaseError(
            f"{folder} keeps its layers and results in a database; set {DATABASE_URL} to its address.",
            vi=f"{folder} lưu các lớp và kết quả trong cơ sở dữ liệu; hãy đặt {DATABASE_URL} là địa chỉ của nó.",
        )
    if url is not None and not moved:
        raise DatabaseError(
            f"{folder} has not moved to the database of {DATABASE_URL}; run: phusong database init {folder}, or unset "
            "the variable.",
            vi=f"{folder} chưa chuyển vào cơ sở dữ liệu của {DATABASE_URL}; hãy chạy: phusong database init {folder}, "
            "hoặc bỏ biến này.",
        )
    return DatabasePlace(url, file.read_text(encoding="utf-8").strip()) if url and moved else None


def require_packages() -> None:
    """Raise DatabaseError where the packages for databases are not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise DatabaseError(
            f"{DATABASE_URL} is set and {', '.join(missing)} is not installed; install the extra: "
            "pip install 'phusong[postgis]'",
            vi=f"{DATABASE_URL} đã đặt nhưng thiếu gói {', '.join(missing)}; hãy cài: pip install 'phusong[postgis]'",
        )
