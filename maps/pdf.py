"""HTML to PDF with the fonts of the package alone; nothing is fetched, and the same text gives the same bytes."""

import base64
import hashlib
from datetime import date
from html import escape
from importlib.resources import files

from phusong.geodata.errors import InputError
from phusong.maps.decree30 import (
    MARGIN_BOTTOM_MM,
    MARGIN_LEFT_MM,
    MARGIN_RIGHT_MM,
    MARGIN_TOP_MM,
    PAGE_NUMBER_PT,
)
from phusong.maps.text import Language, visible_text

PAGE_STYLE = f"""
@page {{
  size: A4; margin: {MARGIN_TOP_MM}mm {MARGIN_RIGHT_MM}mm {MARGIN_BOTTOM_MM}mm {MARGIN_LEFT_MM}mm;
  @top-center {{ content: counter(page); font: {PAGE_NUMBER_PT}pt Tinos; }}
}}
@page :first {{ @top-center {{ content: none; }} }}
html {{ font: 13pt/1.25 Tinos; color: #000; }}
body {{ margin: 0; }}
"""
_FACES = {"Regular": ("normal", "normal"), "Bold": ("bold", "normal"), "Italic": ("normal", "italic")}


def html_to_pdf(body: str, *, style: str, title: str, language: Language, day: date) -> bytes:
    """A PDF file of the inside of an HTML body; pictures in it must be data URIs.

    Parameters
    ----------
    body
        Markup whose text is escaped.
    style
        CSS, `PAGE_STYLE` first.
    title, language, day
        Of the document; the day is what it says it was made on.

    Raises
    ------
    InputError
        The libraries that WeasyPrint draws text with are not installed.
    """
    try:
        from weasyprint import HTML, URLFetcher
        from weasyprint.text.fonts import FontConfiguration
    except OSError as error:
        raise InputError(
            "PDF needs the Pango libraries; install them (Debian: libpango-1.0-0 libpangoft2-1.0-0 "
            f"libharfbuzz-subset0) or choose another file type: {error}",
            vi="Tạo PDF cần thư viện Pango; hãy cài đặt (Debian: libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0) "
            f"hoặc chọn loại tệp khác: {error}",
        ) from error
    text = (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{escape_text(title)}</title>'
        f'<meta name="dcterms.created" content="{day.isoformat()}"><meta name="dcterms.modified" '
        f'content="{day.isoformat()}"><style>{_font_faces()}{style}</style></head><body>{body}</body></html>'
    )
    page = HTML(string=text, url_fetcher=URLFetcher(allowed_protocols=("data",), fail_on_errors=True))
    identifier = hashlib.sha256(text.encode()).digest()[:16]
    return bytes(page.write_pdf(font_config=FontConfiguration(), pdf_identifier=identifier, full_fonts=False))


def escape_text(text: str) -> str:
    """A text of a layer or of ours as it stands inside markup."""
    return escape(visible_text(text))


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds it, like `data:image/png;base64,…`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _font_faces() -> str:
    """Tinos, metric-compatible with Times New Roman, from the package."""
    folder = files("phusong.maps").joinpath("assets", "tinos")
    return "".join(
        f"@font-face {{ font-family: Tinos; font-weight: {weight}; font-style: {slope}; "
        f"src: url({data_uri(folder.joinpath(f'Tinos-{name}.ttf').read_bytes(), 'font/ttf')}); }}"
        for name, (weight, slope) in _FACES.items()
    )
