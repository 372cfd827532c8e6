"""Settlements and places: signal on their own exact path, power, broadband, and their combined state.

Unknown power or broadband is neither yes nor no. A settlement without signal is trắng sóng (none), one with
a weak signal lõm sóng (weak): weak counts as served and is listed apart.
"""

from datetime import date
from itertools import product

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.coverage.observed import (
    NO,
    UNKNOWN,
    YES,
    mark_disagreements,
    measured_signal,
    observed_columns,
    publish_signal,
)
from phusong.coverage.reach import compute_fibre_reach, compute_nearest_mast
from phusong.coverage.service import ANY, CLASS_NAMES, class_points, group_class, point_layers, rate_points
from phusong.coverage.units import OUTSIDE, IntArray, UnitIndex
from phusong.geodata.settings import ModelError, Settings, ThresholdProfile

SERVED = "served"
STATE_LEVELS = ("province", "district", "commune")
_OBSERVED = ("power_declared", "power_measured", "broadband_declared", "broadband_measured", "households_connected")


def compute_settlement_table(
    settlements: gpd.GeoDataFrame,
    signal: pd.DataFrame,
    *,
    units: UnitIndex,
    settings: Settings,
    stations: gpd.GeoDataFrame,
    as_of: date,
    fibre: gpd.GeoDataFrame | None = None,
    observations: pd.DataFrame | None = None,
    measurements: gpd.GeoDataFrame | None = None,
) -> pd.DataFrame:
    """Answer for every settlement, one row each, sorted by id.

    Parameters
    ----------
    settlements
        The `settlements` layer, EPSG:4326.
    signal
        Point-signal table with `point_id` = settlement_id (see `service.class_points`).
    units
        Units of the date; a stated `commune_code` that is valid then is kept, else the polygon decides.
    settings
        Threshold profiles; the first is the default.
    stations
        The stations that serve, for the nearest mast.
    as_of
        Observations after this date are not used.
    fibre
        The `fibre_endpoints` layer; None makes modelled broadband unknown.
    observations
        The `observations` layer; the latest one of a settlement and indicator wins, of one date the last row.
    measurements
        The `measurements` layer, for the measured signal where no survey says it.

    Raises
    ------
    InputError
        An observation of power or broadband is not yes, no or unknown, or of households not a number.
    """
    points = settlements.sort_values("settlement_id", kind="stable").reset_index(drop=True)
    ids = points["settlement_id"].astype(str)
    observed = observed_columns(observations, ids, as_of)
    around = measured_signal(
        points.geometry, measurements, settings.profiles[0], settings.published, as_of=as_of, crs=units.grid.crs
    )
    power_stated = _text(points, "has_grid_power")
    power_source = np.where(power_stated.isin([YES, NO]), "stated", "")
    own = pd.DataFrame(
        {
            "settlement_id": ids,
            "name": _text(points, "name"),
            "kind": _text(points, "kind"),
            "population": _number(points, "population"),
            "households": _number(points, "households"),
            "area_type": _text(points, "area_type"),
            "power": _merge(power_stated, observed["power_latest"]),
            "power_source": observed["power_latest_source"].where(observed["power_latest"] != "", power_source),
            "power_stated": power_stated,
            "signal_declared": observed["signal_declared"],
            "signal_measured": observed["signal_measured"].where(observed["signal_measured"] != "", around),
            **{name: observed[name] for name in _OBSERVED},
        }
    )
    parts = [
        own,
        _place_columns(points, units),
        _signal_columns(ids, signal, settings),
        _fibre_columns(
            points, fibre, observed["broadband_latest"], observed["broadband_latest_source"], units.grid.crs,
            modelled_first=settings.published.broadband == "modelled",
        ),
        _mast_columns(points, stations, units.grid.crs),
    ]  # fmt: skip
    table = pd.concat(parts, axis=1)
    for column in table.columns[table.columns.str.match("(signal|uncertain)($|__)")]:
        table[column] = table[column].where(table["location_known"], UNKNOWN)
    return table.assign(**_published(table, settings), state=_states(table))


def compute_place_table(
    places: gpd.GeoDataFrame,
    signal: pd.DataFrame,
    *,
    units: UnitIndex,
    settings: Settings,
    fibre: gpd.GeoDataFrame | None = None,
) -> pd.DataFrame:
    """Answer for every place (commune offices, postal points, …), one row each, sorted by id.

    Parameters
    ----------
    places
        The `places` layer, EPSG:4326; a stated `has_fixed_broadband` of yes or no wins, marked declared.
    signal
        Point-signal table with `point_id` = place_id.
    units
        Units of the date.
    settings
        Threshold profiles; the first is the default.
    fibre
        The `fibre_endpoints` layer; None makes modelled broadband unknown.
    """
    points = places.sort_values("place_id", kind="stable").reset_index(drop=True)
    ids = points["place_id"].astype(str)
    stated = _text(points, "has_fixed_broadband")
    declared = stated.where(stated.isin([YES, NO]), "")
    own = pd.DataFrame({"place_id": ids, "kind": _text(points, "kind"), "name": _text(points, "name")})
    parts = [
        own,
        _place_columns(points, units),
        _signal_columns(ids, signal, settings),
        _fibre_columns(points, fibre, declared, declared.where(declared == "", "declared"), units.grid.crs),
    ]
    return pd.concat(parts, axis=1)


def rows_of_units(table: pd.DataFrame, units: UnitIndex) -> dict[str, IntArray]:
    """Row position of the unit of every settlement or place by level, −1 outside.

    Parameters
    ----------
    table
        Answer of `compute_settlement_table` or `compute_place_table`.
    units
        The units it was made with.
    """
    commune = _positions(table["commune_code"], units.levels["commune"].codes)
    return {
        "province": np.where(commune == OUTSIDE, OUTSIDE, 0).astype(np.int32),
        "district": _positions(table["district_code"], units.levels["district"].codes),
        "commune": commune,
        "old_commune": _positions(table["old_commune_code"], units.levels["old_commune"].codes),
    }


def eight_states(table: pd.DataFrame) -> pd.DataFrame:
    """Count settlements by signal × power × broadband, for the province, former districts and communes.

    The eight combinations of signal (none, served), power and broadband (yes, no) are listed for every unit
    that has a settlement, zeros included; combinations with an unknown have rows of their own where they
    occur. Settlements outside every commune are left out.

    Parameters
    ----------
    table
        Answer of `compute_settlement_table`.

    Returns
    -------
    level, unit_code, unit_name, signal, power, broadband, state, settlements, weak (how many of them have
    a weak signal only), population and households (sums of the known).
    """
    signal = table["signal"].where(table["signal"].isin(["none", UNKNOWN]), SERVED)
    keyed = table.assign(served=signal, province_code="", province_name="")[table["commune_code"] != ""]
    counted = []
    for level in STATE_LEVELS:
        for (code, name), rows in keyed.groupby([f"{level}_code", f"{level}_name"], sort=True):
            if code or level == "province":
                counted.append(_count_states(rows).assign(level=level, unit_code=str(code), unit_name=str(name)))
    order = ["level", "unit_code", "unit_name", "signal", "power", "broadband", "state"]
    columns = [*order, "settlements", "weak", "population", "households"]
    return pd.concat(counted, ignore_index=True)[columns] if counted else pd.DataFrame(columns=columns)


def _count_states(rows: pd.DataFrame) -> pd.DataFrame:
    states = list(product(("none", SERVED), (YES, NO), (YES, NO)))
    present = set(zip(rows["served"], rows["power"], rows["broadband"], strict=True))
    counts = []
    for signal, power, broadband in [*states, *sorted(present - set(states))]:
        chosen = rows[(rows["served"] == signal) & (rows["power"] == power) & (rows["broadband"] == broadband)]
        counts.append(
            {
                "signal": signal,
                "power": power,
                "broadband": broadband,
                "state": f"signal={signal} power={power} broadband={broadband}",
                "settlements": len(chosen),
                "weak": int((chosen["signal"] == "weak").sum()),
                "population": float(chosen["population"].sum()),
                "households": float(chosen["households"].sum()),
            }
        )
    return pd.DataFrame(counts)


def _published(table: pd.DataFrame, settings: Settings) -> dict[str, npt.NDArray[np.object_]]:
    """The published class by every profile, and where the default one disagrees with what was declared or measured."""
    declared, measured = table["signal_declared"], table["signal_measured"]
    columns = {}
    for suffix in ("", *(f"__{profile.name}" for profile in settings.profiles[1:])):
        modelled = table[f"signal{suffix}"].to_numpy(dtype=object)
        columns[f"signal_published{suffix}"] = publish_signal(modelled, declared, measured, settings.published.signal)
    columns["signal_disagrees"] = mark_disagreements(table["signal"].to_numpy(dtype=object), declared, measured)
    return columns


def _states(table: pd.DataFrame) -> "pd.Series[str]":
    signal = table["signal"].where(table["signal"].isin(["none", UNKNOWN]), SERVED)
    return "signal=" + signal + " power=" + table["power"] + " broadband=" + table["broadband"]


def _text(frame: pd.DataFrame, column: str) -> "pd.Series[str]":
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=str)
    return frame[column].astype(object).where(frame[column].notna(), "").astype(str)


def _number(frame: pd.DataFrame, column: str) -> "pd.Series[float]":
    values = frame[column] if column in frame else pd.Series(np.nan, index=frame.index)
    return values.astype("float64")


def _positions(codes: "pd.Series[str]", known: tuple[str, ...]) -> IntArray:
    position = {code: row for row, code in enumerate(known) if code}
    return np.array([position.get(code, OUTSIDE) for code in codes], dtype=np.int32)


def _place_columns(points: gpd.GeoDataFrame, units: UnitIndex) -> pd.DataFrame:
    """Position and units of points; places with an area count at a point inside it."""
    known = points.geometry.notna() & ~points.geometry.is_empty
    inside = points.geometry.representative_point()
    commune = _positions(_text(points, "commune_code"), units.levels["commune"].codes)
    commune = np.where(commune == OUTSIDE, units.rows_of_points("commune", inside), commune)
    district_level = units.levels["district"]
    if district_level.base == "commune":
        district = district_level.rows_of(commune)
    else:
        district = units.rows_of_points("district", inside)
    columns: dict[str, object] = {}
    old = _positions(_text(points, "old_commune_code"), units.levels["old_commune"].codes)
    old = np.where(old == OUTSIDE, units.rows_of_points("old_commune", inside), old)
    for level, rows in (("commune", commune), ("district", district), ("old_commune", old)):
        columns[f"{level}_code"] = np.append(np.array(units.levels[level].codes, dtype=object), "")[rows]
        columns[f"{level}_name"] = np.append(np.array(units.levels[level].names, dtype=object), "")[rows]
    columns |= {"lon": inside.x, "lat": inside.y, "location_known": known}
    return pd.DataFrame(columns, index=points.index)


def _signal_columns(ids: "pd.Series[str]", signal: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    default, *others = settings.profiles
    columns = {"signal": _counted_signal(ids, signal, default)}
    columns |= {f"signal__{profile.name}": _counted_signal(ids, signal, profile) for profile in others}
    columns["uncertain"] = _uncertain(ids, signal, default, settings.model_error)
    columns |= {f"uncertain__{p.name}": _uncertain(ids, signal, p, settings.model_error) for p in others}
    rated = rate_points(signal, default).sort_values(
        ["margin_db", "rsrp_dbm", "station_id"], ascending=[False, False, True], kind="stable"
    )
    for technology in sorted(default.thresholds):
        best = rated[rated["technology"] == technology].drop_duplicates("point_id").set_index("point_id")
        row = best.reindex(ids)
        service = row["service"].fillna(0).to_numpy(dtype=np.int64)
        columns[f"class_{technology}"] = np.array(CLASS_NAMES, dtype=object)[service]
        for name in ("station_id", "operator"):
            columns[f"{name}_{technology}"] = _text(row, name).to_numpy(dtype=object)
        for name in ("rsrp_dbm", "distance_km", "margin_db"):
            columns[f"{name}_{technology}"] = row[name].to_numpy(dtype=np.float64)
        places = rated[rated["technology"] == technology].groupby("point_id")["probability"].max()
        columns[f"probability_{technology}"] = places.reindex(ids).fillna(0.0).to_numpy(dtype=np.float64)
    return pd.DataFrame(columns, index=ids.index)


def _counted_signal(ids: "pd.Series[str]", signal: pd.DataFrame, profile: ThresholdProfile) -> npt.NDArray[np.object_]:
    """Best class of the technologies that count as signal, over all operators."""
    layers = point_layers(ids, class_points(signal, profile))
    classes = group_class(layers, profile.counts_as_signal, ANY, shape=(len(ids),))
    names: npt.NDArray[np.object_] = np.array(CLASS_NAMES, dtype=object)[classes]
    return names


def _uncertain(
    ids: "pd.Series[str]", signal: pd.DataFrame, profile: ThresholdProfile, error: ModelError
) -> npt.NDArray[np.object_]:
    """Whether the best margin that counts as signal lies within k standard errors of the weak threshold."""
    rated = class_points(signal, profile)
    counted = rated[rated["technology"].isin(profile.counts_as_signal)]
    margin_db = counted.groupby("point_id")["margin_db"].max().reindex(ids).to_numpy(np.float64)
    within = np.abs(margin_db) <= error.k * error.sigma_db  # no signal at all is NaN, which is certain
    flags: npt.NDArray[np.object_] = np.where(within, YES, NO).astype(object)
    return flags


def _fibre_columns(
    points: gpd.GeoDataFrame, fibre: gpd.GeoDataFrame | None, observed: "pd.Series[str]",
    observed_source: "pd.Series[str]", crs: str, *, modelled_first: bool = False,
) -> pd.DataFrame:  # fmt: skip
    known = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    in_reach = np.full(len(points), UNKNOWN, dtype=object)
    endpoint = np.full(len(points), "", dtype=object)
    distance_km = np.full(len(points), np.nan)
    if fibre is not None and len(fibre):
        place = points.geometry[known].representative_point().to_crs(crs)
        reach = compute_fibre_reach(place.x.to_numpy(), place.y.to_numpy(), fibre, crs)
        in_reach[known] = np.where(reach.in_reach, YES, NO)
        endpoint[known], distance_km[known] = reach.endpoint_id, reach.distance_km
    is_observed = (observed != "").to_numpy() & ~(modelled_first & (in_reach != UNKNOWN))
    source = np.where(in_reach == UNKNOWN, "", "modelled").astype(object)
    return pd.DataFrame(
        {
            "broadband": np.where(is_observed, observed.to_numpy(dtype=object), in_reach),
            "broadband_source": np.where(is_observed, observed_source.to_numpy(dtype=object), source),
            "fibre_in_reach": in_reach,
            "fibre_endpoint_id": endpoint,
            "fibre_distance_km": distance_km,
        },
        index=points.index,
    )


def _mast_columns(points: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, crs: str) -> pd.DataFrame:
    known = (points.geometry.notna() & ~points.geometry.is_empty).to_numpy()
    place = points.geometry[known].to_crs(crs)
    mast = np.full(len(points), "", dtype=object)
    distance_km = np.full(len(points), np.nan)
    mast[known], distance_km[known] = compute_nearest_mast(place.x.to_numpy(), place.y.to_numpy(), stations, crs)
    return pd.DataFrame({"nearest_mast_id": mast, "nearest_mast_km": distance_km}, index=points.index)


def _merge(stated: "pd.Series[str]", declared: "pd.Series[str]") -> "pd.Series[str]":
    """The declared value where there is one, else the stated one, else unknown."""
    merged = declared.where(declared != "", stated)
    return merged.where(merged != "", UNKNOWN)
