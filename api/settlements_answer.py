"""The list of settlements as an answer."""

from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from pydantic_core import to_json

from phusong.api.answers import definitions_of, find_profile, model_error, unknown_name
from phusong.api.formats import Format, Listed
from phusong.api.models import SettlementsAnswer, Text
from phusong.api.served import ServedRun
from phusong.api.settlement_rows import SettlementQuery, SettlementRows, Sort
from phusong.coverage.results import Results

PATH = "/v1/settlements"
_LISTED = Text(
    en="numerator: settlements that meet every condition given; denominator: all settlements of the run",
    vi="tử số: điểm dân cư thỏa mọi điều kiện đã nêu; mẫu số: mọi điểm dân cư của lần tính",
)


def settlement_rows(run: ServedRun, profile: str | None = None) -> SettlementRows:
    """The settlements of a run by a profile; None is the default one.

    Raises
    ------
    UnknownNameError
        The run has no such profile.
    """
    thresholds = find_profile(run.results, profile)
    return run.keep(("settlements", thresholds.name), lambda: SettlementRows(run.results, thresholds))


def settlements_listed(
    run: ServedRun,
    query: SettlementQuery,
    *,
    profile: str | None = None,
    sort: Sort = "commune",
    limit: int | None = None,
    after: str | None = None,
    form: Format | None = None,
    public: bool = False,
) -> Listed:
    """Answer with settlements, as JSON a `SettlementsAnswer`.

    Parameters
    ----------
    run
        The run.
    query
        The conditions.
    profile
        The threshold profile that decides signal and uncertain; None is the default one.
    sort
        Order, as in `SettlementRows.chosen`.
    limit
        How many rows a page has; None is all.
    after
        Id of the last settlement of the page before; None is the first page.
    form
        The form that the next page is asked for in; None leaves it to its request.
    public
        Leave out what only planners see.

    Raises
    ------
    UnknownNameError
        The run has no such profile, commune, unit or settlement.
    InputError
        The run was computed before settlements had a column that is asked for.
    """
    thresholds = find_profile(run.results, profile)
    rows = settlement_rows(run, profile)
    chosen = rows.chosen(query, sort)
    page = _page(rows, chosen, sort, after)[:limit]
    more = limit is not None and page.size > 0 and bool(page[-1] != chosen[-1])
    asked: dict[str, object] = dict(vars(query))
    more_asked = {"profile": profile, "sort": sort, "limit": limit, "f": form}
    counted = {
        "numerator": len(chosen),
        "denominator": len(rows.table),
        "share": len(chosen) / len(rows.table) if len(rows.table) else None,
        "people": rows.total("population", chosen),
        "households": rows.total("households", chosen),
        "next": _next(run, asked | more_asked, rows, int(page[-1])) if more else None,
    }
    heading = run.heading_json(thresholds, lambda: _definitions(run.results), of="settlements", public=public)
    sent = rows.public_rows if public else rows.rows
    return Listed(b"%s,%s" % (heading, to_json(counted)[1:-1]), [sent[position] for position in page.tolist()])


def settlements_answer(
    run: ServedRun, query: SettlementQuery | None = None, *, profile: str | None = None
) -> SettlementsAnswer:
    """All settlements asked for, on one page, as the model of `settlements_listed`."""
    return SettlementsAnswer.model_validate_json(
        settlements_listed(run, query or SettlementQuery(), profile=profile).json()
    )


def point_shape(row: dict[str, Any]) -> dict[str, Any] | None:
    """GeoJSON geometry of a row with `lon` and `lat`; None without them."""
    if row["lon"] is None or row["lat"] is None:
        return None
    return {"type": "Point", "coordinates": [row["lon"], row["lat"]]}


def _page(rows: SettlementRows, chosen: npt.NDArray[np.int64], sort: Sort, after: str | None) -> npt.NDArray[np.int64]:
    """The settlements asked for that follow another one in the order, whether that is asked for or not."""
    if after is None:
        return chosen
    if after not in rows.position:
        raise unknown_name("settlement", "điểm dân cư", after, [])
    rank = rows.rank(sort)
    following: npt.NDArray[np.int64] = chosen[rank[chosen] > rank[rows.position[after]]]
    return following


def _next(run: ServedRun, asked: dict[str, object], rows: SettlementRows, last: int) -> str:
    """Address of the next page, of the same run whatever is published meanwhile."""
    given = {name: ",".join(map(repr, value)) if isinstance(value, tuple) else value for name, value in asked.items()}
    given |= {"run": run.results.run_id, "after": rows.plain[last]["settlement_id"]}
    return f"{PATH}?{urlencode({name: value for name, value in given.items() if value is not None})}"


def _definitions(results: Results) -> dict[str, Text]:
    return {"rows": _LISTED, **definitions_of("settlements", None), **model_error(results)}
