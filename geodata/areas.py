"""Where rows may lie: the province (its communes in force) and the terrain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from phusong.geodata.grid import Grid
from phusong.geodata.schemas import STORAGE_CRS
from phusong.geodata.workspace import Workspace

KM_PER_DEGREE = 105.0  # of longitude at 19° N, the least in Vietnam's middle; of latitude 110.7

_Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]
_Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Area:
    """Where points may lie: the communes (in EPSG:4326) and the terrain's grid, None where unknown.

    `reach_km` is how far from the province a station can stand and still be heard in it [km].
    """

    communes: _Objects | None
    terrain: Grid | None
    reach_km: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether province or terrain is known."""
        return self.communes is not None or self.terrain is not None

    def in_province(self, lon: _Floats, lat: _Floats) -> _Mask:
        """Whether points lie in a commune; all true where no commune is known."""
        if self.communes is None:
            return np.ones(len(lon), dtype=bool)
        inside = np.zeros(len(lon), dtype=bool)
        for commune in self.communes:
            west, south, east, north = commune.bounds
            near = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
            if near.size:
                shapely.prepare(commune)
                inside[near] |= shapely.intersects_xy(commune, lon[near], lat[near])
        return inside

    def in_reach(self, lon: _Floats, lat: _Floats) -> _Mask:
        """Whether points lie on the terrain or, where there is none, within reach of the province."""
        if self.terrain is not None or self.communes is None:
            return self.in_terrain(lon, lat)
        province = shapely.union_all(self.communes)
        wide = shapely.buffer(shapely.simplify(province, 0.01), self.reach_km / KM_PER_DEGREE)
        shapely.prepare(wide)
        return np.asarray(shapely.intersects_xy(wide, lon, lat), dtype=bool)

    def in_terrain(self, lon: _Floats, lat: _Floats) -> _Mask:
        """Whether points lie on the terrain; all true where there is none."""
        if self.terrain is None:
            return np.ones(len(lon), dtype=bool)
        x, y = Transformer.from_crs(STORAGE_CRS, self.terrain.crs, always_xy=True).transform(lon, lat)
        inside: _Mask = np.isfinite(x) & np.isfinite(y)
        inside[inside] = self.terrain.contains(x[inside], y[inside])
        return inside


def read_area(workspace: Workspace) -> Area:
    """Read province and terrain grid of a workspace, as far as they have been imported."""
    terrain = workspace.raster_grid("terrain") if workspace.has_raster("terrain") else None
    units = current_communes(workspace)
    communes = None if units is None else units.geometry.to_numpy()
    return Area(communes, terrain, workspace.settings.model.radius_km)


def current_communes(workspace: Workspace) -> Any:
    """Read the communes with a polygon that have not ended; None without any."""
    if not workspace.has_layer("communes"):
        return None
    communes = workspace.read_layer("communes")
    communes = communes[communes.geometry.notna() & ~communes.geometry.is_empty]
    current = communes[communes["valid_to"].isna()]
    units = current if len(current) else communes
    return units.sort_values("code").reset_index(drop=True) if len(units) else None


def assign_communes(points: _Objects, communes: Any) -> _Objects:
    """Find the code of the commune that holds each point; None where none does."""
    codes = np.full(len(points), None, dtype=object)
    present = ~shapely.is_missing(points)
    # the points in the tree: polygons as input are prepared once each, which is some ten times as fast
    unit, which = shapely.STRtree(points[present]).query(communes.geometry.to_numpy(), predicate="intersects")
    order = np.lexsort((-unit, which))  # of several (a shared border) the lowest code is written last and stays
    codes[np.flatnonzero(present)[which[order]]] = communes["code"].to_numpy(dtype=object)[unit[order]]
    return codes
