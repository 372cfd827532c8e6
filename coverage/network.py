"""The stations of a computation, and the run that it starts from."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from phusong.coverage.levels import Levels
from phusong.coverage.masts import Geometry
from phusong.coverage.memory import Memory
from phusong.coverage.service import Layer
from phusong.coverage.stations import Station
from phusong.coverage.tiles import Box, Corner, StoredTile

POINT_COLUMNS = (
    "point_id",
    "x_m",
    "y_m",
    "technology",
    "operator",
    "rsrp_dbm",
    "station_id",
    "distance_km",
    "freq_ghz",
)


@dataclass(frozen=True, eq=False)
class Base:
    """The run that a computation starts from; the default is none.

    Attributes
    ----------
    signal_keys
        Signal key of every station by (technology, operator) and id.
    tiles
        Stored tiles by layer and corner, in `store_dir`.
    reach
        Pixels that every station may have served, by its layer and id; may reach outside the grid.
    points
        Its best station of every point, `POINT_COLUMNS`.
    """

    signal_keys: Mapping[Layer, Mapping[str, str]] = field(default_factory=dict)
    tiles: Mapping[Layer, Mapping[Corner, StoredTile]] = field(default_factory=dict)
    reach: Mapping[tuple[Layer, str], Box] = field(default_factory=dict)
    store_dir: Path = Path()
    points: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(POINT_COLUMNS)))


@dataclass(frozen=True, eq=False)
class Network:
    """The stations of a run: their geometries, and by code their layer, id and signal key."""

    geometries: list[Geometry]
    field_keys: list[str]
    layer: list[Layer]
    station_id: list[str]
    signal_key: list[str]

    @property
    def keys_by_layer(self) -> dict[Layer, dict[str, str]]:
        """Signal keys by layer and station id."""
        found: dict[Layer, dict[str, str]] = defaultdict(dict)
        for layer, station_id, key in zip(self.layer, self.station_id, self.signal_key, strict=True):
            found[layer][station_id] = key
        return dict(sorted(found.items()))


class _Keys:
    """Keys of geometries, by place and bands, and of stations, by what they are and the key of their place."""

    def __init__(self) -> None:
        self.of_geometry: dict[tuple[object, ...], tuple[str, str]] = {}
        self.of_station: dict[tuple[Station, str], str] = {}


def find_network(levels: Levels, geometries: list[Geometry], *, memory: Memory | None = None) -> Network:
    """Hash what the field of every geometry and the signal of every station depend on.

    Parameters
    ----------
    memory
        What this process keeps from the computation before; None is nothing.
    """
    stations = levels.prepared.stations
    known, used = (memory or Memory()).fetch("keys", levels.common, _Keys), _Keys()
    signal_key = [""] * len(stations)
    field_keys = []
    for geometry in geometries:
        place = (geometry.x_m, geometry.y_m, geometry.height_agl_m, geometry.freqs_ghz)
        field_key, place_key = used.of_geometry[place] = known.of_geometry.get(place) or levels.keys(geometry)
        field_keys.append(field_key)
        for code in geometry.stations:
            station = stations[code], place_key
            used.of_station[station] = known.of_station.get(station) or levels.signal_key(code, place_key)
            signal_key[code] = used.of_station[station]
    known.of_geometry, known.of_station = used.of_geometry, used.of_station  # none of stations that are gone
    return Network(
        geometries, field_keys, [(s.technology, s.operator) for s in stations], [s.station_id for s in stations],
        signal_key,
    )  # fmt: skip


def kept_stations(network: Network, base: Base) -> set[int]:
    """Codes of the stations whose signal is that of the base."""
    return {
        code
        for code, (layer, station_id, key) in enumerate(
            zip(network.layer, network.station_id, network.signal_key, strict=True)
        )
        if base.signal_keys.get(layer, {}).get(station_id) == key
    }
