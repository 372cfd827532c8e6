"""The path that asks what stations would change."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from phusong.api.access import GuardedRoute, for_role
from phusong.api.answer_routes import ERRORS, RunId, open_for
from phusong.api.formats import MEDIA_TYPES
from phusong.api.kernel_gate import LONGEST_WAIT_S, KernelGate
from phusong.api.served import RunCache, ServedRun
from phusong.api.whatif_answer import (
    PlannerRoom,
    render_coverage_cog,
    render_coverage_png,
    render_whatif_geojson,
    whatif_answer,
)
from phusong.api.whatif_models import WhatIfAnswer, WhatIfRequest
from phusong.geodata.errors import InputError

Form = Annotated[
    Literal["json", "geojson", "png", "cog"],
    Query(description="json; png or cog: only what new and moved stations would serve"),
]
PNG, COG = "image/png", "image/tiff; application=geotiff; profile=cloud-optimized"
_FORMS: dict[str, dict[str, str]] = {kind: {} for kind in (MEDIA_TYPES["geojson"], PNG, COG)}


def whatif_routes(runs: RunCache, gate: KernelGate) -> APIRouter:
    """Make the path; one question at a time is computed on a machine."""
    router = APIRouter(prefix="/v1", route_class=GuardedRoute)
    room = PlannerRoom(runs)

    def compute(run: ServedRun, asked: WhatIfRequest, form: str) -> Response:
        with gate.turn():
            found, changes = room.answer(run, asked)
        if form in ("png", "cog"):
            if found.coverage is None:
                raise InputError(
                    "There is no picture: no new or moved station serves.",
                    vi="Không có ảnh: không có trạm mới hoặc dời nào phát sóng.",
                )
            if form == "png":
                return Response(render_coverage_png(found.coverage), media_type=PNG)
            return Response(render_coverage_cog(found.coverage), media_type=COG)
        answer = whatif_answer(run, found)
        if form == "geojson":
            return Response(render_whatif_geojson(answer, changes), media_type=MEDIA_TYPES["geojson"])
        return Response(answer.model_dump_json(), media_type=MEDIA_TYPES["json"])

    @router.post("/whatif", responses=ERRORS | {200: {"content": _FORMS}}, response_model=WhatIfAnswer)
    @for_role("planner", time_limit_s=2 * LONGEST_WAIT_S)
    async def whatif(request: Request, asked: WhatIfRequest, run: RunId = None, f: Form = "json") -> Response:
        """What new, moved and removed stations would change of a run; nothing is stored."""
        opened, _ = await open_for(runs, request, run)
        return await run_in_threadpool(compute, opened, asked, f)

    return router
