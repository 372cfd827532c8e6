"""A caller of an HTTP service that costs little itself: many requests over a few connections, each timed."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvloop

BUFFER_BYTES = 2**24
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Load:
    """What is asked, and what came of it.

    Attributes
    ----------
    requests
        Requests as they are sent; no two of them at once on a connection.
    seconds
        How long; the requests may end before.
    expected
        Statuses that are right.
    waited_s, sizes
        Time to the end of every answer [s], and bytes of its body.
    answered
        Called with the head and body of every answer.
    """

    requests: Iterator[bytes]
    seconds: float = 1e9
    expected: tuple[bytes, ...] = (b"200",)
    waited_s: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    answered: Callable[[bytes, bytes], None] | None = None
    took_s: float = 0.0

    def run(self, port: int, *, connections: int) -> "Load":
        """Ask a service on this machine."""
        uvloop.run(self.ask(port, connections))
        return self

    def figures(self) -> dict[str, Any]:
        """Requests a second and latencies."""
        p50, p95, p99 = (round(float(value) * 1e3, 2) for value in np.percentile(self.waited_s, [50, 95, 99]))
        return {
            "requests": len(self.waited_s),
            "requests_per_s": round(len(self.waited_s) / self.took_s, 1),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "longest_ms": round(1e3 * max(self.waited_s), 1),
            "mean_bytes": round(float(np.mean(self.sizes))),
        }

    async def ask(self, port: int, connections: int) -> None:
        """As `run`, beside other loads."""
        loop, begin_s = asyncio.get_running_loop(), time.perf_counter()
        made = [loop.create_connection(lambda: _Connection(self), "127.0.0.1", port) for _ in range(connections)]
        protocols = [protocol for _, protocol in await asyncio.gather(*made)]
        await asyncio.gather(*(protocol.ended for protocol in protocols))
        self.took_s = time.perf_counter() - begin_s


class _Connection(asyncio.BufferedProtocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._end_s = time.perf_counter() + load.seconds

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def get_buffer(self, _size: int) -> memoryview:
        return self._view[self._filled :]

    def buffer_updated(self, size: int) -> None:
        self._filled += size
        if self._wanted is None:
            head = self._buffer.find(b"\r\n\r\n", 0, self._filled)
            if head < 0:
                return
            length = _LENGTH.search(self._buffer, 0, head)
            self._head, self._wanted = head + 4, head + 4 + int(length[1] if length else 0)
        if self._filled >= self._wanted:
            self._note(self._wanted)
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the service ended the connection"))

    def _send(self) -> None:
        self._filled, self._wanted = 0, None
        request = next(self._load.requests, None) if time.perf_counter() < self._end_s else None
        if request is None:
            if not self.ended.done():
                self.ended.set_result(None)
            self._transport.close()
            return
        self._begin_s = time.perf_counter()
        self._transport.write(request)

    def _note(self, end: int) -> None:
        load = self._load
        load.waited_s.append(time.perf_counter() - self._begin_s)
        load.sizes.append(end - self._head)
        head, body = bytes(self._view[: self._head]), self._view[self._head : end]
        if head[9:12] not in load.expected:
            self.ended.set_exception(RuntimeError(f"{head.decode()} {bytes(body[:500]).decode()}"))
        elif load.answered is not None:
            load.answered(head, bytes(body))
