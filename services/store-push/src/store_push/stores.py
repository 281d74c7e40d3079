"""The adapters: each platform's client as a `Store`, one per connection while its credentials stay the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from aiohttp import ClientSession
from typing_extensions import override

from prokip_shared.connections import ConnectionRecord, CustomCredentials, ShopifyCredentials, WooCredentials
from prokip_shared.directory import Directory, DirectoryUnavailable
from prokip_shared.messages import utc_now
from prokip_shared.platforms.custom import CustomClient
from prokip_shared.platforms.errors import Refused
from prokip_shared.platforms.exchange import ExchangeLimits
from prokip_shared.platforms.shopify import shopify_base_url
from prokip_shared.platforms.shopify_products import ShopifyProducts
from prokip_shared.platforms.store import CatalogueItem, CataloguePage, ItemKey, Level, OrdersPage, QueryPoints
from prokip_shared.platforms.store_products import ProductStore
from prokip_shared.platforms.webhook_addresses import webhook_url
from prokip_shared.platforms.woocommerce_products import WooProducts
from store_push.domain.decisions import Habits
from store_push.ports import Store, StoreDirectory

SHOPIFY_HABITS: Final = Habits(compare_and_set=True, readable=True)
WOOCOMMERCE_HABITS: Final = Habits(compare_and_set=False, readable=True)
CUSTOM_HABITS: Final = Habits(compare_and_set=False, readable=False)


class ShopifyStore(ShopifyProducts):
    habits = SHOPIFY_HABITS

    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        return await self.restore_webhooks(delivery_url=webhook_url(public_webhook_url, "shopify"))


class WooStore(WooProducts):
    habits = WOOCOMMERCE_HABITS

    def __init__(
        self, session: ClientSession, *, store_url: str, credentials: WooCredentials, limits: ExchangeLimits
    ) -> None:
        super().__init__(
            session,
            store_url=store_url,
            consumer_key=credentials.consumer_key,
            consumer_secret=credentials.consumer_secret,
            limits=limits,
        )
        self._webhook_secret = credentials.webhook_secret

    def bucket(self) -> QueryPoints | None:
        return None

    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        url = webhook_url(public_webhook_url, "woocommerce")
        return await self.restore_webhooks(delivery_url=url, secret=self._webhook_secret)


class CustomStore(CustomClient):
    habits = CUSTOM_HABITS

    def bucket(self) -> QueryPoints | None:
        return None

    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        raise Refused("not_readable", f"a custom store tells no levels ({len(keys)} asked)")

    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        raise Refused("not_readable", f"a custom store tells no catalogue (page {cursor or 'first'} asked)")

    async def items_of(self, product_refs: Sequence[str]) -> Sequence[CatalogueItem]:
        raise Refused("not_readable", f"a custom store tells no catalogue ({len(product_refs)} products asked)")

    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        raise Refused("not_readable", f"a custom store has no webhooks to register at {public_webhook_url}")

    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        raise Refused("not_readable", f"a custom store lists no orders (since {since}, page {cursor or 'first'} asked)")


class Stores(StoreDirectory):
    def __init__(
        self, directory: Directory, session: ClientSession, *, shopify_url_template: str, limits: ExchangeLimits
    ) -> None:
        self._directory = directory
        self._session = session
        self._shopify_url_template = shopify_url_template
        self._limits = limits
        self._open: dict[int, tuple[ConnectionRecord, Store]] = {}

    @override
    def store_of(self, connection_id: int) -> Store | None:
        try:
            record = self._directory.by_id(connection_id)
        except DirectoryUnavailable:
            return None
        if record is None:
            self._open.pop(connection_id, None)
            return None
        known = self._open.get(connection_id)
        if known is not None and known[0] == record:
            return known[1]
        store = self._build(record)
        if store is not None:
            self._open[connection_id] = (record, store)
        return store

    @override
    def products_of(self, connection_id: int) -> ProductStore | None:
        store = self.store_of(connection_id)
        return store if isinstance(store, ShopifyStore | WooStore) else None

    def _build(self, record: ConnectionRecord) -> Store | None:
        match record.credentials:
            case ShopifyCredentials(access_token=token):
                base_url = shopify_base_url(self._shopify_url_template, record.store_key)
                return ShopifyStore(
                    self._session,
                    base_url=base_url,
                    access_token=token,
                    place_ref=record.place_ref,
                    limits=self._limits,
                )
            case WooCredentials() as credentials:
                return WooStore(self._session, store_url=record.store_url, credentials=credentials, limits=self._limits)
            case CustomCredentials(notify_url=str(notify_url)) as credentials:
                return CustomStore(
                    self._session,
                    store_key=record.store_key,
                    notify_url=notify_url,
                    secrets=lambda: credentials.valid_secrets(utc_now()),
                    limits=self._limits,
                )
            case CustomCredentials():
                return None
