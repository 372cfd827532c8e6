"""What the service answers on one settlement, on many points and on one run."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from phusong.api.models import Answer, NearestFibre, PointSignal, ServiceClass, SettlementRow, Text, YesNoUnknown

MAX_POINTS = 1000


class Obstacle(BaseModel):
    """The point of a path that obstructs it most, as the path evaluator finds it."""

    lon: float
    lat: float
    distance_km: float = Field(description="from the station")
    terrain_m: float = Field(description="height of the ground there [m amsl]")
    clutter_m: float = Field(description="cover on it [m]")
    clearance_m: float = Field(description="height of the ray above both, negative where they stand in its way")
    fresnel_share: float = Field(description="clearance over the radius of the first Fresnel zone")
    kind: Literal["terrain", "clutter"]


class ReasonPath(BaseModel):
    """The path of one station to the settlement."""

    station_id: str
    operator: str
    technology: str
    band_mhz: float
    distance_km: float
    rsrp_dbm: float
    margin_db: float | None
    service: str | None
    sight: Literal["clear", "fresnel", "blocked"]
    obstacle: Obstacle


class PlannedStation(BaseModel):
    """The nearest planned station that would serve."""

    quarter: Text | None = Field(description="from which quarter; null where the layer does not say")
    on_air_from: date | None
    station_id: str
    distance_km: float
    margin_db: float


class Reasons(BaseModel):
    """Why a settlement has the signal that it has; `best` is the position in `paths` of the best station."""

    cause: str
    cause_text: Text
    funding: str
    funding_text: Text
    paths: list[ReasonPath]
    best: int | None
    planned: PlannedStation | None


class SettlementAnswer(Answer):
    """One settlement: its row, what every technology and operator gives it on its own exact path, fibre, reasons."""

    settlement: SettlementRow
    signals: list[PointSignal]
    fibre: NearestFibre | None
    reasons: Reasons | None = Field(description="null for a settlement with good signal")


class PublicPlanned(BaseModel):
    """From which quarter a planned station would serve; null where the layer does not say."""

    quarter: Text | None


class PublicReasons(BaseModel):
    """Why a settlement is not served, without stations."""

    cause: str
    cause_text: Text
    funding: str
    funding_text: Text
    planned: PublicPlanned | None


class Place(BaseModel):
    """A point [degrees, WGS 84]."""

    model_config = ConfigDict(extra="forbid")

    lon: Annotated[FiniteFloat, Strict(), Field(ge=-180, le=180)]
    lat: Annotated[FiniteFloat, Strict(), Field(ge=-90, le=90)]


class PointsRequest(BaseModel):
    """Points to answer for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"points": [{"lon": 106.6, "lat": 17.47}]}]}
    )

    points: list[Place] = Field(min_length=1, max_length=MAX_POINTS)


class PointRow(BaseModel):
    """Service in the pixel of one point; what only planners see is absent for the public."""

    lon: float
    lat: float
    in_province: bool
    commune_code: str | None
    commune_name: str | None
    service: dict[str, ServiceClass]
    broadband: YesNoUnknown
    operators: dict[str, int] | None = None
    signals: list[PointSignal] | None = None
    fibre: NearestFibre | None = None


class PointsAnswer(Answer):
    """Service at points, in the order asked."""

    rows: list[PointRow]
