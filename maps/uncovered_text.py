"""Why a settlement is not covered, in words of both languages and as the few numbers that a page draws."""

import math
from datetime import date
from typing import Any

import numpy as np

from phusong.coverage.path_geometry import Sight
from phusong.coverage.profile import PathExplanation
from phusong.coverage.uncovered import Cause, Funding, Uncovered
from phusong.maps.path_text import obstacle_sentence
from phusong.maps.text import Language, Words

CAUSE_WORDS: dict[Cause, Words] = {
    "no_position": ("The position is not known: not computed.", "Chưa có tọa độ, chưa tính được."),
    "no_station": (
        "No station of a technology that counts lies within the radius of the computation.",
        "Không có trạm của công nghệ được xét trong bán kính tính.",
    ),
    "terrain": (
        "Hidden by the terrain from the best station.",
        "Bị núi, địa hình che khuất so với trạm có tín hiệu tốt nhất.",
    ),
    "cover": (
        "Hidden by trees or buildings from the best station.",
        "Bị cây, công trình che khuất so với trạm có tín hiệu tốt nhất.",
    ),
    "grazed": (
        "In sight of the best station, but the path is partly obstructed.",
        "Có tầm nhìn tới trạm tốt nhất nhưng đường truyền bị che một phần.",
    ),
    "far": (
        "In free sight of the best station, but too far for its power.",
        "Tầm nhìn tới trạm tốt nhất thông thoáng nhưng quá xa so với công suất phát.",
    ),
    "below": (
        "The level of the best station stays below the threshold.",
        "Mức thu của trạm tốt nhất chưa đạt ngưỡng.",
    ),
}
FUNDING_WORDS: dict[Funding, Words] = {
    "electricity_first": (
        "No grid power: electricity first, then signal.",
        "Chưa có điện lưới: đưa điện đến trước, phát sóng sau.",
    ),
    "fund": (
        "Powered, specially difficult area: public-utility telecom fund.",
        "Có điện, địa bàn đặc biệt khó khăn: Quỹ Dịch vụ viễn thông công ích.",
    ),
    "operators": ("Powered: investment by the operators.", "Có điện: doanh nghiệp viễn thông đầu tư."),
    "fund_or_operators": (
        "Powered: public-utility telecom fund if the area is specially difficult, else the operators.",
        "Có điện: Quỹ Dịch vụ viễn thông công ích nếu là địa bàn đặc biệt khó khăn, nếu không thì doanh nghiệp đầu tư.",
    ),
    "power_unknown": ("Grid power is not known: find out first.", "Chưa rõ điện lưới: cần xác minh trước."),
}
SIGHT_SHORT: dict[Sight, Words] = {
    "clear": ("free", "thông thoáng"),
    "fresnel": ("partly obstructed", "bị che một phần"),
    "blocked": ("hidden", "bị che khuất"),
}
PICTURE_POINTS = 80
_ROMAN = ("I", "II", "III", "IV")


def format_quarter(day: date, language: Language) -> str:
    """The quarter of a day: "quý III/2026", "Q3 2026"."""
    quarter = (day.month - 1) // 3
    return f"quý {_ROMAN[quarter]}/{day.year}" if language == "vi" else f"Q{quarter + 1} {day.year}"


def both(words: Words) -> list[str]:
    """Vietnamese first, as the page indexes its languages."""
    return [words[1], words[0]]


def why_words() -> dict[str, dict[str, list[str]]]:
    """The sentences behind the keys of `why_payload`."""
    return {
        "causes": {cause: both(words) for cause, words in CAUSE_WORDS.items()},
        "funding": {funding: both(words) for funding, words in FUNDING_WORDS.items()},
        "sight": {sight: both(words) for sight, words in SIGHT_SHORT.items()},
    }


def why_payload(found: Uncovered, *, internal: bool) -> dict[str, Any]:
    """Why one settlement is not covered, as plain values; stations, distances and margins only where internal."""
    why: dict[str, Any] = {"cause": found.cause, "funding": found.funding, "planned": None}
    if found.planned is not None:
        begin = found.planned.on_air_from
        why["planned"] = {"quarter": begin and [format_quarter(begin, "vi"), format_quarter(begin, "en")]}
    if not internal:
        return why
    if found.planned is not None:
        path = found.planned.path
        why["planned"] |= {"station": path.station.station_id, "km": round(path.distance_km, 2)}
    why["paths"] = [_path(path) for path in found.paths]
    if found.best is not None:
        path = found.paths[found.best]
        why["best"] = found.best
        why["obstacle"] = [obstacle_sentence(path, "vi"), obstacle_sentence(path, "en")]
        why["profile"] = profile_payload(path)
    return why


def profile_payload(path: PathExplanation) -> dict[str, Any]:
    """A path thinned for a small picture: distance [km], ground, top of the cover and ray [m] on the curved Earth."""
    profile, obstacle = path.path.profile, path.path.obstacle
    ground = profile.terrain_m + profile.bulge_m
    top = ground + profile.clutter_m
    at = int(np.argmin(np.abs(profile.distance_km - obstacle.distance_km)))
    step = max(math.ceil(len(ground) / PICTURE_POINTS), 1)
    kept = sorted({*range(0, len(ground), step), at, len(ground) - 1})
    return {
        "km": [round(float(profile.distance_km[i]), 2) for i in kept],
        "ground": [round(float(ground[i])) for i in kept],
        "top": [round(float(top[i])) for i in kept],
        "ray": [round(float(profile.ray_m[0])), round(float(profile.ray_m[-1]))],
        "obstacle": kept.index(at),
    }


def _path(path: PathExplanation) -> list[Any]:
    """[operator, technology, station, distance km, margin dB, sight]."""
    station, margin = path.station, path.level.margin_db
    near = round(path.distance_km, 2)
    return [
        station.operator, station.technology, station.station_id, near, margin and round(margin, 1), path.path.sight,
    ]  # fmt: skip
