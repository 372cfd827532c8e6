"""The worker: takes one job after the other, has it done by a process of its own, and keeps what came of it."""

import json
import multiprocessing
import os
import platform
import shutil
import time
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any, Literal

from phusong.api.audit import AuditLog
from phusong.api.console import log
from phusong.api.errors import sentences_of
from phusong.api.jobs.doing import do_jobs, is_imported, receipt_of
from phusong.api.jobs.rows import JOBS_DIR, open_rows
from phusong.api.jobs.table import ATTEMPTS, ENDED, Hold, Job, JobTable, Progress, State
from phusong.geodata.errors import DatabaseError, UnknownNameError, WorkspaceError
from phusong.geodata.workspace import Workspace

TICK_S = 0.25
RENEWALS = 4  # of a lease, before it runs out
ABANDONED_S = 3600.0
_STATES_VI: dict[State, str] = {"done": "xong", "failed": "không thành công", "cancelled": "đã hủy"}


class Worker:
    """Does the jobs of a workspace until told to stop.

    Parameters
    ----------
    workspace
        The workspace.
    stop
        Ends the worker; the job in hand is stopped and waits for the next worker.
    lease_s
        How long a job stays with a worker that is not heard of [s].
    poll_s
        How often to look for jobs [s].
    start
        How the process that does the jobs is started: anew, or as a copy of this one, which must have one thread.
    """

    def __init__(
        self, workspace: Workspace, *, stop: Event, lease_s: float = 60.0, poll_s: float = 1.0,
        start: Literal["spawn", "fork"] = "spawn",
    ) -> None:  # fmt: skip
        self.name = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._workspace = workspace
        self._table = JobTable(open_rows(workspace.path))
        self._audit = AuditLog(workspace.path)
        self._stop = stop
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._start = start
        self._doer: _Doer | None = None

    def run(self) -> None:
        """Do jobs until told to stop; where the table cannot be reached, try again."""
        sweep(self._workspace, self._table)
        try:
            while not self._stop.is_set():
                try:
                    self._take_one()
                except (WorkspaceError, DatabaseError) as error:
                    self._end_doer()  # the lease of what it did runs out
                    self._tell_and_wait(error)
        finally:
            self._end_doer()

    def _take_one(self) -> None:
        for lost in self._table.expired():
            self._give_up(lost)
        job = self._table.claim(self.name, lease_s=self._lease_s)
        if job is None:
            self._stop.wait(self._poll_s)
        else:
            self._do(job)

    def _do(self, job: Job) -> None:
        log(f"{job.job_id}: {job.kind}, attempt {job.attempt}", f"{job.job_id}: {job.kind}, lần {job.attempt}")
        if self._doer is None:
            self._doer = _Doer(self._workspace, self._start)
        try:
            self._doer.connection.send((job.job_id, job.kind, job.asked))
            self._attend(job, self._doer.connection)
        except (EOFError, ConnectionError):  # the process was killed, by memory for instance
            self._end_doer()
            self._give_up(job)

    def _attend(self, job: Job, connection: Connection) -> None:
        """Hold a job until its process has done it, or until it is to be stopped."""
        progress, renewed_s = Progress(since_s=time.time()), 0.0
        while True:
            if connection.poll(TICK_S):
                message = connection.recv()
                if message[0] == "ended":
                    self._renewed(job, progress)  # all of its steps
                    self._keep(job, "done" if message[1]["done"] else "failed", message[1])
                    return
                _, stage, done, of = message
                since_s = progress.since_s if stage == progress.stage and done else time.time()
                progress = Progress(stage, since_s, done, of)
            if self._stop.is_set():
                self._end_doer()
                self._table.queue_again(job, counted=False)
                return
            if time.monotonic() - renewed_s >= min(1.0, self._lease_s / RENEWALS):
                renewed_s = time.monotonic()
                hold = self._renewed(job, progress)
                if hold != "held":
                    self._end_doer()
                    if hold == "cancel":
                        self._give_up(job)
                    return

    def _renewed(self, job: Job, progress: Progress) -> Hold:
        """Hold a job for longer; while the table cannot be reached it is held for as long as nobody else took it."""
        try:
            return self._table.renew(job, progress, lease_s=self._lease_s)
        except (WorkspaceError, DatabaseError) as error:
            log(*sentences_of(error), style="yellow")
            return "held"

    def _keep(self, job: Job, state: State, report: dict[str, Any]) -> None:
        """Keep what came of a job and note it, however long the table cannot be reached; then remove its files."""
        while True:
            try:
                ended = self._table.end(job, state, report)
                break
            except (WorkspaceError, DatabaseError) as error:
                self._tell_and_wait(error)
            if self._stop.is_set():
                return
        if ended:
            self._audit.write("job", **described(job, state), run_id=report.get("run_id"))
            shutil.rmtree(self._workspace.path / JOBS_DIR / job.job_id, ignore_errors=True)
            why = report.get("error", {"en": "", "vi": ""})
            log(f"{job.job_id}: {state} {why['en']}", f"{job.job_id}: {_STATES_VI[state]} {why['vi']}")

    def _give_up(self, job: Job) -> None:
        """End a job whose process is gone: it waits once more, or is cancelled as asked, or has failed."""
        if job.attempt < ATTEMPTS and self._table.queue_again(job, counted=True):
            return
        report: dict[str, Any] = {"done": False, "stored": False, "imports": []}
        if job.kind == "import" and is_imported(self._workspace, job.job_id):
            kept = (self._workspace.path / receipt_of(job.job_id)).read_text(encoding="utf-8")
            report |= json.loads(kept) | {"stored": True}
        cancelled = self._table.find(job.job_id).cancel_asked
        report["error"] = _ended_early(cancelled, report["stored"])
        self._keep(job, "cancelled" if cancelled else "failed", report)

    def _tell_and_wait(self, error: Exception) -> None:
        log(*sentences_of(error), style="yellow")
        self._stop.wait(self._lease_s / RENEWALS)

    def _end_doer(self) -> None:
        if self._doer is not None:
            self._doer.end()
            self._doer = None


class _Doer:
    """The process that does the jobs; it keeps what one computation has for the next."""

    def __init__(self, workspace: Workspace, start: Literal["spawn", "fork"]) -> None:
        context: Any = multiprocessing.get_context(start)
        self.connection, theirs = context.Pipe()
        given = (theirs, self.connection, workspace.path.resolve())
        self._process = context.Process(target=do_jobs, args=given, daemon=True)
        self._process.start()
        theirs.close()

    def end(self) -> None:
        """Kill it: what it does is whole or not there."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def described(job: Job, state: State) -> dict[str, Any]:
    """What the audit log says of a job that was queued or has ended."""
    asked = {name: value for name, value in job.asked.items() if value is not None}
    return {"caller": job.caller, "job_id": job.job_id, "kind": job.kind, "state": state, "asked": asked,
            "input_sha256": job.input_sha256}  # fmt: skip


def sweep(workspace: Workspace, table: JobTable) -> None:
    """Remove the files of jobs that ended or were forgotten, and of uploads that were broken off."""
    folder = workspace.path / JOBS_DIR
    for path in filter(Path.is_dir, folder.glob("*")):
        try:
            unused = table.find(path.name).state in ENDED
        except UnknownNameError:  # it may be under way
            unused = path.stat().st_mtime < time.time() - ABANDONED_S
        if unused:
            shutil.rmtree(path, ignore_errors=True)


def _ended_early(cancelled: bool, stored: bool) -> dict[str, str]:
    """The sentence of a job that was cancelled or whose worker ended each time."""
    if cancelled:
        en, vi = "It was cancelled while it was being done", "Công việc bị hủy khi đang chạy"
    else:
        en = f"Its worker ended {ATTEMPTS} times before it was done (killed, out of memory, or the machine restarted)"
        vi = f"Tiến trình xử lý đã dừng {ATTEMPTS} lần trước khi xong (bị ngắt, thiếu bộ nhớ, hoặc máy khởi động lại)"
    if stored:
        en += "; its file is imported, and the run published before stands unless /v1/runs shows a newer one: compute "
        en += "again with POST /v1/jobs."
        vi += "; tệp đã được nhập, lần tính đã công bố vẫn giữ nguyên trừ khi /v1/runs có lần mới hơn: hãy tính lại "
        vi += "bằng POST /v1/jobs."
    else:
        en += "; nothing of it was imported, and what is published is whole."
        vi += "; chưa nhập gì, kết quả đã công bố vẫn nguyên vẹn."
    return {"en": en, "vi": vi}
