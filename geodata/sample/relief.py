"""The land of the sample: a coast in the east, a plain, hills, ridged mountains in the west, rivers.

Elevation is a continuous function of position made from gradient noise, so that one seed gives one province
at every resolution. Gradient noise: K. Perlin, "Improving noise", SIGGRAPH 2002.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from affine import Affine

from phusong.geodata.grid import Grid

CRS = "EPSG:32648"
WEST_M, NORTH_M = 689_400.0, 2_134_800.0
"""North-west corner: open water of the Gulf of Tonkin, so that no real place is meant."""
WIDTH_M, HEIGHT_M = 61_200.0, 45_000.0

Floats = npt.NDArray[np.float64]


def sample_grid(resolution_m: float) -> Grid:
    """The area of the sample as a grid of the given resolution [m], edges at its multiples."""
    col0, row1 = np.ceil(WEST_M / resolution_m), np.floor(NORTH_M / resolution_m)
    nx, ny = int(WIDTH_M // resolution_m), int(HEIGHT_M // resolution_m)
    transform = Affine(resolution_m, 0.0, col0 * resolution_m, 0.0, -resolution_m, row1 * resolution_m)
    return Grid(CRS, transform, (ny, nx))


@dataclass(frozen=True, eq=False)
class Noise:
    """Gradient noise of one wavelength [m], about -0.7 to 0.7, from angles `[y, x]` [rad] on a lattice."""

    angles: Floats
    wavelength_m: float

    @classmethod
    def draw(cls, rng: np.random.Generator, wavelength_m: float) -> "Noise":
        """Noise over the sample's area and a wavelength or two around it."""
        ny, nx = int(HEIGHT_M / wavelength_m) + 6, int(WIDTH_M / wavelength_m) + 6
        return cls(rng.uniform(0.0, 2.0 * np.pi, (ny, nx)), wavelength_m)

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Values at x and y, metres from the south-west corner of the area."""
        u, v = x / self.wavelength_m + 2.0, y / self.wavelength_m + 2.0
        ny, nx = self.angles.shape
        col = np.clip(np.floor(u).astype(np.int64), 0, nx - 2)
        row = np.clip(np.floor(v).astype(np.int64), 0, ny - 2)
        fu, fv = u - col, v - row
        cos, sin = np.cos(self.angles), np.sin(self.angles)

        def corner(dr: int, dc: int) -> Floats:
            r, c = row + dr, col + dc
            dot: Floats = cos[r, c] * (fu - dc) + sin[r, c] * (fv - dr)
            return dot

        su = fu**3 * (fu * (fu * 6.0 - 15.0) + 10.0)
        sv = fv**3 * (fv * (fv * 6.0 - 15.0) + 10.0)
        low = corner(0, 0) * (1.0 - su) + corner(0, 1) * su
        high = corner(1, 0) * (1.0 - su) + corner(1, 1) * su
        return low * (1.0 - sv) + high * sv


@dataclass(frozen=True, eq=False)
class Relief:
    """Coast, rivers and elevations of the province that belongs to a seed."""

    seed: int

    @cached_property
    def _coast(self) -> list[Noise]:
        rng = np.random.default_rng([self.seed, 1])
        return [Noise.draw(rng, wavelength_m) for wavelength_m in (17_000.0, 5_000.0, 1_500.0, 500.0)]

    @cached_property
    def _rivers(self) -> list[tuple[float, Noise, Noise]]:
        rng = np.random.default_rng([self.seed, 2])
        return [
            (
                HEIGHT_M * (share + rng.uniform(-0.05, 0.05)),
                Noise.draw(rng, 13_000.0),
                Noise.draw(rng, 3_500.0),
            )
            for share in (0.2, 0.5, 0.8)
        ]

    @cached_property
    def _ridges(self) -> list[Noise]:
        rng = np.random.default_rng([self.seed, 3])
        return [Noise.draw(rng, 9_500.0 / 2.0**octave) for octave in range(8)]

    @cached_property
    def _warp(self) -> tuple[Noise, Noise]:
        rng = np.random.default_rng([self.seed, 4])
        return Noise.draw(rng, 11_000.0), Noise.draw(rng, 11_000.0)

    @cached_property
    def _hills(self) -> list[Noise]:
        rng = np.random.default_rng([self.seed, 5])
        return [Noise.draw(rng, wavelength_m) for wavelength_m in (2_600.0, 900.0, 300.0)]

    def inland_m(self, x: Floats, y: Floats) -> Floats:
        """Distance west of the coast [m], negative at sea; x and y in the CRS, broadcast together."""
        v = y - (NORTH_M - HEIGHT_M)
        bends = (4_500.0, 1_200.0, 350.0, 120.0)
        coast_m = 0.86 * WIDTH_M + sum(
            size_m * noise(np.zeros_like(v), v) for size_m, noise in zip(bends, self._coast, strict=True)
        )
        return np.asarray(coast_m - (x - WEST_M))

    def river_m(self, x: Floats, y: Floats) -> Floats:
        """Distance north or south to the nearest of the three rivers [m]; x and y broadcast together."""
        u, v = x - WEST_M, y - (NORTH_M - HEIGHT_M)
        nearest = np.full(np.broadcast_shapes(np.shape(u), np.shape(v)), np.inf)
        for start_m, bend, meander in self._rivers:
            course_m = start_m + 7_000.0 * bend(u, np.zeros_like(u)) + 1_500.0 * meander(u, np.zeros_like(u))
            nearest = np.minimum(nearest, np.abs(v - course_m))
        return nearest

    def elevation_amsl_m(self, x: Floats, y: Floats) -> Floats:
        """Elevation to a decimetre [m amsl]: at least 1 on land, 0 at sea; x and y broadcast together."""
        inland_m = self.inland_m(x, y)
        km = np.maximum(inland_m, 0.0) / 1000.0
        floor_m = 1.5 + 0.35 * km + 0.11 * km**2
        rise = _smooth((km - 10.0) / 33.0)
        mountain = rise > 0.0
        ridge = np.zeros_like(rise)
        ridge[mountain] = self._ridged(*(part[mountain] for part in np.broadcast_arrays(x, y)))
        height = floor_m + 1_150.0 * rise * ridge + self._hill_m(x, y, km)
        # The valley of a river: its floor reaches the slopes at three half-widths.
        half_width_m = 350.0 + 900.0 * (1.0 - rise)
        height = floor_m + (height - floor_m) * _smooth(self.river_m(x, y) / (4.0 * half_width_m)) ** 1.5
        shore = np.clip(inland_m / 400.0, 0.0, 1.0)
        height = np.maximum(np.round(1.0 + (height - 1.0) * shore, 1), 1.0)
        return np.where(inland_m > 0.0, height, 0.0)

    def _ridged(self, x: Floats, y: Floats) -> Floats:
        """Ridged multifractal, about 0 to 1 with mean 0.3: sharp crests, wide valleys, rough where high."""
        u, v = x - WEST_M, y - (NORTH_M - HEIGHT_M)
        wu, wv = u + 3_000.0 * self._warp[0](u, v), v + 3_000.0 * self._warp[1](u, v)
        total, weight, gain = np.zeros(np.shape(x)), np.ones(np.shape(x)), 1.0
        for noise in self._ridges:
            crest = np.clip(1.0 - 1.9 * np.abs(noise(wu, wv)), 0.0, None) ** 2
            total += gain * weight * crest
            weight = np.clip(crest * 1.6, 0.0, 1.0)
            gain *= 0.48
        return np.clip(total / 1.75, 0.0, None) ** 1.35

    def _hill_m(self, x: Floats, y: Floats, inland_km: Floats) -> Floats:
        """Lone hills of the plain and the unevenness of the ground [m]."""
        u, v = x - WEST_M, y - (NORTH_M - HEIGHT_M)
        large, middle, small = (noise(u, v) for noise in self._hills)
        hills = 420.0 * np.clip(large - 0.22, 0.0, None) * _smooth((inland_km - 3.0) / 6.0)
        dunes = 1.0 + np.minimum(inland_km, 10.0) * 0.5
        return np.asarray(hills + dunes * np.clip(middle + 0.5 * small + 0.3, 0.0, None))


def _smooth(t: Floats) -> Floats:
    """0 below 0, 1 above 1, `3t² − 2t³` between."""
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))
