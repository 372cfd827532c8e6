"""Elementary functions that the processor evaluates side by side for several samples.

A call into the mathematical library keeps a loop from being done side by side; these are plain arithmetic. Each is a
reduction to a small interval and a Taylor series there, within 1e-15 of the function, relative where its value is
above 1. Arguments are finite.
"""

import math

import numpy as np

from phusong.coverage.propagation._compile import inlined

LN_10 = math.log(10.0)
_LN_2_HIGH = math.ldexp(round(math.ldexp(math.log(2.0), 32)), -32)  # its product with an exponent is exact
_LN_2_LOW = -4.2009150726810846e-11  # ln 2 - _LN_2_HIGH
_LARGEST = 709.0  # exp of more than this overflows
_ROUND = 6755399441055744.0  # 1.5 2^52: added to a number, it leaves the nearest integer in the lowest bits
_ROUND_BITS = np.int64(0x4338000000000000)
_ROOT_HALF_BITS = np.int64(0x3FE6A09E00000000)
_MANTISSA_BITS = np.int64(52)
_E = tuple(1.0 / math.factorial(n) for n in range(14))


@inlined
def log(x):
    """Natural logarithm of a positive, normal number."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _ROOT_HALF_BITS) >> _MANTISSA_BITS
    mantissa = np.int64(bits - (exponent << _MANTISSA_BITS)).view(np.float64)  # sqrt(1/2) to sqrt(2)
    power = np.int64(exponent + _ROUND_BITS).view(np.float64) - _ROUND
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z / 17)))))))
    return power * _LN_2_HIGH + (2.0 * s * (1.0 + series) + power * _LN_2_LOW)


@inlined
def exp(x):
    """Exponential function; an argument beyond +-709 counts as that."""
    x = min(max(x, -_LARGEST), _LARGEST)
    shifted = x * (1.0 / math.log(2.0)) + _ROUND
    power = shifted - _ROUND
    r = (x - power * _LN_2_HIGH) - power * _LN_2_LOW
    series = _E[8] + r * (_E[9] + r * (_E[10] + r * (_E[11] + r * (_E[12] + r * _E[13]))))
    series = _E[3] + r * (_E[4] + r * (_E[5] + r * (_E[6] + r * (_E[7] + r * series))))
    value = 1.0 + r * (1.0 + r * (_E[2] + r * series))
    return np.int64(np.float64(value).view(np.int64) + (np.float64(shifted).view(np.int64) << _MANTISSA_BITS)).view(
        np.float64
    )


@inlined
def log10(x):
    """Decimal logarithm."""
    return log(x) * (1.0 / LN_10)


@inlined
def power(x, exponent):
    """Power of a number that is not negative; 0 to a positive power is below 1e-300."""
    return exp(exponent * log(x))


@inlined
def falling(x):
    """1 - (1 + tanh x) / 2: the share that falls from 1 to 0 as x grows."""
    return 1.0 / (1.0 + exp(2.0 * x))


@inlined
def _quarter_atan(t):
    """A quarter of atan of the number whose half angle has the tangent `t`, |t| <= 1."""
    t = t / (1.0 + math.sqrt(1.0 + t * t))
    t = t / (1.0 + math.sqrt(1.0 + t * t))
    z = t * t  # at most tan(pi / 16)^2 = 0.0396
    series = z * (1 / 9 - z * (1 / 11 - z * (1 / 13 - z * (1 / 15 - z * (1 / 17 - z / 19)))))
    series = z * (1 / 3 - z * (1 / 5 - z * (1 / 7 - series)))
    return 2.0 * t * (1.0 - series)


@inlined
def atan(x):
    """Angle whose tangent is x [rad]."""
    return 4.0 * _quarter_atan(x / (1.0 + math.sqrt(1.0 + x * x)))


@inlined
def sine_of_third(x):
    """sin(asin(x) / 3) for -1 <= x <= 1: the middle root of a cubic equation with three real ones."""
    angle = 4.0 / 3.0 * _quarter_atan(x / (1.0 + math.sqrt(max(1.0 - x * x, 0.0))))  # within pi / 6
    z = angle * angle
    series = z * (_E[7] - z * (_E[9] - z * (_E[11] - z * _E[13])))
    return angle * (1.0 - z * (_E[3] - z * (_E[5] - series)))
