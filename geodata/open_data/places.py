"""OpenStreetMap by the Overpass API: settlements, public places and masts as files that an import takes.

A mast tells where an antenna can be, seldom what it sends: only one whose technology is tagged becomes stations, with
all else assumed and counted. Every mast in the area is a place.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely

from phusong.geodata.open_data.providers import AMENITIES, PLACES
from phusong.geodata.reports import Note

# Keys communication:* in use for the technologies of a mast; also values of communication:mobile_phone.
TECHNOLOGY_OF_TAG = {
    "gsm": "2G", "umts": "3G", "hspa": "3G", "lte": "4G", "4g": "4G", "5g": "5G", "nr": "5G",
}  # fmt: skip
ASSUMED_HEIGHT_M = 35.0
"""3GPP TR 38.901, table 7.2-3: height of base stations of the rural macro scenario."""
UNKNOWN_OPERATOR = "unknown"


@dataclass(frozen=True)
class Places:
    """Features (GeoJSON) by layer, and notes of what was left out; `day` is the state of the database, as ISO text."""

    settlements: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    stations: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    day: str = ""


def read_places(path: Path, area: shapely.Geometry, near: shapely.Geometry) -> Places:
    """Sort the elements of an answer of the Overpass API.

    Parameters
    ----------
    path
        The answer, JSON.
    area
        Where settlements and places are wanted, in EPSG:4326.
    near
        Where masts are wanted.
    """
    answer = json.loads(path.read_text(encoding="utf-8"))
    found = Places(day=str(answer.get("osm3s", {}).get("timestamp_osm_base", "")))
    shapely.prepare(area)
    masts = silent = 0
    for element in answer["elements"]:
        tags, point = element.get("tags", {}), element.get("center", element)
        if "lon" not in point or not shapely.intersects_xy(near, point["lon"], point["lat"]):
            continue
        name, inside = tags.get("name"), shapely.intersects_xy(area, point["lon"], point["lat"])
        own_id = f"osm-{element['type'][0]}{element['id']}"
        if _is_mast(tags):
            masts += 1
            stations = _stations(own_id, tags, point)
            silent += not stations
            found.stations.extend(stations)
            if not inside:
                continue
            found.places.append(_feature(point, place_id=own_id, kind="mast", name=name or own_id))
        elif inside and name and tags.get("place") in PLACES:
            people = _number(tags.get("population"))
            found.settlements.append(
                _feature(point, settlement_id=own_id, name=name, kind=tags["place"], population=people)
            )
        elif inside and name and tags.get("amenity") in AMENITIES:
            found.places.append(_feature(point, place_id=own_id, kind=tags["amenity"], name=name))
    if silent:
        found.notes.append(
            Note(
                f"{silent} of {masts} masts state no technology: they are places, not stations",
                f"{silent}/{masts} cột không ghi công nghệ: được coi là địa điểm, không phải trạm",
            )
        )
    return found


def write_features(features: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Write features as GeoJSON (RFC 7946)."""
    text = json.dumps({"type": "FeatureCollection", "features": list(features)}, ensure_ascii=False)
    target.write_text(text, encoding="utf-8")


def _is_mast(tags: Mapping[str, str]) -> bool:
    return (
        tags.get("man_made") in ("mast", "tower", "antenna", "communications_tower")
        or "communication:mobile_phone" in tags
    )


def _stations(mast_id: str, tags: Mapping[str, str], point: Mapping[str, float]) -> list[dict[str, Any]]:
    stated = {
        key.partition(":")[2] for key, value in tags.items() if key.startswith("communication:") and value != "no"
    }
    stated |= set(re.split(r"[;,/ ]+", tags.get("communication:mobile_phone", "").lower()))
    technologies = sorted({TECHNOLOGY_OF_TAG[word] for word in stated if word in TECHNOLOGY_OF_TAG})
    height_m = _number(tags.get("height"))
    return [
        _feature(
            point, station_id=f"{mast_id}-{technology}", mast_id=mast_id, technology=technology, status="live",
            operator=tags.get("operator") or UNKNOWN_OPERATOR, height_agl_m=height_m,
        )
        for technology in technologies
    ]  # fmt: skip


def _feature(point: Mapping[str, float], **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [point["lon"], point["lat"]]}
    return {"type": "Feature", "properties": properties, "geometry": place}


def _number(text: str | None) -> float | None:
    """A plain number, with or without the unit m; None for anything else, like a range or feet."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*m?\s*", text or "")
    return float(match[1]) if match else None
