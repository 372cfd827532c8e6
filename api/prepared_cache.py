"""Layers and ground as they are now, read once for the paths of many requests, which write nothing."""

import threading
import time
from datetime import date

from phusong.api.fibre_answer import DATABASE_SECONDS, file_stamp
from phusong.coverage.cache import LookOnly
from phusong.coverage.memory import Memory
from phusong.coverage.prepare import Prepared, Sources, prepare, read_sources
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
        self._memory = Memory()  # days between which no unit changed share units and ground
        self._sources: Sources | None = None
        self._read_at: object = None
        self._kept: dict[date, Prepared] = {}

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
            if stamps != self._read_at:
                self._kept.clear()  # not two of them at once
                self._sources = read_sources(workspace)
                self._read_at = stamps
            found = self._kept.pop(as_of, None) or prepare(
                workspace, as_of, sources=self._sources, cache=LookOnly(workspace.cache_dir), memory=self._memory
            )
            while len(self._kept) >= DAYS_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[as_of] = found
            return found

    def _stamps(self) -> object:
        stamps = [file_stamp(path) for path in self._files]
        return stamps if stamps[0] is not None else [*stamps, int(time.monotonic() / DATABASE_SECONDS)]
