"""The systemd units of the how-to."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs/how-to/deploy.md"
UNITS = dict(re.findall(r"`/etc/systemd/system/([\w.-]+)`:\n\n```ini\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL))


def test_there_are_units_of_the_service_the_worker_and_the_backups():
    names = {"phusong-serve.service", "phusong-worker.service", "phusong-backup.service", "phusong-backup.timer"}
    assert set(UNITS) == names


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    for unit, text in UNITS.items():  # the program and its user are not installed on this machine
        here = text.replace("/srv/phusong/.venv/bin/phusong", sys.executable).replace("User=phusong\n", "")
        (tmp_path / unit).write_text(here, encoding="utf-8")
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / name], capture_output=True, text=True, check=False
    )
    said = [line for line in result.stderr.splitlines() if "phusong" in line]
    assert (result.returncode, said) == (0, [])
