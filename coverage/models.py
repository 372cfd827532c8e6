"""The propagation model a run is made with, chosen in the settings.

P.1812 is exact on its profiles and the default. The others are named in every answer.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from phusong.coverage.distance_models import distance_model, flat_distance_m
from phusong.coverage.field import LossField, loss_field, point_loss_db
from phusong.coverage.model import Model, PathTerms, Text
from phusong.coverage.propagation.p2108 import STATISTICAL_DISTANCE_RANGE_KM, terrestrial_clutter_loss_db
from phusong.geodata.grid import Raster
from phusong.geodata.settings import ModelSettings

Floats = npt.NDArray[np.float64]
CLUTTER_FROM_KM = STATISTICAL_DISTANCE_RANGE_KM[0]

CLUTTER_NOTE = {
    "en": "Clutter is the statistical loss around the receiver of Rec. ITU-R P.2108-1, §3.2, for towns and suburbs; "
    "land cover along the path does not count.",
    "vi": "Suy hao lớp phủ là giá trị thống kê quanh máy thu theo Khuyến nghị ITU-R P.2108-1, mục 3.2, cho đô thị "
    "và ngoại ô; không xét lớp phủ dọc đường truyền.",
}


@dataclass(frozen=True)
class P1812:
    """Rec. ITU-R P.1812 over the profile of terrain and land cover."""

    name: str = "p1812"
    notes: tuple[Text, ...] = ()

    def field(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, wanted: Raster | None, x_m: float,
        y_m: float, tx_height_agl_m: float, freqs_ghz: Sequence[float], radius_m: float, link: PathTerms,
        threads: int | None = None,
    ) -> LossField:  # fmt: skip
        """See `Model.field`."""
        return loss_field(
            terrain, clutter, zone=zone, wanted=wanted, x_m=x_m, y_m=y_m, tx_height_agl_m=tx_height_agl_m,
            freqs_ghz=freqs_ghz, radius_m=radius_m, threads=threads, **asdict(link),
        )  # fmt: skip

    def points(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, x_m: float, y_m: float,
        to_x_m: npt.ArrayLike, to_y_m: npt.ArrayLike, tx_height_agl_m: float, freqs_ghz: Sequence[float],
        link: PathTerms,
    ) -> Floats:  # fmt: skip
        """See `Model.points`."""
        return point_loss_db(
            terrain, clutter, zone=zone, x_m=x_m, y_m=y_m, to_x_m=to_x_m, to_y_m=to_y_m,
            tx_height_agl_m=tx_height_agl_m, freqs_ghz=freqs_ghz, **asdict(link),
        )  # fmt: skip


@dataclass(frozen=True)
class WithTerminalClutter:
    """A model over bare ground, with the clutter around the receiver by Rec. ITU-R P.2108-1, §3.2, at its median.

    The mast is taken to stand above the clutter. Nearer than 0.25 km, where the Recommendation ends, the loss grows
    with distance from 0, as the engine's own seam does.
    """

    inner: Model

    @property
    def name(self) -> str:
        """Name of the model below."""
        return self.inner.name

    @property
    def notes(self) -> tuple[Text, ...]:
        """Those of the model below, and the clutter's."""
        return (*self.inner.notes, CLUTTER_NOTE)

    def field(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, wanted: Raster | None, x_m: float,
        y_m: float, tx_height_agl_m: float, freqs_ghz: Sequence[float], radius_m: float, link: PathTerms,
        threads: int | None = None,
    ) -> LossField:  # fmt: skip
        """See `Model.field`; `clutter` has no effect."""
        del clutter
        bare = self.inner.field(
            terrain, None, zone=zone, wanted=wanted, x_m=x_m, y_m=y_m, tx_height_agl_m=tx_height_agl_m,
            freqs_ghz=freqs_ghz, radius_m=radius_m, link=link, threads=threads,
        )  # fmt: skip
        added = terminal_clutter_db(flat_distance_m(terrain.grid, x_m, y_m), freqs_ghz)
        return replace(bare, path_loss_db=(bare.path_loss_db + added).astype(np.float32))

    def points(
        self, terrain: Raster, clutter: Raster | None, *, zone: Raster | None, x_m: float, y_m: float,
        to_x_m: npt.ArrayLike, to_y_m: npt.ArrayLike, tx_height_agl_m: float, freqs_ghz: Sequence[float],
        link: PathTerms,
    ) -> Floats:  # fmt: skip
        """See `Model.points`; `clutter` has no effect."""
        del clutter
        bare = self.inner.points(
            terrain, None, zone=zone, x_m=x_m, y_m=y_m, to_x_m=to_x_m, to_y_m=to_y_m,
            tx_height_agl_m=tx_height_agl_m, freqs_ghz=freqs_ghz, link=link,
        )  # fmt: skip
        flat_m = np.hypot(np.atleast_1d(to_x_m) - x_m, np.atleast_1d(to_y_m) - y_m)
        return bare + terminal_clutter_db(flat_m, freqs_ghz)


def terminal_clutter_db(distance_m: Floats, freqs_ghz: Sequence[float]) -> Floats:
    """Median clutter loss at the receiver `[n_freq, …]`, falling to 0 at the mast within 0.25 km [dB].

    Parameters
    ----------
    distance_m
        Distance on the ground, any shape [m].
    freqs_ghz
        Frequencies, 0.5 to 67 [GHz].

    Raises
    ------
    OutOfValidityError
        A frequency outside the range of Rec. ITU-R P.2108-1, §3.2.
    """
    distance_km = 1e-3 * distance_m
    share = np.minimum(distance_km / CLUTTER_FROM_KM, 1.0)
    far_km = np.maximum(distance_km, CLUTTER_FROM_KM)
    return np.stack([share * terrestrial_clutter_loss_db(far_km, freq_ghz=freq) for freq in freqs_ghz])


def find_model(settings: ModelSettings) -> Model:
    """The model that the settings name."""
    model = _plain_model(settings)
    return WithTerminalClutter(model) if settings.clutter_loss == "p2108" else model


def _plain_model(settings: ModelSettings) -> Model:
    if settings.name == "p1812":
        return P1812()
    return distance_model(settings.name, settings.environment)
