"""Bytes and mis-read text turned into Vietnamese: UTF-8, UTF-16, Windows-1258, TCVN3 (ABC) and VNI.

Which encoding a file has is judged by what it makes of the words with letters beyond ASCII: the reading under which
most of them are Vietnamese syllables. The legacy encodings have no capitals with tones of their own (a capital
font shows the small letters instead), so words such as `HớI` come out of them: they are counted, not guessed.
"""

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from phusong.geodata.errors import InputError, words_of
from phusong.geodata.reports import Note

LEGACY = ("tcvn3", "vni")
ENCODING_NAMES = {"utf-8": "UTF-8", "cp1258": "Windows-1258", "tcvn3": "TCVN3 (ABC)", "vni": "VNI"}

_SHOWN = 60  # characters of a word in a note
_NEEDED_SHARE = 0.75  # of the words with letters beyond ASCII that must be Vietnamese syllables
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

# TCVN 5712:1993 (VSCII-2, of which TCVN3 is a part), bytes A0 to FF; verified against the table of GNU libc.
_TCVN3 = (
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)
# VNI for Windows: a vowel and a mark, or one sign; verified against the tables of two converters.
_VNI_SINGLE = dict(zip("ôöñíìæóòî", "ơưđíìỉĩịỵ", strict=True))
_VNI_TONES = dict(zip("ùøûõï", "\u0301\u0300\u0309\u0303\u0323", strict=True))
_VNI_HATS = dict(zip("âáàåãä", ("", "\u0301", "\u0300", "\u0309", "\u0303", "\u0323"), strict=True))
_VNI_BREVES = dict(zip("êéèúüë", ("", "\u0301", "\u0300", "\u0309", "\u0303", "\u0323"), strict=True))

_ONSET = "(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnprstvx])?"
_RHYME = (
    "(?:a(?:ch?|[imopuy]|nh|ng?|t)?|ă(?:c|m|ng?|p|t)|â(?:c|m|ng?|p|t|u|y)|e(?:c|m|ng?|o|p|t)?|ê(?:ch|m|nh?|p|t|u)?"
    "|i(?:ch?|m|nh?|p|t|u|a|ê(?:c|m|ng?|p|t|u))?|o(?:c|i|m|ng?|p|t|ong|oc|a(?:ch?|[imopy]|nh|ng?|t)?|ă(?:c|m|ng?|t)|e(?:n|o|t)?)?"
    "|ô(?:c|i|m|ng?|p|t)?|ơ(?:i|m|n|p|t)?|u(?:c|i|m|ng?|p|t|a|ô(?:c|i|m|ng?|t)|â(?:n|t|ng|y)|ê(?:ch|nh?)?|ơ"
    "|y(?:a|ch|ê(?:n|t)|nh?|p|t|u)?)?|ư(?:c|i|ng?|t|u|a|ơ(?:c|i|m|ng?|p|t|u))?|y(?:ê(?:m|ng?|t|u)|nh?|t|ch)?)"
)
_SYLLABLE = re.compile(_ONSET + _RHYME)
_STOPPED = re.compile(".*(?:[cpt]|ch)")
_FALLING = re.compile("(?:a[iouy]|â[uy]|eo|êu|i[au]|[oôơ]i|u[ai]|ư[aiu])$")  # the tone stands on the first letter
_TONE = re.compile("[\u0300\u0301\u0303\u0309\u0323]")
_TRIMMED = " \t\r\n.,;:!?()[]{}<>\"'/\\|-_+=*&#@0123456789\u00a0\ufeff"
_WORD = re.compile(r"[^\s.,;:!?()\[\]{}<>\"'/\\|_+=*&#@0-9-]+")


@dataclass(frozen=True)
class Decoded:
    """Text of a file, the name of its encoding, and a note for the report (none for plain UTF-8)."""

    text: str
    encoding: str
    note: Note | None = None


def is_syllable(word: str) -> bool:
    """Whether a word could be a Vietnamese syllable: onset, rhyme, at most one tone, the tone fit for its end."""
    marks = unicodedata.normalize("NFD", word.lower())
    tones = _TONE.findall(marks)
    bare = unicodedata.normalize("NFC", _TONE.sub("", marks))
    if len(tones) > 1 or not _SYLLABLE.fullmatch(bare):
        return False
    if tones and marks.endswith(tones[0]) and _FALLING.search(bare) and not bare.startswith(("gi", "qu")):
        return False
    return not _STOPPED.fullmatch(bare) or (bool(tones) and tones[0] in "\u0301\u0323")


def decode_tcvn3(text: str) -> str:
    """Read text whose characters are the bytes of TCVN3 (ABC): `§ång Híi` is Đồng Hới."""
    return unicodedata.normalize("NFC", text.translate(_TCVN3_TABLE))


def decode_vni(text: str) -> str:
    """Read text whose characters are the bytes of VNI for Windows: `Ñoàng Hôùi` is Đồng Hới."""
    return _VNI_PATTERN.sub(lambda match: _VNI_TABLE[match[0]], unicodedata.normalize("NFC", text))


def encode_legacy(text: str, encoding: str) -> str:
    """Write Vietnamese as the characters of a legacy encoding, the opposite of reading it.

    Parameters
    ----------
    text
        Vietnamese text.
    encoding
        `tcvn3` or `vni`. TCVN3 has no capitals with tones: they become small letters.
    """
    table = _ENCODERS[encoding]
    letters = unicodedata.normalize("NFC", text)
    return "".join(table.get(letter, table.get(letter.lower(), letter)) for letter in letters)


def decode_file(content: bytes, *, file: str, encoding: str | None = None) -> Decoded:
    """Decode a text file, finding its encoding where none is named.

    Parameters
    ----------
    content
        The whole file.
    file
        Its name, for messages.
    encoding
        `tcvn3`, `vni`, or any encoding that Python knows; None finds it.

    Raises
    ------
    InputError
        The bytes are not of that encoding, or no encoding fits.
    """
    if encoding is not None:
        return _legacy_text(_decode_as(content, encoding, file), encoding.lower(), Note("as asked", "theo yêu cầu"))
    for mark, name in _BOMS:
        if content.startswith(mark):
            note = None if name == "utf-8-sig" else Note("encoding: UTF-16", "bảng mã: UTF-16")
            return Decoded(_decode_as(content, name, file), name, note)
    wide = _wide_encoding(content)
    if wide is not None:
        note = Note("encoding: UTF-16 without a byte order mark", "bảng mã: UTF-16 không có dấu thứ tự byte")
        return Decoded(_decode_as(content, wide, file), wide, note)
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _decode_eight_bits(content, file)


def recover_column(texts: Iterable[str]) -> tuple[str, Callable[[str], str]] | None:
    """Find how the texts of a column were mis-read, if they were: a legacy font, or bytes read as Latin-1.

    Returns
    -------
    tuple or None
        The encoding's name and the function that reads a text rightly; None where the texts are right as they are.
    """
    suspects = [text for text in texts if not text.isascii()]
    if not suspects or any(_beyond_latin(text) for text in suspects):
        return None
    return _best_reading(suspects)


def lost_capitals_note(texts: Iterable[str]) -> Note:
    """Say how many words have a small letter among capitals, like `HớI`, with the first; "" where none has."""
    words = [word for text in texts for word in _WORD.findall(text) if not word.isascii() and _lost_capitals(word)]
    if not words:
        return Note("", "")
    first = words[0][:_SHOWN]
    return Note(
        f"; capitals with tones are lost in {len(words)} words, such as {first}",
        f"; {len(words)} từ bị mất chữ hoa có dấu, ví dụ {first}",
    )


def _lost_capitals(word: str) -> bool:
    plain = [letter for letter in word if letter.isascii() and letter.isalpha()]
    return (
        bool(plain)
        and all(letter.isupper() for letter in plain)
        and any(letter.islower() for letter in word)
        and (len(plain) > 1 or word[-1] in plain)
    )


def _decode_as(content: bytes, encoding: str, file: str) -> str:
    try:
        if encoding.lower() in LEGACY:
            return _READERS[encoding.lower()](content.decode("latin-1"))
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(
            f"{file} is not {encoding} text ({words_of(error)}); save it as UTF-8 or name its encoding.",
            vi=f"{file} không phải văn bản {encoding}; hãy lưu lại dạng UTF-8 hoặc nêu bảng mã.",
        ) from error


def _legacy_text(text: str, name: str, how: Note) -> Decoded:
    shown, lost = ENCODING_NAMES.get(name, name), lost_capitals_note([text])
    return Decoded(text, name, Note(f"encoding: {shown}, {how}{lost}", f"bảng mã: {shown}, {how.vi}{lost.vi}"))


def _wide_encoding(content: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain text is 0."""
    head = content[:4096]
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd.count(0) > 0.5 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(head) >= 8 and even.count(0) > 0.5 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return None


def _decode_eight_bits(content: bytes, file: str) -> Decoded:
    raw = content.decode("latin-1")
    lines = {line for line in raw.split("\n") if not line.isascii()}
    found = _best_reading(lines)
    if found is not None and found[0] != "utf-8":
        name, read = found
        return _legacy_text(read(raw), name, Note("found by its words", "nhận biết qua từ ngữ"))
    text = content.decode("utf-8", errors="replace")
    broken = sum("\ufffd" in line for line in text.split("\n"))
    if broken > len(lines) / 2:
        raise InputError(
            f"{file} is in no encoding that is known here (UTF-8, UTF-16, Windows-1258, TCVN3, VNI); "
            "save it as UTF-8 or name its encoding with --encoding.",
            vi=f"{file} không theo bảng mã nào đã biết (UTF-8, UTF-16, Windows-1258, TCVN3, VNI); "
            "hãy lưu lại dạng UTF-8 hoặc nêu bảng mã bằng --encoding.",
        )
    note = Note(
        f"encoding: UTF-8 with bytes that are not, in {broken} lines",
        f"bảng mã: UTF-8, có byte sai ở {broken} dòng",
    )
    return Decoded(text, "utf-8", note)


def _best_reading(texts: Iterable[str]) -> tuple[str, Callable[[str], str]] | None:
    """Choose the reading of Latin-1 text with the most Vietnamese syllables; None if it is best as it is."""
    words = {word for text in texts for word in re.split(r"[ \t\r\n]+", text) if not word.isascii()}
    as_it_is = _share_of_syllables(words, str)
    best: tuple[float, str] = (max(as_it_is, _NEEDED_SHARE - 1e-9), "")
    for name, read in _READERS.items():
        share = _share_of_syllables(words, read)
        if share > best[0]:
            best = (share, name)
    return (best[1], _READERS[best[1]]) if best[1] else None


def _share_of_syllables(words: Iterable[str], read: Callable[[str], str]) -> float:
    good = total = 0
    for word in words:
        try:
            letters = read(word)
        except UnicodeDecodeError:
            total += 1
            continue
        parts = [part for part in _WORD.findall(letters.strip(_TRIMMED)) if not part.isascii()]
        total += max(len(parts), 1)
        good += sum(is_syllable(part) for part in parts)
    return good / total if total else 0.0


def _beyond_latin(text: str) -> bool:
    try:
        _to_bytes(text)
    except UnicodeEncodeError:
        return True
    return False


def _to_bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("cp1252")


def _decode_cp1258(text: str) -> str:
    return unicodedata.normalize("NFC", _to_bytes(text).decode("cp1258"))


def _decode_utf8(text: str) -> str:
    return _to_bytes(text).decode("utf-8")


def _vni_table() -> dict[str, str]:
    table = dict(_VNI_SINGLE)
    for vowel in "aeouyôö":
        for sign, mark in _VNI_TONES.items():
            table[vowel + sign] = _VNI_SINGLE.get(vowel, vowel) + mark
    for vowel in "aeo":
        for sign, mark in _VNI_HATS.items():
            table[vowel + sign] = vowel + "\u0302" + mark
    for sign, mark in _VNI_BREVES.items():
        table["a" + sign] = "a\u0306" + mark
    table = {signs: unicodedata.normalize("NFC", letter) for signs, letter in table.items()}
    table |= {signs[0].upper() + signs[1:]: letter.upper() for signs, letter in table.items()}
    return table | {signs.upper(): letter.upper() for signs, letter in table.items()}


_TCVN3_TABLE = {0xA0 + position: letter for position, letter in enumerate(_TCVN3)}
_VNI_TABLE = _vni_table()
_VNI_PATTERN = re.compile("|".join(re.escape(signs) for signs in sorted(_VNI_TABLE, key=len, reverse=True)))
_READERS: dict[str, Callable[[str], str]] = {
    "utf-8": _decode_utf8,
    "cp1258": _decode_cp1258,
    "tcvn3": decode_tcvn3,
    "vni": decode_vni,
}
_TCVN3_CAPITALS = "ĂÂÊÔƠƯĐ"  # the only capitals of TCVN3 proper
_ENCODERS = {
    "tcvn3": {
        letter: chr(byte) for byte, letter in _TCVN3_TABLE.items() if letter in _TCVN3_CAPITALS or letter.islower()
    },
    "vni": {letter: signs for signs, letter in _VNI_TABLE.items()},
}
