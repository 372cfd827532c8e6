"""What a report says, apart from how it is written: titles, tables of typed cells, definitions and sources."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from phusong.coverage.results import Results
from phusong.coverage.service import ANY, technology_groups
from phusong.coverage.uncovered import Uncovered, explain_uncovered
from phusong.geodata.names import sort_key
from phusong.geodata.settings import Target, ThresholdProfile
from phusong.geodata.workspace import Workspace
from phusong.maps.data import published_settlements
from phusong.maps.shell import read_template
from phusong.maps.text import Language, Words, format_date, format_share, round_count, say
from phusong.maps.uncovered_text import CAUSE_WORDS, FUNDING_WORDS, format_quarter

Cell = str | int | None

INDICATOR_WORDS: dict[str, Words] = {
    "people": ("People", "Dân số"),
    "residential_cells": ("Residential cells", "Khu vực dân cư"),
    "settlements": ("Settlements", "Thôn, bản"),
}
LACKING_TITLE: Words = (
    "Settlements without power, signal or broadband",
    "Danh sách thôn, bản chưa có điện, chưa có sóng, chưa có băng rộng",
)
_OPTIONAL_LAYERS = ("fibre_endpoints", "places", "observations", "measurements")
_STATE_WORDS: dict[str, dict[str, Words]] = {
    "signal": {
        "none": ("none", "trắng sóng"),
        "weak": ("weak", "lõm sóng"),
        "good": ("good", "tốt"),
        "unknown": ("unknown", "chưa rõ"),
    },
    "power": {"yes": ("yes", "có"), "no": ("no", "chưa có"), "unknown": ("unknown", "chưa rõ")},
}


@dataclass(frozen=True)
class Table:
    """A table of a report, `tab` its short name; whole numbers stay numbers, None is "–", `wide` is landscape."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    wide: bool = False
    empty: str = "–"
    tab: str = ""


@dataclass(frozen=True)
class Report:
    """A report: title, what it rests on, tables, then definitions and sources as paragraphs."""

    title: str
    subtitle: str
    as_of: date
    language: Language
    tables: list[Table]
    definitions: list[str]
    sources: list[str]


def read_report(results: Results, workspace: Workspace, language: Language) -> Report:
    """Put together the report of a run, by its default profile and over all operators.

    Parameters
    ----------
    results
        The run.
    workspace
        Where it was published; its settings hold the targets.
    language
        "vi" or "en".
    """
    profile = next(iter(results.profiles.values()))
    figures = results.figures
    figures = figures[(figures["operator"] == ANY) & (figures["profile"] == profile.name)]
    name = str(results.manifest["settings"]["name"])
    as_of = date.fromisoformat(results.manifest["as_of"])
    day = format_date(as_of, language)
    explained = explain_uncovered(workspace, results)
    settlements = published_settlements(results.settlements)
    units = [
        _unit_table(settlements, figures, level, words, language)
        for level, words in (
            ("commune", ("By commune", "Tổng hợp theo xã, phường")),
            ("district", ("By former district", "Tổng hợp theo huyện cũ")),
        )
    ]
    return Report(
        title=say((f"Mobile coverage of {name}", f"Báo cáo phủ sóng di động {name}"), language),
        subtitle=say(
            (
                f"As of {day}; threshold profile {profile.name}; run {results.run_id}",
                f"Số liệu tính đến ngày {day}; bộ ngưỡng {profile.name}; phiên tính {results.run_id}",
            ),
            language,
        ),
        as_of=as_of,
        language=language,
        tables=[
            _summary_table(figures, profile, language),
            *units,
            lacking_table(settlements, explained, language),
            _target_table(figures, workspace.settings.report.targets, language),
        ],
        definitions=_definitions(results, profile, language),
        sources=_sources(results, language),
    )


def lacking_table(settlements: pd.DataFrame, explained: dict[str, Uncovered], language: Language) -> Table:
    """Settlements that lack power, signal or broadband, by commune and name in Vietnamese order.

    Parameters
    ----------
    settlements
        The settlement table of a run.
    explained
        Why settlements are not covered, by id.
    """
    lacks = (settlements["power"] == "no") | (settlements["signal"] == "none") | (settlements["broadband"] == "no")
    records = settlements[lacks].to_dict("records")
    records.sort(key=lambda row: (sort_key(row["commune_name"]), sort_key(row["name"] or ""), row["settlement_id"]))
    rows = [
        (number, *_lacking_cells(row, explained.get(str(row["settlement_id"])), language))
        for number, row in enumerate(records, start=1)
    ]
    heads = (
        ("No.", "STT"), ("Settlement", "Thôn, bản"), ("Commune", "Xã, phường"), ("Former district", "Huyện cũ"),
        ("People", "Dân số"), ("Households", "Số hộ"), ("Grid power", "Điện lưới"), ("Signal", "Sóng di động"),
        ("Broadband", "Băng rộng"), ("Why no good signal", "Nguyên nhân chưa có sóng tốt"), ("Funding", "Nguồn đầu tư"),
        ("Planned", "Dự kiến"),
    )  # fmt: skip
    empty = say(("No settlement lacks any of them.", "Không có thôn, bản nào."), language)
    tab = say(("Settlements lacking", "Thôn, bản còn thiếu"), language)
    return Table(say(LACKING_TITLE, language), _say_all(heads, language), rows, wide=True, empty=empty, tab=tab)


def _lacking_cells(row: dict[Any, Any], why: Uncovered | None, language: Language) -> tuple[Cell, ...]:
    begin = why.planned.on_air_from if why and why.planned else None
    return (
        row["name"] or say(("(no name)", "(chưa có tên)"), language),
        row["commune_name"] or "",
        row["district_name"] or "",
        _count(row["population"]),
        _count(row["households"]),
        state_word("power", row["power"], language),
        state_word("signal", row["signal"], language),
        state_word("power", row["broadband"], language),
        say(CAUSE_WORDS[why.cause], language) if why else "",
        say(FUNDING_WORDS[why.funding], language) if why else "",
        format_quarter(begin, language) if begin else "",
    )


def state_word(kind: str, value: str, language: Language) -> str:
    """A state of a settlement in words: of its "signal", or yes and no of its "power" and broadband."""
    return say(_STATE_WORDS[kind].get(value, _STATE_WORDS[kind]["unknown"]), language)


def _summary_table(figures: pd.DataFrame, profile: ThresholdProfile, language: Language) -> Table:
    province = figures[figures["level"] == "province"]
    rows: list[tuple[Cell, ...]] = []
    for indicator, words in INDICATOR_WORDS.items():
        for technology in technology_groups(profile):
            weak, good = (_figure(province, indicator, technology, service) for service in ("weak", "good"))
            label = say(("any", "bất kỳ"), language) if technology == ANY else technology
            rows.append((say(words, language), label, *_counted(weak, language), *_counted(good, language)[::2]))
    heads = (
        ("Indicator", "Chỉ tiêu"), ("Technology", "Công nghệ"), ("With signal", "Có sóng"), ("Of", "Trên tổng số"),
        ("Share", "Tỷ lệ"), ("Good signal", "Sóng tốt"), ("Share", "Tỷ lệ"),
    )  # fmt: skip
    return Table(say(("Summary of the province", "Tổng hợp toàn tỉnh"), language), _say_all(heads, language), rows)


def _unit_table(
    settlements: pd.DataFrame, figures: pd.DataFrame, level: str, title: Words, language: Language
) -> Table:
    of_level = figures[(figures["level"] == level) & (figures["technology"] == ANY)]
    units = of_level[["unit_code", "unit_name"]].drop_duplicates()
    rows: list[tuple[Cell, ...]] = []
    for code, name in sorted(units.itertuples(index=False, name=None), key=lambda unit: (sort_key(unit[1]), unit[0])):
        own = of_level[of_level["unit_code"] == code]
        inside = settlements[settlements[f"{level}_code"] == code]
        lacking = [(inside["signal"] == "none"), (inside["signal"] == "weak")]
        lacking += [(inside["power"] == "no"), (inside["broadband"] == "no")]
        rows.append(
            (
                name or code,
                *_counted(_figure(own, "people", ANY, "weak"), language),
                *_counted(_figure(own, "settlements", ANY, "weak"), language),
                *(int(which.sum()) for which in lacking),
            )
        )
    heads = (
        ("Unit", "Đơn vị"), ("People served", "Dân số có sóng"), ("People", "Dân số"), ("Share", "Tỷ lệ"),
        ("Settlements served", "Thôn, bản có sóng"), ("Settlements", "Thôn, bản"), ("Share", "Tỷ lệ"),
        ("No signal", "Trắng sóng"), ("Weak signal", "Lõm sóng"), ("No power", "Chưa có điện"),
        ("No broadband", "Chưa có băng rộng"),
    )  # fmt: skip
    empty = say(("The run has no units of this level.", "Lần tính không có đơn vị cấp này."), language)
    return Table(say(title, language), _say_all(heads, language), rows, wide=True, empty=empty)


def _target_table(figures: pd.DataFrame, targets: Iterable[Target], language: Language) -> Table:
    province = figures[figures["level"] == "province"]
    rows: list[tuple[Cell, ...]] = []
    for target in targets:
        found = _figure(province, target.indicator, target.technology, target.service)
        share = None if found is None or not found[1] > 0 else 100.0 * found[0] / found[1]
        met = say(("no figure", "chưa có số liệu"), language)
        if share is not None:
            met = say(("met", "đạt") if share >= target.value_pct else ("not met", "chưa đạt"), language)
        value = f"{target.value_pct:g}%".replace(".", "," if language == "vi" else ".")
        due = format_date(target.due, language)
        actual = "–" if found is None else format_share(*found, language)
        rows.append((target.name, target.technology, value, actual, met, due, target.decision))
    heads = (
        ("Target", "Mục tiêu"), ("Technology", "Công nghệ"), ("Target value", "Giá trị"), ("Actual", "Thực hiện"),
        ("Result", "Đánh giá"), ("Due", "Thời hạn"), ("Decision", "Văn bản"),
    )  # fmt: skip
    empty = say(
        ("The settings hold no targets ([[report.targets]]).", "Cấu hình chưa khai mục tiêu ([[report.targets]])."),
        language,
    )
    title = say(("Targets against actual figures", "Mục tiêu và kết quả thực hiện"), language)
    return Table(title, _say_all(heads, language), rows, empty=empty)


def _figure(figures: pd.DataFrame, indicator: str, technology: str, service: str) -> tuple[float, float] | None:
    """Numerator and denominator, or None where there is no such figure."""
    chosen = figures[
        (figures["indicator"] == indicator) & (figures["technology"] == technology) & (figures["service"] == service)
    ]
    if chosen.empty or chosen[["numerator", "denominator"]].iloc[0].isna().any():
        return None
    return float(chosen["numerator"].iloc[0]), float(chosen["denominator"].iloc[0])


def _counted(figure: tuple[float, float] | None, language: Language) -> tuple[Cell, Cell, Cell]:
    """Numerator, denominator, share."""
    if figure is None:
        return None, None, None
    return round_count(figure[0]), round_count(figure[1]), format_share(*figure, language)


def _count(value: Any) -> int | None:
    return None if pd.isna(value) else round_count(float(value))


def _say_all(words: Iterable[Words], language: Language) -> tuple[str, ...]:
    return tuple(say(word, language) for word in words)


def _definitions(results: Results, profile: ThresholdProfile, language: Language) -> list[str]:
    """The sentences of the map's own dialog, so that both define alike."""
    strings = _page_strings(language)
    values = {"location": f"{profile.location_pct:g}", "technologies": ", ".join(profile.counts_as_signal)}
    texts = [re.sub(r"\{(\w+)\}", lambda hole: values[hole[1]], text) for text in strings["definitionsText"]]
    source = strings["profileSource"].replace("{source}", profile.source)
    texts += missing_layers(results, language)
    return [*texts, source, *(str(warning[language]) for warning in results.manifest["notes"])]


def _page_strings(language: Language) -> Any:
    return json.loads(read_template("strings.json"))[language]


def missing_layers(results: Results, language: Language) -> list[str]:
    """A sentence on the layers that the run had not; none where it had all."""
    names = _page_strings(language)["inputNames"]
    missing = [names[name] for name in _OPTIONAL_LAYERS if name not in results.manifest["inputs"]]
    said = say(("Layers that were not imported", "Các lớp chưa nhập"), language)
    return [f"{said}: {', '.join(missing)}."] if missing else []


def _sources(results: Results, language: Language) -> list[str]:
    inputs = []
    for name, entry in sorted(results.manifest["inputs"].items()):
        rows = "" if entry.get("rows") is None else f"{entry['rows']} {say(('rows', 'dòng'), language)}, "
        inputs.append(f"{name}: {rows}SHA-256 {entry['sha256']}")
    notices = [
        f"{notice['layer']}: {notice['attribution']} ({notice['title']}, {notice['licence']})"
        for notice in results.manifest.get("sources", ())
    ]
    return [*inputs, *notices]
