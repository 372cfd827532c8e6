"""The command `diff`: what changed between two runs."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from phusong.api.answer_commands import word
from phusong.api.console import (
    Heading,
    JsonOption,
    LanguageOption,
    log,
    pick,
    print_json,
    print_line,
    print_table,
    working,
)
from phusong.api.layer_commands import Folder
from phusong.geodata.errors import InputError
from phusong.geodata.names import sort_key
from phusong.maps.text import Language, format_count, format_date

if TYPE_CHECKING:
    from phusong.api.diff_answer import DiffAnswer, DiffRun

NAMED_CAUSES = 3
_COUNTS = ("gained", "lost", "arrived", "left", "people_a", "people_b")
_CAUSES: dict[str, Heading] = {
    "new": ("new", "mới"),
    "gone": ("gone", "bị bỏ"),
    "changed": ("changed", "thay đổi"),
    "ground": ("ground, model or engine", "địa hình, mô hình hoặc phiên bản"),
    "settings": ("thresholds", "ngưỡng"),
    "settlement": ("the settlement itself", "chính điểm dân cư"),
}
_CHANGES: dict[str, Heading] = {
    "gained": ("gained", "có thêm sóng"),
    "lost": ("lost", "mất sóng"),
    "better": ("better", "tốt hơn"),
    "worse": ("worse", "kém hơn"),
    "added": ("added", "thêm"),
    "removed": ("removed", "bớt"),
}
DiffLevel = Literal["province", "district", "commune", "old_commune"]
RUN_HELP = "Run: an id, current, or the name of a scenario."


def diff(
    folder: Folder,
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help=RUN_HELP)],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help=RUN_HELP)],
    level: Annotated[
        DiffLevel, typer.Option(help="Units to tell people by, beside the province; district is the former district.")
    ] = "commune",
    geojson: Annotated[Path | None, typer.Option(metavar="FILE", help="GeoJSON file to write.")] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Say which settlements and people gained or lost service from RUN_A to RUN_B, and because of which station."""
    from phusong.api.answers import open_run
    from phusong.api.diff_answer import diff_answer, render_geojson
    from phusong.coverage.diff import compare_runs
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    before, after = open_run(workspace, run_a), open_run(workspace, run_b)
    with working("comparing / đang so sánh"):
        found = compare_runs(before, after, level=level)
    if geojson is not None:
        _write(geojson, render_geojson(found))
    answer = diff_answer(found)
    if as_json:
        print_json(answer)
        return
    _print_run("A", answer.a, language)
    _print_run("B", answer.b, language)
    _print_settlements(answer, language)
    _print_people(answer, language)


def _print_run(letter: str, run: "DiffRun", language: Language) -> None:
    name = (f"run {run.run_id}", f"lần tính {run.run_id}")
    if run.scenario:
        name = (f"scenario {run.scenario}", f"kịch bản {run.scenario}")
    day = format_date(run.as_of, language)
    print_line(f"{letter}: {name[0]}, as of {day}", f"{letter}: {name[1]}, ngày {day}", language=language)


def _print_settlements(answer: "DiffAnswer", language: Language) -> None:
    rows = [row for row in answer.settlements if row["technology"] == "signal"]
    rows.sort(key=lambda row: [sort_key(row[key] or "") for key in ("commune_name", "name", "settlement_id")])
    print_table(
        [("commune", "xã"), ("settlement", "điểm dân cư"), ("A", "A"), ("B", "B"), ("", ""), ("because of", "do")],
        [
            (
                row["commune_name"] or "–",
                row["name"] or row["settlement_id"],
                word(row["class_a"], language) or "–",
                word(row["class_b"], language) or "–",
                pick(_CHANGES[row["change"]], language),
                _because(row, language),
            )
            for row in rows
        ],
        language=language,
        title=("\nSettlements", "\nĐiểm dân cư"),
    )
    counts = [format_count(sum(row["change"] == change for row in rows), language) for change in ("gained", "lost")]
    print_line(
        f"{counts[0]} settlements gained signal, {counts[1]} lost it",
        f"{counts[0]} điểm dân cư có thêm sóng, {counts[1]} mất sóng",
        language=language,
    )


def _print_people(answer: "DiffAnswer", language: Language) -> None:
    """People with at least weak service: the province first, then units by name."""
    every = [row for row in answer.people if row["service"] == "weak"]
    rows = [row for row in every if any(row[name] >= 0.5 for name in _COUNTS[:4])]
    rows.sort(key=lambda row: (row["level"] != "province", sort_key(row["unit_name"]), row["technology"]))
    causes: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for cause in answer.causes:
        causes[_place(cause)].append(cause)
    print_table(
        [
            ("unit", "đơn vị"), ("tech", "CN"), ("gained", "thêm"), ("lost", "mất"), ("arrived", "đến"), ("left", "đi"),
            ("A", "A"), ("B", "B"), ("because of", "do"),
        ],
        [
            (
                row["unit_name"] or row["unit_code"],
                word(row["technology"], language),
                *(format_count(row[name], language) for name in _COUNTS),
                _most(causes[_place(row)], language),
            )
            for row in rows
        ],
        language=language,
        right=range(2, 8),
        title=("\nPeople with at least weak service", "\nNgười có sóng từ yếu trở lên"),
    )  # fmt: skip
    if len(rows) < len(every):
        less = format_count(len(every) - len(rows), language)
        print_line(
            f"{less} more changed by less than half a person (--json has them)",
            f"{less} dòng khác thay đổi chưa đến nửa người (xem --json)",
            language=language,
        )
    if answer.not_available:
        print_line(f"{answer.level}: {answer.not_available.en}", answer.not_available.vi, language=language)


def _place(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("level", "unit_code", "technology", "service"))


def _most(causes: Sequence[dict[str, Any]], language: Language) -> str:
    """The causes that moved most people, and how many more there are."""
    ordered = sorted(causes, key=lambda row: (-row["gained"] - row["lost"], row["station_id"]))
    more = len(ordered) - NAMED_CAUSES
    named = ", ".join(_because(row, language) for row in ordered[:NAMED_CAUSES])
    return named + (f" +{more}" if more > 0 else "")


def _because(row: dict[str, Any], language: Language) -> str:
    text = pick(_CAUSES[row["cause"]], language)
    return f"{row['station_id']} ({text})" if row["station_id"] else text


def _write(path: Path, text: str) -> None:
    from phusong.geodata.writing import replacing

    try:
        with replacing(path) as aside:
            aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another --geojson.",
            vi=f"Không ghi được {path}: {error.strerror}; hãy chọn --geojson khác.",
        ) from error
    log(f"Wrote {path}.", f"Đã ghi {path}.")
