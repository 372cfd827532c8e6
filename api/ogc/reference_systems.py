"""The reference systems in which features are given, by their OGC addresses, in the axis order of their authority."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from phusong.geodata.coordinate_faults import VIETNAM_CRS
from phusong.geodata.coordinates import from_lonlat, is_geographic, to_lonlat
from phusong.geodata.schemas import STORAGE_CRS

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
VN2000_GEOGRAPHIC = "EPSG:4756"
# a side of a box that is straight in its own CRS is a curve in degrees: its chords leave it by millimetres
CHORDS = 128
_DECIMALS = {True: 9, False: 4}  # a tenth of a millimetre, of degrees and of metres

Box = tuple[float, float, float, float]
Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]


def served_systems(workspace_crs: str) -> dict[str, str]:
    """The reference systems served, by address: CRS84, WGS 84, the workspace's, and all of VN-2000.

    Parameters
    ----------
    workspace_crs
        CRS of the analysis grid; one without an EPSG code has no address and is left out.
    """
    code = CRS.from_user_input(workspace_crs).to_epsg()
    own = () if code is None else (f"EPSG:{code}",)
    names = dict.fromkeys((STORAGE_CRS, *own, VN2000_GEOGRAPHIC, *VIETNAM_CRS))
    return {CRS84: STORAGE_CRS} | {EPSG + name.removeprefix("EPSG:"): name for name in names}


def is_north_first(uri: str, crs: str) -> bool:
    """Whether the authority of a reference system names northing or latitude first; CRS84 never does."""
    return uri != CRS84 and _is_north_first(crs)


def to_system(shapes: Shapes, uri: str, crs: str) -> Shapes:
    """Transform shapes from longitude and latitude; where a system does not reach, coordinates are not finite.

    Parameters
    ----------
    shapes
        Shapes, WGS 84 [deg]; None stays None.
    uri, crs
        Address and name of the reference system.
    """
    if uri == CRS84:
        return shapes
    decimals, swapped = _DECIMALS[is_geographic(crs)], is_north_first(uri, crs)

    def moved(points: Floats) -> Floats:
        if crs == STORAGE_CRS:
            x, y = points[:, 0], points[:, 1]
        else:
            x, y = (part.round(decimals) for part in from_lonlat(points[:, 0], points[:, 1], crs))
        return np.column_stack((y, x) if swapped else (x, y))

    found: Shapes = shapely.transform(shapes, moved)
    return found


def box_on_globe(box: Box, uri: str, crs: str) -> shapely.Geometry | None:
    """The shape of a box of a reference system in longitude and latitude; None where the system does not reach.

    Parameters
    ----------
    box
        Smallest and largest coordinates, in the axis order of the system.
    uri, crs
        Address and name of the reference system.
    """
    first_min, second_min, first_max, second_max = box
    west, south, east, north = (second_min, first_min, second_max, first_max) if is_north_first(uri, crs) else box
    if crs == STORAGE_CRS:
        return _box(west, south, east, north)
    corners = np.array([(west, south), (east, south), (east, north), (west, north), (west, south)])
    steps = np.linspace(0.0, 1.0, CHORDS, endpoint=False)[:, np.newaxis]
    ring = np.concatenate([start + steps * (end - start) for start, end in pairwise(corners)])
    lon, lat = to_lonlat(ring[:, 0], ring[:, 1], crs)
    if not np.isfinite(lon + lat).all():
        return None
    return shapely.Polygon(np.column_stack((lon, lat)))


def _box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    """A box, a line or a point."""
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    if (west, south) == (east, north):
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


@lru_cache(maxsize=64)
def _is_north_first(crs: str) -> bool:
    return CRS.from_user_input(crs).axis_info[0].direction == "north"
