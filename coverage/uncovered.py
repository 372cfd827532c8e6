"""Why settlements have no or only weak signal: the nearest stations with margins, the obstacle, and what is planned.

Paths are explained from the workspace, so they are given only while stations, terrain, land cover and settings are
those of the run; else the run's own table has to do.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from phusong.coverage.prepare import Prepared, prepare
from phusong.coverage.profile import PathExplanation, explain_path
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results
from phusong.coverage.service import rate_points
from phusong.geodata.errors import MissingLayerError
from phusong.geodata.settings import Settings
from phusong.geodata.workspace import Workspace

Cause = Literal["no_position", "no_station", "terrain", "cover", "grazed", "far", "below"]
Funding = Literal["electricity_first", "fund", "operators", "fund_or_operators", "power_unknown"]

UNCOVERED = ("none", "weak")
MASTS_EXPLAINED = 3
PLANNED_TRIED = 3
_RUN_INPUTS = ("stations", "terrain", "clutter")


@dataclass(frozen=True, eq=False)
class Planned:
    """A planned station that would serve, and the day from which; None where the layer does not say."""

    path: PathExplanation
    on_air_from: date | None


@dataclass(frozen=True, eq=False)
class Uncovered:
    """Why a settlement has no or only weak signal.

    Attributes
    ----------
    cause
        What keeps the best station from serving: terrain, cover, the Fresnel zone grazed, or free sight but too "far";
        "below" where the path cannot be explained; no station within the radius; no position.
    paths
        The best station and one on each of the nearest masts, by distance, of the technologies that count as signal.
    best
        Position in `paths` of the station with the best margin in the run; None where none is within its radius.
    planned
        The nearest planned station that would serve, None without one.
    funding
        Who pays by the state of the settlement.
    """

    settlement_id: str
    cause: Cause
    paths: tuple[PathExplanation, ...]
    best: int | None
    planned: Planned | None
    funding: Funding


def explain_uncovered(
    workspace: Workspace,
    results: Results,
    settlement_ids: Collection[str] | None = None,
    *,
    prepare: Callable[[Workspace, date], Prepared] = prepare,
) -> dict[str, Uncovered]:
    """Explain settlements without or with weak signal.

    Parameters
    ----------
    workspace
        Where the run was published.
    results
        The run; its first profile judges.
    settlement_ids
        These alone, whatever their signal; None is all that have none or a weak one, and those of unknown position.
    prepare
        What reads the workspace for a day, or gives what was read before.

    Returns
    -------
    By id of the settlement.
    """
    table = results.settlements
    if settlement_ids is None:
        wanted = table["signal"].isin(UNCOVERED) | ~table["location_known"].astype(bool)
    else:
        wanted = table["settlement_id"].isin(list(settlement_ids))
    rows = table[wanted]
    prepared = _prepare_as_in_run(workspace, results, prepare) if rows["location_known"].any() else None
    explainer = None if prepared is None else _explainer_of(workspace, results, prepared)
    return {str(row["settlement_id"]): _explain(row, workspace.settings, explainer) for row in rows.to_dict("records")}


def find_funding(power: str, area_type: str, specially_difficult: Collection[str]) -> Funding:
    """Who pays for signal at a settlement.

    Parameters
    ----------
    power
        Grid power: yes, no or unknown.
    area_type
        Kind of area as imported.
    specially_difficult
        Kinds of area that are specially difficult; empty where the settings do not say.
    """
    if power == "no":
        return "electricity_first"
    if power != "yes":
        return "power_unknown"
    if not specially_difficult:
        return "fund_or_operators"
    return "fund" if area_type in specially_difficult else "operators"


def _prepare_as_in_run(
    workspace: Workspace, results: Results, prepare: Callable[[Workspace, date], Prepared]
) -> Prepared | None:
    """What the paths are explained from; None where the workspace is no longer that of the run."""
    if not results.has_settings(workspace.settings):
        return None
    try:
        prepared = prepare(workspace, date.fromisoformat(str(results.manifest["as_of"])))
    except MissingLayerError:  # it was there when the run was computed
        return None
    inputs = results.manifest["inputs"]
    same = all(inputs.get(name) == prepared.sources.inputs[name] for name in _RUN_INPUTS)
    return prepared if same else None


def _explain(row: dict[Any, Any], settings: Settings, explainer: "_Explainer | None") -> Uncovered:
    funding = find_funding(row["power"], row["area_type"], settings.report.specially_difficult)
    settlement_id = str(row["settlement_id"])
    if row["location_known"] and explainer is not None:
        return explainer.explain(settlement_id, row["lon"], row["lat"], funding)
    margins = [row.get(f"margin_db_{name}") for name in settings.profile().counts_as_signal]
    cause: Cause = "no_station" if all(pd.isna(margin) for margin in margins) else "below"
    return Uncovered(settlement_id, cause if row["location_known"] else "no_position", (), None, None, funding)


class _Explainer:
    """Explains paths to one settlement after the other."""

    def __init__(self, workspace: Workspace, results: Results, prepared: Prepared) -> None:
        self._workspace, self._prepared = workspace, prepared
        self._as_of = date.fromisoformat(str(results.manifest["as_of"]))
        profile = next(iter(results.profiles.values()))
        counted = list(profile.counts_as_signal)
        signals = results.signals
        rated = rate_points(signals[signals["technology"].isin(counted)], profile)
        rated = rated.sort_values(["margin_db", "station_id"], ascending=[False, True], kind="stable")
        self._best = rated.drop_duplicates("point_id").set_index("point_id")["station_id"]
        self._radius_km = workspace.settings.model.radius_km
        self._serving = self._placed(results.stations, counted)
        stations = prepared.layers["stations"]
        self._planned = self._placed(stations[stations["status"] == "planned"], counted)

    def _placed(self, stations: gpd.GeoDataFrame, technologies: list[str]) -> gpd.GeoDataFrame:
        """Stations of some technologies with x_m and y_m on the grid, the lowest band of a mast first."""
        chosen = stations[stations["technology"].isin(technologies)]
        place = chosen.geometry.to_crs(self._prepared.grid.crs)
        return chosen.assign(x_m=place.x, y_m=place.y).sort_values(["band_mhz", "station_id"], kind="stable")

    def explain(self, settlement_id: str, lon: float, lat: float, funding: Funding) -> Uncovered:
        best_id = self._best.get(f"s{settlement_id}")
        near = self._nearest(self._serving, lon, lat)
        masts = near.drop_duplicates("mast_id").head(MASTS_EXPLAINED)
        ids = list(masts["station_id"])
        if best_id is not None:
            mast = near.loc[near["station_id"] == best_id, "mast_id"]
            ids = [best_id, *masts.loc[~masts["mast_id"].isin(mast), "station_id"]]
        paths = sorted(self._paths(ids, lon, lat), key=lambda path: (path.distance_km, path.station.station_id))
        best = next((row for row, path in enumerate(paths) if path.station.station_id == best_id), None)
        cause: Cause = "no_station" if best is None else _cause(paths[best])
        planned = self._plan(lon, lat)
        return Uncovered(settlement_id, cause, tuple(paths), best, planned, funding)

    def _nearest(self, stations: gpd.GeoDataFrame, lon: float, lat: float) -> gpd.GeoDataFrame:
        """Stations by distance from a place."""
        place = gpd.GeoSeries(gpd.points_from_xy([lon], [lat]), crs="EPSG:4326").to_crs(self._prepared.grid.crs)
        away_km = np.hypot(stations["x_m"] - place.x[0], stations["y_m"] - place.y[0]) / 1e3
        return stations.assign(away_km=away_km).sort_values("away_km", kind="stable")

    def _paths(self, station_ids: Collection[str], lon: float, lat: float) -> Iterator[PathExplanation]:
        for station_id in station_ids:
            try:
                yield explain_path(
                    self._workspace, station_id, lon=lon, lat=lat, as_of=self._as_of, prepared=self._prepared
                )
            except OutOfValidityError:  # at the mast, or a hole in the terrain: nothing to tell
                continue

    def _plan(self, lon: float, lat: float) -> Planned | None:
        near = self._nearest(self._planned, lon, lat)
        near = near[near["away_km"] <= self._radius_km].drop_duplicates("mast_id").head(PLANNED_TRIED)
        begins = dict(zip(near["station_id"], near["on_air_from"], strict=True))
        for path in self._paths(list(begins), lon, lat):
            if path.level.margin_db is not None and path.level.margin_db >= 0.0:
                begin = begins[path.station.station_id]
                return Planned(path, None if pd.isna(begin) else pd.Timestamp(begin).date())
        return None


@lru_cache(maxsize=1)
def _explainer_of(workspace: Workspace, results: Results, prepared: Prepared) -> _Explainer:
    """The explainer of the last run asked about, for one settlement after the other."""
    return _Explainer(workspace, results, prepared)


def _cause(path: PathExplanation) -> Cause:
    if path.path.sight == "clear":
        return "far"
    if path.path.sight == "fresnel":
        return "grazed"
    return "terrain" if path.path.obstacle.kind == "terrain" else "cover"
