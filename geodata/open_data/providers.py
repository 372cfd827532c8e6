"""Where the providers keep their files, and under which terms: addresses, names of tiles, licences, attributions.

Sources of every fact: `docs/how-to/fetch.md`. Nothing here was tried against the providers' servers.
"""

import math
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from urllib.parse import quote

from phusong.geodata.errors import InputError
from phusong.geodata.open_data.downloads import Resource
from phusong.geodata.sources import Source

Box = tuple[float, float, float, float]  # west, south, east, north [deg]
PopulationKind = Literal["constrained", "unconstrained"]

GLO30 = "https://copernicus-dem-30m.s3.amazonaws.com"
WORLDCOVER = "https://esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021"
WORLDPOP = "https://data.worldpop.org/GIS/Population"
GEOBOUNDARIES = "https://www.geoboundaries.org/api/current/gbOpen"
OVERPASS = "https://overpass-api.de/api/interpreter"

# Rough sizes for the estimate: 120 GB of WorldCover in 2,651 tiles are 45 MB each, more on land.
GLO30_BYTES, WORLDCOVER_BYTES, WORLDPOP_BYTES, BOUNDARY_BYTES, OVERPASS_BYTES = 40e6, 80e6, 120e6, 15e6, 5e6
# From this latitude on a tile of GLO-30 has the longitude spacing of 1″ times the factor (its readme).
GLO30_SPACINGS = ((85.0, 10.0), (80.0, 5.0), (70.0, 3.0), (60.0, 2.0), (50.0, 1.5), (0.0, 1.0))

CC_BY = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")

GLO30_SOURCE = Source(
    "Copernicus DEM GLO-30 Public",
    "Copernicus DEM licence (GLO-30 Public: free of charge, for the general public)",
    "https://spacedata.copernicus.eu/collections/copernicus-digital-elevation-model",
    "produced using Copernicus WorldDEM-30 © DLR e.V. 2010-2014 and © Airbus Defence and Space GmbH 2014-2018 provided "
    "under COPERNICUS by the European Union and ESA; all rights reserved. Cropped and resampled",
    share_alike=False,
    edition="2021 release, surface model (dsm), heights above EGM2008",
)
WORLDCOVER_SOURCE = Source(
    "ESA WorldCover 10 m 2021 v200",
    *CC_BY,
    "© ESA WorldCover project / Contains modified Copernicus Sentinel data (2021) processed by ESA WorldCover "
    "consortium. Resampled",
    share_alike=False,
    edition="2021 v200",
)
WORLDPOP_SOURCE = Source(
    "WorldPop population counts, 100 m",
    *CC_BY,
    "WorldPop (www.worldpop.org), University of Southampton. Cropped",
    share_alike=False,
    edition="",
)
OSM_SOURCE = Source(
    "OpenStreetMap, by the Overpass API",
    "ODbL 1.0",
    "https://opendatacommons.org/licenses/odbl/1-0/",
    "© OpenStreetMap contributors (www.openstreetmap.org/copyright)",
    share_alike=True,
    edition="",
)


@dataclass(frozen=True)
class Lattice:
    """Cells of a tiled product: west and north edge of the world's first cell, and the steps [deg]."""

    west: float
    north: float
    step_lon: float
    step_lat: float


def glo30_index() -> Resource:
    """The list of the tiles of GLO-30 that there are; where none is, is sea at height 0 (readme of the bucket)."""
    return Resource(f"{GLO30}/tileList.txt", "text", 1.2e6)


def glo30_names(box: Box) -> list[str]:
    """Names of the 1° tiles that hold a cell of a box; a tile has cells centred on its west and north degree lines."""
    half, half_lon = 0.5 / 3600, glo30_lattice(box).step_lon / 2
    lons = range(math.floor(box[0] + half_lon), math.ceil(box[2] + half_lon))
    lats = range(math.floor(box[1] - half), math.ceil(box[3] - half))
    return [f"Copernicus_DSM_COG_10_{_lat(lat)}_00_{_lon(lon)}_00_DEM" for lat in lats for lon in lons]


def glo30_tile(name: str) -> Resource:
    """A tile of GLO-30: a folder and in it a file of one name."""
    return Resource(f"{GLO30}/{name}/{name}.tif", "tiff", GLO30_BYTES)


def glo30_lattice(box: Box) -> Lattice:
    """Cells of GLO-30 in a box: centred on whole degrees, 1″ high, and wider towards the poles.

    Raises
    ------
    InputError
        The box holds tiles of different widths.
    """
    factors = {_glo30_factor(lat) for lat in range(math.floor(box[1]), math.ceil(box[3]))}
    if len(factors) > 1:
        raise InputError(
            f"From {box[1]:.2f}° to {box[3]:.2f}° of latitude GLO-30 has tiles of different widths; take a part.",
            vi=f"Vùng từ vĩ độ {box[1]:.2f}° đến {box[3]:.2f}° có các mảnh GLO-30 khác độ rộng; hãy chia nhỏ vùng.",
        )
    step = 1 / 3600
    wide = factors.pop() * step
    return Lattice(-180 - wide / 2, 90 + step / 2, wide, step)


def worldcover_index() -> Resource:
    """The grid file of WorldCover: a polygon and a name (`ll_tile`) for every 3° tile that there is."""
    return Resource(f"{WORLDCOVER}/esa_worldcover_grid.geojson", "json", 1e6)


def worldcover_names(box: Box) -> list[str]:
    """Names of the 3° tiles that hold a part of a box, by their south-west corner."""
    lons = range(math.floor(box[0] / 3) * 3, math.ceil(box[2]), 3)
    lats = range(math.floor(box[1] / 3) * 3, math.ceil(box[3]), 3)
    return [f"{_lat(lat)}{_lon(lon)}" for lat in lats for lon in lons]


def worldcover_tile(name: str) -> Resource:
    """The map of a tile of WorldCover."""
    return Resource(f"{WORLDCOVER}/map/ESA_WorldCover_10m_2021_v200_{name}_Map.tif", "tiff", WORLDCOVER_BYTES)


WORLDCOVER_LATTICE = Lattice(-180, 90, 1 / 12000, 1 / 12000)


def worldpop(country: str, on: date, kind: PopulationKind) -> tuple[Resource, Source]:
    """The population raster of a country nearest in time, and its source.

    Constrained to settled land: Global2 R2025A, 2015 to 2030. Unconstrained: the series 2000 to 2020.
    """
    lower = country.lower()
    if kind == "constrained":
        year = min(max(on.year, 2015), 2030)
        file = f"{lower}_pop_{year}_CN_100m_R2025A_v1.tif"
        path = f"Global_2015_2030/R2025A/{year}/{country}/v1/100m/constrained/{file}"
        edition = f"{year}, constrained, Global2 R2025A v1 (alpha), doi:10.5258/SOTON/WP00839"
    else:
        year = min(max(on.year, 2000), 2020)
        path = f"Global_2000_2020/{year}/{country}/{lower}_ppp_{year}.tif"
        edition = f"{year}, unconstrained, Global 2000-2020, doi:10.5258/SOTON/WP00645"
    return Resource(f"{WORLDPOP}/{path}", "tiff", WORLDPOP_BYTES), replace(WORLDPOP_SOURCE, edition=edition)


def boundary_levels(country: str) -> Resource:
    """What geoBoundaries has of a country: a record per administrative level, with the address of its file."""
    return Resource(f"{GEOBOUNDARIES}/{country}/ALL/", "json", 1e4)


def overpass(box: Box, wide: Box) -> Resource:
    """Named places and public points in a box, masts in a wider one, from OpenStreetMap by one bounded query."""
    small, large = (",".join(f"{edge:.5f}" for edge in (b[1], b[0], b[3], b[2])) for b in (box, wide))
    parts = (
        f'node["place"~"^({"|".join(PLACES)})$"]["name"]({small});',
        f'nwr["amenity"~"^({"|".join(AMENITIES)})$"]["name"]({small});',
        f'nwr["man_made"~"^({"|".join(MASTS)})$"]["tower:type"="communication"]({large});',
        f'nwr["man_made"="communications_tower"]({large});',
        f'nwr["communication:mobile_phone"]({large});',
    )
    query = f"[out:json][timeout:180][maxsize:536870912];({''.join(parts)});out center;"
    return Resource(f"{OVERPASS}?data={quote(query, safe='')}", "overpass", OVERPASS_BYTES)


PLACES = (
    "city", "town", "village", "hamlet", "isolated_dwelling", "suburb", "quarter", "neighbourhood", "borough",
)  # fmt: skip
AMENITIES = ("townhall", "community_centre", "post_office", "school", "hospital", "clinic", "police")
MASTS = ("mast", "tower", "antenna")


def _glo30_factor(lat: int) -> float:
    nearest = lat if lat >= 0 else -lat - 1  # the edge of the tile that is nearer to the equator
    return next(factor for limit, factor in GLO30_SPACINGS if nearest >= limit)


def _lat(degrees: int) -> str:
    return f"{'N' if degrees >= 0 else 'S'}{abs(degrees):02d}"


def _lon(degrees: int) -> str:
    return f"{'E' if degrees >= 0 else 'W'}{abs(degrees):03d}"
