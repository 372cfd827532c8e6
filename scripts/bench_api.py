"""The HTTP service on loopback: one server process, eight connections, random units, pages and points.

The server is `phusong serve`, a process of its own with access control, limits, metrics and audit log; the caller holds
a planner's key. The service keeps no answers: every one is made anew. Questions are drawn without repetition as far as
there are so many; what share was asked before is stated.
"""

import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import morecantile

from phusong.api.access_store import AccessStore
from phusong.api.keys import Keys
from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace
from scripts.load_client import Load

SEED = 6
CONNECTIONS = 8
WARM_UP_S, MEASURED_S = 2.0, 8.0
MOST = 40_000  # requests prepared for a measurement
KNOWN = 1000  # answers that a caller has already
LIMITS = {"p99_ms": 30.0, "requests_per_s": 500.0, "not_modified_per_s": 1500.0, "tile_p95_ms": 60.0}
ZOOMS = 7, 15
MIXED, SAMPLED = 100_000, 5_000
MEMORY_LIMIT_MB = 1073.7
MIX = {"coverage": 25, "settlements": 25, "point": 35, "tile": 5, "settlement": 5, "points": 3, "profile": 2}

WEB_MERCATOR = morecantile.tms.get("WebMercatorQuad")
_TAG = re.compile(rb"etag: (\S+)", re.IGNORECASE)
Query = Callable[[random.Random], str]


@dataclass(frozen=True)
class Served:
    """A service that runs, and the key of its caller."""

    port: int
    process: subprocess.Popen[bytes]
    key: str

    def request(self, path: str, *, more: str = "", body: bytes | None = None) -> bytes:
        """A request as it is sent; POST where there is a body."""
        sent = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        line = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        return f"{line}Authorization: Bearer {self.key}\r\n{more}{sent}\r\n".encode() + (body or b"")

    def processor_s(self) -> float:
        """Processor time so far [s]."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def memory_mb(self) -> float:
        """Resident memory now [MB]."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii"))
        return round(int(found[1]) * 1024 / 1e6, 1) if found else float("nan")


def measure_api(folder: Path) -> dict[str, Any]:
    """Requests a second and latencies of every kind of question, asked one kind after the other.

    Parameters
    ----------
    folder
        A computed workspace.
    """
    found: dict[str, Any] = {"connections": CONNECTIONS, "limits": LIMITS, "kept_answers": 0}
    with serving(folder) as served:
        for name, query in queries(Results.open(Workspace.open(folder))).items():
            if name in ("coverage", "settlements", "point"):
                found[name] = _throughput(served, query)
                found[f"{name}_not_modified"] = _not_modified(served, query)
            elif name == "tile":
                found[name] = _tiles(served, query)
        found["server_memory_mb"] = served.memory_mb()
    return found


def measure_memory(folder: Path, *, requests: int = MIXED) -> dict[str, Any]:
    """Memory of a web process after many mixed requests, and by how much it grew over their second half."""
    with serving(folder) as served:
        mixed = _mixed(served, Results.open(Workspace.open(folder)))
        sampled = []
        for _ in range(requests // SAMPLED):
            Load(itertools.islice(mixed, SAMPLED), expected=(b"200", b"204", b"304", b"404", b"422")).run(
                served.port, connections=CONNECTIONS
            )
            sampled.append(served.memory_mb())
    half = len(sampled) // 2
    return {
        "requests": requests,
        "memory_mb": sampled,
        "growth_of_second_half_mb": round(sampled[-1] - sampled[half - 1], 1),
        "within_limits": max(sampled) <= MEMORY_LIMIT_MB,
    }


def queries(results: Results) -> dict[str, Query]:
    """Random questions of every kind."""
    figures = results.figures[results.figures["unit_code"].astype(str) != ""]
    units = sorted(set(figures[["level", "unit_code"]].astype(str).itertuples(index=False, name=None)))
    ids = list(results.settlements["settlement_id"].astype(str))
    technologies = [None, "any", "3G+4G", *results.technologies]
    operators = [None, *results.operators]
    west, south, east, north = bounds = results.units("province").total_bounds
    stations = list(results.stations["station_id"].astype(str))

    def coverage(rng: random.Random) -> str:
        level, unit = rng.choice([("settlement", rng.choice(ids)), rng.choice(units)])
        asked = {"level": level, "unit": unit, "technology": rng.choice(technologies), "f": rng.choice([None, "json"])}
        asked["run"] = rng.choice([None, "current", results.run_id])
        if level != "settlement":
            asked |= {"profile": rng.choice(list(results.profiles)), "operator": rng.choice(operators)}
        return "/v1/coverage?" + _encoded(asked)

    def settlements(rng: random.Random) -> str:
        asked = {"sort": rng.choice(["commune", "name", "population"]), "limit": 100, "after": rng.choice([None, *ids])}
        asked |= {"power": rng.choice([None, None, "yes"]), "broadband": rng.choice([None, None, "yes", "no"])}
        asked |= {"uncertain": rng.choice([None, None, "yes", "no"])}
        wider = [round(edge + sign * rng.random(), 3) for edge, sign in zip(bounds, (-1, -1, 1, 1), strict=True)]
        asked |= {"bbox": rng.choice([None, ",".join(map(str, wider))])}
        return "/v1/settlements?" + _encoded(asked)

    def place(rng: random.Random) -> tuple[float, float]:
        return round(rng.uniform(west, east), 6), round(rng.uniform(south, north), 6)

    def point(rng: random.Random) -> str:
        lon, lat = place(rng)
        return f"/v1/point?lon={lon}&lat={lat}"

    def profile(rng: random.Random) -> str:
        lon, lat = place(rng)
        return "/v1/profile?" + _encoded({"from": rng.choice(stations), "to": f"{lon},{lat}"})

    def tile(rng: random.Random) -> str:
        found = WEB_MERCATOR.tile(*place(rng), rng.randint(*ZOOMS))
        return f"/tiles/current/{rng.choice(technologies[1:])}/{found.z}/{found.x}/{found.y}"

    return {
        "tile": tile,
        "coverage": coverage,
        "settlements": settlements,
        "point": point,
        "settlement": lambda rng: f"/v1/settlements/{rng.choice(ids)}",
        "profile": profile,
        "points": lambda rng: json.dumps({"points": [dict(zip(("lon", "lat"), place(rng), strict=True))] * 20}),
    }


def computed_sample(folder: Path, resolution_m: int) -> Path:
    """Make the sample province in a folder, and compute it; its workspace."""
    subprocess.run(
        [sys.executable, "-m", "phusong.api.cli", "demo", str(folder / "demo"), "--resolution", str(resolution_m)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return folder / "demo" / "workspace"


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A service of a workspace, with access control; its limit of the rate is looked at and never reached."""
    key = Keys(AccessStore(folder)).add(f"bench-{time.time_ns()}", "planner")
    _lift_limits(folder / "phusong.toml")
    with tempfile.NamedTemporaryFile() as log:
        command = [sys.executable, "-m", "phusong.api.cli", "serve", str(folder), "--port", "0"]
        with subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL) as process:
            try:
                yield Served(_port(Path(log.name), process), process, key)
            finally:
                process.terminate()


def _throughput(served: Served, query: Query) -> dict[str, Any]:
    asked = _distinct(query)
    requests = iter([served.request(path) for path in asked])
    Load(requests, WARM_UP_S).run(served.port, connections=CONNECTIONS)
    before_s = served.processor_s()
    load = Load(requests, MEASURED_S).run(served.port, connections=CONNECTIONS)
    found, count = load.figures(), len(load.waited_s)
    begun = len(asked) - len(list(requests)) - count
    found["asked_before_pct"] = round(100 * _repeated(asked[: begun + count], begun), 1)
    found["server_processor_ms"] = round(1e3 * (served.processor_s() - before_s) / count, 3)
    found["within_limits"] = found["p99_ms"] <= LIMITS["p99_ms"] and found["requests_per_s"] >= LIMITS["requests_per_s"]
    return found


def _tiles(served: Served, query: Query) -> dict[str, Any]:
    """Tiles that nobody asked for before; the first tile of each raster, which makes it, apart from the others."""
    asked = {path: path.rsplit("/", 3)[0] for path in _distinct(query)}
    firsts = {raster: path for path, raster in asked.items()}
    first = Load((served.request(path) for path in firsts.values()), expected=(b"200", b"204"))
    first.run(served.port, connections=1)
    others = (served.request(path) for path in asked if path not in firsts.values())
    found = Load(others, MEASURED_S, expected=(b"200", b"204")).run(served.port, connections=CONNECTIONS).figures()
    found["first_of_raster_s"] = [round(seconds, 2) for seconds in first.waited_s]
    return found | {"within_limits": found["p95_ms"] <= LIMITS["tile_p95_ms"]}


def _not_modified(served: Served, query: Query) -> dict[str, Any]:
    """The same, of a caller who has every answer already."""
    rng, tags = random.Random(SEED), []

    def note(head: bytes, _body: bytes) -> None:
        tags.extend(tag.decode() for tag in _TAG.findall(head))

    paths = [query(rng) for _ in range(KNOWN)]
    Load((served.request(path) for path in paths), answered=note).run(served.port, connections=1)
    asked = [served.request(path, more=f"If-None-Match: {tag}\r\n") for path, tag in zip(paths, tags, strict=True)]
    load = Load(itertools.cycle(asked), MEASURED_S / 2, expected=(b"304",)).run(served.port, connections=CONNECTIONS)
    found = load.figures()
    return found | {"within_limits": found["requests_per_s"] >= LIMITS["not_modified_per_s"]}


def _mixed(served: Served, results: Results) -> Iterator[bytes]:
    rng, kinds = random.Random(SEED), queries(results)
    while True:
        name = rng.choices(list(MIX), list(MIX.values()))[0]
        asked = kinds[name](rng)
        yield served.request("/v1/points", body=asked.encode()) if name == "points" else served.request(asked)


def _distinct(query: Query) -> list[str]:
    """Random questions, as few of them twice as can be."""
    rng = random.Random(SEED)
    found = list(dict.fromkeys(query(rng) for _ in range(2 * MOST)))
    return (found * (1 + MOST // len(found)))[:MOST]


def _repeated(asked: list[str], begun: int) -> float:
    """Share of the questions from `begun` on that had been asked before."""
    before = set(asked[:begun])
    repeated = 0
    for path in asked[begun:]:
        repeated += path in before
        before.add(path)
    return repeated / max(1, len(asked) - begun)


def _lift_limits(settings: Path) -> None:
    text = settings.read_text(encoding="utf-8")
    if "[service]" not in text:
        often = "1000000/second"
        settings.write_text(f'{text}\n[service]\nrate_known = "{often}"\nrate_public = "{often}"\n', encoding="utf-8")


def _encoded(asked: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value is not None})


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8")):
            return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(log.read_text(encoding="utf-8"))
