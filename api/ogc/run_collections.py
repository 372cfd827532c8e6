"""Collections of a run, for everybody: units of every level with their figures, and settlements with what they have."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pydantic_core import from_json

from phusong.api.access_views import PublicSettlementRow
from phusong.api.answers import find_profile, plain_rows
from phusong.api.models import Text
from phusong.api.ogc.features import Collection, Field, Kind
from phusong.api.ogc.reference_systems import Floats, Shapes
from phusong.api.served import ServedRun
from phusong.api.settlements_answer import settlement_rows
from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.results import Results
from phusong.coverage.runs import SUMMARY_INDICATORS
from phusong.coverage.service import ANY

SETTLEMENTS = "settlements"
UNITS = {"provinces": "province", "districts": "district", "communes": "commune", "old_communes": "old_commune"}
RUN_COLLECTIONS = (*UNITS, SETTLEMENTS)
DAY = np.timedelta64(86_399, "s")  # from the first second of a day to its last
_SAID = {
    "run_id": Field(meaning=Text(en="run that it is read from", vi="lần tính"), queryable=False),
    "as_of": Field(meaning=Text(en="date that it is for", vi="ngày của số liệu"), queryable=False, is_date=True),
    "profile": Field(meaning=Text(en="threshold profile", vi="bộ ngưỡng"), queryable=False),
}
_TITLES = {
    "provinces": Text(en="Province", vi="Tỉnh"),
    "districts": Text(en="Former districts", vi="Huyện cũ"),
    "communes": Text(en="Communes", vi="Xã, phường"),
    "old_communes": Text(en="Former communes", vi="Xã cũ"),
    SETTLEMENTS: Text(en="Settlements", vi="Thôn, bản, tổ dân phố"),
}
_OF_UNITS = Text(
    en="Units with people, residential cells and settlements, and how many of them have at least weak or good service.",
    vi="Đơn vị hành chính với số dân, ô dân cư, điểm dân cư và số được phủ từ mức yếu trở lên hoặc mức tốt.",
)
_OF_SETTLEMENTS = Text(
    en="Settlements with their signal, grid power and fixed broadband.",
    vi="Điểm dân cư với tình trạng sóng, điện lưới và băng rộng cố định.",
)
_UNIT_FIELDS = {
    "code": Field(meaning=Text(en="code of the unit", vi="mã đơn vị")),
    "name": Field(meaning=Text(en="its name", vi="tên")),
    "district_code": Field(meaning=Text(en="former district", vi="mã huyện cũ")),
    "reason": Field(meaning=Text(en="why the unit has no polygon", vi="lý do không có ranh giới"), queryable=False),
}


def run_collection(run: ServedRun, name: str, *, public: bool) -> Collection:
    """A collection of a run, made once.

    Parameters
    ----------
    run
        The run.
    name
        One of `RUN_COLLECTIONS`.
    public
        Whether for those who see classes and totals only.
    """
    make = partial(_settlements, run, public=public) if name == SETTLEMENTS else partial(_units, run, name)
    return run.keep(("ogc", name, public and name == SETTLEMENTS), make)


def _units(run: ServedRun, name: str) -> Collection:
    """Units of a level; what everybody may see."""
    results = run.results
    units = results.table("units")
    units = units[units["level"] == UNITS[name]].reset_index(drop=True)
    figures = _figures(results, UNITS[name]).reindex(units["code"].astype(str)).reset_index(drop=True)
    table = pd.concat([pd.DataFrame(units)[list(_UNIT_FIELDS)], figures], axis=1)
    fields = _UNIT_FIELDS | {column: _figure_field(column) for column in map(str, figures)}
    return _collection(results, name, fields, table, key="code", shapes=units.geometry.to_numpy(), meaning=_OF_UNITS)


def _figures(results: Results, level: str) -> pd.DataFrame:
    """Totals and numbers served of every unit of a level, by code: the best of all operators, the default profile."""
    table = results.figures
    chosen = table[
        (table["level"] == level)
        & (table["operator"] == ANY)
        & (table["profile"] == find_profile(results).name)
        & table["indicator"].isin(SUMMARY_INDICATORS)
    ]
    found: dict[str, dict[str, float]] = {}
    columns = ["unit_code", "indicator", "technology", "service", "numerator", "denominator"]
    for row in plain_rows(chosen[columns]):
        of_unit = found.setdefault(str(row["unit_code"]), {})
        of_unit[row["indicator"]] = row["denominator"]
        of_unit[_figure_name(row["indicator"], row["technology"], row["service"])] = row["numerator"]
    return pd.DataFrame.from_dict(found, orient="index", dtype=float)


def _figure_name(indicator: str, technology: str, service: str) -> str:
    """Name of a number served; a plus sign would be a space in an address."""
    return f"{indicator}_{technology.replace('+', '_or_')}_{service}"


def _figure_field(name: str) -> Field:
    if name in SUMMARY_INDICATORS:
        return Field("number", Text(en=f"all {name} of the unit", vi=f"tổng {name} của đơn vị"), queryable=False)
    served = Text(en=f"{name.rpartition('_')[0]} served, at least so well", vi="số được phủ từ mức này trở lên")
    return Field("number", served, queryable=False)


def _settlements(run: ServedRun, *, public: bool) -> Collection:
    """The settlements by commune and name; levels, stations and distances for planners only."""
    found = settlement_rows(run)
    rows = [_public_row(from_json(row)) for row in found.public_rows] if public else found.plain
    table = pd.DataFrame(rows, columns=None if rows else list(PublicSettlementRow.model_fields))
    columns = [str(column) for column in table if column not in ("lon", "lat")]
    fields = {column: Field(_kind(table[column]), _meaning(column)) for column in columns}
    shapes = _points(table["lon"].to_numpy(float), table["lat"].to_numpy(float))
    return _collection(
        run.results, SETTLEMENTS, fields, table, key="settlement_id", shapes=shapes, meaning=_OF_SETTLEMENTS
    )


def _public_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A public row with the class of every technology in a column of its own."""
    classes = {f"class_{technology}": value for technology, value in row["service"].items()}
    return {key: row[key] for key in row if key != "service"} | classes


def _meaning(column: str) -> Text | None:
    """What a column of settlements means; those of a technology or profile are described together."""
    known = DATA_DICTIONARY["settlements"]
    stem = column.rpartition("_")[0]
    text = (
        known.get(column) or known.get(f"{stem}_<technology>") or known.get(f"{column.partition('__')[0]}__<profile>")
    )
    return None if text is None else Text(**text)


def _kind(column: "pd.Series[Any]") -> Kind:
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(column) and column.notna().any() else "string"


def _points(lon: Floats, lat: Floats) -> Shapes:
    placed = np.isfinite(lon) & np.isfinite(lat)
    shapes = np.full(len(lon), None, dtype=object)
    shapes[placed] = shapely.points(lon[placed], lat[placed])
    return shapes


def _collection(
    results: Results, name: str, fields: Mapping[str, Field], table: pd.DataFrame, *,
    key: str, shapes: Shapes, meaning: Text,
) -> Collection:  # fmt: skip
    said = {"run_id": results.run_id, "as_of": results.manifest["as_of"], "profile": find_profile(results).name}
    day = np.datetime64(results.manifest["as_of"], "s")
    sources = results.manifest.get("sources", ())
    return Collection(
        name=name,
        title=_TITLES[name],
        meaning=meaning,
        fields={**fields, **_SAID},
        ids=list(map(str, table[key])),
        table=table.assign(**said)[[*fields, *_SAID]],
        shapes=shapes,
        begins=np.full(len(table), day),
        ends=np.full(len(table), day + DAY),
        licences=tuple((source["attribution"], source["licence_url"]) for source in sources),
        run_id=results.run_id,
    )
