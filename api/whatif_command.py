"""The command `whatif`: what a new station would change."""

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phusong.api.answer_commands import RunOption, print_heading, word
from phusong.api.console import JsonOption, LanguageOption, log_warnings, print_json, print_line, print_table, working
from phusong.api.layer_commands import Folder
from phusong.geodata.errors import InputError
from phusong.geodata.names import sort_key
from phusong.maps.text import Language, format_count

if TYPE_CHECKING:
    from phusong.api.whatif_models import WhatIfAnswer
    from phusong.coverage.results import Results

STATION_ID = "what-if"


def whatif(
    folder: Folder,
    lon: Annotated[float, typer.Option(min=-180, max=180, help="Longitude, WGS 84 [degrees].")],
    lat: Annotated[float, typer.Option(min=-90, max=90, help="Latitude, WGS 84 [degrees].")],
    height: Annotated[float, typer.Option(min=1, max=1000, help="Height of the antennas above ground [m].")],
    technology: Annotated[Literal["2G", "3G", "4G", "5G"], typer.Option(help="2G, 3G, 4G or 5G.")],
    band: Annotated[float, typer.Option(min=30, max=6000, help="Frequency band [MHz].")],
    eirp: Annotated[str, typer.Option(help="EIRP [dBm]: one for all sectors or one each, like 61,61,58.")],
    azimuths: Annotated[
        str | None, typer.Option(help="Azimuths of the sectors [degrees], like 0,120,240; one omnidirectional sector.")
    ] = None,
    bandwidth: Annotated[
        float | None,
        typer.Option(min=0.1, max=400, help="Carrier bandwidth [MHz]; that of most stations of technology and band."),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Say which people and settlements a new station would give service; nothing is stored."""
    from phusong.api.answers import open_run
    from phusong.api.served import ServedRun
    from phusong.api.whatif_answer import read_changes, whatif_answer
    from phusong.api.whatif_models import NewStation, WhatIfRequest
    from phusong.coverage.whatif import Planner
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    results = open_run(workspace, run)
    station = NewStation(
        station_id=STATION_ID, mast_id=STATION_ID, operator=STATION_ID, technology=technology, band_mhz=band,
        bandwidth_mhz=bandwidth or _usual_bandwidth_mhz(results, technology, band), height_agl_m=height,
        azimuths_deg=_numbers("azimuths", azimuths) if azimuths else None, eirp_dbm=_numbers("eirp", eirp),
        lon=lon, lat=lat,
    )  # fmt: skip
    changes = read_changes(WhatIfRequest(new=[station]), results)
    with working("computing / đang tính"):
        answer = whatif_answer(ServedRun(results), Planner(workspace, results).answer(changes))
    if as_json:
        print_json(answer)
    else:
        print_heading(answer, language)
        _print_people(answer, language)
        _print_settlements(answer, language)
    log_warnings([warning.model_dump() for warning in answer.warnings])


def _usual_bandwidth_mhz(results: "Results", technology: str, band_mhz: float) -> float:
    """The bandwidth that most stations of a technology and band have."""
    table = results.stations
    alike = table[(table["technology"] == technology) & (table["band_mhz"].astype(float) == band_mhz)]
    if alike.empty:
        raise InputError(
            f"No station of {technology} at {band_mhz:g} MHz tells the bandwidth; give it with --bandwidth.",
            vi=f"Không có trạm {technology} {band_mhz:g} MHz nào để lấy băng thông; hãy nêu bằng --bandwidth.",
        )
    return float(alike["bandwidth_mhz"].astype(float).mode().min())


def _numbers(option: str, text: str) -> list[float]:
    """Numbers separated by commas, semicolons or blanks."""
    try:
        values = [float(part) for part in re.split(r"[,;\s]+", text.strip())]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 12 or not all(map(math.isfinite, values)):
        raise InputError(
            f"--{option} takes 1 to 12 numbers with decimal points, separated by commas; got {text!r}.",
            vi=f"--{option} gồm 1 đến 12 số, dấu chấm thập phân, cách nhau bằng dấu phẩy; nhận được {text!r}.",
        )
    return values


def _print_people(answer: "WhatIfAnswer", language: Language) -> None:
    """People with at least weak service: the province first, then communes by name."""
    rows = [row for row in answer.people if row.service == "weak" and row.gained >= 0.5]
    rows.sort(key=lambda row: (row.level != "province", sort_key(row.unit_name), row.technology))
    print_table(
        [("unit", "đơn vị"), ("tech", "CN"), ("gained", "thêm"), ("then", "sau đó"), ("of", "trên tổng")],
        [
            (
                row.unit_name or row.unit_code,
                word(row.technology, language),
                *(
                    "–" if count is None else format_count(count, language)
                    for count in (row.gained, row.numerator_after, row.denominator)
                ),
            )
            for row in rows
        ],
        language=language,
        right=(2, 3, 4),
        title=("People with at least weak service", "Người có sóng từ yếu trở lên"),
    )


def _print_settlements(answer: "WhatIfAnswer", language: Language) -> None:
    rows = [row for row in answer.settlements if row.technology == "signal"]
    rows.sort(key=lambda row: [sort_key(text) for text in (row.commune_name, row.name, row.settlement_id)])
    print_table(
        [("commune", "xã"), ("settlement", "điểm dân cư"), ("id", "mã"), ("now", "nay"), ("then", "sau đó")],
        [
            (
                row.commune_name or "–",
                row.name or "–",
                row.settlement_id,
                word(row.class_a, language),
                word(row.class_b, language),
            )
            for row in rows
        ],
        language=language,
        title=("\nSettlements", "\nĐiểm dân cư"),
    )
    gained = format_count(sum(row.change == "gained" for row in rows), language)
    print_line(f"{gained} settlements gain signal", f"{gained} điểm dân cư có thêm sóng", language=language)
