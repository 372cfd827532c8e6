"""The answers that the command line and the service share: figures, settlements and runs, read from a run."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from phusong.api.errors import NoRunError
from phusong.api.models import (
    CoverageAnswer,
    CoverageRow,
    RunsAnswer,
    RunSummary,
    SettlementRow,
    SettlementsAnswer,
    SourceNotice,
    Text,
)
from phusong.coverage.dictionary import DATA_DICTIONARY, INTERFERENCE_NOTE
from phusong.coverage.figures import COLUMNS
from phusong.coverage.results import Results, current_run_id, list_runs
from phusong.coverage.service import ANY, CLASS_NAMES, technology_groups
from phusong.coverage.settlements import SERVED, STATE_LEVELS, eight_states
from phusong.geodata.errors import InputError, UnknownNameError
from phusong.geodata.names import name_key, search_key, sort_key, split_prefix
from phusong.geodata.settings import ThresholdProfile
from phusong.geodata.workspace import Workspace

LEVELS = ("province", "district", "commune", "old_commune", "settlement")
LISTED_NAMES = 50
_RANK = {name: position for position, name in enumerate(CLASS_NAMES)}
_LISTED = Text(
    en="numerator: settlements that meet every condition given; denominator: all settlements of the run",
    vi="tử số: điểm dân cư thỏa mọi điều kiện đã nêu; mẫu số: mọi điểm dân cư của lần tính",
)


def open_run(workspace: Workspace, run_id: str | None = None) -> Results:
    """Open a run; None is the published one.

    Raises
    ------
    NoRunError
        Nothing has been published yet.
    UnknownNameError
        There is no run of that id.
    """
    if run_id is None and current_run_id(workspace) is None:
        raise NoRunError(
            f"No run has been published; run: phusong compute {workspace.path}",
            vi=f"Chưa có lần tính nào được công bố; hãy chạy: phusong compute {workspace.path}",
        )
    return Results.open(workspace, run_id)


def find_profile(results: Results, name: str | None = None) -> ThresholdProfile:
    """Find a threshold profile of a run; None is its default one.

    Raises
    ------
    UnknownNameError
        The run has no such profile.
    """
    chosen = next(iter(results.profiles)) if name is None else name
    _require("profile", "bộ ngưỡng", chosen, results.profiles)
    return results.profiles[chosen]


def heading(results: Results, profile: ThresholdProfile) -> dict[str, Any]:
    """What every answer says of its run, as the fields of `models.Answer`."""
    manifest = results.manifest
    return {
        "run_id": results.run_id,
        "as_of": manifest["as_of"],
        "computed_at": manifest["created_at"],
        "profile": profile.name,
        "profile_source": profile.source,
        "location_pct": profile.location_pct,
        "notes": [Text(**note) for note in manifest["notes"]],
        "warnings": [Text(**warning) for warning in manifest["warnings"]],
        "sources": [SourceNotice(**notice) for notice in manifest.get("sources", ())],
    }


def coverage_answer(
    results: Results,
    *,
    level: str = "province",
    unit: str | None = None,
    technology: str | None = None,
    operator: str | None = None,
    profile: str | None = None,
) -> CoverageAnswer:
    """Answer with the figures of a level.

    Parameters
    ----------
    results
        The run.
    level
        One of `LEVELS`; per settlement the classes of the default profile over all operators.
    unit
        Code of one unit; None answers for all.
    technology
        A technology, "3G+4G" or "any"; None answers for all, and for the figures that have none.
    operator
        An operator, or None for the best of all ("any").
    profile
        A threshold profile; None is the default one.

    Raises
    ------
    UnknownNameError
        The run has no such level, unit, technology, operator or profile.
    InputError
        Figures per settlement are asked for one operator or another profile.
    """
    thresholds = find_profile(results, profile)
    _require("level", "cấp", level, LEVELS)
    if technology is not None:
        known = dict.fromkeys((*technology_groups(thresholds), *results.technologies))
        _require("technology", "công nghệ", technology, known)
    _require("operator", "nhà mạng", operator or ANY, [ANY, *results.operators])
    if level == "settlement":
        figures = _settlement_figures(results, thresholds, operator)
    else:
        figures = _unit_figures(results, level, operator or ANY, thresholds)
        if operator in (None, ANY) and level in STATE_LEVELS:
            figures = pd.concat([figures, _state_figures(results, level, thresholds)], ignore_index=True)
    if unit is not None:
        _require_level(level, figures)
        _require("unit", "đơn vị", unit, sorted(set(figures["unit_code"]) - {""}))
        figures = figures[figures["unit_code"] == unit]
    if technology is not None:
        figures = figures[figures["technology"] == technology]
    rows = [CoverageRow(**row | {"reason": row["reason"] or None}) for row in plain_rows(figures)]
    definitions = _definitions("figures", CoverageRow.model_fields) | {"N": _residential(results)}
    definitions |= _model_error(results)
    return CoverageAnswer(**heading(results, thresholds), level=level, rows=rows, definitions=definitions)


def settlements_answer(
    results: Results,
    *,
    signal: str | None = None,
    power: str | None = None,
    broadband: str | None = None,
    uncertain: str | None = None,
    disagrees: str | None = None,
    commune: str | None = None,
    name: str | None = None,
    profile: str | None = None,
) -> SettlementsAnswer:
    """Answer with the settlements that meet every condition given, by commune and name in Vietnamese order.

    Parameters
    ----------
    results
        The run.
    signal
        "none" (trắng sóng), "weak" (lõm sóng), "good" or "unknown": the published one.
    power, broadband
        "yes", "no" or "unknown"; unknown is neither yes nor no.
    uncertain
        "yes" where the model's error could turn served into not served or back, or "no".
    disagrees
        "yes" where the declared or measured signal is another than the modelled one, "no" where they agree.
    name
        Part of the settlement's name; without diacritics it finds every name of these letters.
    commune
        Code or name of a commune, in any spelling, with or without "xã"; without diacritics if that is unambiguous.
    profile
        The threshold profile that decides `signal` and `uncertain`; None is the default one.

    Raises
    ------
    UnknownNameError
        The run has no such profile or commune.
    InputError
        The run was computed before settlements had the marks `uncertain` or `signal_disagrees`.
    """
    thresholds = find_profile(results, profile)
    table = _judged_by(results, thresholds)
    chosen = table if commune is None else table[table["commune_code"] == find_commune(results, commune)]
    if name is not None:
        chosen = chosen[[_has_in_name(name, own) for own in chosen["name"]]]
    published = "signal_published" if "signal_published" in table else "signal"
    wanted = {published: signal, "power": power, "broadband": broadband, "uncertain": uncertain}
    wanted["signal_disagrees"] = disagrees
    for column, value in wanted.items():
        if value is not None:
            _require_column(table, column)
            chosen = chosen[chosen[column] == value]
    rows = sorted(plain_rows(chosen), key=_settlement_order)
    return SettlementsAnswer(
        **heading(results, thresholds),
        numerator=len(chosen),
        denominator=len(table),
        share=len(chosen) / len(table) if len(table) else None,
        people=_total(chosen["population"]),
        households=_total(chosen["households"]),
        rows=[SettlementRow(**row) for row in rows],
        definitions={"rows": _LISTED, **_definitions("settlements", None), **_model_error(results)},
    )


def runs_answer(workspace: Workspace) -> RunsAnswer:
    """Answer with the published runs, the newest first."""
    runs = [
        RunSummary(**manifest, profiles=[profile["name"] for profile in manifest["settings"]["profiles"]])
        for manifest in reversed(list_runs(workspace))
    ]
    return RunsAnswer(current=current_run_id(workspace), notes=[Text(**INTERFERENCE_NOTE)], runs=runs)


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain values; missing ones become None."""
    values = table.astype(object)
    rows: Any = values.where(values.notna(), None).to_dict("records")
    return list(rows)


def _unit_figures(results: Results, level: str, operator: str, profile: ThresholdProfile) -> pd.DataFrame:
    """Figures of a level by one operator and profile, with those that have no operator or profile."""
    figures = results.figures
    return figures[
        (figures["level"] == level)
        & figures["operator"].isin([operator, ""])
        & figures["profile"].isin([profile.name, ""])
    ]


def _judged_by(results: Results, profile: ThresholdProfile) -> pd.DataFrame:
    """The settlements with the signal that a profile gives them, and how uncertain it is."""
    table = results.settlements
    if profile.name == next(iter(results.profiles)):
        return table
    judged = {name: f"{name}__{profile.name}" for name in ("signal", "signal_published", "uncertain")}
    return table.assign(**{name: table[column] for name, column in judged.items() if column in table})


def _state_figures(results: Results, level: str, profile: ThresholdProfile) -> pd.DataFrame:
    """Settlements of every unit by signal × power × broadband, and those of a served state with a weak signal only."""
    states = eight_states(_judged_by(results, profile))
    states = states[states["level"] == level]
    if level == "province":
        province = results.units(level).iloc[0]
        states = states.assign(unit_code=province["code"], unit_name=province["name"])
    of_unit = states.groupby("unit_code")["settlements"].transform("sum")
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


def _settlement_figures(results: Results, profile: ThresholdProfile, operator: str | None) -> pd.DataFrame:
    """The class of every settlement as figures of one: 1 of 1 or 0 of 1."""
    if operator not in (None, ANY) or profile.name != next(iter(results.profiles)):
        raise InputError(
            "Per settlement a run keeps the best class over all operators by the default profile; "
            "leave operator and profile out, or choose another level.",
            vi="Theo điểm dân cư, lần tính chỉ giữ lớp tốt nhất của mọi nhà mạng theo bộ ngưỡng mặc định; "
            "hãy bỏ nhà mạng và bộ ngưỡng, hoặc chọn cấp khác.",
        )
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


def _require_column(table: pd.DataFrame, column: str) -> None:
    if column not in table:
        raise InputError(
            f"The run does not say {column} of settlements; compute it again.",
            vi=f"Lần tính này chưa có {column} của điểm dân cư; hãy tính lại.",
        )


def _has_in_name(wanted: str, name: str) -> bool:
    """Whether a name has the words wanted; typed without diacritics they stand for every name of these letters."""
    key = search_key if wanted.isascii() else partial(name_key, keep_prefix=True)
    return f" {key(wanted)}" in f" {key(name)}"


def find_commune(results: Results, commune: str) -> str:
    """Code of the commune of that code or name; the closest kind of likeness that any name has decides.

    Raises
    ------
    UnknownNameError
        The run has no such commune, or several.
    """
    units = results.units("commune")
    names: dict[str, str] = dict(zip(units["code"].astype(str), units["name"].astype(str), strict=True))
    if commune in names:
        return commune
    keys: list[Callable[[str], str]] = [partial(name_key, keep_prefix=True), name_key]
    if commune.isascii():  # Quảng Tiên is not Quảng Tiến, but "quang tien" may be either
        keys += [search_key, _bare_search_key]
    for key in keys:
        found = [code for code, name in names.items() if key(name) == key(commune) != ""]
        if len(found) == 1:
            return found[0]
        if found:
            candidates = ", ".join(f"{code} {names[code]}" for code in found)
            raise UnknownNameError(
                f"Several communes are called {commune!r}: {candidates}; give the code.",
                vi=f"Có nhiều xã tên {commune!r}: {candidates}; hãy ghi mã.",
            )
    raise _unknown_name("commune", "xã", commune, [f"{code} {name}" for code, name in names.items()])


def _bare_search_key(name: str) -> str:
    return search_key(split_prefix(name)[1])


def _settlement_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    commune, name = (sort_key(row[column] or "") for column in ("commune_name", "name"))
    return commune, name, row["settlement_id"]


def _total(values: "pd.Series[float]") -> float | None:
    total = float(values.sum(min_count=1))
    return None if math.isnan(total) else total


def _residential(results: Results) -> Text:
    people = results.manifest["settings"]["residential_cell_min_people"]
    return Text(
        en=f"people in the province that make a population cell residential: {people:g}",
        vi=f"số người trong tỉnh để một ô dân số được coi là ô dân cư: {people:g}",
    )


def _model_error(results: Results) -> dict[str, Text]:
    """The model's error that the intervals and marks of a run rest on."""
    error = results.manifest["settings"].get("model_error")
    if error is None:
        return {}
    return {
        "model_error": Text(
            en=f"standard error of the model {error['sigma_db']:g} dB, uncertain within {error['k']:g} of them: "
            f"{error['source']}",
            vi=f"sai số chuẩn của mô hình {error['sigma_db']:g} dB, không chắc chắn trong khoảng {error['k']:g} lần: "
            f"{error['source']}",
        )
    }


def _definitions(table: str, columns: Iterable[str] | None) -> dict[str, Text]:
    known = DATA_DICTIONARY[table]
    wanted = known if columns is None else [name for name in columns if name in known]
    return {name: Text(**known[name]) for name in wanted}


def _require(what: str, what_vi: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        raise _unknown_name(what, what_vi, name, names)


def _require_level(level: str, figures: pd.DataFrame) -> None:
    """Refuse a level of which the run has nothing but the reason."""
    if (figures["unit_code"] == "").all() and len(figures):
        reason = figures["reason"].iloc[0]
        raise UnknownNameError(
            f"The run has no units of the level {level}: it {reason}.",
            vi=f"Lần tính không có đơn vị cấp {level}: thiếu dữ liệu cần thiết ({reason}).",
        )


def _unknown_name(what: str, what_vi: str, name: str, known: Sequence[str]) -> UnknownNameError:
    some = ", ".join(known[:LISTED_NAMES]) + (", …" if len(known) > LISTED_NAMES else "")
    return UnknownNameError(
        f"There is no {what} {name!r} here; there is: {some or 'none'}.",
        vi=f"Không có {what_vi} {name!r}; hiện có: {some or 'không có gì'}.",
    )
