"""The report as a PDF: A4, the font embedded, heads repeated on every page, pages numbered."""

from phusong.maps.documents import Cell, Report, Table
from phusong.maps.pdf import PAGE_STYLE, escape_text, html_to_pdf
from phusong.maps.text import Language, format_count, say

_STYLE = (
    PAGE_STYLE
    + """
@page wide { size: A4 landscape; margin: 20mm 15mm 15mm 20mm; }
h1 { font-size: 16pt; text-align: center; margin: 0 0 1mm; }
.subtitle { text-align: center; font-style: italic; margin: 0 0 5mm; }
h2 { font-size: 13pt; margin: 6mm 0 2mm; break-after: avoid; }
section.wide { page: wide; }
table { border-collapse: collapse; width: 100%; font-size: 10.5pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: 0.5pt solid #666; padding: 0.8mm 1.4mm; text-align: left; overflow-wrap: anywhere; }
td { vertical-align: top; }
th { background: #e6eef4; text-align: center; vertical-align: middle; overflow-wrap: normal; }
td.number { text-align: right; white-space: nowrap; }
.notes p { font-size: 11pt; margin: 0 0 1.5mm; overflow-wrap: anywhere; }
"""
)


def render_report_pdf(report: Report) -> bytes:
    """The report as a PDF file; the same report gives the same bytes.

    Parameters
    ----------
    report
        What to write.
    """
    notes = say(("Definitions", "Định nghĩa"), report.language), say(("Sources", "Nguồn số liệu"), report.language)
    paragraphs = [
        f"<h2>{title}</h2>" + "".join(f"<p><bdi>{escape_text(text)}</bdi></p>" for text in texts)
        for title, texts in zip(notes, (report.definitions, report.sources), strict=True)
    ]
    body = (
        f'<h1>{escape_text(report.title)}</h1><p class="subtitle">{escape_text(report.subtitle)}</p>'
        + "".join(_table(table, report.language) for table in report.tables)
        + f'<section class="notes">{"".join(paragraphs)}</section>'
    )
    return html_to_pdf(body, style=_STYLE, title=report.title, language=report.language, day=report.as_of)


def _table(table: Table, language: Language) -> str:
    heads = "".join(f"<th>{escape_text(head)}</th>" for head in table.heads)
    rows = "".join(f"<tr>{''.join(_cell(value, language) for value in row)}</tr>" for row in table.rows)
    shown = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    kind = ' class="wide"' if table.wide else ""
    inside = shown if rows else f"<p>{escape_text(table.empty)}</p>"
    return f"<section{kind}><h2>{escape_text(table.title)}</h2>{inside}</section>"


def _cell(value: Cell, language: Language) -> str:
    if value is None:
        return '<td class="number">–</td>'
    if isinstance(value, int):
        return f'<td class="number">{format_count(value, language)}</td>'
    number = ' class="number"' if value.endswith("%") else ""
    return f"<td{number}><bdi>{escape_text(value)}</bdi></td>"
