"""Layers and ground as they are now, read once for the paths of many requests, which write nothing."""

import threading
import time
from datetime import date

from phusong.api.fibre_answer import DATABASE_SECONDS, file_stamp
from phusong.coverage.cache import LookOnly
from phusong.coverage.prepare import Prepared, prepare
from phusong.geodata.settings import SETTINGS_FILE
from phusong.geodata.workspace import RASTERS, Workspace

DAYS_KEPT = 2  # that of the published run, and today


class PreparedCache:
    """What paths are explained from, by day; read again when a layer, a raster or the settings are others.

    Parameters
    ----------
    workspace
        Where they are.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        rasters = (workspace.raster_path(name) for name in RASTERS)
        self._files = [str(path) for path in (workspace.layers_path, workspace.path / SETTINGS_FILE, *rasters)]
        self._lock = threading.Lock()
        self._kept: dict[date, tuple[object, Prepared]] = {}

    def prepared(self, workspace: Workspace, as_of: date) -> Prepared:
        """What `prepare` gives for a day; its errors.

        Parameters
        ----------
        workspace
            That of the cache.
        as_of
            The day.
        """
        with self._lock:
            stamps = self._stamps()
            stamp, found = self._kept.pop(as_of, (None, None))
            if found is None or stamp != stamps:
                found = prepare(workspace, as_of, cache=LookOnly(workspace.cache_dir))
            while len(self._kept) >= DAYS_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[as_of] = stamps, found
            return found

    def _stamps(self) -> object:
        stamps = [file_stamp(path) for path in self._files]
        return stamps if stamps[0] is not None else [*stamps, int(time.monotonic() / DATABASE_SECONDS)]
