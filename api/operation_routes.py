"""The paths of those who run the service: is it alive, is it ready, how is it used, who was answered what."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.responses import JSONResponse

from phusong.api import models
from phusong.api.access import GuardedRoute, for_role
from phusong.api.answers import open_run
from phusong.api.audit import AuditLog
from phusong.api.jobs.table import JobTable
from phusong.api.middleware_metrics import CONTENT_TYPE, ServiceMetrics, gauge_text
from phusong.api.problems import declared
from phusong.coverage.results import current_run_id
from phusong.geodata.workspace import Workspace

AUDIT_DAYS = 31
_ERRORS = declared((400, 401, 403, 422, 429, 500, 503))


def operation_routes(
    app: FastAPI, workspace: Workspace, *, metrics: ServiceMetrics, audit: AuditLog, jobs: JobTable
) -> APIRouter:
    """Make the paths `/healthz`, `/readyz`, `/metrics`, `/v1/audit` and `/openapi.json`.

    Parameters
    ----------
    app
        The service that they describe.
    workspace
        What it serves.
    metrics, audit, jobs
        What is known of its requests and jobs.
    """
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/healthz", responses=_ERRORS)
    @for_role("public")
    async def health() -> models.Health:
        """Whether the service answers."""
        return models.Health(run_id=current_run_id(workspace))

    @router.get("/readyz", responses=_ERRORS)
    @for_role("public")
    async def ready() -> models.Health:
        """Whether there is a run that can be read; 503 while there is none."""
        return models.Health(run_id=open_run(workspace).run_id)

    @router.get("/metrics", response_class=Response, responses=_ERRORS)
    @for_role("auditor")
    def measured() -> Response:
        """Requests, durations, answers and jobs, in the text format of Prometheus."""
        text = metrics.text() + gauge_text("phusong_jobs", "jobs by state", "state", jobs.counts().items())
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    @router.get("/v1/audit", responses=_ERRORS)
    @for_role("auditor")
    def noted(
        since: Annotated[models.Day | None, Query(description="first day, UTC; 31 days ago")] = None,
        caller: Annotated[str | None, Query(description="name of a key or person; all")] = None,
        limit: Annotated[int, Query(ge=1, le=10_000, description="entries at most")] = 100,
    ) -> models.AuditAnswer:
        """Who was answered what, the newest first."""
        first = since or datetime.now(UTC).date() - timedelta(days=AUDIT_DAYS)
        return models.AuditAnswer(since=first, entries=audit.entries(since=first, caller=caller, limit=limit))

    @router.get("/openapi.json", include_in_schema=False)
    @for_role("public")
    def description() -> JSONResponse:
        """Description of the service."""
        return JSONResponse(app.openapi())

    return router
