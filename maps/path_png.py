"""An explained path as a PNG picture for a word processor: the SVG figure, rasterised with the fonts of the package.

The same path gives the same bytes on every machine: fonts of the system are left out, so characters outside Latin,
Vietnamese and Greek are not drawn.
"""

import struct
import zlib
from importlib.resources import as_file, files

import resvg_py

from phusong.coverage.profile import PathExplanation
from phusong.maps.path_figure import render_path_svg
from phusong.maps.text import Language

WIDTH_PX = 2000
DOTS_PER_METRE = round(300 / 0.0254)  # 300 dpi: a picture of 169 mm, the text width of an A4 page
FONT_FAMILY = "Arimo"  # metric-compatible with the Arial that the SVG asks for
SIGNATURE_AND_HEADER = 33  # bytes of a PNG before its second chunk


def render_path_png(found: PathExplanation, language: Language) -> bytes:
    """Draw an explained path as a picture 169 mm wide at 300 dpi.

    Parameters
    ----------
    found
        The path.
    language
        "vi" or "en".

    Returns
    -------
    bytes
        A PNG file.
    """
    return print_png(render_path_svg(found, language))


def print_png(svg: str) -> bytes:
    """Draw an SVG figure as a PNG 169 mm wide at 300 dpi, the text width of an A4 page."""
    picture = rasterise_svg(svg, width_px=WIDTH_PX)
    size = b"pHYs" + struct.pack(">IIB", DOTS_PER_METRE, DOTS_PER_METRE, 1)
    chunk = struct.pack(">I", len(size) - 4) + size + struct.pack(">I", zlib.crc32(size))
    return picture[:SIGNATURE_AND_HEADER] + chunk + picture[SIGNATURE_AND_HEADER:]


def rasterise_svg(svg: str, *, width_px: int) -> bytes:
    """Draw an SVG as a PNG, its text in Arimo.

    Parameters
    ----------
    svg
        A whole SVG document.
    width_px
        Width of the picture; its height follows.
    """
    with as_file(files("phusong.maps").joinpath("assets", "arimo")) as fonts:
        return resvg_py.svg_to_bytes(
            svg_string=svg, width=width_px, skip_system_fonts=True, font_dirs=[str(fonts)], font_family=FONT_FAMILY,
            sans_serif_family=FONT_FAMILY,
        )  # fmt: skip
