"""The HTTP service: figures, settlements, points, runs and the map of one workspace.

`create_app` reads the settings and nothing else; a run is read when it is first asked for, and a newly published
one at the next request. Every route declares its role, and what the public sees of its answer is made in
`access_views`. Errors are problem+json with the statuses of `errors.STATUS_OF`.
"""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from phusong.api import models
from phusong.api.access import GuardedRoute, for_role, roles_of_routes
from phusong.api.access_store import AccessStore
from phusong.api.access_wiring import people_routes, service_middleware
from phusong.api.answer_routes import ERRORS, PLAIN_ERRORS, RunId, answer_routes, prepare
from phusong.api.audit import AuditLog
from phusong.api.caching import Tags
from phusong.api.callers import caller_of
from phusong.api.description import describe_security
from phusong.api.detail_routes import detail_routes
from phusong.api.download_routes import download_routes
from phusong.api.jobs.routes import job_routes
from phusong.api.jobs.rows import open_rows
from phusong.api.jobs.table import JobTable
from phusong.api.kept_files import KeptFiles
from phusong.api.kernel_gate import KernelGate
from phusong.api.middleware_metrics import ServiceMetrics
from phusong.api.ogc.routes import ogc_routes
from phusong.api.operation_routes import operation_routes
from phusong.api.problems import add_error_handlers
from phusong.api.run_rasters import RunRasters
from phusong.api.served import RunCache
from phusong.api.tile_routes import tile_routes
from phusong.api.whatif_routes import whatif_routes
from phusong.coverage.dictionary import INTERFERENCE_NOTE
from phusong.coverage.results import current_run_id
from phusong.coverage.versions import engine_version
from phusong.geodata.workspace import Workspace
from phusong.maps.data import Audience


def create_app(
    workspace_path: Path | str, *, access_control: bool = True, opened: Callable[[], None] | None = None
) -> FastAPI:
    """Make the service of a workspace.

    Parameters
    ----------
    workspace_path
        Folder of the workspace.
    access_control
        Whether callers are told apart; without it everybody on this machine may do everything, and nobody else.
    opened
        Called after a run has been opened, in the thread that opened it.

    Raises
    ------
    WorkspaceError
        The folder is no workspace.
    SettingsError
        `phusong.toml` cannot be accepted.
    """
    workspace = Workspace.open(workspace_path)
    store, metrics, audit = AccessStore(workspace.path), ServiceMetrics(), AuditLog(workspace.path)
    jobs = JobTable(open_rows(workspace.path))
    app = FastAPI(
        title=f"phusong: {workspace.settings.name}",
        version=engine_version(),
        description="Who is served, by whom, and which settlements are not. " + INTERFERENCE_NOTE["en"],
        docs_url=None,  # its page loads scripts from foreign servers
        redoc_url=None,
        openapi_url=None,  # a route of our own, which declares its role
        middleware=service_middleware(
            workspace, access_control=access_control, store=store, metrics=metrics, audit=audit
        ),
    )
    app.router.route_class = GuardedRoute
    app.state.tags = Tags(workspace)
    add_error_handlers(app)
    files = KeptFiles(workspace)
    rasters = RunRasters(files)
    runs = RunCache(workspace, prepare=prepare, opened=opened)
    app.include_router(answer_routes(runs))
    app.include_router(detail_routes(runs))
    app.include_router(ogc_routes(runs))
    app.include_router(whatif_routes(runs, KernelGate()))
    for router in (*tile_routes(runs, rasters), download_routes(runs, files, rasters)):
        app.include_router(router)
    _add_service(app, runs)
    app.include_router(operation_routes(app, workspace, metrics=metrics, audit=audit, jobs=jobs))
    app.include_router(job_routes(workspace, jobs, audit))
    app.include_router(people_routes(workspace, store))
    describe_security(app)
    tuple(roles_of_routes(app))  # raises where a route declares no role
    return app


def _add_service(app: FastAPI, runs: RunCache) -> None:
    @app.get("/map", response_class=HTMLResponse, responses=ERRORS)
    @for_role("public", kept="layers")
    def page(request: Request, run: RunId = None) -> HTMLResponse:
        """The map of a run as one page that needs no network; with stations and levels for planners."""
        results = runs.run_for(caller_of(request), run).results
        audience: Audience = "internal" if caller_of(request).sees_levels else "public"
        # the page says itself which scripts are its own
        return HTMLResponse(
            runs.page(results, audience=audience), headers={"Content-Security-Policy": "frame-ancestors 'none'"}
        )

    @app.get("/whatif", response_class=HTMLResponse, responses=ERRORS)
    @for_role("planner", kept="layers")
    def planning(request: Request, run: RunId = None) -> HTMLResponse:
        """The map of a run on which planners put stations: the page asks `/v1/whatif`."""
        results = runs.run_for(caller_of(request), run).results
        return HTMLResponse(
            runs.page(results, audience="internal", whatif=True),
            headers={"Content-Security-Policy": "frame-ancestors 'none'"},
        )

    @app.get("/", responses=PLAIN_ERRORS)
    @for_role("public")
    def landing() -> models.Landing:
        """What is served here."""
        names = (
            "/v1/coverage",
            "/v1/settlements",
            "/v1/point",
            "/v1/points",
            "/v1/profile",
            "/v1/runs",
            "/tiles/current/any/tilejson.json",
            "/dcat.jsonld",
            "/map",
            "/ogc",
            "/openapi.json",
            "/healthz",
            "/readyz",
        )
        return models.Landing(
            name=runs.workspace.settings.name,
            run_id=current_run_id(runs.workspace),
            links={name.rpartition("/")[2]: name for name in names},
            notes=[models.Text(**INTERFERENCE_NOTE)],
        )
