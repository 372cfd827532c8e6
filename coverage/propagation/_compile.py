"""How kernels are compiled, and where the compiled code is kept.

numba looks at a kernel's own file to see whether its compiled code is stale, not at the files of the kernels that it
calls: after a change there it would run code of two versions, which can crash. So the code is kept in a folder named by
the content of all kernel files.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config

_HERE = Path(__file__).parent
_KERNELS_ABOVE = ("antenna.py", "signal.py", "tally.py")


@cache
def kernels_digest() -> str:
    """Hash of the source of all kernels of this folder, on which a field depends."""
    digest = hashlib.sha256()
    for path in sorted(_HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _code_folder() -> str:
    """Folder for this state of the kernels; numba's own choice ("") where none can be made beside them."""
    digest = hashlib.sha256(kernels_digest().encode())
    for name in _KERNELS_ABOVE:
        digest.update((_HERE.parent / name).read_bytes())
    folder = _HERE / "__pycache__" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    return str(folder) if os.access(folder, os.W_OK) else ""


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a kernel that releases the interpreter's lock and divides like numpy, and keep its code."""
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = before or _code_folder()
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        settings.CACHE_DIR = before


def inlined(function: Callable[..., Any]) -> Any:
    """As `compiled`, for a formula that becomes part of each loop that calls it, so that the loop runs side by side."""
    return compiled(function, forceinline=True)


def compiled_sum(function: Callable[..., Any]) -> Any:
    """As `compiled`, for sums whose terms may be added in any order, which moves their last bits."""
    return compiled(function, fastmath={"reassoc", "nsz"})
