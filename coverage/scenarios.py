"""Scenarios: runs in which planned stations serve, computed beside the published run and never published as current."""

import re

import pandas as pd

from phusong.coverage.results import Results, scenario_run_id
from phusong.coverage.run_stores import CURRENT
from phusong.geodata.errors import InputError
from phusong.geodata.workspace import Workspace

RUN_ID = re.compile(r"[0-9a-f]{16}")


def require_scenario_name(name: str) -> None:
    """Refuse a name that would be taken for another run.

    Raises
    ------
    InputError
        The name is empty, "current", or looks like the id of a run.
    """
    if not name.strip() or name == CURRENT or RUN_ID.fullmatch(name):
        raise InputError(
            f"A scenario cannot be called {name!r}: that stands for another run; choose another name.",
            vi=f"Không thể đặt tên kịch bản là {name!r} vì trùng với cách gọi lần tính khác; hãy chọn tên khác.",
        )


def scenario_run(workspace: Workspace, name: str) -> Results | None:
    """The newest run of a scenario; None before the first, and where a tile of it was removed by hand."""
    run_id = scenario_run_id(workspace, name)
    run = Results.open(workspace, run_id) if run_id else None
    return run if run and run.has_tiles() else None


def scenario_notes(name: str | None, stations: pd.DataFrame) -> list[dict[str, str]]:
    """What an answer says of the scenario it is read from; nothing of the published run.

    Parameters
    ----------
    stations
        The stations that serve.
    """
    if name is None:
        return []
    count = int((stations["status"] == "planned").sum())
    return [
        {
            "en": f"Scenario {name!r}: {count} planned stations count as serving.",
            "vi": f"Kịch bản {name!r}: {count} trạm quy hoạch được tính là đang phát sóng.",
        }
    ]
