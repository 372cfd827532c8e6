"""geoBoundaries: which levels a country has, the shape of a province, and the units of an area as a file to import.

For Viet Nam geoBoundaries ends at the districts of before 1 July 2025: it has no communes. The era is stated with every
unit, and a unit is never given the code of another one.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import pandas as pd
import shapely

from phusong.geodata.admin_units import CHANGE, AdminUnit, predecessors, read_units
from phusong.geodata.errors import DownloadError, InputError, UnknownNameError
from phusong.geodata.names import search_key, split_prefix
from phusong.geodata.open_data.downloads import Resource
from phusong.geodata.open_data.providers import BOUNDARY_BYTES
from phusong.geodata.readers import read_table
from phusong.geodata.reports import Note
from phusong.geodata.sources import Source

Era = Literal["before", "since"]
VIETNAM = "VNM"
MIN_SHARE = 0.01  # of a unit's area: less of it in the area is a border drawn a little differently
_SUFFIXES = ("province", "city", "municipality")
_RENAMED = {"hue": "thuathienhue"}  # the province's name of 2025 and the one that files of before have


@dataclass(frozen=True)
class Level:
    """An administrative level of a country, as the API describes it; `number` is 1 for provinces."""

    country: str
    number: int
    url: str
    year: int
    canonical: str
    source: Source

    @property
    def era(self) -> Era | None:
        """For Viet Nam, whether its units are those of before 1 July 2025 or those since; None elsewhere."""
        if self.country != VIETNAM:
            return None
        return "since" if self.year > CHANGE.year else "before"

    @property
    def file(self) -> Resource:
        """The file of its units."""
        return Resource(self.url, "json", BOUNDARY_BYTES)


def read_levels(path: Path, country: str) -> list[Level]:
    """The levels that the API lists, the country itself left out, coarsest first.

    Raises
    ------
    DownloadError
        The answer is not what the API gives.
    """
    answer = json.loads(path.read_text(encoding="utf-8"))
    records = answer if isinstance(answer, list) else [answer]
    try:
        levels = [_level(record, country) for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise DownloadError(
            f"geoBoundaries' answer for {country} lacks {error}.",
            vi=f"Trả lời của geoBoundaries cho {country} thiếu {error}.",
        ) from error
    found = sorted((level for level in levels if level.number > 0), key=lambda level: level.number)
    if not found:
        raise DownloadError(
            f"geoBoundaries has no units of {country}.", vi=f"geoBoundaries không có đơn vị của {country}."
        )
    return found


def find_province(path: Path, level: Level, name: str, on: date) -> tuple[shapely.Geometry, list[Note]]:
    """The shape of a province of a day, in EPSG:4326, and notes of how it was made.

    A province of Viet Nam since 1 July 2025 is put together from those that were merged into it.

    Raises
    ------
    UnknownNameError
        No province has the name; the message lists candidates.
    InputError
        The file's units are too new for the day.
    """
    frame = _read_units(path)
    if level.country != VIETNAM:
        parts, notes = [_choose(name, list(frame["shapeName"]))], list[Note]()
    else:
        parts, notes = _parts(name, on, level)
    keys = {_compact(part) for part in parts}
    chosen = frame[[_compact(text) in keys for text in frame["shapeName"]]]
    missing = [part for part in parts if _compact(part) not in {_compact(text) for text in chosen["shapeName"]}]
    if missing:
        raise UnknownNameError(
            f"geoBoundaries has no shape of {', '.join(missing)}; give --polygon.",
            vi=f"geoBoundaries không có ranh giới của {', '.join(missing)}; hãy dùng --polygon.",
        )
    return shapely.union_all(chosen.geometry.to_numpy()), notes


def write_units(path: Path, level: Level, area: shapely.Geometry, on: date, target: Path, *, clip: bool) -> list[Note]:
    """Write the units of a level in an area as a GeoJSON of layer `communes`.

    Parameters
    ----------
    path
        geoBoundaries' file.
    level
        What it holds.
    area
        The area, in EPSG:4326.
    on
        The day: units of another era are marked in `kind`.
    target
        The file to write.
    clip
        Cut the units at the area's border. Otherwise a unit is in the area as a whole where most of it is.

    Returns
    -------
    list
        Notes: the era, how many units were left out, repaired, or have no official code.

    Raises
    ------
    InputError
        No unit lies in the area.
    """
    frame = _read_units(path)
    frame, notes = _inside(frame, area, clip=clip)
    if frame.empty:
        raise InputError(
            f"geoBoundaries has no unit in the area ({path.name}); check --country.",
            vi=f"geoBoundaries không có đơn vị nào trong vùng ({path.name}); hãy kiểm tra --country.",
        )
    frame = frame.sort_values("shapeID").reset_index(drop=True)
    rows = [_row(number, unit, level) for number, unit in enumerate(frame.itertuples(), start=1)]
    ended = CHANGE.isoformat() if level.era == "before" and on < CHANGE else None
    kind = level.canonical if level.era != "before" or on < CHANGE else f"{level.canonical} (before 1 July 2025)"
    begun = CHANGE.isoformat() if level.era == "since" else None
    units = gpd.GeoDataFrame(
        pd.DataFrame(rows).assign(kind=kind, valid_from=begun, valid_to=ended), geometry=list(frame.geometry), crs=4326
    )
    target.write_text(units.to_json(drop_id=True), encoding="utf-8")
    return [*_era_notes(level, on), *notes, *_code_notes(rows)]


def _level(record: dict[str, Any], country: str) -> Level:
    year, number = int(float(record["boundaryYearRepresented"])), int(str(record["boundaryType"]).removeprefix("ADM"))
    canonical, terms = record.get("boundaryCanonical") or f"ADM{number}", str(record.get("licenseSource") or "")
    source = Source(
        f"geoBoundaries gbOpen {record['boundaryID']}",
        record["boundaryLicense"],
        terms if "://" in terms or not terms else f"https://{terms}",
        "geoBoundaries (www.geoboundaries.org), Runfola et al. 2020, doi:10.1371/journal.pone.0231866; source: "
        f"{record.get('boundarySource') or 'unknown'}",
        share_alike=_is_share_alike(record["boundaryLicense"]),
        edition=f"ADM{number}, {canonical}, boundaries of {year}, built {record.get('buildDate', '')}",
    )
    level = Level(country, number, record["gjDownloadURL"], year, canonical, source)
    era = {"before": "; before the change of 1 July 2025", "since": "; since 1 July 2025", None: ""}[level.era]
    return replace(level, source=replace(source, edition=f"{source.edition}{era}"))


def _is_share_alike(licence: str) -> bool:
    bare = licence.lower().replace("-", "").replace(" ", "")
    return any(word in bare for word in ("sharealike", "odbl", "opendatabaselicense", "ccbysa"))


def _read_units(path: Path) -> gpd.GeoDataFrame:
    table = read_table(path)
    if not {"shapeName", "shapeID"} <= set(table.frame.columns) or table.geometry is None or table.crs is None:
        raise DownloadError(
            f"{path.name} has no shapeName and shapeID and is no file of geoBoundaries.",
            vi=f"{path.name} không có shapeName và shapeID, không phải tệp của geoBoundaries.",
        )
    return gpd.GeoDataFrame(table.frame, geometry=list(shapely.force_2d(table.geometry)), crs=table.crs).to_crs(4326)


def _parts(name: str, on: date, level: Level) -> tuple[list[str], list[Note]]:
    """Names of the provinces of the file's era that make up a province of a day."""
    of_day = [unit for unit in read_units() if unit.is_valid(on)]
    province = _choose(name, sorted({unit.province_name for unit in of_day}))
    if level.era == "since" and on < CHANGE:
        raise InputError(
            f"geoBoundaries' provinces are those since 1 July 2025 and tell nothing of {on}; give --polygon.",
            vi=f"geoBoundaries chỉ có tỉnh từ 01/7/2025, không dùng được cho {on:%d/%m/%Y}; hãy dùng --polygon.",
        )
    if level.era == "since" or on < CHANGE:
        return [province], []
    members = [unit for unit in of_day if unit.province_name == province]
    parts = sorted({before.province_name for unit in members for before, _ in predecessors(unit)})
    listed = ", ".join(parts)
    return parts, [
        Note(
            f"{province} is put together from the provinces before 1 July 2025: {listed}",
            f"{province} được ghép từ các tỉnh trước 1/7/2025: {listed}",
        )
    ]


def _choose(name: str, known: Sequence[str]) -> str:
    """The one known name that is meant; diacritics, prefixes and spaces apart."""
    found = [text for text in dict.fromkeys(known) if _compact(text) == _compact(name)]
    if len(found) == 1:
        return found[0]
    by_key = {_compact(text): text for text in known}
    near = [by_key[key] for key in difflib.get_close_matches(_compact(name), by_key, n=5, cutoff=0.4)]
    listed = ", ".join(found or near or list(known)[:40])
    raise UnknownNameError(
        f"There is no province {name!r}; nearest: {listed}. Give one of these, or --polygon.",
        vi=f"Không có tỉnh {name!r}; gần nhất: {listed}. Hãy chọn một tên trong số đó, hoặc dùng --polygon.",
    )


def _compact(name: str) -> str:
    words = search_key(split_prefix(name)[1]).split()
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    joined = "".join(words)
    return _RENAMED.get(joined, joined)


def _inside(frame: gpd.GeoDataFrame, area: shapely.Geometry, *, clip: bool) -> tuple[gpd.GeoDataFrame, list[Note]]:
    notes = []
    faulty = ~frame.geometry.is_valid
    if faulty.any():
        frame = frame.assign(geometry=[_polygonal(shape) for shape in shapely.make_valid(frame.geometry.to_numpy())])
    inside = shapely.intersection(frame.geometry.to_numpy(), area)
    share = shapely.area(inside) / shapely.area(frame.geometry.to_numpy())
    wanted = share >= (MIN_SHARE if clip else 0.5)
    slivers = int(((share > 0) & ~wanted).sum())
    if slivers:
        notes.append(
            Note(
                f"{slivers} units that only touch the area were left out",
                f"{slivers} đơn vị chỉ chạm vùng nên được bỏ qua",
            )
        )
    if (faulty & wanted).any():
        count = int((faulty & wanted).sum())
        notes.append(
            Note(f"{count} polygons were not valid and were repaired", f"{count} đa giác không hợp lệ đã được sửa")
        )
    chosen = frame[wanted]
    return (chosen.assign(geometry=[_polygonal(shape) for shape in inside[wanted]]) if clip else chosen), notes


def _polygonal(shape: shapely.Geometry) -> shapely.MultiPolygon:
    parts = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts)


def _row(number: int, unit: Any, level: Level) -> dict[str, str | None]:
    """A unit as layer `communes` has it; only a unit that is found in the official list gets its code."""
    official = _official(unit, level) if level.country == VIETNAM else []
    row: dict[str, str | None] = {"code": f"G{number:04d}", "name": unit.shapeName}
    row |= dict.fromkeys(("district_code", "district_name", "province_code"))
    if level.number >= 3 and len(official) == 1:
        row |= {"code": official[0].code, "name": official[0].name}
    if official:
        row["province_code"] = official[0].province_code
        row |= {"district_code": official[0].district_code, "district_name": official[0].district_name}
    return row


def _official(unit: Any, level: Level) -> list[AdminUnit]:
    """Official communes of the era in a unit: of a district those of one of its name, else the one of its name."""
    on = CHANGE if level.era == "since" else date.fromordinal(CHANGE.toordinal() - 1)
    west, south, east, north = unit.geometry.bounds
    key = _compact(unit.shapeName)
    named = [
        other for other in read_units()
        if other.is_valid(on) and other.lon is not None and other.lat is not None
        and west <= other.lon <= east and south <= other.lat <= north
        and key == _compact((other.district_name or "") if level.number == 2 else other.name)
    ]  # fmt: skip
    inside = [other for other in named if shapely.intersects_xy(unit.geometry, other.lon or 0.0, other.lat or 0.0)]
    return inside if len({other.district_code for other in inside}) == 1 else []


def _era_notes(level: Level, on: date) -> list[Note]:
    if level.era is None:
        return []
    if level.era == "before" and on >= CHANGE:
        return [
            Note(
                f"BOUNDARIES OF BEFORE 1 JULY 2025 ({level.year}, {level.canonical}): figures are for these units, not "
                f"for the communes of {on}; import these with: phusong import DIR communes FILE --replace",
                f"RANH GIỚI TRƯỚC 1/7/2025 ({level.year}, {level.canonical}): số liệu tính theo các đơn vị này, không "
                f"theo các xã tại ngày {on:%d/%m/%Y}; hãy nhập các xã bằng: phusong import DIR communes FILE --replace",
            )
        ]
    era_vi = "từ" if level.era == "since" else "trước"
    return [
        Note(
            f"boundaries of the era {level.era} 1 July 2025 ({level.year}, {level.canonical})",
            f"ranh giới thời kỳ {era_vi} 1/7/2025 ({level.year}, {level.canonical})",
        )
    ]


def _code_notes(rows: Sequence[dict[str, str | None]]) -> list[Note]:
    own = sum(str(row["code"]).startswith("G") for row in rows)
    note = Note(
        f"{own} units have no official commune code and got one that begins with G",
        f"{own} đơn vị không có mã xã chính thức, được gán mã bắt đầu bằng G",
    )
    return [note] if own else []
