"""Connections to the database of a workspace: checked, in one transaction, with errors that say what to do.

Tables lie in the schema `phusong` of a PostgreSQL database with PostGIS; one database holds one workspace.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from phusong.geodata.databases import DATABASE_URL, DatabasePlace
from phusong.geodata.errors import DatabaseError

SCHEMA = "phusong"
REVISIONS = ("0001", "0002")  # of the migrations, the newest last
CONNECT_S = 10
LOCK_S = 30  # how long a writer waits for rows that somebody is editing
LOST = ("08", "57P")  # classes of SQLSTATE: connection, shutdown
INIT = "phusong database init DIR"

METADATA = sa.MetaData(schema=SCHEMA)
WORKSPACE = sa.Table(
    "workspace",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("imported", sa.ARRAY(sa.Text)),  # layers that were imported, if without rows
    sa.Column("last_import", sa.Text),  # the folder of the import that was stored last
    sa.Column("current_run", sa.Text),
)


@contextmanager
def reading(place: DatabasePlace) -> Iterator[sa.Connection]:
    """Read a workspace's database as of one moment.

    Raises
    ------
    DatabaseError
        It cannot be reached, is not as it must be, or refuses.
    """
    with connected(place.url, isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        require_workspace(connection, place.workspace_id)
        yield connection


@contextmanager
def changing(place: DatabasePlace) -> Iterator[sa.Connection]:
    """Change a workspace's database: all that the block does, or nothing.

    Raises
    ------
    DatabaseError
        It cannot be reached, is not as it must be, or refuses.
    """
    with connected(place.url) as connection:
        require_workspace(connection, place.workspace_id)
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_S}s'"))
        yield connection


@contextmanager
def connected(url: str, **options: Any) -> Iterator[sa.Connection]:
    """A connection in one transaction, which is rolled back when the block fails; errors are sentences.

    Parameters
    ----------
    url
        Address of the database, `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
    options
        Execution options of the connection.
    """
    engine = _engine(url)
    name = f"{engine.url.host or 'localhost'}/{engine.url.database}"
    reached = False
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            reached = True
            yield connection
    except (SQLAlchemyError, psycopg.Error) as error:
        raise _explain(error, name, reached=reached) from error


def copy_rows(connection: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Append rows to a table of the schema by COPY.

    Parameters
    ----------
    rows
        Values in the order of `columns`; a geometry as WKB in hexadecimal.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(SCHEMA, table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def require_workspace(connection: sa.Connection, workspace_id: str) -> None:
    """Raise DatabaseError unless the database is of this version and holds that workspace."""
    require_postgis(connection)
    require_revision(revision_of(connection))
    found = connection.scalar(sa.select(WORKSPACE.c.id))
    if found is None:
        raise DatabaseError(
            f"The database of {DATABASE_URL} holds no workspace any more; restore its backup.",
            vi=f"Cơ sở dữ liệu của {DATABASE_URL} không còn vùng làm việc nào; hãy khôi phục bản sao lưu.",
        )
    if found != workspace_id:
        raise another_workspace()


def another_workspace() -> DatabaseError:
    """The error of a database that belongs to another folder."""
    return DatabaseError(
        f"The database of {DATABASE_URL} belongs to another workspace; give every workspace a database of its own.",
        vi=f"Cơ sở dữ liệu của {DATABASE_URL} thuộc vùng làm việc khác; mỗi vùng làm việc cần một cơ sở dữ liệu riêng.",
    )


def require_postgis(connection: sa.Connection) -> None:
    """Raise DatabaseError where the extension PostGIS is missing."""
    if connection.scalar(sa.text("SELECT extversion FROM pg_extension WHERE extname = 'postgis'")) is None:
        raise DatabaseError(
            "The database has no PostGIS; let its administrator run there: CREATE EXTENSION postgis",
            vi="Cơ sở dữ liệu chưa có PostGIS; hãy nhờ quản trị viên chạy trong đó: CREATE EXTENSION postgis",
        )


def revision_of(connection: sa.Connection) -> str | None:
    """Revision of the tables, None where there are none."""
    table = f"{SCHEMA}.alembic_version"
    if connection.scalar(sa.text("SELECT to_regclass(:table)"), {"table": table}) is None:
        return None
    found: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {table}"))
    return found


def require_revision(found: str | None) -> None:
    """Raise DatabaseError unless the tables are of this version of phusong."""
    if found == REVISIONS[-1]:
        return
    if found is None:
        raise DatabaseError(
            f"The database has no tables of phusong; run: {INIT}",
            vi=f"Cơ sở dữ liệu chưa có bảng của phusong; hãy chạy: {INIT}",
        )
    if found in REVISIONS:
        raise DatabaseError(
            f"The tables of the database are of an older phusong (revision {found}, needed {REVISIONS[-1]}); "
            f"run: {INIT}",
            vi=f"Bảng trong cơ sở dữ liệu thuộc phiên bản phusong cũ (bản {found}, cần {REVISIONS[-1]}); "
            f"hãy chạy: {INIT}",
        )
    raise DatabaseError(
        f"The tables of the database are of a newer phusong (revision {found}, this one knows {REVISIONS[-1]}); "
        "update phusong.",
        vi=f"Bảng trong cơ sở dữ liệu thuộc phiên bản phusong mới hơn (bản {found}, bản này chỉ biết {REVISIONS[-1]}); "
        "hãy cập nhật phusong.",
    )


@cache
def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        _ = parsed.port
    except (ArgumentError, ValueError):
        raise _bad_url() from None
    if not re.fullmatch(r"postgres(ql)?(\+psycopg)?", parsed.drivername) or not parsed.database:
        raise _bad_url()
    arguments: dict[str, Any] = {"application_name": "phusong"}
    if "connect_timeout" not in parsed.query:
        arguments["connect_timeout"] = CONNECT_S
    # no pool: a server may go and come back between two commands of a service
    return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=arguments)


def _bad_url() -> DatabaseError:
    form = "postgresql://USER:PASSWORD@HOST:5432/NAME"
    return DatabaseError(
        f"{DATABASE_URL} is no address of a PostgreSQL database; write it like {form}",
        vi=f"{DATABASE_URL} không phải địa chỉ cơ sở dữ liệu PostgreSQL; hãy viết dạng {form}",
    )


def _explain(error: Exception, name: str, *, reached: bool) -> DatabaseError:
    """What a user can do about an error of the driver or the server."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig else error
    state = getattr(origin, "sqlstate", None) or ""
    # libpq indents its advice; nothing in its messages is secret
    lines = [line for line in str(origin).splitlines() if line.strip() and not line.startswith("\t")]
    reason = (lines or [type(origin).__name__])[0 if reached else -1].strip().removeprefix("connection failed: ")
    if not reached:
        return DatabaseError(
            f"The database {name} cannot be reached ({reason}); start the server, or correct {DATABASE_URL}.",
            vi=f"Không kết nối được cơ sở dữ liệu {name} ({reason}); hãy khởi động máy chủ hoặc sửa {DATABASE_URL}.",
        )
    if state.startswith(LOST) or (not state and isinstance(origin, psycopg.OperationalError)):
        return DatabaseError(
            f"The connection to the database {name} was lost; what was not completely written is undone, and the "
            "published run stands: run again when the database is back.",
            vi=f"Mất kết nối với cơ sở dữ liệu {name}; phần chưa ghi trọn vẹn đã được hoàn tác, lần tính đã công bố "
            "vẫn nguyên vẹn: hãy chạy lại khi cơ sở dữ liệu hoạt động trở lại.",
        )
    if state == "42501":
        return DatabaseError(
            f"The role of {DATABASE_URL} may not do this in the database {name} ({reason}); use a role that may, or "
            "let the owner grant it: phusong database grant DIR ROLE",
            vi=f"Tài khoản trong {DATABASE_URL} không có quyền này trong cơ sở dữ liệu {name} ({reason}); hãy dùng tài "
            "khoản khác, hoặc nhờ chủ sở hữu cấp quyền: phusong database grant DIR ROLE",
        )
    if state == "55P03":
        return DatabaseError(
            f"Somebody is editing these rows in the database {name} and did not end within {LOCK_S} s; try again.",
            vi=f"Có người đang sửa các dòng này trong cơ sở dữ liệu {name}, sau {LOCK_S} giây chưa xong; hãy thử lại.",
        )
    return DatabaseError(
        f"The database {name} refused ({state}: {reason}); nothing was changed.",
        vi=f"Cơ sở dữ liệu {name} từ chối ({state}: {reason}); chưa thay đổi gì.",
    )
