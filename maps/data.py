"""What the province page shows, as plain frames and arrays, and how a run's results become that."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from phusong.coverage.results import Results
from phusong.coverage.service import ANY, technology_groups
from phusong.coverage.uncovered import Uncovered, explain_uncovered
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.grid import Raster
from phusong.geodata.settings import Settings, ThresholdProfile
from phusong.geodata.workspace import Workspace

Audience = Literal["public", "internal"]

FORMER_LEVELS = ("district", "old_commune")
BOTH_3G_4G = "3G+4G"
# How far about a commune its page shows masts and fibre, as a share of its extent
_ABOUT_SHARE = 0.15


@dataclass(frozen=True)
class Source:
    """One input of a run: layer or raster name, sha256 of its content, rows (None for rasters), day of its import."""

    name: str
    sha256: str
    rows: int | None
    imported_on: date | None = None


@dataclass(frozen=True)
class RunInfo:
    """Which computation the page shows, and on what it rests.

    `profile` is the name of the threshold profile, `profile_source` where its limits come from;
    `counts_as_signal` the technologies that make a settlement served; `warnings` pairs of one sentence in
    English ("en") and in Vietnamese ("vi"). `notices` name the open data in it, as `sources.notices` does.
    """

    run_id: str
    as_of: date
    profile: str
    profile_source: str
    location_pct: float
    counts_as_signal: tuple[str, ...]
    terrain_kind: str
    boundary_date: date | None
    sources: tuple[Source, ...]
    warnings: tuple[dict[str, str], ...] = ()
    notices: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class PageData:
    """Everything the province page shows.

    Parameters
    ----------
    name
        Name of the area.
    run
        The run and its conditions.
    terrain
        Height above mean sea level [m], in a projected CRS; NaN or `nodata` where unknown.
    classes
        Service class (0 none, 1 weak, 2 good, 255 not asked) by technology or union ("3G+4G", "any"), in the
        order in which the page offers them.
    communes
        Columns code, name, geometry, in EPSG:4326.
    figures
        Rows of the `figures` table: level "province" and "commune", operator "any", the default profile.
    settlements
        The settlement table of the run; lon and lat are missing where the position is not known.
    stations
        station_id, mast_id, operator, technology, band_mhz, height_agl_m, lon, lat; None leaves masts out.
    fibre_endpoints
        endpoint_id, operator, reach_km, lon, lat; None when there is no such layer.
    places
        place_id, kind, name, lon, lat and class_<technology>; None when there is no such layer.
    sea_max_elevation_m
        Terrain at or below this and outside every commune is drawn as sea; None draws no sea.
    audience
        For whom the page is: only "internal" shows masts, stations, levels, margins, distances and fibre endpoints.
    former_units
        Former districts and communes that have polygons, by level, with the columns of `communes`.
    uncovered
        Why settlements are not covered, by id.
    unit
        Code of the commune that the page is about; "" where it is about the province.
    """

    name: str
    run: RunInfo
    terrain: Raster
    classes: dict[str, Raster]
    communes: gpd.GeoDataFrame
    figures: pd.DataFrame
    settlements: pd.DataFrame
    stations: pd.DataFrame | None
    fibre_endpoints: pd.DataFrame | None
    places: pd.DataFrame | None
    sea_max_elevation_m: float | None
    audience: Audience = "public"
    former_units: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)
    uncovered: Mapping[str, Uncovered] = field(default_factory=dict)
    unit: str = ""


def page_data(results: Results, workspace: Workspace, *, audience: Audience = "public") -> PageData:
    """What the province page shows of a run: default profile, any operator.

    Parameters
    ----------
    results
        The run.
    workspace
        Where the run was published: its terrain and fibre endpoints are drawn.
    audience
        For whom the page is.
    """
    settings = Settings.model_validate(results.manifest["settings"])
    profile = settings.profile()
    figures = results.figures
    chosen = figures["level"].isin(["province", "commune", *FORMER_LEVELS]) & (figures["operator"] == ANY)
    return PageData(
        name=settings.name,
        run=run_info(results, workspace, profile),
        terrain=workspace.read_raster("terrain"),
        classes={name: results.service_class(name) for name in offered_technologies(profile)},
        communes=results.units("commune")[["code", "name", "geometry"]],
        figures=figures[chosen & (figures["profile"] == profile.name)],
        settlements=published_settlements(results.settlements),
        stations=_with_lon_lat(results.stations),
        fibre_endpoints=_optional_points(workspace, "fibre_endpoints"),
        places=results.places if len(results.places) else None,
        sea_max_elevation_m=settings.sea.max_elevation_m,
        audience=audience,
        former_units=_former_units(results),
        uncovered=explain_uncovered(workspace, results),
    )


def commune_page_data(data: PageData, code: str) -> PageData:
    """What the page of a province shows of one commune: its figures, and everything that lies in it.

    Parameters
    ----------
    data
        The province.
    code
        Code of the commune.

    Raises
    ------
    UnknownNameError
        There is no such commune.
    """
    commune = data.communes[data.communes["code"].astype(str) == code]
    if commune.empty or commune.geometry.isna().all():
        raise UnknownNameError(
            f"There is no commune {code!r} with a polygon; `phusong coverage --level commune` lists their codes.",
            vi=f"Không có xã, phường mã {code!r} có ranh giới; xem mã bằng `phusong coverage --level commune`.",
        )
    shape = commune.geometry.iloc[0]
    settlements = data.settlements[data.settlements["commune_code"].astype(str) == code]
    kept = set(settlements["settlement_id"].astype(str))
    former = {level: units[_lies_in(units, shape)] for level, units in data.former_units.items()}
    figures = data.figures
    own = figures[(figures["level"] == "commune") & (figures["unit_code"].astype(str) == code)]
    return replace(
        data,
        name=f"{commune['name'].iloc[0] or code}, {data.name}",
        communes=commune,
        figures=pd.concat([own.assign(level="province"), own, figures[figures["level"].isin(FORMER_LEVELS)]]),
        settlements=settlements,
        stations=_about(data.stations, shape),
        fibre_endpoints=_about(data.fibre_endpoints, shape),
        places=_about(data.places, shape, share=0.0),
        former_units={level: units for level, units in former.items() if len(units)},
        uncovered={name: found for name, found in data.uncovered.items() if name in kept},
        unit=code,
    )


def _lies_in(units: gpd.GeoDataFrame, shape: BaseGeometry) -> npt.NDArray[np.bool_]:
    return np.asarray(shapely.covers(shape, units.geometry.representative_point().to_numpy()))


def _about(points: pd.DataFrame | None, shape: BaseGeometry, *, share: float = _ABOUT_SHARE) -> pd.DataFrame | None:
    """Points in a shape, or where a share of its extent is given, in a box that much wider."""
    if points is None:
        return None
    if share:
        west, south, east, north = shape.bounds
        shape = box(west, south, east, north).buffer(share * max(east - west, north - south))
    return points[shapely.intersects_xy(shape, points["lon"].to_numpy(float), points["lat"].to_numpy(float))]


def published_settlements(table: pd.DataFrame) -> pd.DataFrame:
    """The settlements of a run with their published status as `signal`, and the model's as `signal_modelled`.

    Maps, lists and documents show the published status, as `phusong settlements` does; shares are always the model's.
    """
    published = table["signal_published"] if "signal_published" in table else table["signal"]
    return table.assign(signal_modelled=table["signal"], signal=published)


def _former_units(results: Results) -> dict[str, gpd.GeoDataFrame]:
    """The former levels of which the run has polygons."""
    found = {}
    for level in FORMER_LEVELS:
        if level in set(results.table("units")["level"]):
            units = results.units(level)
            found[level] = units[units.geometry.notna()][["code", "name", "geometry"]]
    return {level: units for level, units in found.items() if len(units)}


def offered_technologies(profile: ThresholdProfile) -> list[str]:
    """Unions first, then every technology that the profile can answer."""
    groups = list(technology_groups(profile))
    return sorted(groups, key=lambda name: (name != ANY, name != BOTH_3G_4G, name))


def run_info(results: Results, workspace: Workspace, profile: ThresholdProfile) -> RunInfo:
    """What is said of a run under one of its profiles."""
    manifest = results.manifest
    as_of = date.fromisoformat(manifest["as_of"])
    imported_on = {name: date.fromisoformat(day) for name, day in manifest.get("imported_on", {}).items()}
    return RunInfo(
        run_id=results.run_id,
        as_of=as_of,
        profile=profile.name,
        profile_source=profile.source,
        location_pct=profile.location_pct,
        counts_as_signal=profile.counts_as_signal,
        terrain_kind=workspace.terrain_kind,
        boundary_date=_boundary_date(workspace.read_layer("communes"), as_of),
        sources=tuple(
            Source(name, str(entry["sha256"]), entry.get("rows"), imported_on.get(name))
            for name, entry in sorted(manifest["inputs"].items())
        ),
        warnings=tuple(manifest["warnings"]),
        notices=tuple(manifest.get("sources", ())),
    )


def _boundary_date(communes: gpd.GeoDataFrame, as_of: date) -> date | None:
    """Since when the communes valid on a day have been what they are; None where the layer does not say."""
    begun = communes["valid_from"].dropna().astype(str)
    begun = begun[begun <= as_of.isoformat()]
    return date.fromisoformat(begun.max()[:10]) if len(begun) else None


def _optional_points(workspace: Workspace, layer: str) -> pd.DataFrame | None:
    return _with_lon_lat(workspace.read_layer(layer)) if workspace.has_layer(layer) else None


def _with_lon_lat(points: gpd.GeoDataFrame) -> pd.DataFrame:
    place = points.geometry.to_crs("EPSG:4326")
    return pd.DataFrame(points.drop(columns=points.geometry.name)).assign(lon=place.x, lat=place.y)
