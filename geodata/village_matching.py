"""A list of settlements without positions matched to the known ones, each row with a score and a reason.

Nothing is guessed: a row counts as matched only where one settlement stands out; every other goes to a review. Names
with different numbers ("Thôn 1", "Thôn 11") are never alike.
"""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from phusong.geodata.crosswalks import national_crosswalk
from phusong.geodata.names import name_key, search_key, split_prefix
from phusong.geodata.village_lists import Village
from phusong.geodata.workspace import Workspace

Status = Literal["matched", "review", "unmatched"]
MATCHED, LIKELY, CLEAR = 0.9, 0.55, 0.05
"""Scores from which a row is matched, from which a candidate is shown, and by how much the best must lead."""
OTHER_COMMUNE, NO_COMMUNE, UNKNOWN_COMMUNE = 0.7, 0.95, 0.8
OTHER_KIND, OTHER_TONES, BARE, OTHER_VOWEL = 0.85, 0.8, 0.95, 0.95
SHOWN = 3
_NEAR = 20
_KINDS = ("tổ dân phố", "khối phố", "khu phố", "tiểu khu", "thôn", "bản", "ấp", "buôn", "làng", "xóm", "khối", "khóm")
_BRACKETS = re.compile(r"\(.*?\)")
_ROMAN = {
    "i": "1",
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
    "x": "10",
}


@dataclass(frozen=True)
class Candidate:
    """A known settlement that a row may mean: score from 0 to 1, and why."""

    settlement_id: str
    name: str
    commune: str
    score: float
    reason: str
    reason_vi: str


@dataclass(frozen=True)
class VillageMatch:
    """A row of a list with its candidates, the best first, and why it is matched or is not."""

    village: Village
    status: Status
    candidates: tuple[Candidate, ...]
    reason: str
    reason_vi: str

    @property
    def settlement_id(self) -> str | None:
        """The settlement where the row is matched."""
        return self.candidates[0].settlement_id if self.status == "matched" else None


@dataclass(frozen=True)
class _Entry:
    """A name by which a settlement is known: its own or an alias."""

    settlement_id: str
    name: str
    own_name: str
    commune_code: str
    commune: str
    kind: str | None
    key: str
    bare: str
    alias: str = ""
    only_in: str = ""  # an alias that holds for a list's commune of that key alone


@dataclass(frozen=True)
class KnownSettlements:
    """The settlements of a workspace by name, alias and commune."""

    entries: Sequence[_Entry]
    communes: Mapping[str, frozenset[str]] = field(repr=False)
    by_key: Mapping[str, Sequence[_Entry]] = field(repr=False)
    by_trigram: Mapping[str, Sequence[int]] = field(repr=False)
    by_id: Mapping[str, _Entry] = field(repr=False)


def read_known(workspace: Workspace) -> KnownSettlements:
    """Read the settlements, their aliases, and the names and codes that each commune has or had.

    Raises
    ------
    MissingLayerError
        No settlements have been imported.
    """
    settlements = workspace.read_layer("settlements")
    aliases = workspace.read_layer("aliases") if workspace.has_layer("aliases") else None
    communes = workspace.read_layer("communes") if workspace.has_layer("communes") else None
    crosswalk = workspace.read_layer("crosswalk") if workspace.has_layer("crosswalk") else None
    entries, names = [], {}
    if communes is not None:
        names = dict(zip(communes["code"], communes["name"], strict=True))
        current = communes[communes["valid_to"].isna()]
        names |= dict(zip(current["code"], current["name"], strict=True))
    for row in settlements[["settlement_id", "name", "commune_code"]].itertuples(index=False):
        code = row.commune_code or ""
        entries.append(_entry(row.settlement_id, row.name, row.name, code, names.get(code, code)))
    own = {entry.settlement_id: entry for entry in entries}
    if aliases is not None:
        for row in aliases.itertuples(index=False):
            of = own.get(row.settlement_id)
            if of is not None:
                only_in = _commune_key(row.commune) if row.commune else ""
                entries.append(
                    _entry(of.settlement_id, row.name, of.name, of.commune_code, of.commune, row.kind, only_in)
                )
    by_key, by_trigram = defaultdict(list), defaultdict(list)
    for number, entry in enumerate(entries):
        by_key[entry.key].append(entry)
        for part in _trigrams(entry.bare):
            by_trigram[part].append(number)
    return KnownSettlements(entries, _commune_codes(communes, crosswalk), by_key, by_trigram, own)


def match_villages(villages: Iterable[Village], known: KnownSettlements) -> list[VillageMatch]:
    """Match every row of a list to the settlements of a workspace.

    A row is matched where its best candidate has a score of at least `MATCHED`, leads the next one by `CLEAR`, and no
    other row has it too (a settlement into which others were merged may have several).

    Parameters
    ----------
    villages
        The rows.
    known
        The settlements.
    """
    found = [match_village(village, known) for village in villages]
    rows_of = defaultdict(list)
    for match in found:
        if match.settlement_id is not None and "merged" not in match.candidates[0].reason:
            rows_of[match.settlement_id].append(match.village.row)
    return [_unless_shared(match, rows_of[match.settlement_id or ""]) for match in found]


def _unless_shared(match: VillageMatch, rows: Sequence[int]) -> VillageMatch:
    others = [str(row) for row in rows if row != match.village.row]
    if match.status != "matched" or match.village.row not in rows or not others:
        return match
    listed = ", ".join(others)
    return VillageMatch(
        match.village, "review", match.candidates, f"row {listed} fits the same settlement",
        f"dòng {listed} cũng khớp điểm dân cư này",
    )  # fmt: skip


def match_village(village: Village, known: KnownSettlements) -> VillageMatch:
    """Match one row by itself: others may name the same settlement."""
    if village.settlement_id is not None and village.settlement_id in known.by_id:
        return _by_id(village, known.by_id[village.settlement_id])
    codes = known.communes.get(_commune_key(village.commune)) if village.commune else None
    best: dict[str, Candidate] = {}
    for entry in _possible(village, codes, known):
        candidate = _rate(village, entry, codes)
        if candidate.score >= LIKELY and candidate.score > getattr(best.get(entry.settlement_id), "score", 0.0):
            best[entry.settlement_id] = candidate
    ranked = tuple(sorted(best.values(), key=lambda one: (-one.score, one.settlement_id)))
    if not ranked:
        return VillageMatch(village, "unmatched", (), "no known settlement has a like name", "không có tên gần giống")
    first = ranked[0]
    rivals = [one for one in ranked[1:] if one.score > first.score - CLEAR]
    if rivals:
        count = len(rivals) + 1
        said = f"{count} settlements fit equally well", f"{count} điểm dân cư cùng khớp"
    else:
        said = first.reason, first.reason_vi
    status: Status = "matched" if first.score >= MATCHED and not rivals else "review"
    return VillageMatch(village, status, ranked[: SHOWN + len(rivals)], *said)


def _by_id(village: Village, entry: _Entry) -> VillageMatch:
    likeness, why, why_vi = _likeness(village.name, entry)
    score = 1.0 if likeness >= OTHER_TONES else round(likeness, 2)
    candidate = Candidate(
        entry.settlement_id, entry.own_name, entry.commune, score, f"by its id; {why}", f"theo mã; {why_vi}"
    )
    status: Status = "matched" if score == 1.0 else "review"
    return VillageMatch(village, status, (candidate,), candidate.reason, candidate.reason_vi)


def _possible(village: Village, codes: frozenset[str] | None, known: KnownSettlements) -> Iterable[_Entry]:
    """Entries that could be meant: of the same key anywhere, and the most alike, of the commune where it is known."""
    key, bare, _ = _forms(village.name)
    shared = Counter(number for part in _trigrams(bare) for number in known.by_trigram.get(part, ()))
    inside = [number for number in shared if codes is None or known.entries[number].commune_code in codes]
    near = sorted(inside, key=lambda number: (-shared[number], number))[:_NEAR]
    return dict.fromkeys((*known.by_key.get(key, ()), *(known.entries[number] for number in near)))


def _rate(village: Village, entry: _Entry, codes: frozenset[str] | None) -> Candidate:
    likeness, why, why_vi = _likeness(village.name, entry)
    factor, place, place_vi = 1.0, "in its commune", "đúng xã"
    if village.commune is None:
        factor, place, place_vi = NO_COMMUNE, "no commune given", "không ghi xã"
    elif entry.only_in:
        if entry.only_in != _commune_key(village.commune):
            factor, place, place_vi = OTHER_COMMUNE, "in another commune", "khác xã"
    elif codes is None:
        factor, place, place_vi = UNKNOWN_COMMUNE, f"no commune {village.commune}", f"không có xã {village.commune}"
    elif entry.commune_code not in codes:
        factor, place, place_vi = OTHER_COMMUNE, "in another commune", "khác xã"
    return Candidate(
        entry.settlement_id, entry.own_name, entry.commune, round(likeness * factor, 3), f"{why}, {place}",
        f"{why_vi}, {place_vi}",
    )  # fmt: skip


def _likeness(name: str, entry: _Entry) -> tuple[float, str, str]:
    """How alike two names are, from 0 to 1, and what tells them apart in two languages."""
    key, bare, kind = _forms(name)
    also = {"renamed": (" (former name)", " (tên cũ)"), "merged": (" (merged into it)", " (đã sáp nhập)")}
    by, by_vi = also.get(entry.alias, ("", ""))
    if key == entry.key:
        if kind is None or entry.kind is None or kind == entry.kind:
            return 1.0, f"same name{by}", f"trùng tên{by_vi}"
        return OTHER_KIND, f"same name, other kind ({entry.kind})", f"trùng tên, khác loại ({entry.kind})"
    if _numbers(bare) != _numbers(entry.bare):
        return 0.0, "another number", "khác số"
    if key.replace("y", "i") == entry.key.replace("y", "i"):
        return OTHER_VOWEL, f"i for y{by}", f"khác i/y{by_vi}"
    if bare == entry.bare:
        toneless = split_prefix(name)[1].isascii()
        score = BARE if toneless else OTHER_TONES
        return score, f"{'written without diacritics' if toneless else 'other diacritics'}{by}", "khác dấu" + by_vi
    ratio = difflib.SequenceMatcher(None, bare, entry.bare).ratio()
    return 0.85 * ratio, f"spelt otherwise{by}", f"viết khác{by_vi}"


def _forms(name: str) -> tuple[str, str, str | None]:
    """Key and search key of a name without its kind, "số" and what stands in brackets, and its kind."""
    plain = _BRACKETS.sub(" ", name).strip() or name
    kind, rest = split_prefix(plain)
    if kind is None and plain.isascii():  # "thon 3", typed without diacritics
        lead = next((word for word in _KINDS if search_key(plain).startswith(f"{search_key(word)} ")), None)
        kind, rest = lead, search_key(plain).removeprefix(f"{search_key(lead)} ") if lead else rest
    words = [word for word in name_key(rest, keep_prefix=True).split() if word != "sô4"]
    words = [
        _ROMAN.get(word[:-1], word[:-1]) + "0" if word[:-1] in _ROMAN and number else word
        for number, word in enumerate(words)
    ]
    bare = [word for word in search_key(rest).split() if word != "so"]
    bare = [_ROMAN.get(word, word) if number else word for number, word in enumerate(bare)]
    return " ".join(words), " ".join(word.lstrip("0") or word for word in bare), kind


def _entry(
    settlement_id: str, name: str, own_name: str, code: str, commune: str, alias: str = "", only_in: str = ""
) -> _Entry:
    key, bare, kind = _forms(name)
    return _Entry(settlement_id, name, own_name, code, commune, kind, key, bare, alias, only_in)


def _numbers(bare: str) -> list[str]:
    return [word for word in bare.split() if any(letter.isdigit() for letter in word)]


def _trigrams(bare: str) -> set[str]:
    padded = f"  {bare} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _commune_key(text: str) -> str:
    """A code as it is, a name by its key; what follows a comma is the parent."""
    plain = text.strip()
    return plain if plain.isdigit() else name_key(plain.partition(",")[0])


def _commune_codes(communes: pd.DataFrame | None, crosswalk: pd.DataFrame | None) -> dict[str, frozenset[str]]:
    """Codes of the communes of today by every code and name that they or their predecessors have or had."""
    if communes is None:
        return {}
    current = communes[communes["valid_to"].isna()]
    moved = national_crosswalk(current) if crosswalk is None else crosswalk
    found: dict[str, set[str]] = defaultdict(set)
    for codes, names, to in (
        (current["code"], current["name"], current["code"]),
        (moved["old_code"], moved["old_name"], moved["new_code"]),
    ):
        for code, name, new in zip(codes, names, to, strict=True):
            found[code].add(new)
            found[name_key(name)].add(new)
    return {key: frozenset(codes) for key, codes in found.items()}
