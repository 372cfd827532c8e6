"""The jobs of a workspace: asked for by the service, done one at a time by a worker, kept with what came of them.

A worker holds a job by a lease, which it renews while it works. A job whose lease ran out is queued once more, then
failed. Every change of a job is one statement that names the state it changes from: two workers never hold one job.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from phusong.api.errors import QueueFullError
from phusong.api.jobs.rows import Row, Rows
from phusong.geodata.errors import InputError, UnknownNameError

Kind = Literal["import", "compute"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
Hold = Literal["held", "lost", "cancel"]
STATES: tuple[State, ...] = get_args(State)
ENDED = ("done", "failed", "cancelled")
ATTEMPTS = 2
MOST_QUEUED = 100
RETRY_AFTER_S = 60
_ID = re.compile("[0-9a-f]{32}")

_ADD = """
INSERT INTO {job} (job_id, kind, asked, input_sha256, caller, idempotency_key, state, attempt, cancel_asked, created_s,
    steps_done, steps_all)
VALUES (:job_id, :kind, :asked, :input_sha256, :caller, :key, 'queued', 0, 0, :now, 0, 0)
ON CONFLICT (caller, idempotency_key) DO NOTHING RETURNING *
"""
# one at a time: the workspace has one writer, and jobs are done in the order in which they were asked for
_CLAIM = """
UPDATE {job} SET state = 'running', attempt = attempt + 1, worker = :worker, started_s = :now, lease_until_s = :until,
    stage = NULL, stage_since_s = :now, steps_done = 0, steps_all = 0
WHERE state = 'queued' AND NOT EXISTS (SELECT 1 FROM {job} r WHERE r.state = 'running')
    AND job_id = (SELECT q.job_id FROM {job} q WHERE q.state = 'queued' ORDER BY q.created_s, q.job_id LIMIT 1)
RETURNING *
"""
_HELD = "WHERE job_id = :job_id AND state = 'running' AND worker = :worker AND attempt = :attempt"
_RENEW = f"""
UPDATE {{job}} SET lease_until_s = :until, stage = :stage, stage_since_s = :since, steps_done = :done, steps_all = :all
{_HELD} RETURNING cancel_asked
"""
_END = f"""
UPDATE {{job}} SET state = :state, ended_s = :now, lease_until_s = NULL, report = :report, imports = :imports
{_HELD} RETURNING *
"""
_QUEUE_AGAIN = f"""
UPDATE {{job}} SET state = 'queued', attempt = attempt - :uncounted, worker = NULL, lease_until_s = NULL
{_HELD} AND cancel_asked = 0 RETURNING *
"""
_CANCEL_QUEUED = """
UPDATE {job} SET state = 'cancelled', cancel_asked = 1, ended_s = :now
WHERE job_id = :job_id AND state = 'queued' RETURNING *
"""
_CANCEL_RUNNING = "UPDATE {job} SET cancel_asked = 1 WHERE job_id = :job_id AND state = 'running' RETURNING *"


@dataclass(frozen=True)
class Job:
    """What is kept of a job; times in seconds since 1970, UTC. `asked`, `report` and `imports` are JSON values."""

    job_id: str
    kind: Kind
    asked: dict[str, Any]
    input_sha256: str
    caller: str
    idempotency_key: str | None
    state: State
    attempt: int
    cancel_asked: bool
    worker: str | None
    created_s: float
    started_s: float | None
    ended_s: float | None
    lease_until_s: float | None
    stage: str | None
    stage_since_s: float | None
    steps_done: int
    steps_all: int
    report: dict[str, Any] | None
    imports: list[dict[str, Any]] | None

    def eta_s(self, now_s: float) -> float | None:
        """Seconds until the stage ends if it goes on as fast as so far; None where nobody can tell."""
        if self.state != "running" or not self.steps_done or self.stage_since_s is None:
            return None
        return max(0.0, (now_s - self.stage_since_s) * (self.steps_all - self.steps_done) / self.steps_done)


@dataclass(frozen=True)
class Progress:
    """How far a job is: its stage, since when [s since 1970], and the stage's steps."""

    stage: str | None = None
    since_s: float = 0.0
    done: int = 0
    all: int = 0


_BRIEF = ", ".join(field.name for field in fields(Job) if field.name != "imports") + ", NULL AS imports"


class JobTable:
    """The jobs of a workspace.

    Parameters
    ----------
    rows
        Where they are kept.
    clock
        The time [s since 1970].
    """

    def __init__(self, rows: Rows, *, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock

    def add(
        self, kind: Kind, asked: Mapping[str, Any], *, caller: str, content_sha256: str = "", key: str | None = None,
        job_id: str | None = None,
    ) -> tuple[Job, bool]:  # fmt: skip
        """Queue a job, or find the one that the same caller asked for with the same key; whether it is new.

        Parameters
        ----------
        kind
            What is to be done.
        asked
            How; plain JSON values.
        caller
            Who asks.
        content_sha256
            Hash of the files that were sent.
        key
            The caller's idempotency key; None makes a new job each time.
        job_id
            Its id, from `new_job_id`; None makes one.

        Raises
        ------
        InputError
            The key was used for something else.
        QueueFullError
            Too many jobs wait.
        """
        if self.counts()["queued"] >= MOST_QUEUED:
            raise _full()
        text = json.dumps(asked, sort_keys=True)
        input_sha256 = hashlib.sha256(f"{kind}\n{text}\n{content_sha256}".encode()).hexdigest()
        added = self._rows.run(
            _ADD, job_id=job_id or new_job_id(), kind=kind, asked=text, input_sha256=input_sha256, caller=caller,
            key=key, now=self._clock(),
        )  # fmt: skip
        if added:
            return _job(added[0]), True
        query = "SELECT * FROM {job} WHERE caller = :caller AND idempotency_key = :key"
        known = _job(self._rows.run(query, caller=caller, key=key)[0])
        if known.input_sha256 != input_sha256:
            raise InputError(
                f"The idempotency key {key!r} stands for another request, job {known.job_id}; send a new key.",
                vi=f"Khóa chống lặp {key!r} đã dùng cho yêu cầu khác, công việc {known.job_id}; hãy gửi khóa mới.",
            )
        return known, False

    def find(self, job_id: str) -> Job:
        """A job by its id.

        Raises
        ------
        UnknownNameError
            There is none.
        """
        _require_id(job_id)
        found = self._rows.run("SELECT * FROM {job} WHERE job_id = :job_id", job_id=job_id)
        if not found:
            raise _unknown()
        return _job(found[0])

    def listed(self, *, state: State | None = None, limit: int = 100) -> list[Job]:
        """Jobs without the reports of their imports, the newest first."""
        where, values = ("", {}) if state is None else ("WHERE state = :state", {"state": state})
        query = f"SELECT {_BRIEF} FROM {{job}} {where} ORDER BY created_s DESC LIMIT :limit"
        found = self._rows.run(query, **values, limit=limit)
        return [_job(row) for row in found]

    def counts(self) -> dict[State, int]:
        """How many jobs are in which state."""
        found = self._rows.run("SELECT state, count(*) AS jobs FROM {job} GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["jobs"] for row in found}

    def claim(self, worker: str, *, lease_s: float) -> Job | None:
        """Take the oldest job that waits, unless one is being done; None where there is nothing to take."""
        now_s = self._clock()
        found = self._rows.run(_CLAIM, worker=worker, now=now_s, until=now_s + lease_s)
        return _job(found[0]) if found else None

    def renew(self, job: Job, progress: Progress, *, lease_s: float) -> Hold:
        """Hold a job for longer and say how far it is: `held`, `lost` to others, or `cancel` where that was asked."""
        found = self._rows.run(
            _RENEW, **_held(job), until=self._clock() + lease_s, stage=progress.stage, since=progress.since_s,
            done=progress.done, all=progress.all,
        )  # fmt: skip
        if not found:
            return "lost"
        return "cancel" if found[0]["cancel_asked"] else "held"

    def end(self, job: Job, state: State, report: Mapping[str, Any]) -> bool:
        """Keep what came of a job; False where somebody else holds it by now."""
        kept = {name: value for name, value in report.items() if name != "imports"}
        imports = json.dumps(report.get("imports", []))
        values = {"state": state, "now": self._clock(), "report": json.dumps(kept), "imports": imports}
        return bool(self._rows.run(_END, **_held(job), **values))

    def queue_again(self, job: Job, *, counted: bool) -> bool:
        """Let a job wait again; `counted` says whether its start counts. False where it is to be cancelled."""
        return bool(self._rows.run(_QUEUE_AGAIN, **_held(job), uncounted=0 if counted else 1))

    def expired(self) -> list[Job]:
        """Jobs whose worker has not been heard of for longer than its lease."""
        query = "SELECT * FROM {job} WHERE state = 'running' AND lease_until_s < :now"
        return [_job(row) for row in self._rows.run(query, now=self._clock())]

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once where it waits; where it is being done its worker stops it. One that ended stays.

        Raises
        ------
        UnknownNameError
            There is no such job.
        """
        _require_id(job_id)
        for statement in (_CANCEL_QUEUED, _CANCEL_RUNNING):
            found = self._rows.run(statement, job_id=job_id, now=self._clock())
            if found:
                return _job(found[0])
        return self.find(job_id)

    def prune(self, *, days: int) -> int:
        """Forget jobs that ended so many days ago, and say how many."""
        statement = "DELETE FROM {job} WHERE ended_s < :before RETURNING job_id"
        return len(self._rows.run(statement, before=self._clock() - days * 86400))


def new_job_id() -> str:
    """An id that nobody can guess."""
    return uuid.uuid4().hex


def _require_id(job_id: str) -> None:
    """Raise UnknownNameError where a text can be no id; a database would refuse some."""
    if not _ID.fullmatch(job_id):
        raise _unknown()


def _unknown() -> UnknownNameError:
    return UnknownNameError("There is no such job; see /v1/jobs.", vi="Không có công việc này; xem /v1/jobs.")


def _held(job: Job) -> dict[str, Any]:
    return {"job_id": job.job_id, "worker": job.worker, "attempt": job.attempt}


def _job(row: Row) -> Job:
    kept = {field.name: row[field.name] for field in fields(Job)}
    for name in ("asked", "report", "imports"):
        kept[name] = None if kept[name] is None else json.loads(kept[name])
    return Job(**kept | {"cancel_asked": bool(kept["cancel_asked"])})


def _full() -> QueueFullError:
    return QueueFullError(
        f"{MOST_QUEUED} jobs wait already; is the worker running? Send this again later.",
        vi=f"Đã có {MOST_QUEUED} công việc đang chờ; tiến trình worker có đang chạy không? Hãy gửi lại sau.",
        retry_after_s=RETRY_AFTER_S,
    )
