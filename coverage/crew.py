"""Who does the work of a computation: one map over tasks, here on threads of this process."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol, TypeVar

Context = TypeVar("Context")
Task = TypeVar("Task")
Answer = TypeVar("Answer")
Progress = Callable[[int, int], None]


class Crew(Protocol):
    """Whoever can do many tasks at a time."""

    def map(
        self,
        function: Callable[[Context, Task], Answer],
        context: Context,
        tasks: Sequence[Task],
        *,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """Do every task, in any order.

        Parameters
        ----------
        function
            Called with the context and one task.
        context
            What all tasks have in common.
        progress
            Called with the tasks done and in all.

        Returns
        -------
        list
            The answers in the order of the tasks.
        """


@dataclass(frozen=True)
class Threads:
    """Threads of this process, which share its memory; `count` None is one for each processor."""

    count: int | None = None

    def map(
        self,
        function: Callable[[Context, Task], Answer],
        context: Context,
        tasks: Sequence[Task],
        *,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """See `Crew.map`."""
        with ThreadPoolExecutor(self.count or os.cpu_count()) as pool:
            pending = [pool.submit(function, context, task) for task in tasks]
            try:
                for done, task in enumerate(as_completed(pending), start=1):
                    task.result()
                    if progress:
                        progress(done, len(pending))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            return [task.result() for task in pending]
