"""Compare-and-set, idempotency and throttling of the Admin GraphQL API 2026-10.

https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/inventorySetQuantities
"""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from prokip_sandbox import Limits, ShopifyServer, make_goods
from prokip_sandbox.shopify.throttle import Bucket
from tests.contract.sandbox.conftest import Answer, GraphqlClient

OpenShop = Callable[..., contextlib.AbstractAsyncContextManager[GraphqlClient]]

SET = """
mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id reason referenceDocumentUri changes { name delta quantityAfterChange } }
    userErrors { code field message }
  }
}
"""


def line(client: GraphqlClient, sku: str, quantity: int, change_from: int | None, place: int = 0) -> dict[str, Any]:
    return {
        "inventoryItemId": f"gid://shopify/InventoryItem/{client.shop.item(sku).id}",
        "locationId": f"gid://shopify/Location/{client.shop.location_ids[place]}",
        "quantity": quantity,
        "changeFromQuantity": change_from,
    }


async def set_quantities(
    client: GraphqlClient, *lines: dict[str, Any], key: str = "key", **changed: Any
) -> tuple[list[str], Answer]:
    fields = {"name": "available", "reason": "correction", "quantities": list(lines), **changed}
    answer = await client.call(SET, input=fields, key=key)
    payload = (answer.body.get("data") or {}).get("inventorySetQuantities") or {"userErrors": []}
    return [error["code"] for error in payload["userErrors"]], answer


async def test_a_set_over_the_expected_quantity_is_applied_and_reported(shopify: GraphqlClient) -> None:
    codes, answer = await set_quantities(
        shopify, line(shopify, "SKU-0001", 90, 100), referenceDocumentUri="gid://prokip/Push/1"
    )
    assert codes == []
    group = answer.body["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]
    assert group["referenceDocumentUri"] == "gid://prokip/Push/1"
    assert group["changes"][0] == {"name": "available", "delta": -10, "quantityAfterChange": 90}
    assert shopify.shop.stock("SKU-0001") == 90


async def test_one_stale_line_stops_all_lines(shopify: GraphqlClient) -> None:
    codes, answer = await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100), line(shopify, "SKU-0002", 90, 99))
    assert codes == ["CHANGE_FROM_QUANTITY_STALE"]
    (error,) = answer.body["data"]["inventorySetQuantities"]["userErrors"]
    assert error["field"] == ["input", "quantities", "1", "changeFromQuantity"]
    assert (shopify.shop.stock("SKU-0001"), shopify.shop.stock("SKU-0002")) == (100, 100)


async def test_an_explicit_null_writes_whatever_is_there(shopify: GraphqlClient) -> None:
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 5, None))
    assert (codes, shopify.shop.stock("SKU-0001")) == ([], 5)


async def test_a_missing_change_from_quantity_is_refused_though_the_schema_allows_it(shopify: GraphqlClient) -> None:
    incomplete = line(shopify, "SKU-0001", 5, None)
    del incomplete["changeFromQuantity"]
    _, answer = await set_quantities(shopify, incomplete)
    (error,) = answer.body["errors"]
    assert error["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert error["message"] == "InventoryQuantityInput must include the following argument: changeFromQuantity"
    assert shopify.shop.stock("SKU-0001") == 100


async def test_a_missing_or_blank_idempotency_key_is_refused(shopify: GraphqlClient) -> None:
    fields = {"name": "available", "reason": "correction", "quantities": [line(shopify, "SKU-0001", 5, 100)]}
    without = SET.replace(", $key: String!", "").replace(" @idempotent(key: $key)", "")
    (error,) = (await shopify.call(without, input=fields)).body["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["message"] == "The @idempotent directive is required for this mutation but was not provided."
    (error,) = (await shopify.call(SET, input=fields, key=" ")).body["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_repeated_key_answers_the_same_and_changes_nothing(shopify: GraphqlClient) -> None:
    first = await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100))
    shopify.shop.set_stock("SKU-0001", 55)
    second = await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100))
    assert second[1].body["data"] == first[1].body["data"]
    assert shopify.shop.stock("SKU-0001") == 55


async def test_a_key_is_bound_to_its_parameters(shopify: GraphqlClient) -> None:
    await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100))
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 80, 90))
    assert codes == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]


async def test_a_key_whose_first_attempt_failed_wants_a_new_one(shopify: GraphqlClient) -> None:
    assert (await set_quantities(shopify, line(shopify, "SKU-0001", 90, 1)))[0] == ["CHANGE_FROM_QUANTITY_STALE"]
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 90, 1))
    assert codes == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
    assert (await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100), key="new"))[0] == []


async def test_a_key_still_in_progress_asks_to_try_again(shopify: GraphqlClient) -> None:
    fields = {"name": "available", "reason": "correction", "quantities": [line(shopify, "SKU-0001", 90, 100)]}
    shopify.shop.inventory.pretend_in_progress("key", "inventorySetQuantities", fields)
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 90, 100))
    assert codes == ["IDEMPOTENCY_CONCURRENT_REQUEST"]


async def test_a_key_is_forgotten_after_24_hours(open_shop: OpenShop) -> None:
    now = [1_795_351_927.0]
    async with open_shop(clock=lambda: now[0]) as client:
        await set_quantities(client, line(client, "SKU-0001", 90, 100))
        now[0] += 24 * 3600
        assert (await set_quantities(client, line(client, "SKU-0001", 80, 90)))[0] == []


@pytest.mark.parametrize(
    ("changed_line", "changed", "code"),
    [
        ({"quantity": 1_000_000_001}, {}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"quantity": -1_000_000_001}, {}, "INVALID_QUANTITY_TOO_LOW"),
        ({"quantity": -1}, {"name": "on_hand"}, "INVALID_QUANTITY_NEGATIVE"),
        ({"inventoryItemId": "gid://shopify/InventoryItem/1"}, {}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/1"}, {}, "INVALID_LOCATION"),
        ({}, {"name": "committed"}, "INVALID_NAME"),
        ({}, {"reason": "because"}, "INVALID_REASON"),
        ({}, {"referenceDocumentUri": "not a uri"}, "INVALID_REFERENCE_DOCUMENT"),
    ],
)
async def test_wrong_input_has_its_code(
    shopify: GraphqlClient, changed_line: dict[str, Any], changed: dict[str, Any], code: str
) -> None:
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 5, None) | changed_line, **changed)
    assert (codes, shopify.shop.stock("SKU-0001")) == ([code], 100)


async def test_an_item_twice_at_one_location_is_refused(shopify: GraphqlClient) -> None:
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 5, 100), line(shopify, "SKU-0001", 6, 100))
    assert codes == ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"]


async def test_an_array_of_more_than_250_is_refused(shopify: GraphqlClient) -> None:
    _, answer = await set_quantities(shopify, *[line(shopify, "SKU-0001", 5, 100)] * 251)
    assert answer.body["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"


async def test_on_hand_counts_what_is_committed(shopify: GraphqlClient) -> None:
    shopify.shop.buy({"SKU-0001": 10})
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 50, 100), name="on_hand")
    assert (codes, shopify.shop.stock("SKU-0001")) == ([], 40)


async def test_setting_where_an_item_is_not_stocked_leaves_an_inactive_level(shopify: GraphqlClient) -> None:
    shop = shopify.shop
    item, back = shop.item("SKU-0001"), shop.location_ids[1]
    del item.levels[back]
    codes, _ = await set_quantities(shopify, line(shopify, "SKU-0001", 7, 0, place=1))
    assert (codes, item.levels[back].available, item.levels[back].is_active) == ([], 7, False)
    query = """query ($item: ID!, $place: ID!) { inventoryItem(id: $item) {
        hidden: inventoryLevel(locationId: $place) { id }
        shown: inventoryLevel(locationId: $place, includeInactive: true) { isActive } } }"""
    ids = {"item": f"gid://shopify/InventoryItem/{item.id}", "place": f"gid://shopify/Location/{back}"}
    answer = await shopify.call(query, **ids)
    assert answer.body["data"]["inventoryItem"] == {"hidden": None, "shown": {"isActive": False}}

    activate = """mutation ($item: ID!, $place: ID!) { inventoryActivate(inventoryItemId: $item, locationId: $place)
        @idempotent(key: "activate") { inventoryLevel { isActive } userErrors { message } } }"""
    answer = await shopify.call(activate, **ids)
    assert answer.body["data"]["inventoryActivate"] == {"inventoryLevel": {"isActive": True}, "userErrors": []}
    assert item.levels[back].available == 7


async def test_tracking_can_be_switched(shopify: GraphqlClient) -> None:
    item = shopify.shop.item("FREE-001")
    assert (item.tracked, shopify.shop.stock("FREE-001")) == (False, None)
    update = """mutation ($id: ID!) { inventoryItemUpdate(id: $id, input: {tracked: true}) {
        inventoryItem { tracked } userErrors { message } } }"""
    answer = await shopify.call(update, id=f"gid://shopify/InventoryItem/{item.id}")
    assert answer.body["data"]["inventoryItemUpdate"]["inventoryItem"] == {"tracked": True}


NODES = """query ($ids: [ID!]!, $place: ID!) { nodes(ids: $ids) { ... on InventoryItem { id
    inventoryLevel(locationId: $place) { id quantities(names: ["available", "committed", "on_hand"]) { name quantity } } } } }"""


async def test_levels_are_read_in_bulk_by_node_ids(shopify: GraphqlClient) -> None:
    shop = shopify.shop
    shop.buy({"SKU-0001": 3})
    ids = [f"gid://shopify/InventoryItem/{shop.item(sku).id}" for sku in ("SKU-0001", "SKU-0002")]
    place = f"gid://shopify/Location/{shop.location_ids[0]}"
    nodes = (await shopify.call(NODES, ids=[*ids, "gid://shopify/InventoryItem/9"], place=place)).body["data"]["nodes"]
    quantities = [{q["name"]: q["quantity"] for q in node["inventoryLevel"]["quantities"]} for node in nodes[:2]]
    assert quantities == [
        {"available": 97, "committed": 3, "on_hand": 100},
        {"available": 100, "committed": 0, "on_hand": 100},
    ]
    assert nodes[2] is None
    level_id = nodes[0]["inventoryLevel"]["id"]
    answer = await shopify.call("query ($id: ID!) { inventoryLevel(id: $id) { location { id } } }", id=level_id)
    assert answer.body["data"]["inventoryLevel"]["location"]["id"] == place


async def test_variants_come_in_pages_in_both_directions(shopify: GraphqlClient) -> None:
    query = """query ($first: Int, $after: String) { productVariants(first: $first, after: $after) {
        nodes { id sku inventoryItem { id duplicateSkuCount } } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await shopify.call(query, first=7, after=after)).body["data"]["productVariants"]
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == len(shopify.shop.state.variants)
    assert (await shopify.call(query)).body["errors"][0]["message"] == "you must provide one of first or last"
    assert "errors" in (await shopify.call(query, first=251)).body


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("sku:'SKU-0001'", ["SKU-0001"]),
        ("sku:sku-0001", ["SKU-0001"]),
        ("sku:'SKU-0001' OR sku:'SKU-0002'", ["SKU-0001", "SKU-0002"]),
        ("sku:VAR-001", ["VAR-001-S", "VAR-001-M", "VAR-001-L"]),
        ("sku:'NO SUCH'", []),
    ],
)
async def test_a_search_by_sku_is_by_words_not_by_equality(
    shopify: GraphqlClient, search: str, found: list[str]
) -> None:
    query = "query ($search: String) { productVariants(first: 10, query: $search) { nodes { sku } } }"
    answer = await shopify.call(query, search=search)
    assert [node["sku"] for node in answer.body["data"]["productVariants"]["nodes"]] == found


async def test_every_answer_tells_its_cost_and_its_version(shopify: GraphqlClient) -> None:
    answer = await shopify.call("{ locations(first: 10) { nodes { id } } }")
    cost = answer.body["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (10, 2)
    assert set(cost["throttleStatus"]) == {"maximumAvailable", "currentlyAvailable", "restoreRate"}
    assert answer.headers["X-Shopify-API-Version"] == "2026-10"
    old = await shopify.call("{ shop { name } }", version="2023-01")
    assert old.headers["X-Shopify-API-Version"] == "2026-01"


async def test_an_empty_bucket_throttles_with_http_200(open_shop: OpenShop) -> None:
    async with open_shop(limits=Limits(bucket_points=20, restore_points_per_s=0.001)) as client:
        client.shop.bucket.drain()
        codes, answer = await set_quantities(client, line(client, "SKU-0001", 5, 100))
        assert (answer.status, codes) == (200, [])
        assert answer.body["errors"] == [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        assert "data" not in answer.body
        assert answer.body["extensions"]["cost"]["actualQueryCost"] is None
        assert client.shop.stock("SKU-0001") == 100


def test_the_bucket_leaks_at_its_rate_and_never_holds_more_than_its_size() -> None:
    now = [0.0]
    bucket = Bucket(Limits(bucket_points=100, restore_points_per_s=50), now=lambda: now[0])
    assert bucket.take(80)
    assert not bucket.take(30)
    now[0] += 0.2
    assert bucket.take(30)
    now[0] += 100
    assert bucket.status() == {"maximumAvailable": 100, "currentlyAvailable": 0.0, "restoreRate": 50}
    assert bucket.take(100)


async def test_a_query_of_more_than_1000_points_is_refused(shopify: GraphqlClient) -> None:
    query = "{ productVariants(first: 250) { nodes { product { variants(first: 10) { nodes { id } } } } } }"
    answer = await shopify.call(query)
    assert answer.body["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


async def test_tokens_shops_and_documents_are_checked(shopify: GraphqlClient) -> None:
    assert (await shopify.call("{ shop { name } }", token="shpat_wrong")).status == 401
    invalid = await shopify.call("{ shop { nonsense } }")
    assert (invalid.status, "data" in invalid.body) == (200, False)
    assert "Cannot query field 'nonsense'" in invalid.body["errors"][0]["message"]


async def test_a_field_without_its_scope_is_denied(open_shop: OpenShop) -> None:
    async with open_shop(scopes=["read_products"]) as client:
        answer = await client.call("{ orders(first: 1) { nodes { id } } }")
        assert answer.body["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
        scopes = await client.call("{ currentAppInstallation { accessScopes { handle } } }")
        assert scopes.body["data"]["currentAppInstallation"]["accessScopes"] == [{"handle": "read_products"}]


def test_the_same_sku_may_be_on_several_items() -> None:
    server = ShopifyServer()
    goods = make_goods(1)
    server.seed_goods([*goods, *goods])
    shop = server.shop()
    assert shop.inventory.same_sku_count(shop.item("SKU-0001")) == 1
