"""Access tokens of shops, kept fresh: those granted on Shopify's page, and those of merchants' own apps."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.connecting.stores import WayOut, tokens_due_at
from gateway.storage.shopify_oauth import DueTokens, ShopifyGrants
from prokip_shared.connections import ShopifyCredentials
from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.loops import keep_on
from prokip_shared.platforms.errors import NeedsReauthorisation, StoreError, StoreUnavailable
from prokip_shared.platforms.shopify_oauth import AppCredentials, ShopTokens

LOOK_S: Final = 1.0
AGAIN_S: Final = 60.0
SEALED_AGAIN_S: Final = 3600.0
PREVIOUS_LIVES: Final = timedelta(hours=26)
"""Of our app's previous secret, from each exchange of tokens on; a day more than the hour that these live."""

log = Log("shopify_tokens")


def granted_credentials(tokens: ShopTokens, app: AppCredentials, *, now: datetime) -> ShopifyCredentials:
    """Webhooks of an app are signed with the app's secret; while that rotates, Shopify uses the older one."""
    return ShopifyCredentials(
        access_token=tokens.access_token,
        api_secret=app.client_secret,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
        previous_secret=app.previous_secret,
        previous_until=None if app.previous_secret is None else now + PREVIOUS_LIVES,
    )


def own_app_of(credentials: ShopifyCredentials) -> AppCredentials | None:
    """The merchant's own app, where the tokens are asked for with one."""
    if credentials.client_id is None:
        return None
    return AppCredentials(credentials.client_id, credentials.api_secret)


class TokenKeeper:
    """A row lock is held until the new tokens are stored, so that one replica alone asks for them."""

    def __init__(
        self,
        pool: Pool,
        grants: ShopifyGrants,
        way_out: WayOut,
        app: AppCredentials | None,
        clock: Callable[[], datetime],
    ) -> None:
        """`app` is None where shops are connected by merchants' own apps and pasted tokens alone."""
        self._pool = pool
        self._grants = grants
        self._way_out = way_out
        self._app = app
        self._clock = clock

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited out."""
        await keep_on(self._renew_due, every_s=LOOK_S, log=log, waiting="tokens.waiting_for_database")

    async def _renew_due(self) -> None:
        while await self.renew_next():
            pass

    async def renew_next(self) -> bool:
        """One shop whose tokens are due; False when none is."""
        async with self._pool.acquire() as connection, connection.transaction():
            due = await self._grants.claim_due(connection)
            if due is None:
                return False
            if due.credentials is None:
                log.error("tokens.sealed", connection_id=due.connection_id)
                await self._grants.later(connection, due, in_s=SEALED_AGAIN_S)
            else:
                await self._renew(connection, due, due.credentials)
        return True

    async def _renew(self, connection: Connection, due: DueTokens, held: ShopifyCredentials) -> None:
        try:
            renewed = await self._exchange(due.shop, held)
        except NeedsReauthorisation as error:
            await self._grants.withdrawn(connection, due, detail=f"Connect the shop again: {error}.")
            log.warning("tokens.withdrawn", connection_id=due.connection_id, shop=due.shop, reason=str(error))
        except StoreError as error:
            await self._grants.later(connection, due, in_s=AGAIN_S)
            log.warning("tokens.not_renewed", connection_id=due.connection_id, shop=due.shop, reason=str(error))
        else:
            await self._grants.save_tokens(connection, due, renewed, tokens_due_at(renewed, now=self._clock()))
            log.info("tokens.renewed", connection_id=due.connection_id, shop=due.shop)

    async def _exchange(self, shop: str, held: ShopifyCredentials) -> ShopifyCredentials:
        now, own_app = self._clock(), own_app_of(held)
        if own_app is not None:
            tokens = await self._way_out.shopify_oauth(shop, own_app).client_credentials(now=now)
            return held.model_copy(update={"access_token": tokens.access_token, "expires_at": tokens.expires_at})
        if held.refresh_token is None:
            raise NeedsReauthorisation("it gave no token to go on with")
        if self._app is None:
            raise StoreUnavailable("cannot be asked: no Shopify app is set up here any more (SHOPIFY_CLIENT_ID)")
        tokens = await self._way_out.shopify_oauth(shop, self._app).refresh(held.refresh_token, now=now)
        return granted_credentials(tokens, self._app, now=now)
