"""The paths of those who change the layers: send a file, ask for a computation, see and cancel jobs."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from phusong.api.access import GuardedRoute, for_role
from phusong.api.audit import AuditLog
from phusong.api.callers import caller_of
from phusong.api.jobs.models import ComputeRequest, JobAnswer, JobsAnswer, job_answer
from phusong.api.jobs.table import Job, JobTable, State
from phusong.api.jobs.uploads import UPLOAD_LIMIT_BYTES, UPLOAD_LIMIT_S, Upload, receiving
from phusong.api.jobs.worker import described
from phusong.api.problems import declared
from phusong.api.watching import KNOWN
from phusong.coverage.scenarios import require_scenario_name
from phusong.geodata.errors import InputError
from phusong.geodata.workspace import Workspace

_ERRORS = declared((400, 401, 403, 404, 413, 422, 429, 500, 503))
_PART = {"type": "string", "contentMediaType": "application/octet-stream"}  # any bytes: no format can be violated
_LAYERS: dict[str, Any] = {"enum": list(KNOWN)}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": _PART, "minItems": 1}, "recipe": _PART},
                }
            }
        },
    }
}
EXAMPLE_ID = "0123456789abcdef0123456789abcdef"
JobId = Annotated[str, Path(description="id of a job", examples=[EXAMPLE_ID])]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=200, description="sent again, it gives the same job"),
]


def job_routes(workspace: Workspace, table: JobTable, audit: AuditLog) -> APIRouter:
    """Make the paths `/v1/imports`, `/v1/jobs` and `/v1/jobs/{job_id}`.

    Parameters
    ----------
    workspace
        What is served.
    table
        Its jobs.
    audit
        Where new jobs are noted.
    """
    router = APIRouter(prefix="/v1", route_class=GuardedRoute)

    def added(request: Request, upload: Upload | None, kind: Any, asked: dict[str, Any], key: str | None) -> Response:
        """Queue a job and answer with it, or with the one that the key stands for."""
        job_id, sha256 = (None, "") if upload is None else (upload.job_id, upload.sha256)
        if upload is not None:
            upload.keep()
        job, is_new = table.add(
            kind, asked, caller=caller_of(request).name, content_sha256=sha256, key=key, job_id=job_id
        )
        if is_new:
            audit.write("job", **described(job, job.state))
        elif upload is not None:
            upload.drop()
        return Response(
            job_answer(job, time.time()).model_dump_json(),
            status_code=202 if is_new else 200,
            media_type="application/json",
            headers={"Location": f"/v1/jobs/{job.job_id}"},
        )

    taken = _ERRORS | {200: {"model": JobAnswer}, 202: {"model": JobAnswer}}

    @router.post("/imports", status_code=202, response_model=JobAnswer, responses=taken, openapi_extra=_FORM)
    @for_role("data_admin", body_limit_bytes=UPLOAD_LIMIT_BYTES, time_limit_s=UPLOAD_LIMIT_S)
    async def imports(
        request: Request,
        layer: Annotated[
            str | None,
            Query(description="layer or raster; else the file's name begins with it", json_schema_extra=_LAYERS),
        ] = None,
        accept_partial: Annotated[bool, Query(description="store accepted rows though others are refused")] = False,
        idempotency_key: Key = None,
    ) -> Response:
        """Send a file that a worker imports, checks, computes and publishes, or refuses with its reasons."""
        _require_known(layer)
        async with receiving(request, workspace.path, layer=layer) as upload:
            asked = {"file": upload.main, "files": upload.names, "layer": layer, "accept_partial": accept_partial}
            return await run_in_threadpool(added, request, upload, "import", asked, idempotency_key)

    @router.post("/jobs", status_code=202, response_model=JobAnswer, responses=taken)
    @for_role("data_admin")
    def computation(request: Request, asked: ComputeRequest, idempotency_key: Key = None) -> Response:
        """Ask for a computation of the layers as they are."""
        if asked.scenario is not None:
            require_scenario_name(asked.scenario)
        return added(request, None, "compute", asked.model_dump(mode="json"), idempotency_key)

    @router.get("/jobs", responses=_ERRORS)
    @for_role("data_admin")
    def jobs(
        state: State | None = None, limit: Annotated[int, Query(ge=1, le=1000, description="jobs at most")] = 100
    ) -> JobsAnswer:
        """Jobs, the newest first."""
        return JobsAnswer(counts=table.counts(), jobs=_answers(table.listed(state=state, limit=limit)))

    @router.get("/jobs/{job_id}", responses=_ERRORS)
    @for_role("data_admin")
    def job(job_id: JobId) -> JobAnswer:
        """How far a job is, and what came of it."""
        return job_answer(table.find(job_id), time.time())

    @router.delete("/jobs/{job_id}", responses=_ERRORS)
    @for_role("data_admin")
    def cancel(job_id: JobId) -> JobAnswer:
        """Cancel a job that waits, or have the one that is being done stopped; one that ended stays as it is."""
        return job_answer(table.cancel(job_id), time.time())

    return router


def _answers(jobs: list[Job]) -> list[JobAnswer]:
    now_s = time.time()
    return [job_answer(job, now_s) for job in jobs]


def _require_known(layer: str | None) -> None:
    if layer is not None and layer not in KNOWN:
        raise InputError(
            f"There is no layer or raster {layer!r}; there are: {', '.join(KNOWN)}.",
            vi=f"Không có lớp {layer!r}; các lớp: {', '.join(KNOWN)}.",
        )
