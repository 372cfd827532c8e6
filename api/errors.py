"""The one table from exceptions to HTTP statuses, and the sentence a user reads for each exception."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.geodata.errors import (
    AmbiguousNameError,
    BusyError,
    DatabaseError,
    DiskFullError,
    DownloadError,
    InputError,
    MissingLayerError,
    PhusongError,
    RefusedRowsError,
    SchedulerError,
    SettingsError,
    StoreError,
    UnknownNameError,
    WorkspaceError,
)


class NoRunError(UnknownNameError):
    """Nothing has been computed and published yet."""


class QueueFullError(BusyError):
    """Too many computations wait already; `retry_after_s` says when to come again [s]."""

    def __init__(self, message: str, *, vi: str, retry_after_s: int) -> None:
        super().__init__(message, vi=vi)
        self.retry_after_s = retry_after_s


class UnknownParameterError(InputError):
    """A request has a parameter that the route does not know, or one twice."""


class BadQueryError(InputError):
    """A parameter of a standard's address has a value that is not possible."""


class UnauthenticatedError(PhusongError, PermissionError):
    """A request needs a key or a session, or the one it has is not accepted."""


class ForbiddenError(PhusongError, PermissionError):
    """The caller is known and may not do this, or the request may not come this way."""


class LargeBodyError(InputError):
    """A request sends more than its path reads."""


class SlowRequestError(PhusongError, TimeoutError):
    """A request took longer to be sent and answered than its path allows."""


class ProviderError(PhusongError, ConnectionError):
    """The provider at which people sign in cannot be reached, or is another."""


STATUS_OF: dict[type[Exception], int] = {
    NoRunError: 503,
    UnknownParameterError: 400,
    BadQueryError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    LargeBodyError: 413,
    SlowRequestError: 503,
    ProviderError: 503,
    RefusedRowsError: 422,
    InputError: 422,
    AmbiguousNameError: 422,
    UnknownNameError: 404,
    MissingLayerError: 409,
    OutOfValidityError: 422,
    SettingsError: 500,
    WorkspaceError: 503,
    BusyError: 503,
    DatabaseError: 503,
    DiskFullError: 503,
    StoreError: 503,
    DownloadError: 503,
    SchedulerError: 503,
    PhusongError: 500,
}

USER_ERRORS = (PhusongError, OutOfValidityError)


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong with a small SQLite table as an error of the workspace.

    Raises
    ------
    WorkspaceError
        The file cannot be read or written.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise WorkspaceError(
            f"{path} cannot be used: {error}; see who may read and write it.",
            vi=f"Không dùng được {path}: {error}; hãy kiểm tra quyền đọc và ghi.",
        ) from error


def status_of(error: Exception) -> int:
    """HTTP status of an exception: that of its nearest class in `STATUS_OF`, else 500."""
    return next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), 500)


def problem_of(error: Exception) -> tuple[int, str]:
    """HTTP status and short name of an exception, by its nearest class in `STATUS_OF`: 404 and `unknown-name`."""
    kind = next((kind for kind in type(error).__mro__ if kind in STATUS_OF), PhusongError)
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Error")).lower()
    return STATUS_OF[kind], words


def sentences_of(error: Exception) -> tuple[str, str]:
    """What a user reads: one sentence in English, the same in Vietnamese.

    Parameters
    ----------
    error
        One of `USER_ERRORS`. The formulas of propagation know no Vietnamese: theirs is introduced by a phrase.
    """
    english = _sentence(str(error))
    if isinstance(error, PhusongError):
        return english, _sentence(error.vi)
    return english, _sentence(f"Giá trị nằm ngoài phạm vi của mô hình truyền sóng ({error})")


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    if line.partition(" ")[0].isalpha():  # a file's or parameter's name keeps its spelling
        line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "!", "?")) else f"{line}."
