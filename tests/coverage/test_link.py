import math

import pytest

from phusong.coverage.link import location_sigma_db, reference_signal
from phusong.coverage.propagation.errors import OutOfValidityError


@pytest.mark.parametrize(
    ("technology", "bandwidth_mhz", "quantity", "elements"),
    [
        ("4G", 20.0, "RSRP", 1200),
        ("4G", 1.4, "RSRP", 72),
        ("5G", 100.0, "SS-RSRP", 3276),
        ("5G", 20.0, "SS-RSRP", 1272),
    ],
)
def test_rsrp_is_the_power_of_one_resource_element(technology, bandwidth_mhz, quantity, elements):
    signal = reference_signal(technology, bandwidth_mhz)
    assert signal.quantity == quantity
    assert signal.share_db == pytest.approx(-10.0 * math.log10(elements), abs=1e-12)


def test_rscp_is_a_tenth_of_the_carrier_and_2g_all_of_it():
    assert reference_signal("3G", 5.0).share_db == -10.0
    assert reference_signal("2G", 0.2).share_db == 0.0


@pytest.mark.parametrize(("technology", "bandwidth_mhz"), [("6G", 20.0), ("4G", 12.0), ("5G", 400.0)])
def test_an_unknown_technology_or_bandwidth_is_refused_with_what_is_known(technology, bandwidth_mhz):
    with pytest.raises(OutOfValidityError, match="must be one of"):
        reference_signal(technology, bandwidth_mhz)


def test_the_spread_of_places_follows_frequency_and_pixel():
    assert location_sigma_db(1.8, 30.0) == pytest.approx((0.52 + 0.0432) * 30.0**0.28, rel=1e-12)
    assert location_sigma_db(3.5, 30.0) > location_sigma_db(0.7, 30.0)
    assert location_sigma_db(1.8, 90.0) > location_sigma_db(1.8, 30.0)
