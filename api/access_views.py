"""What the public sees of each answer: classes and totals, and nothing that locates masts.

Levels, margins, stations, distances and counts of masts stay with planners. Every public answer is a model of its
own that names what it shows, so that a column which is new in an answer is not public until somebody says so.
"""

import math
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field
from pyproj import Transformer

from phusong.api.callers import Caller
from phusong.api.models import (
    Answer,
    CoverageRow,
    Health,
    Landing,
    RunsAnswer,
    RunSummary,
    ServiceClass,
    SettlementRow,
    Text,
    YesNoUnknown,
)
from phusong.coverage.results import Results
from phusong.geodata.errors import UnknownNameError

PUBLIC_CELL_M = 100.0
PUBLIC_UNITS = {"share": "0 to 1", "position": "degrees, WGS 84"}
PUBLIC_LAYERS = ("communes", "crosswalk", "settlements", "population", "terrain", "clutter")
HIDDEN_INDICATORS = ("masts", "stations")
CELL_NOTE = Text(
    en=f"The class is that of the cell of {PUBLIC_CELL_M:.0f} m that holds the point.",
    vi=f"Lớp dịch vụ lấy theo ô {PUBLIC_CELL_M:.0f} m chứa điểm.",
)


class PublicSettlementRow(BaseModel):
    """One settlement as everybody may see it: where it is and what it has."""

    settlement_id: str
    name: str
    commune_code: str | None = None
    commune_name: str | None = None
    district_name: str | None = None
    population: float | None = None
    households: float | None = None
    lon: float | None = None
    lat: float | None = None
    signal: str = Field(description="modelled: none, weak, good or unknown")
    signal_declared: str | None = None
    signal_measured: str | None = None
    signal_published: str | None = None
    signal_disagrees: str | None = None
    uncertain: YesNoUnknown | None = None
    power: YesNoUnknown
    broadband: YesNoUnknown
    service: dict[str, str | None] = Field(description="class over all operators, by technology")


class PublicSettlementsAnswer(Answer):
    """Settlements of a kind, as everybody may see them."""

    numerator: int
    denominator: int
    share: float | None = Field(ge=0, le=1)
    people: float | None
    households: float | None
    next: str | None = Field(None, description="address of the next page, of the same run; null on the last")
    rows: list[PublicSettlementRow]


class PublicPointAnswer(Answer):
    """Service in the cell of 100 m that holds a point."""

    lon: float = Field(description="of the centre of the cell")
    lat: float = Field(description="of the centre of the cell")
    cell_m: float = PUBLIC_CELL_M
    in_province: bool
    commune_code: str | None
    commune_name: str | None
    service: dict[str, ServiceClass] = Field(description="best class over operators, by technology and union")
    broadband: YesNoUnknown


class PublicRunSummary(BaseModel):
    """One published run."""

    run_id: str
    created_at: str
    as_of: date
    is_current: bool
    profiles: list[str]


class PublicRunsAnswer(BaseModel):
    """The published runs, the newest first; no scenarios, which hold plans."""

    current: str | None
    notes: list[Text]
    runs: list[PublicRunSummary]


class PublicCoverageAnswer(Answer):
    """Figures of the units of one level, without counts of masts and stations."""

    level: str
    rows: list[CoverageRow]


def shown(answer: BaseModel, caller: Caller) -> BaseModel:
    """An answer as its caller may see it.

    Raises
    ------
    TypeError
        The caller sees classes only, and nobody has said what the public sees of such an answer.
    """
    return answer if caller.sees_levels else public_view(answer)


def public_view(answer: BaseModel) -> BaseModel:
    """What the public sees of an answer, of its heading (`Answer`) or of one settlement.

    Raises
    ------
    TypeError
        Nobody has said what the public sees of it.
    """
    if type(answer) not in PUBLIC_VIEWS:
        raise TypeError(f"{type(answer).__name__} has no public view")
    return PUBLIC_VIEWS[type(answer)](answer)


def public_cell(crs: str, lon: float, lat: float) -> tuple[float, float]:
    """Centre of the cell of 100 m that holds a point: all points of a cell get one answer.

    Parameters
    ----------
    crs
        CRS of the analysis grid [m].
    lon, lat
        The point [degrees, WGS 84].

    Returns
    -------
    tuple[float, float]
        Longitude and latitude of the centre; the point itself where the CRS does not reach.
    """
    there, back = _transformers(crs)
    x, y = there.transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        return lon, lat
    centre_lon, centre_lat = back.transform(*public_centre(x, y))
    return round(centre_lon, 6), round(centre_lat, 6)


def public_centre(x_m: float, y_m: float) -> tuple[float, float]:
    """Centre of the cell of 100 m that holds a point in the CRS of the grid [m]; the point itself where infinite."""
    if not (math.isfinite(x_m) and math.isfinite(y_m)):
        return x_m, y_m
    return _centre(x_m), _centre(y_m)


def require_open(results: Results, caller: Caller) -> None:
    """Refuse a scenario to those who see classes only: it holds plans. They learn no names of runs either.

    Raises
    ------
    UnknownNameError
        The run is a scenario.
    """
    if results.manifest.get("scenario") is not None and not caller.sees_levels:
        raise unknown_run()


def unknown_run() -> UnknownNameError:
    """The error of those who ask for a run that is not theirs to see, or that there is not."""
    return UnknownNameError("There is no such run; see /v1/runs.", vi="Không có lần tính này; xem /v1/runs.")


def _centre(value_m: float) -> float:
    return (math.floor(value_m / PUBLIC_CELL_M) + 0.5) * PUBLIC_CELL_M


@lru_cache(maxsize=8)
def _transformers(crs: str) -> tuple[Transformer, Transformer]:
    return Transformer.from_crs(4326, crs, always_xy=True), Transformer.from_crs(crs, 4326, always_xy=True)


def _heading(answer: Answer) -> dict[str, Any]:
    """What a public answer says of itself; warnings of a run name stations."""
    kept = {name: getattr(answer, name) for name in Answer.model_fields}
    kept["data_on"] = {name: day for name, day in answer.data_on.items() if name in PUBLIC_LAYERS}
    return kept | {"units": PUBLIC_UNITS, "warnings": [], "definitions": _definitions(answer.definitions)}


def _definitions(definitions: dict[str, Text]) -> dict[str, Text]:
    known = {*PublicSettlementRow.model_fields, *CoverageRow.model_fields, "rows", "N", "model_error"}
    return {name: text for name, text in definitions.items() if name in known}


def _settlement(row: SettlementRow) -> PublicSettlementRow:
    kept = {name: getattr(row, name) for name in PublicSettlementRow.model_fields if name != "service"}
    further = row.model_extra or {}
    classes = {name.removeprefix("class_"): further[name] for name in further if name.startswith("class_")}
    return PublicSettlementRow(**kept, service=classes)


def _run(run: RunSummary) -> PublicRunSummary:
    return PublicRunSummary(**{name: getattr(run, name) for name in PublicRunSummary.model_fields})


def _runs(answer: RunsAnswer) -> PublicRunsAnswer:
    runs = [_run(run) for run in answer.runs if run.scenario is None]
    return PublicRunsAnswer(current=answer.current, notes=answer.notes, runs=runs)


PUBLIC_VIEWS: dict[type[BaseModel], Callable[[Any], BaseModel]] = {
    Answer: lambda answer: Answer(**_heading(answer)),
    SettlementRow: _settlement,
    RunSummary: _run,
    RunsAnswer: _runs,
    Landing: lambda answer: answer,
    Health: lambda answer: answer,
}
