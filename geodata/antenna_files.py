"""Antenna pattern files of a workspace: MSI Planet text, one file an antenna, in the folder `antennas/`.

A file has a horizontal and a vertical cut of 360 whole degrees each, as attenuation below the antenna's maximum. The
horizontal angle runs clockwise from the antenna's azimuth, the vertical one downwards from the horizon. Gain,
frequency and the other headers are not used: the EIRP of a station holds the gain already.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phusong.geodata.antenna_cuts import load_cuts
from phusong.geodata.errors import InputError
from phusong.geodata.reader_client import opened_apart
from phusong.geodata.schemas import ANTENNAS

ANTENNAS_DIR = "antennas"
SUFFIX = ".msi"

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
    """Read a pattern file in the MSI Planet format, in the process with limits (`reader_client`).

    Raises
    ------
    InputError
        The file cannot be read or accepted (`antenna_cuts.copy_cuts`).
    """
    if not path.is_file():
        raise InputError(f"{path} is not there; check the file.", vi=f"Không có tệp {path}; hãy kiểm tra.")
    with opened_apart("antenna", path) as folder:
        return AntennaFile(path.stem, *load_cuts(folder))
