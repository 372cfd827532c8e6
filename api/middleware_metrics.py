"""How many requests there were, how long they took and how they ended, for Prometheus."""

import os
import time
from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = CONTENT_TYPE_LATEST
SEVERAL_PROCESSES = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.06, 0.15, 0.5, 1.5, 5.0, 30.0)
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class ServiceMetrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("phusong_requests", "requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "phusong_request_seconds", "time to the end of an answer [s]", ("route",), buckets=BUCKETS_S,
            registry=self.registry,
        )  # fmt: skip
        self.in_progress = Gauge(
            "phusong_requests_in_progress", "requests being answered", registry=self.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus; of all processes of the service, where there are several."""
        if os.environ.get(SEVERAL_PROCESSES):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return generate_latest(together)
        return generate_latest(self.registry)


def gauge_text(name: str, about: str, label: str, values: Iterable[tuple[str, float]]) -> bytes:
    """Numbers of now that no process counts, in the text format of Prometheus.

    Parameters
    ----------
    name, about
        What they are.
    label
        What tells them apart.
    values
        That label's value and the number, of each.
    """
    family = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in values:
        family.add_metric((key,), value)
    registry = CollectorRegistry()
    registry.register(_Known(family))
    return generate_latest(registry)


class _Known(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


class Measure:
    """Counts and times requests by the route that answers, never by the path, which callers choose.

    Parameters
    ----------
    app
        The application.
    metrics
        Where they are counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start_s = 500, time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._metrics.in_progress.dec()
            route = route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start_s)


def route_of(scope: Scope) -> str:
    """The route that answered: its path with the names of its parameters, that of a mount, or `none`."""
    route = scope.get("route")
    return str(route.path) if route is not None else scope.get("root_path") or "none"
