"""The command that explains one path: `phusong profile`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phusong.api.console import JsonOption, LanguageOption, print_json, print_line, print_table
from phusong.api.layer_commands import DayOption, Folder
from phusong.api.path_place import read_place
from phusong.api.pictures import require_picture, write_picture

if TYPE_CHECKING:
    from phusong.coverage.profile import PathExplanation
    from phusong.maps.text import Language


def profile(
    folder: Folder,
    station: Annotated[str, typer.Option("--from", metavar="STATION", help="Id of a station, planned ones too.")],
    to: Annotated[str, typer.Option("--to", metavar="LON,LAT", help="The place [degrees, WGS 84].")],
    threshold_profile: Annotated[
        str | None, typer.Option("--profile", help="Threshold profile; the first of the settings.")
    ] = None,
    as_of: DayOption = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Figure to write, .png or .svg.")] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "vi",
) -> None:
    """Explain the level of one station at one place: terrain, obstacle, loss by parts, antenna, margin."""
    from phusong.coverage.profile import explain_path
    from phusong.geodata.workspace import Workspace

    lon, lat = read_place(to, name="--to")
    if plot is not None:
        require_picture(plot)
    found = explain_path(
        Workspace.open(folder), station, lon=lon, lat=lat, as_of=as_of.date() if as_of else None,
        profile=threshold_profile,
    )  # fmt: skip
    if plot is not None:
        from phusong.maps.path_figure import render_path_svg

        write_picture(plot, render_path_svg(found, language))
    if as_json:
        print_json(found.to_dict())
    else:
        _print_path(found, language)


def _print_path(found: "PathExplanation", language: "Language") -> None:
    from phusong.maps.path_text import SIGHT_WORDS, obstacle_sentence, path_sections, path_subtitle, path_title

    titles = (path_title(found, "en"), path_title(found, "vi"))
    print_line(*titles, language=language)
    print_line(path_subtitle(found, "en"), path_subtitle(found, "vi"), language=language)
    print_line(*SIGHT_WORDS[found.path.sight], language=language)
    print_line(obstacle_sentence(found, "en"), obstacle_sentence(found, "vi"), language=language)
    for section in path_sections(found, language):
        print_line("", "", language=language)
        print_table(
            [(section.heading, section.heading), ("", "")],
            [(row.label, row.value) for row in section.rows],
            language=language,
            right=(1,),
        )
    print_line("", "", language=language)
    for note in found.notes:
        print_line(note["en"], note["vi"], language=language)
