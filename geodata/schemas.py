"""The layers as they are stored: columns, units, ranges.

One table, `LAYERS`, says what every layer holds; import reads its ranges from it and `schema_checks.validate_layer`
checks a whole frame against it before it is stored. Coordinates are EPSG:4326 (lon, lat).
"""

from dataclasses import dataclass
from typing import Literal

from phusong.geodata.errors import UnknownNameError

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
