"""Extract the administrative units of Vietnam of both eras, and the crosswalk, from data files of vietnamadminunits.

    pip download vietnamadminunits==1.0.4 --no-deps
    python scripts/extract_units.py vietnamadminunits-1.0.4-py3-none-any.whl

Only data files of the wheel are read; nothing of its code is imported. Writes to geodata/data: `units.csv.gz`,
`units_crosswalk.csv.gz`, `units.toml` (where they come from, hashes, counts) and `units.LICENSE`.
"""

import gzip
import hashlib
import io
import json
import sqlite3
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd

from phusong.geodata.names import tidy_name

CHANGE = "2025-07-01"
TARGET = Path(__file__).resolve().parent.parent / "geodata" / "data"
DATABASE, CONVERTER = "vietnamadminunits/data/dataset.db", "vietnamadminunits/data/converter_2025.json"
COLUMNS = [
    "code", "name", "kind", "district_code", "district_name", "province_code", "province_name", "valid_from",
    "valid_to", "lon", "lat", "area_km2",
]  # fmt: skip


def main(wheel: Path) -> None:
    """Read the wheel and write the package's data files."""
    with zipfile.ZipFile(wheel) as archive:
        parts = {name: archive.read(name) for name in (DATABASE, CONVERTER)}
        licence = next(archive.read(name) for name in archive.namelist() if name.endswith("/licenses/LICENSE"))
    legacy, current = read_tables(parts[DATABASE])
    units = pd.concat([legacy_units(legacy), current_units(current)], ignore_index=True)
    crosswalk = read_crosswalk(json.loads(parts[CONVERTER]), legacy, current)
    hashes = {"units.csv.gz": write(units[COLUMNS], "units.csv.gz")}
    hashes["units_crosswalk.csv.gz"] = write(crosswalk, "units_crosswalk.csv.gz")
    (TARGET / "units.LICENSE").write_bytes(licence)
    lines = [
        'source = "vietnamadminunits"', f'version = "{wheel.name.split("-")[1]}"', 'licence = "MIT"',
        'url = "https://pypi.org/project/vietnamadminunits/"', f'change = "{CHANGE}"',
        f"legacy_units = {len(legacy)}", f"current_units = {len(current)}", f"pairs = {len(crosswalk)}", "", "[sha256]",
        f'"{wheel.name}" = "{hashlib.sha256(wheel.read_bytes()).hexdigest()}"',
        *(f'"{name}" = "{hashlib.sha256(data).hexdigest()}"' for name, data in parts.items()),
        *(f'"{name}" = "{value}"' for name, value in hashes.items()),
    ]  # fmt: skip
    (TARGET / "units.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_tables(database: bytes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of former and current units."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(database)
        file.flush()
        with sqlite3.connect(f"file:{file.name}?mode=ro", uri=True) as connection:
            legacy, current = (
                pd.read_sql(f"SELECT * FROM {name}", connection) for name in ("admin_units_legacy", "admin_units")
            )
    return legacy, current


def legacy_units(table: pd.DataFrame) -> pd.DataFrame:
    """Communes until 30 June 2025; an island district without communes stands as one unit under its own code."""
    bare = table["wardCode"].isna()
    return pd.DataFrame(
        {
            "code": code_of(table),
            "name": table["ward"].where(~bare, table["district"]).map(tidy_name),
            "kind": table["wardType"].where(~bare, table["districtType"]).map(tidy_name),
            "district_code": table["districtCode"],
            "district_name": table["district"].map(tidy_name),
            "province_code": table["provinceCode"],
            "province_name": table["province"].map(tidy_name),
            "valid_from": "",
            "valid_to": CHANGE,
            "lon": table["wardLon"].where(~bare, table["districtLon"]).round(5),
            "lat": table["wardLat"].where(~bare, table["districtLat"]).round(5),
            "area_km2": None,
        }
    ).sort_values("code")


def current_units(table: pd.DataFrame) -> pd.DataFrame:
    """Communes since 1 July 2025."""
    return pd.DataFrame(
        {
            "code": table["wardCode"],
            "name": table["ward"].map(tidy_name),
            "kind": table["wardType"].map(tidy_name),
            "district_code": "",
            "district_name": "",
            "province_code": table["provinceCode"],
            "province_name": table["province"].map(tidy_name),
            "valid_from": CHANGE,
            "valid_to": "",
            "lon": table["wardLon"].round(5),
            "lat": table["wardLat"].round(5),
            "area_km2": table["wardAreaKm2"],
        }
    ).sort_values("code")


def code_of(legacy: pd.DataFrame) -> "pd.Series[str]":
    """Code of the commune, or of the district where it has none."""
    return legacy["wardCode"].where(legacy["wardCode"].notna(), legacy["districtCode"])


def read_crosswalk(converter: dict[str, dict], legacy: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """Old to new codes: `whole`, or of a divided commune `main` (the source's choice for it all) and `part`."""
    keys = legacy["provinceKey"] + "_" + legacy["districtKey"] + "_" + legacy["wardKey"].fillna("")
    old_of = dict(zip(keys, code_of(legacy), strict=True))
    new_of = dict(zip(zip(current["provinceKey"], current["wardKey"], strict=True), current["wardCode"], strict=True))
    rows = [
        (old_of[old], new_of[province, new], "whole")
        for province, members in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items()
        for new, olds in members.items()
        for old in olds
    ]
    rows += [
        (old_of[old], new_of[province, part["newWardKey"]], "main" if part["isDefaultNewWard"] else "part")
        for province, members in converter["DICT_PROVINCE_WARD_DIVIDED"].items()
        for old, parts in members.items()
        for part in parts
    ]
    return pd.DataFrame(rows, columns=["old_code", "new_code", "part"]).sort_values(["old_code", "new_code"])


def write(table: pd.DataFrame, name: str) -> str:
    """Write a table, the same bytes every time; returns its sha256."""
    text = table.to_csv(index=False, lineterminator="\n").encode()
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=9) as file:
        file.write(text)
    (TARGET / name).write_bytes(packed.getvalue())
    print(f"{name}: {len(table)} rows, {len(packed.getvalue())} bytes")
    return hashlib.sha256(packed.getvalue()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
