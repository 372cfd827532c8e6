"""Versions that an answer depends on: the engine's and those of the libraries that compute."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType

import rasterio
import shapely
from pyproj import proj_version_str

from phusong.coverage.propagation._compile import kernels_digest

_LIBRARIES = ("geopandas", "numba", "numpy", "pandas", "pyarrow", "pyproj", "rasterio", "shapely")


@cache
def engine_version() -> str:
    """Version of phusong itself."""
    return version("phusong")


def library_versions() -> dict[str, str]:
    """Versions of Python, the computing libraries and the C libraries under them."""
    versions = {name: version(name) for name in _LIBRARIES}
    versions["gdal"] = str(rasterio.__gdal_version__)
    versions["geos"] = shapely.geos_version_string
    versions["proj"] = str(proj_version_str)
    versions["python"] = platform.python_version()
    return versions


@cache
def field_versions() -> Mapping[str, str]:
    """Versions that a path-loss field depends on: the engine's, its kernels' and the compiler's."""
    libraries = {name: version(name) for name in ("llvmlite", "numba", "numpy")}
    return MappingProxyType({"phusong": engine_version(), "kernels": kernels_digest(), **libraries})
