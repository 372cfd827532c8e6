"""What the SVG figures share: font, colours, text and round ticks."""

import math
from html import escape

FONT = "Arial, 'Liberation Sans', 'DejaVu Sans', 'Noto Sans', sans-serif"
INK, GREY, RULE = "#222", "#666", "#ccc"


def draw_text(
    x: float, y: float, words: str, *, size: float, bold: bool = False, anchor: str = "start", colour: str = INK,
    halo: bool = False,
) -> str:  # fmt: skip
    """A text of an SVG, white around where it has a halo."""
    weight = ' font-weight="bold"' if bold else ""
    around = ' stroke="#fff" stroke-width="3" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{weight}{around}>'
        f"{escape(words)}</text>"
    )


def round_ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from at most `low` to at least `high`, in about so many steps of 1, 2 or 5."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]
