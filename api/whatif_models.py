"""What may be asked of stations that are not there, and what is answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, Strict

from phusong.api.models import Answer, ServiceClass

Number = Annotated[FiniteFloat, Strict()]  # true is no number, nor is "1"
Lon = Annotated[Number, Field(ge=-180, le=180, description="longitude, WGS 84 [deg]")]
Lat = Annotated[Number, Field(ge=-90, le=90, description="latitude, WGS 84 [deg]")]
Height = Annotated[Number, Field(ge=1, le=1000, description="of the antennas above ground [m]")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Values = Annotated[list[Number], Field(min_length=1, max_length=12)]

EXAMPLE: Any = {
    "new": [
        {
            "station_id": "NEW-1", "operator": "Viettel", "technology": "4G", "band_mhz": 1800, "bandwidth_mhz": 20,
            "height_agl_m": 42, "azimuths_deg": [0, 120, 240], "eirp_dbm": [61], "lon": 107.2, "lat": 19.05,
        }
    ]
}  # fmt: skip


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewStation(_Asked):
    """A station that is not there, as in the layer `stations`; of the lists one value holds for all sectors."""

    station_id: Name
    mast_id: Name | None = Field(None, description="the station's id")
    operator: Name
    technology: Literal["2G", "3G", "4G", "5G"]
    band_mhz: Annotated[Number, Field(ge=30, le=6000)]
    bandwidth_mhz: Annotated[Number, Field(gt=0, le=400)]
    height_agl_m: Height
    azimuths_deg: Values | None = Field(None, description="none is one omnidirectional sector")
    downtilt_deg: Values | None = None
    mechanical_tilt_deg: Values | None = None
    eirp_dbm: Values
    antenna: Name | None = None
    lon: Lon
    lat: Lat


class MovedStation(_Asked):
    """A station of the layer at another place, and of another height where that is given."""

    station_id: Name
    lon: Lon
    lat: Lat
    height_agl_m: Height | None = None


class WhatIfRequest(_Asked):
    """Stations to add, to move and to remove."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    new: Annotated[list[NewStation], Field(max_length=20)] = []
    moved: Annotated[list[MovedStation], Field(max_length=20)] = []
    removed: Annotated[list[Name], Field(max_length=50)] = []


class PeopleChange(BaseModel):
    """People of a unit who gain or lose a service: `numerator` of `denominator` have it now."""

    level: Literal["province", "commune"]
    unit_code: str
    unit_name: str
    technology: str
    service: str = Field(description="weak = at least weak, good")
    numerator: float | None
    denominator: float | None
    gained: float
    lost: float
    numerator_after: float | None


class SettlementChange(BaseModel):
    """A settlement whose class is another."""

    settlement_id: str
    name: str
    commune_code: str
    commune_name: str
    lon: float
    lat: float
    population: float | None
    technology: str = Field(description="a technology, a union, or signal: those that count as signal")
    class_a: ServiceClass
    class_b: ServiceClass
    change: Literal["gained", "lost", "better", "worse"]


class CoveragePicture(BaseModel):
    """What new and moved stations would serve: a PNG, and where its corners lie."""

    data_url: str
    corners: list[tuple[float, float]] = Field(description="lon, lat of the NW, NE, SE and SW corner")


class WhatIfAnswer(Answer):
    """What the stations would change of the run, by its default profile and over all operators; nothing is stored."""

    people: list[PeopleChange]
    settlements: list[SettlementChange]
    picture: CoveragePicture | None
