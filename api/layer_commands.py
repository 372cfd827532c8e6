"""Commands that fill a workspace: init, import, check."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phusong.api.console import JsonOption, LanguageOption, log, pick, print_json, print_line, working
from phusong.geodata.errors import InputError, RefusedRowsError

if TYPE_CHECKING:
    from phusong.geodata.reports import ImportReport
    from phusong.geodata.workspace import Workspace
    from phusong.maps.text import Language

RASTERS = ("terrain", "clutter", "population")
LISTED_ROWS = 20
_COUNTS = {
    "accepted": "nhận", "refused": "từ chối", "repaired": "tự sửa", "filled": "điền mặc định", "derived": "suy ra",
}  # fmt: skip
_SEVERITIES = {"error": "lỗi", "warning": "cảnh báo"}

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the workspace.")]
DayOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Date of the answer; today."),
]


WaitOption = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for another writer of DIR; 0.")
]


def init(
    folder: Folder,
    crs: Annotated[str, typer.Option(help="Projected CRS of the analysis grid, like EPSG:32648.")],
    resolution: Annotated[float, typer.Option(help="Side of an analysis cell [m].")] = 30.0,
    name: Annotated[str | None, typer.Option(help="Name of the area; the folder's.")] = None,
) -> None:
    """Make a workspace in a new or empty folder."""
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.create(folder, crs=crs, resolution_m=resolution, name=name)
    settings = workspace.path / "phusong.toml"
    log(
        f"Made the workspace {workspace.path}; its settings are in {settings}.",
        f"Đã tạo vùng làm việc {workspace.path}; thiết lập ở {settings}.",
    )


def import_(
    folder: Folder,
    layer: Annotated[str | None, typer.Argument(help="Layer or raster, like stations or terrain.")] = None,
    file: Annotated[Path | None, typer.Argument(help="File to import.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the coordinates, like EPSG:9211.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook or layer of a file.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="OURS=THEIRS", help="Column of the file; repeatable.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text file, like tcvn3; found if absent.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what was imported before.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Add to what was imported before.")] = False,
    accept_partial: Annotated[
        bool, typer.Option("--accept-partial", help="Store the accepted rows though others are refused.")
    ] = False,
    accept_repairs: Annotated[
        str | None,
        typer.Option(metavar="CODE,…", help="Repair rows refused for xy_swapped or dms_text, and record each."),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe (TOML) that names layers and files.")] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="Folder of the recipe's files.")] = None,
    terrain_kind: Annotated[
        str | None, typer.Option(metavar="dtm|dsm", help="Terrain: bare ground or surface model.")
    ] = None,
    fill: Annotated[str | None, typer.Option(metavar="sea=M|interpolate=N", help="Terrain: fill holes.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.xlsx", help="Write the file's own table with the reasons in it.")
    ] = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Import a layer or raster from a file, or everything that a recipe names: all of it, or nothing."""
    from phusong.geodata.reader_client import start_reader

    start_reader()  # it gets ready meanwhile
    from phusong.geodata.workspace import Workspace
    from phusong.geodata.writing import writing

    workspace = Workspace.open(folder)
    repairs = [code.strip() for code in (accept_repairs or "").split(",") if code.strip()]
    columns = map_ or []
    _require_usage(
        not (append and (replace or recipe or layer in RASTERS)), "--append is for a layer, without --replace"
    )
    _validate_report(report, layer, file)
    try:
        with writing(workspace.path, "import", wait_s=wait):
            if recipe is not None:
                _require_usage(layer is None and file is None, "give either LAYER FILE or --recipe")
                reports = _with_recipe(workspace, recipe, from_ or recipe.parent, replace, accept_partial, repairs)
            elif layer is None or file is None:
                raise typer.BadParameter("give LAYER and FILE, or --recipe")
            elif layer in RASTERS:
                reports = [_raster(workspace, layer, file, terrain_kind, fill, replace)]
            else:
                _require_usage(terrain_kind is None and fill is None, "--terrain-kind and --fill are for terrain")
                reports = [
                    _layer(
                        workspace, layer, file, crs, sheet, columns, encoding, replace, append, accept_partial, repairs
                    )
                ]
    except RefusedRowsError as error:
        if as_json:
            print_json(summary_of(error.reports, stored=False))
        log_rows(error.reports, language)
        _annotate(report, file, error.reports, sheet, encoding, columns)
        raise
    print_reports(reports, as_json=as_json, language=language)
    _annotate(report, file, [report.to_dict() for report in reports], sheet, encoding, columns)


def check(
    folder: Folder, as_of: DayOption = None, as_json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """Say what is missing, inconsistent or out of range; exit code 1 when an error would stop a computation."""
    from phusong.coverage.checks import check_workspace
    from phusong.geodata.workspace import Workspace

    workspace = Workspace.open(folder)
    with working("checking / đang kiểm tra"):
        findings = check_workspace(workspace, as_of=as_of.date() if as_of else None)
    errors = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        print_json({"ok": not errors, "findings": [finding.to_dict() for finding in findings]})
    else:
        for finding in findings:
            severity = finding.severity
            print_line(f"{severity}: {finding.en}", f"{_SEVERITIES[severity]}: {finding.vi}", language=language)
        if not findings:
            print_line("Everything is there and consistent.", "Dữ liệu đầy đủ và nhất quán.", language=language)
    if errors:
        raise typer.Exit(1)


def _with_recipe(
    workspace: "Workspace", recipe: Path, source: Path, replace: bool, accept_partial: bool, repairs: Sequence[str]
) -> list["ImportReport"]:
    from phusong.geodata.recipe import import_recipe, staged

    with working("importing / đang nhập"), staged(workspace) as stage:
        reports = import_recipe(stage, recipe, source, replace=replace, accept_repairs=repairs)
        _refuse_partial(reports, accept_partial)
    return reports


def _layer(
    workspace: "Workspace", layer: str, file: Path, crs: str | None, sheet: str | None, columns: list[str],
    encoding: str | None, replace: bool, append: bool, accept_partial: bool, repairs: Sequence[str],
) -> "ImportReport":  # fmt: skip
    from phusong.geodata.importing import import_layer
    from phusong.geodata.recipe import staged

    mapping = read_pairs(columns)
    with working(f"importing / đang nhập {file.name}"), staged(workspace) as stage:
        report = import_layer(
            stage, layer, file, crs=crs, sheet=sheet, mapping=mapping, replace=replace, append=append,
            encoding=encoding, accept_repairs=repairs,
        )  # fmt: skip
        _refuse_partial([report], accept_partial)
    return report


def _raster(
    workspace: "Workspace", raster: str, file: Path, terrain_kind: str | None, fill: str | None, replace: bool
) -> "ImportReport":
    from phusong.geodata.recipe import import_raster, staged

    _require_usage(
        raster == "terrain" or (terrain_kind is None and fill is None), "--terrain-kind and --fill are for terrain"
    )
    options = _read_fill(fill)
    with working(f"importing / đang nhập {file.name}"), staged(workspace) as stage:
        return import_raster(stage, raster, file, terrain_kind=terrain_kind, replace=replace, **options)


def _refuse_partial(reports: Sequence["ImportReport"], accept_partial: bool) -> None:
    """Stop before anything is stored when rows were refused."""
    from phusong.geodata.tables import sheet_place

    refused = sum(report.refused for report in reports)
    if not refused or accept_partial:
        return
    report = next(report for report in reports if report.refused)
    first = report.rows[0]
    sheet = sheet_place(first.sheet)
    raise RefusedRowsError(
        f"{report.file}, {sheet}row {first.row}: {first.reason} (rows refused: {refused}; nothing was stored; "
        "correct them, or go on without them with --accept-partial).",
        vi=f"{report.file}, {sheet.vi}dòng {first.row}: {first.reason_vi} ({refused} dòng bị từ chối, chưa lưu gì; "
        "hãy sửa, hoặc bỏ qua các dòng này bằng --accept-partial).",
        reports=[report.to_dict() for report in reports],
    )


def _validate_report(report: Path | None, layer: str | None, file: Path | None) -> None:
    if report is None:
        return
    _require_usage(report.suffix.lower() == ".xlsx", f"--report takes the name of an .xlsx file, got {report}")
    _require_usage(file is not None and layer not in RASTERS, "--report is for LAYER FILE")
    _require_usage(file is None or report.resolve() != file.resolve(), "--report must not be the file itself")


def _annotate(
    target: Path | None, file: Path | None, reports: Sequence[dict[str, Any]], sheet: str | None,
    encoding: str | None, columns: list[str],
) -> None:  # fmt: skip
    if target is None or file is None:
        return
    from phusong.geodata.annotating import write_annotated

    with working(f"writing / đang ghi {target}"):
        mapped = list(read_pairs(columns).values())
        write_annotated(target, file, reports[0], layer=sheet, encoding=encoding, mapped=mapped)
    log(f"Wrote {target}: correct it and send it back.", f"Đã ghi {target}: hãy sửa rồi gửi lại.")


def log_rows(reports: Sequence[dict[str, Any]], language: "Language") -> None:
    """Write the rows that were refused or repaired on stderr, the first of them."""
    from phusong.geodata.tables import sheet_place

    rows = [(report["file"], issue) for report in reports for issue in (*report["rows"], *report["repairs"])]
    for file, issue in rows[:LISTED_ROWS]:
        sheet = sheet_place(issue["sheet"])
        place = (f"{sheet}row {issue['row']}", f"{sheet.vi}dòng {issue['row']}")
        field = f", {issue['field']}" if issue["field"] else ""
        reason = (issue["reason"], issue["reason_vi"])
        said = f"{file}, {pick(place, language)}{field}: {pick(reason, language)} [{issue['code']}]"
        log(said, style="yellow")
    more = len(rows) - LISTED_ROWS
    if more > 0:
        log(
            pick((f"and {more} more; --json lists all", f"và {more} lỗi nữa; --json liệt kê tất cả"), language),
            style="yellow",
        )


def print_reports(reports: Sequence["ImportReport"], *, as_json: bool, language: "Language") -> None:
    """Print what was imported, per layer, and on stderr the rows that were refused or repaired."""
    described = [report.to_dict() for report in reports]
    if as_json:
        print_json(summary_of(described, stored=True))
        return
    log_rows(described, language)
    for report in reports:
        print_line(_outcome(report, "en"), _outcome(report, "vi"), language=language)
        print_notes(report, language)


def print_notes(report: "ImportReport", language: "Language") -> None:
    """Print what a user should know of a file that was read."""
    for note in report.notes:
        print_line(f"    note: {note}", f"    lưu ý: {note.vi}", language=language)


def _outcome(report: "ImportReport", language: "Language") -> str:
    """What became of a file in one line."""
    counts = {"accepted": report.accepted, "refused": report.refused}
    counts |= {"repaired": report.repaired} if report.repaired else {}
    parts = [", ".join(f"{pick((name, _COUNTS[name]), language)} {count}" for name, count in counts.items())]
    for name, cells in (("filled", report.defaults), ("derived", report.derived)):
        listed = ", ".join(f"{column} {count}" for column, count in cells.items())
        parts += [f"{pick((name, _COUNTS[name]), language)}: {listed}"] if listed else []
    return ": ".join(filter(None, (report.layer, report.file, "; ".join(parts))))


def summary_of(reports: Sequence[dict[str, Any]], *, stored: bool) -> dict[str, Any]:
    """The JSON of `import`: totals, every refused and repaired row with its layer and file, and the reports themselves.

    Parameters
    ----------
    reports
        `ImportReport.to_dict()` of every layer.
    stored
        Whether the accepted rows were stored.
    """
    return {
        "stored": stored,
        **{key: sum(report[key] for report in reports) for key in ("accepted", "refused", "repaired")},
        **{key: _rows_of(reports, key) for key in ("rows", "repairs")},
        "layers": list(reports),
    }  # fmt: skip


def _rows_of(reports: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [{"layer": report["layer"], "file": report["file"], **row} for report in reports for row in report[key]]


def read_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Columns by ours from what `--map` was given."""
    mapping = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        _require_usage(bool(equals and ours.strip() and theirs.strip()), f"--map takes OURS=THEIRS, got {pair!r}")
        mapping[ours.strip()] = theirs.strip()
    return mapping


def _read_fill(fill: str | None) -> dict[str, Any]:
    if fill is None:
        return {}
    rule, _, value = fill.partition("=")
    kinds = {"sea": ("fill_sea_m", float), "interpolate": ("fill_interpolate_px", int)}
    try:
        name, kind = kinds[rule]
        return {name: kind(value)}
    except (KeyError, ValueError):
        raise InputError(
            f"--fill must be sea=METRES or interpolate=PIXELS, got {fill!r}.",
            vi=f"--fill phải là sea=MÉT hoặc interpolate=SỐ_Ô, nhận được {fill!r}.",
        ) from None


def _require_usage(condition: bool, message: str) -> None:
    if not condition:
        raise typer.BadParameter(message)
