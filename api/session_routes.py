"""The paths of people: sign in, come back from the provider, see who one is, sign out."""

import html
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from phusong.api import models
from phusong.api.access import GuardedRoute, for_role
from phusong.api.access_middleware import LOGIN_COOKIE, SESSION_COOKIE, session_of
from phusong.api.callers import caller_of
from phusong.api.errors import ForbiddenError, UnauthenticatedError
from phusong.api.problems import declared, language_of
from phusong.api.sessions import LOGIN_S, Sessions, is_csrf_token

if TYPE_CHECKING:
    from phusong.api.people import Provider

_ERRORS = declared((400, 401, 403, 413, 422, 429, 500, 503))
_PAGE = """<!DOCTYPE html><html lang="{lang}"><meta charset="utf-8"><title>phusong</title>
<p>{name}: {roles}</p><form method="post" action="/logout"><input type="hidden" name="csrf_token" value="{token}">
<button>{leave}</button></form></html>"""
_FORMS_ALLOWED = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"


def session_routes(sessions: Sessions, provider: "Provider | None", *, hours: float) -> APIRouter:
    """Make the paths `/me`, and with a provider `/login`, `/callback`, `/session` and `/logout`.

    Parameters
    ----------
    sessions
        Where sessions are kept.
    provider
        Where people sign in; None where nobody does.
    hours
        How long a session lasts [h].
    """
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/me", responses=_ERRORS)
    @for_role("public")
    def me(request: Request) -> models.Me:
        """Who the caller is, and the token that changes need in a session."""
        caller, session = caller_of(request), session_of(request.scope)
        token = None if session is None else session.csrf_token
        return models.Me(name=caller.name, kind=caller.kind, roles=sorted(caller.roles), csrf_token=token)

    if provider is not None:
        _add_sign_in(router, sessions, provider, hours)
        _add_sign_out(router, sessions, provider)
    return router


def _add_sign_in(router: APIRouter, sessions: Sessions, provider: "Provider", hours: float) -> None:
    @router.get("/login", response_class=RedirectResponse, status_code=303, responses=_ERRORS)
    @for_role("public")
    async def login(
        next_path: Annotated[str, Query(alias="next", description="path to go to afterwards", max_length=1000)] = "/",
    ) -> Response:
        """Go to the provider to sign in."""
        url, begun = await provider.begin(local_path(next_path))
        response = RedirectResponse(url, status_code=303)
        _set(response, LOGIN_COOKIE, sessions.begin(begun), LOGIN_S)
        return response

    @router.get("/callback", response_class=RedirectResponse, status_code=303, responses=_ERRORS)
    @for_role("public", others_add=True)
    async def callback(
        request: Request,
        state: Annotated[str, Query(max_length=1000)] = "",
        code: Annotated[str, Query(max_length=5000)] = "",
    ) -> Response:
        """Come back from the provider."""
        begun = sessions.finish(request.cookies.get(LOGIN_COOKIE, ""))
        if begun is None or begun.state != state or not code:
            raise UnauthenticatedError(
                "This sign-in was not begun here, took too long, or was refused; begin again at /login.",
                vi="Phiên đăng nhập này không bắt đầu từ đây, quá lâu hoặc bị từ chối; hãy bắt đầu lại tại /login.",
            )
        name, roles = await provider.finish(begun, code)
        if not roles:
            raise ForbiddenError(
                f"{name} has no role here; ask the operator of the service.",
                vi=f"{name} chưa có vai trò ở đây; hãy liên hệ người vận hành dịch vụ.",
            )
        response = RedirectResponse(begun.next_path, status_code=303)
        _set(response, SESSION_COOKIE, sessions.open(name, roles, hours=hours), int(hours * 3600))
        response.delete_cookie(LOGIN_COOKIE, secure=True, httponly=True)
        return response


def _add_sign_out(router: APIRouter, sessions: Sessions, provider: "Provider") -> None:
    @router.get("/session", response_class=HTMLResponse, responses=_ERRORS)
    @for_role("public")
    def page(request: Request) -> HTMLResponse:
        """Who is signed in, with a button to sign out."""
        session = session_of(request.scope)
        if session is None:
            raise UnauthenticatedError("Nobody is signed in; begin at /login.", vi="Chưa đăng nhập; hãy vào /login.")
        language = language_of(request.scope)
        text = _PAGE.format(
            lang=language,
            name=html.escape(session.caller.name),
            roles=", ".join(sorted(session.caller.roles)),
            token=html.escape(session.csrf_token),
            leave="Đăng xuất" if language == "vi" else "Sign out",
        )
        return HTMLResponse(text, headers={"Content-Security-Policy": _FORMS_ALLOWED})

    @router.post("/logout", response_class=RedirectResponse, status_code=303, responses=_ERRORS)
    @for_role("public", body_limit_bytes=4096)
    async def logout(request: Request) -> Response:
        """End the session, here and at the provider."""
        session = session_of(request.scope)
        given = parse_qs((await request.body()).decode("latin-1")).get("csrf_token", [""])[0]
        token = request.headers.get("x-csrf-token", given)
        if session is None or not is_csrf_token(session, token):
            raise ForbiddenError(
                "Signing out needs a session and its CSRF token.", vi="Đăng xuất cần phiên đăng nhập và mã CSRF."
            )
        sessions.close(request.cookies[SESSION_COOKIE])
        response = RedirectResponse(await provider.sign_out_url() or "/", status_code=303)
        response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True)
        return response


def local_path(text: str) -> str:
    """A path of this service to go to after sign-in; the landing page for anything else."""
    parts = urlsplit(text)
    inside = text.startswith("/") and not text.startswith("//") and not parts.scheme and not parts.netloc
    return text if inside and text.isprintable() and "\\" not in text else "/"


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
