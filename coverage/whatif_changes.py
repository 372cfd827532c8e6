"""What other signal means for people, settlements and the picture: before and after, by the default profile."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.people import Residents
from phusong.coverage.radio import Radio
from phusong.coverage.results import Results
from phusong.coverage.service import (
    ANY,
    CLASS_NAMES,
    GOOD,
    NO_SIGNAL_CDBM,
    NONE,
    WEAK,
    Classes,
    Layer,
    class_points,
    classify_levels,
    group_class,
    point_layers,
    station_sigma_db,
    technology_groups,
    without_spread_at_sea,
)
from phusong.coverage.signal_tile import SignalTile
from phusong.coverage.tiles import Box, Corner, StoredTile, read_tile, tile_boxes
from phusong.coverage.units import UnitIndex
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.grid import Raster
from phusong.geodata.settings import Settings, ThresholdProfile

PEOPLE_COLUMNS = ("level", "unit_code", "technology", "service", "gained_micro", "lost_micro")


@dataclass(frozen=True, eq=False)
class StationRules:
    """What decides the class of a level, by code of the station: id, σ_L [dB], lowest level of the uplink [dBm]."""

    profile: ThresholdProfile
    station_id: list[str]
    sigma_l_db: npt.NDArray[np.float64]
    floor_dbm: npt.NDArray[np.float64]

    @classmethod
    def of(cls, stations: pd.DataFrame, settings: Settings, resolution_m: float) -> "StationRules":
        """Rules of the stations that serve, by the default profile."""
        ids = list(stations["station_id"].astype(str))
        floor_dbm = level_floor_dbm(stations, settings.uplink)
        return cls(settings.profile(), ids, station_sigma_db(stations, resolution_m), floor_dbm)

    def classify(self, technology: str, tile: SignalTile) -> Classes:
        """Class of every pixel of a tile."""
        return classify_levels(
            tile.rsrp_cdbm, tile.server, threshold=self.profile.thresholds[technology], sigma_l_db=self.sigma_l_db,
            location_pct=self.profile.location_pct, floor_dbm=self.floor_dbm,
        )  # fmt: skip


class ResidentClasses:
    """Classes of a run at the populated pixels, by tile; those that were read last are kept.

    Parameters
    ----------
    results
        The run.
    residents
        The populated pixels.
    rules
        Of its stations.
    """

    def __init__(self, results: Results, residents: Residents, rules: StationRules) -> None:
        self._results, self._residents, self._rules = results, residents, rules
        self._rows = {name: code for code, name in enumerate(rules.station_id)}
        self._width = results.grid.shape[1]
        self.stored = lru_cache(maxsize=4096)(self._stored)

    def inside(self, number: int, box: Box) -> npt.NDArray[np.int64]:
        """Positions of the populated pixels of a tile in that tile, flat."""
        row, col = np.divmod(self._residents.pixel[self._residents.of_tile(number)], self._width)
        found: npt.NDArray[np.int64] = (row - box.top) * (box.right - box.left) + col - box.left
        return found

    def _stored(self, technology: str, tile: StoredTile, number: int, box: Box) -> Classes:
        signal = read_tile(tile, store_dir=self._results.store_dir, row_of_station=self._rows)
        return self._rules.classify(technology, signal.at(self.inside(number, box)))


def compare_people(
    before: ResidentClasses, results: Results, radio: Radio, rules: StationRules, residents: Residents, units: UnitIndex
) -> pd.DataFrame:
    """People who gain or lose a service, per commune and province: `PEOPLE_COLUMNS`.

    Parameters
    ----------
    before
        Classes of the run.
    results
        The run.
    radio
        The signal afterwards.
    rules
        Of the stations afterwards.
    """
    n_commune = len(units.levels["commune"].codes)
    sums: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
    for number, corner, box in _touched(radio, results.grid.shape):
        here = residents.of_tile(number)
        if here.start == here.stop:
            continue
        pair = _classes_of_tile(before, results, radio, rules, number, corner, box)
        commune = residents.plot_unit["commune"][residents.plot[here]]
        micro = residents.micro_people[here]
        for label, technologies in technology_groups(rules.profile).items():
            was, will = (group_class(of, technologies, ANY, shape=micro.shape) for of in pair)
            for service in (WEAK, GOOD):
                changed = ((was < service) & (will >= service), (was >= service) & (will < service))
                counted = [np.bincount(commune[m] + 1, micro[m], minlength=n_commune + 1) for m in changed]
                key = label, CLASS_NAMES[service]
                sums[key] = sums.get(key, np.zeros((2, n_commune + 1))) + counted
    rows = [
        row for (label, service), (gained, lost) in sums.items() for row in _rows(label, service, gained, lost, units)
    ]
    table = pd.DataFrame(rows, columns=list(PEOPLE_COLUMNS))
    return table[(table["gained_micro"] > 0) | (table["lost_micro"] > 0)].reset_index(drop=True)


def _rows(
    label: str, service: str, gained: npt.NDArray[np.float64], lost: npt.NDArray[np.float64], units: UnitIndex
) -> Iterator[tuple[str, str, str, str, int, int]]:
    province = units.levels["province"].codes[0]
    yield "province", province, label, service, int(gained.sum()), int(lost.sum())
    for row, code in enumerate(units.levels["commune"].codes, start=1):
        yield "commune", code, label, service, int(gained[row]), int(lost[row])


def _touched(radio: Radio, shape: tuple[int, int]) -> Iterator[tuple[int, Corner, Box]]:
    """The tiles in which any layer may have changed."""
    for number, (corner, box) in enumerate(tile_boxes(shape).items()):
        if any(isinstance(tiles.get(corner), SignalTile) for tiles in radio.tiles.values()):
            yield number, corner, box


def _classes_of_tile(
    before: ResidentClasses, results: Results, radio: Radio, rules: StationRules, number: int, corner: Corner, box: Box
) -> tuple[dict[Layer, Classes], dict[Layer, Classes]]:
    """Classes at the populated pixels of a tile by layer, before and after."""
    was: dict[Layer, Classes] = {}
    will: dict[Layer, Classes] = {}
    for layer, stored in results.tiles.items():
        if layer[0] in rules.profile.thresholds and corner in stored:
            was[layer] = before.stored(layer[0], stored[corner], number, box)
    for layer, tiles in radio.tiles.items():
        tile = tiles.get(corner)
        if tile is None or layer[0] not in rules.profile.thresholds:
            continue
        if isinstance(tile, StoredTile):
            will[layer] = before.stored(layer[0], tile, number, box)
        else:
            will[layer] = rules.classify(layer[0], tile.at(before.inside(number, box)))
    return was, will


def compare_settlements(
    results: Results, points_after: pd.DataFrame, points: pd.DataFrame, rules: tuple[StationRules, StationRules],
    zone: Raster, labels: Mapping[str, tuple[str, ...]],
) -> pd.DataFrame:  # fmt: skip
    """Settlements whose class is another, by technology.

    Parameters
    ----------
    points_after
        The best station of every point afterwards.
    points
        The points, as `run_tables.find_points`.
    rules
        Of the stations before and after.
    zone
        Radio-climatic zones.
    labels
        The technologies behind every label.
    """
    table = results.settlements
    known = table[table["location_known"].astype(bool)].reset_index(drop=True)
    layers = [
        _layers_at(signals, points, own, zone, known["settlement_id"].astype(str))
        for signals, own in zip((results.signals, points_after), rules, strict=True)
    ]
    parts = []
    for label, technologies in labels.items():
        was, will = (group_class(of, technologies, ANY, shape=(len(known),)) for of in layers)
        change = np.select(
            [(was == NONE) & (will > was), (will == NONE) & (was > will), will > was],
            ["gained", "lost", "better"],
            "worse",
        )
        named = known[["settlement_id", "name", "commune_code", "commune_name", "lon", "lat", "population"]].assign(
            technology=label, class_a=np.array(CLASS_NAMES, object)[was], class_b=np.array(CLASS_NAMES, object)[will],
            change=change,
        )  # fmt: skip
        parts.append(named[was != will])
    found: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return found.sort_values(["settlement_id", "technology"], ignore_index=True)


def _layers_at(
    signals: pd.DataFrame, points: pd.DataFrame, rules: StationRules, zone: Raster, ids: "pd.Series[str]"
) -> dict[Layer, Classes]:
    floor_dbm = dict(zip(rules.station_id, rules.floor_dbm.tolist(), strict=True))
    own = signals[signals["point_id"].str.startswith("s")]
    own = without_spread_at_sea(own, points, zone)
    own = own.assign(point_id=own["point_id"].str[1:], floor_dbm=own["station_id"].astype(str).map(floor_dbm))
    return point_layers(ids, class_points(own, rules.profile))


def draw_new(radio: Radio, box: Box, codes: Collection[int], rules: StationRules) -> Classes:
    """Best class of what some stations serve in a box, 0 where they serve nothing.

    Parameters
    ----------
    radio
        The signal afterwards.
    codes
        The stations.
    """
    drawn = np.zeros((box.bottom - box.top, box.right - box.left), dtype=np.uint8)
    chosen = list(codes)
    for (technology, _), tiles in radio.tiles.items():
        for corner, tile in tiles.items():
            if not isinstance(tile, SignalTile) or technology not in rules.profile.thresholds:
                continue
            whole = Box(*corner, corner[0] + tile.server.shape[0], corner[1] + tile.server.shape[1])
            met = whole.cut(box)
            if met.is_empty:
                continue
            inside = np.s_[met.top - corner[0] : met.bottom - corner[0], met.left - corner[1] : met.right - corner[1]]
            level, server = tile.rsrp_cdbm[inside], tile.server[inside]
            own = np.isin(server, chosen)
            classes = rules.classify(technology, SignalTile(np.where(own, level, NO_SIGNAL_CDBM), server))
            into = drawn[met.top - box.top : met.bottom - box.top, met.left - box.left : met.right - box.left]
            np.maximum(into, classes, out=into)
    return drawn
