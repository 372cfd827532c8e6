"""A database made ready for a workspace, brought to this version, and opened to other roles."""

import os
import uuid
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy.exc import DBAPIError

from phusong.geodata.database import (
    REVISIONS,
    SCHEMA,
    WORKSPACE,
    another_workspace,
    changing,
    connected,
    reading,
    require_postgis,
    require_revision,
    revision_of,
)
from phusong.geodata.databases import DATABASE_FILE, DatabasePlace, required_url
from phusong.geodata.schemas import LAYERS
from phusong.geodata.writing import replacing

MIGRATING = 1812_07  # key of the advisory lock


def prepare_database(url: str) -> None:
    """Make the schema and tables of phusong, or bring older ones to this version.

    Raises
    ------
    DatabaseError
        The database cannot be reached, has no PostGIS that the role may add, or its tables are of a newer phusong.
    """
    with connected(url) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
        _ensure_postgis(connection)
        connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        found = revision_of(connection)
        if found is not None and found not in REVISIONS:
            require_revision(found)
        config = Config()
        config.set_main_option("script_location", str(files("phusong.geodata") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _ensure_postgis(connection: sa.Connection) -> None:
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS postgis"))
    except DBAPIError:  # not installed on the server, or not for this role to add
        require_postgis(connection)


def settle(folder: Path, name: str, fill: Callable[[sa.Connection], None] | None = None) -> None:
    """Let a workspace keep its layers and results in the database of `PHUSONG_DATABASE_URL` from now on.

    Does nothing where it does so already; may be interrupted and repeated.

    Parameters
    ----------
    folder
        Folder of the workspace.
    name
        Name of the workspace.
    fill
        Stores in the database what the folder holds; in the same transaction.

    Raises
    ------
    DatabaseError
        The database belongs to another workspace, or the errors of `prepare_database`.
    """
    url, marker, pending = required_url(), folder / DATABASE_FILE, folder / f"{DATABASE_FILE}.new"
    prepare_database(url)
    if marker.is_file():
        with reading(DatabasePlace(url, marker.read_text(encoding="utf-8").strip())):
            return
    if not pending.is_file():  # the id is known here before the database has it
        with replacing(pending) as aside:
            aside.write_text(uuid.uuid4().hex + "\n", encoding="utf-8")
    workspace_id = pending.read_text(encoding="utf-8").strip()
    with connected(url) as connection:
        holder = _holder(connection)
        if holder is None:
            connection.execute(sa.insert(WORKSPACE).values(id=workspace_id, name=name))
            if fill is not None:
                fill(connection)
        elif holder != workspace_id:
            raise another_workspace()
    os.replace(pending, marker)


def require_free(url: str) -> None:
    """Prepare a database and raise DatabaseError where it belongs to a workspace."""
    prepare_database(url)
    with connected(url) as connection:
        if _holder(connection) is not None:
            raise another_workspace()


def _holder(connection: sa.Connection) -> str | None:
    """Id of the workspace that the database holds, None for none; nobody else may claim it meanwhile."""
    connection.execute(sa.text(f"LOCK TABLE {SCHEMA}.workspace IN EXCLUSIVE MODE"))
    found: str | None = connection.scalar(sa.select(WORKSPACE.c.id))
    return found


def grant_role(place: DatabasePlace, role: str, *, edit: bool = False) -> None:
    """Let a role of the server read everything, and edit the layers if told so; results it can never write.

    Raises
    ------
    DatabaseError
        There is no such role, or the own role is not the owner.
    """
    schema, to = sql.Identifier(SCHEMA), sql.Identifier(role)
    with changing(place) as connection:
        owner = connection.scalar(
            sa.text("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = :name"), {"name": SCHEMA}
        )
        statements = [
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, to),
            sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schema, to),
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT ON TABLES TO {}").format(
                sql.Identifier(str(owner)), schema, to
            ),
        ]
        if edit:
            layers = sql.SQL(", ").join(sql.Identifier(SCHEMA, name) for name in LAYERS)
            statements.append(sql.SQL("GRANT INSERT, UPDATE, DELETE ON {} TO {}").format(layers, to))
        for statement in statements:
            connection.exec_driver_sql(statement.as_string())
