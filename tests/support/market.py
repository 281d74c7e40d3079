"""A house with a simulated world around it, connected the way an operator does it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from prokip_onebox.merchant import Dialect, connect_world
from prokip_sandbox.world import World, WorldSpec
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.house import House, open_house


@dataclass(slots=True)
class Market:
    house: House
    world: World
    told: list[str] = field(default_factory=list)

    async def available(self, sku: str) -> Decimal | None:
        """The ledger's word, through the public API."""
        page = await self.house.operator.call("GET", f"/api/v1/stock?search={sku}&limit=200")
        row = next((item for item in page["items"] if item["sku"] == sku), None)
        return None if row is None or row["available"] is None else Decimal(row["available"])

    def shown(self, sku: str) -> list[int | None]:
        """What every store shows its customers."""
        shops = [shop.stock(sku) for shop in self.world.shopify.shops.values()]
        return [*(store.stock(sku) for store in self.world.woocommerce), *shops]

    async def expect_available(self, sku: str, quantity: int) -> None:
        """In the ledger, whatever stores show."""

        async def so() -> bool:
            return await self.available(sku) == quantity

        await eventually(so, what=f"{sku} is {quantity} in the ledger")

    async def expect(self, sku: str, quantity: int, *, timeout_s: float = PATIENCE_S) -> None:
        """The same quantity in the ledger, in every store and in Prokip."""

        async def equal() -> bool:
            found = {
                "ledger": await self.available(sku),
                "stores": self.shown(sku),
                "prokip": self.world.prokip.stock(sku),
            }
            assert found["ledger"] == quantity, found
            assert all(shown == quantity for shown in self.shown(sku)), found
            assert found["prokip"] == quantity, found
            return True

        await eventually(equal, timeout_s=timeout_s, what=f"{sku} is {quantity} everywhere")


@asynccontextmanager
async def open_market(
    database_url: str,
    broker_url: str,
    spec: WorldSpec,
    *,
    connect: bool = True,
    dialect: Dialect = "simple",
    world: World | None = None,
    settings: Mapping[str, str] | None = None,
    **environ: str,
) -> AsyncIterator[Market]:
    """Services and simulated servers on free ports; with `connect`, set up, connected and synced once.

    `world`: one that was made from the spec and changed; otherwise a new one. `settings`: environment variables as
    a mapping, besides those by keyword.
    """
    world = world or World(spec)
    async with world.serve():
        shopify = world.connections()["shopify"]
        app = {
            "SHOPIFY_URL_TEMPLATE": shopify["urlTemplate"],
            "SHOPIFY_CLIENT_ID": shopify["clientId"],
            "SHOPIFY_CLIENT_SECRET": shopify["apiSecret"],
        }
        async with open_house(database_url, broker_url, **app, **(settings or {}), **environ) as house:
            market = Market(house, world)
            if connect:
                await connect_world(house.operator, world.connections(), market.told.append, dialect=dialect)
                await house.operator.call("POST", "/sync/manual")
            yield market
