"""The tables of a run: settlements, places and figures, outdoors and indoors."""

from datetime import date
from typing import Any

import pandas as pd

from phusong.coverage.cases import INDOORS, OUTDOORS
from phusong.coverage.figures import compute_figures
from phusong.coverage.ground import Population
from phusong.coverage.indoor import indoor_points, indoor_rows, indoor_settings, indoor_signal
from phusong.coverage.mosaic import Mosaic
from phusong.coverage.prepare import Prepared
from phusong.coverage.service import without_spread_at_sea
from phusong.coverage.settlements import compute_place_table, compute_settlement_table
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.settings import Settings, UplinkSettings


def find_points(prepared: Prepared) -> pd.DataFrame:
    """Settlements (ids "s…") and places (ids "p…") with their position in the CRS of the grid."""
    frames = []
    for prefix, layer, column in (("s", "settlements", "settlement_id"), ("p", "places", "place_id")):
        if layer in prepared.layers:
            x_m, y_m = prepared.points_of(layer)
            frames.append(pd.DataFrame({"point_id": prefix + prepared.layers[layer][column], "x_m": x_m, "y_m": y_m}))
    return pd.concat(frames, ignore_index=True)


def compute_tables(
    settings: Settings, prepared: Prepared, population: Population, signals: pd.DataFrame, mosaic: Mosaic, day: date
) -> dict[str, pd.DataFrame]:
    """The tables of settlements, places and figures, by name.

    Parameters
    ----------
    signals
        The best station of every point.
    mosaic
        The people of the tiles.
    """
    layers, units, stations = prepared.layers, prepared.units, prepared.eligible.table
    levels = without_spread_at_sea(signals, find_points(prepared), prepared.zone)
    points = _with_uplink(levels, stations, settings.uplink)
    fibre = layers.get("fibre_endpoints")
    at_settlements, at_places = (_signal_of(points, prefix) for prefix in ("s", "p"))
    settlements = compute_settlement_table(
        layers["settlements"], at_settlements, units=units, settings=settings, stations=stations, as_of=day,
        fibre=fibre, observations=layers.get("observations"),
        measurements=layers.get("measurements"),
    )  # fmt: skip
    places = compute_place_table(_places(prepared), at_places, units=units, settings=settings, fibre=fibre)
    shared = {
        "residents": population.residents, "units": units, "stations": stations, "settlements": settlements,
        "places": places,
    }  # fmt: skip
    figures = compute_figures(
        mosaic.tallies[OUTDOORS], **shared, settings=settings,
        settlement_signal=at_settlements, place_signal=at_places,
    )  # fmt: skip
    indoor = settings.indoor
    if indoor is not None:
        inside, limited = indoor_points(points, indoor), indoor_settings(settings, indoor)
        rows = compute_figures(
            mosaic.tallies[INDOORS], **shared, settings=limited,
            settlement_signal=_signal_of(inside, "s"), place_signal=_signal_of(inside, "p"),
        )  # fmt: skip
        figures = pd.concat([figures, indoor_rows(rows)], ignore_index=True)
        settlements = settlements.assign(indoor_signal=indoor_signal(settlements, _signal_of(inside, "s"), limited))
    return {"settlements": settlements, "places": places, "figures": figures}


def _with_uplink(points: pd.DataFrame, stations: pd.DataFrame, uplink: UplinkSettings | None) -> pd.DataFrame:
    """The levels at points with the one below which their station's uplink fails."""
    floor_dbm = pd.Series(level_floor_dbm(stations, uplink), index=stations["station_id"].astype(str))
    return points.assign(floor_dbm=floor_dbm.reindex(points["station_id"].astype(str)).to_numpy())


def _signal_of(points: pd.DataFrame, prefix: str) -> pd.DataFrame:
    chosen = points[points["point_id"].str.startswith(prefix)]
    return chosen.assign(point_id=chosen["point_id"].str[1:]).reset_index(drop=True)


def _places(prepared: Prepared) -> Any:
    """The places, or none of them with the right columns."""
    if "places" in prepared.layers:
        return prepared.layers["places"]
    return prepared.layers["settlements"].iloc[:0].assign(place_id="", has_fixed_broadband="")
