"""The one error of the propagation room."""


class OutOfValidityError(ValueError):
    """A quantity lies outside the range for which the Recommendation is defined.

    Stands outside `PhusongError` because this room imports only numpy, numba and the standard library.
    """
