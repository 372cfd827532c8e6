"""Errors as the service answers them: problem+json (RFC 9457) in English or Vietnamese, from one table."""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import Scope

from phusong.api.callers import ANYBODY, CALLER, Caller
from phusong.api.errors import (
    USER_ERRORS,
    QueueFullError,
    UnauthenticatedError,
    problem_of,
    sentences_of,
)
from phusong.api.models import Problem
from phusong.maps.text import Language

MEDIA_TYPE = "application/problem+json"
TITLES: dict[int, tuple[str, str]] = {
    400: ("Bad request", "Yêu cầu không hợp lệ"),
    401: ("Not signed in", "Chưa xác thực"),
    403: ("Not allowed", "Không được phép"),
    404: ("Not found", "Không tìm thấy"),
    405: ("Method not allowed", "Phương thức không được phép"),
    406: ("Not available in this form", "Không có ở định dạng này"),
    409: ("Data missing", "Thiếu dữ liệu"),
    413: ("Request too large", "Yêu cầu quá lớn"),
    415: ("Unknown kind of data", "Loại dữ liệu không được hỗ trợ"),
    416: ("No such part", "Không có phần này"),
    422: ("Parameter out of range", "Tham số không hợp lệ"),
    429: ("Too many requests", "Quá nhiều yêu cầu"),
    500: ("Internal error", "Lỗi nội bộ"),
    503: ("Cannot answer now", "Tạm thời không trả lời được"),
}
_HIDDEN = (
    "The service cannot answer this now; its operator finds the reason in the log.",
    "Dịch vụ tạm thời không trả lời được; người vận hành xem lý do trong nhật ký.",
)
_PART = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*(1(?:\.0{0,3})?|0(?:\.\d{0,3})?)\s*)?")

log = logging.getLogger("phusong.service")


def language_of(scope: Scope) -> Language:
    """The language that a request prefers: Vietnamese where `Accept-Language` ranks it before English, else English."""
    header = b",".join(value for name, value in scope["headers"] if name == b"accept-language")
    return _preferred(header.decode("latin-1")) if header else "en"


def problem_response(
    status: int, kind: str, detail: tuple[str, str], *, scope: Scope, headers: dict[str, str] | None = None
) -> JSONResponse:
    """The answer that is an error.

    Parameters
    ----------
    status
        One of `TITLES`, or any other HTTP status.
    kind
        Short name of the problem, the end of its `type`.
    detail
        What is wrong and what to do, in English and in Vietnamese.
    scope
        Of the request; its headers choose the language.
    headers
        Further headers.
    """
    language = language_of(scope)
    title = TITLES.get(status, (f"Status {status}", f"Mã {status}"))
    chosen = 1 if language == "vi" else 0
    body = Problem(
        type=f"urn:phusong:problem:{kind}", title=title[chosen], status=status, detail=" ".join(detail[chosen].split())
    )
    own = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers={**own, **(headers or {})}
    )


def error_response(error: Exception, scope: Scope) -> JSONResponse:
    """The answer for one of `USER_ERRORS`. What is wrong inside (5xx) is told to planners, and logged for others.

    Parameters
    ----------
    error
        What was raised.
    scope
        Of the request.
    """
    status, kind = problem_of(error)
    detail = sentences_of(error)
    caller: Caller = scope.get(CALLER, ANYBODY)
    if status >= 500 and not caller.sees_levels:
        log.error("%s: %s", kind, detail[0])
        detail = _HIDDEN
    headers = {"WWW-Authenticate": 'Bearer realm="phusong"'} if isinstance(error, UnauthenticatedError) else {}
    if isinstance(error, QueueFullError):
        headers["Retry-After"] = str(error.retry_after_s)
    return problem_response(status, kind, detail, scope=scope, headers=headers)


def declared(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The statuses of errors as FastAPI describes them."""
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {}}} for status in statuses}


def add_error_handlers(app: FastAPI) -> None:
    """Let a service answer every error as problem+json."""

    def user_error(request: Request, error: Exception) -> JSONResponse:
        return error_response(error, request.scope)

    def bad_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        detail = (f"Bad parameter, {faults}.", f"Tham số không hợp lệ, {faults}.")
        return problem_response(422, "bad-parameter", detail, scope=request.scope)

    def not_served(request: Request, error: HTTPException) -> JSONResponse:
        detail = (
            f"{error.detail}; / lists what is served.",
            f"Không phục vụ yêu cầu này ({error.status_code}); xem danh sách tại /.",
        )
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(sorted(_methods_of(app, request.url.path)))
        return problem_response(error.status_code, "not-served", detail, scope=request.scope, headers=headers)

    def fault(request: Request, _error: Exception) -> JSONResponse:
        detail = ("An internal error; the log of the service tells more.", "Lỗi nội bộ; xem nhật ký của dịch vụ.")
        return problem_response(500, "internal", detail, scope=request.scope)

    handlers: dict[Any, Any] = dict.fromkeys(USER_ERRORS, user_error)
    handlers |= {RequestValidationError: bad_parameter, HTTPException: not_served, Exception: fault}
    for kind, handler in handlers.items():
        app.exception_handler(kind)(handler)


def _methods_of(app: FastAPI, path: str) -> set[str]:
    """What all routes of a path take; the error names the methods of the first alone."""
    routes = (each for each in iter_route_contexts(app.routes) if compile_path(str(each.path))[0].match(path))
    methods = {method for each in routes for method in getattr(each.original_route, "methods", None) or ()}
    return methods | ({"HEAD"} if "GET" in methods else set())


@lru_cache(maxsize=256)
def _preferred(header: str) -> Language:
    weights: dict[str, float] = {}
    for part in header.split(","):
        found = _PART.fullmatch(part)
        if found:
            weights[found[1].lower()] = max(weights.get(found[1].lower(), 0.0), float(found[2] or 1))
    anything = weights.get("*", 0.0)
    return "vi" if weights.get("vi", anything) > weights.get("en", anything) else "en"
