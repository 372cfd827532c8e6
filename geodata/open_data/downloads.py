"""Files brought into a cache from a provider, or from a mirror: whole and checked, or not at all.

A mirror, be it a folder or an address, has every file at `host/path` as the provider has it. The cache is laid out the
same way, so that one machine's cache is another's mirror. What lies in the cache with its recorded sha256 is used
without a request.
"""

import datetime
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2 as httpx

from phusong.geodata.errors import DiskFullError, DownloadError, InputError
from phusong.geodata.open_data.contents import Kind, fault_of
from phusong.geodata.open_data.transfers import RECORD, digest, failed, forget, transfer
from phusong.geodata.reports import Note

ATTEMPTS = 6
PATIENCE_S = 30.0
CONFIRM_BYTES = 2e9
SUMS = "SHA256SUMS"

_QUERIED = (
    "; it is the answer to a query for this very area: run the same command where there is the Internet and copy its "
    "cache, or leave settlements, places and stations out with --layers",
    "; đây là kết quả truy vấn cho đúng vùng này: hãy chạy cùng lệnh ở nơi có Internet rồi chép bộ nhớ đệm, hoặc bỏ "
    "settlements, places và stations bằng --layers",
)  # what to do about a file named by the hash of its query


@dataclass(frozen=True)
class Resource:
    """A file of a provider: its address, what it must hold, and about how large it is [bytes]."""

    url: str
    kind: Kind
    about_bytes: float = 1e6

    @property
    def path(self) -> str:
        """Place below a mirror and in the cache: host and path; a query is named by its hash."""
        parts = urlsplit(self.url)
        path = f"{parts.netloc}{unquote(parts.path)}"
        if parts.query:
            path += f"/{hashlib.sha256(parts.query.encode()).hexdigest()[:16]}.json"
        elif path.endswith("/"):
            path += "index.json"
        if parts.scheme not in ("http", "https") or ".." in path.split("/") or set("\\:@\0") & set(path):
            raise DownloadError(f"{self.url} is no address of a file.", vi=f"{self.url} không phải địa chỉ của tệp.")
        return path


@dataclass
class Downloads:
    """A cache and where its files come from.

    `mirror` is the address or the folder of a mirror, None for the providers. `progress` is called with the bytes
    there and in all, the latter an estimate; `sleep` waits between attempts, `patience_s` is how long bytes may take.
    `hashes` has the sha256 of every file asked for, by address; `notes` what a user should know.
    """

    cache: Path
    mirror: str | None = None
    progress: Callable[[float, float], None] = lambda _done, _total: None
    patience_s: float = PATIENCE_S
    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep
    hashes: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    _sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    _sums: dict[str, str] | None = None

    def plan(self, resources: Sequence[Resource], *, confirmed: bool, room_bytes: float = 0.0) -> None:
        """Refuse a download that is large and not confirmed, or too large for the disk.

        Parameters
        ----------
        resources
            All that will be asked for.
        confirmed
            Whether the user has agreed to a large download.
        room_bytes
            Disk that the work after the download takes.

        Raises
        ------
        InputError
            More than `CONFIRM_BYTES` are missing, and not `confirmed`.
        DiskFullError
            The disk of the cache has not enough room.
        """
        missing = [resource for resource in resources if not _record(self.cache / resource.path).is_file()]
        self._sizes.update({resource.path: (0.0, resource.about_bytes) for resource in missing})
        needed = sum(about for _, about in self._sizes.values())
        if needed > CONFIRM_BYTES and not confirmed:
            size, files = f"{needed / 1e9:.1f} GB", len(missing)
            raise InputError(
                f"This is a download of about {size} in {files} files; give --yes to go on, or a smaller polygon.",
                vi=f"Cần tải khoảng {size} trong {files} tệp; hãy thêm --yes để tiếp tục, hoặc dùng vùng nhỏ hơn.",
            )
        self.cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.cache).free
        if needed + room_bytes > free:
            need, there = f"{(needed + room_bytes) / 1e6:.0f} MB", f"{free / 1e6:.0f} MB"
            raise DiskFullError(
                f"About {need} are needed and the disk of {self.cache} has {there} free; make room, or give --cache.",
                vi=f"Cần khoảng {need} mà ổ đĩa của {self.cache} còn {there}; hãy giải phóng chỗ, hoặc dùng --cache.",
            )

    def get(self, resource: Resource) -> Path:
        """The file in the cache, downloaded if it is not there yet.

        Raises
        ------
        DownloadError
            It cannot be had: not there, not reachable, damaged, or of another kind. What arrived is kept for the next
            try.
        """
        target = self.cache / resource.path
        if resource.url in self.hashes:
            return target
        known = self._kept(target)
        if known is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            known = self._bring(resource, target)
        self.hashes[resource.url] = known
        size = float(target.stat().st_size)
        self._report(resource, size, size)
        return target

    def _kept(self, target: Path) -> str | None:
        """The sha256 of a file that is in the cache, whole and unchanged."""
        if not (target.is_file() and _record(target).is_file()):
            return None
        expected = _recorded(target)
        if digest(target).hex() == expected:
            return expected
        self.notes.append(
            Note(
                f"{target.name} in the cache was changed or damaged and is downloaded again",
                f"{target.name} trong bộ nhớ đệm đã bị đổi hoặc hỏng nên được tải lại",
            )
        )
        _record(target).unlink()
        target.unlink()
        return None

    def _bring(self, resource: Resource, target: Path) -> str:
        part, etag = target.with_name(f"{target.name}.part"), ""
        where = resource.url if self.mirror is None else f"{self.mirror.rstrip('/')}/{resource.path}"
        if where.startswith(("http://", "https://")):
            etag = transfer(
                where, part, attempts=self.attempts, patience_s=self.patience_s, sleep=self.sleep,
                report=lambda done, total: self._report(resource, done, total or resource.about_bytes),
            )  # fmt: skip
        elif Path(where).is_file():
            shutil.copyfile(where, part)
        else:
            remedy, remedy_vi = _QUERIED if urlsplit(resource.url).query else ("", "")
            raise failed(
                where, f"is not there: the mirror lacks it{remedy}", f"không có: bản sao thiếu tệp này{remedy_vi}"
            )
        fault, sha256 = fault_of(part, resource.kind), digest(part).hex()
        if fault is None and self._listed(resource, where) not in (None, sha256):
            fault = ("has another checksum than the mirror states", "có mã kiểm tra khác với bản sao đã ghi")
        forget(part)
        if fault is not None:
            part.unlink()
            raise failed(where, *fault)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        record = {"url": resource.url, "sha256": sha256, "bytes": part.stat().st_size, "etag": etag, "fetched_at": now}
        os.replace(part, target)
        _record(target).write_text(json.dumps(record, indent=1), encoding="utf-8")
        return sha256

    def _listed(self, resource: Resource, where: str) -> str | None:
        """The sha256 that a mirror states for a file: in its list, or, if it is another cache, in the file's record."""
        if self.mirror is None:
            return None
        if self._sums is None:
            self._sums = _read_sums(self._sums_text(self.mirror.rstrip("/")))
        if resource.path not in self._sums and _record(Path(where)).is_file():
            return _recorded(Path(where))
        return self._sums.get(resource.path)

    def _sums_text(self, mirror: str) -> str:
        if not mirror.startswith(("http://", "https://")):
            file = Path(mirror) / SUMS
            return file.read_text(encoding="utf-8") if file.is_file() else ""
        try:
            answer = httpx.get(f"{mirror}/{SUMS}", timeout=self.patience_s, follow_redirects=True)
        except httpx.TransportError as error:
            raise failed(f"{mirror}/{SUMS}", f"did not arrive ({error})", f"không tải được ({error})") from error
        return answer.text if answer.status_code == 200 else ""

    def _report(self, resource: Resource, done: float, total: float) -> None:
        self._sizes[resource.path] = (done, max(done, total))
        self.progress(sum(done for done, _ in self._sizes.values()), sum(total for _, total in self._sizes.values()))


def _record(target: Path) -> Path:
    return target.with_name(f"{target.name}{RECORD}")


def _recorded(target: Path) -> str:
    return str(json.loads(_record(target).read_text(encoding="utf-8"))["sha256"])


def _read_sums(text: str) -> dict[str, str]:
    """Lines of sha256 and path, as `sha256sum` writes them."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if len(line.split(maxsplit=1)) == 2)
    return {path.lstrip("*").removeprefix("./"): sha256.lower() for sha256, path in pairs if len(sha256) == 64}
