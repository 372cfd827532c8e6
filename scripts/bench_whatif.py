"""What a new mast would change, asked over HTTP: one question at a time at random places, and what waits meanwhile."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace
from scripts.bench_api import CONNECTIONS, SEED, Served, queries, serving
from scripts.load_client import Load

PLACES, MEANWHILE_S, AT_ONCE = 200, 15.0, 12
BANDS = (("4G", 1800, 20), ("4G", 900, 10), ("3G", 2100, 5))  # technology, MHz, MHz
LIMITS = {"p95_ms": 1500.0, "coverage_meanwhile_p99_ms": 150.0, "waiting": 8}


def measure_whatif(folder: Path, *, places: int = PLACES) -> dict[str, Any]:
    """Time to the answer on one mast with three bands, its picture included; the queue; other answers meanwhile.

    Parameters
    ----------
    folder
        A computed workspace.
    places
        How many random places of the province are asked about.
    """
    workspace = Workspace.open(folder)
    results = Results.open(workspace)
    with serving(folder) as served:
        asked = _questions(served, results)
        first = Load(itertools.islice(asked, 1)).run(served.port, connections=1)
        found = Load(itertools.islice(asked, places)).run(served.port, connections=1).figures()
        meanwhile = _meanwhile(served, asked, results)
        return {
            "radius_km": workspace.settings.model.radius_km,
            "resolution_m": results.grid.resolution_m,
            "limits": LIMITS,
            "first_s": round(first.waited_s[0], 1),
            **found,
            "coverage_meanwhile": meanwhile,
            "of_12_at_once": _at_once(served, asked),
            "server_memory_mb": served.memory_mb(),
            "within_limits": found["p95_ms"] <= LIMITS["p95_ms"]
            and meanwhile["p99_ms"] <= LIMITS["coverage_meanwhile_p99_ms"],
        }


def _questions(served: Served, results: Results) -> Iterator[bytes]:
    """One mast at a random place, without end."""
    rng = random.Random(SEED)
    west, south, east, north = results.units("province").total_bounds
    for number in itertools.count():
        place = {"lon": rng.uniform(west, east), "lat": rng.uniform(south, north), "mast_id": f"NEW-{number}"}
        new = [
            place
            | {"station_id": f"NEW-{number}-{band}", "operator": results.operators[0], "technology": technology}
            | {"band_mhz": band, "bandwidth_mhz": width, "height_agl_m": 42, "azimuths_deg": [0, 120, 240]}
            | {"eirp_dbm": [61]}
            for technology, band, width in BANDS
        ]
        yield served.request("/v1/whatif", body=json.dumps({"new": new}).encode())


def _meanwhile(served: Served, asked: Iterator[bytes], results: Results) -> dict[str, Any]:
    """What `/coverage` takes while one question after the other is computed."""
    rng, query = random.Random(SEED), queries(results)["coverage"]
    computed = Load(asked, MEANWHILE_S)
    answered = Load((served.request(query(rng)) for _ in itertools.count()), MEANWHILE_S)

    async def both() -> None:
        await asyncio.gather(computed.ask(served.port, 1), answered.ask(served.port, CONNECTIONS))

    uvloop.run(both())
    return answered.figures() | {"computed": len(computed.waited_s)}


def _at_once(served: Served, asked: Iterator[bytes]) -> dict[str, int]:
    """How many of several questions at once were answered and how many were sent away, with a time to come again."""
    statuses: Counter[str] = Counter()

    def note(head: bytes, _body: bytes) -> None:
        again = " with Retry-After" if b"retry-after" in head.lower() else ""
        statuses[head[9:12].decode() + again] += 1

    requests = itertools.islice(asked, AT_ONCE)
    Load(requests, expected=(b"200", b"503"), answered=note).run(served.port, connections=AT_ONCE)
    return dict(statuses)
