"""Prokip's products with names, prices and images, as the poller tells them to other services."""

from typing import Any

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_sandbox.prokip.catalogue import NewVariation
from tests.integration.poller.test_connector_account import connect
from tests.integration.poller.world import PollerWorld, open_world
from tests.integration.push.prokip_products import told
from tests.support.eventually import eventually

PATH = "/internal/prokip/products"


async def test_products_are_told_page_by_page_with_prices_and_images(database_url: str, prokip: ProkipServer) -> None:
    shirt = prokip.catalogue.add(
        [
            NewVariation("SH-S", {}, name="S", price=100_000),
            NewVariation("SH-M", {}, name="M", price=125_000),
        ],
        sku="SH",
        name="Shirt",
        kind="variable",
    )
    prokip.state.products[shirt.id] = shirt._replace(image_url="https://prokip.example.test/uploads/img/shirt.png")
    prokip.catalogue.add([NewVariation("FREE", {})], name="Uncounted", enable_stock=False, is_inactive=True)
    async with open_world(database_url, prokip, configured=False) as world:
        await connect(world)

        await until_set_up(world)
        status, answer = await world.ask("GET", PATH)
        assert status == 200, answer
        found: dict[str, Any] = {one["name"]: one for one in answer["products"]}
        assert answer["next"] is None
        assert answer["total"] == len(prokip.state.products)
        assert found["Shirt"].keys() == told(1, "x").keys()
        assert found["Shirt"]["variations"][0].keys() == told(1, "x", ("A", "", None))["variations"][0].keys()
        assert [(one["sku"], one["name"], one["price"]) for one in found["Shirt"]["variations"]] == [
            ("SH-S", "S", "10.0000"),
            ("SH-M", "M", "12.5000"),
        ]
        assert found["Shirt"]["image_url"] == "https://prokip.example.test/uploads/img/shirt.png"
        assert (found["Uncounted"]["tracked"], found["Uncounted"]["inactive"]) == (False, True)


async def test_a_prokip_of_the_simple_dialect_tells_no_products(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip) as world:
        status, answer = await world.ask("GET", PATH)
        assert (status, answer["code"]) == (409, "no_products")
        status, answer = await world.ask("GET", f"{PATH}?page=0")
        assert (status, answer["code"]) == (400, "bad_page")


async def test_a_prokip_that_fails_is_away(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip, configured=False) as world:
        await connect(world)
        await until_set_up(world)
        prokip.faults.add(Fault("status", path="/product", status=502, times=None))
        status, answer = await world.ask("GET", PATH)
        assert (status, answer["code"]) == (503, "prokip_away")


async def until_set_up(world: PollerWorld) -> None:
    async def known() -> bool:
        return (await world.ask("GET", PATH))[0] == 200

    await eventually(known, what="the settings count")
