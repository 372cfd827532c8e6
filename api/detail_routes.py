"""The paths of answers on one unit, one settlement, one path, many points, one run and two runs."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from phusong.api import access_views as views
from phusong.api import models
from phusong.api.access import GuardedRoute, for_role
from phusong.api.answer_routes import ERRORS, LISTED, Form, Profile, RunId, Technology, open_for
from phusong.api.coverage_answer import coverage_listed, level_of_unit, send_figures
from phusong.api.description import PLACE_PATTERN
from phusong.api.detail_models import PointsAnswer, PointsRequest, SettlementAnswer
from phusong.api.diff_answer import DiffAnswer, diff_answer, render_geojson
from phusong.api.formats import MEDIA_TYPES, choose_format
from phusong.api.path_place import read_place
from phusong.api.point_answer import points_json
from phusong.api.runs_answer import run_answer
from phusong.api.served import RunCache
from phusong.api.settlement_answer import PublicSettlementAnswer, settlement_answer
from phusong.coverage.diff import compare_runs
from phusong.coverage.profile import explain_path

OneRun = Annotated[str, Path(description="a run, a scenario, or current", examples=["current"])]
SettlementId = Annotated[str, Path(description="id of a settlement", examples=["TM022"])]
_PLACE: Any = {"pattern": PLACE_PATTERN, "examples": ["107.29,19.08"]}
DiffLevel = Literal["province", "district", "commune", "old_commune"]


def detail_routes(runs: RunCache) -> APIRouter:
    """Make the paths."""
    router = APIRouter(prefix="/v1", route_class=GuardedRoute)

    @router.get("/coverage/{code}", responses=LISTED, response_model=models.CoverageAnswer | views.PublicCoverageAnswer)
    @for_role("public", kept="run")
    async def unit_coverage(
        request: Request,
        code: Annotated[
            str, Path(description="of a province, former district, commune or old commune", examples=["901"])
        ],
        day: Annotated[
            models.Day | None,
            Query(alias="date", description="a day: the newest run for it or before it, with its units"),
        ] = None,
        technology: Technology = None,
        operator: str | None = None,
        profile: Profile = None,
        f: Form = None,
    ) -> Response:
        """People, residential cells and settlements covered, in one unit as it was on a day."""
        opened, public = await open_for(runs, request, None if day is None else day.isoformat())
        level = level_of_unit(opened, code)
        found = coverage_listed(
            opened, level=level, unit=code, technology=technology, operator=operator, profile=profile, public=public
        )
        return send_figures(opened, found, choose_format(request, f))

    @router.get(
        "/settlements/{settlement_id}", responses=ERRORS, response_model=SettlementAnswer | PublicSettlementAnswer
    )
    @for_role("public", kept="layers")
    async def settlement(
        request: Request, settlement_id: SettlementId, profile: Profile = None, run: RunId = None
    ) -> BaseModel:
        """One settlement, and why it has no or only weak signal."""
        opened, public = await open_for(runs, request, run)
        return await run_in_threadpool(settlement_answer, opened, runs, settlement_id, profile=profile, public=public)

    @router.post("/points", responses=ERRORS, response_model=PointsAnswer)
    @for_role("public", reads=True)
    async def points(request: Request, asked: PointsRequest, profile: Profile = None, run: RunId = None) -> Response:
        """Service at up to 1,000 points."""
        opened, public = await open_for(runs, request, run)
        found = await run_in_threadpool(points_json, opened, runs.fibre, asked.points, profile=profile, public=public)
        return Response(found, media_type=MEDIA_TYPES["json"])

    @router.get("/profile", responses=ERRORS, response_model=dict[str, Any])
    @for_role("planner", kept="layers")
    def path(
        station: Annotated[
            str, Query(alias="from", description="id of a station, planned ones too", examples=["TRAM-064-B-3G"])
        ],
        to: Annotated[str, Query(description="the place: lon,lat [degrees, WGS 84]", json_schema_extra=_PLACE)],
        profile: Annotated[str | None, Query(description="a threshold profile; the first of the settings")] = None,
        as_of: Annotated[models.Day | None, Query(description="the day of communes and stations; today")] = None,
    ) -> JSONResponse:
        """The path of a station to a place: terrain, clearance, loss by parts, antenna, level and margin."""
        lon, lat = read_place(to, name="to")
        day = as_of or date.today()
        ground = runs.ground.prepared(runs.workspace, day)
        found = explain_path(runs.workspace, station, lon=lon, lat=lat, as_of=day, profile=profile, prepared=ground)
        return JSONResponse(found.to_dict())

    @router.get("/runs/{run_id}", responses=ERRORS, response_model=models.RunSummary | views.PublicRunSummary)
    @for_role("public", kept="runs")
    async def one_run(request: Request, run_id: OneRun) -> BaseModel:
        """One run."""
        opened, public = await open_for(runs, request, run_id)
        found = await run_in_threadpool(run_answer, runs.workspace, opened.results)
        return views.public_view(found) if public else found

    @router.get(
        "/runs/{run_a}/diff/{run_b}",
        responses=ERRORS | {200: {"content": {MEDIA_TYPES["geojson"]: {}}}},
        response_model=DiffAnswer,
    )
    @for_role("planner", kept="run")
    def difference(
        request: Request, run_a: OneRun, run_b: OneRun, level: DiffLevel = "commune", f: Form = None
    ) -> Response:
        """What the second run has that the first has not."""
        found = compare_runs(runs.run(run_a).results, runs.run(run_b).results, level=level)
        if choose_format(request, f) == "geojson":
            return Response(render_geojson(found), media_type=MEDIA_TYPES["geojson"])
        return Response(diff_answer(found).model_dump_json(), media_type=MEDIA_TYPES["json"])

    return router
