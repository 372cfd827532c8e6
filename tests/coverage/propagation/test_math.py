"""The functions that stand in for the mathematical library."""

from collections.abc import Callable

import numpy as np
import pytest

from phusong.coverage.propagation import _math

RNG = np.random.default_rng(11)
SHARES = np.concatenate([RNG.uniform(-1.0, 1.0, 500), [-1.0, 0.0, 1.0]])

Floats = np.ndarray
FUNCTIONS: dict[str, tuple[Callable[..., Floats], list[Floats], float]] = {  # theirs, arguments, largest relative error
    "log": (np.log, [np.concatenate([10.0 ** RNG.uniform(-300.0, 300.0, 500), RNG.uniform(0.5, 2.0, 500)])], 1e-15),
    "log10": (np.log10, [RNG.uniform(1e-6, 1e6, 500)], 6e-16),
    "exp": (np.exp, [np.concatenate([RNG.uniform(-700.0, 700.0, 500), RNG.uniform(-1.0, 1.0, 500)])], 4e-16),
    "power": (np.power, [10.0 ** RNG.uniform(-6.0, 6.0, 500), RNG.uniform(-3.0, 3.0, 500)], 8e-15),
    "falling": (lambda x: 1.0 / (1.0 + np.exp(2.0 * x)), [RNG.normal(0.0, 20.0, 500)], 6e-16),
    "atan": (np.arctan, [np.concatenate([RNG.standard_cauchy(500), SHARES])], 8e-16),
    "sine_of_third": (lambda x: np.sin(np.arcsin(x) / 3.0), [SHARES], 8e-16),
}


def relative_error(name: str) -> float:
    """How far a function of ours is from that of numpy at worst."""
    theirs, arguments, _ = FUNCTIONS[name]
    function, expected = getattr(_math, name), theirs(*arguments)
    found = np.array([function(*values) for values in zip(*arguments, strict=True)])
    return float(np.max(np.abs(found - expected) / np.where(expected == 0.0, 1.0, np.abs(expected))))


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_each_function_is_that_of_the_library(name: str) -> None:
    assert relative_error(name) <= FUNCTIONS[name][2]


def test_an_exponential_ends_where_numbers_end() -> None:
    assert _math.exp(-1e9) == _math.exp(-709.0) > 0.0
    assert _math.exp(1e9) == _math.exp(709.0) < np.inf
