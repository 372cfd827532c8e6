"""From the level on one path to its margin and class, by the rules of a run."""

import math
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from phusong.coverage.calibration import offsets_cdb
from phusong.coverage.indoor import indoor_loss_db, indoor_settings
from phusong.coverage.link import location_sigma_db, reference_signal
from phusong.coverage.service import CLASS_NAMES, location_allowance_db, rate_points
from phusong.coverage.stations import parse_stations
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.settings import Settings, ThresholdProfile


@dataclass(frozen=True)
class IndoorLevel:
    """The level behind the building entry loss, by the section `indoor` of the settings.

    Without a threshold of the technology indoors margin, service and uncertain are None.
    """

    building_type: str
    probability_pct: float
    entry_loss_db: float
    rsrp_dbm: float
    margin_db: float | None
    service: str | None
    uncertain: bool | None


@dataclass(frozen=True)
class Level:
    """From the radiated power to the answer.

    `rsrp_dbm` is rounded as in a run. `uncertain` says that the margin lies within the model's error, by the settings.
    Without a threshold of the technology margin, service and that are None. `uplink_floor_dbm` is the level below which
    the uplink fails, None without a budget; a threshold below it counts as raised to it. `indoor` is None unless the
    settings ask for answers indoors.
    """

    quantity: str
    share_db: float
    calibration_db: float
    rsrp_dbm: float
    profile: str
    weak_dbm: float | None
    good_dbm: float | None
    uplink_floor_dbm: float | None
    location_pct: float
    location_allowance_db: float
    margin_db: float | None
    service: str | None
    uncertain: bool | None
    indoor: IndoorLevel | None


def rate_level(
    station: gpd.GeoDataFrame,
    uncalibrated_dbm: float,
    cover: int,
    settings: Settings,
    *,
    profile: ThresholdProfile,
    resolution_m: float,
    at_sea: bool,
) -> Level:
    """Calibrate and rate the level of a station at a place.

    Parameters
    ----------
    station
        Its row of the layer.
    uncalibrated_dbm
        Level of the reference signal at the place [dBm].
    cover
        Land-cover code there.
    settings
        Calibration, model error, uplink budget and buildings.
    profile
        Thresholds and location percentage.
    resolution_m
        Side of a pixel [m].
    at_sea
        Whether the place lies at sea, where places do not differ.
    """
    parsed = parse_stations(station)[0]
    reference = reference_signal(parsed.technology, parsed.bandwidth_mhz)
    calibration_db = float(offsets_cdb(settings.calibration, parsed.band_mhz)[cover]) / 100.0
    sigma_l_db = 0.0 if at_sea else location_sigma_db(parsed.band_mhz / 1e3, resolution_m)
    floor_dbm = float(level_floor_dbm(station, settings.uplink)[0])
    rsrp_dbm = round(uncalibrated_dbm + calibration_db, 2)
    signal: dict[str, str | float] = {
        "technology": parsed.technology, "rsrp_dbm": rsrp_dbm, "sigma_l_db": sigma_l_db, "floor_dbm": floor_dbm,
    }  # fmt: skip
    margin_db, service = _rate(signal, profile)
    threshold = profile.thresholds.get(parsed.technology)
    return Level(
        quantity=reference.quantity,
        share_db=reference.share_db,
        calibration_db=calibration_db,
        rsrp_dbm=rsrp_dbm,
        profile=profile.name,
        weak_dbm=None if threshold is None else threshold.weak_dbm,
        good_dbm=None if threshold is None else threshold.good_dbm,
        uplink_floor_dbm=floor_dbm if math.isfinite(floor_dbm) else None,
        location_pct=profile.location_pct,
        location_allowance_db=float(location_allowance_db(sigma_l_db, profile.location_pct)),
        margin_db=margin_db,
        service=service,
        uncertain=_is_uncertain(margin_db, settings),
        indoor=_rate_indoors(signal, parsed.band_mhz, settings, profile.name),
    )


def _rate_indoors(
    signal: dict[str, str | float], band_mhz: float, settings: Settings, profile_name: str
) -> IndoorLevel | None:
    """The level and the answer indoors by the rules of a run."""
    indoor = settings.indoor
    if indoor is None:
        return None
    loss_db = indoor_loss_db(band_mhz / 1e3, indoor)
    rsrp_dbm = round(float(signal["rsrp_dbm"]) - loss_db, 2)
    kept = [profile for profile in indoor_settings(settings, indoor).profiles if profile.name == profile_name]
    margin_db, service = _rate({**signal, "rsrp_dbm": rsrp_dbm}, kept[0]) if kept else (None, None)
    return IndoorLevel(
        indoor.building_type, indoor.probability_pct, loss_db, rsrp_dbm, margin_db, service,
        _is_uncertain(margin_db, settings),
    )  # fmt: skip


def _rate(signal: dict[str, str | float], profile: ThresholdProfile) -> tuple[float | None, str | None]:
    """Margin [dB] and class; None where the profile has no threshold of the technology."""
    rated = rate_points(pd.DataFrame([signal]), profile)
    if rated.empty:
        return None, None
    return float(rated["margin_db"].iloc[0]), CLASS_NAMES[int(rated["service"].iloc[0])]


def _is_uncertain(margin_db: float | None, settings: Settings) -> bool | None:
    error = settings.model_error
    return None if margin_db is None else abs(margin_db) <= error.k * error.sigma_db
