"""Prokip while it is being set up: read-only calls with an account's settings, before they are kept."""

from dataclasses import dataclass

from aiohttp import ClientSession

from prokip_shared.connections import ConnectorCredentials, ProkipCredentials, SimpleCredentials
from prokip_shared.platforms.prokip import StockCheck
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls, ConnectorLimits, NoPace
from prokip_shared.platforms.prokip_connector_setup import Choices, ConnectorSetup
from prokip_shared.platforms.prokip_simple import SimpleLimits, SimpleProkip
from prokip_shared.platforms.prokip_tokens import MemoryTokens, SignIn


@dataclass(frozen=True, slots=True)
class ProkipOffice:
    """Tries settings that an operator typed in; the session is the guarded one."""

    session: ClientSession
    timeout_s: float
    """For each answer."""

    async def check(
        self,
        api_url: str,
        credentials: ProkipCredentials,
        location_id: str,
        *,
        contact_id: int | None,
        timezone: str | None,
    ) -> StockCheck:
        """A problem is a result here, never an error."""
        match credentials:
            case SimpleCredentials():
                return await self._check_simple(api_url, credentials, location_id)
            case ConnectorCredentials():
                return await self._check_connector(
                    api_url, credentials, location_id, contact_id=contact_id, timezone=timezone
                )

    async def choices(self, api_url: str, credentials: ConnectorCredentials) -> Choices:
        """Raises ProkipError."""
        return await self._setup(api_url, credentials).choices()

    async def _check_simple(self, api_url: str, credentials: SimpleCredentials, location_id: str) -> StockCheck:
        token = credentials.token.get_secret_value()
        limits = SimpleLimits(read_timeout_s=self.timeout_s)
        return await SimpleProkip(self.session, api_url=api_url, token=token, limits=limits).check(location_id)

    async def _check_connector(
        self,
        api_url: str,
        credentials: ConnectorCredentials,
        location_id: str,
        *,
        contact_id: int | None,
        timezone: str | None,
    ) -> StockCheck:
        setup = self._setup(api_url, credentials)
        return await setup.check(location_id, contact_id=contact_id, timezone=timezone)

    def _setup(self, api_url: str, credentials: ConnectorCredentials) -> ConnectorSetup:
        tokens = MemoryTokens(SignIn(self.session, api_url=api_url, credentials=credentials))
        limits = ConnectorLimits(read_timeout_s=self.timeout_s, page_tries=1)
        return ConnectorSetup(
            ConnectorCalls(self.session, api_url=api_url, tokens=tokens, pace=NoPace(), limits=limits)
        )
