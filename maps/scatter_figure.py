"""Modelled against measured levels as an SVG figure: one mark a decibel, larger where there are more points."""

import math
from html import escape

import numpy as np

from phusong.coverage.model_validation import ALL, ErrorStatistics, Validation
from phusong.geodata.settings import ThresholdProfile
from phusong.maps.svg import FONT, GREY, INK, RULE, draw_text, round_ticks
from phusong.maps.text import Language, format_count, format_number, say

WIDTH, SIDE, LEFT, TOP, MARGIN, ROW = 860.0, 480.0, 80.0, 70.0, 20.0, 19.0
COLOURS = {"2G": "#7a5195", "3G": "#d1700b", "4G": "#1f6fb5", "5G": "#2f8f4e"}
_COLUMNS = (  # right edges of the table beside the plot
    (662.0, ("", "")), (706.0, ("n", "n")), (752.0, ("bias", "lệch")), (798.0, ("RMSE", "RMSE")), (840.0, ("σ", "σ")),
)  # fmt: skip


class _Frame:
    """From levels [dBm] to the plane of the figure; both axes alike."""

    def __init__(self, found: Validation) -> None:
        levels = found.pairs[["measured_dbm", "modelled_dbm"]].to_numpy(dtype=float)
        levels = levels[np.isfinite(levels)]
        self.ticks = round_ticks(float(levels.min()) - 2.0, float(levels.max()) + 2.0, 8)
        self._low, self._high = self.ticks[0], self.ticks[-1]

    def x(self, level_dbm: float) -> float:
        return LEFT + SIDE * (level_dbm - self._low) / (self._high - self._low)

    def y(self, level_dbm: float) -> float:
        return TOP + SIDE - (self.x(level_dbm) - LEFT)

    def holds(self, level_dbm: float) -> bool:
        return self._low < level_dbm < self._high


def render_scatter_svg(found: Validation, profile: ThresholdProfile, language: Language) -> str:
    """Draw a comparison of a run with measurements.

    Parameters
    ----------
    found
        The comparison.
    profile
        Its thresholds, drawn on both axes.
    language
        "vi" or "en".

    Returns
    -------
    str
        A whole SVG document, 860 units wide.
    """
    frame = _Frame(found)
    title = say(("Modelled and measured levels", "Mức thu tính toán và đo kiểm"), language)
    height = TOP + SIDE + 60.0
    body = [
        f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#fff"/>',
        draw_text(MARGIN, 34, title, size=20, bold=True),
        *_axes(frame, language),
        *_thresholds(frame, found, profile),
        *_marks(frame, found),
        *_table(found, language),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" width="{WIDTH:.0f}" '
        f'height="{height:.0f}" font-family="{FONT}" role="img" lang="{language}">\n<title>{escape(title)}</title>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _axes(frame: _Frame, language: Language) -> list[str]:
    right, bottom = LEFT + SIDE, TOP + SIDE
    shapes = []
    for tick in frame.ticks:
        x, y, label = frame.x(tick), frame.y(tick), format_number(tick, 0, language)
        shapes.append(f'<path d="M{LEFT} {y:.1f}H{right}M{x:.1f} {TOP}V{bottom}" stroke="{RULE}" stroke-width="0.7"/>')
        shapes.append(draw_text(LEFT - 8, y + 4, label, size=12, anchor="end", colour=GREY))
        shapes.append(draw_text(x, bottom + 18, label, size=12, anchor="middle", colour=GREY))
    shapes.append(f'<path d="M{LEFT} {bottom}L{right} {TOP}" stroke="{INK}" stroke-width="1"/>')
    across = say(("measured [dBm]", "đo kiểm [dBm]"), language)
    up = say(("modelled [dBm]", "tính toán [dBm]"), language)
    shapes.append(draw_text((LEFT + right) / 2, bottom + 40, across, size=13, anchor="middle"))
    shapes.append(draw_text(MARGIN, TOP - 12, up, size=13))
    return shapes


def _thresholds(frame: _Frame, found: Validation, profile: ThresholdProfile) -> list[str]:
    """The thresholds of the technologies measured, across both axes; the weak ones with the longer dashes."""
    shapes = []
    for technology in sorted(set(found.pairs["technology"])):
        threshold = profile.thresholds.get(technology)
        levels = () if threshold is None else ((threshold.weak_dbm, "6 4"), (threshold.good_dbm, "2 3"))
        for level, dashes in levels:
            if frame.holds(level):
                path = f"M{LEFT} {frame.y(level):.1f}H{LEFT + SIDE}M{frame.x(level):.1f} {TOP}V{TOP + SIDE}"
                colour = COLOURS[technology]
                shapes.append(f'<path d="{path}" stroke="{colour}" stroke-width="0.8" stroke-dasharray="{dashes}"/>')
    return shapes


def _marks(frame: _Frame, found: Validation) -> list[str]:
    heard = found.pairs[np.isfinite(found.pairs["modelled_dbm"])]
    cells = heard.assign(x=heard["measured_dbm"].round(), y=heard["modelled_dbm"].round())
    counts = cells.groupby(["technology", "x", "y"], sort=True).size()
    return [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="{1.3 + 0.9 * math.log2(count):.1f}" '
        f'fill="{COLOURS[technology]}" fill-opacity="0.45"/>'
        for (technology, x, y), count in counts.items()
    ]


def _table(found: Validation, language: Language) -> list[str]:
    shapes = [
        draw_text(right, TOP + 4, say(words, language), size=12, anchor="end", colour=GREY) for right, words in _COLUMNS
    ]
    for line, row in enumerate(found.statistics, start=1):
        y = TOP + 4 + ROW * line
        colour = COLOURS.get(row.technology, INK)
        shapes.append(f'<circle cx="{LEFT + SIDE + 18}" cy="{y - 4:.1f}" r="4" fill="{colour}"/>')
        cells = (_label(row, language), format_count(row.count, language), *_decibels(row, language))
        shapes += [
            draw_text(right, y, cell, size=12, anchor="end", bold=row.technology == ALL)
            for (right, _), cell in zip(_COLUMNS, cells, strict=True)
        ]
    return shapes


def _label(row: ErrorStatistics, language: Language) -> str:
    if row.band_mhz is None:
        return ""
    return f"{row.technology} {format_number(row.band_mhz, 0, language).replace('.', '').replace(',', '')}"


def _decibels(row: ErrorStatistics, language: Language) -> tuple[str, ...]:
    return tuple(format_number(value, 1, language) for value in (row.bias_db, row.rmse_db, row.std_db))
