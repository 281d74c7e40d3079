"""What matches what, why, and what an operator says about it; how far a reading is."""

from decimal import Decimal
from typing import Any

import pytest

from prokip_sandbox import Fault, Good, ShopifyServer
from prokip_shared.database import open_pool
from prokip_shared.messages import BundleChangedV1, BundlePart, LevelHintedV1, StockHoldersObservedV1, utc_now
from prokip_shared.security.tokens import InternalTokens
from store_push.left_alone import LeftAloneFollower
from store_push.poller import Poller
from tests.integration.push.prokip_products import poller_with
from tests.integration.push.test_catalogues import mixed_goods
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world, unlimited
from tests.support.eventually import eventually
from tests.support.settings import INTERNAL_SECRET


async def items(world: PushWorld, connection_id: int, query: str = "") -> list[dict[str, Any]]:
    status, page = await world.ask(f"/internal/stores/{connection_id}/catalogue/items?limit=200{query}")
    assert status == 200, page
    found: list[dict[str, Any]] = page["items"]
    return found


async def item(world: PushWorld, connection_id: int, sku: str) -> dict[str, Any]:
    return next(one for one in await items(world, connection_id) if one["store_sku"] == sku)


async def say(world: PushWorld, connection_id: int, sku: str, what: str, body: Any = None) -> tuple[int, Any]:
    listing_id = (await item(world, connection_id, sku))["id"]
    return await world.post(f"/internal/listings/{listing_id}/{what}", body)


def held_by(world: PushWorld) -> dict[str, str]:
    told = world.heard_of(StockHoldersObservedV1)
    return {holder.sku: holder.held_by for message in told for holder in message.holders}


async def test_every_item_and_sku_is_counted_once_and_says_why(database_url: str) -> None:
    woo = woo_with(0)
    woo.seed_goods([*mixed_goods(), Good("OWN", "Only here", 100, 4)])
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"PLAIN": 10, "VAR-S": 1, "VAR-M": None, "PAR": 9, "ELSEWHERE": 3})
        await world.until_settled(connection)
        _, found = await world.ask(f"/internal/stores/{connection}/catalogue")
        assert found["counts"] == {
            "matched": 3,
            "only_in_store": 1,
            "only_in_prokip": 1,
            "no_quantity": 1,
            "no_sku": 1,
            "not_tracked": 1,
            "held_by_parent": 2,
        }
        assert not found["reading"]
        assert (found["counted"], found["total"]) == (6, 6)  # products, as WooCommerce counts
        kinds = {one["sku"]: one["kind"] for one in await items(world, connection) if one["sku"]}
        assert kinds["VAR-M"] == "no_quantity"
        assert kinds["ELSEWHERE"] == "only_in_prokip"
        (own,) = await items(world, connection, "&kind=only_in_store")
        assert (own["sku"], own["name"]) == ("OWN", "Only here")
        assert own["why"] == "Not written to: Prokip has no such SKU at this location."
        assert [one["sku"] for one in await items(world, connection, "&search=variable - s")] == ["VAR-S"]
        _, first = await world.ask(f"/internal/stores/{connection}/catalogue/items?limit=7")
        _, rest = await world.ask(f"/internal/stores/{connection}/catalogue/items?limit=7&after={first['next']}")
        assert len(first["items"] + rest["items"]) == sum(found["counts"].values())
        assert rest["next"] is None
        status, _ = await world.ask(f"/internal/stores/{connection}/catalogue", business_id=world.business_id + 1)
        assert status == 404


async def test_what_a_rule_or_a_plan_holds_says_so(database_url: str) -> None:
    woo = woo_with(2)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 100, "SKU-0002": 100})
        await world.until_settled(connection)
        await world.execute(
            "INSERT INTO push.sku_rule (connection_id, sku, business_id, push) VALUES ($1, 'SKU-0001', $2, 'never')",
            connection,
            world.business_id,
        )
        (ruled,) = await items(world, connection, "&kind=rule")
        assert (ruled["sku"], ruled["why"]) == ("SKU-0001", "Not written to: a rule says never to write this SKU.")
        await world.execute("UPDATE push.first_quantities SET state = 'held'")
        (matched,) = await items(world, connection, "&kind=matched")
        assert "Not now: the store's first quantities are not released." in matched["why"]
        _, found = await world.ask(f"/internal/stores/{connection}/catalogue")
        assert found["counts"] == {"matched": 1, "rule": 1}


async def test_an_item_that_prokip_does_not_count_says_so(database_url: str) -> None:
    woo = woo_with(2)
    async with woo.serve(), poller_with([]) as poller, open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        poller.left_alone = [("L1", "SKU-0001", "Prokip does not track its stock")]
        pool = await open_pool(database_url, service="test", connections_max=2)
        client = Poller(world.session, poller.url, InternalTokens(INTERNAL_SECRET), 5.0)
        await LeftAloneFollower(pool, client).follow()
        (found,) = await items(world, connection, "&kind=left_alone")
        assert (found["sku"], found["why"]) == ("SKU-0001", "Not written to: Prokip does not track its stock.")
        poller.left_alone = []
        await LeftAloneFollower(pool, client).follow()
        await pool.close()
        assert await items(world, connection, "&kind=left_alone") == []


async def test_a_reading_goes_on_at_the_page_where_it_stopped(database_url: str) -> None:
    shopify = shopify_with(250)
    shopify.faults.add(Fault("status", body="Catalogue", skip=2, status=502))
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        assert (
            shopify.calls.counts["query productVariants+productVariantsCount"] == 3
        )  # what a fault answers is not counted
        _, found = await world.ask(f"/internal/stores/{shop}/catalogue")
        assert (found["counted"], found["total"], found["items"], found["error"]) == (250, 250, 250, None)


async def test_an_operator_sees_how_far_a_reading_is_and_a_new_process_goes_on(database_url: str) -> None:
    shopify = shopify_with(250)
    shopify.faults.add(Fault("status", body="Catalogue", skip=1, status=502, times=None))
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.add_shop(shopify)

        async def stopped() -> bool:
            _, found = await world.ask(f"/internal/stores/{shop}/catalogue")
            assert (found.get("reading"), found.get("counted"), found.get("total")) == (True, 100, 250), found
            assert found["begun_at"] is not None
            return found["error"] is not None

        await eventually(stopped, what="stopped at the second page")
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shopify.faults.clear()
        shopify.calls.reset()

        async def read() -> bool:
            return bool(await world.fetch_value("SELECT items = 250 FROM push.catalogue_read"))

        await eventually(read, what="the rest read")
        assert shopify.calls.counts["query productVariants+productVariantsCount"] == 2


async def test_a_linked_item_shows_the_other_sku_s_stock_and_its_sales_are_told_there(database_url: str) -> None:
    woo = woo_with(0)
    woo.seed_goods([Good("SHOP-1", "Shirt", 100, 50)])
    async with woo.serve(), open_world(database_url, CATALOGUE_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SHIRT": 7})
        status, answer = await say(world, connection, "SHOP-1", "link", {"sku": "SHIRTS"})
        assert (status, answer["code"]) == (409, "sku_not_in_prokip")

        async def linked() -> bool:
            """As soon as the SKU's quantity has come."""
            return (await say(world, connection, "SHOP-1", "link", {"sku": "SHIRT"}))[0] == 200

        await eventually(linked, what="linked")
        await world.until(lambda: woo.stock("SHOP-1") == 7, "written")
        await world.until(lambda: held_by(world) == {"SHOP-1": "SHIRT"}, "told to the ledger")
        again = await world.fetch_value("SELECT read_at FROM push.catalogue_read")

        async def read_again() -> bool:
            return bool(await world.fetch_value("SELECT read_at > $1 FROM push.catalogue_read", again))

        await eventually(read_again, what="read again")
        found = await item(world, connection, "SHOP-1")
        assert (found["sku"], found["kind"], found["choice"]) == ("SHIRT", "matched", "linked")
        assert "linked by hand" in found["why"]
        await say(world, connection, "SHOP-1", "reset")
        assert (await item(world, connection, "SHOP-1"))["kind"] == "only_in_store"
        await world.until(lambda: held_by(world) == {"SHOP-1": "SHOP-1"}, "the ledger told that it is not")


async def test_a_link_that_would_be_ambiguous_is_refused_with_the_reason(database_url: str) -> None:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods(
        [Good("A", "One", 100, 1), Good("B", "Other", 100, 1), Good("TWIN", "T1", 100, 1), Good("TWIN", "T2", 100, 1)]
    )
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"A": 1, "P": 2})
        await world.until_settled(shop)
        status, answer = await say(world, shop, "B", "link", {"sku": "A"})
        assert (status, answer["code"]) == (409, "not_linkable")
        assert "has an item for the SKU A already: One" in answer["detail"]
        status, answer = await say(world, shop, "TWIN", "link", {"sku": "P"})
        assert (status, answer["code"]) == (409, "not_linkable")
        await say(world, shop, "A", "ignore")
        assert (await say(world, shop, "B", "link", {"sku": "A"}))[0] == 200


async def test_what_prokip_does_not_count_any_more_keeps_what_the_store_shows_until_it_does(database_url: str) -> None:
    woo = woo_with(2)
    async with woo.serve(), poller_with([]) as poller, open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 5, "SKU-0002": 5})
        await world.until_settled(connection)
        async with await open_pool(database_url, service="follower", connections_max=1) as pool:
            client = Poller(world.session, poller.url, InternalTokens(INTERNAL_SECRET), 5.0)
            follower = LeftAloneFollower(pool, client)
            poller.left_alone = [("L1", "SKU-0001", "Prokip does not track its stock")]
            await follower.follow()
            await no_rule_waits(world)
            woo.set_stock("SKU-0001", 77)
            await world.tell_stock({"SKU-0001": 4, "SKU-0002": 4})
            await world.until(lambda: woo.stock("SKU-0002") == 4, "the other is written")
            await world.until_settled(connection)
            assert woo.stock("SKU-0001") == 77
            (found,) = await items(world, connection, "&kind=left_alone")
            assert found["sku"] == "SKU-0001"
            poller.left_alone = []
            await follower.follow()
            await world.until(lambda: woo.stock("SKU-0001") == 4, "counted again")


async def test_a_bundle_is_written_to_whatever_prokip_does_with_a_product_of_its_sku(database_url: str) -> None:
    woo = woo_with(0)
    woo.seed_goods([Good("BOX", "Box", 100, 4)])
    async with woo.serve(), poller_with([]) as poller, open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        poller.left_alone = [("L1", "BOX", "Prokip does not track its stock")]
        async with await open_pool(database_url, service="follower", connections_max=1) as pool:
            client = Poller(world.session, poller.url, InternalTokens(INTERNAL_SECRET), 5.0)
            follower = LeftAloneFollower(pool, client)
            await follower.follow()
            part = BundlePart(sku="CUP", quantity=Decimal(1))
            await world.say(BundleChangedV1(business_id=world.business_id, sku="BOX", version=1, parts=(part,)))
            await world.tell_stock({"BOX": 3})

            async def written_to() -> bool:
                await follower.follow()
                return bool((await item(world, connection, "BOX"))["kind"] == "matched")

            await eventually(written_to, what="a bundle by now")
            await world.until(lambda: woo.stock("BOX") == 3, "written")
            await world.say(BundleChangedV1(business_id=world.business_id, sku="BOX", version=2, parts=()))

            async def dissolved() -> bool:
                await follower.follow()
                return bool((await item(world, connection, "BOX"))["kind"] == "left_alone")

            await eventually(dissolved, what="left alone again")


async def no_rule_waits(world: PushWorld) -> None:
    async def none() -> bool:
        return not await world.fetch_value("SELECT EXISTS (SELECT FROM push.rule_application)")

    await eventually(none, what="rules applied")


async def test_of_two_items_with_one_sku_the_one_that_is_left_is_written_to(database_url: str) -> None:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods([Good("TWIN", "One", 100, 10), Good("TWIN", "Other", 100, 20)])
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"TWIN": 3})
        await world.until_settled(shop)
        one, other = await items(world, shop)
        assert (one["kind"], other["kind"]) == ("duplicate_sku", "duplicate_sku")
        await world.post(f"/internal/listings/{other['id']}/ignore")
        item_of = {listing.id: listing for listing in shopify.shop().state.items.values()}
        kept = item_of[int(one["item_ref"])]
        await world.until(lambda: [level.available for level in kept.levels.values()] == [3], "written")
        await world.until_settled(shop)
        states = {found["id"]: found["kind"] for found in await items(world, shop)}
        assert states == {one["id"]: "matched", other["id"]: "ignored"}
        await world.post(f"/internal/listings/{other['id']}/reset")
        assert {found["kind"] for found in await items(world, shop)} == {"duplicate_sku"}


async def test_a_hint_of_an_unknown_item_has_the_catalogue_read_soon(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, CATALOGUE_HINT_PAUSE_S="0.1") as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"LATE": 7})
        woo.seed_goods([Good("LATE", "Late", 100, 50)])
        await world.say(
            LevelHintedV1(
                business_id=world.business_id,
                connection_id=connection,
                item_ref=str(woo.product("LATE").id),
                place_ref=None,
                quantity=None,
                observed_at=utc_now(),
            )
        )
        await world.until(lambda: woo.stock("LATE") == 7, "found and written")


async def test_what_an_operator_says_about_another_business_s_item_is_not_heard(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        listing_id = (await world.listing(connection, "SKU-0001"))["id"]
        for listing, business_id in ((listing_id, world.business_id + 1), (listing_id + 1, world.business_id)):
            status, _ = await world.post(f"/internal/listings/{listing}/ignore", business_id=business_id)
            assert status == 404


@pytest.mark.parametrize("place", ["x", "W10=", "bm8="])
async def test_a_place_that_no_answer_named_is_refused(database_url: str, place: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        status, answer = await world.ask(f"/internal/stores/{connection}/catalogue/items?after={place}")
        assert (status, answer["code"]) == (400, "bad_place")


async def test_a_bundle_counts_as_matched_and_says_which_part_it_lacks(database_url: str) -> None:
    def made_of(version: int, *parts: str) -> BundleChangedV1:
        named = tuple(BundlePart(sku=sku, quantity=Decimal(1)) for sku in parts)
        return BundleChangedV1(business_id=world.business_id, sku="BOX", version=version, parts=named)

    async def is_kind(kind: str, why: str) -> None:
        async def said() -> bool:
            found = await item(world, connection, "BOX")
            assert (found["kind"], found["why"]) == (kind, why)
            return True

        await eventually(said, what=f"the bundle is {kind}")

    woo = woo_with(0)
    woo.seed_goods([Good("BOX", "Box", 100, 4)])
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.say(made_of(2, "CUP", "POT"), made_of(1))
        await world.tell_stock({"CUP": 5, "POT": None, "BOX": None})
        lacks = "Not written to: BOX is a bundle, and Prokip tells no quantity of its part POT."
        await is_kind("no_quantity", lacks)
        await world.tell_stock({"POT": 3, "BOX": 3})
        await is_kind("matched", "Written to: it shows how many of the bundle BOX its parts make.")
        await world.until_settled(connection)
        assert woo.stock("BOX") == 3
        _, found = await world.ask(f"/internal/stores/{connection}/catalogue")
        assert found["counts"] == {"matched": 1, "only_in_prokip": 2}
        await world.say(made_of(3))
        await world.tell_stock({"BOX": None})
        await is_kind("only_in_store", "Not written to: Prokip has no such SKU at this location.")
        await world.tell_stock({"CUP": 1})
        await world.until_settled(connection)
        assert woo.stock("BOX") == 3
