"""Prokip's connector: what is read of the business and its stock. Sections are those of the fact list."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.contract.sandbox.conftest import ConnectorClient

Open = Callable[..., AbstractAsyncContextManager[ConnectorClient]]


def held(row: dict[str, Any]) -> dict[int, str]:
    return {one["location_id"]: one["qty_available"] for one in row["variation_location_details"]}


async def by_sku(connector: ConnectorClient, query: str = "") -> dict[str, dict[str, Any]]:
    return {row["sub_sku"]: row for row in await connector.rows(f"/variation?per_page=-1{query}")}


async def test_2_locations_have_a_number_and_a_code_and_are_never_paged(connector: ConnectorClient) -> None:
    answer = await connector.call("GET", "/business-location?per_page=1")
    assert answer.body.keys() == {"data"}
    assert [(row["id"], row["location_id"], row["is_active"]) for row in answer.body["data"]] == [
        (101, "BL0001", 1),
        (102, "BL0002", 1),
    ]
    assert {"name": "other", "label": "Other", "account_id": None} in answer.body["data"][0]["payment_methods"]


async def test_2_a_closed_location_is_not_shown(connector: ConnectorClient) -> None:
    connector.server.close_location("BL0002")
    assert [row["id"] for row in await connector.rows("/business-location")] == [101]


async def test_2_the_business_tells_its_zone_and_whether_it_oversells(connector: ConnectorClient) -> None:
    data = (await connector.call("GET", "/business-details")).body["data"]
    assert (data["time_zone"], data["pos_settings"]["allow_overselling"]) == ("Africa/Lagos", "1")
    assert [location["id"] for location in data["locations"]] == [101, 102]
    connector.server.erp.allow_overselling = False
    data = (await connector.call("GET", "/business-details")).body["data"]
    assert not data["pos_settings"].get("allow_overselling")


async def test_3_the_default_customer_is_not_number_one(connector: ConnectorClient) -> None:
    contacts = await connector.rows("/contactapi?type=customer&per_page=-1")
    [default] = [contact for contact in contacts if contact["is_default"] == 1]
    assert default["id"] == connector.server.walk_in_id != 1
    assert all(contact["type"] == "customer" for contact in contacts)
    assert len(await connector.rows("/contactapi?per_page=-1")) > len(contacts)


async def test_2_a_variation_row_has_its_own_number_and_text_quantities(connector: ConnectorClient) -> None:
    row = (await by_sku(connector))["SHIRT-M"]
    assert row.keys() >= {"variation_id", "product_id", "product_name", "enable_stock", "not_for_selling"}
    assert (row["sku"], row["type"], row["sell_price_inc_tax"]) == ("SHIRT", "variable", "100.0000")
    assert held(row) == {101: "5.0000", 102: "5.0000"}
    assert "id" not in row


async def test_7_variation_numbers_are_never_product_numbers(connector: ConnectorClient) -> None:
    rows = (await by_sku(connector)).values()
    assert not {row["variation_id"] for row in rows} & {row["product_id"] for row in rows}
    assert len({row["product_id"] for row in rows if row["sku"] == "SHIRT"}) == 1


async def test_7_3_the_awkward_goods_are_all_there(connector: ConnectorClient) -> None:
    rows = await by_sku(connector, "&location_id=101")
    assert held(rows["HALF"]) == {101: "2.5000"}
    assert held(rows["NEG"]) == {101: "-4.0000"}
    assert held(rows["NO-ROW"]) == {}
    assert (rows["UNTRACKED"]["enable_stock"], held(rows["UNTRACKED"])) == (0, {})
    assert rows["NOT-SOLD"]["not_for_selling"] == 1
    assert {"AB1", "AB10", "ab1", "AB1 ", "INACTIVE"} <= rows.keys()


async def test_2_soft_deleted_variations_are_hidden_and_inactive_products_are_not(connector: ConnectorClient) -> None:
    connector.server.delete_variation("SHIRT-L")
    rows = await by_sku(connector)
    assert "SHIRT-L" not in rows
    products = await connector.rows("/product?per_page=-1")
    [shirt] = [row for row in products if row["sku"] == "SHIRT"]
    assert [one["sub_sku"] for one in shirt["product_variations"][0]["variations"]] == ["SHIRT-S", "SHIRT-M"]
    assert [row["is_inactive"] for row in products if row["sku"] == "INACTIVE"] == [1]


@pytest.mark.parametrize("path", ["/variation", "/product", "/contactapi", "/sell", "/list-sell-return"])
async def test_2_lists_have_ten_rows_unless_asked_and_all_for_minus_one(connector: ConnectorClient, path: str) -> None:
    for _ in range(11):
        sale = await connector.sell("AB10")
        await connector.give_back(sale, 1)
    page = (await connector.call("GET", path)).body
    assert page.keys() == {"data", "links", "meta"}
    assert page["meta"].keys() == {"current_page", "from", "last_page", "path", "per_page", "to", "total"}
    assert len(page["data"]) == min(10, page["meta"]["total"])
    whole = (await connector.call("GET", f"{path}?per_page=-1")).body
    assert whole.keys() == {"data"}
    assert len(whole["data"]) == page["meta"]["total"]


async def test_2_links_keep_the_query_and_lead_through_all_pages(connector: ConnectorClient) -> None:
    url, seen = "/variation?location_id=101&per_page=4&sku=&limit=3", list[str]()
    while url:
        page = (await connector.call("GET", url)).body
        seen += [row["sub_sku"] for row in page["data"]]
        url = page["links"]["next"] or ""
        assert not url or ("location_id=101" in url and "per_page=4" in url)
    assert sorted(seen) == sorted(await by_sku(connector))
    assert int(page["meta"]["per_page"]) == 4
    beyond = (await connector.call("GET", "/variation?page=99")).body
    assert (beyond["data"], beyond["meta"]["from"], beyond["meta"]["to"]) == ([], None, None)


async def test_2_some_forks_wrap_their_lists(connector: ConnectorClient) -> None:
    connector.server.erp.wrap_success = True
    page = (await connector.call("GET", "/variation")).body
    assert page.keys() == {"success", "message", "data", "meta", "links"}
    assert page["success"] is True


async def test_2_unknown_parameters_are_ignored(connector: ConnectorClient) -> None:
    assert len(await connector.rows("/variation?limit=1&transaction_date_after=2030-01-01&updated_since=1")) == 10


async def test_2_the_sku_filter_finds_what_contains_it_in_any_case(connector: ConnectorClient) -> None:
    assert {row["sub_sku"] for row in await connector.rows("/variation?sku=ab1")} == {"AB1", "AB10", "ab1", "AB1 "}


async def test_2_the_sku_filter_of_variations_wants_both_skus_and_that_of_products_one(
    connector: ConnectorClient,
) -> None:
    assert await connector.rows("/variation?sku=SHIRT-M") == []  # the product's own SKU does not contain it
    assert [row["sku"] for row in await connector.rows("/product?sku=SHIRT-M")] == ["SHIRT"]


async def test_2_variations_are_found_by_number_by_product_and_by_place(connector: ConnectorClient) -> None:
    server = connector.server
    first, second = server.variation("AB1"), server.variation("SHIRT-S")
    rows = await connector.rows(f"/variation/{first.id},{second.id},999999?location_id=102")
    assert [row["variation_id"] for row in rows] == [first.id, second.id]
    assert [held(row).keys() for row in rows] == [{102}, {102}]
    of_product = await connector.rows(f"/variation?product_id={second.product_id},{first.product_id}")
    assert len(of_product) == 4
    assert {row["sub_sku"] for row in await connector.rows("/variation?not_for_selling=1")} == {"NOT-SOLD"}


async def test_2_a_product_nests_its_variations_whose_id_is_the_variation_number(connector: ConnectorClient) -> None:
    variation = connector.server.variation("SHIRT-S")
    [product] = await connector.rows(f"/product/{variation.product_id}?location_id=101")
    assert product["id"] == variation.product_id
    nested = product["product_variations"][0]["variations"]
    assert [one["sub_sku"] for one in nested] == ["SHIRT-S", "SHIRT-M", "SHIRT-L"]
    assert nested[0]["id"] == variation.id
    assert "variation_id" not in nested[0]
    assert held(nested[0]) == {101: "4.0000"}


async def test_2_products_come_in_no_order_unless_one_is_asked_for(connector: ConnectorClient) -> None:
    async def numbers(query: str) -> list[int]:
        return [row["id"] for row in await connector.rows(f"/product?per_page=-1{query}")]

    loose = [await numbers("") for _ in range(2)]
    assert loose[0] != loose[1]
    assert sorted(loose[0]) == sorted(loose[1])
    assert await numbers("&order_by=newest&order_direction=asc") == sorted(loose[0])
    assert await numbers("&order_by=newest&order_direction=desc") == sorted(loose[0], reverse=True)


async def test_2_the_same_seed_shuffles_the_same_way(open_connector: Open) -> None:
    orders = []
    for seed in (1, 1, 2):
        async with open_connector(seed=seed) as connector:
            orders.append([row["id"] for row in await connector.rows("/product?per_page=-1")])
    assert orders[0] == orders[1] != orders[2]


async def test_our_assumption_variations_come_by_number_unless_shuffled(connector: ConnectorClient) -> None:
    async def numbers() -> list[int]:
        return [row["variation_id"] for row in await connector.rows("/variation?per_page=-1")]

    assert await numbers() == sorted(await numbers())
    connector.server.ledger.policies.variation_order = "shuffled"
    assert await numbers() != sorted(await numbers())


async def test_2_the_stock_report_is_always_fifteen_rows_a_page_and_its_links_lose_the_filters(
    connector: ConnectorClient,
) -> None:
    for n in range(20):
        connector.server.add_product((f"MORE-{n}", n))
    page = (await connector.call("GET", "/product-stock-report?location_id=101&per_page=-1")).body
    assert (len(page["data"]), page["meta"]["per_page"]) == (15, 15)
    assert page["links"]["next"].endswith("/product-stock-report?page=2")
    rows = []
    for number in range(1, page["meta"]["last_page"] + 1):
        rows += await connector.rows(f"/product-stock-report?location_id=101&page={number}")
    assert {row["location_id"] for row in rows} == {101}
    assert len({row["variation_id"] for row in rows}) == len(rows) == page["meta"]["total"]


async def test_2_a_stock_report_row_is_of_one_variation_at_one_place(connector: ConnectorClient) -> None:
    variation = connector.server.variation("AB10")
    await connector.sell("AB10", 2)
    rows = await connector.rows(f"/product-stock-report?product_id={variation.product_id}")
    assert [(row["location_id"], row["stock"], row["total_sold"]) for row in rows] == [
        (101, "108.0000", "2.0000"),
        (102, "110.0000", None),
    ]
    assert {(row["sku"], row["variation_id"]) for row in rows} == {("AB10", variation.id)}
    nowhere = connector.server.variation("NO-ROW").product_id
    [row] = await connector.rows(f"/product-stock-report?product_id={nowhere}")
    assert (row["stock"], row["location_id"]) == (None, None)
    assert await connector.rows(f"/product-stock-report?product_id={nowhere}&location_id=101") == []


async def test_2_a_delivery_shows_in_stock_alone_and_is_no_sale(connector: ConnectorClient) -> None:
    connector.server.set_stock("AB1", 50)
    assert held((await by_sku(connector))["AB1"])[101] == "50.0000"
    assert await connector.rows("/sell") == []


async def test_2_a_sale_moves_the_time_of_its_stock_row(connector: ConnectorClient) -> None:
    async def updated_at() -> str:
        [row] = await connector.rows(f"/variation/{connector.server.variation('AB1').id}?location_id=101")
        at: str = row["variation_location_details"][0]["updated_at"]
        return at

    before = await updated_at()
    connector.clock.now_s += 60
    await connector.sell("AB1")
    assert (before, await updated_at()) == (
        ("2026-11-26 00:30:00", "2026-11-26 00:31:00")
        if connector.server.erp.generation == "legacy"
        else ("2026-11-25T23:30:00.000000Z", "2026-11-25T23:31:00.000000Z")
    )
