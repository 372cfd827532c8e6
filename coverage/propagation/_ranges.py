"""Checks of what a formula is given, with one wording."""

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation.errors import OutOfValidityError

Floats = npt.NDArray[np.float64]
Range = tuple[float, float]


def require_within(name: str, value: float, limits: Range) -> None:
    """Refuse a quantity outside its range, or one that is no number.

    Raises
    ------
    OutOfValidityError
        Naming the quantity, the range and the value.
    """
    if not limits[0] <= value <= limits[1]:
        raise OutOfValidityError(f"`{name}` must be within [{limits[0]:g}, {limits[1]:g}], got {value}")


def require_inside(name: str, value: float, limits: Range) -> None:
    """Refuse a quantity that is not strictly between two limits.

    Raises
    ------
    OutOfValidityError
        Naming the quantity, the range and the value.
    """
    if not limits[0] < value < limits[1]:
        raise OutOfValidityError(f"`{name}` must be above {limits[0]:g} and below {limits[1]:g}, got {value}")


def floats_within(name: str, values: npt.ArrayLike, limits: Range) -> Floats:
    """An array of numbers that all lie within a range.

    Raises
    ------
    OutOfValidityError
        Naming the quantity, the range and the first value outside.
    """
    array = np.asarray(values, dtype=np.float64)
    outside = array[~((array >= limits[0]) & (array <= limits[1]))]
    if outside.size:
        require_within(name, float(outside.ravel()[0]), limits)
    return array
