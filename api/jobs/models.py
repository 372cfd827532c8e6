"""What the service answers and takes of jobs."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from phusong.api.jobs.table import Job, Kind, State
from phusong.api.models import Day, Text


class ComputeRequest(BaseModel):
    """A computation: by default what `phusong compute` does."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}, {"scenario": "2027 plan"}]})

    as_of: Day | None = Field(None, description="date the answer is for; the day on which it is computed")
    full: bool = Field(False, description="compute every field anew")
    scenario: str | None = Field(None, max_length=100, description="count planned stations too, in a run of this name")


class JobProgress(BaseModel):
    """How far a job is."""

    stage: str | None = Field(description="import or compute; null before it begins")
    done: int = Field(description="masts computed; 0 in the stage import")
    all: int
    eta_s: float | None = Field(description="seconds to the end of the stage, if it goes on as so far")


class JobAnswer(BaseModel):
    """One job; times are UTC."""

    job_id: str
    kind: Kind
    state: State
    asked: dict[str, Any] = Field(description="file, layer and accept_partial, or as_of, full and scenario")
    input_sha256: str = Field(description="hash of what was asked and sent")
    caller: str = Field(description="who asked")
    attempt: int = Field(description="how often it was begun")
    cancel_asked: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: JobProgress
    run_id: str | None = Field(description="the run that it published or found")
    published: bool | None = Field(description="whether that run is new")
    stored: bool | None = Field(description="whether the file was imported; of an import that ended")
    imports: list[dict[str, Any]] = Field(description="its report as of `import --json`, 1,000 rows; not in lists")
    warnings: list[Text]
    error: Text | None = Field(description="why it did not end well, and what to do")


class JobsAnswer(BaseModel):
    """Jobs, the newest first."""

    counts: dict[State, int] = Field(description="all jobs by state")
    jobs: list[JobAnswer]


def job_answer(job: Job, now_s: float) -> JobAnswer:
    """A job as the service answers it.

    Parameters
    ----------
    job
        The job.
    now_s
        The time [s since 1970].
    """
    report = job.report or {}
    kept = {name: getattr(job, name) for name in ("job_id", "kind", "state", "asked", "input_sha256", "caller")}
    return JobAnswer(
        **kept,
        attempt=job.attempt,
        cancel_asked=job.cancel_asked,
        created_at=datetime.fromtimestamp(job.created_s, UTC),
        started_at=_time(job.started_s),
        ended_at=_time(job.ended_s),
        progress=JobProgress(stage=job.stage, done=job.steps_done, all=job.steps_all, eta_s=job.eta_s(now_s)),
        run_id=report.get("run_id"),
        published=report.get("published"),
        stored=report.get("stored"),
        imports=job.imports or [],
        warnings=report.get("warnings", []),
        error=report.get("error"),
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
