"""The province page, and the same of one commune: one HTML file that opens with the network cable out.

Folium makes the map, its panes and its pictures. Everything that comes from a layer travels as one block of
escaped JSON, which the page's own script shows by `textContent`: Folium evaluates `{{ }}` in popups and
writes tooltips unescaped into JavaScript, so no layer text is ever given to it. A content security policy
admits the page's own scripts and styles by their sha256 and nothing else; no request can leave the page.
"""

from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace
from phusong.maps.base_map import draw_base_map, leaflet_parts
from phusong.maps.data import Audience, PageData, commune_page_data, page_data
from phusong.maps.payload import page_payload
from phusong.maps.shell import Kind, PageMark, assemble_page, read_scripts, read_template
from phusong.maps.whatif_page import whatif_payload

_SCRIPTS = ("words.js", "symbols.js", "frame.js", "popups.js", "list.js", "print.js", "print_map.js", "page.js")


def render_map(results: Results, workspace: Workspace, *, audience: Audience = "public", unit: str = "") -> str:
    """The page of a run: one HTML file, Vietnamese with an English switch, no request leaves it.

    Parameters
    ----------
    results
        The run.
    workspace
        Where it was published.
    audience
        "public", or "internal" with masts, stations, levels, margins, distances and fibre endpoints.
    unit
        Code of a commune to show alone; "" is the province.

    Raises
    ------
    UnknownNameError
        There is no such commune.
    """
    data = page_data(results, workspace, audience=audience)
    return render_page(commune_page_data(data, unit) if unit else data)


def render_page(data: PageData, *, asks_service: bool = False) -> str:
    """The self-contained HTML page of a province or commune.

    Parameters
    ----------
    data
        What to show.
    asks_service
        Whether it is the what-if page, which asks the service it came from.
    """
    base = draw_base_map(data.terrain, data.communes, data.classes, sea_max_elevation_m=data.sea_max_elevation_m)
    leaflet, leaflet_style, licence = leaflet_parts()
    payload = page_payload(data, base.overlays) | {"map": base.payload}
    scripts: tuple[str, ...] = _SCRIPTS
    kind: Kind = "whatif" if asks_service else "unit" if data.unit else "map"
    if asks_service:
        payload["whatif"] = whatif_payload(data)
        scripts = (*_SCRIPTS, "whatif.js")
    return assemble_page(
        "page.html",
        payload,
        PageMark(kind, data.audience, (data.run.run_id,)),
        title=data.name,
        scripts={"leaflet": leaflet, "folium": base.script, "page": read_scripts(*scripts)},
        styles={"leaflet": leaflet_style, "page": read_template("page.css")},
        parts={
            "LICENCE": licence,
            "MAP": base.markup,
            "PANEL": read_template("panel.html"),
            "EXTRA": read_template(f"{kind}.html") if kind in ("whatif", "unit") else "",
        },
        asks_service=asks_service,
    )
