"""What the answers of a workspace stand on whatever its stations: terrain, zones, wanted pixels, units, residents.

Each part is a pure function of the files and settings it is made from, kept in the cache under their hash.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from phusong.coverage.cache import Arrays, Cache, content_key
from phusong.coverage.people import Residents, index_residents
from phusong.coverage.tiles import Box
from phusong.coverage.units import (
    Burn,
    IntArray,
    Unite,
    UnitIndex,
    burn_units,
    describe_grid,
    polygons_key,
    unite_polygons,
)
from phusong.geodata.errors import InputError, StoreError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.population import Allocation, allocate_population
from phusong.geodata.rasters import clutter_height, zone_codes
from phusong.geodata.settings import Settings
from phusong.geodata.workspace import Workspace

SEA = 1
BLOCK_PX = 256  # side of the squares by which the ground is hashed
HASH_BYTES = 16

Digests = npt.NDArray[np.uint8]  # [block row, block column, HASH_BYTES]


class GroundPart(NamedTuple):
    """The ground of a part of the analysis grid."""

    terrain: Raster
    clutter: Raster
    zone: Raster
    wanted: Raster
    clutter_height_m: dict[str, float]

    @property
    def clutter_m(self) -> Raster:
        """Representative height of the land cover [m], looked up anew.

        Raises
        ------
        InputError
            A land-cover code has no height.
        """
        return clutter_height(self.clutter, self.clutter_height_m)


class GroundSource(Protocol):
    """Whatever gives the ground part by part."""

    def part(self, box: Box) -> GroundPart:
        """The ground of a box."""

    def hash_window(self, rows: slice, cols: slice) -> str:
        """Hash of the squares of `BLOCK_PX` that a window touches."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Rasters on the analysis grid, and the hash of every square of them.

    Attributes
    ----------
    terrain, clutter, zone, wanted
        Height [m amsl], land-cover code, radio-climatic zone, and whether an answer is asked for (in the province and
        not at sea).
    digests
        Hash of every square of `BLOCK_PX`, of the ground and of what is wanted of it.
    key
        Hash of all that paths cross.
    """

    terrain: Raster
    clutter: Raster
    zone: Raster
    wanted: Raster
    clutter_height_m: dict[str, float]
    digests: tuple[Digests, Digests]
    key: str

    def part(self, box: Box) -> GroundPart:
        """The ground of a box, which shares the memory of the whole."""
        grid = self.terrain.grid.window(box.top, box.left, (box.bottom - box.top, box.right - box.left))
        terrain, clutter, zone, wanted = (
            Raster(raster.values[box.slices], grid) for raster in (self.terrain, self.clutter, self.zone, self.wanted)
        )
        return GroundPart(terrain, clutter, zone, wanted, self.clutter_height_m)

    def hash_window(self, rows: slice, cols: slice) -> str:
        """Hash of the squares that a window touches."""
        return hash_squares(self.clutter_height_m, self.digests, rows, cols)


def hash_squares(clutter_height_m: dict[str, float], digests: tuple[Digests, Digests], rows: slice, cols: slice) -> str:
    """Hash of the ground in the squares that a window touches, from the hash of every square."""
    blocks = np.s_[
        rows.start // BLOCK_PX : -(-rows.stop // BLOCK_PX), cols.start // BLOCK_PX : -(-cols.stop // BLOCK_PX)
    ]
    return content_key(clutter_height_m, *(part[blocks] for part in digests))


def burn_cached(cache: Cache) -> Burn:
    """`units.burn_units` with its answers kept in a cache."""

    def burn(units: gpd.GeoDataFrame, grid: Grid) -> IntArray:
        return cache.fetch_arrays(polygons_key(units, grid), lambda: {"row": burn_units(units, grid)})["row"]

    return burn


def unite_cached(cache: Cache) -> Unite:
    """`units.unite_polygons` with its answers kept in a cache, as WKB."""

    def unite(polygons: gpd.GeoSeries, parent: IntArray, n_unit: int) -> list[BaseGeometry]:
        def shapes() -> Arrays:
            found = [shapely.to_wkb(shape) for shape in unite_polygons(polygons, parent, n_unit)]
            ends = np.cumsum([0, *map(len, found)], dtype=np.int64)
            return {"wkb": np.frombuffer(b"".join(found), np.uint8), "ends": ends}

        content = hashlib.sha256(b"".join(polygons.to_wkb())).hexdigest()
        kept = cache.fetch_arrays(content_key({"stage": "unite", "shapes": content, "units": n_unit}, parent), shapes)
        ends = kept["ends"].tolist()
        return [shapely.from_wkb(kept["wkb"][begin:end].tobytes()) for begin, end in pairwise(ends)]

    return unite


def read_ground(workspace: Workspace, cache: Cache, units: UnitIndex, hashes: dict[str, str]) -> Ground:
    """Read the rasters, or take them and what follows from them from the cache.

    Parameters
    ----------
    units
        The units on the grid of the terrain.
    hashes
        sha256 of the raster files by name.

    Raises
    ------
    InputError
        Land cover on another grid than the terrain.
    """
    settings = workspace.settings
    kind = workspace.terrain_kind
    grid = units.grid
    if workspace.raster_grid("clutter") != grid:
        raise InputError(
            "rasters/clutter.tif lies on another grid than rasters/terrain.tif; import the clutter again",
            vi="rasters/clutter.tif khác lưới với rasters/terrain.tif; hãy nhập lại lớp phủ",
        )

    def rasters() -> Arrays:
        terrain, clutter = (workspace.read_raster(name).values for name in ("terrain", "clutter"))
        return {"terrain": terrain, "clutter": clutter, "digests": hash_by_squares(terrain, clutter)}

    read = cache.fetch_arrays(content_key({name: hashes[name] for name in ("terrain", "clutter")}), rasters)
    terrain = Raster(read["terrain"], grid, unit="m")
    level_m = settings.sea.max_elevation_m

    def zones() -> Arrays:
        inside = units.in_province()
        zone = zone_codes(terrain, inside, sea_max_elevation_m=level_m).values
        wanted = inside & (zone != SEA)
        return {"zone": zone, "wanted": wanted, "digests": hash_by_squares(zone, wanted)}

    follows = {"terrain": hashes["terrain"], "sea": level_m, "communes": units.base_keys["commune"]}
    asked = cache.fetch_arrays(content_key(follows), zones)
    table = settings.clutter_height_m if kind == "dtm" else settings.clutter_height_on_dsm_m
    return Ground(
        terrain=terrain,
        clutter=Raster(read["clutter"], grid),
        zone=Raster(asked["zone"], grid),
        wanted=Raster(asked["wanted"], grid),
        clutter_height_m=dict(table),
        digests=(read["digests"], asked["digests"]),
        key=content_key({**table, **describe_grid(grid)}, read["digests"], asked["digests"]),
    )


@dataclass(frozen=True, eq=False)
class Population:
    """The residents of the province and how they got to their pixels.

    `moved` counts the population cells whose people went to the nearest land pixel, and those people; `people` is the
    sum over the grid; `key` the hash of all of it.
    """

    residents: Residents
    people: float
    moved: tuple[int, int]
    key: str


def read_population(
    workspace: Workspace, cache: Cache, ground: Ground, units: UnitIndex, hashes: dict[str, str]
) -> Population:
    """Put the people of the source on the grid and group them, or take the answer from the cache.

    Parameters
    ----------
    hashes
        sha256 of the raster files by name.
    """
    settings = workspace.settings
    levels = {name: [level.base, list(level.codes), level.parent.tolist()] for name, level in units.levels.items()}
    described = {
        "stage": "residents by plot and residential cell", "population": hashes["population"],
        "clutter": hashes["clutter"], "weights": settings.population_weight, "levels": levels,
        "min_people": settings.residential_cell_min_people, "units": units.base_keys,
    }  # fmt: skip
    key = content_key(described, ground.digests[1])

    def count() -> Arrays:
        source = workspace.read_raster("population", near=ground.zone.grid)
        allocation = allocate_people(source, ground, settings)
        residents = index_residents(
            allocation.people, allocation.cell, units=units, min_people=settings.residential_cell_min_people
        )
        moved = (len(allocation.moved), round(sum(people for _, people in allocation.moved)))
        total = np.array([float(allocation.people.sum()), *moved])
        return {**residents.to_arrays(), "total": total}

    return _population(cache.fetch_arrays(key, count), key)


def kept_population(cache: Cache, key: str) -> Population:
    """The population that `read_population` has put into the cache.

    Raises
    ------
    StoreError
        It is not there.
    """

    def missing() -> Arrays:
        raise StoreError(
            f"the residents {key[:16]} are not in the cache; run the computation again",
            vi=f"không có dữ liệu dân cư {key[:16]} trong bộ đệm; hãy chạy lại phép tính",
        )

    return _population(cache.fetch_arrays(key, missing), key)


def _population(arrays: Arrays, key: str) -> Population:
    people, *moved = arrays["total"].tolist()
    return Population(Residents.from_arrays(arrays), people, (int(moved[0]), int(moved[1])), key)


def allocate_people(source: Raster, ground: Ground, settings: Settings) -> Allocation:
    """Put the people of the source on the grid: on land, by the weight of the land cover."""
    table = np.zeros(256)
    for code, weight in settings.population_weight.items():
        table[int(code)] = weight
    land: npt.NDArray[np.bool_] = ground.zone.values != SEA
    return allocate_population(source, ground.zone.grid, land, table[ground.clutter.values])


def hash_by_squares(*rasters: npt.NDArray[Any]) -> Digests:
    """Hash of every square of `BLOCK_PX` of some rasters of one shape."""
    ny, nx = (-(-size // BLOCK_PX) for size in rasters[0].shape)
    found = np.empty((ny, nx, HASH_BYTES), np.uint8)
    for row, col in np.ndindex(ny, nx):
        square = np.s_[row * BLOCK_PX : (row + 1) * BLOCK_PX, col * BLOCK_PX : (col + 1) * BLOCK_PX]
        digest = hashlib.blake2b(digest_size=HASH_BYTES)
        for raster in rasters:
            digest.update(np.ascontiguousarray(raster[square]).data)
        found[row, col] = np.frombuffer(digest.digest(), np.uint8)
    return found
