"""The internal read API over HTTP, on a ledger with a history."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from yarl import URL

from inventory import reading as reads
from inventory.config import InventorySettings
from prokip_shared.database import Pool
from prokip_shared.messages import SaleRecordedV1
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.settings import load_settings
from tests.integration.inventory.books import held_stock, random_snapshot, read, sell
from tests.integration.inventory.test_applying import hear
from tests.support.house import open_service
from tests.support.settings import INTERNAL_SECRET, service_environ
from tests.unit.inventory.world import BUSINESS, LOCATION, NOON, line, reading, seen


class Reader:
    """Asks as one business."""

    def __init__(self, session: ClientSession, url: str, business_id: int = BUSINESS) -> None:
        self._session = session
        self._url = url
        self._token = InternalTokens(INTERNAL_SECRET).mint(business_id)

    def of_business(self, business_id: int) -> "Reader":
        return Reader(self._session, self._url, business_id)

    async def ask(self, path: str, status: int = 200, /, **query: str | int) -> dict[str, Any]:
        """`path` is encoded already, as a careful caller sends it."""
        url = URL(self._url + path, encoded=True).with_query({key: str(value) for key, value in query.items()})
        async with self._session.get(url, headers={"Authorization": f"Bearer {self._token}"}) as response:
            body: dict[str, Any] = await response.json(content_type=None)
            assert response.status == status, body
            if status >= 400:
                assert response.content_type == "application/problem+json"
            return body

    async def pages(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        page = await self.ask(path, **query)
        items += page["items"]
        while page["next"] is not None:
            page = await self.ask(path, **query, after=page["next"])
            items += page["items"]
        return items


def of_sku(sku: str, what: str) -> str:
    return f"/internal/stock/{quote(sku, safe='')}/{what}"


@pytest.fixture
async def reader(ledger_url: str, pool: Pool) -> AsyncIterator[Reader]:
    async with open_service("inventory", service_environ(ledger_url)) as service, ClientSession() as session:
        yield Reader(session, service.url)


async def test_stock_is_paged_in_the_order_in_which_people_look_for_it(pool: Pool, reader: Reader) -> None:
    skus = ["b2", "A1", "a1", "Z", "ä", "C 3", "b10"]
    await read(pool, reading(1, dict.fromkeys(skus, 5)))
    items = await reader.pages("/internal/stock", limit=2)
    assert [item["sku"] for item in items] == ["A1", "a1", "b10", "b2", "C 3", "Z", "ä"]
    assert items[0] | {"changed_at": "", "observed_at": ""} == {
        "sku": "A1",
        "location_id": LOCATION,
        "state": "managed",
        "available": "5",
        "base": "5",
        "taken": "0",
        "quantity": "5",
        "recorded": "0",
        "revision": 1,
        "observed_at": "",
        "changed_at": "",
    }


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("rot", ["Hose/ROT 40", "Hose/rot 42"]),
        ("e/rot 4", ["Hose/ROT 40", "Hose/rot 42"]),
        ("ROT 42", ["Hose/rot 42"]),
        ("%", ["%_"]),
        ("%_", ["%_"]),
        ("ho", ["Hose/ROT 40", "Hose/rot 42"]),
        ("ose", ["Hose/ROT 40", "Hose/rot 42"]),
        ("STRASSE", ["straße"]),
        ("日本", ["日本語"]),
        ("本語", []),
        ("none", []),
    ],
)
async def test_stock_is_found_by_a_part_of_its_sku(pool: Pool, reader: Reader, search: str, found: list[str]) -> None:
    await read(pool, reading(1, dict.fromkeys(["Hose/rot 42", "Hose/ROT 40", "%_", "straße", "日本語", "x"], 1)))
    await read(pool, reading(1, {"rot of another business": 1}, business_id=8))
    items = await reader.pages("/internal/stock", search=search, limit=1)
    assert sorted(item["sku"] for item in items) == sorted(found)


async def test_stock_is_filtered_by_state_and_location(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"sold": 1, "good": 5}), reading(1, {"good": 7}, location_id="other"))
    await sell(
        pool,
        seen("1", 1, line("l", "sold", 3), line("m", "alien", 1)),
        seen("2", 1, line("l", "early", 3), location_id="unread"),
    )

    async def skus(**query: str) -> list[str]:
        return [f"{item['sku']}@{item['location_id']}" for item in await reader.pages("/internal/stock", **query)]

    assert await skus(state="oversold") == [f"sold@{LOCATION}"]
    assert await skus(state="unmatched") == [f"alien@{LOCATION}"]
    assert await skus(state="pending") == ["early@unread"]
    assert await skus(state="managed") == [f"good@{LOCATION}", "good@other"]
    assert await skus(state="managed", location="other") == ["good@other"]
    assert await skus(state="managed", search="goo", location="other") == ["good@other"]
    assert await skus(state="oversold", search="xyz") == []
    unknown = {item["sku"]: item["available"] for item in await reader.pages("/internal/stock")}
    assert (unknown["alien"], unknown["early"], unknown["sold"]) == (None, None, "-2")


@pytest.mark.parametrize(
    "sku", ["A/B", "A B", "Grün/Größe 40", "100%", "a%2Fb", "a+b", "a?b#c&d=e", "'\"\\", "日本語", "..x"]
)
async def test_skus_of_any_spelling_have_movements_and_an_explanation(pool: Pool, reader: Reader, sku: str) -> None:
    await read(pool, reading(1, {sku: 10}))
    await sell(pool, seen("1", 1, line("l", sku, 2)))
    items = await reader.pages(of_sku(sku, "movements"), limit=1)
    assert [(item["sku"], item["reason"], item["delta"], item["balance_after"]) for item in items] == [
        (sku, "sale", "-2", "8"),
        (sku, "prokip", "10", "10"),
    ]
    explanation = await reader.ask(of_sku(sku, "explanation"))
    assert (explanation["sku"], explanation["available"]) == (sku, "8")


async def test_an_explanation_names_every_part_and_adds_up(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 98}, recorded={"A": 2}))
    await sell(
        pool,
        seen("1", 1, line("l", "A", 2)),
        seen("2", 1, line("l", "A", "1.5"), line("m", "A", 1), connection_id=2),
        seen("3", 1, line("l", "A", 4)),
        seen("3", 2, line("l", "A", 0, ordered=4), status="cancelled"),
    )
    await hear(pool, answer("1"))
    told = await reader.ask(of_sku("A", "explanation"))
    assert (told["quantity"], told["recorded"], told["base"], told["taken"]) == ("98", "2", "100", "4.5")
    assert told["available"] == "95.5"
    assert told["adds_up"] is True
    assert told["observed_at"] is not None
    assert told["earlier_orders_units"] == "0"
    orders = [
        (order["connection_id"], order["order_number"], order["units"], order["sale_state"]) for order in told["orders"]
    ]
    assert orders == [(2, "#2", "2.5", "due"), (1, "#1", "2", "recorded")]


def answer(order_ref: str) -> SaleRecordedV1:
    return SaleRecordedV1(
        business_id=BUSINESS,
        connection_id=1,
        location_id=LOCATION,
        order_ref=order_ref,
        revision=1,
        state="recorded",
        prokip_sell_id="S-1",
        detail="",
    )


async def test_the_explanation_of_any_sku_adds_up_after_any_history(
    pool: Pool, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "EXPLAINED_MOVEMENTS_MAX", 10)
    dice = random.Random(5)
    skus = ["A", "B", "C", "X"]
    for sequence in range(25):
        await sell(pool, *[random_snapshot(dice, skus, orders=30) for _ in range(12)])
        await read(
            pool, reading(sequence, {dice.choice("ABC"): dice.randint(0, 50)}, recorded={"A": 3}, complete=sequence > 9)
        )
    for row in (await held_stock(pool)).values():
        told = await reader.ask(of_sku(row.key.sku, "explanation"))
        units = sum((Decimal(order["units"]) for order in told["orders"]), Decimal(told["earlier_orders_units"]))
        assert told["adds_up"] is True
        assert Decimal(told["base"]) - units == Decimal(told["balance"]) == row.available
        assert told["quantity"] is None or Decimal(told["quantity"]) + Decimal(told["recorded"]) == row.base
        assert len({(order["connection_id"], order["order_ref"]) for order in told["orders"]}) == len(told["orders"])


async def test_an_order_in_trouble_is_named_however_many_sales_came_after_it(
    pool: Pool, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "EXPLAINED_MOVEMENTS_MAX", 3)
    monkeypatch.setattr(reads, "EXPLAINED_ORDERS_MAX", 2)
    await read(pool, reading(1, {"A": 50, "B": 1}))
    refused = answer("old").model_copy(update={"state": "refused", "detail": "no such contact"})
    await sell(pool, seen("old", 1, line("l", "A", 2)), seen("other", 1, line("l", "B", 1)))
    await hear(pool, refused)
    await hear(pool, answer("other").model_copy(update={"state": "in_doubt"}))
    for number in range(5):
        await sell(pool, seen(str(number), 1, line("l", "A", 1)))
        await hear(pool, answer(str(number)))
    told = await reader.ask(of_sku("A", "explanation"))
    assert [(order["order_ref"], order["sale_state"], order["sale_detail"]) for order in told["orders"]] == [
        ("old", "refused", "no such contact"),
        ("4", "recorded", ""),
    ]
    assert (told["taken"], told["open_units"], told["earlier_orders_units"]) == ("7", "2", "4")
    assert told["adds_up"] is True


async def test_movements_name_the_order_as_people_do(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 10}))
    await sell(pool, seen("771", 1, line("l", "A", 2)))
    items = await reader.pages(of_sku("A", "movements"))
    assert [(item["order_ref"], item["order_number"]) for item in items] == [("771", "#771"), (None, None)]


async def test_a_quantity_is_known_for_any_moment_since_prokip_told_it(pool: Pool, reader: Reader) -> None:
    await sell(pool, seen("0", 1, line("l", "A", 3)))
    await read(pool, reading(1, {"A": 10}))
    await sell(pool, seen("1", 1, line("l", "A", 1)), seen("2", 1, line("l", "A", 2)))
    history = await reader.pages(of_sku("A", "movements"))
    *_, told, early = history
    newest = history[0]

    async def at(moment: str) -> dict[str, Any]:
        return await reader.ask(of_sku("A", "at"), moment=moment)

    def shortly_before(moment: str) -> str:
        return (datetime.fromisoformat(moment) - timedelta(microseconds=1)).isoformat()

    before = await at(shortly_before(early["at"]))
    assert (before["available"], before["movement"]) == (None, None)
    pending = await at(shortly_before(told["at"]))
    assert (pending["available"], pending["movement"]) == (None, early)
    first = await at(told["at"])
    assert (first["sku"], first["available"], first["movement"]) == ("A", "7", told)
    assert (await at(shortly_before(newest["at"])))["available"] == "7"
    now = await at(newest["at"])
    assert (now["available"], now["movement"]) == ("4", newest)
    assert datetime.fromisoformat(now["moment"]) == datetime.fromisoformat(newest["at"])


@pytest.mark.parametrize("moment", ["", "yesterday", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "25"])
async def test_a_moment_that_is_none_or_still_to_come_is_refused(pool: Pool, reader: Reader, moment: str) -> None:
    await read(pool, reading(1, {"A": 10}))
    assert (await reader.ask(of_sku("A", "at"), 400, moment=moment))["code"] == "bad_moment"


async def test_a_moment_is_asked_of_one_sku_of_ones_own(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 1}), reading(1, {"A": 2}, location_id="other"))
    moment = "2026-01-01T00:00:00"
    assert (await reader.ask(of_sku("A", "at"), 400))["code"] == "bad_moment"
    assert (await reader.ask(of_sku("A", "at"), 409, moment=moment))["code"] == "choose_location"
    assert (await reader.ask(of_sku("A", "at"), moment=moment, location="other"))["available"] is None
    assert (await reader.of_business(8).ask(of_sku("A", "at"), 404, moment=moment))["code"] == "stock_not_found"


async def test_a_sku_at_several_locations_wants_one_named(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 1}), reading(1, {"A": 2}, location_id="other"))
    problem = await reader.ask(of_sku("A", "explanation"), 409)
    assert (problem["code"], problem["locations"]) == ("choose_location", [LOCATION, "other"])
    assert (await reader.ask(of_sku("A", "explanation"), location="other"))["available"] == "2"
    assert (await reader.ask(of_sku("A", "movements"), location="other"))["items"][0]["delta"] == "2"


async def test_sales_are_paged_newest_first_and_filtered(pool: Pool, reader: Reader) -> None:
    snapshots = [
        seen(f"o/{number}", 1, line("l", "A", 1, price=3), connection_id=1 + number % 2) for number in range(7)
    ]
    await sell(
        pool,
        *[
            message.model_copy(
                update={"order": message.order.model_copy(update={"created_at": NOON + timedelta(minutes=number // 2)})}
            )
            for number, message in enumerate(snapshots)
        ],
    )
    await hear(pool, answer("o/2"))
    refs = [item["order_ref"] for item in await reader.pages("/internal/sales", limit=2)]
    assert refs == ["o/6", "o/5", "o/4", "o/3", "o/2", "o/1", "o/0"]
    assert [item["order_ref"] for item in await reader.pages("/internal/sales", connection=2, limit=2)] == [
        "o/5",
        "o/3",
        "o/1",
    ]
    assert [item["order_ref"] for item in await reader.pages("/internal/sales", state="recorded")] == ["o/2"]
    assert len(await reader.pages("/internal/sales", state="due", limit=2)) == 6
    sale = await reader.ask("/internal/sales/1/o%2F2")
    assert (sale["order_number"], sale["sale_state"], sale["prokip_sell_id"]) == ("#o/2", "recorded", "S-1")
    assert sale["lines"] == [
        {
            "line_ref": "l",
            "sku": "A",
            "stock_sku": "A",
            "ordered": "1",
            "taken": "1",
            "counted": "1",
            "unit_price": "3",
            "parts": [],
        }
    ]


async def test_the_summary_counts_what_the_dashboard_shows(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 1, "B": 5}))
    await sell(
        pool,
        seen("1", 1, line("l", "A", 3), line("m", "alien", 1)),
        seen("2", 1, line("l", "early", 3), location_id="unread"),
        seen("3", 1, line("l", "A", 0, ordered=1), status="pending"),
        seen("1", 1, line("l", "A", 3), business_id=8),
    )
    summary = await reader.ask("/internal/summary", since=NOON.isoformat())
    del summary["since"]
    assert summary == {
        "skus": 4,
        "oversold": 1,
        "unmatched": 1,
        "pending": 1,
        "sales_since": 2,
        "sales_in_doubt": 0,
        "sales_refused": 0,
        "sales_return_unsupported": 0,
    }
    later = await reader.ask("/internal/summary", since=(NOON + timedelta(days=1)).isoformat())
    assert later["sales_since"] == 0


async def test_what_belongs_to_another_business_does_not_exist(pool: Pool, reader: Reader) -> None:
    await read(pool, reading(1, {"A": 1}))
    await sell(pool, seen("1", 1, line("l", "A", 1)))
    stranger = reader.of_business(8)
    assert (await stranger.ask("/internal/stock"))["items"] == []
    assert (await stranger.ask("/internal/sales"))["items"] == []
    assert (await stranger.ask("/internal/summary"))["skus"] == 0
    await stranger.ask(of_sku("A", "movements"), 404)
    await stranger.ask(of_sku("A", "explanation"), 404)
    await stranger.ask("/internal/sales/1/1", 404)
    assert (await stranger.ask("/internal/parked"))["parked"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/internal/stock", {"limit": "0"}),
        ("/internal/stock", {"limit": "201"}),
        ("/internal/stock", {"limit": "x"}),
        ("/internal/stock", {"limit": "²"}),
        ("/internal/stock", {"state": "sold"}),
        ("/internal/stock", {"after": "!"}),
        ("/internal/stock", {"after": "WzFd"}),
        ("/internal/stock", {"after": "W1tdXQ=="}),
        ("/internal/stock", {"search": "a\x00b"}),
        ("/internal/stock", {"search": "x" * 256}),
        ("/internal/stock/A/movements", {"after": "WyJhIl0="}),
        ("/internal/sales", {"connection": "-1"}),
        ("/internal/sales", {"connection": "9" * 30}),
        ("/internal/sales", {"state": "sold"}),
        ("/internal/sales", {"after": "WyJ4IiwgMSwgIngiXQ=="}),
        ("/internal/summary", {"since": "yesterday"}),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(reader: Reader, path: str, query: dict[str, str]) -> None:
    await reader.ask(path, 400, **query)


async def test_without_an_internal_token_nothing_is_answered(ledger_url: str) -> None:
    async with open_service("inventory", service_environ(ledger_url)) as service, ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer x"}):
            async with session.get(f"{service.url}/internal/stock", headers=headers) as response:
                assert response.status == 401


async def test_a_wrong_setting_is_named(ledger_url: str) -> None:
    with pytest.raises(Exception, match="ORDER_BATCH_MESSAGES_MAX"):
        load_settings(InventorySettings, service_environ(ledger_url, ORDER_BATCH_MESSAGES_MAX="0"))
