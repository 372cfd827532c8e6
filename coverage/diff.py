"""What changed between two runs: settlements and people who gained or lost service, and the station behind each.

The default profile of each run decides, over all operators. For every unit, technology and service the whole
micro-persons reconcile with the figures of the runs: people_b − people_a = gained − lost + arrived − left, and so do
the numbers of settlements. Arrived and left are people whom the population or the border of the unit moved.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from phusong.coverage.diff_causes import PEOPLE, SAME, Judge, Roster
from phusong.coverage.diff_pixels import KEY, PixelDiff
from phusong.coverage.diff_settlements import SettlementDiff
from phusong.coverage.diff_units import find_reason, find_unit_rows
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results
from phusong.coverage.service import ANY
from phusong.geodata.errors import InputError

COUNTS = ("people_a_micro", "people_b_micro", "gained_micro", "lost_micro", "arrived_micro", "left_micro")


@dataclass(frozen=True, eq=False)
class Difference:
    """What run `b` has that run `a` had not.

    Attributes
    ----------
    settlements
        One row per settlement and technology whose class is another: settlement_id, name, commune_code, commune_name,
        lon, lat, technology (or "signal": those that count as signal), class_a, class_b ("" where a run lacks it),
        change (gained, lost: from or to none; better, worse; added, removed), cause and station_id.
    level
        The level of the units, beside the province.
    reason
        Why that level has no answer, "" where it has.
    people
        One row per unit, technology and service that changed: `KEY`, unit_name, `COUNTS`.
    counts
        The same of settlements instead of people: `KEY`, unit_name, `SETTLEMENT_COUNTS`.
    causes
        The same gained and lost by cause: `KEY`, cause, station_id, gained_micro, lost_micro.
    stations
        The stations that are not the same: station_id, state, changes, mast_id, operator, technology, status, geometry.
    units
        Province and units of the level, as `Results.units`; of `b`, and those that only `a` has.

    A cause is what became of the station: `new`, `gone`, `changed` (values of its own), `ground` (only what its paths
    cross, the model or the engine); or `settings` (thresholds), `people` (population or border), `settlement` (moved).
    """

    a: Results
    b: Results
    settlements: pd.DataFrame
    level: str
    reason: str
    people: pd.DataFrame
    counts: pd.DataFrame
    causes: pd.DataFrame
    stations: gpd.GeoDataFrame
    units: gpd.GeoDataFrame


def compare_runs(before: Results, after: Results, *, level: str = "commune") -> Difference:
    """Compare two runs of a workspace.

    Parameters
    ----------
    level
        The level of the units to tell the difference by, beside the province: one of `units.LEVELS`.

    Raises
    ------
    InputError
        The runs lie on different grids, or one is of a version that did not keep where people live.
    UnknownNameError
        There is no such level.
    StoreError
        A tile is missing from the store or damaged.
    """
    _require_comparable(before, after)
    roster = Roster.of(before, after)
    judges = (Judge.of(before, roster), Judge.of(after, roster))
    settlements = SettlementDiff((before, after), judges)
    reason = find_reason((before, after), level)
    levels = list(dict.fromkeys(["province", level]))
    units = _units(before, after, levels)
    rows = [find_unit_rows((before, after), name) for name in levels if name != level or not reason]
    province = str(units.loc[units["level"] == "province", "code"].iloc[0])
    with ThreadPoolExecutor(1) as aside:  # tiles are unpacked meanwhile
        moving = aside.submit(PixelDiff((before, after), judges, roster, rows).count)
        changed, counts = settlements.find(roster), settlements.count(units)
        moves = moving.result()
    moves.loc[moves["level"] == "province", "unit_code"] = province
    return Difference(
        a=before,
        b=after,
        settlements=changed,
        level=level,
        reason=reason,
        people=_people(before, after, moves, units[units["level"].isin([level_rows.level for level_rows in rows])]),
        counts=counts,
        causes=moves[moves["cause"] != PEOPLE].sort_values([*KEY, "cause", "station_id"], ignore_index=True),
        stations=_stations(before, after, roster),
        units=units,
    )


def _require_comparable(before: Results, after: Results) -> None:
    for run in (before, after):
        if "people" not in run.manifest:
            raise InputError(
                f"run {run.run_id} is of an older version, which did not keep where people live; compute it again",
                vi=f"lần tính {run.run_id} thuộc phiên bản cũ, chưa lưu nơi ở của người dân; hãy tính lại",
            )
    if before.grid != after.grid:
        raise InputError(
            f"runs {before.run_id} and {after.run_id} lie on different grids and cannot be compared; "
            "compute one of them again on the grid of the other",
            vi=f"lần tính {before.run_id} và {after.run_id} nằm trên hai lưới khác nhau nên không so sánh được; "
            "hãy tính lại một lần trên lưới của lần kia",
        )


def _units(before: Results, after: Results, levels: Sequence[str]) -> gpd.GeoDataFrame:
    tables = [run.units(level) for level in levels for run in (after, before)]
    every = pd.concat(tables, ignore_index=True)
    every["code"] = every["code"].mask(every["level"] == "province", after.units("province")["code"].iloc[0])
    return gpd.GeoDataFrame(every.drop_duplicates(["level", "code"], ignore_index=True), crs=tables[0].crs)


def _people(before: Results, after: Results, moves: pd.DataFrame, units: gpd.GeoDataFrame) -> pd.DataFrame:
    """Figures of both runs beside what was counted between them, where anything changed."""
    of_people = moves["cause"] == PEOPLE
    parts = [_published(before, "people_a_micro", units), _published(after, "people_b_micro", units)]
    for chosen, names in ((~of_people, ("gained_micro", "lost_micro")), (of_people, ("arrived_micro", "left_micro"))):
        sums = moves[chosen].groupby(KEY)[["gained_micro", "lost_micro"]].sum()
        parts.append(sums.set_axis(list(names), axis=1))
    labels = set(parts[0].index.get_level_values("technology")) & set(parts[1].index.get_level_values("technology"))
    table = pd.concat(parts, axis=1).fillna(0).astype(np.int64).reset_index()
    changed = (table["people_a_micro"] != table["people_b_micro"]) | (table[list(COUNTS[2:])] > 0).any(axis=1)
    table = table[changed & table["technology"].isin(labels)]
    table = table.merge(
        units[["level", "code", "name"]].rename(columns={"code": "unit_code", "name": "unit_name"}),
        on=["level", "unit_code"],
    )
    return table.sort_values(KEY, ignore_index=True)[[*KEY, "unit_name", *COUNTS]]


def _published(run: Results, column: str, units: gpd.GeoDataFrame) -> pd.DataFrame:
    """The people served by every unit, technology and service, as whole micro-persons."""
    figures = run.figures
    chosen = figures[
        (figures["indicator"] == "people")
        & (figures["operator"] == ANY)
        & (figures["profile"] == next(iter(run.profiles)))
        & figures["level"].isin(units["level"])
        & figures["numerator"].notna()
    ]
    province = units.loc[units["level"] == "province", "code"].iloc[0]
    named = chosen.assign(
        unit_code=chosen["unit_code"].mask(chosen["level"] == "province", province),
        **{column: np.rint(chosen["numerator"].to_numpy(float) * MICRO).astype(np.int64)},
    )
    published: pd.DataFrame = named.set_index(KEY)[[column]]
    return published


def _stations(before: Results, after: Results, roster: Roster) -> gpd.GeoDataFrame:
    """The stations that are not the same, as in the later run that has them."""
    every = pd.concat([after.stations, before.stations]).drop_duplicates("station_id").set_index("station_id")
    other = [row for row, state in enumerate(roster.state) if state != SAME]
    ids = [roster.ids[row] for row in other]
    columns = ["station_id", "mast_id", "operator", "technology", "status", "geometry"]
    table = every.loc[ids].reset_index()[columns]
    table.insert(1, "state", [roster.state[row] for row in other])
    table.insert(2, "changes", [roster.changes[row] for row in other])
    return gpd.GeoDataFrame(table, geometry="geometry", crs=after.stations.crs)
