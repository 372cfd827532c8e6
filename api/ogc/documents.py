"""The documents of OGC API Features, written by pygeoapi's functions, with only the links that are served.

pygeoapi (0.21) describes more than there is: pages, processes, tiles, JSON-LD. Its answers therefore lose every link
that leads nowhere, and the link to themselves becomes their own address.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from phusong.api.models import Text
from phusong.api.ogc.asked import DEFAULT_LIMIT, LARGEST_LIMIT, RUN, Asked
from phusong.api.ogc.features import Collection, Selection
from phusong.api.ogc.reference_systems import CRS84
from phusong.maps.text import Language

CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
)
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
JSON_SCHEMA = "https://json-schema.org/draft/2019-09/schema"
LANGUAGES = ("en", "vi")
PROVIDER = "phusong.api.ogc.provider.StoreProvider"
_NOT_SERVED = re.compile(r"[?&]f=(html|jsonld)(&|$)|/(processes|jobs|TileMatrixSets)(\?|$)|/schema(\?|$)")
_MEANING = Text(en="Who is served, and which settlements are not.", vi="Nơi nào có sóng, điểm dân cư nào chưa có.")

Document = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Where the documents are: the name of the workspace, the address of /ogc, and what a request is for.

    Attributes
    ----------
    name
        Name of the workspace.
    base_url
        Address of the landing page.
    url
        Address of the request itself.
    language
        Language of the titles.
    parameters
        Parameters of the request, checked.
    """

    name: str
    base_url: str
    url: str
    language: Language
    parameters: Mapping[str, str]


def landing(site: Site) -> Document:
    """The landing page."""
    from pygeoapi.api import landing_page

    return _answer(site, {}, landing_page)


def described(site: Site, collections: Mapping[str, Collection], systems: Mapping[str, str]) -> Document:
    """All collections."""
    from pygeoapi.api import describe_collections

    return _answer(site, {name: _resource(found, systems) for name, found in collections.items()}, describe_collections)


def described_one(site: Site, collection: Collection, systems: Mapping[str, str]) -> Document:
    """One collection."""
    from pygeoapi.api import describe_collections

    return _answer(site, {collection.name: _resource(collection, systems)}, describe_collections, collection.name)


def queryables(site: Site, collection: Collection, systems: Mapping[str, str]) -> Document:
    """The properties of a collection that features can be asked for by, as JSON Schema."""
    from pygeoapi.api.itemtypes import get_collection_queryables

    resources = {collection.name: _resource(collection, systems)}
    found = _answer(site, resources, get_collection_queryables, collection.name)
    for name, asked_by in collection.queryables.items():
        if asked_by.meaning is not None:
            found["properties"][name]["description"] = getattr(asked_by.meaning, site.language)
    said = {"$schema": JSON_SCHEMA, "$id": site.url.partition("?")[0], "additionalProperties": False}
    return found | said


def items(site: Site, selection: Selection, asked: Asked, systems: Mapping[str, str]) -> Document:
    """A page of features."""
    from pygeoapi.api.itemtypes import get_collection_items

    name = selection.collection.name
    resource = _resource(selection.collection, systems, selection)
    del resource["extents"]["temporal"]  # outside of it pygeoapi sees a fault, where there are only no features
    if selection.collection.run_id is not None:  # the other pages are of this run, whatever is published meanwhile
        site = replace(site, parameters={**site.parameters, RUN: selection.collection.run_id})
    found = _answer(site, {name: resource}, get_collection_items, name)
    if asked.offset + asked.limit >= found["numberMatched"]:  # a last page that is full has no next one
        found["links"] = [link for link in found["links"] if link["rel"] != "next"]
    address = f"{site.base_url}/collections/{name}/queryables"
    found["links"].append({"rel": QUERYABLES, "type": "application/schema+json", "href": address})
    return found


def item(site: Site, selection: Selection, feature_id: str, systems: Mapping[str, str]) -> Document:
    """One feature."""
    from pygeoapi.api.itemtypes import get_collection_item

    name = selection.collection.name
    resources = {name: _resource(selection.collection, systems, selection)}
    return _answer(site, resources, get_collection_item, name, feature_id)


def _resource(collection: Collection, systems: Mapping[str, str], selection: Selection | None = None) -> dict[str, Any]:
    """A collection as pygeoapi is told of it."""
    begin, end = collection.interval
    return {
        "type": "collection",
        "title": collection.title.model_dump(),
        "description": collection.meaning.model_dump(),
        "keywords": [],
        "links": [
            {"rel": "license", "type": "text/html", "title": attribution, "href": address}
            for attribution, address in dict.fromkeys(collection.licences)
        ],
        "extents": {
            "spatial": {"bbox": list(collection.bounds), "crs": CRS84},
            "temporal": {"begin": begin, "end": end},
        },
        "providers": [
            {
                "type": "feature",
                "name": PROVIDER,
                "data": selection,
                "fields": {name: field.schema() for name, field in collection.fields.items()},
                "properties": list(collection.queryables),
                "crs": list(systems),
                "storage_crs": CRS84,
            }
        ],
    }


def _answer(site: Site, resources: dict[str, Any], write: Callable[..., Any], *names: str) -> Document:
    """What one of pygeoapi's functions writes."""
    from pygeoapi.api import APIRequest

    api = copy(_api())
    api.base_url = site.base_url
    api.config = _config(site.name) | {"resources": resources}
    request = APIRequest(_Request(site), list(LANGUAGES))
    _, status, content = write(api, request, *names)
    if status != 200:
        raise RuntimeError(f"pygeoapi refused what had been checked: {content}")
    found: Document = json.loads(content)
    _clean(found, site)
    return found


class _Request:
    """As much of a request as pygeoapi reads; its language only, for there is one format."""

    def __init__(self, site: Site) -> None:
        self.scope = {"path": ""}
        self.query_params = dict(site.parameters)
        self.headers = {"accept-language": site.language}


def _clean(document: Document, site: Site) -> None:
    """Leave only links that lead somewhere."""
    links = [link for link in document.get("links", ()) if link["rel"] != "about" and _is_served(link, site)]
    for link in links:
        if link["rel"] == "self":
            link["href"] = site.url
    if links:
        document["links"] = links
    for inner in document.get("collections", ()):
        inner["links"] = [link for link in inner["links"] if _is_served(link, site)]


def _is_served(link: Mapping[str, str], site: Site) -> bool:
    return not (link["href"].startswith(site.base_url) and _NOT_SERVED.search(link["href"]))


@cache
def _api() -> Any:
    """The object that pygeoapi's functions read; its making sends the process's log to standard output, undone here."""
    from pygeoapi.api import API

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    made = API(_config(""), {})
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)  # what is wrong is told by this service
    return made


def _config(name: str) -> dict[str, Any]:
    return {
        "server": {
            "url": "",
            "languages": list(LANGUAGES),
            "pretty_print": False,
            "limits": {"default_items": DEFAULT_LIMIT, "max_items": LARGEST_LIMIT, "on_exceed": "throttle"},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {"identification": {"title": name, "description": _MEANING.model_dump(), "url": ""}},
        "resources": {},
    }
