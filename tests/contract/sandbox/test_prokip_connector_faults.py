"""Prokip's connector under faults, chosen by what the request looks like (section 7.8 of the fact list)."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import Fault
from prokip_sandbox.server import eventually
from tests.contract.sandbox.conftest import ConnectorClient


@pytest.fixture
def generation() -> str:
    """Faults do not differ by generation."""
    return "legacy"


@pytest.mark.parametrize(
    ("kind", "has_effect"),
    [
        ("timeout_before", False),
        ("timeout_after", True),
        ("reset_before", False),
        ("reset_after", True),
        ("truncated", True),
    ],
)
async def test_7_8_a_sale_whose_answer_is_lost_is_recorded_or_not(
    connector: ConnectorClient, kind: Any, has_effect: bool
) -> None:
    server = connector.server
    fault = server.faults.add(Fault(kind, path="/sell$", body='"invoice_no": "i-1"', hold_s=5))
    sale = connector.sale(connector.line("AB1"), invoice_no="i-1")
    asking = asyncio.create_task(connector.call("POST", "/sell", {"sells": [sale]}))
    await eventually(lambda: fault.met == 1 and server.recorded("AB1") == has_effect, 10)
    if kind.startswith("timeout"):
        asking.cancel()
    with pytest.raises((aiohttp.ClientError, asyncio.CancelledError)):
        await asking
    assert len(await connector.rows("/sell")) == connector.server.recorded("AB1") == (1 if has_effect else 0)
    await connector.post_sales(sale | {"invoice_no": "i-2"})
    assert connector.server.recorded("AB1") == (2 if has_effect else 1)


async def test_3_a_slow_sale_is_recorded_after_the_client_gave_up(connector: ConnectorClient) -> None:
    slow = connector.server.faults.add(Fault("slow", path="/sell$", hold_s=0.2))
    sale = connector.sale(connector.line("AB1"))
    asking = asyncio.create_task(connector.call("POST", "/sell", {"sells": [sale]}))
    await eventually(lambda: slow.met == 1, 10)
    asking.cancel()
    assert connector.server.recorded("AB1") == 0
    await eventually(lambda: connector.server.recorded("AB1") == 1, 10)
    await asyncio.gather(asking, return_exceptions=True)


async def test_4_a_return_loses_what_is_sold_between_its_reading_and_its_writing(connector: ConnectorClient) -> None:
    sale = await connector.sell("AB1", 2)
    race = connector.server.faults.add(Fault("race", path="/sell-return", hold_s=1))
    returning = asyncio.create_task(connector.give_back(sale, 1))
    await eventually(lambda: race.met == 1, 10)
    await connector.rows("/business-location")  # by its answer the return has read the stock
    connector.server.counter_sale({"AB1": 1})
    assert (await returning).status == 201
    assert connector.server.stock("AB1") == 10


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_7_8_an_error_page_is_html_and_has_no_effect(connector: ConnectorClient, status: int) -> None:
    connector.server.faults.add(Fault("status", path="/sell$", status=status))
    answer = await connector.call("POST", "/sell", {"sells": [connector.sale(connector.line("AB1"))]})
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (status, "text/html")
    assert connector.server.stock("AB1") == 11


async def test_7_8_too_many_calls_say_when_to_come_back(connector: ConnectorClient) -> None:
    connector.server.faults.add(Fault("rate_limit", path="/variation", retry_after_s=7))
    answer = await connector.call("GET", "/variation")
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (429, {"message": "Too Many Attempts."}, "7")


async def test_7_8_a_good_answer_may_be_slow_or_pretend_to_be_a_page(connector: ConnectorClient) -> None:
    connector.server.faults.add(Fault("slow", path="/variation", hold_s=0.05))
    for kind in ("wrong_type", "mislabelled"):
        connector.server.faults.add(Fault(kind, path="/variation"))
    assert (await connector.call("GET", "/variation")).body["meta"]["total"] > 10
    page, mislabelled = [(await connector.call("GET", "/variation")).body for _ in range(2)]
    assert page.startswith("<html>")
    assert json.loads(mislabelled)["meta"]["total"] > 10


@pytest.mark.parametrize(("kind", "refreshed"), [("revoke_token", 401), ("expire_token", 200)])
async def test_7_8_a_login_ends_in_the_middle_of_a_list(connector: ConnectorClient, kind: Any, refreshed: int) -> None:
    connector.server.faults.add(Fault(kind, path="page=2"))
    statuses = [(await connector.call("GET", f"/variation?page={page}")).status for page in (1, 2, 2)]
    assert statuses == [200, 401, 401]
    answer = await connector.grant(grant_type="refresh_token", refresh_token=connector.refresh_token)
    assert answer.status == refreshed
    await connector.log_in()
    assert await connector.rows("/variation?page=2")


@pytest.mark.parametrize(("kind", "left"), [("empty_list", 0.0), ("half_list", 0.5)])
async def test_a_list_comes_back_empty_or_half(connector: ConnectorClient, kind: Any, left: float) -> None:
    every = await connector.rows("/variation?per_page=-1")
    connector.server.faults.add(Fault(kind, path="/variation|/inventory", times=2))
    page = (await connector.call("GET", "/variation?per_page=4")).body
    assert page["meta"]["total"] == int(len(every) * left)
    connector.token = connector.server.token
    inventory = await connector.call("GET", f"{connector.server.url}/inventory?locationId=BL0001")
    assert len(inventory.body) == int(len(connector.server.held()) * left)


@pytest.mark.parametrize(("shift", "missed", "twice"), [(1, 1, 0), (-2, 2, 2)])
async def test_7_8_rows_drift_from_one_page_to_another(
    connector: ConnectorClient, shift: int, missed: int, twice: int
) -> None:
    every = [row["variation_id"] for row in await connector.rows("/variation?per_page=-1")]
    connector.server.faults.add(Fault("drift", path="page=2", shift=shift))
    read = [row["variation_id"] for n in (1, 2) for row in await connector.rows(f"/variation?per_page=4&page={n}")]
    assert read == every[:4] + every[4 + shift : 8 + shift]
    assert (len(set(every[:8]) - set(read)), len(read) - len(set(read))) == (missed, twice)


async def test_7_8_goods_that_come_and_go_between_pages_move_the_rest(connector: ConnectorClient) -> None:
    first = [row["sub_sku"] for row in await connector.rows("/variation?per_page=4&page=1")]
    connector.server.delete_variation(first[0])
    second = [row["sub_sku"] for row in await connector.rows("/variation?per_page=4&page=2")]
    every = [row["sub_sku"] for row in await connector.rows("/variation?per_page=-1")]
    assert set(every[:8]) - {*first, *second}
