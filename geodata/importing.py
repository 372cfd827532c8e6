"""One file imported as one layer: every row accepted, or refused with its reason."""

import datetime
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as changed
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from phusong.geodata.antenna_files import known_antennas, read_antennas
from phusong.geodata.appending import add_rows, drop_repeats
from phusong.geodata.areas import assign_communes, current_communes
from phusong.geodata.cell_text import normalise_cells
from phusong.geodata.errors import InputError, RefusedRowsError
from phusong.geodata.headers import find_words
from phusong.geodata.joins import (
    DefaultRule,
    Join,
    Scalar,
    apply_defaults,
    apply_join,
    apply_values,
    choose_columns,
)
from phusong.geodata.matching import (
    apply_factors,
    complete_mapping,
    refuse_bare_formulas,
    refuse_errors,
    require_columns,
)
from phusong.geodata.observed_settlements import find_settlements, with_names
from phusong.geodata.placing import REPAIRS
from phusong.geodata.positions import place_rows
from phusong.geodata.readers import SIDECARS, read_table
from phusong.geodata.reports import ImportReport, IssueLog, Note, RowIssue, count_rows
from phusong.geodata.schemas import STORAGE_CRS, Layer, find_layer
from phusong.geodata.sources import Source, read_sources, record_source
from phusong.geodata.station_lists import assume_missing, assumed_defaults, name_masts, split_technologies
from phusong.geodata.validation import parse_columns, refuse_duplicates
from phusong.geodata.workspace import Workspace
from phusong.geodata.writing import writing

Value = TypeVar("Value")


def import_layer(
    workspace: Workspace,
    layer: str,
    path: Path | str,
    *,
    crs: str | None = None,
    sheet: str | None = None,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    values: Mapping[str, Mapping[str, str]] | None = None,
    defaults: Mapping[str, Scalar | Sequence[DefaultRule]] | None = None,
    joins: Sequence[Join] = (),
    replace: bool = False,
    append: bool = False,
    encoding: str | None = None,
    accept_repairs: Collection[str] = (),
    source: Source | None = None,
) -> ImportReport:
    """Import a file as a layer of the workspace.

    Parameters
    ----------
    workspace
        Receives the layer, the original file and the report; left as it was when anything is raised.
    layer
        Name of the layer.
    path
        The file.
    crs
        CRS of its coordinates, like `EPSG:9211`; None takes the file's, or EPSG:4326 where its own columns are lon and
        lat.
    sheet
        Sheet of a workbook or layer of a vector file; needed where the header does not tell which.
    mapping
        Our column (or lon, lat, x, y) to the file's; of several of the file's the first not empty counts. Columns
        that it does not name are found by the words of `data/headers.toml`.
    values
        Per column of ours, the file's words to ours; the word "" stands for an empty cell.
    defaults
        Per column of ours, what fills an empty cell: a constant, or rules by other columns.
    joins
        Attribute files to take columns from, before the mapping.
    replace
        Replace a layer imported before.
    append
        Add to a layer imported before; a row gives way to a new one of the same key.
    encoding
        Encoding of a text file, `tcvn3` and `vni` too; None finds it.
    accept_repairs
        Codes of refusal (of `placing.REPAIRS`) whose rows are repaired instead, and recorded.
    source
        Provider and licence of the data, kept with the layer; None for a user's own.

    Raises
    ------
    InputError
        The layer exists, the file or a column is missing, the CRS is absent, a repair is unknown, or the pattern file
        of an antenna cannot be accepted.
    RefusedRowsError
        No row is good, or the CRS is plainly wrong; the report says why row by row.
    UnknownNameError
        There is no layer of that name.
    BusyError
        Another process is writing the workspace.
    """
    described = _with_antennas(find_layer(layer), workspace.path)
    file = Path(path)
    validate_repairs(accept_repairs)
    if workspace.has_layer(layer) and not (replace or append):
        raise InputError(
            f"Layer {layer} exists in this workspace; use --replace to import it again, or --append to add to it.",
            vi=f"Lớp {layer} đã có trong vùng làm việc; dùng --replace để nhập lại, hoặc --append để thêm vào.",
        )
    with writing(workspace.path, "import"):
        report, accepted, wrong = _read_rows(
            workspace, described, file, crs=crs, sheet=sheet, mapping=mapping or {}, values=values or {},
            defaults=defaults or {}, joins=joins, append=append, encoding=encoding, repairs=accept_repairs,
        )  # fmt: skip
        _refuse_nothing_accepted(report, wrong)
        if layer == "stations":
            read_antennas(workspace.path, {name for text in accepted["antenna"].dropna() for name in text.split(";")})
        with archived(workspace, report, [file, *(join.path for join in joins)]):
            kept = source or (read_sources(workspace.path).get(layer) if append else None)
            record_source(workspace.path, layer, kept)
            workspace.write_layer(layer, accepted)
    return report


def _read_rows(
    workspace: Workspace, described: Layer, file: Path, *, crs: str | None, sheet: str | None,
    mapping: Mapping[str, str | Sequence[str]], values: Mapping[str, Mapping[str, str]],
    defaults: Mapping[str, Scalar | Sequence[DefaultRule]], joins: Sequence[Join], append: bool, encoding: str | None,
    repairs: Collection[str],
) -> tuple[ImportReport, pd.DataFrame, InputError | None]:  # fmt: skip
    """Read, check and place the rows of a file; the report, what is to be stored, and whether the CRS is wrong.

    What it needs on the way is large, and gone when the rows are written.
    """
    words, theirs = find_words(with_names(described)), with_names(described)
    mapped = [name for names in mapping.values() for name in ([names] if isinstance(names, str) else names)]
    table = read_table(file, sheet=sheet, layer=sheet, encoding=encoding, words=words, mapped=mapped)
    log = IssueLog(table.row_numbers, table.sheets)
    frame, notes = _join_all(table.frame, joins, file.name, log)
    columns, found = complete_mapping(changed(table, frame=frame), mapping, theirs, crs=crs)
    frame, chosen = choose_columns(frame, theirs, columns, file=file.name)
    refuse_bare_formulas(table, columns, frame, log)
    refuse_errors(table, columns, frame, log)
    counts = apply_values(frame, _of_layer(values, described))
    listed = described.name == "stations" and "station_id" not in table.frame.columns  # a list not made for us
    if listed:
        filled, said = name_masts(frame, table)
        frame, origin, split = split_technologies(frame, words)
        table, log = table.take(origin), log.take(origin)
        found += [*said, *split]
        _add(counts, filled)
    found += normalise_cells(frame, described, words, log)
    found += apply_factors(frame, table.factors, mapping)
    _add(counts, apply_defaults(frame, _of_layer(defaults, described)))
    if listed:
        filled, said = assume_missing(frame)
        found += said
        _add(counts, filled)
    if described.name == "observations":
        found += find_settlements(workspace, frame, log)
    require_columns(frame, described, words, table=table, mapping=columns, file=file.name,
                    assumed=assumed_defaults() if listed else ())  # fmt: skip
    parsed, filled = parse_columns(frame, described, log)
    _add(counts, filled)
    refuse_duplicates(parsed, described, log)
    own_lonlat = {"lon", "lat"} <= set(frame.columns) & set(table.frame.columns) - set(mapping)
    placed, place_notes = place_rows(
        workspace, described, table=table, frame=frame, values=parsed, crs=crs, own_lonlat=own_lonlat,
        repairs=repairs, log=log, file=file.name,
    )  # fmt: skip
    geometry = placed.points if described.geometry is not None else None
    derived, relations = _relate(workspace, described, parsed, geometry, log)
    accepted, repeats = drop_repeats(_accepted(parsed, geometry, described, log, file.name), described)
    if repeats:
        en, vi = "rows repeat another one and were left out", "dòng lặp lại dòng khác nên được bỏ qua"
        relations.append(Note(f"{repeats} {en}", f"{repeats} {vi}"))
    stored = accepted
    if append and workspace.has_layer(described.name):
        stored, gone = add_rows(workspace.read_layer(described.name), accepted, described)
        replaced, replaced_vi = (" and replaced", ", đã thay thế") if described.key else ("", "")
        relations.append(
            Note(
                f"added to the layer; {gone} rows were there already{replaced}",
                f"đã thêm vào lớp; {gone} dòng đã có từ trước{replaced_vi}",
            )
        )
    issues = _causes((*table.issues, *log.issues))
    report = ImportReport(
        described.name, file.name, 0 if placed.wrong else len(accepted), count_rows(issues),
        repaired=count_rows(log.repairs), rows=issues, repairs=log.repairs,
        defaults=counts, derived=derived, notes=(*table.notes, *notes, *found, *chosen, *place_notes, *relations),
        columns=_taken_from(columns, list(frame.columns), set(table.frame.columns)),
    )  # fmt: skip
    return report, stored, placed.wrong


def _causes(issues: Iterable[RowIssue]) -> tuple[RowIssue, ...]:
    """Issues by row, each once; a value is not called missing where another issue says why it is."""
    said = {
        (issue.sheet, issue.row, field) for issue in issues if issue.code != "missing_value"
        for field in issue.field.split(", ")
    }  # fmt: skip
    kept = [one for one in issues if one.code != "missing_value" or (one.sheet, one.row, one.field) not in said]
    return tuple(sorted(dict.fromkeys(kept), key=lambda issue: issue.row))


@contextmanager
def archived(workspace: Workspace, report: ImportReport, files: Sequence[Path]) -> Iterator[None]:
    """Keep the original files and the report under `imports/` if the block succeeds; nothing otherwise."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    workspace.imports_dir.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".import-", dir=workspace.imports_dir))
    try:
        for file in dict.fromkeys(files):
            for part in (file, *(file.with_suffix(suffix) for suffix in SIDECARS)):
                if part.is_file():
                    target = aside / part.name
                    shutil.copyfile(part, target.with_name(f"joined-{part.name}") if target.exists() else target)
        text = json.dumps(report.to_dict(), ensure_ascii=False, indent=1)
        (aside / "report.json").write_text(text, encoding="utf-8")
        aside.chmod(0o755)
        yield
        os.rename(aside, workspace.imports_dir / f"{now}-{report.layer}")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _with_antennas(layer: Layer, workspace_path: Path) -> Layer:
    """The layer as a workspace takes it: a station may name any antenna of which there is a pattern."""
    known = known_antennas(workspace_path) if layer.name == "stations" else ()
    columns = (changed(column, choices=known) if column.name == "antenna" else column for column in layer.columns)
    return changed(layer, columns=tuple(columns))


def _join_all(frame: pd.DataFrame, joins: Sequence[Join], file: str, log: IssueLog) -> tuple[pd.DataFrame, list[Note]]:
    notes: list[Note] = []
    for join in joins:
        frame, note = apply_join(frame, join, file=file, log=log)
        notes.extend([note] if note else [])
    return frame, notes


def _taken_from(
    mapping: Mapping[str, str | Sequence[str]], ours: Sequence[str], theirs: Collection[str]
) -> dict[str, list[str]]:
    """The columns of the file that each of ours was taken from; none for one that was derived or assumed."""
    names = {name: mapping.get(name, name if name in theirs else ()) for name in ours}
    return {name: [given] if isinstance(given, str) else list(given) for name, given in names.items() if given}


def _of_layer(given: Mapping[str, Value], layer: Layer) -> Mapping[str, Value]:
    known = ", ".join(layer.column_names)
    for name in given:
        if name not in layer.column_names:
            raise InputError(
                f"Layer {layer.name} has no column {name!r}; its columns are {known}.",
                vi=f"Lớp {layer.name} không có cột {name!r}; các cột là {known}.",
            )
    return given


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


def validate_repairs(codes: Collection[str]) -> None:
    """Raise InputError for a code of refusal that cannot be repaired."""
    for code in codes:
        if code not in REPAIRS:
            known = ", ".join(REPAIRS)
            raise InputError(
                f"{code!r} cannot be repaired; what can is {known}.",
                vi=f"{code!r} không tự sửa được; các lỗi sửa được là {known}.",
            )


def _relate(
    workspace: Workspace, layer: Layer, values: pd.DataFrame, geometry: npt.NDArray[np.object_] | None, log: IssueLog
) -> tuple[dict[str, int], list[Note]]:
    """Check codes that point to other layers; count the communes found for settlements, note what lies elsewhere."""
    if layer.name == "observations" and workspace.has_layer("settlements"):
        known = set(workspace.read_layer("settlements")["settlement_id"])
        _refuse_unknown(values, "settlement_id", known, code="unknown_settlement", other="settlements", log=log)
    communes = current_communes(workspace) if layer.name in ("settlements", "stations") else None
    if communes is None or geometry is None:
        return {}, []
    found = assign_communes(geometry, communes)
    nowhere = np.array([code is None for code in found], dtype=bool)
    if layer.name == "stations":
        count = int((nowhere & ~log.refused).sum())
        note = Note(
            f"{count} stations stand outside every commune; they serve too",
            f"{count} trạm nằm ngoài mọi xã; vẫn được tính phủ sóng",
        )
        return {}, [note] if count else []
    empty = values["commune_code"].isna().to_numpy()
    values["commune_code"] = np.where(empty, found, values["commune_code"].to_numpy(dtype=object))
    known = set(workspace.read_layer("communes")["code"])
    _refuse_unknown(values, "commune_code", known, code="unknown_commune", other="communes", log=log)
    derived = int((empty & ~nowhere & ~log.refused).sum())
    other = int(((values["commune_code"].to_numpy(dtype=object) != found) & ~nowhere & ~log.refused).sum())
    note = Note(
        f"{other} settlements lie in another commune than the one they state",
        f"{other} điểm dân cư nằm ở xã khác với xã được ghi",
    )
    return {"commune_code": derived} if derived else {}, [note] if other else []


def _refuse_unknown(
    values: pd.DataFrame, column: str, known: set[str], *, code: str, other: str, log: IssueLog
) -> None:
    log.refuse(
        [text is not None and text not in known for text in values[column]],
        field=column,
        values=list(values[column]),
        code=code,
        reason=f"{column} {{value}} is not in layer {other}; correct it, or import {other} first",
        reason_vi=f"{column} {{value}} không có trong lớp {other}; hãy sửa, hoặc nhập {other} trước",
    )


def _accepted(
    values: pd.DataFrame, geometry: npt.NDArray[np.object_] | None, layer: Layer, log: IssueLog, file: str
) -> pd.DataFrame:
    good = ~log.refused
    rows = values[good].copy()
    rows["source"] = rows["source"].fillna(file) if "source" in layer.column_names else file
    rows["source_row"] = log.row_numbers[good]
    rows = rows.reset_index(drop=True)
    if geometry is None:
        return rows
    placed: pd.DataFrame = gpd.GeoDataFrame(rows, geometry=list(geometry[good]), crs=STORAGE_CRS)
    return placed


def _refuse_nothing_accepted(report: ImportReport, wrong: InputError | None) -> None:
    if wrong is not None:
        raise RefusedRowsError(str(wrong), vi=wrong.vi, reports=[report.to_dict()])
    if report.accepted:
        return
    first = report.rows[0]
    raise RefusedRowsError(
        f"{report.file}: no row can be accepted; the first is row {first.row}: {first.reason}.",
        vi=f"{report.file}: không nhận được dòng nào; dòng đầu tiên là {first.row}: {first.reason_vi}.",
        reports=[report.to_dict()],
    )
