"""The command that holds the model against measurements: `phusong validate-model`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phusong.api.answer_commands import ProfileOption, RunOption
from phusong.api.console import JsonOption, LanguageOption, pick, print_json, print_line, print_table
from phusong.api.layer_commands import Folder
from phusong.api.pictures import require_picture, write_picture

if TYPE_CHECKING:
    from phusong.coverage.model_validation import Validation
    from phusong.maps.text import Language

_WORDS_VI = {"all": "tất cả", "weak": "yếu", "good": "tốt"}


def validate_model(
    folder: Folder,
    kind: Annotated[Literal["drive_test", "crowd"] | None, typer.Option(help="Measurements of one kind; all.")] = None,
    profile: ProfileOption = None,
    run: RunOption = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Scatter plot to write, .png or .svg.")] = None,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Compare a run with the layer of measurements: bias, RMSE, deviation, thresholds; propose σ_model."""
    from phusong.api.answers import find_profile, heading, open_run
    from phusong.coverage.model_validation import validate_model as compare
    from phusong.coverage.model_validation import validation_dict
    from phusong.geodata.errors import InputError
    from phusong.geodata.workspace import Workspace
    from phusong.maps.scatter_figure import render_scatter_svg

    if plot is not None:
        require_picture(plot)
    workspace = Workspace.open(folder)
    results = open_run(workspace, run)
    thresholds = find_profile(results, profile)
    measurements = workspace.read_layer("measurements")
    if kind is not None:
        measurements = measurements[measurements["kind"] == kind] if "kind" in measurements else measurements[:0]
        if measurements.empty:
            raise InputError(
                f"The layer measurements has none of kind {kind}; leave --kind out, or import some that say so.",
                vi=f"Lớp measurements không có điểm đo loại {kind}; hãy bỏ --kind, hoặc nhập điểm đo có ghi loại này.",
            )
    found = compare(results, measurements, thresholds)
    if plot is not None:
        write_picture(plot, render_scatter_svg(found, thresholds, language))
    if as_json:
        described = heading(results, thresholds)
        print_json({name: str(described[name]) for name in ("run_id", "as_of", "profile")} | validation_dict(found))
    else:
        _print(found, language)


def _print(found: "Validation", language: "Language") -> None:
    from phusong.maps.text import format_count, format_number

    def db(value: float) -> str:
        return format_number(value, 1, language)

    print_table(
        [("technology", "công nghệ"), ("MHz", "MHz"), ("points", "số điểm"), ("bias", "độ lệch"), ("RMSE", "RMSE"),
         ("std. dev.", "độ lệch chuẩn")],
        [
            (pick((row.technology, _WORDS_VI.get(row.technology, row.technology)), language),
             "" if row.band_mhz is None else f"{row.band_mhz:g}", format_count(row.count, language),
             db(row.bias_db), db(row.rmse_db), db(row.std_db))
            for row in found.statistics
        ],
        language=language, right=(1, 2, 3, 4, 5), title=("error = modelled − measured [dB]", "sai số = tính − đo [dB]"),
    )  # fmt: skip
    print_line("", "", language=language)
    print_table(
        [("technology", "công nghệ"), ("threshold", "ngưỡng"), ("dBm", "dBm"), ("both", "cả hai đạt"),
         ("model only", "chỉ tính"), ("measured only", "chỉ đo"), ("neither", "không đạt"), ("right", "đúng")],
        [
            (row.technology, pick((row.threshold, _WORDS_VI[row.threshold]), language), db(row.threshold_dbm),
             *(format_count(count, language) for count in (row.both, row.model_only, row.measured_only, row.neither)),
             f"{db(100 * row.share_right)}%")
            for row in found.confusion
        ],
        language=language, right=(2, 3, 4, 5, 6, 7), title=("points that meet a threshold", "số điểm đạt ngưỡng"),
    )  # fmt: skip
    print_line("", "", language=language)
    _print_remarks(found, language)


def _print_remarks(found: "Validation", language: "Language") -> None:
    from phusong.coverage.model_validation import LEAST_COUNT

    total = found.statistics[-1]
    if total.with_station:
        print_line(
            f"{total.same_station} of {total.with_station} points that name their station heard the modelled one.",
            f"{total.same_station} trên {total.with_station} điểm đo có ghi trạm trùng với trạm phục vụ tính toán.",
            language=language,
        )
    print_line(
        f"Left out: {found.outside} outside the grid, {found.unknown} of an operator and technology without stations; "
        f"without any modelled level: {found.no_level} (not in the errors).",
        f"Không dùng: {found.outside} điểm ngoài lưới, {found.unknown} điểm của nhà mạng và công nghệ không có trạm; "
        f"không có mức thu tính toán: {found.no_level} điểm (không tính vào sai số).",
        language=language,
    )
    if found.too_few:
        few = ", ".join(f"{row.technology} {row.band_mhz:g} MHz ({row.count})" for row in found.too_few)
        print_line(
            f"Too few points for a proposal, of which at least {LEAST_COUNT} are needed: {few}.",
            f"Quá ít điểm đo để đề xuất, cần ít nhất {LEAST_COUNT}: {few}.",
            language=language,
        )
    if found.sigma_db is None or found.uncalibrated_db is None:
        return
    offsets = ", ".join(f"{band} MHz {offset:+.1f} dB" for band, offset in found.offset_db.items())
    print_line(
        f"Proposed: model_error.sigma_db = {found.sigma_db:.1f} with calibration ({offsets}), "
        f"{found.uncalibrated_db:.1f} without.",
        f"Đề xuất: model_error.sigma_db = {found.sigma_db:.1f} nếu hiệu chỉnh ({offsets}), "
        f"{found.uncalibrated_db:.1f} nếu không.",
        language=language,
    )
