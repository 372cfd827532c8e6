"""The command `watch`."""

import gc
import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from phusong.api.console import log
from phusong.api.layer_commands import Folder


def watch(
    folder: Folder,
    inbox: Annotated[Path, typer.Argument(metavar="INBOX", help="Folder into which files are put.")],
    settle: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="A file is whole when unchanged so long.")
    ] = 2,
    accept_partial: Annotated[
        bool, typer.Option("--accept-partial", help="Store the accepted rows of a file though others are refused.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Take the files that are there, then end: 1 where one was refused.")
    ] = False,
) -> None:
    """Import, compute and publish every file that is put into a folder, until SIGINT or SIGTERM."""
    from phusong.geodata.reader_client import start_reader

    start_reader()  # it gets ready meanwhile
    from phusong.api.watching import watch_inbox
    from phusong.geodata.workspace import Workspace

    gc.freeze()  # nor while files are taken
    workspace = Workspace.open(folder)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if not once:
        log(f"Watching {inbox}; stop with Ctrl+C.", f"Đang theo dõi {inbox}; dừng bằng Ctrl+C.")
    refused = watch_inbox(workspace.path, inbox, stop=stop, settle_s=settle, accept_partial=accept_partial, once=once)
    if not once:
        log("Stopped.", "Đã dừng.")
    elif refused:
        raise typer.Exit(1)
