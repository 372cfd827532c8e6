"""The paths of our own answers under /v1."""

from functools import partial
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, FiniteFloat

from phusong.api import access_views as views
from phusong.api import models
from phusong.api.access import GuardedRoute, for_role
from phusong.api.callers import caller_of
from phusong.api.coverage_answer import coverage_json, prepare_figures
from phusong.api.point_answer import point_json
from phusong.api.problems import declared, refuse_unknown
from phusong.api.runs_answer import runs_answer
from phusong.api.served import RunCache, ServedRun
from phusong.api.settlement_rows import SettlementQuery, Sort
from phusong.api.settlements_answer import settlement_rows, settlements_json
from phusong.geodata.errors import InputError

JSON = "application/json"
Level = Literal["province", "district", "commune", "old_commune", "settlement"]
YesNo = Literal["yes", "no", "unknown"]
RunId = Annotated[str | None, Query(description="a run; the published one")]
Profile = Annotated[str | None, Query(description="a threshold profile; the run's first")]


ERRORS = declared((400, 401, 403, 404, 409, 413, 422, 429, 500, 503))
PLAIN_ERRORS = declared((400, 401, 403, 429, 500, 503))


def answer_routes(runs: RunCache) -> APIRouter:
    """The paths that answer from the runs of a workspace."""
    router = APIRouter(prefix="/v1", route_class=GuardedRoute)

    @router.get("/coverage", responses=ERRORS, response_model=models.CoverageAnswer | views.PublicCoverageAnswer)
    @for_role("public", kept="run")
    async def coverage(
        request: Request,
        level: Level = "province",
        unit: str | None = None,
        technology: str | None = None,
        operator: str | None = None,
        profile: Profile = None,
        run: RunId = None,
    ) -> Response:
        """People, residential cells and settlements covered, per unit."""
        refuse_unknown(request, ("level", "unit", "technology", "operator", "profile", "run"))
        if technology is not None:
            technology = technology.replace(" ", "+")  # an unescaped + of "3G+4G" arrives as a space
        answer = partial(
            coverage_json, level=level, unit=unit, technology=technology, operator=operator, profile=profile
        )
        return await _answered(runs, request, run, answer)

    @router.get(
        "/settlements", responses=ERRORS, response_model=models.SettlementsAnswer | views.PublicSettlementsAnswer
    )
    @for_role("public", kept="run")
    async def settlements(
        request: Request,
        signal: Literal["none", "weak", "good", "unknown"] | None = None,
        power: YesNo | None = None,
        broadband: YesNo | None = None,
        uncertain: Literal["yes", "no"] | None = None,
        disagrees: Literal["yes", "no"] | None = None,
        commune: str | None = None,
        unit: Annotated[str | None, Query(description="code of a commune, former district or province")] = None,
        name: Annotated[str | None, Query(description="part of the name")] = None,
        q: Annotated[str | None, Query(description="words of the names or the id, diacritics or not")] = None,
        bbox: Annotated[str | None, Query(description="west,south,east,north [degrees, WGS 84]")] = None,
        sort: Sort = "commune",
        limit: Annotated[int, Query(ge=1, le=1000, description="rows a page")] = 100,
        after: Annotated[str | None, Query(description="id of the last settlement of the page before")] = None,
        profile: Profile = None,
        run: RunId = None,
    ) -> Response:
        """Settlements that meet every condition given."""
        refuse_unknown(
            request,
            ("signal", "power", "broadband", "uncertain", "disagrees", "commune", "unit", "name", "q", "bbox", "sort",
             "limit", "after", "profile", "run"),
        )  # fmt: skip
        query = SettlementQuery(
            signal=signal, power=power, broadband=broadband, uncertain=uncertain, disagrees=disagrees,
            commune=commune, unit=unit, name=name, q=q, bbox=None if bbox is None else read_bbox(bbox),
        )  # fmt: skip
        answer = partial(settlements_json, query=query, profile=profile, sort=sort, limit=limit, after=after)
        return await _answered(runs, request, run, answer)

    @router.get("/point", responses=ERRORS, response_model=models.PointAnswer | views.PublicPointAnswer)
    @for_role("public", kept="layers")
    async def point(
        request: Request,
        lon: Annotated[FiniteFloat, Query(ge=-180, le=180, description="longitude, WGS 84 [deg]")],
        lat: Annotated[FiniteFloat, Query(ge=-90, le=90, description="latitude, WGS 84 [deg]")],
        profile: Profile = None,
        run: RunId = None,
    ) -> Response:
        """Service at a point, per technology and operator, and the nearest fibre."""
        refuse_unknown(request, ("lon", "lat", "profile", "run"))
        answer = partial(point_json, fibre=runs.fibre, lon=lon, lat=lat, profile=profile)
        return await _answered(runs, request, run, answer)

    @router.get("/runs", response_model=models.RunsAnswer | views.PublicRunsAnswer, responses=PLAIN_ERRORS)
    @for_role("public")
    def published_runs(request: Request) -> BaseModel:
        """The published runs, the newest first."""
        refuse_unknown(request, ())
        return views.shown(runs_answer(runs.workspace), caller_of(request))

    return router


class Answering(Protocol):
    """Makes the JSON of an answer from a run; for the public without what only planners see."""

    def __call__(self, run: ServedRun, *, public: bool) -> bytes:
        """Make it."""


async def _answered(runs: RunCache, request: Request, run_id: str | None, answer: Answering) -> Response:
    """The answer from a run that is open, made at once; a run is opened beside the other requests."""
    caller = caller_of(request)
    if runs.is_quick(run_id):
        run = runs.run_for(caller, run_id)
    else:
        run = await run_in_threadpool(runs.run_for, caller, run_id)
    return Response(answer(run, public=not caller.sees_levels), media_type=JSON)


def prepare(run: ServedRun) -> None:
    """Make what the first answers of a run are made of."""
    prepare_figures(run)
    rows = settlement_rows(run)
    _ = rows.rows, rows.public_rows
    _ = run.points


def read_bbox(text: str) -> tuple[float, float, float, float]:
    """West, south, east and north edge of a box given as text [degrees, WGS 84].

    Raises
    ------
    InputError
        The text is no such box.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west, south, east, north = 0.0, 0.0, -1.0, -1.0
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError(
            f"bbox must be west,south,east,north in degrees, like 106.2,17.4,106.5,17.6; got {text!r}.",
            vi=f"bbox phải là tây,nam,đông,bắc theo độ, ví dụ 106.2,17.4,106.5,17.6; nhận được {text!r}.",
        )
    return west, south, east, north
