"""The rows of a file on the map: CRS, coordinates, the communes stated, and which checks could not be made."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from phusong.geodata.areas import Area, read_area
from phusong.geodata.coordinates import has_coordinates, read_coordinates, resolve_crs
from phusong.geodata.placing import Placed, place_points
from phusong.geodata.polygons import place_polygons
from phusong.geodata.readers import Table
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import STORAGE_CRS, Layer
from phusong.geodata.stated_communes import StatedCommunes, find_stated
from phusong.geodata.workspace import Workspace


def place_rows(
    workspace: Workspace, layer: Layer, *, table: Table, frame: pd.DataFrame, values: pd.DataFrame, crs: str | None,
    own_lonlat: bool, repairs: Collection[str], log: IssueLog, file: str,
) -> tuple[Placed, list[str]]:  # fmt: skip
    """Put a table's rows on the map, as the layer's kind of geometry; returns them and notes.

    Parameters
    ----------
    workspace
        Its terrain and communes say where rows may lie.
    layer
        The layer to fill; one without geometry gives no shapes.
    table, frame, values
        The file, its columns under our names as text, and as values.
    crs
        CRS asked for; None takes the file's.
    own_lonlat
        Whether lon and lat are the file's own columns, which are WGS 84.
    repairs
        Codes of refusal whose rows are repaired instead.
    log
        Takes refused and repaired rows.
    file
        Name of the file.
    """
    if layer.geometry is None:
        return Placed(np.full(len(frame), None, dtype=object)), []
    area = read_area(workspace)
    if layer.geometry == "polygon":
        source_crs, note = resolve_crs(table, crs, own_lonlat=False, file=file)
        shapes = place_polygons(table, values, source_crs, area=area, log=log, file=file)
        bare = sum(shape is None for shape in shapes[~log.refused])
        notes = [f"{bare} former units have no polygon: no map of them"] if bare else []
        return Placed(shapes), [note, *notes] if note else notes
    if not has_coordinates(table, frame):
        read_coordinates(table, frame, STORAGE_CRS, log=log, file=file)
    source_crs, note = resolve_crs(table, crs, own_lonlat=own_lonlat, file=file)
    given = read_coordinates(table, frame, source_crs, log=log, file=file)
    stated = _stated_communes(workspace, values)
    placed = place_points(given, layer, area, stated=stated, repairs=repairs, log=log, file=file)
    return placed, [*([note] if note else []), *_unchecked(area, layer, values, stated)]


def _stated_communes(workspace: Workspace, values: pd.DataFrame) -> StatedCommunes:
    """The commune that rows state beside their position; of settlements without any, their code."""
    names = list(values["commune"]) if "commune" in values else []
    if not any(names) and "commune_code" in values:
        return find_stated(list(values["commune_code"]), workspace, binding=False)
    return find_stated(names or [None] * len(values), workspace, binding=True)


def _unchecked(area: Area, layer: Layer, values: pd.DataFrame, stated: StatedCommunes) -> list[str]:
    """Notes on the checks that could not be made."""
    notes = []
    if area.terrain is None and layer.name == "stations":
        notes.append("no terrain yet: whether stations lie inside it was not checked; phusong check does it")
    states = "commune" in values and bool(values["commune"].notna().any())
    if area.province is None and (states or layer.name in ("stations", "settlements", "places")):
        what = "the province and the commune that they state" if states else "the province"
        notes.append(f"no communes yet: whether points lie in {what} was not checked; phusong check does it")
    elif stated.unknown and stated.binding:
        shown = ", ".join(name[:60] for name in stated.unknown[:3])
        notes.append(f"{len(stated.unknown)} stated communes are not known ({shown}): not compared with the positions")
    return notes
