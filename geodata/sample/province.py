"""The sample province (tỉnh Mẫu) written to a folder, as files that the ordinary import reads.

Everything is fictional and drawn from a seed: same seed, same province, at any resolution. The generator
holds no result: which settlements are uncovered follows from terrain and sites when coverage is computed.
"""

from importlib.resources import files
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from phusong.geodata.errors import InputError
from phusong.geodata.grid import Raster
from phusong.geodata.raster_files import write_raster
from phusong.geodata.sample.cover import make_cover
from phusong.geodata.sample.drives import make_measurements
from phusong.geodata.sample.facts import make_aliases, make_observations, make_places, make_village_list
from phusong.geodata.sample.land import make_land
from phusong.geodata.sample.network import make_fibre, make_masts, make_stations
from phusong.geodata.sample.people import make_people
from phusong.geodata.sample.relief import CRS, Relief, sample_grid
from phusong.geodata.sample.units import commune_polygons, make_units

FLAT_LAND_M = 5.0
_SETTLEMENT_COLUMNS = [
    "settlement_id", "name", "kind", "commune_code", "population", "households", "has_grid_power",
    "area_type",
]  # fmt: skip


def write_sample(folder: Path | str, *, seed: int = 1, resolution_m: float = 30.0, flat: bool = False) -> Path:
    """Write the layers of the sample province and the recipe that imports them.

    Parameters
    ----------
    folder
        Receives terrain.tif, clutter.tif, population.tif, communes.gpkg, crosswalk.csv, settlements.geojson,
        stations.csv, fibre.csv, places.csv, observations.csv, aliases.csv, measurements.csv and recipe.toml, and
        villages.csv, a list of settlements as an office sends it, for `phusong match` and `phusong reconcile`;
        older ones are replaced.
    seed
        Any whole number from 0: another seed, another province.
    resolution_m
        Cell of terrain and land cover [m], 10 to 500; all else is the same at every resolution.
    flat
        Write land of 5 m everywhere instead of the relief; people, masts and all else stay where they are.

    Returns
    -------
    Path
        The recipe, for `import_recipe` on a workspace in EPSG:32648.

    Raises
    ------
    InputError
        Seed or resolution out of range.
    """
    if seed < 0 or not 10.0 <= resolution_m <= 500.0:
        raise InputError(
            f"seed must be at least 0 and resolution_m within [10, 500], got {seed} and {resolution_m:g}",
            vi=f"seed phải từ 0 và resolution_m trong [10, 500], nhận được {seed} và {resolution_m:g}",
        )
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    land = make_land(seed)
    units = make_units(land, np.sqrt(land.suitability) + 0.12)
    people = make_people(land, units)
    _write_rasters(target, seed, resolution_m, flat, people.population)
    communes = commune_polygons(land, units)
    (target / "communes.gpkg").unlink(missing_ok=True)
    communes.to_file(target / "communes.gpkg", layer="communes", driver="GPKG")
    _write_csv(target / "crosswalk.csv", units.crosswalk())
    _write_settlements(target / "settlements.geojson", people.settlements)
    masts = make_masts(land, people)
    fibre = make_fibre(land, people)
    stations = make_stations(land, masts)
    _write_csv(target / "stations.csv", _with_lon_lat(stations))
    _write_csv(target / "fibre.csv", _with_lon_lat(fibre))
    _write_csv(target / "places.csv", _with_lon_lat(make_places(land, units, people, fibre)))
    observations, aliases = make_observations(seed, people, masts), make_aliases(seed, people)
    _write_csv(target / "observations.csv", observations)
    _write_csv(target / "aliases.csv", aliases)
    _write_csv(target / "villages.csv", make_village_list(observations, aliases, people, units))
    _write_csv(target / "measurements.csv", _with_lon_lat(make_measurements(seed, people, stations)))
    recipe = target / "recipe.toml"
    recipe.write_bytes(files("phusong.geodata").joinpath("data/sample_recipe.toml").read_bytes())
    return recipe


def _write_rasters(folder: Path, seed: int, resolution_m: float, flat: bool, population: Raster) -> None:
    """Terrain and land cover at the resolution, population at 100 m."""
    grid, relief = sample_grid(resolution_m), Relief(seed)
    xs, ys = grid.centres()
    # Row blocks keep memory low; every value depends on its position alone.
    blocks = np.array_split(ys, max(len(ys) // 128, 1))
    elevation_m = np.concatenate([relief.elevation_amsl_m(xs[None, :], part[:, None]) for part in blocks])
    cover = make_cover(relief, grid, elevation_m, population)
    if flat:
        elevation_m = np.where(elevation_m > 0.0, FLAT_LAND_M, 0.0)
    tags = {"SOURCE": f"tỉnh Mẫu: fictional sample province, seed {seed}"}
    terrain = Raster(elevation_m.astype(np.float32), grid, None, "m")
    write_raster(folder / "terrain.tif", terrain, tags=tags | {"TERRAIN_KIND": "dtm"})
    write_raster(folder / "clutter.tif", cover, tags=tags)
    write_raster(folder / "population.tif", population, tags=tags)


def _with_lon_lat(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with x and y replaced by lon and lat to a decimetre (six places)."""
    points = gpd.GeoSeries.from_xy(frame["x"], frame["y"], crs=CRS).to_crs("EPSG:4326")
    place = list(frame.columns).index("x")
    table = frame.drop(columns=["x", "y"])
    table.insert(place, "lon", points.x.round(6).to_numpy())
    table.insert(place + 1, "lat", points.y.round(6).to_numpy())
    return table


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def _write_settlements(path: Path, settlements: pd.DataFrame) -> None:
    located = _with_lon_lat(settlements)
    points = gpd.points_from_xy(located["lon"], located["lat"], crs="EPSG:4326")
    frame = gpd.GeoDataFrame(located[_SETTLEMENT_COLUMNS], geometry=points)
    path.write_text(frame.to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")
