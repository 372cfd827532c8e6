"""Distances on the grid's plane: fibre within its reach, and the nearest mast.

A place has fibre when some endpoint is at most that endpoint's own reach away. Cable routes are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class FibreReach:
    """Fibre at points `[n]`: whether in reach, the endpoint that decides, and its distance [km].

    The endpoint is the nearest of those within their reach, else the nearest of all; ties to the smaller id.
    """

    in_reach: npt.NDArray[np.bool_]
    endpoint_id: npt.NDArray[np.object_]
    distance_km: Floats


@dataclass(frozen=True, eq=False)
class FibreEndpoints:
    """Fibre endpoints on a plane, by id: positions [m] and own reach [km], `[n_endpoint]`."""

    ids: npt.NDArray[np.object_]
    x_m: Floats
    y_m: Floats
    reach_km: Floats

    @classmethod
    def of(cls, endpoints: gpd.GeoDataFrame, crs: str) -> "FibreEndpoints":
        """Place the `fibre_endpoints` layer on the plane of a projected CRS in metres."""
        ordered = endpoints.sort_values("endpoint_id", kind="stable")
        place = ordered.geometry.to_crs(crs)
        ids = ordered["endpoint_id"].astype(object).to_numpy()
        return cls(ids, place.x.to_numpy(), place.y.to_numpy(), ordered["reach_km"].to_numpy(float))

    def reach(self, x_m: Floats, y_m: Floats) -> FibreReach:
        """As `compute_fibre_reach`; there is at least one endpoint."""
        in_reach = np.zeros(len(x_m), dtype=bool)
        chosen = np.zeros(len(x_m), dtype=np.int64)
        distance_km = np.zeros(len(x_m))
        for part, apart_km in _distances_km(x_m, y_m, self.x_m, self.y_m):
            reached = apart_km <= self.reach_km
            in_reach[part] = reached.any(axis=1)
            candidates = np.where(reached | ~in_reach[part, None], apart_km, np.inf)
            chosen[part] = candidates.argmin(axis=1)
            distance_km[part] = candidates.min(axis=1)
        return FibreReach(in_reach, self.ids[chosen], distance_km)


def compute_fibre_reach(x_m: Floats, y_m: Floats, endpoints: gpd.GeoDataFrame, crs: str) -> FibreReach:
    """Find which points lie within the reach of a fibre endpoint.

    Parameters
    ----------
    x_m, y_m
        Points on the plane of `crs` [m], `[n]`.
    endpoints
        The `fibre_endpoints` layer, at least one row, any CRS; `reach_km` per endpoint.
    crs
        A projected CRS in metres.
    """
    return FibreEndpoints.of(endpoints, crs).reach(x_m, y_m)


def compute_nearest_mast(
    x_m: Floats, y_m: Floats, stations: gpd.GeoDataFrame, crs: str
) -> tuple[npt.NDArray[np.object_], Floats]:
    """Find the nearest mast of each point: its id and distance [km]; ties to the smaller mast id.

    Parameters
    ----------
    x_m, y_m
        Points on the plane of `crs` [m], `[n]`.
    stations
        Stations with `mast_id`, at least one row, any CRS.
    crs
        A projected CRS in metres.
    """
    masts = stations.sort_values("mast_id", kind="stable").drop_duplicates(["mast_id", "geometry"])
    place = masts.geometry.to_crs(crs)
    ids = masts["mast_id"].astype(object).to_numpy()
    chosen = np.zeros(len(x_m), dtype=np.int64)
    distance_km = np.zeros(len(x_m))
    for part, apart_km in _distances_km(x_m, y_m, place.x.to_numpy(), place.y.to_numpy()):
        chosen[part] = apart_km.argmin(axis=1)
        distance_km[part] = apart_km.min(axis=1)
    return ids[chosen], distance_km


def _distances_km(x_m: Floats, y_m: Floats, to_x_m: Floats, to_y_m: Floats) -> Iterator[tuple[slice, Floats]]:
    """Distances of a slice of the points to every target `[n_slice, n_target]` [km]."""
    for start in range(0, len(x_m), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield part, np.hypot(x_m[part, None] - to_x_m, y_m[part, None] - to_y_m) / 1000
