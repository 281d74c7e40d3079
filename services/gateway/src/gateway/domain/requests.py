"""Decisions about who sends a request, as functions of header values."""

from collections.abc import Sequence
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_may_act(method: str, *, sec_fetch_site: str | None, origin: str | None, host: str) -> bool:
    """True when a request that only a cookie vouches for comes from our own pages.

    Browsers send Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/); older ones at least Origin. A request
    with neither cannot be told from a forged one, so it is refused.
    """
    if method in SAFE_METHODS:
        return True
    if sec_fetch_site is not None:
        return sec_fetch_site == "same-origin"
    return origin is not None and urlsplit(origin).netloc.lower() == host.lower()


def client_address(peer: str, forwarded_for: Sequence[str], *, proxies_trusted: int) -> str:
    """The caller's address: each trusted proxy appended the one it saw, so the n-th from the end is true.

    What stands before it was sent by the client and proves nothing.
    """
    if proxies_trusted == 0:
        return peer
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",") if hop.strip()]
    return hops[-proxies_trusted] if len(hops) >= proxies_trusted else peer
