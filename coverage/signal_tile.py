"""The best signal of one technology and operator in one tile: levels and who serves, without what makes them."""

import numpy as np
import numpy.typing as npt

from phusong.coverage.service import NO_SIGNAL_CDBM


class SignalTile:
    """The best signal of one technology and operator in one tile, filled station by station (`signal.merge_station`).

    Merging is associative, commutative and idempotent: (higher level, then smaller station code).

    Attributes
    ----------
    rsrp_cdbm
        Best level `[y, x]`, −32768 where none was computed [0.01 dBm].
    server
        Row of the serving station in the eligible table `[y, x]`, −1 none.
    """

    def __init__(self, rsrp_cdbm: npt.NDArray[np.int16], server: npt.NDArray[np.int32]) -> None:
        self.rsrp_cdbm = rsrp_cdbm
        self.server = server

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> "SignalTile":
        """A tile without a signal."""
        return cls(np.full(shape, NO_SIGNAL_CDBM, np.int16), np.full(shape, -1, np.int32))

    def differs(self, other: "SignalTile") -> npt.NDArray[np.bool_]:
        """Which pixels of another tile of this shape have another level or server."""
        differs: npt.NDArray[np.bool_] = (self.rsrp_cdbm != other.rsrp_cdbm) | (self.server != other.server)
        return differs

    def at(self, pixels: npt.NDArray[np.intp]) -> "SignalTile":
        """Some of the pixels, counted row by row: arrays `[n]`."""
        return SignalTile(self.rsrp_cdbm.ravel()[pixels], self.server.ravel()[pixels])
