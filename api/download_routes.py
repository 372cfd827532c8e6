"""The paths of files to download, and of the catalogue that leads an open-data portal to them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response

from phusong.api.access import GuardedRoute, for_role
from phusong.api.answer_routes import ERRORS, Profile, open_for
from phusong.api.answers import require_known
from phusong.api.catalogue import JSON_LD, describe_catalogue
from phusong.api.download_tables import write_csv, write_dictionary, write_tables_geopackage, write_workbook
from phusong.api.kept_files import KeptFiles
from phusong.api.problems import declared
from phusong.api.ranged_file import RangedFile
from phusong.api.run_rasters import RunRasters, What, ask_raster
from phusong.api.served import RunCache, ServedRun
from phusong.api.tile_routes import Operator, Run, Technology, role_of_operator, service_address
from phusong.api.tile_sources import answer_headers

MAKING_S = 180.0  # a workbook of a province takes seconds, and one file is made at a time
GEOTIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
FILES: dict[str, tuple[str, Callable[..., None]]] = {
    "figures.csv": ("text/csv; charset=utf-8", partial(write_csv, "figures")),
    "settlements.csv": ("text/csv; charset=utf-8", partial(write_csv, "settlements")),
    "tables.xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", write_workbook),
    "tables.gpkg": ("application/geopackage+sqlite3", write_tables_geopackage),
    "dictionary.json": ("application/json", write_dictionary),
}
_PART: dict[int | str, dict[str, Any]] = {206: {"description": "the part of the file that `Range` asks for"}}
_OF_TABLE = ERRORS | declared((416,)) | _PART | {200: {"content": {kind: {} for kind, _ in FILES.values()}}}
_OF_RASTER = ERRORS | declared((416,)) | _PART | {200: {"content": {GEOTIFF: {}}}}


def download_routes(runs: RunCache, files: KeptFiles, rasters: RunRasters) -> APIRouter:
    """Make the paths.

    Parameters
    ----------
    runs
        The runs of a workspace.
    files, rasters
        What was made of them.
    """
    router = APIRouter(route_class=GuardedRoute)
    terms = runs.workspace.settings.service.open_data

    @router.get("/dcat.jsonld", responses=ERRORS | {200: {"content": {JSON_LD: {}}}}, response_class=Response)
    @for_role("public", kept="run")
    async def catalogue(request: Request) -> Response:
        """What there is to download of the published run, for an open-data portal (DCAT-AP 3, JSON-LD)."""
        opened, _ = await open_for(runs, request, None)
        described = describe_catalogue(opened.results, terms, base=service_address(runs, request))
        return JSONResponse(described, media_type=JSON_LD)

    @router.get("/downloads/{run}/{name}", responses=_OF_TABLE, response_class=Response)
    @for_role("public", kept="file", time_limit_s=MAKING_S)
    async def table(
        request: Request, run: Run, name: Annotated[str, PathParameter(description=", ".join(FILES))]
    ) -> Response:
        """Figures and settlements of a run as a file, or the dictionary of their columns."""
        opened, public = await open_for(runs, request, run)
        require_known("file", "tệp", name, FILES)
        media_type, write = FILES[name]
        asked = {"run": opened.results.run_id, "file": name, "public": str(public), "terms": repr(terms)}
        path = await files.find(asked, Path(name).suffix, partial(write, opened, terms, public=public))
        return _sent(opened, path, request, name=name, media_type=media_type)

    async def raster(request: Request, what: What, run: str, technology: str, **asked: str | None) -> Response:
        opened, public = await open_for(runs, request, run)
        question = ask_raster(opened.results, what, technology, public=public, **asked)
        path = await rasters.file(opened.results, question)
        said = answer_headers(opened.results, question)
        return _sent(opened, path, request, name=question.name, media_type=GEOTIFF, headers=said)

    @router.get("/downloads/{run}/class/{technology}.tif", responses=_OF_RASTER, response_class=Response)
    @for_role("public", kept="file", narrowed=role_of_operator, time_limit_s=MAKING_S)
    async def classes(
        request: Request, run: Run, technology: Technology, operator: Operator = None, profile: Profile = None
    ) -> Response:
        """The classes of a run as a GeoTIFF; in cells of 100 m for the public."""
        return await raster(request, "class", run, technology, operator=operator, profile=profile)

    @router.get("/downloads/{run}/rsrp/{technology}.tif", responses=_OF_RASTER, response_class=Response)
    @for_role("planner", kept="file", time_limit_s=MAKING_S)
    async def levels(request: Request, run: Run, technology: Technology, operator: Operator = None) -> Response:
        """The levels of a run as a GeoTIFF [0.01 dBm]."""
        return await raster(request, "rsrp", run, technology, operator=operator, profile=None)

    return router


def _sent(
    run: ServedRun, path: Path, request: Request, *, name: str, media_type: str, headers: dict[str, str] | None = None
) -> RangedFile:
    manifest = run.results.manifest
    computed_at = datetime.fromisoformat(manifest["created_at"])
    said = {"Phusong-Run": run.results.run_id, "Phusong-As-Of": manifest["as_of"]}
    return RangedFile(
        path, request, name=f"phusong_{run.results.run_id}_{name}", media_type=media_type, changed_at=computed_at,
        headers=headers or said,
    )  # fmt: skip
