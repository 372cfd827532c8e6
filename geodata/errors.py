"""The errors users meet: each says what, where and what to do, in English and in Vietnamese."""

import textwrap
from collections.abc import Sequence
from typing import Any

_WORDS_LENGTH = 160


class PhusongError(Exception):
    """Base of every error of phusong.

    Parameters
    ----------
    message
        One sentence in English: what is wrong, where, what to do.
    vi
        The same sentence in Vietnamese.
    """

    def __init__(self, message: str, *, vi: str) -> None:
        super().__init__(message)
        self.vi = vi

    def __reduce__(self) -> tuple[Any, ...]:
        """How an error travels between processes."""
        return _error_again, (type(self), self.args, self.__dict__)


def words_of(error: Exception) -> str:
    """What another program says of a file, on one line and cut where it would bury the sentence around it."""
    return textwrap.shorten(str(error), _WORDS_LENGTH, placeholder=" …")


def _error_again(kind: type[PhusongError], args: tuple[Any, ...], state: dict[str, Any]) -> PhusongError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputError(PhusongError, ValueError):
    """A file, a row or an argument cannot be accepted."""


class RefusedRowsError(InputError):
    """An import refused rows and could not, or was not told to, go on without them.

    `reports` say which and why: `ImportReport.to_dict()` of each layer.
    """

    def __init__(self, message: str, *, vi: str, reports: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message, vi=vi)
        self.reports = reports


class SettingsError(PhusongError, ValueError):
    """`phusong.toml` or a recipe cannot be accepted."""


class MissingLayerError(PhusongError, LookupError):
    """A layer that an answer needs has not been imported, or is empty."""


class UnknownNameError(PhusongError, LookupError):
    """A run, unit, station, settlement or profile of that name does not exist."""


class AmbiguousNameError(InputError):
    """A name stands for several units; the message lists them."""


class WorkspaceError(PhusongError, OSError):
    """The folder is no workspace, or cannot be made one."""


class StoreError(PhusongError, OSError):
    """A stored piece of a run is missing or damaged."""


class DatabaseError(PhusongError, OSError):
    """The database of a workspace cannot be reached, is not as it must be, or refuses."""


class BusyError(WorkspaceError):
    """Another process is writing the workspace."""


class DiskFullError(WorkspaceError):
    """The disk is full, or a file may not grow further; what was there before stands."""


class DownloadError(PhusongError, OSError):
    """A file of a provider or a mirror cannot be had, or is not what it should be."""


class SchedulerError(PhusongError, ConnectionError):
    """Dask's scheduler or its workers cannot be reached, were lost, or do not fit."""
