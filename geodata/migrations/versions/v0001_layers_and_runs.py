"""The layers as tables that can be edited, the runs, and views of the published one.

A migration is never changed once released: it says what the layers were then, whatever `schemas.LAYERS` says now.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None

SCHEMA = "phusong"
TECHNOLOGIES = ("2G", "3G", "4G", "5G")
YES_NO_UNKNOWN = ("yes", "no", "unknown")
RUN_TABLES = ("settlements", "places", "figures", "stations", "signals", "units")
MISSING = {"valid_from": "'-infinity'", "commune": "''"}  # equal in a key, though NULLs are not
WITH_GEOMETRY = ("stations", "units")
WITH_POSITION = ("settlements", "places")


def upgrade() -> None:
    """Make every table of the schema."""
    _layers()
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("scenario", sa.Text),
        sa.Column("manifest", sa.JSON, nullable=False),
        sa.Column("schemas", sa.JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "workspace",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("imported", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("last_import", sa.Text),
        sa.Column("current_run", sa.Text, sa.ForeignKey(f"{SCHEMA}.runs.run_id")),
        schema=SCHEMA,
    )
    op.execute(f"CREATE UNIQUE INDEX one_workspace ON {SCHEMA}.workspace ((true))")
    for name in RUN_TABLES:
        _run_table(name)


def downgrade() -> None:
    """Refuse: nothing was before."""
    raise NotImplementedError("there is no older revision")


def _run_table(name: str) -> None:
    """A table of runs and the view of the published one; `publish` adds the columns that a run has."""
    key = sa.ForeignKey(f"{SCHEMA}.runs.run_id", ondelete="CASCADE")
    columns: list[sa.Column[Any]] = [
        sa.Column("run_id", sa.Text, key, primary_key=True),
        sa.Column("row_number", sa.Integer, primary_key=True),
    ]
    if name in WITH_GEOMETRY:
        columns.append(sa.Column("geometry", Geometry("GEOMETRY", srid=4326)))
    if name in WITH_POSITION:
        columns += [sa.Column("lon", sa.Double), sa.Column("lat", sa.Double)]
    op.create_table(f"run_{name}", *columns, schema=SCHEMA)
    names = ", ".join(f"t.{column.name}" for column in columns)
    if name in WITH_POSITION:
        names += ", ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326)::geometry(POINT, 4326) AS geom"
    op.execute(
        f"CREATE VIEW {SCHEMA}.current_{name} AS SELECT {names} "
        f"FROM {SCHEMA}.run_{name} t JOIN {SCHEMA}.workspace w ON w.current_run = t.run_id"
    )


def _layers() -> None:
    _layer(
        "communes", "MULTIPOLYGON",
        _text("code", length=5), _text("name", required=True), _text("kind"), _text("district_code"),
        _text("district_name"), _text("province_code", length=2, required=False), _date("valid_from"),
        _date("valid_to"), key=("code", "valid_from"),
    )  # fmt: skip
    _layer(
        "crosswalk", None,
        _text("old_code", length=5), _text("old_name", required=True), _text("old_district_code"),
        _text("old_district_name"), _text("new_code", length=5), _text("new_name", required=True),
        _date("valid_from"), key=("old_code", "new_code"),
    )  # fmt: skip
    _layer(
        "settlements", "POINT",
        _text("settlement_id", required=True), _text("name", required=True), _text("kind"),
        _text("commune_code", length=5, required=False), _text("old_commune_code", length=5, required=False),
        _text("commune"), _number("population", ">= 0"), _number("households", ">= 0"),
        _text("has_grid_power", choices=YES_NO_UNKNOWN, default="unknown"), _text("area_type"),
        key=("settlement_id",),
    )  # fmt: skip
    _layer(
        "stations", "POINT",
        _text("station_id", required=True), _text("mast_id", required=True), _text("operator", required=True),
        _text("technology", choices=TECHNOLOGIES, required=True),
        _number("band_mhz", "BETWEEN 30 AND 6000", required=True),
        _number("bandwidth_mhz", "> 0 AND bandwidth_mhz <= 400", required=True),
        _number("height_agl_m", "BETWEEN 1 AND 1000", required=True),
        _text("azimuths_deg"), _text("downtilt_deg"), _text("mechanical_tilt_deg"),
        _text("eirp_dbm", required=True), _text("antenna"),
        _text("status", choices=("live", "maintenance", "planned", "off"), required=True), _date("on_air_from"),
        _date("on_air_to"), _text("commune"), key=("station_id",),
    )  # fmt: skip
    _layer(
        "fibre_endpoints", "POINT",
        _text("endpoint_id", required=True), _text("operator", required=True), _text("kind"),
        _number("reach_km", "BETWEEN 0 AND 200", required=True), _text("commune"), key=("endpoint_id",),
    )  # fmt: skip
    _layer(
        "places", "POINT",
        _text("place_id", required=True), _text("kind", required=True), _text("name", required=True),
        _text("has_fixed_broadband", choices=YES_NO_UNKNOWN, default="unknown"), _text("commune"),
        key=("place_id",),
    )  # fmt: skip
    _layer(
        "observations", None,
        _text("settlement_id", required=True),
        _text("indicator", choices=("broadband", "signal", "power", "households_connected"), required=True),
        _text("value", required=True), _text("source", required=True), _date("observed_on", required=True),
        _text("by"), _text("kind", choices=("commune_report", "operator_report", "official_list", "survey")),
        key=("settlement_id", "indicator", "source", "observed_on"),
    )  # fmt: skip
    _layer(
        "measurements", "POINT",
        _text("technology", choices=TECHNOLOGIES, required=True), _text("operator", required=True),
        _text("station_id"), _number("rsrp_dbm", "BETWEEN -160 AND 0", required=True), _text("measured_at"),
        _text("source"), _text("cell_id"), _text("kind", choices=("drive_test", "crowd")), key=(),
    )  # fmt: skip
    _layer(
        "aliases", None,
        _text("settlement_id", required=True), _text("name", required=True),
        _text("kind", choices=("renamed", "merged", "spelling"), required=True), _text("commune"), _date("valid_to"),
        key=("settlement_id", "name", "commune"),
    )  # fmt: skip


def _layer(name: str, geometry: str | None, *parts: list[SchemaItem], key: tuple[str, ...]) -> None:
    items: list[SchemaItem] = [item for part in parts for item in part]
    names = [item.name for item in items if isinstance(item, sa.Column)]
    if "name" in names:
        items.append(sa.Column("name_sort", sa.Text))
    if "source" not in names:
        items.append(sa.Column("source", sa.Text))
    items.append(sa.Column("source_row", sa.Integer))
    if geometry:
        items.append(sa.Column("geom", Geometry(geometry, srid=4326)))
    op.create_table(name, sa.Column("fid", sa.Integer, sa.Identity(), primary_key=True), *items, schema=SCHEMA)
    if key:
        columns = ", ".join(f"coalesce({part}, {MISSING[part]})" if part in MISSING else part for part in key)
        op.execute(f"CREATE UNIQUE INDEX {name}_key ON {SCHEMA}.{name} ({columns})")


def _text(
    name: str, *, length: int | None = None, required: bool | None = None, choices: tuple[str, ...] = (),
    default: str | None = None,
) -> list[SchemaItem]:  # fmt: skip
    must = length is not None if required is None else required
    items: list[SchemaItem] = [sa.Column(name, sa.Text, nullable=not must, server_default=default)]
    if length is not None:
        items.append(_check(name, f"length({name}) = {length}"))
    if choices:
        words = ", ".join(f"'{word}'" for word in choices)
        items.append(_check(name, f"{name} IN ({words})"))
    return items


def _date(name: str, *, required: bool = False) -> list[SchemaItem]:
    return [sa.Column(name, sa.Date, nullable=not required)]


def _number(name: str, within: str, *, required: bool = False) -> list[SchemaItem]:
    finite = f"{name} NOT IN ('NaN', 'Infinity')"
    return [sa.Column(name, sa.Double, nullable=not required), _check(name, f"{name} {within} AND {finite}")]


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=f"{name}_fits")
