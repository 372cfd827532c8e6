"""Where a tile comes from: a raster of a run as its caller may see it, and what is said of both."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from pyproj import Transformer

from phusong.api.access_views import public_view
from phusong.api.answers import find_profile, heading
from phusong.api.models import Answer
from phusong.api.run_rasters import RasterQuestion, RunRasters
from phusong.coverage.results import Results
from phusong.coverage.service import ANY
from phusong.geodata.grid import Grid, Raster
from phusong.geodata.sources import attributions
from phusong.maps.level_colours import LEVEL_EDGES_DBM, LEVEL_PALETTE
from phusong.maps.pictures import CLASS_PALETTE, Rgba

PUBLIC_MAX_ZOOM = 13
MAX_ZOOM = 18
_CLASSES = ("none", "weak", "good")


@dataclass(frozen=True, eq=False)
class TileSource:
    """One raster of a run.

    `base` is the address of the service, without a slash at the end.
    """

    results: Results
    question: RasterQuestion
    rasters: RunRasters
    base: str

    async def pixels(self) -> Raster:
        """The raster."""
        return await self.rasters.pixels(self.results, self.question)

    @property
    def headers(self) -> dict[str, str]:
        """What a picture cannot say of itself."""
        return answer_headers(self.results, self.question)

    def describe(self) -> dict[str, Any]:
        """The TileJSON: tiles of this very run, colours, and the heading of every answer."""
        asked = self.question
        profile = find_profile(self.results, asked.profile or None)
        answer = Answer(**heading(self.results, profile))
        said = (public_view(answer) if asked.public else answer).model_dump(mode="json")
        parameters = {"operator": asked.operator if asked.operator != ANY else "", "profile": asked.profile}
        query = urlencode({name: value for name, value in parameters.items() if value})
        signal = "" if asked.what == "class" else "rsrp/"
        tiles = f"{self.base}/tiles/{self.results.run_id}/{quote(asked.technology, safe='+')}/{signal}{{z}}/{{x}}/{{y}}"
        return said | {
            "name": f"{asked.technology} {asked.operator} {asked.profile}".strip(),
            "attribution": "; ".join(attributions(self.results.manifest.get("sources", ()))) or None,
            "tiles": [f"{tiles}?{query}" if query else tiles],
            "minzoom": 0,
            "maxzoom": PUBLIC_MAX_ZOOM if asked.public else MAX_ZOOM,
            "bounds": _bounds(self.results.grid),
            "colours": _class_colours() if asked.what == "class" else _level_colours(),
        }


def answer_headers(results: Results, question: RasterQuestion) -> dict[str, str]:
    """Run, date and threshold profile of an answer that is a picture or a file."""
    said = {"Run": results.run_id, "As-Of": results.manifest["as_of"], "Profile": quote(question.profile)}
    return {f"Phusong-{name}": value for name, value in said.items() if value}


def _bounds(grid: Grid) -> list[float]:
    """West, south, east, north [degrees, WGS 84]."""
    to_degrees = Transformer.from_crs(grid.crs, 4326, always_xy=True)
    return [round(value, 6) for value in to_degrees.transform_bounds(*grid.bounds)]


def _class_colours() -> list[dict[str, Any]]:
    return [{"colour": _hex(rgba), "class": name} for name, rgba in zip(_CLASSES, CLASS_PALETTE, strict=False)]


def _level_colours() -> list[dict[str, Any]]:
    edges = (None, *LEVEL_EDGES_DBM, None)
    bands = zip(LEVEL_PALETTE, edges, edges[1:], strict=False)
    return [{"colour": _hex(rgba), "from_dbm": low, "below_dbm": high} for rgba, low, high in bands]


def _hex(rgba: Rgba) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgba[:3])
