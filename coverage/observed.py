"""What was declared or measured at settlements, beside what the model says; none of it changes a figure of the model.

Declared is what a commune, an operator or an official list states; measured is a survey on the spot, or else the
drive-test and crowd points around the settlement. The published status of a settlement follows the settings.
"""

from datetime import date

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from phusong.coverage.service import CLASS_NAMES
from phusong.geodata.errors import InputError
from phusong.geodata.schemas import SURVEY
from phusong.geodata.settings import Published, ThresholdProfile

YES, NO, UNKNOWN = "yes", "no", "unknown"
DECLARED, MEASURED, MODELLED = "declared", "measured", "modelled"
_INDICATORS = ("signal", "power", "broadband")


def observed_columns(observations: pd.DataFrame | None, ids: "pd.Series[str]", as_of: date) -> pd.DataFrame:
    """What observations up to a date say of each settlement, "" where they are silent.

    Parameters
    ----------
    observations
        The layer; of a settlement and indicator the latest one counts, of one date the last row.
    ids
        Ids of the settlements.
    as_of
        Later observations are not used.

    Returns
    -------
    For signal, power and broadband `<indicator>_declared` and `<indicator>_measured`, `<indicator>_latest` of both with
    its `<indicator>_latest_source`; and households_connected (NaN where silent).

    Raises
    ------
    InputError
        A value of power or broadband is not yes, no or unknown, or of households no number.
    """
    known = _up_to(observations, as_of)
    columns: dict[str, object] = {}
    for indicator in _INDICATORS:
        rows = known[known["indicator"] == indicator]
        for source in (DECLARED, MEASURED):
            columns[f"{indicator}_{source}"] = _last(rows[rows["origin"] == source], "value", ids)
        columns[f"{indicator}_latest"] = _last(rows, "value", ids)
        columns[f"{indicator}_latest_source"] = _last(rows, "origin", ids)
    table = pd.DataFrame(columns, index=ids.index)
    for name in ("power", "broadband"):
        for column in (f"{name}_{DECLARED}", f"{name}_{MEASURED}", f"{name}_latest"):
            table[column] = _yes_no(table[column], name, ids)
    connected = _last(known[known["indicator"] == "households_connected"], "value", ids)
    return table.assign(households_connected=_count(connected, ids))


def measured_signal(
    points: gpd.GeoSeries, measurements: gpd.GeoDataFrame | None, profile: ThresholdProfile, published: Published, *,
    as_of: date, crs: str,
) -> npt.NDArray[np.object_]:  # fmt: skip
    """Class that the measurements around each settlement give, "" where there are too few.

    A technology of an operator is good or weak where at least the profile's share of places (`location_pct`) of the
    points within `measured_radius_m` meets the threshold; the best of those that count as signal holds. At least
    `measured_min_count` points of it are needed.

    Parameters
    ----------
    points
        Positions of the settlements; empty ones have no answer.
    measurements
        The layer.
    profile
        Thresholds [dBm] and share of places [%].
    as_of
        Later measurements are not used.
    crs
        Projected CRS in metres.
    """
    answer = np.full(len(points), "", dtype=object)
    if measurements is None:
        return answer
    day = measurements["measured_at"].fillna("").str.slice(0, 10)
    used = measurements[measurements["technology"].isin(list(profile.counts_as_signal)) & (day <= as_of.isoformat())]
    placed = points.to_crs(crs).to_numpy()
    tree = shapely.STRtree(used.geometry.to_crs(crs).to_numpy())
    settlement, row = tree.query(placed, predicate="dwithin", distance=published.measured_radius_m)
    if not row.size:
        return answer
    near = used.iloc[row][["technology", "operator", "rsrp_dbm"]].assign(settlement=settlement)
    limits = {
        name: near["technology"].map({key: getattr(t, f"{name}_dbm") for key, t in profile.thresholds.items()})
        for name in CLASS_NAMES[1:]
    }
    near = near.assign(count=1, **{name: 100.0 * (near["rsrp_dbm"] >= limit) for name, limit in limits.items()})
    groups = near.groupby(["settlement", "technology", "operator"]).agg(
        {"count": "sum", **dict.fromkeys(CLASS_NAMES[1:], "mean")}
    )
    enough = groups[groups["count"] >= published.measured_min_count]
    service = (enough["weak"] >= profile.location_pct).astype(int) + (enough["good"] >= profile.location_pct)
    best = service.groupby(level="settlement").max()
    answer[best.index.to_numpy(dtype=int)] = np.array(CLASS_NAMES, dtype=object)[best.to_numpy(dtype=int)]
    return answer


def publish_signal(
    modelled: npt.NDArray[np.object_], declared: "pd.Series[str]", measured: "pd.Series[str]", first: str
) -> npt.NDArray[np.object_]:
    """The published class: of the source that comes first where it says something, else the modelled one."""
    chosen = {DECLARED: declared, MEASURED: measured}.get(first)
    if chosen is None:
        return modelled
    values = chosen.to_numpy(dtype=object)
    published: npt.NDArray[np.object_] = np.where(values != "", values, modelled).astype(object)
    return published


def mark_disagreements(modelled: npt.NDArray[np.object_], *others: "pd.Series[str]") -> npt.NDArray[np.object_]:
    """`yes` where a declared or measured class is another than the modelled one, `no` where all agree, else ""."""
    said = np.array([other.to_numpy(dtype=object) for other in others])
    silent = (said == "").all(axis=0) | (modelled == UNKNOWN)
    differs = ((said != "") & (said != modelled)).any(axis=0)
    marks: npt.NDArray[np.object_] = np.where(silent, "", np.where(differs, YES, NO)).astype(object)
    return marks


def _up_to(observations: pd.DataFrame | None, as_of: date) -> pd.DataFrame:
    """Observations up to a date, the oldest first, with their origin: declared or measured."""
    if observations is None:
        return pd.DataFrame(columns=["settlement_id", "indicator", "value", "origin"], dtype=object)
    days = pd.to_datetime(observations["observed_on"], format="ISO8601")
    surveyed = observations["kind"] == SURVEY if "kind" in observations else pd.Series(False, observations.index)
    table = observations.assign(day=days, origin=np.where(surveyed, MEASURED, DECLARED))
    return table[days <= pd.Timestamp(as_of)].sort_values("day", kind="stable")


def _last(rows: pd.DataFrame, column: str, ids: "pd.Series[str]") -> "pd.Series[str]":
    latest = dict(zip(rows["settlement_id"].astype(str), rows[column].astype(str), strict=True))
    return pd.Series([latest.get(key, "").strip() for key in ids], index=ids.index, dtype=str)


def _yes_no(values: "pd.Series[str]", indicator: str, ids: "pd.Series[str]") -> "pd.Series[str]":
    values = values.str.casefold()
    for key, value in zip(ids, values, strict=True):
        if value not in ("", YES, NO, UNKNOWN):
            raise InputError(
                f"observation of {indicator} at settlement {key}: the value must be yes, no or unknown, "
                f"got {value!r}; correct the observations",
                vi=f"quan sát {indicator} tại điểm dân cư {key}: giá trị phải là yes, no hoặc unknown, "
                f"nhận được {value!r}; hãy sửa lớp quan sát",
            )
    return values


def _count(values: "pd.Series[str]", ids: "pd.Series[str]") -> "pd.Series[float]":
    for key, value in zip(ids, values, strict=True):
        if value and not value.replace(".", "", 1).isdigit():
            raise InputError(
                f"observation of households_connected at settlement {key}: the value must be a number, "
                f"got {value!r}; correct the observations",
                vi=f"quan sát households_connected tại điểm dân cư {key}: giá trị phải là số, "
                f"nhận được {value!r}; hãy sửa lớp quan sát",
            )
    return pd.Series([float(value) if value else np.nan for value in values], index=values.index)
