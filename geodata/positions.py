"""The rows of a file on the map: CRS, coordinates, the communes stated, and which checks could not be made."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from phusong.geodata.areas import Area, read_area
from phusong.geodata.coordinates import has_coordinates, is_geographic, read_coordinates, resolve_crs
from phusong.geodata.placing import Placed, place_points
from phusong.geodata.polygons import place_polygons
from phusong.geodata.readers import Table
from phusong.geodata.reports import IssueLog, Note
from phusong.geodata.schemas import STORAGE_CRS, Layer
from phusong.geodata.stated_communes import StatedCommunes, find_stated
from phusong.geodata.workspace import Workspace


def place_rows(
    workspace: Workspace, layer: Layer, *, table: Table, frame: pd.DataFrame, values: pd.DataFrame, crs: str | None,
    own_lonlat: bool, repairs: Collection[str], log: IssueLog, file: str,
) -> tuple[Placed, list[Note]]:  # fmt: skip
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
        left = Note(
            f"{bare} former units have no polygon: no map of them",
            f"{bare} đơn vị cũ không có ranh giới: không vẽ được bản đồ",
        )
        return Placed(shapes), [*([note] if note else []), *([left] if bare else [])]
    if not has_coordinates(table, frame):
        read_coordinates(table, frame, STORAGE_CRS, log=log, file=file)
    source_crs, note = resolve_crs(table, crs, own_lonlat=own_lonlat, file=file)
    given = read_coordinates(table, frame, source_crs, log=log, file=file)
    stated = _stated_communes(workspace, values)
    placed = place_points(given, layer, area, stated=stated, repairs=repairs, log=log, file=file)
    unmade = _unchecked(area, layer, values, stated) + _unstated(layer, values, source_crs)
    return placed, [*([note] if note else []), *unmade]


def _stated_communes(workspace: Workspace, values: pd.DataFrame) -> StatedCommunes:
    """The commune that rows state beside their position; of settlements without any, their code."""
    names = list(values["commune"]) if "commune" in values else []
    if not any(names) and "commune_code" in values:
        return find_stated(list(values["commune_code"]), workspace, binding=False)
    return find_stated(names or [None] * len(values), workspace, binding=True)


def _unchecked(area: Area, layer: Layer, values: pd.DataFrame, stated: StatedCommunes) -> list[Note]:
    """Notes on the checks that need a layer which is not there, or a commune that is not known."""
    notes = []
    if area.terrain is None and layer.name == "stations":
        notes.append(
            Note(
                "no terrain yet: whether stations lie inside it was not checked; phusong check does it",
                "chưa có địa hình: chưa kiểm tra trạm có nằm trong địa hình không; phusong check sẽ kiểm tra",
            )
        )
    states = "commune" in values and bool(values["commune"].notna().any())
    if area.communes is None and (states or layer.name in ("stations", "settlements", "places")):
        what, what_vi = ("the province and the commune that they state", "tỉnh và xã được ghi") if states else (
            "the province", "tỉnh")  # fmt: skip
        notes.append(
            Note(
                f"no communes yet: whether points lie in {what} was not checked; phusong check does it",
                f"chưa có lớp xã: chưa kiểm tra điểm có nằm trong {what_vi} không; phusong check sẽ kiểm tra",
            )
        )
    elif stated.unknown and stated.binding:
        count, shown = len(stated.unknown), ", ".join(name[:60] for name in stated.unknown[:3])
        notes.append(
            Note(
                f"{count} stated communes are not known ({shown}): not compared with the positions",
                f"không biết {count} xã được ghi ({shown}): chưa so với tọa độ",
            )
        )
    return notes


def _unstated(layer: Layer, values: pd.DataFrame, crs: str) -> list[Note]:
    """The note on rows that state no commune: in metres nothing then tells one zone from the next."""
    if "commune" not in layer.column_names or is_geographic(crs):
        return []
    named = [values[name].notna() for name in ("commune", "commune_code") if name in values]
    silent = int((~np.any(named, axis=0)).sum())
    if not silent:
        return []
    return [
        Note(
            f"{silent} of {len(values)} rows state no commune: whether {crs} is the right zone was not checked by it; "
            "add a column commune (xã)",
            f"{silent}/{len(values)} dòng không ghi xã: chưa kiểm tra được theo xã xem {crs} có đúng múi chiếu không; "
            "hãy thêm cột xã",
        )
    ]
