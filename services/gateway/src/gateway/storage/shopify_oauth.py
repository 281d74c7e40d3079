"""Ways to Shopify's consent page, grants that wait for a choice, and tokens that are due."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from prokip_shared.connections import ShopifyCredentials
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.directory import open_credentials, seal_credentials
from prokip_shared.security.vault import Vault, VaultError


@dataclass(frozen=True, slots=True)
class Consent:
    user_id: int
    business_id: int
    location_id: str


@dataclass(frozen=True, slots=True)
class Install:
    """A grant that waits for the operator to choose a location."""

    shop: str
    location_id: str
    credentials: ShopifyCredentials


@dataclass(frozen=True, slots=True)
class DueTokens:
    connection_id: int
    business_id: int
    shop: str
    credentials: ShopifyCredentials | None
    """None: sealed with another key than ours."""


class ShopifyGrants:
    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._queries = load_queries("gateway", "shopify_oauth.sql")

    async def begin(
        self,
        *,
        state_hash: bytes,
        browser_hash: bytes,
        user_id: int,
        business_id: int,
        shop: str,
        location_id: str,
        lives_s: float,
    ) -> None:
        await self._pool.execute(
            self._queries["begin_consent"], state_hash, browser_hash, user_id, business_id, shop, location_id, lives_s
        )

    async def take(self, *, state_hash: bytes, browser_hash: bytes, shop: str) -> Consent | None:
        """None: forged, used, too late, or another browser's."""
        row = await self._pool.fetchrow(self._queries["take_consent"], state_hash, browser_hash, shop)
        if row is None or not await self._pool.fetchval(self._queries["is_member"], row["user_id"], row["business_id"]):
            return None
        return Consent(**row)

    async def save_install(self, business_id: int, install: Install, *, lives_s: float) -> UUID:
        install_id = uuid4()
        sealed = seal_credentials(self._vault, business_id, install.shop, install.credentials)
        await self._pool.execute(
            self._queries["save_install"], install_id, business_id, install.shop, install.location_id, sealed, lives_s
        )
        return install_id

    async def install(self, business_id: int, install_id: UUID) -> Install | None:
        row = await self._pool.fetchrow(self._queries["install_of_business"], install_id, business_id)
        if row is None:
            return None
        return Install(row["shop"], row["location_id"], self._open(business_id, row["shop"], row["credentials"]))

    async def forget_install(self, business_id: int, install_id: UUID) -> None:
        await self._pool.execute(self._queries["forget_install"], install_id, business_id)

    async def forget_past(self) -> None:
        await self._pool.execute(self._queries["forget_past_consents"])
        await self._pool.execute(self._queries["forget_past_installs"])

    async def claim_due(self, connection: Connection) -> DueTokens | None:
        row = await connection.fetchrow(self._queries["claim_due_tokens"])
        if row is None:
            return None
        try:
            credentials = self._open(row["business_id"], row["store_key"], row["credentials"])
        except VaultError:
            credentials = None
        return DueTokens(row["id"], row["business_id"], row["store_key"], credentials)

    async def save_tokens(
        self, connection: Connection, due: DueTokens, credentials: ShopifyCredentials, due_at: datetime | None
    ) -> None:
        sealed = seal_credentials(self._vault, due.business_id, due.shop, credentials)
        await connection.execute(self._queries["save_tokens"], due.connection_id, sealed, due_at)

    async def later(self, connection: Connection, due: DueTokens, *, in_s: float) -> None:
        await connection.execute(self._queries["tokens_later"], due.connection_id, in_s)

    async def withdrawn(self, connection: Connection, due: DueTokens, *, detail: str) -> None:
        await connection.execute(self._queries["tokens_withdrawn"], due.connection_id)
        await connection.execute(self._queries["say_why_withdrawn"], due.connection_id, due.business_id, detail)

    def _open(self, business_id: int, shop: str, sealed: bytes) -> ShopifyCredentials:
        credentials = open_credentials(self._vault, business_id, "shopify", shop, sealed)
        assert isinstance(credentials, ShopifyCredentials)  # noqa: S101  # sealed under a context that names Shopify
        return credentials
