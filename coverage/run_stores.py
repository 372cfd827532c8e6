"""Where runs are kept: whole folders, or result tables in a database beside folders of the raster parts."""

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from phusong.geodata.databases import require_packages, workspace_database
from phusong.geodata.errors import StoreError
from phusong.geodata.workspace import Workspace

CURRENT = "current"
LONGEST_ID = 4096  # bytes
MANIFEST = "manifest.json"
TABLES = ("settlements", "places", "figures", "stations", "signals", "units")


class RunStore(Protocol):
    """The runs of a workspace. A table is the content of a Parquet file."""

    def current_id(self) -> str | None:
        """Id of the published run, None before the first."""

    def run_ids(self) -> list[str]:
        """Ids of the runs there are."""

    def manifests(self) -> list[dict[str, Any]]:
        """Manifests of the runs there are, in any order."""

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Manifest of a run; StoreError where it was removed."""

    def open_table(self, run_id: str, name: str) -> BinaryIO:
        """A table of a run; StoreError where the run was removed."""

    def publish(
        self, aside: Path, manifest: dict[str, Any], tables: Mapping[str, bytes], *, make_current: bool
    ) -> None:
        """Keep a run, whose raster parts lie in the folder `aside`, and make it current: all of it or nothing."""

    def remove(self, run_ids: list[str]) -> int:
        """Remove runs, each in one step, and what is left of others; the bytes freed in the folder."""


@dataclass(frozen=True)
class FolderRuns:
    """Runs in folders of their own, and the pointer to the published one."""

    runs_dir: Path

    @cached_property
    def _pointer(self) -> str:
        return str(self.runs_dir / CURRENT)

    def current_id(self) -> str | None:
        """Id of the published run, None before the first."""
        try:
            descriptor = os.open(self._pointer, os.O_RDONLY)  # every request reads it, some several times
        except FileNotFoundError:
            return None
        try:
            return os.read(descriptor, LONGEST_ID).decode("utf-8").strip()
        finally:
            os.close(descriptor)

    def run_ids(self) -> list[str]:
        """Ids of the folders with a manifest."""
        if not self.runs_dir.is_dir():
            return []
        return [path.parent.name for path in self.runs_dir.glob(f"*/{MANIFEST}") if path.parent.name[0] != "."]

    def manifests(self) -> list[dict[str, Any]]:
        """Manifests of the runs there are, in any order."""
        found = []
        for run_id in self.run_ids():
            with suppress(StoreError):  # removed meanwhile
                found.append(self.manifest(run_id))
        return found

    def manifest(self, run_id: str) -> dict[str, Any]:
        """Manifest of a run; StoreError where it was removed or is damaged."""
        with self._open(run_id, MANIFEST) as file:
            try:
                found: dict[str, Any] = json.load(file)
            except ValueError as error:
                raise damaged_run(run_id, MANIFEST) from error
            return found

    def open_table(self, run_id: str, name: str) -> BinaryIO:
        """A table of a run; StoreError where the run was removed."""
        return self._open(run_id, f"{name}.parquet")

    def publish(
        self, aside: Path, manifest: dict[str, Any], tables: Mapping[str, bytes], *, make_current: bool
    ) -> None:
        """Write a run aside, flush it to disk, rename it, then replace the pointer."""
        for name, content in tables.items():
            (aside / f"{name}.parquet").write_bytes(content)
        text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / MANIFEST).write_text(text, encoding="utf-8")
        target = self.runs_dir / manifest["run_id"]
        if target.exists() and not self._is_whole(target.name, tables):
            remove_folder(target)
        place_folder(aside, target)
        if make_current:
            self._point_to(manifest["run_id"])

    def remove(self, run_ids: list[str]) -> int:
        """Remove the folders of runs; the bytes they held."""
        return sum(remove_folder(self.runs_dir / run_id) for run_id in run_ids)

    def _is_whole(self, run_id: str, tables: Mapping[str, bytes]) -> bool:
        """Whether a run is what its id says: equal inputs have equal tables."""
        try:
            self.manifest(run_id)
            return all((self.runs_dir / run_id / f"{name}.parquet").read_bytes() == tables[name] for name in tables)
        except (StoreError, FileNotFoundError):
            return False

    def _open(self, run_id: str, name: str) -> BinaryIO:
        folder = self.runs_dir / run_id
        try:
            return (folder / name).open("rb")
        except FileNotFoundError:
            raise (damaged_run(run_id, name) if folder.exists() else removed_meanwhile(run_id)) from None

    def _point_to(self, run_id: str) -> None:
        aside = self.runs_dir / f".{CURRENT}-{uuid.uuid4().hex}"
        aside.write_text(run_id + "\n", encoding="utf-8")
        flush(aside)
        os.replace(aside, self.runs_dir / CURRENT)
        flush(self.runs_dir)


def open_run_store(workspace: Workspace) -> RunStore:
    """The store of a workspace's runs.

    Raises
    ------
    DatabaseError
        `PHUSONG_DATABASE_URL` and the folder do not belong together, or packages are missing.
    """
    place = workspace_database(workspace.path)
    if place is None:
        return FolderRuns(workspace.runs_dir)
    require_packages()
    from phusong.coverage.database_runs import DatabaseRuns

    return DatabaseRuns(place, workspace.runs_dir)


def removed_meanwhile(run_id: str) -> StoreError:
    """The error of a reader whose run was removed."""
    return StoreError(
        f"run {run_id} has been removed meanwhile (`phusong runs --prune`); take another run",
        vi=f"lần tính {run_id} đã bị xóa (`phusong runs --prune`); hãy chọn lần tính khác",
    )


def damaged_run(run_id: str, name: str) -> StoreError:
    """The error of a run of which a file is damaged."""
    return StoreError(
        f"{name} of the run {run_id} is missing or damaged; if it is the published run, `phusong compute DIR --full` "
        "makes it again, else restore it from a backup",
        vi=f"{name} của lần tính {run_id} bị thiếu hoặc hỏng; nếu là lần tính đang công bố, hãy chạy "
        "`phusong compute DIR --full`, nếu không hãy khôi phục từ bản sao lưu",
    )


def place_folder(aside: Path, target: Path) -> None:
    """Flush a folder to disk and give it its name, unless there is an equal one."""
    for path in (*sorted(aside.iterdir()), aside):
        flush(path)
    if not target.exists():
        os.rename(aside, target)
        flush(target.parent)


def remove_folder(folder: Path) -> int:
    """Take a folder out of sight in one step, then remove its files; the bytes they held."""
    old = folder.with_name(f".old-{folder.name}")
    os.rename(folder, old)
    size = sum(path.stat().st_size for path in old.iterdir())
    shutil.rmtree(old)
    return size


def flush(path: Path) -> None:
    """Force a file or the entries of a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
