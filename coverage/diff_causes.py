"""Which station a change of service comes from: what became of every station between two runs, and who is to name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.results import Results
from phusong.coverage.service import required_cdbm, station_sigma_db, technology_groups
from phusong.geodata.settings import ThresholdProfile

NEW, GONE, CHANGED, GROUND, SAME = "new", "gone", "changed", "ground", "same"
SETTINGS, PEOPLE, SETTLEMENT = "settings", "people", "settlement"  # causes that are no station
_OWN = (
    "operator", "technology", "band_mhz", "bandwidth_mhz", "height_agl_m", "azimuths_deg", "downtilt_deg",
    "mechanical_tilt_deg", "eirp_dbm", "antenna", "geometry",
)  # fmt: skip
_OUT_OF_REACH = 32767
_FIRST = 1e6  # puts a station that changed before any margin [0.01 dB]

Rows = npt.NDArray[np.int32]


class Seen(NamedTuple):
    """Best level of a technology and operator at some places [0.01 dBm, −32768 none] and its station's row, −1 none."""

    level_cdbm: npt.NDArray[Any]
    server: Rows

    def at(self, mask: npt.NDArray[np.bool_]) -> "Seen":
        """What was seen at some of the places."""
        return Seen(self.level_cdbm[mask], self.server[mask])


@dataclass(frozen=True, eq=False)
class Roster:
    """The stations of two runs together, sorted by id: what became of each, and which of its own values changed."""

    ids: list[str]
    state: list[str]
    changes: list[list[str]]

    @classmethod
    def of(cls, before: Results, after: Results) -> "Roster":
        """Compare the stations: a `changed` one has other values of its own, at a `ground` one only paths differ.

        Where all that paths follow from is equal, another key comes from a run of an older version, in which the other
        bands on the mast were part of it: the same levels.
        """
        alike = _conditions(before) == _conditions(after)
        keys = [dict(run.stations[["station_id", "signal_key"]].to_numpy(object)) for run in (before, after)]
        ids = sorted({**keys[0], **keys[1]})
        other = {name for name in ids if keys[0].get(name) != keys[1].get(name)}
        tables = [_records(run.stations, other) for run in (before, after)]
        fates = {name: _fate(*(table.get(name) for table in tables), alike=alike) for name in other}
        found = [fates.get(name, (SAME, [])) for name in ids]
        return cls(ids, [state for state, _ in found], [changes for _, changes in found])

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row by station id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def moved(self) -> npt.NDArray[np.bool_]:
        """Whether a station is another than before `[n + 1]`; row −1 is not."""
        return np.array([*(state != SAME for state in self.state), False])

    def cause(self, row: int) -> tuple[str, str]:
        """Cause and station id behind a row that `blame` gave."""
        return (self.state[row], self.ids[row]) if row >= 0 else (SETTINGS, "")


@dataclass(frozen=True, eq=False)
class Judge:
    """How a run judges levels by its default profile.

    `required` gives by technology the lowest level of weak and good per row of the roster `[2, n + 1]` [0.01 dBm];
    row −1, and stations that the run does not have, are out of reach.
    """

    profile: ThresholdProfile
    required: dict[str, npt.NDArray[np.int16]]

    @classmethod
    def of(cls, run: Results, roster: Roster) -> "Judge":
        """Put the rules of a run in the order of the roster."""
        profile = next(iter(run.profiles.values()))
        rows = pd.Index(roster.ids).get_indexer(run.stations["station_id"].to_numpy(object))
        sigma_l_db = station_sigma_db(run.stations, run.grid.resolution_m)
        required = {}
        for technology, threshold in profile.thresholds.items():
            needed = np.full((2, len(roster.ids) + 1), _OUT_OF_REACH, np.int16)
            for service, level_dbm in enumerate((threshold.weak_dbm, threshold.good_dbm)):
                floor_dbm = np.maximum(level_dbm, run.floor_dbm)
                needed[service, rows] = required_cdbm(floor_dbm, sigma_l_db, profile.location_pct)[:-1]
            required[technology] = needed
        return cls(profile, required)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Technologies behind every label."""
        return technology_groups(self.profile)

    def agrees(self, other: "Judge", roster: Roster) -> bool:
        """Whether another run judges every station that both have alike."""
        both = np.array([*(state not in (NEW, GONE) for state in roster.state), True])
        return self.groups == other.groups and all(
            np.array_equal(needed[:, both], other.required[technology][:, both])
            for technology, needed in self.required.items()
        )

    def classes(self, technology: str, seen: Seen) -> npt.NDArray[np.uint8]:
        """Service class of what was seen; none of a technology without a threshold."""
        if technology not in self.required:
            return np.zeros(len(seen.server), np.uint8)
        needed = self.required[technology][:, seen.server]
        found: npt.NDArray[np.uint8] = (seen.level_cdbm >= needed).sum(axis=0).astype(np.uint8)
        return found


def blame(layers: Iterable[tuple[Seen, Seen, npt.NDArray[np.int16]]], roster: Roster, n: int) -> Rows:
    """The station that a change of service comes from at every place, −1 where none did: then the rules changed.

    Where two layers would do, one whose station changed goes before one whose did not, then the larger margin, then the
    smaller id. A station that changed may also act by overtaking, or giving way to, one that did not.

    Parameters
    ----------
    layers
        Of every technology and operator asked for: what is seen in the run that serves, in the other one, and the
        level that every station needs there.
    n
        Number of places.
    """
    station, best = np.full(n, -1, np.int32), np.full(n, -np.inf)
    for here, there, needed in layers:
        margin = here.level_cdbm.astype(np.float64) - needed[here.server]
        other = np.where(roster.moved[there.server], there.server, -1)
        found = np.where(roster.moved[here.server], here.server, other).astype(np.int32)
        found[(here.server == there.server) & (here.level_cdbm == there.level_cdbm)] = -1
        score = margin + _FIRST * ((found >= 0) & (margin >= 0))
        better = (score > best) | ((score == best) & (found < station))
        station[better], best[better] = found[better], score[better]
    return station


def _records(stations: gpd.GeoDataFrame, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What some stations are, by id."""
    table = stations[stations["station_id"].isin(list(ids))]
    records: Any = pd.DataFrame(table).assign(geometry=table.geometry.to_wkb()).to_dict("records")
    return {record["station_id"]: record for record in records}


def _conditions(run: Results) -> list[Any]:
    """All that the levels of a run follow from beside the stations."""
    manifest = run.manifest
    settings = [manifest["settings"].get(name) for name in ("model", "calibration")]
    return [
        *settings,
        manifest["inputs"].get("antennas"),
        *(manifest[key] for key in ("ground", "engine", "libraries")),
    ]


def _fate(before: dict[str, Any] | None, after: dict[str, Any] | None, *, alike: bool) -> tuple[str, list[str]]:
    if before is None or after is None:
        return (NEW if before is None else GONE), []
    changes = [name for name in _OWN if not _equal(before.get(name), after.get(name))]
    if changes:
        return CHANGED, changes
    return (SAME if alike else GROUND), []


def _equal(first: Any, second: Any) -> bool:
    return bool(first == second) or (pd.isna(first) and pd.isna(second))
