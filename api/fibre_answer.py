"""The fibre endpoint that reaches a point, from the layer as it is imported now."""

import math
import os
import threading
import time
from dataclasses import dataclass

import numpy as np

from phusong.api.models import NearestFibre
from phusong.coverage.reach import FibreEndpoints
from phusong.geodata.workspace import Workspace

LAYER = "fibre_endpoints"
DATABASE_SECONDS = 5.0  # a layer in a database is read anew after so long: it tells nobody of its changes


@dataclass(frozen=True, eq=False)
class _Layer:
    """The layer as it was at a stamp; None where there is none."""

    stamp: object
    crs: str
    endpoints: FibreEndpoints | None
    rows: dict[str, tuple[str, float]]  # operator and reach [km] by id


class FibreFinder:
    """Finds the fibre endpoint of a point; keeps the layer in memory until it changes.

    Parameters
    ----------
    workspace
        Where the layer is.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._path = str(workspace.layers_path)
        self._lock = threading.Lock()
        self._layer: _Layer | None = None

    def nearest(self, x_m: float, y_m: float, crs: str) -> NearestFibre | None:
        """The nearest endpoint that reaches a point, else the nearest; None without such a layer.

        Parameters
        ----------
        x_m, y_m
            The point on the plane of `crs` [m].
        crs
            A projected CRS in metres.

        Raises
        ------
        DatabaseError
            The database that holds the layer cannot be read.
        """
        layer = self._read(crs)
        if layer.endpoints is None or not (math.isfinite(x_m) and math.isfinite(y_m)):
            return None
        reach = layer.endpoints.reach(np.array([x_m]), np.array([y_m]))
        found = str(reach.endpoint_id[0])
        operator, reach_km = layer.rows[found]
        return NearestFibre(
            endpoint_id=found,
            operator=operator,
            distance_km=round(float(reach.distance_km[0]), 3),
            reach_km=reach_km,
            in_reach=bool(reach.in_reach[0]),
        )

    def _read(self, crs: str) -> _Layer:
        stamp = self.stamp()
        layer = self._layer
        if layer is None or (layer.stamp, layer.crs) != (stamp, crs):
            with self._lock:
                self._layer = layer = _read_layer(self._workspace, stamp, crs)
        return layer

    def stamp(self) -> object:
        """What changes when the layer may have changed."""
        return file_stamp(self._path) or int(time.monotonic() / DATABASE_SECONDS)


def file_stamp(path: str) -> tuple[int, int, int] | None:
    """What changes when a file is written anew; None where there is none."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _read_layer(workspace: Workspace, stamp: object, crs: str) -> _Layer:
    table = workspace.read_layer(LAYER) if workspace.has_layer(LAYER) else None
    if table is None or table.empty:
        return _Layer(stamp, crs, None, {})
    named = zip(table["endpoint_id"].astype(str), table["operator"].astype(str), table["reach_km"], strict=True)
    rows = {name: (operator, float(reach_km)) for name, operator, reach_km in named}
    return _Layer(stamp, crs, FibreEndpoints.of(table, crs), rows)
