"""Borders as a page draws them: the mismatched edges of neighbours made one, then simplified together."""

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

# What a drawn border may be off at most [m], at its vertices; narrower gaps between neighbours are closed.
MOST_DISPLACED_M = 30.0
_GAP_WIDTH_M = 10.0
_FIRST_TOLERANCE_M = 25.0
_TOLERANCE_STEP = 0.8


def simplify_borders(units: gpd.GeoDataFrame, crs: str) -> gpd.GeoDataFrame:
    """Simplify polygons as one coverage, so that neighbours share every edge and no gap opens.

    Parameters
    ----------
    units
        Polygons of neighbouring units in any CRS; those without a shape are left out.
    crs
        A projected CRS in metres, in which they are simplified.

    Returns
    -------
    The units in EPSG:4326, their borders at most `MOST_DISPLACED_M` off.
    """
    drawn = units[units.geometry.notna() & ~units.geometry.is_empty].to_crs(crs)
    given = drawn.geometry.to_numpy()
    clean = shapely.coverage_clean(given, gap_width=_GAP_WIDTH_M)  # type: ignore[attr-defined]  # not in the stubs yet
    tolerance_m = _FIRST_TOLERANCE_M
    simple = shapely.coverage_simplify(clean, tolerance_m)
    while displacement_m(given, simple) > MOST_DISPLACED_M and tolerance_m > 1.0:
        tolerance_m *= _TOLERANCE_STEP
        simple = shapely.coverage_simplify(clean, tolerance_m)
    return drawn.set_geometry(simple, crs=drawn.crs).to_crs("EPSG:4326")


def displacement_m(given: npt.NDArray[np.object_], drawn: npt.NDArray[np.object_]) -> float:
    """The farthest that a border moved: the Hausdorff distance of the boundaries, taken at their vertices [m]."""
    if not len(given):
        return 0.0
    return float(np.max(shapely.hausdorff_distance(shapely.boundary(given), shapely.boundary(drawn))))
