"""The figure of `coverage --plot`: by technology for one unit, by unit for a level."""

from collections.abc import Iterable

from phusong.api.console import pick
from phusong.api.models import CoverageAnswer, CoverageRow
from phusong.coverage.service import ANY
from phusong.geodata.errors import InputError
from phusong.geodata.names import sort_key
from phusong.maps.documents import INDICATOR_WORDS
from phusong.maps.reason_text import reason_words
from phusong.maps.share_figure import Bar, BarGroup, render_shares_svg
from phusong.maps.text import Language, format_date, say


def render_coverage_svg(answer: CoverageAnswer, name: str, language: Language) -> str:
    """Draw the people, residential cells and settlements of one unit by technology; of several, their people.

    Parameters
    ----------
    answer
        The rows to draw.
    name
        Name of the area.
    language
        "vi" or "en".

    Raises
    ------
    InputError
        The answer has no share of people, cells or settlements.
    """
    rows = [row for row in answer.rows if row.indicator in INDICATOR_WORDS and row.service in ("weak", "good")]
    units = dict.fromkeys((row.unit_code, row.unit_name) for row in rows)
    if not rows:
        raise InputError(
            "There is no share of people, cells or settlements to draw here; leave --plot out to see what there is.",
            vi="Không có tỷ lệ dân số, ô dân cư hay thôn, bản để vẽ; hãy bỏ --plot để xem có những gì.",
        )
    if len(units) == 1:
        groups = [_by_technology(indicator, rows, language) for indicator in INDICATOR_WORDS]
        name = next(iter(units))[1] or name
    else:
        technologies = {row.technology for row in rows}
        technology = ANY if ANY in technologies else min(technologies)
        of_people = [row for row in rows if (row.indicator, row.technology) == ("people", technology)]
        groups = [_by_unit(of_people, technology, language)]
    title = pick((f"Mobile coverage of {name}", f"Phủ sóng di động {name}"), language)
    day = format_date(answer.as_of, language)
    subtitle = pick((f"As of {day}, run {answer.run_id}", f"Tính đến ngày {day}, phiên tính {answer.run_id}"), language)
    return render_shares_svg(title, subtitle, [group for group in groups if group.bars], language)


def _by_technology(indicator: str, rows: Iterable[CoverageRow], language: Language) -> BarGroup:
    mine = [row for row in rows if row.indicator == indicator]
    technologies = sorted({row.technology for row in mine}, key=lambda name: (name != ANY, "+" not in name, name))
    bars = [_bar(_technology(one, language), [row for row in mine if row.technology == one]) for one in technologies]
    return BarGroup(say(INDICATOR_WORDS[indicator], language), tuple(bars))


def _by_unit(rows: list[CoverageRow], technology: str, language: Language) -> BarGroup:
    names = {row.unit_code: row.unit_name or row.unit_code for row in rows}
    codes = sorted(names, key=lambda code: (sort_key(names[code]), code))
    title = f"{say(INDICATOR_WORDS['people'], language)} – {_technology(technology, language)}"
    return BarGroup(title, tuple(_bar(names[code], [row for row in rows if row.unit_code == code]) for code in codes))


def _technology(name: str, language: Language) -> str:
    return say(("any technology", "công nghệ bất kỳ"), language) if name == ANY else name


def _bar(label: str, rows: Iterable[CoverageRow]) -> Bar:
    by_service = {row.service: row for row in rows}
    weak, good = by_service.get("weak"), by_service.get("good")
    return Bar(
        label,
        None if weak is None else weak.numerator,
        None if good is None else good.numerator,
        None if weak is None else weak.denominator,
        reason_words((weak and weak.reason) or ""),
    )
