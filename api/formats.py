"""Lists of rows as JSON, GeoJSON or CSV, as the request asks."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from pydantic_core import to_json
from starlette.responses import Response

from phusong.geodata.cells import safe_cell
from phusong.geodata.sources import attributions

Format = Literal["json", "geojson", "csv"]
MEDIA_TYPES: dict[Format, str] = {"json": "application/json", "geojson": "application/geo+json", "csv": "text/csv"}
OTHER_FORMS: dict[str, Any] = {kind: {} for kind in (MEDIA_TYPES["geojson"], MEDIA_TYPES["csv"])}
_HEADED = ("run_id", "as_of")  # columns that every row of CSV has of the heading
_ACCEPTED = re.compile(r"\s*([\w.+*/-]+)\s*(?:;.*?q=([01](?:\.\d{0,3})?))?[^,]*")


@dataclass(frozen=True)
class Listed:
    """An answer that is a list: its heading as JSON without the last brace, and its rows as JSON."""

    heading: bytes
    rows: list[bytes]

    def json(self) -> bytes:
        """The answer with `rows`."""
        return b'%s,"rows":[%s]}' % (self.heading, b",".join(self.rows))

    def geojson(self, geometry_of: Callable[[dict[str, Any]], Any]) -> bytes:
        """A feature for every row, beside the heading (RFC 7946, section 6.1).

        Parameters
        ----------
        geometry_of
            GeoJSON geometry of a row; None for none.
        """
        features = [{"type": "Feature", "geometry": geometry_of(row), "properties": row} for row in self.plain_rows()]
        return b'{"type":"FeatureCollection",%s,"features":%s}' % (self.heading[1:], to_json(features))

    def csv(self, columns: Sequence[str]) -> bytes:
        """A line for every row, with run and date, and the sources named in the first.

        Parameters
        ----------
        columns
            Columns where there is no row.
        """
        said = json.loads(self.heading + b"}")
        rows = [flat_row(row) | {name: said[name] for name in _HEADED} for row in self.plain_rows()]
        known = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys((*columns, *_HEADED))
        return render_csv(rows, list(known), sources=attributions(said["sources"]))

    def plain_rows(self) -> list[dict[str, Any]]:
        """The rows as plain values."""
        rows: list[dict[str, Any]] = json.loads(b"[%s]" % b",".join(self.rows))
        return rows


def choose_format(request: Request, asked: Format | None) -> Format:
    """The form of an answer: that of the parameter `f`, else what `Accept` ranks highest, else JSON."""
    if asked is not None:
        return asked
    accepted = {kind: float(weight or 1) for kind, weight in _ACCEPTED.findall(request.headers.get("accept", ""))}
    weights: dict[Format, float] = {name: accepted.get(kind, 0.0) for name, kind in MEDIA_TYPES.items()}
    weights["json"] = max(weights["json"], accepted.get("*/*", 0.0), accepted.get("application/*", 0.0))
    best = max(weights.values())
    return next(name for name, weight in weights.items() if weight == best)


def send_listed(
    found: Listed, form: Format, *, name: str, columns: Sequence[str], geometry_of: Callable[[dict[str, Any]], Any]
) -> Response:
    """An answer in one of its forms; CSV as a file of that name.

    Parameters
    ----------
    columns, geometry_of
        As in `Listed`.
    """
    if form == "csv":
        saved = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return Response(found.csv(columns), media_type=MEDIA_TYPES[form], headers=saved)
    content = found.geojson(geometry_of) if form == "geojson" else found.json()
    return Response(content, media_type=MEDIA_TYPES[form])


def render_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, sources: Sequence[str] = ()) -> bytes:
    """Render rows as CSV, UTF-8 with the byte-order mark that Excel needs; no cell can be run as a formula.

    Parameters
    ----------
    rows
        Plain values by column.
    columns
        Columns in order; written even when there is no row.
    sources
        What must be said of the data's origin: a last column `sources`, filled in the first row.
    """
    rows = list(rows)
    if sources:
        columns = [*columns, "sources"]
        rows[:1] = [{**(rows[0] if rows else {}), "sources": "; ".join(sources)}]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def flat_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without inner mappings: `service` of 4G becomes `service_4G`."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= {f"{name}_{inner}": own for inner, own in value.items()} if isinstance(value, dict) else {name: value}
    return flat
