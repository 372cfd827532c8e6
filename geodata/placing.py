"""Points put on the map: checked against terrain, province and the communes they state; what can be is repaired."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from phusong.geodata.areas import Area
from phusong.geodata.coordinate_faults import Diagnosis, find_readings
from phusong.geodata.coordinate_text import VIETNAM_LAT, VIETNAM_LON
from phusong.geodata.coordinates import Coordinates, Floats, Mask
from phusong.geodata.errors import InputError
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import Layer
from phusong.geodata.stated_communes import StatedCommunes
from phusong.geodata.wrong_crs import describe_wrong_file

REPAIRS = ("xy_swapped", "dms_text")  # codes of refusal that can be repaired instead
IN_COMMUNES = ("settlements", "places")
_SETTLED = {
    "xy_swapped": (
        "{value} looks swapped in this row", "{value} có vẻ bị đảo ở dòng này",
        "exchange them, or take it so with --accept-repairs {code}",
        "hãy đổi chỗ, hoặc nhận như vậy bằng --accept-repairs {code}",
    ),
    "dms_text": (
        "{value} is degrees, minutes and seconds in metric columns", "{value} là độ, phút, giây trong cột tọa độ mét",
        "write metres, take it so with --accept-repairs {code}, or give --crs EPSG:4326 where all rows are degrees",
        "hãy ghi mét, hoặc nhận như vậy bằng --accept-repairs {code}, hoặc dùng --crs EPSG:4326 nếu mọi dòng đều là độ",
    ),
}  # fmt: skip

_Objects = npt.NDArray[np.object_]
_Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Placed:
    """Points in EPSG:4326, None where there are none; `wrong` says that the file's CRS is plainly wrong."""

    points: _Objects
    wrong: InputError | None = None


@dataclass(frozen=True, eq=False)
class _Bounds:
    """Where the rows of a layer must lie, and where most of them do."""

    area: Area
    layer: Layer
    stated: StatedCommunes

    def may_lie(self, lon: Floats, lat: Floats) -> Mask:
        inside = np.ones(len(lon), dtype=bool)
        if self.layer.name == "stations":
            inside &= self.area.in_reach(lon, lat)
        if self.layer.name in IN_COMMUNES:
            inside &= self.area.in_terrain(lon, lat) & self.area.in_province(lon, lat)
        return inside

    def near(self, lon: Floats, lat: Floats) -> Mask:
        """Whether positions lie where most of a layer's must; where nothing is known, in Vietnam."""
        if not self.area.is_known:
            inside = (lon >= VIETNAM_LON[0]) & (lon <= VIETNAM_LON[1])
            return np.asarray(inside & (lat >= VIETNAM_LAT[0]) & (lat <= VIETNAM_LAT[1]), dtype=bool)
        if self.layer.name in IN_COMMUNES or self.area.terrain is None:
            return self.area.in_province(lon, lat) & self.area.in_terrain(lon, lat)
        return self.area.in_terrain(lon, lat)

    def fits(self, lon: Floats, lat: Floats, rows: _Rows) -> Mask:
        return self.near(lon, lat) & self.stated.holds(lon, lat, rows)


def place_points(
    given: Coordinates, layer: Layer, area: Area, *,
    stated: StatedCommunes, repairs: Collection[str], log: IssueLog, file: str,
) -> Placed:  # fmt: skip
    """Turn coordinates into points in EPSG:4326, refusing rows that lie where they cannot, with the likely cause.

    Settlements and places must lie in a commune and on the terrain, stations on the terrain (without one, within reach
    of the province), and every row in or near the commune that it states, as far as these layers are known. Fibre
    endpoints and measurements may lie anywhere.

    Parameters
    ----------
    given
        The coordinates.
    layer, area
        What is placed, and where it may lie.
    stated
        The commune that each row states.
    repairs
        Codes of `REPAIRS`: such rows are taken as they would be right, and recorded.
    log
        Takes refused and repaired rows.
    file
        Name of the file, for messages.
    """
    trial = _Trial(given, _Bounds(area, layer, stated), log)
    trial.settle("dms_text", trial.dms & trial.right, trial.lon, trial.lat, accepted="dms_text" in repairs)
    found = find_readings(given, trial.known & ~trial.dms & ~trial.usual, trial.bounds.fits)
    exchanged = found.has_code("xy_swapped")
    trial.settle("xy_swapped", exchanged, found.lon, found.lat, accepted="xy_swapped" in repairs)
    strays = trial.known & ~trial.dms & ~trial.usual
    wrong = None
    if strays.sum() > trial.known.sum() / 2 and area.is_known:
        lost = strays & ~trial.near
        wrong = describe_wrong_file(given, found, strays=strays, lost=lost, log=log, file=file)
    trial.refuse_explained(found, whole_file=wrong is not None)
    trial.refuse_outside()
    points = np.full(len(trial.lon), None, dtype=object)
    placed = np.isfinite(trial.lon)
    points[placed] = shapely.points(trial.lon[placed], trial.lat[placed])
    return Placed(points, wrong)


class _Trial:
    """The rows of a table on their way to the map; a row is settled once it is refused or repaired."""

    def __init__(self, given: Coordinates, bounds: _Bounds, log: IssueLog) -> None:
        self.given, self.bounds, self.log = given, bounds, log
        self.lon, self.lat = given.to_lonlat()
        self.dms = given.in_dms
        if given.text_lon is not None and given.text_lat is not None:
            self.lon = np.where(self.dms, given.text_lon, self.lon)
            self.lat = np.where(self.dms, given.text_lat, self.lat)
        self.known = given.known | self.dms
        self.settled = ~self.known
        good = np.flatnonzero(np.isfinite(self.lon))
        self.allowed, self.near, self.held = (np.zeros(len(self.lon), dtype=bool) for _ in range(3))
        where = self.lon[good], self.lat[good]
        self.held[good] = bounds.stated.holds(*where, good)
        self.allowed[good] = bounds.may_lie(*where)
        self.near[good] = bounds.near(*where)
        self.usual = self.near & self.held

    @property
    def right(self) -> Mask:
        """Whether rows can be accepted as they are."""
        binding = self.bounds.stated.binding
        return np.asarray(self.allowed & self.held if binding else self.allowed, dtype=bool)

    def settle(self, code: str, rows: Mask, lon: Floats, lat: Floats, *, accepted: bool) -> None:
        """Repair rows whose right position is known, or refuse them with it."""
        en, vi, remedy, remedy_vi = (text.replace("{code}", code) for text in _SETTLED[code])
        put = self.log.repair if accepted else self.log.refuse
        put(
            rows, field=", ".join(self.given.fields), values=self.given.shown(rows), code=code,
            reason=f"{en}; taken as {{hint}}" if accepted else f"{en}; it would be {{hint}}; {remedy}",
            reason_vi=f"{vi}; lấy là {{hint}}" if accepted else f"{vi}; sẽ là {{hint}}; {remedy_vi}",
            hints=_positions(lon, lat, rows),
        )  # fmt: skip
        self.settled |= rows
        if accepted:
            self.lon, self.lat = np.where(rows, lon, self.lon), np.where(rows, lat, self.lat)
            self.usual |= rows

    def refuse_explained(self, found: Diagnosis, *, whole_file: bool) -> None:
        """Refuse rows that fit another reading; of a file in the wrong CRS, those that lie right by chance too."""
        crs = self.given.crs
        for number in np.unique(found.of_row[(found.of_row >= 0) & ~self.settled]).tolist():
            rows = (found.of_row == number) & ~self.settled
            if found.readings[number].code == "wrong_zone" and not whole_file:
                rows &= self.bounds.stated.stated if self.bounds.stated.binding else False
            equal = found.equals(number)
            fits, fits_vi = " or ".join(one.en for one in equal), " hoặc ".join(one.vi for one in equal)
            self._refuse(
                rows, equal[0].code, f"{{value}} lies wrong in {crs} but fits {fits}: {{hint}}",
                f"{{value}} sai vị trí theo {crs} nhưng khớp {fits_vi}: {{hint}}",
                hints=_positions(found.lon, found.lat, rows),
            )  # fmt: skip
        best, _ = found.of_most(int(self.known.sum()))
        if whole_file and best >= 0:
            reading = found.readings[best]
            self._refuse(
                ~self.settled & self.usual, reading.code,
                f"{{value}} lies right in {crs} by chance: most rows of the file fit {reading.en}",
                f"{{value}} chỉ tình cờ đúng theo {crs}: đa số dòng của tệp khớp {reading.vi}",
            )  # fmt: skip

    def refuse_outside(self) -> None:
        """Refuse what is left and lies where it cannot, under no other reading either."""
        lost = ~self.settled & ~np.isfinite(self.lon)
        self._refuse(
            lost, "out_of_range", f"{{value}} is no position in {self.given.crs}",
            f"{{value}} không phải vị trí trong {self.given.crs}",
        )  # fmt: skip
        outside = ~self.settled & ~self.allowed
        beyond = outside.copy()
        if self.bounds.area.communes is None:
            beyond[:] = False
        else:
            beyond[outside] = ~self.bounds.area.in_province(self.lon[outside], self.lat[outside])
        where = _positions(self.lon, self.lat, outside)
        self._refuse(
            beyond, "outside_province", "{value} lies outside every commune, at {hint}; correct it, or remove the row",
            "{value} nằm ngoài mọi xã, tại {hint}; hãy sửa hoặc bỏ dòng này", hints=where,
        )  # fmt: skip
        self._refuse(
            outside & ~beyond, "outside_terrain",
            "{value} lies outside the terrain, at {hint}; correct it, or import a terrain that reaches there",
            "{value} nằm ngoài địa hình, tại {hint}; hãy sửa, hoặc nhập địa hình rộng hơn", hints=where,
        )  # fmt: skip
        if self.bounds.stated.binding:
            self._refuse(
                ~self.settled & ~self.held, "wrong_commune",
                "{value} does not lie in the commune that the row states ({hint}); correct one of them",
                "{value} không nằm trong xã ghi ở dòng này ({hint}); hãy sửa một trong hai",
                hints=self.bounds.stated.named(),
            )  # fmt: skip

    def _refuse(
        self, rows: Mask, code: str, reason: str, reason_vi: str, *, hints: Sequence[str | None] | None = None
    ) -> None:
        self.log.refuse(
            rows, field=", ".join(self.given.fields), values=self.given.shown(rows), code=code,
            reason=reason, reason_vi=reason_vi, hints=hints,
        )  # fmt: skip
        self.settled |= rows


def _positions(lon: Floats, lat: Floats, rows: Mask) -> list[str | None]:
    written: list[str | None] = [None] * len(lon)
    for row in np.flatnonzero(rows).tolist():
        written[row] = f"{lon[row]:.6f} E, {lat[row]:.6f} N"
    return written
