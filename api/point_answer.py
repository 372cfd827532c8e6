"""The answer for one point: the service of the pixel it lies in, and the nearest fibre."""

import math

import geopandas as gpd
import numpy as np
from pyproj import Transformer
from shapely.geometry import Point

from phusong.api.answers import find_profile, heading
from phusong.api.models import NearestFibre, PointAnswer, PointSignal, Text
from phusong.coverage.point import PixelSignal, best_services, count_operators, read_pixel
from phusong.coverage.reach import compute_fibre_reach
from phusong.coverage.results import Results
from phusong.geodata.errors import InputError
from phusong.geodata.workspace import Workspace

OUTSIDE_NOTE = Text(
    en="The point lies outside the province: no service was computed there.",
    vi="Điểm nằm ngoài tỉnh: không tính phủ sóng tại đây.",
)
PIXEL_NOTE = Text(
    en="Service is that of the pixel; settlements and places are answered on their own exact path.",
    vi="Dịch vụ lấy theo ô lưới; điểm dân cư và điểm công cộng được tính theo đường truyền riêng.",
)
FIBRE_NOTE = Text(
    en="Fibre is read from the layer as it is imported now, along the straight line.",
    vi="Cáp quang lấy theo lớp dữ liệu hiện có, tính theo đường thẳng.",
)


def point_answer(
    results: Results, workspace: Workspace, *, lon: float, lat: float, profile: str | None = None
) -> PointAnswer:
    """Answer for a point: class per technology and operator, serving station, level, margin, nearest fibre.

    Parameters
    ----------
    results
        The run.
    workspace
        Holds the tiles and the fibre endpoints.
    lon, lat
        The point [degrees, WGS 84].
    profile
        A threshold profile; None is the default one.

    Raises
    ------
    InputError
        The point is no place on Earth.
    UnknownNameError
        The run has no such profile.
    """
    _require_place(lon, lat)
    thresholds = find_profile(results, profile)
    x, y = Transformer.from_crs(4326, results.grid.crs, always_xy=True).transform(lon, lat)
    commune = _commune_at(results, x, y)
    signals: list[PixelSignal] = []
    if commune is not None:
        row, col = (int(index) for index in results.grid.index(x, y))
        signals = read_pixel(results, workspace.store_dir, row=row, col=col, profile=thresholds)
    fibre = _nearest_fibre(workspace, results.grid.crs, x, y)
    described = heading(results, thresholds)
    described["notes"] += [PIXEL_NOTE, FIBRE_NOTE] if commune is not None else [OUTSIDE_NOTE, FIBRE_NOTE]
    return PointAnswer.model_validate(
        described
        | {
            "lon": lon,
            "lat": lat,
            "in_province": commune is not None,
            "commune_code": commune[0] if commune else None,
            "commune_name": commune[1] if commune else None,
            "pixel_m": results.grid.resolution_m,
            "service": best_services(signals, thresholds) if commune else {},
            "operators": count_operators(signals, thresholds) if commune else {},
            "signals": [PointSignal.model_validate(signal, from_attributes=True) for signal in signals],
            "fibre": fibre,
            "broadband": "unknown" if fibre is None else "yes" if fibre.in_reach else "no",
        }
    )


def _require_place(lon: float, lat: float) -> None:
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(
            f"lon must be within [-180, 180] and lat within [-90, 90], got {lon} and {lat}.",
            vi=f"lon phải nằm trong [-180, 180] và lat trong [-90, 90], nhận được {lon} và {lat}.",
        )


def _commune_at(results: Results, x: float, y: float) -> tuple[str, str] | None:
    """Code and name of the commune of the pixel that holds the point; the pixel's centre decides."""
    if not (math.isfinite(x) and math.isfinite(y) and results.grid.contains(x, y).item()):
        return None
    row, col = (int(index) for index in results.grid.index(x, y))
    xs, ys = results.grid.centres()
    to_degrees = Transformer.from_crs(results.grid.crs, 4326, always_xy=True)
    centre = Point(to_degrees.transform(xs[col], ys[row]))
    communes: gpd.GeoDataFrame = results.units("commune")
    inside = communes[communes.geometry.notna() & communes.intersects(centre)]
    if inside.empty:
        return None
    return str(inside["code"].iloc[0]), str(inside["name"].iloc[0])


def _nearest_fibre(workspace: Workspace, crs: str, x: float, y: float) -> NearestFibre | None:
    if not workspace.has_layer("fibre_endpoints") or not (math.isfinite(x) and math.isfinite(y)):
        return None
    endpoints = workspace.read_layer("fibre_endpoints")
    if endpoints.empty:
        return None
    reach = compute_fibre_reach(np.array([x]), np.array([y]), endpoints, crs)
    endpoint = endpoints[endpoints["endpoint_id"] == reach.endpoint_id[0]].iloc[0]
    return NearestFibre(
        endpoint_id=str(endpoint["endpoint_id"]),
        operator=str(endpoint["operator"]),
        distance_km=round(float(reach.distance_km[0]), 3),
        reach_km=float(endpoint["reach_km"]),
        in_reach=bool(reach.in_reach[0]),
    )
