"""The simple dialect: what is given, and what no source specifies and so is switched."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import Policies, ProkipServer

SALE = {"locationId": "LOC001", "items": [{"sku": "SKU-0001", "quantity": 2}]}


async def call(
    session: aiohttp.ClientSession,
    prokip: ProkipServer,
    method: str,
    path: str,
    body: Any = None,
    token: str | None = None,
) -> tuple[int, Any]:
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token or prokip.token}"}
    async with session.request(method, prokip.url + path, json=body, headers=headers) as response:
        return response.status, await response.json()


async def test_the_inventory_is_a_root_array_of_numbers(session: aiohttp.ClientSession, prokip: ProkipServer) -> None:
    status, body = await call(session, prokip, "GET", "/inventory?locationId=LOC001")
    assert status == 200
    assert {"sku": "SKU-0001", "quantity": 100} in body
    skus = [row["sku"] for row in body]
    assert "PAR-001" in skus
    assert not {"PAR-001-S", "FREE-001", ""} & set(skus)


async def test_a_sale_lowers_its_own_location_and_gets_an_id(
    session: aiohttp.ClientSession, prokip: ProkipServer
) -> None:
    status, body = await call(session, prokip, "POST", "/sells", SALE)
    assert (status, body) == (201, {"sell_id": "SELL-000001"})
    assert (prokip.stock("SKU-0001"), prokip.stock("SKU-0001", "LOC002")) == (98, 100)
    assert prokip.recorded("SKU-0001") == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status"),
    [
        ("GET", "/inventory?locationId=LOC001", None, "wrong", 401),
        ("GET", "/inventory?locationId=LOC009", None, None, 404),
        ("GET", "/inventory", None, None, 400),
        ("POST", "/sells", SALE | {"locationId": "LOC009"}, None, 404),
        ("POST", "/sells", SALE | {"items": [{"sku": "NONE", "quantity": 1}]}, None, 404),
        ("POST", "/sells", SALE | {"items": []}, None, 400),
        ("POST", "/sells", SALE | {"items": [{"sku": "SKU-0001", "quantity": -1}]}, None, 400),
        ("POST", "/sells", SALE | {"items": [{"sku": "SKU-0001", "quantity": "2"}]}, None, 400),
        ("POST", "/sells/SELL-9/refund", {"items": [{"sku": "SKU-0001", "quantity": 1}]}, None, 404),
    ],
)
async def test_wrong_requests_are_refused_and_change_nothing(
    session: aiohttp.ClientSession,
    prokip: ProkipServer,
    method: str,
    path: str,
    body: Any,
    token: str | None,
    status: int,
) -> None:
    assert (await call(session, prokip, method, path, body, token))[0] == status
    assert (prokip.stock("SKU-0001"), prokip.sales) == (100, [])


async def test_sales_are_not_listed_for_clients(session: aiohttp.ClientSession, prokip: ProkipServer) -> None:
    async with session.get(f"{prokip.url}/sells", headers={"Authorization": f"Bearer {prokip.token}"}) as response:
        assert response.status == 405


async def test_a_repeated_sale_is_a_second_sale_unless_references_are_unique(
    session: aiohttp.ClientSession, prokip: ProkipServer
) -> None:
    for _ in range(2):
        assert (await call(session, prokip, "POST", "/sells", SALE | {"reference": "woo-1"}))[0] == 201
    assert prokip.stock("SKU-0001") == 96
    prokip.ledger.policies = Policies(duplicates="refuse")
    status, body = await call(session, prokip, "POST", "/sells", SALE | {"reference": "woo-1"})
    assert (status, body["sell_id"], prokip.stock("SKU-0001")) == (409, "SELL-000001", 96)


async def test_a_sale_beyond_stock_goes_negative_unless_refused(
    session: aiohttp.ClientSession, prokip: ProkipServer
) -> None:
    sale = SALE | {"items": [{"sku": "SKU-0001", "quantity": 101}]}
    assert (await call(session, prokip, "POST", "/sells", sale))[0] == 201
    assert prokip.stock("SKU-0001") == -1
    prokip.ledger.policies = Policies(shortage="refuse")
    assert (await call(session, prokip, "POST", "/sells", sale))[0] == 409
    assert prokip.stock("SKU-0001") == -1


async def test_a_refund_is_a_delta_so_a_repeated_one_counts_again(
    session: aiohttp.ClientSession, prokip: ProkipServer
) -> None:
    sell_id = (await call(session, prokip, "POST", "/sells", SALE))[1]["sell_id"]
    back = {"items": [{"sku": "SKU-0001", "quantity": 1}]}
    for _ in range(2):
        assert (await call(session, prokip, "POST", f"/sells/{sell_id}/refund", back))[0] == 201
    assert (prokip.stock("SKU-0001"), prokip.recorded("SKU-0001")) == (100, 0)


async def test_a_deployment_may_not_serve_refunds(session: aiohttp.ClientSession, prokip: ProkipServer) -> None:
    sell_id = (await call(session, prokip, "POST", "/sells", SALE))[1]["sell_id"]
    prokip.ledger.policies = Policies(serves_refunds=False)
    back = {"items": [{"sku": "SKU-0001", "quantity": 1}]}
    assert (await call(session, prokip, "POST", f"/sells/{sell_id}/refund", back))[0] == 404
    assert prokip.stock("SKU-0001") == 98


async def test_the_counter_sells_too_and_a_sku_may_vanish(session: aiohttp.ClientSession, prokip: ProkipServer) -> None:
    prokip.counter_sale({"SKU-0001": 1.5})
    prokip.remove("SKU-0002")
    body = (await call(session, prokip, "GET", "/inventory?locationId=LOC001"))[1]
    rows = {row["sku"]: row["quantity"] for row in body}
    assert rows["SKU-0001"] == 98.5
    assert "SKU-0002" not in rows
    assert prokip.recorded("SKU-0001") == 0
