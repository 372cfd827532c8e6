"""The process that opens files from elsewhere; `reader_client` starts it and says what to read.

Run with the limits as arguments: `python -m phusong.geodata.reader_process MEMORY_MB CPU_S FILE_MB`. Requests come on
stdin (eight bytes of length, then a pickle of the program that started it); each is answered by one line of JSON.
"""

import json
import os
import pickle
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from phusong.geodata.antenna_cuts import copy_cuts
from phusong.geodata.errors import PhusongError, words_of
from phusong.geodata.file_tables import read_file_sheets, read_file_table
from phusong.geodata.raster_copies import copy_raster

TASKS: dict[str, Callable[..., None]] = {
    "table": read_file_table,
    "sheets": read_file_sheets,
    "raster": copy_raster,
    "antenna": copy_cuts,
}
_GROWN_MB = 512  # a process that holds so much is replaced


def main() -> None:
    """Answer requests until stdin ends."""
    memory_mb, cpu_s, file_mb = map(int, sys.argv[1:4])
    _limit(memory_mb, file_mb)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    while (request := _next_request(sys.stdin.buffer)) is not None:
        _limit_cpu(cpu_s)
        task, source, folder, options = pickle.loads(request)
        reply = answer(task, Path(source), Path(folder), options)
        stays = reply.pop("stays", True) and _pages(1) < _GROWN_MB * 2**20
        answers.write(json.dumps({**reply, "stays": stays}).encode() + b"\n")
        answers.flush()


def answer(task: str, source: Path, folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Do one task; what goes wrong with the file becomes a sentence, whatever it is.

    Parameters
    ----------
    task
        A name of `TASKS`.
    source
        The copied file.
    folder
        Where the results go.
    options
        Further arguments of the task.
    """
    try:
        TASKS[task](source, folder, **options)
    except PhusongError as error:
        return {"error": {"class": type(error).__name__, "en": str(error), "vi": error.vi}}
    except MemoryError:
        en = f"{source.name} needs more memory to be read than a file may have; split it."
        vi = f"{source.name} cần nhiều bộ nhớ hơn mức cho phép để đọc; hãy chia nhỏ tệp."
        return {"error": {"class": "InputError", "en": en, "vi": vi}, "stays": False}
    except Exception as error:  # noqa: BLE001 - a file from elsewhere may break any reader: never a traceback
        what = f"{type(error).__name__}: {words_of(error)}"
        en = f"{source.name} is damaged: it cannot be read ({what}); save or export it again."
        vi = f"{source.name} hỏng, không đọc được ({what}); hãy lưu hoặc xuất lại."
        return {"error": {"class": "InputError", "en": en, "vi": vi}, "unforeseen": what}
    return {}


def _next_request(stream: BinaryIO) -> bytes | None:
    head = stream.read(8)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 8 else None


def _limit(memory_mb: int, file_mb: int) -> None:
    """Limit address space (beyond what the program itself takes), written files and open files; no core dumps."""
    _lower(resource.RLIMIT_AS, _pages(0) + memory_mb * 2**20)
    _lower(resource.RLIMIT_FSIZE, file_mb * 2**20)
    _lower(resource.RLIMIT_NOFILE, 256)
    _lower(resource.RLIMIT_CORE, 0)


def _pages(field: int) -> int:
    """Bytes of address space (0) or of memory (1) that the process has; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[field]) * resource.getpagesize()


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (wanted, wanted))


def _limit_cpu(seconds: int) -> None:
    """Allow so many seconds from now on; the system ends the process that needs more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
