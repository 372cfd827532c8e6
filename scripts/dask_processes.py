"""A real Dask scheduler and workers of one thread, each a process of its own on the loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

SECONDS = 180


class RunningCluster:
    """The processes of one scheduler."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._file = folder / "scheduler.json"
        self._file.unlink(missing_ok=True)
        self._log = (folder / "cluster.log").open("ab")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._begin("scheduler", "--host", "127.0.0.1", "--port", "0", environment=environment)
        self._until(lambda: self._file.exists() and self._file.read_text(encoding="utf-8").rstrip().endswith("}"))
        self.address: str = json.loads(self._file.read_text(encoding="utf-8"))["address"]

    def add_workers(self, count: int, environment: Mapping[str, str] | None = None) -> None:
        """Begin workers, and wait until the scheduler knows them."""
        for _ in range(count):
            options = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0")
            self.workers.append(self._begin("worker", self.address, *options, environment=environment))
        alive = sum(worker.poll() is None for worker in self.workers)
        with Client(self.address, timeout=SECONDS, set_as_default=False) as client:
            client.wait_for_workers(alive, timeout=SECONDS)

    def end(self) -> None:
        """End every process that still runs."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()

    def _begin(
        self, what: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        common = ("--scheduler-file", str(self._file)) if what == "scheduler" else ()
        return subprocess.Popen(
            [sys.executable, "-m", "dask", what, *common, "--no-dashboard", *options],
            env={**os.environ, **(environment or {})}, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def _until(self, holds: Callable[[], bool]) -> None:
        begin = time.monotonic()
        while not holds():
            if self.scheduler.poll() is not None or time.monotonic() > begin + SECONDS:
                raise RuntimeError(Path(self._log.name).read_text(encoding="utf-8"))
            time.sleep(0.05)


@contextmanager
def running_cluster(
    folder: Path, workers: int, environment: Mapping[str, str] | None = None
) -> Iterator[RunningCluster]:
    """A scheduler, with more in its environment, and some workers; ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = RunningCluster(folder, environment)
    try:
        if workers:
            cluster.add_workers(workers)
        yield cluster
    finally:
        cluster.end()
