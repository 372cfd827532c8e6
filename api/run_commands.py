"""Commands that compute and show: demo, compute, runs, map."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from phusong.api.answer_commands import print_figures, print_heading, print_settlements
from phusong.api.console import (
    JsonOption,
    LanguageOption,
    log,
    log_warnings,
    pick,
    print_json,
    print_line,
    print_table,
    progress_bar,
    working,
)
from phusong.api.layer_commands import DayOption, Folder, WaitOption
from phusong.geodata.errors import InputError
from phusong.maps.text import Language, format_count, format_date, format_share

if TYPE_CHECKING:
    from phusong.geodata.workspace import Workspace


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to make.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the sample province.")] = 1,
    resolution: Annotated[float, typer.Option(help="Side of an analysis cell [m].")] = 30.0,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a previous demo.")] = False,
    language: LanguageOption = "en",
) -> None:
    """Make the sample province, compute its coverage, print figures and the worst-served list, draw the map."""
    from phusong.api.answers import open_run
    from phusong.api.coverage_answer import coverage_answer
    from phusong.api.demo import make_demo
    from phusong.api.served import ServedRun
    from phusong.api.settlement_rows import SettlementQuery
    from phusong.api.settlements_answer import settlements_answer

    workspace = make_demo(folder, seed=seed, resolution_m=resolution, replace=replace)
    with progress_bar("computing / đang tính") as progress:
        from phusong.coverage.compute import compute as compute_run

        computed = compute_run(workspace, progress=progress)
    log_warnings(computed.warnings)
    results = open_run(workspace)
    opened = ServedRun(results)
    figures = coverage_answer(opened)
    print_heading(figures, language)
    print_figures(figures, language)
    print_line(
        "\nSettlements without signal, power and broadband:",
        "\nĐiểm dân cư không có sóng, điện và băng rộng:",
        language=language,
    )
    print_settlements(settlements_answer(opened, SettlementQuery(signal="none", power="no", broadband="no")), language)
    from phusong.maps.page import render_map

    with working("drawing the map / đang vẽ bản đồ"):
        page = render_map(results, workspace, audience="internal")  # all of it is invented
    write_page(page, folder / "map.html")


def compute(
    folder: Folder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how much work it is: fields, minutes, disk.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Compute every field anew.")] = False,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Count planned stations too, in a run beside the published one."),
    ] = None,
    as_of: DayOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; one per processor.")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Compute on the workers of this Dask scheduler: tcp://HOST:PORT."),
    ] = None,
    data_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where these workers read the rasters; the workspace itself.")
    ] = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Compute coverage and publish it as a run, or keep it as a scenario."""
    from phusong.coverage.cluster import Remote
    from phusong.coverage.compute import compute as compute_run
    from phusong.coverage.plan import plan
    from phusong.geodata.workspace import Workspace

    if data_url is not None and scheduler is None:
        raise typer.BadParameter("--data-url is for the workers of a --scheduler")
    workspace = Workspace.open(folder)
    day = as_of.date() if as_of else None
    if dry_run:
        with working("planning / đang ước lượng"):
            planned = asdict(plan(workspace, as_of=day, planned=scenario is not None))
        if as_json:
            print_json(planned)
        else:
            _print_plan(planned, language)
        return
    with progress_bar("computing / đang tính") as progress:
        computed = compute_run(
            workspace, as_of=day, full=full, scenario=scenario, threads=threads,
            remote=None if scheduler is None else Remote(scheduler, data_url), progress=progress, wait_s=wait,
        )  # fmt: skip
    if as_json:
        published = computed.published and scenario is None
        print_json(compute_summary(computed.run_id, published, computed.warnings, computed.manifest))
        return
    log_warnings(computed.warnings)
    if not computed.published:
        state = ("unchanged", "không đổi")
    elif scenario is None:
        state = ("published", "đã công bố")
    else:
        state = (f"scenario {scenario}, not published", f"kịch bản {scenario}, không công bố")
    print_line(f"run {computed.run_id}: {state[0]}", f"lần tính {computed.run_id}: {state[1]}", language=language)
    for row in computed.manifest["figures"]:
        if row["service"] == "weak" and row["denominator"]:
            share = format_share(row["numerator"], row["denominator"], language)
            counts = [format_count(row[key], language) for key in ("numerator", "denominator")]
            line = f"  {row['technology']:<6} {row['indicator']:<18} {share:>6}  {counts[0]} / {counts[1]}"
            print_line(line, line, language=language)


def runs(
    folder: Folder,
    prune: Annotated[
        int | None, typer.Option("--prune", min=1, metavar="KEEP", help="Remove all but the newest KEEP runs.")
    ] = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the published runs and the scenarios, the newest first; with --prune remove old ones."""
    from phusong.api.runs_answer import runs_answer
    from phusong.geodata.workspace import Workspace

    if prune is not None:
        _prune(Workspace.open(folder), prune, wait, as_json, language)
        return
    answer = runs_answer(Workspace.open(folder))
    if as_json:
        print_json(answer)
        return
    print_table(
        [("run", "lần tính"), ("as of", "ngày"), ("computed", "tính lúc"), ("profiles", "bộ ngưỡng"), ("", "")],
        [
            (
                run.run_id,
                format_date(run.as_of, language),
                run.created_at[:19] + "Z",
                ", ".join(run.profiles),
                pick(("published", "đang công bố"), language) if run.is_current else _scenario(run.scenario, language),
            )
            for run in answer.runs
        ],
        language=language,
    )
    for note in answer.notes:
        print_line(note.en, note.vi, language=language)


def _prune(workspace: "Workspace", keep: int, wait_s: float, as_json: bool, language: Language) -> None:
    from phusong.coverage.pruning import prune_runs

    pruned = prune_runs(workspace, keep, wait_s=wait_s)
    if as_json:
        print_json(asdict(pruned))
        return
    counts = (len(pruned.removed), pruned.tiles, pruned.freed_bytes / 1e6, len(pruned.kept))
    print_line(
        "removed {} runs and {} tiles, {:.1f} MB freed; {} runs stay".format(*counts),
        "đã xóa {} lần tính và {} mảnh ảnh, giải phóng {:.1f} MB; còn {} lần tính".format(*counts),
        language=language,
    )


def map_(
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="Page to write.")],
    audience: Annotated[
        Literal["public", "internal"], typer.Option(help="internal: with masts, stations, levels, distances, fibre.")
    ] = "public",
    run: Annotated[str | None, typer.Option("--run", help="Run or scenario; the published one.")] = None,
    unit: Annotated[str | None, typer.Option(metavar="CODE", help="The page of one commune.")] = None,
    diff: Annotated[
        tuple[str, str] | None, typer.Option("--diff", metavar="RUN_A RUN_B", help="What changed between two runs.")
    ] = None,
    index: Annotated[bool, typer.Option("--index", help="List the runs, and link the pages beside FILE.")] = False,
) -> None:
    """Draw the map of a run as one HTML file that needs no network; or one commune, two runs, or the list of runs."""
    from phusong.api.answers import open_run
    from phusong.geodata.workspace import Workspace

    if sum((bool(unit or run), diff is not None, index)) > 1:
        raise typer.BadParameter("--diff, --index and (--run, --unit) are different pages; choose one of them")
    workspace = Workspace.open(folder)
    with working("drawing the map / đang vẽ bản đồ"):
        if index:
            from phusong.coverage.results import list_runs
            from phusong.maps.runs_page import render_runs_page

            page = render_runs_page(list_runs(workspace), name=workspace.settings.name, out=out, audience=audience)
        elif diff is not None:
            from phusong.maps.diff_page import render_diff_page

            before, after = (open_run(workspace, name) for name in diff)
            page = render_diff_page(before, after, workspace, audience=audience)
        else:
            from phusong.maps.page import render_map

            page = render_map(open_run(workspace, run), workspace, audience=audience, unit=unit or "")
    write_page(page, out)


def compute_summary(
    run_id: str, published: bool, warnings: list[dict[str, str]], manifest: dict[str, Any]
) -> dict[str, Any]:
    """The JSON of `compute`."""
    kept = ("as_of", "scenario", "notes", "figures", "timings", "peak_memory_mb")
    return {
        "run_id": run_id,
        "published": published,
        "warnings": warnings,
        "profile": manifest["settings"]["profiles"][0]["name"],
        **{key: manifest[key] for key in kept},
    }


def _scenario(name: str | None, language: Language) -> str:
    return pick((f"scenario {name}", f"kịch bản {name}"), language) if name else ""


_PLAN_VI = {
    "stations": "trạm", "geometries": "vị trí phát", "fields": "trường suy hao", "cached_fields": "trường đã có sẵn",
    "pixels": "điểm ảnh", "minutes": "thời gian", "disk_mb": "đĩa", "cache_limit_mb": "giới hạn bộ nhớ đệm",
}  # fmt: skip


def _print_plan(planned: dict[str, Any], language: Language) -> None:
    log_warnings(planned.pop("warnings"))
    units = {"minutes": pick((" min", " phút"), language), "disk_mb": " MB", "cache_limit_mb": " MB"}
    for name, value in planned.items():
        shown = f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
        unit = units.get(name, "")
        print_line(f"{name}: {shown}{unit}", f"{_PLAN_VI[name]}: {shown}{unit}", language=language)


def write_page(page: str, out: Path) -> None:
    """Write a page and say so.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from phusong.geodata.writing import replacing

    try:
        with replacing(out) as aside:
            aside.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}; choose another --out.",
            vi=f"Không ghi được {out}: {error.strerror}; hãy chọn --out khác.",
        ) from error
    size_mb = len(page.encode()) / 1e6
    log(
        f"Wrote {out} ({size_mb:.1f} MB); it opens without a network.",
        f"Đã ghi {out} ({size_mb:.1f} MB); mở được không cần mạng.",
    )
