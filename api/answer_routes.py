"""The paths of our own answers under /v1."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, BeforeValidator, FiniteFloat

from phusong.api import access_views as views
from phusong.api import models
from phusong.api.access import GuardedRoute, for_role
from phusong.api.callers import caller_of
from phusong.api.coverage_answer import coverage_listed, prepare_figures, send_figures
from phusong.api.description import BOX_PATTERN
from phusong.api.formats import MEDIA_TYPES, OTHER_FORMS, Format, choose_format, send_listed
from phusong.api.point_answer import point_json
from phusong.api.problems import declared
from phusong.api.runs_answer import runs_answer
from phusong.api.served import RunCache, ServedRun
from phusong.api.settlement_rows import SettlementQuery, Sort
from phusong.api.settlements_answer import point_shape, settlement_rows, settlements_listed
from phusong.geodata.errors import InputError

Level = Literal["province", "district", "commune", "old_commune", "settlement"]
YesNo = Literal["yes", "no", "unknown"]
_BOX: Any = {"pattern": BOX_PATTERN, "examples": ["107.1,19,107.3,19.1"]}
Form = Annotated[Format | None, Query(description="json, geojson or csv; what Accept ranks highest")]
Technology = Annotated[
    str | None,
    BeforeValidator(lambda text: text and text.replace(" ", "+")),  # an unescaped + of "3G+4G" arrives as a space
    Query(description="a technology, 3G+4G or any"),
]
Profile = Annotated[str | None, Query(description="a threshold profile; the run's first")]


ERRORS = declared((400, 401, 403, 404, 409, 413, 422, 429, 500, 503))
LISTED = ERRORS | {200: {"content": OTHER_FORMS}}
PLAIN_ERRORS = declared((400, 401, 403, 429, 500, 503))


async def asked_run(
    run: Annotated[str | None, Query(description="a run or a scenario; the published run")] = None,
    as_of: Annotated[
        models.Day | None, Query(description="a day: the newest published run for it, or before it")
    ] = None,
) -> str | None:
    """The name of the run that a request asks for; None is the published one.

    Raises
    ------
    InputError
        Run and day are both given.
    """
    if run is not None and as_of is not None:
        raise InputError("Give run or as_of, not both.", vi="Chỉ ghi run hoặc as_of, không ghi cả hai.")
    return run if as_of is None else as_of.isoformat()


RunId = Annotated[str | None, Depends(asked_run)]


def answer_routes(runs: RunCache) -> APIRouter:
    """The paths that answer from the runs of a workspace."""
    router = APIRouter(prefix="/v1", route_class=GuardedRoute)

    @router.get("/coverage", responses=LISTED, response_model=models.CoverageAnswer | views.PublicCoverageAnswer)
    @for_role("public", kept="run")
    async def coverage(
        request: Request,
        level: Level = "province",
        unit: str | None = None,
        technology: Technology = None,
        operator: str | None = None,
        profile: Profile = None,
        run: RunId = None,
        f: Form = None,
    ) -> Response:
        """People, residential cells and settlements covered, per unit."""
        opened, public = await open_for(runs, request, run)
        found = coverage_listed(
            opened, level=level, unit=unit, technology=technology, operator=operator, profile=profile, public=public
        )
        return send_figures(opened, found, choose_format(request, f))

    @router.get(
        "/settlements", responses=LISTED, response_model=models.SettlementsAnswer | views.PublicSettlementsAnswer
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
        q: Annotated[
            str | None, Query(description="words of the names or the id, diacritics or not", examples=["ban"])
        ] = None,
        bbox: Annotated[
            str | None, Query(description="west,south,east,north [degrees, WGS 84]", json_schema_extra=_BOX)
        ] = None,
        sort: Sort = "commune",
        limit: Annotated[int, Query(ge=1, le=1000, description="rows a page")] = 100,
        after: Annotated[str | None, Query(description="id of the last settlement of the page before")] = None,
        profile: Profile = None,
        run: RunId = None,
        f: Form = None,
    ) -> Response:
        """Settlements that meet every condition given."""
        query = SettlementQuery(
            signal=signal, power=power, broadband=broadband, uncertain=uncertain, disagrees=disagrees,
            commune=commune, unit=unit, name=name, q=q, bbox=None if bbox is None else read_bbox(bbox),
        )  # fmt: skip
        opened, public = await open_for(runs, request, run)
        found = settlements_listed(
            opened, query, profile=profile, sort=sort, limit=limit, after=after, form=f, public=public
        )
        columns = tuple((views.PublicSettlementRow if public else models.SettlementRow).model_fields)
        form = choose_format(request, f)
        return send_listed(found, form, name="settlements", columns=columns, geometry_of=point_shape)

    @router.get("/point", responses=ERRORS, response_model=models.PointAnswer | views.PublicPointAnswer)
    @for_role("public", kept="layers")
    async def point(
        request: Request,
        lon: Annotated[FiniteFloat, Query(ge=-180, le=180, description="longitude, WGS 84 [deg]", examples=[107.2])],
        lat: Annotated[FiniteFloat, Query(ge=-90, le=90, description="latitude, WGS 84 [deg]", examples=[19.05])],
        profile: Profile = None,
        run: RunId = None,
    ) -> Response:
        """Service at a point, per technology and operator, and the nearest fibre."""
        opened, public = await open_for(runs, request, run)
        found = point_json(opened, runs.fibre, lon=lon, lat=lat, profile=profile, public=public)
        return Response(found, media_type=MEDIA_TYPES["json"])

    @router.get("/runs", response_model=models.RunsAnswer | views.PublicRunsAnswer, responses=PLAIN_ERRORS)
    @for_role("public", kept="runs")
    def published_runs(request: Request) -> BaseModel:
        """The published runs, the newest first."""
        return views.shown(runs_answer(runs.workspace), caller_of(request))

    return router


async def open_for(runs: RunCache, request: Request, run_id: str | None) -> tuple[ServedRun, bool]:
    """The run asked for, opened beside the other requests where it is not open, and whether the public asks."""
    caller = caller_of(request)
    if runs.is_quick(run_id):
        run = runs.run_for(caller, run_id)
    else:
        run = await run_in_threadpool(runs.run_for, caller, run_id)
    return run, not caller.sees_levels


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
