"""Settlements that gained and lost service between two runs, each with the station behind it, and their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.diff_causes import SETTLEMENT, Judge, Roster, Seen, blame
from phusong.coverage.diff_pixels import KEY
from phusong.coverage.diff_units import Runs
from phusong.coverage.service import CLASS_NAMES, GOOD, NO_SIGNAL_CDBM, WEAK, Layer

SIGNAL = "signal"  # label of the technologies that count as signal
_KNOWN = ["name", "commune_code", "commune_name", "lon", "lat"]
_RANK = {name: rank for rank, name in enumerate(CLASS_NAMES)}
SETTLEMENT_COUNTS = ("settlements_a", "settlements_b", "gained", "lost", "arrived", "left")

Judges = tuple[Judge, Judge]
Mask = npt.NDArray[np.bool_]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class SettlementDiff:
    """The settlements of two runs, judged by each."""

    runs: Runs
    judges: Judges

    @cached_property
    def tables(self) -> list[pd.DataFrame]:
        """Settlements of both runs by id."""
        return [run.settlements.set_index("settlement_id") for run in self.runs]

    @cached_property
    def ids(self) -> "pd.Index[str]":
        """Ids of both runs, sorted."""
        return self.tables[0].index.union(self.tables[1].index)

    @cached_property
    def classes(self) -> dict[str, tuple[Names, Names]]:
        """Class of every settlement by label in both runs; "" where a run does not have it."""
        first, second = self.tables
        return {
            label: (_class_of(first, label, groups[0], self.ids), _class_of(second, label, groups[1], self.ids))
            for label, groups in _labels(self.judges).items()
        }

    def find(self, roster: Roster) -> pd.DataFrame:
        """Every settlement and label of another class: `Difference.settlements`."""
        was, now = (self.ids.isin(table.index) for table in self.tables)
        other = {label: (first != second) | (was != now) for label, (first, second) in self.classes.items()}
        some = np.logical_or.reduce(list(other.values()))
        ids = self.ids[some]
        known = self.tables[1].reindex(ids)[_KNOWN].combine_first(self.tables[0].reindex(ids)[_KNOWN])
        moved = ~_same(*(table.reindex(ids)[["lon", "lat"]] for table in self.tables))
        layers = _seen_at(self.runs, roster, ids)
        parts = []
        for label, groups in _labels(self.judges).items():
            classes = [names[some] for names in self.classes[label]]
            rank = [np.array([_RANK.get(name, -1) for name in names], np.int64) for names in classes]
            causes = [roster.cause(row) for row in _blame_points(layers, self.judges, groups, rank, roster)]
            cause = np.where(moved | (rank[0] < 0) | (rank[1] < 0), SETTLEMENT, [name for name, _ in causes])
            table = known.rename_axis("settlement_id").reset_index()[["settlement_id", *_KNOWN]].assign(
                technology=label, class_a=classes[0], class_b=classes[1], cause=cause,
                change=_change(rank[0], rank[1], was[some], now[some]),
                station_id=np.where(cause == SETTLEMENT, "", [name for _, name in causes]),
            )  # fmt: skip
            parts.append(table[other[label][some]])
        answer: pd.DataFrame = pd.concat(parts).sort_values(["settlement_id", "technology"], ignore_index=True)
        return answer

    def count(self, units: pd.DataFrame) -> pd.DataFrame:
        """Settlements with service by unit in both runs, and how they came and went: `Difference.counts`.

        Parameters
        ----------
        units
            level, code and name of the units to count in.
        """
        province = str(units.loc[units["level"] == "province", "code"].iloc[0])
        placed = {level: _placed(self.tables, level, self.ids, province) for level in units["level"].unique()}
        counted = [
            (level, code, label, CLASS_NAMES[service], *counts)
            for label, classes in self.classes.items()
            for service in ((WEAK, GOOD) if label != SIGNAL else ())  # of the technologies that count, no figure
            for level, (codes, rows) in placed.items()
            for code, counts in _count(codes, rows, [np.isin(names, CLASS_NAMES[service:]) for names in classes])
        ]
        names = units[["level", "code", "name"]].rename(columns={"code": "unit_code", "name": "unit_name"})
        table = pd.DataFrame(counted, columns=[*KEY, *SETTLEMENT_COUNTS])
        found = table.astype(dict.fromkeys(SETTLEMENT_COUNTS, np.int64)).merge(names, on=["level", "unit_code"])
        return found.sort_values(KEY, ignore_index=True)[[*KEY, "unit_name", *SETTLEMENT_COUNTS]]


def _placed(
    tables: Sequence[pd.DataFrame], level: str, ids: "pd.Index[str]", province: str
) -> tuple[Names, npt.NDArray[np.intp]]:
    """Codes of the units, and the row of that of every settlement in both runs `[2, n]`, −1 where it counts in none."""
    units = [table["commune_code" if level == "province" else f"{level}_code"].reindex(ids) for table in tables]
    codes = pd.concat(units).replace("", None).astype(object)
    rows, found = pd.factorize(codes.mask(codes.notna(), province) if level == "province" else codes)
    return np.asarray(found, object), rows.reshape(2, -1)


def _count(codes: Names, rows: npt.NDArray[np.intp], served: Sequence[Mask]) -> list[tuple[str, list[int]]]:
    """`SETTLEMENT_COUNTS` of every unit in which any gained or lost service, came or went."""
    (first, second), (was, now) = rows, served
    stays = first == second
    chosen = (
        (first, was), (second, now), (first, stays & now & ~was), (first, stays & was & ~now), (second, ~stays & now),
        (first, ~stays & was),
    )  # fmt: skip
    counts = np.array([np.bincount(unit[mask] + 1, minlength=len(codes) + 1)[1:] for unit, mask in chosen])
    return [(codes[unit], counts[:, unit].tolist()) for unit in np.flatnonzero(counts[2:].any(axis=0))]


def _labels(judges: Judges) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The technologies behind every label that both runs answer, in each of them."""
    groups = [{SIGNAL: judge.profile.counts_as_signal, **judge.groups} for judge in judges]
    return {label: (groups[0][label], groups[1][label]) for label in groups[0] if label in groups[1]}


def _class_of(table: pd.DataFrame, label: str, technologies: tuple[str, ...], ids: "pd.Index[str]") -> Names:
    """Class of every settlement by a label; "" where the run does not have it, unknown without a position."""
    if label == SIGNAL:
        names = table["signal"]
    else:
        ranks = [table[f"class_{technology}"].map(_RANK).to_numpy(int) for technology in technologies]
        best = np.array(CLASS_NAMES, object)[np.max(ranks, axis=0)]
        names = pd.Series(np.where(table["location_known"].astype(bool), best, "unknown"), table.index)
    found: Names = names.reindex(ids).fillna("").to_numpy(object)
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


def _seen_at(runs: Runs, roster: Roster, ids: "pd.Index[str]") -> dict[Layer, tuple[Seen, Seen]]:
    """Best station of every technology and operator at every settlement, in both runs."""
    first, second = (_best_at(run.signals, roster, ids) for run in runs)
    nothing = _nothing_seen(len(ids))
    return {layer: (first.get(layer, nothing), second.get(layer, nothing)) for layer in sorted({**first, **second})}


def _best_at(signals: pd.DataFrame, roster: Roster, ids: "pd.Index[str]") -> dict[Layer, Seen]:
    place = pd.Index("s" + ids.to_numpy(object)).get_indexer(pd.Index(signals["point_id"].to_numpy(object)))
    signals, place = signals[place >= 0], place[place >= 0]
    server = pd.Index(roster.ids).get_indexer(pd.Index(signals["station_id"].to_numpy(object))).astype(np.int32)
    level = signals["rsrp_dbm"].to_numpy(float) * 100
    level = np.where(np.isfinite(level) & (server >= 0), level, NO_SIGNAL_CDBM)
    found: dict[Layer, Seen] = {}
    layers: Any = signals.groupby(["technology", "operator"]).indices
    for layer, rows in layers.items():
        seen = found[layer] = _nothing_seen(len(ids))
        seen.level_cdbm[place[rows]], seen.server[place[rows]] = level[rows], server[rows]
    return found


def _nothing_seen(n: int) -> Seen:
    return Seen(np.full(n, float(NO_SIGNAL_CDBM)), np.full(n, -1, np.int32))


def _blame_points(
    layers: Mapping[Layer, tuple[Seen, Seen]], judges: Judges,
    groups: tuple[tuple[str, ...], tuple[str, ...]], rank: list[npt.NDArray[np.int64]], roster: Roster,
) -> npt.NDArray[np.int32]:  # fmt: skip
    """The station behind the change of every settlement: seen from the run in which it is served better."""
    n = len(rank[0])
    station = np.full(n, -1, np.int32)
    for side, better in ((1, rank[1] > rank[0]), (0, rank[0] > rank[1])):
        for service in (1, 2):  # from none the weak threshold decides, else the good one
            mask = better & ((rank[1 - side] < 1) if service == 1 else (rank[1 - side] == 1))
            asked = (
                (pair[side].at(mask), pair[1 - side].at(mask), judges[side].required[layer[0]][service - 1])
                for layer, pair in layers.items()
                if layer[0] in groups[side]
            )
            station[mask] = blame(asked, roster, int(mask.sum()))
    return station
