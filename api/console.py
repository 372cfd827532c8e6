"""What the command line prints: answers on stdout, progress, warnings and errors on stderr.

Names from layers are data: rich's markup is off everywhere.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from phusong.api.errors import sentences_of
from phusong.maps.text import Language

WIDTH = 100
Heading = tuple[str, str]  # English, Vietnamese

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV (UTF-8 with BOM, for Excel) on stdout.")]
LanguageOption = Annotated[
    Language, typer.Option("--lang", envvar="PHUSONG_LANG", help="Language of what is printed: en or vi.")
]


def print_json(value: BaseModel | Mapping[str, Any]) -> None:
    """Print an answer as UTF-8 JSON on stdout; infinite and missing numbers do not occur."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    text = json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False)
    typer.echo(f"{text}\n".encode(), nl=False)


def print_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, sources: Sequence[str] = ()) -> None:
    """Print rows as CSV on stdout, UTF-8 with the byte-order mark that Excel needs; no cell can be run as a formula.

    Parameters
    ----------
    rows
        Plain values by column.
    columns
        Columns in order; printed even when there is no row.
    sources
        What must be said of the data's origin: a last column `sources`, filled in the first row.
    """
    from phusong.api.formats import render_csv

    typer.echo(render_csv(rows, columns, sources=sources), nl=False)


def print_table(
    headings: Sequence[Heading],
    rows: Sequence[Sequence[str]],
    *,
    language: Language,
    right: Sequence[int] = (),
    title: Heading = ("", ""),
) -> None:
    """Print a plain table that fits 100 columns on stdout.

    Parameters
    ----------
    headings
        English and Vietnamese heading of every column.
    rows
        Cells as text.
    language
        Language of headings and title.
    right
        Positions of the columns of numbers.
    title
        Line above the table.
    """
    table = Table(
        box=None, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold", title_justify="left"
    )  # fmt: skip
    for position, heading in enumerate(headings):
        justify, wrap = ("right", True) if position in right else ("left", False)
        table.add_column(pick(heading, language), justify=justify, no_wrap=wrap, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(_on_one_line(cell)) for cell in row))
    console = _stdout()
    if any(title):
        console.print(Text(pick(title, language), style="bold"))
    console.print(table)


def print_line(english: str, vietnamese: str, *, language: Language) -> None:
    """Print one line of an answer on stdout, wrapped at words."""
    _stdout().print(Text(pick((english, vietnamese), language)))


def pick(pair: Heading, language: Language) -> str:
    """The text of a pair (English, Vietnamese) in a language."""
    return pair[1] if language == "vi" else pair[0]


def log(english: str, vietnamese: str = "", *, style: str = "") -> None:
    """Write a line on stderr, and its Vietnamese below where there is one."""
    console = _stderr()
    for line in filter(None, (english, vietnamese)):
        console.print(Text(line, style=style), soft_wrap=True)


def log_warnings(warnings: Sequence[Mapping[str, str]]) -> None:
    """Write warnings on stderr, each in English and in Vietnamese."""
    for warning in warnings:
        log(f"warning: {warning['en']}", f"cảnh báo: {warning['vi']}", style="yellow")


def log_error(error: Exception) -> None:
    """Write what a user can do about an error on stderr: one sentence in English, one in Vietnamese."""
    english, vietnamese = sentences_of(error)
    log(f"error: {english}", f"lỗi: {vietnamese}", style="red")


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress on stderr; the block calls what it gets with the steps done and in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_stderr(), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def download_bar(what: str) -> Iterator[Callable[[float, float], None]]:
    """Show bytes, speed and the time left on stderr; the block calls what it gets with the bytes there and in all."""
    what_column = TextColumn("{task.description}")
    columns = (what_column, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_stderr(), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on stderr that something of unknown length goes on."""
    with _stderr().status(Text(what)):
        yield


def _on_one_line(cell: str) -> str:
    """A cell without line breaks and without the control characters that steer a terminal."""
    return " ".join("".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in cell).split())


def _stdout() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    # a pipe or a file has no width of its own: tables are made for 100 columns
    return console if console.is_terminal else Console(markup=False, highlight=False, emoji=False, width=WIDTH)


def _stderr() -> Console:
    return Console(stderr=True, markup=False, highlight=False, emoji=False)
