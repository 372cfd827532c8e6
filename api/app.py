"""The HTTP service: figures, settlements, points, runs and the map of one workspace.

`create_app` reads the settings and nothing else; a run is read when it is first asked for, and a newly published
one at the next request. Every route declares its role, and what the public sees of its answer is made in
`access_views`. Errors are problem+json with the statuses of `errors.STATUS_OF`.
"""

import threading
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, FiniteFloat

from phusong.api import access_views as views
from phusong.api import models
from phusong.api.access import GuardedRoute, for_role, roles_of_routes
from phusong.api.access_views import public_cell, require_open, shown, unknown_run
from phusong.api.access_wiring import service_middleware
from phusong.api.answers import coverage_answer, open_run, runs_answer, settlements_answer
from phusong.api.audit import AuditLog
from phusong.api.caching import Tags
from phusong.api.callers import caller_of
from phusong.api.middleware_metrics import ServiceMetrics
from phusong.api.operation_routes import operation_routes
from phusong.api.point_answer import point_answer
from phusong.api.problems import add_error_handlers, declared, refuse_unknown
from phusong.coverage.dictionary import INTERFERENCE_NOTE
from phusong.coverage.results import Results, current_run_id
from phusong.coverage.versions import engine_version
from phusong.geodata.errors import BusyError, UnknownNameError
from phusong.geodata.workspace import Workspace
from phusong.maps.data import Audience
from phusong.maps.page import render_map

Level = Literal["province", "district", "commune", "old_commune", "settlement"]
YesNo = Literal["yes", "no", "unknown"]
RunId = Annotated[str | None, Query(description="a run; the published one")]
Profile = Annotated[str | None, Query(description="a threshold profile; the run's first")]


DRAWING_S = 5.0  # a map takes seconds: those who wait for another's are not to take all threads
_ERRORS = declared((400, 401, 403, 404, 409, 413, 422, 429, 500, 503))
_PLAIN_ERRORS = declared((400, 401, 403, 429, 500, 503))


class RunCache:
    """The runs of a workspace that were asked for last, opened once each; runs never change.

    Parameters
    ----------
    workspace
        Where the runs are.
    keep
        How many runs and pages stay in memory.
    """

    def __init__(self, workspace: Workspace, *, keep: int = 4) -> None:
        self.workspace = workspace
        self._keep = keep
        self._lock = threading.Lock()
        self._drawing = threading.Lock()  # a map takes seconds: nothing else waits for it
        self._runs: dict[str, Results] = {}
        self._pages: dict[tuple[str, Audience], str] = {}

    def results(self, run_id: str | None = None) -> Results:
        """Open a run, or give the one that is open; None is the run published now.

        Raises
        ------
        NoRunError
            Nothing has been published yet.
        UnknownNameError
            There is no run of that id.
        """
        wanted = run_id or current_run_id(self.workspace)
        with self._lock:
            if wanted is None or wanted not in self._runs:
                found = open_run(self.workspace, wanted)
                self._remember(self._runs, found.run_id, found)
                wanted = found.run_id
            return self._runs[wanted]

    def page(self, results: Results, *, audience: Audience) -> str:
        """Draw the map of a run for its readers, or give the page drawn before.

        Raises
        ------
        BusyError
            Maps of other runs are being drawn.
        """
        key = results.run_id, audience
        if key not in self._pages:
            if not self._drawing.acquire(timeout=DRAWING_S):
                raise BusyError(
                    "Other maps are being drawn; try again soon.", vi="Đang vẽ bản đồ khác; hãy thử lại sau."
                )
            try:
                if key not in self._pages:
                    self._remember(self._pages, key, render_map(results, self.workspace, audience=audience))
            finally:
                self._drawing.release()
        return self._pages[key]

    def _remember(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        while len(kept) >= self._keep:
            del kept[next(iter(kept))]
        kept[key] = value


def create_app(workspace_path: Path | str, *, access_control: bool = True) -> FastAPI:
    """Make the service of a workspace.

    Parameters
    ----------
    workspace_path
        Folder of the workspace.
    access_control
        Whether callers are told apart; without it everybody on this machine may do everything, and nobody else.

    Raises
    ------
    WorkspaceError
        The folder is no workspace.
    SettingsError
        `phusong.toml` cannot be accepted.
    """
    workspace = Workspace.open(workspace_path)
    metrics, audit = ServiceMetrics(), AuditLog(workspace.path)
    app = FastAPI(
        title=f"phusong: {workspace.settings.name}",
        version=engine_version(),
        description="Who is served, by whom, and which settlements are not. " + INTERFERENCE_NOTE["en"],
        docs_url=None,  # its page loads scripts from foreign servers
        redoc_url=None,
        openapi_url=None,  # a route of our own, which declares its role
        middleware=service_middleware(workspace, access_control=access_control, metrics=metrics, audit=audit),
    )
    app.router.route_class = GuardedRoute
    app.state.tags = Tags(workspace)
    add_error_handlers(app)
    runs = RunCache(workspace)
    _add_answers(app, runs)
    _add_service(app, runs)
    app.include_router(operation_routes(app, workspace, metrics=metrics, audit=audit))
    tuple(roles_of_routes(app))  # raises where a route declares no role
    return app


def _add_answers(app: FastAPI, runs: RunCache) -> None:
    @app.get("/v1/coverage", response_model=models.CoverageAnswer | views.PublicCoverageAnswer, responses=_ERRORS)
    @for_role("public", kept="run")
    def coverage(
        request: Request,
        level: Level = "province",
        unit: str | None = None,
        technology: str | None = None,
        operator: str | None = None,
        profile: Profile = None,
        run: RunId = None,
    ) -> BaseModel:
        """People, residential cells and settlements covered, per unit."""
        refuse_unknown(request, ("level", "unit", "technology", "operator", "profile", "run"))
        if technology is not None:
            technology = technology.replace(" ", "+")  # an unescaped + of "3G+4G" arrives as a space
        answer = coverage_answer(
            _results(runs, run, request),
            level=level,
            unit=unit,
            technology=technology,
            operator=operator,
            profile=profile,
        )
        return shown(answer, caller_of(request))

    @app.get(
        "/v1/settlements", response_model=models.SettlementsAnswer | views.PublicSettlementsAnswer, responses=_ERRORS
    )
    @for_role("public", kept="run")
    def settlements(
        request: Request,
        signal: Literal["none", "weak", "good", "unknown"] | None = None,
        power: YesNo | None = None,
        broadband: YesNo | None = None,
        uncertain: Literal["yes", "no"] | None = None,
        disagrees: Literal["yes", "no"] | None = None,
        commune: str | None = None,
        name: str | None = None,
        profile: Profile = None,
        run: RunId = None,
    ) -> BaseModel:
        """Settlements that meet every condition given."""
        known = ("signal", "power", "broadband", "uncertain", "disagrees", "commune", "name", "profile", "run")
        refuse_unknown(request, known)
        answer = settlements_answer(
            _results(runs, run, request),
            signal=signal,
            power=power,
            broadband=broadband,
            uncertain=uncertain,
            disagrees=disagrees,
            commune=commune,
            name=name,
            profile=profile,
        )
        return shown(answer, caller_of(request))

    @app.get("/v1/point", response_model=models.PointAnswer | views.PublicPointAnswer, responses=_ERRORS)
    @for_role("public", kept="layers")
    def point(
        request: Request,
        lon: Annotated[FiniteFloat, Query(ge=-180, le=180, description="longitude, WGS 84 [deg]")],
        lat: Annotated[FiniteFloat, Query(ge=-90, le=90, description="latitude, WGS 84 [deg]")],
        profile: Profile = None,
        run: RunId = None,
    ) -> BaseModel:
        """Service at a point, per technology and operator, and the nearest fibre."""
        refuse_unknown(request, ("lon", "lat", "profile", "run"))
        caller, results = caller_of(request), _results(runs, run, request)
        if not caller.sees_levels:
            lon, lat = public_cell(results.grid.crs, lon, lat)
        return shown(point_answer(results, runs.workspace, lon=lon, lat=lat, profile=profile), caller)

    @app.get("/v1/runs", response_model=models.RunsAnswer | views.PublicRunsAnswer, responses=_PLAIN_ERRORS)
    @for_role("public")
    def published_runs(request: Request) -> BaseModel:
        """The published runs, the newest first."""
        refuse_unknown(request, ())
        return shown(runs_answer(runs.workspace), caller_of(request))


def _results(runs: RunCache, run: str | None, request: Request) -> Results:
    """The run asked for; those who see classes only learn nothing of scenarios, nor which runs there are."""
    caller = caller_of(request)
    try:
        results = runs.results(run)
    except UnknownNameError:
        if run is None or caller.sees_levels:
            raise
        raise unknown_run() from None
    require_open(results, caller)
    return results


def _add_service(app: FastAPI, runs: RunCache) -> None:
    @app.get("/map", response_class=HTMLResponse, responses=_ERRORS)
    @for_role("public", kept="layers")
    def page(request: Request, run: RunId = None) -> HTMLResponse:
        """The map of a run as one page that needs no network; with stations and levels for planners."""
        refuse_unknown(request, ("run",))
        results = _results(runs, run, request)
        audience: Audience = "internal" if caller_of(request).sees_levels else "public"
        # the page says itself which scripts are its own
        return HTMLResponse(
            runs.page(results, audience=audience), headers={"Content-Security-Policy": "frame-ancestors 'none'"}
        )

    @app.get("/", responses=_PLAIN_ERRORS)
    @for_role("public")
    def landing(request: Request) -> models.Landing:
        """What is served here."""
        refuse_unknown(request, ())
        names = (
            "/v1/coverage",
            "/v1/settlements",
            "/v1/point",
            "/v1/runs",
            "/map",
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
