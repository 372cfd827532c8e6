"""One path laid open: its profile, the ground and cover that stand nearest to the ray, and what each costs.

The profile and the loss are those of the path evaluator (`field.point_loss_db`), taken apart by leaving mechanisms out
one after the other; the parts add up to its loss.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._combine import loss_by_mechanism_db
from phusong.coverage.propagation._field import near_limit_km
from phusong.coverage.propagation._profile import TOLERANCE_KM, profile_geometry
from phusong.coverage.propagation._ray import MIN_POINTS
from phusong.coverage.propagation._sample import bilinear, line_work, sample_line
from phusong.coverage.propagation._terms import LIGHT_SPEED_GHZ_M, Geometry, Link, slant_db
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.geodata.grid import Raster

Floats = npt.NDArray[np.float64]
Sight = Literal["clear", "fresnel", "blocked"]

NO_SCATTER = -1e9  # a refractivity with which troposcatter is too weak to matter
CLEAR_FRESNEL_SHARE = 0.78 / math.sqrt(2.0)  # P.1812-7, eq. 12: no knife-edge loss at nu <= -0.78; nu = -sqrt(2) share
SHORTEST_KM = 0.001


@dataclass(frozen=True, eq=False)
class PathProfile:
    """What lies under a path, `[n]` from the station to the place.

    Attributes
    ----------
    distance_km
        From the station [km].
    terrain_m
        Terrain [m amsl].
    clutter_m
        Representative clutter that the model counts: none near either end [m].
    bulge_m
        Rise of the curved Earth above the chord between both ends, at the effective Earth radius [m].
    ray_m
        The straight line between the antennas, on the same flat plane [m amsl].
    fresnel_m
        Radius of the first Fresnel zone [m].
    zone
        Radio-climatic zone: 1 sea, 3 coastal land, 4 inland.
    """

    distance_km: Floats
    terrain_m: Floats
    clutter_m: Floats
    bulge_m: Floats
    ray_m: Floats
    fresnel_m: Floats
    zone: npt.NDArray[np.uint8]

    @property
    def clearance_m(self) -> Floats:
        """Height of the ray above ground and cover `[n]`; negative where they stand in its way [m]."""
        clearance: Floats = self.ray_m - self.terrain_m - self.clutter_m - self.bulge_m
        return clearance


@dataclass(frozen=True)
class Obstacle:
    """The point between the ends that obstructs the ray most, by the knife-edge parameter.

    `clearance_m` is the ray's height above its top (negative: it stands in the way), `fresnel_share` that height over
    the radius of the first Fresnel zone; `kind` is clutter where the ground alone would leave the ray free.
    """

    distance_km: float
    terrain_m: float
    clutter_m: float
    ray_m: float
    clearance_m: float
    fresnel_m: float
    fresnel_share: float
    kind: Literal["terrain", "clutter"]


@dataclass(frozen=True)
class LossParts:
    """The basic transmission loss and what it is made of [dB]; the parts add up to it.

    Attributes
    ----------
    free_space_db
        Over the distance between the antennas.
    terrain_db
        Diffraction over the bare ground and the curved Earth.
    clutter_db
        What representative clutter adds to it; with terminal clutter by Rec. ITU-R P.2108, that.
    time_db
        What the time percentage and the blending of line of sight and diffraction change; about 0 at 50 %.
    ducting_db, troposcatter_db
        What these ways around the obstacles take off, at most 0.
    model_db
        What another model than P.1812 adds to free space in one sum; the parts of P.1812 are 0 then.
    """

    free_space_db: float
    terrain_db: float
    clutter_db: float
    time_db: float
    ducting_db: float
    troposcatter_db: float
    model_db: float
    total_db: float


@dataclass(frozen=True)
class Blend:
    """A path nearer than P.1812 goes: `weight` of its excess over free space at `limit_km` on the same ray counts."""

    limit_km: float
    weight: float


@dataclass(frozen=True, eq=False)
class OpenPath:
    """Answer of `open_path`."""

    profile: PathProfile
    obstacle: Obstacle
    sight: Sight
    loss: LossParts
    blend: Blend | None


def open_path(
    terrain: Raster,
    clutter: Raster,
    zone: Raster,
    *,
    x_m: float,
    y_m: float,
    to_x_m: float,
    to_y_m: float,
    spacing_m: float,
    terms: Floats,
    link: Link,
) -> OpenPath:
    """Lay open the path from a mast to a point.

    Parameters
    ----------
    terrain, clutter, zone
        As in `field.point_loss_db`, with the mast and the point inside.
    x_m, y_m, to_x_m, to_y_m
        The mast and the point, in the CRS of the grid [m].
    spacing_m
        Step of the profile [m].
    terms, link
        Terms of one frequency `[13]` and of the link, as `p1812.make_link` gives them.

    Raises
    ------
    OutOfValidityError
        The point is nearer than 1 m to the mast, or the terrain has a hole under the path.

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1, §4.3 to §4.9.
    """
    col, row = (float(part) for part in terrain.grid.pixel_position(x_m, y_m))
    to_col, to_row = (float(part) for part in terrain.grid.pixel_position(to_x_m, to_y_m))
    own_km = math.hypot(to_col - col, to_row - row) * 1e-3 * terrain.grid.resolution_m
    if own_km < SHORTEST_KM:
        raise OutOfValidityError(f"the place must be at least {1e3 * SHORTEST_KM:g} m from the mast")
    limit_km = float(near_limit_km(1e-3 * spacing_m))
    rasters = (terrain, clutter, zone)
    own = _sample(*rasters, col, row, to_col, to_row, own_km, own_km, spacing_m)
    if not np.isfinite(own[1]).all():
        raise OutOfValidityError("the terrain has a hole under the path")
    profile = _describe(own, link, float(terms[0]))
    if own_km >= limit_km:
        parts = _parts(own, terms, link)
        blend = None
    else:
        far = _parts(_sample(*rasters, col, row, to_col, to_row, own_km, limit_km, spacing_m), terms, link)
        blend = Blend(limit_km, own_km / limit_km)
        drop = float(own[1][0]) + link.tx_agl_m - float(own[1][-1]) - link.rx_agl_m
        parts = _blended(far, blend.weight, 92.4 + float(terms[1]) + float(slant_db(own_km, drop)))
    obstacle, sight = _find_obstacle(profile)
    return OpenPath(profile, obstacle, sight, parts, blend)


def _sample(
    terrain: Raster, clutter: Raster, zone: Raster, col: float, row: float, to_col: float, to_row: float,
    own_km: float, total_km: float, spacing_m: float,
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.uint8]]:  # fmt: skip
    """Distance, terrain, clutter and zone along the ray, equally stepped as the path evaluator does it."""
    steps = max(int(total_km / (1e-3 * spacing_m) + 0.5), MIN_POINTS - 1)
    scale = total_km / own_km / steps
    distance = total_km * np.arange(steps + 1) / steps
    ground, cover = np.empty(steps + 1), np.zeros(steps + 1)
    zones = np.full(steps + 1, 4, np.uint8)
    sample_line(
        terrain.values, clutter.values, zone.values, col, row, (to_col - col) * scale, (to_row - row) * scale,
        float(bilinear(terrain.values, col, row)), ground, cover, zones, line_work(steps + 1),
    )  # fmt: skip
    return distance, ground, cover, zones


def _describe(own: tuple[Floats, Floats, Floats, npt.NDArray[np.uint8]], link: Link, freq_ghz: float) -> PathProfile:
    distance, ground, cover, zone = own
    total = float(distance[-1])
    rest = total - distance
    clear_km = link.clear_km + TOLERANCE_KM
    counted = np.where((distance > clear_km) & (rest > clear_km), cover, 0.0)
    counted[[0, -1]] = 0.0
    tx_m, rx_m = ground[0] + link.tx_agl_m, ground[-1] + link.rx_agl_m
    wavelength_m = LIGHT_SPEED_GHZ_M / freq_ghz
    return PathProfile(
        distance,
        ground,
        counted,
        500.0 / link.effective_radius_km * distance * rest,
        (tx_m * rest + rx_m * distance) / total,
        np.sqrt(1e3 * wavelength_m * distance * rest / total),
        zone,
    )


def _find_obstacle(profile: PathProfile) -> tuple[Obstacle, Sight]:
    inside = slice(1, -1)
    share = profile.clearance_m[inside] / profile.fresnel_m[inside]
    at = int(np.argmin(share)) + 1
    clearance = float(profile.clearance_m[at])
    clutter = float(profile.clutter_m[at])
    free_without = clearance + clutter >= CLEAR_FRESNEL_SHARE * profile.fresnel_m[at]
    obstacle = Obstacle(
        float(profile.distance_km[at]), float(profile.terrain_m[at]), clutter, float(profile.ray_m[at]), clearance,
        float(profile.fresnel_m[at]), float(share.min()),
        "clutter" if clutter > 0.0 and free_without else "terrain",
    )  # fmt: skip
    if clearance < 0.0:
        return obstacle, "blocked"
    return obstacle, "clear" if obstacle.fresnel_share >= CLEAR_FRESNEL_SHARE else "fresnel"


def _parts(path: tuple[Floats, Floats, Floats, npt.NDArray[np.uint8]], terms: Floats, link: Link) -> LossParts:
    """The loss of a whole profile by P.1812, and what each mechanism makes of it."""
    distance, ground, cover, zones = path
    geometry: Geometry = profile_geometry(distance, ground, cover, zones, link)
    bare: Geometry = profile_geometry(distance, ground, np.zeros_like(cover), zones, link)
    unscattered = link._replace(surface_refractivity=NO_SCATTER)
    of_terrain, diffraction, diffracted, ducted, total = (
        float(part) for part in loss_by_mechanism_db(geometry, bare, terms, link, unscattered)
    )
    free = 92.4 + float(terms[1]) + geometry.slant_db
    return LossParts(
        free_space_db=free,
        terrain_db=of_terrain,
        clutter_db=diffraction - of_terrain,
        time_db=diffracted - free - diffraction,
        ducting_db=ducted - diffracted,
        troposcatter_db=total - ducted,
        model_db=0.0,
        total_db=total,
    )


def _blended(far: LossParts, weight: float, free_space_db: float) -> LossParts:
    """The parts of a path nearer than P.1812 goes, from those at its limit."""
    return LossParts(
        free_space_db=free_space_db,
        terrain_db=weight * far.terrain_db,
        clutter_db=weight * far.clutter_db,
        time_db=weight * far.time_db,
        ducting_db=weight * far.ducting_db,
        troposcatter_db=weight * far.troposcatter_db,
        model_db=0.0,
        total_db=free_space_db + weight * (far.total_db - far.free_space_db),
    )
