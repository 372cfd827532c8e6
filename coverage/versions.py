"""Versions that an answer depends on: the engine's and those of the libraries that compute."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import rasterio
import shapely
from llvmlite import binding as llvm
from numba.core import codegen, config
from pyproj import proj_version_str

from phusong.coverage.propagation._compile import kernels_digest

_LIBRARIES = ("geopandas", "numba", "numpy", "pandas", "pyarrow", "pyproj", "rasterio", "shapely")


LAYOUT = 2  # of stored tiles and of the keys of stations; another number has every run computed anew


def code_version() -> dict[str, Any]:
    """The state of the program that the bytes of a run depend on: its kernels and `LAYOUT`."""
    return {"kernels": kernels_digest(), "layout": LAYOUT}


@cache
def engine_version() -> str:
    """Version of phusong itself."""
    return version("phusong")


@cache
def cpu_target() -> str:
    """The processor that kernels are compiled for: LLVM's name of it, and a hash of the instructions it has."""
    settings: Any = config
    compiler: Any = codegen
    name = settings.CPU_NAME or llvm.get_host_cpu_name()
    features = settings.CPU_FEATURES or compiler.get_host_cpu_features()
    return f"{name}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"


def library_versions() -> dict[str, str]:
    """The processor, and versions of Python, the computing libraries and the C libraries under them."""
    versions = {name: version(name) for name in _LIBRARIES}
    versions["cpu"] = cpu_target()
    versions["gdal"] = str(rasterio.__gdal_version__)
    versions["geos"] = shapely.geos_version_string
    versions["proj"] = str(proj_version_str)
    versions["python"] = platform.python_version()
    return versions


@cache
def field_versions() -> Mapping[str, str]:
    """What a path-loss field depends on of the machine: the versions of engine, kernels and compiler, the processor."""
    libraries = {name: version(name) for name in ("llvmlite", "numba", "numpy")}
    engine = {"phusong": engine_version(), "kernels": kernels_digest(), "cpu": cpu_target()}
    return MappingProxyType({**engine, **libraries})


def machine_versions() -> dict[str, str]:
    """All in which machines that compute one run must be equal."""
    return {**field_versions(), **library_versions()}
