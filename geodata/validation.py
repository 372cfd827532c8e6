"""Raw text of a layer's columns turned into values; every fault becomes a refused row with its reason."""

import datetime
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.appending import normalise_times
from phusong.geodata.cells import LONGEST_CELL, distinct
from phusong.geodata.reports import IssueLog
from phusong.geodata.schemas import Column, Layer

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_PAIRS = (("on_air_from", "on_air_to"), ("valid_from", "valid_to"))
_SECTOR_LISTS = ("azimuths_deg", "downtilt_deg", "mechanical_tilt_deg", "eirp_dbm", "antenna")


def parse_columns(frame: pd.DataFrame, layer: Layer, log: IssueLog) -> tuple[pd.DataFrame, dict[str, int]]:
    """Turn the text of every column of a layer into its kind of value.

    Parameters
    ----------
    frame
        Our columns as text or None; optional columns may be absent.
    layer
        What the columns must hold.
    log
        Takes the rows that are refused.

    Returns
    -------
    tuple
        The layer's columns (numbers as float64, the rest text or None), and how many empty cells were filled.
    """
    parsed: dict[str, npt.NDArray[np.object_]] = {}
    filled: dict[str, int] = {}
    for column in layer.columns:
        if column.name in frame.columns:
            raw = frame[column.name].to_numpy(dtype=object)
        else:
            raw = np.full(len(frame), None, dtype=object)
        if column.fill is not None:
            empty = np.array([cell is None for cell in raw], dtype=bool)
            raw = np.where(empty, column.fill, raw)
            if empty.any():
                filled[column.name] = int(empty.sum())
        codes, texts = distinct(raw)
        parsed[column.name] = _parse_column(np.array(texts, dtype=object), column, log.of_distinct(codes))[codes]
    values = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in parsed.items()})
    for column in layer.columns:
        if column.kind == "number":
            values[column.name] = values[column.name].astype("float64")
    _refuse_reversed_dates(values, log)
    if layer.name == "stations":
        _refuse_unequal_lists(values, log)
    if layer.name == "observations":
        _refuse_unfit_observations(values, log)
    if layer.name == "measurements":
        normalise_times(values, "measured_at", log)
    return values, filled


def refuse_duplicates(values: pd.DataFrame, layer: Layer, log: IssueLog) -> None:
    """Refuse every row whose id an earlier row has already; the reason names that row."""
    if not layer.key:
        return
    first: dict[tuple[object, ...], int] = {}
    repeated = np.zeros(len(values), dtype=bool)
    shown: list[str | None] = [None] * len(values)
    rows: list[int | None] = [None] * len(values)
    for position, key in enumerate(zip(*(values[name] for name in layer.key), strict=True)):
        if key[0] is None:
            continue
        if first.setdefault(key, position) != position:
            repeated[position], rows[position] = True, int(log.row_numbers[first[key]])
            shown[position] = " / ".join("" if part is None else str(part) for part in key)
    log.refuse(
        repeated,
        field=layer.key[0],
        values=shown,
        code=layer.duplicate_code,
        reason="{value} stands already in row {hint}; give each row its own id or remove one",
        reason_vi="{value} đã có ở dòng {hint}; mỗi dòng phải có mã riêng",
        hints=rows,
    )


def refuse_long(values: Sequence[str | None], field: str, log: IssueLog) -> None:
    """Refuse the rows whose text is longer than a cell may be."""
    log.refuse(
        [text is not None and len(text) > LONGEST_CELL for text in values], field=field, values=values, code="too_long",
        reason=f"{field} has more than {LONGEST_CELL} characters; shorten it",
        reason_vi=f"{field} có hơn {LONGEST_CELL} ký tự; hãy rút ngắn",
    )  # fmt: skip


def parse_number(text: str) -> float | None:
    """Read a plain decimal number with a point; None for anything else."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _parse_column(raw: npt.NDArray[np.object_], column: Column, log: IssueLog) -> npt.NDArray[np.object_]:
    values = list(raw)
    empty = np.array([text is None for text in values], dtype=bool)
    if column.required:
        log.refuse(
            empty,
            field=column.name,
            values=None,
            code="missing_value",
            reason=f"{column.name} is empty; it must be given",
            reason_vi=f"{column.name} trống; bắt buộc phải có",
        )
    log.refuse(
        [text is not None and ("\x00" in text or "\ufffd" in text) for text in values],
        field=column.name,
        values=values,
        code="bad_text",
        reason=f"{column.name} holds a character that cannot be read (NUL, or bytes of another encoding); correct it",
        reason_vi=f"{column.name} có ký tự không đọc được (NUL, hoặc thuộc bảng mã khác); hãy sửa",
    )
    refuse_long(values, column.name, log)
    if column.kind == "number":
        return _parse_numbers(values, column, log)
    if column.kind in ("numbers", "texts"):
        return _parse_lists(values, column, log)
    if column.kind == "date":
        return _parse_dates(values, column, log)
    return _parse_text(values, column, log)


def _parse_text(values: list[str | None], column: Column, log: IssueLog) -> npt.NDArray[np.object_]:
    if column.choices:
        unknown = [text is not None and text not in column.choices for text in values]
        _refuse_unknown_words(unknown, values, column, log)
    if column.length is not None:
        log.refuse(
            [text is not None and len(text) != column.length for text in values],
            field=column.name,
            values=values,
            code="bad_code",
            reason=f"{column.name} must have {column.length} characters (leading zeros too), got {{value}}",
            reason_vi=f"{column.name} phải có {column.length} ký tự (kể cả số 0 ở đầu), giá trị {{value}}",
        )
    return np.array(values, dtype=object)


def _parse_numbers(values: list[str | None], column: Column, log: IssueLog) -> npt.NDArray[np.object_]:
    numbers = [None if text is None else parse_number(text) for text in values]
    log.refuse(
        [text is not None and number is None for text, number in zip(values, numbers, strict=True)],
        field=column.name,
        values=values,
        code="not_a_number",
        reason=f"{column.name} {{value}} is no number; write it with a decimal point and without a unit",
        reason_vi=f"{column.name} {{value}} không phải số; dùng dấu chấm thập phân và không ghi đơn vị",
    )
    _refuse_out_of_range(
        [number is not None and not _in_range(number, column) for number in numbers], values, column, log
    )
    return np.array(numbers, dtype=object)


def _parse_lists(values: list[str | None], column: Column, log: IssueLog) -> npt.NDArray[np.object_]:
    """Check every element of lists joined by ";" and write them in one form."""
    parsed: list[str | None] = []
    no_number = np.zeros(len(values), dtype=bool)
    outside = np.zeros(len(values), dtype=bool)
    unknown = np.zeros(len(values), dtype=bool)
    for position, text in enumerate(values):
        parts = [] if text is None else [part.strip() for part in text.split(";")]
        if column.kind == "numbers":
            numbers = [parse_number(part) for part in parts]
            no_number[position] = None in numbers
            outside[position] = any(number is not None and not _in_range(number, column) for number in numbers)
            parts = [f"{number:.12g}" for number in numbers if number is not None]
        else:
            no_number[position] = "" in parts
            unknown[position] = bool(column.choices) and any(part and part not in column.choices for part in parts)
        parsed.append(";".join(parts) or None)
    log.refuse(
        no_number,
        field=column.name,
        values=values,
        code="not_a_number" if column.kind == "numbers" else "missing_value",
        reason=f"{column.name} {{value}} must be one value, or one per sector separated by ;",
        reason_vi=f"{column.name} {{value}} phải là một giá trị, hoặc mỗi sector một giá trị cách bằng ;",
    )
    _refuse_out_of_range(outside, values, column, log)
    _refuse_unknown_words(unknown, values, column, log)
    return np.array(parsed, dtype=object)


def _parse_dates(values: list[str | None], column: Column, log: IssueLog) -> npt.NDArray[np.object_]:
    log.refuse(
        [text is not None and not _is_date(text) for text in values],
        field=column.name,
        values=values,
        code="not_a_date",
        reason=f"{column.name} {{value}} is no date; write day, month and year like 01/07/2025, or 2025-07-01",
        reason_vi=f"{column.name} {{value}} không phải ngày; hãy viết ngày/tháng/năm như 01/07/2025, hoặc 2025-07-01",
    )
    return np.array(values, dtype=object)


def _is_date(text: str) -> bool:
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _in_range(number: float, column: Column) -> bool:
    return (
        np.isfinite(number)
        and (column.minimum is None or number >= column.minimum)
        and (column.above is None or number > column.above)
        and (column.maximum is None or number <= column.maximum)
    )


def _refuse_out_of_range(mask: npt.ArrayLike, values: list[str | None], column: Column, log: IssueLog) -> None:
    log.refuse(
        mask,
        field=column.name,
        values=values,
        code="out_of_range",
        reason=f"{column.name} must be within {column.range_text()}, got {{value}}",
        reason_vi=f"{column.name} phải nằm trong {column.range_text()}, giá trị {{value}}",
    )


def _refuse_unknown_words(mask: npt.ArrayLike, values: list[str | None], column: Column, log: IssueLog) -> None:
    known = ", ".join(column.choices)
    log.refuse(
        mask,
        field=column.name,
        values=values,
        code="unknown_technology" if column.name == "technology" else "unknown_value",
        reason=f"{column.name} {{value}} is unknown; the known are {known}",
        reason_vi=f"{column.name} {{value}} không biết; các giá trị là {known}",
    )


def _refuse_reversed_dates(values: pd.DataFrame, log: IssueLog) -> None:
    for start, end in _DATE_PAIRS:
        if start in values.columns and end in values.columns:
            pairs = list(zip(values[start], values[end], strict=True))
            log.refuse(
                [first is not None and last is not None and last <= first for first, last in pairs],
                field=end,
                values=list(values[end]),
                code="dates_reversed",
                reason=f"{end} {{value}} is not after {start}",
                reason_vi=f"{end} {{value}} không sau {start}",
            )


def _refuse_unequal_lists(values: pd.DataFrame, log: IssueLog) -> None:
    """One value holds for all sectors; otherwise as many as azimuths (one where there is none)."""
    lengths = {}
    for name in _SECTOR_LISTS:
        codes, texts = distinct(values[name].to_numpy(dtype=object))
        lengths[name] = np.array([0 if text is None else text.count(";") + 1 for text in texts])[codes]
    sectors = np.maximum(lengths["azimuths_deg"], 1)
    for name in _SECTOR_LISTS[1:]:
        log.refuse(
            (lengths[name] > 1) & (lengths[name] != sectors),
            field=name,
            values=list(values[name]),
            code="unequal_lists",
            reason=f"{name} {{value}} does not match azimuths_deg; give one value, or one per azimuth",
            reason_vi=f"{name} {{value}} không khớp azimuths_deg; ghi một, hoặc mỗi hướng một giá trị",
        )


def _refuse_unfit_observations(values: pd.DataFrame, log: IssueLog) -> None:
    words = {"broadband": ("yes", "no"), "power": ("yes", "no"), "signal": ("none", "weak", "good")}
    given = list(zip(values["indicator"], values["value"], strict=True))
    for indicator, known in words.items():
        log.refuse(
            [name == indicator and value is not None and value not in known for name, value in given],
            field="value",
            values=list(values["value"]),
            code="unknown_value",
            reason=f"value {{value}} is unknown for {indicator}; the known are {', '.join(known)}",
            reason_vi=f"value {{value}} không biết với {indicator}; các giá trị là {', '.join(known)}",
        )
    log.refuse(
        [
            name == "households_connected" and value is not None and (number is None or number < 0)
            for name, value in given
            for number in [parse_number(value or "")]
        ],
        field="value",
        values=list(values["value"]),
        code="not_a_number",
        reason="value {value} of households_connected must be a number of at least 0",
        reason_vi="value {value} của households_connected phải là số không âm",
    )
