"""From radiated power to the reference-signal level a handset sees, and the spread of places inside a pixel."""

import math
from dataclasses import dataclass

from phusong.coverage.propagation.errors import OutOfValidityError

SUBCARRIERS_PER_BLOCK = 12  # 3GPP TS 36.211 §6.2.3, TS 38.211 §4.4.4.1
CPICH_SHARE_DB = -10.0  # CPICH power below the carrier's total: 10 %, the usual planning share (3GPP TS 25.942 §5.1.6)

# Number of resource blocks by bandwidth [MHz]: 4G TS 36.104 table 5.6-1; 5G TS 38.104 table 5.3.2-1, 15 kHz spacing
# to 20 MHz (frequency-divided bands) and 30 kHz spacing above (time-divided mid bands).
BLOCKS_4G = {1.4: 6, 3.0: 15, 5.0: 25, 10.0: 50, 15.0: 75, 20.0: 100}
BLOCKS_5G = {
    5.0: 25, 10.0: 52, 15.0: 79, 20.0: 106,
    30.0: 78, 40.0: 106, 50.0: 133, 60.0: 162, 70.0: 189, 80.0: 217, 90.0: 245, 100.0: 273,
}  # fmt: skip


@dataclass(frozen=True)
class ReferenceSignal:
    """The signal whose level decides coverage: `quantity` names it, `share_db` is its power over the carrier's [dB]."""

    quantity: str
    share_db: float


def reference_signal(technology: str, bandwidth_mhz: float) -> ReferenceSignal:
    """The reference signal of a technology, and its power against the carrier's total.

    3G: RSCP of the CPICH, 10 % of the carrier. 4G: RSRP, the power of one resource element, EIRP - 10 log10(12 N_RB)
    with all elements at equal power. 5G: SS-RSRP likewise, per resource element of the carrier, without beam gain of
    the synchronisation block over the carrier's EIRP. 2G: the level of the broadcast carrier, its full power.

    Parameters
    ----------
    technology
        `"2G"`, `"3G"`, `"4G"` or `"5G"`.
    bandwidth_mhz
        Carrier bandwidth, one of the standard's for 4G and 5G [MHz].

    Raises
    ------
    OutOfValidityError
        An unknown technology, or a bandwidth that the standard does not have.

    References
    ----------
    3GPP TS 25.215 §5.1.1 (RSCP), TS 36.214 §5.1.1 (RSRP), TS 38.215 §5.1.1 (SS-RSRP).
    """
    if technology == "2G":
        return ReferenceSignal("RxLev", 0.0)
    if technology == "3G":
        return ReferenceSignal("RSCP", CPICH_SHARE_DB)
    tables = {"4G": ("RSRP", BLOCKS_4G), "5G": ("SS-RSRP", BLOCKS_5G)}
    if technology not in tables:
        raise OutOfValidityError(f"`technology` must be one of 2G, 3G, 4G, 5G, got {technology}")
    quantity, blocks = tables[technology]
    if bandwidth_mhz not in blocks:
        known = ", ".join(f"{b:g}" for b in blocks)
        raise OutOfValidityError(f"`bandwidth_mhz` of {technology} must be one of {known}, got {bandwidth_mhz:g}")
    return ReferenceSignal(quantity, -10.0 * math.log10(SUBCARRIERS_PER_BLOCK * blocks[bandwidth_mhz]))


def location_sigma_db(freq_ghz: float, width_m: float) -> float:
    """Standard deviation of location variability outdoors on land within a square pixel [dB]; at sea there is none.

    Parameters
    ----------
    freq_ghz
        Frequency [GHz].
    width_m
        Side of the pixel [m].

    References
    ----------
    Rec. ITU-R P.1812-7, Annex 1, §4.7, for a receiver below the surrounding clutter (u_h = 1).
    """
    return float((0.52 + 0.024 * freq_ghz) * width_m**0.28)
