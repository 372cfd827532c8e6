"""The HTTP service: figures, settlements, points, runs and the map of one workspace.

`create_app` reads the settings and nothing else; a run is read when it is first asked for, and a newly published
one at the next request. Every route declares its role, and what the public sees of its answer is made in
`access_views`. Errors are problem+json with the statuses of `errors.STATUS_OF`.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, FiniteFloat
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from phusong.api import access_views as views
from phusong.api import models
from phusong.api.access import GuardedRoute, caller_of, for_role, roles_of_routes
from phusong.api.access_middleware import KnowCaller, LocalOnly
from phusong.api.access_store import AccessStore
from phusong.api.access_views import public_cell, require_open, shown, unknown_run
from phusong.api.answers import coverage_answer, open_run, runs_answer, settlements_answer
from phusong.api.errors import UnknownParameterError
from phusong.api.keys import Keys
from phusong.api.point_answer import point_answer
from phusong.api.problems import add_error_handlers
from phusong.coverage.dictionary import INTERFERENCE_NOTE
from phusong.coverage.results import Results, current_run_id
from phusong.coverage.versions import engine_version
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.workspace import Workspace
from phusong.maps.page import render_map

Level = Literal["province", "district", "commune", "old_commune", "settlement"]
YesNo = Literal["yes", "no", "unknown"]
RunId = Annotated[str | None, Query(description="a run; the published one")]
Profile = Annotated[str | None, Query(description="a threshold profile; the run's first")]


def _declared(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": models.Problem} for status in statuses}


_ERRORS = _declared((400, 401, 403, 404, 409, 422, 500, 503))
_PLAIN_ERRORS = _declared((400, 401, 403, 500, 503))


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
        self._pages: dict[str, str] = {}

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

    def page(self, run_id: str | None = None) -> str:
        """Draw the map of a run, or give the page drawn before.

        Raises
        ------
        NoRunError
            Nothing has been published yet.
        UnknownNameError
            There is no run of that id.
        """
        results = self.results(run_id)
        with self._drawing:
            if results.run_id not in self._pages:
                self._remember(self._pages, results.run_id, render_map(results, self.workspace))
            return self._pages[results.run_id]

    def _remember(self, kept: dict[str, Any], key: str, value: Any) -> None:
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
    app = FastAPI(
        title=f"phusong: {workspace.settings.name}",
        version=engine_version(),
        description="Who is served, by whom, and which settlements are not. " + INTERFERENCE_NOTE["en"],
        docs_url=None,  # its page loads scripts from foreign servers
        redoc_url=None,
        openapi_url=None,  # a route of our own, which declares its role
        middleware=_middleware(workspace, access_control=access_control),
    )
    app.router.route_class = GuardedRoute
    add_error_handlers(app)
    runs = RunCache(workspace)
    _add_answers(app, runs)
    _add_service(app, runs)
    tuple(roles_of_routes(app))  # raises where a route declares no role
    return app


def _middleware(workspace: Workspace, *, access_control: bool) -> list[Middleware]:
    """What every request passes, the first one first."""
    if not access_control:
        return [Middleware(LocalOnly), Middleware(HeadAsGet)]
    proxies = [str(network) for network in workspace.settings.service.trusted_proxies]
    return [
        Middleware(ProxyHeadersMiddleware, trusted_hosts=proxies),
        Middleware(KnowCaller, keys=Keys(AccessStore(workspace.path))),
        Middleware(HeadAsGet),
    ]


def _add_answers(app: FastAPI, runs: RunCache) -> None:
    @app.get("/v1/coverage", response_model=models.CoverageAnswer | views.PublicCoverageAnswer, responses=_ERRORS)
    @for_role("public")
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
        _refuse_unknown(request, ("level", "unit", "technology", "operator", "profile", "run"))
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
    @for_role("public")
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
        _refuse_unknown(request, known)
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
    @for_role("public")
    def point(
        request: Request,
        lon: Annotated[FiniteFloat, Query(ge=-180, le=180, description="longitude, WGS 84 [deg]")],
        lat: Annotated[FiniteFloat, Query(ge=-90, le=90, description="latitude, WGS 84 [deg]")],
        profile: Profile = None,
        run: RunId = None,
    ) -> BaseModel:
        """Service at a point, per technology and operator, and the nearest fibre."""
        _refuse_unknown(request, ("lon", "lat", "profile", "run"))
        caller, results = caller_of(request), _results(runs, run, request)
        if not caller.sees_levels:
            lon, lat = public_cell(results.grid.crs, lon, lat)
        return shown(point_answer(results, runs.workspace, lon=lon, lat=lat, profile=profile), caller)

    @app.get("/v1/runs", response_model=models.RunsAnswer | views.PublicRunsAnswer, responses=_PLAIN_ERRORS)
    @for_role("public")
    def published_runs(request: Request) -> BaseModel:
        """The published runs, the newest first."""
        _refuse_unknown(request, ())
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
    @for_role("planner")
    def page(request: Request, run: RunId = None) -> HTMLResponse:
        """The map of a run as one page that needs no network."""
        _refuse_unknown(request, ("run",))
        return HTMLResponse(runs.page(run), headers={"X-Content-Type-Options": "nosniff"})

    @app.get("/", responses=_PLAIN_ERRORS)
    @for_role("public")
    def landing(request: Request) -> models.Landing:
        """What is served here."""
        _refuse_unknown(request, ())
        names = ("/v1/coverage", "/v1/settlements", "/v1/point", "/v1/runs", "/map", "/openapi.json", "/healthz")
        return models.Landing(
            name=runs.workspace.settings.name,
            run_id=current_run_id(runs.workspace),
            links={name.rpartition("/")[2]: name for name in names},
            notes=[models.Text(**INTERFERENCE_NOTE)],
        )

    @app.get("/openapi.json", include_in_schema=False)
    @for_role("public")
    def description(request: Request) -> JSONResponse:
        """Description of the service."""
        _refuse_unknown(request, ())
        return JSONResponse(app.openapi())

    @app.get("/healthz", responses=_PLAIN_ERRORS)
    @for_role("public")
    def health(request: Request) -> models.Health:
        """Whether the service answers."""
        _refuse_unknown(request, ())
        return models.Health(run_id=current_run_id(runs.workspace))


class HeadAsGet:
    """Answers HEAD like GET, without the body (RFC 9110, section 9.3.2).

    Parameters
    ----------
    app
        The application that knows GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, HEAD as GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


def _refuse_unknown(request: Request, known: tuple[str, ...]) -> None:
    """Refuse parameters that the route does not have, and any that is given twice."""
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known or given.count(name) > 1:
            names = ", ".join(known) or "none"
            raise UnknownParameterError(
                f"Parameter {name!r} is unknown here or given twice; the parameters are: {names}.",
                vi=f"Tham số {name!r} không có ở đây hoặc bị lặp; các tham số: {names}.",
            )
