"""The command serve: one web process, or several that share a port."""

import gc
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phusong.api.console import log
from phusong.api.layer_commands import Folder
from phusong.geodata.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

SHUTDOWN_S = 30  # what is being answered at the end of the service is answered
HEAPS = 2  # Python's lock lets one thread at a time take memory, and kernels another
STARTED_S = 120  # a web process that does not answer its parent for so long is replaced
SERVED_FOLDER = "PHUSONG_SERVED_FOLDER"
SERVED_TO_ALL = "PHUSONG_SERVED_TO_ALL"


def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Web processes.")] = 1,
    no_access_control: Annotated[
        bool, typer.Option("--no-access-control", help="Show everything to this machine, and nothing to others.")
    ] = False,
) -> None:
    """Answer over HTTP: /v1/coverage, /v1/settlements, /v1/point, /v1/runs, /map."""
    import uvicorn

    from phusong.api.access_middleware import is_loopback
    from phusong.api.http_protocol import LimitedHttp
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    if no_access_control and not is_loopback(host):
        raise InputError(
            f"Without access control the service listens on this machine alone; {host} would open it to others. Leave "
            "--no-access-control or --host out.",
            vi=f"Không kiểm soát truy cập thì dịch vụ chỉ phục vụ máy này; {host} mở cho máy khác. Hãy bỏ "
            "--no-access-control hoặc --host.",
        )
    _require_free(host, port)
    _log_access(folder, not no_access_control)
    os.environ |= {SERVED_FOLDER: str(workspace.path.resolve()), SERVED_TO_ALL: "1" if no_access_control else ""}
    with tempfile.TemporaryDirectory(prefix="phusong-metrics-") as metrics:
        if processes > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        uvicorn.run(
            "phusong.api.serve_command:app_to_serve",
            factory=True,
            host=host,
            port=port,
            workers=processes,
            http=LimitedHttp,
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,  # the audit log and the metrics say more, and the proxy has its own
            timeout_graceful_shutdown=SHUTDOWN_S,
            timeout_worker_healthcheck=STARTED_S,
            log_config=_log_to_stderr(),
        )


def app_to_serve() -> "FastAPI":
    """Make the service in a web process; what it serves stands in its environment."""
    from phusong.api.app import create_app
    from phusong.coverage.memory import give_back_large_arrays

    give_back_large_arrays(heaps=HEAPS)
    return create_app(
        os.environ[SERVED_FOLDER], access_control=not os.environ[SERVED_TO_ALL], opened=_spare_the_collector
    )


def _spare_the_collector() -> None:
    """Keep a run that was opened out of the garbage collector's rounds, each of which would stop all requests."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _require_free(host: str, port: int) -> None:
    """Refuse an address at which this machine cannot listen, or somebody does already."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InputError(
            f"The service cannot listen at {host}, port {port}: {error.strerror}; choose another --port or --host.",
            vi=f"Dịch vụ không mở được cổng {port} tại {host}: {error.strerror}; hãy chọn --port hoặc --host khác.",
        ) from error


def _log_access(folder: Path, access_control: bool) -> None:
    """Say on stderr who will see what."""
    if access_control:
        log(
            f"Without a key callers see classes and totals only. A key that sees all: phusong keys add {folder} NAME "
            "--role planner; for yourself alone on this machine: --no-access-control",
            f"Không có khóa chỉ xem được lớp dịch vụ và số tổng hợp. Khóa xem tất cả: phusong keys add {folder} TÊN "
            "--role planner; chỉ dùng trên máy này: --no-access-control",
        )
    else:
        log(
            "warning: no access control: everybody on this machine sees levels and masts",
            "cảnh báo: không kiểm soát truy cập: mọi người dùng trên máy này đều xem được mức thu và vị trí cột",
            style="yellow",
        )


def _log_to_stderr() -> dict[str, Any]:
    from copy import deepcopy

    from uvicorn.config import LOGGING_CONFIG

    config = deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    return config
