"""The way out: HTTP to addresses that operators typed in, which must not reach inside (SSRF).

Names are resolved here and the checked address is the one that is connected to, so an answer that changes between
check and use cannot slip through. Redirects are never followed: a store that redirects is told to the operator.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Collection, Sequence
from typing import Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, abc
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace
from typing_extensions import override

CONNECTIONS_MAX: Final = 200
CONNECTIONS_PER_HOST_MAX: Final = 16
IDLE_S_MAX: Final = 15.0
USER_AGENT: Final = "prokip-sync/0.1"
ADDRESS_REFUSED: Final = "is a private or local address, which stores and ERPs may not have here"


class AddressRefused(OSError):
    """The name resolves to an address inside; allow it by ALLOWED_PRIVATE_HOSTS where that is meant.

    Has an errno and its words apart, because aiohttp shows only the words of such an OSError.
    """


def is_public(address: str) -> bool:
    """False for private, loopback, link-local, multicast, reserved and IPv4-in-IPv6 forms of those."""
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not (mapped or ip).is_multicast


class GuardedResolver(abc.AbstractResolver):
    """Resolves names, and refuses those that lead inside unless the host is on the allow-list."""

    def __init__(self, allowed_private_hosts: Collection[str]) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_private_hosts)
        self._resolver = ThreadedResolver()

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        """Raises AddressRefused if any answer lies inside: a mixed answer is an attack, not a choice."""
        results = await self._resolver.resolve(host, port, family)
        if host.lower() not in self._allowed and not all(is_public(result["host"]) for result in results):
            raise AddressRefused(errno.EACCES, f"{host} {ADDRESS_REFUSED}")
        return results

    @override
    async def close(self) -> None:
        await self._resolver.close()


class GuardedConnector(TCPConnector):
    """aiohttp does not ask the resolver about literal addresses, so they are checked here."""

    def __init__(self, allowed_private_hosts: Collection[str], *, idle_s_max: float) -> None:
        self._allowed_hosts = frozenset(host.lower() for host in allowed_private_hosts)
        super().__init__(
            resolver=GuardedResolver(allowed_private_hosts),
            limit=CONNECTIONS_MAX,
            limit_per_host=CONNECTIONS_PER_HOST_MAX,
            keepalive_timeout=idle_s_max,
            loop=asyncio.get_running_loop(),
        )

    @override
    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[Trace] | None = None
    ) -> list[abc.ResolveResult]:
        literal = host.strip("[]")
        if _is_literal(literal) and literal.lower() not in self._allowed_hosts and not is_public(literal):
            raise AddressRefused(errno.EACCES, f"{host} {ADDRESS_REFUSED}")
        return await super()._resolve_host(host, port, traces)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def open_client(
    *, allowed_private_hosts: Collection[str], timeout_s: float, idle_s_max: float = IDLE_S_MAX
) -> ClientSession:
    """A session for stores and ERPs; callers close it, and pass `allow_redirects=False` with every request.

    A connection that has been idle for `idle_s_max` is not used again. A server that closes one just as it is used leaves
    open whether it took the request; where a repeat does harm, the limit is well below what servers wait for.
    """
    return ClientSession(
        connector=GuardedConnector(allowed_private_hosts, idle_s_max=idle_s_max),
        timeout=ClientTimeout(total=timeout_s),
        headers={"User-Agent": USER_AGENT},
        cookie_jar=DummyCookieJar(),
    )
