"""Collections of layers as they are imported now, which locate masts and cables: for planners."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from phusong.api.models import Text
from phusong.api.ogc.features import EVER, Collection, Field, Instants
from phusong.geodata.schemas import LAYERS, Layer
from phusong.geodata.sources import notices
from phusong.geodata.workspace import Workspace

DATABASE_SECONDS = 5.0  # a layer in a database is read anew after so long: it tells nobody of its changes
_TITLES = {
    "stations": Text(en="Stations", vi="Trạm phát sóng"),
    "fibre_endpoints": Text(en="Fibre endpoints", vi="Điểm cáp quang"),
    "places": Text(en="Places", vi="Địa điểm"),
    "measurements": Text(en="Measurements", vi="Điểm đo"),
}
LAYER_COLLECTIONS = tuple(_TITLES)
_DATES = {"stations": ("on_air_from", "on_air_to"), "measurements": ("measured_at", "measured_at")}
_MEANING = Text(en="The layer as it is imported now.", vi="Lớp dữ liệu như đang được nhập.")


class LayerFeatures:
    """The layers of a workspace as collections; each stays in memory until it changes.

    Parameters
    ----------
    workspace
        Where the layers are.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[object, Any]] = {}

    def names(self) -> tuple[str, ...]:
        """The collections there are."""
        there: list[str] = self._keep("", self._workspace.layer_names)
        return tuple(name for name in LAYER_COLLECTIONS if name in there)

    def collection(self, name: str) -> Collection:
        """One of `names`, as it is now.

        Raises
        ------
        DatabaseError
            The database that holds the layer cannot be read.
        """
        found: Collection = self._keep(name, lambda: _collection(self._workspace, LAYERS[name]))
        return found

    def _keep(self, name: str, make: Callable[[], Any]) -> Any:
        stamp = self._stamp()
        if self._kept.get(name, (None,))[0] != stamp:
            with self._lock:
                if self._kept.get(name, (None,))[0] != stamp:
                    self._kept[name] = stamp, make()
        return self._kept[name][1]

    def _stamp(self) -> object:
        """What changes when a layer may have changed."""
        path = self._workspace.layers_path
        if not path.exists():
            return int(time.monotonic() / DATABASE_SECONDS)
        state = path.stat()
        return state.st_mtime_ns, state.st_size, state.st_ino


def _collection(workspace: Workspace, layer: Layer) -> Collection:
    frame = workspace.read_layer(layer.name)
    table = pd.DataFrame(frame.drop(columns="geometry"))
    key = layer.key[0] if len(layer.key) == 1 else None
    begins, ends = _interval(frame, layer.name)
    return Collection(
        name=layer.name,
        title=_TITLES[layer.name],
        meaning=_MEANING,
        fields={column: _field(layer, column) for column in map(str, table)},
        ids=list(map(str, range(1, len(table) + 1) if key is None else table[key])),
        table=table,
        shapes=frame.geometry.to_numpy(),
        begins=begins,
        ends=ends,
        licences=tuple(
            (source["attribution"], source["licence_url"])
            for source in notices(workspace.path)
            if source["layer"] == layer.name
        ),
    )


def _field(layer: Layer, name: str) -> Field:
    kind = layer.column(name).kind if name in layer.column_names else "text"
    return Field("number" if kind == "number" or name == "source_row" else "string", is_date=kind == "date")


def _interval(frame: pd.DataFrame, name: str) -> tuple[Instants, Instants]:
    """First and last second of every feature, by its dates."""
    if name not in _DATES:
        return np.full(len(frame), EVER[0]), np.full(len(frame), EVER[1])
    first, last = _DATES[name]
    return _instants(frame[first], EVER[0], "T00:00:00"), _instants(frame[last], EVER[1], "T23:59:59")


def _instants(dates: "pd.Series[str]", missing: np.datetime64, of_day: str) -> Instants:
    """Instants of ISO dates and times, UTC; a date alone stands for an end of the day."""
    texts = dates.map(lambda text: text if "T" in text else text + of_day, na_action="ignore")
    known = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)  # rows of a database may hold any text
    found: Instants = known.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(found), missing, found)
