"""The connector dialect over real HTTP: what is asked, what each way of failing means, and what is asked again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from prokip_shared.http import open_client
from prokip_shared.platforms import prokip_connector
from prokip_shared.platforms.prokip import (
    Goods,
    InDoubt,
    NotAuthorised,
    ProkipError,
    Refused,
    ReturnedItem,
    Sale,
    SoldItem,
    StockPage,
    Unavailable,
    Unusable,
)
from prokip_shared.platforms.prokip_connector import ConnectorProkip
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls, ConnectorLimits, NoPace
from prokip_shared.platforms.prokip_tokens import MemoryTokens, SignIn
from tests.support.connector import Said, ScriptedConnector
from tests.unit.platforms.connector_bodies import envelope, line, meta, sell, variation

D = Decimal
LIMITS = ConnectorLimits(connect_timeout_s=10, read_timeout_s=30, post_timeout_s=30, page_pause_s=0)
SOLD_AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SALE = Sale([SoldItem("A", D(2), goods=Goods(51, 101))], "sync-7-1001-1", SOLD_AT)
Clients = Callable[..., ConnectorProkip]


@pytest.fixture
async def erp() -> AsyncIterator[ScriptedConnector]:
    async with ScriptedConnector().serve() as served:
        served.says("GET", "/product-stock-report", {"data": []})
        yield served


@pytest.fixture
async def client_of(erp: ScriptedConnector) -> AsyncIterator[Clients]:
    async with open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=5) as session:

        def create_client(*, limits: ConnectorLimits = LIMITS, api_url: str | None = None) -> ConnectorProkip:
            return client(session, api_url or f"{erp.url}/", erp, limits)

        yield create_client


def client(session: ClientSession, api_url: str, erp: ScriptedConnector, limits: ConnectorLimits) -> ConnectorProkip:
    tokens = MemoryTokens(SignIn(session, api_url=api_url, credentials=erp.credentials))
    calls = ConnectorCalls(session, api_url=api_url, tokens=tokens, pace=NoPace(), limits=limits)
    return ConnectorProkip(calls, contact_id=8, timezone="Africa/Lagos", limits=limits)


def pages(*pages: list[Any]) -> list[dict[str, Any]]:
    return [{"data": rows, "meta": meta(n, len(pages))} for n, rows in enumerate(pages, start=1)]


async def read(prokip: ConnectorProkip) -> list[StockPage]:
    return [page async for page in prokip.stock_pages("3")]


def back(units: str, total: str, line_id: str | None = "91") -> ReturnedItem:
    return ReturnedItem("A", D(units), returned_total=D(total), line_id=line_id)


async def test_stock_is_read_page_by_page_each_when_it_is_asked_for(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/variation", *pages([variation("A", 101, (3, "5.0000"))], [variation("B", 102, (3, "6.0000"))]))
    source = client_of().stock_pages("3")
    assert (await anext(source)).quantities == {"A": D(5)}
    assert len(erp.asked("GET", "/variation")) == 1
    assert (await anext(source)).quantities == {"B": D(6)}
    assert await anext(source, None) is None
    asked = erp.asked("GET", "/variation")
    assert [call.query["page"] for call in asked] == ["1", "2"]
    assert {call.headers["Accept"] for call in erp.calls} == {"application/json"}
    assert erp.grants == ["password"]


async def test_inactive_goods_are_left_alone(client_of: Clients, erp: ScriptedConnector) -> None:
    erp._script.clear()
    erp.says("GET", "/product-stock-report", {"data": [{"variation_id": 101}]}, {"data": [{"variation_id": 102}]})
    erp.says("GET", "/variation", {"data": [variation("A", 101, (3, 5)), variation("B", 102, (3, 6))]})
    (page,) = await read(client_of())
    assert (page.quantities, set(page.left_alone)) == ({"A": D(5)}, {"B"})
    assert [call.query["active_state"] for call in erp.asked("GET", "/product-stock-report")] == ["active", "inactive"]


@pytest.mark.parametrize(
    "report",
    [
        Said({"data": [{"variation_id": 101}]}),
        Said({"message": "Unauthorized action."}, 403),
        Said({"message": "No such route"}, 404),
        Said(b"<html>"),
    ],
)
async def test_without_a_report_that_tells_them_apart_every_true_quantity_is_told(
    client_of: Clients, erp: ScriptedConnector, report: Said
) -> None:
    erp._script.clear()
    erp.says("GET", "/product-stock-report", report)
    erp.says("GET", "/variation", {"data": [variation("A", 101, (3, 5))]})
    (page,) = await read(client_of())
    assert page.quantities == {"A": D(5)}


@pytest.mark.parametrize("body", [[], {"data": []}, {}, "x", b"<html>", b'{"data": [', {"data": [{"id": 1}]}])
async def test_an_empty_list_or_no_list_is_an_error_and_not_an_empty_shop(
    client_of: Clients, erp: ScriptedConnector, body: Any
) -> None:
    erp.says("GET", "/variation", body)
    with pytest.raises(Unusable):
        await read(client_of())


async def test_a_prokip_that_ignores_the_page_is_not_read_for_ever(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/variation", {"data": [variation("A", 101, (3, 5))], "meta": meta(1, 9)})
    with pytest.raises(Unusable, match="page 1 where page 2"):
        await read(client_of())


async def test_a_failed_page_is_asked_for_again_and_does_not_end_a_long_read(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    first, second = pages([variation("A", 101, (3, 5))], [variation("B", 102, (3, 6))])
    wait = Said({"message": "Too Many Attempts."}, 429, {"Retry-After": "0"})
    erp.says("GET", "/variation", first, Said(b"<html>", 502), wait, second)
    assert len(await read(client_of())) == 2
    assert [call.query["page"] for call in erp.asked("GET", "/variation")] == ["1", "2", "2", "2"]


async def test_a_prokip_that_stays_away_ends_the_read(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/variation", Said(b"", 503))
    with pytest.raises(Unavailable):
        await read(client_of())
    assert len(erp.asked("GET", "/variation")) == LIMITS.page_tries


async def test_a_long_wait_that_prokip_asks_for_is_the_callers_to_plan(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("GET", "/variation", Said({}, 429, {"Retry-After": "3600"}))
    with pytest.raises(Unavailable) as caught:
        await read(client_of())
    assert caught.value.retry_after_s == 3600


async def test_a_location_that_is_no_number_is_refused_unasked(client_of: Clients, erp: ScriptedConnector) -> None:
    with pytest.raises(Refused, match="BL0001"):
        await anext(client_of().stock_pages("BL0001"))
    assert erp.calls == []


async def test_a_sale_is_recorded_with_its_lines(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("POST", "/sell", [sell(41, SALE.reference, line(91, 101))])
    recorded = await client_of().record_sale("3", SALE)
    assert (recorded.sell_id, recorded.line_ids) == ("41", {"A": "91"})
    (call,) = erp.calls
    (told,) = call.body["sells"]
    assert (told["location_id"], told["contact_id"], told["transaction_date"]) == (3, 8, "2026-11-20 10:30:00")


def product(number: int, variation_id: int, sku: str) -> dict[str, Any]:
    return {"id": number, "sku": sku, "product_variations": [{"variations": [{"id": variation_id, "sub_sku": sku}]}]}


async def test_ids_that_are_not_known_are_looked_up_by_the_exact_sku(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("GET", "/product", *pages([product(5, 500, "A1")], [product(6, 600, "A")]))
    erp.says("POST", "/sell", [sell(41, "r", line(91, 600))])
    recorded = await client_of().record_sale("3", Sale([SoldItem("A", D(1))], "r", SOLD_AT))
    assert recorded.line_ids == {"A": "91"}
    (call,) = erp.asked("POST", "/sell")
    assert call.body["sells"][0]["products"] == [{"product_id": 6, "variation_id": 600, "quantity": 1}]


async def test_goods_that_prokip_has_not_exactly_once_are_refused_and_nothing_is_sent(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("GET", "/product", {"data": [product(5, 500, "A1")]}, {"data": [product(5, 500, "A"), product(6, 6, "A")]})
    for words in ("no product with the SKU A", "more than one"):
        with pytest.raises(Refused, match=words):
            await client_of().record_sale("3", Sale([SoldItem("A", D(1))], "r", SOLD_AT))
    assert erp.asked("POST", "/sell") == []


async def test_a_lookup_that_fails_leaves_no_doubt(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/product", Said(b"<html>"), Said(cut=True))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await client_of().record_sale("3", Sale([SoldItem("A", D(1))], "r", SOLD_AT))
    assert erp.asked("POST", "/sell") == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said([envelope("ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity.")]), Refused),
        (Said(b"<html><title>Server Error</title>", 500), InDoubt),
        (Said(b"", 504), InDoubt),
        (Said(cut=True), InDoubt),
        (Said(b'[{"id": 4'), InDoubt),
        (Said([]), InDoubt),
        (Said(b"", 302, {"Location": "https://elsewhere.example/"}), InDoubt),
        (Said({"message": "Too Many Attempts."}, 429, {"Retry-After": "7"}), Unavailable),
        (Said({"message": "Unauthorized action."}, 403), NotAuthorised),
    ],
)
async def test_a_failed_sale_is_told_apart_from_one_in_doubt_and_is_sent_once(
    client_of: Clients, erp: ScriptedConnector, said: Said, kind: type[ProkipError]
) -> None:
    erp.says("POST", "/sell", said)
    with pytest.raises(kind):
        await client_of().record_sale("3", SALE)
    assert len(erp.asked("POST", "/sell")) == 1


async def test_a_sale_without_an_answer_in_time_is_in_doubt(client_of: Clients, erp: ScriptedConnector) -> None:
    never = asyncio.Event()
    erp.says("POST", "/sell", Said(hold=never))
    with pytest.raises(InDoubt, match="did not answer within"):
        await client_of(limits=ConnectorLimits(post_timeout_s=0.5)).record_sale("3", SALE)
    never.set()


async def test_a_prokip_that_is_not_there_leaves_no_doubt(client_of: Clients) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        await client_of(api_url="http://127.0.0.1:1").record_sale("3", SALE)


async def test_a_token_that_ran_out_is_renewed_and_the_sale_sent_again(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("POST", "/sell", [sell(41, SALE.reference, line(91, 101))])
    prokip = client_of()
    await prokip.record_sale("3", SALE)
    erp.revoke()
    await prokip.record_sale("3", SALE)
    assert erp.grants == ["password", "password"]
    assert len(erp.asked("POST", "/sell")) == 3


async def test_the_login_page_instead_of_an_answer_is_a_token_that_ran_out(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    login = Said(b"", 302, {"Location": f"{erp.url}/login"})
    erp.says("POST", "/sell", login, [sell(41, SALE.reference, line(91, 101))])
    assert (await client_of().record_sale("3", SALE)).sell_id == "41"
    erp.says("GET", "/sell/41", login)
    with pytest.raises(NotAuthorised):
        await client_of().returned_units(["41"])
    assert len(erp.asked("GET", "/sell/41")) == 2


async def test_a_sale_is_found_by_its_exact_reference_over_all_pages(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    other = [sell(40, f"{SALE.reference}0"), sell(39, SALE.reference, type="sell_return")]
    erp.says("GET", "/sell", *pages(other, [sell(38, "x")], [sell(37, SALE.reference, line(91, 101))]))
    found = (await client_of().lookup.find_sales("3", [SALE], whole=True))[SALE.reference]
    assert (found.sell_id, found.line_ids) == ("37", {"A": "91"})
    asked = erp.asked("GET", "/sell")
    assert [call.query["page"] for call in asked] == ["1", "2", "3"]
    assert asked[0].query["start_date"] == "2026-11-19"


def sought(reference: str, sold_at: datetime = SOLD_AT) -> Sale:
    return Sale([SoldItem("A", D(2), goods=Goods(51, 101))], reference, sold_at)


async def test_many_sales_are_found_by_one_reading_of_their_days(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell", *pages([sell(44, "r-1"), sell(43, "x")], [sell(42, "r-2")], [sell(41, "r-2")]))
    wanted = [sought("r-1"), sought("r-2", SOLD_AT + timedelta(days=2)), sought("r-3")]
    found = await client_of().find_sales("3", wanted, whole=True)
    assert {name: (one.sell_id, len(one.repeats)) for name, one in found.items()} == {
        "r-1": ("44", 0),
        "r-2": ("41", 1),
    }
    asked = erp.asked("GET", "/sell")
    assert [(call.query["page"], call.query["start_date"], call.query["end_date"]) for call in asked] == [
        (page, "2026-11-19", "2026-11-23") for page in ("1", "2", "3")
    ]


async def test_reading_ends_once_each_was_found_unless_the_whole_is_wanted(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("GET", "/sell", *pages([sell(44, "r-1"), sell(43, "r-2")], [sell(42, "r-1")]))
    wanted = [sought("r-1"), sought("r-2")]
    assert set(await client_of().find_sales("3", wanted, whole=False)) == {"r-1", "r-2"}
    assert len(erp.asked("GET", "/sell")) == 1


async def test_reading_ends_where_the_oldest_should_have_been_unless_the_whole_is_wanted(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    at = {"transaction_date": "2026-11-20 10:30:00"}  # 09:30 UTC, in Lagos
    before = {"transaction_date": "2026-11-20 10:29:59"}
    erp.says("GET", "/sell", *pages([sell(44, "x", **at)], [sell(43, "x", **before)], [sell(42, "r-1", **before)]))
    assert await client_of().find_sales("3", [sought("r-1")], whole=False) == {}
    assert [call.query["page"] for call in erp.asked("GET", "/sell")] == ["1", "2"]


async def test_sales_of_days_far_apart_are_looked_for_apart(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell", {"data": [sell(41, "r-1")], "meta": meta(1, 1)}, {"data": [], "meta": meta(1, 1)})
    wanted = [sought("r-1"), sought("r-2", SOLD_AT + timedelta(days=4))]
    assert set(await client_of().find_sales("3", wanted, whole=True)) == {"r-1"}
    assert [call.query["start_date"] for call in erp.asked("GET", "/sell")] == ["2026-11-19", "2026-11-23"]


async def test_a_sale_is_found_although_its_goods_have_gone_since(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell", {"data": [sell(41, "r", line(91, 101))]})
    erp.says("GET", "/product", {"data": []})
    found = (await client_of().find_sales("3", [Sale([SoldItem("A", D(2))], "r", SOLD_AT)], whole=True))["r"]
    assert (found.sell_id, found.line_ids) == ("41", {})


async def test_a_sale_that_is_not_there_is_not_found(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell", {"data": [], "meta": meta(1, 1)})
    assert await client_of().find_sales("3", [SALE], whole=True) == {}


async def test_of_a_sale_that_is_twice_in_prokip_the_first_one_is_meant_and_the_other_named(
    client_of: Clients, erp: ScriptedConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(prokip_connector.log, "error", lambda action, **_fields: logged.append(action))
    erp.says("GET", "/sell", {"data": [sell(42, SALE.reference), sell(41, SALE.reference, line(91, 101))]})
    found = (await client_of().find_sales("3", [SALE], whole=True))[SALE.reference]
    assert (found.sell_id, [one.sell_id for one in found.repeats]) == ("41", ["42"])
    assert logged == ["sale.twice_in_prokip"]


async def test_a_look_that_fails_says_nothing(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell", Said(b"", 500), Said(b"", 500), Said(b"", 500), Said(b"<html>"))
    with pytest.raises(Unavailable):
        await client_of().find_sales("3", [SALE], whole=True)
    with pytest.raises(Unusable):
        await client_of().find_sales("3", [SALE], whole=True)


def held(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"data": [sell(41, SALE.reference, *lines)]}


async def test_a_return_tells_the_total_and_is_read_back(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell/41", held(line(91, 101, "1.0000")), held(line(91, 101, "2.0000")))
    erp.says("POST", "/sell-return", Said({"id": 55, "type": "sell_return"}, 201))
    await client_of().give_back("41", [back("1", "2")])
    (call,) = erp.asked("POST", "/sell-return")
    assert call.body == {
        "transaction_id": 41,
        "products": [{"sell_line_id": 91, "quantity": 2, "unit_price_inc_tax": 10}],
    }
    assert await client_of().returned_units(["41"]) == {"41": {"91": D(2)}}


async def test_a_return_that_prokip_holds_already_is_not_sent_again(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell/41", held(line(91, 101, "2.0000")))
    await client_of().give_back("41", [back("1", "2")])
    assert erp.asked("POST", "/sell-return") == []


async def test_a_line_that_is_not_known_is_found_by_its_variation(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell/41", held(line(91, 600)), held(line(91, 600, 1)))
    erp.says("GET", "/product", {"data": [product(6, 600, "A")]})
    erp.says("POST", "/sell-return", {"id": 55})
    await client_of().give_back("41", [back("1", "1", None)])
    assert erp.asked("POST", "/sell-return")[0].body["products"][0]["sell_line_id"] == 91


async def test_a_return_that_prokip_calls_done_and_did_not_take_is_refused(
    client_of: Clients, erp: ScriptedConnector
) -> None:
    erp.says("GET", "/sell/41", held(line(91, 101)))
    erp.says("POST", "/sell-return", {"id": 55})
    with pytest.raises(Refused, match="did not take it"):
        await client_of().give_back("41", [back("1", "1")])


async def test_a_return_that_cannot_be_read_back_is_in_doubt(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell/41", held(line(91, 101)), Said(cut=True))
    erp.says("POST", "/sell-return", {"id": 55})
    with pytest.raises(InDoubt, match="could not be read back"):
        await client_of().give_back("41", [back("1", "1")])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said({"error": {"message": "No query results"}}, 404), Refused),
        (Said({"error": {"message": "bad"}}, 400), Refused),
        (Said(b"<html>", 500), InDoubt),
        (Said(cut=True), InDoubt),
    ],
)
async def test_a_failed_return_is_told_apart(
    client_of: Clients, erp: ScriptedConnector, said: Said, kind: type[ProkipError]
) -> None:
    erp.says("GET", "/sell/41", held(line(91, 101)))
    erp.says("POST", "/sell-return", said)
    with pytest.raises(kind):
        await client_of().give_back("41", [back("1", "1")])


async def test_a_return_on_a_sale_that_is_gone_is_refused(client_of: Clients, erp: ScriptedConnector) -> None:
    erp.says("GET", "/sell/41", {"data": []})
    with pytest.raises(Refused, match="no sale 41"):
        await client_of().give_back("41", [back("1", "1")])
    erp.says("GET", "/sell/42", held(line(92, 101)))
    with pytest.raises(Refused, match="no line for A"):
        await client_of().give_back("42", [back("1", "1")])
