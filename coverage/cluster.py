"""A crew elsewhere: Dask workers that share the folder of the workspace with this process.

What tasks have in common goes into a file of that folder; through the scheduler go the names of tasks and small
answers. A worker computes only if its processor and versions are the client's.
"""

import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from phusong.coverage.cache import Cache
from phusong.coverage.crew import Progress
from phusong.coverage.versions import machine_versions
from phusong.geodata.errors import PhusongError, SchedulerError

TIMEOUT_S = 30
RETRIES = 2  # of a task that failed by no fault of the data, as when a store does not answer


class Shared(Protocol):
    """What tasks have in common."""

    @property
    def cache(self) -> Cache:
        """Where they keep what they compute, in the folder that all see."""


Context = TypeVar("Context", bound=Shared)
Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Remote:
    """Address of Dask's scheduler, and folder or URL where workers read the rasters: None is the workspace's own."""

    scheduler: str
    data_url: str | None = None


class Cluster:
    """The workers of a scheduler, see `crew.Crew`; `open_cluster` makes one."""

    def __init__(self, client: Any, remote: Remote, folder: Path) -> None:
        self._client = client
        self._remote = remote
        self._folder = folder

    def rasters(self, own: Path) -> str:
        """Where workers read the rasters; `own` is the folder of the workspace."""
        return self._remote.data_url or str(own)

    def map(
        self,
        function: Callable[[Context, Task], Answer],
        context: Context,
        tasks: Sequence[Task],
        *,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """See `Crew.map`. What a worker found damaged in the cache is added to that of the context.

        Raises
        ------
        SchedulerError
            The scheduler was lost, the workers do not fit, or one task ended several of them.
        """
        from distributed import KilledWorker, as_completed

        path = self._share(context)
        pending = self._client.map(
            _work, tasks, function=function, path=str(path), key=function.__name__, pure=False, retries=RETRIES
        )
        position = {future.key: number for number, future in enumerate(pending)}
        answers: dict[int, Answer] = {}
        try:
            for future in as_completed(pending, loop=self._client.loop):  # type: ignore[no-untyped-call]
                answer, damaged = future.result()
                if isinstance(answer, PhusongError):
                    raise answer
                context.cache.damaged.extend(damaged)
                answers[position[future.key]] = answer
                future.release()
                if progress:
                    progress(len(answers), len(tasks))
        except CancelledError:
            raise _lost(self._remote.scheduler, len(answers), len(tasks)) from None
        except KilledWorker as error:
            raise _killed(error) from None
        finally:
            path.unlink(missing_ok=True)
        return [answers[number] for number in range(len(tasks))]

    def _share(self, context: Shared) -> Path:
        """Write what tasks have in common, after the versions that a worker must have.

        The name is the client's own: rasters that a worker keeps open are those of this computation.
        """
        content = json.dumps(machine_versions()).encode() + b"\n" + pickle.dumps(context, pickle.HIGHEST_PROTOCOL)
        path = self._folder / f"{self._client.id}-{hashlib.sha256(content).hexdigest()[:16]}.work"
        path.write_bytes(content)
        return path


@contextmanager
def open_cluster(remote: Remote | None, folder: Path) -> Iterator[Cluster | None]:
    """Reach the workers of a scheduler, and refuse those that would compute something else; None without a scheduler.

    Parameters
    ----------
    folder
        A folder that workers must see under the same path.

    Raises
    ------
    SchedulerError
        Dask is not installed, no scheduler or worker answers, or a worker does not fit.
    """
    if remote is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise SchedulerError(
            "a scheduler needs the package distributed: pip install 'phusong[dask]'",
            vi="bộ lập lịch cần gói distributed: pip install 'phusong[dask]'",
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.work"):
        old.unlink()
    try:
        client = Client(remote.scheduler, timeout=TIMEOUT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SchedulerError(
            f"no Dask scheduler answers at {remote.scheduler}; begin one with `dask scheduler` and give its address",
            vi=f"không có bộ lập lịch Dask nào tại {remote.scheduler}; hãy chạy `dask scheduler` và đưa địa chỉ của nó",
        ) from error
    with _silenced("distributed.client"), client:
        _require_fitting(client.run(_describe, str(folder), on_error="return"), remote, folder)
        yield Cluster(client, remote, folder)


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    """Let a logger be silent: what it would say of a lost scheduler is said by the error."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _work(
    task: Task, *, function: Callable[[Context, Task], Answer], path: str
) -> tuple[Answer | PhusongError, list[str]]:
    """Do a task on a worker. An error that the data is to blame for is an answer: another try would not help."""
    try:
        context = _open_shared(path)
        answer = function(context, task)
    except PhusongError as error:
        return error, []
    damaged = list(context.cache.damaged)
    context.cache.damaged.clear()
    return answer, damaged


@lru_cache(maxsize=1)
def _open_shared(path: str) -> Any:
    from distributed import get_worker

    try:
        versions, _, content = Path(path).read_bytes().partition(b"\n")
    except FileNotFoundError:
        raise _unseen(get_worker().address, Path(path).parent) from None
    if difference := _difference(machine_versions(), json.loads(versions)):
        raise _other_machine(get_worker().address, difference)
    return pickle.loads(content)


def _describe(folder: str) -> tuple[bool, dict[str, str]]:
    return Path(folder).is_dir(), machine_versions()


def _require_fitting(workers: Mapping[str, Any], remote: Remote, folder: Path) -> None:
    if not workers:
        raise SchedulerError(
            f"the scheduler at {remote.scheduler} has no worker; begin some: dask worker {remote.scheduler} "
            "--nthreads 1",
            vi=f"bộ lập lịch tại {remote.scheduler} chưa có máy tính toán; hãy chạy: dask worker {remote.scheduler} "
            "--nthreads 1",
        )
    for address, found in sorted(workers.items()):
        if isinstance(found, BaseException):
            raise SchedulerError(
                f"worker {address} cannot run phusong ({found}); install the same phusong there",
                vi=f"máy tính toán {address} không chạy được phusong ({found}); hãy cài cùng bản phusong ở đó",
            ) from found
        sees_folder, versions = found
        if difference := _difference(versions, machine_versions()):
            raise _other_machine(address, difference)
        if not sees_folder:
            raise _unseen(address, folder)


def _difference(worker: Mapping[str, str], client: Mapping[str, str]) -> str:
    names = sorted(name for name in {*worker, *client} if worker.get(name) != client.get(name))
    return ", ".join(f"{name} {worker.get(name, '–')} ≠ {client.get(name, '–')}" for name in names)


def _other_machine(address: str, difference: str) -> SchedulerError:
    return SchedulerError(
        f"worker {address} differs from this machine: {difference}; a run is computed on one kind of processor with "
        "one set of versions, so stop that worker or make it equal",
        vi=f"máy tính toán {address} khác với máy này: {difference}; một lần tính chỉ dùng một loại bộ xử lý và một bộ "
        "phiên bản, hãy dừng máy đó hoặc cài cho giống",
    )


def _unseen(address: str, folder: Path) -> SchedulerError:
    return SchedulerError(
        f"worker {address} does not see {folder}; mount the folder of the workspace there under the same path",
        vi=f"máy tính toán {address} không thấy {folder}; hãy gắn thư mục vùng làm việc ở đó với cùng đường dẫn",
    )


def _lost(scheduler: str, done: int, tasks: int) -> SchedulerError:
    return SchedulerError(
        f"the Dask scheduler at {scheduler} was lost after {done} of {tasks} tasks; nothing published or finished is "
        "lost: begin the scheduler again and compute again without --full, which goes on from there",
        vi=f"mất kết nối với bộ lập lịch Dask tại {scheduler} sau {done}/{tasks} việc; không mất kết quả nào đã công "
        "bố hay đã xong: hãy chạy lại bộ lập lịch rồi tính lại không có --full để làm tiếp",
    )


def _killed(error: Exception) -> SchedulerError:
    reason = " ".join(str(error).split())
    return SchedulerError(
        f"a task ended several workers ({reason}); give each worker more memory and compute again without --full",
        vi=f"một việc làm dừng nhiều máy tính toán ({reason}); hãy tăng bộ nhớ và tính lại không có --full",
    )
