"""The answer on one settlement: its signals, nearest fibre, and why it is not served."""

from typing import Any

import numpy as np
from pydantic import BaseModel
from pyproj import Transformer

from phusong.api.access_views import PublicSettlementRow, public_view
from phusong.api.answers import find_profile, heading, plain_rows, unknown_name
from phusong.api.detail_models import (
    Obstacle,
    PlannedStation,
    PublicPlanned,
    PublicReasons,
    ReasonPath,
    Reasons,
    SettlementAnswer,
)
from phusong.api.models import Answer, NearestFibre, PointSignal, SettlementRow, Text
from phusong.api.served import RunCache, ServedRun
from phusong.api.settlements_answer import settlement_rows
from phusong.coverage.profile import PathExplanation
from phusong.coverage.results import Results
from phusong.coverage.service import CLASS_NAMES, rate_points
from phusong.coverage.uncovered import Planned, Uncovered, explain_uncovered
from phusong.geodata.settings import ThresholdProfile
from phusong.maps.uncovered_text import CAUSE_WORDS, FUNDING_WORDS, format_quarter

_DIGITS = {"rsrp_dbm": 2, "margin_db": 2, "probability": 4, "distance_km": 3}


class PublicSettlementAnswer(Answer):
    """One settlement as everybody may see it."""

    settlement: PublicSettlementRow
    reasons: PublicReasons | None


def settlement_answer(
    run: ServedRun, runs: RunCache, settlement_id: str, *, profile: str | None = None, public: bool = False
) -> BaseModel:
    """Answer on one settlement.

    Parameters
    ----------
    run
        The run.
    runs
        Where it was opened; paths are laid open while stations, ground and settings of the workspace are those of the
        run.
    settlement_id
        Id of the settlement.
    profile
        The threshold profile of row and signals; None is the default one, which alone judges the reasons.
    public
        Leave out what only planners see.

    Raises
    ------
    UnknownNameError
        The run has no such settlement or profile.
    """
    thresholds, rows = find_profile(run.results, profile), settlement_rows(run, profile)
    if settlement_id not in rows.position:
        raise unknown_name("settlement", "điểm dân cư", settlement_id, [])
    row = SettlementRow(**rows.plain[rows.position[settlement_id]])
    described = heading(run.results, thresholds)
    found = None
    if row.signal != "good":
        explained = explain_uncovered(runs.workspace, run.results, [settlement_id], prepare=runs.ground.prepared)
        found = explained[settlement_id]
    if public:
        said, seen = public_view(Answer(**described)), public_view(row)
        return PublicSettlementAnswer.model_validate(
            said.model_dump() | {"settlement": seen.model_dump(), "reasons": None if found is None else _public(found)}
        )
    x_m, y_m = run.points.place(row.lon, row.lat) if row.lon is not None and row.lat is not None else (np.inf, np.inf)
    nearest: NearestFibre | None = runs.fibre.nearest(x_m, y_m, run.results.grid.crs)
    return SettlementAnswer(
        **described,
        settlement=row,
        signals=_signals(run.results, settlement_id, thresholds),
        fibre=nearest,
        reasons=None if found is None else _reasons(found, run.results.grid.crs),
    )


def _signals(results: Results, settlement_id: str, profile: ThresholdProfile) -> list[PointSignal]:
    """What the best station of every technology and operator gives on its own exact path."""
    signals, stations = results.signals, results.stations
    own = signals[signals["point_id"] == f"s{settlement_id}"]
    ids = stations["station_id"].astype(str)
    floor_dbm = dict(zip(ids, results.floor_dbm, strict=True))
    rated = rate_points(own.assign(floor_dbm=[floor_dbm[name] for name in own["station_id"].astype(str)]), profile)
    return [
        PointSignal.model_validate(
            row | {
                "service": CLASS_NAMES[row["service"]],
                **{name: round(row[name], digits) for name, digits in _DIGITS.items()},
            }
        )
        for row in plain_rows(rated)
    ]  # fmt: skip


def _words(found: Uncovered) -> dict[str, Any]:
    (cause, cause_vi), (funding, funding_vi) = CAUSE_WORDS[found.cause], FUNDING_WORDS[found.funding]
    return {
        "cause": found.cause,
        "cause_text": Text(en=cause, vi=cause_vi),
        "funding": found.funding,
        "funding_text": Text(en=funding, vi=funding_vi),
    }


def _public(found: Uncovered) -> PublicReasons:
    planned = None if found.planned is None else PublicPlanned(quarter=_quarter(found.planned))
    return PublicReasons(**_words(found), planned=planned)


def _reasons(found: Uncovered, crs: str) -> Reasons:
    planned = None
    if found.planned is not None:
        path = found.planned.path
        planned = PlannedStation(
            quarter=_quarter(found.planned), on_air_from=found.planned.on_air_from, station_id=path.station.station_id,
            distance_km=path.distance_km, margin_db=path.level.margin_db or 0.0,
        )  # fmt: skip
    return Reasons(**_words(found), paths=[_path(path, crs) for path in found.paths], best=found.best, planned=planned)


def _quarter(planned: Planned) -> Text | None:
    day = planned.on_air_from
    return None if day is None else Text(en=format_quarter(day, "en"), vi=format_quarter(day, "vi"))


def _path(path: PathExplanation, crs: str) -> ReasonPath:
    station, obstacle = path.station, path.path.obstacle
    to_grid, back = Transformer.from_crs(4326, crs, always_xy=True), Transformer.from_crs(crs, 4326, always_xy=True)
    (x_m, to_x_m), (y_m, to_y_m) = to_grid.transform([station.lon, path.place.lon], [station.lat, path.place.lat])
    share = obstacle.distance_km / path.distance_km
    lon, lat = back.transform(x_m + share * (to_x_m - x_m), y_m + share * (to_y_m - y_m))
    return ReasonPath(
        station_id=station.station_id, operator=station.operator, technology=station.technology,
        band_mhz=station.band_mhz, distance_km=path.distance_km, rsrp_dbm=path.level.rsrp_dbm,
        margin_db=path.level.margin_db, service=path.level.service, sight=path.path.sight,
        obstacle=Obstacle(
            lon=round(lon, 6), lat=round(lat, 6), distance_km=obstacle.distance_km, terrain_m=obstacle.terrain_m,
            clutter_m=obstacle.clutter_m, clearance_m=obstacle.clearance_m, fresnel_share=obstacle.fresnel_share,
            kind=obstacle.kind,
        ),
    )  # fmt: skip
