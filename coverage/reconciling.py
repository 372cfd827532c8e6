"""A declared list of settlements without signal against a run: agree, model only, declared only, each with its reason.

Reads only: neither the list nor the comparison changes a figure of the model.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd

from phusong.coverage.prepare import Prepared, prepare
from phusong.coverage.profile import explain_path
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results
from phusong.coverage.service import CLASS_NAMES
from phusong.geodata.settings import ThresholdProfile
from phusong.geodata.village_matching import VillageMatch
from phusong.geodata.workspace import Workspace

Outcome = Literal["agree", "model_only", "declared_only", "unmatched"]
OUTCOMES: tuple[Outcome, ...] = ("agree", "model_only", "declared_only", "unmatched")


@dataclass(frozen=True)
class Reconciled:
    """A settlement, or a row of the list that is no known one, and why list and model say what they say."""

    outcome: Outcome
    row: int | None
    settlement_id: str | None
    name: str
    commune: str | None
    declared: str | None
    modelled: str | None
    measured: str | None
    population: float | None
    reason: str
    reason_vi: str


def reconcile(
    workspace: Workspace,
    results: Results,
    matches: Sequence[VillageMatch],
    *,
    signals: Collection[str],
    commune_code: str | None = None,
) -> list[Reconciled]:
    """Compare a list with the modelled signal of a run by its first profile.

    Parameters
    ----------
    workspace
        Where the paths of the disagreements are explained; as it was when the run was computed.
    results
        The run.
    matches
        Rows of the list, matched to settlements. A row without a value of its own stands for `signals`.
    signals
        Classes that belong on such a list: none, or none and weak.
    commune_code
        Only settlements of this commune; the rows of the list are taken to be of it.

    Returns
    -------
    First what agrees, then what only the model says, only the list, and rows of no known settlement.
    """
    table = results.settlements
    table = table if commune_code is None else table[table["commune_code"] == commune_code]
    profile = next(iter(results.profiles.values()))
    obstacles = _Obstacles(workspace, date.fromisoformat(str(results.manifest["as_of"])))
    listed: dict[str, list[VillageMatch]] = {}
    for match in matches:
        if match.settlement_id is not None:
            listed.setdefault(match.settlement_id, []).append(match)
    found = []
    for row in table.to_dict("records"):
        named: Sequence[VillageMatch | None] = listed.pop(str(row["settlement_id"]), []) or (None,)
        for one in named:
            declared = None if one is None else one.village.value or "/".join(signals)
            on_list = one is not None and (one.village.value is None or one.village.value in signals)
            outcome = _outcome(on_list, row["signal"] in signals)
            if outcome is not None:
                found.append(_settlement(row, one, outcome, declared, profile, obstacles))
    found += [_unmatched(match) for match in matches if match.settlement_id is None or match.settlement_id in listed]
    return sorted(found, key=lambda one: OUTCOMES.index(one.outcome))


def count_outcomes(found: Sequence[Reconciled]) -> dict[str, int]:
    """How many there are of each outcome."""
    counts = Counter(one.outcome for one in found)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _outcome(on_list: bool, in_model: bool) -> Outcome | None:
    if on_list:
        return "agree" if in_model else "declared_only"
    return "model_only" if in_model else None


def _settlement(
    row: dict[Any, Any], match: VillageMatch | None, outcome: Outcome, declared: str | None, profile: ThresholdProfile,
    obstacles: "_Obstacles",
) -> Reconciled:  # fmt: skip
    reason, reason_vi = _why(row, profile, obstacles if outcome != "agree" else None)
    measured = row.get("signal_measured") or None
    if measured:
        reason, reason_vi = f"{reason}; measured: {measured}", f"{reason_vi}; đo kiểm: {measured}"
    people = row["population"]
    return Reconciled(
        outcome, None if match is None else match.village.row, str(row["settlement_id"]), row["name"],
        row["commune_name"] or None, declared, row["signal"], measured, None if pd.isna(people) else float(people),
        reason, reason_vi,
    )  # fmt: skip


def _unmatched(match: VillageMatch) -> Reconciled:
    village = match.village
    reason, reason_vi = match.reason, match.reason_vi
    if match.settlement_id is not None:
        reason, reason_vi = "not in the run, or in another commune", "không có trong lần tính, hoặc thuộc xã khác"
    elif match.candidates:
        best = match.candidates[0]
        about = f"{best.settlement_id} {best.name}, {best.commune}"
        reason, reason_vi = f"{reason}; perhaps {about}", f"{reason_vi}; có thể là {about}"
    return Reconciled(
        "unmatched",
        village.row,
        None,
        village.name,
        village.commune,
        village.value,
        None,
        None,
        None,
        reason,
        reason_vi,
    )


def _why(row: dict[Any, Any], profile: ThresholdProfile, obstacles: "_Obstacles | None") -> tuple[str, str]:
    """What decides the modelled class: the best margin of what counts as signal, its station, what is in the way."""
    if row["signal"] not in CLASS_NAMES:
        return "no position: not modelled", "chưa có tọa độ: không tính được"
    known = [name for name in profile.counts_as_signal if not pd.isna(row.get(f"margin_db_{name}"))]
    if not known:
        mast, away = row["nearest_mast_id"], row["nearest_mast_km"]
        near = f"; nearest mast {mast} at {away:.1f} km" if mast else ""
        near_vi = f"; cột gần nhất {mast} cách {_vi(away, 1)} km" if mast else ""
        return f"no station within the radius{near}", f"không có trạm trong bán kính tính{near_vi}"
    best = max(known, key=lambda name: float(row[f"margin_db_{name}"]))
    margin = float(row[f"margin_db_{best}"])
    station, operator = row[f"station_id_{best}"], row[f"operator_{best}"]
    level, away = float(row[f"rsrp_dbm_{best}"]), float(row[f"distance_km_{best}"])
    side, side_vi = ("above", "trên") if margin >= 0 else ("below", "dưới")
    en = f"{best} of {operator} from {station} at {away:.1f} km: {level:.1f} dBm, {abs(margin):.1f} dB {side} the weak"
    vi = f"{best} {operator}, trạm {station} cách {_vi(away, 1)} km: {_vi(level, 1)} dBm, {side_vi} ngưỡng yếu "
    en, vi = f"{en} limit", f"{vi}{_vi(abs(margin), 1)} dB"
    if row.get("uncertain") == "yes":
        en, vi = f"{en}, within the model's error", f"{vi}, trong phạm vi sai số mô hình"
    hidden, hidden_vi = ("", "") if obstacles is None else obstacles.describe(station, row["lon"], row["lat"])
    return en + hidden, vi + hidden_vi


class _Obstacles:
    """What stands between a station and a place; the workspace is read at the first question."""

    def __init__(self, workspace: Workspace, as_of: date) -> None:
        self._workspace = workspace
        self._as_of = as_of
        self._prepared: Prepared | None = None

    def describe(self, station_id: str, lon: float, lat: float) -> tuple[str, str]:
        """The obstacle that decides, as the end of a sentence; nothing for a station that is no longer there."""
        if self._prepared is None:
            self._prepared = prepare(self._workspace, self._as_of)
        if station_id not in set(self._prepared.layers["stations"]["station_id"]):
            return "; the station is no longer in the layer", "; trạm không còn trong lớp stations"
        try:
            path = explain_path(
                self._workspace, station_id, lon=lon, lat=lat, as_of=self._as_of, prepared=self._prepared
            ).path
        except OutOfValidityError:
            return "", ""  # at the mast
        if path.sight == "clear":
            return "; in line of sight", "; tầm nhìn thẳng"
        by, by_vi = ("cover", "lớp phủ") if path.obstacle.kind == "clutter" else ("terrain", "địa hình")
        at, at_vi = f"{path.obstacle.distance_km:.1f} km", f"{_vi(path.obstacle.distance_km, 1)} km"
        over, over_vi = f"{path.obstacle.clearance_m:.1f} m", f"{_vi(path.obstacle.clearance_m, 1)} m"
        if path.sight == "fresnel":
            return f"; {by} touches the Fresnel zone at {at}", f"; {by_vi} che vùng Fresnel tại {at_vi}"
        return f"; {by} hides it at {at} (clearance {over})", f"; {by_vi} che khuất tại {at_vi} (khoảng hở {over_vi})"


def _vi(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace(".", ",").replace("-", "−")
