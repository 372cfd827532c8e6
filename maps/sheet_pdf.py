"""The reply as a PDF, laid out like its document for a word processor."""

from phusong.maps import decree30 as layout
from phusong.maps.path_png import render_path_png
from phusong.maps.pdf import PAGE_STYLE, data_uri, escape_text, html_to_pdf
from phusong.maps.sheet import STATION_HEADS, Sheet
from phusong.maps.sheet_text import (
    ANNEX,
    ANNEX_TITLE,
    AUTHORITY,
    BODY,
    DATE_LINE,
    MARK,
    NUMBER,
    PARENT_BODY,
    RECIPIENTS,
    RECIPIENTS_HEAD,
    SIGNER,
    TO,
)

_STYLE = (
    PAGE_STYLE
    + f"""
p {{ margin: 0; overflow-wrap: anywhere; }}
.two {{ display: flex; gap: 4mm; margin-bottom: 8mm; }}
.two > div:first-child {{ width: 40%; text-align: center; }}
.two > div:last-child {{ width: 60%; text-align: center; }}
.body-name {{ font-size: {layout.BODY_NAME_PT}pt; }}
.number, .subject {{ font-size: {layout.NUMBER_PT}pt; }}
.emblem {{ font: bold {layout.EMBLEM_PT}pt Tinos; white-space: nowrap; }}
.motto {{ font: bold {layout.MOTTO_PT}pt Tinos; }}
.motto span, .rule span {{ border-bottom: 0.6pt solid #000; padding-bottom: 1pt; }}
.date {{ font: italic {layout.PLACE_DATE_PT}pt Tinos; margin-top: 2mm; }}
.to {{ text-align: center; margin-bottom: 6mm; font-size: {layout.TEXT_PT}pt; }}
.text {{ font-size: {layout.TEXT_PT}pt; text-align: justify; text-indent: {layout.FIRST_LINE_MM}mm;
  margin-bottom: {layout.PARAGRAPH_GAP_PT}pt; line-height: {layout.LINE_SPACING}; }}
.foot {{ margin-top: 8mm; break-inside: avoid; }}
.foot > div:first-child {{ text-align: left; font-size: {layout.RECIPIENTS_PT}pt; }}
.foot .head {{ font: italic bold {layout.RECIPIENTS_HEAD_PT}pt Tinos; }}
.foot > div:last-child {{ font: bold {layout.SIGNATURE_PT}pt Tinos; }}
.signer {{ margin-top: 28mm; }}
.annex {{ break-before: page; }}
.annex .mark {{ text-align: right; font-weight: bold; }}
.annex .title {{ text-align: center; font-weight: bold; font-size: {layout.TEXT_PT}pt; margin-bottom: 2mm; }}
table {{ border-collapse: collapse; width: 100%; font-size: 11pt; margin: 2mm 0; }}
thead {{ display: table-header-group; }}
th, td {{ border: 0.5pt solid #000; padding: 0.8mm 1.2mm; text-align: left; overflow-wrap: anywhere; }}
th {{ overflow-wrap: normal; }}
img {{ width: 100%; margin: 2mm 0; }}
.basis {{ font: italic 12pt Tinos; }}
"""
)


def render_sheet_pdf(sheet: Sheet) -> bytes:
    """The reply as a PDF file; the same reply gives the same bytes.

    Parameters
    ----------
    sheet
        What to write.
    """
    body = _head(sheet) + _paragraph("to", TO)
    body += "".join(_paragraph("text", text) for text in sheet.paragraphs) + _foot() + _annex(sheet)
    return html_to_pdf(body, style=_STYLE, title=sheet.subject, language="vi", day=sheet.as_of)


def _paragraph(kind: str, text: str) -> str:
    return f'<p class="{kind}"><span>{escape_text(text)}</span></p>'


def _head(sheet: Sheet) -> str:
    left = (
        _paragraph("body-name", PARENT_BODY) + f'<p class="body-name rule"><b><span>{escape_text(BODY)}</span></b></p>'
    )
    left += _paragraph("number", NUMBER) + _paragraph("subject", sheet.subject)
    right = _paragraph("emblem", layout.EMBLEM) + _paragraph("motto", layout.MOTTO) + _paragraph("date", DATE_LINE)
    return f'<div class="two"><div>{left}</div><div>{right}</div></div>'


def _foot() -> str:
    left = _paragraph("head", RECIPIENTS_HEAD) + "".join(_paragraph("", text) for text in RECIPIENTS)
    right = _paragraph("", AUTHORITY) + _paragraph("signer", SIGNER)
    return f'<div class="two foot"><div>{left}</div><div>{right}</div></div>'


def _annex(sheet: Sheet) -> str:
    heads = "".join(f"<th>{escape_text(head)}</th>" for head in STATION_HEADS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape_text(text)}</td>' for text in station)}</tr>" for station in sheet.stations
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    if not rows:
        table = _paragraph("", "Không có số liệu đường truyền tới nơi này.")
    picture = ""
    if sheet.path is not None:
        address = data_uri(render_path_png(sheet.path, "vi"), "image/png")
        picture = _paragraph("", sheet.obstacle) + f'<img src="{address}" alt="{escape_text(sheet.obstacle)}">'
    title = _paragraph("title", ANNEX) + _paragraph("title", f"{ANNEX_TITLE} {sheet.settlement}")
    parts = (_paragraph("mark", MARK), title, table, picture, _paragraph("basis", sheet.basis))
    return f'<section class="annex">{"".join(parts)}</section>'
