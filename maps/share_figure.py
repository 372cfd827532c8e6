"""Shares covered as bars, for slides: an SVG figure of at least weak and of good service, each with its counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from phusong.maps.svg import FONT, GREY, INK, RULE, draw_text
from phusong.maps.text import Language, Words, format_count, format_share, say, visible_text

WIDTH, MARGIN, LABEL, RIGHT, ROW, BAR, HEAD = 960.0, 30.0, 250.0, 640.0, 27.0, 17.0, 40.0
_TOP = 100.0
_LABEL_SIGNS = 30
_WEAK, _GOOD = "#f0aa28", "#1e6eb4"  # the colours of the map
_TICKS = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Bar:
    """One bar: whom it is about, those with at least weak and with good service, and of how many; None is unknown."""

    label: str
    weak: float | None
    good: float | None
    of: float | None
    reason: Words = ("", "")


@dataclass(frozen=True)
class BarGroup:
    """Bars under one heading."""

    title: str
    bars: tuple[Bar, ...]


def render_shares_svg(title: str, subtitle: str, groups: Sequence[BarGroup], language: Language) -> str:
    """Draw shares covered.

    Parameters
    ----------
    title, subtitle
        What the figure is about, and what it rests on; any text.
    groups
        What to draw, from top to bottom.
    language
        "vi" or "en".

    Returns
    -------
    str
        A whole SVG document, 960 units wide.
    """
    shapes, y = [], _TOP
    for group in groups:
        shapes.append(draw_text(MARGIN, y + 17, group.title, size=16, bold=True))
        y += HEAD - ROW / 2
        bottom = y + ROW * len(group.bars)
        shapes += [
            f'<path d="M{_x(tick / 100.0):.1f} {y:.1f}V{bottom:.1f}" stroke="{RULE}" stroke-width="0.8"/>'
            for tick in _TICKS
        ]
        for bar in group.bars:
            shapes += _bar(bar, y, language)
            y += ROW
        shapes += [
            draw_text(_x(tick / 100.0), bottom + 13, f"{tick}%", size=11, anchor="middle", colour=GREY)
            for tick in _TICKS
        ]
        y += HEAD
    head = [draw_text(MARGIN, 42, visible_text(title), size=24, bold=True), *_legend(language)]
    head.append(draw_text(MARGIN, 66, visible_text(subtitle), size=13, colour=GREY))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {y:.0f}" width="{WIDTH:.0f}" '
        f'height="{y:.0f}" font-family="{FONT}" role="img" lang="{language}">\n'
        f"<title>{escape(visible_text(title))}</title>\n"
        f'<rect width="{WIDTH:.0f}" height="{y:.0f}" fill="#fff"/>\n' + "\n".join([*head, *shapes]) + "\n</svg>\n"
    )


def _x(share: float) -> float:
    return LABEL + (RIGHT - LABEL) * share


def _bar(bar: Bar, y: float, language: Language) -> list[str]:
    label = visible_text(bar.label)
    label = label if len(label) <= _LABEL_SIGNS else f"{label[: _LABEL_SIGNS - 1]}…"
    middle = y + ROW / 2 + 5
    shapes = [draw_text(LABEL - 10, middle, label, size=14, anchor="end")]
    if bar.weak is None or bar.of is None or not bar.of > 0:
        why = say(("no figure", "không có số liệu"), language)
        reason = visible_text(say(bar.reason, language))
        shapes.append(draw_text(LABEL + 8, middle, f"{why}: {reason}" if reason else why, size=13, colour=GREY))
        return shapes
    top = y + (ROW - BAR) / 2
    for value, colour in ((bar.weak, _WEAK), (bar.good or 0.0, _GOOD)):
        width = (RIGHT - LABEL) * value / bar.of
        shapes.append(f'<rect x="{LABEL}" y="{top:.1f}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
    counts = f"{format_count(bar.weak, language)}/{format_count(bar.of, language)}"
    shapes.append(draw_text(RIGHT + 12, middle, format_share(bar.weak, bar.of, language), size=14, bold=True))
    shapes.append(draw_text(RIGHT + 72, middle, counts, size=12, colour=GREY))
    if bar.good is not None:
        good = f"{say(('good', 'tốt'), language)} {format_share(bar.good, bar.of, language)}"
        shapes.append(draw_text(WIDTH - MARGIN, middle, good, size=12, anchor="end", colour=GREY))
    return shapes


def _legend(language: Language) -> list[str]:
    words = ((_GOOD, ("good signal", "sóng tốt")), (_WEAK, ("weak signal only", "chỉ sóng yếu")))
    shapes = []
    for place, (colour, pair) in enumerate(words):
        x = MARGIN + 160.0 * place
        shapes.append(f'<rect x="{x}" y="78" width="14" height="14" fill="{colour}"/>')
        shapes.append(draw_text(x + 20, 90, say(pair, language), size=13, colour=INK))
    return shapes
