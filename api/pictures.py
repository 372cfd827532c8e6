"""Figures that commands write: SVG as it is, PNG for word processors."""

from pathlib import Path

from phusong.api.console import log
from phusong.geodata.errors import InputError


def require_picture(path: Path) -> None:
    """Raise InputError for a figure that is neither .png nor .svg."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise InputError(
            f"--plot {path} must end in .png (for word processors) or .svg (sharp at any size).",
            vi=f"--plot {path} phải có đuôi .png (cho trình soạn thảo) hoặc .svg (nét ở mọi cỡ).",
        )


def write_picture(path: Path, svg: str) -> None:
    """Write an SVG figure to a file, as PNG where its suffix says so.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from phusong.maps.path_png import print_png

    write_file(path, svg.encode() if path.suffix.lower() == ".svg" else print_png(svg), option="--plot")


def write_file(path: Path, content: bytes, *, option: str) -> None:
    """Write a file in one step.

    Parameters
    ----------
    path, content
        Where, and what.
    option
        The option that named the file.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    from phusong.geodata.writing import replacing

    try:
        with replacing(path) as aside:
            aside.write_bytes(content)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another {option}.",
            vi=f"Không ghi được {path}: {error.strerror}; hãy chọn {option} khác.",
        ) from error
    log(f"Wrote {path}.", f"Đã ghi {path}.")
