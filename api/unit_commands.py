"""Command that looks up administrative units in time: unit."""

from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phusong.api.console import JsonOption, LanguageOption, print_json, print_line

if TYPE_CHECKING:
    from phusong.geodata.admin_units import AdminUnit

_PARTS_VI = {"whole": "toàn bộ", "main": "phần chính", "part": "một phần"}


def unit(
    name: Annotated[str, typer.Argument(metavar="NAME|CODE", help="Name or code of a commune, ward or township.")],
    parent: Annotated[str | None, typer.Option(help="Name or code of its district or province.")] = None,
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day; any for a name, today for a code."),
    ] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Look up a unit by name or code on a day, and what it was made of or became on 1 July 2025."""
    from phusong.geodata.admin_units import find_by_code, find_by_name, predecessors, successors

    day = on.date() if on else None
    plain = name.strip()
    found = (
        find_by_code(plain, on=day or date.today()) if plain.isdigit() else find_by_name(name, on=day, parent=parent)
    )
    became, made_of = successors(found), predecessors(found)
    if as_json:
        relations = {"became": became, "made_of": made_of}
        print_json(_plain(found) | {
            key: [_plain(other) | {"part": part} for other, part in others] for key, others in relations.items()
        })  # fmt: skip
        return
    print_line(found.describe(), found.describe_vi(), language=language)
    for label, label_vi, others in (("became", "thành", became), ("made of", "gồm", made_of)):
        for other, part in others:
            print_line(
                f"    {label} ({part}): {other.describe()}",
                f"    {label_vi} ({_PARTS_VI[part]}): {other.describe_vi()}",
                language=language,
            )


def _plain(found: "AdminUnit") -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(found).items()}
