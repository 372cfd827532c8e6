"""All mechanisms together (Rec. ITU-R P.1812-7, Annex 1, §4.6 to §4.9)."""

import math

from phusong.coverage.propagation._compile import compiled, inlined
from phusong.coverage.propagation._diffraction import diffraction_db
from phusong.coverage.propagation._ducting import ducting_loss_db, ducting_matters
from phusong.coverage.propagation._math import LN_10, exp, falling, log
from phusong.coverage.propagation._terms import band_of, free_space_p_db

_LOG_50 = math.log10(50.0)


@inlined
def enhanced_loss_db(ducting_db, free_p_db):
    """Ducting and line-of-sight enhancement together, L_minbap (eq. 60) [dB]."""
    larger = max(ducting_db, free_p_db)
    return larger + 2.5 * log(1.0 + exp((min(ducting_db, free_p_db) - larger) / 2.5))


@inlined
def combined_loss_db(geometry, band, link, median_db, diffraction_p_db, enhanced_db, location_loss_db):
    """Basic transmission loss not exceeded for the time percentage (§4.6 to 4.9, eqs 57 to 69) [dB].

    `median_db` and `diffraction_p_db` are those of `diffraction_db`; `enhanced_db` is that of `enhanced_loss_db`, or
    infinite where ducting does not matter.
    """
    reach, times = geometry.reach, link.times
    free_p, focused = free_space_p_db(geometry, band, times)
    loss_d = free_p + diffraction_p_db
    excess = max(loss_d - enhanced_db, 0.0)
    loss_d -= excess * (1.0 - reach.near_weight)  # eq. 61

    theta = 1e3 * reach.distance_km / geometry.effective_radius_km + geometry.tx_horizon_mrad + geometry.rx_horizon_mrad
    los_weight = falling(2.4 * (theta - 0.3) / 0.3)  # F_j, eq. 57
    land_diffraction_db = (1.0 - geometry.sea_fraction) * diffraction_p_db
    free = 92.4 + band.freq_db + geometry.slant_db
    free_beta = free + focused * 2.6 * (reach.log_beta0 - _LOG_50)  # L_b0beta, eqs 9b, 11
    diffracted = free + median_db
    lowest = diffracted + (free_beta + land_diffraction_db - diffracted) * reach.interpolation  # eq. 59
    lowest = lowest if times.log_time >= reach.log_beta0 else free_p + land_diffraction_db
    loss_d += (lowest - loss_d) * los_weight  # L_bam, eq. 62

    scatter = 190.1 + band.scatter_db + reach.log_distance_db + 0.573 * theta - 0.15 * link.surface_refractivity
    scatter -= times.scatter_db  # L_bs, eq. 44
    smaller = min(scatter, loss_d)
    weaker = exp((smaller - max(scatter, loss_d)) * (0.2 * LN_10))
    median_loss = smaller - (5.0 / LN_10) * log(1.0 + weaker)  # eq. 63
    return max(free_p, median_loss + location_loss_db)  # eq. 69


@compiled
def enhancement_db(geometry, band, link, diffraction_p_db):
    """`enhanced_loss_db` of a complete geometry, infinite where ducting does not matter [dB]."""
    if not ducting_matters(geometry, band, diffraction_p_db):
        return math.inf
    free_p, _ = free_space_p_db(geometry, band, link.times)
    return enhanced_loss_db(ducting_loss_db(geometry, band, link.times), free_p)


@compiled
def loss_by_mechanism_db(geometry, bare, terms, link, unscattered):
    """Loss of a path as mechanisms are added one after the other [dB].

    `bare` is the geometry without clutter, `unscattered` the link without troposcatter. Returns the diffraction over
    bare ground and over the clutter, and the losses by diffraction, with ducting, and with all.
    """
    band = band_of(terms)
    of_terrain = diffraction_db(bare, band, link)[1]
    median, diffraction_p = diffraction_db(geometry, band, link)
    enhanced = enhancement_db(geometry, band, link, diffraction_p)
    diffracted = combined_loss_db(geometry, band, unscattered, median, diffraction_p, math.inf, 0.0)
    ducted = combined_loss_db(geometry, band, unscattered, median, diffraction_p, enhanced, 0.0)
    total = combined_loss_db(geometry, band, link, median, diffraction_p, enhanced, 0.0)
    return of_terrain, diffraction_p, diffracted, ducted, total


@compiled
def loss_db(geometry, terms, link, location_loss_db):
    """Basic transmission loss of a path whose geometry is complete (§4.9, eq. 69) [dB]."""
    band = band_of(terms)
    median, diffraction_p = diffraction_db(geometry, band, link)
    enhanced = enhancement_db(geometry, band, link, diffraction_p)
    return combined_loss_db(geometry, band, link, median, diffraction_p, enhanced, location_loss_db)
