"""Numbers and dates as readers of Vietnamese (and English) expect them, and text safe inside a page.

Every figure that a person reads goes through `format_share` and `format_count`, so that a map and a table
never round differently.
"""

import json
import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

Language = Literal["vi", "en"]
Words = tuple[str, str]  # English, Vietnamese

_SCRIPT_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}

# what would turn the reading order or is no character at all; shown by its code in documents
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def round_count(value: float) -> int:
    """A count as a whole number, halves up: the one rounding of map, answers and documents."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def format_count(value: float, language: Language) -> str:
    """A count with grouped thousands: "1.491" in Vietnamese, "1,491" in English.

    Parameters
    ----------
    value
        The count; halves round up.
    language
        "vi" or "en".
    """
    return _localise(f"{round_count(value):,}", language)


def format_number(value: float, decimals: int, language: Language) -> str:
    """A number of fixed decimals: "−1.234,5" in Vietnamese, "−1,234.5" in English; never a negative zero.

    Parameters
    ----------
    value
        A finite number.
    decimals
        Digits after the decimal mark.
    """
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")
    return _localise(text.replace("-", "−"), language)


def format_share(numerator: float, denominator: float, language: Language) -> str:
    """A share as a percentage of one decimal: "97,7%".

    A share below 1 never reads 100% (">99,9%") and one above 0 never reads 0% ("<0,1%"); without a
    denominator the answer is "–".

    Parameters
    ----------
    numerator, denominator
        Counts, `0 <= numerator <= denominator`.
    language
        "vi" or "en".
    """
    if not denominator > 0:
        return "–"
    if numerator <= 0:
        return "0%"
    if numerator >= denominator:
        return "100%"
    percent = (Decimal(numerator) * 100 / Decimal(denominator)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if percent >= 100:
        return _localise(">99.9%", language)
    if percent <= 0:
        return _localise("<0.1%", language)
    return _localise(f"{percent}%", language)


def format_date(day: date, language: Language) -> str:
    """A date as dd/mm/yyyy in Vietnamese and as yyyy-mm-dd in English."""
    return day.strftime("%d/%m/%Y") if language == "vi" else day.isoformat()


def visible_text(text: str) -> str:
    """A text of a layer for a document: characters that one cannot see, or that turn the reading order, as ⟨U+…⟩."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def json_for_script(value: object) -> str:
    """JSON that is inert inside any HTML script element: `<`, `>`, `&` and line separators are escaped.

    Parameters
    ----------
    value
        Whatever `json` can write; NaN is refused.

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escape in _SCRIPT_ESCAPES.items():
        text = text.replace(char, escape)
    return text


def _localise(text: str, language: Language) -> str:
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


def say(words: Words, language: Language) -> str:
    """One of two languages."""
    return words[1] if language == "vi" else words[0]
