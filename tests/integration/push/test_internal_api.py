from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import open_world


async def test_what_was_expected_sent_and_answered_is_told_page_by_page(database_url: str) -> None:
    woo, shopify = woo_with(3), shopify_with(3)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        first, second = await world.connect_woo(woo), await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 5, "SKU-0002": 6, "SKU-0003": 7})
        await world.until_settled(first, second)
        status, page = await world.ask(f"/internal/pushes?sku=SKU-0002&connection={second}")
        assert status == 200
        pushed = page["items"][0]
        assert {name: pushed[name] for name in ("expected", "sent", "answered", "outcome", "sku")} == {
            "expected": 100, "sent": 6, "answered": 6, "outcome": "written", "sku": "SKU-0002",
        }  # fmt: skip
        status, page = await world.ask("/internal/pushes?limit=4")
        assert len(page["items"]) == 4
        _, rest = await world.ask(f"/internal/pushes?limit=4&before={page['next']}")
        assert len(rest["items"]) == 2
        assert rest["next"] is None


async def test_listings_are_found_by_connection_state_and_part_of_the_sku(database_url: str) -> None:
    woo = woo_with(12)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 5})
        await world.until_settled(connection)
        _, page = await world.ask(f"/internal/listings?connection={connection}&state=matched&search=sku-001")
        assert [item["sku"] for item in page["items"]] == ["SKU-0010", "SKU-0011", "SKU-0012"]
        _, page = await world.ask("/internal/listings?search=SKU-0001")
        assert (page["items"][0]["target"], page["items"][0]["confirmed"], page["items"][0]["believed"]) == (5, 5, "5")
        status, problem = await world.ask("/internal/listings?state=lost")
        assert (status, problem["code"]) == (422, "invalid_input")


async def test_a_listing_tells_how_what_it_should_show_and_what_it_shows_come_about(database_url: str) -> None:
    woo, shopify = woo_with(2), shopify_with(2)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        first, second = await world.connect_woo(woo), await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 5})
        await world.until_settled(first, second)
        _, page = await world.ask("/internal/listings-of-sku?sku=SKU-0001")
        shown = [
            tuple(item[name] for name in ("connection_id", "state", "available", "target", "believed", "taken_since"))
            for item in page["items"]
        ]
        assert shown == [(first, "matched", "5", 5, "5", "0"), (second, "matched", "5", 5, "5", "0")]
        _, other = await world.ask("/internal/listings-of-sku?sku=SKU-0001&location=elsewhere")
        assert other["items"] == []
        assert (await world.ask("/internal/listings-of-sku"))[0] == 422
        _, page = await world.ask("/internal/due")
        assert page["items"] == [
            {"connection_id": connection, "due": 0, "oldest_due_at": None} for connection in (first, second)
        ]


async def test_a_connection_tells_how_it_is_doing(database_url: str) -> None:
    woo = woo_with(2)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 5})
        await world.until_settled(connection)
        _, page = await world.ask("/internal/connections")
        [shown] = page["items"]
        assert (shown["connection_id"], shown["health"], shown["due"]) == (connection, "healthy", 0)
        assert shown["listings"] == {"matched": 2}
        assert shown["last_push_at"] is not None


async def test_another_business_sees_nothing(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 5})
        await world.until_settled(connection)
        for path in ("listings", "listings-of-sku?sku=SKU-0001", "due", "pushes", "drift", "connections"):
            status, page = await world.ask(f"/internal/{path}", business_id=world.business_id + 1)
            assert (status, page["items"]) == (200, [])


async def test_without_a_token_nothing_is_told(database_url: str) -> None:
    async with open_world(database_url) as world:
        for path in ("listings", "pushes", "drift", "connections", "parked"):
            async with world.session.get(f"{world.service.url}/internal/{path}") as response:
                assert response.status == 401
