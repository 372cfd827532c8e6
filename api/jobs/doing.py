"""The process that does the jobs of a worker, one after the other; it may be killed at any moment.

What it does is whole or not there: an import and its receipt move over in one step, a run is published by one swap.
It ends with the worker that started it, however that ends.
"""

import os
import signal
from collections.abc import Callable
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from phusong.api.jobs.rows import JOBS_DIR
from phusong.api.watching import error_of, take_file
from phusong.coverage.compute import compute
from phusong.coverage.memory import Memory
from phusong.geodata.errors import BusyError
from phusong.geodata.reader_client import close_reader
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing

GIVEN = "given"  # folder of a job that has the files sent
RECEIPT = "imported.json"
LONGEST_WAIT_S = 3600.0  # for another writer
MOST_ROWS = 1000
Tell = Callable[[str, int, int], None]


def do_jobs(connection: Connection, other_end: Connection, workspace_path: Path) -> None:
    """Do every job that comes through a connection, and send its progress and report back; until the other end closes.

    Parameters
    ----------
    connection
        Gives `(job_id, kind, asked)`, takes `("progress", stage, done, all)` and `("ended", report)`.
    other_end
        The worker's end of it, which only the worker may hold open.
    workspace_path
        The workspace.
    """
    other_end.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the worker says when to end
    jobs: SimpleQueue[tuple[str, str, dict[str, Any]]] = SimpleQueue()
    Thread(target=_listen, args=(connection, jobs), daemon=True).start()
    memory = Memory()

    def tell(stage: str, done: int, of: int) -> None:
        connection.send(("progress", stage, done, of))

    while True:
        job_id, kind, asked = jobs.get()
        work = import_and_compute if kind == "import" else compute_only
        connection.send(("ended", work(workspace_path, job_id, asked, tell, memory)))


def _listen(connection: Connection, jobs: "SimpleQueue[tuple[str, str, dict[str, Any]]]") -> None:
    """Take jobs while others are done, and end the process at once when nobody is there to hear of them."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def import_and_compute(
    workspace_path: Path, job_id: str, asked: dict[str, Any], tell: Tell, memory: Memory
) -> dict[str, Any]:
    """Import the file of a job, then compute and publish; its report.

    Parameters
    ----------
    workspace_path
        The workspace.
    job_id
        The job; its files lie in `jobs/<job_id>/given`.
    asked
        `file`, `layer` and `accept_partial`.
    tell
        Called with the stage and its steps done and in all.
    memory
        What the process keeps between computations.
    """
    inbox = workspace_path / JOBS_DIR / job_id / GIVEN
    tell("import", 0, 0)
    try:
        report = take_file(
            workspace_path, inbox, inbox / (asked["layer"] or "") / asked["file"],
            accept_partial=asked["accept_partial"], memory=memory, task="worker", wait_s=LONGEST_WAIT_S,
            receipt=receipt_of(job_id), progress=lambda done, of: tell("compute", done, of),
        )  # fmt: skip
    except BusyError as error:
        return {"done": False, "stored": False, "imports": [], "error": error_of(error, asked["file"])}
    finally:
        close_reader()  # the next file may be another sender's
    for imported in report["imports"]:
        for name in ("rows", "repairs"):
            imported[f"{name}_left_out"] = len(imported[name][MOST_ROWS:])
            imported[name] = imported[name][:MOST_ROWS]
    return report


def compute_only(
    workspace_path: Path, _job_id: str, asked: dict[str, Any], tell: Tell, memory: Memory
) -> dict[str, Any]:
    """Compute and publish; the report.

    Parameters
    ----------
    workspace_path
        The workspace.
    asked
        `as_of`, `full` and `scenario`.
    tell
        Called with the stage and its steps done and in all.
    memory
        What the process keeps between computations.
    """
    tell("compute", 0, 0)
    try:
        computed = compute(
            Workspace.open(workspace_path), as_of=asked["as_of"] and date.fromisoformat(asked["as_of"]),
            full=asked["full"], scenario=asked["scenario"], progress=lambda done, of: tell("compute", done, of),
            wait_s=LONGEST_WAIT_S, memory=memory,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - whatever a job does, the next one is done
        return {"done": False, "error": error_of(error, "The computation")}
    return {
        "done": True, "run_id": computed.run_id, "published": computed.published, "warnings": computed.warnings,
    }  # fmt: skip


def receipt_of(job_id: str) -> str:
    """Path in the workspace of the report of a job's import; it is there when the import is."""
    return f"{JOBS_DIR}/{job_id}/{RECEIPT}"


def is_imported(workspace: Workspace, job_id: str) -> bool:
    """Whether the import of a job was stored, though who did it was killed."""
    try:
        with writing(workspace.path, "worker"):  # finishes what a killed writer had begun to move over
            pass
    except BusyError:
        pass  # that writer has done so
    return (workspace.path / receipt_of(job_id)).is_file()
