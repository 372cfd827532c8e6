"""The cuts of an antenna pattern file (MSI Planet) passed on as bare numbers; what the reading process does."""

import json
import math
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from phusong.geodata.errors import InputError

DEGREES = 360
CUTS = ("HORIZONTAL", "VERTICAL")

_FILE = "cuts.json"


def copy_cuts(file: Path, folder: Path) -> None:
    """Read a pattern file and write its cuts into a folder, for `load_cuts`.

    Raises
    ------
    InputError
        The file lacks a cut or a degree of one, has a degree twice, or an attenuation that is negative or no number;
        the message names the file, the cut and the degree.
    """
    cuts: dict[str, dict[int, float]] = {}
    current: dict[int, float] | None = None
    for number, line in enumerate(file.read_text(encoding="latin-1").splitlines(), start=1):
        words = line.replace(",", ".").split()
        if not words:
            continue
        keyword = words[0].upper()
        if keyword in CUTS and current is not cuts.get(keyword, {}):
            current = cuts.setdefault(keyword, {})
        elif current is not None and not _is_number(words[0]):
            current = None  # a header between or after the cuts
        elif current is not None:
            _take(current, words, file, number)
    complete = {name: _complete(cuts, name, file) for name in CUTS}
    (folder / _FILE).write_text(json.dumps(complete), encoding="utf-8")


def load_cuts(folder: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Load the horizontal and the vertical cut `[360]` [dB] that `copy_cuts` put into a folder."""
    found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    horizontal, vertical = (np.array(found[name], dtype=np.float64).reshape(DEGREES) for name in CUTS)
    return horizontal, vertical


def _take(cut: dict[int, float], words: list[str], path: Path, number: int) -> None:
    """Add one line of a cut: degree and attenuation."""
    if len(words) != 2 or not all(_is_number(word) for word in words):
        _refuse(path, f"line {number} is not a degree and an attenuation", f"dòng {number} không phải góc và suy hao")
    degree, attenuation_db = float(words[0]), float(words[1])
    if degree != int(degree) or not 0 <= degree < DEGREES:
        _refuse(
            path, f"line {number}: degree {degree:g} is not a whole one from 0 to 359",
            f"dòng {number}: góc {degree:g} không phải số nguyên từ 0 đến 359",
        )  # fmt: skip
    if int(degree) in cut:
        _refuse(path, f"line {number}: degree {degree:g} stands twice", f"dòng {number}: góc {degree:g} bị lặp")
    if attenuation_db < 0.0:
        _refuse(
            path, f"degree {degree:g} has the attenuation {attenuation_db:g} dB; write it without a sign",
            f"góc {degree:g} có suy hao {attenuation_db:g} dB; hãy ghi không dấu",
        )  # fmt: skip
    cut[int(degree)] = attenuation_db


def _complete(cuts: dict[str, dict[int, float]], name: str, path: Path) -> list[float]:
    """The attenuations of all degrees of a cut."""
    cut = cuts.get(name, {})
    if not cut:
        _refuse(path, f"it has no {name} cut", f"thiếu mặt cắt {name}")
    missing = [degree for degree in range(DEGREES) if degree not in cut]
    if missing:
        _refuse(
            path, f"its {name} cut lacks {len(missing)} degrees, the first is {missing[0]}",
            f"mặt cắt {name} thiếu {len(missing)} góc, góc đầu tiên là {missing[0]}",
        )  # fmt: skip
    return [cut[degree] for degree in range(DEGREES)]


def _refuse(path: Path, english: str, vietnamese: str) -> NoReturn:
    raise InputError(
        f"antenna file {path.name}: {english}; correct it (MSI Planet, 360 degrees a cut)",
        vi=f"tệp ăng-ten {path.name}: {vietnamese}; hãy sửa (MSI Planet, mỗi mặt cắt 360 góc)",
    )


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
