"""Figures that a run does not keep but its settlements tell: of every settlement, and of the eight states."""

import pandas as pd

from phusong.coverage.figures import COLUMNS
from phusong.coverage.results import Results
from phusong.coverage.service import ANY, CLASS_NAMES, technology_groups
from phusong.coverage.settlements import SERVED, eight_states
from phusong.geodata.settings import ThresholdProfile

_RANK = {name: position for position, name in enumerate(CLASS_NAMES)}


def judged_by(results: Results, profile: ThresholdProfile) -> pd.DataFrame:
    """The settlements with the signal that a profile gives them, and how uncertain it is."""
    table = results.settlements
    if profile.name == next(iter(results.profiles)):
        return table
    judged = {name: f"{name}__{profile.name}" for name in ("signal", "signal_published", "uncertain")}
    return table.assign(**{name: table[column] for name, column in judged.items() if column in table})


def state_figures(results: Results, profile: ThresholdProfile) -> pd.DataFrame:
    """Settlements of every unit by signal × power × broadband, and those of a served state with a weak signal only.

    Parameters
    ----------
    results
        The run.
    profile
        The profile that decides the signal.
    """
    states = eight_states(judged_by(results, profile))
    province, whole = results.units("province").iloc[0], states["level"] == "province"
    states = states.assign(
        unit_code=states["unit_code"].mask(whole, province["code"]),
        unit_name=states["unit_name"].mask(whole, province["name"]),
    )
    of_unit = states.groupby(["level", "unit_code"])["settlements"].transform("sum")
    served = states["signal"] == SERVED
    counted = [
        states.assign(indicator="states", numerator=states["settlements"], denominator=of_unit),
        states.assign(indicator="states:weak", numerator=states["weak"], denominator=states["settlements"])[served],
    ]
    figures = pd.concat(counted, ignore_index=True).rename(columns={"state": "service"})
    figures = figures.astype({"numerator": float, "denominator": float})
    share = figures["numerator"].div(figures["denominator"].where(figures["denominator"] > 0))
    figures = figures.assign(share=share, technology="", operator=ANY, profile=profile.name, reason="")
    return figures.sort_values(["unit_code", "indicator"], kind="stable").reindex(columns=list(COLUMNS))


def settlement_figures(results: Results, profile: ThresholdProfile) -> pd.DataFrame:
    """The class of every settlement by the default profile as figures of one: 1 of 1 or 0 of 1.

    Parameters
    ----------
    results
        The run.
    profile
        Its default profile.
    """
    table = results.settlements
    parts = []
    for label, technologies in technology_groups(profile).items():
        ranks = [table[f"class_{name}"].map(_RANK) for name in technologies]
        rank = pd.concat(ranks, axis=1).max(axis=1)
        for service in CLASS_NAMES[1:]:
            parts.append(_share_of_one(table, rank >= _RANK[service], label, service))
    figures = pd.concat(parts, ignore_index=True).assign(
        level="settlement", operator=ANY, profile=profile.name, indicator="settlements"
    )
    return figures.sort_values("unit_code", kind="stable")


def _share_of_one(table: pd.DataFrame, served: "pd.Series[bool]", technology: str, service: str) -> pd.DataFrame:
    known = table["location_known"].astype(bool)
    numerator = served.astype(float).where(known)
    return pd.DataFrame(
        {
            "unit_code": table["settlement_id"],
            "unit_name": table["name"],
            "technology": technology,
            "service": service,
            "numerator": numerator,
            "denominator": known.astype(float).where(known),
            "share": numerator,
            "reason": pd.Series("needs the position of the settlement", table.index).where(~known),
        }
    )
