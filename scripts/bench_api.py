"""The HTTP service on loopback: one server process, eight connections, random units, pages and points.

The server is `phusong serve`, a process of its own; no two requests of a connection in a row are the same.
"""

import asyncio
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from phusong.api.access_store import AccessStore
from phusong.api.keys import Keys
from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace

SEED = 6
CONNECTIONS = 8
WARM_UP_S, MEASURED_S = 4.0, 10.0
LIMITS = {"p99_ms": 30.0, "requests_per_s": 500.0}

Query = Callable[[random.Random], str]


def measure_api(folder: Path) -> dict[str, Any]:
    """Requests a second and latencies of every kind of question, asked one kind after the other.

    Parameters
    ----------
    folder
        A computed workspace.
    """
    found: dict[str, Any] = {"connections": CONNECTIONS, "limits": LIMITS}
    queries = _queries(Results.open(Workspace.open(folder)))
    key = Keys(AccessStore(folder)).add("bench", "planner")
    _lift_limits(folder / "phusong.toml")
    with _serving(folder) as (port, process):
        for name, query in queries.items():
            asyncio.run(_ask(port, key, query, WARM_UP_S))
            before_s = _processor_s(process)
            waited, sizes = asyncio.run(_ask(port, key, query, MEASURED_S))
            found[name] = _figures(waited, sizes) | {
                "server_processor_ms": round(1e3 * (_processor_s(process) - before_s) / len(waited), 3)
            }
        found["server_memory_mb"] = _memory_mb(process)
    return found


def _lift_limits(settings: Path) -> None:
    """Let the bench ask as often as it can; the limit is looked at all the same."""
    text = settings.read_text(encoding="utf-8")
    if "[service]" not in text:
        settings.write_text(f'{text}\n[service]\nrate_known = "1000000/second"\n', encoding="utf-8")


def _queries(results: Results) -> dict[str, Query]:
    """Random questions of every kind."""
    units = {level: list(results.units(level)["code"].astype(str)) for level in ("province", "district", "commune")}
    levels = [level for level, codes in units.items() if codes]
    technologies = [None, "any", *results.technologies]
    operators = [None, *results.operators]
    west, south, east, north = results.units("province").total_bounds
    ids = list(results.settlements["settlement_id"].astype(str))

    def coverage(rng: random.Random) -> str:
        level = rng.choice(levels)
        asked = {"level": level, "unit": rng.choice(units[level]), "profile": rng.choice(list(results.profiles))}
        asked |= {"technology": rng.choice(technologies), "operator": rng.choice(operators)}
        return "/v1/coverage?" + _encoded(asked)

    def settlements(rng: random.Random) -> str:
        asked = {"sort": rng.choice(["commune", "name", "population"]), "limit": 100, "after": rng.choice([None, *ids])}
        asked |= {"power": rng.choice([None, None, "yes"]), "broadband": rng.choice([None, None, "yes", "no"])}
        return "/v1/settlements?" + _encoded(asked)

    def point(rng: random.Random) -> str:
        return f"/v1/point?lon={rng.uniform(west, east):.6f}&lat={rng.uniform(south, north):.6f}"

    return {"coverage": coverage, "settlements": settlements, "point": point}


def _encoded(asked: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value is not None})


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Port and process of a server, with access control."""
    with tempfile.NamedTemporaryFile() as log:
        command = [sys.executable, "-m", "phusong.api.cli", "serve", str(folder), "--port", "0"]
        with subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL) as process:
            try:
                yield _port(Path(log.name), process), process
            finally:
                process.terminate()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8")):
            return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(log.read_text(encoding="utf-8"))


async def _ask(port: int, key: str, query: Query, seconds: float) -> tuple[list[float], list[int]]:
    """Seconds waited and bytes received, by request, over all connections."""
    end = time.perf_counter() + seconds
    parts = await asyncio.gather(*(_connection(port, key, query, end, SEED + i) for i in range(CONNECTIONS)))
    return [s for waited, _ in parts for s in waited], [n for _, sizes in parts for n in sizes]


async def _connection(port: int, key: str, query: Query, end: float, seed: int) -> tuple[list[float], list[int]]:
    rng = random.Random(f"{seed} {end}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    waited, sizes = [], []
    while (begin := time.perf_counter()) < end:
        asked = f"GET {query(rng)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
        writer.write(asked.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in head[:15]:
            raise RuntimeError(f"{head.decode()} {body.decode()}")
        waited.append(time.perf_counter() - begin)
        sizes.append(len(body))
    writer.close()
    return waited, sizes


def _figures(waited: list[float], sizes: list[int]) -> dict[str, Any]:
    p50, p95, p99 = (round(float(value) * 1e3, 2) for value in np.percentile(waited, [50, 95, 99]))
    rate = round(len(waited) / MEASURED_S, 1)
    return {
        "requests": len(waited),
        "requests_per_s": rate,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "longest_ms": round(1e3 * max(waited), 1),
        "mean_bytes": round(float(np.mean(sizes))),
        "within_limits": p99 <= LIMITS["p99_ms"] and rate >= LIMITS["requests_per_s"],
    }


def _processor_s(process: subprocess.Popen[bytes]) -> float:
    """Processor time of the server so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _memory_mb(process: subprocess.Popen[bytes]) -> float:
    text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return round(int(found[1]) / 1e3, 1) if found else float("nan")
