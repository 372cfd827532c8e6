"""What all answers share: which run, which profile, what they say of themselves, and names that are looked up."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pandas as pd

from phusong.api.errors import NoRunError
from phusong.api.models import SourceNotice, Text
from phusong.coverage.dictionary import DATA_DICTIONARY
from phusong.coverage.results import Results, current_run_id
from phusong.geodata.errors import UnknownNameError
from phusong.geodata.names import name_key, search_key, split_prefix
from phusong.geodata.settings import ThresholdProfile
from phusong.geodata.workspace import Workspace

LISTED_NAMES = 50


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
    require_known("profile", "bộ ngưỡng", chosen, results.profiles)
    return results.profiles[chosen]


def heading(results: Results, profile: ThresholdProfile) -> dict[str, Any]:
    """What every answer says of its run, as the fields of `models.Answer`."""
    manifest = results.manifest
    return {
        "run_id": results.run_id,
        "as_of": manifest["as_of"],
        "computed_at": manifest["created_at"],
        **_data_age(manifest.get("imported_on", {}), stale_after_days=results.stale_after_days),
        "profile": profile.name,
        "profile_source": profile.source,
        "location_pct": profile.location_pct,
        "notes": [Text(**note) for note in manifest["notes"]],
        "warnings": [Text(**warning) for warning in manifest["warnings"]],
        "sources": [SourceNotice(**notice) for notice in manifest.get("sources", ())],
    }


def _data_age(imported_on: dict[str, str], *, stale_after_days: int) -> dict[str, Any]:
    if "stations" not in imported_on:
        return {"data_on": imported_on}
    day = date.fromisoformat(imported_on["stations"])
    age_days = (datetime.now(UTC).date() - day).days
    warning = Text(
        en=f"The stations were imported {age_days} days ago, on {day}; import newer ones and compute.",
        vi=f"Dữ liệu trạm đã nhập cách đây {age_days} ngày, ngày {day:%d/%m/%Y}; hãy nhập dữ liệu mới và tính lại.",
    )
    is_stale = age_days > stale_after_days
    return {"data_on": imported_on, "data_age_days": age_days, "age_warning": warning if is_stale else None}


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain values; missing ones become None."""
    values = table.astype(object)
    rows: Any = values.where(values.notna(), None).to_dict("records")
    return list(rows)


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
    raise unknown_name("commune", "xã", commune, [f"{code} {name}" for code, name in names.items()])


def _bare_search_key(name: str) -> str:
    return search_key(split_prefix(name)[1])


def model_error(results: Results) -> dict[str, Text]:
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


def definitions_of(table: str, columns: Iterable[str] | None) -> dict[str, Text]:
    """What the columns of a table mean; None is all that the data dictionary names."""
    known = DATA_DICTIONARY[table]
    wanted = known if columns is None else [name for name in columns if name in known]
    return {name: Text(**known[name]) for name in wanted}


def require_known(what: str, what_vi: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is not among those known.

    Raises
    ------
    UnknownNameError
        It is not.
    """
    names = list(known)
    if name not in names:
        raise unknown_name(what, what_vi, name, names)


def unknown_name(what: str, what_vi: str, name: str, known: Sequence[str]) -> UnknownNameError:
    """The error of a name that is not among those known; they are listed, unless none is given."""
    some = ", ".join(known[:LISTED_NAMES]) + (", …" if len(known) > LISTED_NAMES else "")
    there_is, there_is_vi = (f"; there is: {some}", f"; hiện có: {some}") if known else ("", "")
    return UnknownNameError(
        f"There is no {what} {name!r} here{there_is}.", vi=f"Không có {what_vi} {name!r}{there_is_vi}."
    )
