"""Figures per unit as answers."""

from functools import partial
from typing import Any

from pydantic_core import to_json
from shapely.geometry import mapping
from starlette.responses import Response

from phusong.api.answers import definitions_of, find_profile, model_error, require_known, unknown_name
from phusong.api.figure_rows import FigureRows
from phusong.api.formats import Format, Listed, send_listed
from phusong.api.models import CoverageAnswer, CoverageRow, Text
from phusong.api.served import ServedRun
from phusong.api.settlements_answer import point_shape, settlement_rows
from phusong.api.unit_figures import settlement_figures, state_figures
from phusong.coverage.results import Results
from phusong.coverage.service import ANY, technology_groups
from phusong.coverage.settlements import STATE_LEVELS
from phusong.coverage.units import LEVELS as UNIT_LEVELS
from phusong.geodata.errors import InputError
from phusong.geodata.settings import ThresholdProfile

LEVELS = (*UNIT_LEVELS, "settlement")


def coverage_listed(
    run: ServedRun,
    *,
    level: str = "province",
    unit: str | None = None,
    technology: str | None = None,
    operator: str | None = None,
    profile: str | None = None,
    public: bool = False,
) -> Listed:
    """Answer with the figures of a level; as JSON a `CoverageAnswer`.

    Parameters
    ----------
    run
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
    public
        Leave out what only planners see.

    Raises
    ------
    UnknownNameError
        The run has no such level, unit, technology, operator or profile.
    InputError
        Figures per settlement are asked for one operator or another profile.
    """
    results = run.results
    thresholds = find_profile(results, profile)
    require_known("level", "cấp", level, LEVELS)
    if technology is not None:
        known = dict.fromkeys((*technology_groups(thresholds), *results.technologies))
        require_known("technology", "công nghệ", technology, known)
    of_operator = operator or ANY
    require_known("operator", "nhà mạng", of_operator, [ANY, *results.operators])
    tables = _settlement_rows(run, of_operator, thresholds) if level == "settlement" else _unit_rows(run)
    if unit is not None:
        tables[0].require_unit(level, unit)
    if level in STATE_LEVELS and of_operator == ANY:
        tables.append(_state_rows(run, thresholds))
    chosen = [
        row
        for table in tables
        for row in table.chosen(
            level, operator=of_operator, profile=thresholds.name, unit=unit, technology=technology, public=public
        )
    ]
    heading = run.heading_json(thresholds, lambda: _definitions(results), of="coverage", public=public)
    return Listed(b'%s,"level":%s' % (heading, to_json(level)), chosen)


def level_of_unit(run: ServedRun, code: str) -> str:
    """Level of the unit of a code: a commune of the run's day, before an old one that had the same code.

    Raises
    ------
    UnknownNameError
        The run has no such unit.
    """
    (rows,) = _unit_rows(run)
    found = [level for level in UNIT_LEVELS if rows.has_unit(level, code)]
    if not found:
        raise unknown_name("unit", "đơn vị", code, [])
    return found[0]


def send_figures(run: ServedRun, found: Listed, form: Format) -> Response:
    """Figures of a run in one of their forms."""
    columns = tuple(CoverageRow.model_fields)
    return send_listed(found, form, name="coverage", columns=columns, geometry_of=partial(unit_shape, run))


def coverage_answer(run: ServedRun, **query: str | None) -> CoverageAnswer:
    """The answer of `coverage_listed` as its model, for the same query."""
    return CoverageAnswer.model_validate_json(coverage_listed(run, **query).json())  # type: ignore[arg-type]


def unit_shape(run: ServedRun, row: dict[str, Any]) -> Any:
    """GeoJSON geometry of the unit of a row, or the position of its settlement; None without one."""
    if row["level"] == "settlement":
        rows = settlement_rows(run)
        return point_shape(rows.plain[rows.position[row["unit_code"]]])

    def shapes() -> dict[tuple[str, str], Any]:
        units = run.results.table("units")
        keys = zip(units["level"].astype(str), units["code"].astype(str), strict=True)
        return {key: None if shape is None else mapping(shape) for key, shape in zip(keys, units.geometry, strict=True)}

    return run.keep("shapes", shapes).get((row["level"], row["unit_code"]))


def prepare_figures(run: ServedRun) -> None:
    """Make what the answers of a run by its default profile are made of."""
    _unit_rows(run)
    _state_rows(run, find_profile(run.results))


def _unit_rows(run: ServedRun) -> list[FigureRows]:
    return [run.keep("figures", lambda: FigureRows(run.results.figures))]


def _state_rows(run: ServedRun, profile: ThresholdProfile) -> FigureRows:
    return run.keep(("states", profile.name), lambda: FigureRows(state_figures(run.results, profile)))


def _settlement_rows(run: ServedRun, operator: str, profile: ThresholdProfile) -> list[FigureRows]:
    if operator != ANY or profile.name != next(iter(run.results.profiles)):
        raise InputError(
            "Per settlement a run keeps the best class over all operators by the default profile; "
            "leave operator and profile out, or choose another level.",
            vi="Theo điểm dân cư, lần tính chỉ giữ lớp tốt nhất của mọi nhà mạng theo bộ ngưỡng mặc định; "
            "hãy bỏ nhà mạng và bộ ngưỡng, hoặc chọn cấp khác.",
        )
    return [run.keep("settlement figures", lambda: FigureRows(settlement_figures(run.results, profile)))]


def _definitions(results: Results) -> dict[str, Text]:
    people = results.manifest["settings"]["residential_cell_min_people"]
    residential = Text(
        en=f"people in the province that make a population cell residential: {people:g}",
        vi=f"số người trong tỉnh để một ô dân số được coi là ô dân cư: {people:g}",
    )
    return definitions_of("figures", CoverageRow.model_fields) | {"N": residential} | model_error(results)
