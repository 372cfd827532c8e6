"""The published runs as an answer."""

from phusong.api.models import RunsAnswer, RunSummary, Text
from phusong.coverage.dictionary import INTERFERENCE_NOTE
from phusong.coverage.results import current_run_id, list_runs
from phusong.geodata.workspace import Workspace


def runs_answer(workspace: Workspace) -> RunsAnswer:
    """Answer with the published runs, the newest first."""
    runs = [
        RunSummary(**manifest, profiles=[profile["name"] for profile in manifest["settings"]["profiles"]])
        for manifest in reversed(list_runs(workspace))
    ]
    return RunsAnswer(current=current_run_id(workspace), notes=[Text(**INTERFERENCE_NOTE)], runs=runs)
