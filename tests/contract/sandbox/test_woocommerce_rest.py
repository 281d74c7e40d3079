"""The REST API's rules that a hub leans on or trips over; measured on WooCommerce 9.9.5."""

import asyncio
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import WooCommerceStore, make_goods
from tests.contract.sandbox.conftest import WooClient


async def test_sales_are_atomic_and_inventory_delta_reads_then_writes(woo: WooClient) -> None:
    items = {"status": "processing", "line_items": [{"sku": "SKU-0001", "quantity": 1}]}
    await asyncio.gather(*(woo.post("/orders", items) for _ in range(20)))
    assert woo.store.stock("SKU-0001") == 80


@pytest.mark.parametrize(("sent", "kept"), [("abc", 0), (3.7, 3), (None, 0), ("12 pieces", 12), (-4, -4), ("55", 55)])
async def test_a_batch_does_not_validate_a_quantity(woo: WooClient, sent: Any, kept: int) -> None:
    product_id = woo.store.product("SKU-0001").id
    answer = await woo.post("/products/batch", {"update": [{"id": product_id, "stock_quantity": sent}]})
    assert answer.status == 200
    assert answer.body["update"][0]["stock_quantity"] == kept


@pytest.mark.parametrize("sent", ["abc", 3.7, True])
async def test_a_single_put_refuses_what_is_not_a_whole_number(woo: WooClient, sent: Any) -> None:
    answer = await woo.put(f"/products/{woo.store.product('SKU-0001').id}", {"stock_quantity": sent})
    assert (answer.status, answer.body["code"]) == (400, "rest_invalid_param")
    assert woo.store.stock("SKU-0001") == 100


async def test_a_batch_answers_200_in_the_order_sent_with_errors_inside(woo: WooClient) -> None:
    store = woo.store
    good, variation = store.product("SKU-0001").id, store.product("VAR-01-S").id
    items = [
        {"id": 999_999, "stock_quantity": 1},
        {"id": good, "stock_quantity": 1},
        {"id": variation, "stock_quantity": 1},
        {"sku": "SKU-0002", "stock_quantity": 1},
        {"id": good, "stock_quantity": 2},
        {"id": store.product("SKU-0003").id, "sku": "SKU-0004"},
    ]
    answer = await woo.post("/products/batch", {"update": items})
    assert answer.status == 200
    codes = [(item.get("error") or {}).get("code") for item in answer.body["update"]]
    assert codes == [
        "woocommerce_rest_product_invalid_id",
        None,
        "woocommerce_rest_invalid_product_id",
        "woocommerce_rest_product_invalid_id",
        None,
        "product_invalid_sku",
    ]
    statuses = [item["error"]["data"]["status"] for item in answer.body["update"] if "error" in item]
    assert statuses == [400, 404, 400, 400]
    assert answer.body["update"][3]["id"] is None
    assert store.stock("SKU-0001") == 2


async def test_a_variation_of_another_parent_is_an_error_of_its_item(woo: WooClient) -> None:
    one, other = woo.store.product("VAR-01").id, woo.store.product("VAR-02-S").id
    own = woo.store.product("VAR-01-S").id
    items = [{"id": other, "stock_quantity": 1}, {"id": own, "stock_quantity": 7}]
    answer = await woo.post(f"/products/{one}/variations/batch", {"update": items})
    error = {"code": "woocommerce_rest_product_variation_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
    assert answer.body["update"][0] == {"id": other, "error": error}
    assert woo.store.stock("VAR-01-S") == 7


async def test_a_batch_of_more_than_100_is_too_large(woo: WooClient) -> None:
    items = [{"id": woo.store.product("SKU-0001").id}] * 60
    answer = await woo.post("/products/batch", {"update": items, "create": [{}] * 41})
    assert (answer.status, answer.body["code"]) == (413, "woocommerce_rest_request_entity_too_large")
    assert answer.body["message"] == "Unable to accept more than 100 items for this request."


async def test_fields_on_a_batch_destroys_the_answer_though_the_write_happens(woo: WooClient) -> None:
    product_id = woo.store.product("SKU-0001").id
    answer = await woo.post("/products/batch?_fields=id", {"update": [{"id": product_id, "stock_quantity": 5}]})
    assert answer.body == {"update": []}
    assert woo.store.stock("SKU-0001") == 5


async def test_a_quantity_of_unmanaged_goods_is_silently_ignored(woo: WooClient) -> None:
    product_id = woo.store.product("NOSTOCK-1").id
    answer = await woo.put(f"/products/{product_id}", {"stock_quantity": 5})
    assert (answer.status, answer.body["stock_quantity"], answer.body["manage_stock"]) == (200, None, False)


async def test_a_variation_without_own_stock_reads_its_parents(woo: WooClient) -> None:
    parent, variation = woo.store.product("VARP-01"), woo.store.product("VARP-01-S")
    shown = (await woo.get(f"/products/{parent.id}/variations/{variation.id}")).body
    assert (shown["manage_stock"], shown["stock_quantity"]) == ("parent", 100)


async def test_products_are_listed_in_pages_with_totals_and_links(woo: WooClient) -> None:
    first = await woo.get("/products?per_page=10&orderby=id&order=asc&_fields=id,sku,stock_quantity")
    assert (first.headers["X-WP-Total"], first.headers["X-WP-TotalPages"]) == ("26", "3")
    assert 'rel="next"' in first.headers["Link"]
    assert set(first.body[0]) == {"id", "sku", "stock_quantity"}
    last = await woo.get("/products?per_page=10&page=3&orderby=id&order=asc")
    assert len(last.body) == 6
    assert 'rel="next"' not in last.headers["Link"]
    assert (await woo.get("/products?per_page=101")).status == 400
    assert (await woo.get("/products?orderby=luck")).status == 400


async def test_the_sku_filter_takes_several_and_finds_variations(woo: WooClient) -> None:
    found = (await woo.get("/products?sku=SKU-0001,VAR-01-S,NONE")).body
    assert sorted((p["sku"], p["type"], p["parent_id"] > 0) for p in found) == [
        ("SKU-0001", "simple", False),
        ("VAR-01-S", "variation", True),
    ]
    assert [p["type"] for p in (await woo.get("/products?per_page=100")).body if p["type"] == "variation"] == []


async def test_include_search_and_type_narrow_the_list(woo: WooClient) -> None:
    ids = [woo.store.product(sku).id for sku in ("SKU-0002", "SKU-0001")]
    included = await woo.get(f"/products?include={ids[0]},{ids[1]}&orderby=include")
    assert [p["id"] for p in included.body] == ids
    assert [p["sku"] for p in (await woo.get("/products?search=simple 0003")).body] == ["SKU-0003"]
    assert {p["type"] for p in (await woo.get("/products?type=variable")).body} == {"variable"}


async def test_modified_after_is_exclusive_at_one_second(session: aiohttp.ClientSession) -> None:
    now = [1_795_351_927.9]
    store = WooCommerceStore(behind_tls_proxy=True, clock=lambda: now[0])
    store.seed_goods(make_goods(20))
    async with store.serve():
        woo = WooClient(session, store)
        order_id = store.buy({"SKU-0001": 1})
        modified = store.order_json(order_id)["date_modified_gmt"]
        now[0] += 1

        async def found(query: str) -> list[int]:
            return [order["id"] for order in (await woo.get(f"/orders?{query}")).body]

        before = modified[:-2] + f"{int(modified[-2:]) - 1:02d}"
        assert await found(f"modified_after={modified}&dates_are_gmt=true") == []
        assert await found(f"modified_after={before}&dates_are_gmt=true") == [order_id]
        local = store.order_json(order_id)["date_modified"]
        assert await found(f"modified_after={local}") == []
        assert await found(f"modified_after={before}Z") == [order_id]
        assert (await woo.get("/orders?modified_after=yesterday")).status == 400


async def test_trashed_orders_are_listed_only_when_asked_for(woo: WooClient) -> None:
    order_id = woo.store.buy({"SKU-0001": 1})
    await woo.delete(f"/orders/{order_id}")
    assert (await woo.get("/orders")).body == []
    assert (await woo.get("/orders?status=any")).body == []
    assert [o["id"] for o in (await woo.get("/orders?status=trash")).body] == [order_id]


async def test_refunding_more_than_was_ordered_is_accepted(woo: WooClient) -> None:
    order_id = woo.store.buy({"SKU-0001": 5})
    line = woo.store.order_json(order_id)["line_items"][0]
    body = {"amount": "1.00", "line_items": [{"id": line["id"], "quantity": 9, "refund_total": "1.00"}]}
    assert (await woo.post(f"/orders/{order_id}/refunds", body)).status == 201
    assert woo.store.stock("SKU-0001") == 104


async def test_a_refund_then_a_cancellation_give_back_exactly_what_was_taken(woo: WooClient) -> None:
    order_id = woo.store.buy({"SKU-0001": 5})
    woo.store.refund(order_id, {"SKU-0001": 2})
    assert woo.store.stock("SKU-0001") == 97
    woo.store.cancel(order_id)
    assert woo.store.stock("SKU-0001") == 100
    woo.store.refund(order_id, {"SKU-0001": 1})
    assert woo.store.stock("SKU-0001") == 100


async def test_a_line_with_an_unknown_product_is_accepted(woo: WooClient) -> None:
    answer = await woo.post("/orders", {"line_items": [{"product_id": 424_242, "quantity": 1}]})
    line = answer.body["line_items"][0]
    assert (answer.status, line["product_id"], line["sku"], line["name"]) == (201, 0, None, "")


async def test_a_repeated_post_makes_a_second_order(woo: WooClient) -> None:
    body = {"status": "processing", "line_items": [{"sku": "SKU-0001", "quantity": 1}]}
    first, second = await woo.post("/orders", body), await woo.post("/orders", body)
    assert first.body["id"] != second.body["id"]
    assert woo.store.stock("SKU-0001") == 98


async def test_orders_are_created_in_batches(woo: WooClient) -> None:
    item = {"status": "processing", "line_items": [{"sku": "SKU-0001", "quantity": 1}]}
    answer = await woo.post("/orders/batch", {"create": [item] * 3})
    assert len({order["id"] for order in answer.body["create"]}) == 3
    assert woo.store.stock("SKU-0001") == 97


async def test_the_storefront_refuses_what_is_not_there_and_takes_nothing(
    woo: WooClient, session: aiohttp.ClientSession
) -> None:
    async with session.post(f"{woo.store.url}/_sandbox/orders", json={"items": {"SKU-0001": 101}}) as response:
        assert response.status == 400
        assert (await response.json())["message"] == "SKU-0001: 100 left, 101 wanted"
    assert woo.store.stock("SKU-0001") == 100
    assert woo.store.state.orders == {}


async def test_unknown_ids_and_bad_bodies_have_their_codes(woo: WooClient) -> None:
    for path, code in (
        ("/products/1", "woocommerce_rest_product_invalid_id"),
        ("/orders/1", "woocommerce_rest_shop_order_invalid_id"),
        ("/webhooks/1", "woocommerce_rest_shop_webhook_invalid_id"),
    ):
        answer = await woo.get(path)
        assert (answer.status, answer.body["code"]) == (404, code)
    order_id = woo.store.buy({"SKU-0001": 1})
    assert (await woo.put(f"/orders/{order_id}", {"status": "eaten"})).status == 400
    assert (await woo.post("/orders", {"line_items": [{"quantity": 1}]})).status == 400
    await woo.delete(f"/orders/{order_id}")
    assert (await woo.delete(f"/orders/{order_id}")).status == 410


async def test_products_and_variations_can_be_made(woo: WooClient) -> None:
    made = await woo.post(
        "/products", {"name": "New", "sku": "NEW", "regular_price": "5.00", "manage_stock": True, "stock_quantity": 3}
    )
    assert (made.status, made.body["stock_quantity"], made.body["regular_price"]) == (201, 3, "5.00")
    assert (await woo.post("/products", {"name": "Again", "sku": "NEW"})).body["code"] == "product_invalid_sku"
    parent = await woo.post("/products", {"name": "Shirt", "type": "variable"})
    child = await woo.post(f"/products/{parent.body['id']}/variations", {"sku": "SHIRT-S", "manage_stock": True})
    assert (child.status, woo.store.stock("SHIRT-S")) == (201, 0)


async def test_the_system_status_tells_the_version(woo: WooClient) -> None:
    environment = (await woo.get("/system_status")).body["environment"]
    assert (environment["version"], environment["home_url"]) == ("9.9.5", woo.store.url)
