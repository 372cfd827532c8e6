"""The published figures, one row each: what has it, of how many, and the share.

Counted on people, residential cells, settlements, places, households, masts and stations, for the province,
former districts, communes and old communes. What cannot be answered has a row with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.missing_figures import NEEDS_POLYGON, NO_CONNECTED, NO_FIBRE, NO_HOUSEHOLDS, NO_THRESHOLD
from phusong.coverage.observed import NO, UNKNOWN, YES
from phusong.coverage.people import MICRO, Int64s, Residents
from phusong.coverage.service import (
    ANY,
    GOOD,
    WEAK,
    Classes,
    Layer,
    class_points,
    group_class,
    point_layers,
    technology_groups,
)
from phusong.coverage.settlements import rows_of_units
from phusong.coverage.tally import SHIFTS, LabelTally, Tally
from phusong.coverage.unit_counts import compute_people, compute_residential_cells, count_classes
from phusong.coverage.units import OUTSIDE, IntArray, UnitIndex
from phusong.geodata.settings import Settings, ThresholdProfile

NUMBERS = ("numerator", "denominator", "share", "low", "high")
COLUMNS = (
    "level", "unit_code", "unit_name", "technology", "operator", "profile", "indicator", "service",
    *NUMBERS, "reason",
)  # fmt: skip
LABELS = ("technology", "operator", "profile", "indicator", "service")
# Indicators that need no polygon of the unit: settlements name it.
OF_SETTLEMENTS = (
    "settlements", "power:settlements", "broadband:settlements", "households_passed", "households_connected",
)  # fmt: skip

LOW, COMPUTED, HIGH = range(3)  # shifts of the field
SERVICES = (("weak", WEAK), ("good", GOOD))

Floats = npt.NDArray[np.float64]
Counts = dict[str, dict[str, Int64s]]  # by indicator and level: by shift of the field, unit and class


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


@dataclass(frozen=True, eq=False)
class _Shares:
    """Numerators by unit of one level, and the denominators; `low` and `high` numerators of the shifted field."""

    numerator: Floats
    denominator: Floats
    low: Floats | None = None
    high: Floats | None = None


class _Rows(NamedTuple):
    """Rows of one label and level: their units, reasons and `NUMBERS` `[n, 5]`."""

    label: _Label
    level: str
    codes: Sequence[str]
    names: Sequence[str]
    reasons: Sequence[str]
    numbers: Floats


def compute_figures(
    tallies: Mapping[str, Tally],
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
    "good"): `people`, `residential_cells`, `settlements` and `places:<kind>`, each with the share if the whole
    field lay one standard error of the model lower (`low`) or higher (`high`); `people_expected`, the people
    weighted by the share of places served in their pixel; and for operator "any" `people_2_operators`, the
    people whom at least two operators serve. Without a profile:
    `broadband:settlements`, `broadband:places:<kind>` and `power:settlements` by service yes, no and unknown,
    each of all; `households_passed` = households of settlements with a fibre endpoint in reach, of all known
    households; `households_connected` = declared connected households, of the households of the settlements
    that declare; `masts` and `stations` = counts, for all (technology "", operator "any") and by technology
    and operator.

    Parameters
    ----------
    tallies
        People and residential cells by service, by name of the profile.
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
        Threshold profiles and the model's error.

    Returns
    -------
    `COLUMNS`; share is NaN where the denominator is 0 or there is none, low and high also where there is no
    interval.
    """
    points = _point_sets(settlements, settlement_signal, places, place_signal, units)
    rows: list[_Rows] = []
    for profile in settings.profiles:
        tally = tallies[profile.name]
        placed = _shifted_points(points, profile, settings.model_error.sigma_db)
        for technology, operator in tally.by_label:
            counts = _resident_counts(residents, tally.by_label[technology, operator], units)
            parts = technology_groups(profile)[technology]
            for found, by_shift in zip(points, placed, strict=True):
                counts[found.indicator] = _point_counts(found, by_shift, parts, operator, units)
            label = _Label("", "", technology, operator, profile.name)
            rows += _service_rows(counts, units, label)
            rows += _expected_rows(tally, counts["people"], residents, units, label)
        rows += _missing_thresholds(stations, profile, units)
    rows += _status_rows(settlements, places, points, units)
    rows += _household_rows(settlements, units)
    rows += _site_rows(stations, units)
    rows += _unanswered_rows(units)
    return _table(rows)


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


def _shifted_points(
    points: Sequence[PointSet], profile: ThresholdProfile, model_sigma_db: float
) -> list[list[dict[Layer, Classes]]]:
    """Class of every point by technology and operator, for every set and shift of the field."""
    rated: dict[int, list[pd.DataFrame]] = {}
    for signal in {id(found.signal): found.signal for found in points}.values():  # places of all kinds share one
        shifted = (signal.assign(rsrp_dbm=signal["rsrp_dbm"] + shift * model_sigma_db) for shift in SHIFTS)
        rated[id(signal)] = [class_points(table, profile) for table in shifted]
    return [[point_layers(found.ids, table) for table in rated[id(found.signal)]] for found in points]


def _resident_counts(residents: Residents, tally: LabelTally, units: UnitIndex) -> Counts:
    people = compute_people(tally.classes, residents, units)
    return {"people": people, "residential_cells": compute_residential_cells(tally.cells, residents, units)}


def _point_counts(
    found: PointSet, by_shift: Iterable[Mapping[Layer, Classes]], parts: Iterable[str], operator: str, units: UnitIndex
) -> dict[str, Int64s]:
    classes = np.stack([group_class(layers, parts, operator, shape=(len(found.ids),)) for layers in by_shift])
    return {name: count_classes(found.unit[name], classes, len(level.codes)) for name, level in units.levels.items()}


def _service_rows(counts: Counts, units: UnitIndex, label: _Label) -> list[_Rows]:
    rows: list[_Rows] = []
    for indicator, by_level in counts.items():
        scale = MICRO if indicator == "people" else 1
        for level, counted in by_level.items():
            total = counted[COMPUTED].sum(axis=1) / scale
            for service, lowest in SERVICES:
                low, computed, high = counted[:, :, lowest:].sum(axis=2) / scale
                shares = _Shares(computed, total, low, high)
                rows += _unit_rows(units, level, replace(label, indicator=indicator, service=service), shares)
    return rows


def _expected_rows(
    tally: Tally, people: Mapping[str, Int64s], residents: Residents, units: UnitIndex, label: _Label
) -> list[_Rows]:
    """People weighted by the share of places served, and those whom at least two operators serve, of all `people`."""
    expected = tally.by_label[label.technology, label.operator].expected
    parts = {"people_expected": compute_people(expected, residents, units)}
    if label.operator == ANY:
        by_two = compute_people(tally.two_operators[label.technology], residents, units)
        parts["people_2_operators"] = {
            level: np.stack([by_class[:, lowest:].sum(axis=1) for _, lowest in SERVICES], axis=1)
            for level, by_class in by_two.items()
        }
    rows: list[_Rows] = []
    for indicator, by_level in parts.items():
        for level, have in by_level.items():
            for column, (service, _) in enumerate(SERVICES):
                shares = _Shares(have[:, column] / MICRO, people[level][COMPUTED].sum(axis=1) / MICRO)
                rows += _unit_rows(units, level, replace(label, indicator=indicator, service=service), shares)
    return rows


def _unit_rows(
    units: UnitIndex, level: str, label: _Label, shares: _Shares, reasons: Mapping[int, str] | None = None
) -> list[_Rows]:
    """One row per unit of a level; without a denominator the numerator is a plain count."""
    of_level = units.levels[level]
    if of_level.without_area and label.indicator not in OF_SETTLEMENTS:
        return []
    total = shares.denominator
    numbers = np.full((len(total), len(NUMBERS)), np.nan)
    numbers[:, 0], numbers[:, 1] = shares.numerator, total
    known = np.where(total > 0, total, np.nan)
    for column, part in enumerate((shares.numerator, shares.low, shares.high), start=2):
        if part is not None:
            numbers[:, column] = part / known
    texts = [reasons.get(row, "") for row in range(len(total))] if reasons else [""] * len(total)
    return [_Rows(label, level, of_level.codes, of_level.names, texts, numbers)]


def _row(unit: tuple[str, str, str], label: _Label, reason: str) -> _Rows:
    """A row without numbers."""
    level, code, name = unit
    return _Rows(label, level, [code], [name], [reason], np.full((1, len(NUMBERS)), np.nan))


def _table(rows: Sequence[_Rows]) -> pd.DataFrame:
    """All rows as one table: `COLUMNS`."""
    part = np.repeat(np.arange(len(rows)), [len(part.codes) for part in rows])
    columns: dict[str, Any] = {name: _texts(getattr(row.label, name) for row in rows)[part] for name in LABELS}
    columns["level"] = _texts(row.level for row in rows)[part]
    columns["unit_code"] = _texts(chain.from_iterable(row.codes for row in rows))
    columns["unit_name"] = _texts(chain.from_iterable(row.names for row in rows))
    columns["reason"] = _texts(chain.from_iterable(row.reasons for row in rows))
    columns |= dict(zip(NUMBERS, np.concatenate([row.numbers for row in rows]).T, strict=True))
    return pd.DataFrame(columns)[list(COLUMNS)]


def _texts(texts: Iterable[str]) -> Any:
    """A column of texts of which most come again and again."""
    row, different = pd.factorize(np.fromiter(texts, object))
    return pd.array(different, dtype="str")[row]


def _status_rows(
    settlements: pd.DataFrame, places: pd.DataFrame, points: Iterable[PointSet], units: UnitIndex
) -> list[_Rows]:
    """Power and broadband by yes, no and unknown; unknown is neither."""
    rows: list[_Rows] = []
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
                    _Shares(
                        _sum_of_unit(unit, np.where(table[column] == service, 1.0, 0.0), n_unit),
                        _sum_of_unit(unit, np.ones(len(unit)), n_unit),
                    ),
                )
    return rows


def _sum_of_unit(unit: npt.NDArray[np.signedinteger[Any]], values: Floats, n_unit: int) -> Floats:
    sums = np.bincount(unit.astype(np.int64) + 1, weights=values, minlength=n_unit + 1)
    return sums[1:].astype(np.float64)


def _household_rows(settlements: pd.DataFrame, units: UnitIndex) -> list[_Rows]:
    rows: list[_Rows] = []
    for level, unit in rows_of_units(settlements, units).items():
        rows += _passed_rows(settlements, units, level, unit)
        rows += _connected_rows(settlements, units, level, unit)
    return rows


def _passed_rows(settlements: pd.DataFrame, units: UnitIndex, level: str, unit: IntArray) -> list[_Rows]:
    n_unit = len(units.levels[level].codes)
    households = settlements["households"].fillna(0).to_numpy(np.float64)
    reach = settlements["fibre_in_reach"].to_numpy(dtype=object)
    passed = _sum_of_unit(unit, np.where(reach == YES, households, 0.0), n_unit)
    answered = _sum_of_unit(unit, np.where(reach == UNKNOWN, 0.0, households), n_unit)
    known = _sum_of_unit(unit, households, n_unit)
    unanswered = np.flatnonzero(answered == 0)
    reasons = {int(row): NO_FIBRE if known[row] else NO_HOUSEHOLDS for row in unanswered}
    label = _Label("households_passed")
    return _unit_rows(units, level, label, _Shares(passed, answered), reasons)


def _connected_rows(settlements: pd.DataFrame, units: UnitIndex, level: str, unit: IntArray) -> list[_Rows]:
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
    return _unit_rows(units, level, label, _Shares(have, of), reasons)


def _site_rows(stations: gpd.GeoDataFrame, units: UnitIndex) -> list[_Rows]:
    """Masts and stations that serve and stand in a unit: all, and by technology and operator."""
    points = stations.geometry
    place = {level: units.rows_of_points(level, points) for level in units.levels if level != "province"}
    place["province"] = np.where(place["commune"] == OUTSIDE, OUTSIDE, 0).astype(np.int32)
    technologies = ["", *sorted(set(stations["technology"].astype(str)))]
    operators = [*sorted(set(stations["operator"].astype(str))), ANY]
    mast, masts = pd.factorize(stations["mast_id"].astype(str))
    rows: list[_Rows] = []
    for technology, operator in product(technologies, operators):
        chosen = np.ones(len(stations), dtype=bool)
        if technology:
            chosen &= (stations["technology"] == technology).to_numpy(bool)
        if operator != ANY:
            chosen &= (stations["operator"] == operator).to_numpy(bool)
        for level in units.levels:
            n_unit, unit = len(units.levels[level].codes), place[level][chosen]
            once = np.unique(unit.astype(np.int64) * len(masts) + mast[chosen]) // len(masts)
            for indicator, counted in (("masts", once), ("stations", unit)):
                numbers = _sum_of_unit(counted, np.ones(len(counted)), n_unit)
                label = _Label(indicator, technology=technology, operator=operator)
                rows += _unit_rows(units, level, label, _Shares(numbers, np.full(n_unit, np.nan)))
    return rows


def _missing_thresholds(stations: gpd.GeoDataFrame, profile: ThresholdProfile, units: UnitIndex) -> list[_Rows]:
    missing = sorted(set(stations["technology"].astype(str)) - set(profile.thresholds))
    labels = [_Label("people", technology=name, profile=profile.name) for name in missing]
    province = units.levels["province"]
    return [_row(("province", province.codes[0], province.names[0]), label, NO_THRESHOLD) for label in labels]


def _unanswered_rows(units: UnitIndex) -> list[_Rows]:
    """A row with the reason for every level and unit without polygons."""
    levels = units.levels.items()
    reasons = [(level, of_level.reason or of_level.without_area) for level, of_level in levels]
    rows = [_row((level, "", ""), _Label(""), reason) for level, reason in reasons if reason]
    rows += [
        _row((level, code, name), _Label(""), NEEDS_POLYGON)
        for level, of_level in levels
        for code, name in of_level.without_polygon
    ]
    return rows
