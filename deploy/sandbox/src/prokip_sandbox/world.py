"""The whole simulated world: stores and Prokip with the same goods, served together, and perhaps shoppers."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from prokip_sandbox.catalogue import Good, make_goods, stock_by_sku
from prokip_sandbox.prokip import Erp, Policies, ProkipServer
from prokip_sandbox.server import SandboxServer
from prokip_sandbox.shopify import Limits, ShopifyServer
from prokip_sandbox.shoppers import Habits, Shoppers, Storefront
from prokip_sandbox.woocommerce import WooCommerceStore


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """`base_port` 0 takes free ports; else Prokip gets it, Shopify the next, the WooCommerce stores those after."""

    woocommerce_stores: int = 2
    shopify_shops: int = 2
    goods: int = 100
    quantity: int = 100
    simple_only: bool = False
    seed: int = 0
    base_port: int = 0
    prokip_locations: tuple[str, ...] = ("LOC001",)
    shopify_locations: tuple[str, ...] = ("Main",)
    shopify_limits: Limits = dataclasses.field(default_factory=Limits)
    prokip_policies: Policies = dataclasses.field(default_factory=Policies)
    prokip_erp: Erp = dataclasses.field(default_factory=Erp)
    woocommerce_behind_tls_proxy: bool = False
    woocommerce_plain_callbacks: bool = True
    """The approval page posts keys without https: one machine has no certificate. A real store refuses."""
    woocommerce_folder: str = ""


class World:
    def __init__(self, spec: WorldSpec | None = None) -> None:
        self.spec = spec or WorldSpec()
        made = self.spec
        self.goods: list[Good] = make_goods(
            made.goods, seed=made.seed, quantity=made.quantity, simple_only=made.simple_only
        )
        self.prokip = ProkipServer(
            locations=made.prokip_locations, policies=made.prokip_policies, erp=made.prokip_erp, seed=made.seed
        )
        domains = [f"sandbox-{n}.myshopify.com" for n in range(1, made.shopify_shops + 1)]
        self.shopify = ShopifyServer(
            domains, locations=made.shopify_locations, limits=made.shopify_limits, seed=made.seed
        )
        self.woocommerce = [
            WooCommerceStore(
                f"woocommerce-{n}",
                seed=made.seed + n,
                behind_tls_proxy=made.woocommerce_behind_tls_proxy,
                plain_callbacks=made.woocommerce_plain_callbacks,
                folder=made.woocommerce_folder,
            )
            for n in range(1, made.woocommerce_stores + 1)
        ]
        self.prokip.seed_goods(self.goods)
        self.shopify.seed_goods(self.goods)
        for store in self.woocommerce:
            store.seed_goods(self.goods)

    @property
    def servers(self) -> list[SandboxServer]:
        return [self.prokip, self.shopify, *self.woocommerce]

    @property
    def storefronts(self) -> list[Storefront]:
        return [*self.woocommerce, *self.shopify.shops.values()]

    @property
    def skus(self) -> list[str]:
        """The SKUs that every store and Prokip count."""
        sold_alone = {good.sku for good in self.goods if good.kind in {"simple", "variation"}}
        return [sku for sku in stock_by_sku(self.goods) if sku in sold_alone]

    @contextlib.asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", state_dir: Path | None = None) -> AsyncIterator[Self]:
        base = self.spec.base_port
        async with contextlib.AsyncExitStack() as stack:
            for n, server in reversed([*enumerate(self.servers)]):  # Prokip last: when it answers, all do
                await stack.enter_async_context(server.serve(host, base + n if base else 0, state_dir=state_dir))
            yield self

    def shoppers(self, *, seed: int = 0, habits: Habits | None = None) -> Shoppers:
        return Shoppers(
            self.storefronts, self.skus, self.prokip.counter_sale, habits if habits is not None else Habits(), seed
        )

    @contextlib.asynccontextmanager
    async def shopping(
        self, orders_per_s: float, *, seed: int = 0, once_connected: bool = False
    ) -> AsyncIterator[Shoppers]:
        """Shoppers that come at this rate while the block runs; `once_connected`: not before every store is."""
        shoppers = self.shoppers(seed=seed)

        async def come() -> None:
            if once_connected:
                await shoppers.wait_until_connected()
            await shoppers.run(orders_per_s)

        task = asyncio.create_task(come(), name="shoppers")
        try:
            yield shoppers
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settled(self, timeout_s: float = 10.0) -> None:
        """Return when no webhook of any store is waiting or under way."""
        for server in self.servers:
            await server.settled(timeout_s)

    def connections(self) -> dict[str, Any]:
        """What a merchant would type in to connect all this."""
        return {
            "prokip": self.prokip.connections(),
            "woocommerce": [
                {
                    "storeUrl": store.home_url,
                    "consumerKey": store.key.consumer_key,
                    "consumerSecret": store.key.consumer_secret,
                }
                for store in self.woocommerce
            ],
            "shopify": {
                "urlTemplate": f"{self.shopify.url}/{{shop}}",
                "apiSecret": self.shopify.api_secret,
                "clientId": self.shopify.app_access.client_id,
                "ownApp": {
                    "clientId": self.shopify.own_app.client_id,
                    "clientSecret": self.shopify.own_app.client_secret,
                },
                "shops": [
                    {"shop": shop.domain, "accessToken": shop.access_token, "locationIds": shop.location_ids}
                    for shop in self.shopify.shops.values()
                ],
            },
        }
