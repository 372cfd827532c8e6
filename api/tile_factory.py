"""Raster tiles and TileJSON by titiler's factory, cut down to the rasters of runs.

Its parameters `url`, `expression`, `algorithm` and colour maps, viewer, parts, previews and statistics are not there: a
tile comes from a file that this service made, by the nearest pixel, in the one palette of its kind.
"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from attrs import define, field
from fastapi import Depends, Path, Response
from morecantile import tms as known_tms
from morecantile.defaults import TileMatrixSets
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import BaseReader
from rio_tiler.models import ImageData
from starlette.types import Scope
from titiler.core.factory import TilerFactory
from titiler.core.models.mapbox import TileJSON

from phusong.api.access import for_role
from phusong.api.callers import Role
from phusong.api.tile_reader import RunReader
from phusong.api.tile_sources import MAX_ZOOM, TileSource
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.grid import Raster
from phusong.maps.level_colours import LEVEL_PALETTE, level_codes
from phusong.maps.pictures import CLASS_PALETTE, Rgba, encode_png

MATRIX_SET = "WebMercatorQuad"
PNG = "image/png"
_OUTSIDE = len(CLASS_PALETTE) - 1
Zoom = Annotated[int, Path(ge=0, le=MAX_ZOOM, description="zoom level")]
Index = Annotated[int, Path(ge=0, le=2**MAX_ZOOM - 1)]


def render_classes(image: ImageData) -> tuple[bytes, str]:
    """The picture of a tile of classes, transparent outside, and its type; empty where there is nothing."""
    codes = np.where(image.array.mask, _OUTSIDE, image.array.data)
    return _render(codes[0], CLASS_PALETTE, bits=2), PNG


def render_levels(image: ImageData) -> tuple[bytes, str]:
    """The picture of a tile of levels, transparent where there is none, and its type; empty where there are none."""
    return _render(level_codes(image.array.data[0]), LEVEL_PALETTE, bits=4), PNG


@define(kw_only=True)
class RunTiles(TilerFactory):
    """The paths of the tiles and the TileJSON of one kind of raster.

    `path_dependency` gives the `TileSource` of a request, `role` is who may ask at all, `narrowed` who may ask for a
    single tile.
    """

    role: Role
    narrowed: Callable[[Scope], Role] | None = None
    reader: type[BaseReader] = RunReader
    render_func: Callable[..., tuple[bytes, str]] = render_classes
    supported_tms: TileMatrixSets = field(factory=lambda: TileMatrixSets({MATRIX_SET: known_tms.get(MATRIX_SET)}))

    def register_routes(self) -> None:
        """Register these two and none of the factory's others."""
        self.tile()
        self.tilejson()

    def tile(self) -> None:
        """Register the path of the tiles."""
        responses: dict[int | str, dict[str, Any]] = {
            200: {"content": {PNG: {}}, "description": "a picture of 256 × 256 pixels"},
            204: {"description": "there is nothing of the run in the tile"},
        }

        @self.router.get("/{z}/{x}/{y}", response_class=Response, responses=responses)
        @for_role(self.role, kept="run", narrowed=self.narrowed)
        async def tile(
            z: Zoom, x: Index, y: Index, source: Annotated[TileSource, Depends(self.path_dependency)]
        ) -> Response:
            """One tile of a map in Web Mercator, as XYZ."""
            if max(x, y) >= 2**z:
                raise UnknownNameError(
                    f"There is no tile {z}/{x}/{y}: at zoom {z} both numbers are below {2**z}.",
                    vi=f"Không có ô {z}/{x}/{y}: ở mức thu phóng {z} hai số phải nhỏ hơn {2**z}.",
                )
            content, media_type = self._picture(await source.pixels(), z, x, y)
            if not content:
                return Response(status_code=204, headers=source.headers)
            return Response(content, media_type=media_type, headers=source.headers)

    def tilejson(self) -> None:
        """Register the path of the TileJSON."""

        @self.router.get("/tilejson.json", response_model=TileJSON, response_model_exclude_none=True)
        @for_role(self.role, kept="run", narrowed=self.narrowed)
        async def tilejson(source: Annotated[TileSource, Depends(self.path_dependency)]) -> dict[str, Any]:
            """What a map needs to know of the tiles (TileJSON 3.0.0), and what every answer says of itself."""
            return source.describe()

    def _picture(self, raster: Raster, z: int, x: int, y: int) -> tuple[bytes, str]:
        with self.reader(raster, tms=self.supported_tms.get(MATRIX_SET)) as source:
            try:
                image = source.tile(x, y, z)
            except TileOutsideBounds:
                return b"", PNG
        return self.render_func(image)


def _render(codes: npt.NDArray[np.uint8], palette: tuple[Rgba, ...], *, bits: int) -> bytes:
    nothing = bool((codes == len(palette) - 1).all())
    return b"" if nothing else encode_png(codes.astype(np.uint8), palette, bits=bits, effort=6)
