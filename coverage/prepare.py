"""What a computation reads: layers and rasters of a workspace, placed on the analysis grid and hashed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer

from phusong.coverage.antenna import Pattern, read_patterns
from phusong.coverage.cache import Cache
from phusong.coverage.ground import Ground, burn_cached, read_ground, unite_cached
from phusong.coverage.link import reference_signal
from phusong.coverage.memory import Memory
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.stations import Eligible, Station, eligible_stations, parse_stations
from phusong.coverage.units import UnitIndex, build_units, units_since
from phusong.geodata.antenna_files import antenna_paths
from phusong.geodata.errors import InputError, MissingLayerError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.workspace import RASTERS, Workspace

REQUIRED_LAYERS = ("communes", "settlements", "stations")
UNIT_LAYERS = ("communes", "crosswalk", "settlements")  # what units follow from
OPTIONAL_LAYERS = ("crosswalk", "fibre_endpoints", "places", "observations", "measurements")


@dataclass(frozen=True, eq=False)
class Sources:
    """The layers and the hash of everything a workspace was given.

    Attributes
    ----------
    layers
        Vector layers by name; optional ones that were not imported are absent.
    inputs
        sha256 and number of rows, bytes or files of every input.
    """

    layers: dict[str, pd.DataFrame]
    inputs: dict[str, dict[str, Any]]

    @property
    def raster_hashes(self) -> dict[str, str]:
        """sha256 of the raster files by name."""
        return {name: self.inputs[name]["sha256"] for name in RASTERS}


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything an answer depends on.

    Attributes
    ----------
    sources
        Layers and hashes.
    ground, units
        Rasters on the analysis grid, and the units valid on the date.
    patterns
        Patterns of the antennas of those stations that have a file, by name.
    eligible, stations, x_m, y_m
        The stations that serve, and their position `[n_station]` in the CRS of the grid [m].
    mid_lat_deg
        Latitude given to the propagation model.
    """

    sources: Sources
    ground: Ground
    units: UnitIndex
    eligible: Eligible
    patterns: dict[str, Pattern]
    stations: list[Station]
    x_m: npt.NDArray[np.float64]
    y_m: npt.NDArray[np.float64]
    mid_lat_deg: float
    terrain_kind: str

    @property
    def layers(self) -> dict[str, pd.DataFrame]:
        """Vector layers by name."""
        return self.sources.layers

    @property
    def terrain(self) -> Raster:
        """Height of the ground [m amsl]."""
        return self.ground.terrain

    @property
    def clutter(self) -> Raster:
        """Land-cover codes."""
        return self.ground.clutter

    @property
    def zone(self) -> Raster:
        """Radio-climatic zone codes."""
        return self.ground.zone

    @property
    def wanted(self) -> Raster:
        """Pixels an answer is asked for: in the province and not at sea."""
        return self.ground.wanted

    @property
    def grid(self) -> Grid:
        """The analysis grid."""
        return self.units.grid

    def points_of(self, layer: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Position of a layer's points in the CRS of the grid [m]."""
        points = self.layers[layer].geometry.to_crs(self.grid.crs)
        return points.x.to_numpy(), points.y.to_numpy()


def read_sources(workspace: Workspace) -> Sources:
    """Read the layers and hash every input.

    Raises
    ------
    MissingLayerError
        A layer or raster is missing or empty.
    """
    layers = _read_layers(workspace)
    return Sources(layers, hash_inputs(workspace, layers))


def hash_inputs(workspace: Workspace, layers: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """sha256 of some layers, every raster and the antennas, by name.

    Raises
    ------
    MissingLayerError
        A raster is missing.
    """
    files = {name: workspace.existing_raster(name) for name in RASTERS}
    return _hashes(layers, files, antenna_paths(workspace.path))


def prepare(
    workspace: Workspace,
    as_of: date,
    *,
    sources: Sources | None = None,
    cache: Cache | None = None,
    memory: Memory | None = None,
    planned: bool = False,
) -> Prepared:
    """Read and check everything a computation needs.

    Parameters
    ----------
    as_of
        The date the answer is for.
    sources
        Answer of `read_sources`; None reads them.
    cache
        Where what follows from the rasters is kept; None is that of the workspace.
    memory
        What this process keeps from the computation before; None is nothing.
    planned
        Whether planned stations serve.

    Raises
    ------
    MissingLayerError
        A layer or raster is missing or empty, or no station serves on the date.
    InputError
        A station outside the terrain, of an unknown bandwidth or antenna, or land cover on another grid than the
        terrain.
    """
    settings = workspace.settings
    sources = sources or read_sources(workspace)
    cache = cache or Cache(workspace.cache_dir)
    layers, grid = sources.layers, workspace.raster_grid("terrain")
    memory = memory or Memory()
    hashes = [sources.inputs[name]["sha256"] for name in UNIT_LAYERS if name in layers]
    units = memory.fetch(
        "units", (workspace.path, *hashes, grid, units_since(layers["communes"], as_of), settings.name),
        lambda: build_units(
            layers["communes"], grid, as_of=as_of, crosswalk=layers.get("crosswalk"), settlements=layers["settlements"],
            province_name=settings.name, burn=burn_cached(cache), unite=unite_cached(cache),
        ),
    )  # fmt: skip
    ground = memory.fetch(
        "ground", (units, *sources.raster_hashes.values(), settings),
        lambda: read_ground(workspace, cache, units, sources.raster_hashes),
    )  # fmt: skip
    eligible = eligible_stations(layers["stations"], settings, as_of, planned=planned)
    stations = parse_stations(eligible.table)
    placed = eligible.table.geometry.to_crs(grid.crs)
    x_m, y_m = placed.x.to_numpy(), placed.y.to_numpy()
    _require_inside(grid, eligible.table, x_m, y_m)
    _require_bandwidths(eligible.table)
    return Prepared(
        sources=sources,
        ground=ground,
        units=units,
        eligible=eligible,
        patterns=read_patterns(workspace.path, {sector.antenna for s in stations for sector in s.sectors}),
        stations=stations,
        x_m=x_m,
        y_m=y_m,
        mid_lat_deg=_middle_latitude(grid) if settings.model.mid_lat_deg is None else settings.model.mid_lat_deg,
        terrain_kind=workspace.terrain_kind,
    )


def _read_layers(workspace: Workspace) -> dict[str, pd.DataFrame]:
    layers = workspace.read_layers(REQUIRED_LAYERS, optional=OPTIONAL_LAYERS)
    for name in REQUIRED_LAYERS:
        if layers[name].empty:
            raise MissingLayerError(
                f"layer {name} is empty; import it again: phusong import DIR {name} FILE --replace",
                vi=f"lớp {name} trống; hãy nhập lại: phusong import DIR {name} FILE --replace",
            )
    return layers


def _require_inside(
    grid: Grid, stations: gpd.GeoDataFrame, x_m: npt.NDArray[np.float64], y_m: npt.NDArray[np.float64]
) -> None:
    outside = np.flatnonzero(~grid.contains(x_m, y_m))
    if outside.size:
        station = stations.iloc[outside[0]]
        position = f"{station.geometry.x:.5f}, {station.geometry.y:.5f}"
        file, row = station["source"], station["source_row"]
        raise InputError(
            f"layer stations: {outside.size} stations lie outside the terrain, the first is {station['station_id']} "
            f"({file}, row {row}) at {position}; correct its position or import a larger terrain",
            vi=f"lớp stations: {outside.size} trạm nằm ngoài địa hình, trạm đầu tiên là {station['station_id']} "
            f"({file}, dòng {row}) tại {position}; hãy sửa tọa độ hoặc nhập địa hình rộng hơn",
        )


def _require_bandwidths(stations: gpd.GeoDataFrame) -> None:
    for row in stations.drop_duplicates(["technology", "bandwidth_mhz"]).itertuples():
        try:
            reference_signal(str(row.technology), float(row.bandwidth_mhz))
        except OutOfValidityError as error:
            raise InputError(
                f"layer stations: {row.station_id} ({row.source}, row {row.source_row}): {error}; correct the file and "
                "import it again with --replace",
                vi=f"lớp stations: {row.station_id} ({row.source}, dòng {row.source_row}): băng thông "
                f"{row.bandwidth_mhz:g} MHz của {row.technology} không có trong tiêu chuẩn; hãy sửa tệp và nhập lại "
                "với --replace",
            ) from error


def _middle_latitude(grid: Grid) -> float:
    west, south, east, north = grid.bounds
    to_degrees = Transformer.from_crs(grid.crs, 4326, always_xy=True)
    return round(float(to_degrees.transform((west + east) / 2, (south + north) / 2)[1]), 6)


def _hashes(
    layers: Mapping[str, pd.DataFrame], rasters: Mapping[str, Path], antennas: Sequence[Path]
) -> dict[str, dict[str, Any]]:
    """sha256 of every input: of a layer its content, whatever file held it; of a raster its file."""
    found: dict[str, dict[str, Any]] = {
        name: {"sha256": _hash_layer(frame), "rows": len(frame)} for name, frame in layers.items()
    }
    for name, path in rasters.items():
        status = path.stat()
        known_by = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        found[name] = {"sha256": _hash_file(_File(path, known_by)), "bytes": status.st_size}
    if antennas:
        digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in antennas))
        found["antennas"] = {"sha256": digest.hexdigest(), "files": len(antennas)}
    return dict(sorted(found.items()))


def _hash_layer(frame: pd.DataFrame) -> str:
    """sha256 of the names of a layer's columns, its shapes, its numbers and its texts, each part after its length."""
    parts = [json.dumps(list(frame.columns)).encode()]
    if isinstance(frame, gpd.GeoDataFrame):
        parts += [shape or b"" for shape in shapely.to_wkb(frame.geometry.array.to_numpy()).tolist()]
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    numbers = frame.select_dtypes("number")
    parts += [np.where(np.isnan(column), np.nan, column).tobytes() for column in numbers.to_numpy(float).T]
    texts = frame.drop(columns=numbers.columns)
    parts.append(texts.to_json(orient="split", index=False, force_ascii=False).encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


@dataclass(frozen=True)
class _File:
    """A file that writers replace and never change in place, so that what it is known by stands for its content."""

    path: Path = field(compare=False)
    known_by: tuple[int, ...]


@lru_cache(maxsize=16)
def _hash_file(file: _File) -> str:
    with file.path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
