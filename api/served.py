"""Runs opened for answering: rows ready to send, pixels ready to read, each made when first asked for."""

import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from phusong.api.access_views import public_view, require_open, unknown_run
from phusong.api.answers import heading, open_run
from phusong.api.callers import Caller
from phusong.api.fibre_answer import FibreFinder
from phusong.api.models import Answer, Text
from phusong.api.prepared_cache import PreparedCache
from phusong.coverage.point import PointReader
from phusong.coverage.results import Results
from phusong.coverage.run_stores import CURRENT, FolderRuns, open_run_store
from phusong.geodata.errors import BusyError, UnknownNameError
from phusong.geodata.settings import ThresholdProfile
from phusong.geodata.workspace import Workspace
from phusong.maps.data import Audience, page_data
from phusong.maps.page import render_page

T = TypeVar("T")
DRAWING_S = 5.0  # a map takes seconds: those who wait for another's are not to take all threads


class ServedRun:
    """One run and what was made of it for its answers; a run never changes, so nothing of it grows old.

    Parameters
    ----------
    results
        The run.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self._lock = threading.RLock()
        self._kept: dict[Hashable, Any] = {}

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made before under a key, or is made now."""
        if key not in self._kept:
            with self._lock:
                if key not in self._kept:
                    self._kept[key] = make()
        made: T = self._kept[key]
        return made

    @property
    def points(self) -> PointReader:
        """The reader of the run's pixels."""
        return self.keep("points", lambda: PointReader(self.results))

    def heading_json(
        self, profile: ThresholdProfile, definitions: Callable[[], dict[str, Text]], *, of: str,
        notes: Sequence[Text] = (), public: bool = False,
    ) -> bytes:  # fmt: skip
        """What an answer says of itself, as JSON without the last brace.

        Parameters
        ----------
        profile
            The threshold profile.
        definitions
            What the columns mean.
        of
            Kind of answer: of one kind definitions and notes are always the same.
        notes
            Notes after those of the run.
        public
            Leave out what only planners see.
        """

        def make() -> bytes:
            described = heading(self.results, profile)
            described["notes"] += notes
            answer = Answer(**described, definitions=definitions())
            return (public_view(answer) if public else answer).model_dump_json().encode()[:-1]

        return self.keep(("heading", of, profile.name, public, datetime.now(UTC).date()), make)  # it says an age


class RunCache:
    """The runs of a workspace that were asked for last, opened once each; runs never change.

    Parameters
    ----------
    workspace
        Where the runs are.
    prepare
        Called once with every run that is opened, to make what its answers are made of.
    opened
        Called after that.
    keep
        How many runs and pages stay in memory.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        prepare: Callable[[ServedRun], None],
        opened: Callable[[], None] | None = None,
        keep: int = 4,
    ) -> None:
        self.workspace = workspace
        self._store = open_run_store(workspace)
        self._prepare = prepare
        self._opened = opened
        self.fibre = FibreFinder(workspace)
        self.ground = PreparedCache(workspace)
        self._keep = keep
        self._lock = threading.Lock()
        self._drawing = threading.Lock()  # a map takes seconds: nothing else waits for it
        self._runs: dict[str, ServedRun] = {}
        self._pages: dict[tuple[str, Audience, bool], str] = {}

    def run(self, run_id: str | None = None) -> ServedRun:
        """Open a run, or give the one that is open; None is the run published now.

        Raises
        ------
        NoRunError
            Nothing has been published yet.
        UnknownNameError
            There is no run of that id.
        """
        return self._runs.get(self._named(run_id) or "") or self._open(run_id)

    def run_for(self, caller: Caller, run_id: str | None = None) -> ServedRun:
        """The run asked for; those who see classes only learn nothing of scenarios, nor which runs there are.

        Raises
        ------
        NoRunError
            Nothing has been published yet.
        UnknownNameError
            There is no run of that id that is the caller's to see.
        """
        try:
            found = self.run(run_id)
        except UnknownNameError:
            if run_id is None or caller.sees_levels:
                raise
            raise unknown_run() from None
        require_open(found.results, caller)
        return found

    def is_quick(self, run_id: str | None = None) -> bool:
        """Whether `run_for` opens no run and asks no database."""
        if not isinstance(self._store, FolderRuns):
            return False
        return self._named(run_id) in self._runs

    def _named(self, run_id: str | None) -> str | None:
        """The id that a name stands for, as far as that is known without looking at runs."""
        return self._store.current_id() if run_id in (None, CURRENT) else run_id

    def _open(self, run_id: str | None) -> ServedRun:
        with self._lock:
            results = open_run(self.workspace, run_id)
            found = self._runs.get(results.run_id)
            if found is None:
                found = ServedRun(results)
                self._prepare(found)
                self._remember(self._runs, results.run_id, found)
                if self._opened is not None:
                    self._opened()
            return found

    def page(self, results: Results, *, audience: Audience, whatif: bool = False) -> str:
        """Draw the map of a run for its readers, or the what-if page, or give the page drawn before.

        Raises
        ------
        BusyError
            Maps of other runs are being drawn.
        """
        key = results.run_id, audience, whatif
        if key not in self._pages:
            if not self._drawing.acquire(timeout=DRAWING_S):
                raise BusyError(
                    "Other maps are being drawn; try again soon.", vi="Đang vẽ bản đồ khác; hãy thử lại sau."
                )
            try:
                if key not in self._pages:
                    page = render_page(page_data(results, self.workspace, audience=audience), asks_service=whatif)
                    self._remember(self._pages, key, page)
            finally:
                self._drawing.release()
        return self._pages[key]

    def _remember(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        while key not in kept and len(kept) >= self._keep:
            del kept[next(iter(kept))]
        kept[key] = value
