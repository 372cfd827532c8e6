"""Whole runs with a model other than P.1812."""

import pytest

from phusong.coverage.compute import compute
from phusong.coverage.propagation.errors import OutOfValidityError
from phusong.coverage.results import Results
from phusong.geodata.workspace import Workspace
from tests.coverage.conftest import AS_OF


def run_of(workspace, changed):
    path = workspace.path / "phusong.toml"
    path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
    opened = Workspace.open(workspace.path)
    return Results.open(opened, compute(opened, as_of=AS_OF).run_id)


def test_a_run_with_a_cheaper_model_says_so_and_covers_otherwise(copied, computed, sample):
    exact = Results.open(sample, computed.run_id)
    quick = run_of(copied, lambda text: text.replace('name = "p1812"', 'name = "free_space"'))
    assert any("P.525" in note["en"] for note in quick.manifest["notes"])
    assert not any("P.1812" in note["en"] for note in exact.manifest["notes"])
    assert (quick.settlements["signal"] != exact.settlements["signal"]).any()


def test_rma_within_its_five_kilometres_says_so(copied):
    def changed(text):
        return text.replace('name = "p1812"', 'name = "rma"').replace("radius_km = 20.0", "radius_km = 5.0")

    assert any("RMa" in note["en"] for note in run_of(copied, changed).manifest["notes"])


def test_hata_refuses_a_run_with_a_band_above_three_gigahertz(copied):
    with pytest.raises(OutOfValidityError, match=r"freq_ghz.*\[0.03, 3\], got 3.7"):
        run_of(copied, lambda text: text.replace('name = "p1812"', 'name = "hata"'))
