"""Old runs removed, and with them the tiles of the store that no remaining run refers to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from phusong.coverage.results import list_runs
from phusong.coverage.run_stores import open_run_store
from phusong.geodata.errors import InputError
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing


@dataclass(frozen=True)
class Pruned:
    """Ids of the runs that were removed and of those that stay, newest first; tiles removed; bytes freed."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    tiles: int
    freed_bytes: int


def prune_runs(workspace: Workspace, keep: int, *, wait_s: float = 0.0) -> Pruned:
    """Remove all but the newest runs, then the tiles that no remaining run refers to; the published run stays.

    Parameters
    ----------
    keep
        How many runs stay, at least 1, and how many of every scenario; the published run stays besides.
    wait_s
        How long to wait for another writer of the workspace [s].

    Raises
    ------
    InputError
        `keep` is below 1.
    BusyError
        Another process is writing the workspace.
    """
    if keep < 1:
        raise InputError(
            f"KEEP must be at least 1, got {keep}: the published run always stays.",
            vi=f"Số lần tính giữ lại phải từ 1, nhận được {keep}: lần tính đang công bố luôn được giữ.",
        )
    with writing(workspace.path, "prune", wait_s=wait_s):
        runs = list_runs(workspace)[::-1]
        kept = _newest(runs, keep)
        removed = [run["run_id"] for run in runs if run["run_id"] not in kept]
        freed = open_run_store(workspace).remove(removed)
        used = {sha256 for run in runs if run["run_id"] in kept for sha256 in _hashes(run)}
        unused = [path for path in workspace.store_dir.glob("[!.]*.tif") if path.stem not in used]
        freed += sum(path.stat().st_size for path in unused)
        for path in unused:
            path.unlink()
    return Pruned(tuple(removed), tuple(kept), len(unused), freed)


def _newest(runs: list[dict[str, Any]], keep: int) -> list[str]:
    """Ids of the newest runs of every scenario and of no scenario, and of the published one."""
    kept, count = [], Counter[str | None]()
    for run in runs:
        count[run.get("scenario")] += 1
        if run["is_current"] or count[run.get("scenario")] <= keep:
            kept.append(run["run_id"])
    return kept


def _hashes(part: Any) -> Iterator[str]:
    """Every sha256 that a manifest names, those of its tiles among them."""
    if isinstance(part, dict):
        if isinstance(part.get("sha256"), str):
            yield part["sha256"]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _hashes(item)
