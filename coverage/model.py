"""What every propagation model of a run offers, and what every path of a run has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phusong.coverage.field import LossField
from phusong.geodata.grid import Raster

Floats = npt.NDArray[np.float64]
Text = dict[str, str]


@dataclass(frozen=True)
class PathTerms:
    """What every path of a run has in common; units in the names, meaning as in `field.loss_field`."""

    rx_height_agl_m: float
    time_pct: float
    polarization: str
    mid_lat_deg: float
    delta_n: float
    surface_refractivity: float
    spacing_m: float
    end_clearance_m: float


class Model(Protocol):
    """Loss from a mast to pixels and to points."""

    @property
    def name(self) -> str:
        """Name in the settings."""
        ...

    @property
    def notes(self) -> tuple[Text, ...]:
        """What every answer must say of the model, English and Vietnamese."""
        ...

    def field(
        self,
        terrain: Raster,
        clutter: Raster | None,
        *,
        zone: Raster | None,
        wanted: Raster | None,
        x_m: float,
        y_m: float,
        tx_height_agl_m: float,
        freqs_ghz: Sequence[float],
        radius_m: float,
        link: PathTerms,
        threads: int | None = None,
    ) -> LossField:
        """Loss to every wanted pixel within the radius; arguments as in `field.loss_field`.

        Raises
        ------
        OutOfValidityError
            A quantity outside the model's range.
        """
        ...

    def points(
        self,
        terrain: Raster,
        clutter: Raster | None,
        *,
        zone: Raster | None,
        x_m: float,
        y_m: float,
        to_x_m: npt.ArrayLike,
        to_y_m: npt.ArrayLike,
        tx_height_agl_m: float,
        freqs_ghz: Sequence[float],
        link: PathTerms,
    ) -> Floats:
        """Loss to points `[n_freq, n]` [dB]; arguments as in `field.point_loss_db`.

        Raises
        ------
        OutOfValidityError
            A quantity outside the model's range.
        """
        ...
