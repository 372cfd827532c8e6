"""One computation at a time on a machine, however many processes serve; eight wait, more come again."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from phusong.api.errors import QueueFullError

WAITING = 8
RETRY_AFTER_S = 5
LONGEST_WAIT_S = 60.0


class KernelGate:
    """Lets one computation in at a time.

    Parameters
    ----------
    folder
        Where its locks are; None is that of all services of this user on this machine.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"phusong-{os.getuid()}"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn of a computation, and hold it.

        Raises
        ------
        QueueFullError
            Eight others wait already, or the one before goes on for a minute.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True, parents=True)
        place = self._place()
        try:
            with FileLock(self._folder / "turn.lock").acquire(timeout=LONGEST_WAIT_S):
                yield
        except Timeout:
            raise _full() from None
        finally:
            place.release()

    def _place(self) -> FileLock:
        """One of the places: of the one that computes and of those that wait."""
        for number in range(WAITING + 1):
            lock = FileLock(self._folder / f"place-{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return lock
        raise _full()


def _full() -> QueueFullError:
    return QueueFullError(
        f"One computation is going on and {WAITING} wait for it; ask again in {RETRY_AFTER_S} seconds.",
        vi=f"Đang có một phép tính và {WAITING} yêu cầu chờ; hãy thử lại sau {RETRY_AFTER_S} giây.",
        retry_after_s=RETRY_AFTER_S,
    )
