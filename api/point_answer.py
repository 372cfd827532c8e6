"""The answer for one point: the service of the pixel it lies in, and the nearest fibre."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from phusong.api.access_views import CELL_NOTE, PUBLIC_CELL_M, PublicPointAnswer, public_cell, public_centre
from phusong.api.answers import find_profile
from phusong.api.detail_models import Place
from phusong.api.fibre_answer import FibreFinder
from phusong.api.formats import Listed
from phusong.api.models import Text
from phusong.api.served import ServedRun
from phusong.coverage.point import PixelSignal, best_services, count_operators
from phusong.geodata.errors import InputError
from phusong.geodata.settings import ThresholdProfile

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


def point_json(
    run: ServedRun, fibre: FibreFinder, *, lon: float, lat: float, profile: str | None = None, public: bool = False
) -> bytes:
    """Answer for a point, as the JSON of a `PointAnswer`: class per technology and operator, station, level, fibre.

    Parameters
    ----------
    run
        The run.
    fibre
        Finds the fibre endpoint.
    lon, lat
        The point [degrees, WGS 84].
    profile
        A threshold profile; None is the default one.
    public
        Answer for the cell of 100 m that holds the point with classes only, as a `PublicPointAnswer`.

    Raises
    ------
    InputError
        The point is no place on Earth.
    UnknownNameError
        The run has no such profile.
    StoreError
        A tile of the run is missing or damaged.
    """
    require_place(lon, lat)
    thresholds = find_profile(run.results, profile)
    found = _seen(run, fibre, lon, lat, thresholds, public)
    where = PIXEL_NOTE if found["in_province"] else OUTSIDE_NOTE
    notes = [where, FIBRE_NOTE, CELL_NOTE] if public else [where, FIBRE_NOTE]
    kind = f"point {found['in_province']}"
    return run.heading_json(thresholds, dict, of=kind, notes=notes, public=public) + b"," + to_json(found)[1:]


def points_json(
    run: ServedRun, fibre: FibreFinder, places: Sequence[Place], *, profile: str | None = None, public: bool = False
) -> bytes:
    """Answer for many points at once, as the JSON of a `PointsAnswer`; each as `point_json`, whose errors it raises.

    Parameters
    ----------
    places
        The points.
    public
        Answer for cells of 100 m, with classes only.
    """
    thresholds = find_profile(run.results, profile)
    rows = [_seen(run, fibre, place.lon, place.lat, thresholds, public) for place in places]
    notes = [PIXEL_NOTE, FIBRE_NOTE, CELL_NOTE] if public else [PIXEL_NOTE, FIBRE_NOTE]
    heading = run.heading_json(thresholds, dict, of="points", notes=notes, public=public)
    return Listed(heading, [to_json(row) for row in rows]).json()


def _seen(
    run: ServedRun, fibre: FibreFinder, lon: float, lat: float, profile: ThresholdProfile, public: bool
) -> dict[str, Any]:
    """The fields of a point besides the heading; for the public those of its cell."""
    place = run.points.place(lon, lat)
    if not public:
        return _find(run, fibre, (lon, lat), place, profile)
    # not by the rounded degrees of the centre: it may lie on the edge of two pixels
    found = _find(run, fibre, public_cell(run.results.grid.crs, lon, lat), public_centre(*place), profile)
    seen = {name: found[name] for name in PublicPointAnswer.model_fields if name in found}
    return seen | {"cell_m": PUBLIC_CELL_M}


def _find(
    run: ServedRun,
    fibre: FibreFinder,
    shown: tuple[float, float],
    place: tuple[float, float],
    profile: ThresholdProfile,
) -> dict[str, Any]:
    """The fields of a `PointAnswer` besides its heading; `shown` in degrees, `place` in the CRS of the grid [m]."""
    reader, grid, (x_m, y_m) = run.points, run.results.grid, place
    pixel = reader.pixel(x_m, y_m)
    commune = reader.commune(*pixel) if pixel else None
    signals: list[PixelSignal] = reader.signals(*pixel, profile) if pixel and commune else []
    nearest = fibre.nearest(x_m, y_m, grid.crs)
    return {
        "lon": shown[0],
        "lat": shown[1],
        "in_province": commune is not None,
        "commune_code": commune[0] if commune else None,
        "commune_name": commune[1] if commune else None,
        "pixel_m": grid.resolution_m,
        "service": best_services(signals, profile) if commune else {},
        "operators": count_operators(signals, profile) if commune else {},
        "signals": signals,
        "fibre": nearest,
        "broadband": "unknown" if nearest is None else "yes" if nearest.in_reach else "no",
    }


def require_place(lon: float, lat: float) -> None:
    """Refuse what is no longitude and latitude.

    Raises
    ------
    InputError
        It is none.
    """
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(
            f"lon must be within [-180, 180] and lat within [-90, 90], got {lon} and {lat}.",
            vi=f"lon phải nằm trong [-180, 180] và lat trong [-90, 90], nhận được {lon} và {lat}.",
        )
