"""One path explained: from a station to a place, everything that makes its level, as a computation would have it."""

import dataclasses
import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
from pyproj import Transformer

from phusong.coverage.antenna import depression_deg, read_patterns
from phusong.coverage.dictionary import INTERFERENCE_NOTE, terrain_note
from phusong.coverage.ground import SEA, GroundPart
from phusong.coverage.indoor import indoor_path_note
from phusong.coverage.levels import path_terms
from phusong.coverage.model import PathTerms
from phusong.coverage.models import find_model, terminal_clutter_db
from phusong.coverage.path_geometry import LossParts, OpenPath, open_path
from phusong.coverage.path_level import Level, rate_level
from phusong.coverage.prepare import Prepared, prepare
from phusong.coverage.propagation._field import near_limit_km
from phusong.coverage.propagation.p1812 import make_link
from phusong.coverage.signal import compute_point_levels_dbm, sector_gains_db, sectors_of
from phusong.coverage.stations import Sector, Station, parse_stations
from phusong.coverage.tiles import Box
from phusong.coverage.units import OUTSIDE
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.settings import ModelSettings, Settings
from phusong.geodata.workspace import Workspace

Text = dict[str, str]


@dataclass(frozen=True)
class Place:
    """The receiver: its commune, and the nearest settlement with its distance [km]; None where there is none."""

    lon: float
    lat: float
    height_agl_m: float
    ground_m: float
    commune_code: str | None
    commune_name: str | None
    settlement_id: str | None
    settlement_name: str | None
    settlement_km: float | None


@dataclass(frozen=True)
class AntennaView:
    """The sector that is strongest towards the place, and how its antenna sees it.

    `azimuth_off_deg` is clockwise from the sector's azimuth, None without one; `depression_deg` is below the horizon;
    `gain_db` is against the antenna's maximum, which the EIRP holds.
    """

    sector: Sector
    bearing_deg: float
    azimuth_off_deg: float | None
    depression_deg: float
    gain_db: float


@dataclass(frozen=True, eq=False)
class PathExplanation:
    """Everything that makes the level of one station at one place. `notes` say what to mind, in both languages."""

    as_of: date
    station: Station
    ground_m: float
    place: Place
    distance_km: float
    freq_ghz: float
    time_pct: float
    model: str
    path: OpenPath
    antenna: AntennaView
    level: Level
    notes: list[Text]

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain values; arrays become lists."""
        plain = {name: _plain(getattr(self, name)) for name in (field.name for field in dataclasses.fields(self))}
        plain["path"]["profile"]["clearance_m"] = self.path.profile.clearance_m.tolist()
        return plain


def explain_path(
    workspace: Workspace,
    station_id: str,
    *,
    lon: float,
    lat: float,
    as_of: date | None = None,
    profile: str | None = None,
    prepared: Prepared | None = None,
) -> PathExplanation:
    """Explain the level of a station at a place, from the workspace as it is.

    Parameters
    ----------
    station_id
        Any station of the layer, planned ones too.
    lon, lat
        The place [degrees, WGS 84].
    as_of
        The date of the communes and of what serves; None is today.
    profile
        Threshold profile; None is the first.
    prepared
        Answer of `prepare` for the date, for several paths; None makes it.

    Raises
    ------
    UnknownNameError
        There is no such station.
    InputError
        The place or the station lies outside the terrain, or the antenna is unknown.
    OutOfValidityError
        The place is at the mast, or the model does not take the path.
    MissingLayerError, SettingsError
        As `prepare`; there is no such profile.
    """
    settings = workspace.settings
    thresholds = settings.profile(profile)
    day = as_of or date.today()
    prepared = prepared or prepare(workspace, day)
    row = _find_station(prepared, station_id)
    station = parse_stations(row)[0]
    to_grid = Transformer.from_crs(4326, prepared.grid.crs, always_xy=True)
    x_m, y_m = (float(part) for part in to_grid.transform(station.lon, station.lat))
    to_x_m, to_y_m = (float(part) for part in to_grid.transform(lon, lat))
    _require_inside(prepared, f"station {station_id}", f"trạm {station_id}", x_m, y_m)
    _require_inside(prepared, f"the place {lon:g}, {lat:g}", f"điểm {lon:g}, {lat:g}", to_x_m, to_y_m)
    model = settings.model
    freq_ghz = station.band_mhz / 1e3
    common = path_terms(prepared, model)
    terms, link = make_link(
        [freq_ghz], common.time_pct, station.height_agl_m, common.rx_height_agl_m, common.polarization,
        common.mid_lat_deg, common.delta_n, common.surface_refractivity, 1e-3 * common.end_clearance_m,
    )  # fmt: skip
    places = {"x_m": x_m, "y_m": y_m, "to_x_m": to_x_m, "to_y_m": to_y_m}
    here = prepared.ground.part(_box_between(prepared.grid, common.spacing_m, **places))
    counts = model.clutter_loss == "land_cover"
    clutter = here.clutter_m if counts else Raster(np.zeros(here.clutter.grid.shape, np.float32), here.clutter.grid)
    path = open_path(
        here.terrain, clutter, here.zone, **places, spacing_m=common.spacing_m, terms=terms[0], link=link
    )  # fmt: skip
    path = dataclasses.replace(path, **_by_model(here, common, model, station, path, places))
    ground_m, place_ground_m = float(path.profile.terrain_m[0]), float(path.profile.terrain_m[-1])
    towards = {
        "east_m": to_x_m - x_m,
        "north_m": to_y_m - y_m,
        "drop_m": ground_m + station.height_agl_m - place_ground_m - model.rx_height_agl_m,
        "effective_radius_km": float(link.effective_radius_km),
    }
    antenna, uncalibrated_dbm = _receive(workspace, station, path.loss.total_db, towards)
    cover = int(prepared.clutter.values[prepared.grid.index(to_x_m, to_y_m)].item())
    distance_km = math.hypot(towards["east_m"], towards["north_m"]) / 1e3
    return PathExplanation(
        as_of=day,
        station=station,
        ground_m=ground_m,
        place=_describe_place(prepared, lon, lat, to_x_m, to_y_m, place_ground_m, model.rx_height_agl_m),
        distance_km=distance_km,
        freq_ghz=freq_ghz,
        time_pct=model.time_pct,
        model=model.name,
        path=path,
        antenna=antenna,
        level=rate_level(
            row,
            uncalibrated_dbm,
            cover,
            settings,
            profile=thresholds,
            resolution_m=prepared.grid.resolution_m,
            at_sea=bool(path.profile.zone[-1] == SEA),
        ),
        notes=_notes(prepared, station_id, path, distance_km, settings),
    )


def _box_between(grid: Grid, spacing_m: float, *, x_m: float, y_m: float, to_x_m: float, to_y_m: float) -> Box:
    """All pixels that the path between two places touches; a short one is lengthened before it is evaluated."""
    rows, cols = grid.index(np.array([x_m, to_x_m]), np.array([y_m, to_y_m]))
    spare = math.ceil((1e3 * near_limit_km(1e-3 * spacing_m) + spacing_m) / grid.resolution_m) + 2
    return Box(0, 0, *grid.shape).cut(
        Box(rows.min() - spare, cols.min() - spare, rows.max() + spare + 1, cols.max() + spare + 1)
    )


def _by_model(
    here: GroundPart,
    common: PathTerms,
    model: ModelSettings,
    station: Station,
    path: OpenPath,
    places: dict[str, float],
) -> dict[str, Any]:
    """What the model of the settings changes on a path opened by P.1812: the loss, and whether it was blended."""
    if model.name == "p1812" and model.clutter_loss == "land_cover":
        return {}
    freqs_ghz = [station.band_mhz / 1e3]
    losses = find_model(model).points(
        here.terrain, here.clutter_m, zone=here.zone, **places, tx_height_agl_m=station.height_agl_m,
        freqs_ghz=freqs_ghz, link=common,
    )  # fmt: skip
    total_db = float(losses[0, 0])
    clutter_db = 0.0
    if model.clutter_loss == "p2108":
        distance_m = math.hypot(places["to_x_m"] - places["x_m"], places["to_y_m"] - places["y_m"])
        clutter_db = float(terminal_clutter_db(np.array([distance_m]), freqs_ghz)[0, 0])
    if model.name == "p1812":
        return {"loss": dataclasses.replace(path.loss, clutter_db=clutter_db, total_db=total_db)}
    free_db = path.loss.free_space_db
    added_db = total_db - free_db - clutter_db
    return {"loss": LossParts(free_db, 0.0, clutter_db, 0.0, 0.0, 0.0, added_db, total_db), "blend": None}


def _find_station(prepared: Prepared, station_id: str) -> gpd.GeoDataFrame:
    """The one row of a station."""
    layer = prepared.layers["stations"]
    rows = layer[layer["station_id"] == station_id]
    if rows.empty:
        some = ", ".join(sorted(layer["station_id"])[:5])
        raise UnknownNameError(
            f"there is no station {station_id!r}; the layer has {len(layer)}, like {some}",
            vi=f"không có trạm {station_id!r}; lớp trạm có {len(layer)} trạm, ví dụ {some}",
        )
    return rows


def _require_inside(prepared: Prepared, what: str, what_vi: str, x_m: float, y_m: float) -> None:
    if not (math.isfinite(x_m) and math.isfinite(y_m) and prepared.grid.contains(x_m, y_m).all()):
        raise InputError(
            f"{what} lies outside the terrain; give LON,LAT in degrees within it",
            vi=f"{what_vi} nằm ngoài địa hình; hãy ghi LON,LAT theo độ, trong phạm vi địa hình",
        )


def _receive(
    workspace: Workspace, station: Station, loss_db: float, towards: dict[str, float]
) -> tuple[AntennaView, float]:
    """The strongest sector towards the place, and its level there as a run has it [dBm]."""
    patterns = read_patterns(workspace.path, {sector.antenna for sector in station.sectors})
    sectors = sectors_of(station, patterns)
    gains = sector_gains_db(sectors, **towards)
    best = int(np.argmax(sectors.level_dbm + gains))
    sector = station.sectors[best]
    east, north, drop, radius_km = towards.values()
    bearing = math.degrees(math.atan2(east, north))
    off = None if sector.azimuth_deg is None else (bearing - sector.azimuth_deg + 180.0) % 360.0 - 180.0
    below = float(depression_deg(math.hypot(east, north), drop, 1e3 * radius_km))
    levels = compute_point_levels_dbm(
        sectors, np.array([loss_db]), east_m=np.array([east]), north_m=np.array([north]), drop_m=np.array([drop]),
        effective_radius_km=radius_km,
    )  # fmt: skip
    return AntennaView(sector, bearing % 360.0, off, below, float(gains[best])), round(float(levels[0]), 2)


def _describe_place(
    prepared: Prepared, lon: float, lat: float, x_m: float, y_m: float, ground_m: float, height_agl_m: float
) -> Place:
    communes = prepared.units.levels["commune"]
    point = gpd.GeoSeries(gpd.points_from_xy([x_m], [y_m]), crs=prepared.grid.crs)
    row = int(prepared.units.rows_of_points("commune", point)[0])
    commune: tuple[str | None, str | None] = (None, None)
    if row != OUTSIDE:
        commune = (str(communes.codes[row]), str(communes.names[row]))
    layer = prepared.layers["settlements"]
    xs, ys = prepared.points_of("settlements")
    distance = np.hypot(xs - x_m, ys - y_m) / 1e3
    place = Place(lon, lat, height_agl_m, ground_m, *commune, None, None, None)
    if not np.isfinite(distance).any():
        return place
    at = int(np.nanargmin(distance))
    return dataclasses.replace(
        place,
        settlement_id=str(layer["settlement_id"].iloc[at]),
        settlement_name=str(layer["name"].iloc[at]),
        settlement_km=float(distance[at]),
    )


def _notes(prepared: Prepared, station_id: str, path: OpenPath, distance_km: float, settings: Settings) -> list[Text]:
    model, notes = settings.model, []
    refused = prepared.eligible.refused
    reason = refused.loc[refused["station_id"] == station_id, "reason"]
    if len(reason):
        notes.append(
            {
                "en": f"The station serves nobody on this date ({reason.iloc[0]}).",
                "vi": f"Trạm không phục vụ vào ngày này ({reason.iloc[0]}).",
            }
        )
    if distance_km > model.radius_km:
        notes.append(
            {
                "en": f"Farther than the radius of a computation ({model.radius_km:g} km): a run leaves this path out.",
                "vi": f"Xa hơn bán kính tính toán ({model.radius_km:g} km): lần tính bỏ qua đường truyền này.",
            }
        )
    if path.blend is not None:
        limit, share = 1e3 * path.blend.limit_km, 100.0 * path.blend.weight
        notes.append(
            {
                "en": f"Nearer than {limit:.0f} m P.1812 is not defined: {share:.0f} % of its excess over free space "
                f"at {limit:.0f} m on this ray counts.",
                "vi": f"Gần hơn {limit:.0f} m, P.1812 không áp dụng: lấy {share:.0f}% phần vượt không gian tự do của "
                f"P.1812 tại {limit:.0f} m trên cùng tia.",
            }
        )
    said = find_model(model).notes or (terrain_note(prepared.terrain_kind),)
    indoors = [] if settings.indoor is None else [indoor_path_note(settings.indoor)]
    return [*notes, *said, *indoors, INTERFERENCE_NOTE]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, date):
        return value.isoformat()
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
