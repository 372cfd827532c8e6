"""The commune that each row states, as polygons: a position outside of it is wrong, or its CRS is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from phusong.geodata.crosswalks import national_crosswalk
from phusong.geodata.names import name_key
from phusong.geodata.workspace import Workspace

NEAR_DEG = 0.01  # about a kilometre: drawn boundaries and surveyed positions differ
SHOWN = 3

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StatedCommunes:
    """The stated communes of a table's rows.

    `which` gives per row the position in `shapes` and `names`, −1 where nothing known is stated. `shapes` are polygons
    in EPSG:4326 with a margin; `binding` says whether a row that lies elsewhere is wrong (a name written beside the
    position is; a code kept as an attribute is only compared). `unknown` are names of no commune.
    """

    which: npt.NDArray[np.intp]
    shapes: Sequence[shapely.Geometry] = ()
    names: Sequence[str] = ()
    unknown: Sequence[str] = ()
    binding: bool = True

    def holds(self, lon: Floats, lat: Floats, rows: npt.NDArray[np.intp]) -> Mask:
        """Whether positions [deg, WGS 84] of some rows lie in or near the commune stated; true where none is."""
        inside = np.ones(len(lon), dtype=bool)
        which = self.which[rows]
        for number in np.unique(which[which >= 0]):
            of_unit = which == number
            inside[of_unit] = shapely.intersects_xy(self.shapes[number], lon[of_unit], lat[of_unit])
        return inside

    def named(self) -> list[str | None]:
        """Per row the commune it states, None where there is none or it is not known."""
        return [None if number < 0 else self.names[number] for number in self.which.tolist()]

    @property
    def stated(self) -> Mask:
        """Whether a row states a commune with a known polygon."""
        return np.asarray(self.which >= 0, dtype=bool)


def no_communes(count: int) -> StatedCommunes:
    """The stated communes of rows that state none."""
    return StatedCommunes(np.full(count, -1, dtype=np.intp))


def find_stated(texts: Sequence[str | None], workspace: Workspace, *, binding: bool) -> StatedCommunes:
    """Find the polygons of the communes that rows state by name or code.

    A name of before a merger stands for what its commune went to: the crosswalk says where, the layer's or the
    package's. A name that several communes have or had stands for all of them, so that nothing right is taken for
    wrong.

    Parameters
    ----------
    texts
        Per row the name or code, None where nothing is stated.
    workspace
        Its layers communes and crosswalk are used, as far as they are there.
    binding
        Whether a position elsewhere makes the row wrong.
    """
    count = len(texts)
    if not workspace.has_layer("communes") or not any(texts):
        return no_communes(count)
    polygons = _polygons_by_key(workspace)
    numbers: dict[str, int] = {}
    shapes: list[shapely.Geometry] = []
    names: list[str] = []
    unknown: list[str] = []
    for text in dict.fromkeys(text for text in texts if text is not None):
        found = polygons.get(_key(text))
        if found is None:
            unknown.append(text)
            continue
        shape = shapely.buffer(shapely.union_all(found), NEAR_DEG)
        shapely.prepare(shape)
        numbers[text] = len(shapes)
        shapes.append(shape)
        names.append(text)
    which = np.array([-1 if text is None else numbers.get(text, -1) for text in texts], dtype=np.intp)
    return StatedCommunes(which, shapes, names, unknown, binding)


def _key(text: str) -> str:
    """A code as it is, a name by its key; what follows a comma is the parent."""
    plain = text.strip()
    return plain if plain.isdigit() else name_key(plain.partition(",")[0])


def _polygons_by_key(workspace: Workspace) -> dict[str, list[shapely.Geometry]]:
    communes = workspace.read_layer("communes")
    placed = communes[communes.geometry.notna() & ~communes.geometry.is_empty]
    found: dict[str, list[shapely.Geometry]] = {}
    _collect(found, placed["code"], placed["name"], placed.geometry)
    current = placed[placed["valid_to"].isna()]
    by_code = dict(zip(current["code"], current.geometry, strict=True))
    stored = workspace.has_layer("crosswalk")
    crosswalk = workspace.read_layer("crosswalk") if stored else national_crosswalk(current)
    moved = crosswalk[crosswalk["new_code"].isin(by_code)]
    _collect(found, moved["old_code"], moved["old_name"], (by_code[code] for code in moved["new_code"]))
    return found


def _collect(
    found: dict[str, list[shapely.Geometry]], codes: "pd.Series[str]", names: "pd.Series[str]",
    shapes: Iterable[shapely.Geometry],
) -> None:  # fmt: skip
    rows: Iterator[tuple[str, str, shapely.Geometry]] = zip(codes, names, shapes, strict=True)
    for code, name, shape in rows:
        for key in {code, name_key(name)}:
            found.setdefault(key, []).append(shape)
