"""A PostgreSQL cluster of the tests' own on a free loopback port, with PostGIS, run by an unprivileged user."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg

BINARIES = [path.parents[1] / "bin" for path in Path("/usr/lib/postgresql").glob("*/lib/postgis-3.so")]
OWNER = "planner"
CUT = (  # for a trigger: the server ends the session that fires it
    "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
    "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'"
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


class Cluster:
    """A cluster whose database `template_phusong` has PostGIS; everybody on this machine may connect."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cluster"
        self.port = free_port()
        self._made = 0
        folder.chmod(0o755)
        self.folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", self.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        self.start()
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN")
            connection.execute("CREATE DATABASE template_phusong")
        with self.connect("template_phusong") as connection:
            connection.execute("CREATE EXTENSION postgis")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        log = self.folder.parent / "server.log"
        with log.open("ab") as messages:
            self.server = subprocess.Popen(
                [BINARIES[0] / "postgres", "-D", self.folder, "-p", str(self.port), *options],
                stderr=messages,
                **self._unprivileged(),
            )
        for _ in range(300):
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise RuntimeError(log.read_text(encoding="utf-8"))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server by its pid: SIGINT ends sessions, SIGQUIT is a crash."""
        self.server.send_signal(how)
        self.server.wait(timeout=30)

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of the administrator, which commits every statement."""
        return connect(self.url(database, "postgres"))

    def make_database(self, template: str = "template_phusong") -> str:
        """Address of a new database, which the role `planner` owns."""
        self._made += 1
        name = f"area_{self._made}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        return self.url(name)

    @cached_property
    def _shared(self) -> str:
        return self.make_database()

    def empty_database(self) -> str:
        """Address of a database that one test after the other gets, with nothing but PostGIS in it."""
        with connect(self._shared) as connection:
            connection.execute("DROP SCHEMA IF EXISTS phusong CASCADE")
            connection.execute("DROP FUNCTION IF EXISTS cut, wait")
        return self._shared

    def make_role(self) -> str:
        """Name of a new role that may log in."""
        role = f"người {secrets.token_hex(4)}"
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE ROLE "{role}" LOGIN')
        return role

    def url(self, database: str, user: str = OWNER) -> str:
        """Address of a database for a role."""
        return f"postgresql://{quote(user)}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [BINARIES[0] / program, *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._unprivileged(),
        )

    @staticmethod
    def _unprivileged() -> dict[str, object]:
        """PostgreSQL refuses to run as root: Debian's packages make a user for it."""
        if os.geteuid() != 0:
            return {}
        account = pwd.getpwnam("postgres")
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def connect(url: str) -> psycopg.Connection:
    """A connection that commits every statement."""
    return psycopg.connect(url, autocommit=True, connect_timeout=10)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
