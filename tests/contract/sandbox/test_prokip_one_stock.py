"""One stock behind both dialects and the counter; the third dialect; what is typed, saved, shown and driven."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import Erp, OutOfStock, Policies, ProkipServer, Shoppers, World, WorldSpec, make_goods
from tests.contract.sandbox.conftest import ConnectorClient, HandClock

Open = Callable[..., AbstractAsyncContextManager[ConnectorClient]]


@pytest.fixture
def generation() -> str:
    """The stock does not differ by generation."""
    return "legacy"


async def simple(connector: ConnectorClient, method: str, path: str, body: Any = None) -> Any:
    """A call with the simple dialects' token."""
    kept, connector.token = connector.token, connector.server.token
    try:
        return await connector.call(method, connector.server.url + path, body)
    finally:
        connector.token = kept


async def test_7_a_sale_over_one_dialect_is_seen_over_the_other(connector: ConnectorClient) -> None:
    answer = await simple(
        connector,
        "POST",
        "/sells",
        {"locationId": "BL0001", "items": [{"sku": "AB1", "quantity": 2}], "reference": "r"},
    )
    assert answer.status == 201
    [row] = await connector.rows(f"/variation/{connector.server.variation('AB1').id}?location_id=101")
    assert row["variation_location_details"][0]["qty_available"] == "9.0000"
    [sale] = await connector.rows("/sell")
    assert (sale["invoice_no"], sale["sell_lines"][0]["quantity"]) == ("r", 2)
    await connector.sell("AB1", 3)
    inventory = (await simple(connector, "GET", "/inventory?locationId=BL0001")).body
    assert {"sku": "AB1", "quantity": 6} in inventory
    assert not {"UNTRACKED", "NO-ROW"} & {row["sku"] for row in inventory}


async def test_7_the_counter_sells_on_the_same_stock_and_is_no_sale_of_the_api(connector: ConnectorClient) -> None:
    made = connector.server.counter_sale({"AB1": 2.5, "AB10": 1})
    assert (made.source, connector.server.stock("AB1"), connector.server.recorded("AB1")) == ("counter", 8.5, 0)
    [sale] = await connector.rows("/sell")
    assert (sale["is_created_from_api"], len(sale["sell_lines"])) == (0, 2)


async def test_7_the_counter_too_needs_purchases_when_overselling_is_off(connector: ConnectorClient) -> None:
    connector.server.erp.allow_overselling = False
    with pytest.raises(OutOfStock):
        connector.server.counter_sale({"AB1": 12})
    shoppers = Shoppers([], ["HALF"], connector.server.counter_sale)
    shoppers.habits = type(shoppers.habits)(cancel=0, refund=0, counter=1)
    assert [shoppers.step() for _ in range(3)] == ["counter_sale", "counter_sale", "out_of_stock"]


async def test_the_assertions_view_names_a_connector_sale_by_its_number(connector: ConnectorClient) -> None:
    made = await connector.sell("AB1", 2, invoice_no="sync-1")
    await connector.give_back(made, 1)
    [sale] = connector.server.sales
    assert (sale.sell_id, sale.reference, sale.location_id, sale.source) == (str(made["id"]), "sync-1", "BL0001", "api")
    assert (sale.returned, connector.server.recorded("AB1")) == ({"AB1": 1}, 1)


async def test_6_dialect_c_is_off_unless_chosen(connector: ConnectorClient) -> None:
    assert (await simple(connector, "GET", "/connector/api/inventory?location_id=101")).status == 404
    assert (await simple(connector, "POST", "/connector/api/sells", {})).status == 404


async def test_6_dialect_c_wraps_its_answers_and_refunds_by_delta(connector: ConnectorClient) -> None:
    server = connector.server
    server.ledger.policies.simple_dialect = "c"
    inventory = (await simple(connector, "GET", "/connector/api/inventory?location_id=101")).body
    assert inventory["success"] is True
    assert {"sku": "AB1", "quantity": 11, "location_id": 101} in inventory["data"]
    product_id = server.variation("AB1").product_id
    sale = {"location_id": 101, "items": [{"product_id": product_id, "quantity": 12, "unit_price": 5}]}
    made = await simple(connector, "POST", "/connector/api/sells", sale)
    sell_id = made.body["data"]["sell_id"]
    assert (made.status, made.body["data"]["status"], sell_id[:5]) == (201, "completed", "SELL-")
    assert server.stock("AB1") == -1
    back = {"items": [{"product_id": product_id, "quantity": 1}]}
    for _ in range(2):
        assert (await simple(connector, "POST", f"/connector/api/sells/{sell_id}/refund", back)).status == 200
    assert server.stock("AB1") == 1
    assert (await simple(connector, "GET", f"/connector/api/sells/{sell_id}")).body["data"]["sell_id"] == sell_id


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/sells", {"location_id": 101}, 400, "Validation error"),
        ("/sells", {"location_id": 999, "items": []}, 404, "Location not found"),
        ("/sells", {"location_id": 101, "items": [{"product_id": 9, "quantity": 1}]}, 404, "Product not found"),
        ("/sells/SELL-1/refund", {"items": []}, 404, "Sale not found"),
    ],
)
async def test_6_dialect_c_says_no_in_its_own_form(
    connector: ConnectorClient, path: str, body: Any, status: int, error: str
) -> None:
    connector.server.ledger.policies.simple_dialect = "c"
    answer = await simple(connector, "POST", f"/connector/api{path}", body)
    assert (answer.status, answer.body["success"], answer.body["error"]) == (status, False, error)
    wrong = await connector.call("POST", path, body)  # the connector's token is not this dialect's
    assert (wrong.status, wrong.body["error"]) == (401, "Unauthorized")


async def test_a_second_start_goes_on_with_sales_logins_and_numbers(open_connector: Open, tmp_path: Path) -> None:
    async with open_connector() as connector:
        sale = await connector.sell("AB1", 2)
        await connector.give_back(sale, 1)
        connector.server.save(tmp_path)
        saved = json.dumps(connector.server.snapshot())
    again = ProkipServer(locations=("BL0001", "BL0002"), clock=connector.clock)
    async with again.serve(state_dir=tmp_path), aiohttp.ClientSession() as session:
        assert json.dumps(again.snapshot()) == saved
        client = ConnectorClient(session, again, connector.clock)
        client.token = connector.token
        assert (await client.sell("SHIRT-M"))["id"] > sale["id"] + 1
        assert (await client.give_back(sale, 2)).status == 200
        assert (again.stock("AB1"), again.location_ids) == (11, ["BL0001", "BL0002"])


def test_a_state_of_another_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="remove its folder"):
        ProkipServer().restore({"stock": {}, "sales": []})


def test_goods_become_products_with_their_variations() -> None:
    server = ProkipServer(clock=HandClock())
    server.seed_goods(make_goods(20))
    assert (server.variation("VAR-001-S").product_id, server.stock("PAR-001")) == (
        server.variation("VAR-001-L").product_id,
        100,
    )
    products = server.state.products
    assert products[server.variation("VAR-001-S").product_id].type == "variable"
    assert not products[server.variation("FREE-001").product_id].enable_stock
    known = [*server.state.variations]
    server.set_stock("SKU-0001", 7)
    server.seed_goods(make_goods(20))
    assert (server.stock("SKU-0001"), [*server.state.variations]) == (100, known)


def test_a_generation_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no generation"):
        Erp(generation="future")  # type: ignore[arg-type]


async def test_the_control_api_tells_how_to_connect_and_turns_the_erp_around(
    session: aiohttp.ClientSession, connector: ConnectorClient
) -> None:
    base = f"{connector.server.url}/_sandbox"

    async def control(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with session.request(method, base + path, json=body) as response:
            return response.status, await response.json()

    status, how = await control("GET", "/connector")
    login = connector.server.login
    assert (status, how["clientSecret"], how["username"]) == (200, login.client_secret, login.username)
    assert how["locations"][0] == {"id": 101, "code": "BL0001", "name": "Shop BL0001"}
    assert (await control("PUT", "/erp", {"generation": "modern", "allow_overselling": False}))[0] == 200
    assert connector.server.erp == Erp(generation="modern", allow_overselling=False)
    assert (await control("PUT", "/erp", {"nonsense": 1}))[0] == 400
    assert (await control("POST", "/counter-sales", {"items": {"AB1": 99}}))[0] == 409
    assert (await control("POST", "/counter-sales", {"items": {"NOTHING": 1}}))[0] == 404
    assert (await control("DELETE", "/tokens?refreshable=1"))[0] == 200
    assert (await connector.call("GET", "/variation")).status == 401
    await connector.log_in()
    assert (await control("DELETE", "/tokens"))[0] == 200
    assert (await connector.call("GET", "/variation")).status == 401
    async with session.get(connector.server.url) as response:
        page = await response.text()
    assert "imulated" in page
    assert login.client_secret in page
    assert "BL0001 = 101" in page


async def test_a_world_tells_both_ways_to_connect() -> None:
    spec = WorldSpec(woocommerce_stores=0, shopify_shops=1, goods=20, prokip_erp=Erp(generation="modern"))
    async with World(spec).serve() as world:
        prokip = world.connections()["prokip"]
        assert prokip["token"] == world.prokip.token
        assert prokip["connector"]["apiUrl"] == prokip["apiUrl"]
        assert world.prokip.erp.generation == "modern"


async def test_our_assumption_references_and_shortages_bind_the_simple_dialects_only(
    connector: ConnectorClient,
) -> None:
    connector.server.ledger.policies = Policies(duplicates="refuse", shortage="refuse")
    for _ in range(2):
        await connector.sell("AB1", 10, invoice_no="same")
    assert connector.server.stock("AB1") == -9
