"""Lists of settlements as offices write them: names and communes, seldom an id, never a position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phusong.geodata.cell_text import find_word
from phusong.geodata.errors import InputError
from phusong.geodata.headers import find_words
from phusong.geodata.names import split_prefix
from phusong.geodata.readers import Table, read_table
from phusong.geodata.schemas import Column, Layer
from phusong.geodata.tables import is_total

VILLAGE_LIST = Layer(
    "village_list",
    (
        Column("settlement_id"),
        Column("name", required=True),
        Column("commune"),
        Column("value", choices=("none", "weak", "good")),
    ),
    key=(),
    geometry=None,
)
_UNIT_KINDS = ("xã", "phường", "thị trấn", "đặc khu")


@dataclass(frozen=True)
class Village:
    """A row of a list: its number in the file (and sheet), what it says, None where it is silent."""

    row: int
    name: str
    commune: str | None = None
    settlement_id: str | None = None
    value: str | None = None
    sheet: str | None = None


def read_village_list(
    path: Path | str, *, sheet: str | None = None, mapping: Mapping[str, str] | None = None
) -> list[Village]:
    """Read a list of settlements from a spreadsheet, text file or table of a vector file.

    A row whose name is a commune's ("Xã Kim Phú") and that stands before others without a commune of their own is a
    heading: it gives those their commune and is no settlement.

    Parameters
    ----------
    path
        The file.
    sheet
        Sheet of a workbook.
    mapping
        Our column (settlement_id, name, commune, value) to the file's; others are found by `data/headers.toml`.

    Raises
    ------
    InputError
        The file cannot be read, has no column of names, or holds a value that is none of the known words.
    """
    words = find_words(VILLAGE_LIST)
    given = dict(mapping or {})
    table = read_table(path, sheet=sheet, words=words, mapped=list(given.values()))
    columns = {**table.matched, **given}
    file = Path(path).name
    _require(columns, table, file)
    cells = {name: table.frame[columns[name]].to_list() for name in VILLAGE_LIST.column_names if name in columns}
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    villages: list[Village] = []
    heading: str | None = None
    for number, row in enumerate(rows):
        name, commune = row.get("name"), row.get("commune")
        if name is None or is_total(table.frame.iloc[number].to_list(), words):
            continue
        if commune is None and split_prefix(name)[0] in _UNIT_KINDS:
            heading = name
            continue
        place = int(table.row_numbers[number])
        value = _value(row.get("value"), words.values.get("value", {}), file, place)
        sheet_name = None if table.sheets is None else str(table.sheets[number])
        villages.append(Village(place, name, commune or heading, row.get("settlement_id"), value, sheet_name))
    return villages


def _require(columns: Mapping[str, str], table: Table, file: str) -> None:
    present = ", ".join(str(name) for name in table.frame.columns)
    for ours, theirs in columns.items():
        if ours not in VILLAGE_LIST.column_names or theirs not in table.frame.columns:
            raise InputError(
                f"{file}: {ours}={theirs} fits no column; ours are {', '.join(VILLAGE_LIST.column_names)}, the file "
                f"has {present}.",
                vi=f"{file}: {ours}={theirs} không đúng cột nào; tệp có các cột {present}.",
            )
    if "name" not in columns:
        raise InputError(
            f"{file} has no column for the name of the settlement; its columns are {present}; give --map name=THEIRS.",
            vi=f"{file} thiếu cột tên thôn, bản; các cột là {present}; hãy nêu bằng --map name=TÊN_CỘT.",
        )


def _value(text: str | None, words: Mapping[str, Sequence[str]], file: str, row: int) -> str | None:
    if text is None:
        return None
    known = VILLAGE_LIST.column("value").choices
    value = find_word(text, words)
    if value not in known:
        raise InputError(
            f"{file}, row {row}: the value {text!r} is unknown; the known are {', '.join(known)}.",
            vi=f"{file}, dòng {row}: không biết giá trị {text!r}; các giá trị là {', '.join(known)}.",
        )
    return value
