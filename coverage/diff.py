"""What changed between two runs: settlements and people who gained or lost service, and the station behind each.

The default profile of each run decides, over all operators. For every unit, technology and service the whole
micro-persons reconcile with the figures of the runs: people_b − people_a = gained − lost + arrived − left. Arrived and
left are people whom the population or the border of the unit moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.diff_causes import PEOPLE, SAME, SETTLEMENT, Judge, Roster, Seen, blame
from phusong.coverage.diff_pixels import KEY, PixelDiff
from phusong.coverage.people import MICRO
from phusong.coverage.results import Results
from phusong.coverage.service import ANY, CLASS_NAMES, NO_SIGNAL_CDBM, Layer
from phusong.geodata.errors import InputError

SIGNAL = "signal"  # label of the technologies that count as signal
_RANK = {name: rank for rank, name in enumerate(CLASS_NAMES)}
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
    people
        One row per unit (communes, province), technology and service that changed: `KEY`, unit_name, `COUNTS`.
    causes
        The same gained and lost by cause: `KEY`, cause, station_id, gained_micro, lost_micro.
    stations
        The stations that are not the same: station_id, state, changes, mast_id, operator, technology, status, geometry.
    units
        Communes and province with polygon, as `Results.units`; of `b`, and those that only `a` has.

    A cause is what became of the station: `new`, `gone`, `changed` (values of its own), `ground` (only what its paths
    cross, the model or the engine); or `settings` (thresholds), `people` (population or border), `settlement` (moved).
    """

    a: Results
    b: Results
    settlements: pd.DataFrame
    people: pd.DataFrame
    causes: pd.DataFrame
    stations: gpd.GeoDataFrame
    units: gpd.GeoDataFrame


def compare_runs(before: Results, after: Results) -> Difference:
    """Compare two runs of a workspace.

    Raises
    ------
    InputError
        The runs lie on different grids, or one is of a version that did not keep where people live.
    StoreError
        A tile is missing from the store or damaged.
    """
    _require_comparable(before, after)
    roster = Roster.of(before, after)
    judges = (Judge.of(before, roster), Judge.of(after, roster))
    units = _units(before, after)
    province = str(units.loc[units["level"] == "province", "code"].iloc[0])
    moves = PixelDiff((before, after), judges, roster).count()
    moves.loc[moves["level"] == "province", "unit_code"] = province
    return Difference(
        a=before,
        b=after,
        settlements=_settlements((before, after), judges, roster),
        people=_people(before, after, moves, units),
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


def _units(before: Results, after: Results) -> gpd.GeoDataFrame:
    tables = [run.units(level) for level in ("province", "commune") for run in (after, before)]
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
        & figures["level"].isin(["province", "commune"])
        & figures["numerator"].notna()
    ]
    province = units.loc[units["level"] == "province", "code"].iloc[0]
    named = chosen.assign(
        unit_code=chosen["unit_code"].mask(chosen["level"] == "province", province),
        **{column: np.rint(chosen["numerator"].to_numpy(float) * MICRO).astype(np.int64)},
    )
    published: pd.DataFrame = named.set_index(KEY)[[column]]
    return published


def _settlements(runs: tuple[Results, Results], judges: tuple[Judge, Judge], roster: Roster) -> pd.DataFrame:
    tables = [run.settlements.set_index("settlement_id") for run in runs]
    ids = tables[0].index.union(tables[1].index)
    known = tables[1].reindex(ids).combine_first(tables[0])
    there = [ids.isin(table.index) for table in tables]
    moved = ~_same(*(table.reindex(ids)[["lon", "lat"]] for table in tables))
    layers = {layer: _at_points(runs, roster, ids, layer) for layer in _point_layers(runs)}
    parts = []
    for label, groups in _labels(judges).items():
        classes = [_class_of(table, label, group, ids) for table, group in zip(tables, groups, strict=True)]
        rank = [np.array([_RANK.get(name, -1) for name in names]) for names in classes]
        other = (classes[0] != classes[1]) | (there[0] != there[1])
        station = _blame_points(layers, judges, groups, rank, roster)
        causes = [roster.cause(row) for row in station]
        cause = np.where(moved | (rank[0] < 0) | (rank[1] < 0), SETTLEMENT, [name for name, _ in causes])
        table = known.reset_index()[["settlement_id", "name", "commune_code", "commune_name", "lon", "lat"]].assign(
            technology=label, class_a=classes[0], class_b=classes[1], change=_change(*rank, *there), cause=cause,
            station_id=np.where(cause == SETTLEMENT, "", [name for _, name in causes]),
        )  # fmt: skip
        parts.append(table[other])
    answer: pd.DataFrame = pd.concat(parts).sort_values(["settlement_id", "technology"], ignore_index=True)
    return answer


def _labels(judges: tuple[Judge, Judge]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The technologies behind every label that both runs answer, in each of them."""
    groups = [{SIGNAL: judge.profile.counts_as_signal, **judge.groups} for judge in judges]
    return {label: (groups[0][label], groups[1][label]) for label in groups[0] if label in groups[1]}


def _class_of(
    table: pd.DataFrame, label: str, technologies: tuple[str, ...], ids: "pd.Index[str]"
) -> npt.NDArray[np.object_]:
    """Class of every settlement by a label; "" where the run does not have it, unknown without a position."""
    if label == SIGNAL:
        names = table["signal"]
    else:
        ranks = [table[f"class_{technology}"].map(_RANK).to_numpy(int) for technology in technologies]
        best = np.array(CLASS_NAMES, object)[np.max(ranks, axis=0)]
        names = pd.Series(np.where(table["location_known"].astype(bool), best, "unknown"), table.index)
    found: npt.NDArray[np.object_] = names.reindex(ids).fillna("").to_numpy(object)
    return found


def _change(
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    was: npt.NDArray[np.bool_],
    there: npt.NDArray[np.bool_],
) -> npt.NDArray[np.str_]:
    """What became of a settlement, by the rank of its class; an unknown class counts as none."""
    ranks = [np.maximum(before, 0), np.maximum(after, 0)]
    cases = [~was, ~there, (ranks[0] == 0) & (ranks[1] > 0), (ranks[0] > 0) & (ranks[1] == 0), ranks[0] < ranks[1]]
    return np.select(cases, ["added", "removed", "gained", "lost", "better"], "worse")


def _same(first: pd.DataFrame, second: pd.DataFrame) -> npt.NDArray[np.bool_]:
    equal: npt.NDArray[np.bool_] = ((first == second) | (first.isna() & second.isna())).all(axis=1).to_numpy()
    return equal


def _point_layers(runs: tuple[Results, Results]) -> list[Layer]:
    return sorted(
        {pair for run in runs for pair in run.signals[["technology", "operator"]].itertuples(index=False, name=None)}
    )


def _at_points(runs: tuple[Results, Results], roster: Roster, ids: "pd.Index[str]", layer: Layer) -> tuple[Seen, Seen]:
    """Best station of a technology and operator at every settlement, in both runs."""
    found = []
    for run in runs:
        signals = run.signals
        rows = signals[(signals["technology"] == layer[0]) & (signals["operator"] == layer[1])]
        rows = rows.set_index("point_id").reindex("s" + ids.to_numpy(object))
        server = rows["station_id"].map(roster.row_of).fillna(-1).to_numpy().astype(np.int32)
        level = rows["rsrp_dbm"].to_numpy(float) * 100
        found.append(Seen(np.where(np.isfinite(level) & (server >= 0), level, NO_SIGNAL_CDBM), server))
    return found[0], found[1]


def _blame_points(
    layers: Mapping[Layer, tuple[Seen, Seen]], judges: tuple[Judge, Judge],
    groups: tuple[tuple[str, ...], tuple[str, ...]], rank: list[npt.NDArray[np.int64]], roster: Roster,
) -> npt.NDArray[np.int32]:  # fmt: skip
    """The station behind the change of every settlement: seen from the run in which it is served better."""
    n = len(rank[0])
    station = np.full(n, -1, np.int32)
    for side, better in ((1, rank[1] > rank[0]), (0, rank[0] > rank[1])):
        for service in (1, 2):  # from none the weak threshold decides, else the good one
            mask = better & ((rank[1 - side] < 1) if service == 1 else (rank[1 - side] == 1))
            asked = (
                (_cut(pair[side], mask), _cut(pair[1 - side], mask), judges[side].required[layer[0]][service - 1])
                for layer, pair in layers.items()
                if layer[0] in groups[side]
            )
            station[mask] = blame(asked, roster, int(mask.sum()))
    return station


def _cut(seen: Seen, mask: npt.NDArray[np.bool_]) -> Seen:
    return Seen(seen.level_cdbm[mask], seen.server[mask])


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
