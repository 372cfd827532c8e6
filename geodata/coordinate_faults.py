"""What is wrong with positions that lie where they cannot: exchanged axes, a sign, a unit, another zone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phusong.geodata.coordinates import Coordinates, Floats, Mask, is_geographic, same_crs, to_lonlat

# CRSs worth trying: VN-2000 UTM and TM-3 zones, UTM 48N and 49N, WGS 84 (EPSG registry).
VIETNAM_CRS = (
    "EPSG:9205", "EPSG:9206", "EPSG:9207", "EPSG:9208", "EPSG:5897", "EPSG:9209", "EPSG:9210", "EPSG:9211",
    "EPSG:9212", "EPSG:9213", "EPSG:9214", "EPSG:9215", "EPSG:9216", "EPSG:5899", "EPSG:5898", "EPSG:9217",
    "EPSG:9218", "EPSG:3405", "EPSG:3406", "EPSG:32648", "EPSG:32649", "EPSG:4326",
)  # fmt: skip
LISTED = 3
VOTERS = 2000  # rows that are asked which reading of the file fits

Rows = npt.NDArray[np.intp]
Fits = Callable[[Floats, Floats, Rows], Mask]
"""Whether positions [deg, WGS 84] of rows lie where those rows must."""


@dataclass(frozen=True)
class Reading:
    """Another way to read coordinates: in a CRS, exchanged, with other signs or in another unit.

    `en` and `vi` complete "the row fits …".
    """

    code: str
    crs: str
    en: str
    vi: str
    swapped: bool = False
    signs: tuple[int, int] = (1, 1)
    unit: float = 1.0

    def to_lonlat(self, given: Coordinates, rows: Rows) -> tuple[Floats, Floats]:
        """Longitude and latitude [deg, WGS 84] of rows read this way; NaN where they are not defined."""
        x, y = (given.y, given.x) if self.swapped else (given.x, given.y)
        return to_lonlat(x[rows] * self.unit * self.signs[0], y[rows] * self.unit * self.signs[1], self.crs)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """How rows would fit: per row the number of its reading, −1 for none; per reading how many rows fit it."""

    readings: tuple[Reading, ...]
    of_row: npt.NDArray[np.intp]
    lon: Floats
    lat: Floats
    votes: tuple[int, ...]

    def has_code(self, code: str) -> Mask:
        """Whether a row's reading has a code of refusal."""
        of_reading = [reading.code == code for reading in self.readings]
        return np.array([*of_reading, False], dtype=bool)[self.of_row]

    def equals(self, number: int) -> list[Reading]:
        """The readings of the same kind that as many rows fit: nothing tells them apart."""
        one = self.readings[number]
        equal = [
            reading
            for reading, votes in zip(self.readings, self.votes, strict=True)
            if votes == self.votes[number] and (reading.swapped, reading.code) == (one.swapped, one.code)
        ]
        return equal[:LISTED]

    def of_most(self, total: int) -> tuple[int, int]:
        """The reading that more than half of `total` rows fit, −1 for none, and how many do."""
        best = int(np.argmax(self.votes)) if self.votes else -1
        fitting = int((self.of_row == best).sum()) if best >= 0 else 0
        return (best, fitting) if fitting > total / 2 else (-1, fitting)


def find_readings(given: Coordinates, suspects: Mask, fits: Fits) -> Diagnosis:
    """Find for every suspect row the reading under which it would lie right.

    A reading that more of the file's suspects fit comes first, among equals one in the CRS that more fit, or a simpler.
    The readings are judged by at most `VOTERS` rows spread over the suspects; those that none of these fits are not
    tried on the others.

    Parameters
    ----------
    given
        The coordinates of all rows.
    suspects
        Rows that do not lie right as they stand.
    fits
        Tells whether positions are right.
    """
    rows = np.flatnonzero(suspects & given.known)
    of_row = np.full(len(given.x), -1, dtype=np.intp)
    lon, lat = np.full(len(given.x), np.nan), np.full(len(given.x), np.nan)
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(VOTERS, len(rows))).astype(np.intp))]
    readings = tuple(_readings(given)) if len(rows) else ()
    votes = tuple(int(_fitting(reading, given, sample, fits)[2].sum()) for reading in readings)
    of_crs = {reading.crs: votes[number] for number, reading in enumerate(readings) if not reading.swapped}
    ranks = [(-votes[number], -of_crs.get(reading.crs, 0), number) for number, reading in enumerate(readings)]
    for _, _, number in sorted(ranks):
        open_rows = rows[of_row[rows] < 0]
        if votes[number] == 0 or len(open_rows) == 0:
            break
        x, y, good = _fitting(readings[number], given, open_rows, fits)
        of_row[open_rows[good]] = number
        lon[open_rows[good]], lat[open_rows[good]] = x[good], y[good]
    return Diagnosis(readings, of_row, lon, lat, votes)


def _fitting(reading: Reading, given: Coordinates, rows: Rows, fits: Fits) -> tuple[Floats, Floats, Mask]:
    lon, lat = reading.to_lonlat(given, rows)
    good = np.isfinite(lon)
    good[good] = fits(lon[good], lat[good], rows[good])
    return lon, lat, good


def _readings(given: Coordinates) -> Iterator[Reading]:
    """Every reading worth a trial, the simplest first."""
    crs = given.crs
    first, second = given.fields if len(given.fields) == 2 else ("x", "y")
    order, order_vi = f"with {first} and {second} exchanged", f"đổi chỗ {first} và {second}"
    yield Reading("xy_swapped", crs, order, order_vi, swapped=True)
    for signs in ((-1, 1), (1, -1), (-1, -1)):
        yield Reading("wrong_hemisphere", crs, "with the other sign", "dấu ngược lại", signs=signs)
    geographic = is_geographic(crs)
    degrees = (("radians", 180 / np.pi), ("millionths of a degree", 1e-6), ("seconds", 1 / 3600), ("minutes", 1 / 60))
    metres = (("kilometres", 1e3), ("millimetres", 1e-3), ("centimetres", 1e-2), ("feet", 0.3048))
    for unit, size in degrees if geographic else metres:
        yield Reading("wrong_unit", crs, f"as {unit}", f"đơn vị {_UNITS_VI[unit]}", unit=size)
    for swapped in (False, True):
        for other in VIETNAM_CRS:
            if not (is_geographic(other) and geographic) and not same_crs(other, crs):
                yield Reading(
                    "wrong_unit" if geographic or is_geographic(other) else "wrong_zone", other,
                    f"{other} {order}" if swapped else other,
                    f"{other}, {order_vi}" if swapped else other, swapped=swapped,
                )  # fmt: skip


_UNITS_VI = {
    "radians": "radian", "millionths of a degree": "phần triệu độ", "seconds": "giây", "minutes": "phút",
    "kilometres": "kilômét", "millimetres": "milimét", "centimetres": "xentimét", "feet": "foot",
}  # fmt: skip
