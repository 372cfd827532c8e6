"""A file as an answer, whole or in parts (RFC 9110, section 14), with the tag of its request."""

import re
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from phusong.api.caching import TAG
from phusong.api.problems import problem_response

_REFUSED = {
    400: ("bad-range", ("The header Range cannot be read.", "Không đọc được tiêu đề Range.")),
    416: ("no-such-range", ("The file has no such part.", "Tệp không có phần này.")),
}


class RangedFile(FileResponse):
    """A file of a run.

    Parameters
    ----------
    path
        The file.
    request
        Its tag, made before, becomes that of the file.
    name
        Name to save it under; what is no letter of ASCII, digit, point, hyphen or underscore becomes a hyphen.
    media_type
        Of the content.
    changed_at
        When the run was computed: the file is as old as that, whenever it was written.
    headers
        Further headers.
    """

    def __init__(
        self, path: Path, request: Request, *, name: str, media_type: str, changed_at: datetime, headers: dict[str, str]
    ) -> None:
        own = {"Last-Modified": format_datetime(changed_at, usegmt=True)}
        if tag := request.scope.get(TAG):
            own["ETag"] = tag
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        super().__init__(path, headers={**headers, **own}, media_type=media_type, filename=safe)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, the parts of it that are asked for, or the problem that there are none."""
        refused = 0

        async def send_or_refuse(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in _REFUSED:
                refused = message["status"]
                kind, detail = _REFUSED[refused]
                size = [value.decode() for name, value in message["headers"] if name == b"content-range"]
                ranges = {"Content-Range": size[0]} if size else {}
                await problem_response(refused, kind, detail, scope=scope, headers=ranges)(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, send_or_refuse)
