"""Every recorded step of WooCommerce 9.9.5, done again here: same status, same stock, same webhooks in the same order."""

import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from prokip_sandbox import OutOfStock
from tests.contract.sandbox.conftest import Received, Receiver, WooClient

RECORDINGS = Path(__file__).parents[2] / "data" / "woocommerce"
FILES = ("lifecycle_orders", "lifecycle_products_and_edits", "lifecycle_checkout")


class Merchant:
    """Does the recorded steps; `order` is the order of each letter, `line` its first line."""

    def __init__(self, woo: WooClient) -> None:
        self.woo = woo
        self.orders: dict[str, dict[str, Any]] = {}

    def product_id(self, sku: str) -> int:
        if sku:
            return self.woo.store.product(sku).id
        return next(p.id for p in self.woo.store.state.products.values() if p.name == "No sku")

    def item(self, sku: str, quantity: int) -> dict[str, Any]:
        product_id = self.product_id(sku)
        product = self.woo.store.state.products[product_id]
        if product.type == "variation":
            return {"product_id": product.parent_id, "variation_id": product_id, "quantity": quantity}
        return {"product_id": product_id, "quantity": quantity}

    async def create(self, letter: str, status: str, *items: dict[str, Any]) -> int:
        fields = {"status": status, "payment_method": "cod", "payment_method_title": "COD", "line_items": items}
        answer = await self.woo.post("/orders", fields)
        self.orders[letter] = answer.body
        return answer.status

    async def put(self, letter: str, **fields: Any) -> int:
        answer = await self.woo.put(f"/orders/{self.orders[letter]['id']}", fields)
        self.orders[letter] = answer.body
        return answer.status

    async def refund(self, letter: str, amount: str, quantity: int = 0, **fields: Any) -> int:
        line = self.orders[letter]["line_items"][0]
        items = [{"id": line["id"], "quantity": quantity, "refund_total": amount}] if quantity else []
        body = {"amount": amount, "line_items": items, "api_refund": False, **fields}
        return (await self.woo.post(f"/orders/{self.orders[letter]['id']}/refunds", body)).status

    async def delete(self, letter: str, *, force: bool = False) -> int:
        suffix = "?force=true" if force else ""
        return (await self.woo.delete(f"/orders/{self.orders[letter]['id']}{suffix}")).status

    async def untrash(self, letter: str) -> None:
        store = self.woo.store
        store.orders.untrash(store.order(self.orders[letter]["id"]))

    async def product(self, sku: str, /, **fields: Any) -> int:
        product = self.woo.store.product(sku)
        path = f"/products/{product.id}"
        if product.type == "variation":
            path = f"/products/{product.parent_id}/variations/{product.id}"
        return (await self.woo.put(path, fields)).status

    async def pay(self, letter: str, method: str, **items: int) -> int:
        wanted = {sku.replace("_", "-"): quantity for sku, quantity in items.items()}
        try:
            order = self.woo.store.orders.checkout(wanted, method)
        except OutOfStock:
            return 400
        self.orders[letter] = self.woo.store.order_json(order.id)
        return 200

    async def open_checkout(self, **items: int) -> int:
        self.woo.store.orders.open_checkout({sku.replace("_", "-"): quantity for sku, quantity in items.items()})
        return 200

    def line_id(self, letter: str, n: int = 0) -> int:
        return int(self.orders[letter]["line_items"][n]["id"])

    async def delete_refund(self, letter: str) -> int:
        path = f"/orders/{self.orders[letter]['id']}/refunds"
        refunds = (await self.woo.get(path)).body
        return (await self.woo.delete(f"{path}/{refunds[-1]['id']}?force=true")).status

    async def note(self, letter: str) -> int:
        return (await self.woo.post(f"/orders/{self.orders[letter]['id']}/notes", {"note": "hello"})).status

    async def delete_product(self, sku: str, *, force: bool = False) -> int:
        suffix = "?force=true" if force else ""
        return (await self.woo.delete(f"/products/{self.product_id(sku)}{suffix}")).status


Step = Callable[[Merchant], Awaitable[int | None]]

STEPS: dict[str, Step] = {
    "A1": lambda m: m.create("A", "processing", m.item("SKU-0001", 2)),
    "A2": lambda m: m.put("A", status="on-hold"),
    "A3": lambda m: m.put("A", status="completed"),
    "A4": lambda m: m.put("A", status="cancelled"),
    "A5": lambda m: m.put("A", status="processing"),
    "A6": lambda m: m.put("A", status="failed"),
    "A7": lambda m: m.put("A", status="processing"),
    "A8": lambda m: m.put("A", status="pending"),
    "A9": lambda m: m.put("A", status="processing"),
    "A10": lambda m: m.put("A", status="processing"),
    "A11": lambda m: m.put("A", customer_note="please"),
    "A12": lambda m: m.note("A"),
    "B1": lambda m: m.create("B", "pending", m.item("SKU-0002", 3)),
    "B2": lambda m: m.put("B", set_paid=True),
    "C1": lambda m: m.create("C", "processing", m.item("SKU-0003", 5)),
    "C2": lambda m: m.refund("C", "10.00", 1, reason="one back"),
    "C3": lambda m: m.refund("C", "10.00", 1, api_restock=False),
    "C4": lambda m: m.refund("C", "5.00"),
    "C5": lambda m: m.refund("C", "25.00", 3),
    "C6": lambda m: m.delete_refund("C"),
    "D1": lambda m: m.create("D", "processing", m.item("SKU-0004", 4)),
    "D2": lambda m: m.put("D", status="refunded"),
    "E1": lambda m: m.create("E", "processing", m.item("SKU-0005", 4)),
    "E2": lambda m: m.refund("E", "40.00"),
    "F1": lambda m: m.create("F", "processing", m.item("SKU-0006", 4)),
    "F2": lambda m: m.delete("F"),
    "F3": lambda m: m.put("F", status="processing"),
    "G1": lambda m: m.create("G", "processing", m.item("SKU-0007", 4)),
    "G2": lambda m: m.delete("G"),
    "G3": lambda m: m.untrash("G"),
    "G4": lambda m: m.delete("G", force=True),
    "G5": lambda m: m.create("G", "processing", m.item("SKU-0007", 4)),
    "G6": lambda m: m.put("G", status="cancelled"),
    "G7": lambda m: m.delete("G"),
    "G8": lambda m: m.delete("G", force=True),
    "H1": lambda m: m.create("H", "processing", m.item("VAR-01-S", 2)),
    "H2": lambda m: m.put("H", status="cancelled"),
    "H3": lambda m: m.create("H", "processing", m.item("VARP-01-S", 2)),
    "H4": lambda m: m.create("H", "processing", {"product_id": m.product_id("VAR-02"), "quantity": 1}),
    "I1": lambda m: m.create("I", "processing", m.item("SKU-0008", 2), m.item("SKU-0008", 3)),
    "I2": lambda m: m.refund("I", "10.00", 1),
    "J1": lambda m: m.create("J", "processing", {"sku": "SKU-0009", "quantity": 2}),
    "J2": lambda m: m.put("J", line_items=[{"id": m.line_id("J"), "quantity": 5}]),
    "J3": lambda m: m.put("J", line_items=[{"id": m.line_id("J"), "quantity": 1}]),
    "J4": lambda m: m.put("J", line_items=[m.item("SKU-0009", 3)]),
    "J5": lambda m: m.put("J", line_items=[{"id": m.line_id("J"), "quantity": 0}]),
    "J6": lambda m: m.put("J", status="cancelled"),
    "K1": lambda m: m.create("K", "pending", m.item("SKU-0010", 2)),
    "K2": lambda m: m.put("K", status="cancelled"),
    "K3": lambda m: m.create("K", "on-hold", m.item("SKU-0010", 2)),
    "K4": lambda m: m.put("K", status="processing"),
    "K5": lambda m: m.put("K", status="completed"),
    "L1": lambda m: m.create("L", "processing", m.item("SKU-0011", 1000)),
    "L2": lambda m: m.put("L", status="cancelled"),
    "M1": lambda m: m.create("M", "processing", m.item("NOSTOCK-1", 2)),
    "M2": lambda m: m.create("M", "processing", m.item("", 2)),
    "N1": lambda m: m.create("N", "checkout-draft", m.item("SKU-0012", 2)),
    "N2": lambda m: m.put("N", status="processing"),
    "O1": lambda m: m.create("O", "processing", m.item("SKU-0013", 2)),
    "O2": lambda m: m.delete_product("SKU-0013"),
    "O3": lambda m: m.put("O", customer_note="a"),
    "O4": lambda m: m.delete_product("SKU-0013", force=True),
    "O5": lambda m: m.put("O", customer_note="b"),
    "Q1": lambda m: m.product("SKU-0014", stock_quantity=90),
    "Q2": lambda m: m.product("SKU-0014", stock_quantity=90),
    "Q3": lambda m: m.product("SKU-0014", stock_quantity=0),
    "Q4": lambda m: m.product("VAR-03-S", stock_quantity=90),
    "Q5": lambda m: _status(m.woo.put(f"/products/{m.product_id('VAR-03-S')}", {"stock_quantity": 5})),
    "Q6": lambda m: m.product("NOSTOCK-1", stock_quantity=7),
    "Q7": lambda m: m.product("SKU-0014", stock_quantity=12.7),
    "Q8": lambda m: m.product("SKU-0014", inventory_delta=-3),
    "Q9": lambda m: m.product("SKU-0014", stock_quantity="55"),
    "Q10": lambda m: m.product("SKU-0014", stock_quantity=None),
    "Q11": lambda m: m.product("SKU-0014", stock_quantity=-4),
    "Q12": lambda m: m.product("SKU-0014", sku="SKU-0014X"),
    "Q13": lambda m: m.product("SKU-0014X", sku="SKU-0015"),
    "S0": lambda m: m.open_checkout(SKU_0020=2),
    "S1": lambda m: m.pay("S", "cod", SKU_0020=2),
    "S2": lambda m: m.pay("S", "bacs", SKU_0020=2),
    "S3": lambda m: m.put("S", status="processing"),
    "S4": lambda m: m.pay("S", "cod", VAR_02_M=1),
    "S5": lambda m: m.pay("S", "cod", SKU_0020=500),
}


async def _status(answer: Any) -> int:
    return int((await answer).status)


def _shown(topic: str, body: dict[str, Any]) -> Any:
    """What of a delivery must agree: everything but ids, times and totals of sales."""
    if topic.startswith("order") and "line_items" in body:
        lines = [
            (
                line["sku"],
                line["quantity"],
                line["name"] and line["product_id"] != 0,
                line["variation_id"] != 0,
                {meta["key"]: meta["value"] for meta in line["meta_data"] if meta["key"].startswith("_")},
            )
            for line in body["line_items"]
        ]
        return topic, body["status"], lines, [refund["total"] for refund in body["refunds"]]
    if "stock_quantity" in body:
        return topic, body["type"], body["sku"], body["manage_stock"], body["stock_quantity"], body["stock_status"]
    return topic, sorted(body)


def _collapsed(deliveries: list[Any]) -> list[Any]:
    """A storefront order is sometimes updated twice before it is created; once is enough."""
    return [one for one, _ in groupby(deliveries)]


def _recordings(name: str) -> Iterator[dict[str, Any]]:
    for line in (RECORDINGS / f"{name}.jsonl").read_text().splitlines():
        yield json.loads(line)


def _stock(woo: WooClient, names: list[str]) -> dict[str, int | None]:
    by_name = {p.name: p.stock_quantity for p in woo.store.state.products.values()}
    return {name: by_name[name] if name == "No sku" else woo.store.stock(name) for name in names}


@pytest.mark.parametrize("name", FILES)
async def test_each_recorded_step_has_the_same_status_stock_and_webhooks(
    woo: WooClient, receiver: Receiver, name: str
) -> None:
    await woo.subscribe(receiver.url)
    receiver.drain()
    merchant = Merchant(woo)
    for recorded in _recordings(name):
        label = recorded["step"]
        before = {sku: n for sku, n in recorded["stock_before"].items() if n is not None}
        assert _stock(woo, list(before)) == before, label
        status = await STEPS[label.split()[0]](merchant)
        await woo.store.settled()
        assert status == recorded["store_http_status"], label
        assert _stock(woo, list(recorded["stock_after"])) == recorded["stock_after"], label
        expected = [_shown(d["headers"]["X-WC-Webhook-Topic"], json.loads(d["body"])) for d in recorded["deliveries"]]
        assert _collapsed([_shown(d.topic, d.json) for d in receiver.drain()]) == _collapsed(expected), label


def test_every_recorded_step_is_done() -> None:
    recorded = [step["step"].split()[0] for name in FILES for step in _recordings(name)]
    assert recorded == list(STEPS)
    assert len(recorded) == 82


@pytest.mark.parametrize("name", ["order.created", "order.updated-with-refund", "product.updated"])
async def test_a_delivery_has_the_headers_and_the_fields_of_the_recorded_one(
    woo: WooClient, receiver: Receiver, name: str
) -> None:
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
    recorded_headers = dict(recorded["headers"])
    topic = recorded_headers["X-WC-Webhook-Topic"]
    await woo.subscribe(receiver.url)
    order_id = woo.store.buy({"SKU-0001": 2})
    woo.store.refund(order_id, {"SKU-0001": 1})
    await woo.store.settled()
    delivery = next(one for one in reversed(receiver.drain()) if one.topic == topic)

    assert list(delivery.headers) == list(recorded_headers)
    varying = {"Host", "X-WC-Webhook-Source", "X-WC-Webhook-Signature", "X-WC-Webhook-Delivery-ID", "Content-Length"}
    for header in set(recorded_headers) - varying:
        assert delivery.headers[header] == recorded_headers[header]
    assert delivery.headers["X-WC-Webhook-Source"] == f"{woo.store.url}/"
    assert len(delivery.headers["X-WC-Webhook-Delivery-ID"]) == 32
    assert _shape(delivery.json, json.loads(recorded["body"])) == []
    assert list(delivery.json) == list(json.loads(recorded["body"]))
    assert b"\\/wp-json\\/" in delivery.body


def _shape(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where the kinds of values differ; lists by their first member."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{path}.{name} missing" for name in theirs if name not in ours]
        return missing + [
            s for name in ours if name in theirs for s in _shape(ours[name], theirs[name], f"{path}.{name}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list):
        return _shape(ours[0], theirs[0], f"{path}[]") if ours and theirs else []
    number = (int, float)
    same = type(ours) is type(theirs) or ours is None or theirs is None
    return [] if same or (isinstance(ours, number) and isinstance(theirs, number)) else [f"{path}: {ours} {theirs}"]


async def test_the_ping_has_the_form_of_the_recorded_one(woo: WooClient, receiver: Receiver) -> None:
    recorded = json.loads((RECORDINGS / "ping.json").read_text())
    await woo.subscribe(receiver.url, "order.created")
    (ping,) = receiver.drain()
    assert isinstance(ping, Received)
    assert ping.body.decode() == recorded["body"]
    assert set(ping.headers) == {name for name, _ in recorded["headers"]}
    assert ping.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_the_refunds_path_has_the_fields_of_the_recorded_one(woo: WooClient) -> None:
    recorded = json.loads((RECORDINGS / "order_refunds_endpoint.json").read_text())
    order_id = woo.store.buy({"SKU-0001": 2})
    woo.store.refund(order_id, {"SKU-0001": 1})
    answer = (await woo.get(f"/orders/{order_id}/refunds")).body
    assert _shape(answer, recorded) == []
    assert answer[0]["line_items"][0]["quantity"] == -1
    assert answer[0]["line_items"][0]["meta_data"][0]["key"] == "_refunded_item_id"
