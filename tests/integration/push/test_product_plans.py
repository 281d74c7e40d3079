"""Plans of products: shown before anything is done, carried out once whatever breaks, and set back."""

from decimal import Decimal
from typing import Any

import pytest

from prokip_sandbox import Fault, Good, ShopifyServer, WooCommerceStore
from prokip_sandbox.shopify.shop import Shop
from prokip_shared.web.problems import Problem
from tests.integration.push.prokip_products import poller_with, told
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world
from tests.support.eventually import eventually

IMAGE = "https://prokip.example.test/shirt.png"
SHIRT = told(20, "Shirt", ("S-S", "S", "10.0000"), ("S-M", "M", "12.5000"), image_url=IMAGE)
MUG = told(22, "Mug", ("MUG", "", "5.0000"))
OLD = told(24, "Old thing", ("OLD", "", "1.0000"), inactive=True)
KNOWN = told(26, "Good 1", ("SKU-0001", "", "11.0000"))


async def begin(world: PushWorld, connection_id: int, **wishes: Any) -> dict[str, Any]:
    status, plan = await world.post(f"/internal/stores/{connection_id}/product-plans", wishes)
    assert status == 201, plan
    return await until(world, plan["id"], "ready")


async def show(world: PushWorld, plan_id: int) -> dict[str, Any]:
    status, plan = await world.ask(f"/internal/product-plans/{plan_id}")
    assert status == 200, plan
    assert isinstance(plan, dict)
    return plan


async def until(world: PushWorld, plan_id: int, state: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        plan = await show(world, plan_id)
        assert plan["state"] == state, plan
        return plan

    plan = await eventually(reached, what=f"plan is {state}")
    assert plan is not None
    return plan


async def say(world: PushWorld, plan_id: int, step: str, state: str) -> dict[str, Any]:
    status, answer = await world.post(f"/internal/product-plans/{plan_id}/{step}")
    assert status == 200, answer
    return await until(world, plan_id, state)


async def items(world: PushWorld, plan_id: int) -> dict[str, dict[str, Any]]:
    _, page = await world.ask(f"/internal/product-plans/{plan_id}/items")
    return {one["name"]: one for one in page["items"]}


async def test_prices_and_images_may_be_chosen_with_the_wishes(database_url: str) -> None:
    shopify = shopify_with(0)
    image = "https://img.example.test/chosen.png"
    async with (
        shopify.serve(),
        poller_with([SHIRT, MUG]) as poller,
        open_world(database_url, shopify, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_shop(shopify)
        chosen = {"prices": {"S-M": "15.50", "NOBODYS": "1"}, "images": {"S-S": image}}
        plan = await begin(world, connection, skus=["S-M", "S-S"], **chosen)
        await say(world, plan["id"], "start", "done")
        shop = shopify.shop()
        prices = {sku: shop.state.variants[shop.item(sku).variant_id].price_cents for sku in ("S-S", "S-M")}
        assert prices == {"S-S": 1000, "S-M": 1550}
        (made,) = shop.state.products.values()
        assert made.images == [image]


def woo_products(woo: WooCommerceStore) -> dict[str, Any]:
    return {product.sku: product for product in woo.state.products.values()}


def shop_variants(shop: Shop) -> dict[str, Any]:
    return {shop.state.items[variant.item_id].sku: variant for variant in shop.state.variants.values()}


async def test_a_plan_is_shown_before_anything_is_done_and_then_made_with_quantities(database_url: str) -> None:
    woo = woo_with(1)
    async with (
        woo.serve(),
        poller_with([SHIRT, OLD], [MUG, KNOWN]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        await world.tell_stock({"S-S": 3, "S-M": 4, "MUG": 5, "SKU-0001": 100})
        plan = await begin(world, connection, update=True, publish=True)
        assert plan["counts"] == {"create": 2, "leave": 1, "update": 1}
        assert (plan["products_read"], plan["products_total"]) == (4, 4)
        shown = await items(world, plan["id"])
        assert shown["Shirt"]["why"] == "the store does not have it: made with 2 variations for everybody to see"
        assert shown["Old thing"]["why"] == "it is inactive in Prokip"
        assert shown["Good 1"]["why"] == "SKU-0001 from 10.00 to 11.00"
        assert len(woo.state.products) == 1
        status, answer = await world.post(f"/internal/stores/{connection}/product-plans")
        assert (status, answer["code"]) == (409, "plan_open")

        plan = await say(world, plan["id"], "start", "done")
        assert plan["counts"] == {"done": 3, "leave": 1}
        made = woo_products(woo)
        assert (made["P20"].type, made["P20"].status, made["P20"].images) == ("variable", "publish", [IMAGE])
        assert (made["S-M"].price_cents, made["S-M"].option, made["S-M"].parent_id) == (1250, "M", made["P20"].id)
        assert made["MUG"].price_cents == 500
        assert made["SKU-0001"].price_cents == 1100
        await world.until(lambda: (woo.stock("S-S"), woo.stock("S-M"), woo.stock("MUG")) == (3, 4, 5), "quantities")


async def test_a_shopify_shop_gets_products_with_variants_that_are_stocked_at_its_location(database_url: str) -> None:
    shopify = shopify_with(1)
    async with (
        shopify.serve(),
        poller_with([SHIRT, KNOWN]) as poller,
        open_world(database_url, shopify, PROKIP_POLLER_URL=poller.url) as world,
    ):
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"S-S": 3, "S-M": 4})
        plan = await begin(world, shop, update=True)
        await say(world, plan["id"], "start", "done")
        variants = shop_variants(shopify.shop())
        assert (variants["S-M"].price_cents, variants["S-M"].title) == (1250, "M")
        product = shopify.shop().state.products[variants["S-M"].product_id]
        assert (product.title, product.status, product.images) == ("Shirt", "DRAFT", [IMAGE])
        assert variants["SKU-0001"].price_cents == 1100
        await world.until(lambda: (shopify.shop().stock("S-S"), shopify.shop().stock("S-M")) == (3, 4), "quantities")


async def test_an_answer_that_got_lost_makes_no_product_twice_in_woocommerce(database_url: str) -> None:
    woo = woo_with(0)
    woo.faults.add(Fault("reset_after", method="POST", path=r"/products\??[^/]*$", times=2))
    woo.faults.add(Fault("reset_after", method="POST", path="/variations/batch", times=1))
    async with (
        woo.serve(),
        poller_with([SHIRT, MUG]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        await say(world, plan["id"], "start", "done")
        assert sorted(woo_products(woo)) == ["MUG", "P20", "S-M", "S-S"]
        assert len(woo.state.products) == 4
        assert (await items(world, plan["id"]))["Mug"]["result"] == "was made already"


async def test_an_answer_that_got_lost_makes_no_product_twice_in_shopify(database_url: str) -> None:
    shopify = shopify_with(0)
    shopify.faults.add(Fault("reset_after", body="mutation ProductSet", times=2))
    async with (
        shopify.serve(),
        poller_with([SHIRT, MUG]) as poller,
        open_world(database_url, shopify, PROKIP_POLLER_URL=poller.url) as world,
    ):
        shop = await world.connect_shop(shopify)
        plan = await begin(world, shop)
        await say(world, plan["id"], "start", "done")
        assert sorted(shop_variants(shopify.shop())) == ["MUG", "S-M", "S-S"]
        assert len(shopify.shop().state.products) == 2


async def test_a_product_that_somebody_made_meanwhile_is_not_made_again(database_url: str) -> None:
    woo = woo_with(0)
    async with (
        woo.serve(),
        poller_with([MUG]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        woo.seed_goods([Good("MUG", "Their own mug", 100, 1)])
        await say(world, plan["id"], "start", "done")
        (item,) = (await items(world, plan["id"])).values()
        assert item["state"] == "failed"
        assert "the store has MUG by now" in item["result"]
        assert len(woo.state.products) == 1


@pytest.mark.parametrize("platform", ["woocommerce", "shopify"])
async def test_what_a_plan_did_is_set_back_where_nobody_has_changed_it_since(database_url: str, platform: str) -> None:
    woo, shopify = woo_with(2), shopify_with(2)
    second = told(28, "Good 2", ("SKU-0002", "", "12.0000"))
    async with (
        woo.serve(),
        shopify.serve(),
        poller_with([MUG, KNOWN, second]) as poller,
        open_world(database_url, shopify, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await (world.connect_woo(woo) if platform == "woocommerce" else world.connect_shop(shopify))
        plan = await begin(world, connection, update=True, publish=True)
        await say(world, plan["id"], "start", "done")
        prices = set_price(woo, shopify, platform, "SKU-0002", 1300)
        await say(world, plan["id"], "undo", "undone")
        found = await items(world, plan["id"])
        assert {name: one["state"] for name, one in found.items()} == {
            "Mug": "undone",
            "Good 1": "undone",
            "Good 2": "kept",
        }
        assert Decimal(found["Good 2"]["result"].rpartition(" ")[2]) == Decimal(13)
        assert (prices["SKU-0001"].price_cents, prices["SKU-0002"].price_cents) == (1000, 1300)
        if platform == "woocommerce":
            assert prices["MUG"].status == "draft"
        else:
            product = shopify.shop().state.products[prices["MUG"].product_id]
            assert product.status == "DRAFT"


def set_price(woo: WooCommerceStore, shopify: ShopifyServer, platform: str, sku: str, cents: int) -> dict[str, Any]:
    """As somebody in the store's own pages; whatever has a price, by SKU."""
    prices = woo_products(woo) if platform == "woocommerce" else shop_variants(shopify.shop())
    prices[sku].price_cents = cents
    return prices


async def test_prices_and_images_are_chosen_for_single_products(database_url: str) -> None:
    woo = woo_with(1)
    dear = told(22, "Mug", ("MUG", "", None))
    async with (
        woo.serve(),
        poller_with([dear, KNOWN]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        shown = await items(world, plan["id"])
        assert shown["Mug"]["why"] == "Prokip tells no price of MUG; choose one"
        path = f"/internal/product-plans/{plan['id']}/items"
        wrong = {"prices": {"CUP": "1"}}
        assert (await world.post(f"{path}/{shown['Mug']['id']}/choose", wrong))[1]["code"] == "unknown_sku"
        choice = {"prices": {"MUG": "7.50"}, "image_url": IMAGE}
        status, answer = await world.post(f"{path}/{shown['Mug']['id']}/choose", choice)
        assert (status, answer["action"]) == (200, "create")
        status, answer = await world.post(f"{path}/{shown['Good 1']['id']}/choose", {"image_url": IMAGE})
        assert answer["why"] == "an image is added where there is none"
        await say(world, plan["id"], "start", "done")
        made = woo_products(woo)
        assert (made["MUG"].price_cents, made["MUG"].images) == (750, [IMAGE])
        assert made["SKU-0001"].images == [IMAGE]
        assert (await world.post(f"{path}/{shown['Mug']['id']}/choose", choice))[0] == 409


async def test_a_plan_goes_on_where_prokip_stopped_answering(database_url: str) -> None:
    woo = woo_with(0)
    async with (
        woo.serve(),
        poller_with([SHIRT], [MUG]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        away = Problem(
            503, "Prokip away", code="prokip_away", detail="It wants us to wait.", headers={"Retry-After": "0"}
        )
        poller.failures.append(away)
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        assert poller.asked == [1, 2, 2]
        assert plan["counts"] == {"create": 2}
        assert plan["error"] is None


async def test_a_prokip_without_products_is_told_and_the_plan_discarded(database_url: str) -> None:
    woo = woo_with(0)
    async with (
        woo.serve(),
        poller_with([SHIRT], []) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        refusal = Problem(409, "Conflict", code="no_products", detail="Prokip tells no names.")
        poller.failures += [refusal] * 20
        connection = await world.connect_woo(woo)
        _, plan = await world.post(f"/internal/stores/{connection}/product-plans")

        async def said() -> bool:
            return "Prokip tells no names." in str((await show(world, plan["id"]))["error"])

        await eventually(said, what="the reason is shown")
        await say(world, plan["id"], "discard", "discarded")
        assert (await world.post(f"/internal/product-plans/{plan['id']}/start"))[0] == 409


async def test_a_plan_is_stopped_and_goes_on(database_url: str) -> None:
    woo = woo_with(0)
    many = [told(20 + n, f"Thing {n}", (f"T{n}", "", "1")) for n in range(5)]
    slow = woo.faults.add(Fault("slow", method="POST", path=r"/products\??[^/]*$", hold_s=0.3, times=None))
    async with (
        woo.serve(),
        poller_with(many) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        await world.post(f"/internal/product-plans/{plan['id']}/start")
        await world.until(lambda: slow.met >= 1, "under way")
        stopped = await say(world, plan["id"], "stop", "stopped")
        assert 0 < stopped["counts"]["done"] < 5
        woo.faults.clear()
        ended = await say(world, plan["id"], "start", "done")
        assert ended["counts"] == {"done": 5}


async def test_plans_of_another_business_do_not_exist(database_url: str) -> None:
    woo = woo_with(0)
    async with (
        woo.serve(),
        poller_with([MUG]) as poller,
        open_world(database_url, PROKIP_POLLER_URL=poller.url) as world,
    ):
        connection = await world.connect_woo(woo)
        plan = await begin(world, connection)
        stranger = world.business_id + 1
        assert (await world.ask(f"/internal/product-plans/{plan['id']}", stranger))[0] == 404
        assert (await world.post(f"/internal/product-plans/{plan['id']}/start", business_id=stranger))[0] == 404
        assert (await world.post(f"/internal/stores/{connection}/product-plans", business_id=stranger))[0] == 404
