"""The province page: one HTML file that opens with the network cable out.

Folium makes the map, its panes and its pictures. Everything that comes from a layer travels as one block of
escaped JSON, which the page's own script shows by `textContent`: Folium evaluates `{{ }}` in popups and
writes tooltips unescaped into JavaScript, so no layer text is ever given to it. A content security policy
admits the page's own scripts and styles by their sha256 and nothing else; no request can leave the page.
"""

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import Any

import folium
import numpy as np
from branca.element import Figure
from folium.map import CustomPane
from folium.raster_layers import ImageOverlay

from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace
from phusong.maps.data import Audience, PageData, page_data
from phusong.maps.payload import page_payload
from phusong.maps.pictures import (
    Picture,
    inside_communes,
    mercator_grid,
    nearest_cells,
    render_class_picture,
    render_relief,
)
from phusong.maps.text import json_for_script

MAP_NAME = "map_phusong"
# Longest side of the pictures [px]: what weak machines still decode (about 50 MB of memory for the larger)
_OVERLAY_MAX_PX = 3600
_RELIEF_MAX_PX = 1200
# How far the relief reaches beyond the communes, as a share of their extent
_MARGIN_SHARE = 0.15
_MAX_ZOOM = 16
_MARK = "LƯU HÀNH NỘI BỘ"
_MARKS: dict[Audience, str] = {"public": "", "internal": f'<p class="mark" lang="vi">{_MARK}</p>'}
# the same on every printed page
_PRINTED_MARKS: dict[Audience, str] = {
    "public": "",
    "internal": f'@page {{ @top-right {{ content: "{_MARK}"; font: bold 10pt sans-serif; }} }}\n',
}
_SCRIPTS = ("symbols.js", "popups.js", "list.js", "print.js", "page.js")


def render_map(results: Results, workspace: Workspace, *, audience: Audience = "public") -> str:
    """The province page of a run: one HTML file, Vietnamese with an English switch, no request leaves it.

    Parameters
    ----------
    results
        The run.
    workspace
        Where it was published.
    audience
        "public", or "internal" with masts, stations, levels, margins, distances and fibre endpoints.
    """
    return render_page(page_data(results, workspace, audience=audience))


def render_page(data: PageData) -> str:
    """The self-contained HTML page of a province.

    Parameters
    ----------
    data
        What to show.
    """
    west, south, east, north = (float(edge) for edge in data.communes.total_bounds)
    figure, overlays = _folium_map(data, (west, south, east, north))
    figure.render()
    scripts = {
        "leaflet": re.sub(r"\n?//# sourceMappingURL=.*", "", _asset("leaflet/leaflet.js")),
        "folium": figure.script.render(),
        "page": "\n".join(_template(name) for name in _SCRIPTS),
    }
    styles = {
        # Leaflet's own icons (layer switch, default pin) are not used: no file to point at
        "leaflet": re.sub(r"url\([^)]*\)", "none", _asset("leaflet/leaflet.css")),
        "page": _template("page.css") + _PRINTED_MARKS[data.audience],
    }
    payload = page_payload(data, overlays)
    payload["strings"] = json.loads(_template("strings.json"))
    payload["map"] = {"name": MAP_NAME, "bounds": [[south, west], [north, east]]}
    parts = {
        "POLICY": _policy(scripts.values(), styles.values()),
        "LICENCE": _asset("leaflet/LICENSE"),
        "TITLE": html.escape(data.name),
        "MARK": _MARKS[data.audience],
        "MAP": figure.html.render(),
        "DATA": json_for_script(payload),
        **{f"SCRIPT:{name}": text for name, text in scripts.items()},
        **{f"STYLE:{name}": text for name, text in styles.items()},
    }
    # one pass, so that nothing inside a part is ever taken for a placeholder
    return re.sub(r"\[\[([A-Z]+(?::[a-z]+)?)\]\]", lambda match: parts[match[1]], _template("page.html"))


def _folium_map(data: PageData, bounds: tuple[float, float, float, float]) -> tuple[Figure, dict[str, str]]:
    """Folium's figure with the relief and one picture per technology; names of the pictures' variables."""
    figure = Figure()
    page_map = folium.Map(
        location=((bounds[1] + bounds[3]) / 2.0, (bounds[0] + bounds[2]) / 2.0),
        tiles=None,
        zoom_start=9,
        zoom_control=False,
        prefer_canvas=True,
        zoom_snap=0.25,
        zoom_delta=0.5,
        attribution_control=False,
    )
    page_map._id = MAP_NAME.removeprefix("map_")
    page_map.default_js, page_map.default_css = [], []
    page_map.options["maxZoom"] = _MAX_ZOOM  # without tiles nothing else tells Leaflet
    figure.add_child(page_map)
    _add_pane(page_map, "relief", z_index=210)
    _add_pane(page_map, "signal", z_index=220)
    relief_grid = mercator_grid(_padded(bounds), resolution_m=data.terrain.grid.resolution_m, max_px=_RELIEF_MAX_PX)
    relief = render_relief(data.terrain, data.communes, relief_grid, sea_max_elevation_m=data.sea_max_elevation_m)
    _add_picture(page_map, relief, "relief", number=0, show=True)
    overlays = {}
    for number, (technology, picture) in enumerate(_class_pictures(data, bounds).items(), start=1):
        overlays[technology] = _add_picture(page_map, picture, "signal", number=number, show=False)
    return figure, overlays


def _class_pictures(data: PageData, bounds: tuple[float, float, float, float]) -> dict[str, Picture]:
    pictures = {}
    cells = None
    for technology, classes in data.classes.items():
        if cells is None:
            source = classes.grid
            target = mercator_grid(bounds, resolution_m=source.resolution_m, max_px=_OVERLAY_MAX_PX)
            # the answer is about the province: neighbours and the sea stay clear
            cells = np.where(inside_communes(data.communes, target), nearest_cells(source, target), -1)
        pictures[technology] = render_class_picture(classes, target, cells)
    return pictures


def _add_pane(page_map: folium.Map, name: str, *, z_index: int) -> None:
    pane = CustomPane(name, z_index=z_index)
    pane._id = name
    page_map.add_child(pane)


def _add_picture(page_map: folium.Map, picture: Picture, pane: str, *, number: int, show: bool) -> str:
    overlay = ImageOverlay(picture.uri, picture.bounds, show=show, pane=pane)
    overlay._id = f"{pane}_{number}"
    page_map.add_child(overlay)
    return str(overlay.get_name())


def _padded(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    pad = _MARGIN_SHARE * max(east - west, north - south)
    return west - pad, south - pad, east + pad, north + pad


def _policy(scripts: Any, styles: Any) -> str:
    def hashes(texts: Any) -> str:
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts
        )

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; img-src data:; "
        "connect-src 'none'; form-action 'none'; base-uri 'none'"
    )


def _asset(name: str) -> str:
    return files("phusong.maps").joinpath("assets", name).read_text(encoding="utf-8")


def _template(name: str) -> str:
    return files("phusong.maps").joinpath("templates", name).read_text(encoding="utf-8")
