"""Collections of features in memory, and what is chosen of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from phusong.api.errors import BadQueryError
from phusong.api.models import Text
from phusong.api.ogc.reference_systems import Shapes, to_system

Kind = Literal["string", "number", "boolean"]
Instants = npt.NDArray[np.datetime64]
WORLD = (-180.0, -90.0, 180.0, 90.0)
EVER = (np.datetime64("0001-01-01T00:00:00"), np.datetime64("9999-12-31T23:59:59"))


@dataclass(frozen=True)
class Field:
    """A property of features: its kind, what it means, and whether features can be asked for by it."""

    kind: Kind = "string"
    meaning: Text | None = None
    queryable: bool = True
    is_date: bool = False

    def schema(self) -> dict[str, Any]:
        """The property as JSON Schema."""
        return {"type": self.kind, **({"format": "date"} if self.is_date else {})}


@dataclass(frozen=True, eq=False)
class Collection:
    """Features of a kind, in their order.

    Attributes
    ----------
    name, title, meaning
        Id of the collection, and what it is.
    fields
        Properties by name.
    ids
        Id of every feature.
    table
        Properties of every feature; a page of them is made plain values when it is asked for.
    shapes
        Geometries, WGS 84 longitude and latitude [deg]; None without one.
    begins, ends
        First and last second of every feature, UTC; `EVER` where it has none.
    licences
        Terms of the data: attribution and address.
    run_id
        The run that all pages are read from; None where there is none.
    """

    name: str
    title: Text
    meaning: Text
    fields: Mapping[str, Field]
    ids: Sequence[str]
    table: pd.DataFrame
    shapes: Shapes
    begins: Instants
    ends: Instants
    licences: tuple[tuple[str, str], ...] = ()
    run_id: str | None = None

    @cached_property
    def position(self) -> dict[str, int]:
        """Position of every feature by id."""
        return {name: position for position, name in enumerate(self.ids)}

    @property
    def queryables(self) -> dict[str, Field]:
        """The properties that features can be asked for by."""
        return {name: field for name, field in self.fields.items() if field.queryable}

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge [deg, WGS 84]; the world where nothing has a place."""
        found = shapely.total_bounds(self.shapes)
        return WORLD if np.isnan(found).any() else tuple(found.tolist())

    @cached_property
    def interval(self) -> tuple[str | None, str | None]:
        """First and last second of all features; None where it is open."""
        if not self.ids:
            return None, None
        first, last = self.begins.min(), self.ends.max()
        return (
            None if first <= EVER[0] else f"{first.astype('datetime64[s]')}Z",
            None if last >= EVER[1] else f"{last.astype('datetime64[s]')}Z",
        )

    def within(self, shape: shapely.Geometry) -> npt.NDArray[np.int64]:
        """Positions of the features that have a point in common with a shape [deg, WGS 84]."""
        return np.sort(self._tree.query(shape, predicate="intersects"))

    def equal(self, name: str, value: str | float | bool) -> npt.NDArray[np.bool_]:
        """Which features have a value."""
        return (self.table[name] == value).to_numpy(dtype=bool)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)


@dataclass(frozen=True, eq=False)
class Selection:
    """The features that a request asks for: their positions in order, and the reference system of the answer."""

    collection: Collection
    positions: npt.NDArray[np.int64]
    uri: str
    crs: str

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """Some of the features as GeoJSON.

        Parameters
        ----------
        offset, limit
            How many are left out, and how many are given.

        Raises
        ------
        BadQueryError
            The reference system does not reach one of them.
        """
        return self._features(self.positions[offset : offset + limit])

    def feature(self, name: str) -> dict[str, Any]:
        """The feature of an id that the collection has, as GeoJSON; raises as `page` does."""
        return self._features(np.array([self.collection.position[name]]))[0]

    def _features(self, positions: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        of = self.collection
        shapes = to_system(of.shapes[positions], self.uri, self.crs)
        if not np.isfinite(shapely.get_coordinates(shapes)).all():
            raise BadQueryError(
                f"Reference system {self.crs} does not reach all of these features; ask for another crs.",
                vi=f"Hệ tọa độ {self.crs} không phủ hết các đối tượng này; hãy chọn crs khác.",
            )
        return [
            {"type": "Feature", "id": of.ids[position], "geometry": _geojson(shape), "properties": row}
            for position, shape, row in zip(positions.tolist(), shapes, _rows(of.table.iloc[positions]), strict=True)
        ]


def _rows(page: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, None for what is missing: a column at a time, for there are few rows and many columns."""
    names = [str(name) for name in page]
    columns = [_values(page[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: "pd.Series[Any]") -> list[Any]:
    values = column.tolist()
    if not column.hasnans:
        return values
    return [None if missing else value for value, missing in zip(values, column.isna(), strict=True)]


def _geojson(shape: BaseGeometry | None) -> dict[str, Any] | None:
    return None if shape is None else mapping(shape)
