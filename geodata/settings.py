"""Settings of a workspace, read from `phusong.toml`.

Thresholds, dates, heights and weights live in the file, each with its source; the packaged template
`data/settings.toml` holds the values a new workspace begins with. Nothing is read at import.
"""

import datetime
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
from annotated_types import Ge, Gt, Le
from pyproj import CRS
from pyproj.exceptions import CRSError

from phusong.geodata.errors import SettingsError, UnknownNameError
from phusong.geodata.service_settings import ServiceSettings
from phusong.geodata.toml_models import Section, validate_toml

SETTINGS_FILE = "phusong.toml"

Finite = Annotated[float, pydantic.AllowInfNan(False)]
Positive = Annotated[Finite, Gt(0)]
NotNegative = Annotated[Finite, Ge(0)]
Percent = Annotated[Finite, Ge(50), Le(99)]


class ModelSettings(Section):
    """The propagation model and its fixed inputs.

    `spacing_m` None means the grid's resolution; `mid_lat_deg` None means the centre of the terrain. `environment` is
    read by Hata alone; `clutter_loss` says where P.1812 and free space take the clutter from.
    """

    name: Literal["p1812", "free_space", "hata", "rma", "uma"] = "p1812"
    environment: Literal["urban", "suburban", "open"] = "suburban"
    clutter_loss: Literal["land_cover", "p2108"] = "land_cover"
    radius_km: Annotated[Positive, Le(100)] = 20.0
    spacing_m: Positive | None = None
    time_pct: Finite = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    rx_height_agl_m: Annotated[Finite, Ge(1), Le(3000)] = 1.5
    delta_n: Annotated[Finite, Gt(0), Le(150)]
    surface_refractivity: Annotated[Finite, Ge(200), Le(500)]
    mid_lat_deg: Annotated[Finite, Ge(-80), Le(80)] | None = None
    end_clearance_m: NotNegative = 50.0

    @pydantic.field_validator("time_pct")
    @classmethod
    def _median_of_time(cls, value: float) -> float:
        if value != 50.0:
            raise ValueError("must be 50: a lower time percentage is enhanced propagation, for interference studies")
        return value

    @pydantic.model_validator(mode="after")
    def _clutter_counts_once(self) -> Self:
        if self.clutter_loss == "p2108" and self.name not in ("p1812", "free_space"):
            raise ValueError(f"clutter_loss p2108 would count clutter twice: {self.name} already holds it")
        return self


class Indoor(Section):
    """Buildings for the figures indoors; `technologies` None means all that a profile has thresholds for."""

    building_type: Literal["traditional", "thermally_efficient"]
    probability_pct: Annotated[Finite, Ge(1), Le(99)] = 50.0
    technologies: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] | None = None


class Threshold(Section):
    """Levels [dBm] from which a service is weak and from which it is good."""

    weak_dbm: Finite
    good_dbm: Finite

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.weak_dbm > self.good_dbm:
            raise ValueError(f"weak_dbm must not exceed good_dbm, got {self.weak_dbm} and {self.good_dbm}")
        return self


class ThresholdProfile(Section):
    """Named thresholds with the share of places [%] that must meet them, their source and date."""

    name: str
    source: str
    date: datetime.date
    location_pct: Percent
    counts_as_signal: tuple[str, ...]
    thresholds: dict[str, Threshold]

    @pydantic.model_validator(mode="after")
    def _signal_has_thresholds(self) -> Self:
        for technology in self.counts_as_signal:
            if technology not in self.thresholds:
                raise ValueError(f"counts_as_signal names {technology}, which has no thresholds")
        return self


class Technology(Section):
    """Last day of service, with its source, and the measured quantity."""

    end_date: datetime.date | None = None
    end_date_source: str | None = None
    quantity: Literal["RxLev", "RSCP", "RSRP", "SS-RSRP"]


class SeaRule(Section):
    """Sea is terrain at or below `max_elevation_m` [m] and outside every commune; None: no sea."""

    max_elevation_m: Finite | None = None


class ModelError(Section):
    """Standard error of the model against measurement [dB], and how many of them make a settlement uncertain."""

    sigma_db: Annotated[NotNegative, Le(30)] = 8.0
    k: Annotated[NotNegative, Le(5)] = 1.0
    source: str = (
        "Phillips, Sicker and Grunwald 2012, Int. J. Antennas Propag. 754158: 8-9 dB for models fitted to "
        "measurements, 12-15 dB for the best without"
    )


class Published(Section):
    """Whose answer is published where the model, a declaration and a measurement differ; the others stand beside it.

    Measurements speak for a settlement within `measured_radius_m` [m], from `measured_min_count` on of one technology
    and operator. Both are choices of this project.
    """

    signal: Literal["modelled", "declared", "measured"] = "modelled"
    broadband: Literal["declared", "modelled"] = "declared"
    measured_radius_m: Annotated[Finite, Gt(0), Le(5000)] = 500.0
    measured_min_count: Annotated[int, Ge(1)] = 20


class Target(Section):
    """A target of a plan or resolution: share of an indicator [%] by a day, and the decision that sets it."""

    name: str
    indicator: str
    technology: str = "any"
    service: Literal["weak", "good"] = "weak"
    value_pct: Annotated[Finite, Ge(0), Le(100)]
    due: datetime.date
    decision: str


class Report(Section):
    """What maps and reports say besides the figures; no figure depends on it.

    `specially_difficult` names the values of `area_type` whose settlements the public-utility telecom fund pays for.
    """

    specially_difficult: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()


class Calibration(Section):
    """Offsets [dB] added to the level, by band [MHz] and land-cover code of the receiver's pixel, and their source."""

    source: str
    offset_db: dict[str, dict[str, Annotated[Finite, Ge(-40), Le(40)]]]

    @pydantic.field_validator("offset_db")
    @classmethod
    def _bands_and_codes(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for band, offsets in value.items():
            if not (band.isascii() and band.isdigit() and int(band) > 0):
                raise ValueError(f"{band!r} is no band; bands are whole numbers of MHz")
            _require_land_cover_codes(offsets)
        return value


class UplinkSettings(Section):
    """What a handset's signal meets on its way to the base station; the sensitivity by technology [dBm]."""

    handset_power_dbm: Finite
    antenna_gain_dbi: Finite
    losses_db: NotNegative = 0.0
    sensitivity_dbm: dict[str, Finite]
    source: str


_NO_FIGURE_DEPENDS_ON = {"cache_limit_gb", "service", "report"}


class Settings(Section):
    """All that a run depends on besides the layers, and what no figure depends on. The first profile is the default."""

    name: str
    crs: str
    resolution_m: Annotated[Finite, Ge(1), Le(5000)]
    model: ModelSettings
    clutter_height_m: dict[str, NotNegative]
    clutter_height_on_dsm_m: dict[str, NotNegative]
    population_weight: dict[str, NotNegative]
    sea: SeaRule
    residential_cell_min_people: Positive
    profiles: Annotated[tuple[ThresholdProfile, ...], pydantic.Field(min_length=1)]
    technologies: dict[str, Technology]
    maintenance_serves: bool = True
    cache_limit_gb: NotNegative = 0.0
    model_error: ModelError = ModelError()
    published: Published = Published()
    report: Report = Report()
    calibration: Calibration | None = None
    indoor: Indoor | None = None
    uplink: UplinkSettings | None = None
    service: ServiceSettings = ServiceSettings()

    def of_figures(self) -> dict[str, Any]:
        """What figures depend on, as the manifest of a run holds it."""
        return self.model_dump(mode="json", exclude=_NO_FIGURE_DEPENDS_ON)

    @pydantic.field_validator("crs")
    @classmethod
    def _projected_in_metres(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError:
            raise ValueError(f"{value!r} is no known CRS; write one like EPSG:32648") from None
        if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
            raise ValueError(f"{value} is not projected in metres; use a UTM or VN-2000 TM-3 zone like EPSG:32648")
        return value

    @pydantic.field_validator("clutter_height_m", "clutter_height_on_dsm_m", "population_weight")
    @classmethod
    def _land_cover_codes(cls, value: dict[str, float]) -> dict[str, float]:
        _require_land_cover_codes(value)
        return value

    @pydantic.model_validator(mode="after")
    def _profiles_fit_technologies(self) -> Self:
        names = [profile.name for profile in self.profiles]
        if len(set(names)) < len(names):
            raise ValueError(f"profile names must differ, got {', '.join(names)}")
        for profile in self.profiles:
            for technology in profile.thresholds:
                if technology not in self.technologies:
                    raise ValueError(f"profile {profile.name} has thresholds for {technology}, no known technology")
        for technology in (self.indoor.technologies or ()) if self.indoor else ():
            if technology not in self.profiles[0].thresholds:
                default = self.profiles[0].name
                raise ValueError(f"indoor.technologies names {technology}; profile {default} has no thresholds for it")
        for technology in self.uplink.sensitivity_dbm if self.uplink else ():
            if technology not in self.technologies:
                raise ValueError(f"uplink has a sensitivity for {technology}, no known technology")
        return self

    def profile(self, name: str | None = None) -> ThresholdProfile:
        """Find a threshold profile by name; None gives the default one.

        Raises
        ------
        UnknownNameError
            There is no profile of that name.
        """
        if name is None:
            return self.profiles[0]
        for profile in self.profiles:
            if profile.name == name:
                return profile
        known = ", ".join(profile.name for profile in self.profiles)
        raise UnknownNameError(
            f"There is no threshold profile {name!r}; the settings have {known}.",
            vi=f"Không có bộ ngưỡng {name!r}; cấu hình có {known}.",
        )


def _require_land_cover_codes(codes: Mapping[str, float]) -> None:
    for code in codes:
        if not (code.isascii() and code.isdigit() and 0 < int(code) <= 255):
            raise ValueError(f"{code!r} is no land-cover code; codes are whole numbers 1 to 255")


def render_settings(*, name: str, crs: str, resolution_m: float) -> str:
    """Render the packaged template as the text of a new `phusong.toml`.

    Parameters
    ----------
    name
        Name of the workspace, any text.
    crs
        Projected CRS of the analysis grid, like `EPSG:32648`.
    resolution_m
        Side of an analysis cell [m].
    """
    text = files("phusong.geodata").joinpath("data/settings.toml").read_text(encoding="utf-8")
    # A JSON string is a TOML basic string.
    text = text.replace("@RESOLUTION@", repr(float(resolution_m)), 1)
    text = text.replace("@CRS@", json.dumps(crs, ensure_ascii=False), 1)
    return text.replace("@NAME@", json.dumps(name, ensure_ascii=False), 1)


def default_settings(*, name: str = "phusong", crs: str = "EPSG:32648", resolution_m: float = 30.0) -> Settings:
    """Build the settings that a new workspace begins with.

    Raises
    ------
    SettingsError
        The CRS is unknown or not projected in metres, or the resolution is out of range.
    """
    return parse_settings(render_settings(name=name, crs=crs, resolution_m=resolution_m), where=SETTINGS_FILE)


def read_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises
    ------
    SettingsError
        The file is missing, no TOML, or holds an unknown key or a value out of range.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows begin with a mark
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.", vi=f"Không đọc được {path}: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 text; save it as UTF-8.",
            vi=f"{path} không phải UTF-8; hãy lưu lại dạng UTF-8.",
        ) from error
    return parse_settings(text, where=str(path))


def parse_settings(text: str, *, where: str) -> Settings:
    """Check the text of a settings file; `where` names it in errors.

    Raises
    ------
    SettingsError
        The text is no TOML, or holds an unknown key or a value out of range; all faults in one message.
    """
    return validate_toml(Settings, text, where=where)
