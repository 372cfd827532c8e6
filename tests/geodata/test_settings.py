from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phusong.geodata.errors import SettingsError, UnknownNameError
from phusong.geodata.settings import (
    Settings,
    default_settings,
    parse_settings,
    read_settings,
    render_settings,
)


def edited(old: str, new: str) -> Settings:
    text = render_settings(name="test", crs="EPSG:32648", resolution_m=30.0)
    assert old in text
    return parse_settings(text.replace(old, new, 1), where="phusong.toml")


def test_the_template_is_acceptable_and_keeps_what_init_was_told() -> None:
    settings = default_settings(name="Quảng Bình", crs="EPSG:32648", resolution_m=90)
    assert (settings.name, settings.crs, settings.resolution_m) == ("Quảng Bình", "EPSG:32648", 90.0)


def test_the_template_names_a_source_for_every_end_date() -> None:
    dated = [t for t in default_settings().technologies.values() if t.end_date is not None]
    assert dated
    assert all(t.end_date_source for t in dated)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool))
def test_any_name_survives_being_written_into_the_settings(name: str) -> None:
    assert default_settings(name=name).name == name


def test_an_unknown_key_is_named_with_the_file_and_the_nearest_known_key() -> None:
    with pytest.raises(SettingsError, match=r"phusong\.toml: unknown key model\.radius_kmm, did you mean radius_km"):
        edited("radius_km =", "radius_kmm =")


def test_an_unknown_key_like_no_other_is_to_be_removed() -> None:
    with pytest.raises(SettingsError) as caught:
        edited("[sea]", "[zzz]\nqqq = 1\n[sea]")
    assert str(caught.value).endswith("unknown key zzz; remove it.")


def test_an_unknown_key_is_said_in_vietnamese_too() -> None:
    with pytest.raises(SettingsError) as caught:
        edited("radius_km =", "radius_kmm =")
    assert "khóa không biết model.radius_kmm" in caught.value.vi


@pytest.mark.parametrize("time_pct", ["10.0", "1.0", "99.0"])
def test_coverage_is_computed_for_half_of_the_time_only(time_pct: str) -> None:
    with pytest.raises(SettingsError, match="enhanced propagation, for interference studies"):
        edited("time_pct = 50.0", f"time_pct = {time_pct}")


def test_a_weak_threshold_above_the_good_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="weak_dbm must not exceed good_dbm"):
        edited("weak_dbm = -100.0", "weak_dbm = -50.0")


def test_a_technology_that_counts_as_signal_needs_thresholds() -> None:
    with pytest.raises(SettingsError, match="counts_as_signal names 2G"):
        edited('counts_as_signal = ["3G"', 'counts_as_signal = ["2G", "3G"')


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:999999", "no crs"])
def test_the_analysis_grid_needs_a_projected_crs(crs: str) -> None:
    with pytest.raises(SettingsError, match="EPSG:32648"):
        default_settings(crs=crs)


def test_two_profiles_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="profile names must differ"):
        edited('name = "ofcom"', 'name = "qcvn"')


def test_the_first_profile_is_the_default_and_an_unknown_one_lists_the_known() -> None:
    settings = default_settings()
    assert settings.profile() is settings.profiles[0]
    with pytest.raises(UnknownNameError, match="qcvn, ofcom"):
        settings.profile("fcc")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(SettingsError, match=r"key model\.delta_n is missing"):
        edited("delta_n = 55.0", "")


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "phusong.toml"
    path.write_text("name = \n", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 1"):
        read_settings(path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "phusong.toml"
    path.write_bytes(b'name = "L\xd6 Th\xf1y"')
    with pytest.raises(SettingsError, match="UTF-8"):
        read_settings(path)


def test_a_mark_of_an_editor_at_the_beginning_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "phusong.toml"
    path.write_text(render_settings(name="test", crs="EPSG:32648", resolution_m=30.0), encoding="utf-8-sig")
    assert read_settings(path).name == "test"
