"""The published figures, one row each: what has it, of how many, and the share.

Counted on people, residential cells, settlements, places, households, masts and stations, for the province,
former districts, communes and old communes. What cannot be answered has a row with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.people import (
    MICRO,
    Int64s,
    Residents,
    classify_cells,
    compute_people,
    compute_residential_cells,
    count_classes,
    sum_plots,
)
from phusong.coverage.service import (
    ANY,
    GOOD,
    WEAK,
    Classes,
    Layer,
    SignalLayer,
    classify_levels,
    group_class,
    point_layers,
    rate_points,
    station_sigma_db,
    technology_groups,
)
from phusong.coverage.settlements import NO, UNKNOWN, YES, rows_of_units
from phusong.coverage.units import NEEDS_POLYGON, OUTSIDE, IntArray, UnitIndex
from phusong.geodata.settings import Settings, ThresholdProfile

COLUMNS = (
    "level", "unit_code", "unit_name", "technology", "operator", "profile", "indicator", "service",
    "numerator", "denominator", "share", "reason",
)  # fmt: skip
NO_FIBRE = "needs the layer fibre_endpoints"
NO_HOUSEHOLDS = "needs households of the settlements"
NO_CONNECTED = "needs observations of households_connected"
NO_THRESHOLD = "the profile has no threshold for this technology"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PointSet:
    """Settlements, or places of one kind: their ids, the row of their unit by level, and their signal."""

    indicator: str
    ids: "pd.Series[str]"
    unit: dict[str, IntArray]
    signal: pd.DataFrame


@dataclass(frozen=True)
class _Label:
    """What a row of figures is about."""

    indicator: str
    service: str = ""
    technology: str = ""
    operator: str = ANY
    profile: str = ""


def compute_figures(
    signal_grids: Sequence[SignalLayer],
    residents: Residents,
    *,
    units: UnitIndex,
    stations: gpd.GeoDataFrame,
    settlements: pd.DataFrame,
    settlement_signal: pd.DataFrame,
    places: pd.DataFrame,
    place_signal: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """All figures as one long table.

    By profile, technology (each, "3G+4G", "any"), operator (each, "any") and service ("weak" = at least weak,
    "good"): `people`, `residential_cells`, `settlements` and `places:<kind>`. Without a profile:
    `broadband:settlements`, `broadband:places:<kind>` and `power:settlements` by service yes, no and unknown,
    each of all; `households_passed` = households of settlements with a fibre endpoint in reach, of all known
    households; `households_connected` = declared connected households, of the households of the settlements
    that declare; `masts` and `stations` = counts, for all (technology "", operator "any") and by technology
    and operator.

    Parameters
    ----------
    signal_grids
        Best signal by technology and operator.
    residents
        Populated pixels, from `people.index_residents`.
    units
        Units of the date.
    stations
        The stations that serve (row position = server code), EPSG:4326.
    settlements, places
        Answers of `compute_settlement_table` and `compute_place_table`.
    settlement_signal, place_signal
        The point-signal tables behind them.
    settings
        Threshold profiles.

    Returns
    -------
    `COLUMNS`; share is NaN where the denominator is 0 or there is none.
    """
    points = _point_sets(settlements, settlement_signal, places, place_signal, units)
    operators = [*sorted(set(stations["operator"].astype(str))), ANY]
    sigma_l_db = station_sigma_db(stations, units.grid.resolution_m)
    rows: list[dict[str, Any]] = []
    for profile in settings.profiles:
        pixels = _resident_layers(signal_grids, residents, profile, sigma_l_db)
        placed = [point_layers(found.ids, rate_points(found.signal, profile)) for found in points]
        for technology, parts in technology_groups(profile).items():
            for operator in operators:
                classes = group_class(pixels, parts, operator, shape=residents.pixel.shape)
                counts = _resident_counts(residents, classes, units)
                for found, layers in zip(points, placed, strict=True):
                    of_points = group_class(layers, parts, operator, shape=(len(found.ids),))
                    counts[found.indicator] = _point_counts(found, of_points, units)
                rows += _service_rows(counts, units, technology=technology, operator=operator, profile=profile.name)
        rows += _missing_thresholds(stations, profile, units)
    rows += _status_rows(settlements, places, points, units)
    rows += _household_rows(settlements, units)
    rows += _site_rows(stations, units)
    rows += _unanswered_rows(units)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"numerator": "float64", "denominator": "float64", "share": "float64"})


def _point_sets(
    settlements: pd.DataFrame,
    settlement_signal: pd.DataFrame,
    places: pd.DataFrame,
    place_signal: pd.DataFrame,
    units: UnitIndex,
) -> list[PointSet]:
    unit = rows_of_units(settlements, units)
    sets = [PointSet("settlements", settlements["settlement_id"], unit, settlement_signal)]
    for kind, rows in places.groupby("kind", sort=True):
        found = rows.reset_index(drop=True)
        sets.append(PointSet(f"places:{kind}", found["place_id"], rows_of_units(found, units), place_signal))
    return sets


def _resident_layers(
    signal_grids: Sequence[SignalLayer], residents: Residents, profile: ThresholdProfile, sigma_l_db: Floats
) -> dict[Layer, Classes]:
    """Class of every populated pixel by technology and operator."""
    return {
        (layer.technology, layer.operator): classify_levels(
            layer.rsrp_cdbm.ravel()[residents.pixel],
            layer.server.ravel()[residents.pixel],
            threshold=profile.thresholds[layer.technology],
            sigma_l_db=sigma_l_db,
            location_pct=profile.location_pct,
        )
        for layer in signal_grids
        if layer.technology in profile.thresholds
    }


def _resident_counts(residents: Residents, classes: Classes, units: UnitIndex) -> dict[str, dict[str, Int64s]]:
    plots = sum_plots(residents, classes)
    return {
        "people": compute_people(plots, residents, units),
        "residential_cells": compute_residential_cells(classify_cells(plots, residents), residents, units),
    }


def _point_counts(found: PointSet, classes: Classes, units: UnitIndex) -> dict[str, Int64s]:
    return {name: count_classes(found.unit[name], classes, len(level.codes)) for name, level in units.levels.items()}


def _service_rows(
    counts: Mapping[str, Mapping[str, Int64s]],
    units: UnitIndex,
    *,
    technology: str,
    operator: str,
    profile: str,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for indicator, by_level in counts.items():
        scale = MICRO if indicator == "people" else 1
        for level, by_class in by_level.items():
            for service, lowest in (("weak", WEAK), ("good", GOOD)):
                label = _Label(indicator, service, technology, operator, profile)
                served = by_class[:, lowest:].sum(axis=1) / scale
                total = by_class.sum(axis=1) / scale
                rows += _unit_rows(units, level, label, numerator=served, denominator=total)
    return rows


def _unit_rows(
    units: UnitIndex,
    level: str,
    label: _Label,
    *,
    numerator: npt.NDArray[Any],
    denominator: npt.NDArray[Any] | None = None,
    reasons: Mapping[int, str] | None = None,
) -> list[dict[str, Any]]:
    """One row per unit of a level; without a denominator the numerator is a plain count."""
    of_level = units.levels[level]
    rows = []
    for position, (code, name) in enumerate(zip(of_level.codes, of_level.names, strict=True)):
        have = float(numerator[position])
        total = np.nan if denominator is None else float(denominator[position])
        share = have / total if total > 0 else np.nan
        reason = (reasons or {}).get(position, "")
        rows.append(_row((level, code, name), label, reason, numerator=have, denominator=total, share=share))
    return rows


def _row(
    unit: tuple[str, str, str],
    label: _Label,
    reason: str,
    *,
    numerator: float = np.nan,
    denominator: float = np.nan,
    share: float = np.nan,
) -> dict[str, Any]:
    level, code, name = unit
    return {
        "level": level, "unit_code": code, "unit_name": name, "technology": label.technology,
        "operator": label.operator, "profile": label.profile, "indicator": label.indicator,
        "service": label.service, "numerator": numerator, "denominator": denominator, "share": share,
        "reason": reason,
    }  # fmt: skip


def _status_rows(
    settlements: pd.DataFrame, places: pd.DataFrame, points: Iterable[PointSet], units: UnitIndex
) -> list[dict[str, Any]]:
    """Power and broadband by yes, no and unknown; unknown is neither."""
    rows: list[dict[str, Any]] = []
    for found in points:
        of_settlements = found.indicator == "settlements"
        table = settlements if of_settlements else places[found.indicator == "places:" + places["kind"]]
        for column in ("power", "broadband") if of_settlements else ("broadband",):
            for level, service in product(units.levels, (YES, NO, UNKNOWN)):
                n_unit, unit = len(units.levels[level].codes), found.unit[level]
                rows += _unit_rows(
                    units,
                    level,
                    _Label(f"{column}:{found.indicator}", service),
                    numerator=_sum_of_unit(unit, np.where(table[column] == service, 1.0, 0.0), n_unit),
                    denominator=_sum_of_unit(unit, np.ones(len(unit)), n_unit),
                )
    return rows


def _sum_of_unit(unit: IntArray, values: Floats, n_unit: int) -> Floats:
    sums = np.bincount(unit.astype(np.int64) + 1, weights=values, minlength=n_unit + 1)
    return sums[1:].astype(np.float64)


def _household_rows(settlements: pd.DataFrame, units: UnitIndex) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for level, unit in rows_of_units(settlements, units).items():
        rows += _passed_rows(settlements, units, level, unit)
        rows += _connected_rows(settlements, units, level, unit)
    return rows


def _passed_rows(settlements: pd.DataFrame, units: UnitIndex, level: str, unit: IntArray) -> list[dict[str, Any]]:
    n_unit = len(units.levels[level].codes)
    households = settlements["households"].fillna(0).to_numpy(np.float64)
    reach = settlements["fibre_in_reach"].to_numpy(dtype=object)
    passed = _sum_of_unit(unit, np.where(reach == YES, households, 0.0), n_unit)
    answered = _sum_of_unit(unit, np.where(reach == UNKNOWN, 0.0, households), n_unit)
    known = _sum_of_unit(unit, households, n_unit)
    unanswered = np.flatnonzero(answered == 0)
    reasons = {int(row): NO_FIBRE if known[row] else NO_HOUSEHOLDS for row in unanswered}
    label = _Label("households_passed")
    return _unit_rows(units, level, label, numerator=passed, denominator=answered, reasons=reasons)


def _connected_rows(settlements: pd.DataFrame, units: UnitIndex, level: str, unit: IntArray) -> list[dict[str, Any]]:
    """Declarations above the settlement's households are left out and named in the reason."""
    n_unit = len(units.levels[level].codes)
    households = settlements["households"].to_numpy(np.float64)
    connected = settlements["households_connected"].to_numpy(np.float64)
    usable = connected <= households
    have = _sum_of_unit(unit, np.where(usable, connected, 0.0), n_unit)
    of = _sum_of_unit(unit, np.where(usable, households, 0.0), n_unit)
    reasons = {int(row): NO_CONNECTED for row in np.flatnonzero(of == 0)}
    for place in np.flatnonzero(~np.isnan(connected) & ~usable & (unit != OUTSIDE)):
        settlement, row = settlements["settlement_id"].iloc[place], int(unit[place])
        left_out = f"left out {settlement}: {connected[place]:g} connected of {households[place]:g} households"
        reasons[row] = "; ".join(filter(None, [reasons.get(row, ""), left_out]))
    label = _Label("households_connected")
    return _unit_rows(units, level, label, numerator=have, denominator=of, reasons=reasons)


def _site_rows(stations: gpd.GeoDataFrame, units: UnitIndex) -> list[dict[str, Any]]:
    """Masts and stations that serve and stand in a unit: all, and by technology and operator."""
    points = stations.geometry
    place = {level: units.rows_of_points(level, points) for level in units.levels if level != "province"}
    place["province"] = np.where(place["commune"] == OUTSIDE, OUTSIDE, 0).astype(np.int32)
    technologies = ["", *sorted(set(stations["technology"].astype(str)))]
    operators = [*sorted(set(stations["operator"].astype(str))), ANY]
    rows: list[dict[str, Any]] = []
    for technology, operator in ((t, o) for t in technologies for o in operators):
        chosen = np.ones(len(stations), dtype=bool)
        if technology:
            chosen &= (stations["technology"] == technology).to_numpy(bool)
        if operator != ANY:
            chosen &= (stations["operator"] == operator).to_numpy(bool)
        for level in units.levels:
            n_unit = len(units.levels[level].codes)
            sites = pd.DataFrame({"unit": place[level], "mast": stations["mast_id"].astype(str)})[chosen]
            masts = sites.drop_duplicates(["unit", "mast"])
            for indicator, counted in (("masts", masts), ("stations", sites)):
                numbers = _sum_of_unit(counted["unit"].to_numpy(np.int32), np.ones(len(counted)), n_unit)
                label = _Label(indicator, technology=technology, operator=operator)
                rows += _unit_rows(units, level, label, numerator=numbers)
    return rows


def _missing_thresholds(
    stations: gpd.GeoDataFrame, profile: ThresholdProfile, units: UnitIndex
) -> list[dict[str, Any]]:
    missing = sorted(set(stations["technology"].astype(str)) - set(profile.thresholds))
    labels = [_Label("people", technology=name, profile=profile.name) for name in missing]
    province = units.levels["province"]
    return [_row(("province", province.codes[0], province.names[0]), label, NO_THRESHOLD) for label in labels]


def _unanswered_rows(units: UnitIndex) -> list[dict[str, Any]]:
    """A row with the reason for every level and unit without polygons."""
    levels = units.levels.items()
    rows = [_row((level, "", ""), _Label(""), of_level.reason) for level, of_level in levels if of_level.reason]
    rows += [
        _row((level, code, name), _Label(""), NEEDS_POLYGON)
        for level, of_level in levels
        for code, name in of_level.without_polygon
    ]
    return rows
