"""What a computation may reuse, kept on disk under the hash of everything it depends on.

A file is written aside and renamed, so a half-written one is never read; its own hash is checked at every reading, and
a damaged one counts as missing. The folder may be emptied at any time.
"""

import hashlib
import json
import mmap
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile

from phusong.geodata.grid import Grid

Loss = npt.NDArray[np.int16]
Arrays = dict[str, npt.NDArray[Any]]
T = TypeVar("T")
ALIGNMENT = 64  # of an array within its file [bytes]
ARRAYS_SUFFIX = "arrays"
HASHED_TOGETHER = 1 << 23  # bytes; the threads that hash large arrays share them in such pieces
HASH_TAG = "PHUSONG_SHA256"


def content_key(parameters: Mapping[str, Any], *arrays: npt.NDArray[Any]) -> str:
    """Hash of parameters and arrays, the same on every machine of one byte order [64 hex digits]."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for array in arrays:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Cache:
    """Fields of path loss, and arrays of other stages, by key.

    Parameters
    ----------
    folder
        Where they are kept; made if missing.

    Attributes
    ----------
    damaged
        Names of the files found damaged and computed again.
    """

    def __init__(self, folder: Path) -> None:
        self._fields = folder / "fields"
        self._arrays = folder / "arrays"
        self.damaged: list[str] = []
        self._make_folders()

    def holds_field(self, key: str) -> bool:
        """Whether a field is kept."""
        return self._field_path(key).exists()

    def fetch_field(self, key: str, grid: Grid, compute: Callable[[], Loss]) -> Loss:
        """The field of a key [0.01 dB], `[n_freq, ny, nx]`: read if it is there and whole, else computed and kept."""
        path = self._field_path(key)
        kept = self._read(path, _read_field)
        if kept is not None:
            return kept
        loss = compute()
        # made in memory: GDAL would write its own complaints of a full disk to the terminal
        with MemoryFile() as memory:
            _encode_field(memory, loss, grid)
            with _aside(path) as aside:
                aside.write_bytes(memory.getbuffer())
        return loss

    def fetch_arrays(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Named arrays of a key, mapped from their file if it is there and whole, else computed and kept."""
        kept = self.find_arrays(key)
        if kept is not None:
            return kept
        arrays = compute()
        with _aside(self._arrays_path(key)) as aside:
            _write_arrays(aside, arrays)
        return arrays

    def find_arrays(self, key: str) -> Arrays | None:
        """Named arrays of a key if they are there and whole."""
        return self._read(self._arrays_path(key), _read_arrays)

    def clear(self) -> None:
        """Forget everything, files that a killed process left included."""
        for path in (*self._fields.iterdir(), *self._arrays.iterdir()):
            path.unlink(missing_ok=True)

    def mark_used(self, keys: Iterable[str]) -> list[int]:
        """Make the fields of these keys the most recently used; the sizes of those that are kept [bytes]."""
        sizes = []
        for path in (f"{self._fields}/{key}.tif" for key in keys):
            with suppress(FileNotFoundError):
                os.utime(path)
                sizes.append(os.stat(path).st_size)
        return sizes

    def trim(self, limit_bytes: float) -> int:
        """Forget what was used longest ago until the rest fits; the number of bytes kept."""
        found = [(status.st_mtime_ns, status.st_size, file.path) for file in self._files() for status in [file.stat()]]
        size = sum(part[1] for part in found)
        for _, bytes_held, path in sorted(found) if size > limit_bytes else ():
            if size <= limit_bytes:
                break
            Path(path).unlink(missing_ok=True)
            size -= bytes_held
        return size

    def _make_folders(self) -> None:
        for part in (self._fields, self._arrays):
            part.mkdir(parents=True, exist_ok=True)

    def _field_path(self, key: str) -> Path:
        return self._fields / f"{key}.tif"

    def _arrays_path(self, key: str) -> Path:
        return self._arrays / f"{key}.{ARRAYS_SUFFIX}"

    def _files(self) -> Iterator["os.DirEntry[str]"]:
        found = (*os.scandir(self._fields), *os.scandir(self._arrays))
        return (file for file in found if not file.name.startswith("."))

    def _read(self, path: Path, read: Callable[[Path], T | None]) -> T | None:
        """What a file holds; None where it is missing or damaged. A reading makes it the most recently used."""
        try:
            kept = read(path)
            if kept is not None:
                os.utime(path)
        except FileNotFoundError:
            return None
        if kept is None:
            self.damaged.append(path.name)
            path.unlink(missing_ok=True)
        return kept


class LookOnly(Cache):
    """A cache that is read and never written, for questions of which nothing is to stay."""

    def fetch_field(self, key: str, _grid: Grid, compute: Callable[[], Loss]) -> Loss:
        """The field of a key, read if it is there and whole, else computed."""
        kept = self._read(self._field_path(key), _read_field)
        return compute() if kept is None else kept

    def fetch_arrays(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Named arrays of a key, mapped from their file if it is there and whole, else computed."""
        kept = self.find_arrays(key)
        return compute() if kept is None else kept

    def _make_folders(self) -> None:
        """Leave the disk as it is."""


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` at the end, or vanishes."""
    aside = path.with_name(f".{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _encode_field(memory: MemoryFile, loss: Loss, grid: Grid) -> None:
    with memory.open(
        driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=loss.shape[0], dtype="int16",
        crs=grid.crs, transform=grid.transform, nodata=-32768, compress="zstd", zstd_level=1, predictor=2,
    ) as file:  # fmt: skip
        file.write(loss)
        file.update_tags(**{HASH_TAG: content_key({}, loss)})


def _read_field(path: Path) -> Loss | None:
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with rasterio.open(path) as file:
            loss: Loss = file.read()
            expected = file.tags().get(HASH_TAG)
    except RasterioIOError:
        return None
    return loss if content_key({}, loss) == expected else None


def _write_arrays(path: Path, arrays: Arrays) -> None:
    """One line of JSON (name, type, shape and place of every array, hash of the rest), then the arrays."""
    parts, places, place = [], [], 0
    for name, array in arrays.items():
        content = np.ascontiguousarray(array)
        places.append({"name": name, "dtype": content.dtype.str, "shape": content.shape, "place": place})
        parts.append(content)
        place += -(-content.nbytes // ALIGNMENT) * ALIGNMENT
    header = json.dumps({"arrays": places, "sha256": _hash_of(parts)}).encode()
    with path.open("wb") as file:
        file.write(header.ljust(-(-(len(header) + 1) // ALIGNMENT) * ALIGNMENT - 1) + b"\n")
        for content in parts:
            file.write(content.data)
            file.write(bytes(-content.nbytes % ALIGNMENT))


def _read_arrays(path: Path) -> Arrays | None:
    with path.open("rb") as file:
        line = file.readline()
        try:
            header = json.loads(line)
        except ValueError:
            return None
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    body = np.frombuffer(mapped, np.uint8)[len(line) :]
    arrays = {}
    for part in header["arrays"]:
        dtype, shape = np.dtype(part["dtype"]), tuple(part["shape"])
        size = int(np.prod(shape)) * dtype.itemsize
        content = body[part["place"] : part["place"] + size]
        if content.size != size:
            return None
        arrays[part["name"]] = content.view(dtype).reshape(shape)
    if _hash_of(list(arrays.values())) != header["sha256"]:
        return None
    if hasattr(mmap, "MADV_DONTNEED"):  # only what is read again stays with the process
        mapped.madvise(mmap.MADV_DONTNEED)
    return arrays


def _hash_of(arrays: list[npt.NDArray[Any]]) -> str:
    """Hash of the hashes of pieces, which all processors make."""
    whole = [array.data.cast("B") for array in arrays if array.size]
    pieces = [part[start : start + HASHED_TOGETHER] for part in whole for start in range(0, len(part), HASHED_TOGETHER)]
    if len(pieces) <= len(whole):  # small arrays
        return hashlib.sha256(b"".join(map(_hash_piece, pieces))).hexdigest()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return hashlib.sha256(b"".join(pool.map(_hash_piece, pieces))).hexdigest()


def _hash_piece(piece: memoryview) -> bytes:
    return hashlib.sha256(piece).digest()
