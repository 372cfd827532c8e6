"""Answers indoors: the outdoor level less building entry loss, counted apart and never mixed with the outdoor answer.

The serving station is the outdoor one, so that between bands of one operator the indoor answer is a lower bound.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.observed import UNKNOWN
from phusong.coverage.propagation.p2109 import building_entry_loss_db
from phusong.coverage.service import ANY, CLASS_NAMES, NO_SIGNAL_CDBM, class_points, group_class, point_layers
from phusong.coverage.signal_tile import SignalTile
from phusong.geodata.settings import Indoor, Settings, ThresholdProfile

PREFIX = "indoor:"
INDICATORS = ("people", "residential_cells", "settlements")


def indoor_settings(settings: Settings, indoor: Indoor) -> Settings:
    """The settings with thresholds for the indoor technologies alone; profiles without any are left out.

    Parameters
    ----------
    settings
        Those of the run.
    indoor
        Their section `indoor`.
    """
    profiles = (_only(profile, indoor.technologies) for profile in settings.profiles)
    return settings.model_copy(update={"profiles": tuple(profile for profile in profiles if profile.thresholds)})


def indoor_level(signal: SignalTile, bands_mhz: npt.ArrayLike, indoor: Indoor) -> SignalTile:
    """Level indoors: that outdoors less building entry loss at the serving station's frequency.

    Parameters
    ----------
    signal
        Best signal outdoors.
    bands_mhz
        Band of every station, in the order of the server codes `[n_station]` [MHz].
    indoor
        Building type and probability.

    Raises
    ------
    OutOfValidityError
        A band outside the range of Rec. ITU-R P.2109.
    """
    bands, band_of = np.unique(bands_mhz, return_inverse=True)
    losses = np.array([indoor_loss_db(float(band) / 1000.0, indoor) for band in bands])[band_of]
    loss_cdb = np.append(np.rint(100.0 * losses), 0.0).astype(np.int32)  # the last one is read by server -1
    level = np.maximum(signal.rsrp_cdbm - loss_cdb[signal.server], NO_SIGNAL_CDBM + 1)
    level = np.where(signal.rsrp_cdbm == NO_SIGNAL_CDBM, NO_SIGNAL_CDBM, level)
    return SignalTile(level.astype(np.int16), signal.server)


def indoor_points(signal: pd.DataFrame, indoor: Indoor) -> pd.DataFrame:
    """A point-signal table with the levels indoors.

    Parameters
    ----------
    signal
        Outdoors; `freq_ghz` of the serving station.
    indoor
        Building type and probability.

    Raises
    ------
    OutOfValidityError
        A band outside the range of Rec. ITU-R P.2109.
    """
    losses = {freq: indoor_loss_db(float(freq), indoor) for freq in signal["freq_ghz"].unique()}
    return signal.assign(rsrp_dbm=signal["rsrp_dbm"] - signal["freq_ghz"].map(losses).astype(float))


def indoor_loss_db(freq_ghz: float, indoor: Indoor) -> float:
    """Building entry loss of the settings at a frequency, horizontal path, to 0.01 dB [dB].

    Parameters
    ----------
    freq_ghz
        Frequency, 0.08 to 100 [GHz].
    indoor
        Building type and probability.

    Raises
    ------
    OutOfValidityError
        A frequency outside its range.
    """
    loss_db = building_entry_loss_db(
        freq_ghz=freq_ghz, building_type=indoor.building_type, probability_pct=indoor.probability_pct
    )
    return round(loss_db, 2)


def indoor_rows(figures: pd.DataFrame) -> pd.DataFrame:
    """The figures indoors, their indicators named `indoor:…`.

    Parameters
    ----------
    figures
        Answer of `figures.compute_figures` for the indoor levels.
    """
    indicator = figures["indicator"]
    counted = indicator.isin(INDICATORS) | indicator.str.startswith("places:")
    served = figures[counted & (figures["service"] != "")]
    return served.assign(indicator=PREFIX + served["indicator"])


def indoor_signal(settlements: pd.DataFrame, signal: pd.DataFrame, settings: Settings) -> "pd.Series[str]":
    """Class of every settlement indoors by the default profile: none, weak, good; unknown without a position.

    Parameters
    ----------
    settlements
        Answer of `compute_settlement_table`.
    signal
        Answer of `indoor_points`.
    settings
        Answer of `indoor_settings`.
    """
    profile = settings.profiles[0]
    counted = [technology for technology in profile.counts_as_signal if technology in profile.thresholds]
    layers = point_layers(settlements["settlement_id"], class_points(signal, profile))
    classes = group_class(layers, counted, ANY, shape=(len(settlements),))
    names = pd.Series(np.array(CLASS_NAMES, dtype=object)[classes], index=settlements.index)
    return names.where(settlements["location_known"], UNKNOWN)


def indoor_note(indoor: Indoor) -> dict[str, str]:
    """What an answer says of its figures indoors."""
    loss = _entry_loss_words(indoor)
    return {
        "en": f"Figures named indoor: are the outdoor level less {loss['en']}; all others are outdoors.",
        "vi": f"Chỉ tiêu indoor: là mức thu ngoài trời trừ {loss['vi']}; các chỉ tiêu khác là ngoài trời.",
    }


def indoor_path_note(indoor: Indoor) -> dict[str, str]:
    """What an explained path says of its level indoors."""
    loss = _entry_loss_words(indoor)
    return {
        "en": f"The level indoors is the outdoor level less {loss['en']}.",
        "vi": f"Mức thu trong nhà là mức thu ngoài trời trừ {loss['vi']}.",
    }


def _entry_loss_words(indoor: Indoor) -> dict[str, str]:
    kind = indoor.building_type.replace("_", "-")
    kieu = {"traditional": "truyền thống", "thermally_efficient": "cách nhiệt"}[indoor.building_type]
    return {
        "en": f"the building entry loss of Rec. ITU-R P.2109 for {kind} buildings, not exceeded in "
        f"{indoor.probability_pct:g} % of cases",
        "vi": f"suy hao vào nhà theo Khuyến nghị ITU-R P.2109, nhà {kieu}, không vượt quá trong "
        f"{indoor.probability_pct:g} % trường hợp",
    }


def _only(profile: ThresholdProfile, technologies: tuple[str, ...] | None) -> ThresholdProfile:
    if technologies is None:
        return profile
    kept = {name: threshold for name, threshold in profile.thresholds.items() if name in technologies}
    return profile.model_copy(update={"thresholds": kept})
