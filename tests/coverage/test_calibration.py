"""Offsets by band and land cover: none by default, and none where the level is unknown."""

import numpy as np
import pytest

from phusong.coverage.calibration import offsets_cdb
from phusong.coverage.compute import compute
from phusong.coverage.results import Results
from phusong.coverage.service import NO_SIGNAL_CDBM
from phusong.geodata.errors import SettingsError
from phusong.geodata.settings import Calibration, default_settings, parse_settings, render_settings
from phusong.geodata.workspace import Workspace

from .conftest import AS_OF

SECTION = '\n[calibration]\nsource = "drive test"\n[calibration.offset_db.{band}]\n"{code}" = {offset}\n'


def with_section(workspace, section):
    """The workspace with a section added to its settings, computed."""
    path = workspace.path / "phusong.toml"
    path.write_text(path.read_text(encoding="utf-8") + section, encoding="utf-8")
    changed = Workspace.open(workspace.path)
    return Results.open(changed, compute(changed, as_of=AS_OF).run_id)


def test_an_offset_holds_for_its_band_and_land_cover():
    calibration = Calibration(source="x", offset_db={"1800": {"10": -3.25}})
    assert np.flatnonzero(offsets_cdb(calibration, 1800.0)).tolist() == [10]
    assert offsets_cdb(calibration, 1800.0)[10] == -325
    assert not offsets_cdb(calibration, 900.0).any()
    assert not offsets_cdb(None, 1800.0).any()


def test_offsets_of_zero_give_the_run_without_them(copied, computed):
    plain = Results.open(copied, computed.run_id)
    zero = with_section(copied, SECTION.format(band=1800, code=10, offset=0.0))
    assert zero.manifest["layers"] == plain.manifest["layers"]
    assert zero.figures.equals(plain.figures)
    assert zero.settlements.equals(plain.settlements)
    assert zero.run_id != plain.run_id  # the section is part of what the run rests on


def test_an_offset_changes_the_level_of_pixels_and_settlements_of_its_land_cover_only(copied, computed):
    plain = Results.open(copied, computed.run_id)
    bands = sorted(set(plain.stations["band_mhz"]))
    section = '\n[calibration]\nsource = "drive test"\n' + "".join(
        f'[calibration.offset_db.{band:g}]\n"40" = 2.0\n' for band in bands
    )
    raised = with_section(copied, section)
    before, after = (results.rsrp("4G").values for results in (plain, raised))
    clutter = copied.read_raster("clutter").values
    known = before != NO_SIGNAL_CDBM
    assert (after[known] - before[known] == np.where(clutter[known] == 40, 200, 0)).all()
    rise = (raised.settlements["rsrp_dbm_4G"] - plain.settlements["rsrp_dbm_4G"]).round(6)
    assert set(rise.dropna()) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("band", "code", "offset"), [("lte", "10", "1.0"), (1800, "tree", "1.0"), (1800, "10", "99.0")]
)
def test_an_offset_of_no_band_no_land_cover_or_no_sense_is_refused(band, code, offset):
    text = render_settings(name="W", crs="EPSG:32648", resolution_m=30.0)
    with pytest.raises(SettingsError, match="calibration"):
        parse_settings(text + SECTION.format(band=band, code=code, offset=offset), where="phusong.toml")


def test_settings_without_the_sections_have_the_models_error_and_no_calibration():
    text = render_settings(name="W", crs="EPSG:32648", resolution_m=30.0)
    before, _, after = text.partition("[model_error]")
    parsed = parse_settings(before + after[after.index("# Technologies:") :], where="phusong.toml")
    assert parsed.model_error == default_settings().model_error
    assert parsed.calibration is None
