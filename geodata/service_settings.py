"""Settings of `phusong serve`: whom it believes, how often it answers, where people sign in; no run depends on them."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import pydantic
from annotated_types import Ge, Gt, Le

from phusong.geodata.toml_models import Section

Rate = Annotated[str, pydantic.StringConstraints(pattern=r"^[1-9][0-9]{0,6}/(second|minute|hour|day)$")]
Hours = Annotated[float, Gt(0), Le(168), pydantic.AllowInfNan(False)]
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def _safe_url(value: str) -> str:
    """Only this machine itself may be spoken to without TLS."""
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_NAMES)
    if not (safe and parts.hostname) or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{value!r} is no address to sign in with; write one like https://example.vn")
    return value.rstrip("/")


Url = Annotated[str, pydantic.AfterValidator(_safe_url)]


class SignIn(Section):
    """The OpenID Connect provider, and which of its groups hold which role; `roles_claim` is where it names groups."""

    issuer: Url
    client_id: str
    scope: str = "openid profile email"
    roles_claim: str = "groups"
    roles: dict[Literal["planner", "data_admin", "auditor"], tuple[str, ...]]
    session_hours: Hours = 8.0


class OpenData(Section):
    """Under which terms downloads are published, and by whom: said in every file and in the catalogue."""

    publisher: Annotated[str, pydantic.StringConstraints(min_length=1)]
    licence: Annotated[str, pydantic.StringConstraints(min_length=1)]
    licence_url: Annotated[str, pydantic.StringConstraints(pattern=r"^https?://\S+$")]
    contact: Annotated[str, pydantic.StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class ServiceSettings(Section):
    """How the service answers.

    Headers of a proxy are believed only where it calls from one of `trusted_proxies` (addresses or networks).
    `rate_public` is how often one address may ask, `rate_known` one key or session; `public_url` is the address of the
    service as browsers see it; an audit log and keys that ended are kept for `kept_days`. Answers from stations
    imported more than `stale_after_days` ago say so.
    """

    trusted_proxies: tuple[pydantic.IPvAnyNetwork, ...] = ()
    rate_public: Rate = "600/minute"
    rate_known: Rate = "6000/minute"
    public_url: Url | None = None
    sign_in: SignIn | None = None
    kept_days: Annotated[int, Ge(30), Le(36500)] = 730
    open_data: OpenData | None = None
    stale_after_days: Annotated[int, Ge(1), Le(36500)] = 180
