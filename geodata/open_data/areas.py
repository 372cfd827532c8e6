"""The area of a fetch: its polygon, and the box of longitudes and latitudes that its terrain is cut from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Grid
from phusong.geodata.open_data.providers import Box
from phusong.geodata.readers import VECTOR_SUFFIXES, read_table
from phusong.geodata.schemas import STORAGE_CRS
from phusong.geodata.terrain import inner_bounds

SPARE_M = 100.0  # some cells of the coarsest source
ROUNDS = 4


@dataclass(frozen=True)
class Extent:
    """What is fetched: `area` in EPSG:4326, `near` its box with the margin, `box` what to cut out for that [deg].

    `bounds_m` is the margin's rectangle in the CRS of the workspace [m].
    """

    area: shapely.Geometry
    near: Box
    box: Box
    bounds_m: Box

    def cells(self, resolution_m: float) -> float:
        """Number of analysis cells."""
        west, south, east, north = self.bounds_m
        return (east - west) * (north - south) / resolution_m**2


def read_polygon(path: Path) -> shapely.Geometry:
    """Read the area from a vector file: all its polygons together, in EPSG:4326.

    Raises
    ------
    InputError
        The file cannot be read, has no polygon or no CRS, or lies outside the Earth.
    """
    if path.suffix.lower() not in VECTOR_SUFFIXES:
        raise InputError(
            f"{path.name} is no vector file; give polygons as {', '.join(VECTOR_SUFFIXES)}.",
            vi=f"{path.name} không phải tệp vectơ; hãy dùng đa giác dạng {', '.join(VECTOR_SUFFIXES)}.",
        )
    table = read_table(path)
    shapes = (
        [] if table.geometry is None else [shape for shape in shapely.force_2d(table.geometry) if shape is not None]
    )
    polygons = [shape for shape in shapely.make_valid(shapes) if shape.area > 0]
    if not polygons or table.crs is None:
        lack, lack_vi = ("polygon", "đa giác") if not polygons else ("CRS", "hệ tọa độ")
        raise InputError(f"{path.name} has no {lack}.", vi=f"{path.name} không có {lack_vi}.")
    transformer = Transformer.from_crs(table.crs, STORAGE_CRS, always_xy=True)
    area = shapely.transform(
        shapely.union_all(polygons), lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    )
    west, south, east, north = area.bounds
    if not (-180 <= west < east <= 180 and -90 < south < north < 90):
        listed = ", ".join(f"{edge:g}" for edge in area.bounds)
        raise InputError(
            f"{path.name} does not lie on the Earth (west, south, east, north {listed} degrees); check its CRS.",
            vi=f"{path.name} không nằm trên Trái Đất (tây, nam, đông, bắc {listed} độ); hãy kiểm tra hệ tọa độ.",
        )
    return area


def utm_crs(area: shapely.Geometry) -> str:
    """The UTM zone of WGS 84 that holds the middle of an area."""
    middle = shapely.centroid(area)
    lon, lat = float(shapely.get_x(middle)), float(shapely.get_y(middle))
    found = query_utm_crs_info(datum_name="WGS 84", area_of_interest=AreaOfInterest(lon, lat, lon, lat))
    if not found:
        raise InputError(
            f"There is no UTM zone at latitude {lat:.1f}°; give --crs.",
            vi=f"Không có múi UTM ở vĩ độ {lat:.1f}°; hãy nêu --crs.",
        )
    return f"EPSG:{found[0].code}"


def extent_of(area: shapely.Geometry, *, crs: str, margin_m: float) -> Extent:
    """The box whose largest upright rectangle in a CRS holds an area and a margin around it.

    Parameters
    ----------
    area
        In EPSG:4326.
    crs
        CRS of the analysis grid, in metres.
    margin_m
        How far around the area paths are computed [m].

    Raises
    ------
    InputError
        The area is too large for the CRS, or reaches over the 180° meridian.
    """
    to_crs = Transformer.from_crs(STORAGE_CRS, crs, always_xy=True)
    west, south, east, north = to_crs.transform_bounds(*shapely.bounds(area))
    if not np.isfinite([west, south, east, north]).all():
        raise _too_wide(crs)
    wanted = (west - margin_m, south - margin_m, east + margin_m, north + margin_m)
    tried = (wanted[0] - SPARE_M, wanted[1] - SPARE_M, wanted[2] + SPARE_M, wanted[3] + SPARE_M)
    near = _degrees(wanted, crs)
    for _ in range(ROUNDS):
        box = _degrees(tried, crs)
        inner = inner_bounds(_grid_of(box), crs)
        lack = [
            max(inner[0] - wanted[0], 0),
            max(inner[1] - wanted[1], 0),
            max(wanted[2] - inner[2], 0),
            max(wanted[3] - inner[3], 0),
        ]
        if not any(lack):
            return Extent(area, near, box, wanted)
        tried = (
            tried[0] - lack[0] - SPARE_M,
            tried[1] - lack[1] - SPARE_M,
            tried[2] + lack[2] + SPARE_M,
            tried[3] + lack[3] + SPARE_M,
        )
    raise _too_wide(crs)


def _degrees(bounds: Box, crs: str) -> Box:
    west, south, east, north = Transformer.from_crs(crs, STORAGE_CRS, always_xy=True).transform_bounds(
        *bounds, densify_pts=101
    )
    if not (np.isfinite([west, south, east, north]).all() and west < east):
        raise _too_wide(crs)
    return west, south, east, north


def _grid_of(box: Box) -> Grid:
    west, south, east, north = box
    return Grid(STORAGE_CRS, Affine(east - west, 0, west, 0, south - north, north), (1, 1))


def _too_wide(crs: str) -> InputError:
    return InputError(
        f"The area does not fit {crs}: it is too large or crosses the 180° meridian; take a part, or another --crs.",
        vi=f"Vùng không vừa với {crs}: quá rộng hoặc vắt qua kinh tuyến 180°. Hãy chọn vùng nhỏ hơn hoặc --crs khác.",
    )
