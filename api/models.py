"""What the service and `--json` answer: documented, stable keys. Powers in dBm, margins in dB, distances in km."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ServiceClass = Literal["none", "weak", "good"]
YesNoUnknown = Literal["yes", "no", "unknown"]
UNITS = {"level": "dBm", "margin": "dB", "distance": "km", "share": "0 to 1", "position": "degrees, WGS 84"}


def _written_day(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        return value
    raise ValueError("a day is written like 2026-01-31")


Day = Annotated[date, BeforeValidator(_written_day)]


class Text(BaseModel):
    """One sentence in English and in Vietnamese."""

    en: str
    vi: str


class SourceNotice(BaseModel):
    """Who made the data of a layer, and the terms under which it may be passed on."""

    layer: str
    title: str
    edition: str
    attribution: str
    licence: str
    licence_url: str
    share_alike: bool = Field(description="a database derived from it must be offered under the same licence")


class Answer(BaseModel):
    """What every answer says of itself: which run, for which date, by which thresholds, in which units."""

    run_id: str = Field(description="run the answer is read from")
    as_of: date = Field(description="date the answer is for")
    computed_at: str = Field(description="when the run was computed, UTC")
    data_on: dict[str, date] = Field(default_factory=dict, description="day each layer was imported before it, UTC")
    data_age_days: int | None = Field(
        None, description="days since its stations were imported [d]; null where they were not imported from a file"
    )
    age_warning: Text | None = Field(None, description="where that is longer ago than the service's settings allow")
    profile: str = Field(description="threshold profile")
    profile_source: str = Field(description="where its thresholds come from")
    location_pct: float = Field(description="share of places that must meet a threshold [%]")
    units: dict[str, str] = Field(default_factory=lambda: dict(UNITS))
    definitions: dict[str, Text] = Field(default_factory=dict, description="what the counts and columns mean")
    notes: list[Text] = Field(description="what the model leaves out")
    warnings: list[Text] = Field(default_factory=list)
    sources: list[SourceNotice] = Field(default_factory=list, description="open data in it, to be named when shown")


class CoverageRow(BaseModel):
    """One figure: `numerator` of `denominator` have it. A missing figure has a `reason`."""

    level: str
    unit_code: str
    unit_name: str
    technology: str = Field(description="a technology, 3G+4G, any; empty where none applies")
    operator: str
    profile: str = Field(description="empty where none applies")
    indicator: str
    service: str = Field(description="weak = at least weak, good; yes, no, unknown; a state; or empty")
    numerator: float | None
    denominator: float | None
    share: float | None = Field(ge=0, le=1)
    low: float | None = Field(None, ge=0, le=1, description="share if the whole field were one model error lower")
    high: float | None = Field(None, ge=0, le=1, description="share if the whole field were one model error higher")
    reason: str | None


class CoverageAnswer(Answer):
    """Figures of the units of one level."""

    level: str
    rows: list[CoverageRow]


class SettlementRow(BaseModel):
    """One settlement; further columns per technology are named in `definitions`."""

    model_config = ConfigDict(extra="allow")

    settlement_id: str
    name: str
    commune_code: str | None = None
    commune_name: str | None = None
    district_name: str | None = None
    population: float | None = None
    households: float | None = None
    lon: float | None = None
    lat: float | None = None
    signal: Literal["none", "weak", "good", "unknown"] = Field(
        description="modelled: best class of the technologies that count as signal; unknown without a position"
    )
    signal_declared: str | None = Field(None, description="latest declaration, empty where there is none")
    signal_measured: str | None = Field(None, description="survey or drive test, empty where there is none")
    signal_published: str | None = Field(None, description="by the source that the settings publish")
    signal_disagrees: str | None = Field(None, description="yes where declared or measured is not the modelled class")
    uncertain: YesNoUnknown | None = Field(
        None, description="within the model's error of the weak threshold; beside signal, never in its place"
    )
    power: YesNoUnknown
    broadband: YesNoUnknown


class SettlementsAnswer(Answer):
    """Settlements of a kind: `numerator` of `denominator` settlements, and the people and households in them."""

    numerator: int
    denominator: int
    share: float | None = Field(ge=0, le=1)
    people: float | None = Field(description="people of the settlements listed, where known")
    households: float | None
    next: str | None = Field(None, description="address of the next page, of the same run; null on the last")
    rows: list[SettlementRow]


class PointSignal(BaseModel):
    """What one operator's technology gives in the pixel of the point, from its best station."""

    technology: str
    operator: str
    service: ServiceClass
    rsrp_dbm: float | None
    margin_db: float | None = Field(description="above the weak threshold, location allowance taken off")
    probability: float = Field(ge=0, le=1, description="share of the pixel's places that meet the weak threshold")
    station_id: str | None
    distance_km: float | None


class NearestFibre(BaseModel):
    """The nearest fibre endpoint that reaches the point, else the nearest."""

    endpoint_id: str
    operator: str
    distance_km: float
    reach_km: float
    in_reach: bool


class PointAnswer(Answer):
    """Service at a point: that of the pixel it lies in."""

    lon: float
    lat: float
    in_province: bool
    commune_code: str | None
    commune_name: str | None
    pixel_m: float = Field(description="side of the pixel [m]")
    service: dict[str, ServiceClass] = Field(description="best class over operators, by technology and union")
    operators: dict[str, int] = Field(description="operators that serve at least weakly, by technology and union")
    signals: list[PointSignal]
    fibre: NearestFibre | None
    broadband: YesNoUnknown = Field(description="a fibre endpoint within its reach; unknown without such a layer")


class RunSummary(BaseModel):
    """One published run, or a scenario."""

    run_id: str
    created_at: str
    as_of: date
    is_current: bool
    scenario: str | None = Field(None, description="name of a scenario; null for a published run")
    profiles: list[str]
    engine: Any
    inputs: dict[str, dict[str, Any]]
    figures: list[dict[str, Any]]
    warnings: list[Text]
    timings: dict[str, float]
    peak_memory_mb: float | None


class RunsAnswer(BaseModel):
    """All published runs and scenarios, the newest first."""

    current: str | None
    notes: list[Text]
    runs: list[RunSummary]


class Health(BaseModel):
    """The process answers; the run it serves, if there is one."""

    status: Literal["ok"] = "ok"
    run_id: str | None


class Me(BaseModel):
    """Who the caller is."""

    name: str
    kind: str
    roles: list[str]
    csrf_token: str | None = Field(description="to be sent as X-CSRF-Token with every change in a session")


class AuditAnswer(BaseModel):
    """Entries of the audit log, the newest first."""

    since: date
    entries: list[dict[str, Any]]


class Landing(BaseModel):
    """What is served here."""

    name: str
    run_id: str | None
    links: dict[str, str]
    notes: list[Text]


class Problem(BaseModel):
    """The body of every answer that is an error (RFC 9457), in the language that the request prefers."""

    type: str = Field(description="which problem it is, the same in every language")
    title: str
    status: int
    detail: str = Field(description="what is wrong and what to do")
