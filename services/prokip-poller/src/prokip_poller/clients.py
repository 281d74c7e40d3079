"""A client for each business's Prokip, in the dialect that its account names."""

from typing import Protocol, assert_never

import aiohttp

from prokip_shared.connections import ProkipAccount
from prokip_shared.platforms.prokip import ProkipClient
from prokip_shared.platforms.prokip_simple import SimpleLimits, SimpleProkip


class ProkipClients(Protocol):
    def of(self, account: ProkipAccount) -> ProkipClient: ...


class HttpProkipClients:
    """Built for each use, so that new settings count from the next request on."""

    def __init__(self, session: aiohttp.ClientSession, limits: SimpleLimits) -> None:
        self._session = session
        self._limits = limits

    def of(self, account: ProkipAccount) -> ProkipClient:
        match account.dialect:
            case "simple":
                token = account.token.get_secret_value()
                return SimpleProkip(self._session, api_url=account.api_url, token=token, limits=self._limits)
            case _:
                assert_never(account.dialect)
