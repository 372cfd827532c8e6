"""Stored layers against their description in `schemas`, by a pandera schema for each."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa

from phusong.geodata.errors import InputError
from phusong.geodata.schemas import NAME_ORDER, Column, Layer, find_layer


@cache
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
