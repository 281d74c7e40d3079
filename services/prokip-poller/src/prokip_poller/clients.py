"""A client for each business's Prokip, in the dialect that its account names."""

from dataclasses import dataclass
from typing import Protocol, assert_never

import aiohttp

from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.pace import PaceLimits
from prokip_poller.pace import AccountPace, KnownPaces
from prokip_poller.storage.logins import Logins
from prokip_poller.tokens import KnownTokens, StoredTokens
from prokip_shared.connections import ConnectorCredentials, ProkipAccount, SimpleCredentials
from prokip_shared.platforms.prokip import ProkipClient
from prokip_shared.platforms.prokip_connector import ConnectorProkip
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls, ConnectorLimits
from prokip_shared.platforms.prokip_simple import SimpleLimits, SimpleProkip
from prokip_shared.platforms.prokip_tokens import SignIn
from prokip_shared.security.vault import Vault


class ProkipClients(Protocol):
    def of(self, account: ProkipAccount) -> ProkipClient: ...


@dataclass(frozen=True, slots=True)
class ClientLimits:
    simple: SimpleLimits
    connector: ConnectorLimits
    pace: PaceLimits


class HttpProkipClients:
    """Built for each use, so that new settings count from the next request on."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        logins: Logins,
        vault: Vault,
        tokens: KnownTokens,
        paces: KnownPaces,
        limits: ClientLimits,
        policy: RetryPolicy,
    ) -> None:
        self._session = session
        self._logins = logins
        self._vault = vault
        self._limits = limits
        self._policy = policy
        self._tokens = tokens
        self._paces = paces

    def of(self, account: ProkipAccount) -> ProkipClient:
        match account.credentials:
            case SimpleCredentials(token=token):
                return SimpleProkip(
                    self._session, api_url=account.api_url, token=token.get_secret_value(), limits=self._limits.simple
                )
            case ConnectorCredentials() as credentials:
                return self._connector(account, credentials)
            case _:
                assert_never(account.credentials)

    def _connector(self, account: ProkipAccount, credentials: ConnectorCredentials) -> ConnectorProkip:
        if account.contact_id is None or account.timezone is None:
            raise ValueError("a constraint of gateway.prokip_account says that a connector has both")
        limits, business_id = self._limits, account.business_id
        sign_in = SignIn(self._session, api_url=account.api_url, credentials=credentials)
        calls = ConnectorCalls(
            self._session,
            api_url=account.api_url,
            tokens=StoredTokens(
                self._logins, self._vault, sign_in, self._tokens, business_id=business_id, version=account.version
            ),
            pace=AccountPace(self._logins, self._paces, business_id, limits.pace, self._policy),
            limits=limits.connector,
        )
        return ConnectorProkip(calls, contact_id=account.contact_id, timezone=account.timezone, limits=limits.connector)
