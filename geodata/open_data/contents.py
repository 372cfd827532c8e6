"""Whether a downloaded file is what it should be: a web page or a pointer in its place is found by its first bytes."""

import json
from pathlib import Path
from typing import Literal

Kind = Literal["tiff", "json", "overpass", "text"]
Fault = tuple[str, str]

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_LFS = b"version https://git-lfs"
_PAGE: Fault = (
    "is a web page in place of a file; a proxy or a log-in page may stand between",
    "là trang web chứ không phải tệp; có thể do proxy hoặc trang đăng nhập",
)
_POINTER: Fault = ("is a Git LFS pointer in place of the file", "là con trỏ Git LFS chứ không phải tệp")
_DAMAGED: Fault = ("is damaged", "bị hỏng")


def fault_of(path: Path, kind: Kind) -> Fault | None:
    """What is wrong with a file, in English and in Vietnamese; None if it is of its kind."""
    with path.open("rb") as file:
        head = file.read(512)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return _PAGE
    if start.startswith(_LFS):
        return _POINTER
    if kind == "tiff":
        return None if head.startswith(_TIFF) else _DAMAGED
    return None if kind == "text" else _json_fault(path, kind)


def _json_fault(path: Path, kind: Kind) -> Fault | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return _DAMAGED
    if kind != "overpass":
        return None
    remark = str(content.get("remark", "")) if isinstance(content, dict) else "no object"
    if not isinstance(content, dict) or "error" in remark or "elements" not in content:
        return f"is an incomplete answer: {remark}", f"là câu trả lời không đầy đủ: {remark}"
    return None
