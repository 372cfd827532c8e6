"""The paths of OGC API Features under /ogc.

Everybody sees units and settlements of the published run, planners the layers that locate masts and cables too.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from phusong.api.access import GuardedRoute, for_role
from phusong.api.answer_routes import ERRORS
from phusong.api.answers import require_known
from phusong.api.callers import caller_of
from phusong.api.ogc.asked import (
    ITEM_PARAMETERS,
    ITEMS_PARAMETERS,
    RUN,
    Asked,
    items_parameters,
    read_item,
    read_items,
    require_parameters,
)
from phusong.api.ogc.documents import (
    CONFORMANCE,
    Document,
    Site,
    described,
    described_one,
    item,
    items,
    landing,
    queryables,
)
from phusong.api.ogc.features import Collection
from phusong.api.ogc.layer_collections import LayerFeatures
from phusong.api.ogc.openapi import GEOJSON, JSON, OPENAPI, SCHEMA, openapi_document, parameter_list
from phusong.api.ogc.reference_systems import served_systems
from phusong.api.ogc.run_collections import RUN_COLLECTIONS, run_collection
from phusong.api.problems import language_of
from phusong.api.served import RunCache
from phusong.coverage.versions import engine_version

PREFIX = "/ogc"


def ogc_routes(runs: RunCache) -> APIRouter:
    """Make the paths."""
    router = APIRouter(prefix=PREFIX, route_class=GuardedRoute)
    seen = Seen(runs)
    systems = served_systems(runs.workspace.settings.crs)

    def get(path: str, media_type: str, names: Iterable[str] = ("f",), **more: Any) -> Callable[..., Any]:
        """A path whose parameters are read by `asked`: those of a collection are its own."""
        responses: dict[int | str, dict[str, Any]] = {**ERRORS, 200: {"content": {media_type: {}}}}
        return router.get(path, responses=responses, openapi_extra=parameter_list(names, systems), **more)

    @get("/", JSON, include_in_schema=False)
    @get("", JSON)
    @for_role("public", others_add=True)
    def landing_page(request: Request) -> Response:
        """What is served under /ogc."""
        return _send(landing(seen.site(request)), JSON)

    @get("/conformance", JSON)
    @for_role("public", others_add=True)
    def conformance(request: Request) -> Response:
        """The conformance classes."""
        seen.site(request)
        return _send({"conformsTo": CONFORMANCE}, JSON)

    @get("/openapi", OPENAPI)
    @for_role("public", kept="layers", others_add=True)
    def api(request: Request) -> Response:
        """What the caller may ask here, as OpenAPI."""
        return _send(
            openapi_document(seen.site(request), seen.collections(request), systems, engine_version()), OPENAPI
        )

    @get("/collections", JSON)
    @for_role("public", kept="layers", others_add=True)
    def collections(request: Request) -> Response:
        """The collections that the caller sees."""
        return _send(described(seen.site(request), seen.collections(request), systems), JSON)

    @get("/collections/{collection_id}", JSON)
    @for_role("public", kept="layers", others_add=True)
    def one_collection(request: Request, collection_id: str) -> Response:
        """One collection."""
        return _send(described_one(seen.site(request), seen.collection(request, collection_id), systems), JSON)

    @get("/collections/{collection_id}/queryables", SCHEMA)
    @for_role("public", kept="layers", others_add=True)
    def asked_by(request: Request, collection_id: str) -> Response:
        """The properties that features can be asked for by."""
        return _send(queryables(seen.site(request), seen.collection(request, collection_id), systems), SCHEMA)

    @get("/collections/{collection_id}/items", GEOJSON, ITEMS_PARAMETERS)
    @for_role("public", kept="layers", others_add=True)
    def features(request: Request, collection_id: str) -> Response:
        """A page of features; further parameters are the collection's queryables."""
        collection = seen.collection(request, collection_id, run=request.query_params.get(RUN))
        asked = read_items(request.query_params.multi_items(), collection, systems)
        site = seen.site(request, asked_of=collection)
        return _send_features(items(site, asked.select(collection, systems), asked, systems), asked)

    @get("/collections/{collection_id}/items/{feature_id:path}", GEOJSON, ITEM_PARAMETERS)
    @for_role("public", kept="layers", others_add=True)
    def feature(request: Request, collection_id: str, feature_id: str) -> Response:
        """One feature."""
        collection = seen.collection(request, collection_id)
        asked = read_item(request.query_params.multi_items(), systems)
        require_known("feature", "đối tượng", feature_id, collection.position)
        site = seen.site(request, known=ITEM_PARAMETERS)
        return _send_features(item(site, asked.select(collection, systems), feature_id, systems), asked)

    return router


class Seen:
    """What callers see under /ogc.

    Parameters
    ----------
    runs
        The runs, and the workspace they belong to.
    """

    def __init__(self, runs: RunCache) -> None:
        self._runs = runs
        self._layers = LayerFeatures(runs.workspace)

    def site(self, request: Request, *, known: Iterable[str] = ("f",), asked_of: Collection | None = None) -> Site:
        """Where the documents are, and the parameters, checked.

        Raises
        ------
        UnknownParameterError
            One is not known, or given twice.
        BadQueryError
            Another format than JSON is asked for.
        """
        names = tuple(known) if asked_of is None else items_parameters(asked_of)
        found = require_parameters(request.query_params.multi_items(), names)
        public_url = self._runs.workspace.settings.service.public_url
        root = public_url or str(request.base_url).rstrip("/")
        question = f"?{request.url.query}" if request.url.query else ""
        return Site(
            name=self._runs.workspace.settings.name,
            base_url=root + PREFIX,
            url=f"{root}{quote(request.url.path)}{question}",
            language=language_of(request.scope),
            parameters=found,
        )

    def collections(self, request: Request) -> dict[str, Collection]:
        """All collections of a caller."""
        return {name: self._collection(request, name) for name in self._names(request)}

    def collection(self, request: Request, name: str, *, run: str | None = None) -> Collection:
        """One of them, of a run; None is the published one.

        Raises
        ------
        UnknownNameError
            The caller has no such collection or run.
        """
        require_known("collection", "bộ dữ liệu", name, self._names(request))
        return self._collection(request, name, run)

    def _names(self, request: Request) -> tuple[str, ...]:
        return (*RUN_COLLECTIONS, *(self._layers.names() if caller_of(request).sees_levels else ()))

    def _collection(self, request: Request, name: str, run: str | None = None) -> Collection:
        if name not in RUN_COLLECTIONS:
            return self._layers.collection(name)
        caller = caller_of(request)
        return run_collection(self._runs.run_for(caller, run), name, public=not caller.sees_levels)


def _send(document: Document, media_type: str) -> Response:
    return Response(to_json(document), media_type=media_type)


def _send_features(document: Document, asked: Asked) -> Response:
    links = ", ".join(f'<{link["href"]}>; rel="{link["rel"]}"; type="{link["type"]}"' for link in document["links"])
    return Response(to_json(document), media_type=GEOJSON, headers={"Content-Crs": f"<{asked.uri}>", "Link": links})
