"""Who asks, when a proxy stands in front of the web server.

REMOTE_ADDR is the proxy's address then, for everybody: limits would count all people as one, and
lists of sessions and the audit log would name the proxy. What a proxy says of its client is in
headers, which anybody can send. So they are believed of a trusted proxy only, from the right: each
proxy adds the address it was called from at the end, and what stands left of that came with the
request.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeAlias

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class ClientMiddleware:
    """Sets REMOTE_ADDR and the scheme to the client's; stands before all that read them.

    Afterwards the headers are gone, so that nothing else can believe them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._trusted: tuple[Network, ...] = settings.TRUSTED_PROXIES

    def __call__(self, request: HttpRequest) -> HttpResponse:
        set_client(request.META, self._trusted)
        return self._get_response(request)


def set_client(environ: dict[str, Any], trusted: Iterable[Network]) -> None:
    """Write the client's address and scheme over those of the connection."""
    forwarded = environ.pop("HTTP_X_FORWARDED_FOR", "")
    scheme = environ.pop("HTTP_X_FORWARDED_PROTO", "")
    peer = address_of(environ.get("REMOTE_ADDR", ""))
    if peer is None:
        return
    environ["REMOTE_ADDR"] = str(client_of(peer, forwarded, trusted))
    if scheme in {"http", "https"} and is_in(peer, trusted):
        environ["wsgi.url_scheme"] = scheme


def client_of(peer: Address, forwarded: str, trusted: Iterable[Network]) -> Address:
    """Return the first address, from us outwards, that is no trusted proxy's.

    Args:
        peer: who is connected.
        forwarded: X-Forwarded-For; what cannot be read in it ends the way.
        trusted: where our proxies are.
    """
    client = peer
    for hop in reversed(forwarded.split(",")):
        before = address_of(hop)
        if before is None or not is_in(client, trusted):
            break
        client = before
    return client


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether one of the networks holds the address."""
    return any(address in network for network in networks)


def address_of(text: str) -> Address | None:
    """Read an address as proxies write it, perhaps in brackets or with a port; else None.

    IPv4 inside IPv6, as a socket of both names it, is IPv4: else all of it were one network.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # The name of an interface of another machine says nothing here.
        return None if address.scope_id else address.ipv4_mapped or address
    return address
