"""A workspace from open data: download what an area needs, make files of it, and import these as a user would."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import shapely

from phusong.geodata.errors import InputError
from phusong.geodata.importing import import_layer
from phusong.geodata.layer_stores import GeoPackageLayers
from phusong.geodata.open_data import providers
from phusong.geodata.open_data.areas import Extent, extent_of, read_polygon, utm_crs
from phusong.geodata.open_data.boundaries import Level, find_province, read_levels, write_units
from phusong.geodata.open_data.downloads import Downloads, Resource
from phusong.geodata.open_data.places import ASSUMED_HEIGHT_M, Places, read_places, write_features
from phusong.geodata.open_data.tiles import crop_file, crop_tiles
from phusong.geodata.recipe import import_raster, staged
from phusong.geodata.reports import ImportReport, Note
from phusong.geodata.settings import SETTINGS_FILE, Settings, default_settings
from phusong.geodata.sources import Source, read_sources
from phusong.geodata.station_lists import assumed_defaults
from phusong.geodata.workspace import RASTERS, Workspace, refuse_used_folder

FETCHED = ("terrain", "clutter", "population", "communes", "settlements", "places", "stations")
OSM_LAYERS = ("settlements", "places", "stations")
UP_TO_DATE = Note("up to date: nothing was imported", "đã cập nhật: không nhập gì thêm")
NONE_IN_AREA = Note("OpenStreetMap has none in the area", "OpenStreetMap không có trong vùng này")


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Either `polygon`, a vector file, or `province`, a name, says where; `on` the day whose provinces and population are
    meant. `country` is an ISO 3166-1 code of three letters. `crs` and `resolution_m` are for a workspace that does not
    exist yet; a `crs` of None takes the UTM zone of the area.
    """

    on: date
    polygon: Path | None = None
    province: str | None = None
    country: str = "VNM"
    layers: tuple[str, ...] = FETCHED
    population: providers.PopulationKind = "constrained"
    crs: str | None = None
    resolution_m: float = 30.0
    replace: bool = False
    confirmed: bool = False


@dataclass
class _Work:
    """A fetch under way: where, what for, and what has been downloaded."""

    request: Request
    settings: Settings
    extent: Extent
    downloads: Downloads
    folder: Path
    levels: list[Level] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """How a layer is made: what it needs, and the function that makes a file, its source, and notes."""

    resources: tuple[Resource, ...]
    make: Callable[[Path], tuple[Source, list[Note]]]


def fetch_workspace(folder: Path, request: Request, downloads: Downloads) -> list[ImportReport]:
    """Build or complete a workspace from open data; nothing is downloaded or imported twice.

    Parameters
    ----------
    folder
        The workspace, made where it does not exist.
    request
        What is asked for.
    downloads
        The cache and where its files come from.

    Returns
    -------
    list
        A report per layer, in the order of their import; one that was up to date says so in a note.

    Raises
    ------
    PhusongError
        A file cannot be had, or cannot be imported; the workspace is as it was.
    """
    _validate(request)
    exists = (folder / SETTINGS_FILE).is_file()
    if exists:
        _refuse_own_layers(Workspace.open(folder), request)
    else:
        refuse_used_folder(folder)
    levels = _levels(request, downloads)
    area, notes = _area(request, levels, downloads)
    if exists:
        settings = Workspace.open(folder).settings
    else:
        crs = request.crs or utm_crs(area)
        settings = default_settings(name=folder.resolve().name, crs=crs, resolution_m=request.resolution_m)
    extent = extent_of(area, crs=settings.crs, margin_m=settings.model.radius_km * 1000.0)
    with tempfile.TemporaryDirectory(prefix="phusong-fetch-") as aside:
        work = _Work(request, settings, extent, downloads, Path(aside), levels, notes)
        steps = dict(_steps(work))
        every = tuple(resource for step in steps.values() for resource in step.resources)
        downloads.plan(every, confirmed=request.confirmed, room_bytes=20.0 * extent.cells(settings.resolution_m))
        for resource in every:
            downloads.get(resource)
        with _made(folder, settings, exists=exists) as workspace, staged(workspace) as stage:
            return [_import(stage, work, layer, step) for layer, step in steps.items()]


@contextmanager
def _made(folder: Path, settings: Settings, *, exists: bool) -> Iterator[Workspace]:
    """The workspace; one that did not exist is made, and goes again when the block fails."""
    if exists:
        yield Workspace.open(folder)
        return
    workspace = Workspace.create(folder, crs=settings.crs, resolution_m=settings.resolution_m, name=settings.name)
    try:
        yield workspace
    except BaseException:
        if isinstance(workspace.layer_store, GeoPackageLayers):  # in a database it stays, empty
            shutil.rmtree(folder)
        raise


def _refuse_own_layers(workspace: Workspace, request: Request) -> None:
    """Refuse to replace, unasked, what the user imported by hand."""
    sources = read_sources(workspace.path)
    present = [*workspace.layer_names(), *(name for name in RASTERS if workspace.has_raster(name))]
    own = [layer for layer in request.layers if layer in present and layer not in sources]
    if own and not request.replace:
        raise InputError(
            f"{', '.join(own)} of this workspace were imported by hand; use --replace, or name other --layers.",
            vi=f"{', '.join(own)} đã được nhập thủ công; hãy dùng --replace hoặc chọn --layers khác.",
        )


def _validate(request: Request) -> None:
    unknown = [layer for layer in request.layers if layer not in FETCHED]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} cannot be fetched; what can is {', '.join(FETCHED)}.",
            vi=f"Không tải được {unknown[0]!r}; các lớp tải được là {', '.join(FETCHED)}.",
        )
    if (request.polygon is None) == (request.province is None):
        raise InputError(
            "Say where with either --polygon FILE or --province NAME.",
            vi="Hãy nêu vùng bằng --polygon TỆP hoặc --province TÊN (một trong hai).",
        )
    if not (len(request.country) == 3 and request.country.isascii() and request.country.isupper()):
        raise InputError(
            f"A country is three capital letters of ISO 3166-1 like VNM, got {request.country!r}.",
            vi=f"Mã nước gồm ba chữ cái in hoa theo ISO 3166-1 như VNM, nhận được {request.country!r}.",
        )


def _levels(request: Request, downloads: Downloads) -> list[Level]:
    if request.province is None and "communes" not in request.layers:
        return []
    return read_levels(downloads.get(providers.boundary_levels(request.country)), request.country)


def _area(request: Request, levels: Sequence[Level], downloads: Downloads) -> tuple[shapely.Geometry, list[Note]]:
    if request.polygon is not None:
        return read_polygon(request.polygon), []
    return find_province(downloads.get(levels[0].file), levels[0], str(request.province), request.on)


def _steps(work: _Work) -> Iterator[tuple[str, _Step]]:
    """Each layer wanted, in the order of import; the providers' lists of tiles are downloaded here."""
    makers = {"terrain": _terrain, "clutter": _clutter, "population": _population, "communes": _communes}
    wanted = [layer for layer in FETCHED if layer in work.request.layers]
    for layer in wanted:
        if layer in makers:
            yield layer, makers[layer](work)
    if set(wanted) & set(OSM_LAYERS):
        resource = providers.overpass(tuple(shapely.bounds(work.extent.area)), work.extent.box)
        read = _once(
            lambda: read_places(work.downloads.get(resource), work.extent.area, shapely.box(*work.extent.near))
        )
        for layer in wanted:
            if layer in OSM_LAYERS:
                yield layer, _Step((resource,), _osm(layer, read))


def _terrain(work: _Work) -> _Step:
    box = work.extent.box
    listed = set(work.downloads.get(providers.glo30_index()).read_text(encoding="utf-8").split())
    names = providers.glo30_names(box)
    there = [name for name in names if name in listed]
    if not there:
        raise InputError(
            "Copernicus GLO-30 has no tile in the area: it lies at sea.",
            vi="Copernicus GLO-30 không có mảnh nào: vùng ở ngoài biển.",
        )
    tiles = tuple(providers.glo30_tile(name) for name in there)
    source = providers.GLO30_SOURCE
    notes = [
        *work.notes,
        Note(
            "a surface model: it holds trees and roofs, and clutter heights are those of clutter_height_on_dsm_m",
            "mô hình bề mặt: gồm cả cây và mái nhà, chiều cao lớp phủ lấy theo clutter_height_on_dsm_m",
        ),
    ]
    if len(there) < len(names):
        absent = ", ".join(name.removeprefix("Copernicus_DSM_COG_10_") for name in names if name not in listed)
        notes.append(
            Note(
                f"sea at height 0 where the provider lists no tile: {absent}",
                f"biển ở độ cao 0 nơi nhà cung cấp không có mảnh: {absent}",
            )
        )

    def make(target: Path) -> tuple[Source, list[Note]]:
        files = [work.downloads.get(tile) for tile in tiles]
        crop_tiles(files, box, providers.glo30_lattice(box), target, dtype="float32")
        return source, notes

    return _Step(tiles, make)


def _clutter(work: _Work) -> _Step:
    box = work.extent.box
    index = json.loads(work.downloads.get(providers.worldcover_index()).read_text(encoding="utf-8"))
    listed = {str(feature["properties"].get("ll_tile")) for feature in index["features"]}
    tiles = tuple(providers.worldcover_tile(name) for name in providers.worldcover_names(box) if name in listed)
    source = providers.WORLDCOVER_SOURCE

    def make(target: Path) -> tuple[Source, list[Note]]:
        files = [work.downloads.get(tile) for tile in tiles]
        crop_tiles(files, box, providers.WORLDCOVER_LATTICE, target, dtype="uint8", nodata=0)
        return source, []

    return _Step(tiles, make)


def _population(work: _Work) -> _Step:
    resource, source = providers.worldpop(work.request.country, work.request.on, work.request.population)

    def make(target: Path) -> tuple[Source, list[Note]]:
        crop_file(work.downloads.get(resource), work.extent.box, target)
        note = Note(
            f"WorldPop: {source.edition}; people of {work.request.country} only",
            f"WorldPop: {source.edition}; chỉ dân số của {work.request.country}",
        )
        return source, [note]

    return _Step((resource,), make)


def _communes(work: _Work) -> _Step:
    finest, request = work.levels[-1], work.request

    def make(target: Path) -> tuple[Source, list[Note]]:
        path = work.downloads.get(finest.file)
        notes = write_units(path, finest, work.extent.area, request.on, target, clip=request.polygon is not None)
        return finest.source, notes

    return _Step((finest.file,), make)


def _osm(layer: str, read: Callable[[], Places]) -> Callable[[Path], tuple[Source, list[Note]]]:
    def make(target: Path) -> tuple[Source, list[Note]]:
        found = read()
        write_features(getattr(found, layer), target)
        return replace(providers.OSM_SOURCE, edition=f"as of {found.day}"), found.notes if layer == "stations" else []

    return make


def _once(action: Callable[[], Places]) -> Callable[[], Places]:
    kept: list[Places] = []

    def answer() -> Places:
        if not kept:
            kept.append(action())
        return kept[0]

    return answer


def _import(stage: Workspace, work: _Work, layer: str, step: _Step) -> ImportReport:
    files = {resource.url: work.downloads.hashes[resource.url] for resource in step.resources}
    key = _key(work, layer, files)
    there = stage.has_raster(layer) if layer in RASTERS else stage.has_layer(layer)
    known = read_sources(stage.path).get(layer)
    if there and known is not None and known.key == key:
        return ImportReport(layer, "", accepted=0, notes=(UP_TO_DATE,))
    target = work.folder / f"{layer}{'.tif' if layer in RASTERS else '.geojson'}"
    source, notes = step.make(target)
    source = replace(source, fetched_on=date.today().isoformat(), key=key, files=files)
    if layer in OSM_LAYERS and not json.loads(target.read_text(encoding="utf-8"))["features"]:
        return ImportReport(layer, target.name, accepted=0, notes=(*notes, NONE_IN_AREA))
    if layer in RASTERS:
        kind = "dsm" if layer == "terrain" else None
        report = import_raster(stage, layer, target, terrain_kind=kind, replace=work.request.replace, source=source)
    else:
        report = import_layer(
            stage, layer, target, replace=work.request.replace, defaults=_defaults(layer), source=source
        )
    return replace(report, notes=(*notes, *report.notes))


def _defaults(layer: str) -> Mapping[str, Any] | None:
    return {**assumed_defaults(), "height_agl_m": ASSUMED_HEIGHT_M} if layer == "stations" else None


def _key(work: _Work, layer: str, files: Mapping[str, str]) -> str:
    """A hash of all that a layer is made from, so that one that is up to date is known."""
    settings, extent = work.settings, work.extent
    made_from: list[Any] = [
        layer, sorted(files.items()), extent.box, shapely.to_wkb(shapely.normalize(extent.area), hex=True),
        settings.crs, settings.resolution_m, work.request.on.isoformat(), work.request.polygon is None,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
