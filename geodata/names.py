"""Vietnamese names: one key for matching, prefixes told apart, the order of the Vietnamese alphabet.

A key unites spellings of one name (tone placement, Đ and Ð, spaces, case); it never unites different names:
Quảng Tiến and Quảng Tiên keep different keys. Only `search_key` drops the diacritics.
"""

import re
import unicodedata
from functools import lru_cache

# Tone marks in the order of the dictionary: ngang (none), huyền, hỏi, ngã, sắc, nặng.
TONES = ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
# Whatever is no letter, in the order of the CLDR root collation.
_SIGNS = " _-–—,;:!?.'‘’\"“”()[]{}@*/\\&#%`^+<=>|~$0123456789"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_RANK = {sign: _DIGITS[1 + rank // 36] + _DIGITS[rank % 36] for rank, sign in enumerate(_SIGNS + ALPHABET)}

# Administrative words and settlement words with their abbreviations; the longer before the shorter.
_PREFIXES = {
    "thị trấn": "thị trấn", "tt.": "thị trấn", "tt": "thị trấn",
    "thành phố": "thành phố", "tp.": "thành phố", "tp": "thành phố",
    "thị xã": "thị xã", "tx.": "thị xã", "tx": "thị xã",
    "tổ dân phố": "tổ dân phố", "tdp.": "tổ dân phố", "tdp": "tổ dân phố", "tổ": "tổ dân phố",
    "khu phố": "khu phố", "khối phố": "khối phố", "khối": "khối", "khóm": "khóm", "tiểu khu": "tiểu khu",
    "phường": "phường", "p.": "phường", "xã": "xã", "x.": "xã",
    "huyện": "huyện", "h.": "huyện", "quận": "quận", "q.": "quận", "tỉnh": "tỉnh", "t.": "tỉnh",
    "đặc khu": "đặc khu",
    "thôn": "thôn", "bản": "bản", "ấp": "ấp", "buôn": "buôn", "làng": "làng", "xóm": "xóm",
}  # fmt: skip
_DOTLESS = "|".join(re.escape(word) for word in sorted(_PREFIXES, key=len, reverse=True) if not word.endswith("."))
_DOTTED = "|".join(re.escape(word) for word in sorted(_PREFIXES, key=len, reverse=True) if word.endswith("."))
_WORD = re.compile(r"\w+")
_PREFIX = re.compile(rf"(?:(?P<dotted>{_DOTTED})\s*|(?P<word>{_DOTLESS})\s+)(?=\S)", re.IGNORECASE)


def tidy_name(text: str) -> str:
    """Write a name in NFC with single spaces and Đ for the look-alike Ð (eth); letters and tones stay."""
    if text.isascii():
        return " ".join(text.split())
    unified = unicodedata.normalize("NFC", text).replace("\u00d0", "Đ").replace("\u00f0", "đ").replace("\u0189", "Đ")
    return " ".join(unified.split())


def split_prefix(name: str) -> tuple[str | None, str]:
    """Tell the kind of place from its name: `"X. Kim Phú"` gives `("xã", "Kim Phú")`.

    A name that is only such a word keeps it and has no kind.
    """
    tidy = tidy_name(name)
    match = _PREFIX.match(tidy)
    if match is None:
        return None, tidy
    word = (match["dotted"] or match["word"]).lower()
    return _PREFIXES[word], tidy[match.end() :]


def name_key(name: str, *, keep_prefix: bool = False) -> str:
    """Build the key under which spellings of one name meet.

    Lower case, single spaces, no prefix, no zeros before a number, each syllable's tone as a digit after it (0 to 5
    in the order of `TONES`): Hóa and Hoá both give `hoa4`; Quảng Tiến gives `quang2 tiên4`, Quảng Tiên `quang2 tiên0`.
    """
    text = tidy_name(name) if keep_prefix else split_prefix(name)[1]
    return " ".join(_syllable_key(part) for part in _WORD.findall(text.lower()))


def search_key(name: str) -> str:
    """Build the key for search without diacritics: `dong hoi` finds Đồng Hới, Dong Hoi and Đồng  Hới."""
    if name.isascii():
        return " ".join(_WORD.findall(name.lower()))
    letters = unicodedata.normalize("NFD", tidy_name(name).lower().replace("đ", "d"))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(bare))


def sort_key(name: str) -> str:
    """Build a text whose plain order is the Vietnamese order of names.

    Letters decide first (a ă â b c d đ e ê …), then tones (ngang, huyền, hỏi, ngã, sắc, nặng), then small before
    capital letters. Spaces come before signs, these before digits, digits before letters: the order of ICU for `vi`.
    The key is made of the digits and the letters a to z alone, so that every database orders it alike.
    """
    ranks = [_ranks_of(letter) for letter in tidy_name(name)]
    return "0".join("".join(of_letter[level] for of_letter in ranks) for level in range(3))


@lru_cache(maxsize=1024)
def _ranks_of(letter: str) -> tuple[str, str, str]:
    """Rank of a letter among the letters, of its tone, and of its case."""
    base, tone = _split_tone(letter.lower())
    rank = _RANK.get(base)
    if rank is None:  # a letter of another alphabet: by its base, after those without a mark
        plain = unicodedata.normalize("NFD", base)[:1]
        rank, tone = _RANK.get(plain, f"z{ord(plain or base):06x}"), len(TONES)
    return rank, str(tone + 1), "2" if letter.isupper() else "1"


def _syllable_key(syllable: str) -> str:
    plain = syllable.lstrip("0") or "0" if syllable.isdigit() else syllable
    if plain.isascii():
        return f"{plain}0"
    parts = [_split_tone(letter) for letter in plain]
    return "".join(base for base, _ in parts) + str(max(tone for _, tone in parts))


def _split_tone(letter: str) -> tuple[str, int]:
    """Split a letter into the letter without its tone mark, and the tone's number."""
    marks = unicodedata.normalize("NFD", letter)
    tone = next((number for number, mark in enumerate(TONES) if mark and mark in marks), 0)
    return unicodedata.normalize("NFC", marks.replace(TONES[tone], "") if tone else marks), tone
