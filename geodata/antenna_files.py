"""Antenna pattern files of a workspace: MSI Planet text, one file an antenna, in the folder `antennas/`.

A file has a horizontal and a vertical cut of 360 whole degrees each, as attenuation below the antenna's maximum. The
horizontal angle runs clockwise from the antenna's azimuth, the vertical one downwards from the horizon. Gain,
frequency and the other headers are not used: the EIRP of a station holds the gain already.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from phusong.geodata.errors import InputError
from phusong.geodata.schemas import ANTENNAS

ANTENNAS_DIR = "antennas"
SUFFIX = ".msi"
DEGREES = 360
CUTS = ("HORIZONTAL", "VERTICAL")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AntennaFile:
    """Two cuts of an antenna `[360]`: attenuation below its maximum at every whole degree [dB]."""

    name: str
    horizontal_db: Floats
    vertical_db: Floats


def antenna_paths(workspace_path: Path) -> list[Path]:
    """The pattern files of a workspace, sorted."""
    return sorted((workspace_path / ANTENNAS_DIR).glob(f"*{SUFFIX}"))


def known_antennas(workspace_path: Path) -> tuple[str, ...]:
    """Names that a station's `antenna` may have: the built-in ones, then those of the pattern files."""
    files = (path.stem for path in antenna_paths(workspace_path))
    return (*ANTENNAS, *(name for name in files if name not in ANTENNAS))


def read_antennas(workspace_path: Path, names: Collection[str]) -> dict[str, AntennaFile]:
    """Read the pattern files of those names that are not built in, by name.

    Raises
    ------
    InputError
        There is no such antenna, or its file cannot be accepted.
    """
    known = known_antennas(workspace_path)
    for name in sorted(set(names) - set(known)):
        listed = ", ".join(known)
        raise InputError(
            f"antenna {name!r} is unknown; the known are {listed}; put its file at {ANTENNAS_DIR}/{name}{SUFFIX}",
            vi=f"không biết ăng-ten {name!r}; đã biết {listed}; hãy đặt tệp tại {ANTENNAS_DIR}/{name}{SUFFIX}",
        )
    wanted = sorted(set(names) - set(ANTENNAS))
    return {name: read_antenna_file(workspace_path / ANTENNAS_DIR / f"{name}{SUFFIX}") for name in wanted}


def read_antenna_file(path: Path) -> AntennaFile:
    """Read a pattern file in the MSI Planet format.

    Raises
    ------
    InputError
        The file cannot be read, lacks a cut or a degree of one, has a degree twice, or an attenuation that is negative
        or no number; the message names the file, the cut and the degree.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check the file",
            vi=f"Không đọc được {path}: {error.strerror}; hãy kiểm tra tệp",
        ) from error
    cuts: dict[str, dict[int, float]] = {}
    current: dict[int, float] | None = None
    for number, line in enumerate(lines, start=1):
        words = line.replace(",", ".").split()
        if not words:
            continue
        keyword = words[0].upper()
        if keyword in CUTS and current is not cuts.get(keyword, {}):
            current = cuts.setdefault(keyword, {})
        elif current is not None and not _is_number(words[0]):
            current = None  # a header between or after the cuts
        elif current is not None:
            _take(current, words, path, number)
    return AntennaFile(path.stem, *(_complete(cuts, name, path) for name in CUTS))


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


def _complete(cuts: dict[str, dict[int, float]], name: str, path: Path) -> Floats:
    """A cut as an array of all its degrees."""
    cut = cuts.get(name, {})
    if not cut:
        _refuse(path, f"it has no {name} cut", f"thiếu mặt cắt {name}")
    missing = [degree for degree in range(DEGREES) if degree not in cut]
    if missing:
        _refuse(
            path, f"its {name} cut lacks {len(missing)} degrees, the first is {missing[0]}",
            f"mặt cắt {name} thiếu {len(missing)} góc, góc đầu tiên là {missing[0]}",
        )  # fmt: skip
    return np.array([cut[degree] for degree in range(DEGREES)])


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
