"""The command `worker`."""

import signal
from threading import Event
from typing import Annotated

import typer

from phusong.api.console import log
from phusong.api.layer_commands import Folder


def worker(
    folder: Folder,
    lease: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="A job whose worker is silent for so long is another's.")
    ] = 60,
    poll: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How often to look for jobs.")] = 1,
) -> None:
    """Do the imports and computations that the service was asked for, until SIGINT or SIGTERM."""
    from phusong.api.jobs.worker import Worker
    from phusong.geodata.workspace import Workspace

    workspace, stop = Workspace.open(folder), Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log(f"Waiting for jobs of {folder}; stop with Ctrl+C.", f"Đang chờ công việc của {folder}; dừng bằng Ctrl+C.")
    Worker(workspace, stop=stop, lease_s=lease, poll_s=poll).run()
    log("Stopped.", "Đã dừng.")
