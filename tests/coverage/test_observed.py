"""Declared and measured beside modelled: nothing that is observed changes what the model says."""

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from phusong.coverage.observed import mark_disagreements, measured_signal, observed_columns, publish_signal
from phusong.geodata.settings import Published, default_settings

DAY = date(2026, 1, 1)
CRS = "EPSG:32648"
PROFILE = default_settings().profiles[0]  # 4G weak from −121, good from −105 dBm in 95 % of places
NOTHING = pd.Series(["", ""])


def observed(*rows):
    columns = ["settlement_id", "indicator", "value", "observed_on", "kind"]
    return observed_columns(pd.DataFrame(rows, columns=columns), pd.Series(["T0"]), DAY).iloc[0]


def measured(levels, *, metres=100.0, technology="4G", count=20, day="2025-06-01"):
    """Signal of two settlements 10 km apart, with drive-test points near the first."""
    points = gpd.GeoSeries.from_xy([600_000.0, 610_000.0], [1_900_000.0] * 2, crs=CRS)
    places = gpd.GeoSeries.from_xy([600_000.0 + metres] * len(levels), [1_900_000.0] * len(levels), crs=CRS)
    rows = pd.DataFrame(
        {"technology": technology, "operator": "A", "rsrp_dbm": levels, "measured_at": f"{day}T08:00:00"}
    )
    layer = gpd.GeoDataFrame(rows, geometry=places.to_crs(4326))
    published = Published(measured_min_count=count)
    return list(measured_signal(points.to_crs(4326), layer, PROFILE, published, as_of=DAY, crs=CRS))


def test_what_is_declared_and_what_is_surveyed_are_kept_apart():
    row = observed(
        ("T0", "signal", "none", "2025-01-01", "official_list"), ("T0", "signal", "weak", "2025-03-01", "survey"),
        ("T0", "signal", "good", "2024-01-01", None), ("T0", "power", "yes", "2025-01-01", "commune_report"),
    )  # fmt: skip
    assert (row["signal_declared"], row["signal_measured"], row["signal_latest"]) == ("none", "weak", "weak")
    assert (row["power_declared"], row["power_measured"], row["power_latest_source"]) == ("yes", "", "declared")


def test_an_observation_after_the_date_is_not_used():
    assert observed(("T0", "signal", "none", "2026-02-01", "survey"))["signal_measured"] == ""


@pytest.mark.parametrize(
    ("levels", "signal"),
    [
        ([-100.0] * 20, "good"), ([-100.0] * 19 + [-110.0], "good"), ([-100.0] * 18 + [-110.0] * 2, "weak"),
        ([-121.0] * 20, "weak"), ([-121.0] * 18 + [-130.0] * 2, "none"), ([-130.0] * 20, "none"), ([-100.0] * 19, ""),
    ],
)  # fmt: skip
def test_a_settlement_has_the_class_that_the_profile_s_share_of_the_points_around_it_meets(levels, signal):
    assert measured(levels) == [signal, ""]


def test_points_too_far_too_late_or_of_a_technology_that_does_not_count_say_nothing():
    levels = [-100.0] * 20
    assert (
        measured(levels, metres=501.0)
        == measured(levels, day="2026-02-01")
        == measured(levels, technology="2G")
        == ["", ""]
    )
    assert measured(levels, metres=499.0) == ["good", ""]


def test_without_measurements_or_positions_nothing_is_measured():
    points = gpd.GeoSeries([None, None], crs=4326)
    assert list(measured_signal(points, None, PROFILE, Published(), as_of=DAY, crs=CRS)) == ["", ""]
    assert measured([]) == ["", ""]


@pytest.mark.parametrize(("first", "expected"), [("modelled", "none"), ("declared", "weak"), ("measured", "good")])
def test_the_published_signal_is_that_of_the_source_chosen(first, expected):
    modelled = np.array(["none", "none"], dtype=object)
    published = publish_signal(modelled, pd.Series(["weak", ""]), pd.Series(["good", ""]), first)
    assert list(published) == [expected, "none"]


def test_a_disagreement_is_marked_and_silence_is_none():
    modelled = np.array(["none", "none", "none", "unknown"], dtype=object)
    declared, said = pd.Series(["none", "none", "", "good"]), pd.Series(["none", "weak", "", ""])
    assert list(mark_disagreements(modelled, declared, said)) == ["no", "yes", "", ""]
