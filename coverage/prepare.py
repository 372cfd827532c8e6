"""What a computation reads: layers and rasters of a workspace, placed on the analysis grid and hashed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from phusong.coverage.antenna import Pattern, read_patterns
from phusong.coverage.link import reference_signal
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.stations import Eligible, Station, eligible_stations, parse_stations
from phusong.coverage.units import UnitIndex, build_units
from phusong.geodata.errors import InputError, MissingLayerError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.rasters import clutter_height, zone_codes
from phusong.geodata.workspace import Workspace

REQUIRED_LAYERS = ("communes", "settlements", "stations")
OPTIONAL_LAYERS = ("crosswalk", "fibre_endpoints", "places", "observations")
RASTERS = ("terrain", "clutter", "population")
SEA = 1


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything an answer depends on, in memory.

    Attributes
    ----------
    layers
        Vector layers by name; optional ones that were not imported are absent.
    terrain, clutter, clutter_m, zone
        Rasters on the analysis grid: height [m amsl], land-cover code, representative clutter height [m], zone code.
    people_source
        Population as it was given, on its own grid [persons per cell].
    wanted
        Pixels an answer is asked for: in the province and not at sea.
    patterns
        Patterns of the antennas of those stations that have a file, by name.
    stations, x_m, y_m
        The stations that serve, and their position `[n_station]` in the CRS of the grid [m].
    mid_lat_deg
        Latitude given to the propagation model.
    inputs
        sha256 and number of rows (or pixels) of every input.
    """

    layers: dict[str, pd.DataFrame]
    terrain: Raster
    clutter: Raster
    clutter_m: Raster
    zone: Raster
    people_source: Raster
    wanted: Raster
    units: UnitIndex
    eligible: Eligible
    patterns: dict[str, Pattern]
    stations: list[Station]
    x_m: npt.NDArray[np.float64]
    y_m: npt.NDArray[np.float64]
    mid_lat_deg: float
    terrain_kind: str
    inputs: dict[str, dict[str, Any]]

    @property
    def grid(self) -> Grid:
        """The analysis grid."""
        return self.terrain.grid

    def points_of(self, layer: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Position of a layer's points in the CRS of the grid [m]."""
        points = self.layers[layer].geometry.to_crs(self.grid.crs)
        return points.x.to_numpy(), points.y.to_numpy()


def prepare(workspace: Workspace, as_of: date) -> Prepared:
    """Read and check everything a computation needs.

    Raises
    ------
    MissingLayerError
        A layer or raster is missing or empty, or no station serves on the date.
    InputError
        A station outside the terrain, of an unknown bandwidth or antenna, or land cover on another grid than the
        terrain.
    """
    settings = workspace.settings
    layers = _read_layers(workspace)
    rasters = {name: workspace.read_raster(name) for name in RASTERS}
    terrain, clutter = rasters["terrain"], rasters["clutter"]
    if clutter.grid != terrain.grid:
        raise InputError(
            "rasters/clutter.tif lies on another grid than rasters/terrain.tif; import the clutter again",
            vi="rasters/clutter.tif khác lưới với rasters/terrain.tif; hãy nhập lại lớp phủ",
        )
    units = build_units(
        layers["communes"],
        terrain.grid,
        as_of=as_of,
        crosswalk=layers.get("crosswalk"),
        settlements=layers["settlements"],
        province_name=settings.name,
    )
    eligible = eligible_stations(layers["stations"], settings, as_of)
    stations = parse_stations(eligible.table)
    patterns = read_patterns(workspace.path, {sector.antenna for s in stations for sector in s.sectors})
    placed = eligible.table.geometry.to_crs(terrain.grid.crs)
    x_m, y_m = placed.x.to_numpy(), placed.y.to_numpy()
    _require_inside(terrain.grid, eligible.table, x_m, y_m)
    _require_bandwidths(eligible.table)
    kind = workspace.terrain_kind
    table = settings.clutter_height_m if kind == "dtm" else settings.clutter_height_on_dsm_m
    zone = zone_codes(terrain, units.in_province(), sea_max_elevation_m=settings.sea.max_elevation_m)
    return Prepared(
        layers=layers,
        terrain=terrain,
        clutter=clutter,
        clutter_m=clutter_height(clutter, table),
        zone=zone,
        people_source=rasters["population"],
        wanted=Raster(units.in_province() & (zone.values != SEA), terrain.grid),
        units=units,
        eligible=eligible,
        patterns=patterns,
        stations=stations,
        x_m=x_m,
        y_m=y_m,
        mid_lat_deg=_middle_latitude(terrain.grid)
        if settings.model.mid_lat_deg is None
        else settings.model.mid_lat_deg,
        terrain_kind=kind,
        inputs=_hashes(layers, rasters, patterns),
    )


def _read_layers(workspace: Workspace) -> dict[str, pd.DataFrame]:
    layers = {name: workspace.read_layer(name) for name in REQUIRED_LAYERS}
    layers |= {name: workspace.read_layer(name) for name in OPTIONAL_LAYERS if workspace.has_layer(name)}
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
    layers: Mapping[str, pd.DataFrame], rasters: Mapping[str, Raster], patterns: Mapping[str, Pattern]
) -> dict[str, dict[str, Any]]:
    """sha256 of the content of every input, whatever file held it, with its rows, pixels or files."""
    found = {}
    for name, frame in layers.items():
        table = pd.DataFrame(frame.to_wkb(hex=True)) if isinstance(frame, gpd.GeoDataFrame) else frame
        text = table.to_json(orient="split", index=False, double_precision=15, force_ascii=False)
        found[name] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "rows": len(frame)}
    for name, raster in rasters.items():
        digest = hashlib.sha256(repr((raster.grid.crs, tuple(raster.grid.transform), raster.grid.shape)).encode())
        digest.update(np.ascontiguousarray(raster.values).data)
        found[name] = {"sha256": digest.hexdigest(), "pixels": int(raster.values.size)}
    if patterns:
        digest = hashlib.sha256()
        for name, pattern in sorted(patterns.items()):
            digest.update(repr((name, pattern.horizontal_db.tolist(), pattern.vertical_db.tolist())).encode())
        found["antennas"] = {"sha256": digest.hexdigest(), "files": len(patterns)}
    return dict(sorted(found.items()))
