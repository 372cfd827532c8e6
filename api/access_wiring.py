"""What stands between a caller and the routes, in which order."""

from fastapi import APIRouter
from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from phusong.api.access_middleware import KnowCaller, LocalOnly
from phusong.api.access_store import AccessStore
from phusong.api.audit import Audit, AuditLog
from phusong.api.keys import Keys
from phusong.api.middleware import HeadAsGet, RateLimit, SecurityHeaders
from phusong.api.middleware_metrics import Measure, ServiceMetrics
from phusong.api.session_routes import session_routes
from phusong.api.sessions import Sessions
from phusong.geodata.workspace import Workspace


def service_middleware(
    workspace: Workspace, *, access_control: bool, store: AccessStore, metrics: ServiceMetrics, audit: AuditLog
) -> list[Middleware]:
    """What every request passes, the first one first.

    Parameters
    ----------
    workspace
        What is served; its settings say which proxies are believed and how often callers may ask.
    access_control
        Whether callers are told apart, limited and noted; without it only this machine is answered.
    store
        Holds keys and sessions.
    metrics, audit
        Where requests are counted and noted.
    """
    outer = [Middleware(HeadAsGet), Middleware(Measure, metrics=metrics), Middleware(SecurityHeaders)]
    if not access_control:
        return [*outer, Middleware(LocalOnly)]
    settings = workspace.settings.service
    return [
        *outer[:2],
        Middleware(ProxyHeadersMiddleware, trusted_hosts=[str(network) for network in settings.trusted_proxies]),
        outer[2],  # must know whether the caller came by TLS
        Middleware(KnowCaller, keys=Keys(store), sessions=Sessions(store)),
        Middleware(RateLimit, public=settings.rate_public, known=settings.rate_known),
        Middleware(Audit, log=audit),
    ]


def people_routes(workspace: Workspace, store: AccessStore) -> APIRouter:
    """Make the paths of people who sign in, as the settings say.

    Parameters
    ----------
    workspace
        What is served.
    store
        Holds the sessions.

    Raises
    ------
    SettingsError
        The settings name a provider and no address to come back to.
    """
    settings = workspace.settings.service
    if settings.sign_in is None:
        return session_routes(Sessions(store), None, hours=0)
    from phusong.api.people import Provider  # takes long to import

    provider = Provider(settings.sign_in, public_url=settings.public_url)
    return session_routes(Sessions(store), provider, hours=settings.sign_in.session_hours)
