"""An explained path as an SVG figure for a letter: the curved ground with its cover, the ray, the first Fresnel zone,
the obstacle that decides, and the numbers that lead to the answer.

The ground is drawn on a flat plane, raised by the bulge of the Earth, so that the ray is a straight line.
"""

import math
import textwrap
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from phusong.coverage.profile import PathExplanation
from phusong.coverage.service import CLASS_NAMES
from phusong.maps.path_text import (
    SIGHT_WORDS,
    Section,
    obstacle_sentence,
    path_sections,
    path_subtitle,
    path_title,
)
from phusong.maps.pictures import CLASS_PALETTE
from phusong.maps.svg import FONT, GREY, INK, RULE, draw_text, round_ticks
from phusong.maps.text import Language, format_number, say

WIDTH, PLOT_TOP, PLOT_BOTTOM, LEFT, RIGHT = 860.0, 122.0, 400.0, 66.0, 840.0
MARGIN, TABLE_TOP, ROW_HEIGHT, COLUMN_GAP = 20.0, 472.0, 20.0, 24.0
NOTE_CHARACTERS = 158
CHARACTER_WIDTH = 0.54  # of the size of the font, on the average
END_LABEL_WIDTH, LABEL_HEIGHT = 110.0, 15.0
MOST_POINTS = 1200
SEA_ZONE = 1
GROUND, COVER, SEA, RAY, ZONE, MARK = "#b9a582", "#6f9a58", "#3f7fb5", "#1f4e8c", "#8db8e8", "#b3123c"

Floats = npt.NDArray[np.float64]


class _Frame:
    """From kilometres and metres to the plane of the figure."""

    def __init__(self, found: PathExplanation) -> None:
        profile = found.path.profile
        top = profile.terrain_m + profile.clutter_m + profile.bulge_m
        low = float(min(profile.terrain_m.min(), 0.0) if profile.terrain_m.min() < 30.0 else profile.terrain_m.min())
        high = float(max(top.max(), (profile.ray_m + profile.fresnel_m).max()))
        self.ticks_m = round_ticks(low, low + 1.12 * max(high - low, 20.0), 5)
        self.ticks_km = round_ticks(0.0, float(profile.distance_km[-1]), 8)
        self._low, self._high = self.ticks_m[0], self.ticks_m[-1]
        self._total = float(profile.distance_km[-1])

    def x(self, distance_km: float) -> float:
        return LEFT + (RIGHT - LEFT) * distance_km / self._total

    def y(self, height_m: float) -> float:
        return PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (height_m - self._low) / (self._high - self._low)

    def line(self, distance_km: Floats, height_m: Floats) -> str:
        """Points of a polyline; long profiles are thinned, every drawn point is one of theirs."""
        step = max(math.ceil(distance_km.size / MOST_POINTS), 1)
        kept = sorted({*range(0, distance_km.size, step), distance_km.size - 1})
        return " ".join(f"{self.x(distance_km[i]):.1f},{self.y(height_m[i]):.1f}" for i in kept)


def render_path_svg(found: PathExplanation, language: Language) -> str:
    """Draw an explained path.

    Parameters
    ----------
    found
        The path.
    language
        "vi" or "en".

    Returns
    -------
    str
        A whole SVG document, 860 units wide.
    """
    frame = _Frame(found)
    title, subtitle = path_title(found, language), path_subtitle(found, language)
    notes = [line for note in found.notes for line in textwrap.wrap(note[language], NOTE_CHARACTERS)]
    sections = path_sections(found, language)
    table_bottom = TABLE_TOP + ROW_HEIGHT * (1 + max(len(section.rows) for section in sections))
    height = table_bottom + 26.0 + 15.0 * len(notes)
    body = [
        f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#fff"/>',
        draw_text(MARGIN, 34, title, size=_fitting(20.0, title), bold=True),
        draw_text(MARGIN, 58, subtitle, size=14, colour=GREY),
        *_axes(frame, language),
        *_ray(frame, found, behind=True),
        *_ground(frame, found),
        *_ray(frame, found, behind=False),
        *_legend(found, language),
        *_ends(frame, found, language),
        *_obstacle(frame, found, language),
        *_tables(sections),
        *(
            draw_text(MARGIN, table_bottom + 24.0 + 15.0 * i, note, size=11, colour=GREY)
            for i, note in enumerate(notes)
        ),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" width="{WIDTH:.0f}" '
        f'height="{height:.0f}" font-family="{FONT}" role="img" lang="{language}">\n<title>{escape(title)}</title>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _axes(frame: _Frame, language: Language) -> list[str]:
    shapes = []
    for height in frame.ticks_m:
        y = frame.y(height)
        shapes.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{RULE}" stroke-width="0.7"/>')
        shapes.append(
            draw_text(LEFT - 8, y + 4, format_number(height, 0, language), size=12, anchor="end", colour=GREY)
        )
    step = frame.ticks_km[1] - frame.ticks_km[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    for distance in frame.ticks_km:
        x = frame.x(distance)
        if x <= RIGHT + 0.5:
            shapes.append(f'<path d="M{x:.1f} {PLOT_BOTTOM}v5" stroke="{GREY}"/>')
            label = format_number(distance, decimals, language)
            shapes.append(draw_text(x, PLOT_BOTTOM + 19, label, size=12, anchor="middle", colour=GREY))
    across = say(("distance from the station [km]", "khoảng cách từ trạm [km]"), language)
    up = say(
        (
            "height above sea level [m], with the Earth's curvature",
            "độ cao so với mực nước biển [m], kể cả độ cong Trái Đất",
        ),
        language,
    )
    shapes.append(draw_text((LEFT + RIGHT) / 2, PLOT_BOTTOM + 37, across, size=12, anchor="middle", colour=GREY))
    shapes.append(draw_text(MARGIN, PLOT_TOP - 11, up, size=12, colour=GREY))
    return shapes


def _ground(frame: _Frame, found: PathExplanation) -> list[str]:
    """Cover first, the ground over it, the sea on it, and the curve of the Earth at the lowest height."""
    profile = found.path.profile
    distance, ground = profile.distance_km, profile.terrain_m + profile.bulge_m
    corners = f"{RIGHT:.1f},{PLOT_BOTTOM:.1f} {LEFT:.1f},{PLOT_BOTTOM:.1f}"
    shapes = []
    if profile.clutter_m.any():
        line = frame.line(np.repeat(distance, 2)[1:], np.repeat(ground + profile.clutter_m, 2)[:-1])
        shapes.append(f'<polygon points="{line} {corners}" fill="{COVER}"/>')
    shapes.append(f'<polygon points="{frame.line(distance, ground)} {corners}" fill="{GROUND}"/>')
    for first, last in _runs(profile.zone == SEA_ZONE):
        line = frame.line(distance[first:last], ground[first:last])
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{SEA}" stroke-width="4"/>')
    base = frame.line(distance, profile.bulge_m + frame.ticks_m[0])
    shapes.append(f'<polyline points="{base}" fill="none" stroke="{GREY}" stroke-width="0.8" stroke-dasharray="2 3"/>')
    return shapes


def _ray(frame: _Frame, found: PathExplanation, *, behind: bool) -> list[str]:
    """The first Fresnel zone, filled behind the ground; its edge and the ray before it."""
    profile = found.path.profile
    total = float(profile.distance_km[-1])
    middle_m = (
        float(profile.fresnel_m[1])
        * total
        / (2.0 * math.sqrt(profile.distance_km[1] * (total - profile.distance_km[1])))
    )
    turn = np.linspace(0.0, 2.0 * np.pi, 181)
    along = 0.5 * total * (1.0 - np.cos(turn))  # the zone is an ellipse about the ray
    ray_m = np.interp(along, profile.distance_km, profile.ray_m)
    edge = frame.line(along, np.maximum(ray_m + middle_m * np.sin(turn), frame.ticks_m[0]))
    if behind:
        return [f'<polygon points="{edge}" fill="{ZONE}" fill-opacity="0.35"/>']
    ray = frame.line(profile.distance_km, profile.ray_m)
    return [
        f'<polygon points="{edge}" fill="none" stroke="{RAY}" stroke-width="0.9" stroke-dasharray="5 3"/>',
        f'<polyline points="{ray}" fill="none" stroke="{RAY}" stroke-width="1.6"/>',
    ]


def _legend(found: PathExplanation, language: Language) -> list[str]:
    """What the colours mean, in a row above the plot's right end."""
    sea = [(SEA, ("sea", "biển"))] if (found.path.profile.zone == SEA_ZONE).any() else []
    entries = (
        (GROUND, ("terrain", "địa hình")),
        (COVER, ("land cover", "lớp phủ")),
        *sea,
        (RAY, ("direct ray", "tia trực tiếp")),
        (ZONE, ("first Fresnel zone", "vùng Fresnel thứ nhất")),
    )
    shapes, right = [], RIGHT
    for colour, words in reversed(entries):
        name = say(words, language)
        left = right - 12.0 * CHARACTER_WIDTH * 0.87 * len(name) - 16.0
        thickness = 3.0 if colour in (RAY, SEA) else 10.0
        top = PLOT_TOP - 15.0 - thickness / 2.0
        shapes.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="12" height="{thickness:g}" fill="{colour}"/>')
        shapes.append(draw_text(left + 16, PLOT_TOP - 11, name, size=12, colour=GREY))
        right = left - 14.0
    return shapes


def _ends(frame: _Frame, found: PathExplanation, language: Language) -> list[str]:
    """The mast and the receiver, each with its height above ground."""
    profile = found.path.profile
    heights = (found.station.height_agl_m, found.place.height_agl_m)
    words = (("antenna", "ăng-ten"), ("receiver", "máy thu"))
    shapes = []
    for end, side, name, height in zip((0, -1), (1, -1), words, heights, strict=True):
        x = frame.x(profile.distance_km[end])
        top = frame.y(profile.ray_m[end])
        shapes.append(
            f'<path d="M{x:.1f} {frame.y(profile.terrain_m[end]):.1f}V{top:.1f}" stroke="{INK}" stroke-width="2.4"/>'
        )
        shapes.append(f'<circle cx="{x:.1f}" cy="{top:.1f}" r="3.4" fill="{INK}"/>')
        label = f"{say(name, language)} {format_number(height, 0 if height == int(height) else 1, language)} m"
        anchor = "start" if side > 0 else "end"
        shapes.append(
            draw_text(x + 8 * side, _end_label_y(frame, found, end), label, size=12, anchor=anchor, halo=True)
        )
    return shapes


def _end_label_y(frame: _Frame, found: PathExplanation, end: int) -> float:
    return max(frame.y(found.path.profile.ray_m[end]) - 10.0, PLOT_TOP + 12.0)


def _obstacle(frame: _Frame, found: PathExplanation, language: Language) -> list[str]:
    obstacle, profile = found.path.obstacle, found.path.profile
    at = int(np.argmin(np.abs(profile.distance_km - obstacle.distance_km)))
    x = frame.x(obstacle.distance_km)
    top = frame.y(obstacle.terrain_m + obstacle.clutter_m + float(profile.bulge_m[at]))
    ray = frame.y(obstacle.ray_m)
    verdict = say(SIGHT_WORDS[found.path.sight], language)
    sentence = f"{verdict}; {obstacle_sentence(found, language)}"
    distance, clearance = (
        format_number(obstacle.distance_km, 2, language),
        format_number(obstacle.clearance_m, 1, language),
    )
    anchor = "start" if x < 0.25 * WIDTH else "end" if x > 0.75 * WIDTH else "middle"
    label_y = min(top, ray) - 15.0
    for end in (0, -1):
        near = abs(x - frame.x(profile.distance_km[end])) < END_LABEL_WIDTH
        if near and abs(label_y - _end_label_y(frame, found, end)) < LABEL_HEIGHT:
            label_y = _end_label_y(frame, found, end) - LABEL_HEIGHT
    return [
        f'<path d="M{x:.1f} {top:.1f}V{ray:.1f}" stroke="{MARK}" stroke-width="1.4" stroke-dasharray="4 3"/>',
        f'<path d="M{x:.1f} {top:.1f}l-6 -10h12z" fill="{MARK}" stroke="#fff" stroke-width="0.8"/>',
        draw_text(x, label_y, f"{distance} km: {clearance} m", size=12, anchor=anchor, colour=MARK, halo=True),
        draw_text(MARGIN, 82, sentence, size=13, colour=INK if found.path.sight == "clear" else MARK),
    ]


def _tables(sections: Sequence[Section]) -> list[str]:
    """The sections side by side; every class in its colour on the map."""
    width = (RIGHT - MARGIN - COLUMN_GAP * (len(sections) - 1)) / len(sections)
    shapes = []
    for column, section in enumerate(sections):
        left = MARGIN + column * (width + COLUMN_GAP)
        right = left + width
        shapes.append(draw_text(left, TABLE_TOP, section.heading, size=13, bold=True))
        shapes.append(f'<path d="M{left:.1f} {TABLE_TOP + 6}H{right:.1f}" stroke="{INK}" stroke-width="0.8"/>')
        for position, row in enumerate(section.rows, start=1):
            y = TABLE_TOP + 4 + ROW_HEIGHT * position
            shapes.append(draw_text(left, y, row.label, size=12.5, bold=row.is_sum))
            shapes.append(draw_text(right, y, row.value, size=12.5, bold=row.is_sum, anchor="end"))
            if row.service is not None:
                red, green, blue, _ = CLASS_PALETTE[CLASS_NAMES.index(row.service)]
                stroke = f'stroke="rgb({red},{green},{blue})" stroke-width="2.5"'
                shapes.append(f'<path d="M{left:.1f} {y + 4.5:.1f}H{right:.1f}" {stroke}/>')
    return shapes


def _fitting(size: float, words: str) -> float:
    """The size of the font, or a smaller one with which the words fit into the width."""
    return min(size, (WIDTH - 2.0 * MARGIN) / (CHARACTER_WIDTH * len(words)))


def _runs(where: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last index of every run of true."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
