"""Sign-in of people at an OpenID Connect provider: code flow with PKCE, by its published configuration.

The provider says who somebody is and which groups they are in; the settings say which roles these groups have.
"""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError

from phusong.api.callers import Role
from phusong.api.errors import ProviderError, UnauthenticatedError
from phusong.api.sessions import Login
from phusong.geodata.errors import SettingsError
from phusong.geodata.service_settings import SignIn

CLIENT_SECRET = "PHUSONG_OIDC_CLIENT_SECRET"
CONFIGURATION = "/.well-known/openid-configuration"
TIMEOUT_S = 10.0
# Signed by the provider's private key; "none" and shared secrets are never accepted.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class Provider:
    """The provider at which people sign in.

    Parameters
    ----------
    settings
        Its address and what its groups may do.
    public_url
        The address of this service as browsers see it.

    Raises
    ------
    SettingsError
        There is no `public_url` to come back to.
    """

    def __init__(self, settings: SignIn, *, public_url: str | None) -> None:
        if public_url is None:
            raise SettingsError(
                "[service.sign_in] needs service.public_url, the address to which people come back.",
                vi="[service.sign_in] cần service.public_url, địa chỉ để người dùng quay lại.",
            )
        self._settings = settings
        self._callback = f"{public_url}/callback"
        self._public_url = public_url
        secret = os.environ.get(CLIENT_SECRET) or None
        self._client = OAuth().register(
            "provider",
            server_metadata_url=settings.issuer.rstrip("/") + CONFIGURATION,
            client_id=settings.client_id,
            client_secret=secret,
            client_kwargs={
                "scope": settings.scope,
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_S,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def begin(self, next_path: str) -> tuple[str, Login]:
        """Where to send a browser, and what to keep until it comes back.

        Raises
        ------
        ProviderError
            The provider cannot be reached, or its configuration is another's.
        """
        await self._metadata()
        made: dict[str, str] = await self._client.create_authorization_url(self._callback)
        return made["url"], Login(made["state"], made["nonce"], made["code_verifier"], next_path)

    async def finish(self, login: Login, code: str) -> tuple[str, frozenset[Role]]:
        """Name and roles of the person whom the provider vouches for.

        Raises
        ------
        UnauthenticatedError
            The provider does not accept the code, or what it says does not hold.
        ProviderError
            It cannot be reached.
        """
        metadata = await self._metadata()
        try:
            token = await self._client.fetch_access_token(
                redirect_uri=self._callback, code=code, code_verifier=login.code_verifier
            )
            claims = await self._client.parse_id_token(
                token,
                nonce=login.nonce,
                claims_options={
                    "iss": {"essential": True, "value": metadata["issuer"]},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
            )
            if claims is not None and self._settings.roles_claim not in claims and "userinfo_endpoint" in metadata:
                further = await self._client.userinfo(token=token)
                claims = {**further, **claims} if further.get("sub") == claims["sub"] else claims
        except httpx2.HTTPError as error:
            raise _unreachable(self._settings.issuer) from error
        except (AuthlibBaseError, JoseError) as error:
            raise _not_vouched() from error
        if claims is None:
            raise _not_vouched()
        return _name(claims), self._roles(claims)

    async def sign_out_url(self) -> str | None:
        """Where the provider ends its own session, if it does."""
        endpoint = (await self._metadata()).get("end_session_endpoint")
        question = urlencode(
            {"client_id": self._settings.client_id, "post_logout_redirect_uri": f"{self._public_url}/"}
        )
        return f"{endpoint}?{question}" if endpoint else None

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        given = claims.get(self._settings.roles_claim, ())
        groups = {given} if isinstance(given, str) else set(given)
        return frozenset(role for role, names in self._settings.roles.items() if groups & set(names))

    async def _metadata(self) -> dict[str, Any]:
        try:
            metadata: dict[str, Any] = await self._client.load_server_metadata()
        except (httpx2.HTTPError, ValueError) as error:
            raise _unreachable(self._settings.issuer) from error
        if metadata.get("issuer", "").rstrip("/") != self._settings.issuer.rstrip("/"):
            self._client.server_metadata.clear()
            raise _unreachable(self._settings.issuer)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS]
        return metadata


def _name(claims: Mapping[str, Any]) -> str:
    """What the audit log calls somebody: the name they know, and the id that stays the same."""
    known = claims.get("preferred_username") or claims.get("email")
    return f"{known} ({claims['sub']})" if known and known != claims["sub"] else str(claims["sub"])


def _unreachable(issuer: str) -> ProviderError:
    return ProviderError(
        f"The sign-in provider {issuer} does not answer as it should; try again later.",
        vi=f"Nhà cung cấp đăng nhập {issuer} không trả lời đúng; hãy thử lại sau.",
    )


def _not_vouched() -> UnauthenticatedError:
    return UnauthenticatedError(
        "The provider did not confirm the sign-in; begin again at /login.",
        vi="Nhà cung cấp không xác nhận đăng nhập; hãy bắt đầu lại tại /login.",
    )
