"""The map under every page: Folium's map, its panes and its pictures; no text of a layer is given to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import folium
import geopandas as gpd
import numpy as np
from branca.element import Figure
from folium.map import CustomPane
from folium.raster_layers import ImageOverlay

from phusong.geodata.grid import Raster
from phusong.maps.pictures import (
    Picture,
    inside_communes,
    mercator_grid,
    nearest_cells,
    render_class_picture,
    render_relief,
)
from phusong.maps.shell import read_asset

MAP_NAME = "map_phusong"
Bounds = tuple[float, float, float, float]
# Longest side of the pictures [px]: what weak machines still decode (about 50 MB of memory for the larger)
_OVERLAY_MAX_PX = 3600
_RELIEF_MAX_PX = 1200
# How far the relief reaches beyond the communes, as a share of their extent
_MARGIN_SHARE = 0.15
_MAX_ZOOM = 16


@dataclass(frozen=True)
class BaseMap:
    """Folium's markup and script, the name of the variable of each technology's picture, and the map's bounds."""

    markup: str
    script: str
    overlays: dict[str, str]
    bounds: Bounds

    @property
    def payload(self) -> dict[str, object]:
        """What the page's script needs to find the map."""
        west, south, east, north = self.bounds
        return {"name": MAP_NAME, "bounds": [[south, west], [north, east]]}


def draw_base_map(
    terrain: Raster,
    communes: gpd.GeoDataFrame,
    classes: Mapping[str, Raster],
    *,
    sea_max_elevation_m: float | None,
) -> BaseMap:
    """The relief about some units, and one picture per technology over them.

    Parameters
    ----------
    terrain
        Height above mean sea level [m].
    communes
        Polygons in EPSG:4326.
    classes
        Service class by technology; may be empty.
    sea_max_elevation_m
        Terrain at or below this and outside every commune is sea; None draws none.
    """
    west, south, east, north = (float(edge) for edge in communes.total_bounds)
    bounds = west, south, east, north
    figure = Figure()
    page_map = folium.Map(
        location=((south + north) / 2.0, (west + east) / 2.0),
        tiles=None,
        zoom_start=9,
        zoom_control=False,
        prefer_canvas=True,
        zoom_snap=0.25,
        zoom_delta=0.5,
        attribution_control=False,
        fade_animation=False,  # a popup that fades out can still be read, by people and by programs
    )
    page_map._id = MAP_NAME.removeprefix("map_")
    page_map.default_js, page_map.default_css = [], []
    page_map.options["maxZoom"] = _MAX_ZOOM  # without tiles nothing else tells Leaflet
    figure.add_child(page_map)
    _add_pane(page_map, "relief", z_index=210)
    _add_pane(page_map, "signal", z_index=220)
    grid = mercator_grid(padded(bounds), resolution_m=terrain.grid.resolution_m, max_px=_RELIEF_MAX_PX)
    relief = render_relief(terrain, communes, grid, sea_max_elevation_m=sea_max_elevation_m)
    _add_picture(page_map, relief, "relief", number=0, show=True)
    overlays = {}
    for number, (technology, picture) in enumerate(_class_pictures(classes, communes, bounds).items(), start=1):
        overlays[technology] = _add_picture(page_map, picture, "signal", number=number, show=False)
    figure.render()
    return BaseMap(figure.html.render(), figure.script.render(), overlays, bounds)


def leaflet_parts() -> tuple[str, str, str]:
    """Leaflet's script, style and licence."""
    return (
        re.sub(r"\n?//# sourceMappingURL=.*", "", read_asset("leaflet/leaflet.js")),
        # Leaflet's own icons (layer switch, default pin) are not used: no file to point at
        re.sub(r"url\([^)]*\)", "none", read_asset("leaflet/leaflet.css")),
        read_asset("leaflet/LICENSE"),
    )


def padded(bounds: Bounds) -> Bounds:
    """Bounds with the margin that the relief is drawn in."""
    west, south, east, north = bounds
    pad = _MARGIN_SHARE * max(east - west, north - south)
    return west - pad, south - pad, east + pad, north + pad


def _class_pictures(classes: Mapping[str, Raster], communes: gpd.GeoDataFrame, bounds: Bounds) -> dict[str, Picture]:
    pictures = {}
    cells = None
    for technology, raster in classes.items():
        if cells is None:
            source = raster.grid
            target = mercator_grid(bounds, resolution_m=source.resolution_m, max_px=_OVERLAY_MAX_PX)
            # the answer is about these units: neighbours and the sea stay clear
            cells = np.where(inside_communes(communes, target), nearest_cells(source, target), -1)
        pictures[technology] = render_class_picture(raster, target, cells)
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
