"""The layers as they are stored: columns, units, ranges, and a pandera schema for each.

One table, `LAYERS`, says what every layer holds; import reads its ranges from it and `validate_layer` checks
a whole frame against it before it is stored. Coordinates are EPSG:4326 (lon, lat).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa

from phusong.geodata.errors import InputError, UnknownNameError

STORAGE_CRS = "EPSG:4326"
TECHNOLOGIES = ("2G", "3G", "4G", "5G")
YES_NO_UNKNOWN = ("yes", "no", "unknown")
NAME_ORDER = "name_sort"  # `names.sort_key` of the column name
ANTENNAS = ("tr36814", "omni", "envelope38901")  # built in; the others are files of the workspace

SURVEY = "survey"
OBSERVED_BY = ("commune_report", "operator_report", "official_list", SURVEY)

Kind = Literal["text", "number", "date", "numbers", "texts"]


@dataclass(frozen=True)
class Column:
    """A column of a layer: kind of value, whether it must be given, its range or its words.

    `numbers` and `texts` are lists per sector, stored as text joined by ";". `fill` stands in an empty cell. A `late`
    column may be absent from layers stored before it existed. `whole` numbers are counts: a mark before three digits is
    a thousands mark.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    length: int | None = None
    fill: str | None = None
    late: bool = False
    whole: bool = False

    def range_text(self) -> str:
        """Write the allowed range, like `(0, 1000]` or `[0, ∞)`."""
        low = "(-∞" if self.minimum is None else f"[{self.minimum:g}"
        low = low if self.above is None else f"({self.above:g}"
        high = f"{self.maximum:g}]" if self.maximum is not None else "∞)"
        return f"{low}, {high}"


@dataclass(frozen=True)
class Layer:
    """A layer: its columns, the columns that make a row unique, and its kind of geometry."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    geometry: Literal["point", "polygon"] | None = "point"
    duplicate_code: str = "duplicate_id"

    def column(self, name: str) -> Column:
        """Find a column by name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the layer's own columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def stored_names(self) -> tuple[str, ...]:
        """Names of all stored columns without the geometry: the layer's own, the order of names, then file and row."""
        own = self.column_names
        order = (NAME_ORDER,) if "name" in own else ()
        return own + tuple(name for name in (*order, "source", "source_row") if name not in own)


_COMMUNES = Layer(
    "communes",
    (
        Column("code", required=True, length=5),
        Column("name", required=True),
        Column("kind"),
        Column("district_code"),
        Column("district_name"),
        Column("province_code", length=2),
        Column("valid_from", "date"),
        Column("valid_to", "date"),
    ),
    key=("code", "valid_from"),  # codes are reused: the date is part of the key
    geometry="polygon",
)
_CROSSWALK = Layer(
    "crosswalk",
    (
        Column("old_code", required=True, length=5),
        Column("old_name", required=True),
        Column("old_district_code"),
        Column("old_district_name"),
        Column("new_code", required=True, length=5),
        Column("new_name", required=True),
        Column("valid_from", "date"),
    ),
    key=("old_code", "new_code"),  # a commune may be divided
    geometry=None,
)
_SETTLEMENTS = Layer(
    "settlements",
    (
        Column("settlement_id", required=True),
        Column("name", required=True),
        Column("kind"),
        Column("commune_code", length=5),
        Column("old_commune_code", length=5, late=True),
        Column("commune", late=True),
        Column("population", "number", minimum=0, whole=True),
        Column("households", "number", minimum=0, whole=True),
        Column("has_grid_power", choices=YES_NO_UNKNOWN, fill="unknown"),
        Column("area_type"),
    ),
    key=("settlement_id",),
)
_STATIONS = Layer(
    "stations",
    (
        Column("station_id", required=True),
        Column("mast_id", required=True),
        Column("operator", required=True),
        Column("technology", required=True, choices=TECHNOLOGIES),
        Column("band_mhz", "number", required=True, minimum=30, maximum=6000),
        Column("bandwidth_mhz", "number", required=True, above=0, maximum=400),
        Column("height_agl_m", "number", required=True, minimum=1, maximum=1000),
        Column("azimuths_deg", "numbers", minimum=0, maximum=360),
        Column("downtilt_deg", "numbers", minimum=-20, maximum=30),
        Column("mechanical_tilt_deg", "numbers", minimum=-20, maximum=30, late=True),
        # far above any transmitter: planners test a model by adding 200 dB
        Column("eirp_dbm", "numbers", required=True, minimum=-50, maximum=300),
        Column("antenna", "texts"),
        Column("status", required=True, choices=("live", "maintenance", "planned", "off")),
        Column("on_air_from", "date"),
        Column("on_air_to", "date"),
        Column("commune", late=True),
    ),
    key=("station_id",),
    duplicate_code="duplicate_station_id",
)
_FIBRE = Layer(
    "fibre_endpoints",
    (
        Column("endpoint_id", required=True),
        Column("operator", required=True),
        Column("kind"),
        Column("reach_km", "number", required=True, minimum=0, maximum=200),
        Column("commune", late=True),
    ),
    key=("endpoint_id",),
)
_PLACES = Layer(
    "places",
    (
        Column("place_id", required=True),
        Column("kind", required=True),
        Column("name", required=True),
        Column("has_fixed_broadband", choices=YES_NO_UNKNOWN, fill="unknown"),
        Column("commune", late=True),
    ),
    key=("place_id",),
)
_OBSERVATIONS = Layer(
    "observations",
    (
        Column("settlement_id", required=True),
        Column("indicator", required=True, choices=("broadband", "signal", "power", "households_connected")),
        Column("value", required=True),
        Column("source", required=True),  # the document, or who declared or surveyed it; not the file
        Column("observed_on", "date", required=True),
        Column("by"),
        Column("kind", choices=OBSERVED_BY, late=True),
    ),
    key=("settlement_id", "indicator", "source", "observed_on"),
    geometry=None,
)
_MEASUREMENTS = Layer(
    "measurements",
    (
        Column("technology", required=True, choices=TECHNOLOGIES),
        Column("operator", required=True),
        Column("station_id"),
        Column("rsrp_dbm", "number", required=True, minimum=-160, maximum=0),
        Column("measured_at"),  # YYYY-MM-DDThh:mm:ss
        Column("source"),
        Column("cell_id", late=True),
        Column("kind", choices=("drive_test", "crowd"), late=True),
    ),
    key=(),
)
_ALIASES = Layer(
    "aliases",
    (
        Column("settlement_id", required=True),
        Column("name", required=True),
        Column("kind", required=True, choices=("renamed", "merged", "spelling")),
        Column("commune"),
        Column("valid_to", "date"),
    ),
    key=("settlement_id", "name", "commune"),
    geometry=None,
)

LAYERS = {
    layer.name: layer
    for layer in (
        _COMMUNES,
        _CROSSWALK,
        _SETTLEMENTS,
        _STATIONS,
        _FIBRE,
        _PLACES,
        _OBSERVATIONS,
        _MEASUREMENTS,
        _ALIASES,
    )
}


def find_layer(name: str) -> Layer:
    """Find a layer's description by name.

    Raises
    ------
    UnknownNameError
        There is no layer of that name; the message lists the known.
    """
    if name not in LAYERS:
        known = ", ".join(LAYERS)
        raise UnknownNameError(
            f"There is no layer {name!r}; the layers are {known}.",
            vi=f"Không có lớp {name!r}; các lớp là {known}.",
        )
    return LAYERS[name]


def schema(layer: Layer) -> pa.DataFrameSchema:
    """Build the pandera schema of a layer as it is stored (without its geometry)."""
    columns: dict[str, pa.Column] = {column.name: _schema_column(column) for column in layer.columns}
    columns.setdefault("source", pa.Column(None, _text_check(), nullable=False))
    if NAME_ORDER in layer.stored_names:
        columns[NAME_ORDER] = pa.Column(None, _text_check(), required=False)
    columns["source_row"] = pa.Column("int64", pa.Check.ge(1))
    unique = list(layer.key) or None
    return pa.DataFrameSchema(columns, strict=True, unique=unique, name=layer.name)


def validate_layer(name: str, frame: pd.DataFrame) -> None:
    """Check a whole frame against its layer's schema.

    Parameters
    ----------
    name
        Name of the layer.
    frame
        Its rows, all stored columns; a geometry column where the layer has one.

    Raises
    ------
    InputError
        A column is missing, a value is out of range, an id is not unique: all faults in one message.
    """
    layer = find_layer(name)
    table = pd.DataFrame(frame.drop(columns="geometry", errors="ignore")).reset_index(drop=True)
    faults: list[str] = []
    if layer.geometry is not None and "geometry" not in frame.columns:
        faults.append("the geometry column is missing")
    try:
        schema(layer).validate(table, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases: Any = error.failure_cases
        for (column, check), group in cases.groupby(["column", "check"], dropna=False):
            faults.append(f"{column}: {check} fails for {group['failure_case'].iloc[0]!r} ({len(group)} times)")
    if faults:
        text = "; ".join(faults)
        raise InputError(f"Layer {name} does not fit its schema: {text}.", vi=f"Lớp {name} sai cấu trúc: {text}.")


def _schema_column(column: Column) -> pa.Column:
    if column.kind == "number":
        checks = []
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum))
        if column.above is not None:
            checks.append(pa.Check.gt(column.above))
        if column.maximum is not None:
            checks.append(pa.Check.le(column.maximum))
        return pa.Column("float64", checks, nullable=not column.required)
    checks = [_text_check()]
    if column.choices:
        checks.append(_words_check(column.choices))
    if column.length is not None:
        checks.append(pa.Check.str_length(column.length, column.length))
    if column.kind == "date":
        checks.append(pa.Check.str_matches(r"^\d{4}-\d{2}-\d{2}$"))
    return pa.Column(None, checks, nullable=not column.required, required=not column.late)


def _words_check(choices: tuple[str, ...]) -> pa.Check:
    """Every element of a list joined by ";" is one of the words."""
    return _distinct_check(
        lambda value: all(part in choices for part in str(value).split(";")), f"is one of {', '.join(choices)}"
    )


def _text_check() -> pa.Check:
    return _distinct_check(lambda value: isinstance(value, str), "is text")


def _distinct_check(good: Callable[[object], bool], name: str) -> pa.Check:
    """A check of single values, made once for each distinct one."""

    def check(series: pd.Series) -> pd.Series:
        codes, values = pd.factorize(series, use_na_sentinel=True)
        return pd.Series(np.array([*map(good, values), True], dtype=bool)[codes], index=series.index)

    return pa.Check(check, name=name, ignore_na=True)
