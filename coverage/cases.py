"""The ways of counting people that the settings ask for: by threshold profile, outdoors and indoors."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from phusong.coverage.cache import content_key
from phusong.coverage.indoor import indoor_settings
from phusong.coverage.service import station_sigma_db
from phusong.coverage.tally import Rules, make_rules
from phusong.coverage.uplink import level_floor_dbm
from phusong.geodata.grid import Grid
from phusong.geodata.settings import Indoor, Settings

OUTDOORS, INDOORS = "outdoors", "indoors"


@dataclass(frozen=True, eq=False)
class Case:
    """One way of counting people: by a profile, outdoors or indoors. `described` is all that `rules` follow from."""

    where: str
    profile: str
    rules: Rules
    indoor: Indoor | None
    described: dict[str, Any]

    def key(self, signal_key: str) -> str:
        """Hash of all that people counted so follow from, given that of what the pixels have."""
        return content_key({"case": self.described, "signal": signal_key})


def make_cases(settings: Settings, stations: pd.DataFrame, grid: Grid) -> list[Case]:
    """The ways of counting that the settings ask for."""
    floor_dbm = level_floor_dbm(stations, settings.uplink)
    sigma_l_db = station_sigma_db(stations, grid.resolution_m)
    operators = sorted(set(stations["operator"].astype(str)))
    asked: list[tuple[str, Indoor | None, Settings]] = [(OUTDOORS, None, settings)]
    if settings.indoor is not None:
        asked.append((INDOORS, settings.indoor, indoor_settings(settings, settings.indoor)))
    cases = []
    for where, indoor, limited in asked:
        for profile in limited.profiles:
            rules = make_rules(
                profile, sigma_l_db=sigma_l_db, floor_dbm=floor_dbm, model_sigma_db=settings.model_error.sigma_db,
                operators=operators,
            )  # fmt: skip
            described = {
                "profile": profile.model_dump(mode="json"), "sigma_db": settings.model_error.sigma_db,
                "operators": operators, "pixel_m": grid.resolution_m,
                "indoor": indoor and indoor.model_dump(mode="json"),
            }  # fmt: skip
            cases.append(Case(where, profile.name, rules, indoor, described))
    return cases
