"""Models that know distance and heights only: free space, extended Hata, 3GPP TR 38.901 RMa and UMa.

No hill and no land cover between the mast and the place counts; every answer made with one of them says so.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phusong.coverage.field import LossField
from phusong.coverage.model import PathTerms, Text
from phusong.coverage.propagation._sample import bilinear
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.propagation.free_space import free_space_db
from phusong.coverage.propagation.hata import DISTANCE_RANGE_M as HATA_RANGE_M
from phusong.coverage.propagation.hata import Environment, extended_hata_db
from phusong.coverage.propagation.tr38901 import RMA_RANGE_M, UMA_RANGE_M, rma_db, uma_db
from phusong.geodata.grid import Grid, Raster

Floats = npt.NDArray[np.float64]
SEA = 1
MIN_SLANT_M = 1.0

FREE_SPACE_NOTE = {
    "en": "Computed with free-space loss (Rec. ITU-R P.525), not with Rec. ITU-R P.1812: an upper bound of coverage, "
    "as if nothing stood between the mast and the place.",
    "vi": "Tính bằng suy hao không gian tự do (Khuyến nghị ITU-R P.525), không phải P.1812: giới hạn trên của vùng "
    "phủ, như thể không có gì che chắn giữa trạm và điểm thu.",
}
# Loss from (distance on the ground [m], slant distance [m], frequency [GHz], mast and receiver height [m]).
DistanceLoss = Callable[[Floats, Floats, float, float, float], Floats]


@dataclass(frozen=True)
class DistanceModel:
    """A model that knows distance and heights only: no hill and no land cover between the mast and the place.

    Attributes
    ----------
    loss_db
        The formula.
    reach_m
        Longest distance it holds for [m].
    """

    name: str
    notes: tuple[Text, ...]
    loss_db: DistanceLoss
    reach_m: float

    def field(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, wanted: Raster | None, x_m: float,
        y_m: float, tx_height_agl_m: float, freqs_ghz: Sequence[float], radius_m: float, link: PathTerms,
        threads: int | None = None,
    ) -> LossField:  # fmt: skip
        """See `Model.field`; `clutter` and `threads` have no effect."""
        del clutter, threads
        if not 0.0 < radius_m <= self.reach_m:
            raise OutOfValidityError(f"`radius_m` must be above 0 and at most {self.reach_m:g}, got {radius_m}")
        antenna_m = _ground_m(terrain, x_m, y_m) + tx_height_agl_m
        flat_m = flat_distance_m(terrain.grid, x_m, y_m)
        near = flat_m <= radius_m
        if np.isnan(terrain.values[near]).any():
            raise OutOfValidityError("the terrain has holes within the radius of the mast")
        if wanted is not None:
            near &= wanted.values.astype(bool)
        slant_m = _slant_m(flat_m[near], antenna_m - terrain.values[near] - link.rx_height_agl_m)
        loss = np.full((len(freqs_ghz), *terrain.grid.shape), np.nan, dtype=np.float32)
        for band, freq in enumerate(freqs_ghz):
            loss[band, near] = self.loss_db(flat_m[near], slant_m, freq, tx_height_agl_m, link.rx_height_agl_m)

        def distance_3d_m() -> Floats:
            return _slant_m(flat_m, antenna_m - terrain.values - link.rx_height_agl_m)

        at_sea = None if zone is None else zone.values == SEA
        return LossField(loss, terrain.grid, tuple(float(freq) for freq in freqs_ghz), distance_3d_m, at_sea)

    def points(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, x_m: float, y_m: float,
        to_x_m: npt.ArrayLike, to_y_m: npt.ArrayLike, tx_height_agl_m: float, freqs_ghz: Sequence[float],
        link: PathTerms,
    ) -> Floats:  # fmt: skip
        """See `Model.points`; `clutter` and `zone` have no effect."""
        del clutter, zone
        antenna_m = _ground_m(terrain, x_m, y_m) + tx_height_agl_m
        to_x, to_y = np.atleast_1d(np.asarray(to_x_m, float)), np.atleast_1d(np.asarray(to_y_m, float))
        ground = np.array([_ground_m(terrain, x, y) for x, y in zip(to_x, to_y, strict=True)])
        flat_m = np.hypot(to_x - x_m, to_y - y_m)
        slant_m = _slant_m(flat_m, antenna_m - ground - link.rx_height_agl_m)
        losses = [self.loss_db(flat_m, slant_m, f, tx_height_agl_m, link.rx_height_agl_m) for f in freqs_ghz]
        return np.stack(losses)


def distance_model(name: Literal["free_space", "hata", "rma", "uma"], environment: Environment) -> DistanceModel:
    """The model of a name in the settings; `environment` is read by Hata alone."""
    if name == "free_space":
        return DistanceModel(name, (FREE_SPACE_NOTE,), _free_space, math.inf)
    if name == "hata":
        notes = (_note(f"the extended Hata model ({environment})", f"mô hình Hata mở rộng ({environment})"),)
        return DistanceModel(name, notes, _hata(environment), HATA_RANGE_M[1])
    if name == "rma":
        return DistanceModel(name, (_note("3GPP TR 38.901 RMa", "3GPP TR 38.901 RMa"),), _rma, RMA_RANGE_M[1])
    return DistanceModel(name, (_note("3GPP TR 38.901 UMa", "3GPP TR 38.901 UMa"),), _uma, UMA_RANGE_M[1])


def flat_distance_m(grid: Grid, x_m: float, y_m: float) -> Floats:
    """Distance of every pixel's centre from a point, on the grid's plane `[y, x]` [m]."""
    xs, ys = grid.centres()
    return np.hypot(xs[None, :] - x_m, ys[:, None] - y_m)


def _free_space(flat_m: Floats, slant_m: Floats, freq_ghz: float, tx_agl_m: float, rx_agl_m: float) -> Floats:
    del flat_m, tx_agl_m, rx_agl_m
    return free_space_db(slant_m, freq_ghz=freq_ghz)


def _rma(flat_m: Floats, slant_m: Floats, freq_ghz: float, tx_agl_m: float, rx_agl_m: float) -> Floats:
    del slant_m
    return rma_db(flat_m, freq_ghz=freq_ghz, tx_height_agl_m=tx_agl_m, rx_height_agl_m=rx_agl_m)


def _uma(flat_m: Floats, slant_m: Floats, freq_ghz: float, tx_agl_m: float, rx_agl_m: float) -> Floats:
    del slant_m
    return uma_db(flat_m, freq_ghz=freq_ghz, tx_height_agl_m=tx_agl_m, rx_height_agl_m=rx_agl_m)


def _hata(environment: Environment) -> DistanceLoss:
    def loss(flat_m: Floats, slant_m: Floats, freq_ghz: float, tx_agl_m: float, rx_agl_m: float) -> Floats:
        del slant_m
        return extended_hata_db(
            flat_m, freq_ghz=freq_ghz, tx_height_agl_m=tx_agl_m, rx_height_agl_m=rx_agl_m, environment=environment
        )

    return loss


def _ground_m(terrain: Raster, x_m: float, y_m: float) -> float:
    if not terrain.grid.contains(x_m, y_m).all():
        raise OutOfValidityError(f"the point ({x_m:.1f}, {y_m:.1f}) lies outside the terrain raster")
    col, row = (float(part) for part in terrain.grid.pixel_position(x_m, y_m))
    ground = float(bilinear(terrain.values, col, row))
    if not math.isfinite(ground):
        raise OutOfValidityError(f"the point ({x_m:.1f}, {y_m:.1f}) lies in a hole of the terrain")
    return ground


def _note(name: str, ten: str) -> Text:
    return {
        "en": f"Computed with {name}, not with Rec. ITU-R P.1812: no terrain between the mast and the place counts.",
        "vi": f"Tính bằng {ten}, không phải Khuyến nghị ITU-R P.1812: không xét địa hình giữa trạm và điểm thu.",
    }


def _slant_m(flat_m: Floats, drop_m: Floats) -> Floats:
    return np.maximum(np.hypot(flat_m, drop_m), MIN_SLANT_M)
