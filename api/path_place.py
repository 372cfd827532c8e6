"""The place that a path leads to, given as text."""

from phusong.geodata.errors import InputError


def read_place(text: str, *, name: str) -> tuple[float, float]:
    """Longitude and latitude of a place given as `LON,LAT` [degrees, WGS 84].

    Parameters
    ----------
    name
        Of the option or parameter, for the error.

    Raises
    ------
    InputError
        The text is no such place.
    """
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        lon = lat = float("nan")
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(
            f"{name} must be LON,LAT in degrees with decimal points, like 106.35,17.52; got {text!r}.",
            vi=f"{name} phải là LON,LAT theo độ, dấu chấm thập phân, ví dụ 106.35,17.52; nhận được {text!r}.",
        )
    return lon, lat
