"""Damaged files: each is accepted with a report or refused with one sentence, and what is untouched in it stays."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .file_mutants import LONGEST_S, Maker, Mutant, bases, book_of, stations_of, text_of, try_mutant, whole_stations

BASE = bases()[0]
FILES = {
    "utf8.csv": text_of(BASE.rows),
    "utf16.csv": text_of(BASE.rows, "utf-16"),
    "tcvn3.csv": text_of(BASE.rows, "tcvn3"),
    "book.xlsx": book_of(BASE.rows),
}
MUTANTS = 60  # scripts/fuzz_imports tries 10,000


def test_damaged_files_are_accepted_or_refused_and_good_rows_are_kept(tmp_path: Path) -> None:
    maker = Maker(tmp_path, seed=5)
    whole = whole_stations(tmp_path, maker)
    outcomes = [try_mutant(tmp_path, maker.mutant(number), whole) for number in range(MUTANTS)]
    assert [(number, outcome.fault) for number, outcome in enumerate(outcomes) if outcome.fault] == []
    assert max(outcome.seconds for outcome in outcomes) < LONGEST_S
    assert sum(outcome.kept for outcome in outcomes) >= 0.3 * MUTANTS


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(FILES)))
    content = FILES[name]
    place = draw(st.integers(0, len(content) - 1))
    piece = draw(st.one_of(st.binary(max_size=40), st.sampled_from([b'"', b"\x00", b";", b"x" * 100_000, b"\xff\xfe"])))
    removed = draw(st.sampled_from([0, 1, 40, len(content)]))
    return name, content[:place] + piece + content[place + removed :]


def imported(folder: Path, name: str, content: bytes) -> dict[str, tuple[object, ...]]:
    return stations_of(folder, Mutant("drawn", BASE.name, Path(name).suffix, content, None, BASE.options))[0]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutants())
def test_a_damaged_file_is_accepted_with_a_report_or_refused_with_a_sentence(
    tmp_path: Path, mutant: tuple[str, bytes]
) -> None:
    imported(tmp_path, *mutant)


@pytest.mark.parametrize("name", ["utf8.csv", "tcvn3.csv"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(0, 29), piece=st.binary(min_size=1, max_size=30))
def test_the_rows_beside_a_damaged_one_are_accepted_unchanged(
    tmp_path: Path, name: str, row: int, piece: bytes
) -> None:
    lines = FILES[name].split(b"\n")
    lines[row + 2] = piece.replace(b"\n", b"").replace(b'"', b"")
    whole, left = imported(tmp_path, name, FILES[name]), imported(tmp_path, name, b"\n".join(lines))
    assert len(whole) == 60
    untouched = {f"QB{number:03}-{tech}" for number in range(30) if number != row for tech in ("3G", "4G")}
    assert {key: value for key, value in left.items() if key in untouched} == {key: whole[key] for key in untouched}


def test_a_cell_of_a_hundred_thousand_characters_fills_no_message(tmp_path: Path) -> None:
    rows = [list(row) for row in BASE.rows]
    rows[1][8], rows[2][7] = "x" * 100_000, "y" * 100_000
    mutant = Mutant("long", BASE.name, ".csv", text_of(rows), None, BASE.options)
    stations, sentence = stations_of(tmp_path, mutant)
    assert len(stations) == 58
    assert sentence == ""
