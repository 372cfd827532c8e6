"""The published runs as an answer."""

from typing import Any

from phusong.api.models import RunsAnswer, RunSummary, Text
from phusong.coverage.dictionary import INTERFERENCE_NOTE
from phusong.coverage.results import Results, current_run_id, list_runs
from phusong.geodata.workspace import Workspace


def runs_answer(workspace: Workspace) -> RunsAnswer:
    """Answer with the published runs, the newest first."""
    runs = [_summary(manifest) for manifest in reversed(list_runs(workspace))]
    return RunsAnswer(current=current_run_id(workspace), notes=[Text(**INTERFERENCE_NOTE)], runs=runs)


def run_answer(workspace: Workspace, results: Results) -> RunSummary:
    """Answer with one run."""
    return _summary(results.manifest | {"is_current": results.run_id == current_run_id(workspace)})


def _summary(manifest: dict[str, Any]) -> RunSummary:
    return RunSummary(**manifest, profiles=[profile["name"] for profile in manifest["settings"]["profiles"]])
