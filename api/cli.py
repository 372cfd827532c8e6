"""The command `phusong`. Data on stdout, logs and progress on stderr; exit 0 done, 1 bad input, 2 usage.

Commands import what they compute with when they run, so that help and shell completion answer at once.
"""

import atexit
import gc
from typing import Any

import typer
from typer.core import TyperGroup

from phusong.api import (
    answer_commands,
    bench_command,
    database_commands,
    diff_commands,
    fetch_command,
    keys_commands,
    layer_commands,
    match_command,
    operation_commands,
    path_commands,
    reconcile_command,
    report_commands,
    run_commands,
    serve_command,
    unit_commands,
    validation_command,
    watch_command,
    whatif_command,
    worker_command,
)
from phusong.api.console import log_error
from phusong.api.errors import USER_ERRORS


class _Commands(TyperGroup):
    """An error of the user's is a sentence in English, one in Vietnamese, and exit code 1; never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except USER_ERRORS as error:
            log_error(error)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    name="phusong",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Exact 3G/4G/5G coverage of people and settlements, and which have no signal, power or broadband.",
)
app.command("demo")(run_commands.demo)
app.command("init")(layer_commands.init)
app.command("import")(layer_commands.import_)
app.command("fetch")(fetch_command.fetch)
app.command("check")(layer_commands.check)
app.command("unit")(unit_commands.unit)
app.command("match")(match_command.match)
app.command("compute")(run_commands.compute)
app.command("coverage")(answer_commands.coverage)
app.command("settlements")(answer_commands.settlements)
app.command("profile")(path_commands.profile)
app.command("validate-model")(validation_command.validate_model)
app.command("reconcile")(reconcile_command.reconcile)
app.command("runs")(run_commands.runs)
app.command("diff")(diff_commands.diff)
app.command("whatif")(whatif_command.whatif)
app.command("map")(run_commands.map_)
app.command("report")(report_commands.report)
app.command("sheet")(report_commands.sheet)
app.command("export")(database_commands.export)
app.command("watch")(watch_command.watch)
app.command("worker")(worker_command.worker)
app.command("serve")(serve_command.serve)
app.command("bench")(bench_command.bench)
app.command("backup")(operation_commands.backup)
app.command("restore")(operation_commands.restore)
app.command("prune")(operation_commands.prune)
app.add_typer(database_commands.database, name="database")
app.add_typer(keys_commands.keys, name="keys")


def main() -> None:
    """Run the command line; the entry point `phusong`."""
    gc.set_threshold(50_000)  # left alone, the collector walks all modules again and again while they are imported
    atexit.register(gc.freeze)  # what is left at the end goes with the process: nothing walks all of it once more
    app(prog_name="phusong")


if __name__ == "__main__":
    main()
