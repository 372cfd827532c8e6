"""The command fetch: a workspace from open data."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from phusong.api.console import JsonOption, LanguageOption, download_bar, log
from phusong.api.layer_commands import Folder, print_reports


def fetch(
    folder: Folder,
    on: Annotated[
        datetime,
        typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day of provinces and people."),
    ],
    polygon: Annotated[Path | None, typer.Option(help="Vector file with the area.")] = None,
    province: Annotated[str | None, typer.Option(help="Name of a province of that day.")] = None,
    layers: Annotated[str | None, typer.Option(metavar="LAYER,…", help="What to fetch; all.")] = None,
    mirror: Annotated[str | None, typer.Option(metavar="URL|DIR", help="Mirror of the providers, or a cache.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of downloads; ~/.cache/phusong/downloads.")] = None,
    country: Annotated[str, typer.Option(help="ISO 3166-1 code of three letters.")] = "VNM",
    population: Annotated[
        Literal["constrained", "unconstrained"], typer.Option(help="People on settled land only, or everywhere.")
    ] = "constrained",
    crs: Annotated[str | None, typer.Option(help="CRS of a new workspace; the UTM zone.")] = None,
    resolution: Annotated[float, typer.Option(help="Side of a cell of a new workspace [m].")] = 30.0,
    replace: Annotated[bool, typer.Option("--replace", help="Replace layers imported before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on with a download of more than 2 GB.")] = False,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make or complete a workspace from open data: terrain, land cover, people, boundaries, OpenStreetMap."""
    from phusong.geodata.open_data.downloads import Downloads
    from phusong.geodata.open_data.fetching import FETCHED, Request, fetch_workspace

    wanted = tuple(layer.strip() for layer in layers.split(",")) if layers is not None else FETCHED
    request = Request(
        on.date(), polygon, province, country, wanted, population, crs, resolution, replace, yes
    )  # fmt: skip
    with download_bar("fetching / đang tải") as progress:
        downloads = Downloads(cache or _default_cache(), mirror, progress)
        reports = fetch_workspace(folder, request, downloads)
    for note in downloads.notes:
        log(f"note: {note}", f"lưu ý: {note.vi}")
    print_reports(reports, as_json=as_json, language=language)


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "phusong" / "downloads"
