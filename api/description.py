"""How the OpenAPI document says who may ask what, and questions that the sample province answers."""

from typing import Any

from fastapi import FastAPI

from phusong.api.access_middleware import SESSION_COOKIE
from phusong.api.callers import Role

SCHEMES: dict[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "a key, made by `phusong keys add`"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "of somebody who signed in"},
}
BOX_PATTERN = r"^-?[0-9]+(\.[0-9]+)?(,-?[0-9]+(\.[0-9]+)?){3}$"
PLACE_PATTERN = r"^-?[0-9]+(\.[0-9]+)?,-?[0-9]+(\.[0-9]+)?$"


def security_of(role: Role) -> list[dict[str, list[str]]]:
    """Who may ask a route of a role, in the words of OpenAPI."""
    shown: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]
    return [{}, *shown] if role == "public" else shown


def describe_security(app: FastAPI) -> None:
    """Name in the document of a service what callers show."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        document.setdefault("components", {})["securitySchemes"] = SCHEMES
        return document

    app.openapi = described  # type: ignore[method-assign]
