"""An inbox: every file put there is imported, checked, computed and published, or refused with the reason.

A file is taken when its size and time have not changed for a while. It ends in `done/` or `refused/`, in a folder of
its own with `report.json` and `report.txt`, what it changed, `diff.json`, and a refused table with its reasons,
`annotated.xlsx`. Nothing is ever deleted.
"""

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from watchfiles import watch

from phusong.api.console import log
from phusong.api.diff_answer import diff_answer
from phusong.api.errors import USER_ERRORS, sentences_of
from phusong.coverage.checks import Finding, check_import
from phusong.coverage.compute import compute, current_run
from phusong.coverage.crew import Progress
from phusong.coverage.diff import compare_runs
from phusong.coverage.memory import Memory
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.errors import BusyError, InputError, RefusedRowsError
from phusong.geodata.reader_client import close_reader, start_reader
from phusong.geodata.readers import SIDECARS, TEXT_SUFFIXES, WORKBOOK_SUFFIXES
from phusong.geodata.recipe import RecipeLayer, RecipeRaster, find_entry, import_entry, read_recipe, staged
from phusong.geodata.reports import ImportReport
from phusong.geodata.schemas import LAYERS
from phusong.geodata.workspace import RASTERS, Workspace
from phusong.geodata.writing import writing

RECIPE = "recipe.toml"
DONE, REFUSED = "done", "refused"
ANNOTATED, DIFF = "annotated.xlsx", "diff.json"
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")  # names that copying programs use meanwhile
KNOWN = (*LAYERS, *RASTERS)
Signature = tuple[tuple[str, int, int], ...]  # name, bytes, time of every file that belongs together

_faults = logging.getLogger("phusong.faults")


@dataclass
class Inbox:
    """A folder and its subfolders named like layers; remembers since when each file has been as it is."""

    folder: Path
    settle_s: float
    _told: set[Path] = field(default_factory=set)
    _since: dict[Path, tuple[Signature, float]] = field(default_factory=dict)
    _tried: dict[Path, Signature] = field(default_factory=dict)

    def ready(self) -> list[Path]:
        """Files whole and not tried before, the oldest first."""
        now, before = time.monotonic(), self._since
        self._since = {}
        for path in self._files():
            signature = _signature(path)
            known = before.get(path)
            self._since[path] = known if known and known[0] == signature else (signature, now)
        whole = [
            path
            for path, (signature, since) in self._since.items()
            if now - since >= self.settle_s and self._tried.get(path) != signature
        ]
        return sorted(whole, key=lambda path: (self._since[path][0][0][2], path))

    def put_away(self, file: Path, report: dict[str, Any]) -> Path:
        """Move a file with its sidecars to `done/` or `refused/`, its report beside it; the folder it went to."""
        self._tried[file] = _signature(file)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self.folder / (DONE if report["done"] else REFUSED) / f"{stamp}-{file.name}"
        target.mkdir(parents=True)
        (target / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
        (target / "report.txt").write_text("\n".join(_lines(report)) + "\n", encoding="utf-8")
        refused = next((imported for imported in report["imports"] if imported["rows"]), None)
        if refused is not None and file.suffix.lower() in TEXT_SUFFIXES + WORKBOOK_SUFFIXES:
            from phusong.geodata.annotating import write_annotated  # its library is of no use to a file that is good

            with suppress(InputError):  # read otherwise than its recipe says; the reasons stand in the other two
                write_annotated(target / ANNOTATED, file, refused)
        for part in _parts(file):
            os.rename(part, target / part.name)
        return target

    def strange_folders(self) -> list[Path]:
        """Subfolders that are named like no layer, each once; what lies in them stays."""
        ours = {*KNOWN, DONE, REFUSED}
        found = [
            path for path in sorted(self.folder.glob("[!.]*/")) if path.name not in ours and path not in self._told
        ]
        self._told.update(found)
        return found

    @property
    def is_done(self) -> bool:
        """Whether every file has been tried."""
        return all(self._tried.get(path) == _signature(path) for path in self._files())

    def _files(self) -> Iterator[Path]:
        for folder in (self.folder, *(self.folder / name for name in KNOWN)):
            for path in folder.glob("*"):
                hidden = path.name.startswith((".", "~$")) or path.suffix.lower() in UNFINISHED
                part = path.suffix.lower() in SIDECARS  # it goes with its main file
                if path.is_file() and not hidden and not part and path != self.folder / RECIPE:
                    yield path


def watch_inbox(
    workspace_path: Path,
    folder: Path,
    *,
    stop: Event,
    settle_s: float = 2.0,
    accept_partial: bool = False,
    once: bool = False,
) -> int:
    """Take every file of an inbox, one after the other, until told to stop; the number of files refused.

    Parameters
    ----------
    workspace_path
        The workspace.
    folder
        The inbox; made if missing.
    stop
        Ends the watch after the file in hand.
    settle_s
        How long a file must not have changed [s].
    accept_partial
        Store the accepted rows of a file though others are refused.
    once
        Stop when every file that is there has been taken.

    Raises
    ------
    InputError
        The inbox is a file, or lies in the workspace.
    """
    _make_inbox(folder, workspace_path)
    inbox, memory = Inbox(folder, settle_s), Memory()
    refused = 0
    # a scan at every time-out: network drives report no changes, and a file becomes whole without one
    changes = watch(folder, stop_event=stop, rust_timeout=1000, yield_on_timeout=True, raise_interrupt=False)
    for _ in chain((None,), changes):
        refused += _take_ready(workspace_path, inbox, stop, accept_partial, memory)
        if once and inbox.is_done:
            break
        with suppress(OSError):  # what hinders it is told when a file comes
            start_reader()  # ready for the next file
    return refused


def _make_inbox(folder: Path, workspace_path: Path) -> None:
    """Make the folder if it is missing; one in the workspace would have the workspace's own files taken."""
    if folder.resolve().is_relative_to(workspace_path.resolve()):
        raise InputError(
            f"the inbox {folder} lies in the workspace {workspace_path}; choose a folder outside of it",
            vi=f"thư mục nhận {folder} nằm trong vùng làm việc {workspace_path}; hãy chọn thư mục bên ngoài",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"the inbox {folder} is no folder; choose another", vi=f"{folder} không phải thư mục; hãy chọn thư mục khác"
        ) from error


def _take_ready(workspace_path: Path, inbox: Inbox, stop: Event, accept_partial: bool, memory: Memory) -> int:
    """Take the files that are whole; the number of those refused."""
    refused = 0
    for strange in inbox.strange_folders():
        known = ", ".join(KNOWN)
        log(
            f"{strange}: no layer is named so, what lies there stays (folders: {known})",
            f"{strange}: không có lớp nào tên như vậy, tệp trong đó không được lấy (thư mục: {known})",
            style="yellow",
        )
    for file in inbox.ready():
        if stop.is_set():
            break
        try:
            report = take_file(workspace_path, inbox.folder, file, accept_partial=accept_partial, memory=memory)
            target = inbox.put_away(file, report)
            refused += not report["done"]
        except BusyError as error:
            log(*sentences_of(error))
            break  # it stays, and is tried at the next scan
        except OSError as error:
            log(f"error: {file} cannot be moved: {error}", f"lỗi: không chuyển được {file}: {error}", style="red")
            refused += 1
        else:
            log(*_lines(report)[:2])
            log(f"    {target}")
            if report.get("published") and report["run_before"]:
                _tell_diff(workspace_path, report, target / DIFF)
        finally:
            close_reader()  # the next file may be another sender's
    return refused


def _tell_diff(workspace_path: Path, report: dict[str, Any], path: Path) -> None:
    """Write what a file changed, as `phusong diff --json`; what hinders that is told, and the next file is taken."""
    try:
        workspace = Workspace.open(workspace_path)
        before, after = (Results.open(workspace, report[name]) for name in ("run_before", "run_id"))
        path.write_text(diff_answer(compare_runs(before, after)).model_dump_json(indent=1), encoding="utf-8")
    except (*USER_ERRORS, OSError) as error:
        told = error_of(error, path.name)
        log(f"error: {told['en']}", f"lỗi: {told['vi']}", style="red")


def take_file(
    workspace_path: Path,
    inbox: Path,
    file: Path,
    *,
    accept_partial: bool = False,
    memory: Memory | None = None,
    task: str = "watch",
    wait_s: float = 0.0,
    receipt: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Import, check, compute and publish one file; what came of it, whatever the file holds.

    Parameters
    ----------
    workspace_path
        The workspace.
    inbox
        Where `recipe.toml` may lie.
    file
        A file in it or in one of its subfolders.
    accept_partial
        Store the accepted rows though others are refused.
    memory
        What this process keeps between computations; None is nothing.
    task
        The command at work, as other writers are told.
    wait_s
        How long to wait for another writer [s].
    receipt
        Path in the workspace at which the import's report is put in the same step as the import itself: a file whose
        report is there is not imported again. None keeps none.
    progress
        Called with the masts computed and in all; with 0 and 0 when the computation begins.

    Raises
    ------
    BusyError
        Another process is writing the workspace, and went on for longer than `wait_s`.
    """
    report: dict[str, Any] = {"file": file.name, "done": False, "layer": None, "stored": False, "imports": []}
    try:
        workspace = Workspace.open(workspace_path)
        with writing(workspace.path, task, wait_s=wait_s):
            if receipt is not None and (workspace.path / receipt).is_file():
                report |= json.loads((workspace.path / receipt).read_text(encoding="utf-8"))
            else:
                _import_file(workspace, inbox, file, accept_partial, receipt, report)
            report["stored"] = True
            if progress is not None:
                progress(0, 0)
            report["run_before"] = current_run_id(workspace)
            computed = compute(workspace, memory=memory, progress=progress)
        report |= {"done": True, "run_id": computed.run_id, "published": computed.published}
        report["warnings"] = computed.warnings
    except BusyError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a file does, the next one is taken
        report["error"] = error_of(error, file.name)
        if isinstance(error, RefusedRowsError):
            report["imports"] = list(error.reports) or report["imports"]
    return report


def error_of(error: Exception, what: str) -> dict[str, str]:
    """What a user reads of an error in English and Vietnamese; a fault of phusong is told as such, its trace logged."""
    if isinstance(error, USER_ERRORS):
        return dict(zip(("en", "vi"), sentences_of(error), strict=True))
    _faults.error("%s cannot be taken", what, exc_info=error)  # where it is, for who runs phusong
    name = f"{type(error).__name__}: {error}"
    return {
        "en": f"{what} cannot be taken, a fault of phusong ({name}).",
        "vi": f"Không xử lý được {what}, lỗi của phusong ({name}).",
    }


def _import_file(
    workspace: Workspace, inbox: Path, file: Path, accept_partial: bool, receipt: str | None, report: dict[str, Any]
) -> None:
    """Import a file, all of it or nothing, and say in `report` what came of it."""
    for part in _parts(file):
        if part.is_symlink():  # the sender says to what, and may not be allowed to read it
            raise InputError(
                f"{part.name} is a link; put the file itself into the inbox.",
                vi=f"{part.name} là liên kết; hãy đặt chính tệp đó vào thư mục nhận.",
            )
    entry = entry_of(inbox, file)
    report["layer"] = entry.layer if isinstance(entry, RecipeLayer) else entry.raster
    with staged(workspace) as stage:
        imported = import_entry(stage, entry, file, replace=True)
        report["imports"] = [imported.to_dict()]
        _require_good(imported, check_import(stage, report["layer"], current_run(workspace)), accept_partial)
        if receipt is not None:
            place = stage.path / receipt
            place.parent.mkdir(parents=True)
            kept = {name: report[name] for name in ("layer", "imports")}
            place.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def entry_of(inbox: Path, file: Path) -> RecipeLayer | RecipeRaster:
    """How a file is imported: by the recipe of the inbox, by its subfolder, or by how its name begins.

    Raises
    ------
    InputError
        None of them names a layer or raster.
    """
    recipe = inbox / RECIPE
    if recipe.is_file() and (found := find_entry(read_recipe(recipe), file.name)):
        return found
    begins = [name for name in KNOWN if file.stem.lower().startswith(name)]
    name = file.parent.name if file.parent != inbox else max(begins, key=len, default="")
    if name in RASTERS:
        return RecipeRaster.model_validate({"raster": name, "file": file.name})
    if name in LAYERS:
        return RecipeLayer(layer=name, file=file.name)
    raise InputError(
        f"{file.name} names no layer: put it into a subfolder named like its layer (stations, …), let its name begin "
        f"so, or name it in {RECIPE}.",
        vi=f"Không biết {file.name} thuộc lớp nào: hãy đặt vào thư mục con mang tên lớp (stations, …), đặt tên tệp "
        f"bắt đầu bằng tên lớp, hoặc ghi vào {RECIPE}.",
    )


def _require_good(report: ImportReport, findings: Iterable[Finding], accept_partial: bool) -> None:
    """Refuse what an import or a computation would not take."""
    if report.refused and not accept_partial:
        first = report.rows[0]
        raise InputError(
            f"{report.file}, row {first.row}: {first.reason} (rows refused: {report.refused}; nothing was stored).",
            vi=f"{report.file}, dòng {first.row}: {first.reason_vi} ({report.refused} dòng bị từ chối, chưa lưu gì).",
        )
    for finding in findings:
        if finding.severity == "error":
            raise InputError(f"{report.file}: {finding.en}", vi=f"{report.file}: {finding.vi}")


def _parts(file: Path) -> list[Path]:
    """A file and those that belong to it."""
    return [part for part in (file, *(file.with_suffix(suffix) for suffix in SIDECARS)) if part.is_file()]


def _signature(file: Path) -> Signature:
    signature = []
    for part in _parts(file):
        with suppress(FileNotFoundError):  # taken away meanwhile
            status = part.stat()
            signature.append((part.name, status.st_size, status.st_mtime_ns))
    return tuple(signature) or ((file.name, -1, 0),)


def _lines(report: dict[str, Any]) -> list[str]:
    """A report as text: what became of the file, in English and in Vietnamese, then every row refused."""
    if report["done"]:
        lines = [
            f"{report['file']}: done, {report['layer']} imported, run {report['run_id']}",
            f"{report['file']}: xong, đã nhập {report['layer']}, lần tính {report['run_id']}",
        ]
    else:
        stored = report["stored"]
        lines = [
            f"{report['file']}: refused{', though imported' if stored else ''}: {report['error']['en']}",
            f"{report['file']}: bị từ chối{', dù đã nhập' if stored else ''}: {report['error']['vi']}",
        ]
    rows = [row for imported in report["imports"] for row in imported["rows"]]
    return lines + [f"  row/dòng {row['row']}, {row['field']}: {row['reason']} / {row['reason_vi']}" for row in rows]
