"""Commands that answer from a run: coverage and settlements."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phusong.api.console import (
    CsvOption,
    Heading,
    JsonOption,
    LanguageOption,
    log_warnings,
    pick,
    print_csv,
    print_json,
    print_line,
    print_table,
)
from phusong.api.pictures import require_picture, write_picture
from phusong.maps.text import Language, format_count, format_date, format_share

if TYPE_CHECKING:
    from phusong.api.models import Answer, CoverageAnswer, CoverageRow, SettlementsAnswer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the workspace.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Run or scenario; the published one.")]
ProfileOption = Annotated[str | None, typer.Option(help="Threshold profile; the first of the settings.")]
YesNo = Literal["yes", "no", "unknown"]
Level = Literal["province", "district", "commune", "old_commune", "settlement"]

_WORDS: dict[str, Heading] = {
    "people": ("people", "dân số"),
    "people_expected": ("people, expected", "dân số kỳ vọng"),
    "people_2_operators": ("people, 2 operators", "dân số, 2 nhà mạng"),
    "residential_cells": ("residential cells", "ô dân cư"),
    "indoor:people": ("people indoors", "dân số, trong nhà"),
    "indoor:residential_cells": ("residential cells indoors", "ô dân cư, trong nhà"),
    "indoor:settlements": ("settlements indoors", "điểm dân cư, trong nhà"),
    "settlements": ("settlements", "điểm dân cư"),
    "households_passed": ("households passed", "hộ trong tầm cáp"),
    "households_connected": ("households connected", "hộ đã kết nối"),
    "states": ("signal · power · broadband", "sóng · điện · băng rộng"),
    "states:weak": ("of them weak signal only", "trong đó lõm sóng"),
    "served": ("served", "có sóng"),
    "masts": ("masts", "cột"),
    "stations": ("stations", "trạm"),
    "none": ("none", "trắng sóng"),
    "weak": ("weak", "lõm sóng"),
    "good": ("good", "tốt"),
    "yes": ("yes", "có"),
    "no": ("no", "không"),
    "unknown": ("unknown", "chưa rõ"),
    "any": ("any", "bất kỳ"),
}


def coverage(
    folder: Folder,
    level: Annotated[Level, typer.Option(help="Kind of unit; district is the former district.")] = "province",
    unit: Annotated[str | None, typer.Option(help="Code of one unit.")] = None,
    technology: Annotated[str | None, typer.Option(help="A technology, 3G+4G or any; all.")] = None,
    operator: Annotated[str | None, typer.Option(help="An operator; the best of all (any).")] = None,
    profile: ProfileOption = None,
    run: RunOption = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Chart to write, .png or .svg.")] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    language: LanguageOption = "en",
) -> None:
    """Print the people, residential cells and settlements covered, with numerator and denominator."""
    from phusong.api.answers import open_run
    from phusong.api.coverage_answer import coverage_answer
    from phusong.api.models import CoverageRow
    from phusong.api.served import ServedRun
    from phusong.geodata.workspace import Workspace

    _one_format(as_json, as_csv)
    if plot is not None:
        require_picture(plot)
    opened = ServedRun(open_run(Workspace.open(folder), run))
    answer = coverage_answer(opened, level=level, unit=unit, technology=technology, operator=operator, profile=profile)
    if plot is not None:
        from phusong.api.coverage_plot import render_coverage_svg

        name = str(opened.results.manifest["settings"]["name"])
        write_picture(plot, render_coverage_svg(answer, name, language))
    if as_json:
        print_json(answer)
    elif as_csv:
        print_csv([row.model_dump() for row in answer.rows], list(CoverageRow.model_fields), sources=_said(answer))
    else:
        print_heading(answer, language)
        print_figures(answer, language)
    log_warnings([warning.model_dump() for warning in answer.warnings])


def settlements(
    folder: Folder,
    signal: Annotated[
        Literal["none", "weak", "good", "unknown"] | None, typer.Option(help="none: no signal; weak; good.")
    ] = None,
    power: Annotated[YesNo | None, typer.Option(help="Grid power.")] = None,
    broadband: Annotated[YesNo | None, typer.Option(help="Fixed broadband.")] = None,
    uncertain: Annotated[
        Literal["yes", "no"] | None, typer.Option(help="Within the model's error of the weak threshold.")
    ] = None,
    disagrees: Annotated[
        Literal["yes", "no"] | None, typer.Option(help="Declared or measured signal is not the modelled one.")
    ] = None,
    commune: Annotated[str | None, typer.Option(help="Code or name of a commune.")] = None,
    name: Annotated[str | None, typer.Option(help="Part of the name, with or without diacritics.")] = None,
    profile: ProfileOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the settlements that meet every condition given."""
    from phusong.api.answers import open_run
    from phusong.api.served import ServedRun
    from phusong.api.settlement_rows import SettlementQuery
    from phusong.api.settlements_answer import settlements_answer
    from phusong.geodata.workspace import Workspace

    _one_format(as_json, as_csv)
    results = open_run(Workspace.open(folder), run)
    query = SettlementQuery(
        signal=signal, power=power, broadband=broadband, uncertain=uncertain, disagrees=disagrees, commune=commune,
        name=name,
    )  # fmt: skip
    answer = settlements_answer(ServedRun(results), query, profile=profile)
    if as_json:
        print_json(answer)
    elif as_csv:
        print_csv([row.model_dump() for row in answer.rows], list(results.settlements.columns), sources=_said(answer))
    else:
        print_heading(answer, language)
        print_settlements(answer, language)
    log_warnings([warning.model_dump() for warning in answer.warnings])


def _said(answer: "Answer") -> list[str]:
    """What an export must say of each source, once."""
    from phusong.geodata.sources import attributions

    return attributions(source.model_dump() for source in answer.sources)


def print_heading(answer: "Answer", language: Language) -> None:
    """Print which run, date and thresholds an answer rests on, and what it leaves out."""
    day = format_date(answer.as_of, language)
    print_line(
        f"run {answer.run_id}, as of {day}, profile {answer.profile} at {answer.location_pct:g} % of places",
        f"lần tính {answer.run_id}, ngày {day}, bộ ngưỡng {answer.profile}, {answer.location_pct:g}% vị trí",
        language=language,
    )
    for note in (*answer.notes, *filter(None, [answer.age_warning])):
        print_line(note.en, note.vi, language=language)
    print_line("", "", language=language)


def print_figures(answer: "CoverageAnswer", language: Language) -> None:
    """Print figures: coverage as one line per unit, technology and indicator, everything else below."""
    services = ("weak", "good")
    covered = [row for row in answer.rows if row.service in services and row.reason is None]
    pairs: dict[tuple[str, ...], dict[str, CoverageRow]] = {}
    for row in covered:
        key = (row.unit_code, row.unit_name, row.technology, row.operator, row.indicator)
        pairs.setdefault(key, {})[row.service] = row
    if pairs:
        print_table(
            _COVERED_HEADINGS,
            [_covered_cells(key, found, language) for key, found in pairs.items()],
            language=language,
            right=(3, 4, 5, 6, 7),
        )
        print_line(
            "number of all (of): weak+ at least weak, good at least good.",
            "số trên tổng: từ mức yếu trở lên (từ yếu), từ mức tốt trở lên (tốt).",
            language=language,
        )
    shown = {id(row) for row in covered}
    others = [row for row in answer.rows if id(row) not in shown]
    if others:
        print_line("", "", language=language)
        print_table(
            _OTHER_HEADINGS, [_other_cells(row, language) for row in others], language=language, right=(4, 5, 6)
        )
    print_line("", "", language=language)
    for name in ("indicator", "N"):
        text = answer.definitions[name]
        print_line(f"{name}: {text.en}", f"{name}: {text.vi}", language=language)


def print_settlements(answer: "SettlementsAnswer", language: Language) -> None:
    """Print a list of settlements by commune, and how many there are."""
    print_table(
        _SETTLEMENT_HEADINGS,
        [
            (
                row.commune_name or "–",
                row.name,
                row.settlement_id,
                word(row.signal, language) + (" ≠" if row.signal_disagrees == "yes" else ""),
                *(word(value or "–", language) for value in (row.signal_declared, row.signal_measured)),
                *(word(value, language) for value in (row.power, row.broadband)),
                _count(row.population, language),
                _count(row.households, language),
            )
            for row in answer.rows
        ],
        language=language,
        right=(8, 9),
    )
    counts = tuple(format_count(value, language) for value in (answer.numerator, answer.denominator))
    people = _count(answer.people, language)
    print_line(
        f"{counts[0]} of {counts[1]} settlements, {people} people in them",
        f"{counts[0]} trên {counts[1]} điểm dân cư, {people} người",
        language=language,
    )


def word(text: str, language: Language) -> str:
    """A word of the answers in a language; what is no such word stays as it is."""
    return pick(_WORDS.get(text, (text, text)), language)


_COVERED_HEADINGS: Sequence[Heading] = (
    ("unit", "đơn vị"),
    ("tech", "CN"),
    ("indicator", "chỉ tiêu"),
    ("weak+", "từ yếu"),
    ("number", "số"),
    ("good", "tốt"),
    ("number", "số"),
    ("of", "trên tổng"),
)
_OTHER_HEADINGS: Sequence[Heading] = (
    ("unit", "đơn vị"),
    ("tech", "CN"),
    ("indicator", "chỉ tiêu"),
    ("value", "giá trị"),
    ("number", "số"),
    ("of", "trên tổng"),
    ("share", "tỷ lệ"),
    ("remark", "ghi chú"),
)
_SETTLEMENT_HEADINGS: Sequence[Heading] = (
    ("commune", "xã"),
    ("settlement", "điểm dân cư"),
    ("id", "mã"),
    ("signal", "sóng"),
    ("declared", "khai báo"),
    ("measured", "đo"),
    ("power", "điện"),
    ("broadband", "băng rộng"),
    ("people", "dân số"),
    ("households", "số hộ"),
)


def _covered_cells(key: tuple[str, ...], found: dict[str, "CoverageRow"], language: Language) -> list[str]:
    code, name, technology, operator, indicator = key
    label = technology if operator in ("any", "") else f"{technology} {operator}"
    cells = [name or code, _technology(label, language), word(indicator, language)]
    for service in ("weak", "good"):
        row = found.get(service)
        cells += [_share(row, language), _count(row.numerator if row else None, language)]
    return [*cells, _count(next(iter(found.values())).denominator, language)]


def _other_cells(row: "CoverageRow", language: Language) -> list[str]:
    from phusong.maps.reason_text import reason_words

    technology = row.technology if row.operator in ("any", "") else f"{row.technology} {row.operator}"
    return [
        row.unit_name or row.unit_code,
        _technology(technology, language),
        word(row.indicator, language),
        " · ".join(word(part.rpartition("=")[2], language) for part in row.service.split(" ")),
        _count(row.numerator, language),
        _count(row.denominator, language),
        "" if row.share is None else _share(row, language),
        pick(reason_words(row.reason or ""), language),
    ]


def _technology(technology: str, language: Language) -> str:
    return word(technology, language)


def _share(row: "CoverageRow | None", language: Language) -> str:
    if row is None or row.numerator is None or row.denominator is None:
        return "–"
    return format_share(row.numerator, row.denominator, language)


def _count(value: float | None, language: Language) -> str:
    return "–" if value is None else format_count(value, language)


def _one_format(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv")
