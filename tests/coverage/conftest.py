"""The sample province at 150 m, imported and computed once for all tests of computations."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from phusong.coverage.compute import Computed, compute
from phusong.geodata.recipe import import_recipe
from phusong.geodata.sample import write_sample
from phusong.geodata.workspace import Workspace

AS_OF = date(2026, 1, 1)


def sample_workspace(folder: Path, *, seed: int = 1, resolution_m: float = 150.0, flat: bool = False) -> Workspace:
    """A workspace with the sample province imported."""
    recipe = write_sample(folder / "source", seed=seed, resolution_m=resolution_m, flat=flat)
    workspace = Workspace.create(folder / "workspace", crs="EPSG:32648", resolution_m=resolution_m, name="tỉnh Mẫu")
    import_recipe(workspace, recipe, recipe.parent)
    return workspace


def small_workspace(folder: Path, *, radius_km: float) -> Workspace:
    """The sample at 300 m with a third of its stations and a smaller radius, not yet computed."""
    workspace = sample_workspace(folder, resolution_m=300.0)
    workspace.write_layer("stations", workspace.read_layer("stations")[::3].reset_index(drop=True))
    settings = workspace.path / "phusong.toml"
    text = re.sub(r"radius_km = [\d.]+", f"radius_km = {radius_km}", settings.read_text(encoding="utf-8"))
    settings.write_text(text, encoding="utf-8")
    return Workspace.open(workspace.path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_workspace(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def computed(sample: Workspace) -> Computed:
    return compute(sample, as_of=AS_OF)


@pytest.fixture
def copied(sample: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the sample that a test may change; its cached fields come along."""
    shutil.copytree(sample.path, tmp_path / "copy")
    return Workspace.open(tmp_path / "copy")
