"""A recipe: one TOML file that says how to import every layer and raster of a folder.

    [[raster]]
    raster = "terrain"                              # terrain, clutter or population
    file = "dem.tif"
    terrain_kind = "dtm"                            # terrain only, like fill_sea_m and fill_interpolate_px

    [[layer]]
    layer = "stations"
    file = "sites.csv"
    columns = { lon = "X", name = ["name_vi", "name"] }    # ours = theirs; of several the first given
    values.status = { on_air = "live", "" = "off" }        # theirs = ours; "" is an empty cell
    defaults.bandwidth_mhz = [                             # a constant, or rules: the first that fits
        { technology = "3G", value = 5 },
        { technology = "4G", band_mhz = 1800, value = 15 },
    ]

    [[layer.joins]]
    file = "more.csv"
    on = { id = "site_id" }                         # column of the file = column of the joined file
    take = { owner = "operator" }                   # new column = column of the joined file
    unique = true                                   # a key may stand in several rows that agree

Rasters come first, then the layers in the order of the recipe. All of it is imported, or nothing.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from phusong.geodata.antenna_files import ANTENNAS_DIR, SUFFIX
from phusong.geodata.errors import InputError
from phusong.geodata.importing import archived, import_layer
from phusong.geodata.joins import Join
from phusong.geodata.layer_stores import GeoPackageLayers
from phusong.geodata.rasters import import_clutter, import_population, import_terrain
from phusong.geodata.reports import ImportReport
from phusong.geodata.sources import Source, record_source
from phusong.geodata.toml_models import Section, validate_toml
from phusong.geodata.workspace import RASTERS, Workspace
from phusong.geodata.writing import move_over, writing


class RecipeJoin(Section):
    """An attribute file of a layer."""

    file: str
    on: dict[str, str] = Field(min_length=1)
    take: dict[str, str] = Field(min_length=1)
    unique: bool = False
    sheet: str | None = None


class RecipeLayer(Section):
    """How one layer is imported; with `append` the rows are added to those that are there."""

    layer: str
    file: str
    append: bool = False
    crs: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    accept_repairs: tuple[str, ...] = ()
    columns: dict[str, str | list[str]] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    defaults: dict[str, str | float | list[dict[str, str | float]]] = Field(default_factory=dict)
    joins: tuple[RecipeJoin, ...] = ()


class RecipeRaster(Section):
    """How one raster is imported."""

    raster: Literal["terrain", "clutter", "population"]
    file: str
    terrain_kind: Literal["dtm", "dsm"] | None = None
    fill_sea_m: float | None = None
    fill_interpolate_px: int | None = None


class Recipe(Section):
    """Rasters and layers of a folder."""

    raster: tuple[RecipeRaster, ...] = ()
    layer: tuple[RecipeLayer, ...] = ()


def read_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    InputError
        The file cannot be read.
    SettingsError
        It is no TOML, or holds an unknown key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # editors of Windows begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Recipe {path} cannot be read: {error}.", vi=f"Không đọc được công thức nhập {path}."
        ) from error
    return validate_toml(Recipe, text, where=str(path))


def import_recipe(
    workspace: Workspace, recipe_path: Path | str, folder: Path | str, *, replace: bool = False,
    accept_repairs: Collection[str] = (),
) -> list[ImportReport]:  # fmt: skip
    """Import everything that a recipe names: all of it, or nothing.

    Parameters
    ----------
    workspace
        Receives rasters and layers.
    recipe_path
        The recipe.
    folder
        Folder of the files that it names.
    replace
        Replace rasters and layers imported before.
    accept_repairs
        Codes of refusal whose rows are repaired instead, in every layer.

    Returns
    -------
    list
        A report per raster and layer, in the order of their import.

    Raises
    ------
    PhusongError
        Any import failed; the workspace is as it was.
    """
    recipe = read_recipe(recipe_path)
    source = Path(folder)
    order = {name: position for position, name in enumerate(RASTERS)}
    reports: list[ImportReport] = []
    with staged(workspace) as stage:
        for raster in sorted(recipe.raster, key=lambda item: order[item.raster]):
            reports.append(_import_raster(stage, raster, source, replace))
        for layer in recipe.layer:
            reports.append(_import_layer(stage, layer, source, replace, accept_repairs))
    return reports


def find_entry(recipe: Recipe, name: str) -> RecipeLayer | RecipeRaster | None:
    """The first entry whose `file`, taken as a pattern (`stations*.xlsx`), fits a name, and with that name; or None."""
    entries: tuple[RecipeLayer | RecipeRaster, ...] = (*recipe.raster, *recipe.layer)
    for entry in entries:
        if fnmatchcase(name, entry.file):
            return entry.model_copy(update={"file": name})
    return None


def import_entry(
    workspace: Workspace, entry: RecipeLayer | RecipeRaster, file: Path, *, replace: bool = False
) -> ImportReport:
    """Import one file the way an entry says; call it inside `staged`. Joined files lie in the same folder.

    Raises
    ------
    PhusongError
        The file cannot be accepted.
    """
    if isinstance(entry, RecipeRaster):
        return _import_raster(workspace, entry, file.parent, replace)
    return _import_layer(workspace, entry, file.parent, replace, ())


def _import_raster(workspace: Workspace, entry: RecipeRaster, folder: Path, replace: bool) -> ImportReport:
    return import_raster(
        workspace,
        entry.raster,
        folder / entry.file,
        terrain_kind=entry.terrain_kind,
        fill_sea_m=entry.fill_sea_m,
        fill_interpolate_px=entry.fill_interpolate_px,
        replace=replace,
    )


def _import_layer(
    workspace: Workspace, entry: RecipeLayer, folder: Path, replace: bool, repairs: Collection[str]
) -> ImportReport:
    joins = [Join(folder / join.file, join.on, join.take, unique=join.unique, sheet=join.sheet) for join in entry.joins]
    return import_layer(
        workspace,
        entry.layer,
        folder / entry.file,
        crs=entry.crs,
        sheet=entry.sheet,
        mapping=entry.columns,
        values=entry.values,
        defaults=entry.defaults,
        joins=joins,
        replace=replace and not entry.append,
        append=entry.append,
        encoding=entry.encoding,
        accept_repairs=(*entry.accept_repairs, *repairs),
    )


def import_raster(
    workspace: Workspace,
    raster: str,
    path: Path,
    *,
    terrain_kind: str | None = None,
    fill_sea_m: float | None = None,
    fill_interpolate_px: int | None = None,
    replace: bool = False,
    source: Source | None = None,
) -> ImportReport:
    """Import a raster by its name and keep the report under `imports/`; call it inside `staged`.

    Parameters
    ----------
    workspace
        Receives raster and report.
    raster
        `terrain`, `clutter` or `population`.
    path
        The file.
    terrain_kind, fill_sea_m, fill_interpolate_px
        For terrain only: see `rasters.import_terrain`.
    replace
        Replace a raster imported before.
    source
        Provider and licence of the data, kept with the raster; None for a user's own.

    Raises
    ------
    InputError
        The file cannot be accepted, or an option does not fit the raster.
    """
    details: dict[str, Any]
    tags = source.tags() if source else None
    if raster == "terrain":
        details = import_terrain(
            workspace,
            path,
            terrain_kind=terrain_kind or "",
            fill_sea_m=fill_sea_m,
            fill_interpolate_px=fill_interpolate_px,
            replace=replace,
            tags=tags,
        )
    elif (terrain_kind, fill_sea_m, fill_interpolate_px) != (None, None, None):
        options = "terrain_kind, fill_sea_m, fill_interpolate_px"
        raise InputError(
            f"{path.name}, raster {raster}: the options {options} are for terrain only; leave them out.",
            vi=f"{path.name}, raster {raster}: các tùy chọn {options} chỉ dành cho địa hình; hãy bỏ đi.",
        )
    else:
        importer = import_clutter if raster == "clutter" else import_population
        details = importer(workspace, path, replace=replace, tags=tags)
    notes = tuple(details.pop("notes", ()))
    report = ImportReport(raster, path.name, accepted=1, notes=notes, details=details)
    with archived(workspace, report, []):  # a raster is stored whole; its report is kept, the original is not copied
        record_source(workspace.path, raster, source)
    return report


@contextmanager
def staged(workspace: Workspace) -> Iterator[Workspace]:
    """Yield a copy of the workspace's inputs; what the block changed moves over at its end, or vanishes.

    Raises
    ------
    BusyError
        Another process is writing the workspace.
    """
    with writing(workspace.path, "import"):
        stage = Path(tempfile.mkdtemp(prefix=".staging-", dir=workspace.path))
        try:
            _copy_inputs(workspace, stage)
            in_database = not isinstance(workspace.layer_store, GeoPackageLayers)
            yield Workspace(stage, stage_of=workspace if in_database else None)
            committed = stage.with_name(stage.name.replace("staging", "commit"))
            os.rename(stage, committed)  # from here on a writer that finds it finishes the moves
            workspace.layer_store.take_over(committed)
            move_over(committed, workspace.path)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _copy_inputs(workspace: Workspace, stage: Path) -> None:
    """Give settings, layers, rasters and antennas a second name in the stage."""
    for folder in ("rasters", "imports"):
        (stage / folder).mkdir()
    kept = [path for path in workspace.path.glob("[!.]*") if path.is_file()]
    kept += list((workspace.path / "rasters").glob("[!.]*.tif"))
    antennas = list((workspace.path / ANTENNAS_DIR).glob(f"[!.]*{SUFFIX}"))
    if antennas:
        (stage / ANTENNAS_DIR).mkdir()
        kept += antennas
    for path in kept:
        _link(path, stage / path.relative_to(workspace.path))


def _link(path: Path, target: Path) -> None:
    """Give the file a second name; writers replace files and never change them in place."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)
