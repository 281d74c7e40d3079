"""Ways to a WooCommerce store's approval page, and the keys that it posted, sealed until the browser is back."""

import hmac
import json
from dataclasses import dataclass, field

from pydantic import SecretStr

from prokip_shared.database import Pool, load_queries
from prokip_shared.security.vault import Vault


@dataclass(frozen=True, slots=True)
class PostedKeys:
    consumer_key: SecretStr
    consumer_secret: SecretStr


@dataclass(frozen=True, slots=True)
class WayToStore:
    """The secrets of one way as hashes, and who goes where."""

    state_hash: bytes
    ticket_hash: bytes
    browser_hash: bytes
    user_id: int
    business_id: int
    store_url: str
    location_id: str


@dataclass(frozen=True, slots=True)
class Approval:
    business_id: int
    store_url: str
    location_id: str
    keys: PostedKeys | None = field(repr=False)
    """None: the store has posted none."""


class WooApprovals:
    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._queries = load_queries("gateway", "woocommerce_approval.sql")

    async def begin(self, way: WayToStore, *, lives_s: float) -> None:
        await self._pool.execute(
            self._queries["begin_approval"],
            way.state_hash,
            way.ticket_hash,
            way.browser_hash,
            way.user_id,
            way.business_id,
            way.store_url,
            way.location_id,
            lives_s,
        )

    async def keep_keys(self, *, state_hash: bytes, ticket_hash: bytes, keys: PostedKeys) -> int | None:
        """The business that they are for; None where nobody waits for them (any more)."""
        text = json.dumps([keys.consumer_key.get_secret_value(), keys.consumer_secret.get_secret_value()])
        sealed = self._vault.seal(text, context=_context(state_hash))
        business_id: int | None = await self._pool.fetchval(self._queries["keep_keys"], state_hash, ticket_hash, sealed)
        return business_id

    async def take(self, *, state_hash: bytes, browser_hash: bytes) -> Approval | None:
        """None: forged, used, too late, or another browser's. Raises VaultError."""
        row = await self._pool.fetchrow(self._queries["take_approval"], state_hash)
        if row is None or not hmac.compare_digest(row["browser_hash"], browser_hash):
            return None
        if not await self._pool.fetchval(self._queries["is_member"], row["user_id"], row["business_id"]):
            return None
        keys = None
        if row["keys"] is not None:
            key, secret = json.loads(self._vault.open(row["keys"], context=_context(state_hash)))
            keys = PostedKeys(SecretStr(key), SecretStr(secret))
        return Approval(row["business_id"], row["store_url"], row["location_id"], keys)

    async def forget_past(self) -> None:
        await self._pool.execute(self._queries["forget_past_approvals"])


def _context(state_hash: bytes) -> str:
    return f"woocommerce_approval:{state_hash.hex()}"
