"""The demonstration: the sample province (tỉnh Mẫu, fictional) in a workspace, ready to be computed."""

import shutil
from pathlib import Path

from phusong.api.console import log, working
from phusong.geodata.errors import WorkspaceError
from phusong.geodata.recipe import import_recipe
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace

CRS = "EPSG:32648"
NAME = "tỉnh Mẫu"
_PARTS = frozenset({"source", "workspace", "map.html"})


def make_demo(folder: Path, *, seed: int, resolution_m: float, replace: bool) -> Workspace:
    """Write the sample province to `folder/source` and import it into `folder/workspace`.

    Parameters
    ----------
    folder
        A new or empty folder, or a previous demo.
    seed
        Seed of the province.
    resolution_m
        Side of an analysis cell [m].
    replace
        Whether a previous demo may be removed.

    Raises
    ------
    WorkspaceError
        The folder holds something else, or a previous demo and `replace` is not given.
    InputError
        Seed or resolution out of range.
    """
    _clear(folder, replace)
    with working("making the sample province / đang tạo tỉnh Mẫu"):
        recipe = write_sample(folder / "source", seed=seed, resolution_m=resolution_m)
    workspace = Workspace.create(folder / "workspace", crs=CRS, resolution_m=resolution_m, name=NAME)
    with working("importing / đang nhập"):
        reports = import_recipe(workspace, recipe, folder / "source")
    for report in reports:
        log(
            f"{report.layer}: accepted {report.accepted}, refused {report.refused}",
            f"{report.layer}: nhận {report.accepted}, từ chối {report.refused}",
        )
    return workspace


def _clear(folder: Path, replace: bool) -> None:
    """Make sure that the folder is free; a previous demo is removed on request, anything else never."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    parts = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if "source" not in parts or not parts <= _PARTS:
        raise WorkspaceError(
            f"{folder} exists and holds something else than a demo; choose a new folder.",
            vi=f"{folder} đã có và chứa dữ liệu khác; hãy chọn thư mục mới.",
        )
    if not replace:
        raise WorkspaceError(
            f"{folder} holds a previous demo; use --replace to make it again, or choose a new folder.",
            vi=f"{folder} đã có bản minh họa trước; dùng --replace để làm lại, hoặc chọn thư mục mới.",
        )
    for name in ("source", "workspace"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "map.html").unlink(missing_ok=True)
