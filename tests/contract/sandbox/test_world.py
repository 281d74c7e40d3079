"""Faults, the control API, shoppers, saved state and the command line."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import prokip_sandbox
from prokip_sandbox import Fault, Habits, ProkipServer, World, WorldSpec, make_goods, stock_by_sku
from prokip_sandbox.server import eventually

SMALL = WorldSpec(woocommerce_stores=2, shopify_shops=2, goods=40, woocommerce_behind_tls_proxy=True)
SALE = {"locationId": "LOC001", "items": [{"sku": "SKU-0001", "quantity": 1}]}


async def sell(
    session: aiohttp.ClientSession, prokip: ProkipServer, *, timeout_s: float = 20
) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {prokip.token}"}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with session.post(f"{prokip.url}/sells", json=SALE, headers=headers, timeout=timeout) as response:
        await response.read()
        return response


async def test_every_answer_and_page_says_that_it_is_simulated(session: aiohttp.ClientSession) -> None:
    async with World(SMALL).serve() as world:
        for server in world.servers:
            async with session.get(server.url) as response:
                assert "imulated" in await response.text()
            async with session.get(f"{server.url}/nowhere") as response:
                assert response.headers["X-Sandbox"] == "simulated"


@pytest.mark.parametrize(
    ("fault", "has_effect"),
    [
        (Fault("timeout_before", hold_s=5), False),
        (Fault("timeout_after", hold_s=5), True),
        (Fault("reset_before"), False),
        (Fault("reset_after"), True),
        (Fault("truncated"), True),
    ],
)
async def test_a_broken_answer_has_its_effect_or_not_as_its_kind_says(
    session: aiohttp.ClientSession, prokip: ProkipServer, fault: Fault, has_effect: bool
) -> None:
    prokip.faults.add(fault)
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        await sell(session, prokip, timeout_s=1.0)
    await eventually(lambda: fault.met == 1 and prokip.stock("SKU-0001") == (99 if has_effect else 100), 30)
    assert (await sell(session, prokip)).status == 201


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "has_effect"),
    [
        (Fault("status", status=503), 503, "text/html", False),
        (Fault("rate_limit", retry_after_s=7), 429, "application/json", False),
        (Fault("throttled"), 200, "application/json", False),
        (Fault("wrong_type"), 200, "text/html", True),
        (Fault("slow", hold_s=0.05), 201, "application/json", True),
    ],
)
async def test_a_wrong_answer_has_its_status_type_and_effect(
    session: aiohttp.ClientSession,
    prokip: ProkipServer,
    fault: Fault,
    status: int,
    content_type: str,
    has_effect: bool,
) -> None:
    prokip.faults.add(fault)
    response = await sell(session, prokip)
    assert (response.status, response.content_type) == (status, content_type)
    assert prokip.stock("SKU-0001") == (99 if has_effect else 100)
    if fault.kind == "rate_limit":
        assert response.headers["Retry-After"] == "7"


async def test_a_fault_meets_only_what_it_matches_and_as_often_as_told(
    session: aiohttp.ClientSession, prokip: ProkipServer
) -> None:
    prokip.faults.add(Fault("status", method="GET"))
    prokip.faults.add(Fault("status", path="/sells", body="SKU-0001", skip=1, times=2))
    assert [(await sell(session, prokip)).status for _ in range(4)] == [201, 500, 500, 201]
    always = prokip.faults.add(Fault("status", path="/sells", times=None, probability=0.5))
    statuses = [(await sell(session, prokip)).status for _ in range(40)]
    assert statuses.count(500) == always.met
    assert 5 < always.met < 35
    prokip.faults.clear()
    assert (await sell(session, prokip)).status == 201


async def test_calls_are_counted_by_kind_and_the_control_api_drives_it_all(session: aiohttp.ClientSession) -> None:
    async with World(SMALL).serve() as world:
        prokip, shopify, store = world.prokip, world.shopify, world.woocommerce[0]
        shop = shopify.shop()
        await sell(session, prokip)

        async def control(url: str, method: str = "GET", body: Any = None) -> Any:
            async with session.request(method, url, json=body) as response:
                assert response.status in {200, 201}, await response.text()
                return await response.json()

        assert (await control(f"{prokip.url}/_sandbox/calls"))["counts"] == {"POST /sells": 1}
        assert len(await control(f"{prokip.url}/_sandbox/sales")) == 1
        await control(f"{prokip.url}/_sandbox/counter-sales", "POST", {"items": {"SKU-0002": 3}})
        await control(f"{prokip.url}/_sandbox/stock/LOC001/SKU-0003", "PUT", {"quantity": 5})
        assert (prokip.stock("SKU-0002"), prokip.stock("SKU-0003")) == (97, 5)
        await control(f"{prokip.url}/_sandbox/policies", "PUT", {"shortage": "refuse"})
        await control(f"{prokip.url}/_sandbox/faults", "POST", {"kind": "status", "status": 502})
        assert (await sell(session, prokip)).status == 502

        for base, owner in ((f"{store.url}/_sandbox", store), (f"{shopify.url}/_sandbox/{shop.domain}", shop)):
            order_id = (await control(f"{base}/orders", "POST", {"items": {"SKU-0001": 3}}))["id"]
            await control(f"{base}/orders/{order_id}/refund", "POST", {"items": {"SKU-0001": 1}})
            assert (await control(f"{base}/stock"))["SKU-0001"] == owner.stock("SKU-0001") == 98
            await control(f"{base}/orders/{order_id}/cancel", "POST")
            assert (await control(f"{base}/orders/{order_id}"))["id"] == order_id
            await control(f"{base}/stock/SKU-0001", "PUT", {"quantity": 7})
            assert owner.stock("SKU-0001") == 7
        await control(f"{store.url}/_sandbox/disturbances", "POST", {"kind": "drop", "times": 2})
        assert store.courier.disturbances[0].times == 2
        for wrong in ({"kind": "status", "nonsense": 1}, {"kind": "nonsense"}):
            async with session.post(f"{store.url}/_sandbox/faults", json=wrong) as response:
                assert response.status == 400


def test_the_same_number_and_seed_make_the_same_goods_of_every_kind() -> None:
    goods = make_goods(40, seed=3)
    assert goods == make_goods(40, seed=3)
    assert goods != make_goods(40, seed=4)
    assert {good.kind for good in goods} == {"simple", "variation", "shared", "unmanaged"}
    assert any(not good.sku for good in goods)
    assert stock_by_sku(make_goods(1000, simple_only=True)).keys() == {f"SKU-{n:04d}" for n in range(1, 1001)}


async def test_all_stores_and_prokip_begin_with_the_same_quantities() -> None:
    async with World(SMALL).serve() as world:
        for sku, quantity in stock_by_sku(world.goods).items():
            held = [world.prokip.stock(sku), *(store.stock(sku) for store in world.woocommerce)]
            held += [shop.stock(sku) for shop in world.shopify.shops.values()]
            assert set(held) == {quantity}


async def test_shoppers_with_the_same_seed_make_the_same_history() -> None:
    histories = []
    for _ in range(2):
        async with World(SMALL).serve() as world:
            shoppers = world.shoppers(seed=5, habits=Habits(cancel=0.2, refund=0.2, counter=0.2))
            steps = [shoppers.step() for _ in range(200)]
            assert set(steps) >= {"order", "cancel", "refund", "counter_sale"}
            histories.append((steps, [[store.stock(sku) for sku in world.skus] for store in world.woocommerce]))
    assert histories[0] == histories[1]


async def test_shoppers_keep_their_rate() -> None:
    async with World(SMALL).serve() as world, world.shopping(100) as shoppers:
        async with asyncio.timeout(30):
            while shoppers.done.total() < 20:  # noqa: ASYNC110 - shoppers have no event to wait for
                await asyncio.sleep(0.01)
    assert shoppers.done["order"] > 0


async def test_a_second_start_goes_on_from_the_saved_world(tmp_path: Path) -> None:
    async with World(SMALL).serve(state_dir=tmp_path) as world:
        shoppers = world.shoppers(seed=1)
        for _ in range(100):
            shoppers.step()
        store, shop = world.woocommerce[0], world.shopify.shop()
        order_id = store.buy({"SKU-0001": 1})
        shop_order = shop.buy({"SKU-0001": 1})
        before = [json.dumps(server.snapshot()) for server in world.servers]
        keys = world.connections()["woocommerce"][0]["consumerKey"]
    async with World(SMALL).serve(state_dir=tmp_path) as again:
        assert [json.dumps(server.snapshot()) for server in again.servers] == before
        assert again.connections()["woocommerce"][0]["consumerKey"] == keys
        left = again.woocommerce[0].stock("SKU-0001")
        assert left is not None
        again.woocommerce[0].cancel(order_id)
        assert again.woocommerce[0].stock("SKU-0001") == left + 1
        again.shopify.shop().cancel(shop_order)
        assert again.woocommerce[0].buy({"SKU-0001": 1}) > order_id
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]  # noqa: PTH208 - one listing


async def test_the_command_tells_where_it_is_and_keeps_the_state_at_sigterm(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    command = (sys.executable, "-m", "prokip_sandbox", "world", "--goods", "20", "--state-dir", str(tmp_path))
    for expected in (100, 98):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        ready = json.loads(await process.stdout.readline())
        assert (ready["event"], ready["simulated"]) == ("ready", True)
        store = ready["woocommerce"][0]["storeUrl"]
        async with session.get(f"{store}/_sandbox/stock") as response:
            assert (await response.json())["SKU-0001"] == expected
        async with session.post(f"{store}/_sandbox/orders", json={"items": {"SKU-0001": 2}}) as response:
            assert response.status == 201
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_port_in_use_is_told_in_one_line(prokip: ProkipServer) -> None:
    port = prokip.url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prokip_sandbox", "prokip", "--port", port, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert "cannot serve" in complaint.decode()
    assert port in complaint.decode()
    assert len(complaint.decode().splitlines()) == 1


def test_the_sandbox_imports_none_of_the_products_code() -> None:
    product = ("prokip_shared", "gateway", "webhook_ingest", "inventory", "store_push", "prokip_poller")
    sources = Path(prokip_sandbox.__file__).parent.rglob("*.py")
    lines = [line.split() for path in sources for line in path.read_text().splitlines()]
    imported = {words[1].split(".")[0] for words in lines if len(words) > 1 and words[0] in {"import", "from"}}
    assert "aiohttp" in imported
    assert not imported & set(product)
