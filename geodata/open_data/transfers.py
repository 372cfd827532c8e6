"""One file over HTTP: in several attempts, each going on where the last broke off, held against length and digests."""

import base64
import datetime
import email.utils
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx

from phusong.geodata.errors import DownloadError

MIN_BYTES_PER_S = 500.0  # averaged over the patience: a slower transfer is broken off and taken up again
MAX_WAIT_S = 300.0
RECORD = ".download.json"
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_ABSENT = (403, 404, 410)  # S3 says 403 for what is not there where listing is not allowed
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "phusong (open data download)"}
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512, "md5": hashlib.md5}


def transfer(
    url: str, part: Path, *, attempts: int, patience_s: float, sleep: Callable[[float], None],
    report: Callable[[float, float | None], None],
) -> str:  # fmt: skip
    """Bring a file to `part`; after a failure what has arrived stays there, to be continued.

    Parameters
    ----------
    url
        Address of the file.
    part
        Where it is collected.
    attempts
        How often it is tried; the wait between two doubles, give or take a half, or is what the server asks for.
    patience_s
        How long to wait for a connection or for the next bytes [s].
    sleep
        Waits so many seconds.
    report
        Is told the bytes there and in all (None where unknown).

    Returns
    -------
    str
        The file's entity tag; "" without one.

    Raises
    ------
    DownloadError
        It did not arrive.
    """
    fault = ""
    with httpx.Client(timeout=patience_s, follow_redirects=True, headers=_HEADERS) as client:
        for attempt in range(attempts):
            wait_s = 2.0**attempt * random.uniform(0.5, 1.5)
            try:
                return _attempt(client, url, part, patience_s, report)
            except _TryAgainError as error:
                fault, wait_s = str(error), wait_s if error.wait_s is None else error.wait_s
            except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
                raise failed(url, f"cannot be asked for ({error})", f"không truy cập được ({error})") from error
            except httpx.TransportError as error:
                fault = str(error) or type(error).__name__
            if attempt + 1 < attempts:
                sleep(wait_s)
    raise failed(
        url, f"did not arrive in {attempts} attempts ({fault}); run again to go on where it stopped",
        f"chưa tải được sau {attempts} lần thử ({fault}); hãy chạy lại để tải tiếp",
    )  # fmt: skip


def digest(path: Path, name: str = "sha-256") -> bytes:
    """Hash of a file's content, by the hash's name in HTTP."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _HASHES[name]).digest()


def forget(part: Path) -> None:
    """Remove what is known of a half file, which then cannot be continued."""
    part.with_name(f"{part.name}{RECORD}").unlink(missing_ok=True)


def failed(where: str, fault: str, fault_vi: str) -> DownloadError:
    """The error of a file: its name, its place and what is wrong."""
    name = urlsplit(where).path.rstrip("/").rpartition("/")[2]
    return DownloadError(f"{name} ({where}) {fault}.", vi=f"{name} ({where}) {fault_vi}.")


class _TryAgainError(Exception):
    """A fault that may pass; `wait_s` is what the server asks for."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _attempt(
    client: httpx.Client, url: str, part: Path, patience_s: float, report: Callable[[float, float | None], None]
) -> str:
    begun, etag = _begun(part)
    with client.stream("GET", url, headers={"Range": f"bytes={begun}-", "If-Range": etag} if begun else {}) as answer:
        if answer.status_code == 416:
            forget(part)
            raise _TryAgainError("the server has another file now", wait_s=0.0)
        _validate_answer(url, answer)
        if answer.status_code != 206:
            begun = 0
        etag = str(answer.headers.get("ETag", ""))
        part.with_name(f"{part.name}{RECORD}").write_text(json.dumps({"etag": etag}), encoding="utf-8")
        stated = answer.headers.get("Content-Length")
        with part.open("ab" if begun else "wb") as file:
            for piece in _steadily(answer, patience_s):
                file.write(piece)
                report(float(file.tell()), begun + float(stated) if stated else None)
        if stated is not None and part.stat().st_size != begun + int(stated):
            raise _TryAgainError("the transfer broke off")
        _validate_digests(part, answer, whole=not begun)
    return etag


def _begun(part: Path) -> tuple[int, str]:
    """Bytes of an earlier attempt and the tag of the file that they belong to; 0 where they cannot be continued."""
    record = part.with_name(f"{part.name}{RECORD}")
    if not (part.is_file() and record.is_file()):
        return 0, ""
    etag = str(json.loads(record.read_text(encoding="utf-8"))["etag"])
    usable = etag and not etag.startswith("W/")  # If-Range takes strong tags only (RFC 9110, 13.1.5)
    return (part.stat().st_size, etag) if usable else (0, "")


def _validate_answer(url: str, answer: httpx.Response) -> None:
    status = answer.status_code
    if urlsplit(url).scheme == "https" and answer.url.scheme != "https":
        raise failed(url, "leads away from https", "bị chuyển khỏi https")
    if status in _BUSY:
        wait_s = _asked_wait_s(answer.headers.get("Retry-After", ""))
        if wait_s is not None and wait_s > MAX_WAIT_S:
            raise failed(
                url, f"cannot be had now: the server asks to wait {wait_s:.0f} s; run again later",
                f"chưa tải được: máy chủ yêu cầu đợi {wait_s:.0f} giây; hãy chạy lại sau",
            )  # fmt: skip
        raise _TryAgainError(f"status {status}", wait_s=wait_s)
    if status in _ABSENT:
        raise failed(url, f"is not there (status {status})", f"không có (mã {status})")
    if status not in (200, 206):
        raise failed(url, f"was answered with status {status}", f"được trả lời với mã {status}")


def _steadily(answer: httpx.Response, patience_s: float) -> Iterator[bytes]:
    """The pieces of an answer; one that only drips is broken off."""
    since, arrived = time.monotonic(), 0
    for piece in answer.iter_raw():
        arrived += len(piece)
        yield piece
        waited_s = time.monotonic() - since
        if waited_s > patience_s:
            if arrived < MIN_BYTES_PER_S * waited_s:
                raise _TryAgainError(f"only {arrived} bytes in {waited_s:.0f} s")
            since, arrived = time.monotonic(), 0


def _validate_digests(part: Path, answer: httpx.Response, *, whole: bool) -> None:
    for name, expected in _stated_digests(answer, whole=whole):
        if digest(part, name) != expected:
            forget(part)
            raise _TryAgainError(f"wrong checksum ({name})")


def _stated_digests(answer: httpx.Response, *, whole: bool) -> Iterator[tuple[str, bytes]]:
    """Digests of the file: RFC 9530 Repr-Digest, S3's checksum, and Content-MD5 of an answer that holds all of it."""
    for entry in answer.headers.get("Repr-Digest", "").split(","):
        name, _, value = entry.strip().partition("=")
        if name.lower() in _HASHES and value.startswith(":"):
            yield name.lower(), base64.b64decode(value.strip(":"))
    amazon = answer.headers.get("x-amz-checksum-sha256", "")
    if amazon and "-" not in amazon:  # with a hyphen it is a checksum of the checksums of parts
        yield "sha-256", base64.b64decode(amazon)
    if whole and answer.headers.get("Content-MD5"):
        yield "md5", base64.b64decode(answer.headers["Content-MD5"])


def _asked_wait_s(text: str) -> float | None:
    """Retry-After in seconds: a number of them, or a date (RFC 9110, 10.2.3)."""
    if text.strip().isdigit():
        return float(text)
    try:
        day = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (day - datetime.datetime.now(datetime.UTC)).total_seconds()) if day.tzinfo else None
