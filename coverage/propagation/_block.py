"""P.1812 for a block of samples side by side: what evaluators read off their profiles goes in, losses come out.

A block is one array of rows of `BLOCK` places, one place a sample; the name of a row is where it starts. For each block
an evaluator fills the rows down to `ROUGHNESS` and those of each Earth down to `RX_SLOPE`, calls `fill_up` and
`complete`, and for each band `diffract`, `put_roughness` for those samples for which ducting matters, and `combine`.

Loops count in unsigned numbers: a number that may be negative would be looked up from the end of a row, which keeps the
processor from doing several at a time.
"""

import math

import numpy as np
import numpy.typing as npt

from phusong.coverage.propagation._combine import combined_loss_db, enhanced_loss_db
from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._diffraction import diffraction_loss_db, spherical_clearance
from phusong.coverage.propagation._ducting import ducting_loss_db, ducting_matters, reach_of, with_zones
from phusong.coverage.propagation._math import atan
from phusong.coverage.propagation._profile import (
    NO_COAST_KM,
    bullington_point_nu,
    diffraction_surface_m,
    smooth_surface_m,
)
from phusong.coverage.propagation._steps import last_point_of, smooth_nu, steepest
from phusong.coverage.propagation._terms import (
    EARTH_RADIUS_KM,
    K_BETA,
    Diffraction,
    Geometry,
    Reach,
    free_space_p_db,
    slant_db,
)

Floats = npt.NDArray[np.float64]
BLOCK = 64  # samples: so many that all rows stay in the processor's nearest memory
_LANES = 16  # samples done side by side
REACH_ROWS = len(Reach._fields)

# The fields of `Reach`
(
    DISTANCE, LOG_DISTANCE, NEAR_WEIGHT, DUCTING_DECAY, DUCTING_GROWTH, LOG_BETA0, INTERPOLATION, DUCTING_EXPONENT,
    DUCTING_TIME_FLOOR,
) = (np.uint64(BLOCK * row) for row in range(9))  # fmt: skip

# What an evaluator fills: distances [km], heights [m amsl], slopes [m/km]; the roughness is NaN until it is asked for
(
    STEP, STEPS, LAND, INLAND, RX_GROUND, V1, V2, OBSTRUCTION, TX_OBSTRUCTION_SLOPE, RX_OBSTRUCTION_SLOPE, IN_SIGHT,
    TX_HORIZON_SLOPE, RX_HORIZON_SLOPE, TX_HORIZON, RX_HORIZON, SEA_FRACTION, TX_COAST, RX_COAST, ROUGHNESS,
) = (np.uint64(BLOCK * row) for row in range(9, 28))  # fmt: skip

# Of each Earth an evaluator fills the knife-edge parameter in line of sight, or NaN and the two slopes beyond it
MEDIAN_EARTH, BETA_EARTH = np.uint64(BLOCK * 28), np.uint64(BLOCK * 35)
NU, TX_SLOPE, RX_SLOPE, _NU_SMOOTH, _CLEARANCE, _REQUIRED, _RADIUS_ROOT = (np.uint64(BLOCK * row) for row in range(7))

# What follows
(
    SLANT_DB, _TX_HIGH, _RX_HIGH, TX_EFFECTIVE, RX_EFFECTIVE, _TX_MRAD, _RX_MRAD, _MEDIAN_DB, _DIFFRACTION_P_DB,
    _MATTERS, _ENHANCED_DB, LOSS_DB,
) = (np.uint64(BLOCK * row) for row in range(42, 54))  # fmt: skip
_ROWS = 54
_FILLED = tuple(np.uint64(BLOCK * row) for row in (*range(31), *range(35, 38)))
_DUCTING = (
    DISTANCE, DUCTING_DECAY, LOG_BETA0, DUCTING_EXPONENT, RX_GROUND, IN_SIGHT, TX_HORIZON, RX_HORIZON, SEA_FRACTION,
    TX_COAST, RX_COAST, ROUGHNESS, SLANT_DB, TX_EFFECTIVE, RX_EFFECTIVE, _TX_MRAD, _RX_MRAD,
)  # fmt: skip


@compiled
def new_block():
    """An empty block."""
    return np.zeros(_ROWS * BLOCK)


@inlined
def _diffraction_at(w, earth, i):
    return Diffraction(
        w[earth + NU + i], w[earth + _NU_SMOOTH + i], w[earth + _CLEARANCE + i], w[earth + _REQUIRED + i],
        w[earth + _RADIUS_ROOT + i],
    )  # fmt: skip


@inlined
def _reach_at(w, i):
    return Reach(
        w[DISTANCE + i], w[LOG_DISTANCE + i], w[NEAR_WEIGHT + i], w[DUCTING_DECAY + i], w[DUCTING_GROWTH + i],
        w[LOG_BETA0 + i], w[INTERPOLATION + i], w[DUCTING_EXPONENT + i], w[DUCTING_TIME_FLOOR + i],
    )  # fmt: skip


@inlined
def _put_reach(w, i, reach):
    w[LOG_DISTANCE + i], w[NEAR_WEIGHT + i] = reach.log_distance_db, reach.near_weight
    w[DUCTING_DECAY + i], w[DUCTING_GROWTH + i] = reach.ducting_decay, reach.ducting_growth
    w[LOG_BETA0 + i], w[INTERPOLATION + i] = reach.log_beta0, reach.interpolation
    w[DUCTING_EXPONENT + i], w[DUCTING_TIME_FLOOR + i] = reach.ducting_exponent, reach.ducting_time_floor_db


@inlined
def _geometry_at(w, i, tx_m, link):
    return Geometry(
        _reach_at(w, i), w[IN_SIGHT + i] > 0.0, tx_m, w[RX_GROUND + i] + link.rx_agl_m, w[SLANT_DB + i],
        link.effective_radius_km, _diffraction_at(w, MEDIAN_EARTH, i), _diffraction_at(w, BETA_EARTH, i),
        w[_TX_HIGH + i], w[_RX_HIGH + i], w[TX_EFFECTIVE + i], w[RX_EFFECTIVE + i], w[ROUGHNESS + i],
        w[TX_HORIZON + i], w[RX_HORIZON + i], w[_TX_MRAD + i], w[_RX_MRAD + i], w[SEA_FRACTION + i], w[TX_COAST + i],
        w[RX_COAST + i],
    )  # fmt: skip


@compiled
def put_inland(w):
    """Make the whole block a block of paths that meet no other zone."""
    for i in range(np.uint64(BLOCK)):
        w[SEA_FRACTION + i] = 0.0
        w[TX_COAST + i] = w[RX_COAST + i] = NO_COAST_KM


@compiled
def fill_up(w, n):
    """Repeat the last of `n` samples up to a multiple of what is done side by side; returns that multiple."""
    full = (n + _LANES - 1) // _LANES * _LANES
    for row in _FILLED:
        last = w[row + np.uint64(n - 1)]
        for i in range(np.uint64(n), np.uint64(full)):
            w[row + i] = last
    return full


@compiled
def fill_reach(w, n, link):
    """Fill the rows of `Reach` from distances and zones."""
    for i in range(np.uint64(n)):
        _put_reach(w, i, reach_of(w[DISTANCE + i], w[LAND + i], w[INLAND + i], link))


@compiled
def fill_zones(w, n, link):
    """Correct the rows of `Reach`, filled for inland zones, for the zones that there are."""
    for i in range(np.uint64(n)):
        _put_reach(w, i, with_zones(_reach_at(w, i), w[LAND + i], w[INLAND + i], link))


@inlined
def _complete_earth(w, n, earth, tx_m, radius_km, link):
    bulge = 500.0 / radius_km
    for i in range(np.uint64(n)):
        clearance, required, radius_root = spherical_clearance(
            w[DISTANCE + i], w[_TX_HIGH + i], w[_RX_HIGH + i], radius_km, link.wavelength_root
        )
        w[earth + _CLEARANCE + i], w[earth + _REQUIRED + i], w[earth + _RADIUS_ROOT + i] = (
            clearance, required, radius_root,
        )  # fmt: skip
    for i in range(np.uint64(n)):
        w[earth + _NU_SMOOTH + i] = smooth_nu(w[STEP + i], w[STEPS + i], w[_TX_HIGH + i], w[_RX_HIGH + i], bulge)
    for i in range(np.uint64(n)):
        beyond = bullington_point_nu(
            w[DISTANCE + i], w[earth + TX_SLOPE + i], w[earth + RX_SLOPE + i], tx_m, w[RX_GROUND + i] + link.rx_agl_m
        )
        w[earth + NU + i] = beyond if math.isnan(w[earth + NU + i]) else w[earth + NU + i]


@compiled
def complete(w, n, tx_ground_m, link):
    """Fill what all bands have in common."""
    tx_m = tx_ground_m + link.tx_agl_m
    for i in range(np.uint64(n)):
        ground = w[RX_GROUND + i]
        tx_surface, rx_surface = smooth_surface_m(w[DISTANCE + i], w[V1 + i], w[V2 + i])
        tx_low, rx_low = diffraction_surface_m(
            tx_surface, rx_surface, tx_ground_m, ground, w[OBSTRUCTION + i], w[TX_OBSTRUCTION_SLOPE + i],
            w[RX_OBSTRUCTION_SLOPE + i],
        )  # fmt: skip
        rx_m = ground + link.rx_agl_m
        w[_TX_HIGH + i], w[_RX_HIGH + i] = tx_m - tx_low, rx_m - rx_low
        w[TX_EFFECTIVE + i] = tx_m - min(tx_surface, tx_ground_m)
        w[RX_EFFECTIVE + i] = rx_m - min(rx_surface, ground)
        w[SLANT_DB + i] = slant_db(w[DISTANCE + i], tx_m - rx_m)
    for i in range(np.uint64(n)):
        w[_TX_MRAD + i] = 1e3 * atan(1e-3 * w[TX_HORIZON_SLOPE + i])
        w[_RX_MRAD + i] = 1e3 * atan(1e-3 * w[RX_HORIZON_SLOPE + i])
    _complete_earth(w, n, MEDIAN_EARTH, tx_m, link.effective_radius_km, link)
    if link.times.time_pct < 50.0:
        _complete_earth(w, n, BETA_EARTH, tx_m, K_BETA * EARTH_RADIUS_KM, link)


@inlined
def _diffract_earth(w, n, earth, tx_m, band, link, with_sea, out):
    for i in range(np.uint64(n)):
        g = _geometry_at(w, i, tx_m, link)
        w[out + i] = diffraction_loss_db(g, _diffraction_at(w, earth, i), band, link.is_vertical, with_sea)


@compiled
def diffract(w, n, tx_ground_m, band, link, with_sea, which):
    """Fill the diffraction losses of a band; returns how many samples ducting matters for, and fills `which`."""
    tx_m = tx_ground_m + link.tx_agl_m
    if with_sea:
        _diffract_earth(w, n, MEDIAN_EARTH, tx_m, band, link, True, _MEDIAN_DB)
    else:
        _diffract_earth(w, n, MEDIAN_EARTH, tx_m, band, link, False, _MEDIAN_DB)
    if link.times.time_pct >= 50.0:
        for i in range(np.uint64(n)):
            w[_DIFFRACTION_P_DB + i] = w[_MEDIAN_DB + i]
    else:
        if with_sea:
            _diffract_earth(w, n, BETA_EARTH, tx_m, band, link, True, _DIFFRACTION_P_DB)
        else:
            _diffract_earth(w, n, BETA_EARTH, tx_m, band, link, False, _DIFFRACTION_P_DB)
        for i in range(np.uint64(n)):
            median = w[_MEDIAN_DB + i]
            w[_DIFFRACTION_P_DB + i] = median + w[INTERPOLATION + i] * (w[_DIFFRACTION_P_DB + i] - median)
    for i in range(np.uint64(n)):
        matters = ducting_matters(_geometry_at(w, i, tx_m, link), band, w[_DIFFRACTION_P_DB + i])
        w[_MATTERS + i] = 1.0 if matters else 0.0
    count = 0
    for i in range(n):
        which[count] = i
        count += int(w[_MATTERS + np.uint64(i)])
    return count


@inlined
def _add_ducting(w, packed, which, count, tx_m, band, link):
    """Gather the samples `which[:count]` side by side for what ducting asks, and put the answers back."""
    for row in _DUCTING:
        for q in range(count):
            packed[row + np.uint64(q)] = w[row + np.uint64(which[q])]
    full = (count + _LANES - 1) // _LANES * _LANES
    for row in _DUCTING:
        for q in range(count, full):
            packed[row + np.uint64(q)] = packed[row]
    for i in range(np.uint64(full)):
        g = _geometry_at(packed, i, tx_m, link)
        free_p, _ = free_space_p_db(g, band, link.times)
        packed[_ENHANCED_DB + i] = enhanced_loss_db(ducting_loss_db(g, band, link.times), free_p)
    for q in range(count):
        w[_ENHANCED_DB + np.uint64(which[q])] = packed[_ENHANCED_DB + np.uint64(q)]


@compiled
def put_roughness(w, m, stem_m, stem_flat, start, terrain_m, flat, tx_m, link, tables):
    """Put the roughness (eq. 95) of a path in place `m`, and in line of sight its horizons (eq. 81).

    Ground and ground on a flattened Earth are those of `stem_m` and `stem_flat` before point `start`, which is at
    least 1, and those of `terrain_m` and `flat` from there on.
    """
    step_km, total, one, root = w[STEP + m], w[DISTANCE + m], tables.one, tables.root
    k = int(w[STEPS + m])
    rx_m = w[RX_GROUND + m] + link.rx_agl_m
    first, last = int(w[TX_HORIZON + m] / step_km + 0.5), k - int(w[RX_HORIZON + m] / step_km + 0.5)
    if w[IN_SIGHT + m] > 0.0:
        slope = w[TX_HORIZON_SLOPE + m] * step_km
        before = steepest(stem_flat, root, root, 1, start, k, tx_m, slope)
        nu = steepest(flat, root, root, start, k, k, tx_m, slope)
        if before > nu:
            first = last_point_of(before, stem_flat, root, root, 1, start, k, tx_m, slope)
        else:
            first = last_point_of(nu, flat, root, root, start, k, k, tx_m, slope)
        last = first
        w[TX_HORIZON + m], w[RX_HORIZON + m] = first * step_km, total - first * step_km
    tx_surface, rx_surface = tx_m - w[TX_EFFECTIVE + m], rx_m - w[RX_EFFECTIVE + m]
    slope, middle = (rx_surface - tx_surface) / k, min(max(start, first), last + 1)
    w[ROUGHNESS + m] = max(
        steepest(stem_m, one, one, first, middle, k, tx_surface, slope),
        steepest(terrain_m, one, one, middle, last + 1, k, tx_surface, slope),
    )


@compiled
def combine(w, packed, n, tx_ground_m, band, link, which, count):
    """Fill the losses of a band; the roughness of the samples `which[:count]` must stand in the block."""
    tx_m = tx_ground_m + link.tx_agl_m
    for i in range(np.uint64(n)):
        w[_ENHANCED_DB + i] = np.inf
    if count > 0:
        _add_ducting(w, packed, which, count, tx_m, band, link)
    for i in range(np.uint64(n)):
        g = _geometry_at(w, i, tx_m, link)
        w[LOSS_DB + i] = combined_loss_db(
            g, band, link, w[_MEDIAN_DB + i], w[_DIFFRACTION_P_DB + i], w[_ENHANCED_DB + i], 0.0
        )
