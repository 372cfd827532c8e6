"""Vietnamese names: one key for matching, prefixes told apart, the order of the Vietnamese alphabet.

A key unites spellings of one name (tone placement, Đ and Ð, spaces, case); it never unites different names:
Quảng Tiến and Quảng Tiên keep different keys. Only `search_key` drops the diacritics.
"""

import re
import unicodedata

# Tone marks in the order of the dictionary: ngang (none), huyền, hỏi, ngã, sắc, nặng.
TONES = ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"

# Administrative words and settlement words with their abbreviations; the longer before the shorter.
_PREFIXES = {
    "thị trấn": "thị trấn", "tt.": "thị trấn", "tt": "thị trấn",
    "thành phố": "thành phố", "tp.": "thành phố", "tp": "thành phố",
    "thị xã": "thị xã", "tx.": "thị xã", "tx": "thị xã",
    "tổ dân phố": "tổ dân phố", "tdp": "tổ dân phố",
    "phường": "phường", "p.": "phường", "xã": "xã", "x.": "xã",
    "huyện": "huyện", "h.": "huyện", "quận": "quận", "q.": "quận", "tỉnh": "tỉnh", "t.": "tỉnh",
    "đặc khu": "đặc khu",
    "thôn": "thôn", "bản": "bản", "ấp": "ấp", "buôn": "buôn", "làng": "làng", "xóm": "xóm",
}  # fmt: skip
_DOTLESS = "|".join(re.escape(word) for word in sorted(_PREFIXES, key=len, reverse=True) if not word.endswith("."))
_DOTTED = "|".join(re.escape(word) for word in sorted(_PREFIXES, key=len, reverse=True) if word.endswith("."))
_PREFIX = re.compile(rf"(?:(?P<dotted>{_DOTTED})\s*|(?P<word>{_DOTLESS})\s+)(?=\S)", re.IGNORECASE)


def tidy_name(text: str) -> str:
    """Write a name in NFC with single spaces and Đ for the look-alike Ð (eth); letters and tones stay."""
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

    Lower case, single spaces, no prefix, each syllable's tone as a digit after it (0 to 5 in the order of
    `TONES`): Hóa and Hoá both give `hoa4`; Quảng Tiến gives `quang2 tiên4`, Quảng Tiên `quang2 tiên0`.
    """
    text = tidy_name(name) if keep_prefix else split_prefix(name)[1]
    return " ".join(_syllable_key(part) for part in re.findall(r"\w+", text.lower()))


def search_key(name: str) -> str:
    """Build the key for search without diacritics: `dong hoi` finds Đồng Hới, Dong Hoi and Đồng  Hới."""
    letters = unicodedata.normalize("NFD", tidy_name(name).lower().replace("đ", "d"))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", bare))


def sort_key(name: str) -> str:
    """Build a text whose plain order is the Vietnamese order of names.

    Letters decide first (a ă â b c d đ e ê …), then tones (ngang, huyền, hỏi, ngã, sắc, nặng), then small
    before capital letters, then the spelling itself. Spaces come before digits, digits before letters.
    """
    tidy = tidy_name(name)
    letters: list[str] = []
    tones: list[str] = []
    for letter in tidy:
        base, tone = _split_tone(letter.lower())
        letters.append(_letter_rank(base))
        tones.append(str(tone))
    case = "".join("1" if letter.isupper() else "0" for letter in tidy)
    return "\x01".join(("".join(letters), "".join(tones), case, tidy))


def _syllable_key(syllable: str) -> str:
    parts = [_split_tone(letter) for letter in syllable]
    return "".join(base for base, _ in parts) + str(max(tone for _, tone in parts))


def _split_tone(letter: str) -> tuple[str, int]:
    """Split a letter into the letter without its tone mark, and the tone's number."""
    marks = unicodedata.normalize("NFD", letter)
    tone = next((number for number, mark in enumerate(TONES) if mark and mark in marks), 0)
    return unicodedata.normalize("NFC", marks.replace(TONES[tone], "") if tone else marks), tone


def _letter_rank(base: str) -> str:
    position = ALPHABET.find(base)
    if position >= 0:
        return chr(0x100 + position)  # after every digit and sign of ASCII
    return base if base < "\u0100" else "\u0200" + base
