"""The difference of two runs as JSON and as GeoJSON."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd
from pydantic import BaseModel, Field
from shapely.geometry import mapping

from phusong.api.answers import plain_rows
from phusong.api.models import Text
from phusong.coverage.diff import Difference
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results
from phusong.maps.reason_text import reason_words

DEFINITIONS = {
    "people": Text(
        en="people_b - people_a = gained - lost + arrived - left, exact to the millionth; arrived and left are people "
        "whom the population or a border moved",
        vi="people_b - people_a = gained - lost + arrived - left, đúng đến một phần triệu; arrived và left là người "
        "thay đổi do dân số hoặc ranh giới",
    ),
    "counts": Text(
        en="settlements with service, as people: settlements_b - settlements_a = gained - lost + arrived - left",
        vi="số điểm dân cư có sóng, như people: settlements_b - settlements_a = gained - lost + arrived - left",
    ),
    "service": Text(en="weak = at least weak, good", vi="weak = từ yếu trở lên, good = tốt"),
    "cause": Text(
        en="new, gone, changed: what became of the station; ground: what its paths cross, the model or the engine; "
        "settings: thresholds; settlement: added, removed or moved",
        vi="new, gone, changed: trạm mới, bị bỏ, thay đổi; ground: địa hình, lớp phủ, mô hình hoặc phiên bản; "
        "settings: ngưỡng; settlement: điểm dân cư thêm, bớt hoặc dời chỗ",
    ),
}


class DiffRun(BaseModel):
    """One of the two runs."""

    run_id: str
    as_of: date
    computed_at: str
    scenario: str | None
    profile: str


class DiffAnswer(BaseModel):
    """What run `b` has that run `a` had not, by the default profile of each and over all operators."""

    a: DiffRun
    b: DiffRun
    level: str
    not_available: Text | None = Field(description="why people cannot be told by the level")
    definitions: dict[str, Text] = Field(default_factory=lambda: dict(DEFINITIONS))
    settlements: list[dict[str, Any]]
    people: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    causes: list[dict[str, Any]]
    stations: list[dict[str, Any]]


def diff_answer(found: Difference) -> DiffAnswer:
    """A difference with people in persons instead of micro-persons."""
    places = found.stations.geometry
    stations = pd.DataFrame(found.stations.drop(columns="geometry")).assign(lon=places.x, lat=places.y)
    return DiffAnswer(
        a=_run(found.a),
        b=_run(found.b),
        level=found.level,
        not_available=_not_available(found.reason),
        settlements=plain_rows(found.settlements),
        people=plain_rows(in_persons(found.people)),
        counts=plain_rows(found.counts),
        causes=plain_rows(in_persons(found.causes)),
        stations=plain_rows(stations),
    )


def _not_available(reason: str) -> Text | None:
    if not reason:
        return None
    english, vietnamese = reason_words(reason)
    return Text(en=f"not available: {english}", vi=f"không có: {vietnamese}")


def in_persons(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its columns of micro-persons as persons."""
    counted = [name for name in table.columns if name.endswith("_micro")]
    persons = {name.removesuffix("_micro"): table[name] / MICRO for name in counted}
    return table.drop(columns=counted).assign(**persons)


def render_geojson(found: Difference) -> str:
    """The settlements, units and stations that changed, as one GeoJSON collection (WGS 84).

    The property `kind` is `settlement`, `station` or the level of the units; units have the people who gained and lost
    at least weak service by technology, like `gained_4G`.
    """
    people = in_persons(found.people)
    chosen = people[(people["level"] == found.level) & (people["service"] == "weak")]
    by_technology = chosen.pivot(index="unit_code", columns="technology", values=["gained", "lost"]).fillna(0.0)
    by_technology.columns = ["_".join(pair) for pair in by_technology.columns]
    units = found.units[(found.units["level"] == found.level) & found.units.geometry.notna()]
    changed = units[["code", "name", "geometry"]].merge(by_technology, left_on="code", right_index=True)
    signal = found.settlements[(found.settlements["technology"] == "signal") & found.settlements["lon"].notna()]
    points = gpd.GeoDataFrame(signal, geometry=gpd.points_from_xy(signal["lon"], signal["lat"]), crs=4326)
    tables = {found.level: changed, "settlement": points.drop(columns=["lon", "lat"]), "station": found.stations}
    features = [feature for kind, table in tables.items() for feature in _features(kind, table)]
    collection = {"type": "FeatureCollection", "run_a": found.a.run_id, "run_b": found.b.run_id, "features": features}
    collection["sources"] = found.b.manifest.get("sources", [])
    return json.dumps(collection, ensure_ascii=False, allow_nan=False)


def _features(kind: str, table: gpd.GeoDataFrame) -> Iterable[dict[str, Any]]:
    rows = plain_rows(pd.DataFrame(table.drop(columns="geometry")))
    for row, shape in zip(rows, table.geometry, strict=True):
        yield {"type": "Feature", "properties": {"kind": kind, **row}, "geometry": mapping(shape)}


def _run(run: Results) -> DiffRun:
    manifest = run.manifest
    return DiffRun(
        run_id=run.run_id,
        as_of=manifest["as_of"],
        computed_at=manifest["created_at"],
        scenario=manifest["scenario"],
        profile=next(iter(run.profiles)),
    )
