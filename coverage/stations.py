"""Which stations serve on a date, and their sectors as typed values.

A station serves when its status says so, the date lies in its time on air, and its technology has not ended.
Interference, load and outages are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.errors import InputError, MissingLayerError, SettingsError
from phusong.geodata.schemas import ANTENNAS
from phusong.geodata.settings import Settings

NAMED_IN_A_WARNING = 10
SECTOR_LISTS = ("azimuths_deg", "downtilt_deg", "mechanical_tilt_deg", "eirp_dbm", "antenna")

T = TypeVar("T")

_REASONS = {
    "status": ("are not in service by their status", "không hoạt động theo trạng thái"),
    "not_yet_on_air": ("are not on air yet", "chưa phát sóng"),
    "off_air": ("went off air", "đã ngừng phát sóng"),
    "technology_ended": ("are past their technology's end date", "đã quá ngày dừng công nghệ"),
}


@dataclass(frozen=True)
class Sector:
    """One antenna of a station.

    Attributes
    ----------
    azimuth_deg
        Clockwise from north; None is omnidirectional [degrees].
    downtilt_deg
        Electrical and mechanical tilt together, down is positive; None is that of the antenna's pattern file
        [degrees].
    mechanical_tilt_deg
        The part of it by which the whole antenna is turned [degrees].
    """

    azimuth_deg: float | None
    downtilt_deg: float | None
    eirp_dbm: float
    antenna: str
    mechanical_tilt_deg: float = 0.0


@dataclass(frozen=True)
class Station:
    """One station (a technology and band of an operator on a mast) with its sectors."""

    station_id: str
    mast_id: str
    operator: str
    technology: str
    band_mhz: float
    bandwidth_mhz: float
    height_agl_m: float
    lon: float
    lat: float
    sectors: tuple[Sector, ...]


@dataclass(frozen=True, eq=False)
class Eligible:
    """The stations that serve, sorted by `station_id`, and what was refused.

    `table` keeps the columns of the layer; its row position is the server code of every raster.
    `refused` has `station_id` and `reason`; `warnings` say the same in English and Vietnamese.
    """

    table: gpd.GeoDataFrame
    refused: pd.DataFrame
    warnings: list[dict[str, str]]


def eligible_stations(
    stations: gpd.GeoDataFrame, settings: Settings, as_of: date, *, planned: bool = False
) -> Eligible:
    """Choose the stations that serve on a date.

    A station serves when its status is live (or maintenance, if `settings.maintenance_serves`),
    `on_air_from` is empty or not after `as_of`, `on_air_to` is empty or after `as_of`, and its technology's
    end date is none or not before `as_of`. Every other station is refused for the first of these reasons,
    counted and named in a warning.

    Parameters
    ----------
    stations
        The `stations` layer, EPSG:4326.
    settings
        Technologies with their end dates, and whether maintenance serves.
    as_of
        The date the answer is for.
    planned
        Whether stations of status planned count as live; their dates on air hold all the same.

    Raises
    ------
    MissingLayerError
        No station serves on that date.
    SettingsError
        A station's technology is not in the settings.
    """
    _require_known_technologies(stations, settings)
    reason = _refusal_reasons(stations, settings, as_of, planned)
    serves = reason == ""
    if not serves.any():
        raise MissingLayerError(
            f"none of the {len(stations)} stations serves on {as_of}; "
            "import stations that are on air or choose another date",
            vi=f"không trạm nào trong {len(stations)} trạm phát sóng vào ngày {as_of:%d/%m/%Y}; "
            "hãy nhập trạm đang phát sóng hoặc chọn ngày khác",
        )
    table = stations.loc[serves].sort_values("station_id", kind="stable").reset_index(drop=True)
    refused = pd.DataFrame({"station_id": stations.loc[~serves, "station_id"].astype(str), "reason": reason[~serves]})
    refused = refused.sort_values("station_id", kind="stable").reset_index(drop=True)
    ended = _ended(settings, as_of)
    return Eligible(table=table, refused=refused, warnings=_refusal_warnings(refused, as_of, ended))


def parse_stations(table: gpd.GeoDataFrame) -> list[Station]:
    """Turn the rows of an eligible table into stations with sectors, in the order of the rows.

    Parameters
    ----------
    table
        Stations in EPSG:4326. `azimuths_deg`, `downtilt_deg`, `mechanical_tilt_deg`, `eirp_dbm` and `antenna` are
        numbers or text joined by ";": one value holds for all sectors. No azimuth is one omnidirectional sector; no
        downtilt is 0°, or that of the pattern file; no mechanical tilt is 0°; no antenna is "omni" without and
        "tr36814" with an azimuth.

    Raises
    ------
    InputError
        Lists of unequal length, or a value that is no number.
    """
    texts = (table[name].astype(str).tolist() for name in ("station_id", "mast_id", "operator", "technology"))
    numbers = (table[name].astype(float).tolist() for name in ("band_mhz", "bandwidth_mhz", "height_agl_m"))
    places = (table.geometry.x.tolist(), table.geometry.y.tolist())
    lists = {name: table[name].astype(object).tolist() for name in ("station_id", *SECTOR_LISTS) if name in table}
    sectors = (parse_sectors(dict(zip(lists, values, strict=True))) for values in zip(*lists.values(), strict=True))
    return [Station(*values) for values in zip(*texts, *numbers, *places, sectors, strict=True)]


def parse_sectors(record: Mapping[str, Any]) -> tuple[Sector, ...]:
    """Read the sectors of one station from its per-sector lists.

    Parameters
    ----------
    record
        A row of the stations layer; see `parse_stations` for the lists.

    Raises
    ------
    InputError
        Lists of unequal length, or a value that is no number.
    """
    try:
        return _sectors(*(record.get(name) for name in SECTOR_LISTS))
    except InputError as error:
        name = str(record["station_id"])
        raise InputError(f"station {name}: {error}", vi=f"trạm {name}: {error.vi}") from error


@lru_cache(maxsize=16_384)  # the sectors of a network repeat
def _sectors(azimuth: Any, downtilt: Any, mechanical_tilt: Any, eirp: Any, antenna: Any) -> tuple[Sector, ...]:
    azimuths: list[float | None] = [*_numbers(azimuth, "azimuths_deg")]
    count = max(len(azimuths), 1)
    downtilts: list[float | None] = [*_numbers(downtilt, "downtilt_deg")]
    turned = _numbers(mechanical_tilt, "mechanical_tilt_deg")
    lists = (
        azimuths or [None],
        _per_sector(downtilts or [None], count),
        _per_sector(_numbers(eirp, "eirp_dbm"), count),
        _per_sector(_parts(antenna) or ["tr36814" if azimuths else "omni"], count),
        _per_sector(turned or [0.0], count),
    )
    return tuple(
        Sector(azimuth, 0.0 if tilt is None and antenna in ANTENNAS else tilt, eirp, antenna, mechanical)
        for azimuth, tilt, eirp, antenna, mechanical in zip(*lists, strict=True)
    )


def _parts(value: Any) -> list[str]:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return []
    return [part.strip() for part in str(value).split(";") if part.strip()]


def _numbers(value: Any, column: str) -> list[float]:
    try:
        return [float(part) + 0.0 for part in _parts(value)]  # −0 becomes 0, whose bytes are others in a hash
    except ValueError as error:
        raise InputError(
            f"`{column}` must be numbers joined by ';', got {value!r}; correct the stations layer",
            vi=f"`{column}` phải là các số cách nhau bởi ';', nhận được {value!r}; hãy sửa lớp trạm",
        ) from error


def _per_sector(values: Sequence[T], count: int) -> list[T]:
    if len(values) == 1:
        return [values[0]] * count
    if len(values) != count:
        raise InputError(
            f"a list of {len(values)} values for {count} sectors; give one value or one per azimuth",
            vi=f"danh sách {len(values)} giá trị cho {count} sector; "
            "hãy ghi một giá trị hoặc mỗi phương vị một giá trị",
        )
    return list(values)


def _require_known_technologies(stations: gpd.GeoDataFrame, settings: Settings) -> None:
    unknown = sorted(set(stations["technology"].astype(str)) - set(settings.technologies))
    if unknown:
        raise SettingsError(
            f"phusong.toml has no [technologies] entry for {', '.join(unknown)}, which stations use; add it",
            vi=f"phusong.toml thiếu mục [technologies] cho {', '.join(unknown)} mà các trạm dùng; hãy bổ sung",
        )


def _dates(stations: gpd.GeoDataFrame, column: str) -> "pd.Series[pd.Timestamp]":
    if column not in stations:
        return pd.Series(pd.NaT, index=stations.index, dtype="datetime64[s]")
    dates: pd.Series[pd.Timestamp] = pd.to_datetime(stations[column], format="ISO8601")
    return dates


def _refusal_reasons(
    stations: gpd.GeoDataFrame, settings: Settings, as_of: date, planned: bool
) -> npt.NDArray[np.object_]:
    day = pd.Timestamp(as_of)
    serving = {"live", *(["maintenance"] if settings.maintenance_serves else []), *(["planned"] if planned else [])}
    conditions = {
        "status": ~stations["status"].isin(serving),
        "not_yet_on_air": _dates(stations, "on_air_from") > day,
        "off_air": _dates(stations, "on_air_to") <= day,
        "technology_ended": stations["technology"].isin(_ended(settings, as_of)),
    }
    reason = np.full(len(stations), "", dtype=object)
    for name, refused in reversed(conditions.items()):
        reason[refused.to_numpy(dtype=bool)] = name
    return reason


def _ended(settings: Settings, as_of: date) -> list[str]:
    """Technologies whose last day of service lies before a date."""
    ends = {name: technology.end_date for name, technology in settings.technologies.items()}
    return sorted(name for name, end in ends.items() if end is not None and end < as_of)


def _refusal_warnings(refused: pd.DataFrame, as_of: date, ended: Sequence[str]) -> list[dict[str, str]]:
    warnings = []
    for reason, (english, vietnamese) in _REASONS.items():
        ids = refused.loc[refused["reason"] == reason, "station_id"].tolist()
        if not ids:
            continue
        named = ", ".join(ids[:NAMED_IN_A_WARNING])
        more = len(ids) - NAMED_IN_A_WARNING
        what = f" ({', '.join(ended)})" if reason == "technology_ended" else ""
        warnings.append(
            {
                "en": f"{len(ids)} stations {english}{what} on {as_of} and serve nobody: {named}"
                + (f" and {more} more" if more > 0 else ""),
                "vi": f"{len(ids)} trạm {vietnamese}{what} vào ngày {as_of:%d/%m/%Y}, không tính phủ sóng: {named}"
                + (f" và {more} trạm khác" if more > 0 else ""),
            }
        )
    return warnings
