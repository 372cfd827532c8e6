"""The OpenAPI 3.0 document of /ogc: every collection with its own parameters, no reference outside of itself."""

from collections.abc import Iterable, Mapping
from typing import Any

from phusong.api.models import Problem
from phusong.api.ogc.asked import DEFAULT_LIMIT, FORMATS, ITEM_PARAMETERS, LARGEST_LIMIT, RUN, items_parameters
from phusong.api.ogc.documents import Site
from phusong.api.ogc.features import Collection
from phusong.api.ogc.reference_systems import CRS84
from phusong.api.problems import MEDIA_TYPE as PROBLEM

JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_ARRAY = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
_URI = {"type": "string", "format": "uri", "default": CRS84}
_QUERY = {"in": "query", "required": False, "style": "form", "explode": False}
PARAMETERS: dict[str, dict[str, Any]] = {
    name: {"name": name} | _QUERY | more
    for name, more in {
        "bbox": {"description": "features with a point in common with the box", "schema": _ARRAY},
        "bbox-crs": {"description": "reference system of the box", "schema": _URI},
        "crs": {"description": "reference system of the answer", "schema": _URI},
        "datetime": {
            "description": "features of a time: an instant, a day, or two with a slash between; .. is open",
            "schema": {"type": "string"},
        },
        "limit": {
            "description": "features a page",
            "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        },
        "offset": {
            "description": "features left out before",
            "schema": {"type": "integer", "minimum": 0, "default": 0},
        },
        RUN: {"description": "a run; the published one", "schema": {"type": "string"}},
        "f": {
            "description": "form of the answer",
            "schema": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
        },
    }.items()
}
_LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_EXTENT = {
    "type": "object",
    "properties": {
        "spatial": {
            "type": "object",
            "properties": {"bbox": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}},
        },
        "temporal": {
            "type": "object",
            "properties": {
                "interval": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "string", "format": "date-time", "nullable": True}},
                }
            },
        },
    },
}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_SCHEMAS: dict[str, Any] = {
    "link": {
        "type": "object",
        "required": ["href", "rel"],
        "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title", "hreflang")},
    },
    "landingPage": {
        "type": "object",
        "required": ["links"],
        "properties": {"title": {"type": "string"}, "description": {"type": "string"}, "links": _LINKS},
    },
    "confClasses": {"type": "object", "required": ["conformsTo"], "properties": {"conformsTo": _STRINGS}},
    "collection": {
        "type": "object",
        "required": ["id", "links"],
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "links": _LINKS,
            "extent": _EXTENT,
            "itemType": {"type": "string"},
            "crs": _STRINGS,
            "storageCrs": {"type": "string"},
        },
    },
    "collections": {
        "type": "object",
        "required": ["links", "collections"],
        "properties": {
            "links": _LINKS,
            "collections": {"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
        },
    },
    "featureGeoJSON": {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "nullable": True},
            "links": _LINKS,
        },
    },
    "featureCollectionGeoJSON": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/featureGeoJSON"}},
            "links": _LINKS,
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": {"type": "integer", "minimum": 0},
            "numberReturned": {"type": "integer", "minimum": 0},
        },
    },
}


def openapi_document(
    site: Site, collections: Mapping[str, Collection], systems: Iterable[str], version: str
) -> dict[str, Any]:
    """The document of the collections that a caller sees.

    Parameters
    ----------
    site
        Where the documents are.
    collections
        The collections.
    systems
        Addresses of the reference systems.
    version
        Version of this software.
    """
    paths = {
        "/": _get("getLandingPage", "Landing page", "landingPage"),
        "/conformance": _get("getConformanceDeclaration", "Conformance classes", "confClasses"),
        "/openapi": _get("getOpenapi", "This document", None, media_type=OPENAPI),
        "/collections": _get("getCollections", "Collections", "collections"),
    }
    for name, collection in collections.items():
        paths |= _paths_of(name, collection, getattr(collection.title, site.language))
    refused = {"description": "what is wrong and what to do", "content": _content(PROBLEM, "exception")}
    return {
        "openapi": "3.0.3",
        "info": {"title": site.name, "version": version},
        "servers": [{"url": site.base_url}],
        "tags": [{"name": name} for name in ("service", *collections)],
        "paths": paths,
        "components": {
            "parameters": _parameters(systems),
            "schemas": _SCHEMAS | {"exception": Problem.model_json_schema()},
            "responses": {"problem": refused},
        },
    }


def parameter_list(names: Iterable[str], systems: Iterable[str]) -> dict[str, Any]:
    """What a route says of its parameters to FastAPI, which does not read them."""
    known = _parameters(systems)
    return {"parameters": [known[name] for name in names]}


def _parameters(systems: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`PARAMETERS` with the reference systems there are."""
    schema = {"schema": _URI | {"enum": list(systems)}}
    return PARAMETERS | {name: PARAMETERS[name] | schema for name in ("crs", "bbox-crs")}


def _paths_of(name: str, collection: Collection, title: str) -> dict[str, Any]:
    """The paths of a collection."""
    asked_by = [
        {"$ref": f"#/components/parameters/{key}"}
        if key in PARAMETERS
        else _QUERY | {"name": key, "schema": collection.fields[key].schema()}
        for key in items_parameters(collection)
    ]
    feature = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
    path, key = f"/collections/{name}", name.title().replace("_", "")
    return {
        path: _get(f"describe{key}", title, "collection", tag=name, missing=True),
        f"{path}/queryables": _get(
            f"get{key}Queryables", f"Queryables of {title}", None, tag=name, media_type=SCHEMA, missing=True
        ),
        f"{path}/items": _get(
            f"get{key}Features", f"Features of {title}", "featureCollectionGeoJSON", tag=name, media_type=GEOJSON,
            parameters=asked_by, missing=True,
        ),
        f"{path}/items/{{featureId}}": _get(
            f"get{key}Feature", f"One feature of {title}", "featureGeoJSON", tag=name, media_type=GEOJSON,
            parameters=[feature, *_references(ITEM_PARAMETERS)], missing=True,
        ),
    }  # fmt: skip


def _get(
    operation: str, summary: str, schema: str | None, *, tag: str = "service", media_type: str = JSON,
    parameters: list[dict[str, Any]] | None = None, missing: bool = False,
) -> dict[str, Any]:  # fmt: skip
    refused = {"$ref": "#/components/responses/problem"}
    statuses = ("400", "401", "404", "429", "500", "503") if missing else ("400", "401", "429", "500", "503")
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": [tag],
            "parameters": _references(("f",)) if parameters is None else parameters,
            "responses": {"200": {"description": summary, "content": _content(media_type, schema)}}
            | dict.fromkeys(statuses, refused),
        }
    }


def _references(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _content(media_type: str, schema: str | None) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}}
