"""The paths of raster tiles: classes to zoom 13 for everybody, deeper, by operator and as levels for planners."""

import re
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Query, Request
from starlette.types import Scope

from phusong.api.access import GuardedRoute
from phusong.api.answer_routes import ERRORS, Profile, open_for
from phusong.api.callers import Role
from phusong.api.run_rasters import RunRasters, ask_raster
from phusong.api.served import RunCache
from phusong.api.tile_factory import RunTiles, render_classes, render_levels
from phusong.api.tile_sources import PUBLIC_MAX_ZOOM, TileSource
from phusong.coverage.service import ANY

PREFIX = "/tiles/{run}/{technology}"
Run = Annotated[str, Path(description="a run; current for the published one")]
Technology = Annotated[str, Path(description="a technology, 3G+4G or any")]
Operator = Annotated[str | None, Query(description="an operator, for planners; the best of all")]


def tile_routes(runs: RunCache, rasters: RunRasters) -> list[APIRouter]:
    """Make the paths of the tiles and TileJSON of classes and levels.

    Parameters
    ----------
    runs
        The runs of a workspace.
    rasters
        Their rasters.
    """

    async def classes(
        request: Request, run: Run, technology: Technology, operator: Operator = None, profile: Profile = None
    ) -> TileSource:
        opened, public = await open_for(runs, request, run)
        asked = ask_raster(opened.results, "class", technology, operator=operator, profile=profile, public=public)
        return TileSource(opened.results, asked, rasters, service_address(runs, request))

    async def levels(request: Request, run: Run, technology: Technology, operator: Operator = None) -> TileSource:
        opened, _ = await open_for(runs, request, run)
        asked = ask_raster(opened.results, "rsrp", technology, operator=operator, profile=None, public=False)
        return TileSource(opened.results, asked, rasters, service_address(runs, request))

    def router(prefix: str) -> APIRouter:
        return APIRouter(prefix=prefix, route_class=GuardedRoute, responses=ERRORS)

    tiles: list[Any] = [
        RunTiles(
            router=router(PREFIX), role="public", narrowed=role_of_tile, path_dependency=classes,
            render_func=render_classes,
        ),
        RunTiles(
            router=router(f"{PREFIX}/rsrp"), role="planner", path_dependency=levels, render_func=render_levels
        ),
    ]  # fmt: skip
    return [made.router for made in tiles]


def service_address(runs: RunCache, request: Request) -> str:
    """Address of the service as its callers know it, without a slash at the end."""
    return (runs.workspace.settings.service.public_url or str(request.base_url)).rstrip("/")


def role_of_tile(scope: Scope) -> Role:
    """Who may ask for a tile of classes: beyond the public zoom, or of one operator, planners."""
    zoom = scope["path_params"].get("z", "0")
    shallow = re.fullmatch(r"[0-9]{1,2}", zoom) is not None and int(zoom) <= PUBLIC_MAX_ZOOM
    return role_of_operator(scope) if shallow else "planner"


def role_of_operator(scope: Scope) -> Role:
    """Who may ask for classes: of one operator planners."""
    asked = parse_qsl(scope["query_string"].decode("latin-1"))
    return "public" if all(value == ANY for name, value in asked if name == "operator") else "planner"
