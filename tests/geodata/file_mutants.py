"""Damaged files made from good ones by a seed, and what an import must make of each.

Half of them are damaged on purpose in known rows (garbage in cells, rows and columns put in, columns reordered, other
encodings and names, a cut): every other row must be accepted as in the good file. The rest are damaged anywhere in
their bytes, inside archives too: these may be accepted or refused, but by a report or a sentence.
"""

import csv
import io
import json
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import geopandas as gpd
import openpyxl
from shapely import Point

from phusong.geodata.encodings import encode_legacy
from phusong.geodata.errors import PhusongError
from phusong.geodata.importing import import_layer
from phusong.geodata.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "quang_binh"
LONGEST_S = 60.0
HEADER = [
    "STT", "Mã trạm", "Doanh nghiệp", "Xã", "Kinh độ", "Vĩ độ", "Chiều cao cột (m)", "Công nghệ", "Ngày phát sóng",
]  # fmt: skip
ROWS = [
    [str(n), f"QB{n:03}", "Viettel", "Xã Lệ Thủy", f"106,5{n:03}", "17,5123", "27,5", "3G/4G", "23/04/2014"]
    for n in range(30)
]
GARBAGE = [
    "x" * 100_000, "\x00", "#REF!", "=cmd|' /C calc'!A0", "1e999", "NaN", "-", '"', "a\nb\r\nc", "ÿþ§ång", "😀" * 50,
    "{{ 7*7 }}", "<script>", "../../etc/passwd", "999999999999999999999", "0x1F", "’", "\ufeff", "7G", "31/02/2014",
]  # fmt: skip
READABLE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1258", "tcvn3", "vni")
UNREADABLE = ("cp437", "latin-1", "shift_jis", "utf-32", "ascii", "utf-7")


@dataclass(frozen=True)
class Base:
    """A good table: its rows, where its data begin, and how it is imported."""

    name: str
    rows: list[list[Any]]
    first: int
    id_column: int
    options: dict[str, Any] = field(default_factory=lambda: {"crs": "EPSG:4326"})

    @property
    def data(self) -> range:
        return range(self.first, len(self.rows) - (1 if "cộng" in str(self.rows[-1]) else 0))


@dataclass(frozen=True)
class Mutant:
    """A damaged file; `touched` are the ids of the rows that may be lost, None where any row may be."""

    how: str
    base: str
    suffix: str
    content: bytes
    touched: frozenset[str] | None
    options: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What an import made of a mutant: `fault` is "" where all is right, `kept` says that its good rows were kept."""

    result: str
    kept: bool
    fault: str
    seconds: float


def bases() -> list[Base]:
    """The good tables: one made here, and the test data's where they are."""
    made = [["DANH SÁCH TRẠM BTS"], HEADER, *ROWS, ["Tổng cộng: 30 trạm"]]
    found = [Base("made", made, 2, 1)]
    if DATA.exists():
        with (DATA / "bts_synthetic.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row, _ in zip(csv.reader(file), range(60), strict=False)]
        options = {
            "mapping": {"on_air_from": "on_air_date"}, "values": {"status": {"on_air": "live", "maintenance": "live"}},
            "defaults": {"bandwidth_mhz": 10, "status": "live"}, "crs": "EPSG:4326",
        }  # fmt: skip
        found.append(Base("bts_synthetic.csv", rows, 1, 1, options))
        book = openpyxl.load_workbook(DATA / "bts_synthetic_vn2000.xlsx")
        sheet = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        found.append(Base("bts_synthetic_vn2000.xlsx", sheet[:70], 5, 1, {"crs": "EPSG:9211"}))
    return found


def other_files(folder: Path) -> list[tuple[str, bytes]]:
    """Good files of the other kinds, to be damaged in their bytes."""
    points = gpd.GeoDataFrame(
        {"place_id": ["a", "b"], "kind": ["x", "y"], "name": ["Lệ Thủy", "Đồng Hới"]},
        geometry=[Point(106.5, 17.5), Point(106.6, 17.4)], crs="EPSG:4326",
    )  # fmt: skip
    for suffix, driver in {"gpkg": "GPKG", "geojson": "GeoJSON", "fgb": "FlatGeobuf", "shp": "ESRI Shapefile"}.items():
        points.to_file(folder / f"p.{suffix}", driver=driver)
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>A</name></Placemark></Document></kml>'
    (folder / "p.kml").write_text(kml, encoding="utf-8")
    return [(path.suffix, path.read_bytes()) for path in sorted(folder.glob("p.*")) if path.suffix in OTHER]


OTHER = (".gpkg", ".geojson", ".fgb", ".shp", ".dbf", ".kml")


def text_of(rows: list[list[Any]], encoding: str = "utf-8", delimiter: str = ";") -> bytes:
    """Rows as CSV in an encoding, the legacy ones too."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    width = max(map(len, rows))
    writer.writerows([["" if cell is None else cell for cell in [*row, *[None] * (width - len(row))]] for row in rows])
    text = stream.getvalue()
    if encoding in ("tcvn3", "vni"):
        return encode_legacy(text, encoding).encode("latin-1", errors="replace")
    if encoding == "cp1258":
        text = "".join(map(_letter_and_tone, text))
    return text.encode(encoding, errors="replace")


def _letter_and_tone(letter: str) -> str:
    """A letter with its tone behind it, as Windows-1258 writes it."""
    marks = unicodedata.normalize("NFD", letter)
    tones = "".join(mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323")
    return unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones)) + tones


def book_of(rows: list[list[Any]]) -> bytes:
    """Rows as a workbook, what it cannot hold as spaces."""
    book, content = openpyxl.Workbook(write_only=True), io.BytesIO()
    page = book.create_sheet("Trạm")
    for row in rows:
        page.append([openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub(" ", c) if isinstance(c, str) else c for c in row])
    book.save(content)
    return content.getvalue()


class Maker:
    """Makes mutants by number: the same seed and number, the same file."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed, self.bases, self.others = seed, bases(), other_files(folder)
        self.books = {base.name: book_of(base.rows) for base in self.bases}

    def mutant(self, number: int) -> Mutant:
        """The mutant of that number."""
        rng = Random(self.seed * 1_000_003 + number)
        base = rng.choice(self.bases)
        if rng.random() < 0.5:
            how = rng.choice([_cells, _rows, _reordered, _encoding, _named_otherwise, _wide, _cut])
            suffix, content, touched = how(base, rng)
            return Mutant(how.__name__.strip("_"), base.name, suffix, content, touched, base.options)
        return self._broken(base, rng)

    def _broken(self, base: Base, rng: Random) -> Mutant:
        suffix, content = rng.choice([
            (".csv", text_of(base.rows)), (".csv", text_of(base.rows, "utf-16")), (".xlsx", self.books[base.name]),
            (".xlsx", self.books[base.name]), (".csv", text_of(_swapped(base, rng))),
            (".csv", text_of(base.rows, rng.choice(UNREADABLE))), *self.others[: 2 * rng.randint(0, 1) * 9],
        ])  # fmt: skip
        how = rng.choice(BYTES if content[:2] != b"PK" else (*BYTES, _inner, _inner, _bomb))
        content = how(content, rng)
        return Mutant(how.__name__.strip("_"), base.name, suffix, content, None, base.options)


def try_mutant(folder: Path, mutant: Mutant, whole: dict[str, dict[str, tuple[Any, ...]]]) -> Outcome:
    """Import a mutant into a workspace of its own, and compare with the stations of the good table.

    Parameters
    ----------
    folder
        Takes file and workspace.
    mutant
        The file.
    whole
        Stations of every good table, by `stations_of`.
    """
    start = time.perf_counter()
    try:
        stations, sentence = stations_of(folder, mutant)
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        return Outcome("failed", False, f"{type(error).__name__}: {error}"[:300], time.perf_counter() - start)
    seconds = time.perf_counter() - start
    result = "refused" if sentence else "accepted"
    if mutant.touched is None:
        return Outcome(result, False, "", seconds)
    wanted = {
        key: row for key, row in whole[mutant.base].items() if not any(key.startswith(one) for one in mutant.touched)
    }
    lost = [key for key, row in wanted.items() if stations.get(key) != row]
    fault = f"{len(lost)} of {len(wanted)} good rows lost or changed, {lost[0]}; {sentence}" if lost else ""
    return Outcome(result, bool(wanted) and not lost, fault, seconds)


def stations_of(folder: Path, mutant: Mutant) -> tuple[dict[str, tuple[Any, ...]], str]:
    """The stations stored of a mutant by id, and the sentence of its refusal; raises where it is no good sentence."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        workspace = Workspace.create(Path(name) / "workspace", crs="EPSG:32648")
        file = Path(name) / f"stations{mutant.suffix}"
        file.write_bytes(mutant.content)
        layer = "places" if mutant.suffix in OTHER else "stations"
        options = {"crs": "EPSG:4326"} if layer == "places" else mutant.options
        try:
            report = import_layer(workspace, layer, file, **options)
        except PhusongError as error:
            if "\n" in str(error) or not error.vi or len(str(error)) > 2000:
                raise ValueError(f"no sentence: {str(error)[:300]!r}") from error
            return {}, str(error)
        json.dumps(report.to_dict(), allow_nan=False)
        stored = workspace.read_layer(layer)
        if len(stored) != report.accepted or not report.accepted:
            raise ValueError(f"{report.accepted} reported, {len(stored)} stored")
        if layer == "places":
            return {}, ""
        wanted = stored[["technology", "height_agl_m", "on_air_from"]]
        places = zip(stored.geometry.x.round(6), stored.geometry.y.round(6), strict=True)
        rows = zip(places, *(wanted[name] for name in wanted), strict=True)
        return dict(zip(stored["station_id"], rows, strict=True)), ""


def whole_stations(folder: Path, maker: Maker) -> dict[str, dict[str, tuple[Any, ...]]]:
    """The stations of every good table, as its workbook gives them."""
    return {
        base.name: stations_of(folder, Mutant("whole", base.name, ".xlsx", book_of(base.rows), None, base.options))[0]
        for base in maker.bases
    }


def _ids(base: Base, rows: list[int]) -> frozenset[str]:
    return frozenset(str(base.rows[row][base.id_column]) for row in rows)


def _written(rows: list[list[Any]], rng: Random) -> tuple[str, bytes]:
    if any(not isinstance(cell, str | None) for row in rows for cell in row) or rng.random() < 0.4:
        return ".xlsx", book_of(rows)
    return ".csv", text_of(rows, "utf-8", rng.choice(";\t|" if "made" else ","))


def _cells(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """Garbage in some cells."""
    rows = [list(row) for row in base.rows]
    bad = rng.sample(list(base.data), rng.randint(1, 4))
    for row in bad:
        rows[row][rng.randrange(len(rows[row]))] = rng.choice(GARBAGE)
    return *_written(rows, rng), _ids(base, bad)


def _rows(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """Rows put in between: blank, garbage, or a row again."""
    rows = [list(row) for row in base.rows]
    for place in sorted(rng.sample(list(base.data)[1:], 3), reverse=True):
        again = list(base.rows[base.first])
        rows.insert(place, rng.choice([[], ["?"], [rng.choice(GARBAGE)] * 3, again]))
    return *_written(rows, rng), frozenset()


def _reordered(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """The columns in another order, with their headers."""
    if "xlsx" in base.name:  # two header rows with merged cells: reordering changes what stands over what
        return _rows(base, rng)
    width = max(map(len, base.rows))
    order = rng.sample(range(width), width)
    rows = [
        [(row[place] if place < len(row) else None) for place in order] if len(row) > 1 else row for row in base.rows
    ]
    return *_written(rows, rng), frozenset()


def _encoding(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """Another encoding, one that is known here."""
    if "xlsx" in base.name:
        return _rows(base, rng)
    return ".csv", text_of(base.rows, rng.choice(READABLE)), frozenset()


def _named_otherwise(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """A name that does not say the kind."""
    suffix, content = _written(base.rows, rng)
    names = {".csv": (".txt", ".tsv", ".xls", ".csv"), ".xlsx": (".csv", ".xls", ".ods", ".xlsm")}
    return rng.choice(names[suffix]), content, frozenset()


def _wide(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """Columns of garbage behind the others."""
    width, more = max(map(len, base.rows)), rng.randint(1, 150)
    extra = [rng.choice([str(rng.random()), "x", ""]) for _ in range(more)]
    rows = [[*row, *[None] * (width - len(row))] if len(row) > 1 else row for row in base.rows[: base.first]]
    rows += [[*row, *[None] * (width - len(row)), *extra] for row in base.rows[base.first :]]
    rows[base.first - 1][width:] = [f"Cột {number}" for number in range(more)]
    return *_written(rows, rng), frozenset()


def _cut(base: Base, rng: Random) -> tuple[str, bytes, frozenset[str]]:
    """A text file that ends too early."""
    if "xlsx" in base.name:
        return _rows(base, rng)
    content = text_of(base.rows)
    end = rng.randrange(len(text_of(base.rows[: base.first + 2])), len(content))
    while content[:end].count(b'"') % 2:
        end -= 1  # not within quotes: such a file is refused whole
    lines = content[:end].decode("utf-8", errors="ignore").count("\n")
    return ".csv", content[:end], _ids(base, [row for row in base.data if row >= lines])


def _swapped(base: Base, rng: Random) -> list[list[Any]]:
    """The cells of two columns exchanged under their headers."""
    one, other = rng.sample(range(len(base.rows[base.first])), 2)
    rows = [list(row) for row in base.rows]
    for row in base.data:
        rows[row][one], rows[row][other] = rows[row][other], rows[row][one]
    return rows


def _truncated(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(1, len(content))]


def _overwritten(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 30, 300])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _inserted(content: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(content))
    piece = rng.choice([rng.randbytes(40), b'"', b"\x00" * 9, b";;;;", b"x" * 100_000, b"\xff\xfe", b"\r", b"\n" * 50])
    return content[:place] + piece + content[place + rng.choice([0, 1, 40]) :]


def _shuffled(content: bytes, rng: Random) -> bytes:
    one, other = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[:one] + content[other:] + content[one:other]


def _random(content: bytes, rng: Random) -> bytes:
    return content[: rng.choice([0, 4, 16, 100])] + rng.randbytes(rng.choice([1, 100, 5000]))


def _as_it_is(content: bytes, rng: Random) -> bytes:
    return content


BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _truncated, _overwritten, _inserted, _shuffled, _random, _as_it_is,
)  # fmt: skip


def _inner(content: bytes, rng: Random) -> bytes:
    """An archive with one of its members damaged, in order otherwise."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([name for name in members if members[name]])
    members[name] = rng.choice((_truncated, _overwritten, _inserted, _shuffled))(members[name], rng)
    return _archive(members)


def _bomb(content: bytes, rng: Random) -> bytes:
    """An archive that would be large once unpacked, or holds very many members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice([*members, "xl/more.xml"])
    if rng.random() < 0.2:
        return _archive(members | {f"xl/{number}.xml": b"" for number in range(10_100)})
    return _archive(members | {name: members.get(name, b"")[:-20] + b" " * rng.choice([12 << 20, 60 << 20])})


def _archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()
